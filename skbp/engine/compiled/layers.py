"""Activation functions f and their derivatives f', for layers whose samples are rows.

The functions are those of ``engine/activations.py``, by the same names. Each has a
code and a kernel, which is compiled when a network needs it. ``forward`` turns Z
(m, units) into A = f(Z + b), and keeps f'(Z) in an array S of the same shape: one loop
then serves all activations on the way back. Only ReLU's derivative is read off A
instead.
"""

from __future__ import annotations

from math import erfc, log1p, pi, sqrt
from typing import Any

from numba import types
from numba.extending import overload

from skbp.engine.compiled.elements import exp, expm1, tanh
from skbp.engine.compiled.kernels import OPTIONS, compiled, kernels

#: The names of the activations, in the order of their codes.
NAMES = (
    "identity",
    "relu",
    "logistic",
    "tanh",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
    "exp",
    "softmax",
    "ordered",
)
CODES = {name: code for code, name in enumerate(NAMES)}
IDENTITY, RELU, LOGISTIC, TANH, LEAKY_RELU, ELU, SELU, GELU = range(8)
SILU, MISH, SOFTPLUS, SOFTSIGN, EXP, SOFTMAX, ORDERED = range(8, 15)


# f(z) and f'(z) of one number. Comparisons are written so that nan stays nan.


@compiled
def identity(z: Any) -> Any:
    return z, type(z)(1.0)


@compiled
def relu(z: Any) -> Any:
    zero = type(z)(0.0)
    return zero if z <= zero else z


@compiled
def logistic(z: Any) -> Any:
    one = type(z)(1.0)
    a = one / (one + exp(-z))
    return a, a * (one - a)


@compiled
def tanh_of(z: Any) -> Any:
    a = tanh(z)
    return a, type(z)(1.0) - a * a


@compiled
def leaky_relu(z: Any) -> Any:
    slope = type(z)(0.01) if z <= type(z)(0.0) else type(z)(1.0)
    return z * slope, slope


@compiled
def gelu(z: Any) -> Any:
    Phi = type(z)(0.5 * erfc(-z * sqrt(0.5)))
    phi = type(z)(1.0 / sqrt(2.0 * pi)) * exp(type(z)(-0.5) * z * z)
    return z * Phi, Phi + z * phi


@compiled
def silu(z: Any) -> Any:
    s, _ = logistic(z)
    a = z * s
    return a, s + a * (type(z)(1.0) - s)


@compiled
def softplus(z: Any) -> Any:
    s, _ = logistic(z)
    return relu(z) + type(z)(log1p(exp(-abs(z)))), s


@compiled
def mish(z: Any) -> Any:
    a, s = softplus(z)
    t = tanh(a)
    return z * t, t + z * (type(z)(1.0) - t * t) * s


@compiled
def softsign(z: Any) -> Any:
    rest = type(z)(1.0) / (type(z)(1.0) + abs(z))
    return z * rest, rest * rest


@compiled
def exp_of(z: Any) -> Any:
    a = exp(z)
    return a, a


#: f of the activations that have no loop of their own, by their codes.
ELEMENTS = {
    LOGISTIC: logistic,
    TANH: tanh_of,
    LEAKY_RELU: leaky_relu,
    GELU: gelu,
    SILU: silu,
    MISH: mish,
    SOFTPLUS: softplus,
    SOFTSIGN: softsign,
    EXP: exp_of,
}


def element(code: Any, z: Any) -> Any:
    """Return f(z) and f'(z)."""
    raise NotImplementedError("only compiled")


@overload(element, prefer_literal=True, jit_options=OPTIONS)
def _element(code: Any, z: Any) -> Any:
    if not isinstance(code, types.IntegerLiteral):
        return None
    f = ELEMENTS[code.literal_value]

    def impl(code: Any, z: Any) -> Any:
        return f(z)

    return impl


# The same for a layer.


def by_element(code: int) -> Any:
    """Return the function that computes A = f(Z + b) and S = f'(Z + b)."""

    def of_layer(Z: Any, b: Any, S: Any) -> None:
        for i in range(Z.shape[0]):
            for j in range(Z.shape[1]):
                Z[i, j], S[i, j] = element(code, Z[i, j] + b[j])

    return of_layer


