"""A converted model: what to flash, and what it costs."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from absl import logging

from tfedge.file_sets import write_set
from tfedge.files import output_folder
from tfedge.result import Result
from tfedge_converters.accelerators.mapping import GraphMapping, map_graph
from tfedge_converters.c import CSource
from tfedge_converters.c.plan import Layer
from tfedge_converters.ethosu.compiled import Compiled
from tfedge_converters.evaluation import Evaluation
from tfedge_converters.graph import Model, Operator
from tfedge_converters.graph.blocks import has_blocks
from tfedge_converters.graph.passes.packed_weights import packed_weights
from tfedge_converters.quality import Quality
from tfedge_converters.targets import Target
from tfedge_converters.verify.written import CONVERSION
from tfedge_converters.weight_table import WeightRow, table_lines, weight_table


@dataclass(frozen=True, eq=False, repr=False)
class Artifact(Result):
    """The result of `convert`.

    Attributes:
        name: prefix of all files and symbols.
        target: what it was made for.
        model: the integer graph.
        flatbuffer: the same as the bytes of a .tflite file.
        source: the generated C, for targets that have it.
        arrays: the files for TFLite Micro, for that target.
        evaluation: how well it does, if data for that were given.
        compiled: what Vela made of it, for targets that it compiles for.
        quality: its outputs against those of the float model, if there were samples to measure on.
        warnings: what is not as it should be, in sentences; they are logged as well.
        notes: what may not be; logged as well.
    """

    name: str
    target: Target
    model: Model = field(repr=False)
    flatbuffer: bytes = field(repr=False)
    source: CSource | None = field(repr=False)
    arrays: Mapping[str, str] = field(repr=False)
    evaluation: Evaluation | None = None
    compiled: Compiled | None = None
    quality: Quality | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def save(self, directory: str | Path) -> list[Path]:
        """Writes every file into a folder, which is made if need be; all of them or none.

        A manifest beside them, tfedge_convert.manifest.json, has their hashes, and says so where
        writing was interrupted; `tfedge.verify` of the folder reads it. What an earlier conversion
        wrote there and this one has not is deleted, with a warning, unless somebody changed it.

        Returns:
            The files' paths.

        Raises:
            TfedgeError: the folder cannot be made or written to, the disk is full, or a file that
                tfedge did not write is in the way.
        """
        folder = output_folder(directory)
        facts = {
            "name": self.name,
            "target": self.target.name,
            "model_sha256": hashlib.sha256(self.flatbuffer).hexdigest(),
        }
        for notice in write_set(folder, CONVERSION, self.files, facts):
            logging.warning("%s", notice)
        return [folder / name for name in sorted(self.files)]

    @cached_property
    def files(self) -> dict[str, bytes | str]:
        """File name to content of everything that `save` writes."""
        files: dict[str, bytes | str] = {f"{self.name}.tflite": self.flatbuffer}
        files |= self.arrays
        if self.compiled is not None:
            files[f"{self.name}_vela.tflite"] = self.compiled.flatbuffer
            files[f"{self.name}_vela_summary.csv"] = self.compiled.summary_csv
            files[f"{self.name}_vela_layers.csv"] = self.compiled.layers_csv
        if self.source is not None:
            files |= self.source.files
        return files

    @property
    def compressed_size(self) -> int:
        """Bytes of the .tflite file as zlib compresses it best, as an update over the air."""
        return len(zlib.compress(self.flatbuffer, 9))

    @property
    def weights(self) -> list[WeightRow]:
        """Zeros and different values of every tensor of int8 or int4 weights."""
        return weight_table(self.model)

    @cached_property
    def mapping(self) -> GraphMapping | None:
        """Which operators the target's accelerator computes, and why not; None if it has none."""
        accelerator = self.target.accelerator
        return None if accelerator is None else map_graph(self.model.main, accelerator)

    @property
    def left_to_cpu(self) -> list[Operator]:
        """The operators that the target's accelerator does not compute; none if it has none."""
        return [] if self.mapping is None else [left.operator for left in self.mapping.on_cpu]

    def headline(self) -> str:
        """Its name, target and size."""
        return f"{self.name} for {self.target.name}: {len(self.flatbuffer):,} bytes of .tflite"

    def sections(self) -> Iterable[str]:
        """The summary."""
        return [self.summary()]

    def summary(self) -> str:
        """What it costs, in a few lines; for generated C, layer by layer."""
        lines = [
            f"{self.headline()}, {self.compressed_size:,} compressed",
            *table_lines(self.weights),
        ]
        if any(map(has_blocks, self.model.graphs)):
            lines.append(_IN_BLOCKS)
        if self.mapping is not None:
            lines.append(_accelerator_summary(self.left_to_cpu, len(self.model.main.operators)))
        if self.compiled is not None:
            lines += self.compiled.report()
        if self.source is not None:
            lines += _c_summary(self.source, self.model)
        if self.quality is not None:
            lines.append(str(self.quality))
        if self.evaluation is not None:
            lines.append(str(self.evaluation))
        lines += [f"warning: {text}" for text in self.warnings]
        lines += [f"note: {text}" for text in self.notes]
        return "\n".join(lines)


_IN_BLOCKS = (
    "weights in blocks with scales of their own: run it in LiteRT with XNNPACK, its default; "
    "LiteRT's other kernels compute with them wrongly and do not say so"
)


def _accelerator_summary(left: list[Operator], total: int) -> str:
    if not left:
        return f"all of {total} operators run on the accelerator"
    counts = Counter(operator.name for operator in left)
    names = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
    return f"{total - len(left)} of {total} operators run on the accelerator; on the CPU: {names}"


_UNPACKED = (
    "weights of 4 bits take a byte each in C, as its kernels read them: {:,} bytes more than in "
    "the .tflite file"
)


def _c_summary(source: CSource, model: Model) -> list[str]:
    plan = source.plan
    total = sum(layer.macs for layer in plan.layers)
    peak = f", most at layer {plan.peak_layer.index}" if plan.peak_layer else ""
    width = max([len("operator"), *(len(layer.operator.code) for layer in plan.layers)])
    header = f"{'layer':>5}  {'operator':<{width}} {'MACs':>12} {'weights':>9} {'output':>9}  name"
    packed = {id(t): t for operator in model.main.operators for t in packed_weights(operator)}
    spent = sum(tensor.elements - tensor.byte_size for tensor in packed.values())
    return [
        header,
        *(_layer_line(layer, width) for layer in plan.layers),
        f"{total:,} MACs; arena {plan.arena_bytes:,} bytes (live set at least "
        f"{plan.lower_bound:,}{peak}); constants {source.weights_bytes:,} bytes; code about "
        f"{source.code_bytes:,} bytes (estimated for Cortex-M4)",
        *([_UNPACKED.format(spent)] if packed else []),
    ]


def _layer_line(layer: Layer, width: int) -> str:
    weights = sum(t.byte_size for t in layer.operator.inputs if t is not None and t.is_constant)
    output = sum(tensor.byte_size for tensor in layer.operator.outputs)
    code = layer.operator.code
    return (
        f"{layer.index:>5}  {code:<{width}} {layer.macs:>12,} {weights:>9,} {output:>9,}  "
        f"{layer.name}"
    )
