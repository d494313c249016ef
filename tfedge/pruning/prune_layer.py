"""The wrapper that says how a layer is pruned."""

from __future__ import annotations

from typing import Any

import keras

from tfedge.keras_graph.requirements import require_tensorflow
from tfedge.pruning.pruner import Plan, plan_arguments


@keras.saving.register_keras_serializable(package="tfedge")
class Prune(keras.layers.Wrapper):
    """A layer with the way in which it is pruned, for models that are built by hand.

    It computes what the layer computes. `tfedge.callbacks.Pruning()`, without a schedule, prunes
    the wrapped layers of a model, each by its own arguments:

    >>> model = keras.Sequential([
    ...     keras.Input((784,)),
    ...     tfedge.layers.Prune(keras.layers.Dense(300), 0.9),
    ...     tfedge.layers.Prune(keras.layers.Dense(100), 0.5, pattern="2:4"),
    ...     keras.layers.Dense(10),
    ... ])
    >>> model.fit(x, y, callbacks=[tfedge.callbacks.Pruning()])

    Args:
        layer: a Keras layer.
        schedule, pattern, importance, distribution: see `tfedge.callbacks.Pruning`.
        name: the layer's own by default.

    Input and output: as of `layer`.

    Raises:
        TfedgeError: an argument is wrong.
    """

    def __init__(
        self,
        layer: Any,
        schedule: Any,
        pattern: Any = "unstructured",
        importance: Any = "magnitude",
        distribution: str = "uniform",
        *,
        name: str | None = None,
    ):
        require_tensorflow("tfedge.layers.Prune")
        super().__init__(layer, name=name or layer.name)
        self.plan = Plan.of(schedule, pattern, importance, distribution)

    @property
    def transparent_to(self) -> Any:
        """The layer that takes the wrapper's place when a model is taken apart."""
        return self.layer

    def call(self, inputs: Any, **options: Any) -> Any:
        """Call the wrapped layer."""
        return self.layer(inputs, **options)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the output shape of the wrapped layer."""
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments, serialised."""
        layer = keras.saving.serialize_keras_object(self.layer)
        return {"name": self.name, "layer": layer, **self.plan.get_config()}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Prune:
        """The layer that `get_config` described."""
        config = dict(config)
        name = config.pop("name")
        layer = keras.saving.deserialize_keras_object(config.pop("layer"), custom_objects)
        return cls(layer, **plan_arguments(config), name=name)
