"""A model and the bytes of its file, which always say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tfedge_converters.graph.metadata import metadata_in
from tfedge_converters.graph.types import Model
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
            self._flatbuffer = write_model(self._stored or self.model, self._entries)
        return self._flatbuffer

    def change(self, edit: Callable[[Model], bool | None]) -> None:
        """Change the model.

        Args:
            edit: called with the model, which it changes in place; returns False if it has changed
                nothing.
        """
        if edit(self.model) is not False:
            self._flatbuffer, self._stored, self._entries = None, None, {}

    def store_as(self, stored: Model) -> None:
        """Write another form of the model, of which a reader makes the same model.

        Args:
            stored: the form, which the next change of the model discards.
        """
        if stored is not self.model:
            self._flatbuffer, self._stored = None, stored

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
