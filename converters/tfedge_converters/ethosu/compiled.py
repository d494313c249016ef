"""Output of Vela: the compiled model, its estimates, and what it leaves to the CPU."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

_KIB = 1024

_LEFT = re.compile(r"^Warning \(supported operators\) operator: (\w+), ofm: '(.*)'$")


@dataclass(frozen=True)
class LeftToCpu:
    """An operator that Vela leaves to the CPU.

    Attributes:
        code: what Vela calls it.
        result: the name of its first result.
        reason: why, in Vela's words.
    """

    code: str
    result: str
    reason: str


@dataclass(frozen=True, eq=False)
class Compiled:
    """A model compiled by Vela.

    Attributes:
        flatbuffer: the .tflite file with the Ethos-U's operator in place of what the NPU computes.
        summary_csv: Vela's estimates, one row.
        layers_csv: the same layer by layer.
        log: what Vela printed.
    """

    flatbuffer: bytes = field(repr=False)
    summary_csv: str = field(repr=False)
    layers_csv: str = field(repr=False)
    log: str = field(repr=False)

    @cached_property
    def summary(self) -> Mapping[str, str]:
        """Vela's estimates by its own names."""
        row = next(csv.DictReader(io.StringIO(self.summary_csv)), None)
        if row is None:
            raise ValueError("there is no row in the summary")
        return row

    @cached_property
    def layers(self) -> list[Mapping[str, str]]:
        """The rows of Vela's table of layers, by its own column names."""
        return list(csv.DictReader(io.StringIO(self.layers_csv)))

    @cached_property
    def left_to_cpu(self) -> list[LeftToCpu]:
        """Operators that the NPU does not compute, as Vela says, in its order."""
        return list(_left(self.log.splitlines()))

    @property
    def sram_bytes(self) -> int:
        """Bytes of activations in SRAM, or of the cache in front of a larger memory."""
        return round(float(self.summary["sram_memory_used"]) * _KIB)

    @property
    def dram_bytes(self) -> int:
        """Bytes that lie in DRAM."""
        return round(float(self.summary["dram_memory_used"]) * _KIB)

    @property
    def flash_bytes(self) -> int:
        """Constants in flash: commands are in the file beside them."""
        columns = ("on_chip_flash_memory_used", "off_chip_flash_memory_used")
        return round(sum(float(self.summary[column]) for column in columns) * _KIB)

    @property
    def cycles(self) -> int:
        """Cycles of one inference, as Vela estimates them."""
        return round(float(self.summary["cycles_total"]))

    @property
    def milliseconds(self) -> float:
        """Milliseconds of one inference, as Vela estimates them."""
        return float(self.summary["inference_time"]) * 1000

    @property
    def weights_bytes(self) -> tuple[int, int]:
        """Bytes of the NPU's weights: before, and as Vela encodes them."""
        columns = ("total_original_weights", "total_npu_encoded_weights")
        before, after = (round(float(self.summary[column])) for column in columns)
        return before, after

    def report(self) -> list[str]:
        """The estimates as lines of text, with a line for each layer and one for what is left."""
        before, after = self.weights_bytes
        clock = float(self.summary["core_clock"]) / 1e6
        lines = [
            f"Vela for {self.summary['accelerator_configuration']}, {self.summary['system_config']}"
            f", {self.summary['memory_mode']}: {self.milliseconds:.3f} ms, {self.cycles:,} cycles "
            f"at {clock:g} MHz; SRAM {self.sram_bytes:,} bytes, DRAM {self.dram_bytes:,}, flash "
            f"{self.flash_bytes:,}; weights {before:,} bytes, encoded {after:,}",
            f"{'cycles':>12} {'MACs':>12} {'use':>6}  layer",
        ]
        lines += [_layer_line(layer) for layer in self.layers if float(layer["Op Cycles"])]
        lines += [f"CPU: {left.code} '{left.result}': {left.reason}" for left in self.left_to_cpu]
        return lines


def _layer_line(layer: Mapping[str, str]) -> str:
    cycles, macs = (round(float(layer[column])) for column in ("Op Cycles", "MAC Count"))
    use = f"{float(layer['Util% (MAC)']):.1f}%"
    name = layer["Name"].partition(";")[0]  # where operators were fused, of the first of them
    return f"{cycles:>12,} {macs:>12,} {use:>6}  {layer['NNG Operator']} {name}"


def _left(lines: list[str]) -> Iterator[LeftToCpu]:
    for line, reason in zip(lines, [*lines[1:], ""], strict=True):
        found = _LEFT.match(line)
        if found is not None:
            yield LeftToCpu(found[1], found[2], reason.removeprefix("Reason: "))
