"""Damage to files of data and descriptions: to bytes, and to what archives, arrays and JSON say."""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from hostile import json_mutations

from tfedge.array_files import digest_of

Rng = np.random.Generator
Damage = Callable[[bytes, Rng], bytes]

_TELLING = (0, 1, 0x7F, 0x80, 0xFF, ord("{"), ord('"'), ord("\n"), ord("-"), ord("9"))
_SIZES = (-1, 0, 3, 1 << 20, 1 << 31, 1 << 33, 1 << 62, 10**30)
_DTYPES = (
    *("<f4", "<f8", "<f2", ">f4", "<f16", "<i8", "|u1", "|b1", "<c8", "<c16", "|O", "<U4", "|S4"),
    *("<M8[s]", "|V4", "f4,f4", "", "x", "<f99"),
)
_NAMES = ("", "x", "x_train", "y", "../x", "/x", "x" * 300, "é\n", "tfedge_calibration", "a/b/c")
_NUMBERS = (np.nan, np.inf, -np.inf, 3e38, 1e-45, 0.0, -1.0)
_BOMB_BYTES = 3 << 30
_BOMB_BLOCK = 1 << 24


def chosen(rng: Rng, items: Any) -> Any:
    """One of several things."""
    return items[int(rng.integers(len(items)))]


def damaged_bytes(data: bytes, rng: Rng, places: Any = None) -> bytes:
    """Bits flipped, bytes replaced by telling ones, pieces cut, doubled or put in.

    Args:
        data: of the file.
        rng: says what and where.
        places: positions to choose from; all without.
    """
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        if not damaged:
            break
        at = int(chosen(rng, range(len(data)) if places is None else places)) % len(damaged)
        length = int(chosen(rng, (1, 2, 4, 16, 300)))
        how = rng.random()
        if how < 0.4:
            damaged[at] ^= 1 << int(rng.integers(8))
        elif how < 0.6:
            damaged[at] = chosen(rng, _TELLING)
        elif how < 0.7:
            damaged[at:at] = rng.integers(0, 256, length, np.uint8).tobytes()
        elif how < 0.8:
            damaged[at:at] = damaged[at : at + length]
        elif how < 0.9:
            del damaged[at : at + length]
        elif rng.random() < 0.5:
            del damaged[at:]
    return bytes(damaged)


