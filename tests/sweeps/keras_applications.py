"""Every family of keras.applications, whole as built there, trained for integers and converted.

    make sweep SWEEP=keras_applications COUNT=4

COUNT is how many random images each network is calibrated with and runs on. Prints of each family
what came of it: the signal to noise ratio of `predict` of the quantised network, beside which the
file must compute the same integers. The exit status is 1 if one is refused or wrong. Networks are
the smallest of their families with random weights, on small images, and give scores; --only names
families.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras_layers.models import Example
from keras_layers.roads import training
from outcomes import RIGHT, Outcome

sys.path.append(str(Path(__file__).resolve().parents[1] / "convert"))
from real_keras_models import with_statistics

# Fifty layers of random weights add up noise that trained ones do not.
_LEAST_SIGNAL_TO_NOISE = 8.0

# Each family's smallest, and near the smallest images that it takes, by what they cost.
FAMILIES = {
    "MobileNet": 64, "VGG16": 32, "VGG19": 32, "MobileNetV3Small": 64, "MobileNetV2": 64,
    "MobileNetV3Large": 64, "ResNet50": 32, "ResNet50V2": 32, "ConvNeXtTiny": 32, "Xception": 71,
    "EfficientNetB0": 64, "EfficientNetV2B0": 64, "InceptionV3": 75, "DenseNet121": 32,
    "NASNetMobile": 32, "InceptionResNetV2": 75,
}  # fmt: skip


def network(family: str, rng: np.random.Generator) -> Any:
    """A network of ten classes that returns scores, for softmax of random ones is all alike."""
    size = FAMILIES[family]
    build = getattr(keras.applications, family)
    model = build(input_shape=(size, size, 3), weights=None, classes=10, classifier_activation=None)
    return with_statistics(model, rng)


def outcome(family: str, seed: int, count: int) -> Outcome:
    """What came of one family."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    model = network(family, rng)
    images = rng.uniform(0, 255, (count, *model.input_shape[1:])).astype(np.float32)
    return training(Example(model, [images], _LEAST_SIGNAL_TO_NOISE))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--only", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    arguments = parser.parse_args()
    outcomes = []
    for family in arguments.only:
        start = time.process_time()
        outcomes.append(outcome(family, arguments.seed, arguments.count))
        ratio, said = outcomes[-1].signal_to_noise, outcomes[-1].message
        taken = time.process_time() - start
        shown = said if ratio is None else f"{ratio:.1f} dB"
        print(f"{family}: {outcomes[-1].result}: {shown}; {taken:.0f} s", flush=True)
    return int(any(one.result != RIGHT for one in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
