"""Activation functions f and their derivatives f'.

An activation is a function that, given the shape and dtype of its layer, returns two
functions which work in place and own their scratch arrays, so that a training step
allocates nothing (and their constants as arrays: a Python number costs more each time):

``f(Z)``
    turns the layer's weighted inputs Z into its activations A = f(Z).
``df(A, delta)``
    multiplies ``delta`` = dJ/dA by the derivative: ``delta`` = dJ/dZ. It is called with
    the A that the last call of ``f`` produced.

Arrays have the shape (K, units, samples): samples are columns.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from skbp.engine.arrays import Array, DType

Forward = Callable[[Array], None]
Backward = Callable[[Array, Array], None]
Activation = Callable[[tuple[int, ...], DType], tuple[Forward, Backward]]


def identity(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """f(z) = z; f'(z) = 1."""

    def f(Z: Array) -> None:
        pass

    def df(A: Array, delta: Array) -> None:
        pass

    return f, df


def logistic(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """f(z) = 1 / (1 + exp(-z)); f'(z) = a (1 - a)."""
    slope, one = np.empty(shape, dtype), np.ones((), dtype)

    # exp and a division keep the relative precision of both tails and take a quarter
    # of the time of scipy.special.expit. exp(-z) may overflow to inf: a = 0 is right.
    def f(Z: Array) -> None:
        np.negative(Z, out=Z)
        np.exp(Z, out=Z)
        np.add(Z, one, out=Z)
        np.reciprocal(Z, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.subtract(one, A, out=slope)
        np.multiply(slope, A, out=slope)
        np.multiply(delta, slope, out=delta)

    return f, df


def tanh(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """f(z) = tanh(z); f'(z) = 1 - a²."""
    slope, one = np.empty(shape, dtype), np.ones((), dtype)

    def f(Z: Array) -> None:
        np.tanh(Z, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(A, A, out=slope)
        np.subtract(one, slope, out=slope)
        np.multiply(delta, slope, out=delta)

    return f, df


def relu(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """f(z) = max(0, z); f'(z) = 1 where z > 0, else 0."""
    # np.maximum takes a third of the time with an array of zeros instead of one zero.
    zeros, zero = np.zeros(shape, dtype), np.zeros((), dtype)
    positive, mask = np.empty(shape, np.bool_), np.empty(shape, dtype)

    def f(Z: Array) -> None:
        np.maximum(Z, zeros, out=Z)

    # A product with a mask takes a quarter of the time of delta[A == 0] = 0; the mask
    # is cast first, since the product would allocate a buffer to cast it.
    def df(A: Array, delta: Array) -> None:
        np.greater(A, zero, out=positive)
        np.copyto(mask, positive)
        np.multiply(delta, mask, out=delta)

    return f, df


def exp(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """f(z) = exp(z); f'(z) = a."""

    def f(Z: Array) -> None:
        np.exp(Z, out=Z)

    def df(A: Array, delta: Array) -> None:
        np.multiply(delta, A, out=delta)

    return f, df


def softmax(shape: tuple[int, ...], dtype: DType) -> tuple[Forward, Backward]:
    """f(z)_i = exp(z_i) / sum_j exp(z_j) over the units of the layer.

    The derivative is no product by elements: dJ/dz = a * (dJ/da - sum_j a_j dJ/da_j).
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


#: What a hidden layer can use, by its public name.
HIDDEN: dict[str, Activation] = {
    "identity": identity,
    "logistic": logistic,
    "tanh": tanh,
    "relu": relu,
}

#: Every activation of the engine, by name; those beside HIDDEN are for output layers.
ACTIVATIONS: dict[str, Activation] = {**HIDDEN, "exp": exp, "softmax": softmax}

#: Between which numbers the values of an activation lie, where that is not everywhere.
RANGES: dict[str, tuple[float, float]] = {
    "logistic": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, inf),
    "exp": (0.0, inf),
    "softmax": (0.0, 1.0),
}