def damaged_value(value: Any, rng: Rng) -> Any:
    """What a JSON document says, changed in one to three places."""
    if rng.random() < 0.5:
        return json_mutations.mutant(value, random.Random(int(rng.integers(1 << 62))))
    changed = [copy.deepcopy(value)]
    for _ in range(int(rng.integers(1, 4))):
        places = [place for place in _places(changed) if len(place) > 1]
        if places:
            chosen(rng, _CHANGES)(changed, chosen(rng, places), places, rng)
    return changed[0]


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield above
    if isinstance(value, (dict, list)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(part, (*above, key))


def _at(value: Any, place: tuple[Any, ...]) -> tuple[Any, Any]:
    """The dict or list that a place lies in, and its key there."""
    for key in place[:-1]:
        value = value[key]
    return value, place[-1]


def _swap(value: Any, place: Any, places: Any, rng: Rng) -> None:
    (a, at), (b, other) = _at(value, place), _at(value, chosen(rng, places))
    a[at], b[other] = copy.deepcopy(b[other]), copy.deepcopy(a[at])


def _rescale(value: Any, place: Any, places: Any, rng: Rng) -> None:
    holder, key = _at(value, place)
    if isinstance(holder[key], (int, float)):
        factor = chosen(rng, (-1, 0, 2, 0.5, 1000, 10**9, 10**40))
        holder[key] = holder[key] * factor


def _nest(value: Any, place: Any, places: Any, rng: Rng) -> None:
    holder, key = _at(value, place)
    for _ in range(int(chosen(rng, (1, 2, 300)))):
        holder[key] = [holder[key]] if rng.random() < 0.5 else {"config": holder[key]}


def _repeat(value: Any, place: Any, places: Any, rng: Rng) -> None:
    holder, key = _at(value, place)
    if isinstance(holder, list):
        holder += [copy.deepcopy(holder[key])] * int(chosen(rng, (1, 2, 40)))


_CHANGES = (_swap, _swap, _rescale, _rescale, _rescale, _nest, _repeat)


def damaged_json(data: bytes, rng: Rng) -> bytes:
    """A JSON document with other values, keys and nesting; or with damaged bytes."""
    if rng.random() < 0.15:
        return damaged_bytes(data, rng)
    text = json.dumps(damaged_value(json.loads(data), rng), ensure_ascii=bool(rng.random() < 0.5))
    if rng.random() < 0.02:
        depth = int(chosen(rng, (50, 2000, 100_000)))
        text = "[" * depth + text + "]" * depth
    return text.encode("utf-8", "surrogatepass")


def damaged_array(data: bytes, rng: Rng) -> bytes:
    """An .npy file whose header says something else, or that holds other values."""
    array = np.load(io.BytesIO(data))
    how = rng.random()
    if how < 0.15:
        return damaged_bytes(data, rng)
    if how < 0.55:
        return _with_other_header(data, array, rng)
    try:
        return _saved(other_array(array, rng))
    except (TypeError, ValueError):  # a text that is no number
        return damaged_bytes(data, rng)


def _with_other_header(data: bytes, array: np.ndarray, rng: Rng) -> bytes:
    shape: list[Any] = list(array.shape) or [1]
    says = {"descr": array.dtype.str, "fortran_order": False, "shape": tuple(shape)}
    how = int(rng.integers(5))
    if how == 0:
        says["descr"] = chosen(rng, _DTYPES)
    elif how == 1:
        shape[int(rng.integers(len(shape)))] = chosen(rng, _SIZES)
        says["shape"] = tuple(shape)
    elif how == 2:
        says["shape"] = chosen(rng, ((), (1,) * 40, "x", (1 << 16,) * 2, (0, 1 << 62), [3], (1.5,)))
    elif how == 3:
        says.pop(str(chosen(rng, sorted(says))))
    else:
        says[str(chosen(rng, _NAMES))] = 1
    text = repr(says).encode() + b"\n"
    header = b"\x93NUMPY\x01\x00" + min(len(text), 0xFFFF).to_bytes(2, "little") + text
    return header + array.tobytes()


def other_array(array: np.ndarray, rng: Rng) -> np.ndarray:
    """An array with other values, of another type or shape.

    Raises:
        TypeError, ValueError: of what is no number there is no such other.
    """
    how = int(rng.integers(7))
    if how == 0:
        objects = np.empty(array.shape, object)
        objects.fill({"x": 1})
        return objects
    if how == 1:
        return array.astype(chosen(rng, (complex, str, bool, "f2", "f8", "g", "i8", "u1", "S3")))
    if how == 2 and array.dtype.kind == "f":
        changed = array.copy()
        changed[rng.random(array.shape) < chosen(rng, (0.01, 0.5, 2))] = chosen(rng, _NUMBERS)
        return changed
    if how == 3:
        return array[..., np.newaxis] if rng.random() < 0.5 else array.reshape(-1)
    if how == 4:
        return array[:0] if array.ndim and rng.random() < 0.5 else np.array(3.0)
    if how == 5:
        return np.asarray(np.repeat(array, int(chosen(rng, (2, 100))), -1))
    return array.astype(np.float64) * chosen(rng, (0.0, -1.0, 1e30, 1e300))


def _saved(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def damaged_signed(
    data: bytes,
    rng: Rng,
    header: str,
    parse: Callable[[np.ndarray], Any],
    pack: Callable[[Any], np.ndarray],
) -> bytes:
    """An .npz file with other arrays or another header, whose hash is right all the same.

    Args:
        data: of the file.
        rng: says what and where.
        header: the array that holds JSON with the hash of the others as "content".
        parse, pack: from this array to what its JSON says, and back.
    """
    with np.load(io.BytesIO(data)) as archive:
        arrays = dict(archive)
    says = parse(arrays.pop(header))
    name = str(chosen(rng, sorted(arrays)))
    how = rng.random()
    if how < 0.3:
        says = damaged_value(says, rng)
    elif how < 0.4:
        arrays[str(chosen(rng, _NAMES[1:]))] = arrays.pop(name)
    elif how < 0.5:
        arrays.pop(name)
    else:
        arrays[name] = other_array(arrays[name], rng)
    if isinstance(says, dict):
        says["content"] = digest_of(arrays)
    content = io.BytesIO()
    np.savez(content, **{header: pack(says), **arrays})
    return content.getvalue()


def damaged_zip(data: bytes, rng: Rng, damages: Mapping[str, Damage]) -> bytes:
    """A zip archive whose members, their names or the archive itself are damaged.

    Args:
        data: of the archive.
        rng: says what and where.
        damages: by the end of a member's name, what damages its content.
    """
    how = rng.random()
    if how < 0.15:
        return damaged_bytes(data, rng)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    at = int(rng.integers(len(members)))
    name, content = members[at]
    if how < 0.2:
        return _bomb(members, name)
    if how < 0.7:
        damage = next((d for end, d in damages.items() if name.endswith(end)), damaged_bytes)
        members[at] = (name, damage(content, rng))
    elif how < 0.8:
        ending = chosen(rng, ("", ".npy", ".json", ".h5"))
        members[at] = (str(chosen(rng, _NAMES)) + ending, content)
    elif how < 0.85:
        members.pop(at)
    elif how < 0.9:
        members.append(members[at])
    packed = zip_of(members, chosen(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return packed if how < 0.9 else damaged_bytes(packed, rng, _structure_of(packed))


def zip_of(members: list[tuple[str, bytes]], compression: int) -> bytes:
    """An archive of members by name, which may be there twice."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return packed.getvalue()


def _structure_of(packed: bytes) -> np.ndarray:
    """Positions of an archive's own words: headers of members, and the directory at the end."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        headers = [np.arange(m.header_offset, m.header_offset + 60) for m in archive.infolist()]
        return np.concatenate([*headers, np.arange(archive.start_dir, len(packed))])


def _bomb(members: list[tuple[str, bytes]], name: str) -> bytes:
    """An archive in which a member is followed by gigabytes of zeros."""
    head = dict(members)[name]
    if head.startswith(b"\x93NUMPY"):
        says = {"descr": "<f4", "fortran_order": False, "shape": (_BOMB_BYTES // 16, 4)}
        text = repr(says).encode().ljust(117) + b"\n"
        head = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    compressor = zlib.compressobj(wbits=-15)
    first = compressor.compress(head) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(bytes(_BOMB_BLOCK)) + compressor.flush(zlib.Z_FULL_FLUSH)
    body = first + block * (_BOMB_BYTES // _BOMB_BLOCK) + compressor.flush()
    others = [member for member in members if member[0] != name]
    packed = io.BytesIO(zip_of(others, zipfile.ZIP_STORED))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), body)
        bomb = archive.getinfo(name)
        bomb.compress_type, bomb.file_size = zipfile.ZIP_DEFLATED, len(head) + _BOMB_BYTES
    return packed.getvalue()
