"""Compiled files and pipelines in words."""

from __future__ import annotations

from collections.abc import Sequence

from tfedge_converters.check.wording import size
from tfedge_converters.edgetpu.compiled_file import CompiledModel, Package
from tfedge_converters.edgetpu.pipelining import Segment


def compiled_text(compiled: CompiledModel, name: str) -> str:
    """Describe the content of a compiled file."""
    lines = [f"{name} was compiled for the Edge TPU"]
    for package in compiled.packages:
        lines += _package(package)
    lines.append(f"{len(compiled.on_cpu)} operators stayed on the CPU")
    lines += [f"  {compiled.model.main.place(operator)}" for operator in compiled.on_cpu]
    return "\n".join(lines) + "\n"


def _package(package: Package) -> list[str]:
    streamed = package.streamed_bytes
    return [
        f"parameters: {size(package.cached_bytes)} cached"
        + (f", {size(streamed)} streamed in every run" if streamed else ""),
        f"narrow memory of a tile: {size(package.tile_bytes)}",
        f"Edge TPU runtime: {package.minimum_runtime} or newer",
        *(
            f"  {executable.kind.name}: {executable.instructions:,} instructions, "
            f"{size(executable.parameter_bytes)} of parameters"
            for executable in package.executables
        ),
    ]


def segments_text(segments: Sequence[Segment]) -> str:
    """A pipeline, a line each TPU."""
    lines = [f"on {len(segments)} Edge TPUs in a row:"]
    for number, segment in enumerate(segments, 1):
        words = (
            f"  {number}: operators {segment.first} to {segment.last}, "
            f"{size(segment.parameter_bytes)} of parameters"
        )
        if not segment.fits:
            words += ", more than one chip caches"
        if segment.outputs:
            listed = ", ".join(f"'{name.split(';')[0]}'" for name in segment.outputs)
            words += f"; passes on {size(segment.output_bytes)}: {listed}"
        lines.append(words)
    return "\n".join(lines) + "\n"
