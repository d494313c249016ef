"""Files of models run no code unless they are allowed to, and read no other files."""

from __future__ import annotations

import base64
import concurrent.futures
import contextlib
import copy
import importlib
import io
import json
import os
import stat
import sys
import zipfile
import zlib

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2
from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

from tfedge.errors import ModelFileError, TfedgeError
from tfedge_converters.cli import main
from tfedge_converters.export import load_keras
from tfedge_converters.export.trust import CodeRefusedError, check_configs
from tfedge_converters.export.trust.known_names import names_of_keras3, names_of_tf_keras
from tfedge_converters.export.weight_budget import weights_within
from tfedge_converters.worker import hdf5


@pytest.fixture
def marker(tmp_path):
    """A file that code in a model would write."""
    return tmp_path / "written"


def touching(marker):
    """A function of a tensor that leaves a trace."""
    return eval(f"lambda x: (__import__('pathlib').Path({str(marker)!r}).touch(), x)[1]")


def refused(path, marker, *words):
    """Opening a file is refused with these words; nothing has run."""
    with pytest.raises(CodeRefusedError) as caught:
        load_keras(path)
    message = str(caught.value)
    for word in (*words, "allow_code=True (--allow-code)"):
        assert word in message
    assert message.startswith(f"{path}: ") and "\n" not in message
    assert not marker.exists()


def runs_if_allowed(path, marker):
    with contextlib.suppress(TfedgeError):  # what a function returns may be no tensor
        load_keras(path, allow_code=True)
    assert marker.exists()


def keras2_net(layer):
    return tf_keras.Sequential([tf_keras.Input((4,)), layer])


@pytest.mark.parametrize(
    "spelling", ['"Lambda"', '"L\\u0061mbda"', ' \t"Lambda"'], ids=["plain", "escaped", "spaced"]
)
def test_lambda_layers_of_keras_2(tmp_path, marker, spelling):
    net = keras2_net(tf_keras.layers.Lambda(touching(marker), name="shady"))
    net.save(tmp_path / "net.h5")
    marker.unlink()
    with h5py.File(tmp_path / "net.h5", "r+") as file:
        config = file.attrs["model_config"]
        assert '"Lambda"' in config
        file.attrs["model_config"] = config.replace('"Lambda"', spelling)
    refused(tmp_path / "net.h5", marker, "layer 'shady' (model_config: config.layers[1])", "Lambda")
    runs_if_allowed(tmp_path / "net.h5", marker)


def test_lambda_layers_in_saved_models(tmp_path, marker):
    keras2_net(tf_keras.layers.Lambda(touching(marker), name="shady")).save(tmp_path / "net")
    marker.unlink()
    metadata = tmp_path / "net/keras_metadata.pb"
    described = SavedMetadata.FromString(metadata.read_bytes())
    for node in described.nodes:
        node.metadata = node.metadata.replace('"Lambda"', '"L\\u0061mbda"')
    escaped = described.SerializeToString()
    for node in list(described.nodes):
        described.nodes.add(node_path=node.node_path, metadata="{}")  # another of the same name
    for content in (described.SerializeToString(), escaped):
        metadata.write_bytes(content)
        refused(tmp_path / "net", marker, "layer 'shady' (node", "Lambda")
    runs_if_allowed(tmp_path / "net", marker)


def test_vocabularies_of_saved_models_are_in_them(tmp_path, marker):
    keras2_net(tf_keras.layers.Dense(3, name="shady")).save(tmp_path / "net")
    metadata = tmp_path / "net/keras_metadata.pb"
    described = SavedMetadata.FromString(metadata.read_bytes())
    for node in described.nodes:
        content = json.loads(node.metadata)
        if content["name"] == "shady":
            config = {"name": "shady", "vocabulary": "/etc/hostname"}
            node.metadata = json.dumps({**content, "class_name": "StringLookup", "config": config})
    metadata.write_bytes(described.SerializeToString())
    refused(tmp_path / "net", marker, "layer 'shady' (node", "reads its vocabulary from a file")


