"""Levenberg-Marquardt: damped Gauss-Newton steps, and lambda from the evidence.

The objective of a network is a sum over samples, with a precision beta of the data and
a precision alpha_p for each parameter::

    F(theta) = beta E(theta) + 1/2 sum_p alpha_p theta_p²

where the errors of several outputs have a beta each, and beta E stands for their sum. A
step solves (beta H + diag(alpha) + mu D) d = - (beta g + alpha theta), and is taken
if F falls. The damping mu follows the ratio of that fall to the one that the quadratic
model promised (Nielsen 1999); the diagonal D has the units of the parameters.

With fixed penalties beta is 1, alpha_p is lambda for weights and 0 for biases, and F is
m J. Otherwise alpha and beta are those that make the data most probable, the evidence,
re-estimated after each step: with A = beta H + diag(alpha), gamma_g = sum over a group
g of parameters of 1 - alpha_p (A^-1)_pp is the number of them that the data determine,
and::

    alpha_g := gamma_g / sum_g theta_p²,      beta := (N - gamma) / (2 E)

where theta_p is in the units of the output that it belongs to, if any, and beta belongs
to squared errors alone (it is one over the variance of the noise);
other losses are minus log likelihoods as they are, and beta stays 1. Of several outputs
each has its own N, E and gamma, the trace of beta H A^-1.

References
----------
Nielsen (1999), "Damping parameter in Marquardt's method". IMM-REP-1999-05.
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
Foresee and Hagan (1997), "Gauss-Newton approximation to Bayesian learning". ICNN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import log, pi
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.sparse import issparse

from skbp.engine.arrays import Array, Rows
from skbp.engine.gauss_newton import GaussNewton
from skbp.engine.losses import Loss
from skbp.engine.network import Network
from skbp.engine.progress import (
    CONVERGED,
    DIVERGED,
    INTERRUPTED,
    MAX_ITER,
    Progress,
)
from skbp.engine.samples import Parts, Samples, Sums
from skbp.engine.training import Settings

#: Steps before the first estimate: from random weights it would say that all is noise.
FIRST = 5
#: One over the part of the targets' variance that is noise, to begin with. Who takes
#: all for noise shrinks the weights, and with few samples never finds out otherwise.
START = 2.0
#: The relative change of the log evidence below which outputs get noise of their own.
#: Before, it is the same part of each output's variance: of outputs of equal noise one
#: that is learnt first would take all units.
CALM = 1e-4
#: By how many times the precision of an output may be above that of another, both in
#: units of their variance: one without noise would leave no steps to the others.
RATIO = 1e4
#: Most estimates until the precisions at given weights have settled.
ESTIMATES = 30
#: Between which parts of the guesses alpha and beta are kept.
LIMITS = (1e-10, 1e10)
#: From this damping on, relative to the curvature, no step will lower F.
HOPELESS = 1e12


@dataclass
class Evidence:
    """What is estimated with the weights, of one network.

    Attributes
    ----------
    groups : list of array of int
        The parameters that share a precision.
    alpha : array (n_groups,)
        Their precisions.
    precisions : array (P,)
        Those of each parameter: in a group they differ as the guesses of them do, by
        the units of the outputs.
    beta : array (Q,)
        The precision of the data: of each output, or of all.
    gamma : array (n_groups,)
        The numbers of parameters that the data determine.
    log_evidence : float
        The logarithm of the probability of the targets, by Laplace's approximation.
    A : array (P, P)
        The second derivative of F at the weights: the inverse of their covariance.
    """

    groups: list[Rows]
    alpha: Array
    precisions: Array
    beta: Array
    gamma: Array
    log_evidence: float
    A: Array = field(repr=False)


def groups_of(network: Network, by_feature: bool) -> list[Rows]:
    """Return the groups of parameters that share a precision.

    The weights of each layer (of each input feature in the first layer, if
    ``by_feature``), then the biases of each layer.
    """
    groups: list[Rows] = []
    start = 0
    for l, (n_in, n_out) in enumerate(pairwise(network.units)):
        size = n_in * n_out
        every = np.arange(start, start + size)
        # Weights lie in theta as (in, out).
        groups += np.split(every, n_in) if by_feature and l == 0 else [every]
        start += size
    if network.biases:
        for n_out in network.units[1:]:
            groups.append(np.arange(start, start + n_out))
            start += n_out
    return groups


class Penalty:
    """The precisions of one network: fixed, or estimated.

    Parameters
    ----------
    N : float
        The number of targets, by weight.
    prior : array (P,)
        A guess of the precision of each parameter, from the sizes of the data.
    variance : array (outputs,)
        That of the targets.
    groups : list of array of int or None
        The parameters that share an estimated precision; None means that all weights
        have the precision ``fixed``.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        N: float,
        prior: Array,
        variance: Array,
        groups: Sequence[Rows] | None,
        fixed: float,
    ):
        self.groups = None if groups is None else list(groups)
        self.noisy = noisy(loss, groups)
        self.N, self.beta = N, START / variance if self.noisy else np.ones(1)
        self.apart, self.ratio = len(self.beta) == 1, RATIO
        # What the units of the targets take from the log evidence.
        self.unit = 0.5 * N * float(np.log(variance).mean()) if self.noisy else 0.0
        self.alpha, self.prior, self.variance = np.zeros_like(prior), prior, variance
        if self.groups is None:
            self.alpha[: network.n_weights] = fixed
        else:
            self.alpha[:] = prior
            self.each = np.array([prior[group].mean() for group in self.groups])

    def F(self, E: Array, theta: Array) -> float:
        return float(self.beta @ E + 0.5 * (self.alpha @ theta**2))

    def A(self, H: Array) -> Array:
        """Return the second derivative of F."""
        A: Array = self.beta[0] * H[0]
        for beta, H_q in zip(self.beta[1:], H[1:], strict=True):
            A += beta * H_q
        A[np.diag_indices_from(A)] += self.alpha
        return A

    def estimate(self, E: Array, theta: Array, H: Array) -> Evidence:
        """Return the evidence at these weights; move alpha, beta towards its peak."""
        assert self.groups is not None
        A = self.A(H)
        root, log_det = inverse_root(A)
        determined = np.clip(1.0 - self.alpha * (root**2).sum(axis=0), 0.0, 1.0)
        gamma = np.array([determined[group].sum() for group in self.groups])
        evidence = Evidence(
            self.groups,
            self.each.copy(),
            self.alpha.copy(),
            self.beta,
            gamma,
            self._log_evidence(E, theta, log_det),
            A,
        )
        low, high = LIMITS
        for g, group in enumerate(self.groups):
            guess = float(self.prior[group].mean())
            unit = self.prior[group] / guess
            wanted = gamma[g] / max(float(unit @ theta[group] ** 2), 1e-300)
            self.each[g] = min(max(wanted, low * guess), high * guess)
            self.alpha[group] = self.each[g] * unit
        if self.noisy:
            N, used = self.N / len(self.beta), self._used(gamma, root, H)
            parts = 2.0 * E / self.variance
            if not self.apart:
                used, parts = used.mean(), parts.mean()
            free = np.maximum(N - used, 0.01 * N)
            wanted = np.clip(free / np.maximum(parts, 1e-300), low, high)
            wanted = np.minimum(wanted, self.ratio * wanted.min())
            self.beta = wanted / self.variance
        return evidence

    def settle(self, E: Array, theta: Array, H: Array) -> Evidence:
        """Return the evidence at these weights, with precisions that suit them best."""
        # No step follows that a precision could spoil.
        self.apart, self.ratio, value = True, np.inf, -np.inf
        for _ in range(ESTIMATES):
            evidence, before = self.estimate(E, theta, H), value
            value = evidence.log_evidence
            if abs(value - before) <= CALM * max(1.0, abs(value)):
                break
        return evidence

    def _used(self, gamma: Array, root: Array, H: Array) -> Array:
        """Return how many parameters each of the outputs determines (Q,)."""
        if len(H) == 1:
            used: Array = gamma.sum(keepdims=True)
        else:
            used = self.beta * [float(((root @ H_q) * root).sum()) for H_q in H]
        return used

    def _log_evidence(self, E: Array, theta: Array, log_det: float) -> float:
        value = -self.F(E, theta) - 0.5 * log_det + 0.5 * np.log(self.alpha).sum()
        if self.noisy:
            value += 0.5 * self.N * (np.log(self.beta).mean() - log(2.0 * pi))
        return float(value)


