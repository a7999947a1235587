"""Losses: the cost of predictions A and the residual delta[L], in one pass.

The losses are those of ``engine/losses.py``, by the same names. ``q`` is the parameter
of a loss at an output: the bound of "huber", or the level of "quantile".
"""

from __future__ import annotations

from math import log
from typing import Any

from numba import types
from numba.extending import overload

from skbp.engine.compiled.elements import eps, root_tiny, tiny
from skbp.engine.compiled.kernels import OPTIONS, compiled, kernels


@compiled
def at_least(a: Any, least: Any) -> Any:
    """Return the larger number; nan stays nan."""
    return least if a < least else a


# The value of each loss, and its slope dJ/dA.


@compiled
def difference(a: Any, y: Any, q: Any) -> Any:
    return a - y


@compiled
def squared_error(a: Any, y: Any, q: Any) -> Any:
    return type(a)(0.5) * (a - y) * (a - y)


@compiled
def absolute_error(a: Any, y: Any, q: Any) -> Any:
    return abs(a - y)


@compiled
def sign(a: Any, y: Any, q: Any) -> Any:
    r = a - y
    if r > 0:
        return type(a)(1.0)
    return type(a)(-1.0) if r < 0 else r


@compiled
def clipped(a: Any, y: Any, q: Any) -> Any:
    r = a - y
    if r > q:
        return q
    return -q if r < -q else r


@compiled
def huber(a: Any, y: Any, q: Any) -> Any:
    half = type(a)(0.5) * clipped(a, y, q)
    return type(a)(2.0) * (a - y - half) * half


@compiled
def quantile(a: Any, y: Any, q: Any) -> Any:
    r = y - a
    return max(r * q, r * (q - type(a)(1.0)))


@compiled
def quantile_slope(a: Any, y: Any, q: Any) -> Any:
    return (type(a)(1.0) if a > y else type(a)(0.0)) - q


@compiled
def log_loss(a: Any, y: Any, q: Any) -> Any:
    if y == 0 and a == a:
        return type(a)(0.0)
    return -y * type(a)(log(at_least(a, eps(a))))


@compiled
def log_loss_slope(a: Any, y: Any, q: Any) -> Any:
    return -y / at_least(a, tiny(a))


@compiled
def binary_log_loss(a: Any, y: Any, q: Any) -> Any:
    other = type(a)(log(at_least(type(a)(1.0) - a, eps(a))))
    return -(y * (type(a)(log(at_least(a, eps(a)))) - other) + other)


@compiled
def binary_log_loss_slope(a: Any, y: Any, q: Any) -> Any:
    return (a - y) / at_least(a * (type(a)(1.0) - a), tiny(a))


@compiled
def poisson(a: Any, y: Any, q: Any) -> Any:
    known = y * type(a)(log(y)) if y > 0 else type(a)(0.0)
    return known - y * type(a)(log(at_least(a, tiny(a)))) + (a - y)


@compiled
def poisson_slope(a: Any, y: Any, q: Any) -> Any:
    return type(a)(1.0) - y / at_least(a, eps(a))


@compiled
def gamma(a: Any, y: Any, q: Any) -> Any:
    a = at_least(a, root_tiny(a))
    return y / a + type(a)(log(a / y)) - type(a)(1.0)


@compiled
def gamma_slope(a: Any, y: Any, q: Any) -> Any:
    a = at_least(a, eps(a))
    return (type(a)(1.0) - y / a) / a


@compiled
def relative_difference(a: Any, y: Any, q: Any) -> Any:
    return type(a)(1.0) - y / at_least(a, root_tiny(a))


#: The names of the losses, in the order of their codes.
NAMES = (
    "log_loss",
    "binary_log_loss",
    "squared_error",
    "absolute_error",
    "huber",
    "quantile",
    "poisson",
    "gamma",
)
CODES = {name: code for code, name in enumerate(NAMES)}
LOG, BINARY, SQUARED, ABSOLUTE, HUBER, QUANTILE, POISSON, GAMMA = range(len(NAMES))


#: The value and the slope of each loss, by their codes.
LOSSES = {
    LOG: (log_loss, log_loss_slope),
    BINARY: (binary_log_loss, binary_log_loss_slope),
    SQUARED: (squared_error, difference),
    ABSOLUTE: (absolute_error, sign),
    HUBER: (huber, clipped),
    QUANTILE: (quantile, quantile_slope),
    POISSON: (poisson, poisson_slope),
    GAMMA: (gamma, gamma_slope),
}


def value_of(code: Any, a: Any, y: Any, q: Any) -> Any:
    """Return the loss of a prediction."""
    raise NotImplementedError("only compiled")


@overload(value_of, prefer_literal=True, jit_options=OPTIONS)
def _value_of(code: Any, a: Any, y: Any, q: Any) -> Any:
    if not isinstance(code, types.IntegerLiteral):
        return None
    value, _ = LOSSES[code.literal_value]

    def impl(code: Any, a: Any, y: Any, q: Any) -> Any:
        return value(a, y, q)

    return impl


def slope_of(code: Any, a: Any, y: Any, q: Any) -> Any:
    """Return dJ/dA of a prediction."""
    raise NotImplementedError("only compiled")


@overload(slope_of, prefer_literal=True, jit_options=OPTIONS)
def _slope_of(code: Any, a: Any, y: Any, q: Any) -> Any:
    if not isinstance(code, types.IntegerLiteral):
        return None
    _, slope = LOSSES[code.literal_value]

    def impl(code: Any, a: Any, y: Any, q: Any) -> Any:
        return slope(a, y, q)

    return impl


def residual_of(code: int) -> Any:
    """Return the function that computes the losses and residuals of some samples."""

    def residual(
        shortcut: bool,
        A: Any,
        Y: Any,
        rows: Any,
        scale: Any,
        weights: Any,
        q: Any,
        delta: Any,
    ) -> float:
        """Return the loss of some samples, and compute their residual delta[L].

        The residual is dJ/dZ[L] with the shortcut, else dJ/dA[L].
        """
        loss = 0.0
        for i in range(A.shape[0]):
            row, part = rows[i], A.dtype.type(0.0)
            weight = scale * weights[row] if weights.shape[0] else scale
            for j in range(A.shape[1]):
                a, y = A[i, j], Y[row, j]
                part += value_of(code, a, y, q[j])
                if not shortcut:
                    delta[i, j] = slope_of(code, a, y, q[j]) * weight
                elif code == GAMMA:
                    delta[i, j] = relative_difference(a, y, q[j]) * weight
                else:
                    # delta[L] = A[L] - Y
                    delta[i, j] = (a - y) * weight
            loss += part * weight
        return loss

    return residual


residual: Any = kernels(
    "residual",
    [residual_of(code) for code in range(len(NAMES))],
    "flag real2 real2 int1 real real1 real1 real2",
    "float",
)
