"""Steps and estimates in turn, until the evidence rises no more.

A climb trains one network. Each damped step is followed by an estimate of the
precisions, which moves them towards the values with the highest evidence (see
``evidence/precisions.py``). The weights with the highest evidence are kept.

A feature that the data say nothing about leaves the network for good. Its weights are
next to 0, and at 0 nothing brings them back, but products with them would take time.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
Foresee and Hagan (1997), "Gauss-Newton approximation to Bayesian learning". ICNN.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skbp.engine.arrays import Array
from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.cut import Cut
from skbp.engine.evidence.frame import Evaluate, Frame, Framed, of_bends
from skbp.engine.evidence.moments import spreads, totals
from skbp.engine.evidence.posterior import Evidence
from skbp.engine.evidence.precisions import (
    CALM,
    LIMITS,
    Precisions,
    groups_of,
    log_constant,
    prior_precisions,
    sizes,
)
from skbp.engine.losses import Loss
from skbp.engine.network import Network
from skbp.engine.problem import Problem
from skbp.engine.samples import Parts, Samples
from skbp.engine.solvers.damped import Iterate, advance

#: A feature leaves the network if the data determine less than this part of each of its
#: weights. (The precision says less: where units act linearly, the weights of features
#: that matter can fall to 1e-5 of the prior.)
USELESS = 1e-3
#: The rise of the log evidence that counts, for the default tol of 1e-4; and what each
#: sample beyond MANY adds to it. A rise that is small for each sample changes nothing.
RISE, DEFAULT_TOL = 0.1, 1e-4
RISE_PER_SAMPLE, MANY = 5e-3, 1000
#: The rise that counts is this part of what is missing to the mark, or more.
BELOW = 0.01
#: Means count as 0 if their squares are less than this part of the variance.
NEAR = 0.5
#: Features vary only by rounding if their variance is less than this part of x².
ROUNDING = 1e-20


@dataclass(frozen=True)
class Task:
    """The data of a problem whose precisions are to be estimated, and their sizes.

    Attributes
    ----------
    network : Network
        The whole network.
    by_feature : bool
        Whether each feature has a precision of its own.
    m : float
        The total weight of the samples.
    N : array (outputs,)
        The number of targets of each output, counted by weight.
    X_size, variance : float, array (outputs,)
        The mean square of the features, and the variance of the targets.
    constant : float
        What the log likelihood has besides minus the loss.
    frame : Frame or None
        What makes weights of the network from those that climb.
    """

    network: Network
    loss: Loss
    samples: Samples | Parts
    by_feature: bool
    m: float
    N: Array
    X_size: float
    variance: Array
    constant: float
    frame: Frame | None = None

    @classmethod
    def of(cls, problem: Problem, by_feature: bool) -> Task:
        network, loss, samples = problem.network, problem.loss, problem.samples
        X_size, variance, N = sizes(samples)
        if not loss.normal:
            variance[:] = 1.0
        (constant,) = samples.sum(partial(log_constant, loss))
        known = samples.total(), N, X_size, variance, float(constant)
        return cls(network, loss, samples, by_feature, *known)

    def framed(self) -> Task:
        """Return the same task for weights as if all means were 0.

        Return the task itself if all means are close enough to 0.
        """
        network, samples, m = self.network, self.samples, self.m
        if not network.biases or not network.activations:
            return self
        x, y = samples.sum(totals)
        x, y = x / m, y / self.N * self.loss.normal
        (spread,) = samples.sum(partial(spreads, x))
        y[y**2 < NEAR * self.variance] = 0.0
        # A constant feature is a bias, and stays one.
        stays = (x**2 < NEAR * spread / m) | (spread < ROUNDING * m * x**2)
        sizes = spread / m + np.where(stays, x**2, 0.0)
        x[stays] = 0.0
        frame = Frame.of(network, x, y)
        size = float(sizes.mean()) or 1.0
        return replace(self, X_size=size, frame=frame) if frame else self

    def plain(self, theta: Array) -> Array:
        """Return weights (P,) of the network from those that climb."""
        if self.frame is None:
            return theta
        plain: Array = self.frame.plain(theta[np.newaxis])[0]
        return plain

    def prior(self, network: Network) -> Array:
        """Return guesses of the precisions of the whole network, or of a cut."""
        prior = prior_precisions(network, self.X_size, self.variance)
        return prior if self.frame is None else of_bends(network) * prior

    def precisions(self, cut: Cut) -> Precisions:
        """Return the precisions of a cut before the first estimate."""
        network = cut.network
        groups = groups_of(network, self.by_feature)
        known = network, self.loss, self.N, self.prior(network), self.variance, groups
        return Precisions(*known, 0.0, self.constant)

    def gauss_newton(self, cut: Cut) -> Evaluate:
        samples = cut.samples(self.samples)
        plain = GaussNewton(cut.network, self.loss, samples, self.loss.normal)
        return plain if self.frame is None else Framed(plain, self.frame.of_cut(cut))

    def of_whole(self, cut: Cut, evidence: Evidence) -> Evidence:
        """Return the evidence of a cut as that of the whole network.

        What is left out has the largest precision there is, and no effect.
        """
        prior, groups = (
            self.prior(self.network),
            groups_of(self.network, self.by_feature),
        )
        owner = np.empty(len(prior), np.intp)
        for g, group in enumerate(groups):
            owner[group] = g
        at = owner[[cut.rows[group[0]] for group in evidence.groups]]
        high = LIMITS[1]
        alpha = np.array([high * prior[group].mean() for group in groups])
        gamma = np.zeros(len(groups))
        alpha[at], gamma[at] = evidence.alpha, evidence.gamma
        precisions = cut.expanded(evidence.precisions, high * prior)
        A = np.diag(precisions)
        A[np.ix_(cut.rows, cut.rows)] = evidence.A
        return replace(
            evidence,
            groups=groups,
            alpha=alpha,
            precisions=precisions,
            gamma=gamma,
            A=A,
        )


@dataclass(frozen=True)
class Found:
    """The weights (P,) of a cut with the highest evidence that a climb has seen."""

    cut: Cut
    theta: Array
    evidence: Evidence

    @property
    def whole(self) -> Array:
        """The weights of the whole network."""
        return self.cut.expanded(self.theta)


@dataclass(frozen=True)
class Plan:
    """How a climb goes.

    Attributes
    ----------
    first : int
        The number of steps before the first estimate.
    patience : int
        The number of estimates without a rise after which the climb ends.
    mark : float
        The highest log evidence of earlier climbs. A climb that is far below must rise
        faster.
    """

    first: int
    patience: int = 10
    mark: float = -np.inf


def better(one: Found | None, other: Found | None) -> Found | None:
    """Return what has the higher evidence; of equals, the second."""
    if one is None or other is None:
        return other if one is None else one
    rises = one.evidence.log_evidence > other.evidence.log_evidence
    return one if rises else other


class Climb:
    """One network on its way up.

    Parameters
    ----------
    task : Task
    cut : Cut
    theta : array (P,)
        The weights of the cut to start from.
    precisions : Precisions
    """

    task: Task
    cut: Cut
    iterate: Iterate
    gauss_newton: Evaluate
    best: Found | None
    settled: bool
    stale: int
    high: float
    before: float

    def __init__(
        self,
        task: Task,
        cut: Cut,
        theta: Array,
        precisions: Precisions,
    ):
        self.task = task
        self.best, self.settled = None, False
        self.stale, self.high, self.before = 0, -np.inf, np.nan
        self.iterate = Iterate(theta, precisions, task.m)
        self._move(cut)

    def _move(self, cut: Cut) -> None:
        """Take a cut, and evaluate it at the current weights."""
        self.cut, self.gauss_newton = cut, self.task.gauss_newton(cut)
        theta = self.iterate.theta[np.newaxis]
        self.iterate.set(*(part[0] for part in self.gauss_newton(theta)))

    def run(self, plan: Plan, tol: float, most: int) -> Iterator[Iterate]:
        """Take ``most`` steps, or fewer if the evidence rises no more; yield each."""
        for step in range(1, most + 1):
            one = self.iterate
            if one.finite:
                advance([one], self.gauss_newton)
            yield one
            if step < plan.first and not (one.stuck or one.settled(tol)):
                continue
            try:
                if self._estimate(plan, tol):
                    break
            except np.linalg.LinAlgError:
                break
        else:
            return
        self.settled = self.best is not None

    def rest(self, tol: float, most: int) -> Iterator[Iterate]:
        """Take ``most`` steps or fewer with fixed precisions; yield each.

        They end where the slope of F does not get smaller. (From there to the minimum
        it can be far, along a valley in which F hardly falls and the evidence does.)
        """
        one = self.iterate
        kept, slope = (one.E, one.theta, one.H), np.abs(one.slope).max()
        for _ in range(most):
            if one.stuck or one.settled(tol):
                break
            advance([one], self.gauss_newton)
            yield one
            if not np.abs(one.slope).max() < slope:
                break
            kept, slope = (one.E, one.theta, one.H), np.abs(one.slope).max()
        self.best = Found(self.cut, kept[1], one.precisions.estimate(*kept))

    def _estimate(self, plan: Plan, tol: float) -> bool:
        """Estimate the precisions, which changes F; return whether evidence settled."""
        one, cut = self.iterate, self.cut
        precisions = one.precisions
        evidence = precisions.estimate(one.E, one.theta, one.H)
        value, before = evidence.log_evidence, self.before
        if self.best is None or value > self.best.evidence.log_evidence:
            self.best = Found(cut, one.theta.copy(), evidence)
        # Smaller rises are of no use, and there can be many.
        rise = RISE + RISE_PER_SAMPLE * max(0.0, self.task.m - MANY)
        rise *= min(1.0, tol / DEFAULT_TOL)
        rise = max(rise, BELOW * (plan.mark - value))
        self.stale = 0 if value > self.high + rise else self.stale + 1
        self.high = max(self.high, value) if self.stale else value
        # The size of the log evidence for targets of variance 1.
        size = max(1.0, abs(value + precisions.unit))
        change = abs(value - before) / size
        ended = self.stale >= plan.patience
        settled = precisions.apart and (change <= 0.1 * tol or ended)
        self.before = value
        if not precisions.apart and (change <= max(CALM, 0.1 * tol) or ended):
            # From here on, each output has its own noise. The evidence of this other
            # model is yet to be found.
            precisions.apart, one.stuck = True, True
            self.best, self.stale, self.high, self.before = None, 0, -np.inf, np.nan
            precisions.estimate(one.E, one.theta, one.H)
        if self.task.by_feature and not settled:
            self._prune(evidence)
            one = self.iterate
        one.set(one.E, one.g, one.H)
        if one.stuck:
            # A step may lower the new F.
            one.stuck, one.mu, one.growth = False, 0.0, 2.0
        return settled

    def _prune(self, evidence: Evidence) -> None:
        """Leave out the features that the data say nothing about, except the last."""
        cut, n = self.cut, self.cut.network.units[0]
        gamma = evidence.gamma[:n]
        some = gamma >= USELESS * cut.network.units[1]
        some[gamma.argmax()] = True
        if not some.all():
            smaller = cut.with_features(cut.kept[0][some])
            self.iterate = of_cut(self.task, self.iterate, cut, smaller)
            self._move(smaller)


def of_cut(task: Task, one: Iterate, before: Cut, after: Cut) -> Iterate:
    """Return the state of a network in a smaller cut."""
    rows = after.rows
    precisions, old = task.precisions(after), one.precisions
    precisions.resume(before.expanded(old.alpha)[rows], old.beta, old.apart)
    result = Iterate(before.expanded(one.theta)[rows], precisions, task.m)
    result.mu, result.growth, result.stuck = one.mu, one.growth, one.stuck
    return result
