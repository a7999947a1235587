"""Activation functions f and their derivatives f'.

An activation is a function that takes the shape and dtype of its layer and returns two
functions:

``f(Z)``
    turns the layer's weighted inputs Z into its activations A = f(Z).
``df(A, delta)``
    multiplies ``delta`` = dJ/dA by the derivative, which makes it dJ/dZ. The argument A
    must be the array that the last call of ``f`` produced.

Both functions work in place and keep their own scratch arrays, so that a training step
allocates nothing. Their constants are arrays, because NumPy needs more time for a
Python number in each operation.

Arrays have the shape (K, units, samples): samples are columns.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from skbp.engine.arrays import Array, DType, cast

Forward = Callable[[Array], None]
Backward = Callable[[Array, Array], None]
Activation = Callable[[tuple[int, ...], DType], tuple[Forward, Backward]]


def _logistic(Z: Array, one: Array, out: Array) -> None:
    """Set out = 1 / (1 + exp(-Z)).

    exp and a division keep the relative precision of both tails, and take a quarter of
    the time of scipy.special.expit. exp(-z) may overflow to inf; the result is then 0,
    which is correct.
    """
    np.negative(Z, out=out)
    np.exp(out, out=out)
    np.add(out, one, out=out)
    np.reciprocal(out, out=out)


def _softplus(Z: Array, zeros: Array, out: Array, tmp: Array) -> None:
    """Set out = log(1 + exp(Z)) = max(Z, 0) + log(1 + exp(-|Z|)).

    The second form cannot overflow. It takes a seventh of the time of np.logaddexp.
    """
    np.abs(Z, out=tmp)
    np.negative(tmp, out=tmp)
    np.exp(tmp, out=tmp)
    np.log1p(tmp, out=tmp)
    np.maximum(Z, zeros, out=out)
    np.add(out, tmp, out=out)


def identity(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = z, with f'(z) = 1."""

    def f(Z: Array) -> None:
        pass

    def df(A: Array, delta: Array) -> None:
        pass

    return f, df


