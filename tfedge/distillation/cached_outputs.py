"""Outputs of a teacher, kept in a folder so that each is computed only once."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfedge.array_files import arrays_in
from tfedge.array_files import digest_of as digest_of_arrays
from tfedge.atomic_writing import write_atomically
from tfedge.distillation.fingerprints import fingerprints
from tfedge.distillation.teacher_digest import digest_of
from tfedge.distillation.teachers import as_teacher
from tfedge.errors import TfedgeError
from tfedge.files import MALFORMED, read_bytes
from tfedge.json_form import Form
from tfedge.near_names import near
from tfedge.progress import is_shown, tracked
from tfedge.saved_parts import decoded, encoded

_MANIFEST, _VERSION = "cache.json", 3
_FORM = Form(
    {
        "type": "object",
        "description": "an object",
        "properties": {
            "version": {"type": "integer", "enum": [_VERSION]},
            "teacher": {"type": "string", "description": "a digest"},
            "layers": {"type": "array", "items": {"type": "string"}},
            "outputs": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {"$ref": "#/definitions/names"},
            },
            "shards": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "integer", "minimum": 1, "description": "a number of samples"},
            },
            "complete": {"type": "boolean"},
        },
        "required": ["version", "teacher", "layers", "outputs", "shards"],
        "additionalProperties": False,
        "definitions": {
            "names": {
                "type": ["string", "array", "object"],
                "description": "a name, or a list or object of names",
                "items": {"$ref": "#/definitions/names"},
                "additionalProperties": {"$ref": "#/definitions/names"},
            }
        },
    }
)
_WHOLE = "final_output"
# Of every shard, beside the outputs: fingerprints of its samples, and what it was made by.
_PRINTS, _MAKER = "fingerprints", "made_by"
_NUMBERS = frozenset(np.dtype(name) for name in ("?", *"bhiqBHIQ", *"efd"))
_PARTLESS = np.empty(0)
# Begins the names of arrays that layers gave their names to.
_OUTPUT = "output/"
# A teacher that computes with other kernels, or on another machine, says the same but for this.
_SAME = {"rtol": 1e-3, "atol": 1e-3}


class DistillationInputs(NamedTuple):
    """Inputs of a student, and its targets: the teacher's outputs by layer name."""

    inputs: Any
    outputs: dict[str, Any]