def noisy(loss: Loss, groups: Sequence[Rows] | None) -> bool:
    """Return whether noise is estimated, which is that of each output."""
    return groups is not None and loss.name == "squared_error"


def inverse_root(A: Array) -> tuple[Array, float]:
    """Return R with A^-1 = R'R, and log det A, for A without negative eigenvalues."""
    try:
        L = np.linalg.cholesky(A)
        root = solve_triangular(L, np.eye(len(A)), lower=True, check_finite=False)
        return root, 2.0 * float(np.log(np.diag(L)).sum())
    except np.linalg.LinAlgError:
        values, vectors, unit = eigenvalues(A)
        log_det = float(np.log(values).sum() - 2.0 * np.log(unit).sum())
        return (vectors / np.sqrt(values)).T * unit, log_det


def covariance(A: Array) -> Array:
    """Return the inverse of a matrix with no negative eigenvalue."""
    values, vectors, unit = eigenvalues(A)
    result: Array = (vectors / values) @ vectors.T
    result *= unit[:, np.newaxis] * unit
    return result


def eigenvalues(A: Array) -> tuple[Array, Array, Array]:
    """Return the eigenvalues, positive, and vectors of u A u; and u = A_pp ^ -1/2.

    With it, what is as good as 0 does not depend on the units of the parameters.
    """
    unit = np.maximum(np.diag(A), 1e-300) ** -0.5
    values, vectors = np.linalg.eigh(unit[:, np.newaxis] * A * unit)
    return np.maximum(values, values[-1] * 1e-15), vectors, unit


