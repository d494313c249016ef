"""Models of Keras: .keras archives, HDF5 files of Keras 3 and of Keras 2, SavedModel folders."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hostile.damage import (
    Rng,
    chosen,
    damaged_bytes,
    damaged_json,
    damaged_zip,
)
from hostile.formats.format import Format, Place, command

import tfedge

_BYTES_SHARE = 0.25
_LOST_SHARE = 0.1
_SIZES = (0, 1, 3, 1 << 20, 1 << 40)


def _model(package: Any) -> Any:
    """One small model of many kinds of layers, by Keras 3 or by tf_keras."""
    package.utils.set_random_seed(0)
    layers = package.layers
    x = package.Input((8, 8, 3), name="image")
    y = layers.Conv2D(4, 3, padding="same", activation="relu", name="conv")(x)
    y = layers.BatchNormalization(name="norm")(y)
    y = layers.DepthwiseConv2D(3, strides=2, name="depthwise")(y)
    y = layers.Add(name="add")([y, layers.ReLU(6.0, name="relu")(y)])
    y = layers.GlobalAveragePooling2D(name="pool")(y)
    inner = package.Sequential([package.Input((4,)), layers.Dense(5, name="dense")], name="inner")
    y = layers.Reshape((5, 1), name="reshape")(inner(y))
    y = layers.Concatenate(name="join")([y, y])
    y = layers.Dropout(0.5, name="dropout")(layers.Flatten(name="flat")(y))
    return package.Model(x, layers.Dense(3, activation="softmax", name="out")(y), name="net")


def _write_keras3(folder: Path) -> None:
    import keras

    model = _model(keras)
    model.compile("adam", "mse")
    model.save(folder / "net.keras")
    model.save(folder / "net.h5")


def _write_trained(folder: Path) -> None:
    """With what tfedge's training keeps in a file: wrappers, schemes, ranges, masks."""
    import keras

    from tfedge.pruning.masks import keep_zeros

    data = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    model = _model(keras)
    keep_zeros(model)
    tfedge.quantize(model, calibration=data).save(folder / "net.keras")


def _write_keras2(folder: Path) -> None:
    import tf_keras

    _model(tf_keras).save(folder / "net.h5", save_format="h5")


def _write_saved_models(folder: Path) -> None:
    import keras
    import tf_keras

    _model(tf_keras).save(folder / "layers", save_format="tf")
    _model(keras).export(folder / "function", verbose=False)


def damaged_hdf5(data: bytes, rng: Rng) -> bytes:
    """An HDF5 file with damaged bytes, attributes, names, links or arrays."""
    if rng.random() < _BYTES_SHARE:
        return damaged_bytes(data, rng)
    content = io.BytesIO(data)
    with h5py.File(content, "r+") as file:
        objects: list[Any] = [file]
        file.visititems(lambda name, item: objects.append(item))
        for _ in range(int(rng.integers(1, 3))):
            item = chosen(rng, objects)
            try:
                chosen(rng, _HDF5)(file, item, rng)
            except (KeyError, OSError, RuntimeError, ValueError, TypeError):
                continue  # an earlier change has taken it away
    return content.getvalue()


def _change_attribute(file: Any, item: Any, rng: Rng) -> None:
    item = file if rng.random() < 0.7 else item
    name = str(chosen(rng, sorted(item.attrs) or ["x"]))
    value = item.attrs.get(name)
    how = rng.random()
    if isinstance(value, str) and value.startswith("{") and how < 0.8:
        item.attrs[name] = np.bytes_(damaged_json(value.encode(), rng))
    elif how < 0.9:
        item.attrs[name] = chosen(rng, (3, "x", b"\xff", np.zeros(4), np.array([b"a", b"b"])))
    else:
        del item.attrs[name]


def _change_array(file: Any, item: Any, rng: Rng) -> None:
    if not isinstance(item, h5py.Dataset):
        raise TypeError
    parent, name, values = item.parent, item.name.rsplit("/", 1)[-1], item[()]
    del parent[name]
    how = int(rng.integers(6))
    if how == 0:
        parent.create_dataset(name, (int(chosen(rng, _SIZES)), 3), "f4", chunks=(1, 3))
    elif how == 1:
        parent[name] = np.asarray(values).astype(chosen(rng, ("f8", "f2", "i4", "c8", "S4")))
    elif how == 2:
        parent[name] = np.asarray(values)[..., np.newaxis]
    elif how == 3:
        parent[name] = np.full(np.shape(values), chosen(rng, (np.nan, np.inf, 3e38, 0)), "f4")
    elif how == 4:
        parent.create_group(name)


def _rename(file: Any, item: Any, rng: Rng) -> None:
    item.parent.move(item.name, str(chosen(rng, ("x", "é", "vars", "0", "a" * 300))))


def _link(file: Any, item: Any, rng: Rng) -> None:
    parent, name = item.parent, item.name.rsplit("/", 1)[-1]
    del parent[name]
    soft = h5py.SoftLink(str(chosen(rng, ("/", "/x", item.name or "/"))))
    parent[name] = chosen(rng, (soft, h5py.ExternalLink("x.h5", "/"), parent))


