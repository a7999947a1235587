"""A linear model beside a network, for where the network is not clearly better.

Squared errors take the noise for normal, of one size. Where it is not, because of gross
outliers or of tails as heavy as those of features and targets that are products, a
network of the highest evidence may bend towards single samples, and be far off between
them. The errors of each sample when it is left out tell: for a linear model, and for a
network whose precisions stay as they are and whose outputs are linear in theta, they
are::

    r_i / (1 - h_i),      h_i = beta J_i A^-1 J_i'

where r_i are the residuals, and h_i the part that a sample has in its own prediction.
(Weights are repetitions, of which one is left out.)
The standard error of the mean difference of their squares counts n - gamma samples: a
network that has used up most of them says little of its errors.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
Breiman, Friedman, Olshen, Stone (1984), "Classification and regression trees", for the
rule of the standard error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import issparse

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array, Rows
from skbp.engine.gauss_newton import GaussNewton, variances
from skbp.engine.lm import Evidence, Penalty, covariance, prior_precisions, sizes
from skbp.engine.losses import Loss
from skbp.engine.network import Network, predict
from skbp.engine.samples import Samples

#: Standard errors by which a network has to be better than the linear model.
CLEARLY = 2.0
#: Largest weighted input of a hidden unit that is to be linear.
SMALL = 1e-3
#: Penalties of the linear model, relative to its largest curvature.
LAMBDAS = 10.0 ** np.arange(-8.0, 4.5, 0.5)
#: Estimates until the precisions at given weights have settled.
ESTIMATES = 30


def linear_instead(
    network: Network,
    loss: Loss,
    samples: Samples,
    rows: Rows | None,
    theta: Array,
    evidence: Sequence[Evidence],
) -> tuple[Array, Evidence] | None:
    """Return a network that is linear, if those of theta (m, P) are not clearly better.

    They predict together. None also where hidden layers are too narrow for it.
    """
    part = slice(0, len(samples)) if rows is None else rows
    X = samples.X[part]
    X = (X.toarray() if issparse(X) else X).astype(np.float64)
    Y = samples.Y[part].astype(np.float64)
    weights = np.ones(len(Y)) if samples.weights is None else samples.weights[part]
    seen = weights > 0.0
    X, Y, weights = X[seen], Y[seen], weights[seen]
    coef, intercept, linear = ridge(X, Y, weights)
    each = [
        left_out(network, theta_k, one, X, Y)
        for theta_k, one in zip(theta, evidence, strict=True)
    ]
    worse = (np.mean(each, axis=0) ** 2 - linear**2).sum(axis=1)
    mean = np.average(worse, weights=weights)
    free = weights.sum() - np.mean([one.gamma.sum() for one in evidence])
    spread = np.average((worse - mean) ** 2, weights=weights)
    error = np.sqrt(spread / max(float(free), 1e-9))
    line = as_network(network, coef, intercept, X)
    if mean < -CLEARLY * error or line is None:
        return None
    line = line.astype(theta.dtype)
    return line, at_peak(network, loss, samples, part, line, evidence[0])


def ridge(X: Array, Y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Return W (features, outputs), b and the errors of samples that are left out.

    Lambda is that of the smallest such errors.
    """
    total, root = weights.sum(), np.sqrt(weights)[:, np.newaxis]
    x_mean, y_mean = (np.average(part, axis=0, weights=weights) for part in (X, Y))
    U, d, Vt = np.linalg.svd(root * (X - x_mean), full_matrices=False)
    target = U.T @ (root * (Y - y_mean))
    best = np.inf
    for lam in LAMBDAS * max(d[0] ** 2, 1e-300):
        W = Vt.T @ ((d / (d**2 + lam))[:, np.newaxis] * target)
        h = 1.0 / total + (U / root) ** 2 @ (d**2 / (d**2 + lam))
        errors = without(Y - y_mean - (X - x_mean) @ W, h[:, np.newaxis])
        cost = np.average((errors**2).sum(axis=1), weights=weights)
        if cost < best:
            best, result = cost, (W, y_mean - x_mean @ W, errors)
    return result


def left_out(
    network: Network,
    theta: Array,
    evidence: Evidence,
    X: Array,
    Y: Array,
) -> Array:
    """Return the errors of samples that are left out, (n, outputs)."""
    outputs, variance = variances(network, theta, covariance(evidence.A), X)
    return without(Y - outputs, evidence.beta * variance)


def without(residuals: Array, h: Array) -> Array:
    """Return what residuals are where the sample has no part in its prediction."""
    result: Array = residuals / np.maximum(1.0 - h, 1e-9)
    return result


def as_network(network: Network, W: Array, b: Array, X: Array) -> Array | None:
    """Return theta (P,) of a network that computes W'x + b, nearly; None if none can.

    The first units of each hidden layer pass the directions of W on, small enough that
    an activation is its tangent: f(c + u) = f(c) + f'(c) u.
    """
    U, d, Vt = np.linalg.svd(W, full_matrices=False)
    rank = max(1, int((d > 1e-12 * d[0]).sum()))
    if min(network.units[1:-1]) < rank or not network.biases:
        return None
    theta: Array = np.zeros((1, network.n_parameters))
    weights, biases = network.split(theta)
    into = U[:, :rank].T
    scale = SMALL / max(float(np.abs(X @ into.T).max()), 1e-300)
    into, value = scale * into, 0.0
    for l, name in enumerate(network.activations, start=1):
        c, f_c, slope = tangent(name)
        weights[l][0, :rank, : into.shape[1]] = into
        biases[l][0, :rank, 0] = c - into.sum(axis=1) * value
        into, value = np.eye(rank) / slope, f_c
    out = (Vt[:rank].T * d[:rank]) @ into / scale
    weights[-1][0, :, :rank] = out
    # What the tangents leave, the units beyond the rank included, is constant.
    center = 0.5 * (X.min(axis=0) + X.max(axis=0))[np.newaxis]
    left = center @ W + b - predict(network, weights, biases, center)[0]
    biases[-1][0, :, 0] = left[0]
    found: Array = theta[0]
    return found


def tangent(name: str) -> tuple[float, float, float]:
    """Return c, f(c) and f'(c) where f is close to its tangent: 0, or 1 for a kink."""
    h, points = SMALL, []
    for c in (0.0, 1.0):
        Z = np.array([c - h, c, c + h]).reshape(1, 1, 3)
        ACTIVATIONS[name](Z.shape, Z.dtype)[0](Z)
        below, f_c, above = Z[0, 0]
        slope = (above - below) / (2.0 * h)
        points.append((abs(above + below - 2.0 * f_c) / abs(slope), c, f_c, slope))
    return min(points)[1:]


def at_peak(
    network: Network,
    loss: Loss,
    samples: Samples,
    rows: Rows | slice,
    theta: Array,
    like: Evidence,
) -> Evidence:
    """Return the evidence at these weights, with the precisions that suit them best."""
    X_size, variance = sizes(samples, rows)
    prior = prior_precisions(network, X_size, variance)
    N = samples.total(rows) * network.units[-1]
    penalty = Penalty(network, loss, N, prior, variance, like.groups, 0.0)
    at = theta.astype(np.float64)
    E, _, H = GaussNewton(network, loss, samples, rows)(at[np.newaxis])
    for _ in range(ESTIMATES):
        evidence = penalty.estimate(float(E[0]), at, H[0])
    return evidence