def test_pipes_are_not_waited_for(tmp_path):
    """Nor are parts of folders; what is too large for its form is not read."""
    keras2_net(tf_keras.layers.Dense(3)).save(tmp_path / "net")
    graphs = tmp_path / "net/saved_model.pb"
    os.truncate(graphs, 1 << 35)
    with pytest.raises(ModelFileError, match="it is larger than 2 GiB"):
        load_keras(tmp_path / "net")
    for part in (graphs, tmp_path / "net/variables/variables.index"):
        part.unlink()
        os.mkfifo(part)
        with pytest.raises(ModelFileError, match=f"{part.name}' is no file; save it again"):
            load_keras(tmp_path / "net")
        part.unlink()
        part.touch()


def test_a_folder_is_what_it_was_taken_for(tmp_path, marker):
    """An unpacked archive that Keras cannot open is no SavedModel, whatever is beside it."""
    keras2_net(tf_keras.layers.Lambda(touching(marker))).save(tmp_path / "net")
    marker.unlink()
    with zipfile.ZipFile(saved_net(tmp_path / "net.keras")) as archive:
        for name in ("config.json", "metadata.json"):
            archive.extract(name, tmp_path / "net")
    with pytest.raises(ModelFileError, match="Keras cannot open it"):
        load_keras(tmp_path / "net")
    assert not marker.exists()


def test_the_unpacked_folder_of_an_archive(tmp_path):
    with zipfile.ZipFile(saved_net(tmp_path / "net.keras")) as archive:
        archive.extractall(tmp_path / "folder")
    assert load_keras(tmp_path / "folder").count_params() == 12


