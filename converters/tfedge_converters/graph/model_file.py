"""A model and the bytes of its file, which always say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tfedge_converters.graph.metadata import metadata_in
from tfedge_converters.graph.types import Graph, Model
from tfedge_converters.graph.writer import write_model


class ModelFile:
    """A model that changes on its way, and its file.

    Whoever changes the model does so by `change`; the file is written when it is asked for, so that
    it is written once, however many changes there were. What nobody changed stays the file that it
    was, byte for byte.

    Attributes:
        model: the typed graph.
    """

    def __init__(self, model: Model, flatbuffer: bytes | None = None):
        """`flatbuffer`: the file that the model was read from, if there is one."""
        self.model = model
        self._flatbuffer = flatbuffer
        self._stored: Model | None = None
        self._entries: Mapping[str, bytes] = {}

    @property
    def flatbuffer(self) -> bytes:
        """The bytes of a .tflite file."""
        if self._flatbuffer is None:
            self._flatbuffer = write_model(self.stored, self._entries)
        return self._flatbuffer

    def change(self, edit: Callable[[Model], bool | None]) -> None:
        """Change the model.

        Args:
            edit: called with the model, which it changes in place; returns False if it has changed
                nothing.
        """
        if edit(self.model) is not False:
            self._flatbuffer, self._stored, self._entries = None, None, {}

    def store_as(self, graphs: Sequence[Graph]) -> None:
        """Write other graphs than the model's, of which a reader makes the model's.

        Args:
            graphs: those to write, which the next change of the model discards.
        """
        if graphs is self.model.graphs:
            return
        written = {id(old): new for old, new in zip(self.model.graphs, graphs, strict=True)}
        signatures = [
            replace(each, graph=written[id(each.graph)]) for each in self.model.signatures
        ]
        self._stored = replace(self.model, graphs=list(graphs), signatures=signatures)
        self._flatbuffer = None

    @property
    def stored(self) -> Model:
        """The graphs as the file has them."""
        return self._stored or self.model

    def annotate(self, entries: Mapping[str, bytes]) -> None:
        """Set the metadata that is true of this file alone, see `graph/metadata.py`.

        Args:
            entries: name to bytes, which the next change of the model discards.
        """
        if self._flatbuffer is None or metadata_in(self._flatbuffer) != entries:
            self._flatbuffer = None
        self._entries = dict(entries)

    @property
    def entries(self) -> Mapping[str, bytes]:
        """The metadata that it was annotated with."""
        return self._entries
