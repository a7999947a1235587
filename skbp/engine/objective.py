"""The cost J(theta) of K networks and its gradient."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import nan

import numpy as np

from skbp.engine.arrays import BLOCK, Array, Column, Rows, blocks, cast, chunks
from skbp.engine.losses import Loss, Residual
from skbp.engine.network import Dropout, Layers, Network, Propagation
from skbp.engine.samples import Parts, Samples, Sums

#: The numbers of samples for which there are arrays at a time. Parts of a collection
#: end with batches of any size.
TAPES = 3


class Objective:
    """The cost J(theta) = (1/m) [ sum_i w_i loss(y_i, a_i) + alpha/2 |W|² ] of a batch.

    m is the total weight of the batch; without weights it is the number of samples.
    Biases are not penalised. When called with row numbers or a slice, the objective
    returns J (K,) and m, and writes dJ/dtheta to ``grad``. A batch that is larger than
    a block is summed block by block. For samples in parts, each sum is computed where
    the part is.

    Parameters
    ----------
    network : Network
    loss : Loss
    samples : Samples or Parts
    alpha : float or array (K, 1)
        The penalty, lambda in the equations.
    theta : array (K, P)
        The parameters. The objective keeps a reference to this array, and reads it at
        each call.
    dropout : Dropout, default=None
        The units to leave out at random.
    joined : bool, default=False
        Whether theta and the gradient are arranged as in ``Network.joined``.

    Attributes
    ----------
    theta, grad : array (K, P)
    W : list of array (K, out, in)
        The weights of each layer, as views into theta.
    """

    network: Network
    loss: Loss
    samples: Samples | Parts
    theta: Array
    grad: Array
    alpha: Array
    W: Layers

    def __init__(
        self,
        network: Network,
        loss: Loss,
        samples: Samples | Parts,
        alpha: Column,
        theta: Array,
        dropout: Dropout | None = None,
        joined: bool = False,
    ):
        self.network, self.loss, self.samples = network, loss, samples
        self.joined = joined
        self.theta, self.grad = theta, np.zeros(theta.shape, theta.dtype)
        self.dropout = dropout
        self.alpha = cast(alpha, theta.dtype)
        self._penalised = bool(self.alpha.any())
        self.W, self._b, self._Wb = self._split(theta)
        self._gradient = self._split(self.grad)
        self._no_penalty = np.zeros(len(theta), theta.dtype)
        if self._penalised:
            # alpha for each weight, and 0 for the biases that lie between weights
            weights = np.ones(network.n_weights, np.bool_)
            if joined:
                weights = network.joined() < network.n_weights
            self._penalties = self.alpha * weights[np.newaxis].astype(theta.dtype)
            self._decay, n = np.empty_like(self._penalties), len(weights)
            self._chunks = chunks(theta[:, :n], self.grad[:, :n], self._decay)
            self._half = cast(0.5, theta.dtype)
        self._total = nan
        self._tapes: dict[int, tuple[Propagation, Residual]] = {}

    def __call__(self, rows: Rows | slice) -> tuple[Array, float]:
        """Return J (K,) and m. If m is 0, J is 0 and ``grad`` is not updated."""
        loss, penalty, total = self.parts(rows)
        return loss + penalty, total

    def parts(self, rows: Rows | slice) -> tuple[Array, Array, float]:
        """Return the two parts of J, loss (K,) and penalty (K,), and m."""
        total = self.samples.total(rows)
        if total == 0.0:
            return np.zeros(len(self.theta)), self._no_penalty, total
        if total != self._total:
            self._weigh(total)
        scale = self._scale
        if isinstance(self.samples, Parts):
            loss = self._sum_parts(self.samples, scale)
        elif n_rows(rows) <= BLOCK:
            loss = self._block(rows, scale, *self._gradient)
        else:
            loss = self._sum_blocks(rows, scale)
        return loss, self._penalise(), total

    def residuals(self, rows: Rows | slice) -> list[Array]:
        """Return delta[1] ... delta[L] (K, units, m) of the sum of the losses.

        They are not divided by m: without weights, each column depends on one sample
        only.
        """
        m = n_rows(rows)
        propagation, _ = self._tape(m)
        one = np.ones((), self.theta.dtype)
        self._block(rows, one, *self._gradient)
        return [delta.copy() for delta in propagation.delta[1:]]

    def on(self, samples: Samples | Parts) -> Objective:
        """Switch to these samples, and return this objective."""
        self.samples = samples
        return self

    def _split(self, theta: Array) -> tuple[Layers, Layers, Layers | None]:
        """Return W, b and, if they are joined, [W b], as views into theta (K, P)."""
        if not self.joined:
            return *self.network.split(theta), None
        Wb = self.network.split_joined(theta)
        return [one[:, :, :-1] for one in Wb], [one[:, :, -1:] for one in Wb], Wb

    def _sum_parts(self, parts: Parts, scale: Array) -> Array:
        terms = partial(
            loss_and_gradient, self.network, self.loss, self.theta, self.joined
        )
        loss, grad = parts.sum(terms)
        np.multiply(grad, scale, out=self.grad)
        return loss * scale

    def _sum_blocks(self, rows: Rows | slice, scale: Array) -> Array:
        part, J = np.empty_like(self.grad), np.zeros(len(self.theta))
        layers = self._split(part)
        self.grad[:] = 0.0
        for block in cut(rows):
            J += self._block(block, scale, *layers)
            self.grad += part
        return J

    def _block(
        self,
        rows: Rows | slice,
        scale: Array,
        dW: Layers,
        db: Layers,
        dWb: Layers | None,
    ) -> Array:
        """Compute loss and gradient of a block: forward, residual, backward."""
        assert isinstance(self.samples, Samples)
        X, Y, weights = self.samples.columns(rows, self.theta.dtype)
        propagation, residual = self._tape(Y.shape[1])
        Z = propagation.forward(self.W, self._b, X, self._Wb)
        scale = scale if weights is None else weights * scale
        loss = residual(Z, Y, scale, propagation.delta[-1])
        propagation.backward(self.W, dW, db, dWb)
        return loss

    def _weigh(self, total: float) -> None:
        """Prepare 1/m and alpha/m for a batch of this total weight m."""
        self._total = total
        # The loss puts 1/m into delta[L].
        self._scale = np.array(1.0 / total, self.theta.dtype)
        if self._penalised:
            np.multiply(self._penalties, self._scale, out=self._decay)

    def _penalise(self) -> Array:
        """Add alpha/m W to the gradient; return alpha/(2m) |W|²."""
        value = self._no_penalty
        if not self._penalised:
            return value
        for theta, grad, decay, tmp in self._chunks:
            # dW[l] := dW[l] + alpha/m W[l]
            np.multiply(theta, decay, out=tmp)
            value = value + np.vecdot(theta, tmp)
            np.add(grad, tmp, out=grad)
        penalty: Array = np.multiply(value, self._half)
        return penalty

    def _tape(self, m: int) -> tuple[Propagation, Residual]:
        """Return the arrays and functions for m samples, made only once."""
        if m not in self._tapes:
            if len(self._tapes) == TAPES:
                self._tapes.clear()
            K, dtype = len(self.theta), self.theta.dtype
            shape = (K, self.network.units[-1], m)
            self._tapes[m] = (
                Propagation(self.network, K, m, dtype, self.dropout, self.joined),
                self.loss.residual(shape, dtype),
            )
        return self._tapes[m]


def loss_and_gradient(
    network: Network, loss: Loss, theta: Array, joined: bool, samples: Samples
) -> Sums:
    """Return the sum of the losses (K,) and its gradient (K, P), without the penalty.

    ``samples`` comes last, so that the function can be sent to where the samples are.
    """
    objective = Objective(network, loss, samples, 0.0, theta, joined=joined)
    J, m = objective(samples.every)
    return J * m, objective.grad * np.array(m, theta.dtype)


def n_rows(rows: Rows | slice) -> int:
    """Return the number of rows."""
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def cut(rows: Rows | slice, K: int = 1) -> Iterator[Rows | slice]:
    """Cut rows into blocks for K networks."""
    for block in blocks(n_rows(rows), K):
        if isinstance(rows, slice):
            yield slice(rows.start + block.start, rows.start + block.stop)
        else:
            yield rows[block]
