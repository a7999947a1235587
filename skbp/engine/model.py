"""The result of training: networks that predict together."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from math import log
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp

from skbp.engine.activations import ACTIVATIONS, Forward
from skbp.engine.arrays import Array, DType
from skbp.engine.curvature import variances
from skbp.engine.evidence.posterior import Posterior
from skbp.engine.network import Network, Propagation, predict


@dataclass(frozen=True)
class Model:
    """Networks of one structure that predict together, with the best one first.

    Attributes
    ----------
    network : Network
    output : str
        The output activation.
    theta : array (m, P)
        The parameters of each network.
    shares : array (m, 1) or (m, outputs)
        The share of each network in predictions.
    posterior : Posterior or None
        The uncertainty of the weights, if it was estimated.
    """

    network: Network
    output: str
    theta: Array
    shares: Array
    posterior: Posterior | None = None

    @classmethod
    def of(
        cls,
        network: Network,
        output: str,
        theta: Array,
        linear: Array | None = None,
        posterior: Posterior | None = None,
    ) -> Model:
        """Return networks with equal shares, except for a linear one in the last row.

        ``linear`` (outputs,) is the share of the linear network; None or zeros mean
        that there is no linear network.
        """
        shares = shares_of(len(theta), linear).astype(theta.dtype)
        return cls(network, output, theta, shares, posterior)

    @cached_property
    def views(self) -> tuple[Array, ...]:
        """Weights, then biases of the best network: ``coefs_`` and ``intercepts_``."""
        coefs, intercepts = unpacked(self.network, self.theta[:1])
        return (*coefs, *intercepts)

    def __getstate__(self) -> dict[str, Any]:
        """Return only the fields, because views would be stored as copies."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @np.errstate(all="ignore")
    def outputs(self, X: Any) -> Array:
        """Return the outputs A[L] (n, outputs) for the rows of X."""
        W, b = self.network.split(self.theta)
        outputs = predict(self.network, W, b, X, ACTIVATIONS[self.output])
        return outputs[0] if len(outputs) == 1 else self.mean(outputs)

    @np.errstate(all="ignore")
    def raw_outputs(self, X: Any) -> Array:
        """Return the raw outputs Z[L] (n, outputs) that belong to ``outputs``."""
        Z = predict(self.network, *self.network.split(self.theta), X)
        return Z[0] if len(Z) == 1 else mean_raw(Z, self.output)

    @np.errstate(all="ignore")
    def outputs_and_variances(self, X: Any, dtype: DType) -> tuple[Array, Array]:
        """Return raw outputs and their variances (m, n, outputs) for each network."""
        assert self.posterior is not None
        centered = self.output == "softmax"
        pairs = [
            variances(self.network, theta_k, covariance, X, centered)
            for theta_k, covariance in zip(
                self.theta, self.posterior.covariances, strict=True
            )
        ]
        Z, variance = (np.stack(e).astype(dtype) for e in zip(*pairs, strict=True))
        return Z, variance

    @np.errstate(all="ignore")
    def mean_and_std(self, each: Array, variance: Array) -> tuple[Array, Array]:
        """Return the mean and the standard deviation (n, outputs) of the targets.

        The networks form a mixture. Its variance is the mean of the networks'
        variances, including the noise, plus the variance of their means.
        """
        assert self.posterior is not None
        y = self.mean(each)
        noise = self.posterior.noise_variances[:, np.newaxis]
        variance = variance + noise.astype(variance.dtype) + (each - y) ** 2
        std: Array = np.sqrt(self.mean(variance))
        return y, std

    @np.errstate(all="ignore")
    def activations(self, X: Any) -> list[Array]:
        """Return the activations A[1] ... A[L] (n, units) of the best network."""
        W, b = self.network.split(self.theta[:1])
        propagation = Propagation(self.network, 1, X.shape[0], self.theta.dtype)
        Z = propagation.forward(W, b, X.T)
        ACTIVATIONS[self.output](Z.shape, Z.dtype)[0](Z)
        return [A[0].T for A in propagation.A[1:]]

    def weighted_inputs(self, X: Any) -> list[Array]:
        """Return the weighted inputs Z[1] ... Z[L] (n, units) of the best network."""
        W, b = self.network.split(self.theta[:1])
        propagation = Propagation(self.network, 1, X.shape[0], self.theta.dtype)
        kept: list[Array] = []

        def keeping(f: Forward) -> Forward:
            def keep(Z: Array) -> None:
                # f turns Z into A, in place.
                kept.append(Z[0].T.copy())
                f(Z)

            return keep

        propagation.f[1:] = [keeping(f) for f in propagation.f[1:]]
        Z_L = propagation.forward(W, b, X.T)
        return [*kept, Z_L[0].T]

    def mean(self, each: Array) -> Array:
        """Return the mean of ``each`` (m, n, outputs) over networks, by shares."""
        mean: Array = (self.shares[:, np.newaxis] * each).sum(axis=0)
        return mean


def shares_of(m: int, linear: Array | None) -> Array:
    """Return the shares (m, outputs) of m networks, or (m, 1) if they are equal.

    If ``linear`` (outputs,) is not zero, the last network is a linear one with this
    share.
    """
    if linear is None or not linear.any():
        return np.full((m, 1), 1.0 / m)
    others = np.tile((1.0 - linear) / max(m - 1, 1), (m - 1, 1))
    return np.vstack([others, linear])


def mean_raw(Z: Array, output: str) -> Array:
    """Return raw outputs for the mean probabilities of networks (K, n, outputs)."""
    K = log(len(Z))
    if output == "softmax":
        mean: Array = logsumexp(log_softmax(Z, axis=-1), axis=0) - K
    else:
        mean = logsumexp(log_expit(Z), axis=0) - logsumexp(log_expit(-Z), axis=0)
    return mean


def packed(network: Network, coefs: Any, intercepts: Any, dtype: Any) -> Array:
    """Return weights and biases as theta (1, P)."""
    parameters = [*coefs, *(intercepts if network.biases else ())]
    return np.concatenate([p.ravel() for p in parameters]).astype(dtype)[np.newaxis]


def unpacked(network: Network, theta: Array) -> tuple[list[Array], list[Array]]:
    """Return theta (1, P) as ``coefs_`` and ``intercepts_``: lists of views into it."""
    W, b = network.split(theta)
    coefs = [W_l[0].T for W_l in W[1:]]
    if not network.biases:
        return coefs, [np.zeros(n, theta.dtype) for n in network.units[1:]]
    return coefs, [b_l[0, :, 0] for b_l in b[1:]]
