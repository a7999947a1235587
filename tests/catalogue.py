"""The instances over which the laws are written, and the data they are tried on."""

from itertools import product

import numpy as np

from skbp.engine.activations import ACTIVATIONS, HIDDEN
from skbp.engine.initializers import glorot
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network
from skbp.engine.optimizers import OPTIMIZERS

ALL_ACTIVATIONS = sorted(ACTIVATIONS)
HIDDEN_ACTIVATIONS = sorted(HIDDEN)
ALL_LOSSES = sorted(LOSSES)
ALL_OPTIMIZERS = sorted(OPTIMIZERS)

#: Output activations other than the canonical one, into the range of the targets.
CHAINED = [
    ("squared_error", "logistic"),
    ("squared_error", "tanh"),
    ("squared_error", "softmax"),
    ("squared_error", "exp"),
    ("log_loss", "logistic"),
    ("binary_log_loss", "softmax"),
    ("poisson", "logistic"),
]
LOSS_AND_OUTPUT = [*product(ALL_LOSSES, [None]), *CHAINED]


def targets(loss, n, outputs, rng):
    """Return targets (n, outputs) that a loss can have."""
    if loss == "log_loss":
        return np.eye(outputs)[rng.randint(outputs, size=n)]
    if loss == "binary_log_loss":
        return rng.randint(2, size=(n, outputs)).astype(float)
    if loss == "poisson":
        return rng.poisson(1.5, size=(n, outputs)).astype(float)
    return rng.standard_normal((n, outputs))


def random_theta(network, K, rng, dtype=np.float64):
    """Return parameters (K, P), each network drawn by the initialiser."""
    theta = np.empty((K, network.n_parameters), dtype)
    W, b = network.split(theta)
    for k in range(K):
        for W_l, b_l in zip(W[1:], b[1:], strict=True):
            glorot(W_l[k], b_l[k], "tanh", rng)
    return theta


def make_network(features, hidden, outputs, activation):
    """Return a network with the same activation in all hidden layers."""
    return Network((features, *hidden, outputs), (activation,) * len(hidden))
