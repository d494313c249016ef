"""Several memories: what lies in which, what callers provide, and plans that are given back."""

from __future__ import annotations

import itertools
import json
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_model

from tfedge.errors import TfedgeError
from tfedge_converters import targets
from tfedge_converters.c import Options, generate
from tfedge_converters.c.memories import Item, spread
from tfedge_converters.c.memory import Buffer, lower_bound
from tfedge_converters.c.memory_plan import read_memory_plan
from tfedge_converters.c.summary import summary_lines
from tfedge_converters.conversion import convert
from tfedge_converters.execute import build_host
from tfedge_converters.graph import write_model
from tfedge_converters.targets.memory import Memory

ITEMS = st.lists(
    st.builds(
        lambda size, first, length, accesses: Item(Buffer(size, first, first + length), accesses),
        st.integers(1, 900),
        st.integers(0, 8),
        st.integers(0, 4),
        st.integers(0, 5000),
    ),
    min_size=1,
    max_size=9,
)


@given(ITEMS, st.integers(0, 3000))
@settings(max_examples=60, deadline=None)
def test_nothing_overlaps_and_fast_memory_is_used_as_far_as_it_goes(items, room):
    memories = [Memory("slow", "ram", None, 9), Memory("fast", "ram", room)]
    found = spread(items, memories, 4)
    assert found.fits
    placed = list(zip(items, found.memories, found.offsets, strict=True))
    for (a, m, at), (b, n, bt) in itertools.combinations(placed, 2):
        if m == n and a.buffer.overlaps(b.buffer):
            assert at + a.buffer.size <= bt or bt + b.buffer.size <= at
    for index, memory in enumerate(memories):
        ends = [at + item.buffer.size for item, m, at in placed if m == index]
        assert max(ends, default=0) <= found.sizes[index]
        assert memory.bytes is None or found.sizes[index] <= memory.bytes
    slow = [item for item, m, _ in placed if m == 0]
    assert found.wait_states == sum(9 * item.accesses for item in slow)
    if lower_bound([item.buffer for item in items], 4) <= room and len(items) == 1:
        assert not slow


def test_what_is_accessed_most_for_its_bytes_is_in_the_fastest_memory():
    hot, warm, cold = (Item(Buffer(100, 0, 1), accesses) for accesses in (900, 500, 10))
    memories = [Memory("b", "ram", 100, 2), Memory("a", "ram", 100), Memory("c", "ram", 999, 9)]
    assert spread([cold, hot, warm], memories, 4).memories == (2, 1, 0)
    # Alone it is denser, but the large one beside it gains more.
    small, large = Item(Buffer(8, 0, 0), 100), Item(Buffer(100, 0, 0), 1000)
    assert spread([small, large], memories[1:], 4).memories == (1, 0)
    # Only by size do all find room.
    items = [Item(Buffer(60, 0, 0), 900), Item(Buffer(100, 0, 0), 1)]
    both = [Memory("fast", "ram", 100), Memory("slow", "ram", 60, 1)]
    assert spread(items, both, 4).fits
    assert not spread([*items, items[0]], both, 4).fits


def target(tmp_path, *memories, base="host"):
    path = tmp_path / "board.json"
    fields = {"extends": base, "description": "a board", "memories": memories}
    path.write_text(json.dumps(fields))
    return targets.load(path)


def ram(name, size, wait_states=0, **fields):
    return {"name": name, "kind": "ram", "bytes": size, "wait_states": wait_states, **fields}


def flash(name, size, wait_states=0, **fields):
    return {**ram(name, size, wait_states, **fields), "kind": "flash"}


@pytest.mark.parametrize(
    ("memories", "words"),
    [
        ([], "memories: a list of up to 16 memories is expected"),
        ([ram("DTCM", 1)], r"memories\[0\].name: a name of up to 16 small letters"),
        ([ram("weights", 1)], "not weights, nor one that ends in _bytes, is expected"),
        ([ram("a", 0)], r"memories\[0\].bytes: a number of bytes"),
        ([ram("a", 1, -1)], "a number of cycles from 0 to 1000"),
        ([ram("a", 1, section='x")')], "the name of a section of the linker script"),
        ([ram("a", 1, speed=3)], r"memories\[0\]: there is no 'speed' here"),
        ([ram("a", 1), flash("a", 1)], "memories: two are called 'a'"),
    ],
)
def test_memories_that_cannot_be_are_refused(memories, words, tmp_path):
    with pytest.raises(TfedgeError, match=words):
        target(tmp_path, *memories)


def test_memories_take_the_place_of_totals(tmp_path):
    board = target(tmp_path, ram("a", 5), ram("b", 7), flash("c", 9), base="nrf52840")
    assert (board.ram_bytes, board.flash_bytes) == (12, 9)
    assert [memory.name for memory in board.memories_of("ram")] == ["a", "b"]
    with pytest.raises(TfedgeError, match="memories are for generated C, and its back end is 'tfl"):
        target(tmp_path, ram("a", 5), base="tflite")
    [only] = targets.load("nrf52840").memories_of("flash")
    assert (only.name, only.bytes) == ("flash", targets.load("nrf52840").flash_bytes)


