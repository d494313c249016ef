"""Representative data from all the places that users have it in."""

import numpy as np
import pytest

from tfedge.calibration import InputSpec, RepresentativeData
from tfedge.errors import TfedgeError

IMAGE = InputSpec(("image", "serving_default_image:0"), (1, 4, 3), np.dtype(np.float32))
STATE = InputSpec(("state",), (1, 2), np.dtype(np.float32))
TOKENS = InputSpec(("tokens",), (1, 5), np.dtype(np.int32))
BATCH_OF_TWO = InputSpec(("pairs",), (2, 3), np.dtype(np.float32))

IMAGES = np.arange(7 * 4 * 3, dtype=np.float32).reshape(7, 4, 3)
STATES = np.arange(14, dtype=np.float32).reshape(7, 2)


def samples(data, *inputs):
    return list(RepresentativeData(data, inputs or (IMAGE,)))


def assert_images(found, expected=IMAGES):
    assert len(found) == len(expected)
    for (image,), wanted in zip(found, expected, strict=True):
        assert image.shape == (1, 4, 3) and image.dtype == np.float32
        np.testing.assert_array_equal(image[0], wanted)


def assert_both(found):
    assert_images([[image] for image, _ in found])
    for (_, state), wanted in zip(found, STATES, strict=True):
        np.testing.assert_array_equal(state, wanted[None])


ONE_INPUT = {
    "array": IMAGES,
    "array with batch axis": IMAGES[:, None],
    "array of another type": IMAGES.astype(np.uint8),
    "dict": {"image": IMAGES},
    "dict by tensor name": {"serving_default_image:0": IMAGES},
    "dict with labels beside": {"image": IMAGES, "label": np.zeros(7)},
    "list of samples": list(IMAGES),
    "list of samples with batch axis": list(IMAGES[:, None]),
    "list with one array": [IMAGES],
    "list of lists": [[image] for image in IMAGES],
    "list of tuples": [(image,) for image in IMAGES],
    "list of dicts": [{"image": image} for image in IMAGES],
    "batches": [IMAGES[:3], IMAGES[3:6], IMAGES[6:]],
    "samples and labels": [(image, 1) for image in IMAGES],
    "batches, labels and weights": [(IMAGES[:4], np.ones(4), np.ones(4)), (IMAGES[4:], [1] * 3, 0)],
    "named samples and labels": [({"image": image}, 1) for image in IMAGES],
    "function": lambda: ([image[None]] for image in IMAGES),
}


@pytest.mark.parametrize("data", ONE_INPUT.values(), ids=ONE_INPUT.keys())
def test_one_input(data):
    assert_images(samples(data))


def test_generators_are_read_as_they_come():
    read = []

    def generate():
        for index, image in enumerate(IMAGES):
            read.append(index)
            yield image

    iterator = iter(RepresentativeData(generate(), [IMAGE]))
    next(iterator)
    assert read == [0]


def test_a_single_sample():
    assert_images(samples(IMAGES[3]), IMAGES[3:4])
    assert_images(samples(IMAGES[3:4]), IMAGES[3:4])


TWO_INPUTS = {
    "list": [IMAGES, STATES],
    "tuple": (IMAGES, STATES),
    "dict": {"state": STATES, "image": IMAGES},
    "pairs": list(zip(IMAGES, STATES, strict=True)),
    "lists": [[image, state[None]] for image, state in zip(IMAGES, STATES, strict=True)],
    "pairs and labels": [(pair, 0) for pair in zip(IMAGES, STATES, strict=True)],
    "dicts and labels": [
        ({"image": image, "state": state}, 0) for image, state in zip(IMAGES, STATES, strict=True)
    ],
    "batched pairs": [(IMAGES[:5], STATES[:5]), (IMAGES[5:], STATES[5:])],
}


@pytest.mark.parametrize("data", TWO_INPUTS.values(), ids=TWO_INPUTS.keys())
def test_two_inputs(data):
    assert_both(samples(data, IMAGE, STATE))


def test_inputs_with_a_real_batch():
    data = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    found = samples(data, BATCH_OF_TWO)
    assert [sample[0].shape for sample in found] == [(2, 3)] * 4


def test_integers_may_come_in_any_type():
    for dtype in (np.int64, np.uint8, np.float32):
        ((tokens,), _) = samples(np.arange(10).reshape(2, 5).astype(dtype), TOKENS)
        assert tokens.dtype == np.int32
        np.testing.assert_array_equal(tokens, [[0, 1, 2, 3, 4]])


def test_total_is_known_for_data_in_memory():
    assert RepresentativeData(IMAGES, [IMAGE]).total == 7
    assert RepresentativeData(iter(IMAGES), [IMAGE]).total is None


def tf_datasets():
    tf = pytest.importorskip("tensorflow")
    images = tf.data.Dataset.from_tensor_slices(IMAGES)
    labelled = tf.data.Dataset.from_tensor_slices((IMAGES, np.arange(7)))
    named = tf.data.Dataset.from_tensor_slices(({"image": IMAGES}, np.arange(7)))
    return [images, images.batch(3), labelled, labelled.batch(2), named.batch(7)]


