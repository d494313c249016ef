"""Kills writers at random moments: they leave the old state, the new one, or what says so.

    make sweep SWEEP=killed_writers SEED=1 COUNT=1000

Every writer works in a child of this process, which is killed with SIGKILL at a random moment of
its work. Then it works once more, undisturbed, on what was left: that has to end in the new state.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hostile.bases import float_twin
from random_graphs import random_model
from written_sets import content as content_of
from written_sets import ended, leftovers, state

import tfedge
from tfedge.errors import TfedgeError
from tfedge_converters.graph import write_model
from tfedge_converters.ptq.calibration import Calibration
from tfedge_converters.verify.written import open_written

_TIMED = 5
_BEYOND = 1.2  # of the length of the work, so that some of it comes to its end
_MAIN = """#include "net.h"
static union { uint8_t bytes[NET_ARENA_BYTES]; long double align; } arena;
int main(void) {
  net_context context;
  return net_init(&context, arena.bytes, sizeof arena.bytes) || net_self_test(&context);
}
"""

Begin = Callable[[], None]


@dataclass(frozen=True)
class Writer:
    """Something that writes.

    Attributes:
        name: what the report calls it.
        share: of the kills.
        prepare: makes a place look as it does before.
        work: in a place; calls what it is given when it begins to write.
        judge: of a place, "old", "new", or how what lies there says that it is neither.
    """

    name: str
    share: float
    prepare: Callable[[Path], Any]
    work: Callable[[Path, Begin], Any]
    judge: Callable[[Path], str]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1000)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for writer in (*conversions(folder), calibration(folder), cache(folder), checkpoint()):
            count = max(1, round(arguments.count * writer.share))
            began = time.monotonic()
            length, found = kill(writer, count, rng, folder / writer.name)
            words = ", ".join(f"{number} {what}" for what, number in sorted(found.items()))
            print(
                f"{writer.name}: {count} kills within {1000 * length:.0f} ms of work: {words} "
                f"({time.monotonic() - began:.0f} s)",
                flush=True,
            )
    return 0


def kill(
    writer: Writer, count: int, rng: random.Random, folder: Path
) -> tuple[float, collections.Counter[str]]:
    """How long a writer works, in seconds, and what it left when it was killed."""
    length = statistics.median(_worked(writer, folder / f"timed_{i}") for i in range(_TIMED))
    found: collections.Counter[str] = collections.Counter()
    for number in range(count):
        place = folder / f"{number}"
        place.mkdir(parents=True)
        writer.prepare(place)
        ended(lambda begin, at=place: writer.work(at, begin), rng.uniform(0, _BEYOND * length))
        found[_told(writer, place)] += 1
        status, _ = ended(lambda begin, at=place: writer.work(at, begin))
        assert status == 0 and _told(writer, place) == "new", f"{writer.name} does not recover"
        assert not leftovers(place)
        shutil.rmtree(place)
    return length, found


def _worked(writer: Writer, place: Path) -> float:
    place.mkdir(parents=True)
    writer.prepare(place)
    assert _told(writer, place) == "old"
    status, seconds = ended(lambda begin: writer.work(place, begin))
    assert status == 0 and _told(writer, place) == "new"
    return seconds


def _told(writer: Writer, place: Path) -> str:
    """What a judge says, in a child too, for TensorFlow must not run in who is to be forked."""
    reader, pipe = os.pipe()
    status, _ = ended(lambda begin: os.write(pipe, writer.judge(place).encode()))
    os.close(pipe)
    with os.fdopen(reader, "rb") as answer:
        text = answer.read().decode()
    assert status == 0, f"{writer.name}: what is left in {place} is mixed, or no one can read it"
    return text


def conversions(folder: Path) -> Iterator[Writer]:
    """Conversions into a folder that holds another: of other weights, for a target, of a name."""

    def converted(seed: int, name: str = "net", target: str = "cortex-m4") -> Any:
        return tfedge.convert(
            write_model(random_model("conv_2d", seed, 1)), name=name, target=target
        )

    old = converted(1)
    for what, new in (
        ("other weights", converted(2)),
        ("another target", converted(1, target="tflite-micro")),
        ("another name", converted(1, "other")),
    ):
        place = folder / f"{what} whole"
        states = {}
        for when, artifact in (("old", old), ("new", new)):
            artifact.save(place)
            states[when] = content_of(place)

        def work(place: Path, begin: Begin, new: Any = new) -> None:
            begin()
            new.save(place)

        def judge(place: Path, states: Any = states) -> str:
            found = state(place, states)
            if found == "incomplete":
                _refuse_by_every_door(place)
            return found

        yield Writer(f"conversion, {what}", 0.2, old.save, work, judge)


def _refuse_by_every_door(place: Path) -> None:
    """`verify` has to say no, and C that compiles all the same to be of one conversion."""
    try:
        open_written(place)
    except TfedgeError as error:
        assert "incomplete" in str(error)
    else:
        raise AssertionError(f"{place} is verified")
    if not (place / "net.h").exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program")
        Path(folder, "main.c").write_text(_MAIN)
        sources = [*place.glob("*.c"), Path(folder, "main.c")]
        command = ["cc", "-std=c99", f"-I{place}", *sources, "-lm", "-o", program]
        if subprocess.run(command, capture_output=True).returncode == 0:
            subprocess.run([program], check=True)


def calibration(folder: Path) -> Writer:
    """The record of a calibration that has gone on with more data."""
    model = write_model(float_twin(random_model("conv_2d", 1, 1)))
    shape = random_model("conv_2d", 1, 1).main.inputs[0].shape
    first, second = np.random.default_rng(0).normal(size=(2, 20, *shape[1:])).astype(np.float32)
    old, new = folder / "old.npz", folder / "new.npz"
    tfedge.calibrate(model, first).save(old)
    resumed = tfedge.calibrate(model, second, resume=old)
    resumed.save(new)
    samples = {20: "old", 40: "new"}

    def work(place: Path, begin: Begin) -> None:
        begin()
        resumed.save(place / "seen.npz")

    def judge(place: Path) -> str:
        return samples[Calibration.load(place / "seen.npz").samples]

    def prepare(place: Path) -> None:
        shutil.copy(old, place / "seen.npz")

    return Writer("calibration that is resumed", 0.2, prepare, work, judge)


def cache(folder: Path) -> Writer:
    """What a teacher says, which is asked in the child that is killed."""
    import keras  # in which TensorFlow does nothing yet

    from tfedge.distillation import TeacherCache, cache_outputs

    x = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)

    def work(place: Path, begin: Begin) -> None:
        keras.utils.set_random_seed(0)
        teacher = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
        teacher(x[:1])
        begin()
        cache_outputs(teacher, x, place, batch_size=4, shard_size=4)

    whole = folder / "cache"
    assert ended(lambda begin: work(whole, begin))[0] == 0

    def judge(place: Path) -> str:
        if not content_of(place):
            return "old"
        try:
            said = TeacherCache(place).with_targets(x)
        except TfedgeError as error:
            assert "is not whole" in str(error) or "cache.json: cannot be read" in str(error)
            return "incomplete"
        right = TeacherCache(whole).with_targets(x)
        keras.tree.map_structure(np.testing.assert_array_equal, said.outputs, right.outputs)
        return "new"

    return Writer("cache of a teacher", 0.1, lambda place: None, work, judge)


def checkpoint() -> Writer:
    """Keras' file of weights and of masks; it is written in place, so that the old one is lost."""
    import keras

    from tfedge.pruning.masks import keep_zeros, masks_of

    def model(seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        made = keras.Sequential(
            [keras.Input((64,)), keras.layers.Dense(512), keras.layers.Dense(64)]
        )
        made.set_weights([w * (w > 0) for w in made.get_weights()])
        keep_zeros(made)
        return made

    def numbers(of: Any) -> list[np.ndarray]:
        return [*of.get_weights(), *masks_of(of).values()]

    def prepare(place: Path) -> None:
        assert ended(lambda begin: model(1).save_weights(place / "m.weights.h5"))[0] == 0

    def work(place: Path, begin: Begin) -> None:
        trained = model(2)
        begin()
        trained.save_weights(place / "m.weights.h5")

    def judge(place: Path) -> str:
        loaded = model(3)
        try:
            loaded.load_weights(place / "m.weights.h5")
        except (OSError, ValueError, KeyError) as error:
            return f"unreadable ({type(error).__name__})"
        for seed, name in ((1, "old"), (2, "new")):
            if all(map(np.array_equal, numbers(loaded), numbers(model(seed)))):
                return name
        raise AssertionError("a checkpoint of two trainings")

    return Writer("checkpoint of Keras", 0.1, prepare, work, judge)


if __name__ == "__main__":
    raise SystemExit(main())
