"""A conversion: what was asked for, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tfedge.calibration.methods import Method
from tfedge.quantization.schemes import Scheme, StorageScheme
from tfedge_converters.artifact import Artifact
from tfedge_converters.backends import Backend, Emission, backend_named
from tfedge_converters.c.memory_plan import MemoryPlan
from tfedge_converters.evaluation import LabelledData
from tfedge_converters.graph import Model
from tfedge_converters.graph.kind import ModelKind
from tfedge_converters.graph.model_file import ModelFile
from tfedge_converters.graph.passes.constant_channels import ChannelFolding
from tfedge_converters.metrics import ACCURACY
from tfedge_converters.preparation import Prepared
from tfedge_converters.ptq.recovery import Step
from tfedge_converters.quality import Comparison, Judgement, Limits
from tfedge_converters.targets import Target


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """The arguments of `tfedge.convert`, which says what they mean.

    Attributes:
        target: loaded.
        metric: None for accuracy, which nobody asked for.
        limits: `min_snr` and `max_loss`.
    """

    model: Any
    target: Target
    quantization: str | Scheme | StorageScheme | None
    calibration: Any
    calibration_method: str | Method | None
    recovery: Sequence[str | Step]
    name: str | None
    input_type: str | None
    output_type: str | None
    optimize: str
    input_shapes: Any
    evaluation_data: Any
    metric: str | Callable[[Any, Any], Any] | None
    limits: Limits
    strict: bool
    progress: bool
    command: str
    compiler_options: Mapping[str, Any] | None
    allow_code: bool
    check: bool
    fold_constant_channels: bool
    memory_plan: str | Path | None

    @property
    def measured(self) -> str | Callable[[Any, Any], Any]:
        """The metric, whether asked for or not."""
        return ACCURACY if self.metric is None else self.metric


@dataclass(eq=False)
class Conversion:
    """One model on its way to one target; every stage fills in its part.

    Attributes:
        request: what was asked for.
        backend: of the target.
        scheme: what to convert to: as asked for, then the model's own if nothing was.
        prepared: the model as it was opened.
        name: prefix of files and symbols.
        labelled: evaluation data; None if there are none.
        comparison: with the float model.
        memory_plan: the one that was given, read.
        remarks: what was asked for and came to nothing, in sentences.
        emission: what the back end made.
        judgement: how good the result is.
        folding: the channels that were taken out.
        artifact: the result.
    """

    request: Request
    backend: Backend = field(init=False)
    scheme: Scheme | StorageScheme = field(init=False)
    prepared: Prepared = field(init=False)
    name: str = field(init=False)
    labelled: LabelledData | None = field(init=False)
    comparison: Comparison = field(init=False)
    memory_plan: MemoryPlan | None = field(init=False, default=None)
    remarks: list[str] = field(init=False, default_factory=list)
    emission: Emission = field(init=False)
    judgement: Judgement = field(init=False)
    folding: ChannelFolding = field(init=False, default_factory=ChannelFolding)
    artifact: Artifact = field(init=False)

    def __post_init__(self) -> None:
        self.backend = backend_named(self.target.backend)

    @property
    def target(self) -> Target:
        """Target of the conversion."""
        return self.request.target

    @property
    def kind(self) -> ModelKind:
        """Kind of numbers that the model computed with when it was opened."""
        return self.prepared.kind

    @property
    def file(self) -> ModelFile:
        """The graph and its file, in step; stages change it there."""
        return self.prepared.file

    @property
    def model(self) -> Model:
        """The graph, as far as it has come."""
        return self.file.model

    @property
    def flatbuffer(self) -> bytes:
        """The graph's .tflite file."""
        return self.file.flatbuffer
