"""A converted model: what to flash, and what it costs."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from tfedge.file_sets import write_set
from tfedge.files import output_folder
from tfedge.result import Result
from tfedge_converters.accelerators.mapping import GraphMapping, map_graph
from tfedge_converters.backends import Emission
from tfedge_converters.c import CSource
from tfedge_converters.ethosu import Compiled
from tfedge_converters.evaluation import Evaluation
from tfedge_converters.graph import Model, Operator
from tfedge_converters.graph.blockwise_scales import has_blocks
from tfedge_converters.graph.passes.constant_channels import ChannelFolding
from tfedge_converters.metrics import ACCURACY
from tfedge_converters.packages import PackagedModel, package_for
from tfedge_converters.quality import Judgement, Quality
from tfedge_converters.targets import Target
from tfedge_converters.verify.written import CODE_FOLDER, CONVERSION
from tfedge_converters.weight_table import WeightRow, table_lines, weight_table


@dataclass(frozen=True, eq=False, repr=False)
class Artifact(Result):
    """The result of `convert`.

    Attributes:
        name: prefix of all files and symbols.
        target: what it was made for.
        model: the integer graph.
        flatbuffer: the same as the bytes of a .tflite file.
        emission: what the target's back end made of it.
        judgement: how good it is, and what is not as it should be.
        folding: the channels that it has lost, because they could not change an output.
    """

    name: str
    target: Target
    model: Model = field(repr=False)
    flatbuffer: bytes = field(repr=False)
    emission: Emission
    judgement: Judgement
    folding: ChannelFolding = field(default_factory=ChannelFolding, repr=False)

    @property
    def source(self) -> CSource | None:
        """The generated C, for targets that have it."""
        return getattr(self.emission, "source", None)

    @property
    def arrays(self) -> Mapping[str, str]:
        """The files for TFLite Micro, for targets that have them; file name to text."""
        return getattr(self.emission, "arrays", {})

    @property
    def compiled(self) -> Compiled | None:
        """Result of the target's own compiler, for targets with one."""
        return getattr(self.emission, "compiled", None)

    @property
    def quality(self) -> Quality | None:
        """Its outputs against those of the float model, if there were samples to measure on."""
        return self.judgement.quality

    @property
    def evaluation(self) -> Evaluation | None:
        """How well it does, if data for that were given."""
        return self.judgement.evaluation

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences on what is not as it should be; they are logged as well."""
        return self.judgement.warnings

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what may not be as it should be; logged as well."""
        return self.judgement.notes

    def save(self, directory: str | Path, package: str | None = None) -> list[Path]:
        """Write every file into a folder, which is made if need be; all of them or none.

        A manifest beside them, tfedge_convert.manifest.json, has their hashes, and says so where
        writing was interrupted; `tfedge.verify` of the folder reads it. What an earlier conversion
        wrote there and this one has not is deleted, with a warning, unless somebody changed it.

        Args:
            directory: the folder.
            package: lay generated C out for a platform's own tools, with a demo and a README:
                "arduino", "cmake", "cmsis-pack", "esp-idf", "micropython", "platformio",
                "stm32cube" or "zephyr". None: the files alone.

        Returns:
            The files' paths.

        Raises:
            TfedgeError: there is no such package, or it cannot take the model; the folder cannot
                be made or written to, the disk is full, or a file that tfedge did not write is in
                the way.
        """
        folder = output_folder(directory)
        facts = {
            "name": self.name,
            "target": self.target.name,
            "model_sha256": hashlib.sha256(self.flatbuffer).hexdigest(),
            **self.emission.facts,
        }
        files = self.files
        if package is not None:
            made = package_for(package, self.target)
            code = self.emission.packaged_code(self.name, self.target)
            model = PackagedModel(self.name, self.target, code, self.flatbuffer)
            files = made.files(model)
            facts |= {"package": made.name, CODE_FOLDER: made.code_folder}
        for notice in write_set(folder, CONVERSION, files, facts):
            logging.warning("%s", notice)
        return [folder / name for name in sorted(files)]

    def predict(self, x: Any, *, engine: str | None = None) -> np.ndarray | list[np.ndarray]:
        """Run the converted model: what the device will compute.

        Args:
            x: real numbers as the float model takes them, as for `calibration` of
                `tfedge.convert`: samples first. They are put on the grids of quantised inputs. Of a
                model that keeps its state, consecutive samples are one sequence.
            engine: "c", the generated C, compiled for this computer; "tflite-micro",
                "litert-reference", "litert" (with XNNPACK); "qemu:cortex-m4" and its like; None for
                the first that the target's files run in and whose tools are installed.

        Returns:
            An array whose first axis is the samples, real numbers where the output has a grid; a
            list of them for several outputs.

        Raises:
            MissingToolError: what runs the engine is not installed.
            TfedgeError: there is no such engine, or the samples do not fit the model.
        """
        from tfedge_converters.prediction import predict

        return predict(self, x, engine)

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        metric: str | Callable[[Any, Any], Any] = ACCURACY,
        engine: str | None = None,
    ) -> Evaluation:
        """Measure the converted model on labelled data.

        Args:
            x: samples, as for `predict`; or the path of an .npz file that has the labels too.
            y: labels, samples first; None if `x` is such a file.
            metric: "accuracy", the name of a Keras metric, or a function of labels and outputs.
            engine: as for `predict`.

        Raises:
            MissingToolError: what runs the engine is not installed.
            TfedgeError: data, metric and model do not fit each other.
        """
        from tfedge_converters.prediction import evaluate

        return evaluate(self, x, y, metric, engine)

    @cached_property
    def files(self) -> dict[str, bytes | str]:
        """File name to content of everything that `save` writes without a package."""
        return {f"{self.name}.tflite": self.flatbuffer, **self.emission.files}

    @property
    def compressed_size(self) -> int:
        """Bytes of the .tflite file as zlib compresses it best, as an update over the air."""
        return len(zlib.compress(self.flatbuffer, 9))

    @cached_property
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
        """Return the summary as the only section."""
        return [self.summary()]

    def summary(self) -> str:
        """Summarise the costs in a few lines; for generated C, layer by layer."""
        lines = [
            f"{self.headline()}, {self.compressed_size:,} compressed",
            *table_lines(self.weights),
        ]
        lines += self.folding.lines()
        if any(map(has_blocks, self.model.graphs)):
            lines.append(_IN_BLOCKS)
        if self.mapping is not None:
            lines.append(_accelerator_summary(self.left_to_cpu, len(self.model.main.operators)))
        lines += self.emission.summary()
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
