"""`tfedge.convert`: the whole road in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import logging

from tfedge.calibration.methods import Method
from tfedge.calibration.methods import method as find_method
from tfedge.errors import QualityError, TfedgeError
from tfedge.progress import is_shown
from tfedge.quantization.schemes import Scheme, StorageScheme, for_conversion, is_scheme_file
from tfedge_converters import targets
from tfedge_converters.accelerators.fitting import fit
from tfedge_converters.artifact import Artifact
from tfedge_converters.c import CSource, Options, generate
from tfedge_converters.calibrate_model import apply_calibration
from tfedge_converters.early_checks import check_choices, check_data, check_model
from tfedge_converters.ethosu import Compiled, compile_model, compiled_methods, require_vela
from tfedge_converters.evaluation import LabelledData, evaluate
from tfedge_converters.foreign_text import check_model_name, model_name
from tfedge_converters.graph import Model, write_model
from tfedge_converters.graph.passes.micro_sequences import write_for_micro
from tfedge_converters.litert_kernels import check_litert
from tfedge_converters.metrics import ACCURACY, metric_function
from tfedge_converters.preparation import Prepared, prepare
from tfedge_converters.quality import Comparison, Limits
from tfedge_converters.quantize import quantize
from tfedge_converters.quantize.calibration import is_calibration
from tfedge_converters.quantize.ends import set_ends
from tfedge_converters.quantize.formats import FORMATS
from tfedge_converters.quantize.litert_sequences import write_for_litert
from tfedge_converters.quantize.override_names import warn_of_unknown_layers
from tfedge_converters.quantize.recovery import Step, recover, steps
from tfedge_converters.quantize.storage import check_storage, store_weights
from tfedge_converters.tflm import generate_array
from tfedge_converters.verify.running import check_runs
from tfedge_converters.verify.vectors import self_test_vectors


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
    metric: str | Callable[[Any, Any], Any] = ACCURACY,
    min_snr: float = Limits.snr,
    max_loss: float | None = None,
    strict: bool = False,
    progress: bool | None = None,
    command: str = "",
    compiler_options: Mapping[str, Any] | None = None,
    allow_code: bool = False,
    check: bool = True,
) -> Artifact:
    """Converts a model for a target.

    A float model is quantised; an integer .tflite file is taken as it is.

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
        input_type, output_type: "float32" to convert at the ends; "uint8" for int8 plus 128, an
            exact shift, as cameras have it; None for the integers that the model computes with, or
            their name, "int8" or "int16".
        optimize: which layers of the generated C get code of their own: "speed", all of them;
            "balanced", those that take most of the time, and others where sharing a kernel would
            take more flash; "size", only these.
        input_shapes: shapes without the batch, where the model leaves sizes open.
        evaluation_data: (x, y), samples and their labels, or the path of an .npz file with both:
            the model is measured before and after conversion, for `evaluation` of the artifact.
        metric: "accuracy", the name of a Keras metric, or a function of labels and outputs.
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
        check: whether the float model proves first that it computes what the Keras model does; see
            docs/architecture.md. What trained for integers is compared by its training.

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
    progress = is_shown(progress)
    limits = Limits(min_snr, max_loss)
    chosen = targets.load(target)
    _check_compiler(chosen, compiler_options)
    scheme = _scheme(chosen, quantization)
    check_choices(optimize, input_type, output_type)
    if quantization is not None and isinstance(scheme, StorageScheme):
        check_storage(scheme, chosen.code)
        _refuse_integer_ends(scheme, input_type, output_type)
    if name is not None:
        check_model_name(name)
    check_data(calibration)
    if calibration_method is not None:
        find_method(calibration_method)
    steps(recovery)
    check_data(evaluation_data)
    check_model(model)
    prepared = prepare(
        model, input_shapes, to_quantize=isinstance(scheme, Scheme), allow_code=allow_code
    )
    if check and prepared.keras_model is not None:
        from tfedge_converters.export.equivalence import require_equivalence

        require_equivalence(prepared.keras_model, prepared.model)
    if quantization is None:
        scheme = _own_scheme(prepared, chosen, scheme)
    elif isinstance(scheme, Scheme):
        warn_of_unknown_layers(prepared.model, scheme)
    typed, flatbuffer = prepared.model, prepared.flatbuffer
    name = model_name(prepared.name) if name is None else name
    _refuse_recovery(recovery, prepared, scheme, calibration)
    measured = None
    if evaluation_data is not None:
        metric_function(metric)
        measured = LabelledData(evaluation_data, typed)
    comparison = Comparison(prepared, calibration, measured)
    if prepared.is_real:
        if isinstance(scheme, StorageScheme):
            check_storage(scheme, chosen.code)
            _refuse_integer_ends(scheme, input_type, output_type)
            store_weights(typed, scheme, per_channel=chosen.code != "tflite-micro")
        else:
            split = _splits_functions(chosen, scheme)
            _find_ranges(
                prepared,
                scheme,
                comparison.calibration,
                calibration_method,
                recovery,
                progress,
                split,
            )
            comparison.about_to_quantize(typed, scheme)
            quantize(typed, scheme, input_type=input_type, output_type=output_type)
        flatbuffer = write_model(typed)
    elif input_type is not None or output_type is not None:
        set_ends(typed, input_type, output_type)
        flatbuffer = write_model(typed)
    if chosen.code == "tflite-micro" and write_for_micro(typed):
        flatbuffer = write_model(typed)
    if chosen.code == "none" and write_for_litert(typed):
        flatbuffer = write_model(typed)
    if chosen.accelerator is not None and fit(typed, chosen.accelerator):
        flatbuffer = write_model(typed)
    if chosen.code == "none":
        check_litert(typed)
    source = None
    if chosen.code == "c":
        source = _generate_c(typed, flatbuffer, Options(name, chosen, optimize, command))
    compiled = None
    if chosen.vela is not None:
        compiled = compile_model(flatbuffer, chosen, compiler_options)
    arrays = _arrays(typed, flatbuffer, name, chosen, compiled)
    check_runs(typed, flatbuffer, chosen.code)
    evaluation = None
    if measured is not None:
        evaluation = evaluate(
            comparison.flatbuffer, flatbuffer, typed, chosen.code, measured, metric
        )
    judgement = comparison.judged(typed, flatbuffer, limits, metric, evaluation)
    artifact = Artifact(
        name,
        chosen,
        typed,
        flatbuffer,
        source,
        arrays,
        judgement.evaluation,
        compiled,
        judgement.quality,
        judgement.warnings,
        judgement.notes,
    )
    if strict and judgement.warnings:
        raise QualityError(f"{name}: {'; '.join(judgement.warnings)}")
    _report(artifact)
    return artifact


