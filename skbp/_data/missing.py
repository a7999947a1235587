"""Targets that are missing, and weights of single targets, if y has several columns.

A missing target gets a value that can be computed with, and the weight 0. From there on
it is nothing special: the loss, its gradient and the scores leave it out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from skbp._data.faults import is_missing
from skbp.engine.arrays import Array, DType

#: Which targets (n, outputs) are known.
Known = npt.NDArray[np.bool_]


def filled(y: Any, numeric: bool) -> tuple[Any, Known | None]:
    """Return y without gaps, and which targets are known; None if all of them are.

    Only targets with several columns may have gaps. The value in a gap is the mean of
    the column, or 0 for labels. Whatever else y is, it is returned as it is.
    """
    if getattr(y, "ndim", 2) != 2 or scipy.sparse.issparse(y) or y is None:
        return y, None
    try:
        targets = np.asarray(y)
    except (RuntimeError, TypeError, ValueError):
        # The checks of y say what is wrong, or know how to convert y.
        return y, None
    if targets.ndim != 2 or targets.shape[1] < 2:
        return y, None
    if targets.dtype.kind not in ("f", "O"):
        return y, None
    gaps = gaps_in(targets)
    if not gaps.any():
        return y, None
    known = ~gaps
    try:
        numbers = np.where(known, targets, 0.0).astype(np.float64)
    except (TypeError, ValueError):
        return y, None
    if targets.dtype == np.float32:
        numbers = numbers.astype(np.float32)
    if numeric:
        with np.errstate(all="ignore"):
            means = numbers.sum(axis=0) / known.sum(axis=0)
        # (1 is in the range of every loss.)
        means = np.where(known.any(axis=0), means, 1.0)
        numbers = np.where(known, numbers, means.astype(numbers.dtype))
    return numbers, known


def gaps_in(targets: npt.NDArray[Any]) -> Known:
    """Return which entries (n, outputs) stand for a target that is not known."""
    if targets.dtype.kind == "f":
        gaps: Known = np.isnan(targets)
        return gaps
    entries = [is_missing(value) for value in targets.ravel().tolist()]
    return np.array(entries, bool).reshape(targets.shape)


def with_gaps(y: Any, known: Known | None) -> Any:
    """Return y with nan again where a target is not known."""
    return y if known is None else np.where(known, y, np.nan)


def weights_of_targets(
    weights: Array | None, known: Known | None, dtype: DType
) -> Array | None:
    """Return weights (n,) or (n, outputs), with the weight 0 for unknown targets."""
    if known is None:
        return weights
    if weights is None:
        return known.astype(dtype)
    of_each = weights if weights.ndim == 2 else weights[:, np.newaxis]
    return np.ascontiguousarray(of_each * known, dtype)


def to_score(y: Any, sample_weight: Any, numeric: bool) -> tuple[Any, Any]:
    """Return targets and weights for a score: weights (n, outputs) if y has gaps."""
    y, known = filled(y, numeric)
    if known is None and np.ndim(sample_weight) != 2:
        return y, sample_weight
    given = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    y = y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)
    weights = weights_of_targets(given, known, np.dtype(np.float64))
    if weights is not None and not weights.any():
        raise ValueError(
            "y has no known target whose sample_weight is above 0, so there is nothing "
            "to score. Pass at least one."
        )
    return y, weights
