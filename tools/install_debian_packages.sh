#!/usr/bin/env bash
# Installs the named Debian packages that are missing, where that needs no password; elsewhere says
# in one line what to install. Exits with 1 if any is still missing.
set -euo pipefail

# Whether what the package gives is there, on whatever system and however it was installed.
is_present() {
    case $1 in
        gcc-arm-none-eabi) command -v arm-none-eabi-gcc ;;
        libnewlib-arm-none-eabi)
            # gcc repeats the bare name of a file that it does not find
            command -v arm-none-eabi-gcc &&
                [[ $(arm-none-eabi-gcc --print-file-name=nano.specs) != nano.specs ]]
            ;;
        libstdc++-arm-none-eabi-newlib)
            command -v arm-none-eabi-g++ &&
                [[ $(arm-none-eabi-g++ --print-file-name=libstdc++.a) != libstdc++.a ]]
            ;;
        gcc-*-linux-gnu) command -v "${1#gcc-}-gcc" ;;
        libc6-dev-*-cross)
            local processor=${1#libc6-dev-}
            [[ -e /usr/${processor%-cross}-linux-gnu/include/stdio.h ]]
            ;;
        qemu-user) command -v qemu-s390x && command -v qemu-riscv64 ;;
        python3*-venv) "${1%-venv}" -c 'import ensurepip, venv' ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing=()
for package in "$@"; do
    is_present "$package" || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
    exit 0
fi

privilege=()
if [[ $EUID -ne 0 ]]; then
    privilege=(sudo -n)
fi
apt_get() {
    "${privilege[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120 "$@"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! command -v apt-get >/dev/null || ! "${privilege[@]}" true 2>/dev/null; then
    echo "Not installed; on Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "Installing ${missing[*]}"
if ! { apt_get update && apt_get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "Not installed: ${missing[*]} (apt-get's words are above)" >&2
    exit 1
fi
