"""The scales of features and targets, which decide how well steps of one size fit."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import scipy.sparse

from skbp.engine.arrays import Array, blocks
from skbp.engine.evidence.precisions import squares_of_targets, sums_of_data
from skbp.engine.samples import Parts, Samples

#: Scales that differ by more than this factor, or from 1, are far apart.
FAR = 100.0


class Scales(NamedTuple):
    """The smallest and the largest scale of the features; 1 if all are constant."""

    low: float
    high: float

    @property
    def apart(self) -> bool:
        """Whether features differ in scale so much that few of them count."""
        return self.high > FAR * self.low

    @property
    def off(self) -> bool:
        """Whether all features are far larger or far smaller than 1."""
        return self.low > FAR or self.high < 1.0 / FAR


def scales_of(samples: Samples) -> Scales:
    """Return the scales of the features, from one pass over X.

    The scale of a feature is its standard deviation. Rare indicators and heavy tails
    have a range that is closer to that of other features, or less close. They learn as
    well as others, so where the range says less, the range counts.
    """
    X = samples.X
    if scipy.sparse.issparse(X):
        # The zeros say nothing about the scale of what is there.
        most = np.ravel(abs(X).max(axis=0).toarray()).astype(np.float64)
        return extremes(most)
    low, high = np.full((2, X.shape[1]), [[np.inf], [-np.inf]])
    total, squares = np.zeros((2, X.shape[1]))
    with np.errstate(all="ignore"):
        shift = X[:1].astype(np.float64)
        for block in blocks(len(X)):
            part = X[block] - shift
            low = np.minimum(low, part.min(axis=0))
            high = np.maximum(high, part.max(axis=0))
            total += part.sum(axis=0)
            squares += np.einsum("ij,ij->j", part, part)
        spread = np.sqrt(np.maximum(squares / len(X) - (total / len(X)) ** 2, 0.0))
    by_spread, by_range = extremes(spread), extremes(high - low)
    return by_range if by_spread.apart and not by_range.apart else by_spread


def extremes(each: Array) -> Scales:
    """Return the smallest and the largest scale of features that are not constant."""
    varying = each[each > 0.0]
    return Scales(float(varying.min()), float(varying.max())) if len(varying) else ONE


ONE = Scales(1.0, 1.0)


def center_and_scale(samples: Samples | Parts) -> tuple[Array, Array]:
    """Return mean and standard deviation of each output, over targets by weight.

    The scale of an output that is constant, or of which nothing is known, is 1.
    """
    with np.errstate(all="ignore"):
        _, Y_sum, N = samples.sum(sums_of_data)
        center = np.where(N > 0.0, Y_sum / N, 0.0)
        (squares,) = samples.sum(partial(squares_of_targets, center))
        spread = np.sqrt(squares / N)
        # Targets that vary only by rounding count as constant.
        constant = spread <= np.finfo(float).eps * N * np.abs(center)
    return center, np.where(constant | (N == 0.0), 1.0, spread)


def spread_of_targets(samples: Samples) -> Scales:
    """Return the smallest and the largest standard deviation of the targets."""
    with np.errstate(all="ignore"):
        return extremes(samples.Y[samples.every].std(axis=0, dtype=np.float64))
