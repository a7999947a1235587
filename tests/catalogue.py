"""The instances over which the laws are written, and the data they are tried on."""

import numpy as np

from skbp.engine.activations import ACTIVATIONS, HIDDEN
from skbp.engine.initializers import INITIALIZERS
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network
from skbp.engine.solvers.optimizers import OPTIMIZERS

ALL_ACTIVATIONS = sorted(ACTIVATIONS)
HIDDEN_ACTIVATIONS = sorted(HIDDEN)
ALL_LOSSES = sorted(LOSSES)
ALL_OPTIMIZERS = sorted(OPTIMIZERS)

ALL_INITIALIZERS = sorted(INITIALIZERS)

#: Each loss with each output activation that suits it, the canonical one first.
LOSS_AND_OUTPUT = [
    (name, output) for name in ALL_LOSSES for output in LOSSES[name].outputs
]


def targets(loss, n, outputs, rng):
    """Return targets (n, outputs) that a loss can have."""
    if loss == "log_loss":
        return np.eye(outputs)[rng.randint(outputs, size=n)]
    if loss == "binary_log_loss":
        return rng.randint(2, size=(n, outputs)).astype(float)
    if loss == "gamma":
        return rng.gamma(2.0, size=(n, outputs)) + 0.1
    if loss == "poisson":
        return rng.poisson(1.5, size=(n, outputs)).astype(float)
    return rng.standard_normal((n, outputs))


def random_theta(network, K, rng, dtype=np.float64):
    """Return parameters (K, P), each network drawn by the initialiser."""
    theta = np.empty((K, network.n_parameters), dtype)
    W, b = network.split(theta)
    for k in range(K):
        for W_l, b_l in list(zip(W, b, strict=True))[1:]:
            INITIALIZERS["sklearn"](W_l[k], b_l[k], "tanh", rng)
    return theta


def make_network(features, hidden, outputs, activation):
    """Return a network with the same activation in all hidden layers."""
    return Network((features, *hidden, outputs), (activation,) * len(hidden))
