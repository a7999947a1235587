"""The precisions of weights and data: fixed, or with the highest evidence.

A network has a precision alpha_p for each parameter p, and a precision beta for the
data, in::

    F(theta) = beta E(theta) + 1/2 sum_p alpha_p theta_p²

where E is the sum of losses. The evidence is the probability of the targets given the
precisions. Let A = beta H + diag(alpha). The number of parameters in a group g that the
data determine is gamma_g, the sum of 1 - alpha_p (A^-1)_pp over the group. At the
highest evidence::

    alpha_g = gamma_g / sum_g theta_p²,      beta = (N - gamma) / (2 E)

The right sides are the next estimates. If a parameter belongs to an output, theta_p is
measured in the units of this output. Only the squared error has a beta, which is one
over the variance of the noise. The other losses are minus log likelihoods as they are,
and beta stays 1. With several outputs, each output has its own beta, N, E and gamma;
this gamma is the trace of beta H A^-1.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from itertools import pairwise
from math import log, pi
from typing import Any

import numpy as np
from scipy.sparse import issparse
from scipy.special import gammaln

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array, Rows, by_sample
from skbp.engine.evidence.posterior import Evidence, inverse
from skbp.engine.losses import Loss
from skbp.engine.network import Network
from skbp.engine.roots import LOG_CONSTANTS
from skbp.engine.samples import Parts, Samples, Sums

#: The initial beta, in units of one over the variance of the targets: half of the
#: variance counts as noise. If all of it did, the weights would shrink, and with few
#: samples they would never grow again.
START = 2.0


#: If the relative change of the log evidence is smaller than this, each output gets
#: noise of its own. Until then the noise is the same fraction of the variance of each
#: output. Otherwise an output that is learnt first would take all hidden units, even if
#: the noise of all outputs is equal.
CALM = 1e-4


#: The largest ratio between the precisions of two outputs, both in units of their
#: variance. Without a limit, an output without noise would leave no steps to the
#: others.
RATIO = 1e4


#: The maximum number of estimates in ``settle``.
ESTIMATES = 30


#: The range of alpha and beta, in multiples of the guesses.
LIMITS = (1e-10, 1e10)


def groups_of(network: Network, by_feature: bool) -> list[Rows]:
    """Return the groups of parameters that share a precision.

    The first groups are the weights of each layer; if ``by_feature``, each input
    feature has a group of its own in the first layer. The biases of each layer follow.
    """
    groups: list[Rows] = []
    start = 0
    for l, (n_in, n_out) in enumerate(pairwise(network.units)):
        size = n_in * n_out
        every = np.arange(start, start + size)
        # theta contains the weights of a layer as (in, out).
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
    N : array (outputs,)
        The number of targets of each output, counted by weight.
    prior : array (P,)
        A guess of the precision of each parameter, from the sizes of the data.
    variance : array (outputs,)
        The variance of each target.
    groups : list of array of int or None
        The groups of parameters that share an estimated precision; None means that all
        weights have the precision ``fixed``.
    constant : float
        What the log likelihood has besides minus the loss, whatever the weights are.
    """

    network: Network
    constant: float
    groups: list[Rows] | None
    beta: Array
    noisy: bool
    apart: bool
    ratio: float
    unit: float
    alpha: Array
    prior: Array
    variance: Array
    owner: Rows
    guess: Array
    units: Array
    each: Array

    def __init__(
        self,
        network: Network,
        loss: Loss,
        N: Array,
        prior: Array,
        variance: Array,
        groups: Sequence[Rows] | None,
        fixed: float,
        constant: float = 0.0,
    ):
        self.network, self.constant = network, constant
        self.groups = None if groups is None else list(groups)
        self.noisy = noisy(loss, groups)
        self.N, self.beta = N, START / variance if self.noisy else np.ones(1)
        self.apart, self.ratio = len(self.beta) == 1, RATIO
        # Targets of variance 1 would increase the log evidence by this much.
        self.unit = 0.5 * float(N @ np.log(variance)) if self.noisy else 0.0
        self.alpha, self.prior, self.variance = np.zeros_like(prior), prior, variance
        if self.groups is None:
            self.alpha[: network.n_weights] = fixed
        else:
            self.alpha[:] = prior
            self.owner = np.empty(len(prior), np.intp)
            for g, group in enumerate(self.groups):
                self.owner[group] = g
            self.guess = self.each = self.mean(prior)
            self.units = prior / self.guess[self.owner]

    def resume(self, alpha: Array, beta: Array, apart: bool = True) -> None:
        """Continue from these precisions, which belong to a similar network."""
        assert self.groups is not None
        self.each = self.mean(alpha)
        self.alpha, self.beta, self.apart = alpha, beta, apart

    def resume_variances(self, variances: Array, beta: Array) -> None:
        """Continue from the mean variance of the weights of each group."""
        mean = self.mean(variances * self.prior)[self.owner]
        # Groups without any weight there keep the guess.
        self.resume(self.prior / np.where(mean > 0.0, mean, 1.0), beta)

    def sharpen(self, factor: float) -> None:
        """Trust the data more, by a factor."""
        if self.noisy:
            self.beta = factor * self.beta
        else:
            self.alpha, self.each = self.alpha / factor, self.each / factor

    def sum(self, values: Array) -> Array:
        """Return the sum of values (P,) over each group."""
        sums: Array = np.bincount(self.owner, values).astype(np.float64, copy=False)
        return sums

    def mean(self, values: Array) -> Array:
        """Return the mean of values (P,) over each group."""
        return self.sum(values) / np.bincount(self.owner)

    def F(self, E: Array, theta: Array) -> float:
        return float(self.beta @ E + 0.5 * (self.alpha @ theta**2))

    def A(self, H: Array) -> Array:
        """Return the second derivative of F."""
        A: Array = self.beta[0] * H[0]
        for beta, H_q in zip(self.beta[1:], H[1:], strict=True):
            A += beta * H_q
        A.flat[:: len(A) + 1] += self.alpha
        return A

    def estimate(self, E: Array, theta: Array, H: Array) -> Evidence:
        """Return the evidence at these weights, then update alpha and beta.

        Raise LinAlgError if the evidence is not finite.
        """
        assert self.groups is not None
        A = self.A(H)
        covariance, log_det = inverse(A)
        determined = np.clip(1.0 - self.alpha * covariance.diagonal(), 0.0, 1.0)
        gamma = self.sum(determined)
        units = used_units(self.network, determined)
        evidence = Evidence(
            self.groups,
            self.each,
            self.alpha,
            self.beta,
            gamma,
            units,
            self._log_evidence(E, theta, log_det) + symmetries(self.network, units),
            A,
        )
        if not np.isfinite(evidence.log_evidence):
            raise np.linalg.LinAlgError("the evidence is not finite")
        low, high = LIMITS
        wanted = gamma / np.maximum(self.sum(self.units * theta**2), 1e-300)
        self.each = np.clip(wanted, low * self.guess, high * self.guess)
        self.alpha = self.each[self.owner] * self.units
        if self.noisy:
            N, used = self.N, self._used(gamma, covariance, H)
            parts = 2.0 * E / self.variance
            if not self.apart:
                N, used, parts = N.mean(), used.mean(), parts.mean()
            free = np.maximum(N - used, 0.01 * N)
            wanted = np.clip(free / np.maximum(parts, 1e-300), low, high)
            wanted = np.minimum(wanted, self.ratio * wanted.min())
            self.beta = wanted / self.variance
        return evidence

    def settle(self, E: Array, theta: Array, H: Array) -> Evidence:
        """Return the evidence at these weights, with the best precisions for them."""
        # The limits on precisions are for training steps, and no step follows.
        self.apart, self.ratio, value = True, np.inf, -np.inf
        for _ in range(ESTIMATES):
            evidence, before = self.estimate(E, theta, H), value
            value = evidence.log_evidence
            if abs(value - before) <= CALM * max(1.0, abs(value)):
                break
        return evidence

    def _used(self, gamma: Array, covariance: Array, H: Array) -> Array:
        """Return the number of parameters that each output determines (Q,)."""
        if len(H) == 1:
            used: Array = gamma.sum(keepdims=True)
        else:
            used = self.beta * [float(np.vdot(covariance, H_q)) for H_q in H]
        return used

    def _log_evidence(self, E: Array, theta: Array, log_det: float) -> float:
        value = self.constant - self.F(E, theta) - 0.5 * log_det
        value += 0.5 * np.log(self.alpha).sum()
        if self.noisy:
            value += 0.5 * self.N @ (np.log(self.beta) - log(2.0 * pi))
        return float(value)