def edit_archive(path, change):
    """Changes the configuration in a .keras archive, and any other members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config, members)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_lambda_functions_of_keras_3(tmp_path, marker):
    inner = keras.layers.Lambda(touching(marker), name="shady")
    net = keras.Sequential([keras.Input((2, 3)), keras.layers.TimeDistributed(inner)])
    net.save(tmp_path / "net.keras")
    net.save(tmp_path / "net.h5")
    marker.unlink()
    where = "config.layers[1].config.layer"
    for name, source in (("net.keras", "config.json"), ("net.h5", "model_config")):
        refused(tmp_path / name, marker, f"layer 'shady' ({source}: {where})")
        runs_if_allowed(tmp_path / name, marker)
        marker.unlink()


@pytest.fixture
def foreign_module(tmp_path, monkeypatch, marker):
    """A module that leaves a trace when it is imported."""
    (tmp_path / "foreign_layers.py").write_text(
        "import keras, pathlib\n"
        f"pathlib.Path({str(marker)!r}).touch()\n"
        "class Doubled(keras.layers.Dense):\n"
        "    def call(self, x):\n"
        "        return 2 * super().call(x)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "foreign_layers"
    sys.modules.pop("foreign_layers", None)


def test_modules_that_a_file_names_are_not_imported(tmp_path, marker, foreign_module):
    foreign = importlib.import_module(foreign_module)
    layer = foreign.Doubled(3, name="own")
    net = keras.Sequential([keras.Input((4,)), layer])
    path = tmp_path / "net.keras"
    net.save(path)
    marker.unlink()
    del sys.modules[foreign_module]
    refused(path, marker, "layer 'own' (config.json: config.layers[1]) uses 'foreign_layers.Doubl")
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(load_keras(path, allow_code=True)(x), net(x), rtol=1e-6)
    assert marker.exists()


def test_functions_that_a_file_names_are_not_called(tmp_path, marker):
    x = tf_keras.Input((4,), name="x")
    tf_keras.Model(x, tf.add(x, 1.0, name="shady")).save(tmp_path / "net.h5")
    assert load_keras(tmp_path / "net.h5").layers[1].name  # what computes is what it was
    source = tmp_path / "source"
    source.write_text("content")
    with h5py.File(tmp_path / "net.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        layer = config["config"]["layers"][1]
        layer["config"]["function"] = "keras.utils.get_file"
        arguments = {
            "origin": f"file://{source}", "cache_dir": str(tmp_path), "cache_subdir": ".",
            "hash_algorithm": ["x", 0, 0],
        }  # fmt: skip
        layer["inbound_nodes"] = [["_CONSTANT_VALUE", -1, marker.name, arguments]]
        file.attrs["model_config"] = json.dumps(config)
    refused(tmp_path / "net.h5", marker, "calls 'keras.utils.get_file'")
    runs_if_allowed(tmp_path / "net.h5", marker)


DENSE = {
    "module": "keras.layers", "class_name": "Dense", "registered_name": None,
    "config": {"name": "d", "units": 2},
}  # fmt: skip


def dense(**changes):
    return {**copy.deepcopy(DENSE), **changes}


def function(**changes):
    described = {"class_name": "function", "module": "builtins", "config": "relu"}
    return dense(config={"name": "d", "activation": {**described, **changes}})


def array(kind, dtype):
    return {"class_name": kind, "config": {"value": [1.0, 2.0, 3.0], "dtype": dtype}}


@pytest.mark.parametrize("kind", ["__numpy__", "__tensor__"])
@pytest.mark.parametrize("allow_code", [False, True])
def test_arrays_whose_elements_are_of_any_size(tmp_path, kind, allow_code):
    """A few bytes of text would take gigabytes."""
    path = saved_net(tmp_path / "net.keras")

    def hold(dtype):
        def change(config, members):
            value = dense(class_name="Constant", config={"value": array(kind, dtype)})
            value["module"] = "keras.initializers"
            config["config"]["layers"][1]["config"]["kernel_initializer"] = value

        edit_archive(path, change)

    for dtype in ("S900000000", "U900000000", "V9", "(30000,30000)f4", "f4,(9999,9999)f4", 7, None):
        hold(dtype)
        with pytest.raises(
            ModelFileError, match=r"'d' .*initializer.config.value\) is an array of"
        ):
            load_keras(path, allow_code=allow_code)
    hold("float32")
    assert load_keras(path, allow_code=allow_code).count_params() == 12


@keras.saving.register_keras_serializable("tests")
def own_function(x):
    return x


HARMLESS = {
    "a layer": dense(),
    "a layer without a module": {"class_name": "Dense", "config": {"name": "d"}},
    "an activation": function(),
    "an activation's name": dense(config={"activation": "relu"}),
}
HARMFUL = {
    "a class elsewhere": dense(module="os", class_name="system"),
    "its other name": dense(registered_name="system"),
    "a known name elsewhere": dense(module="subprocess"),
    "no string": dense(class_name=["Dense"]),
    "a function elsewhere": function(module="os", config="system"),
    "a known function elsewhere": function(module="shutil", config="copy"),
    "a module of Keras with other functions": function(module="keras.utils.file_utils"),
    "a function that is no mathematics": function(module="keras.utils", config="get_file"),
    "what loads more": function(module="keras.activations", config="deserialize"),
    "an unpickler": dense(class_name="TorchModuleWrapper"),
    "another SavedModel": dense(class_name="TFSMLayer", config={"filepath": "/tmp/other"}),
    "a wrapper with code": dense(class_name="ResidualWrapper", module=None),
    "a lambda": dense(config={"f": {"class_name": "__lambda__", "config": {"value": "AA=="}}}),
    "a vocabulary's path": dense(class_name="StringLookup", config={"vocabulary": "/etc/passwd"}),
    "a type elsewhere": {
        "class_name": "__typespec__", "spec_name": "system", "module": "os", "config": ["ls"],
    },
    "an old operator": {
        "class_name": "TensorFlowOpLayer", "config": {"name": "d", "node_def": {"op": "WriteFile"}},
    },
    "an old operator in bytes": {
        "class_name": "TensorFlowOpLayer", "config": {"name": "d", "node_def": "{}"},
    },
    "deep inside": {"a": [{"b": [[dense(module="os", class_name="system")]]}]},
}  # fmt: skip


@pytest.mark.parametrize("names", [names_of_keras3, names_of_tf_keras])
def test_what_configurations_name(names):
    for config in HARMLESS.values():
        check_configs({"config.json": config}, names())
    for what, config in HARMFUL.items():
        with pytest.raises(CodeRefusedError):
            check_configs({"config.json": config}, names())
            pytest.fail(f"{what} was let through")


def test_what_a_program_has_registered():
    names = names_of_keras3()
    for function_name in ("tests>own_function", "own_function"):  # Keras 3.6 leaves the package out
        check_configs({"config.json": function(config=function_name)}, names)
    with pytest.raises(CodeRefusedError, match="uses 'other_function', which is none"):
        check_configs({"config.json": function(config="other_function")}, names)


def test_what_both_keras_save_of_their_own():
    x = keras.Input((8, 8, 3))
    y = keras.ops.mean(keras.ops.relu(x[:, 1:, ::2]) * 2 + x[:, :1, ::2], axis=(1, 2))
    y = keras.layers.Dense(2, "gelu", dtype="mixed_float16", kernel_regularizer="l2")(y)
    net = keras.Model(x, keras.ops.softmax(keras.ops.concatenate([y, y], -1)))
    check_configs({"config.json": json.loads(net.to_json())}, names_of_keras3())
    x = tf_keras.Input((8, 8, 3))
    y = tf.nn.relu(tf.reduce_mean(tf.image.resize(x[:, 1:, ::2] * 2 + 1, (4, 4)), axis=[1, 2]))
    y = tf.clip_by_value(tf.reshape(tf.concat([y, y], -1), (-1, 6)), 0, 1)
    net = tf_keras.Model(x, tf_keras.backend.mean(y, axis=-1, keepdims=True))
    check_configs({"model_config": json.loads(net.to_json())}, names_of_tf_keras())


class Reads(tf.Module):
    """Serves what is in a file."""

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")])
    def serve(self, x):
        read = tf.strings.length(tf.io.read_file("/etc/hostname"))
        return {"y": x + tf.cast(read, tf.float32)}


class Initialises(tf.saved_model.experimental.TrackableResource):
    """Writes a file when it is opened."""

    def __init__(self, path):
        super().__init__()
        self.path = tf.constant(str(path))
        self.resource_handle  # noqa: B018 - made on the first look

    def _create_resource(self):
        return tf.raw_ops.MutableHashTableV2(key_dtype=tf.int64, value_dtype=tf.float32)

    def _initialize(self):
        tf.io.write_file(self.path, "x")


class Serves(tf.Module):
    """Computes, and has something beside that."""

    def __init__(self, extra):
        super().__init__()
        self.extra = extra
        self.scale = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32, name="x")])
    def serve(self, x):
        return {"y": x * self.scale}


def test_operators_that_reach_beyond_the_graph(tmp_path, marker):
    module = Reads()
    tf.saved_model.save(module, str(tmp_path / "reads"), signatures=module.serve)
    refused(tmp_path / "reads", marker, "is of the operator ReadFile", "of function '")
    module = Serves(Initialises(marker))
    tf.saved_model.save(module, str(tmp_path / "writes"), signatures=module.serve)
    refused(tmp_path / "writes", marker, "is of the operator WriteFile", "of function '")
    runs_if_allowed(tmp_path / "writes", marker)


def test_operators_of_the_checkpoint_serve_nothing_else(tmp_path, marker):
    """Every SavedModel has functions that save and restore it, which nobody else may use."""
    module = Serves(None)
    path = tmp_path / "net"
    tf.saved_model.save(module, str(path), signatures=module.serve)
    assert load_keras(path)({"x": tf.ones((1, 2))})["y"].numpy().tolist() == [[2.0, 2.0]]
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    (graph,) = saved.meta_graphs
    library = graph.graph_def.library.function
    (saves,) = (f.signature.name for f in library if any(n.op == "SaveV2" for n in f.node_def))
    serving = next(f for f in library if "serve" in f.signature.name)
    node = serving.node_def.add(name="again", op="StatefulPartitionedCall")
    node.attr["f"].func.name = saves
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    refused(path, marker, f"of function '{saves}'")


def test_the_checkpoint_of_tensorflow_1(tmp_path, marker):
    """There it is nodes among the others, and opening a folder runs what restores variables."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, (None, 2))
        y = x @ tf.compat.v1.get_variable("w", (2, 3))
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.saved_model.simple_save(session, str(tmp_path / "net"), {"x": x}, {"y": y})
    assert load_keras(tmp_path / "net")({"x": tf.ones((1, 2))})["y"].shape == (1, 3)
    path = tmp_path / "net/saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    (graph,) = saved.meta_graphs
    (restores,) = (n for n in graph.graph_def.node if n.name == graph.saver_def.restore_op_name)
    restores.input.append("^" + graph.saver_def.save_tensor_name.partition(":")[0])
    path.write_bytes(saved.SerializeToString())
    refused(tmp_path / "net", marker, "is of the operator SaveV2")