_HDF5: Sequence[Callable[[Any, Any, Rng], None]] = (
    _change_attribute, _change_attribute, _change_array, _rename, _link,
)  # fmt: skip


def _damage_archive(sound: Path, folder: Path, rng: Rng) -> Path:
    damages = {"config.json": damaged_json, "metadata.json": damaged_json, ".h5": damaged_hdf5}
    path = folder / "net.keras"
    path.write_bytes(damaged_zip((sound / "net.keras").read_bytes(), rng, damages))
    return path


def _damage_hdf5(sound: Path, folder: Path, rng: Rng) -> Path:
    path = folder / "net.h5"
    path.write_bytes(damaged_hdf5((sound / "net.h5").read_bytes(), rng))
    return path


def _damage_saved_model(sound: Path, folder: Path, rng: Rng) -> Path:
    place = folder / "net"
    shutil.copytree(sound / str(rng.choice(["layers", "function"])), place)
    files = sorted(path for path in place.rglob("*") if path.is_file())
    path = files[int(rng.integers(len(files)))]
    how = rng.random()
    if how < _LOST_SHARE:
        path.unlink()
    elif path.name in _MESSAGES and how < 0.7:
        path.write_bytes(_damaged_message(_MESSAGES[path.name], path.read_bytes(), rng))
    else:
        path.write_bytes(damaged_bytes(path.read_bytes(), rng))
    return place


def _damaged_message(module: str, data: bytes, rng: Rng) -> bytes:
    """A protocol buffer with other values in one to three fields."""
    from importlib import import_module

    message_module, name = module.rsplit(".", 1)
    message = getattr(import_module(message_module), name).FromString(data)
    for _ in range(int(rng.integers(1, 4))):
        inner = chosen(rng, [message, *_messages_in(message)])
        fields = inner.ListFields()
        if fields:
            _change_field(inner, *chosen(rng, fields), rng)
    return bytes(message.SerializeToString())


_MESSAGES = {
    "saved_model.pb": "tensorflow.core.protobuf.saved_model_pb2.SavedModel",
    "keras_metadata.pb": "tf_keras.protobuf.saved_metadata_pb2.SavedMetadata",
}


def _messages_in(message: Any) -> list[Any]:
    found, waiting = [], [message]
    while waiting:
        for field, value in waiting.pop().ListFields():
            if field.type != field.TYPE_MESSAGE:
                continue
            if hasattr(value, "values") and callable(value.values):
                parts = [part for part in value.values() if hasattr(part, "ListFields")]
            else:
                parts = list(value) if hasattr(value, "append") else [value]
            found += parts
            waiting += parts
    return found


def _change_field(message: Any, field: Any, value: Any, rng: Rng) -> None:
    how = rng.random()
    if how < 0.2 or field.type == field.TYPE_MESSAGE:
        message.ClearField(field.name)
        return
    others: tuple[Any, ...] = (0, 1, 3, 99) if isinstance(value, int) else (0.0,)
    if isinstance(value, str):
        text = value.encode()
        is_json = value.startswith("{") and how < 0.9
        changed = damaged_json(text, rng) if is_json else damaged_bytes(text, rng)
        others = (changed.decode("utf-8", "replace"),)
    elif isinstance(value, bytes):
        others = (damaged_bytes(value, rng),)
    if hasattr(value, "append"):
        parts = list(value)
        del value[int(rng.integers(len(parts))) :]
        value.extend(parts[:1] * int(rng.integers(3)))
    else:
        setattr(message, field.name, chosen(rng, others))


def _data(place: Place) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)


def _check_sound(folder: Path) -> None:
    """Opens and checks the models as they were written."""
    for path in sorted(folder.iterdir()):
        if path.suffix != ".npz":
            tfedge.check(path)


def _write_data(folder: Path) -> None:
    np.savez(folder / "x.npz", x=np.zeros((4, 8, 8, 3), np.float32))


_ROADS = {
    "convert": lambda p: tfedge.convert(p.given, calibration=_data(p)),
    "check": lambda p: tfedge.check(p.given),
    "calibrate": lambda p: tfedge.calibrate(p.given, _data(p)),
    "diagnose": lambda p: tfedge.diagnose(p.given, calibration=_data(p)),
    "tfedge convert": lambda p: command(
        "convert", p.given, "--calibration", p.sound / "x.npz", "--output", p.output
    ),
    "tfedge check": lambda p: command("check", p.given),
}


def _format(write: Callable[[Path], None], damage: Callable[[Path, Path, Rng], Path]) -> Format:
    def written(folder: Path) -> None:
        write(folder)
        _write_data(folder)

    return Format(written, damage, _ROADS, needs_keras=True, begin=_check_sound)


FORMATS = {
    "keras": _format(_write_keras3, _damage_archive),
    "trained": _format(_write_trained, _damage_archive),
    "hdf5": _format(_write_keras3, _damage_hdf5),
    "hdf5_of_keras2": _format(_write_keras2, _damage_hdf5),
    "saved_models": _format(_write_saved_models, _damage_saved_model),
}
