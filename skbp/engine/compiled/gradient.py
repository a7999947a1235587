"""The gradient of a batch as loops: the equations of ``engine/network.py``.

Samples are rows here, so that W[l] has the shape (n[l-1], n[l]) of ``coefs_``::

    Z[l] = A[l-1] W[l] + b[l],    A[l] = f[l](Z[l])
    dW[l] = A[l-1]' delta[l],     db[l] = the sum of the rows of delta[l]
    delta[l-1] = (delta[l] W[l]') * f'[l-1](Z[l-1])

A batch is cut into shares, whose gradients are computed apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from skbp.engine.arrays import BLOCK
from skbp.engine.compiled.kernels import compiled, inlined, kernel
from skbp.engine.compiled.layers import backward, forward
from skbp.engine.compiled.outputs import residual
from skbp.engine.compiled.references import matrix, product

#: The rows of ``Scratch.places``: A, delta, f'(Z), the mask of dropout, and Y.
A, DELTA, SLOPE, MASK, TARGET = range(5)
#: The columns of ``Scratch.sums``: sums over a share of a batch or of the parameters.
LOSS, PULL, SQUARES = range(3)
#: The number of weights of a layer up to which W[l]' is copied for a product: BLAS has
#: its fastest kernel for small matrices only where the second one is not transposed.
SMALL = 2**13


class Shape(NamedTuple):
    """The network: units, codes of f[1] ... f[L], and where W[l] and b[l] begin.

    ``weights_at[0]`` is the number of weights. Without biases, ``biases_at`` is empty.
    """

    units: Any
    codes: Any
    weights_at: Any
    biases_at: Any
    kernels: Any


class Work(NamedTuple):
    """The samples in the order of the epochs, where the batches begin, and the loss.

    ``steps`` is the number of steps in an epoch, and ``hidden`` the number of hidden
    units. ``sample_weights`` and ``uniform``, the random numbers of dropout, may be
    empty.
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
    hidden: int


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


@inlined
def layer(scratch: Any, kind: int, l: int, m: int, n: int) -> Any:
    """Return the array (m, n) of layer l."""
    return matrix(scratch.array, scratch.places[kind, l], m, n)


@inlined
def weights(shape: Any, theta: Any, l: int) -> Any:
    """Return W[l], or dW[l] out of a gradient."""
    return matrix(theta, shape.weights_at[l], shape.units[l - 1], shape.units[l])


@inlined
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


@compiled
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
        product(layer(scratch, A, l - 1, m, n_in), weights(shape, theta, l), Z)
        b = biases(shape, theta, l, scratch.zeros)
        # A[l] = f[l](Z[l])
        forward(shape.kernels, shape.codes[l], Z, b, layer(scratch, SLOPE, l, m, n_out))
        if dropout.shape[0] and l < L:
            mask = layer(scratch, MASK, l, m, n_out)
            leave_out(Z, mask, uniform[drawn:], begin, of, dropout[l - 1])
            drawn += of * n_out


@inlined
def transposed(W: Any, copy: Any) -> Any:
    """Return a copy of W', in C order."""
    n_in, n_out = W.shape
    turned = matrix(copy, 0, n_out, n_in)
    for i in range(n_in):
        for j in range(n_out):
            turned[j, i] = W[i, j]
    return turned


@compiled
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
        product(before.T, delta, weights(shape, grad, l))
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
                product(delta, transposed(W, scratch.turned), lower)
            else:
                product(delta, W.T, lower)


@compiled
def gather(values: Any, rows: Any, out: Any) -> None:
    """Copy some rows."""
    for i in range(out.shape[0]):
        row = rows[i]
        for j in range(out.shape[1]):
            out[i, j] = values[row, j]


@kernel("shape work real1 real1 float1 real1 scratch int1 int int real", gives="float")
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
        shape.kernels,
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


@compiled
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
            for p in range(target.shape[0]):
                target[p] = 0.0
        else:
            drawn = uniform[first * work.hidden :] if dropout.shape[0] else uniform
            loss += of_block(
                shape.kernels,
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
def weight_of(rows: Any, sample_weights: Any) -> float:
    """Return the total weight of these samples."""
    if not sample_weights.shape[0]:
        return float(rows.shape[0])
    total = 0.0
    for i in range(rows.shape[0]):
        total += np.float64(sample_weights[rows[i]])
    return total


@compiled
def of_shares(
    shape: Any,
    work: Any,
    theta: Any,
    dropout: Any,
    uniform: Any,
    scratch: Any,
    rows: Any,
    total: float,
    sums: Any,
    own: tuple[int, int],
) -> None:
    """Compute losses and gradients of the shares that a thread has.

    ``own`` holds the number of the thread, and the number of threads.
    """
    thread, threads = own
    scale = theta.dtype.type(1.0 / total)
    for share in range(thread, scratch.grads.shape[0], threads):
        sums[share, LOSS] = of_share(
            shape, work, theta, dropout, uniform, scratch, rows, share, scale
        )
