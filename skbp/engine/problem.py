"""What is to be minimised: a network, a loss, samples, and a validation set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from skbp.engine.activations import ACTIVATIONS, inverse
from skbp.engine.arrays import Array, Column
from skbp.engine.losses import Loss
from skbp.engine.network import Network, predict
from skbp.engine.objective import Objective
from skbp.engine.progress import Validated
from skbp.engine.samples import Parts, Samples

#: (theta (P,), outputs (n, outputs), loss) -> the score of a network on the validation
#: set. Higher scores are better.
Score: TypeAlias = Callable[[Array, Array, float], float]


@dataclass(frozen=True)
class Validation:
    """A validation set, and how to score predictions on it.

    Attributes
    ----------
    samples : Samples
    score : callable
    decides : bool
        Whether the score decides when training ends and which weights are the best. If
        not, the score is only recorded.
    """

    samples: Samples
    score: Score
    decides: bool


@dataclass(frozen=True)
class Problem:
    """What a solver minimises: the cost J of a network on samples.

    Attributes
    ----------
    network : Network
    loss : Loss
    samples : Samples or Parts
    validation : Validation or None
    """

    network: Network
    loss: Loss
    samples: Samples | Parts
    validation: Validation | None = None

    def objective(self, alpha: Column, theta: Array) -> Objective:
        """Return the cost J at theta (K, P)."""
        return Objective(self.network, self.loss, self.samples, alpha, theta)

    def best_constant(self) -> Array:
        """Return the raw outputs of the constant prediction with the lowest loss."""
        samples = self.samples
        assert isinstance(samples, Samples)
        rows, weights = samples.every, samples.weights
        if weights is not None:
            # Only their ratios matter, and sums of large weights would overflow.
            weights = weights[rows] / weights[rows].max()
        constant = self.loss.constant(samples.Y[rows], weights)
        return inverse(self.loss.activation, constant)

    def validate(self, theta: Array) -> list[Validated]:
        """Return score and loss of each network (K, P) on the validation set."""
        assert self.validation is not None
        samples, score = self.validation.samples, self.validation.score
        W, b = self.network.split(theta)
        activation = ACTIVATIONS[self.loss.activation]
        outputs = predict(self.network, W, b, samples.X, activation)

        def one(theta: Array, outputs: Array) -> Validated:
            if not np.isfinite(outputs).all():
                return Validated(np.nan, np.nan)
            loss = self.loss.mean(outputs, samples.Y, samples.weights)
            return Validated(score(theta, outputs, loss), loss)

        return [one(*pair) for pair in zip(theta, outputs, strict=True)]