def saved_net(path):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="d", use_bias=False)])
    net.save(path)
    return path


def replaced(file, change, other):
    """Puts something else in the place of the only weights in an HDF5 file."""
    names = []
    file.visititems(lambda n, i: names.append(n) if isinstance(i, h5py.Dataset) else None)
    (name,) = names
    del file[name]
    change(file, name, other)


def linked(file, name, other):
    file[name] = h5py.ExternalLink(str(other), "/secret")


def outside(file, name, other):
    file.create_dataset(name, (4, 3), "f4", external=[(str(other), 0, 48)])


def virtual(file, name, other):
    layout = h5py.VirtualLayout((4, 3), "f4")
    layout[:] = h5py.VirtualSource(str(other), "secret", (4, 3))
    file.create_virtual_dataset(name, layout)


def unstored(file, name, other):
    file.create_dataset(name, (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))


def in_large_pieces(file, name, other):
    pieces = (1 << 16, 1 << 12)
    file.create_dataset(name, (4, 3), "f4", chunks=pieces, maxshape=(None, None), compression=9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (linked, "is a link to another file"),
        (outside, "lies in other files"),
        (virtual, "lies in other files"),
        (unstored, "declares 4,398,046,511,104 bytes, of which 0 are stored"),
        (in_large_pieces, "declares 1,073,741,824 bytes, of which 0 are stored"),
    ],
)
def test_weights_are_in_their_own_file(tmp_path, change, words):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones((4, 3), np.float32)
    with h5py.File(saved_net(tmp_path / "net.h5"), "r+") as file:
        replaced(file, change, tmp_path / "other.h5")
    with pytest.raises(ModelFileError, match=words):
        load_keras(tmp_path / "net.h5", allow_code=True)

    def replace(_, members):
        content = io.BytesIO(members["model.weights.h5"])
        with h5py.File(content, "r+") as file:
            replaced(file, change, tmp_path / "other.h5")
        members["model.weights.h5"] = content.getvalue()

    saved_net(tmp_path / "net.keras")
    edit_archive(tmp_path / "net.keras", replace)
    with pytest.raises(ModelFileError, match=words):
        load_keras(tmp_path / "net.keras")