def prior_precisions(network: Network, X_size: float, variance: Array) -> Array:
    """Return a guess of the precision of each parameter (P,).

    Weighted inputs of about 1 in the hidden layers, and outputs as the targets are:
    ``X_size`` is the mean square of the features, ``variance`` that of each target.
    """
    each: list[Array] = []
    sizes = [*(np.ones(n) for n in network.units[1:-1]), variance]
    for l, (n_in, size) in enumerate(zip(network.units, sizes, strict=False)):
        # Weights lie in theta as (in, out).
        each.append(np.tile((X_size if l == 0 else 1.0) / size, n_in))
    if network.biases:
        each += [1.0 / size for size in sizes]
    return np.concatenate(each)


def minimise(
    network: Network,
    loss: Loss,
    samples: Samples | Parts,
    theta: Array,
    settings: Settings,
    progress: Progress,
    *,
    rows: Rows | None = None,
    groups: Sequence[Rows] | None = None,
    drawn: bool = False,
) -> tuple[Array, list[Evidence | None]]:
    """Train K networks from theta (K, P) on, in lock-step.

    Parameters
    ----------
    groups : sequence of array of int, default=None
        The parameters that share a precision, which is estimated. None means that
        ``settings.alpha`` is the penalty.
    drawn : bool, default=False
        Whether theta was drawn for data of size 1, and has to be fitted to theirs.

    Returns
    -------
    theta : array (K, P)
    evidence : list
        Of each network; None where alpha is fixed.
    """
    every = slice(0, len(samples)) if rows is None else rows
    gauss_newton = GaussNewton(network, loss, samples, every, noisy(loss, groups))
    m = samples.total(every)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        X_size, variance = sizes(samples, every)
        if loss.name != "squared_error":
            variance[:] = 1.0
        prior = prior_precisions(network, X_size, variance)
        if drawn:
            theta = theta / np.sqrt(prior).astype(theta.dtype)
        task = (network, loss, m * network.units[-1], prior, variance, groups)
        networks = [
            Marquardt(theta[k], Penalty(*task, alpha), m)
            for k, alpha in enumerate(settings.each("alpha", range(len(theta))))
        ]
        histories, kept = progress.histories, theta.copy()
        try:
            for one in networks:
                one.set(*(part[0] for part in gauss_newton(one.theta[np.newaxis])))
            while going := [k for k, h in enumerate(histories) if not h.status]:
                advance(
                    [networks[k] for k in going if networks[k].finite], gauss_newton
                )
                for k in going:
                    record(networks[k], k, progress, settings)
        except KeyboardInterrupt:
            progress.end(list(range(len(theta))), INTERRUPTED)
        for k, one in enumerate(networks):
            best = one.theta if progress.decides or one.best is None else one.best[1]
            kept[k] = progress.result(k, best)
        evidence = [
            one.final(gauss_newton, kept[k], histories[k].status == DIVERGED)
            for k, one in enumerate(networks)
        ]
    return kept, evidence


