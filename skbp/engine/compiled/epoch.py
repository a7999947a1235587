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
from skbp.engine.compiled.steps import LAST_J, PLACES, RPROP, kept, step
from skbp.engine.compiled.steps import begin as begin_step
from skbp.engine.compiled.waiting import wait

ALPHA, DECAY, LIMIT, AVERAGE = (
    PLACES[name] for name in ("alpha", "weight_decay", "max_grad_norm", "average_decay")
)

#: The rows of ``Scratch.places``: A, delta, f'(Z), the mask of dropout, and Y.
A, DELTA, SLOPE, MASK, TARGET = range(5)
#: The columns of ``Scratch.sums``: sums over a share of a batch or of the parameters.
LOSS, PULL, SQUARES = range(3)
#: The number of weights of a layer up to which W[l]' is copied for a product: BLAS has
#: its fastest kernel for small matrices only where the second one is not transposed.
SMALL = 2**13
#: The number of parameters that are updated at a time, while they are in the cache.
CHUNK = 4096


class Shape(NamedTuple):
    """The network: units, codes of f[1] ... f[L], and where W[l] and b[l] begin.

    ``weights_at[0]`` is the number of weights. Without biases, ``biases_at`` is empty.
    """

    units: Any
    codes: Any
    weights_at: Any
    biases_at: Any


class Work(NamedTuple):
    """The samples in the order of the epochs, where the batches begin, and the loss.

    ``steps`` is the number of steps in an epoch. ``sample_weights`` and ``uniform``,
    the random numbers of dropout, may be empty.
    """

    X: Any
    Y: Any
    sample_weights: Any
    order: Any
    starts: Any
    rates: Any
    steps: int
    loss: int
    shortcut: bool
    q: Any
    uniform: Any


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


class Scratch(NamedTuple):
    """What a thread computes with.

    A batch is cut into shares, and so are the parameters. Several threads that train
    one network have each their shares, and have the last three arrays in common.
    """

    #: The arrays of a block of samples, in one array, and where each begins.
    array: Any
    places: Any
    #: The gradient of a block, for batches of several blocks; else empty.
    part: Any
    zeros: Any
    #: The numbers of the samples of a block, 0, 1, 2 ..., and their weights, if any.
    counted: Any
    sample_weights: Any
    #: W[l]', for the layers where a copy pays.
    turned: Any
    #: The gradient of each share of a batch. Row 0 becomes the gradient of the batch.
    grads: Any
    #: Sums over shares, for steps with even and with odd numbers: while a thread adds
    #: up the numbers of a step, another one may be at the next.
    sums: Any
    sync: Any


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
def leave_out(
    A_l: Any, mask: Any, uniform: Any, begin: int, of: int, rate: float
) -> None:
    """Set A[l] := A[l] * mask, where mask is 0 or 1 / (1 - rate).

    These are the samples from ``begin`` on, out of a block ``of`` so many.
    """
    m, n = A_l.shape
    real = A_l.dtype.type
    zero, least = real(0.0), real(rate)
    factor = real(1.0) / (real(1.0) - least)
    for i in range(m):
        for j in range(n):
            # They were drawn unit by unit, for arrays whose samples are columns.
            mask[i, j] = factor if uniform[j * of + begin + i] >= least else zero
            A_l[i, j] *= mask[i, j]


