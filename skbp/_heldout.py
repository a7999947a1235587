"""The validation set: how it is drawn, and what a network scores on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from inspect import signature
from math import ceil
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array, Rows
from skbp.engine.losses import Loss
from skbp.engine.network import Network, predict
from skbp.engine.progress import Validate
from skbp.engine.samples import Samples


@dataclass
class HeldOut:
    """A validation set.

    Attributes
    ----------
    X : array or CSR matrix (n, features)
    y : array (n,) or (n, outputs)
        The targets as the user gave them.
    Y : array (n, outputs)
        The targets as the network sees them.
    weights : array (n,) or None
    """

    X: Any
    y: Any
    Y: Array
    weights: Array | None


def drawn_split(
    samples: Samples, strata: Any, fraction: float, rng: np.random.RandomState
) -> tuple[Rows, Rows]:
    """Return the rows to train on and those to validate on."""
    n = len(samples)
    n_validation = ceil(fraction * n)
    if n_validation < 2 or n - n_validation < 1:
        raise ValueError(
            f"The validation set is too small or leaves nothing to train on: "
            f"validation_fraction={fraction} of {n} samples is {n_validation}; at "
            "least 2 are needed. Change validation_fraction, or set "
            "early_stopping=False."
        )
    if strata is not None:
        counts = np.unique(strata, return_counts=True)[1]
        # Each class needs a place in both parts; else the split is a plain one.
        if counts.min() < 2 or min(n_validation, n - n_validation) < len(counts):
            strata = None
    return tuple(
        train_test_split(
            np.arange(n), test_size=fraction, random_state=rng, stratify=strata
        )
    )


def validation(
    estimator: Any,
    network: Network,
    loss: Loss,
    held: HeldOut,
    score: Callable[[Array, Array, Array | None], float],
) -> Validate:
    """Return the function that gives score and loss of K networks on the set.

    The score is that of the estimator's ``scoring``: a scorer, "loss" for minus the
    loss, or ``score(Y, outputs, weights)`` by default.
    """
    X, Y, weights = held.X, held.Y, held.weights
    scorer = None
    if estimator.scoring not in (None, "loss"):
        scorer = check_scoring(estimator, estimator.scoring)
        options = {}
        if weights is not None and takes_weights(scorer):
            options["sample_weight"] = weights
        probe = copy(estimator)
        # X is an array here, whatever it was; its columns have no names any more.
        vars(probe).pop("feature_names_in_", None)

    def scored(theta: Array, outputs: Array, value: float) -> float:
        if scorer is not None:
            probe._set_weights(network, theta[np.newaxis])
            return float(scorer(probe, X, held.y, **options))
        return -value if estimator.scoring == "loss" else score(Y, outputs, weights)

    def one(theta: Array, outputs: Array) -> tuple[float, float]:
        if not np.isfinite(outputs).all():
            return np.nan, np.nan
        value = loss.mean(outputs, Y, weights)
        return scored(theta, outputs, value), value

    def validate(theta: Array) -> list[tuple[float, float]]:
        W, b = network.split(theta)
        outputs = predict(network, W, b, X, ACTIVATIONS[loss.activation])
        return [one(*pair) for pair in zip(theta, outputs, strict=True)]

    return validate


def takes_weights(scorer: Callable[..., Any]) -> bool:
    """Return whether a scorer can be called with ``sample_weight``."""
    # Of scikit-learn's scorers it is the metric that can or cannot.
    metric = getattr(scorer, "_score_func", scorer)
    parameters = signature(metric).parameters.values()
    return any(p.name == "sample_weight" or p.kind == p.VAR_KEYWORD for p in parameters)


def check_scores(scored: Sequence[tuple[float, float]], scoring: Any) -> None:
    """Refuse a validation set whose score is not a number, before training."""
    for score, loss in scored:
        if np.isfinite(loss) and not np.isfinite(score):
            raise ValueError(
                f"The validation score is {score} (scoring={scoring!r}): the "
                "validation set is too small for it, or lacks a class. Use a larger "
                "one, or scoring='loss'."
            )
