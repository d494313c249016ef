"""`tfedge.convert`: the whole road in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfedge.calibration.methods import Method
from tfedge.progress import is_shown
from tfedge.quantization.schemes import Scheme, StorageScheme
from tfedge_converters import targets
from tfedge_converters.artifact import Artifact
from tfedge_converters.conversion.adapting import adapt_to_target
from tfedge_converters.conversion.arguments import check_arguments
from tfedge_converters.conversion.data import take_data
from tfedge_converters.conversion.emitting import emit_files
from tfedge_converters.conversion.finishing import finish
from tfedge_converters.conversion.folding import fold_channels
from tfedge_converters.conversion.judging import judge
from tfedge_converters.conversion.opening import open_model
from tfedge_converters.conversion.quantising import quantise
from tfedge_converters.conversion.state import Conversion, Request
from tfedge_converters.conversion.trial_run import try_run
from tfedge_converters.ptq.recovery import Step
from tfedge_converters.quality import Limits

# Each takes the conversion on from where the one before left it.
STAGES: tuple[Callable[[Conversion], None], ...] = (
    check_arguments,
    open_model,
    take_data,
    quantise,
    fold_channels,
    adapt_to_target,
    emit_files,
    try_run,
    judge,
    finish,
)


def convert(
    model: Any,
    *,
    target: str | targets.Target = "host",
    quantization: str | Scheme | StorageScheme | None = None,
    calibration: Any = None,
    calibration_method: str | Method | None = None,
    recovery: Sequence[str | Step] = (),
    name: str | None = None,
    input_type: str | None = None,
    output_type: str | None = None,
    optimize: str = "balanced",
    input_shapes: Any = None,
    evaluation_data: Any = None,
    metric: str | Callable[[Any, Any], Any] | None = None,
    min_snr: float = Limits.snr,
    max_loss: float | None = None,
    strict: bool = False,
    progress: bool | None = None,
    command: str = "",
    compiler_options: Mapping[str, Any] | None = None,
    allow_code: bool = False,
    check: bool = True,
    fold_constant_channels: bool = True,
    memory_plan: str | Path | None = None,
) -> Artifact:
    """Convert a model for a target.

    A float model is quantised; of an integer .tflite file every number stays. From both goes what
    cannot change an output, such as channels that are constant.

    What conversion costs is measured where there are data: the signal-to-noise ratio of every
    output, and of every branch that was concatenated to it, against the float model. It is measured
    on 32 samples at most: of the evaluation data; else of the calibration data, of which every
    eighth is held back from calibration for this if there are 64 or more. Data are looked at too.
    What is not as it should be is logged as a warning, which names the layer and the remedy.

    Args:
        model: a Keras or tf_keras model; the path of a .keras, .h5 or .tflite file or a SavedModel
            folder; or the bytes of a .tflite file.
        target: a name that `tfedge targets` lists, or a `Target`.
        quantization: by default what the model was trained for, if the target computes with that;
            else what the target computes with, "int8" for most. "int16x8" for activations of 16
            bits; "int4" for weights of 4 bits where there are kernels for them; or a `Scheme`, or
            the .json file of one that a search wrote. What training put on a grid stays.
            Real activations, without calibration and not for generated C: "float32"; "float16",
            for GPU delegates; "dynamic", int8 weights that kernels compute with; "dynamic4", int4
            ones, and "dynamic4_b32" and "dynamic4_b64", with a scale for every 32 or 64 weights of
            a dense layer, which LiteRT computes rightly with XNNPACK, its default, alone;
            "weights8" and "weights4", integers that are made real before use; or a `StorageScheme`.
            "dynamic_integer", for generated C alone, needs no calibration either, and computes with
            int8 whose exponents are found at run time, for cores without an FPU.
        calibration: representative inputs, for float models whose ranges did not come from
            training: an array whose first axis is samples, a list or dict of them for several
            inputs, a generator, a tf.data.Dataset or the path of an .npz file. Or what
            `tfedge.calibrate` returned, or the path that it was saved to. With (x, y), a tuple of
            samples and labels, the metric is measured too, on the samples that are compared.
        calibration_method: how ranges are found in the data: "minmax", the default;
            "moving_average"; "percentile" (of 99.99) or "percentile:99.9" and its like; "mse", the
            least squared error; "entropy", the least divergence; or a class derived from
            `tfedge.calibration.Observer`.
        recovery: how to win back, from the calibration data, what quantisation loses: any of
            "equalization", "clip_search", "adaround" (layer by layer) or "block_adaround" (with the
            layers of a residual block together), and "bias_correction", or objects of
            `tfedge.recovery` with settings.
        name: prefix of the generated files and C symbols; the model's own name by default.
        input_type, output_type: "float32" to convert there; "uint8" for int8 plus 128, an
            exact shift, as cameras have it; None for the integers that the model computes with, or
            their name, "int8" or "int16".
        optimize: which layers of the generated C get code of their own: "speed", all of them;
            "balanced", those that gain enough by it, and others where sharing a kernel would
            take more flash; "size", only these. "ram" is "balanced", and where the arena is
            fullest, layers are computed together, a few rows at a time, without computing any
            twice: for less memory, a little more time and flash. "flash" is "size", with whatever
            makes weights least, an entropy coder too; for TFLite Micro, weights of few values as
            tables, for a larger arena. Weights of 4 bits, that share few values or that are mostly
            0 take less than a byte each: for "speed" where that takes no more instructions, for
            "balanced" where a byte is worth them.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        evaluation_data: (x, y), samples and their labels, or the path of an .npz file with both:
            the model is measured before and after conversion, for `evaluation` of the artifact.
        metric: "accuracy", the default, the name of a Keras metric, or a function of labels and
            outputs.
        min_snr: dB of signal to noise that every output has to keep, and every part of one.
        max_loss: what the metric may lose: of accuracy, in parts of 1, by default 0.01; of other
            metrics, the change in either direction as a part of its value, by default 0.1.
        strict: whether it is an error, and no warning, if they are not kept or the data look wrong.
        progress: whether to show progress; None for where the standard error is a terminal.
        command: what made this, for the generated files' banner.
        compiler_options: for targets that Vela compiles for, options of its command line, such as
            {"memory_mode": "Sram_Only", "optimise": "Size", "arena_cache_size": 100_000}.
        allow_code: whether code may run that the model's file brings or asks for, such as Lambda
            layers; only for files that you trust (docs/security.md).
        check: whether the float file's outputs are compared first with those of the model that it
            was made from; see docs/architecture/training.md. What was trained for integers is
            compared by its training.
        fold_constant_channels: whether channels of int8 convolutions and dense layers whose integer
            cannot change, whatever the input, are added to the biases of what reads them, and
            channels that nothing reads are left out. Outputs stay, bit for bit; the artifact's
            `folding` says which layers have lost how many.
        memory_plan: for generated C, the path of a `…_plan.json` that an earlier conversion of this
            model wrote, changed or not: everything lies where it says. By default the planner
            decides, and writes such a file.

    Returns:
        The converted model, in memory; `save` writes it.

    Raises:
        ModelFileError: a file is not a model.
        UnsupportedError: a layer or operator cannot be expressed for the target.
        MissingToolError: the target's compiler is not installed.
        DifferenceError: the float model would not compute what the Keras model computes.
        QualityError: there is something to warn of, and `strict` is set.
        TfedgeError: anything else that is wrong with the arguments; what can be known of them
            without opening the model is said before that.
    """
    limits = Limits(min_snr, max_loss)
    request = Request(
        model=model,
        target=targets.load(target),
        quantization=quantization,
        calibration=calibration,
        calibration_method=calibration_method,
        recovery=recovery,
        name=name,
        input_type=input_type,
        output_type=output_type,
        optimize=optimize,
        input_shapes=input_shapes,
        evaluation_data=evaluation_data,
        metric=metric,
        limits=limits,
        strict=strict,
        progress=is_shown(progress),
        command=command,
        compiler_options=compiler_options,
        allow_code=allow_code,
        check=check,
        fold_constant_channels=fold_constant_channels,
        memory_plan=memory_plan,
    )
    conversion = Conversion(request)
    for stage in STAGES:
        stage(conversion)
    return conversion.artifact
