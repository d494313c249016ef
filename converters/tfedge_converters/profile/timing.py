"""From instructions to cycles, milliseconds and energy: bounds, by what is known of a part."""

from __future__ import annotations

from dataclasses import dataclass

from tfedge_converters.targets import Target

# A word with two weights serves four pixels in the inner loops of packed and natural kernels, so
# that they read half a byte of constants for each product, and less where a product is wider.
_CONSTANT_BYTES_PER_MAC = 0.5


@dataclass(frozen=True)
class Bounds:
    """A figure that is known to lie between two, as far as it is known."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The figure half-way between the two."""
        return (self.low + self.high) / 2

    def times(self, factor: float) -> Bounds:
        """Return both in another unit."""
        return Bounds(self.low * factor, self.high * factor)


def cycles(instructions: Bounds, macs: int, target: Target) -> Bounds | None:
    """Estimate the cycles of some code.

    At the least, flash lets the core wait for nothing if a cache hides it, and at every refill of
    the pipeline if only what follows in sequence is fetched ahead. At the most, it waits at each
    refill, and for every line of constants.

    Args:
        instructions: how many it executes.
        macs: multiplications among them, whose weights are read.
        target: what executes them.

    Returns:
        None where nothing is known of how fast the core is.
    """
    timing = target.timing
    if timing is None:
        return None
    low, high = timing.cycles_per_instruction
    least, most = instructions.low * low, instructions.high * high
    flash = None if target.part is None else target.part.flash
    if flash is not None and flash.wait_states:
        refills = timing.refills_per_instruction * flash.wait_states
        if flash.hidden_by != "cache":
            least += instructions.low * refills
        lines = macs * _CONSTANT_BYTES_PER_MAC / flash.line_bytes
        most += instructions.high * refills + lines * flash.wait_states
    return Bounds(least, most)
