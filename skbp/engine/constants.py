"""The constant predictions with the lowest losses.

Each function takes targets Y (n, outputs) and weights (n,), (n, outputs) or None, and
returns the constants (outputs,), nan for an output whose targets all have the weight 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import nan

import numpy as np
from scipy.optimize import minimize_scalar

from skbp.engine.arrays import Array


def mean(Y: Array, weights: Array | None) -> Array:
    """Return the mean of each output."""
    if weights is not None and weights.ndim == 2:
        with np.errstate(all="ignore"):
            # 0 / 0 where no target of an output is known.
            return np.asarray((weights * Y).sum(axis=0) / weights.sum(axis=0))
    result: Array = np.average(Y, axis=0, weights=weights)
    return result


def targets_of_outputs(
    Y: Array, weights: Array | None
) -> Iterator[tuple[Array, Array | None]]:
    """Yield targets and weights of each output, without targets of weight 0."""
    for j, y in enumerate(Y.T):
        if weights is None or weights.ndim == 1:
            yield y, weights
        else:
            there = weights[:, j] > 0.0
            yield y[there], weights[there, j]


def quantiles(levels: Sequence[float]) -> Callable[[Array, Array | None], Array]:
    """Return the function that computes the quantile of each output at its level."""

    def constant(Y: Array, weights: Array | None) -> Array:
        each = np.broadcast_to(np.array(levels), Y.shape[1])
        return np.array(
            [
                np.quantile(y, q, weights=w, method="inverted_cdf") if len(y) else nan
                for (y, w), q in zip(targets_of_outputs(Y, weights), each, strict=True)
            ]
        )

    return constant


def centers(bound: float) -> Callable[[Array, Array | None], Array]:
    """Return the function that computes the constant with the lowest Huber loss."""

    def constant(Y: Array, weights: Array | None) -> Array:
        return np.array(
            [
                best_of_huber(bound, y.astype(np.float64), w) if len(y) else nan
                for y, w in targets_of_outputs(Y, weights)
            ]
        )

    return constant


def best_of_huber(bound: float, y: Array, weights: Array | None) -> float:
    """Return the constant with the lowest loss."""

    def J(a: float) -> float:
        r = np.abs(a - y)
        rho = np.where(r <= bound, 0.5 * r * r, bound * (r - 0.5 * bound))
        return float(np.average(rho, weights=weights))

    if y.min() == y.max():
        return float(y[0])
    limits = (y.min(), y.max())
    options = {"xatol": 1e-9 * (y.max() - y.min())}
    found = minimize_scalar(J, bounds=limits, method="bounded", options=options)
    return float(found.x)


def lowest(J: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where J, a function of each output, has its minimum between the limits.

    Golden-section search, for all outputs at the same time.
    """
    ratio = 0.5 * (5.0**0.5 - 1.0)
    for _ in range(30):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        falls = J(left) > J(right)
        low, high = np.where(falls, left, low), np.where(falls, high, right)
    return 0.5 * (low + high)