def sizes(samples: Samples | Parts, rows: Rows | slice) -> tuple[float, Array]:
    """Return the mean square of the features and the variances of the targets."""
    m = samples.total(rows)
    X_sum, Y_sum = sums(samples, rows, sums_of_data)
    (squares,) = sums(samples, rows, partial(squares_of_targets, Y_sum / m))
    # Where there is nothing to measure, 1 is as good as any.
    # What varies by rounding alone is a constant.
    varies = np.sqrt(squares / m) > np.finfo(float).eps * m * np.abs(Y_sum / m)
    return float(X_sum) / m or 1.0, np.where(varies, squares / m, 1.0)


def sums(
    samples: Samples | Parts,
    rows: Rows | slice,
    terms: Callable[[Rows | slice | None, Samples], Sums],
) -> Sums:
    """Return the sums of terms over these samples, wherever they are."""
    if isinstance(samples, Parts):
        return samples.sum(partial(terms, None))
    return terms(rows, samples)


def sums_of_data(rows: Rows | slice | None, samples: Samples) -> Sums:
    """Return the sum of the mean squares of the features (), and that of Y (outputs,).

    Rows of None are all.
    """
    X, Y, weights = of_rows(samples, rows)
    if issparse(X):
        squares = np.asarray(X.power(2).mean(axis=1)).ravel()
    else:
        squares = np.einsum("ij,ij->i", X, X, dtype=np.float64) / X.shape[1]
    return np.array(weights @ squares), weights @ Y


def squares_of_targets(
    center: Array, rows: Rows | slice | None, samples: Samples
) -> Sums:
    """Return the sum of (Y - center)² (outputs,)."""
    _, Y, weights = of_rows(samples, rows)
    return (weights @ (Y - center) ** 2,)


def of_rows(samples: Samples, rows: Rows | slice | None) -> tuple[Any, Array, Array]:
    """Return X, and Y and weights in float64, of these rows."""
    rows = slice(None) if rows is None else rows
    Y, weights = samples.Y[rows].astype(np.float64), samples.weights
    weights = np.ones(len(Y)) if weights is None else weights[rows].astype(np.float64)
    return samples.X[rows], Y, weights


