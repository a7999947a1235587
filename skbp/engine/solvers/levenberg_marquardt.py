"""Levenberg-Marquardt: damped Gauss-Newton steps, and lambda from the evidence.

The objective of a network is a sum over samples, with a precision beta of the data and
a precision alpha_p of each parameter::

    F(theta) = beta E(theta) + 1/2 sum_p alpha_p theta_p²

With several outputs each output has a beta, and beta E means the sum over outputs. A
step d solves (beta H + diag(alpha) + mu D) d = - (beta g + alpha theta), and is taken
if F falls. The damping mu depends on the ratio of the fall of F to the fall that the
quadratic model promised (Nielsen 1999). The diagonal D holds the prior precisions of
the parameters, each one over the square of the parameter's unit, so mu has no unit.

With fixed penalties beta is 1, alpha_p is lambda for weights and 0 for biases, and F is
m J. Otherwise alpha and beta are estimated anew after each step, and move towards the
values with the highest evidence (see ``evidence/precisions.py``).

References
----------
Nielsen (1999), "Damping parameter in Marquardt's method". IMM-REP-1999-05.
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
Foresee and Hagan (1997), "Gauss-Newton approximation to Bayesian learning". ICNN.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from skbp.engine.arrays import Array, Rows
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.posterior import Evidence
from skbp.engine.evidence.precisions import (
    CALM,
    Precisions,
    groups_of,
    noisy,
    prior_precisions,
    sizes,
)
from skbp.engine.problem import Problem
from skbp.engine.progress import Progress, Status
from skbp.engine.settings import Settings
from skbp.engine.solvers.solution import Solution

#: The number of steps before the first estimate. With random weights, an estimate would
#: take everything for noise.
FIRST = 5
#: If the damping exceeds this multiple of the curvature, no step will lower F.
HOPELESS = 1e12
#: The number of steps that are tried in an iteration. The damping grows from the
#: smallest float64 number beyond the largest in 65 steps, so nobody needs more. The
#: limit is for numbers that overflow, with which comparisons say nothing.
TRIES = 80


def minimise(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    start: Checkpoint,
    rng: np.random.RandomState,
) -> Solution:
    """Train K networks from a checkpoint on, in lock-step.

    An iteration takes a damped step with each network (``advance``), records it,
    estimates new precisions if alpha is estimated, and checks whether training has
    ended (``record``). At the end the evidence is computed at the weights that are
    kept. Only the weights of ``start`` are used, and ``rng`` is not.
    """
    network, loss, samples = problem.network, problem.loss, problem.samples
    groups = None
    if settings.estimates:
        groups = groups_of(network, by_feature=settings.estimate == "ard")
    gauss_newton = GaussNewton(network, loss, samples, noisy(loss, groups))
    histories = progress.histories
    with np.errstate(all="ignore"):
        iterates, kept = begin(problem, settings, start, groups)
        try:
            for one in iterates:
                one.set(*(part[0] for part in gauss_newton(one.theta[np.newaxis])))
            while going := [k for k, one in enumerate(histories) if one.running]:
                finite = [iterates[k] for k in going if iterates[k].finite]
                advance(finite, gauss_newton)
                for k in going:
                    record(iterates[k], k, progress, settings)
        except KeyboardInterrupt:
            progress.end(list(range(len(kept))), Status.INTERRUPTED)
        evidence = []
        for k, one in enumerate(iterates):
            best = one.theta if progress.decides or one.best is None else one.best[1]
            kept[k] = progress.result(k, best)
            diverged = histories[k].status is Status.DIVERGED
            evidence.append(one.final(gauss_newton, kept[k], diverged))
            if settings.estimates and evidence[k] is None:
                histories[k].status = Status.DIVERGED
    return Solution(kept, evidence)


def begin(
    problem: Problem,
    settings: Settings,
    start: Checkpoint,
    groups: Sequence[Rows] | None,
) -> tuple[list[Iterate], Array]:
    """Return the networks at the start of training, and their theta (K, P)."""
    network, loss, samples = problem.network, problem.loss, problem.samples
    assert start.theta is not None
    m, theta = samples.total(), start.theta
    X_size, variance, N = sizes(samples)
    if not loss.normal:
        variance[:] = 1.0
    prior = prior_precisions(network, X_size, variance)
    if settings.rescale:
        theta = theta / np.sqrt(prior).astype(theta.dtype)
    known = (network, loss, N, prior, variance, groups)
    alphas = settings.each("alpha", range(len(theta)))
    iterates = [
        Iterate(theta_k, Precisions(*known, alpha), m)
        for theta_k, alpha in zip(theta, alphas, strict=True)
    ]
    return iterates, theta.copy()


class Iterate:
    """The state of one network: weights, the model of F around them, and damping."""

    theta: Array
    precisions: Precisions
    m: float
    mu: float
    growth: float
    steps: int
    fell: float
    stuck: bool
    E: Array
    g: Array
    H: Array
    F: float
    slope: Array
    finite: bool
    curvature: float
    d: Array
    promised: float

    def __init__(self, theta: Array, precisions: Precisions, m: float):
        self.theta, self.precisions, self.m = theta.astype(np.float64), precisions, m
        self.mu, self.growth, self.steps = 0.0, 2.0, 0
        self.evidence: Evidence | None = None
        #: The highest evidence so far, and its weights.
        self.best: tuple[Evidence, Array] | None = None
        self.fell, self.stuck = np.inf, False

    def set(self, E: Array, g: Array, H: Array) -> None:
        """Store the loss and its derivatives at the current weights."""
        self.E, self.g, self.H = E, g, H
        self.F = self.precisions.F(self.E, self.theta)
        self.slope = self.precisions.beta @ g + self.precisions.alpha * self.theta
        self.finite = bool(np.isfinite(self.F) and np.isfinite(self.slope).all())
        self.finite &= bool(np.isfinite(H).all())

    def step(self) -> Array:
        """Return the weights at which the damped model of F has its minimum."""
        A = self.precisions.A(self.H)
        unit = self.precisions.prior
        self.curvature = max(float((np.diag(A) / unit).max()), 1e-100)
        if not self.mu:
            self.mu = 1e-3 * self.curvature
        A[np.diag_indices_from(A)] += self.mu * unit
        try:
            self.d = np.linalg.solve(A, -self.slope)
        except np.linalg.LinAlgError:
            # Take no step; more damping will help.
            self.d = np.zeros_like(self.theta)
        # The fall of F in the model is d' (mu D d - slope) / 2.
        self.promised = 0.5 * float(self.d @ (self.mu * unit * self.d - self.slope))
        return self.theta + self.d

    def judge(self, E: Array) -> bool:
        """Return whether the step lowers F; adapt the damping (Nielsen 1999)."""
        F = self.precisions.F(E, self.theta + self.d)
        gain = (self.F - F) / self.promised if self.promised > 0 else -1.0
        if np.isfinite(F) and gain > 0:
            # (The limit of the gain changes nothing, and its power cannot overflow.)
            self.mu *= max(1.0 / 3.0, 1.0 - (2.0 * min(gain, 1.0) - 1.0) ** 3)
            self.growth, self.fell = 2.0, self.F - F
            return True
        self.mu *= self.growth
        self.growth *= 2.0
        self.stuck = not self.mu <= HOPELESS * self.curvature
        return False

    def estimate(self, tol: float) -> bool:
        """Estimate the precisions, which changes F; return whether evidence settled."""
        precisions, before, settled = self.precisions, self.evidence, False
        self.evidence = precisions.estimate(self.E, self.theta, self.H)
        value = self.evidence.log_evidence
        if self.best is None or value > self.best[0].log_evidence:
            self.best = self.evidence, self.theta.copy()
        if before is not None:
            # The size of the log evidence for targets of variance 1.
            size = max(1.0, abs(value + precisions.unit))
            change = abs(value - before.log_evidence) / size
            settled = precisions.apart and change <= 0.1 * tol
            if not precisions.apart and change <= max(CALM, 0.1 * tol):
                # From here on, each output has its own noise. The evidence of this
                # other model is yet to be found.
                precisions.apart, self.stuck = True, True
                self.evidence = self.best = None
                precisions.estimate(self.E, self.theta, self.H)
        self.set(self.E, self.g, self.H)
        if self.stuck:
            # A step may lower the new F.
            self.stuck, self.mu, self.growth = False, 0.0, 2.0
        return settled

    def J(self) -> float:
        """Return F per sample, which is J if lambda is fixed."""
        return self.F / self.m

    def final(
        self, gauss_newton: GaussNewton, theta: Array, diverged: bool
    ) -> Evidence | None:
        """Return the evidence at the weights that are kept, if it is estimated.

        Return None if its numbers are not finite.
        """
        if self.precisions.groups is None or diverged:
            return None
        several = len(self.precisions.beta) > 1
        if self.best is not None and not several:
            evidence, best = self.best
            if (best.astype(theta.dtype) == theta).all():
                return evidence
        at = theta.astype(np.float64)
        E, _, H = gauss_newton(at[np.newaxis])
        estimate = self.precisions.settle if several else self.precisions.estimate
        with suppress(np.linalg.LinAlgError):
            return estimate(E[0], at, H[0])
        return None


def advance(networks: list[Iterate], gauss_newton: GaussNewton) -> None:
    """Take a step with each network, with more and more damping until F falls."""
    waiting = networks
    for _ in range(TRIES):
        if not waiting:
            return
        E = gauss_newton.value(np.stack([one.step() for one in waiting]))
        taken = [one for one, E_one in zip(waiting, E, strict=True) if one.judge(E_one)]
        for one in taken:
            one.theta = one.theta + one.d
        if taken:
            results = gauss_newton(np.stack([one.theta for one in taken]))
            for one, *parts in zip(taken, *results, strict=True):
                one.set(*parts)
        waiting = [one for one in waiting if one not in taken and not one.stuck]
    for one in waiting:
        one.stuck = True


def record(one: Iterate, k: int, progress: Progress, settings: Settings) -> None:
    """Record an iteration of network k, estimate its precisions, and end it if done."""
    history = progress.histories[k]
    (tol,) = settings.each("tol", [k])
    one.steps += 1
    losses, theta = np.array([one.J()]), one.theta[np.newaxis]
    progress.epoch([k], theta, losses, before=theta)
    if not history.running:
        return
    settled = one.fell <= 1e-9 * abs(one.F) or np.abs(one.slope).max() / one.m <= tol
    if one.precisions.groups is None:
        settled = settled or one.stuck
    elif one.steps >= FIRST or one.stuck or settled:
        try:
            settled = one.estimate(tol)
        except np.linalg.LinAlgError:
            history.status = Status.DIVERGED
    else:
        settled = False
    if progress.decides and progress.lost_patience(k):
        progress.say(f"{progress.plateau(k)} Stopping.")
        settled = True
    if settled:
        progress.end([k], Status.CONVERGED)
    elif history.n_iter >= settings.max_iter:
        progress.end([k], Status.MAX_ITER)
