"""What is to be minimised: a network, a loss, samples, and a validation set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from math import log, sqrt
from typing import TypeAlias

import numpy as np

from skbp.engine.activations import ACTIVATIONS, inverse
from skbp.engine.arrays import Array, Column, bound_of, cast
from skbp.engine.losses import Loss
from skbp.engine.network import Network, Propagation, predict
from skbp.engine.objective import Objective, cut
from skbp.engine.progress import Validated
from skbp.engine.samples import Parts, Samples, Sums

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

    def losses(self, theta: Array) -> Array:
        """Return the mean loss (K,) of networks theta (K, P), without its gradient."""
        scale = np.array(1.0 / self.samples.total(), theta.dtype)
        terms = partial(scaled_losses, self.network, self.loss, theta, scale)
        (losses,) = self.samples.sum(terms)
        return losses

    def penalty(self, alpha: Column, theta: Array) -> Array:
        """Return the penalty (K,) of networks theta (K, P): alpha/(2m) |W|²."""
        W = theta[:, : self.network.n_weights]
        scale = 0.5 / self.samples.total()
        penalty: Array = np.vecdot(W, cast(alpha, theta.dtype) * W) * scale
        return penalty

    def surely_finite(self, theta: Array) -> bool:
        """Return whether a bound on the outputs shows that all losses are finite.

        |z| <= (n a + 1) w for a unit with n inputs, if no input exceeds a and no weight
        exceeds w, and |f(z)| <= 1.1 |z| + 2 for all activations of hidden layers. False
        means that only a forward pass can tell.
        """
        X = self.samples.X if isinstance(self.samples, Samples) else None
        if self.loss.own:
            # A loss that the user has written may be nan at finite outputs.
            return False
        if type(X) is not np.ndarray:
            return False
        w, a = bound_of(theta), bound_of(X)
        for n in self.network.units[:-1]:
            z = (n * a + 1.0) * w
            a = 1.1 * z + 2.0
        most = float(np.finfo(theta.dtype).max)
        # exp(z) and log(exp(-z)) must be finite, or else z².
        steep = self.loss.activation in ("exp", "softplus")
        return z < (0.5 * log(most) if steep else 1e-3 * sqrt(most))

    def constant(self) -> Array:
        """Return the constant prediction (outputs,) with the lowest loss."""
        Y, weights = self.targets()
        return self.loss.constant(Y, weights)

    def best_constant(self) -> Array:
        """Return the raw outputs that belong to ``constant``."""
        return inverse(self.loss.activation, self.constant())

    @cached_property
    def loss_of_constant(self) -> float:
        """The mean loss of ``constant`` on the samples."""
        Y, weights = self.targets()
        with np.errstate(all="ignore"):
            outputs = np.broadcast_to(self.constant(), Y.shape)
            return self.loss.mean(outputs, Y, weights)

    def targets(self) -> tuple[Array, Array | None]:
        """Return targets (n, outputs) and weights, the largest of which is 1."""
        samples = self.samples
        assert isinstance(samples, Samples)
        rows, weights = samples.every, samples.weights
        if weights is not None:
            # Only their ratios matter, and sums of large weights would overflow.
            weights = weights[rows] / weights[rows].max()
        return samples.Y[rows], weights

    def validate(self, theta: Array) -> list[Validated]:
        """Return score and loss of each network (K, P) on the validation set."""
        assert self.validation is not None
        samples, score = self.validation.samples, self.validation.score
        W, b = self.network.split(theta)
        activation = ACTIVATIONS[self.loss.activation]
        outputs = predict(self.network, W, b, samples.X, activation)

        def one(theta: Array, outputs: Array) -> Validated:
            # (Behind a logistic, outputs of infinite weights are finite.)
            if not (np.isfinite(outputs).all() and np.isfinite(theta).all()):
                return Validated(np.nan, np.nan)
            loss = self.loss.mean(outputs, samples.Y, samples.weights)
            return Validated(score(theta, outputs, loss), loss)

        return [one(*pair) for pair in zip(theta, outputs, strict=True)]


def scaled_losses(
    network: Network, loss: Loss, theta: Array, scale: Array, samples: Samples
) -> Sums:
    """Return the sum of ``scale`` times the losses (K,) of networks theta (K, P).

    Where raw outputs are not finite, the loss is infinite, even if an activation turns
    them into finite predictions.
    """
    (W, b), K, dtype = network.split(theta), len(theta), theta.dtype
    total, m = np.zeros(K), -1
    for block in cut(samples.every, K):
        X, Y, weights = samples.columns(block, dtype)
        if Y.shape[1] != m:
            m = Y.shape[1]
            shape = (K, network.units[-1], m)
            propagation = Propagation(network, K, m, dtype)
            f, _ = ACTIVATIONS[loss.activation](shape, dtype)
            value, _ = loss.functions(shape, dtype)
        Z = propagation.forward(W, b, X)
        finite = np.isfinite(Z).all(axis=(1, 2))
        f(Z)
        losses = value(Z, Y, scale if weights is None else weights * scale)
        total += np.where(finite, losses, np.inf)
    return (total,)
