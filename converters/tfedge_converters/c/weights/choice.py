"""Which layers have their weights stored in which form, by what that saves and what it costs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfedge_converters.c.code_bytes import CODE_BYTES
from tfedge_converters.c.constants import bytes_of, constants_in
from tfedge_converters.c.instructions import instructions_of
from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.packed import compact_calls, packed_call
from tfedge_converters.c.weights.costs import READER_BYTES, bytes_of_tiling
from tfedge_converters.c.weights.forms import ENTROPY, INT4, SHARED, SPARSE, may_have
from tfedge_converters.c.weights.tiles import band_counts, rows_of, tile_counts, tiled, weights_of

# Less than this is not worth a loop over tiles.
_LEAST_SAVING = 64

# What comes into question of a layer: tiles of so many bytes, and the fewest bands of so many rows.
_TILE_BYTES = range(256, 16384 + 1)
_MOST_ROWS, _BANDS = 64, 3

_QUICK = (INT4, SHARED, SPARSE)


@dataclass(frozen=True)
class Preference:
    """What flash is worth.

    Attributes:
        forms: that come into question.
        share: of all instructions, how many more are taken for a byte of flash less.
        growth: bytes by which the arena may grow for it.
    """

    forms: Sequence[str]
    share: float
    growth: int = 0


# By `optimize`. "speed" takes what costs nothing; 1e-5 is the price at which `sharing` buys code;
# "shared" is there to try what is not inlined, and stores whatever it can.
PREFERENCES: Mapping[str, Preference] = {
    "speed": Preference(_QUICK, 0.0),
    "balanced": Preference(_QUICK, 1e-5),
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
        """What it is worth, in instructions."""
        tiling = self.call.tiling
        code = 0 if tiling is None else bytes_of_tiling(tiling)
        return price * (self.saved - code) - self.instructions

    @property
    def form(self) -> str:
        """What restores or reads its weights, once in a program."""
        tiling = self.call.tiling
        return self.call.kernel if tiling is None else tiling.stored.form


def stored_calls(
    calls: Sequence[KernelCall],
    packing: str,
    core: str,
    preference: Preference,
    fits: Callable[[KernelCall, KernelCall, int], bool],
) -> None:
    """Offer calls whose weights are stored, the most useful one of each natural call first.

    Args:
        calls: of natural kernels, all of a program.
        packing: see `packed.PACKED_KERNELS`.
        core: whose instructions count.
        preference: what flash is worth.
        fits: takes a natural call, another one in its place, and by how many bytes the arena may
            grow for that; it says whether it took the other.
    """
    dense = {id(call): packed_call(call, packing) for call in calls}
    costs = {key: instructions_of(call, core, specialised=False) for key, call in dense.items()}
    price = preference.share * sum(costs.values())
    offers = {
        id(call): list(_candidates(call, dense[id(call)], packing, core, preference.forms))
        for call in calls
    }
    forms = _worthwhile_forms(offers.values(), price)
    for call in calls:
        offered = [one for one in offers[id(call)] if one.form in forms and one.gain(price) > 0]
        offered.sort(key=lambda one: -one.gain(price))
        next((one for one in offered if fits(call, one.call, preference.growth)), None)


def _worthwhile_forms(offers: Iterable[Sequence[_Candidate]], price: float) -> set[str]:
    """Forms whose readers take less than they save; the least useful one goes first."""
    forms = {one.form for offered in offers for one in offered}
    while forms:
        gains = dict.fromkeys(forms, 0.0)
        for offered in offers:
            known = [one for one in offered if one.form in forms]
            best = max(known, key=lambda one: one.gain(price), default=None)
            if best is not None:
                gains[best.form] += max(best.gain(price), 0.0)
        worst = min(forms, key=lambda form: (gains[form] - price * _code_bytes(form), form))
        if gains[worst] > price * _code_bytes(worst):
            break
        forms.remove(worst)
    return forms


def _code_bytes(form: str) -> int:
    """Code that comes with a form."""
    return READER_BYTES[form] if form in READER_BYTES else CODE_BYTES[form].instance


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
        for cut in _cuts(natural, weights.size, packing)
        for call in tiled(natural, packing, possible, *cut)
    )
    for call in itertools.chain(compact_calls(natural, packing), tiles):
        saved = before - sum(constant.values.nbytes for constant in constants_in(call))
        if saved >= _LEAST_SAVING:
            more = instructions_of(call, core, specialised=False) - instructions
            yield _Candidate(call, more, saved)


def _cuts(natural: KernelCall, values: int, packing: str) -> Iterator[tuple[int, int]]:
    """Tiles of channels and bands of rows, into which a call may be cut."""
    counts = tile_counts(natural)
    sizes = [count for count in counts if values // count in _TILE_BYTES] or counts[-1:]
    bands = [
        count for count in band_counts(natural, packing) if rows_of(natural) <= _MOST_ROWS * count
    ]
    for tiles in sizes:
        for count in bands[:_BANDS] if tiles > 1 else [1]:
            yield tiles, count