@pytest.fixture(scope="module")
def model():
    return random_model("conv_2d", 3, 4)


@pytest.fixture
def board(model, tmp_path):
    """A little too small in its fast memories for all that they would get."""
    alone = generate(model, Options("model", targets.load("host")))
    return target(
        tmp_path,
        flash("flash", int(1.3 * alone.code_bytes) + alone.weights_bytes // 2, 1),
        flash("qspi", 1 << 20, 8, section=".qspi"),
        ram("sram", 1 << 20, 4, section=".sram"),
        ram("dtcm", alone.arena_bytes // 2 // 4 * 4),
    )


def test_code_for_several_memories_is_bit_exact_and_refuses_wrong_arenas(model, board, tmp_path):
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-128, 128, t.shape, np.int8) for t in model.main.inputs]
    alone = generate(model, Options("model", targets.load("host"))).write(tmp_path / "alone")
    source = generate(model, Options("model", board))
    arenas = {arena.memory.name: arena.bytes for arena in source.plan.arenas}
    assert arenas.keys() == {"sram", "dtcm"}
    assert arenas["dtcm"] <= board.memories[3].bytes
    assert 0 < source.constant_bytes("flash") < source.weights_bytes
    lines = summary_lines(source, model)
    assert any(line.startswith(f"arenas in sram {arenas['sram']:,} of 1,048,576") for line in lines)
    assert any(line.startswith("constants in flash ") for line in lines)
    program = source.write(tmp_path / "several")
    [found], [right] = (
        build_host(program, sanitize=True).run([inputs]),
        build_host(alone).run([inputs]),
    )
    assert all((a == b).all() for a, b in zip(found, right, strict=True))
    (program.directory / "main.c").write_text(
        """#include "model.h"
MODEL_SRAM_SECTION static union { uint8_t bytes[MODEL_ARENA_SRAM_BYTES]; long double a; } slow;
MODEL_DTCM_SECTION static union { uint8_t bytes[MODEL_ARENA_DTCM_BYTES]; long double a; } fast;
int main(void) {
  model_context context = {NULL, NULL};
  size_t s = sizeof slow.bytes, f = sizeof fast.bytes;
  if (model_init(&context, slow.bytes, s, NULL, f) != TFEDGE_ERROR_NULL) return 1;
  if (model_init(&context, slow.bytes, s, fast.bytes, MODEL_ARENA_DTCM_BYTES - 1) !=
      TFEDGE_ERROR_ARENA_TOO_SMALL) return 2;
  if (model_init(&context, slow.bytes + 1, s, fast.bytes, f) != TFEDGE_ERROR_ARENA_ALIGNMENT)
    return 3;
  if (model_invoke(&context) != TFEDGE_ERROR_NULL) return 4;
  if (model_init(&context, slow.bytes, s, fast.bytes, f) != TFEDGE_OK) return 5;
  return model_invoke(&context) == TFEDGE_OK ? 0 : 6;
}
"""
    )
    sources = sorted(map(str, program.directory.glob("*.c")))
    command = ["cc", "-std=c99", *sources, "-lm", "-o", str(tmp_path / "program")]
    subprocess.run(command, check=True)
    subprocess.run([str(tmp_path / "program")], check=True)


def test_what_fits_one_memory_needs_one_arena(model, tmp_path):
    board = target(tmp_path, ram("sram", 1 << 20, 4), ram("dtcm", 1 << 20, section=".dtcm"))
    source = generate(model, Options("model", board))
    assert [arena.memory.name for arena in source.plan.arenas] == ["dtcm"]
    header = source.files["model.h"]
    assert "the caller provides the arena, in dtcm;" in header
    assert '__attribute__((section(".dtcm")))' in header
    assert "void *arena, size_t arena_bytes);" in header
    without = generate(model, Options("model", targets.load("host")))
    for name in ("model_weights.c", "model_weights.h", "model_self_test.c"):
        lines = zip(source.files[name].split("\n"), without.files[name].split("\n"), strict=True)
        changed = [a for a, b in lines if a != b]
        assert all("SET_ID" in line or "generated by" in line for line in changed)


def test_what_does_not_fit_is_refused_memory_by_memory(model, tmp_path):
    small = target(tmp_path, ram("a", 8), ram("b", 12))
    with pytest.raises(TfedgeError, match=r"has 8 bytes of a and 12 bytes of b, and no tensor"):
        generate(model, Options("model", small))
    small = target(tmp_path, flash("a", 60_000), flash("b", 8), flash("c", 8, 1))
    code = targets.load("host")
    assert generate(model, Options("model", replace(code, memories=small.memories[:1])))
    tight = [replace(small.memories[0], bytes=3000), *small.memories[1:]]
    with pytest.raises(TfedgeError, match="for constants"):
        generate(model, Options("model", replace(code, memories=tuple(tight))))


