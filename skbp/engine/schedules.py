"""The learning rate over time.

A schedule is a record. ``at(rate_init, rate, t, power_t)`` gives the rate after an
epoch, when t samples have been seen. ``on_plateau(rate)`` says what follows when
training no longer improves: another rate, or None for the end, which ``at_end``
explains.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """One row of the table of schedules."""

    at: Callable[[float, float, int, float], float]
    on_plateau: Callable[[float], float | None]
    at_end: str = ""


def _constant(rate_init: float, rate: float, t: int, power_t: float) -> float:
    return rate


def _invscaling(rate_init: float, rate: float, t: int, power_t: float) -> float:
    return float(rate_init / (t + 1) ** power_t)


def _end(rate: float) -> float | None:
    return None


def _divide_by_5(rate: float) -> float | None:
    return rate / 5.0 if rate > 1e-6 else None


SCHEDULES: dict[str, Schedule] = {
    # rate = rate_init
    "constant": Schedule(_constant, _end),
    # rate = rate_init / (t + 1)^power_t
    "invscaling": Schedule(_invscaling, _end),
    # rate = rate / 5 at each plateau, down to 1e-6
    "adaptive": Schedule(_constant, _divide_by_5, " Learning rate too small."),
}
