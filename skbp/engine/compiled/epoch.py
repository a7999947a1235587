"""Epochs of stochastic training as loops: steps of optimizers along gradients.

Each network is trained on its own, one after the other, without the interpreter's lock:
several threads train several networks at the same time, or the shares of one network's
batches.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np

from skbp.engine.arrays import DType
from skbp.engine.compiled.gradient import (
    LOSS,
    PULL,
    SQUARES,
    of_shares,
    share_of,
    weight_of,
)
from skbp.engine.compiled.kernels import compiled, kernel, stored
from skbp.engine.compiled.references import by_reference
from skbp.engine.compiled.steps import LAST_J, PLACES, RPROP, kept, step
from skbp.engine.compiled.steps import begin as begin_step
from skbp.engine.compiled.waiting import wait

ALPHA, DECAY, LIMIT, AVERAGE = (
    PLACES[name] for name in ("alpha", "weight_decay", "max_grad_norm", "average_decay")
)
#: The number of parameters that are updated at a time, while they are in the cache.
CHUNK = 4096


class State(NamedTuple):
    """What training changes, a row for each network, and the numbers of ``steps.py``.

    ``sums`` are the sum of J over the samples of an epoch so far, and of the weights of
    the samples. ``losses`` has a row for each epoch, with the mean of J. If ``before``
    and ``best`` are not empty, ``best`` becomes theta at the start of an epoch whose
    loss is below ``lowest``, and ``before`` holds theta until the loss is known.
    """

    optimizer: int
    theta: Any
    arrays: Any
    average: Any
    dropout: Any
    numbers: Any
    sums: Any
    losses: Any
    lowest: Any
    before: Any
    best: Any


@compiled
def collect(
    theta: Any, grads: Any, n_weights: int, decay: Any, first: int, last: int
) -> float:
    """Sum the gradients of the shares; add alpha/m W, and return alpha/m |W|².

    This and the following functions work on the parameters ``first`` to ``last``.
    """
    # (Loops that begin at 0 become vector instructions.)
    grad = grads[0][first:last]
    for share in range(1, grads.shape[0]):
        other = grads[share][first:last]
        for p in range(grad.shape[0]):
            grad[p] += other[p]
    total = theta.dtype.type(0.0)
    if decay > total:
        W = theta[first : min(last, n_weights)]
        for p in range(W.shape[0]):
            pull = decay * W[p]
            grad[p] += pull
            total += W[p] * pull
    return total


@compiled
def squares(grad: Any) -> float:
    """Return the sum of the squares of a part of the gradient."""
    total = 0.0
    for p in range(grad.shape[0]):
        # In float64, the squares of float32 numbers cannot overflow.
        total += np.float64(grad[p]) * np.float64(grad[p])
    return total


@compiled
def scale_by(values: Any, factor: Any) -> None:
    """Multiply some values by a factor."""
    for p in range(values.shape[0]):
        values[p] = kept(values[p] * factor)


@compiled
def move(
    shape: Any,
    state: Any,
    grad: Any,
    k: int,
    rate: float,
    J: float,
    norm: float,
    first: int,
    last: int,
) -> None:
    """Take a step: limit of the gradient, weight decay, optimizer, average."""
    theta, grad, numbers = (
        state.theta[k][first:last],
        grad[first:last],
        state.numbers[k],
    )
    real, arrays = theta.dtype.type, state.arrays[k]
    n, n_weights = arrays.shape[0], shape.weights_at[0]
    if norm > numbers[LIMIT]:
        scale_by(grad, real(numbers[LIMIT] / norm))
    if numbers[DECAY] > 0.0:
        # W := W - rate weight_decay W
        W = state.theta[k][first : min(last, n_weights)]
        scale_by(W, real(1.0 - rate * numbers[DECAY]))
    step(
        shape.kernels,
        state.optimizer,
        theta,
        grad,
        arrays[0][first:last],
        arrays[min(1, n - 1)][first:last],
        arrays[n - 1][first:last],
        numbers,
        rate,
        J,
    )
    if state.average.shape[1]:
        # sum := decay sum + (1 - decay) theta
        average = state.average[k][first:last]
        decay, rest = real(numbers[AVERAGE]), real(1.0 - numbers[AVERAGE])
        for p in range(theta.shape[0]):
            average[p] = kept(decay * average[p] + rest * theta[p])


@kernel("shape state scratch int float float float float2 pair", gives="float")
def update(
    shape: Any,
    state: Any,
    scratch: Any,
    k: int,
    rate: float,
    total: float,
    loss: float,
    sums: Any,
    own: tuple[int, int],
) -> float:
    """Take a step along the gradients of the shares; return J."""
    thread, threads = own
    theta, grads, numbers = state.theta[k], scratch.grads, state.numbers[k]
    P, shares, grad = theta.shape[0], grads.shape[0], grads[0]
    n_weights, real = shape.weights_at[0], theta.dtype.type
    decay = real(numbers[ALPHA]) * real(1.0 / total)
    limited = isfinite(numbers[LIMIT])
    # A step that depends on sums over all parameters takes a second pass.
    last_pass = int(limited or state.optimizer == RPROP)
    J, norm = loss, 0.0
    for now in range(last_pass + 1):
        for share in range(thread, shares, threads):
            begin, end = share_of(P, share, shares)
            if now == 0:
                sums[share, PULL] = sums[share, SQUARES] = 0.0
            for first in range(begin, end, CHUNK):
                last = min(first + CHUNK, end)
                if now == 0:
                    pull = collect(theta, grads, n_weights, decay, first, last)
                    sums[share, PULL] += pull
                    if limited:
                        sums[share, SQUARES] += squares(grad[first:last])
                if now == last_pass:
                    move(shape, state, grad, k, rate, J, sqrt(norm), first, last)
        wait(scratch.sync, threads)
        if now == 0:
            for share in range(shares):
                J += 0.5 * sums[share, PULL]
                norm += sums[share, SQUARES]
    if thread == 0:
        numbers[LAST_J] = J
    return J


@compiled
def copy(values: Any, to: Any) -> None:
    """Copy an array. (An assignment takes three times as long to compile.)"""
    for p in range(values.shape[0]):
        to[p] = values[p]


@compiled
def end_epoch(state: Any, k: int, e: int, loss: float) -> None:
    """Record the loss of an epoch."""
    state.losses[e, k] = loss
    if state.best.shape[1] and loss < state.lowest[k]:
        state.lowest[k] = loss
        copy(state.before[k], state.best[k])


@compiled
def train(
    shape: Any,
    work: Any,
    state: Any,
    scratch: Any,
    k: int,
    begin: int,
    end: int,
    own: tuple[int, int],
) -> None:
    """Take the steps ``begin`` to ``end`` of network k, as one of some threads.

    All threads compute the numbers that decide what comes next.
    """
    thread, threads = own
    theta, dropout, drawn = state.theta[k], state.dropout[k], work.uniform
    J_sum, weight_sum = state.sums[k, 0], state.sums[k, 1]
    for s in range(begin, end):
        if not isfinite(J_sum):
            break
        if s % work.steps == 0:
            J_sum = weight_sum = 0.0
            if thread == 0 and state.before.shape[1]:
                copy(theta, state.before[k])
        rows = work.order[work.starts[s] : work.starts[s + 1]]
        total, sums = weight_of(rows, work.sample_weights), scratch.sums[s % 2]
        if total > 0.0:
            if thread == 0:
                begin_step(state.optimizer, state.numbers[k])
            of_shares(
                shape, work, theta, dropout, drawn, scratch, rows, total, sums, own
            )
            if dropout.shape[0]:
                drawn = drawn[rows.shape[0] * work.hidden :]
            if not wait(scratch.sync, threads):
                break
            J = 0.0
            for share in range(sums.shape[0]):
                J += sums[share, LOSS]
            if isfinite(J_sum + J * total):
                rate = work.rates[s, k]
                J = update(
                    shape.kernels, shape, state, scratch, k, rate, total, J, sums, own
                )
            J_sum += J * total
            weight_sum += total
        if thread == 0 and (s % work.steps == work.steps - 1 or not isfinite(J_sum)):
            end_epoch(state, k, s // work.steps, J_sum / weight_sum)
    if thread == 0:
        state.sums[k, 0], state.sums[k, 1] = J_sum, weight_sum


def epoch_of_networks(
    shape: Any,
    work: Any,
    state: Any,
    scratch: Any,
    first: int,
    last: int,
    begin: int,
    end: int,
    thread: int,
    threads: int,
) -> None:
    """Take the steps ``begin`` to ``end`` of the networks ``first`` to ``last``."""
    net, samples = by_reference(shape), by_reference(work)
    changed, own = by_reference(state), by_reference(scratch)
    for k in range(first, last):
        train(net, samples, changed, own, k, begin, end, (thread, threads))


#: The compiled function for networks of a dtype. If numba finds no folder for its
#: cache, this module cannot be imported.
EPOCHS: dict[DType, Any] = {
    real: stored(epoch_of_networks, real, no_cpython_wrapper=False)
    for real in (np.dtype(np.float32), np.dtype(np.float64))
}
