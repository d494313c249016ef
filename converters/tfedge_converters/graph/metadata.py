"""Metadata entries of files.

Some are true of one file alone. A graph that was read from a file has none of them: they name
tensors by their index, and are wrong as soon as a tensor comes, goes or lives longer.
"""

from __future__ import annotations

from collections.abc import Mapping

from ai_edge_litert import schema_py_generated as schema

# TFLite Micro's, see memory_management.md there: offsets of tensors in its arena.
OFFLINE_PLAN = "OfflineMemoryAllocation"
# TFLite Micro's, see compression/metadata.fbs there: buffers of weights hold indices of tables.
COMPRESSION = "COMPRESSION_METADATA"
# tfedge's: which arithmetic generated C computes a model of real activations in.
ARITHMETIC, BFP8 = "tfedge_arithmetic", b"bfp8"
# Entries that a reader does not keep.
OF_ONE_FILE = frozenset({OFFLINE_PLAN})


def metadata_in(flatbuffer: bytes) -> dict[str, bytes]:
    """The entries of `OF_ONE_FILE` in a file that this process wrote or has read before."""
    root = schema.Model.GetRootAs(flatbuffer, 0)
    tables = [root.Metadata(index) for index in range(root.MetadataLength())]
    named = {(table.Name() or b"").decode("utf-8", "replace"): table.Buffer() for table in tables}
    return {
        name: _bytes(root.Buffers(buffer)) for name, buffer in named.items() if name in OF_ONE_FILE
    }


def computes_in_bfp8(metadata: Mapping[str, bytes]) -> bool:
    """Whether C computes a model in block floating point, see `c/block_floating_point.py`.

    Args:
        metadata: the model's.
    """
    return metadata.get(ARITHMETIC) == BFP8


def _bytes(buffer: schema.Buffer) -> bytes:
    return b"" if buffer.DataLength() == 0 else bytes(buffer.DataAsNumpy())
