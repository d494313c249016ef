"""Names that people gave, where TensorFlow numbers everything it sees twice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

_NOT_OF_SCOPES = re.compile(r"[^A-Za-z0-9_./-]")


class ScopeNames:
    """Restoration of the layers' names in the names of operations.

    Keras opens the name scope of a layer twice, to build and to call it, and TensorFlow
    numbers the second: what layer `dense` computes is called `dense_1/MatMul`, which is
    easily the name of another layer.
    """

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}  # path of a scope as TensorFlow made it: name asked for

    @contextmanager
    def recorded(self, graph: Any) -> Iterator[None]:
        """Watch the scopes that are opened in a tf.Graph."""
        original = graph.name_scope

        @contextmanager
        def name_scope(name: str | None) -> Iterator[str]:
            new = name if name and not name.endswith("/") else None
            with original(_scope(new) if new else name) as path:
                if new and ";" not in new:  # which stands between names of fused operations
                    self._asked[path.rstrip("/")] = new
                yield path

        graph.name_scope = name_scope
        try:
            yield
        finally:
            del graph.name_scope

    def restore(self, name: str) -> str:
        """`a_1/b_3/MatMul` as asked for; names of fused operations (`a;b`) part by part."""
        parts = [self._restore_path(part) for part in name.split(";")]
        return ";".join(dict.fromkeys(parts))

    def _restore_path(self, path: str) -> str:
        segments = path.split("/")
        return "/".join(
            self._asked.get("/".join(segments[: depth + 1]), segment)
            for depth, segment in enumerate(segments)
        )


def _scope(name: str) -> str:
    """A name that TensorFlow takes for a scope, and whose model it can save: without ">>"."""
    harmless = _NOT_OF_SCOPES.sub("_", name)
    return harmless if harmless[0].isalnum() else f"scope{harmless}"


def unique_names(names: Sequence[str]) -> list[str]:
    """The names in order; one that occurred before gets a number."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 0
        while candidate in seen:
            number += 1
            candidate = f"{name}_{number}"
        seen.add(candidate)
        result.append(candidate)
    return result


def leaf_names(paths: Sequence[tuple[Any, ...]], prefix: str) -> list[str]:
    """Names for the leaves of a nested structure: its keys, or `prefix` and a number.

    Args:
        paths: keys and indices that lead to each leaf, as `keras.tree.flatten_with_path`
            gives them.
        prefix: what leaves without a key are called.
    """
    names = []
    for path in paths:
        keyed = any(isinstance(key, str) for key in path)
        names.append("_".join(str(key) for key in (path if keyed else (prefix, *path))))
    return unique_names(names)
