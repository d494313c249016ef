"""Search of a model's parsed configuration for what it would run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfedge.errors import ModelFileError
from tfedge_converters.export.trust.graphs import computes_in_memory
from tfedge_converters.export.trust.known_names import CODE_RUNNERS, KnownNames
from tfedge_converters.export.trust.refusal import (
    CodeRefusedError,
    is_foreign,
    printable,
    runs_code,
)
from tfedge_converters.export.trust.tensorflow_functions import is_mathematics

# Descriptions of values, which no class of Keras' is made from.
_VALUES = frozenset(
    {
        "__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__",
        "__tuple__", "TensorShape", "TypeSpec", "CompositeTensor",
    }
)  # fmt: skip
# Values that numpy and TensorFlow make arrays of, and what their elements may be: numpy also takes
# texts of any length, and arrays, as the type of a single element.
_ARRAYS = ("__numpy__", "__tensor__")
_ELEMENTS = re.compile(r"bool|object|string|(u?int|b?float|complex)\d{1,3}(_\w{1,8})?")
_TENSOR_SPECS = frozenset({"TensorSpec", "RaggedTensorSpec", "SparseTensorSpec"})
# Layers of Keras 2 that call a function of TensorFlow's interface, or one of its operators.
_CALLERS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")


@dataclass(frozen=True)
class Described:
    """Description of one object in a configuration.

    Attributes:
        content: the dict with its `class_name`.
        where: its path in the file.
        layer: the name of the layer that it belongs to, "" where none has one yet.
        listed: whether it is an entry of a list of layers.
    """

    content: dict[str, Any]
    where: str
    layer: str
    listed: bool = False

    @property
    def words(self) -> str:
        """Name of the object in a message."""
        return f"layer '{self.layer}' ({self.where})" if self.layer else self.where


def check_configs(configs: Mapping[str, Any], names: KnownNames) -> None:
    """Refuse what one Keras would import or run of the configurations of a file.

    Args:
        configs: parsed JSON, by where it stands in the file.
        names: of the Keras that would read them.

    Raises:
        CodeRefusedError: says which layer asks for what, and where.
    """
    for described in all_described(configs):
        _check(described, names)


def check_arrays(configs: Mapping[str, Any]) -> None:
    """Refuse arrays in configurations whose elements could be of any size.

    Raises:
        ModelFileError: says which layer has one, and where.
    """
    for described in all_described(configs):
        content = described.content
        config = content.get("config")
        if content["class_name"] not in _ARRAYS or not isinstance(config, dict):
            continue
        dtype = config.get("dtype")
        if not (isinstance(dtype, str) and _ELEMENTS.fullmatch(dtype)):
            raise ModelFileError(
                f"{printable(described.words)} is an array of elements of the type "
                f"'{printable(str(dtype))}', which no weights have; save the model again"
            )


def check_saved_objects(configs: Mapping[str, Any], names: KnownNames) -> None:
    """The same for the objects of a SavedModel.

    Layers of unknown classes are allowed there if no module is named: tf_keras makes them from
    the functions that were saved with them, and imports nothing.
    """
    for described in all_described(configs):
        if _is_revived(described, configs):
            _check_vocabulary(described)
        else:
            _check(described, names)


def _is_revived(described: Described, configs: Mapping[str, Any]) -> bool:
    class_name = described.content["class_name"]
    as_layer = described.listed or described.where in configs
    if not isinstance(class_name, str):
        return False
    runs = class_name in CODE_RUNNERS or class_name in _CALLERS
    return as_layer and "module" not in described.content and not runs


def all_described(configs: Mapping[str, Any]) -> Iterator[Described]:
    """Whatever has a class name in configurations, from the outside in."""
    for source, config in configs.items():
        # A stack of our own: a configuration may be nested deeper than Python calls.
        waiting: list[tuple[Any, str, str, bool]] = [(config, source, "", False)]
        while waiting:
            value, where, layer, listed = waiting.pop()
            if isinstance(value, dict):
                layer = _name(value) or layer
                if "class_name" in value:
                    yield Described(value, where, layer, listed)
                separator = ": " if where == source else "."
                parts = [
                    (part, f"{where}{separator}{key}", layer, key == "layers")
                    for key, part in value.items()
                ]
                waiting += reversed(parts)
            elif isinstance(value, list):
                entries = [
                    (entry, f"{where}[{index}]", layer, listed) for index, entry in enumerate(value)
                ]
                waiting += reversed(entries)


def strings_in(configs: Mapping[str, Any]) -> Iterator[str]:
    """Every string that stands for a value in configurations."""
    waiting = list(configs.values())
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, (dict, list)):
            waiting += value.values() if isinstance(value, dict) else value


def _name(content: dict[str, Any]) -> str:
    config = content.get("config")
    found = config.get("name") if isinstance(config, dict) else None
    return found if isinstance(found, str) else ""


def _check(described: Described, names: KnownNames) -> None:
    content = described.content
    class_name = content["class_name"]
    if not isinstance(class_name, str):
        raise _foreign(described, repr(class_name))
    for name in (class_name, content.get("registered_name")):
        if isinstance(name, str) and name in CODE_RUNNERS:
            raise runs_code(described.words, CODE_RUNNERS[name])
    _SPECIAL.get(class_name, _check_class)(described, names)
    _check_vocabulary(described)


def _check_class(described: Described, names: KnownNames) -> None:
    content = described.content
    class_name = content["class_name"]
    if class_name in _VALUES or _is_registered(content, names):
        return
    known = class_name in names.classes and content.get("registered_name") in (None, class_name)
    if not (known and _is_own_module(content, names)):
        raise _foreign(described, class_name)


def _is_registered(content: dict[str, Any], names: KnownNames) -> bool:
    """Whether a program has registered the class; older forms of files look up the class name."""
    class_name = content["class_name"]
    registered = content.get("registered_name") or class_name
    found = names.registered(registered) if isinstance(registered, str) else None
    if found is None:
        return False
    own_names = (getattr(found, "__name__", ""), registered.split(">")[-1])
    return class_name.split(">")[-1] in own_names or names.registered(class_name) is not None


def _is_own_module(content: dict[str, Any], names: KnownNames) -> bool:
    module = content.get("module")
    return module is None or (isinstance(module, str) and module.split(".")[0] in names.packages)


def _foreign(described: Described, name: str) -> CodeRefusedError:
    module = described.content.get("module")
    importable = isinstance(module, str) and module != "builtins"
    return is_foreign(
        described.words, f"{module}.{name}" if importable else name, importable=importable
    )


def _check_function(described: Described, names: KnownNames) -> None:
    content = described.content
    function = content.get("config")
    if not isinstance(function, str):
        raise _foreign(described, repr(function))
    own_name = content.get("module") == "builtins" and names.by_own_name(function)
    if own_name or names.registered(function) is not None:
        return
    alias = content.get("registered_name") in (None, "function", function)
    known = function in names.functions and alias
    if not (known and names.has_functions(content.get("module"))):
        raise _foreign(described, function)


def _check_call(described: Described, names: KnownNames) -> None:
    """A layer that calls what TensorFlow has under a name."""
    content = described.content
    config = content.get("config")
    config = config if isinstance(config, dict) else {}
    if content["class_name"] == "TensorFlowOpLayer":
        node = config.get("node_def")
        called = node.get("op") if isinstance(node, dict) else None
        harmless = isinstance(called, str) and computes_in_memory(called)
    else:
        called = config.get("function")
        harmless = is_mathematics(called)
    if not harmless:
        raise runs_code(
            described.words, f"calls '{called}', which is not among what only computes with tensors"
        )
    if not _is_own_module(content, names):
        raise _foreign(described, content["class_name"])


def _check_type_spec(described: Described, _: KnownNames) -> None:
    content = described.content
    name, module = content.get("spec_name"), content.get("module")
    registered = content.get("registered_name")
    tensorflow = isinstance(module, str) and module.split(".")[0] == "tensorflow"
    if name not in _TENSOR_SPECS or not tensorflow or registered not in (None, name):
        raise _foreign(described, str(name))


def _check_vocabulary(described: Described) -> None:
    """Layers that look words up read them from a file, if the configuration has a path."""
    config = described.content.get("config")
    path = config.get("vocabulary") if isinstance(config, dict) else None
    if isinstance(path, str):
        raise runs_code(
            described.words, f"reads its vocabulary from a file of this computer, '{path}'"
        )


_SPECIAL: dict[str, Callable[[Described, KnownNames], None]] = {
    "function": _check_function,
    "__typespec__": _check_type_spec,
    **dict.fromkeys(_CALLERS, _check_call),
}
