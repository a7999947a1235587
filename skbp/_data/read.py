"""Reading X, y and sample weights: from the user's data to samples of the engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from skbp._data.checks import (
    as_dtype,
    validated_X_y,
    weights_of_all,
    weights_of_part,
)
from skbp._data.missing import Known, filled, weights_of_targets, with_gaps
from skbp._data.scales import center_and_scale
from skbp._targets import Targets
from skbp.engine.arrays import Array, DType, Rows
from skbp.engine.samples import Parts, Samples


class Data(NamedTuple):
    """Data as the user passes them; each of the three may be missing."""

    X: Any = None
    y: Any = None
    sample_weight: Any = None


class Read(NamedTuple):
    """The result of reading data.

    Attributes
    ----------
    samples : Samples or Parts
        X, Y and weights in the form that a network takes.
    y : array (n,) or (n, outputs)
        The targets in the user's form; None if the samples are in parts.
    targets : Targets
        What was learnt about the targets.
    n_features, n_outputs : int
        The numbers of units in the input layer and in the output layer.
    """

    samples: Samples | Parts
    y: Any
    targets: Targets
    n_features: int
    n_outputs: int

    @classmethod
    def of(cls, samples: Samples, y: Any, targets: Targets) -> Read:
        """Return the result of reading data in memory."""
        return cls(samples, y, targets, samples.X.shape[1], samples.Y.shape[1])


def read_new(
    estimator: Any,
    data: Data,
    kind: Any,
    learn: Callable[[Any], Targets],
    *,
    reset: bool,
    earlier: Targets | None = None,
) -> Read:
    """Read training data, and learn their targets.

    ``kind`` is the class of the targets. ``learn`` takes what was read of y, and
    returns the targets. ``earlier`` are the targets that training continues with.
    ``reset`` has the meaning that it has in scikit-learn's ``validate_data``: whether
    the estimator takes over the features of X, or X must have those of an earlier X.
    """
    y, known = filled(data.y, "y_numeric" in kind.y_options)
    X, y = validated_X_y(estimator, data.X, y, reset=reset, **kind.y_options)
    found = kind.read(y) if earlier is None else earlier.recognise(y)
    targets = learn(found)
    samples = in_terms_of(targets, found, X, data.sample_weight, known)
    if targets.rescales:
        Y, weights = targets.encode(found), samples.weights
        targets = targets.in_units(*center_and_scale(Samples(Y, Y, weights)))
        samples = Samples(X, as_dtype(targets.encode(found), X.dtype), weights)
    y = with_gaps(y, known)
    if known is not None and not known.any(axis=1).all():
        # Samples of which nothing is known are no samples: they would fill batches.
        rows = np.flatnonzero(known.any(axis=1))
        samples, y = chosen(samples, rows), y[rows]
    return Read.of(samples, y, targets)


def read_known(
    estimator: Any, targets: Targets, data: Data, weight_name: str = "sample_weight"
) -> Read:
    """Read data whose targets are already known."""
    y, known = filled(data.y, "y_numeric" in targets.y_options)
    X, y = validated_X_y(estimator, data.X, y, reset=False, **targets.y_options)
    found = targets.recognise(y)
    targets.check(found)
    samples = in_terms_of(targets, found, X, data.sample_weight, known, weight_name)
    return Read.of(samples, with_gaps(y, known), targets)


def read_part(
    estimator: Any, targets: Targets, dtype: DType, X: Any, y: Any, sample_weight: Any
) -> Samples:
    """Read a part of the training data, for training; all of its weights may be 0."""
    y, known = filled(y, "y_numeric" in targets.y_options)
    X, y = validated_X_y(estimator, X, y, reset=False, **targets.y_options)
    found = targets.recognise(y)
    targets.check(found)
    Y = as_dtype(targets.encode(found), dtype)
    weights = weights_of_part(sample_weight, X, dtype, n_columns=columns_of(y))
    weights = targets.weigh(found, weights_of_targets(weights, known, dtype))
    X, weights = X.astype(dtype, copy=False), as_weights(weights, dtype)
    return Samples(X, targets.smooth(Y), weights)


def in_terms_of(
    targets: Targets,
    found: Any,
    X: Any,
    sample_weight: Any,
    known: Known | None = None,
    weight_name: str = "sample_weight",
) -> Samples:
    """Return the samples for a network; ``found`` is what ``targets.read`` returned."""
    if known is not None:
        # Before y is encoded: where no target can be left out, its gaps are errors.
        targets.weigh(found, known.astype(X.dtype))
    Y, n_columns = as_dtype(targets.encode(found), X.dtype), columns_of(found.y)
    weights = weights_of_all(sample_weight, X, X.dtype, weight_name, n_columns)
    weights = weights_of_targets(weights, known, X.dtype)
    if known is not None and weights is not None and not weights.any():
        raise ValueError(
            f"y has no known target whose {weight_name} is above 0. Pass at least one."
        )
    weights = as_weights(targets.weigh_all(found, weights), X.dtype)
    return Samples(X, Y, weights)


def columns_of(y: Any) -> int:
    """Return the number of columns of checked targets."""
    return int(y.shape[1]) if y.ndim == 2 else 1


def chosen(samples: Samples, rows: Rows) -> Samples:
    """Return some of the samples, copied."""
    weights = None if samples.weights is None else samples.weights[rows]
    return Samples(samples.X[rows], samples.Y[rows], weights)


def as_weights(weights: Array | None, dtype: DType) -> Array | None:
    """Return weights of samples and classes in the dtype of X."""
    return None if weights is None else as_dtype(weights, dtype, "class_weight")


def as_trained(read: Read, rows: Rows | None = None) -> Samples | Parts:
    """Return the samples for training, restricted to these rows."""
    samples = read.samples
    if isinstance(samples, Parts):
        # The targets were smoothed when the parts were read.
        return samples
    return Samples(samples.X, read.targets.smooth(samples.Y), samples.weights, rows)
