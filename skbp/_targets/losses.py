"""The losses of the estimators, and the corresponding losses of the engine."""

from __future__ import annotations

from functools import cache
from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from skbp.engine.activations import OUTPUTS
from skbp.engine.arrays import Array
from skbp.engine.losses import LOSSES, Loss
from skbp.engine.own_loss import own_loss

#: The losses for classification, and the output activations that give probabilities.
CLASSIFICATION_LOSSES = ("log_loss", "squared_error")
PROBABILITIES = ("logistic", "softmax")

#: The losses for regression.
REGRESSION_LOSSES = (
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "poisson",
    "gamma",
    "log_loss",
)

#: The losses that a solver that needs curvature can minimise.
CURVED = sorted(
    {"log_loss", *(loss.name for loss in LOSSES.values() if loss.convex)}
    - {"binary_log_loss"}
)


def outputs_of(loss: Any) -> tuple[str, ...]:
    """Return the output activations that suit a loss, the canonical one first."""
    if callable(loss):
        return declared(loss).outputs
    # The engine has two log losses: one for exclusive classes, and one for other
    # outputs.
    return ("logistic", "softmax") if loss == "log_loss" else LOSSES[loss].outputs


class Declared(NamedTuple):
    """What a user's own loss says about itself."""

    outputs: tuple[str, ...]
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether targets cannot be any number."""
        return self.low > -inf or self.high < inf


def declared(loss: Any) -> Declared:
    """Return what a user's own loss declares; any number and the identity by default.

    ``output_activation`` is a name, or several of which the first is the default;
    ``target_range`` is the lowest and the highest target.
    """
    names = getattr(loss, "output_activation", "identity")
    outputs = (names,) if isinstance(names, str) else tuple(names)
    if not outputs or not OUTPUTS.keys() >= set(outputs):
        raise ValueError(
            "output_activation of loss must be one or several of "
            f"{sorted(OUTPUTS)}; got {names!r}."
        )
    limits = getattr(loss, "target_range", (-inf, inf))
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError):
        low, high = nan, nan
    if not low < high:
        raise ValueError(
            "target_range of loss must be two numbers, the lowest and the highest "
            f"target; got {limits!r}."
        )
    return Declared(outputs, low, high)


def check_declared_range(loss: Any, Y: Array) -> None:
    """Refuse targets (n, outputs) outside the range that a user's own loss declares."""
    _, low, high = declared(loss)
    outside = np.argwhere((low > Y) | (high < Y))
    if len(outside):
        row, column = outside[0]
        raise ValueError(
            f"y is {Y[row, column]:g} for sample {row}, but the target_range of loss "
            f"is from {low:g} to {high:g}. Scale y, or declare another target_range."
        )


def engine_loss(loss: Any, output: str) -> Loss:
    """Return the loss of the engine for outputs with this activation."""
    if callable(loss):
        return own_loss(loss, outputs_of(loss), output)
    return loss_by_name(loss, output)


@cache
def loss_by_name(loss: str, output: str) -> Loss:
    """Return the loss with this name for outputs with this activation."""
    binary = loss == "log_loss" and output == "logistic"
    return LOSSES["binary_log_loss" if binary else loss].through(output)


def gives_probabilities(loss: Any, output: str) -> bool:
    """Return whether a network with these parameters will output probabilities."""
    if callable(loss) and output == "auto":
        return declared(loss).outputs[0] in PROBABILITIES
    return loss == "log_loss" or output in PROBABILITIES


def is_likelihood(loss: Any) -> bool:
    """Return whether a loss is minus a log likelihood."""
    return not callable(loss) and LOSSES[loss].likelihood


def has_noise(loss: Any) -> bool:
    """Return whether a loss is the likelihood of noise whose size can be estimated."""
    return not callable(loss) and LOSSES[loss].normal


def check_apart(output: str, weights: Array | None) -> None:
    """Refuse weights (n, outputs) if the outputs depend on each other."""
    if output == "softmax" and weights is not None and weights.ndim == 2:
        raise ValueError(
            "Targets that are missing (nan in y) and sample_weight of the shape of y "
            "do not work with output_activation='softmax', because each of its outputs "
            "depends on the others. Use another output_activation, such as "
            "'logistic', or leave whole samples out."
        )
