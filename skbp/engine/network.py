"""Forward propagation and back-propagation, for K networks at once.

Notation (as in the documents: the layers are l = 1 ... L, layer 0 is the input, and
samples are columns)::

    theta      (K, P)               all parameters of K networks of one shape
    W[l]       (K, n[l], n[l-1])    weights, views into theta
    b[l]       (K, n[l], 1)         biases, views into theta
    Z[l]       (K, n[l], m)         Z[l] = W[l] A[l-1] + b[l]
    A[l]       (K, n[l], m)         A[l] = f[l](Z[l]),   A[0] = X
    delta[l]   (K, n[l], m)         the residual dJ/dZ[l]
    dW, db                          the gradient, views into an array like theta

For a single network, K is 1. The equations do not depend on K: NumPy's products and
sums broadcast over the leading axis. The K networks share the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from skbp.engine.activations import ACTIVATIONS, Activation
from skbp.engine.arrays import BLOCK, Array, Column, DType, Rows, blocks

#: W or b of all layers. The entry of layer 0 is an empty array.
Layers = list[Array]


class Network:
    """The shape of K networks: units of each layer, activation of each hidden layer.

    Parameters
    ----------
    units : sequence of int
        n[0] ... n[L]: the numbers of features, hidden units and outputs.
    activations : sequence of str
        The activation of each hidden layer. The output activation belongs to the loss;
        a network computes its raw output Z[L].
    biases : bool, default=True
        Whether there are biases. Without them, Z[l] = W[l] A[l-1].
    """

    def __init__(
        self, units: Sequence[int], activations: Sequence[str], biases: bool = True
    ):
        if len(activations) != len(units) - 2:
            raise ValueError(
                f"activations has names for {len(activations)} hidden layers, but "
                f"units has {len(units) - 2} hidden layers"
            )
        self.units: tuple[int, ...] = tuple(units)
        self.activations: tuple[str, ...] = tuple(activations)
        self.biases = biases
        sizes = [n_in * n_out for n_in, n_out in pairwise(self.units)]
        self.n_weights: int = sum(sizes)
        self.n_parameters: int = self.n_weights + (sum(units[1:]) if biases else 0)
        self._largest = max(sizes)

    def multiplications(self, m: int) -> int:
        """Return the number of multiplications in the largest matrix product of a step.

        ``m`` is the number of samples in the step.
        """
        return min(m, BLOCK) * self._largest

    @property
    def n_layers(self) -> int:
        """The number L of layers with parameters."""
        return len(self.units) - 1

    def split(self, theta: Array) -> tuple[Layers, Layers]:
        """Return W and b as views into theta (K, P); b is empty without biases.

        A row of theta holds the weights of all layers, then the biases of all layers,
        so that the L2 penalty, which only concerns the weights, works on one slice.
        Each weight matrix is stored as (in, out), the shape of scikit-learn's
        ``coefs_``: W[l] is a transposed view, and W[l]' is contiguous. BLAS accepts
        both orders.
        """
        K, start = len(theta), 0
        W: Layers = [np.empty((K, 0, 0), theta.dtype)]
        b: Layers = [np.empty((K, 0, 1), theta.dtype)]
        for n_in, n_out in pairwise(self.units):
            block = theta[:, start : start + n_in * n_out]
            W.append(block.reshape(K, n_in, n_out).transpose(0, 2, 1))
            start += n_in * n_out
        if not self.biases:
            return W, []
        for n_out in self.units[1:]:
            b.append(theta[:, start : start + n_out, np.newaxis])
            start += n_out
        return W, b

    def joined(self) -> Rows:
        """Return the places in theta of all parameters, layer by layer.

        theta[:, joined] holds [W[l] b[l]] of each layer as one matrix, so that one
        product with [A[l-1]; 1] adds the bias, too.
        """
        W, b = self.split(np.arange(self.n_parameters, dtype=np.float64)[np.newaxis])
        layers = range(1, self.n_layers + 1)
        parts = [one.ravel() for l in layers for one in (W[l].mT, b[l])]
        return np.concatenate(parts).astype(np.intp)

    def split_joined(self, theta: Array) -> Layers:
        """Return [W b] (K, n[l], n[l-1] + 1) as views into such a theta (K, P)."""
        K, start = len(theta), 0
        Wb: Layers = [np.empty((K, 0, 1), theta.dtype)]
        for n_in, n_out in pairwise(self.units):
            block = theta[:, start : start + (n_in + 1) * n_out]
            Wb.append(block.reshape(K, n_in + 1, n_out).mT)
            start += block.shape[1]
        return Wb


class Dropout:
    """Hidden units that are left out at random, drawn anew for each batch and sample.

    A[l] := A[l] * mask, where mask is 0 with probability ``rate``, else 1 / (1 - rate).
    The mean of mask is 1, so the mean of A[l] stays the same. On the way back,
    dJ/dA[l] is multiplied by the same mask. The K networks share the random numbers.

    Parameters
    ----------
    rates : sequence of float or array (K, 1)
        The rate of each hidden layer.
    rng : Generator

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: a simple
    way to prevent neural networks from overfitting". JMLR 15, 1929-1958.
    """

    def __init__(self, rates: Sequence[Column], rng: np.random.Generator):
        self.rates: list[Array] = [np.asarray(rate)[..., np.newaxis] for rate in rates]
        self.rng = rng

    def masks(
        self, l: int, shape: tuple[int, ...], dtype: DType
    ) -> Callable[[], Array]:
        """Return the function that draws the mask of layer l."""
        uniform, kept = np.empty((1, *shape[1:]), dtype), np.empty(shape, np.bool_)
        rate, mask = self.rates[l - 1].astype(dtype), np.empty(shape, dtype)
        factor = 1.0 / (1.0 - rate)

        def draw() -> Array:
            self.rng.random(out=uniform, dtype=dtype.type)
            np.greater_equal(uniform, rate, out=kept)
            np.multiply(kept, factor, out=mask)
            return mask

        return draw


class Propagation:
    """Both passes through K networks, for m samples, in arrays that are reused.

    Parameters
    ----------
    network : Network
    K, m : int
        The numbers of networks and samples.
    dtype : dtype
        float32 or float64.
    dropout : Dropout, default=None
        The units to leave out; None means none.
    ones : bool, default=False
        Whether there is a row of ones below A[l] of each hidden layer.
    """

    shapes: list[tuple[int, int, int]]
    dtype: DType

    def __init__(
        self,
        network: Network,
        K: int,
        m: int,
        dtype: DType,
        dropout: Dropout | None = None,
        ones: bool = False,
    ):
        self.L, self.n_0 = network.n_layers, network.units[0]
        shapes = [(K, n, m) for n in network.units]
        # One array for both: A[l] first holds Z[l], and f overwrites it with A[l]. So Z
        # is gone after f, and f' is computed from A. A[0] will be the data.
        self.A: list[Any] = [None, *(np.empty(s, dtype) for s in shapes[1:])]
        # A1[l] is [A[l]; 1]: A[l] with a row of ones below it, if there is one.
        self.A1: list[Any] = [None] * self.L
        if ones:
            for l in range(1, self.L):
                self.A1[l] = np.ones((K, network.units[l] + 1, m), dtype)
                self.A[l] = self.A1[l][:, :-1]
        self.f: list[Any] = [None] * self.L
        self.df: list[Any] = [None] * self.L
        for l, name in enumerate(network.activations, start=1):
            self.f[l], self.df[l] = ACTIVATIONS[name](shapes[l], dtype)
        self.shapes, self.dtype = shapes, dtype
        # With dropout, A[l] = f[l](Z[l]) * mask, but f'[l] is computed from f[l](Z[l]):
        # ``whole`` is a copy of A[l] from before the mask, when the layer was whole.
        # Without dropout, nothing is left out, and ``whole`` is A itself.
        self.whole: list[Any] = list(self.A)
        # The mask of this batch. Back-propagation needs the one that the forward pass
        # has drawn.
        self.mask: list[Any] = [None] * self.L
        self.draw: list[Any] | None = None
        if dropout is not None:
            hidden = range(1, self.L)
            self.whole[1:-1] = [np.empty(shapes[l], dtype) for l in hidden]
            self.draw = [
                None,
                *(dropout.masks(l, shapes[l], np.dtype(dtype)) for l in hidden),
            ]

    @cached_property
    def delta(self) -> list[Any]:
        """The residuals; only back-propagation needs arrays for them."""
        return [None, *(np.empty(s, self.dtype) for s in self.shapes[1:])]

    @cached_property
    def ones(self) -> Array:
        """A column of ones (m, 1), which sums over samples."""
        return np.ones((self.shapes[0][-1], 1), self.dtype)

    def forward(self, W: Layers, b: Layers, X: Any, Wb: Layers | None = None) -> Array:
        """Compute Z[l] and A[l] = f[l](Z[l]) of all layers; return the raw output Z[L].

        Z[l] is W[l] A[l-1] + b[l]. The columns of X are samples: X is dense (n[0], m),
        or sparse. With ``Wb``, the matrices [W b], X may end with a row of ones.
        """
        A, A1, f, L = self.A, self.A1, self.f, self.L
        A[0], A1[0] = X, X if X.shape[0] > self.n_0 else None
        for l in range(1, L + 1):
            # Z[l] = W[l] A[l-1] + b[l], in the array of A[l]
            if Wb and A1[l - 1] is not None:  # [W b] [A; 1] is W A + b
                np.matmul(Wb[l], A1[l - 1], out=A[l])
            else:
                product(W[l], A[l - 1], out=A[l])
                if b:
                    A[l] += b[l]
            # A[l] = f[l](Z[l]), in place: from here on, Z[l] is gone
            if l < L:
                f[l](A[l])
                if self.draw is not None:
                    self._leave_out(l)
        # The array of A[L] still holds Z[L]: f[L] belongs to the loss.
        Z_L: Array = A[L]
        return Z_L

    def _leave_out(self, l: int) -> None:
        """Set A[l] := A[l] * mask, with a new mask; ``whole`` keeps the old A[l]."""
        assert self.draw is not None
        self.mask[l] = self.draw[l]()
        np.copyto(self.whole[l], self.A[l])
        np.multiply(self.A[l], self.mask[l], out=self.A[l])

    def backward(
        self, W: Layers, dW: Layers, db: Layers, dWb: Layers | None = None
    ) -> None:
        """Compute the gradient from the residual delta[L]; call it after ``forward``.

        dW[l] = delta[l] A[l-1]', db[l] is the sum of delta[l] over samples, and
        delta[l-1] = (W[l]' delta[l]) * f'[l-1](Z[l-1]). There is no 1/m here: the loss
        has multiplied delta[L] by it, so it is a factor of every delta[l], dW and db.
        """
        A, A1, delta, df = self.A, self.A1, self.delta, self.df
        for l in range(self.L, 0, -1):
            # dW[l] = delta[l] A[l-1]', and db[l] = delta[l] 1
            if dWb and A1[l - 1] is not None:  # [dW db] = delta [A; 1]'
                np.matmul(delta[l], A1[l - 1].mT, out=dWb[l])
            else:
                product(delta[l], A[l - 1].T if l == 1 else A[l - 1].mT, out=dW[l])
                if db:  # the product takes a third of the time of a sum
                    np.matmul(delta[l], self.ones, out=db[l])
            # delta[l-1] = (W[l]' delta[l]) * f'[l-1](Z[l-1])
            if l > 1:
                np.matmul(W[l].mT, delta[l], out=delta[l - 1])
                # This is dJ/dA[l-1]. A unit that was left out has no effect on J.
                if self.draw is not None:
                    np.multiply(delta[l - 1], self.mask[l - 1], out=delta[l - 1])
                df[l - 1](self.whole[l - 1], delta[l - 1])


def product(left: Array, right: Any, out: Array) -> None:
    """Set out = left right for K matrices; ``right`` may be one sparse matrix."""
    if type(right) is np.ndarray:
        np.matmul(left, right, out=out)
    else:
        for left_k, out_k in zip(left, out, strict=True):
            out_k.T[:] = right.T @ left_k.T


def predict(
    network: Network,
    W: Layers,
    b: Layers,
    X: Any,
    activation: Activation | None = None,
) -> Array:
    """Return the outputs (K, samples, n[L]) for the rows of X, computed in blocks.

    The outputs are raw, unless an output ``activation`` is given.
    """
    K, n_L, dtype = len(W[-1]), network.units[-1], W[-1].dtype
    outputs, m = np.empty((K, X.shape[0], n_L), dtype), -1
    # exp may overflow, but only where the result is as good as 0 or infinity.
    with np.errstate(all="ignore"):
        for block in blocks(X.shape[0], K):
            X_block = X[block].astype(dtype, copy=False)
            if X_block.shape[0] != m:
                m = X_block.shape[0]
                propagation = Propagation(network, K, m, dtype)
                f = activation((K, n_L, m), dtype)[0] if activation else None
            Z = propagation.forward(W, b, X_block.T)
            if f:
                f(Z)
            outputs[:, block] = Z.mT
    return outputs
