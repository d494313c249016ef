"""`tfedge.profile`: from whatever a user has to what it takes of a device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.artifact import Artifact
from tfedge_converters.backends.c import BACKEND as C
from tfedge_converters.c import CSource, Options, generate
from tfedge_converters.c.fit import ShortageError, shortage
from tfedge_converters.conversion import convert
from tfedge_converters.early_checks import check_choices, check_data
from tfedge_converters.file_kinds import kind_of
from tfedge_converters.foreign_text import model_name
from tfedge_converters.graph import Model, read_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.graph.passes.constant_channels import fold_constant_channels
from tfedge_converters.loading import load
from tfedge_converters.made_up_ranges import open_as_integers
from tfedge_converters.profile.assembly import assembled
from tfedge_converters.profile.report import Profile
from tfedge_converters.targets import Target

_NO_TARGET = (
    "profile needs a target: a core such as 'cortex-m4', or a part such as 'nrf52840' (tfedge "
    "targets lists them)"
)


def profile(
    model: Any,
    *,
    target: str | Path | Target | None = None,
    optimize: str | None = None,
    quantization: str | None = None,
    calibration: Any = None,
    input_shapes: Any = None,
    allow_code: bool = False,
) -> Profile:
    """Measure what a model takes of a microcontroller, layer by layer.

    Where the core's compiler is installed, the generated C is compiled and linked for it at -O2;
    where QEMU is, instructions are counted there. Without them both come from a cost model, and the
    report says so. Time and energy are bounds, from instructions, the core's timings, the part's
    clock and how long its flash lets it wait.

    Args:
        model: what `convert` or `load` returned; a folder that `convert` wrote, whose C is measured
            as it lies there; or a model as for `convert`.
        target: a core or a part, see `tfedge targets`; None for that of the artifact or folder.
        optimize: as for `convert`, "balanced" if nothing is said; None for that of the artifact or
            folder.
        quantization: of a float model: the scheme; None for the target's own, int8.
        calibration: of a float model, as for `convert`. Without it ranges are made up, and the
            report says so: costs hardly depend on them.
        input_shapes: shapes without the batch, where a model leaves sizes open.
        allow_code: whether code in the model's file may run, see `convert`.

    Returns:
        The report, which prints itself.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: generated C has no kernel for an operator.
        TfedgeError: the target runs no generated C, the compiler or QEMU fails, or anything else is
            wrong with the arguments.
    """
    if optimize is not None:
        check_choices(optimize)
    check_data(calibration)
    chosen = None if target is None else _device(targets.load(target))
    made = _made(model, chosen)
    if made is None and chosen is None:
        if isinstance(model, (str, Path)):
            kind_of(Path(model))  # whether it is one comes before what it is for
        raise TfedgeError(_NO_TARGET)
    if made is not None:
        chosen = chosen or _device(made.target)
        if made.source is not None and _is_as_asked(made, chosen, optimize):
            lacking = shortage(made.source, chosen)
            return assembled(made.source, made.emission.program, made.model, chosen, lacking)
    assert chosen is not None
    notes: tuple[str, ...] = ()
    if made is not None:
        name, typed = made.name, _graph(made.flatbuffer)
    elif calibration is not None:
        name, typed = _calibrated(
            model,
            chosen,
            calibration=calibration,
            quantization=quantization,
            input_shapes=input_shapes,
            allow_code=allow_code,
        )
    else:
        name, typed, found = open_as_integers(
            model, chosen, input_shapes, quantization=quantization, allow_code=allow_code
        )
        pipeline.run(typed)
        name, notes = model_name(name), tuple(found)
    source, lacking = _generated(name, typed, chosen, optimize or Options.optimize)
    return assembled(source, source.write, typed, chosen, lacking, notes)


def _device(target: Target) -> Target:
    """Refuse targets that do not run generated C on a device.

    Raises:
        TfedgeError: says what to ask instead.
    """
    if target.core == "host":
        raise TfedgeError(f"profile is for devices, not for this computer: {_NO_TARGET}")
    if target.backend != C.name:
        raise TfedgeError(
            f"{target.name} does not run generated C, which is what profile measures; for "
            "accelerators there are tfedge.check and the summary of tfedge.convert"
        )
    return target


def _made(model: Any, target: Target | None) -> Artifact | None:
    """The artifact that was given, or that lies in a folder; None if it is neither."""
    if isinstance(model, Artifact):
        return model
    if not isinstance(model, (str, Path)) or not Path(model).is_dir():
        return None
    if (Path(model) / "saved_model.pb").exists():
        return None
    try:
        return load(model)
    except targets.UnknownTargetError:
        if target is None:
            raise
        return load(model, target=target)


def _is_as_asked(made: Artifact, target: Target, optimize: str | None) -> bool:
    assert made.source is not None
    return made.target == target and optimize in (None, made.source.optimize)


def _graph(flatbuffer: bytes) -> Model:
    model = read_model(flatbuffer)
    pipeline.run(model)
    return model


def _calibrated(model: Any, target: Target, **options: Any) -> tuple[str, Model]:
    artifact = convert(model, target=_without_limits(target), **options)
    return artifact.name, _graph(artifact.flatbuffer)


def _generated(name: str, model: Model, target: Target, optimize: str) -> tuple[CSource, str]:
    """The program, and why it does not fit; as `convert` makes it, where it does."""
    fold_constant_channels(model, multiple_of=target.channel_multiple)
    try:
        return generate(model, Options(name, target, optimize)), ""
    except ShortageError:
        source = generate(model, Options(name, _without_limits(target), optimize))
        return source, shortage(source, target)


def _without_limits(target: Target) -> Target:
    return replace(target, flash_bytes=None, ram_bytes=None)
