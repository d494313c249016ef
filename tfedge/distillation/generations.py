"""Generations of one model, each taught by the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tfedge.distillation.distiller import Distiller
from tfedge.distillation.output_losses import SoftTargets
from tfedge.errors import TfedgeError


def born_again(
    first: Any,
    build: Callable[[], Any],
    train: Callable[[Distiller], None],
    generations: int = 3,
    *,
    losses: Any = None,
    alpha: float = 0.5,
) -> list[Any]:
    """Train generations of a model, each new, each with the one before as its teacher.

    Source: Furlanello et al., "Born Again Neural Networks", ICML 2018; its ensemble of generations
    is `Ensemble([first, *born_again(…)])`.

    Args:
        first: the first teacher, trained.
        build: makes a student with new weights.
        train: compiles and fits a distiller.
        generations: how many, 1 or more.
        losses: as of `Distiller`; soft targets at temperature 1, as in the paper, by default.
        alpha: share of the distillation.

    Returns:
        The trained students, eldest first.

    Raises:
        TfedgeError: there is no generation.
    """
    if generations < 1:
        raise TfedgeError(f"there must be a generation, not {generations}")
    students: list[Any] = []
    for generation in range(generations):
        teacher = students[-1] if students else first
        distiller = Distiller(
            teacher, build(), losses or SoftTargets(1.0), alpha=alpha,
            name=f"generation_{generation + 1}",
        )  # fmt: skip
        train(distiller)
        students.append(distiller.student)
    return students
