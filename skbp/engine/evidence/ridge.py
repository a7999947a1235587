"""Ridge regression, and its leave-one-out errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skbp.engine.arrays import Array, blocks
from skbp.engine.evidence.precisions import in_float64
from skbp.engine.samples import Parts, Samples, Sums, added

#: The penalties to choose from, relative to the largest curvature.
LAMBDAS = 10.0 ** np.arange(-8.0, 4.5, 0.5)


@dataclass
class Ridge:
    """A ridge regression, and what its leave-one-out errors are computed from.

    Attributes
    ----------
    W : array (features, outputs)
    b : array (outputs,)
    total : float
        The total weight of the samples.
    mean, second : array (features,), (features, features)
        The mean and the covariance of the features.
    V, parts : array (features, features), (features, outputs)
        The principal directions of the features in units of their size, as columns; and
        the factors with which the squares of X along these directions enter h.
    """

    W: Array
    b: Array
    total: float
    mean: Array
    second: Array
    V: Array
    parts: Array

    def left_out(self, X: Array, Y: Array, w: Array) -> Array:
        """Return the leave-one-out errors of samples, (n, outputs)."""
        h = 1.0 / self.total + ((X - self.mean) @ self.V) ** 2 @ self.parts
        return leave_one_out(Y - X @ self.W - self.b, w[:, np.newaxis] * h)


def ridge(samples: Samples | Parts) -> tuple[Ridge, Array]:
    """Return the ridge regression with the smallest squared leave-one-out errors.

    The second result is the mean of these squares (outputs,). Each output has a penalty
    of its own, for features in units of their size.
    """
    m = samples.total()
    x, y = (one / m for one in samples.sum(totals))
    XX, XY = samples.sum(partial(products, x, y))
    size = np.sqrt(np.diag(XX) / m)
    # Features that vary only by rounding count as constant.
    unit = np.where(size > np.finfo(float).eps * m * np.abs(x), 1.0 / size, 0.0)
    curvatures, V = np.linalg.eigh(unit[:, np.newaxis] * XX * unit)
    curvatures, V = np.maximum(curvatures, 0.0), unit[:, np.newaxis] * V
    lines = []
    for lam in LAMBDAS * max(curvatures[-1], 1e-300):
        shrunk = V / (curvatures + lam)
        W = shrunk @ (V.T @ XY)
        parts = 1.0 / (curvatures + lam)
        lines.append(Ridge(W, y - x @ W, m, x, XX / m, V, parts[:, np.newaxis]))
    (errors,) = samples.sum(partial(squared_errors, lines))
    # Of equally good penalties take the largest: with two samples, the errors differ
    # only by rounding.
    equal = errors <= 1.001 * errors.min(axis=0)
    best = len(lines) - 1 - equal[::-1].argmax(axis=0)
    W = np.stack([lines[k].W[:, o] for o, k in enumerate(best)], axis=1)
    parts = np.hstack([lines[k].parts for k in best])
    return Ridge(W, y - x @ W, m, x, XX / m, V, parts), errors.min(axis=0) / m


def distinct_rows(samples: Samples) -> Iterator[tuple[Array, Array, Array]]:
    """Yield X, Y and weights of the samples, with equal rows of X merged.

    Equal rows become one row, with the sum of their weights and the mean of their Y. X
    is dense, and comes in blocks. Equal rows in different parts are not merged.
    """
    X, Y, weights = in_float64(samples)
    key = row_keys(X)
    order = np.argsort(key, kind="stable")
    order = order[weights[order] > 0.0]
    starts = np.flatnonzero(np.diff(key[order], prepend=np.nan) != 0.0)
    ends = np.append(starts[1:], len(order))
    if not len(starts):
        yield np.zeros((0, X.shape[1])), Y[:0], weights[:0]
    for block in blocks(len(starts)):
        part = order[starts[block][0] : ends[block][-1]]
        at = starts[block] - starts[block][0]
        w = np.add.reduceat(weights[part], at)
        Y_sum = np.add.reduceat(weights[part, np.newaxis] * Y[part], at)
        X_b = X[part[at]]
        X_b = X_b.toarray() if issparse(X) else X_b
        yield X_b.astype(np.float64), Y_sum / w[:, np.newaxis], w


def row_keys(X: Any) -> Array:
    """Return a number for each row of X; only equal rows have the same number."""
    mix = np.random.RandomState(0).standard_normal(X.shape[1])
    if X.shape[0]:
        # Divide by the size of each feature, so that all features count alike.
        ends = [X.max(axis=0), X.min(axis=0)]
        high, low = (np.ravel(e.toarray() if issparse(e) else e) for e in ends)
        most = np.maximum(high, -low).astype(np.float64)
        mix /= np.where(most > 0.0, most, 1.0)
    if issparse(X):
        return np.asarray(X.astype(np.float64) @ mix)
    # einsum adds up every row in the same order; a product of BLAS may not.
    keys: Array = np.einsum("ij,j->i", X, mix, dtype=np.float64)
    return keys


def totals(samples: Samples) -> Sums:
    """Return the sums of X (features,) and of Y (outputs,)."""
    return added((w @ X, w @ Y) for X, Y, w in distinct_rows(samples))


def products(x: Array, y: Array, samples: Samples) -> Sums:
    """Return X'X and X'Y, with x subtracted from X and y from Y."""
    return added(
        (((X - x).T * w) @ (X - x), ((X - x).T * w) @ (Y - y))
        for X, Y, w in distinct_rows(samples)
    )


def squared_errors(lines: Sequence[Ridge], samples: Samples) -> Sums:
    """Return the sums of the squared leave-one-out errors (lines, outputs)."""
    return added(
        (np.array([w @ line.left_out(X, Y, w) ** 2 for line in lines]),)
        for X, Y, w in distinct_rows(samples)
    )


def leave_one_out(residuals: Array, h: Array) -> Array:
    """Return the residuals that samples have when they are left out."""
    result: Array = residuals / np.maximum(1.0 - h, 1e-9)
    return result
