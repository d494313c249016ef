"""The option `--recovery`, which several commands have."""

from __future__ import annotations

import argparse


def add_recovery(parser: argparse.ArgumentParser) -> None:
    """Add the option; its value is a tuple of names."""
    parser.add_argument(
        "--recovery",
        type=lambda text: tuple(text.split(",")),
        default=(),
        metavar="STEP,...",
        help="win back accuracy from the calibration data: equalization, clip_search, adaround "
        "or block_adaround, bias_correction, with commas between",
    )
