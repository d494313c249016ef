"""What a teacher said, in the folder that `tfedge.distillation.cache_outputs` writes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from hostile.damage import (
    Rng,
    damaged_array,
    damaged_bytes,
    damaged_json,
    damaged_signed,
    damaged_zip,
)
from hostile.formats.format import Format, Place

_SAMPLES = 20
_X = np.random.default_rng(0).normal(size=(_SAMPLES, 4)).astype(np.float32)
_LOST_SHARE = 0.05
_SIGNED_SHARE = 0.5
_TRAINED_SHARE = 0.1


def _net(width: int):
    import keras

    keras.utils.set_random_seed(1)
    x = keras.Input((4,))
    y = keras.layers.Dense(width, activation="relu", name="inner")(x)
    return keras.Model(x, keras.layers.Dense(3, name="logits")(y))


def _cache_outputs(folder: Path):
    from tfedge.distillation import cache_outputs

    return cache_outputs(_net(8), _X, folder, layers=["inner"], batch_size=4, shard_size=8)


def _write(folder: Path) -> None:
    _cache_outputs(folder / "cache")


def _damage(sound: Path, folder: Path, rng: Rng) -> Path:
    from tfedge.saved_parts import decoded, encoded

    cache = folder / "cache"
    shutil.copytree(sound / "cache", cache)
    files = sorted(cache.iterdir())
    path = files[int(rng.integers(len(files)))]
    if rng.random() < _LOST_SHARE:
        path.unlink()
    elif path.suffix == ".json":
        path.write_bytes(damaged_json(path.read_bytes(), rng))
    elif rng.random() < _SIGNED_SHARE:
        data = damaged_signed(path.read_bytes(), rng, "made_by", decoded, encoded)
        path.write_bytes(data)
    else:
        damages = {"made_by.npy": damaged_bytes, ".npy": damaged_array}
        path.write_bytes(damaged_zip(path.read_bytes(), rng, damages))
    return cache


def _cache(place: Place):
    from tfedge.distillation import TeacherCache

    return TeacherCache(place.given)


def _with_targets_dataset(place: Place) -> None:
    import tensorflow as tf

    for _ in _cache(place).dataset_with_targets(tf.data.Dataset.from_tensor_slices(_X)):
        pass


def _distil(place: Place) -> None:
    from tfedge.distillation import Distiller, SoftTargets

    cache = _cache(place)
    taught = cache.with_targets(_X)
    if place.rng.random() < _TRAINED_SHARE:
        distiller = Distiller(cache, _net(2), SoftTargets(2.0), alpha=1)
        distiller.compile("sgd")
        distiller.fit(taught, epochs=1, verbose=0)


def _distil_sound(folder: Path) -> None:
    place = Place(folder, folder / "cache", folder / "output", np.random.default_rng(0))
    _with_targets_dataset(place)
    _distil(place)


_ROADS = {
    "teach": lambda p: _cache(p).with_targets(_X),
    "shapes": lambda p: _cache(p).shapes_of_layers,
    "teach a dataset": _with_targets_dataset,
    "distil": _distil,
    "go on": lambda p: _cache_outputs(p.given),
}

FORMATS = {"caches": Format(_write, _damage, _ROADS, needs_keras=True, begin=_distil_sound)}