@inlined
def forwards(
    shape: Any,
    theta: Any,
    dropout: Any,
    uniform: Any,
    begin: int,
    of: int,
    scratch: Any,
    m: int,
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
            leave_out(Z, mask, uniform[drawn:], begin, of, dropout[l - 1])
            drawn += of * n_out


@compiled
def transposed(W: Any, copy: Any) -> Any:
    """Return a copy of W', in C order."""
    n_in, n_out = W.shape
    turned = copy[: n_in * n_out].reshape(n_out, n_in)
    for i in range(n_in):
        for j in range(n_out):
            turned[j, i] = W[i, j]
    return turned


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
            W = weights(shape, theta, l)
            if n_in * n_out <= SMALL:
                np.dot(delta, transposed(W, scratch.turned), lower)
            else:
                np.dot(delta, W.T, lower)


@compiled
def gather(values: Any, rows: Any, out: Any) -> None:
    """Copy some rows."""
    for i in range(out.shape[0]):
        row = rows[i]
        for j in range(out.shape[1]):
            out[i, j] = values[row, j]


@inlined
def of_block(
    shape: Any,
    work: Any,
    theta: Any,
    grad: Any,
    dropout: Any,
    uniform: Any,
    scratch: Any,
    block: Any,
    begin: int,
    end: int,
    scale: Any,
) -> float:
    """Return the loss of some samples of a block, and compute their gradient."""
    rows = block[begin:end]
    m, n, L = rows.shape[0], shape.units[0], shape.units.shape[0] - 1
    gather(work.X, rows, layer(scratch, A, 0, m, n))
    targets = layer(scratch, TARGET, L, m, shape.units[L])
    gather(work.Y, rows, targets)
    sample_weights = scratch.sample_weights[:m]
    for i in range(sample_weights.shape[0]):
        sample_weights[i] = work.sample_weights[rows[i]]
    forwards(shape, theta, dropout, uniform, begin, block.shape[0], scratch, m)
    loss = residual(
        work.loss,
        work.shortcut,
        layer(scratch, A, L, m, shape.units[L]),
        targets,
        scratch.counted[:m],
        scale,
        sample_weights,
        work.q,
        layer(scratch, DELTA, L, m, shape.units[L]),
    )
    backwards(shape, theta, grad, dropout, work.shortcut, scratch, m)
    return loss


@inlined
def of_share(
    shape: Any,
    work: Any,
    theta: Any,
    dropout: Any,
    uniform: Any,
    scratch: Any,
    rows: Any,
    share: int,
    scale: Any,
    hidden: int,
) -> float:
    """Return the loss of a share of a batch, summed block by block, and its gradient.

    It has its share of the samples of each block.
    """
    loss, shares = 0.0, scratch.grads.shape[0]
    grad = scratch.grads[share]
    target = grad
    for first in range(0, rows.shape[0], BLOCK):
        block = rows[first : first + BLOCK]
        begin, end = share_of(block.shape[0], share, shares)
        if begin == end:
            target[:] = 0.0
        else:
            drawn = uniform[first * hidden :] if dropout.shape[0] else uniform
            loss += of_block(
                shape,
                work,
                theta,
                target,
                dropout,
                drawn,
                scratch,
                block,
                begin,
                end,
                scale,
            )
        if first:
            for p in range(grad.shape[0]):
                grad[p] += scratch.part[p]
        target = scratch.part
    return loss


@compiled
def share_of(n: int, share: int, shares: int) -> tuple[int, int]:
    """Return where a share of n things begins and where it ends."""
    return share * n // shares, (share + 1) * n // shares


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
    parts = (
        arrays[0][first:last],
        arrays[min(1, n - 1)][first:last],
        arrays[n - 1][first:last],
    )
    step(state.optimizer, theta, grad, parts, numbers, rate, J)
    if state.average.shape[1]:
        # sum := decay sum + (1 - decay) theta
        average = state.average[k][first:last]
        decay, rest = real(numbers[AVERAGE]), real(1.0 - numbers[AVERAGE])
        for p in range(theta.shape[0]):
            average[p] = kept(decay * average[p] + rest * theta[p])


@inlined
def update(
    shape: Any,
    state: Any,
    scratch: Any,
    k: int,
    rate: float,
    scale: Any,
    loss: float,
    odd: int,
    thread: int,
    threads: int,
) -> float:
    """Take a step along the gradients of the shares; return J."""
    theta, grads, numbers = state.theta[k], scratch.grads, state.numbers[k]
    P, shares, grad = theta.shape[0], grads.shape[0], grads[0]
    n_weights, sums = shape.weights_at[0], scratch.sums[odd]
    decay = theta.dtype.type(numbers[ALPHA]) * scale
    limited = isfinite(numbers[LIMIT])
    # Whether a step depends on sums over all parameters.
    together = limited or state.optimizer == RPROP
    for share in range(thread, shares, threads):
        begin, end = share_of(P, share, shares)
        sums[share, PULL] = sums[share, SQUARES] = 0.0
        for first in range(begin, end, CHUNK):
            last = min(first + CHUNK, end)
            sums[share, PULL] += collect(theta, grads, n_weights, decay, first, last)
            if limited:
                sums[share, SQUARES] += squares(grad[first:last])
            if not together:
                move(shape, state, grad, k, rate, loss, 0.0, first, last)
    wait(scratch.sync, threads)
    J, norm = loss, 0.0
    for share in range(shares):
        J += 0.5 * sums[share, PULL]
        norm += sums[share, SQUARES]
    if together:
        for share in range(thread, shares, threads):
            begin, end = share_of(P, share, shares)
            move(shape, state, grad, k, rate, J, sqrt(norm), begin, end)
        wait(scratch.sync, threads)
    return J


@compiled
def weight_of(rows: Any, sample_weights: Any) -> float:
    """Return the total weight of these samples."""
    if not sample_weights.shape[0]:
        return float(rows.shape[0])
    total = 0.0
    for i in range(rows.shape[0]):
        total += np.float64(sample_weights[rows[i]])
    return total


@compiled
def end_epoch(state: Any, k: int, e: int, loss: float) -> None:
    """Record the loss of an epoch."""
    state.losses[e, k] = loss
    if state.best.shape[1] and loss < state.lowest[k]:
        state.lowest[k] = loss
        state.best[k, :] = state.before[k]


@inlined
def train(
    shape: Any,
    work: Any,
    state: Any,
    scratch: Any,
    k: int,
    begin: int,
    end: int,
    thread: int,
    threads: int,
) -> None:
    """Take the steps ``begin`` to ``end`` of network k, as one of some threads.

    All threads compute the numbers that decide how it goes on.
    """
    theta, dropout, sums = state.theta[k], state.dropout[k], scratch.sums
    J_sum, weight_sum, drawn, hidden = state.sums[k, 0], state.sums[k, 1], 0, 0
    shares = scratch.grads.shape[0]
    for l in range(1, shape.units.shape[0] - 1):
        hidden += shape.units[l]
    for s in range(begin, end):
        if not isfinite(J_sum):
            break
        if s % work.steps == 0:
            J_sum = weight_sum = 0.0
            if thread == 0 and state.before.shape[1]:
                state.before[k, :] = theta
        rows = work.order[work.starts[s] : work.starts[s + 1]]
        total, odd = weight_of(rows, work.sample_weights), s % 2
        if total > 0.0:
            if thread == 0:
                begin_step(state.optimizer, state.numbers[k])
            scale, loss = theta.dtype.type(1.0 / total), 0.0
            uniform = work.uniform[drawn:]
            for share in range(thread, shares, threads):
                sums[odd, share, LOSS] = of_share(
                    shape,
                    work,
                    theta,
                    dropout,
                    uniform,
                    scratch,
                    rows,
                    share,
                    scale,
                    hidden,
                )
            if dropout.shape[0]:
                drawn += rows.shape[0] * hidden
            if not wait(scratch.sync, threads):
                break
            for share in range(shares):
                loss += sums[odd, share, LOSS]
            if isfinite(J_sum + loss * total):
                loss = update(
                    shape,
                    state,
                    scratch,
                    k,
                    work.rates[s, k],
                    scale,
                    loss,
                    odd,
                    thread,
                    threads,
                )
                if thread == 0:
                    state.numbers[k, LAST_J] = loss
            J_sum += loss * total
            weight_sum += total
        if thread == 0 and (s % work.steps == work.steps - 1 or not isfinite(J_sum)):
            end_epoch(state, k, s // work.steps, J_sum / weight_sum)
    if thread == 0:
        state.sums[k, 0], state.sums[k, 1] = J_sum, weight_sum


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
        thread: int,
        threads: int,
    ) -> bool:
        """Take the steps ``begin`` to ``end`` of the networks ``first`` to ``last``."""
        for k in range(first, last):
            train(shape, work, state, scratch, k, begin, end, thread, threads)
        return len(sources) > 0

    return epoch
