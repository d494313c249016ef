"""How much a smaller model may cost."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfedge.errors import TfedgeError
from tfedge.near_names import near
from tfedge.pruning.costs import Cost, Costs

CHANNELS, MACS, PARAMETERS = "channels", "macs", "parameters"
RAM, INSTRUCTIONS = "ram", "instructions"
KINDS = (CHANNELS, MACS, PARAMETERS, RAM, INSTRUCTIONS)

_TEXT = re.compile(r"\s*([0-9_,.]+)\s*(%?)\s*([a-z]+)(?:\s+on\s+(\S+))?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Budget:
    """The most that a model may cost.

    Attributes:
        limit: a share of what the model costs now, above 0 and below 1; or an amount, from 1 on.
        of: "channels" that may be removed, "macs" (multiply-accumulates), "parameters", "ram"
            (bytes of int8 activations), or "instructions".
        core: that counts instructions: "cortex-m0", "cortex-m3" or "cortex-m4".
    """

    limit: float
    of: str = MACS
    core: str = "cortex-m4"

    def __post_init__(self) -> None:
        if self.of not in KINDS:
            raise TfedgeError(
                f"a budget is of {', '.join(KINDS)}, not of {self.of!r}{near(self.of, KINDS)}"
            )
        if not self.limit > 0:
            raise TfedgeError(f"a budget of {self.limit} {self.of} leaves nothing: give more")

    def cost(self, costs: Costs) -> Cost:
        """Which of a model's costs it limits; warns if that leaves out layers.

        Raises:
            TfedgeError: nothing is known of the core.
        """
        if self.of in (MACS, INSTRUCTIONS):
            costs.warn_of_uncounted()
        if self.of == INSTRUCTIONS:
            return costs.instructions(self.core)
        found: Cost = getattr(costs, self.of)
        return found

    def amount(self, now: float) -> float:
        """The limit, where the model costs `now`."""
        return self.limit * now if self.limit < 1 else self.limit


def get(budget: str | float | Budget) -> Budget:
    """A budget from its description.

    Args:
        budget: "50% macs", "64000 ram", "30% instructions on cortex-m0", a share of the channels,
            or a Budget.

    Raises:
        TfedgeError: it is none of these.
    """
    if isinstance(budget, Budget):
        return budget
    if isinstance(budget, float) and 0 < budget < 1:
        return Budget(budget, CHANNELS)
    found = _TEXT.fullmatch(budget) if isinstance(budget, str) else None
    if found is None:
        raise TfedgeError(
            f"a budget is like '50% macs', '64000 ram', '30% instructions on cortex-m0', or a "
            f"share of the channels between 0 and 1, not {budget!r}"
        )
    number, percent, kind, core = found.groups()
    limit = float(number.replace(",", "").replace("_", "")) / (100 if percent else 1)
    if percent and not 0 < limit < 1:
        raise TfedgeError(f"a share of the {kind} is above 0 % and below 100 %, not {budget!r}")
    return Budget(limit, kind.lower(), *((core.lower(),) if core else ()))
