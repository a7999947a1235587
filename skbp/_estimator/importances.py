"""The importances of the features, from a fitted network alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from skbp._estimator.by_hand import check_fitted, model_of
from skbp.engine.arrays import Array
from skbp.engine.model import Model
from skbp.engine.sensitivity import squared_gradients


def importances_of(estimator: Any) -> Array:
    """Return the importance of each feature (n_features,); their sum is 1."""
    check_fitted(estimator)
    return importances(model_of(estimator))


def importances(model: Model) -> Array:
    """Return the importance of each feature of a model."""
    # All outputs of softmax may be shifted alike, without any effect.
    centered = model.output == "softmax"
    with np.errstate(all="ignore"):
        found = squared_gradients(
            model.network, model.theta, model.shares, centered=centered
        )
        total = found.sum()
        if not np.isfinite(total):
            raise ValueError(
                "the weights must be finite; the gradients at the weights of this "
                "network are infinite or nan."
            )
    return found / total if total > 0.0 else found