def identity_of_layer(Z: Any, b: Any, S: Any) -> None:
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] += b[j]


def relu_of_layer(Z: Any, b: Any, S: Any) -> None:
    for i in range(Z.shape[0]):
        for j in range(Z.shape[1]):
            Z[i, j] = relu(Z[i, j] + b[j])


def exponential_linear(below: float, scale: float) -> Any:
    """Return the function for scale z where z > 0, else scale below (exp(z) - 1)."""

    def of_layer(Z: Any, b: Any, S: Any) -> None:
        real = Z.dtype.type
        zero, factor, alpha = real(0.0), real(scale), real(below)
        for i in range(Z.shape[0]):
            for j in range(Z.shape[1]):
                z = Z[i, j] + b[j]
                e = expm1(z if z <= zero else zero)
                Z[i, j] = factor * (z if z > zero else alpha * e)
                S[i, j] = factor * (real(1.0) if z > zero else alpha * (e + real(1.0)))

    return of_layer


def softmax_of_layer(Z: Any, b: Any, S: Any) -> None:
    m, n = Z.shape
    for i in range(m):
        most = Z[i, 0] + b[0]
        for j in range(n):
            z = Z[i, j] + b[j]
            Z[i, j] = z
            most = max(most, z)
        for j in range(n):
            Z[i, j] -= most
    # One loop for all numbers, because rows may be too short for vector instructions.
    flat = Z.reshape(-1)
    for i in range(flat.shape[0]):
        flat[i] = exp(flat[i])
    for i in range(m):
        total = Z.dtype.type(0.0)
        for j in range(n):
            total += Z[i, j]
        for j in range(n):
            Z[i, j] /= total


def ordered_of_layer(Z: Any, b: Any, S: Any) -> None:
    for i in range(Z.shape[0]):
        Z[i, 0] += b[0]
        S[i, 0] = Z.dtype.type(1.0)
        for j in range(1, Z.shape[1]):
            a, S[i, j] = softplus(Z[i, j] + b[j])
            Z[i, j] = Z[i, j - 1] + a


#: A = f(Z + b) in place, and S = f'(Z + b), by the codes of the activations.
LAYERS: dict[int, Any] = {
    IDENTITY: identity_of_layer,
    RELU: relu_of_layer,
    ELU: exponential_linear(1.0, 1.0),
    SELU: exponential_linear(1.6732632423543772, 1.0507009873554805),
    SOFTMAX: softmax_of_layer,
    ORDERED: ordered_of_layer,
    **{code: by_element(code) for code in ELEMENTS},
}
forward: Any = kernels(
    "forward", [LAYERS[code] for code in range(len(NAMES))], "real2 real1 real2"
)


@compiled
def backward(code: int, A: Any, S: Any, delta: Any) -> None:
    """Turn delta = dJ/dA into dJ/dZ = dJ/dA * f'(Z), in place."""
    m, n = A.shape
    zero = A.dtype.type(0.0)
    # One loop for all numbers: what is left of a row after the vector instructions
    # takes as long as the rest of it.
    every_A, every_S, every_delta = A.reshape(-1), S.reshape(-1), delta.reshape(-1)
    if code == IDENTITY:
        return
    if code == RELU:
        for p in range(every_A.shape[0]):
            d = every_delta[p]
            every_delta[p] = d if every_A[p] > zero else zero
    elif code == SOFTMAX:
        # dJ/dz = a * (dJ/da - sum_j a_j dJ/da_j)
        for i in range(m):
            total = zero
            for j in range(n):
                total += A[i, j] * delta[i, j]
            for j in range(n):
                delta[i, j] = (delta[i, j] - total) * A[i, j]
    else:
        if code == ORDERED:
            # Each output is a part of all that follow.
            for i in range(m):
                for j in range(n - 2, -1, -1):
                    delta[i, j] += delta[i, j + 1]
        for p in range(every_S.shape[0]):
            every_delta[p] *= every_S[p]
