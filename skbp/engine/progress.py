"""How training goes: curves, patience, and the best weights seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite, isnan, nan
from typing import Any, NamedTuple

import numpy as np

from skbp.engine.arrays import Array


class Status(StrEnum):
    """Whether the training of a network goes on, or why it ended."""

    RUNNING = "running"
    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    #: By a callback.
    STOPPED = "stopped"
    #: The solver found no way on.
    FAILED = "failed"


class Validated(NamedTuple):
    """What a network has on the validation set."""

    score: float
    loss: float


@dataclass
class History:
    """What is known of one network's training, in numbers.

    Attributes
    ----------
    loss_curve, validation_losses, validation_scores, rates : list of float
        One entry an epoch; those of validation only where there is a validation set.
        The rate is that of the last step.
    best : float
        The lowest loss, or where the validation set decides the lowest -score.
    stale : int
        Epochs in a row that did not improve ``best`` by tol.
    rate : float
        The learning rate now; nan for solvers that have none.
    status : Status
    message : str
        What the solver itself says of the end, where it says anything.
    """

    loss_curve: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    validation_scores: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    best: float = inf
    stale: int = 0
    rate: float = nan
    status: Status = Status.RUNNING
    message: str = ""

    @property
    def running(self) -> bool:
        """Whether training goes on."""
        return self.status is Status.RUNNING

    @property
    def n_iter(self) -> int:
        """Epochs, or iterations of a solver that works on the full batch."""
        return len(self.loss_curve)

    def record(self, loss: float, merit: float, tol: float) -> bool:
        """Add an epoch of this loss; return whether its merit is the lowest so far."""
        self.loss_curve.append(loss)
        if not isfinite(loss):
            self.status = Status.DIVERGED
            return False
        merit = inf if isnan(merit) else merit
        self.stale = self.stale + 1 if merit > self.best - tol else 0
        improved = merit < self.best
        self.best = min(self.best, merit)
        return improved


#: theta (K, P) -> what each of these networks has on the validation set.
Validate = Callable[[Array], Sequence[Validated]]


class Progress:
    """The histories of K networks that train together, and the best weights of each.

    Where the validation set decides, the best weights are those of the highest score.
    Otherwise they are those that the epoch of the lowest loss began with: training
    returns to them only when it diverges.

    Parameters
    ----------
    theta : array (K, P)
        The initial parameters.
    tol, n_iter_no_change : sequence of float
        One for each network.
    validate : callable, default=None
        None means that there is no validation set.
    decides : bool, default=True
        Whether the validation set decides when training ends and which weights are the
        best, or is only watched.
    histories : list of History, default=None
        What is known of each network from earlier; None means nothing.
    hook : callable, default=None
        Called after each epoch with this object, the numbers of the networks that
        train, and their theta (n_active, P); True ends training.
    report : callable, default=None
        Is handed a line of text for each event; None means silence.
    """

    histories: list[History]
    best_theta: Array
    tol: Sequence[float]
    n_iter_no_change: Sequence[float]
    validate: Validate | None
    hook: Callable[[Progress, list[int], Array], bool | None] | None
    report: Callable[[str], Any] | None
    decides: bool

    def __init__(
        self,
        theta: Array,
        tol: Sequence[float],
        n_iter_no_change: Sequence[float],
        *,
        validate: Validate | None = None,
        decides: bool = True,
        histories: list[History] | None = None,
        hook: Callable[[Progress, list[int], Array], bool | None] | None = None,
        report: Callable[[str], Any] | None = None,
    ):
        self.histories = histories or [History() for _ in theta]
        self.best_theta = theta.copy()
        self.tol, self.n_iter_no_change = tol, n_iter_no_change
        self.validate, self.hook, self.report = validate, hook, report
        self.decides = decides and validate is not None

    def epoch(
        self, active: list[int], theta: Array, losses: Array, before: Array
    ) -> None:
        """Record an epoch.

        Parameters
        ----------
        active : list of int
            The networks to which the rows of the arrays belong.
        theta, before : array (n_active, P)
            The parameters now, and those that ``losses`` belong to.
        losses : array (n_active,)
        """
        validated = self.validate(theta) if self.validate else None
        candidates = theta if self.decides else before
        for row, k in enumerate(active):
            history, loss = self.histories[k], float(losses[row])
            merit = loss
            if validated is not None:
                found = validated[row]
                history.validation_scores.append(found.score)
                history.validation_losses.append(found.loss)
                merit = -found.score if self.decides else loss
                if self.decides and not isfinite(found.loss):
                    history.status = Status.DIVERGED
            if history.record(loss, merit, self.tol[k]):
                self.best_theta[k] = candidates[row]
            self.say(f"Iteration {history.n_iter}, loss = {loss:.8f}")
            if validated is not None:
                self.say(f"Validation score: {found.score:f}")
        if self.hook and self.hook(self, active, theta):
            self.end(active, Status.STOPPED)

    def lost_patience(self, k: int) -> bool:
        """Return whether network k has been stale for too long."""
        return self.histories[k].stale > self.n_iter_no_change[k]

    def end(self, networks: list[int], status: Status) -> None:
        """End the training of those of these networks that still train."""
        for k in networks:
            if self.histories[k].running:
                self.histories[k].status = status

    def result(self, k: int, theta: Array) -> Array:
        """Return the parameters (P,) to keep of network k that ended with ``theta``."""
        history = self.histories[k]
        if not np.isfinite(theta).all():
            history.status = Status.DIVERGED
        chosen = self.decides and bool(history.validation_scores)
        if history.status is Status.DIVERGED or chosen:
            theta = self.best_theta[k]
        return theta

    def say(self, line: str) -> None:
        """Report a line, if anybody listens."""
        if self.report:
            self.report(line)

    def plateau(self, k: int) -> str:
        """Return in words that network k has been stale for too long."""
        what = "Validation score" if self.decides else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol[k]:f} for "
            f"{self.n_iter_no_change[k]:.0f} consecutive epochs."
        )
