#!/usr/bin/env bash
# Makes a virtual environment with tfedge (editable), pytest and other packages than usual:
# make_other_venv.sh PYTHON VENV lowest|without-training
set -euo pipefail

python=$1
venv=$2
kind=$3

pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check)
"$python" -m venv --clear "$venv"
"${pip[@]}" --no-deps -e .
"$venv/bin/python" tools/requirements.py "$kind" >"$venv/$kind.txt"
case $kind in
    lowest) "${pip[@]}" --constraint "$venv/$kind.txt" -e . pytest ;;
    without-training) "${pip[@]}" --requirement "$venv/$kind.txt" pytest ;;
esac
