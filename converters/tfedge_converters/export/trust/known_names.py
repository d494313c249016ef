"""The classes and functions of Keras that a model's configuration may name.

Names decide, not imports: what a configuration names outside of Keras is known only if a program
has registered it in this process.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import keras

# Where each Keras has the classes that it saves models with.
_CLASSES = (
    "layers", "layers.experimental", "layers.experimental.preprocessing", "models",
    "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers",
    "optimizers.schedules", "optimizers.legacy", "optimizers.experimental", "dtype_policies",
    "mixed_precision", "quantizers", "random",
)  # fmt: skip
# Where it has functions of tensors alone.
_FUNCTIONS = (
    "activations", "initializers", "regularizers", "constraints", "losses", "metrics", "ops",
)  # fmt: skip
_NO_MATHEMATICS = frozenset({"deserialize", "get", "serialize"})

# Classes that layers of Keras 3 are saved as, though no public module has them.
_UNLISTED = frozenset(
    {
        "Functional", "RandomHeight", "RandomWidth", "ThresholdedReLU",
        "GroupedQueryAttention", "FakeQuantWithMinMaxVars",
        "LayerScale", "StochasticDepth", "CustomScaleLayer",
    }
)  # fmt: skip
_UNLISTED_OF_KERAS2 = frozenset(
    {
        "Functional", "BatchNormalizationV1", "BatchNormalizationV2", "CuDNNGRU", "CuDNNLSTM",
        "GRUV1", "GRUV2", "GRUCellV1", "GRUCellV2", "LSTMV1", "LSTMV2", "LSTMCellV1", "LSTMCellV2",
        "AddLoss", "AddMetric", "LayerScale", "StochasticDepth", "CustomScaleLayer",
    }
)  # fmt: skip

# Classes of Keras that run code when they are made or called.
CODE_RUNNERS: Mapping[str, str] = {
    "Lambda": "is a Lambda layer, whose function is code out of the file",
    "__lambda__": "has a lambda function, which is code out of the file",
    "TorchModuleWrapper": "is a TorchModuleWrapper, a pickle, which is code out of the file",
    "JaxLayer": "is a JaxLayer, whose function is code out of the file",
    "FlaxLayer": "is a FlaxLayer, whose function is code out of the file",
    "TFSMLayer": "is a TFSMLayer, which runs another SavedModel, at a path out of the file",
    "ResidualWrapper": "is a ResidualWrapper, whose function is code out of the file",
    "DeviceWrapper": "is a DeviceWrapper, whose function is code out of the file",
    "DropoutWrapper": "is a DropoutWrapper, whose function is code out of the file",
    "ClassMethod": "is a ClassMethod, which calls a method that the file names",
    "InstanceMethod": "is an InstanceMethod, which calls a method that the file names",
    "InstanceProperty": "is an InstanceProperty, which reads an attribute that the file names",
}


@dataclass(frozen=True)
class KnownNames:
    """Names that one Keras finds among its own.

    Attributes:
        classes: names of its classes, without those that run code.
        functions: names of its functions of tensors.
        packages: the first parts of the modules that it looks for them in.
        registered: what a program has registered under a name; None if nothing.
        by_own_name: whether a function that a program has registered is found without its package.
    """

    classes: frozenset[str]
    functions: frozenset[str]
    packages: frozenset[str]
    registered: Callable[[str], Any]
    by_own_name: Callable[[str], bool] = lambda name: False

    def has_functions(self, module: object) -> bool:
        """Whether functions of tensors are all that a module of this Keras has."""
        if module is None or module == "builtins":
            return True
        if not isinstance(module, str):
            return False
        package, *parts = module.split(".")
        inner = [part for part in parts if part != "src"]
        return package in self.packages and bool(inner) and inner[0] in _FUNCTIONS


def names_of_keras3() -> KnownNames:
    """Return the names that Keras 3 knows."""
    classes = _classes(keras) | _UNLISTED | {found.__name__ for found in _operations()}
    return KnownNames(
        classes - set(CODE_RUNNERS),
        _functions(keras),
        frozenset({"keras", "builtins"}),
        keras.saving.get_registered_object,
        _by_own_name,
    )


def _by_own_name(name: str) -> bool:
    """Keras up to 3.6 wrote functions without the package that they are registered with."""
    return any(key.endswith(f">{name}") for key in keras.saving.get_custom_objects())


def names_of_tf_keras() -> KnownNames:
    """Return the names that tf_keras knows; imports it."""
    import tf_keras

    classes = _classes(tf_keras) | _UNLISTED_OF_KERAS2
    return KnownNames(
        classes - set(CODE_RUNNERS),
        _functions(tf_keras),
        frozenset({"keras", "tf_keras", "builtins"}),
        tf_keras.saving.get_registered_object,
    )


def _classes(package: Any) -> frozenset[str]:
    return frozenset(
        name
        for module in _modules(package, _CLASSES)
        for name, found in vars(module).items()
        if inspect.isclass(found)
    )


def _functions(package: Any) -> frozenset[str]:
    return frozenset(
        name
        for module in _modules(package, _FUNCTIONS)
        for name, found in vars(module).items()
        if callable(found) and not name.startswith("_") and name not in _NO_MATHEMATICS
    )


def _modules(package: Any, names: tuple[str, ...]) -> Iterator[ModuleType]:
    for name in names:
        found = package
        for part in name.split("."):
            found = getattr(found, part, None)
        if inspect.ismodule(found):
            yield found


def _operations(root: Any = keras.Operation) -> Iterator[type]:
    """The operations of `keras.ops`, which functional models are saved with."""
    for found in root.__subclasses__():
        if found.__module__.startswith("keras.") and ".ops." in found.__module__:
            yield found
        yield from _operations(found)
