"""The distribution of weights around the trained ones: Laplace's approximation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import solve_triangular

from skbp.engine.arrays import Array, Rows


@dataclass(frozen=True)
class Posterior:
    """What prediction needs to know of the weights' uncertainty.

    Attributes
    ----------
    covariances : array (m, P, P)
        The covariance of the parameters of each network.
    noise_variances : array (m, Q)
        The variance of the noise of each output, or of all.
    penalties : array (P,)
        Lambda of each parameter of the best network, as J has it.
    """

    covariances: Array
    noise_variances: Array
    penalties: Array

    @classmethod
    def of(cls, evidence: Sequence[Evidence]) -> Posterior:
        """Return the posterior of networks, the best first."""
        best = evidence[0]
        return cls(
            np.stack([covariance(one.A) for one in evidence]),
            np.array([1.0 / one.beta for one in evidence]),
            best.precisions * best.noise,
        )


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

    @property
    def noise(self) -> float:
        """The variance of the noise; its product with a precision is lambda in J."""
        return float(np.mean(1.0 / self.beta))


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
