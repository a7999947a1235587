"""The Jacobian of the outputs, and the Gauss-Newton matrix of the loss.

With J_i = dZ_i[L]/dtheta of sample i, and C_i = d²loss_i/dZ², the curvature of its
loss::

    gradient   g = sum_i w_i J_i' dloss_i/dZ          (back-propagation)
    curvature  H = sum_i w_i J_i' C_i J_i             (generalised Gauss-Newton)

H is the second derivative of the sum of losses, without the term that contains the
second derivative of the network. This term vanishes where the residuals vanish. Without
it, H has no negative eigenvalue if the loss is convex in Z[L].

If each output has noise of its own size, the sums are kept apart: each output has a sum
of its own, from its residuals and its rows of J_i only.

With C_i = sum_j S_j S_j', back-propagation gives the rows S_j' J_i in the same way as
the gradient: it starts from delta[L] = S_j, and the row for W[l] is delta[l] A[l-1]' of
one sample.

References
----------
Schraudolph (2002), "Fast curvature matrix-vector products for second-order gradient
descent". Neural Computation 14, 1723-1738.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from skbp.engine.arrays import BLOCK, Array, Rows
from skbp.engine.losses import Loss, Residual
from skbp.engine.network import Layers, Network, Propagation
from skbp.engine.roots import Roots
from skbp.engine.samples import Parts, Samples, Sums

#: The size limit of the Jacobian of a block of samples. With this limit the Jacobian
#: stays in the cache, and memory does not grow with the number of samples.
ROWS = 2**19


class GaussNewton:
    """Sum of losses, its gradient g and curvature H, for K networks on some samples.

    All three are sums over the samples, not means, and do not include the penalty.
    There is one sum for each of Q sets of outputs: either one set with all outputs, or
    one set for each output.

    Parameters
    ----------
    network : Network
    loss : Loss
        A loss that is convex in the raw outputs.
    samples : Samples or Parts
    apart : bool, default=False
        Whether each output is a set of its own. The loss must then have one root for
        each output.
    """

    network: Network
    loss: Loss
    samples: Samples | Parts
    roots: Roots
    apart: bool

    def __init__(
        self,
        network: Network,
        loss: Loss,
        samples: Samples | Parts,
        apart: bool = False,
    ):
        if loss.roots is None or not loss.convex:
            raise ValueError(f"{loss.name} of {loss.activation} is not convex in Z[L]")
        self.network, self.loss, self.samples = network, loss, samples
        self.roots, self.apart = loss.roots, apart
        self.Q = network.units[-1] if apart else 1
        self._jacobian = np.empty((0, 0, 0))
        self._kept: dict[tuple[int, int], tuple[Propagation, Residual]] = {}

    def __call__(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return the loss (K, Q), g (K, Q, P) and H (K, Q, P, P) at theta (K, P)."""
        if isinstance(self.samples, Parts):
            terms = partial(curvature, self.network, self.loss, theta, self.apart)
            total, g, H = self.samples.sum(terms)
            return total, g, H
        (K, P), Q = theta.shape, self.Q
        W, b = self.network.split(theta)
        total, g, H = np.zeros((K, Q)), np.zeros((K, Q, P)), np.zeros((K, Q, P, P))
        part, gradient = np.empty((K, P, P)), np.empty((K, P))
        # Small blocks, because the rows of the Jacobian take much memory.
        for block in self._cut(max(1, min(BLOCK, ROWS // (K * P)))):
            X, Y, weights = self.samples.columns(block, theta.dtype)
            tape, losses = self._tape(K, Y.shape[1])
            rows = self._rows(K, P, Y.shape[1])
            scale = np.ones(()) if weights is None else weights
            Z = tape.forward(W, b, X)
            total += losses(Z, Y, scale, tape.delta[-1])
            for q in self._in_turn(tape.delta[-1]):
                tape.backward(W, *self.network.split(gradient))
                g[:, q] += gradient
            for j, S in enumerate(self.roots(Z, Y)):
                np.multiply(S, np.sqrt(scale), out=tape.delta[-1])
                rows_of(self.network, tape, W, rows)
                some = parameters_of(self.network, S.any((0, 2)))
                if 2 * len(some) ** 2 < P**2:
                    # The other rows are 0. To leave them out takes a copy.
                    few = rows[:, some]
                    H[:, j % Q, some[:, np.newaxis], some] += few @ few.mT
                else:
                    np.matmul(rows, rows.mT, out=part)
                    H[:, j % Q] += part
        return total, g, H

    def value(self, theta: Array) -> Array:
        """Return only the loss (K, Q)."""
        if isinstance(self.samples, Parts):
            terms = partial(value, self.network, self.loss, theta, self.apart)
            (loss,) = self.samples.sum(terms)
            return loss
        W, b = self.network.split(theta)
        K, total = len(theta), np.zeros((len(theta), self.Q))
        for block in self._cut(BLOCK):
            X, Y, weights = self.samples.columns(block, theta.dtype)
            tape, losses = self._tape(K, Y.shape[1])
            scale = np.ones(()) if weights is None else weights
            Z = tape.forward(W, b, X)
            total += losses(Z, Y, scale, tape.delta[-1])
        return total

    def _tape(self, K: int, m: int) -> tuple[Propagation, Residual]:
        """Return the arrays and functions for K networks and m samples, made only once.

        The second function is the residual of the loss, except that it returns values
        (K, Q).
        """
        if (K, m) not in self._kept:
            dtype, shape = np.dtype(float), (K, self.network.units[-1], m)
            residual = self.loss.residual(shape, dtype)
            of_one, _ = self.loss.functions((K, 1, m), dtype)

            def losses(Z: Array, Y: Array, scale: Array, delta: Array) -> Array:
                total = residual(Z, Y, scale, delta)[:, np.newaxis]
                if not self.apart:
                    return total
                whole = np.broadcast_to(scale, Y.shape)
                each = [slice(q, q + 1) for q in range(self.Q)]
                return np.stack([of_one(Z[:, q], Y[q], whole[q]) for q in each], axis=1)

            self._kept[K, m] = Propagation(self.network, K, m, dtype), losses
        return self._kept[K, m]

    def _in_turn(self, delta: Array) -> Iterator[int]:
        """Yield each set q of outputs, with the residuals of the others set to 0."""
        whole = delta.copy() if self.apart else delta
        for q in range(self.Q):
            if self.apart:
                delta[:] = 0.0
                delta[:, q] = whole[:, q]
            yield q

    def _rows(self, *shape: int) -> Array:
        """Return an array for the rows of the Jacobian, which is kept between calls."""
        if self._jacobian.shape != shape:
            self._jacobian = np.empty(shape)
        return self._jacobian

    def _cut(self, size: int) -> Iterator[Rows | slice]:
        """Cut the samples to train on into blocks of this size."""
        every, n = self.samples.every, len(self.samples)
        for start in range(0, n, size):
            block = slice(start, min(start + size, n))
            yield block if isinstance(every, slice) else every[block]


def curvature(
    network: Network, loss: Loss, theta: Array, apart: bool, samples: Samples
) -> Sums:
    """Return the loss, g and H on all samples."""
    return GaussNewton(network, loss, samples, apart)(theta)


def value(
    network: Network, loss: Loss, theta: Array, apart: bool, samples: Samples
) -> Sums:
    """Return the loss (K, Q) on all samples."""
    return (GaussNewton(network, loss, samples, apart).value(theta),)


def parameters_of(network: Network, outputs: Any) -> Rows:
    """Return which parameters some outputs depend on."""
    used = np.ones((1, network.n_parameters))
    others = [j for j, wanted in enumerate(outputs) if not wanted]
    if others:
        W, b = network.split(used)
        for last in (W[-1], *b[-1:]):
            last[:, others] = 0.0
    return np.flatnonzero(used)


def rows_of(network: Network, tape: Propagation, W: Layers, out: Array) -> None:
    """Compute the rows of the Jacobian from the residual delta[L] of the tape.

    The row of a sample is stored as a column of ``out`` (K, P, m), because products
    along the samples are four times as fast.
    """
    K, _, m = out.shape
    start, bias = network.n_weights, network.n_parameters
    for l in range(tape.L, 0, -1):
        A, delta = tape.A[l - 1], tape.delta[l]
        if l == 1:
            A = A.toarray() if not isinstance(A, np.ndarray) else A
            A = np.ascontiguousarray(A)
        n_in, n_out = network.units[l - 1], network.units[l]
        # The row for W[l]: delta[l] A[l-1]' of each sample.
        block = out[:, start - n_in * n_out : start].reshape(K, n_in, n_out, m)
        np.multiply(A[..., :, np.newaxis, :], delta[:, np.newaxis], out=block)
        start -= n_in * n_out
        # The row for b[l]: delta[l].
        if network.biases:
            out[:, bias - n_out : bias] = delta
            bias -= n_out
        if l > 1:
            np.matmul(W[l].mT, delta, out=tape.delta[l - 1])
            tape.df[l - 1](tape.A[l - 1], tape.delta[l - 1])


def variances(
    network: Network, theta: Array, covariance: Array, X: Any, centered: bool = False
) -> tuple[Array, Array]:
    """Return raw outputs Z[L] (n, outputs) for the rows of X, and their variances.

    The variance of an output is j' covariance j, where j (P,) is the derivative of the
    output with respect to theta, and ``covariance`` (P, P) is the covariance of theta.
    With ``centered`` the mean over the outputs is subtracted first, which does not
    change the softmax.
    """
    n, n_L, P = X.shape[0], network.units[-1], network.n_parameters
    outputs, result = np.empty((n, n_L)), np.empty((n, n_L))
    W, b = network.split(theta[np.newaxis].astype(np.float64))
    size = max(1, min(BLOCK, ROWS // (P * n_L)))
    for start in range(0, n, size):
        block = slice(start, min(start + size, n))
        m = block.stop - block.start
        tape = Propagation(network, 1, m, np.dtype(float))
        jacobian = np.empty((n_L, 1, P, m))
        outputs[block] = tape.forward(W, b, X[block].astype(np.float64).T)[0].T
        for j in range(n_L):
            tape.delta[-1][:] = 0.0
            tape.delta[-1][:, j] = 1.0
            rows_of(network, tape, W, jacobian[j])
        if centered:
            jacobian -= jacobian.mean(axis=0)
            outputs[block] -= outputs[block].mean(axis=1, keepdims=True)
        for j, rows in enumerate(jacobian[:, 0]):
            result[block, j] = np.einsum("pm,pm->m", covariance @ rows, rows)
    return outputs, np.maximum(result, 0.0)
