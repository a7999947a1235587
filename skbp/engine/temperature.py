"""The temperature: how sure of themselves networks may be, by a validation set.

After training, the raw outputs of all networks are divided by a temperature T::

    A[L] = f(Z[L] / T)

T minimises the loss on the validation set. Networks that are too sure of themselves
have T > 1. Z[L] = W[L] A[L-1] + b[L], so dividing the weights and biases of the output
layer has the same effect, and predictions need not know of T.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array
from skbp.engine.losses import Loss
from skbp.engine.network import Network

#: The largest absolute logarithm of a temperature, and its precision.
LIMIT, PRECISION = 5.0, 1e-3


def best_temperature(
    loss: Loss, Z: Array, Y: Array, weights: Array | None
) -> tuple[float, float]:
    """Return the best temperature of networks that predict together, and their loss.

    The loss is that at this temperature.

    Parameters
    ----------
    loss : Loss
        A loss of outputs that are probabilities.
    Z : array (m, n, outputs)
        The raw outputs of each network. The prediction is the mean of their outputs.
    Y, weights : array (n, outputs), array or None
        The targets of the validation set, and its sample weights.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger (2017), "On calibration of modern neural networks".
    ICML.
    """
    # The activation takes samples as columns.
    Z = np.ascontiguousarray(Z.mT, np.float64)
    f, _ = ACTIVATIONS[loss.activation](Z.shape, Z.dtype)
    A = np.empty_like(Z)

    def cost(log_T: float, Y: Array) -> float:
        np.multiply(Z, np.exp(-log_T), out=A)
        f(A)
        return loss.mean(A.mean(axis=0).T, Y, weights)

    options = {"xatol": PRECISION}
    with np.errstate(all="ignore"):
        possible = uncertain(Y, loss.activation, weights)
        found = minimize_scalar(
            cost,
            bounds=(-LIMIT, LIMIT),
            args=(possible,),
            method="bounded",
            options=options,
        )
        log_T = float(found.x) if found.fun < cost(0.0, possible) else 0.0
        return float(np.exp(log_T)), cost(log_T, Y)


def uncertain(Y: Array, activation: str, weights: Array | None) -> Array:
    """Return targets Y (n, outputs) as probabilities that n samples allow.

    One sample more is assumed, which belongs to all classes equally: n samples of a
    class say that its probability is (n + 1/classes) / (n + 1). Without this, networks
    that are right about all samples would be infinitely sure. With weights, n is their
    sum, for each output if targets have weights of their own.

    References
    ----------
    Platt (1999), "Probabilistic outputs for support vector machines and comparisons to
    regularized likelihood methods", with one sample more for each class.
    """
    outputs = Y.shape[1]
    n = len(Y) if weights is None else weights.sum(axis=0, dtype=np.float64)
    # A logistic output stands for two classes.
    classes = outputs if activation == "softmax" else 2
    share = 1.0 / (n + 1.0)
    probabilities: Array = (1.0 - share) * Y.astype(np.float64) + share / classes
    return probabilities


def divided(network: Network, theta: Array, temperature: float) -> Array:
    """Return theta (m, P) with the output layer divided by the temperature."""
    theta = theta.copy()
    W, b = network.split(theta)
    # (These are views into theta.)
    for layer in (W, b) if network.biases else (W,):
        layer[-1] /= theta.dtype.type(temperature)
    return theta