def used_units(network: Network, determined: Array) -> list[Array]:
    """Return how much each hidden unit (n[l],) of each layer is used: 0 ... 1.

    A unit is used if the data determine one of its incoming weights or more.
    """
    W, _ = network.split(determined[np.newaxis])
    return [np.minimum(W_l[0].sum(axis=1), 1.0) for W_l in W[1:-1]]


def symmetries(network: Network, units: Sequence[Array]) -> float:
    """Return the logarithm of the number of networks that compute the same function.

    h units of a layer can change places in h! ways. With an odd or even activation,
    each of them can also change its sign.
    """
    total = 0.0
    for name, used in zip(network.activations, units, strict=True):
        h = float(used.sum())
        total += float(gammaln(h + 1.0)) + h * log(2.0) * mirrored(name)
    return total


@cache
def mirrored(name: str) -> bool:
    """Return whether an activation is odd or even."""
    Z = np.linspace(0.0, 3.0, 7).reshape(1, 1, -1)
    below, above = -Z, Z
    f, _ = ACTIVATIONS[name](Z.shape, Z.dtype)
    f(below)
    f(above)
    return bool(np.allclose(np.abs(below), np.abs(above)))


def noisy(loss: Loss, groups: Sequence[Rows] | None) -> bool:
    """Return whether the noise of the outputs is estimated."""
    return groups is not None and loss.normal


