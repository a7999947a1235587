"""Laplace's approximation: the distribution of the weights around the trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg.lapack import dposv, dpotrf, dpotri

from skbp.engine.arrays import Array, Rows


@dataclass(frozen=True)
class Posterior:
    """What prediction needs to know about the uncertainty of the weights.

    Attributes
    ----------
    covariances : array (m, P, P)
        The covariance of the parameters of each network.
    noise_variances : array (m, Q)
        The variance of the noise, for each output or for all outputs together.
    penalties : array (P,)
        The penalty lambda of each parameter of the best network, as in J.
    """

    covariances: Array
    noise_variances: Array
    penalties: Array

    @classmethod
    def of(cls, evidence: Sequence[Evidence]) -> Posterior:
        """Return the posterior of these networks; the best network comes first."""
        best = evidence[0]
        return cls(
            np.stack([inverse(one.A)[0] for one in evidence]),
            np.array([1.0 / one.beta for one in evidence]),
            best.precisions * best.noise,
        )


@dataclass
class Evidence:
    """The estimates that belong to the weights of one network.

    Attributes
    ----------
    groups : list of array of int
        The groups of parameters that share a precision.
    alpha : array (n_groups,)
        The precision of each group.
    precisions : array (P,)
        The precision of each parameter. Within a group the precisions are proportional
        to the prior guesses, which depend on the units of the outputs.
    beta : array (Q,)
        The precision of the data, for each output or for all outputs together.
    gamma : array (n_groups,)
        The number of parameters in each group that the data determine.
    units : list of array (n[l],)
        How much each hidden unit of each layer is used, from 0 to 1.
    log_evidence : float
        The logarithm of the probability of the targets, by Laplace's approximation at
        each of the networks that compute the same function.
    A : array (P, P)
        The second derivative of F at the weights. Its inverse is the covariance of the
        weights.
    """

    groups: list[Rows]
    alpha: Array
    precisions: Array
    beta: Array
    gamma: Array
    units: list[Array]
    log_evidence: float
    A: Array = field(repr=False)

    @property
    def noise(self) -> float:
        """The mean variance of the noise; lambda in J is a precision times this."""
        return float(np.mean(1.0 / self.beta))


def inverse(A: Array) -> tuple[Array, float]:
    """Return A^-1 and log det A, where A has no negative eigenvalue."""
    L, fault = dpotrf(A, lower=1)
    if not fault:
        result, fault = dpotri(L, lower=1)
    if fault:
        values, vectors, unit = eigenvalues(A)
        log_det = float(np.log(values).sum() - 2.0 * np.log(unit).sum())
        result = (vectors / values) @ vectors.T
        result *= unit[:, np.newaxis] * unit
        return result, log_det
    # LAPACK has written the lower triangle, and zeros above.
    whole: Array = result + result.T
    whole.flat[:: len(A) + 1] *= 0.5
    return whole, 2.0 * float(np.log(L.diagonal()).sum())


def solve(A: Array, b: Array) -> Array:
    """Return A^-1 b, where A is positive definite; overwrites A."""
    # (The transpose of A, which is symmetric, is in the order of LAPACK.)
    _, x, fault = dposv(A.T, b, lower=1, overwrite_a=1)
    if fault:
        raise np.linalg.LinAlgError("A is not positive definite")
    result: Array = x
    return result


def eigenvalues(A: Array) -> tuple[Array, Array, Array]:
    """Return the eigenvalues and eigenvectors of u A u, and u = A_pp ^ -1/2.

    Eigenvalues that are too small are raised, so that all are positive. Because of the
    factor u, the limit does not depend on the units of the parameters.
    """
    unit = np.maximum(np.diag(A), 1e-300) ** -0.5
    values, vectors = np.linalg.eigh(unit[:, np.newaxis] * A * unit)
    return np.maximum(values, values[-1] * 1e-15), vectors, unit