class TeacherCache(keras.Model):
    """The outputs of a teacher on disk, which stands in for the teacher in a `Distiller`.

    A folder holds `cache.json`, which says what teacher and layers it is of and whether it is
    whole, and shards of samples in the order of the data, each with a fingerprint of every sample
    and of the teacher.

    In `fit` every batch has to come with the teacher's outputs for it (`with_targets`,
    `dataset_with_targets`). `evaluate` and `validation_data` may do without: then the loss is the
    student's own, or nan where it has none, and a warning says so.

    Args:
        folder: that `cache_outputs` has written.

    Raises:
        TfedgeError: there is no whole cache.

    Example:
        >>> cache = cache_outputs(Ensemble([a, b, c]), x, "build/teachers")
        >>> distiller = Distiller(cache, student, SoftTargets(4.0), alpha=1)
        >>> distiller.compile("adam")
        >>> distiller.fit(cache.with_targets(x), batch_size=64)
    """

    def __init__(self, folder: str | Path):
        super().__init__(name="cache")
        self.folder = Path(folder)
        self.trainable = False
        self.facts = _facts(self.folder)
        if not self.facts.get("complete") or not self.facts["shards"]:
            raise TfedgeError(
                f"the cache {folder} is not whole; call cache_outputs again, it goes on where it "
                "stopped"
            )

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Refuses: a cache knows only the data that it was made from.

        Raises:
            TfedgeError: always.
        """
        raise TfedgeError(
            "the teacher is a cache; fit with cache.with_targets(x), or map a tf.data.Dataset "
            "through cache.dataset_with_targets, so that every sample has the teacher's outputs"
        )

    @property
    def shapes_of_layers(self) -> dict[str, Any]:
        """Shapes of the outputs that are kept, batch included, by layer."""
        shard = self._shard(0)
        return self._packed({key: (None, *shard[key].shape[1:]) for key in self._keys()})

    def with_targets(self, x: Any) -> DistillationInputs:
        """Join arrays with their teacher's outputs, to give to `fit` as x, which may shuffle them.

        Args:
            x: the arrays that the cache was made from, nested as the model takes them.

        Raises:
            TfedgeError: these are other data.
        """
        self._require_same(fingerprints(x))
        parts = [self._shard(index) for index in range(len(self.facts["shards"]))]
        whole = {key: np.concatenate([part[key] for part in parts]) for key in self._keys()}
        return DistillationInputs(x, self._packed(whole))

    def dataset_with_targets(self, data: tf.data.Dataset) -> tf.data.Dataset:
        """Join single samples, x or (x, …), with the teacher's outputs, as `DistillationInputs`.

        Shuffle and batch afterwards. Every sample is checked while it passes by. The cache is read
        once before, so that what is damaged is said here.

        Args:
            data: in the order that the cache was made from.

        Raises:
            TfedgeError: the cache is damaged.
        """
        for index in range(len(self.facts["shards"])):
            self._shard(index)
        kept = tf.data.Dataset.from_generator(self._samples, output_signature=self._signature)

        def joined(sample: Any, known: dict[str, Any]) -> Any:
            x, rest = (sample[0], sample[1:]) if isinstance(sample, tuple) else (sample, ())
            same = fingerprints(keras.tree.map_structure(lambda part: part[tf.newaxis], x))[0]
            message = f"this sample is not the one that the cache {self.folder} was made from"
            check = tf.debugging.assert_equal(same, known[_PRINTS], message)
            with tf.control_dependencies([check]):
                outputs = {key: tf.identity(known[key]) for key in self._keys()}
            return (DistillationInputs(x, self._packed(outputs)), *rest)

        samples = tf.data.experimental.assert_cardinality(sum(self.facts["shards"]))
        return tf.data.Dataset.zip((data, kept)).map(joined, tf.data.AUTOTUNE).apply(samples)

    def _require_same(self, found: Any) -> None:
        known = np.concatenate([self._shard(i)[_PRINTS] for i in range(len(self.facts["shards"]))])
        found = np.asarray(found)
        if len(found) != len(known):
            raise TfedgeError(
                f"the cache {self.folder} was made from {len(known)} samples, these are "
                f"{len(found)}; make a cache of these data"
            )
        if (found != known).any():
            first = int(np.flatnonzero(found != known)[0])
            raise TfedgeError(
                f"the cache {self.folder} was made from other data: sample {first} differs; give "
                "the same samples in the same order, or make a cache of these data"
            )

    def _keys(self) -> list[str]:
        return [leaf for leaves in self.facts["outputs"].values() for leaf in _leaves(leaves)]

    def _packed(self, leaves: dict[str, Any]) -> dict[str, Any]:
        return {
            layer: _filled(structure, leaves) for layer, structure in self.facts["outputs"].items()
        }

    def _shard(self, index: int) -> dict[str, np.ndarray]:
        path = self.folder / _shard_name(index)
        shard = _read_shard(path)
        maker = decoded(shard[_MAKER])
        own = all(maker.get(key) == self.facts[key] for key in ("teacher", "layers", "outputs"))
        own = own and len(shard[_PRINTS]) == self.facts["shards"][index]
        if not own or (index and _specs(shard) != self._signature):
            raise TfedgeError(
                f"{path} is not of the cache that {_MANIFEST} tells of; delete the folder and make "
                "the cache again"
            )
        return shard

    def _samples(self) -> Iterator[dict[str, np.ndarray]]:
        for index in range(len(self.facts["shards"])):
            shard = self._shard(index)
            for row in range(len(shard[_PRINTS])):
                yield {key: values[row] for key, values in shard.items() if key != _MAKER}

    @cached_property
    def _signature(self) -> dict[str, tf.TensorSpec]:
        return _specs(self._shard(0))


def cache_outputs(
    teacher: Any,
    x: Any,
    folder: str | Path,
    *,
    layers: Sequence[str] = (),
    batch_size: int = 256,
    shard_size: int = 8192,
    progress: bool | None = None,
) -> TeacherCache:
    """Let a teacher say once what it says of every sample.

    Interrupted, it goes on with the first shard that is missing, if the teacher is the same: by
    its architecture and weights, and by what it says of the first samples now.

    Args:
        teacher: what `Teacher` takes, or an `Ensemble`.
        x: arrays, nested as the model takes them, or a tf.data.Dataset of batches, x or (x, …), of
            the same order whenever it is read.
        folder: is made; a cache of other data or another teacher is refused.
        layers: names of layers whose outputs are kept too, for feature losses.
        batch_size: of arrays.
        shard_size: samples in a file, about.
        progress: whether to show progress; None for where the standard error is a terminal.

    Raises:
        TfedgeError: the folder has another cache, a layer does not exist, or the disk is full.
    """
    model = as_teacher(teacher)
    folder = Path(folder)
    facts = {"version": _VERSION, "teacher": digest_of(model), "layers": list(layers)}
    if (folder / _MANIFEST).exists():
        _require_made_by(_facts(folder), facts, folder)
    run = _runner(model, layers)
    facts |= {"outputs": {}, "shards": []}
    for index, batches in enumerate(_shards(x, batch_size, shard_size, is_shown(progress))):
        facts = _with_shard(facts, folder, index, batches, run)
    if not facts["shards"]:
        raise TfedgeError("there are no samples to ask the teacher about")
    _write_facts(folder, {**facts, "complete": True})
    return TeacherCache(folder)


def _with_shard(
    facts: dict[str, Any], folder: Path, index: int, batches: list[Any], run: Any
) -> dict[str, Any]:
    """The facts with one shard more, which is on disk then."""
    prints = np.concatenate([np.asarray(fingerprints(batch)) for batch in batches])
    path = folder / _shard_name(index)
    if path.exists():
        maker = _require_same_shard(path, prints, facts, run(batches[0]) if not index else None)
    else:
        maker = _write_shard(path, prints, facts, [run(batch) for batch in batches])
    facts = {**facts, "outputs": maker["outputs"], "shards": [*facts["shards"], len(prints)]}
    _write_facts(folder, facts)
    return facts


def _write_shard(
    path: Path, prints: np.ndarray, facts: dict[str, Any], said: list[dict[str, Any]]
) -> dict[str, Any]:
    """Write what the teacher said; the facts of the shard."""
    outputs = {key: _named(_OUTPUT + key, value) for key, value in said[0].items()}
    maker = {key: facts[key] for key in ("version", "teacher", "layers")} | {"outputs": outputs}
    leaves = [_flat(one) for one in said]
    values = {key: np.concatenate([leaf[key] for leaf in leaves]) for key in leaves[0]}
    values[_PRINTS] = prints
    maker["content"] = digest_of_arrays(values)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{_MAKER: encoded(maker), **values})
    write_atomically(path, content.getvalue())
    return maker


def _require_same_shard(
    path: Path, prints: np.ndarray, facts: dict[str, Any], said: dict[str, Any] | None
) -> dict[str, Any]:
    """The facts of a shard that was written before.

    Args:
        path: of the shard.
        prints: of the samples that it should be of.
        facts: of the cache that it should belong to.
        said: by the teacher of the first of these samples, now; None to take it on trust.

    Raises:
        TfedgeError: it is of other data, or of another teacher.
    """
    shard = _read_shard(path)
    maker: dict[str, Any] = decoded(shard[_MAKER])
    _require_made_by(maker, facts, path)
    if not np.array_equal(shard[_PRINTS], prints):
        raise TfedgeError(
            f"{path} is of other data, or of shards of another size; use another folder for these, "
            "or delete this one"
        )
    for key, values in _flat(said).items() if said is not None else ():
        kept = shard.get(key, _PARTLESS)[: len(values)]
        if kept.shape != values.shape or not np.allclose(kept, values, **_SAME, equal_nan=True):
            raise TfedgeError(
                f"{path} is of another teacher: this one says something else of the first samples; "
                "use another folder, or delete this one"
            )
    return maker


def _require_made_by(maker: dict[str, Any], facts: dict[str, Any], where: Path) -> None:
    for key, what in (("teacher", "another teacher"), ("layers", "other layers")):
        if maker.get(key) != facts[key]:
            raise TfedgeError(
                f"{where} has the outputs of {what}; use another folder, or delete it"
            )


def _runner(model: Any, layers: Sequence[str]) -> Any:
    """Return a function from a batch to the layers' outputs, as arrays by name."""
    if layers:
        names = [layer.name for layer in model.layers]
        for missing in set(layers) - set(names):
            raise TfedgeError(
                f"the teacher '{model.name}' has no layer '{missing}'; its layers are "
                f"{', '.join(names)}{near(missing, names)}"
            )
        wanted = {_WHOLE: model.output} | {name: model.get_layer(name).output for name in layers}
        extractor = keras.Model(model.inputs, wanted)
        call = tf.function(lambda x: extractor(x, training=False))
    else:
        call = tf.function(lambda x: {_WHOLE: model(x, training=False)})
    return lambda x: keras.tree.map_structure(
        keras.ops.convert_to_numpy, call(keras.tree.map_structure(tf.convert_to_tensor, x))
    )


