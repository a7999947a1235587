"""The initial W and b: a table of functions that initialise one layer.

An initialiser fills the W (out, in) and b (out, 1) of a layer, given the name of the
layer's activation and a random state. It draws in float64, whatever the dtype of W.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from skbp.engine.arrays import Array

Initializer = Callable[[Array, Array, str, np.random.RandomState], None]


def sklearn(W: Array, b: Array, activation: str, rng: np.random.RandomState) -> None:
    """Draw W and b uniformly from [-r, r], as MLPClassifier does.

    r² is 6 / (in + out), or 2 / (in + out) for a logistic layer. The weights are drawn
    in the order (in, out), before the biases. If the layers are drawn one after the
    other, the same random state gives the same weights as in MLPClassifier.

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward
    neural networks". AISTATS 9, 249-256.
    """
    n_out, n_in = W.shape
    r = sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out))
    W.T[:] = rng.uniform(-r, r, (n_in, n_out))
    b[:, 0] = rng.uniform(-r, r, n_out)


def uniform(variance: Callable[[int, int], float]) -> Initializer:
    """Return the initialiser that draws W uniformly with this variance; b = 0."""

    def fill(W: Array, b: Array, activation: str, rng: np.random.RandomState) -> None:
        r = sqrt(3.0 * variance(W.shape[1], W.shape[0]))
        W[:], b[:] = rng.uniform(-r, r, W.shape), 0.0

    return fill


def normal(variance: Callable[[int, int], float]) -> Initializer:
    """Return the initialiser that draws W from N(0, variance); b = 0."""

    def fill(W: Array, b: Array, activation: str, rng: np.random.RandomState) -> None:
        sigma = sqrt(variance(W.shape[1], W.shape[0]))
        W[:], b[:] = rng.standard_normal(W.shape) * sigma, 0.0

    return fill


def orthogonal(W: Array, b: Array, activation: str, rng: np.random.RandomState) -> None:
    """Draw W with orthonormal rows or columns, whichever are fewer; b = 0.

    References
    ----------
    Saxe, McClelland, Ganguli (2014), "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks". ICLR.
    """
    n_out, n_in = W.shape
    Q, R = np.linalg.qr(rng.standard_normal((max(W.shape), min(W.shape))))
    # Multiplied by the signs of R's diagonal, Q is uniformly distributed.
    Q *= np.sign(np.diag(R))
    W[:], b[:] = Q if n_out >= n_in else Q.T, 0.0


def glorot(n_in: int, n_out: int) -> float:
    """Return a variance that keeps the scale of both forward and backward signals."""
    return 2.0 / (n_in + n_out)


def he(n_in: int, n_out: int) -> float:
    """Return the variance that keeps the scale of forward signals through ReLU."""
    return 2.0 / n_in


def lecun(n_in: int, n_out: int) -> float:
    """Return the variance that keeps the scale of forward signals if f'(0) is 1."""
    return 1.0 / n_in


def small(n_in: int, n_out: int) -> float:
    """Return the variance 0.01²."""
    return 1e-4


#: The initialisers by their public names. He, Zhang, Ren, Sun (2015), "Delving deep
#: into rectifiers"; LeCun, Bottou, Orr, Müller (1998), "Efficient backprop".
INITIALIZERS: dict[str, Initializer] = {
    "sklearn": sklearn,
    "glorot_uniform": uniform(glorot),
    "glorot_normal": normal(glorot),
    "he_uniform": uniform(he),
    "he_normal": normal(he),
    "lecun_uniform": uniform(lecun),
    "lecun_normal": normal(lecun),
    "orthogonal": orthogonal,
    "small_normal": normal(small),
}
