"""Losses: the cost of predictions, and its residual delta[L] at the output.

A loss takes the raw outputs Z[L] of a network and owns its canonical output activation,
the one for which the residual is simply delta[L] = A[L] - Y. With any other output
activation the residual is the chain rule's, as in every other layer:
delta[L] = dJ/dA[L] * f'(Z[L]).

Values are sums over outputs and samples, each sample times its ``scale`` (1/m for the
mean over m samples): the value is exactly the function whose gradient is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array, DType, cast

#: (A, Y, scale) -> the loss (K,) of the predictions A, given the targets Y.
Value = Callable[[Array, Array, Array], Array]
#: (A, Y, delta) -> delta = dJ/dA.
Slope = Callable[[Array, Array, Array], None]
#: (Z, Y, scale, delta) -> the loss (K,); Z has become A, and delta = dJ/dZ.
Residual = Callable[[Array, Array, Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """One row of the table of losses.

    Attributes
    ----------
    name : str
    outputs : tuple of str
        The output activations whose range suits the loss; the first is the canonical
        one, for which dJ/dZ[L] is A[L] - Y.
    functions : callable
        Given the shape (K, outputs, samples) and dtype of the outputs, it returns
        ``value(A, Y, scale)`` and ``slope(A, Y, delta)``, which own their scratch
        arrays.
    output : str
        The output activation in use; "" means the canonical one.
    """

    name: str
    outputs: tuple[str, ...]
    functions: Callable[[tuple[int, ...], DType], tuple[Value, Slope]]
    output: str = ""

    @property
    def activation(self) -> str:
        """The output activation in use."""
        return self.output or self.outputs[0]

    def through(self, activation: str) -> Loss:
        """Return this loss of the outputs of another output activation."""
        if activation not in self.outputs:
            raise ValueError(
                f"{self.name} needs an output activation out of {self.outputs}, got "
                f"{activation!r}"
            )
        return replace(self, output=activation)

    def residual(self, shape: tuple[int, ...], dtype: DType) -> Residual:
        """Return what a training step calls, for outputs (K, outputs, samples).

        Returns
        -------
        residual : callable
            ``residual(Z, Y, scale, delta)`` turns the raw outputs Z into predictions
            A = f(Z) in place, writes delta[L] = dJ/dZ[L], and returns the loss (K,).
            ``scale`` multiplies the loss of each sample, an array () or (samples,).
        """
        f, df = ACTIVATIONS[self.activation](shape, dtype)
        value, slope = self.functions(shape, dtype)

        def canonical(Z: Array, Y: Array, scale: Array, delta: Array) -> Array:
            f(Z)
            # delta[L] = A[L] - Y
            np.subtract(Z, Y, out=delta)
            np.multiply(delta, scale, out=delta)
            return value(Z, Y, scale)

        def chained(Z: Array, Y: Array, scale: Array, delta: Array) -> Array:
            f(Z)
            # delta[L] = dJ/dA[L] * f'[L](Z[L])
            slope(Z, Y, delta)
            df(Z, delta)
            np.multiply(delta, scale, out=delta)
            return value(Z, Y, scale)

        return canonical if self.activation == self.outputs[0] else chained


def summed(losses: Array, factor: float) -> Callable[[Array], Array]:
    """Return the function that sums ``factor * scale * losses`` for each network.

    A product with a constant vector sums faster than np.sum, and the factor is free.
    """
    flat = losses.reshape(len(losses), -1)
    factors = np.full(flat.shape[1], factor, losses.dtype)

    def total(scale: Array) -> Array:
        np.multiply(losses, scale, out=losses)
        result: Array = np.matmul(flat, factors)
        return result

    return total


def squared_error(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """½ (a - y)²."""
    square = np.empty(shape, dtype)
    total = summed(square, 0.5)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        np.subtract(A, Y, out=square)
        np.multiply(square, square, out=square)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.subtract(A, Y, out=delta)

    return value, slope


# Probabilities below eps count as eps in the logarithms, as in scikit-learn: the loss
# of a sample that was predicted wrongly with certainty is large but finite. The
# residual is that of the loss without this bound.


def log_loss(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """- y log a, summed over classes that exclude each other."""
    logs = np.empty(shape, dtype)
    total = summed(logs, -1.0)
    # Arrays, since np.maximum is slower with a scalar.
    eps = np.full(shape, np.finfo(dtype).eps, dtype)
    tiny = cast(np.finfo(dtype).tiny, dtype)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        np.maximum(A, eps, out=logs)
        np.log(logs, out=logs)
        np.multiply(logs, Y, out=logs)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.maximum(A, tiny, out=delta)
        np.divide(Y, delta, out=delta)
        np.negative(delta, out=delta)

    return value, slope


def binary_log_loss(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """- y log a - (1 - y) log(1 - a), for one class or for independent labels."""
    logs, other = np.empty(shape, dtype), np.empty(shape, dtype)
    total = summed(logs, -1.0)
    eps, tiny = cast(np.finfo(dtype).eps, dtype), cast(np.finfo(dtype).tiny, dtype)
    one = np.ones((), dtype)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        np.subtract(one, A, out=other)
        np.maximum(other, eps, out=other)
        np.log(other, out=other)
        np.maximum(A, eps, out=logs)
        np.log(logs, out=logs)
        # y log a + (1 - y) log(1 - a); the logarithms are finite.
        np.subtract(logs, other, out=logs)
        np.multiply(logs, Y, out=logs)
        np.add(logs, other, out=logs)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.subtract(one, A, out=other)
        np.multiply(other, A, out=other)
        np.maximum(other, tiny, out=other)
        np.subtract(A, Y, out=delta)
        np.divide(delta, other, out=delta)

    return value, slope


def poisson(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """y log(y / a) - y + a: half of the Poisson deviance."""
    deviance, tmp = np.empty(shape, dtype), np.empty(shape, dtype)
    total = summed(deviance, 1.0)
    tiny = cast(np.finfo(dtype).tiny, dtype)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        # y log y - y log a, since y / a may overflow where its logarithm does not.
        xlogy(Y, Y, out=deviance)
        np.maximum(A, tiny, out=tmp)
        np.log(tmp, out=tmp)
        np.multiply(tmp, Y, out=tmp)
        np.subtract(deviance, tmp, out=deviance)
        np.subtract(A, Y, out=tmp)
        np.add(deviance, tmp, out=deviance)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.maximum(A, tiny, out=tmp)
        np.divide(Y, tmp, out=tmp)
        np.subtract(1.0, tmp, out=delta)

    return value, slope


#: Every output activation suits a loss of differences; the canonical one comes first.
ANY_OUTPUT = ("identity", *(name for name in ACTIVATIONS if name != "identity"))

#: The losses by name. Not every output activation suits every loss: a logarithm needs
#: predictions above 0, and probabilities of classes that exclude each other sum to 1.
LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("squared_error", ANY_OUTPUT, squared_error),
        Loss("log_loss", ("softmax",), log_loss),
        Loss("binary_log_loss", ("logistic",), binary_log_loss),
        Loss("poisson", ("exp", "logistic", "softmax"), poisson),
    )
}
