"""tfedge.convert from Keras models in memory and on disk to C that equals the truth."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfedge
from tfedge.errors import TfedgeError
from tfedge.markers import mark_range
from tfedge_converters.execute import build_host

layers = keras.layers


def small_net(name="net"):
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 2), name="image")
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(max_value=6)(x)
    y = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Concatenate()([layers.Add()([x, y]), layers.AveragePooling2D(1)(x)])
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="class")(x), name=name)


def images(count=8, shape=(8, 8, 2)):
    return np.random.default_rng(0).normal(size=(count, *shape)).astype(np.float32)


def run_real(artifact, folder, samples):
    """Outputs of the compiled C as real numbers, for real inputs."""
    program = build_host(artifact.source.write(folder))
    ends = [
        [t.quantization for t in tensors]
        for tensors in (artifact.model.main.inputs, artifact.model.main.outputs)
    ]
    integers = [
        [
            np.clip(np.round(x[None] / q.scale[0]) + q.zero_point[0], -128, 127).astype(np.int8)
            for x, q in zip(sample, ends[0], strict=True)
        ]
        for sample in samples
    ]
    return [
        [
            (y.astype(np.float32) - q.zero_point[0]) * q.scale[0]
            for y, q in zip(row, ends[1], strict=True)
        ]
        for row in program.run(integers)
    ]


def test_c_computes_what_keras_computes_to_within_its_grid(tmp_path):
    model = small_net()
    artifact = tfedge.convert(model, calibration=images(40))
    assert tfedge.verify(artifact.model, samples=50).passed
    x = images(20)
    actual = np.array([row[0][0] for row in run_real(artifact, tmp_path, [[image] for image in x])])
    assert np.abs(actual - model.predict(x, verbose=0)).max() < 0.05


def test_saved_files_are_complete_and_pass_their_self_test(tmp_path):
    artifact = tfedge.convert(small_net("My.Net"), calibration=images(), target="cortex-m4")
    files = {path.name for path in artifact.save(tmp_path)}
    assert {"my_net.tflite", "my_net.h", "my_net.c", "CMakeLists.txt"} <= files
    program = artifact.source.write(tmp_path / "again")
    assert build_host(program).self_test() == 0
    assert (tmp_path / "my_net.tflite").read_bytes() == artifact.flatbuffer
    assert tfedge.verify(tmp_path / "my_net.tflite", samples=10).passed
    assert "CONV_2D" in artifact.summary()


def test_float_ends(tmp_path):
    artifact = tfedge.convert(
        small_net(), calibration=images(40), input_type="float32", output_type="float32"
    )
    assert tfedge.verify(artifact.model, samples=50).passed
    program = build_host(artifact.source.write(tmp_path))
    x = images(10)
    actual = np.array([row[0][0] for row in program.run([[image[None]] for image in x])])
    assert np.abs(actual - small_net().predict(x, verbose=0)).max() < 0.05


def test_several_inputs_and_outputs_keep_their_names_and_order():
    a, b = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    merged = layers.Subtract()([layers.Dense(4)(a), layers.Dense(4)(b)])
    model = keras.Model(
        [a, b],
        [layers.Dense(2, name="sum")(merged), layers.Activation("tanh", name="bent")(merged)],
    )
    rng = np.random.default_rng(0)
    data = [rng.normal(size=(10, 6)).astype(np.float32) for _ in range(2)]
    artifact = tfedge.convert(model, calibration=data)
    assert [spec.name for spec in artifact.source.inputs] == ["left", "right"]
    assert [spec.shape for spec in artifact.source.outputs] == [(1, 2), (1, 4)]
    assert "MODEL_INPUT_LEFT" in artifact.source.files[f"{artifact.name}.h"].replace(
        artifact.name.upper(), "MODEL"
    )
    assert tfedge.verify(artifact.model, samples=30).passed


class Marked(layers.Layer):
    """A layer that says which values it puts out."""

    def call(self, inputs):
        return mark_range(keras.ops.relu(inputs), 0.0, 4.0)


def test_ranges_from_training_need_no_calibration():
    inputs = keras.Input((4,))
    marked_input = Marked()(inputs)
    model = keras.Model(inputs, Marked()(layers.Dense(3)(marked_input)))
    with pytest.raises(TfedgeError, match="--calibration"):
        tfedge.convert(model)
    artifact = tfedge.convert(model, calibration=images(4, (4,)))
    output = artifact.model.main.outputs[0].quantization
    assert output.scale[0] == np.float32(4.0) / np.float32(255)
    assert output.zero_point[0] == -128


def test_keras_files(tmp_path):
    model = small_net()
    model.save(tmp_path / "net.keras")
    model.save(tmp_path / "net.h5")
    np.savez(tmp_path / "x.npz", image=images())
    made = [
        tfedge.convert(source, calibration=str(tmp_path / "x.npz")).flatbuffer
        for source in (model, tmp_path / "net.keras", str(tmp_path / "net.h5"))
    ]
    assert made[0] == made[1] == made[2]


@pytest.mark.parametrize("name", ["ad", "ic", "kws", "vww"])
def test_mlperf_tiny_models_from_keras_2_files(shared, name):
    path = shared(f"models/mlperf_tiny/{name}.h5")
    shape = {"ad": (640,), "ic": (32, 32, 3), "kws": (49, 10, 1), "vww": (96, 96, 3)}[name]
    artifact = tfedge.convert(path, target="cortex-m4", calibration=images(5, shape))
    assert artifact.name == name
    assert tfedge.verify(artifact.model, samples=10, engines=["c"]).passed


@pytest.mark.parametrize(
    ("target", "kinds"),
    [("tflite", {".tflite"}), ("tflite-micro", {".tflite", ".h", ".c"})],
)
def test_targets_without_generated_c(target, kinds, tmp_path):
    artifact = tfedge.convert(small_net(), target=target, calibration=images())
    assert artifact.source is None
    assert {path.suffix for path in artifact.save(tmp_path)} == kinds


def test_mixed_precision_models():
    keras.utils.set_random_seed(2)
    policy = keras.mixed_precision.DTypePolicy("mixed_float16")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu", dtype=policy),
            layers.GlobalAveragePooling2D(dtype=policy),
            layers.Dense(2, dtype=policy),
        ]
    )
    artifact = tfedge.convert(model, calibration=images())
    assert tfedge.verify(artifact.model, samples=20, engines=["c"]).passed
    assert model.layers[0].dtype_policy.name == "mixed_float16"


def test_weights_that_are_not_numbers_are_named():
    model = small_net()
    model.get_layer("class").kernel.assign(np.full((8, 3), np.nan))
    with pytest.raises(TfedgeError, match=r"class.*kernel"):
        tfedge.convert(model, calibration=images())


def test_what_is_no_model_is_refused():
    with pytest.raises(TfedgeError, match="Keras"):
        tfedge.convert(42)
    with pytest.raises(TfedgeError, match="no target 'cortex-m5'"):
        tfedge.convert(small_net(), target="cortex-m5")
