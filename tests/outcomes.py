"""What may come of a trial: the right numbers, a refusal or a warning, or a fault of tfedge."""

from __future__ import annotations

import re
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tfedge.errors import DifferenceError, TfedgeError

RIGHT, REFUSED = "right", "refused"
# Eight bits are too few, and tfedge says so with the numbers.
WARNED = "warned"
# Faults: tfedge says itself that it was wrong, says nothing, or dies.
CAUGHT, WRONG, TRACEBACK, DIED = "caught", "wrong", "traceback", "died"
# Keras itself builds or runs no such model.
NO_MODEL = "no model"
_LONGEST = 200


@dataclass(frozen=True)
class Outcome:
    """What came of one trial.

    Attributes:
        result: one of the names above.
        message: the refusal, the warning, what is wrong, or the traceback in a line.
        signal_to_noise: of the outputs, in dB, where that was measured.
    """

    result: str
    message: str = ""
    signal_to_noise: float | None = None

    @property
    def is_fault(self) -> bool:
        """Whether a user would get wrong numbers, or no sentence that they understand."""
        return self.result in (CAUGHT, WRONG, TRACEBACK, DIED)


class WrongError(Exception):
    """What was computed is not what the model says."""


class NoisyError(WrongError):
    """It is what the model says, but for more noise than is asked for."""


class WarnedError(Exception):
    """It is noisy, and tfedge has said so."""


def outcome_of(trial: Callable[[], float | None]) -> Outcome:
    """Runs a trial, which returns its signal to noise ratio or raises."""
    try:
        return Outcome(RIGHT, "", trial())
    except TfedgeError as error:
        is_ours = isinstance(error, DifferenceError)
        return Outcome(CAUGHT if is_ours else REFUSED, str(error))
    except WarnedError as error:
        return Outcome(WARNED, str(error))
    except WrongError as error:
        return Outcome(WRONG, str(error))
    except Exception as error:  # what a user would see as a traceback
        return Outcome(TRACEBACK, _in_a_line(error))


def counted(refusals: Iterable[tuple[str, str]]) -> list[str]:
    """Lines of counts, the most frequent words first, from pairs of what and its refusal."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for what, message in refusals:
        found[without_names(message)][what] += 1
    lines = []
    for words, whats in sorted(found.items(), key=lambda item: -sum(item[1].values())):
        listed = ", ".join(f"{what} {count}" for what, count in sorted(whats.items()))
        lines += [f"{sum(whats.values()):>5}  {words}", f"       {listed}"]
    return lines


def without_names(message: str) -> str:
    """A refusal without the names and numbers that differ from model to model."""
    message = re.sub(r"supported are [A-Z_0-9, ]+", "supported are …", message)
    message = re.sub(r"\d+", "N", re.sub(r"'[^']*'", "…", message))
    return message if len(message) <= _LONGEST else message[:_LONGEST] + "…"


def _in_a_line(error: Exception) -> str:
    """The exception, and where tfedge was when it came."""
    frames = list(traceback.extract_tb(error.__traceback__))
    frame = [frame for frame in frames if "/tfedge" in frame.filename or frame is frames[0]][-1]
    text = " ".join(str(error).split())[:250]
    file = Path(frame.filename)
    return f"{type(error).__name__}: {text} ({file.parent.name}/{file.name}:{frame.lineno})"