def add_outside(archive):
    archive.writestr("assets/../../escaped", "x")


def add_link(archive):
    member = zipfile.ZipInfo("assets/link")
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(member, "/etc/passwd")


def add_twice(archive):
    archive.writestr("metadata.json", "{}")


def add_bomb(archive):
    archive.writestr("assets/zeros", bytes(70 << 20), zipfile.ZIP_DEFLATED)


def add_damaged(archive):
    archive.writestr("assets/x", b"x")
    archive.getinfo("assets/x").CRC ^= 1


def add_folder(archive):
    archive.writestr("config.json/", b"")


def add_into_a_file(archive):
    archive.writestr("config.json/x", b"")


@pytest.mark.parametrize(
    ("add", "words"),
    [
        (add_outside, "'assets/../../escaped' would be unpacked outside"),
        (add_link, "'assets/link' is a link"),
        (add_twice, "'metadata.json' is there twice"),
        (add_damaged, "'assets/x' is damaged"),
        (add_folder, "'config.json/' is there twice"),
        (add_into_a_file, "'config.json/x' would be unpacked into another member, which is no fol"),
        (add_bomb, "'assets/zeros' unpacks to 73,400,320 bytes"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_stay_within_themselves(tmp_path, add, words):
    with zipfile.ZipFile(saved_net(tmp_path / "net.keras"), "a") as archive:
        add(archive)
    with pytest.raises(ModelFileError, match=words):
        load_keras(tmp_path / "net.keras", allow_code=True)


# An HDF5 file of 10 KB with a damaged heap of names, on which libhdf5 ends its process.
_DEADLY = zlib.decompress(
    base64.b64decode(
        "eNrtmL1Ow0AMx+1cWqJSRCIxFKaOjAzdC6KhGRBFwNCRjx0xpqqQGMsb8Ah9FB6nb1CSnC/NHa1UAUKV+v8tju+c88mx"
        "z0nek97FXuOoQTlBQD6FVGUu0LGjC/ciWeRE5NQz46qYa8l4KOu/7Nj3393EcW49dyg3ItsKCGwjSXx2ncuhnQ706dl2"
        "D04+Jr/0y1TTa7HRdSYzs+XHSJXN59dRuyu5ekqdXerMlZ6vZaP5vOd5rPNZr6fYpLab4ZONeg6r6nlW1/rbmvWcRKhn"
        "1PP3ev6o23aPf1zPkXga+lpPxV9TOhGTRwdZdj+L/SHrvYXlHgKr/s3xY8nW4lpVdK74d/tkMzsnFv4DejL+x7zc/xJ/"
        "6sdRmXWRkQAAAMD2cHs16DGVHx904tvvW+57Elgvjm2FmAAAANhc+ueDy6LXh3bfN+1rNBoV0v3Pkaa2nRkfv9rrT/cR"
        "YwAAAAAAsAJGCAAA4L/4ApcAUZ8="
    )
)


def test_a_file_that_ends_the_hdf5_library_ends_nothing_else(tmp_path):
    (tmp_path / "net.h5").write_bytes(_DEADLY)
    with pytest.raises(ModelFileError, match=r"net.h5: the HDF5 library cannot read it: its proc"):
        load_keras(tmp_path / "net.h5", allow_code=True)

    def replace(_, members):
        members["model.weights.h5"] = _DEADLY

    edit_archive(saved_net(tmp_path / "net.keras"), replace)
    with pytest.raises(ModelFileError, match=r"net.keras: the HDF5 library cannot read it: its pr"):
        load_keras(tmp_path / "net.keras")


def test_a_saved_model_that_ends_tensorflow_ends_nothing_else(tmp_path):
    """Where a slice begins is an integer to whoever finds out how large the slice is."""

    class Slices(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
        def serve(self, x):
            return {"y": x[:, 1:3]}

    module = Slices()
    tf.saved_model.save(module, str(tmp_path / "net"), signatures=module.serve)
    path = tmp_path / "net/saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for function in saved.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "Const" and node.name.startswith("strided_slice/stack"):
                node.attr["value"].tensor.dtype = 1
    path.write_bytes(saved.SerializeToString())
    words = "net: TensorFlow cannot read it: its process ended with SIGABRT .begin must be either"
    with pytest.raises(ModelFileError, match=words):
        load_keras(tmp_path / "net")


def test_all_of_an_array_is_read_in_small_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "_PART_BYTES", 100)
    with h5py.File(tmp_path / "net.h5", "w") as file:
        for shape in ((), (3,), (30,), (2, 3, 5), (2, 300), (0, 3)):
            name, values = str(shape), np.arange(np.prod(shape, dtype=int)).reshape(shape)
            file[name] = values
            found = np.zeros(shape, int)
            for part in hdf5._parts(file[name]):
                assert found[part].nbytes <= 100
                found[part] += file[name][part]
            assert (found == values).all()


def test_a_file_asks_for_no_more_weights_than_it_holds(tmp_path):
    """Keras and tf_keras make all weights before they look for their values."""
    units = 3_000_000_000
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="wide")])
    net.save(tmp_path / "net.keras")
    edit_archive(
        tmp_path / "net.keras",
        lambda config, _: config["config"]["layers"][1]["config"].update(units=units),
    )
    keras2_net(tf_keras.layers.Dense(3, name="wide")).save(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "r+") as file:
        text = file.attrs["model_config"]
        file.attrs["model_config"] = text.replace('"units": 3', f'"units": {units}')
    for name in ("net.keras", "net.h5"):
        with pytest.raises(ModelFileError, match=r"'wide' brings the model to [\d,]+,000 weights"):
            load_keras(tmp_path / name)
    wide = keras.Sequential([keras.Input((4,)), keras.layers.Dense(50_000)])
    wide.save(tmp_path / "wide.keras")
    assert load_keras(tmp_path / "wide.keras").count_params() == 250_000