class Marquardt:
    """Where one network stands: weights, model of F around them, damping."""

    def __init__(self, theta: Array, penalty: Penalty, m: float):
        self.theta, self.penalty, self.m = theta.astype(np.float64), penalty, m
        self.mu, self.growth, self.steps = 0.0, 2.0, 0
        self.evidence: Evidence | None = None
        #: The highest evidence so far, and the weights that have it.
        self.best: tuple[Evidence, Array] | None = None
        self.fell, self.stuck = np.inf, False

    def set(self, E: Array, g: Array, H: Array) -> None:
        """Take the loss and its derivatives at the weights."""
        self.E, self.g, self.H = E, g, H
        self.F = self.penalty.F(self.E, self.theta)
        self.slope = self.penalty.beta @ g + self.penalty.alpha * self.theta
        self.finite = bool(np.isfinite(self.F) and np.isfinite(self.slope).all())
        self.finite &= bool(np.isfinite(H).all())

    def step(self) -> Array:
        """Return the weights that the damped model of F has its minimum at."""
        A = self.penalty.A(self.H)
        unit = self.penalty.prior
        self.curvature = max(float((np.diag(A) / unit).max()), 1e-100)
        if not self.mu:
            self.mu = 1e-3 * self.curvature
        A[np.diag_indices_from(A)] += self.mu * unit
        try:
            self.d = np.linalg.solve(A, -self.slope)
        except np.linalg.LinAlgError:
            # No step; more damping helps.
            self.d = np.zeros_like(self.theta)
        # What the model promises: d' (mu D d - slope) / 2.
        self.promised = 0.5 * float(self.d @ (self.mu * unit * self.d - self.slope))
        return self.theta + self.d

    def judge(self, E: Array) -> bool:
        """Return whether the step lowers F; adapt the damping (Nielsen 1999)."""
        F = self.penalty.F(E, self.theta + self.d)
        gain = (self.F - F) / self.promised if self.promised > 0 else -1.0
        if np.isfinite(F) and gain > 0:
            self.mu *= max(1.0 / 3.0, 1.0 - (2.0 * gain - 1.0) ** 3)
            self.growth, self.fell = 2.0, self.F - F
            return True
        self.mu *= self.growth
        self.growth *= 2.0
        self.stuck = not self.mu <= HOPELESS * self.curvature
        return False

    def estimate(self, tol: float) -> bool:
        """Estimate the penalty, which moves F; return whether the evidence settled."""
        penalty, before, settled = self.penalty, self.evidence, False
        self.evidence = penalty.estimate(self.E, self.theta, self.H)
        value = self.evidence.log_evidence
        if self.best is None or value > self.best[0].log_evidence:
            self.best = self.evidence, self.theta.copy()
        if before is not None:
            # Of targets in units of their size.
            size = max(1.0, abs(value + penalty.unit))
            change = abs(value - before.log_evidence) / size
            settled = penalty.apart and change <= 0.1 * tol
            if not penalty.apart and change <= max(CALM, 0.1 * tol):
                # From here on it is another model, whose evidence is yet to be found.
                penalty.apart, self.stuck = True, True
                self.evidence = self.best = None
                penalty.estimate(self.E, self.theta, self.H)
        self.set(self.E, self.g, self.H)
        if self.stuck:
            # The new F may be one that a step lowers.
            self.stuck, self.mu, self.growth = False, 0.0, 2.0
        return settled

    def J(self) -> float:
        """Return F per sample: J, where lambda is fixed."""
        return self.F / self.m

    def final(
        self, gauss_newton: GaussNewton, theta: Array, diverged: bool
    ) -> Evidence | None:
        """Return the evidence at the weights that are kept."""
        if self.penalty.groups is None or diverged:
            return None
        several = len(self.penalty.beta) > 1
        if self.best is not None and not several:
            evidence, best = self.best
            if (best.astype(theta.dtype) == theta).all():
                return evidence
        at = theta.astype(np.float64)
        E, _, H = gauss_newton(at[np.newaxis])
        estimate = self.penalty.settle if several else self.penalty.estimate
        return estimate(E[0], at, H[0])


def advance(networks: list[Marquardt], gauss_newton: GaussNewton) -> None:
    """Take a step with each network, with more damping until F falls."""
    waiting = networks
    while waiting:
        E = gauss_newton.value(np.stack([one.step() for one in waiting]))
        taken = [one for one, E_one in zip(waiting, E, strict=True) if one.judge(E_one)]
        for one in taken:
            one.theta = one.theta + one.d
        if taken:
            results = gauss_newton(np.stack([one.theta for one in taken]))
            for one, *parts in zip(taken, *results, strict=True):
                one.set(*parts)
        waiting = [one for one in waiting if one not in taken and not one.stuck]


def record(one: Marquardt, k: int, progress: Progress, settings: Settings) -> None:
    """Record an iteration of network k; estimate its penalty; end it if it is done."""
    history = progress.histories[k]
    (tol,) = settings.each("tol", [k])
    one.steps += 1
    losses, theta = np.array([one.J()]), one.theta[np.newaxis]
    progress.epoch([k], theta, losses, before=theta)
    if history.status:
        return
    settled = one.fell <= 1e-9 * abs(one.F) or np.abs(one.slope).max() / one.m <= tol
    if one.penalty.groups is None:
        settled = settled or one.stuck
    elif one.steps >= FIRST or one.stuck or settled:
        settled = one.estimate(tol)
    else:
        settled = False
    if progress.decides and progress.lost_patience(k):
        progress.say(f"{progress.plateau(k)} Stopping.")
        settled = True
    if settled:
        progress.end([k], CONVERGED)
    elif history.n_iter >= settings.max_iter:
        progress.end([k], MAX_ITER)
