"""The progress of training: curves, patience, and the best weights so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import inf, isfinite, isnan, nan
from typing import Any, NamedTuple

import numpy as np

from skbp.engine.arrays import Array


class Status(StrEnum):
    """Whether a network is training, or why its training ended."""

    RUNNING = "running"
    CONVERGED = "converged"
    MAX_ITER = "max_iter"
    DIVERGED = "diverged"
    INTERRUPTED = "interrupted"
    #: A callback ended training.
    STOPPED = "stopped"
    #: The solver found no further step.
    FAILED = "failed"


class Validated(NamedTuple):
    """The score and the loss of a network on the validation set."""

    score: float
    loss: float


@dataclass
class History:
    """The numbers that are known about the training of one network.

    Attributes
    ----------
    loss_curve, validation_losses, validation_scores, rates : list of float
        One entry for each epoch; no entries for validation if there is no validation
        set. ``rates`` holds the learning rate of the last step of each epoch.
    best : float
        The lowest loss or, if the validation set decides, the lowest -score.
    stale : int
        The number of epochs in a row that did not improve ``best`` by tol.
    rate : float
        The current learning rate; nan for solvers without a learning rate.
    status : Status
    message : str
        The message with which the solver itself explains the end, if there is one.
    code : int or None
        The number that the solver gives to this end, if there is one.
    start_score : float
        The validation score of new initial weights; nan if it is not known.
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
    code: int | None = None
    start_score: float = nan

    @property
    def running(self) -> bool:
        """Whether the network is still training."""
        return self.status is Status.RUNNING

    def copied(self) -> History:
        """Return a copy, whose curves grow without this one's."""
        return replace(
            self,
            loss_curve=[*self.loss_curve],
            validation_losses=[*self.validation_losses],
            validation_scores=[*self.validation_scores],
            rates=[*self.rates],
        )

    def standing(self) -> History:
        """Return a new history with the patience and the rate of this one."""
        return History(best=self.best, stale=self.stale, rate=self.rate)

    @property
    def n_iter(self) -> int:
        """The number of epochs, or of iterations of a full-batch solver."""
        return len(self.loss_curve)

    def record(self, loss: float, merit: float, tol: float) -> bool:
        """Add an epoch with this loss; return whether ``merit`` is a new minimum."""
        self.loss_curve.append(loss)
        if not isfinite(loss):
            self.status = Status.DIVERGED
            return False
        merit = inf if isnan(merit) else merit
        self.stale = self.stale + 1 if merit > self.best - tol else 0
        improved = merit < self.best
        self.best = min(self.best, merit)
        return improved


#: theta (K, P) -> the score and the loss of each network on the validation set.
Validate = Callable[[Array], Sequence[Validated]]


class Progress:
    """The histories of K networks that train together, and the best weights of each.

    If the validation set decides, the best weights are the weights with the highest
    score. Otherwise they are the weights at the start of the epoch with the lowest
    loss, and training returns to them only if it diverges.

    Parameters
    ----------
    theta : array (K, P)
        The initial parameters.
    tol, n_iter_no_change : sequence of float
        One number for each network.
    validate : callable, default=None
        A function that evaluates networks on the validation set; None means that there
        is no validation set.
    decides : bool, default=True
        Whether the validation set decides when training ends and which weights are the
        best. If not, the scores are only recorded.
    histories : list of History, default=None
        Earlier histories of the networks, which are continued; None means new ones.
    hook : callable, default=None
        A function that is called after each epoch with this object, the numbers of the
        networks that are training, and their theta (n_active, P). If it returns True,
        training ends.
    report : callable, default=None
        A function that is called with a line of text for each event; None means
        silence.
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
        self,
        active: list[int],
        theta: Array,
        losses: Array,
        before: Array,
        rates: Mapping[int, float] | None = None,
    ) -> None:
        """Record an epoch.

        Parameters
        ----------
        active : list of int
            The networks to which the rows of the arrays belong.
        theta, before : array (n_active, P)
            The current parameters, and the parameters that ``losses`` belong to.
        losses : array (n_active,)
        rates : mapping of int to float, default=None
            The learning rates of the last step, for solvers that have one.
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
            if rates is not None:
                history.rates.append(rates[k])
            if history.record(loss, merit, self.tol[k]):
                self.best_theta[k] = candidates[row]
            if self.report:
                self.report(f"Iteration {history.n_iter}, loss = {loss:.8f}")
                if validated is not None:
                    self.report(f"Validation score: {found.score:f}")
        if self.hook and self.hook(self, active, theta):
            self.end(active, Status.STOPPED)

    def unseen(self, active: list[int]) -> float:
        """Return after how many epochs somebody looks at the networks, at the earliest.

        Networks cannot lose patience before that.
        """
        if self.validate or self.hook or self.report:
            return 1
        return 1 + min(
            self.n_iter_no_change[k] - self.histories[k].stale for k in active
        )

    def epochs(
        self,
        active: list[int],
        losses: Array,
        best: Array,
        rates: Sequence[Mapping[int, float]],
    ) -> None:
        """Record epochs that nobody looks at.

        Parameters
        ----------
        active : list of int
        losses : array (n_epochs, n_active)
        best : array (n_active, P)
            The parameters that the lowest loss of each network belongs to.
        rates : sequence of mapping
            For each epoch, the learning rates of the last step.
        """
        for row, k in enumerate(active):
            history, tol = self.histories[k], self.tol[k]
            history.rates += [rate[k] for rate in rates]
            improved = [
                history.record(loss, loss, tol) for loss in losses[:, row].tolist()
            ]
            if any(improved):
                self.best_theta[k] = best[row]

    def lost_patience(self, k: int) -> bool:
        """Return whether network k has been stale for too many epochs."""
        return self.histories[k].stale > self.n_iter_no_change[k]

    def end(self, networks: list[int], status: Status) -> None:
        """Set the status of these networks, unless their training has ended already."""
        for k in networks:
            if self.histories[k].running:
                self.histories[k].status = status

    def result(self, k: int, theta: Array) -> Array:
        """Return the parameters (P,) to keep of network k, which ended at ``theta``."""
        history = self.histories[k]
        if not np.isfinite(theta).all():
            history.status = Status.DIVERGED
        chosen = self.decides and bool(history.validation_scores)
        if history.status is Status.DIVERGED or chosen:
            theta = self.best_theta[k]
        return theta

    def say(self, line: str) -> None:
        """Report a line, if there is a function to report to."""
        if self.report:
            self.report(line)

    def plateau(self, k: int) -> str:
        """Return a sentence which says that network k stopped improving."""
        what = "Validation score" if self.decides else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol[k]:f} for "
            f"{self.n_iter_no_change[k]:.0f} consecutive epochs."
        )
