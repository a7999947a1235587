"""Ridge regression, and how far off each sample is when it is left out."""

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

#: Penalties of the linear model, relative to its largest curvature.
LAMBDAS = 10.0 ** np.arange(-8.0, 4.5, 0.5)


@dataclass
class Ridge:
    """A ridge regression, and what it says of samples that are left out.

    Attributes
    ----------
    W : array (features, outputs)
    b : array (outputs,)
    total : float
        The weight of the samples.
    mean, second : array (features,), (features, features)
        The means of X, and of the products of its features less their means.
    V, parts : array (features, features), (features, outputs)
        Directions of X, of features in units of their size, one a column; and what the
        squares of X along them are multiplied with to make h.
    """

    W: Array
    b: Array
    total: float
    mean: Array
    second: Array
    V: Array
    parts: Array

    def left_out(self, X: Array, Y: Array, w: Array) -> Array:
        """Return the errors of samples that are left out, (n, outputs)."""
        h = 1.0 / self.total + ((X - self.mean) @ self.V) ** 2 @ self.parts
        return leave_one_out(Y - X @ self.W - self.b, w[:, np.newaxis] * h)


def ridge(samples: Samples | Parts) -> tuple[Ridge, Array]:
    """Return the ridge regression of the smallest squared errors of samples left out.

    Their means (outputs,) come second. The penalty is one for each output, of features
    in units of their size.
    """
    m = samples.total()
    x, y = (one / m for one in samples.sum(totals))
    XX, XY = samples.sum(partial(products, x, y))
    size = np.sqrt(np.diag(XX) / m)
    # What varies by rounding alone is a constant.
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
    # Of penalties that are as good the largest: two samples leave nothing but rounding.
    equal = errors <= 1.001 * errors.min(axis=0)
    best = len(lines) - 1 - equal[::-1].argmax(axis=0)
    W = np.stack([lines[k].W[:, o] for o, k in enumerate(best)], axis=1)
    parts = np.hstack([lines[k].parts for k in best])
    return Ridge(W, y - x @ W, m, x, XX / m, V, parts), errors.min(axis=0) / m


def distinct_rows(samples: Samples) -> Iterator[tuple[Array, Array, Array]]:
    """Yield X, Y and weights of samples that differ in X, dense and by blocks.

    The weights of copies are added; their Y is the mean. Copies in several parts are
    not known as such.
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
    """Return a number for each row of X that is the same for the same rows alone."""
    mix = np.random.RandomState(0).standard_normal(X.shape[1])
    if X.shape[0]:
        # Features of any size take part alike.
        ends = [X.max(axis=0), X.min(axis=0)]
        high, low = (np.ravel(e.toarray() if issparse(e) else e) for e in ends)
        most = np.maximum(high, -low).astype(np.float64)
        mix /= np.where(most > 0.0, most, 1.0)
    if issparse(X):
        return np.asarray(X.astype(np.float64) @ mix)
    # Row by row in the same order, unlike a product of BLAS.
    keys: Array = np.einsum("ij,j->i", X, mix, dtype=np.float64)
    return keys


def totals(samples: Samples) -> Sums:
    """Return the sums of X (features,) and of Y (outputs,)."""
    return added((w @ X, w @ Y) for X, Y, w in distinct_rows(samples))


def products(x: Array, y: Array, samples: Samples) -> Sums:
    """Return X'X and X'Y, of X - x and Y - y."""
    return added(
        (((X - x).T * w) @ (X - x), ((X - x).T * w) @ (Y - y))
        for X, Y, w in distinct_rows(samples)
    )


def squared_errors(lines: Sequence[Ridge], samples: Samples) -> Sums:
    """Return the squared errors (lines, outputs) of samples that are left out."""
    return added(
        (np.array([w @ line.left_out(X, Y, w) ** 2 for line in lines]),)
        for X, Y, w in distinct_rows(samples)
    )


def leave_one_out(residuals: Array, h: Array) -> Array:
    """Return what residuals are where the sample has no part in its prediction."""
    result: Array = residuals / np.maximum(1.0 - h, 1e-9)
    return result