def logistic(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = 1 / (1 + exp(-z)), with f'(z) = a (1 - a)."""
    slope, one = np.empty(shape, dtype), np.ones((), dtype)

    def f(Z: Array) -> None:
        _logistic(Z, one, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.subtract(one, A, out=slope)
        np.multiply(slope, A, out=slope)
        np.multiply(delta, slope, out=delta)

    return f, df


def tanh(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = tanh(z), with f'(z) = 1 - a²."""
    slope, one = np.empty(shape, dtype), np.ones((), dtype)

    def f(Z: Array) -> None:
        np.tanh(Z, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(A, A, out=slope)
        np.subtract(one, slope, out=slope)
        np.multiply(delta, slope, out=delta)

    return f, df


def relu(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = max(0, z), with f'(z) = 1 where z > 0, else 0."""
    # np.maximum takes a third of the time if the zeros are an array and not one number.
    zeros, zero = np.zeros(shape, dtype), np.zeros((), dtype)
    positive, mask = np.empty(shape, np.bool_), np.empty(shape, dtype)

    def f(Z: Array) -> None:
        np.maximum(Z, zeros, out=Z)

    # A product with a mask takes a quarter of the time of delta[A == 0] = 0. The mask
    # is cast first, because the product would allocate a buffer for the cast.
    def df(A: Array, delta: Array) -> None:
        np.greater(A, zero, out=positive)
        np.copyto(mask, positive)
        np.multiply(delta, mask, out=delta)

    return f, df


def leaky_relu(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = max(z, z/100), with f'(z) = 1 where z > 0, else 1/100."""
    small, zero = cast(0.01, dtype), np.zeros((), dtype)
    slope, positive = np.empty(shape, dtype), np.empty(shape, np.bool_)
    rest = cast(0.99, dtype)

    def f(Z: Array) -> None:
        np.multiply(Z, small, out=slope)
        np.maximum(Z, slope, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.greater(A, zero, out=positive)
        np.copyto(slope, positive)
        np.multiply(slope, rest, out=slope)
        np.add(slope, small, out=slope)
        np.multiply(delta, slope, out=delta)

    return f, df


def exponential_linear(below: float, scale: float) -> Activation:
    """Return f(z) = scale z where z > 0, else scale below (exp(z) - 1).

    The derivative is f'(z) = scale where z > 0, else a + scale below.
    """

    def activation(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
        zeros, tmp = np.zeros(shape, dtype), np.empty(shape, dtype)
        alpha, factor = cast(below, dtype), cast(scale, dtype)
        floor, zero = cast(below * scale, dtype), np.zeros((), dtype)
        positive = np.empty(shape, np.bool_)

        def f(Z: Array) -> None:
            np.minimum(Z, zeros, out=tmp)
            np.expm1(tmp, out=tmp)
            np.multiply(tmp, alpha, out=tmp)
            np.maximum(Z, zeros, out=Z)
            np.add(Z, tmp, out=Z)
            np.multiply(Z, factor, out=Z)

        def df(A: Array, delta: Array) -> None:
            np.add(A, floor, out=tmp)
            np.greater(A, zero, out=positive)
            np.copyto(tmp, factor, where=positive)
            np.multiply(delta, tmp, out=delta)

        return f, df

    return activation


def softplus(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = log(1 + exp(z)), with f'(z) = 1 - exp(-a)."""
    tmp, zeros = np.empty(shape, dtype), np.zeros(shape, dtype)

    def f(Z: Array) -> None:
        _softplus(Z, zeros, Z, tmp)

    def df(A: Array, delta: Array) -> None:
        np.negative(A, out=tmp)
        np.expm1(tmp, out=tmp)
        np.multiply(delta, tmp, out=delta)
        np.negative(delta, out=delta)

    return f, df


def softsign(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = z / (1 + |z|), with f'(z) = (1 - |a|)²."""
    tmp, one = np.empty(shape, dtype), np.ones((), dtype)

    def f(Z: Array) -> None:
        np.abs(Z, out=tmp)
        np.add(tmp, one, out=tmp)
        np.divide(Z, tmp, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.abs(A, out=tmp)
        np.subtract(one, tmp, out=tmp)
        np.multiply(tmp, tmp, out=tmp)
        np.multiply(delta, tmp, out=delta)

    return f, df


# The next three functions fall before they rise, so that a does not determine z. f
# computes the derivative from z, and keeps it for df.


def gelu(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = z Phi(z), with f'(z) = Phi(z) + z phi(z).

    Phi is the normal distribution function, and phi is the normal density.

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian error linear units". arXiv:1606.08415.
    """
    Phi, slope = np.empty(shape, dtype), np.empty(shape, dtype)
    minus_half, root = cast(-0.5, dtype), cast(1.0 / sqrt(2.0 * pi), dtype)

    def f(Z: Array) -> None:
        ndtr(Z, out=Phi)
        np.multiply(Z, Z, out=slope)
        np.multiply(slope, minus_half, out=slope)
        np.exp(slope, out=slope)
        np.multiply(slope, root, out=slope)
        np.multiply(slope, Z, out=slope)
        np.add(slope, Phi, out=slope)
        np.multiply(Z, Phi, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(delta, slope, out=delta)

    return f, df


def silu(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = z s with s = 1 / (1 + exp(-z)), and f'(z) = s + a (1 - s).

    References
    ----------
    Elfwing, Uchibe, Doya (2018), "Sigmoid-weighted linear units". Neural Networks 107.
    """
    s, slope = np.empty(shape, dtype), np.empty(shape, dtype)
    one = np.ones((), dtype)

    def f(Z: Array) -> None:
        _logistic(Z, one, out=s)
        np.multiply(Z, s, out=Z)
        np.subtract(one, s, out=slope)
        np.multiply(slope, Z, out=slope)
        np.add(slope, s, out=slope)

    def df(A: Array, delta: Array) -> None:
        np.multiply(delta, slope, out=delta)

    return f, df


def mish(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = z t with t = tanh(log(1 + exp(z))).

    The derivative is f'(z) = t + z (1 - t²) s, where s = 1 / (1 + exp(-z)) is the
    derivative of log(1 + exp(z)).

    References
    ----------
    Misra (2020), "Mish: a self regularized non-monotonic activation function". BMVC.
    """
    t, slope, tmp = (np.empty(shape, dtype) for _ in range(3))
    zeros, one = np.zeros(shape, dtype), np.ones((), dtype)

    def f(Z: Array) -> None:
        _softplus(Z, zeros, t, tmp)
        np.tanh(t, out=t)
        np.multiply(t, t, out=slope)
        np.subtract(one, slope, out=slope)
        _logistic(Z, one, out=tmp)
        np.multiply(slope, tmp, out=slope)
        np.multiply(slope, Z, out=slope)
        np.add(slope, t, out=slope)
        np.multiply(Z, t, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(delta, slope, out=delta)

    return f, df


def exp(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z) = exp(z), with f'(z) = a."""

    def f(Z: Array) -> None:
        np.exp(Z, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(delta, A, out=delta)

    return f, df


def softmax(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z)_i = exp(z_i) / sum_j exp(z_j) over the units of the layer.

    The derivative is not an elementwise product::

        dJ/dz = a * (dJ/da - sum_j a_j dJ/da_j)
    """
    row = np.empty((*shape[:-2], 1, shape[-1]), dtype)
    product = np.empty(shape, dtype)

    def f(Z: Array) -> None:
        np.maximum.reduce(Z, axis=-2, keepdims=True, out=row)
        np.subtract(Z, row, out=Z)
        np.exp(Z, out=Z)
        np.add.reduce(Z, axis=-2, keepdims=True, out=row)
        np.divide(Z, row, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(A, delta, out=product)
        np.add.reduce(product, axis=-2, keepdims=True, out=row)
        np.subtract(delta, row, out=delta)
        np.multiply(delta, A, out=delta)

    return f, df


def ordered(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """Return f(z)_1 = z_1, f(z)_i = f(z)_(i-1) + log(1 + exp(z_i)).

    The outputs increase with i, and so never cross. dJ/dz_i is the sum of dJ/da_j over
    j >= i. For i > 1 the sum is multiplied by 1 / (1 + exp(-z_i)), the derivative of
    the step from a_(i-1) to a_i.
    """
    slope, one = np.ones(shape, dtype), np.ones((), dtype)
    steps = (*shape[:-2], shape[-2] - 1, shape[-1])
    zeros, tmp = np.zeros(steps, dtype), np.empty(steps, dtype)

    def f(Z: Array) -> None:
        after = Z[..., 1:, :]
        _logistic(after, one, out=slope[..., 1:, :])
        _softplus(after, zeros, after, tmp)
        np.cumsum(Z, axis=-2, out=Z)

    def df(A: Array, delta: Array) -> None:
        delta[..., ::-1, :] = np.cumsum(delta[..., ::-1, :], axis=-2)
        np.multiply(delta, slope, out=delta)

    return f, df


#: The activations that a hidden layer can have, by their public names.
HIDDEN: dict[str, Activation] = {
    "identity": identity,
    "logistic": logistic,
    "tanh": tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    # Clevert, Unterthiner, Hochreiter (2016), "Fast and accurate deep network learning
    # by exponential linear units". ICLR.
    "elu": exponential_linear(1.0, 1.0),
    # Klambauer, Unterthiner, Mayr, Hochreiter (2017), "Self-normalizing neural
    # networks". NeurIPS. The constants keep mean 0 and variance 1.
    "selu": exponential_linear(1.6732632423543772, 1.0507009873554805),
    "gelu": gelu,
    "silu": silu,
    "mish": mish,
    "softplus": softplus,
    "softsign": softsign,
}

#: All activations of the engine, by name. Those not in HIDDEN are for output layers.
ACTIVATIONS: dict[str, Activation] = {
    **HIDDEN,
    "exp": exp,
    "softmax": softmax,
    "ordered": ordered,
}

#: The activations that a user can choose for the output layer, by their public names.
OUTPUTS: dict[str, Activation] = {**HIDDEN, "exp": exp, "softmax": softmax}

#: The intervals that the values of activations lie in. An activation that is not listed
#: has no bounds.
RANGES: dict[str, tuple[float, float]] = {
    "logistic": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, inf),
    "exp": (0.0, inf),
    "softmax": (0.0, 1.0),
    "elu": (-1.0, inf),
    "selu": (-1.7580993408473766, inf),
    "gelu": (-0.16997120747990369, inf),
    "silu": (-0.27846454276107374, inf),
    "mish": (-0.30884341301725044, inf),
    "softplus": (0.0, inf),
    "softsign": (-1.0, 1.0),
}


#: The intervals in which ``inverse`` looks for the raw input that gives a value.
_SEARCH = {
    "logistic": (-15.0, 15.0),
    "tanh": (-15.0, 15.0),
    "softsign": (-1e3, 1e3),
    "relu": (0.0, inf),
    "exp": (-700.0, 700.0),
    # These functions fall before they rise; the interval is where they rise.
    "gelu": (-0.75, inf),
    "silu": (-1.27, inf),
    "mish": (-1.19, inf),
}


def inverse(name: str, A: Array) -> Array:
    """Return raw outputs (units,) that an activation maps to ``A``, or close to it."""
    if name == "softmax":
        return np.asarray(np.log(np.maximum(A, 1e-6)))
    if name == "ordered":
        steps = np.maximum(np.diff(A), 1e-6)
        return np.concatenate([A[:1], inverse("softplus", steps)])
    f, _ = ACTIVATIONS[name]((1, 1, 1), np.dtype(float))

    def value(z: float) -> float:
        Z = np.full((1, 1, 1), z)
        f(Z)
        return float(Z[0, 0, 0])

    def one(a: float) -> float:
        if np.isnan(a):
            return a
        low, high = _SEARCH.get(name, (-inf, inf))
        far = max(1e3, 1e3 * abs(a))
        low, high = max(low, -far), min(high, far)
        if a <= value(low):
            return low
        return (
            high
            if a >= value(high)
            else float(brentq(lambda z: value(z) - a, low, high))
        )

    with np.errstate(all="ignore"):
        return np.array([one(float(a)) for a in A])
