"""The losses of the estimators, and the corresponding losses of the engine."""

from __future__ import annotations

from functools import cache

from skbp.engine.arrays import Array
from skbp.engine.losses import LOSSES, Loss

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


def outputs_of(loss: str) -> tuple[str, ...]:
    """Return the output activations that suit a loss, the canonical one first."""
    # The engine has two log losses: one for exclusive classes, and one for other
    # outputs.
    return ("logistic", "softmax") if loss == "log_loss" else LOSSES[loss].outputs


@cache
def engine_loss(loss: str, output: str) -> Loss:
    """Return the loss of the engine for outputs with this activation."""
    binary = loss == "log_loss" and output == "logistic"
    return LOSSES["binary_log_loss" if binary else loss].through(output)


def gives_probabilities(loss: str, output: str) -> bool:
    """Return whether a network with these parameters will output probabilities."""
    return loss == "log_loss" or output in PROBABILITIES


def is_likelihood(loss: str) -> bool:
    """Return whether a loss is minus a log likelihood."""
    return LOSSES[loss].likelihood


def has_noise(loss: str) -> bool:
    """Return whether a loss is the likelihood of noise whose size can be estimated."""
    return LOSSES[loss].normal


def check_apart(output: str, weights: Array | None) -> None:
    """Refuse weights (n, outputs) if the outputs depend on each other."""
    if output == "softmax" and weights is not None and weights.ndim == 2:
        raise ValueError(
            "Targets that are missing (nan in y) and sample_weight of the shape of y "
            "do not work with output_activation='softmax', because each of its outputs "
            "depends on the others. Use another output_activation, such as "
            "'logistic', or leave whole samples out."
        )
