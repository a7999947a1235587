"""The validation set, which is given or drawn, and the scores of networks on it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from skbp._data.read import Data, Read, chosen, read_known
from skbp._sklearn import safe_indexing
from skbp._targets import Targets
from skbp.engine.arrays import Array, Rows
from skbp.engine.problem import Score
from skbp.engine.progress import Validated
from skbp.engine.samples import Samples


class Split(NamedTuple):
    """The rows for training, and the rows for validation."""

    train: Rows
    validate: Rows


def given_set(
    estimator: Any, targets: Targets, data: Data, n_outputs: int
) -> Read | None:
    """Return the validation set that the user passes, if there is one."""
    if data.X is None and data.y is None:
        if data.sample_weight is not None:
            raise ValueError("sample_weight_val needs X_val and y_val.")
        return None
    if data.X is None or data.y is None:
        raise ValueError(
            "X_val and y_val must be passed together; got only "
            f"{'y_val' if data.X is None else 'X_val'}."
        )
    try:
        read = read_known(estimator, targets, data, "sample_weight_val")
    except ValueError as error:
        if "sample_weight_val" in str(error):
            raise
        raise ValueError(f"In X_val and y_val: {error}") from None
    if read.n_outputs != n_outputs:
        raise ValueError(
            f"y_val has {read.n_outputs} outputs, but y has {n_outputs}. Both "
            "must have the same number of outputs."
        )
    return read


def held_out(read: Read, rows: Rows) -> Read:
    """Return some rows of the training data as a validation set."""
    samples = read.samples
    assert isinstance(samples, Samples)
    part = chosen(samples, rows)
    return Read.of(part, safe_indexing(read.y, rows), read.targets)


def split_of(
    samples: Samples,
    strata: Array | None,
    fraction: float,
    rng: np.random.RandomState,
    earlier: Split | None,
) -> Split:
    """Return the rows for training and the rows for validation.

    The split of an earlier fit to as many samples is used again: a network must not be
    validated on samples that it has been trained on.
    """
    split = earlier
    if split is None or sum(map(len, split)) != len(samples):
        split = drawn_split(samples, strata, fraction, rng)
    for rows, what in zip(split, ("training", "validation"), strict=True):
        if samples.total(rows) == 0.0:
            raise ValueError(
                f"sample_weight is zero for all samples drawn for {what}. Give "
                "more samples a weight above 0, or set early_stopping=False."
            )
    return split


def drawn_split(
    samples: Samples, strata: Any, fraction: float, rng: np.random.RandomState
) -> Split:
    """Draw the rows for training and the rows for validation."""
    n = len(samples)
    n_validation = ceil(fraction * n)
    if n_validation < 2 or n - n_validation < 1:
        raise ValueError(
            "The validation set is too small, or no samples remain for "
            f"training: validation_fraction={fraction} of {n} samples is "
            f"{n_validation}; validation needs at least 2 samples. Change "
            "validation_fraction, or set early_stopping=False."
        )
    if strata is not None:
        counts = np.unique(strata, return_counts=True)[1]
        # A stratified split is only possible if each class fits into both parts.
        if counts.min() < 2 or min(n_validation, n - n_validation) < len(counts):
            strata = None
    return Split(
        *train_test_split(
            np.arange(n), test_size=fraction, random_state=rng, stratify=strata
        )
    )


def minus_loss(theta: Array, outputs: Array, loss: float) -> float:
    """Return the score of ``scoring="loss"``."""
    return -loss


def score_of_targets(read: Read) -> Score:
    """Return the default score of a validation set: accuracy, R² or D²."""
    samples, targets = read.samples, read.targets
    assert isinstance(samples, Samples)
    return lambda theta, outputs, loss: targets.score(
        samples.Y, outputs, samples.weights
    )


def check_scores(validated: Sequence[Validated], scoring: Any) -> None:
    """Refuse a validation set whose score is nan or infinite, before training."""
    for score, loss in validated:
        if np.isfinite(loss) and not np.isfinite(score):
            raise ValueError(
                f"The validation score is {score} (scoring={scoring!r}). The "
                "validation set may be too small for this score, lack a class, or "
                "lead to numbers that overflow. Use a larger validation set or "
                "scoring='loss', or scale X and y."
            )
