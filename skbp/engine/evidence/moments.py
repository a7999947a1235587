"""Moments of features and targets: their means, squares, trends and bends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import issparse

from skbp.engine.arrays import Array, blocks, by_sample
from skbp.engine.evidence.precisions import in_float64, weighted
from skbp.engine.samples import Samples, Sums, added


def dense_blocks(samples: Samples) -> Iterator[tuple[Array, Array, Array]]:
    """Yield X, Y and weights in blocks, with X dense."""
    X, Y, w = in_float64(samples)
    for block in blocks(len(Y)):
        X_b = X[block].toarray() if issparse(X) else X[block]
        yield X_b.astype(np.float64), Y[block], w[block]


def totals(samples: Samples) -> Sums:
    """Return the sums of X (features,) and of Y (outputs,)."""
    return added(
        (by_sample(w) @ X, weighted(w, Y)) for X, Y, w in dense_blocks(samples)
    )


def spreads(x: Array, samples: Samples) -> Sums:
    """Return the sums of the squares of X - x (features,)."""
    return added((by_sample(w) @ (X - x) ** 2,) for X, _, w in dense_blocks(samples))


def moments(x: Array, r: Array, samples: Samples) -> Sums:
    """Return sums of X², X⁴, X r and X X' r, with x subtracted from X and r from Y."""

    def of_block(X: Array, Y: Array, w: Array) -> Sums:
        X, R = X - x, ((Y - r).T * w.T).T
        w = by_sample(w)
        bends = np.stack([(X * r_o[:, np.newaxis]).T @ X for r_o in R.T])
        return w @ X**2, w @ X**4, X.T @ R, bends

    return added(of_block(*block) for block in dense_blocks(samples))