@pytest.fixture(scope="module")
def planned(model, tmp_path_factory):
    """A conversion for two RAMs and two flashes: the .tflite file, the target, its plan."""
    folder = tmp_path_factory.mktemp("planned")
    path = folder / "net.tflite"
    path.write_bytes(write_model(model))
    board = target(
        folder, ram("a", 1 << 20), ram("b", 1 << 20, 1), flash("c", 1 << 20), flash("d", 1 << 20, 1)
    )
    artifact = convert(path, target=board)
    artifact.save(folder / "out")
    return path, board, folder / "out" / "net_plan.json"


def test_a_plan_that_is_given_back_is_kept(planned, tmp_path):
    path, board, file = planned
    again = convert(path, target=board, memory_plan=file)
    assert again.source.files["net_plan.json"] == file.read_text()
    # Everything elsewhere, without a byte that is shared: as the plan says, so it is.
    fields = json.loads(file.read_text())
    end = 0
    for buffer in fields["buffers"]:
        buffer |= {"memory": "b", "offset": end}
        end += -(-buffer["bytes"] // 4) * 4
    for constant in fields["constants"]:
        constant["memory"] = "d"
    (tmp_path / "moved.json").write_text(json.dumps(fields))
    moved = convert(path, target=board, memory_plan=tmp_path / "moved.json").source
    assert [(a.memory.name, a.bytes) for a in moved.plan.arenas] == [("b", end)]
    assert moved.constant_bytes("d") == moved.weights_bytes
    rng = np.random.default_rng(0)
    inputs = [rng.integers(-128, 128, spec.shape, np.int8) for spec in moved.inputs]
    programs = [again.source.write(tmp_path / "a"), moved.write(tmp_path / "b")]
    [a], [b] = (build_host(program, flags=["-O0"]).run([inputs]) for program in programs)
    assert all((x == y).all() for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: p["buffers"][1].update(p["buffers"][0] | p["buffers"][1] | {"offset": 0,
            "memory": p["buffers"][0]["memory"]}), "hold something at the same time, and overlap"),
        (lambda p: p["buffers"][0].update(offset=2), "begins at 2, which is no multiple of 4"),
        (lambda p: p["buffers"][0].update(offset=1 << 20), "but a has 1,048,576 bytes"),
        (lambda p: p["buffers"][0].update(memory="c"), "lies in 'c', but the target has a, b"),
        (lambda p: p["buffers"][0].update(bytes=1), "has 1 bytes from step 0"),
        (lambda p: p["buffers"][0].update(last_step=0, first_step=1), "before it begins"),
        (lambda p: p["buffers"].pop(), "has no buffer that holds just"),
        (lambda p: p["buffers"].append(p["buffers"][0]), "is none of this conversion"),
        (lambda p: p["buffers"].append(p["buffers"][0] | {"holds": ["x"]}), "is none of this"),
        (lambda p: p["buffers"][0].update(colour="red"), "there is no 'colour' here"),
        (lambda p: p["constants"].pop(), "has no place there"),
        (lambda p: p["constants"][0].update(memory="a"), "lies in 'a', but the target has c, d"),
        (lambda p: p.update(model="0" * 64), "is the plan of another model"),
        (lambda p: p.update(kernels="lanes"), "for 'lanes', but board has those for 'natural'"),
        (lambda p: p.update(version=2), "version: 1 is expected, not 2"),
        (lambda p: p.clear(), "'version' is missing"),
    ],
)  # fmt: skip
def test_plans_that_contradict_are_refused(planned, change, words, tmp_path, model):
    path, board, file = planned
    fields = json.loads(file.read_text())
    change(fields)
    (tmp_path / "bad.json").write_text(json.dumps(fields))
    with pytest.raises(TfedgeError, match=words):
        bad = read_memory_plan(tmp_path / "bad.json")
        options = Options("net", board, memory_plan=bad)
        generate(model, options, flatbuffer=path.read_bytes())


def test_a_memory_may_be_full_to_its_last_byte(planned, model, tmp_path):
    path, board, file = planned
    fields = json.loads(file.read_text())
    for constant in fields["constants"]:
        constant["memory"] = "d"  # which has no code to hold
    (tmp_path / "moved.json").write_text(json.dumps(fields))
    plan = read_memory_plan(tmp_path / "moved.json")
    held = sum(one["bytes"] for one in fields["constants"])

    def given(size):
        memories = (replace(m, bytes=size if m.name == "d" else m.bytes) for m in board.memories)
        options = Options("net", replace(board, memories=tuple(memories)), memory_plan=plan)
        return generate(model, options, flatbuffer=path.read_bytes())

    assert given(held).constant_bytes("d") == held
    with pytest.raises(TfedgeError, match=f"puts {held:,} bytes of constants into d"):
        given(held - 1)


def test_plans_are_for_generated_code(planned):
    path, _, file = planned
    with pytest.raises(TfedgeError, match="target 'tflite' has no generated C"):
        convert(path, target="tflite", memory_plan=file)
    with pytest.raises(TfedgeError, match="cannot be read"):
        convert(path, memory_plan=file.parent / "none.json")
    with pytest.raises(TfedgeError, match="is the path of a file that a conversion wrote, not 5"):
        convert(path, memory_plan=5)