def test_other_threads_make_layers_of_any_size_meanwhile(tmp_path):
    """Files are opened in two threads; who began first is done first."""
    small = tmp_path / "small"
    small.touch()
    own, sizes = keras.layers.Layer.add_weight, (4096, 4097)  # 64 MiB and a little more

    def made():
        return keras.layers.Layer().add_weight(shape=sizes, initializer="zeros").shape

    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        with weights_within(small, keras.layers.Layer):
            assert thread.submit(made).result() == sizes
            other = weights_within(small, keras.layers.Layer)
            thread.submit(other.__enter__).result()
        assert made() == sizes
        with pytest.raises(ModelFileError, match="brings the model to 16,781,312 weights"):
            thread.submit(made).result()
        thread.submit(other.__exit__, None, None, None).result()
    assert keras.layers.Layer.add_weight is own


def test_descriptions_are_no_deeper_than_python_calls(tmp_path):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    net.save(tmp_path / "net.keras")
    deep = []
    for _ in range(300):
        deep = [deep]
    edit_archive(
        tmp_path / "net.keras",
        lambda config, _: config["config"]["layers"][1]["config"].update(kernel_constraint=deep),
    )
    with pytest.raises(ModelFileError, match="nested more than 200 deep"):
        load_keras(tmp_path / "net.keras")