def _shards(x: Any, batch_size: int, shard_size: int, progress: bool) -> Iterator[list[Any]]:
    """Lists of batches with about as many samples as a shard has."""
    batches: list[Any] = []
    count = 0
    total = None if isinstance(x, tf.data.Dataset) else -(-_length(x) // batch_size)
    for batch in tracked(_batches(x, batch_size), "Asking the teacher", progress, total):
        batches.append(batch)
        count += _length(batch)
        if count >= shard_size:
            yield batches
            batches, count = [], 0
    if batches:
        yield batches


def _batches(x: Any, size: int) -> Iterator[Any]:
    if isinstance(x, tf.data.Dataset):
        for batch in x:
            yield batch[0] if isinstance(batch, tuple) else batch
        return
    for at in range(0, _length(x), size):
        yield keras.tree.map_structure(lambda part, at=at: part[at : at + size], x)


def _length(batch: Any) -> int:
    return len(keras.tree.flatten(batch)[0])


def _named(name: str, value: Any) -> Any:
    """The structure of an output with names for its leaves."""
    if isinstance(value, dict):
        return {key: _named(f"{name}/{key}", part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_named(f"{name}/{place}", part) for place, part in enumerate(value)]
    return name


def _leaves(structure: Any) -> list[str]:
    return [str(leaf) for leaf in keras.tree.flatten(structure)]


def _filled(structure: Any, leaves: dict[str, Any]) -> Any:
    return keras.tree.map_structure(lambda leaf: leaves[leaf], structure)


def _flat(outputs: dict[str, Any]) -> dict[str, np.ndarray]:
    return {
        leaf: value
        for name, output in outputs.items()
        for leaf, value in zip(
            _leaves(_named(_OUTPUT + name, output)), keras.tree.flatten(output), strict=True
        )
    }


def _shard_name(index: int) -> str:
    return f"shard-{index:05d}.npz"


def _read_shard(path: Path) -> dict[str, np.ndarray]:
    try:
        with arrays_in(path) as arrays:
            shard = dict(arrays)
        _check_shard(shard)
        return shard
    except (*MALFORMED, TfedgeError) as error:
        raise TfedgeError(
            f"{path} is damaged ({error}); delete it and make the cache again"
        ) from error


def _check_shard(shard: dict[str, np.ndarray]) -> None:
    """Refuse what was not written so.

    Raises:
        Exception: one of MALFORMED: it says nothing, or something else.
    """
    if shard[_MAKER].dtype != np.uint8:
        raise TypeError("it does not say what made it")
    maker = decoded(shard[_MAKER])
    if maker["content"] != digest_of_arrays({k: v for k, v in shard.items() if k != _MAKER}):
        raise ValueError("its numbers are not those that were written")
    prints, names = shard[_PRINTS], {_PRINTS, _MAKER, *_leaves(maker["outputs"])}
    if names != set(shard):
        raise ValueError(f"it holds {', '.join(sorted(shard))}, not {', '.join(sorted(names))}")
    if prints.dtype != np.int64 or prints.ndim != 1:
        raise ValueError("it does not say which samples it is of")
    for name in names - {_MAKER}:
        if shard[name].shape[:1] != prints.shape or shard[name].dtype not in _NUMBERS:
            raise ValueError(f"'{name}' does not hold numbers for each of {len(prints)} samples")


def _specs(shard: dict[str, np.ndarray]) -> dict[str, tf.TensorSpec]:
    """Return the tensor specs of one sample in a shard."""
    return {
        key: tf.TensorSpec(values.shape[1:], values.dtype)
        for key, values in shard.items()
        if key != _MAKER
    }


def _facts(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    text = read_bytes(path)
    try:
        facts: dict[str, Any] = _FORM.parsed(text, str(path))
    except TfedgeError as error:
        raise TfedgeError(
            f"{error}; the cache is damaged or of another version of tfedge: delete the folder, or "
            "use another one"
        ) from None
    return facts


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    write_atomically(folder / _MANIFEST, json.dumps(facts, indent=1))
