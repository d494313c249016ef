"""Custom operators of the exported graph in place of marked functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.core.framework import attr_value_pb2

from tfedge.errors import TfedgeError
from tfedge.markers.protocol import SCOPE

# The converter keeps these as a flexbuffer map; it refuses lists.
_ATTRIBUTE_FIELDS: dict[type, str] = {bool: "b", int: "i", float: "f", bytes: "s"}


def emit(
    function: Callable[..., Any], name: str, attributes: Mapping[str, Any], tensors: Sequence[Any]
) -> Any:
    """Call `function` so that the converter makes it one CUSTOM operator called `name`.

    The operator remembers the scope that it was called in: the converter calls all alike.
    """
    implements = attr_value_pb2.NameAttrList(name=name)
    implements.attr["tfl_fusable_op"].b = True
    implements.attr[SCOPE].s = tf.get_current_name_scope().encode()
    for key, value in attributes.items():
        scalar = _scalar(name, key, value)
        setattr(implements.attr[key], _ATTRIBUTE_FIELDS[type(scalar)], scalar)
    operator = tf.function(
        function,
        experimental_implements=text_format.MessageToString(implements, as_one_line=True),
        autograph=False,
    )
    return operator(*[tf.convert_to_tensor(tensor) for tensor in tensors])


def _scalar(name: str, key: str, value: Any) -> bool | int | float | bytes:
    """The value now, of a Python scalar, a numpy one or a variable."""
    if isinstance(value, str):
        return value.encode()
    try:
        with tf.init_scope():  # a variable has no value inside a graph
            scalar = np.asarray(value).item()
    except (TypeError, ValueError, NotImplementedError) as error:
        raise TfedgeError(
            f"attribute '{key}' of marker '{name}' is {value!r}, which has no value while the "
            "model is exported; give a number or a scalar variable"
        ) from error
    if type(scalar) not in _ATTRIBUTE_FIELDS:
        raise TfedgeError(
            f"attribute '{key}' of marker '{name}' is a {type(scalar).__name__}; "
            "give a bool, int, float or str"
        )
    return scalar
