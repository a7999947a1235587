"""The steps of the optimizers of ``engine/solvers/optimizers.py``, in one pass each.

Running means and velocities become 0 where they would be subnormal numbers, with which
arithmetic takes a hundred times as long: the gradient of a unit that is never active is
exactly 0, and its means decay. A parameter whose mean square is 0 stands still.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from skbp.engine.compiled.elements import tiny
from skbp.engine.compiled.kernels import compiled, kernels

#: The numbers of a network (float64), by their places: hyperparameters, then state.
NAMES = (
    "alpha",
    "weight_decay",
    "max_grad_norm",
    "average_decay",
    "momentum",
    "nesterovs_momentum",
    "beta_1",
    "beta_2",
    "epsilon",
    # The state: steps so far, steps of the average, the product of nadam, the last J.
    "t",
    "average_t",
    "product",
    "J",
)
PLACES = {name: place for place, name in enumerate(NAMES)}
MOMENTUM, NESTEROV = PLACES["momentum"], PLACES["nesterovs_momentum"]
BETA_1, BETA_2, EPSILON = PLACES["beta_1"], PLACES["beta_2"], PLACES["epsilon"]
T, AVERAGE_T = PLACES["t"], PLACES["average_t"]
PRODUCT, LAST_J = PLACES["product"], PLACES["J"]

SGD, ADAM, NADAM, RMSPROP, RPROP = range(5)


@compiled
def kept(x: Any) -> Any:
    """Return x, or 0 if x is a subnormal number."""
    return type(x)(0.0) if abs(x) < tiny(x) else x


def sgd(
    theta: Any,
    grad: Any,
    velocity: Any,
    _2: Any,
    _3: Any,
    numbers: Any,
    rate: float,
    J: float,
) -> None:
    # velocity := mu velocity - rate grad
    # theta    := theta + velocity, or theta + mu velocity - rate grad (Nesterov)
    real = theta.dtype.type
    mu, rate = real(numbers[MOMENTUM]), real(rate)
    if numbers[NESTEROV]:
        for p in range(theta.shape[0]):
            step = rate * grad[p]
            velocity[p] = kept(mu * velocity[p] - step)
            theta[p] = theta[p] + (mu * velocity[p] - step)
    else:
        for p in range(theta.shape[0]):
            velocity[p] = kept(mu * velocity[p] - rate * grad[p])
            theta[p] += velocity[p]


@compiled
def along(
    theta: Any,
    grad: Any,
    m: Any,
    v: Any,
    numbers: Any,
    now: float,
    then: float,
    epsilon: float,
) -> None:
    # m := beta_1 m + (1 - beta_1) grad,   v := beta_2 v + (1 - beta_2) grad²
    # theta := theta - (now grad + then m) / (sqrt(v) + epsilon)
    real = theta.dtype.type
    beta_1, beta_2 = real(numbers[BETA_1]), real(numbers[BETA_2])
    one_less_1, one_less_2 = real(1.0 - numbers[BETA_1]), real(1.0 - numbers[BETA_2])
    now, then, epsilon, zero = real(now), real(then), real(epsilon), real(0.0)
    for p in range(theta.shape[0]):
        g = grad[p]
        m_p = kept(beta_1 * m[p] + one_less_1 * g)
        v_p = kept(beta_2 * v[p] + one_less_2 * (g * g))
        m[p] = m_p
        v[p] = v_p
        move = (now * g + then * m_p) / (np.sqrt(v_p) + epsilon)
        # (Not v_p > 0, which would hide nan.)
        theta[p] -= zero if v_p == zero else move


@compiled
def momentum(beta_1: float, t: float) -> float:
    """Return mu_t of "nadam"."""
    return beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * t))


def adam(
    theta: Any,
    grad: Any,
    m: Any,
    v: Any,
    _3: Any,
    numbers: Any,
    rate: float,
    J: float,
) -> None:
    t, beta_1 = numbers[T], numbers[BETA_1]
    root = sqrt(1.0 - numbers[BETA_2] ** t)
    # sqrt(1 - beta_2^t) / (1 - beta_1^t)
    then = rate * root / (1.0 - beta_1**t)
    along(theta, grad, m, v, numbers, 0.0, then, numbers[EPSILON])


def nadam(
    theta: Any,
    grad: Any,
    m: Any,
    v: Any,
    _3: Any,
    numbers: Any,
    rate: float,
    J: float,
) -> None:
    t, beta_1 = numbers[T], numbers[BETA_1]
    root = sqrt(1.0 - numbers[BETA_2] ** t)
    mu, mu_next = momentum(beta_1, t), momentum(beta_1, t + 1.0)
    now = rate * root * (1.0 - mu) / (1.0 - numbers[PRODUCT])
    then = rate * root * mu_next / (1.0 - numbers[PRODUCT] * mu_next)
    along(theta, grad, m, v, numbers, now, then, numbers[EPSILON] * root)


def rmsprop(
    theta: Any,
    grad: Any,
    v: Any,
    _2: Any,
    _3: Any,
    numbers: Any,
    rate: float,
    J: float,
) -> None:
    # v := beta_2 v + (1 - beta_2) grad²,   theta := theta - rate grad / (sqrt(v) + eps)
    real = theta.dtype.type
    beta_2, one_less = real(numbers[BETA_2]), real(1.0 - numbers[BETA_2])
    factor, epsilon, zero = real(rate), real(numbers[EPSILON]), real(0.0)
    for p in range(theta.shape[0]):
        g = grad[p]
        v_p = kept(beta_2 * v[p] + one_less * (g * g))
        v[p] = v_p
        theta[p] -= zero if v_p == zero else factor * g / (np.sqrt(v_p) + epsilon)


def rprop(
    theta: Any,
    grad: Any,
    length: Any,
    move: Any,
    last_grad: Any,
    numbers: Any,
    rate: float,
    J: float,
) -> None:
    # The step lengths grow while the sign of the gradient stays, and halve if it turns.
    real = theta.dtype.type
    new, risen = not np.isfinite(numbers[LAST_J]), numbers[LAST_J] < J
    longer, shorter, least, most = real(1.2), real(0.5), real(1e-6), real(50.0)
    zero = real(0.0)
    for p in range(theta.shape[0]):
        g, step = grad[p], real(rate) if new else length[p]
        turn = last_grad[p] * g
        if turn > zero:
            step *= longer
        if turn < zero:
            step *= shorter
        step = min(max(step, least), most)
        length[p] = step
        if turn < zero:
            if risen:
                theta[p] -= move[p]
            g = zero
        grad[p] = g
        move[p] = -step if g > zero else (step if g < zero else zero * g)
        theta[p] += move[p]
        last_grad[p] = g


#: The arrays of the state of each optimizer, in the order of their codes.
ARRAYS: dict[str, tuple[str, ...]] = {
    "sgd": ("velocity",),
    "adam": ("m", "v"),
    "nadam": ("m", "v"),
    "rmsprop": ("v",),
    "rprop": ("length", "last", "last_grad"),
}
CODES = {name: code for code, name in enumerate(ARRAYS)}


@compiled
def begin(code: int, numbers: Any) -> None:
    """Count a step, before any thread takes its part of the step."""
    numbers[T] += 1.0
    numbers[AVERAGE_T] += 1.0
    if code == NADAM:
        numbers[PRODUCT] *= momentum(numbers[BETA_1], numbers[T])


#: Takes a step with some parameters, given the three arrays of the state of the
#: optimizer. (There may be fewer; then the last one is given again.)
step: Any = kernels(
    "step",
    [sgd, adam, nadam, rmsprop, rprop],
    "real1 real1 real1 real1 real1 float1 float float",
)
