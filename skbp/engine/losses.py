"""Losses: the cost of predictions, and the residual delta[L] at the output.

A loss takes the raw outputs Z[L] of a network and includes an output activation. With
the canonical activation the residual has a simple formula, for most losses
delta[L] = A[L] - Y. With any other activation the chain rule gives the residual, as in
every other layer: delta[L] = dJ/dA[L] * f'(Z[L]).

The value of a loss is a sum over outputs and samples, in which each sample is
multiplied by its ``scale`` (1/m for the mean over m samples). This value is exactly the
function whose gradient is computed, except for very small probabilities in the log
losses. In their logarithms, probabilities below eps count as eps, as in scikit-learn:
the loss of a sample that was predicted wrongly with certainty is large but finite. The
residual is that of the loss without this limit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy

from skbp.engine.activations import ACTIVATIONS, OUTPUTS
from skbp.engine.arrays import Array, DType, blocks, by_sample, cast
from skbp.engine.constants import centers, mean, quantiles
from skbp.engine.roots import BINOMIAL, MEAN, ONE, RATIO, SOFTMAX, Roots, diagonal

#: All output activations suit losses of differences. The canonical one comes first.
ANY_OUTPUT = ("identity", *(name for name in OUTPUTS if name != "identity"))

#: (A, Y, scale) -> the loss (K,) of the predictions A, given the targets Y.
Value = Callable[[Array, Array, Array], Array]
#: (A, Y, delta): set delta to dJ/dA, or to dJ/dZ for the canonical output activation.
Slope = Callable[[Array, Array, Array], None]
#: (Z, Y, scale, delta) -> the loss (K,); overwrites Z with A, and delta with dJ/dZ.
Residual = Callable[[Array, Array, Array, Array], Array]


@dataclass(frozen=True)
class Loss:
    """One row of the table of losses.

    Attributes
    ----------
    name : str
    outputs : tuple of str
        The output activations whose range suits the loss; the first is the canonical
        one.
    functions : callable
        A function that takes the shape (K, outputs, samples) and the dtype of the
        outputs, and returns ``value(A, Y, scale)`` and ``slope(A, Y, delta)``, which
        have their own scratch arrays.
    constant : callable
        (Y (n, outputs), weights (n,), (n, outputs) or None) -> the best constant
        prediction (outputs,); nan for an output whose targets all have the weight 0.
    canonical : callable or None
        A function that computes dJ/dZ[L] for the canonical output activation; None
        means that the chain rule gives it.
    roots : callable or None
        The root of the second derivative with respect to Z[L], for the canonical output
        activation; None if the loss has no curvature.
    output : str
        The output activation in use; "" means the canonical one.
    likelihood : bool
        Whether the loss is minus a log likelihood, up to a constant.
    normal : bool
        Whether the loss is minus the log likelihood of normal noise, whose size can be
        estimated.
    parameters : tuple of float
        The number that the loss depends on, or one for each output.
    own : bool
        Whether a user has written the loss, which then runs in Python only.
    """

    name: str
    outputs: tuple[str, ...]
    functions: Callable[[tuple[int, ...], DType], tuple[Value, Slope]]
    constant: Callable[[Array, Array | None], Array]
    canonical: Slope | None = None
    roots: Roots | None = None
    output: str = ""
    likelihood: bool = True
    normal: bool = False
    parameters: tuple[float, ...] = ()
    own: bool = False

    @property
    def shortcut(self) -> bool:
        """Whether ``canonical`` gives the residual, and not the chain rule."""
        return self.canonical is not None and self.activation == self.outputs[0]

    @property
    def convex(self) -> bool:
        """Whether the loss has ``roots`` with the output activation in use."""
        return self.roots is not None and self.activation == self.outputs[0]

    @property
    def activation(self) -> str:
        """The output activation in use."""
        return self.output or self.outputs[0]

    def through(self, activation: str) -> Loss:
        """Return this loss with another output activation."""
        if activation not in self.outputs:
            raise ValueError(
                f"{self.name} needs one of the output activations {self.outputs}; "
                f"got {activation!r}"
            )
        return replace(self, output=activation)

    def mean(self, outputs: Array, Y: Array, weights: Array | None) -> float:
        """Return the mean loss of predictions (n, outputs), computed in blocks."""
        total, n = 0.0, len(Y)
        for block in blocks(n):
            A = np.ascontiguousarray(outputs[block].T)[np.newaxis]
            scale = np.ones((), A.dtype) if weights is None else weights[block].T
            value, _ = self.functions(A.shape, A.dtype)
            total += float(value(A, Y[block].T, scale)[0])
        return total / (n if weights is None else float(by_sample(weights).sum()))

    def residual(self, shape: tuple[int, ...], dtype: DType) -> Residual:
        """Return the function that a training step calls for outputs of this shape.

        Returns
        -------
        residual : callable
            ``residual(Z, Y, scale, delta)`` turns the raw outputs Z into predictions
            A = f(Z) in place, writes delta[L] = dJ/dZ[L], and returns the loss (K,).
            ``scale``, an array () or (samples,), multiplies the loss of each sample: it
            is 1/m, or w_i/m with sample weights. An array (outputs, samples) multiplies
            the loss of each target, for outputs that do not depend on each other. This
            is the only place where 1/m meets the residuals. All other residuals and
            gradients contain delta[L].
        """
        f, df = ACTIVATIONS[self.activation](shape, dtype)
        value, slope = self.functions(shape, dtype)
        difference = self.canonical

        def canonical(Z: Array, Y: Array, scale: Array, delta: Array) -> Array:
            assert difference is not None
            f(Z)
            A = Z  # in place: from here on, the array of Z holds A[L]
            # With as many axes as A has, operations take half the time.
            Y = Y[np.newaxis]
            # delta[L] = A[L] - Y for most losses: f'[L] is in it
            difference(A, Y, delta)
            np.multiply(delta, scale, out=delta)  # 1/m
            return value(A, Y, scale)

        def chained(Z: Array, Y: Array, scale: Array, delta: Array) -> Array:
            f(Z)
            A = Z  # in place: from here on, the array of Z holds A[L]
            # delta[L] = dJ/dA[L] * f'[L](Z[L])
            slope(A, Y, delta)
            df(A, delta)
            np.multiply(delta, scale, out=delta)  # 1/m
            return value(A, Y, scale)

        return canonical if self.shortcut else chained


def summed(losses: Array, factor: float) -> Callable[[Array], Array]:
    """Return the function that sums ``factor * scale * losses`` for each network.

    A product with a constant vector is faster than np.sum, and includes the factor at
    no cost. The function overwrites ``losses``.
    """
    flat = losses.reshape(len(losses), -1)
    factors = np.full(flat.shape[1], factor, losses.dtype)

    def total(scale: Array) -> Array:
        if scale.ndim:
            np.multiply(losses, scale, out=losses)
        result: Array = np.vecdot(flat, factors)
        return result if scale.ndim else result * scale

    return total


def difference(A: Array, Y: Array, delta: Array) -> None:
    """Compute the residual for canonical output activations."""
    # delta[L] = A[L] - Y
    np.subtract(A, Y, out=delta)


def relative_difference(A: Array, Y: Array, delta: Array) -> None:
    """Compute the residual 1 - y / a of the gamma loss with exponential outputs."""
    # y / a grows without bound as a falls; the limit keeps it from overflowing.
    np.maximum(A, np.sqrt(np.finfo(A.dtype).tiny), out=delta)
    np.divide(Y, delta, out=delta)
    np.subtract(1.0, delta, out=delta)


def squared_error(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """Return value and slope of the loss ½ (a - y)²."""
    square = np.empty(shape, dtype)
    total = summed(square, 0.5)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        np.subtract(A, Y, out=square)
        np.multiply(square, square, out=square)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.subtract(A, Y, out=delta)

    return value, slope


def log_loss(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """Return value and slope of - y log a, summed over mutually exclusive classes."""
    logs = np.empty(shape, dtype)
    total = summed(logs, -1.0)
    # Full arrays, because np.maximum is slower with a scalar.
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
    """Return value and slope of the loss of one class, or of independent labels.

    The loss is - y log a - (1 - y) log(1 - a).
    """
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
    """Return value and slope of y log(y / a) - y + a, half of the Poisson deviance."""
    deviance, tmp = np.empty(shape, dtype), np.empty(shape, dtype)
    total = summed(deviance, 1.0)
    eps, tiny = cast(np.finfo(dtype).eps, dtype), cast(np.finfo(dtype).tiny, dtype)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        # y log y - y log a, because y / a may overflow where log(y / a) does not.
        xlogy(Y, Y, out=deviance)
        np.maximum(A, tiny, out=tmp)
        np.log(tmp, out=tmp)
        np.multiply(tmp, Y, out=tmp)
        np.subtract(deviance, tmp, out=deviance)
        np.subtract(A, Y, out=tmp)
        np.add(deviance, tmp, out=deviance)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.maximum(A, eps, out=tmp)
        np.divide(Y, tmp, out=tmp)
        np.subtract(1.0, tmp, out=delta)

    return value, slope


def gamma(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """Return value and slope of log(a / y) + y / a - 1, half of the gamma deviance."""
    deviance, tmp = np.empty(shape, dtype), np.empty(shape, dtype)
    total, one = summed(deviance, 1.0), np.ones((), dtype)
    eps = cast(np.finfo(dtype).eps, dtype)
    least = cast(np.sqrt(np.finfo(dtype).tiny), dtype)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        np.maximum(A, least, out=tmp)
        np.divide(Y, tmp, out=deviance)
        np.divide(tmp, Y, out=tmp)
        np.log(tmp, out=tmp)
        np.add(deviance, tmp, out=deviance)
        np.subtract(deviance, one, out=deviance)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        # (1 - y / a) / a
        np.maximum(A, eps, out=tmp)
        np.divide(Y, tmp, out=delta)
        np.subtract(one, delta, out=delta)
        np.divide(delta, tmp, out=delta)

    return value, slope


def absolute_error(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
    """Return value and slope of the loss |a - y|."""
    error = np.empty(shape, dtype)
    total = summed(error, 1.0)

    def value(A: Array, Y: Array, scale: Array) -> Array:
        np.subtract(A, Y, out=error)
        np.abs(error, out=error)
        return total(scale)

    def slope(A: Array, Y: Array, delta: Array) -> None:
        np.subtract(A, Y, out=delta)
        np.sign(delta, out=delta)

    return value, slope


def huber(bound: float) -> Loss:
    """Return the loss ½ r² where |r| <= bound, else bound (|r| - bound / 2); r = a - y.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter". Annals of Mathematical
    Statistics 35, 73-101.
    """

    def functions(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
        error, clipped = np.empty(shape, dtype), np.empty(shape, dtype)
        total, half = summed(error, 1.0), cast(0.5, dtype)
        low, high = cast(-bound, dtype), cast(bound, dtype)

        def value(A: Array, Y: Array, scale: Array) -> Array:
            # The loss is c (r - c / 2), where c is r clipped to [-bound, bound].
            np.subtract(A, Y, out=error)
            np.clip(error, low, high, out=clipped)
            np.multiply(clipped, half, out=clipped)
            np.subtract(error, clipped, out=error)
            np.multiply(error, clipped, out=error)
            np.add(error, error, out=error)
            return total(scale)

        def slope(A: Array, Y: Array, delta: Array) -> None:
            np.subtract(A, Y, out=delta)
            np.clip(delta, low, high, out=delta)

        return value, slope

    def curvature(A: Array, Y: Array) -> Array:
        # The curvature of the parabola that touches the loss from above: never 0.
        return bound / np.maximum(np.abs(A - Y), bound)

    roots = diagonal(curvature)
    return Loss(
        "huber",
        ANY_OUTPUT,
        functions,
        centers(bound),
        roots=roots,
        likelihood=False,
        parameters=(bound,),
    )


def quantile(levels: Sequence[float]) -> Loss:
    """Return the loss q (y - a) where y > a, else (1 - q) (a - y).

    q is the level of the output. A single level applies to all outputs. With several
    levels there is one output for each, and the levels rise.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles". Econometrica 46, 33-50.
    """

    def functions(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
        error, tmp = np.empty(shape, dtype), np.empty(shape, dtype)
        total, above = summed(error, 1.0), np.empty(shape, np.bool_)
        q = np.asarray(levels, dtype).reshape(-1, 1)
        q_less_1 = q - 1

        def value(A: Array, Y: Array, scale: Array) -> Array:
            np.subtract(Y, A, out=error)
            np.multiply(error, q_less_1, out=tmp)
            np.multiply(error, q, out=error)
            np.maximum(error, tmp, out=error)
            return total(scale)

        def slope(A: Array, Y: Array, delta: Array) -> None:
            np.greater(A, Y, out=above)
            np.copyto(delta, above)
            np.subtract(delta, q, out=delta)

        return value, slope

    outputs = ANY_OUTPUT if len(levels) == 1 else ("ordered",)
    return Loss(
        "quantile", outputs, functions, quantiles(levels), parameters=tuple(levels)
    )


#: Not every output activation suits every loss: a logarithm needs predictions above 0,
#: and the probabilities of classes that exclude each other must sum to 1.
POSITIVE = ("exp", "softplus", "logistic", "softmax")
#: The losses by name.
LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "squared_error",
            ANY_OUTPUT,
            squared_error,
            mean,
            difference,
            ONE,
            normal=True,
        ),
        Loss("absolute_error", ANY_OUTPUT, absolute_error, quantiles([0.5])),
        huber(1.35),
        quantile([0.5]),
        Loss("log_loss", ("softmax",), log_loss, mean, difference, SOFTMAX),
        Loss(
            "binary_log_loss",
            ("logistic",),
            binary_log_loss,
            mean,
            difference,
            BINOMIAL,
        ),
        Loss("poisson", POSITIVE, poisson, mean, difference, MEAN),
        Loss("gamma", POSITIVE[:2], gamma, mean, relative_difference, RATIO),
    )
}