def test_descriptions_are_no_longer_than_models_have(tmp_path):
    with zipfile.ZipFile(tmp_path / "net.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
        archive.writestr("config.json", '{"layers": [' + "{}," * (6 << 20) + "{}]}")
    with pytest.raises(ModelFileError, match="is longer than 16,777,216 bytes"):
        load_keras(tmp_path / "net.keras")


@pytest.mark.parametrize("place", ["kernel_regularizer", "units", "activation"])
def test_messages_are_short_whatever_a_file_says(tmp_path, place):
    edit_archive(
        saved_net(tmp_path / "net.keras"),
        lambda config, _: config["config"]["layers"][1]["config"].update({place: "a" * 100_000}),
    )
    with pytest.raises(TfedgeError, match=r"aaaa") as caught:
        load_keras(tmp_path / "net.keras")
    assert len(str(caught.value)) < 2000
    assert "CodeRefusedError" not in str(caught.value)  # which tf_keras alone would have asked for


@pytest.mark.parametrize("attribute", ["keras_version", "model_config"])
def test_attributes_that_are_no_text(tmp_path, attribute):
    keras2_net(tf_keras.layers.Dense(3)).save(tmp_path / "net.h5")
    with h5py.File(tmp_path / "net.h5", "r+") as file:
        file.attrs[attribute] = 3
    with pytest.raises(ModelFileError, match=f"'{attribute}' is no text"):
        load_keras(tmp_path / "net.h5")


def test_every_command_asks(tmp_path, marker, capsys):
    net = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(touching(marker), name="shady")])
    path, data, output = (str(tmp_path / name) for name in ("net.keras", "data.npz", "out"))
    net.save(path)
    np.savez(data, x=np.ones((8, 4), np.float32))
    marker.unlink()
    commands = {
        "convert": ["--output", output, "--target", "tflite", "--quantization", "float32"],
        "calibrate": ["--data", data, "--output", output],
        "check": [],
        "diagnose": ["--calibration", data],
        "search": ["--calibration", data],
    }
    for command, options in commands.items():
        assert main([command, path, *options]) == 2
        assert "layer 'shady' (config.json: config.layers[1])" in capsys.readouterr().err
        assert not marker.exists()
    assert main(["convert", path, *commands["convert"], "--allow-code"]) == 0
    assert marker.exists()
