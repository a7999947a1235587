"""W and b before training."""

from __future__ import annotations

from math import sqrt

import numpy as np

from skbp.engine.arrays import Array


def glorot(W: Array, b: Array, activation: str, rng: np.random.RandomState) -> None:
    """Draw the W (out, in) and b (out, 1) of one layer uniformly from [-r, r].

    r² = 6 / (in + out), and 2 / (in + out) for a logistic layer. The numbers are drawn
    in float64, weights in the order (in, out) before biases: called layer by layer,
    they are MLPClassifier's own draws from the same random state.

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep feedforward
    neural networks". AISTATS 9, 249-256.
    """
    n_out, n_in = W.shape
    r = sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out))
    W.T[:] = rng.uniform(-r, r, (n_in, n_out))
    b[:, 0] = rng.uniform(-r, r, n_out)
