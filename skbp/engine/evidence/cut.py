"""A network without some of its features and hidden units.

Training that estimates precisions leaves out features that do not help, and adds hidden
units as long as they help. What is left out has weights 0, so both networks compute the
same function, but products take only the time of the smaller one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np

from skbp.engine.arrays import Array, Rows
from skbp.engine.network import Network
from skbp.engine.samples import Parts, Samples, Sums


class Cut:
    """The part of a network that has only some features and some hidden units.

    Parameters
    ----------
    whole : Network
    kept : sequence of array of int
        The units to keep of each layer, input and output included.
    """

    whole: Network
    kept: list[Rows]
    network: Network

    def __init__(self, whole: Network, kept: Sequence[Rows]):
        self.whole, self.kept = whole, list(kept)
        units = [len(some) for some in kept]
        self.network = Network(units, whole.activations, whole.biases)

    @classmethod
    def of(cls, whole: Network, units: Rows | None = None) -> Cut:
        """Return a cut with all features and, of one hidden layer, these units."""
        kept = [np.arange(n) for n in whole.units]
        if units is not None:
            kept[1] = units
        return cls(whole, kept)

    def with_features(self, features: Rows) -> Cut:
        return Cut(self.whole, [features, *self.kept[1:]])

    def with_units(self, units: Rows) -> Cut:
        """Return the cut with other units in its only hidden layer."""
        return Cut(self.whole, [self.kept[0], units, self.kept[2]])

    def joined(self, other: Cut) -> Cut:
        """Return the cut that keeps what one of both keeps."""
        pairs = zip(self.kept, other.kept, strict=True)
        return Cut(self.whole, [np.union1d(one, two) for one, two in pairs])

    @cached_property
    def rows(self) -> Rows:
        """The numbers of the parameters in the theta of the whole network."""
        numbers = np.arange(self.whole.n_parameters, dtype=np.float64)[np.newaxis]
        rows = np.empty((1, self.network.n_parameters))
        (W, b), (W_cut, b_cut) = self.whole.split(numbers), self.network.split(rows)
        for l, (before, units) in enumerate(
            zip(self.kept, self.kept[1:], strict=False), start=1
        ):
            W_cut[l][:] = W[l][:, units][:, :, before]
            if b:
                b_cut[l][:] = b[l][:, units]
        result: Rows = rows[0].astype(np.intp)
        return result

    def expanded(self, values: Array, fill: float | Array = 0.0) -> Array:
        """Return values (P,) of the whole network; what is left out has ``fill``."""
        result = np.empty(self.whole.n_parameters, values.dtype)
        result[:] = fill
        result[self.rows] = values
        return result

    def samples(self, samples: Samples | Parts) -> Samples | Parts:
        """Return the samples with the features of the cut only."""
        features = self.kept[0]
        if len(features) == self.whole.units[0]:
            return samples
        if isinstance(samples, Samples):
            return with_features(features, samples)

        def sum_of(terms: Callable[[Samples], Sums]) -> Sums:
            return samples.sum(partial(of_features, terms, features))

        return samples.through(sum_of)


def with_features(features: Rows, samples: Samples) -> Samples:
    """Return samples with these features only."""
    X = samples.X[:, features]
    X = np.ascontiguousarray(X) if isinstance(X, np.ndarray) else X
    return Samples(X, samples.Y, samples.weights, samples.rows)


def of_features(
    terms: Callable[[Samples], Sums], features: Rows, samples: Samples
) -> Sums:
    """Return the terms of samples with these features only."""
    return terms(with_features(features, samples))