def test_tf_data():
    for dataset in tf_datasets():
        assert_images(samples(dataset))


def test_tf_data_with_two_inputs():
    tf = pytest.importorskip("tensorflow")
    plain = tf.data.Dataset.from_tensor_slices((IMAGES, STATES))
    labelled = tf.data.Dataset.from_tensor_slices(((IMAGES, STATES), np.arange(7)))
    for dataset in (plain, plain.batch(2), labelled, labelled.batch(4)):
        assert_both(samples(dataset, IMAGE, STATE))


def test_endless_tf_data_is_refused():
    tf = pytest.importorskip("tensorflow")
    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).repeat()
    with pytest.raises(TfedgeError, match=r"never ends.*take"):
        samples(dataset)
    assert len(samples(dataset.take(9))) == 9


@pytest.mark.parametrize(
    "arrays",
    [
        {"anything": IMAGES},
        {"image": IMAGES, "other": STATES},
        {"x": IMAGES, "y": np.zeros(7)},
        {"y_train": np.zeros(7), "x_test": STATES, "x_train": IMAGES},
    ],
)
def test_npz_with_one_input(tmp_path, arrays):
    path = tmp_path / "data.npz"
    np.savez(path, **arrays)
    assert_images(samples(path))
    assert_images(samples(str(path)))


def test_npz_with_two_inputs(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, state=STATES, image=IMAGES)
    assert_both(samples(path, IMAGE, STATE))


def test_npz_without_a_fitting_name(tmp_path):
    path = tmp_path / "data.npz"
    np.savez(path, a=IMAGES, b=STATES)
    with pytest.raises(TfedgeError, match=r"data.npz: holds the arrays a, b; .*'image'"):
        samples(path)


def damaged(path):
    """Files that are not an .npz archive, each in its own way."""
    np.savez(path, image=IMAGES)
    whole = path.read_bytes()
    yield whole[: len(whole) // 2]
    yield whole[:200] + bytes(50) + whole[250:]
    yield b""
    yield b"not a zip file at all"
    np.save(path.with_suffix(".npy"), IMAGES)
    yield path.with_suffix(".npy").read_bytes()
    np.savez(path, image=np.array([{"a": 1}], dtype=object))
    yield path.read_bytes()


def test_unreadable_npz(tmp_path):
    path = tmp_path / "data.npz"
    for content in list(damaged(path)):
        path.write_bytes(content)
        with pytest.raises(TfedgeError, match=r"data.npz: cannot be read as an .npz file"):
            samples(path)
    with pytest.raises(TfedgeError, match="cannot be read"):
        samples(tmp_path / "missing.npz")


ERRORS = {
    "shape": (np.zeros((7, 3, 4)), r"'image' takes samples of shape \(4, 3\).*got \(7, 3, 4\)"),
    "shape in an item": ([IMAGES[0], np.zeros(5)], r"item 1: input 'image'.*got \(5,\)"),
    "nan": (np.where(IMAGES == 5, np.nan, IMAGES), r"'image' has values that are NaN"),
    "inf": ([IMAGES[0], IMAGES[1] * np.inf], r"item 1: .*'image'.*infinite"),
    "beyond float32": (np.full((2, 4, 3), 1e300), "infinite"),
    "empty array": (np.zeros((0, 4, 3)), "not a single sample"),
    "empty iterable": (iter([]), "not a single sample"),
    "number of inputs": ([[IMAGES[0], STATES[0]]], r"item 0: 2 values for 1 inputs.*'image'"),
    "names": ({"picture": IMAGES}, r"has values for 'picture'; the inputs are 'image'"),
    "text": ([np.array(["a", "b"])], r"takes numbers of type float32, not <U1"),
    "type": (7, r"a int cannot be used; give a numpy array"),
    "ragged": ([[[1.0, 2.0], [3.0]]], "2 values for 1 inputs"),
}


@pytest.mark.parametrize(("data", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_errors(data, message):
    with pytest.raises(TfedgeError, match="representative data: .*" + message):
        samples(data)


def test_inputs_with_different_numbers_of_samples():
    with pytest.raises(TfedgeError, match="7 for 'image', 6 for 'state'"):
        samples([IMAGES, STATES[:6]], IMAGE, STATE)


def test_missing_inputs_are_named():
    with pytest.raises(TfedgeError, match=r"item 0: 1 values for 2 inputs.*'image'.*'state'"):
        samples(list(IMAGES), IMAGE, STATE)


@pytest.mark.parametrize("values", [np.full((1, 5), 0.5), np.full((1, 5), 2**40)])
def test_values_that_are_no_such_integers(values):
    with pytest.raises(TfedgeError, match=r"'tokens' takes int32"):
        samples(values, TOKENS)
