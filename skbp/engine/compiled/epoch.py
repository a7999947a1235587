"""An epoch of stochastic training as loops: the equations of ``engine/network.py``.

Samples are rows here, so that W[l] has the shape (n[l-1], n[l]) of ``coefs_``::

    Z[l] = A[l-1] W[l] + b[l],    A[l] = f[l](Z[l])
    dW[l] = A[l-1]' delta[l],     db[l] = the sum of the rows of delta[l]
    delta[l-1] = (delta[l] W[l]') * f'[l-1](Z[l-1])

Each network is trained on its own, one after the other, without the interpreter's lock:
several threads train several networks at the same time.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from skbp.engine.arrays import BLOCK
from skbp.engine.compiled.layers import backward, compiled, forward, inlined
from skbp.engine.compiled.outputs import residual
from skbp.engine.compiled.steps import PLACES, kept, step

ALPHA, DECAY, LIMIT = (
    PLACES[name] for name in ("alpha", "weight_decay", "max_grad_norm")
)
T, AVERAGE, AVERAGE_T = PLACES["t"], PLACES["average_decay"], PLACES["average_t"]

#: The rows of ``Scratch.places``: A, delta, f'(Z), and the mask of dropout.
A, DELTA, SLOPE, MASK = range(4)


class Shape(NamedTuple):
    """The network: units, codes of f[1] ... f[L], and where W[l] and b[l] begin.

    ``weights_at[0]`` is the number of weights. Without biases, ``biases_at`` is empty.
    """

    units: Any
    codes: Any
    weights_at: Any
    biases_at: Any


class Work(NamedTuple):
    """The samples in the order of the epoch, where the batches begin, and the loss.

    ``sample_weights`` and ``uniform``, the random numbers of dropout, may be empty.
    """

    X: Any
    Y: Any
    sample_weights: Any
    order: Any
    starts: Any
    rates: Any
    loss: int
    shortcut: bool
    q: Any
    uniform: Any


class State(NamedTuple):
    """What training changes, a row for each network, and the numbers of ``steps.py``.

    ``sums`` are the sum of J over the samples, and of the weights of the samples.
    """

    optimizer: int
    theta: Any
    grad: Any
    arrays: Any
    average: Any
    dropout: Any
    numbers: Any
    sums: Any


class Scratch(NamedTuple):
    """The arrays of a block of samples, in one array, and where each begins."""

    array: Any
    places: Any
    #: The gradient of a block, for batches of several blocks; else empty.
    part: Any
    zeros: Any


@compiled
def layer(scratch: Any, kind: int, l: int, m: int, n: int) -> Any:
    """Return the array (m, n) of layer l."""
    start = scratch.places[kind, l]
    return scratch.array[start : start + m * n].reshape(m, n)


@compiled
def weights(shape: Any, theta: Any, l: int) -> Any:
    """Return W[l], or dW[l] out of a gradient."""
    n_in, n_out = shape.units[l - 1], shape.units[l]
    start = shape.weights_at[l]
    return theta[start : start + n_in * n_out].reshape(n_in, n_out)


@compiled
def biases(shape: Any, theta: Any, l: int, zeros: Any) -> Any:
    """Return b[l], or zeros."""
    n_out = shape.units[l]
    if shape.biases_at.shape[0]:
        start = shape.biases_at[l]
        return theta[start : start + n_out]
    return zeros[:n_out]


@compiled
def leave_out(A_l: Any, mask: Any, uniform: Any, rate: float) -> None:
    """Set A[l] := A[l] * mask, where mask is 0 or 1 / (1 - rate)."""
    m, n = A_l.shape
    real = A_l.dtype.type
    zero, least = real(0.0), real(rate)
    factor = real(1.0) / (real(1.0) - least)
    for i in range(m):
        for j in range(n):
            # They were drawn unit by unit, for arrays whose samples are columns.
            mask[i, j] = factor if uniform[j * m + i] >= least else zero
            A_l[i, j] *= mask[i, j]


@inlined
def forwards(
    shape: Any, theta: Any, dropout: Any, uniform: Any, scratch: Any, m: int
) -> None:
    """Compute A[1] ... A[L] of m samples from A[0]."""
    L, drawn = shape.units.shape[0] - 1, 0
    for l in range(1, L + 1):
        n_in, n_out = shape.units[l - 1], shape.units[l]
        Z = layer(scratch, A, l, m, n_out)
        # Z[l] = A[l-1] W[l] + b[l]
        np.dot(layer(scratch, A, l - 1, m, n_in), weights(shape, theta, l), Z)
        b = biases(shape, theta, l, scratch.zeros)
        # A[l] = f[l](Z[l])
        forward(shape.codes[l], Z, b, layer(scratch, SLOPE, l, m, n_out))
        if dropout.shape[0] and l < L:
            mask = layer(scratch, MASK, l, m, n_out)
            leave_out(Z, mask, uniform[drawn:], dropout[l - 1])
            drawn += m * n_out


@inlined
def backwards(
    shape: Any,
    theta: Any,
    grad: Any,
    dropout: Any,
    shortcut: bool,
    scratch: Any,
    m: int,
) -> None:
    """Compute the gradient of m samples from the array of delta[L].

    That array holds dJ/dZ[L] with the shortcut, else dJ/dA[L].
    """
    L = shape.units.shape[0] - 1
    for l in range(L, 0, -1):
        n_in, n_out = shape.units[l - 1], shape.units[l]
        delta = layer(scratch, DELTA, l, m, n_out)
        if l < L and dropout.shape[0]:
            mask = layer(scratch, MASK, l, m, n_out)
            for i in range(m):
                for j in range(n_out):
                    delta[i, j] *= mask[i, j]
        # delta[l] = dJ/dA[l] * f'[l](Z[l])
        if l < L or not shortcut:
            slope = layer(scratch, SLOPE, l, m, n_out)
            backward(shape.codes[l], layer(scratch, A, l, m, n_out), slope, delta)
        # dW[l] = A[l-1]' delta[l]
        before = layer(scratch, A, l - 1, m, n_in)
        np.dot(before.T, delta, weights(shape, grad, l))
        # db[l] = the sum of the rows of delta[l]
        if shape.biases_at.shape[0]:
            db = biases(shape, grad, l, scratch.zeros)
            for j in range(n_out):
                db[j] = 0.0
            for i in range(m):
                for j in range(n_out):
                    db[j] += delta[i, j]
        # dJ/dA[l-1] = delta[l] W[l]'
        if l > 1:
            lower = layer(scratch, DELTA, l - 1, m, n_in)
            np.dot(delta, weights(shape, theta, l).T, lower)


@inlined
def of_block(
    shape: Any,
    work: Any,
    theta: Any,
    grad: Any,
    dropout: Any,
    uniform: Any,
    scratch: Any,
    rows: Any,
    scale: Any,
) -> float:
    """Return the loss of a block of samples, and compute its gradient."""
    m, n, L = rows.shape[0], shape.units[0], shape.units.shape[0] - 1
    inputs = layer(scratch, A, 0, m, n)
    for i in range(m):
        row = rows[i]
        for j in range(n):
            inputs[i, j] = work.X[row, j]
    forwards(shape, theta, dropout, uniform, scratch, m)
    loss = residual(
        work.loss,
        work.shortcut,
        layer(scratch, A, L, m, shape.units[L]),
        work.Y,
        rows,
        scale,
        work.sample_weights,
        work.q,
        layer(scratch, DELTA, L, m, shape.units[L]),
    )
    backwards(shape, theta, grad, dropout, work.shortcut, scratch, m)
    return loss


@inlined
def of_batch(
    shape: Any,
    work: Any,
    theta: Any,
    grad: Any,
    dropout: Any,
    uniform: Any,
    scratch: Any,
    rows: Any,
    scale: Any,
    hidden: int,
) -> float:
    """Return the loss of a batch, summed block by block, and compute its gradient."""
    loss, target = 0.0, grad
    for first in range(0, rows.shape[0], BLOCK):
        block = rows[first : first + BLOCK]
        drawn = uniform[first * hidden :] if dropout.shape[0] else uniform
        loss += of_block(
            shape, work, theta, target, dropout, drawn, scratch, block, scale
        )
        if first:
            for p in range(grad.shape[0]):
                grad[p] += scratch.part[p]
        target = scratch.part
    return loss


@compiled
def penalised(theta: Any, grad: Any, n_weights: int, decay: Any) -> float:
    """Add alpha/m W to the gradient; return alpha/m |W|²."""
    total = theta.dtype.type(0.0)
    for p in range(n_weights):
        pull = decay * theta[p]
        grad[p] += pull
        total += theta[p] * pull
    return total


@compiled
def clip(grad: Any, limit: float) -> None:
    """Shorten a gradient whose norm exceeds the limit."""
    total = 0.0
    for p in range(grad.shape[0]):
        # In float64, the squares of float32 numbers cannot overflow.
        total += np.float64(grad[p]) * np.float64(grad[p])
    norm = sqrt(total)
    if norm > limit:
        factor = grad.dtype.type(limit / norm)
        for p in range(grad.shape[0]):
            grad[p] *= factor


@inlined
def move(shape: Any, state: Any, k: int, rate: float, J: float) -> None:
    """Take a step: limit of the gradient, weight decay, optimizer, average."""
    theta, grad, numbers = state.theta[k], state.grad[k], state.numbers[k]
    real = theta.dtype.type
    if isfinite(numbers[LIMIT]):
        clip(grad, numbers[LIMIT])
    if numbers[DECAY] > 0.0:
        # W := W - rate weight_decay W
        factor = real(1.0 - rate * numbers[DECAY])
        for p in range(shape.weights_at[0]):
            theta[p] = kept(theta[p] * factor)
    numbers[T] += 1.0
    step(state.optimizer, theta, grad, state.arrays[k], numbers, rate, J)
    if state.average.shape[1]:
        # sum := decay sum + (1 - decay) theta
        numbers[AVERAGE_T] += 1.0
        average = state.average[k]
        decay, rest = real(numbers[AVERAGE]), real(1.0 - numbers[AVERAGE])
        for p in range(theta.shape[0]):
            average[p] = kept(decay * average[p] + rest * theta[p])


@compiled
def weight_of(rows: Any, sample_weights: Any) -> float:
    """Return the total weight of these samples."""
    if not sample_weights.shape[0]:
        return float(rows.shape[0])
    total = 0.0
    for i in range(rows.shape[0]):
        total += np.float64(sample_weights[rows[i]])
    return total


@inlined
def train(
    shape: Any, work: Any, state: Any, scratch: Any, k: int, begin: int, end: int
) -> None:
    """Take the steps ``begin`` to ``end`` of network k."""
    theta, grad, dropout = state.theta[k], state.grad[k], state.dropout[k]
    alpha, drawn, hidden = state.numbers[k, ALPHA], 0, 0
    for l in range(1, shape.units.shape[0] - 1):
        hidden += shape.units[l]
    for s in range(begin, end):
        if not isfinite(state.sums[k, 0]):
            break
        rows = work.order[work.starts[s] : work.starts[s + 1]]
        total = weight_of(rows, work.sample_weights)
        if total == 0.0:
            continue
        scale = theta.dtype.type(1.0 / total)
        uniform = work.uniform[drawn:]
        J = of_batch(
            shape, work, theta, grad, dropout, uniform, scratch, rows, scale, hidden
        )
        if dropout.shape[0]:
            drawn += rows.shape[0] * hidden
        if alpha > 0.0:
            decay = theta.dtype.type(alpha) * scale
            J += 0.5 * penalised(theta, grad, shape.weights_at[0], decay)
        state.sums[k, 0] += J * total
        state.sums[k, 1] += total
        if isfinite(state.sums[k, 0]):
            move(shape, state, k, work.rates[s, k], J)


def make_epoch(sources: str) -> Any:
    """Return the compiled epoch.

    ``sources`` identifies the source code of all compiled functions. numba's cache on
    disk notices a change only of the file that the cached function is in. A value in
    the closure is the part of the cache's key that is ours to set.
    """

    @njit(
        fastmath={"reassoc", "contract", "arcp", "nsz"},
        error_model="numpy",
        nogil=True,
        cache=True,
    )
    def epoch(
        shape: Any,
        work: Any,
        state: Any,
        scratch: Any,
        first: int,
        last: int,
        begin: int,
        end: int,
    ) -> bool:
        """Take the steps ``begin`` to ``end`` of the networks ``first`` to ``last``."""
        for k in range(first, last):
            train(shape, work, state, scratch, k, begin, end)
        return len(sources) > 0

    return epoch
