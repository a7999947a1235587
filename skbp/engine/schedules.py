"""The learning rate over time.

A schedule is a record. Most schedules are functions of time: at each step the rate is
the initial rate times ``factor(clock)``, while time runs from 0 to ``horizon`` epochs.
The three schedules of scikit-learn change the rate between epochs: ``after(clock)``
returns the rate after an epoch, and without ``after`` the rate stays. When training no
longer improves, ``on_plateau`` returns the next rate, or None if training is to end;
``at_end`` then explains why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, floor, pi


@dataclass(frozen=True)
class Clock:
    """The quantities that a schedule may depend on.

    Attributes
    ----------
    rate_init, rate : float
        The initial rate and the current rate.
    t : int
        The number of samples seen.
    power_t : float
        The exponent of "invscaling".
    time, horizon : float
        The number of epochs so far, including fractions, and the total number.
    decay, every : float
        The factor of "step" and "exponential", and the number of epochs after which
        this factor is applied once.
    """

    rate_init: float
    rate: float
    t: int
    power_t: float
    time: float = 0.0
    horizon: float = 1.0
    decay: float = 1.0
    every: float = 1.0


def _invscaling(clock: Clock) -> float:
    return float(clock.rate_init / (clock.t + 1) ** clock.power_t)


def _end(rate: float) -> float | None:
    return None


def _divide_by_5(rate: float) -> float | None:
    return rate / 5.0 if rate > 1e-6 else None


def _half_cosine(u: float) -> float:
    """Fall from 1 at u = 0 to 0 at u = 1, level at both ends."""
    return 0.5 * (1.0 + cos(pi * min(u, 1.0)))


def _cosine(clock: Clock) -> float:
    return _half_cosine(clock.time / clock.horizon)


#: For "one_cycle": the fraction of training in which the rate rises, and the fraction
#: of the initial rate at which it starts.
RISE, START = 0.3, 0.04


def _one_cycle(clock: Clock) -> float:
    u = clock.time / clock.horizon
    if u < RISE:
        return 1.0 - (1.0 - START) * _half_cosine(u / RISE)
    return _half_cosine((u - RISE) / (1.0 - RISE))


def _step(clock: Clock) -> float:
    return float(clock.decay ** floor(clock.time / clock.every))


def _exponential(clock: Clock) -> float:
    return float(clock.decay ** (clock.time / clock.every))


@dataclass(frozen=True)
class Schedule:
    """One row of the table of schedules."""

    factor: Callable[[Clock], float] | None = None
    after: Callable[[Clock], float] | None = None
    on_plateau: Callable[[float], float | None] = _end
    at_end: str = ""


SCHEDULES: dict[str, Schedule] = {
    # rate = rate_init
    "constant": Schedule(),
    # rate = rate_init / (t + 1)^power_t, after each epoch
    "invscaling": Schedule(after=_invscaling),
    # rate = rate / 5 at each plateau, down to 1e-6
    "adaptive": Schedule(on_plateau=_divide_by_5, at_end=" Learning rate too small."),
    # rate = rate_init (1 + cos(pi time / horizon)) / 2; Loshchilov and Hutter (2017),
    # "SGDR: stochastic gradient descent with warm restarts". ICLR.
    "cosine": Schedule(_cosine),
    # rate rises to rate_init along half a cosine, and falls to 0 along another; Smith
    # and Topin (2019), "Super-convergence". SPIE 11006.
    "one_cycle": Schedule(_one_cycle),
    # rate = rate_init decay^floor(time / every)
    "step": Schedule(_step),
    # rate = rate_init decay^(time / every)
    "exponential": Schedule(_exponential),
}
