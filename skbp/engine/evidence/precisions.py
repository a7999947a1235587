"""The precisions of weights and data: fixed, or those of the highest evidence.

A network has a precision alpha_p for each parameter p and beta for the data, in::

    F(theta) = beta E(theta) + 1/2 sum_p alpha_p theta_p²

where E is the sum of losses. The evidence is the probability of the targets given the
precisions. With A = beta H + diag(alpha), gamma_g = sum over a group g of parameters of
1 - alpha_p (A^-1)_pp is the number of parameters in the group that the data determine,
and at the highest evidence::

    alpha_g = gamma_g / sum_g theta_p²,      beta = (N - gamma) / (2 E)

The right sides are the next estimates. theta_p is in the units of the output that the
parameter belongs to, if any, and beta belongs to squared errors alone (beta is one over
the variance of the noise); other losses are minus log likelihoods as they are, and beta
stays 1. With several outputs each output has an N, E and gamma, the trace of
beta H A^-1.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from math import log, pi
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skbp.engine.arrays import Array, Rows
from skbp.engine.evidence.posterior import Evidence, inverse_root
from skbp.engine.losses import Loss
from skbp.engine.network import Network
from skbp.engine.samples import Parts, Samples, Sums

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


class Precisions:
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

    groups: list[Rows] | None
    beta: Array
    noisy: bool
    apart: bool
    ratio: float
    unit: float
    alpha: Array
    prior: Array
    variance: Array
    each: Array

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
    """Return whether the noise of each output is estimated."""
    return groups is not None and loss.normal


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


def sizes(samples: Samples | Parts) -> tuple[float, Array]:
    """Return the mean square of the features and the variances of the targets."""
    m = samples.total()
    X_sum, Y_sum = samples.sum(sums_of_data)
    (squares,) = samples.sum(partial(squares_of_targets, Y_sum / m))
    # Where there is nothing to measure, 1 is as good as any.
    # What varies by rounding alone is a constant.
    varies = np.sqrt(squares / m) > np.finfo(float).eps * m * np.abs(Y_sum / m)
    return float(X_sum) / m or 1.0, np.where(varies, squares / m, 1.0)


def sums_of_data(samples: Samples) -> Sums:
    """Return sums: of the mean squares of the features (), and of Y (outputs,)."""
    X, Y, weights = in_float64(samples)
    if issparse(X):
        squares = np.asarray(X.power(2).mean(axis=1)).ravel()
    else:
        squares = np.einsum("ij,ij->i", X, X, dtype=np.float64) / X.shape[1]
    return np.array(weights @ squares), weights @ Y


def squares_of_targets(center: Array, samples: Samples) -> Sums:
    """Return the sum of (Y - center)² (outputs,)."""
    _, Y, weights = in_float64(samples)
    return (weights @ (Y - center) ** 2,)


def in_float64(samples: Samples) -> tuple[Any, Array, Array]:
    """Return X, and Y and weights in float64, of the samples to train on."""
    rows = samples.every
    Y, weights = samples.Y[rows].astype(np.float64), samples.weights
    weights = np.ones(len(Y)) if weights is None else weights[rows].astype(np.float64)
    return samples.X[rows], Y, weights
