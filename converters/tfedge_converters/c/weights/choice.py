"""Which layers have their weights stored in which form, by what that saves and what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfedge_converters.c.code_bytes import CODE_BYTES, INNER_BYTES
from tfedge_converters.c.constants import bytes_of, constants_in
from tfedge_converters.c.instructions import instructions_of
from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.packed import compact_calls, packed_call
from tfedge_converters.c.sharing import code_bytes_of
from tfedge_converters.c.weights.costs import bytes_of_tiling, reader_functions
from tfedge_converters.c.weights.forms import ENTROPY, FORMS, INT4, SHARED, SPARSE, may_have
from tfedge_converters.c.weights.tiles import band_counts, rows_of, tile_counts, tiled, weights_of

# Less than this is not worth a loop over tiles.
_LEAST_SAVING = 64

# What comes into question of a layer: tiles of so many bytes, and the fewest bands of so many rows.
_TILE_BYTES = range(256, 16384 + 1)
_MOST_ROWS, _BANDS = 64, 3

_QUICK = (INT4, SHARED, SPARSE)


@dataclass(frozen=True)
class Preference:
    """How much flash is worth.

    Attributes:
        forms: that come into question.
        share: of all instructions, how many more are taken for a byte of flash less.
        growth: bytes by which the arena may grow for it.
    """

    forms: Sequence[str]
    share: float
    growth: int = 0


# What kernels that read int4 keep beside their columns, several times.
_FEW_BYTES = 64

# By `optimize`. "speed" takes what costs nothing; 1e-5 is the price at which `sharing` buys code;
# "shared" is there to try what is not inlined, and stores whatever it can.
PREFERENCES: Mapping[str, Preference] = {
    "speed": Preference(_QUICK, 0.0),
    "balanced": Preference(_QUICK, 1e-5, growth=_FEW_BYTES),
    "ram": Preference(_QUICK, 1e-5),
    "size": Preference(_QUICK, 1e-3, growth=1024),
    "flash": Preference((*_QUICK, ENTROPY), 1.0, growth=4096),
    "shared": Preference(_QUICK, 1.0, growth=1 << 20),
}


@dataclass(frozen=True)
class _Candidate:
    """A call with its weights stored.

    Attributes:
        call: the one.
        instructions: more than the call with weights as its kernel reads them.
        saved: bytes of flash.
    """

    call: KernelCall
    instructions: float
    saved: int

    def gain(self, price: float) -> float:
        """How many instructions it is worth."""
        tiling = self.call.tiling
        code = 0 if tiling is None else bytes_of_tiling(tiling)
        return price * (self.saved - code) - self.instructions

    @property
    def form(self) -> str:
        """Name the code that restores or reads its weights, once in a program."""
        tiling = self.call.tiling
        return self.call.kernel if tiling is None else tiling.stored.form


def stored_calls(
    calls: Sequence[KernelCall],
    packing: str,
    core: str,
    preference: Preference,
    fits: Callable[[Mapping[int, KernelCall]], bool],
) -> dict[int, KernelCall]:
    """The calls whose weights are stored, by the `id` of the natural call.

    Args:
        calls: of natural kernels, all of a program.
        packing: see `packed.PACKED_KERNELS`.
        core: whose instructions count.
        preference: what flash is worth.
        fits: whether the arena does not grow too much by calls like those that are returned.
    """
    dense = {id(call): packed_call(call, packing) for call in calls}
    costs = [instructions_of(call, core, specialised=False) for call in dense.values()]
    price = preference.share * sum(costs)
    offers = {
        id(call): list(_candidates(call, dense[id(call)], packing, core, preference.forms))
        for call in calls
    }
    forms = {one.form for offered in offers.values() for one in offered}
    code = {form: _code_bytes(form, dense.values()) for form in forms}
    while True:
        chosen = _best(offers, forms, price, fits)
        gains = dict.fromkeys(forms, 0.0)
        for one in chosen.values():
            gains[one.form] += one.gain(price)
        idle = [form for form in forms if gains[form] <= price * code[form]]
        if not any(gains[form] for form in idle):
            return {key: one.call for key, one in chosen.items()}
        forms.remove(min(idle, key=lambda form: (gains[form] - price * code[form], form)))


def _best(
    offers: Mapping[int, Sequence[_Candidate]],
    forms: Collection[str],
    price: float,
    fits: Callable[[Mapping[int, KernelCall]], bool],
) -> dict[int, _Candidate]:
    """The most useful candidate of each natural call that fits beside those before."""
    chosen: dict[int, _Candidate] = {}
    for key, offered in offers.items():
        known = [one for one in offered if one.form in forms and one.gain(price) > 0]
        for one in sorted(known, key=lambda one: -one.gain(price)):
            calls = {other: taken.call for other, taken in chosen.items()}
            if fits({**calls, key: one.call}):
                chosen[key] = one
                break
    return chosen


def _code_bytes(form: str, dense: Iterable[KernelCall]) -> int:
    """Code that comes with a form: a reader, or a kernel and what else it calls."""
    if form in FORMS:
        return sum(INNER_BYTES[name] for name in reader_functions(form))
    known = {name for call in dense for name in code_bytes_of(call).reaches}
    row = CODE_BYTES[form]
    return row.instance + sum(INNER_BYTES[name] for name in set(row.reaches) - known)


def _candidates(
    natural: KernelCall, dense: KernelCall, packing: str, core: str, forms: Sequence[str]
) -> Iterator[_Candidate]:
    weights = weights_of(natural)
    possible = [] if weights is None else [form for form in forms if may_have(form, weights)]
    if weights is None or not possible:
        return
    before = bytes_of(dense.params)
    instructions = instructions_of(dense, core, specialised=False)
    tiles = (
        call
        for cut in _cuts(natural, dense, weights.size)
        for call in tiled(natural, dense, packing, possible, *cut)
    )
    for call in itertools.chain(compact_calls(natural, packing), tiles):
        saved = before - sum(constant.values.nbytes for constant in constants_in(call))
        if saved >= _LEAST_SAVING:
            more = instructions_of(call, core, specialised=False) - instructions
            yield _Candidate(call, more, saved)


def _cuts(natural: KernelCall, dense: KernelCall, values: int) -> Iterator[tuple[int, int]]:
    """Tiles of channels and bands of rows, into which a call may be cut."""
    counts = tile_counts(natural)
    sizes = [count for count in counts if values // count in _TILE_BYTES] or counts[-1:]
    bands = [
        count for count in band_counts(natural, dense) if rows_of(natural) <= _MOST_ROWS * count
    ]
    for tiles in sizes:
        for count in bands[:_BANDS] if tiles > 1 else [1]:
            yield tiles, count
