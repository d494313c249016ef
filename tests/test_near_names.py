"""Wherever a name is looked up, one that is nearly right is answered by the right one."""

import re

import keras
import numpy as np
import pytest
from random_graphs import random_model

import tfedge
from tfedge.near_names import near
from tfedge.quantization.schemes import Scheme, WeightScheme, for_conversion
from tfedge_converters.early_checks import check_choices
from tfedge_converters.execute import build_firmware
from tfedge_converters.metrics import metric_function
from tfedge_converters.ptq.io_types import io_type
from tfedge_converters.ptq.override_names import warn_of_unknown_layers
from tfedge_converters.ptq.recovery import steps
from tfedge_converters.verify.engines import engine

DATA = np.zeros((1, 2), np.float32)
NET = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="scores")])
MISSPELT = Scheme("study", overrides={"score": WeightScheme(bits=4)})


def trained(scheme):
    callback = tfedge.callbacks.QuantizationAwareTraining(scheme)
    NET.compile("sgd", "mse")
    NET.fit(DATA, np.zeros((1, 3)), callbacks=[callback], verbose=0)


LOOKUPS = {
    "target": (lambda: tfedge.targets.load("cortex-m44"), "cortex-m4"),
    "scheme": (lambda: for_conversion("int88"), "int8"),
    "scheme of a target": (lambda: tfedge.targets.load("edgetpu").scheme("edgetpus"), "edgetpu"),
    "calibration method": (lambda: tfedge.calibration.method("Percentiles"), "percentile"),
    "recovery": (lambda: steps(["adaroud"]), "adaround"),
    "metric": (lambda: metric_function("mean_absolut_error"), "mean_absolute_error"),
    "optimize": (lambda: check_choices("balance"), "balanced"),
    "type": (lambda: io_type("unit8"), "uint8"),
    "engine": (lambda: engine("litert-referense"), "litert-reference"),
    "core": (lambda: build_firmware(None, "cortex-m5"), "cortex-m55"),
    "importance": (lambda: tfedge.callbacks.Pruning(0.5, importance="magnitud"), "magnitude"),
    "pattern": (lambda: tfedge.callbacks.Pruning(0.5, "chanels"), "channels"),
    "distribution": (lambda: tfedge.callbacks.Pruning(0.5, distribution="globl"), "global"),
    "budget": (lambda: tfedge.pruning.Budget(0.5, "parameter"), "parameters"),
    "clusters": (lambda: tfedge.callbacks.WeightClustering(8, "densities"), "density"),
    "inference": (
        lambda: tfedge.callbacks.QuantizationAwareTraining(inference="simulate"),
        "simulated",
    ),
    "layer": (lambda: tfedge.quantize(NET, MISSPELT), "scores"),
    "layer of a callback": (lambda: trained(MISSPELT), "scores"),
    "preserve": (lambda: tfedge.callbacks.QuantizationAwareTraining(preserve=["zero"]), "zeros"),
    "ensemble": (lambda: tfedge.distillation.Ensemble([DATA], outputs="logit"), "logits"),
}


@pytest.mark.parametrize("what", LOOKUPS)
def test_the_right_name_is_proposed(what):
    look_up, right = LOOKUPS[what]
    with pytest.raises(tfedge.TfedgeError, match=re.escape(f"; did you mean '{right}'?")):
        look_up()


def test_a_layer_that_only_the_scheme_has_is_named(caplog):
    wide = tfedge.quantization.WeightScheme(bits=4)
    model = random_model("conv_2d", 1, 2)
    right, wrong = model.main.operators[0].outputs[0].name, "outptu_1"
    scheme = tfedge.quantization.Scheme("study", overrides={right: wide, wrong: wide})
    warn_of_unknown_layers(model, scheme)
    [said] = caplog.messages
    assert "layer 'outptu_1', and the model has none; did you mean 'output_1'?" in said


def test_nothing_is_proposed_where_nothing_is_similar():
    assert near("zebra", ["adaround"]) == near(3, ["3"]) == near("x", []) == ""