def _scheme(
    target: targets.Target, given: str | Scheme | StorageScheme | None
) -> Scheme | StorageScheme:
    """What to convert to; names are the target's, files and objects are free."""
    if given is None or (isinstance(given, str) and not is_scheme_file(given)):
        given = target.scheme(given)
    return for_conversion(given)


def _own_scheme(
    prepared: Prepared, target: targets.Target, default: Scheme | StorageScheme
) -> Scheme | StorageScheme:
    """What a model was trained for, where it and the target are for integers; else the default.

    A target that lists its schemes computes with no other; activations that training gave a width
    keep it in any case.
    """
    trained = prepared.scheme
    if trained is None or isinstance(default, StorageScheme):
        return default
    return trained if not target.schemes or trained.name in target.schemes else default


def _report(artifact: Artifact) -> None:
    """Logs what is not as it should be."""
    for text in (*artifact.warnings, *artifact.notes):
        logging.warning("%s: %s", artifact.name, text)
    for row in artifact.weights:
        if row.broken:
            logging.warning("%s: of %s, %s", artifact.name, row.name, row.broken)


def _check_compiler(target: targets.Target, options: Mapping[str, Any] | None) -> None:
    if target.vela is not None:
        require_vela()
    elif options:
        raise TfedgeError(f"target '{target.name}' has no compiler: leave compiler_options out")


def _arrays(
    model: Model, flatbuffer: bytes, name: str, target: targets.Target, compiled: Compiled | None
) -> dict[str, str]:
    """The files for TFLite Micro, where the target is for it."""
    if compiled is not None:
        methods = compiled_methods(compiled.flatbuffer)
        return generate_array(model, compiled.flatbuffer, name, methods)
    return generate_array(model, flatbuffer, name) if target.code == "tflite-micro" else {}


def _refuse_integer_ends(scheme: StorageScheme, *ends: str | None) -> None:
    for given in ends:
        if given not in (None, "float32"):
            raise TfedgeError(
                f"inputs and outputs are float32 with the scheme '{scheme.name}', not {given}"
            )


def _refuse_recovery(
    recovery: Sequence[str | Step],
    prepared: Prepared,
    scheme: Scheme | StorageScheme,
    calibration: Any,
) -> None:
    if not recovery:
        return
    if not prepared.is_real:
        raise TfedgeError("recovery is for float models; this one computes with integers already")
    if isinstance(scheme, StorageScheme):
        raise TfedgeError(
            f"recovery is for activations in integers; with the scheme '{scheme.name}' they stay "
            "real: leave recovery out"
        )
    if is_calibration(calibration):
        raise TfedgeError(
            "recovery compares the float model with the integer one on samples: give these as "
            "calibration, not the calibration made from them"
        )


def _splits_functions(target: targets.Target, scheme: Scheme) -> bool:
    """Whether functions of one activation have to be left to integer kernels where these exist.

    Accelerators compute integers alone, and generated C has tables for 8 bits alone.
    """
    asked = [scheme.layer(name).activations for name in scheme.overrides]
    widths = [item.bits for item in (scheme.activations, *asked) if item is not None]
    wide = max(widths) > FORMATS[8].bits
    return target.accelerator is not None or (target.code == "c" and wide)


def _find_ranges(
    prepared: Prepared,
    scheme: Scheme,
    calibration: Any,
    method: str | Method | None,
    recovery: Sequence[str | Step],
    progress: bool,
    split: bool,
) -> None:
    def find_ranges(data: Any) -> None:
        apply_calibration(prepared, data, method, scheme, progress, split=split)

    if recovery:
        recover(
            prepared.model, recovery, calibration, find_ranges, scheme=scheme, progress=progress
        )
    elif calibration is not None:
        find_ranges(calibration)


def _generate_c(model: Model, flatbuffer: bytes, options: Options) -> CSource:
    def vectors() -> Any:
        self_test = self_test_vectors(model, flatbuffer)
        if self_test.missing:
            logging.warning("%s: %s", options.name, self_test.missing)
        return self_test.vectors

    return generate(model, options, flatbuffer=flatbuffer, vectors=vectors)
