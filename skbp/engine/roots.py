"""What only Levenberg-Marquardt needs to know about losses.

The roots are those of second derivatives with respect to the raw outputs Z[L], with the
canonical output activation of the loss. The constants are what has to be added to minus
the loss to obtain the log likelihood.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import gammaln, xlogy

from skbp.engine.arrays import Array

#: (A, Y) -> arrays S_j (K, outputs, samples) with sum_j S_j S_j' = d²loss/dZ² for each
#: sample, with the canonical output activation.
Roots = Callable[[Array, Array], list[Array]]


def diagonal(curvature: Callable[[Array, Array], Array]) -> Roots:
    """Return the roots of a curvature that each output has on its own."""

    def roots(A: Array, Y: Array) -> list[Array]:
        root = np.sqrt(curvature(A, Y))
        each = []
        for j in range(A.shape[-2]):
            S = np.zeros_like(A)
            S[..., j, :] = root[..., j, :]
            each.append(S)
        return each

    return roots


def softmax_roots(A: Array, Y: Array) -> list[Array]:
    """Return the columns of S = diag(s) - a s', s = sqrt(a): S S' = diag(a) - a a'."""
    s = np.sqrt(A)
    each = []
    for j in range(A.shape[-2]):
        S = -A * s[..., j : j + 1, :]
        S[..., j, :] += s[..., j, :]
        each.append(S)
    return each


#: The curvature of a loss (a - y)²/2, and of a log likelihood with logistic outputs, of
#: "poisson" and of "gamma".
ONE = diagonal(lambda A, Y: np.ones_like(A))
BINOMIAL = diagonal(lambda A, Y: A * (1.0 - A))
MEAN = diagonal(lambda A, Y: A)
RATIO = diagonal(lambda A, Y: Y / np.maximum(A, np.sqrt(np.finfo(A.dtype).tiny)))
SOFTMAX: Roots = softmax_roots


def of_counts(Y: Array) -> Array:
    """Return log p(y) + loss of "poisson", whose loss is 0 at a = y."""
    result: Array = xlogy(Y, Y) - Y - gammaln(Y + 1.0)
    return result


def of_waiting_times(Y: Array) -> Array:
    """Return log p(y) + loss of "gamma", for exponential waiting times."""
    result: Array = -np.log(Y) - 1.0
    return result


#: Y -> what has to be added to minus the loss to obtain the log likelihood, by the name
#: of the loss. (For normal noise that depends on the size of the noise.)
LOG_CONSTANTS = {"poisson": of_counts, "gamma": of_waiting_times}