def prior_precisions(network: Network, X_size: float, variance: Array) -> Array:
    """Return a guess of the precision of each parameter (P,).

    ``X_size`` is the mean square of the features, and ``variance`` is the variance of
    each target. The guess makes the product of a weight and its input about 1 in the
    hidden layers, and about as large as the targets in the output layer.
    """
    each: list[Array] = []
    sizes = [*(np.ones(n) for n in network.units[1:-1]), variance]
    for l, (n_in, size) in enumerate(zip(network.units, sizes, strict=False)):
        # theta contains the weights of a layer as (in, out).
        each.append(np.tile((X_size if l == 0 else 1.0) / size, n_in))
    if network.biases:
        each += [1.0 / size for size in sizes]
    return np.concatenate(each)


def sizes(samples: Samples | Parts) -> tuple[float, Array, Array]:
    """Return the mean square of the features, and variances and numbers of targets.

    The numbers of targets (outputs,) are counted by weight.
    """
    X_sum, Y_sum, N = samples.sum(sums_of_data)
    (squares,) = samples.sum(partial(squares_of_targets, Y_sum / N))
    # Targets that vary only by rounding count as constant. Where there is nothing to
    # measure, the size is 1.
    varies = np.sqrt(squares / N) > np.finfo(float).eps * N * np.abs(Y_sum / N)
    size = float(X_sum) / samples.total() or 1.0
    return size, np.where(varies, squares / N, 1.0), N


def sums_of_data(samples: Samples) -> Sums:
    """Return sums of the mean squares of the features () and of Y (outputs,), and N."""
    X, Y, weights = in_float64(samples)
    if issparse(X):
        squares = np.asarray(X.power(2).mean(axis=1)).ravel()
    else:
        squares = np.einsum("ij,ij->i", X, X, dtype=np.float64) / X.shape[1]
    N = np.broadcast_to(weights.T, Y.T.shape).sum(axis=1)
    return np.array(by_sample(weights) @ squares), weighted(weights, Y), N


def log_constant(loss: Loss, samples: Samples) -> Sums:
    """Return the sum of what log likelihoods have besides minus the loss, ()."""
    if loss.name not in LOG_CONSTANTS:
        return (np.zeros(()),)
    _, Y, weights = in_float64(samples)
    return (np.array(weighted(weights, LOG_CONSTANTS[loss.name](Y)).sum()),)


def squares_of_targets(center: Array, samples: Samples) -> Sums:
    """Return the sum of (Y - center)² (outputs,)."""
    _, Y, weights = in_float64(samples)
    return (weighted(weights, (Y - center) ** 2),)


def weighted(weights: Array, Y: Array) -> Array:
    """Return the weighted sum of each output of Y (n, outputs)."""
    result: Array = weights @ Y if weights.ndim == 1 else (weights * Y).sum(axis=0)
    return result


def in_float64(samples: Samples) -> tuple[Any, Array, Array]:
    """Return X, and in float64 Y and weights, of the samples to train on."""
    rows = samples.every
    Y, weights = samples.Y[rows].astype(np.float64), samples.weights
    weights = np.ones(len(Y)) if weights is None else weights[rows].astype(np.float64)
    return samples.X[rows], Y, weights
