"""How much the outputs of networks depend on each input.

The measure is the mean of the squared gradients of the raw outputs, the sum over all
outputs k::

    s_j = sum_k E (dZ_k[L]/dx_j)²

Back-propagation gives dZ_k[L]/dx in the same way as the gradient of a loss: it starts
from delta[L] = e_k and ends at W[1]' delta[1]. The second moments of delta[1] are
enough for all inputs, because::

    E (W[1]' delta[1])_j² = W[1]_j' (E delta[1] delta[1]') W[1]_j

The mean is over inputs drawn from the normal distribution with mean 0 and variance 1,
which is where standardised data lie, so that no data are needed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skbp.engine.arrays import Array
from skbp.engine.network import Network, Propagation

#: The number of inputs that are drawn, and of numbers that are drawn at a time.
N_DRAWS, BLOCK_SIZE = 256, 2**21


def squared_gradients(
    network: Network, theta: Array, shares: Array, *, centered: bool
) -> Array:
    """Return s (n[0],) of networks that predict together.

    Parameters
    ----------
    network : Network
    theta : array (K, P)
    shares : array (K, 1) or (K, outputs)
        The share of each network in the raw outputs.
    centered : bool
        Whether only differences between outputs count, as with softmax.
    """
    theta = theta.astype(np.float64)
    K, n_outputs, hidden = len(theta), network.units[-1], network.units[1]
    W, _ = network.split(theta)
    shares = np.broadcast_to(shares, (K, n_outputs))
    moments = np.zeros((K * hidden, K * hidden))
    for tape in tapes(network, theta):
        for k in range(n_outputs):
            # delta[L] = e_k
            tape.delta[-1][...] = -1.0 / n_outputs if centered else 0.0
            tape.delta[-1][:, k] += 1.0
            # delta[l-1] = (W[l]' delta[l]) * f'[l-1](Z[l-1])
            for l in range(network.n_layers, 1, -1):
                np.matmul(W[l].mT, tape.delta[l], out=tape.delta[l - 1])
                tape.df[l - 1](tape.A[l - 1], tape.delta[l - 1])
            delta = tape.delta[1] * shares[:, k, np.newaxis, np.newaxis]
            delta = delta.reshape(K * hidden, -1)
            moments += delta @ delta.T
    # All networks have the same inputs: their first layers are like one wide layer.
    W_1 = W[1].reshape(K * hidden, -1)
    squares: Array = np.einsum("hj,hj->j", moments @ W_1, W_1)
    # Rounding can make zeros negative.
    return np.maximum(squares, 0.0) / N_DRAWS


def tapes(network: Network, theta: Array) -> Iterator[Propagation]:
    """Yield the forward propagation of inputs that are drawn, block by block."""
    W, b = network.split(theta)
    rng = np.random.RandomState(0)
    size = int(np.clip(BLOCK_SIZE // max(network.units), 1, N_DRAWS))
    for start in range(0, N_DRAWS, size):
        m = min(size, N_DRAWS - start)
        tape = Propagation(network, len(theta), m, theta.dtype)
        tape.forward(W, b, rng.standard_normal((network.units[0], m)))
        yield tape
