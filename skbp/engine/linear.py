"""A linear model beside networks, for where they are not clearly better.

Squared errors take the noise for normal, of one size. Where it is not, because of gross
outliers or of tails as heavy as those of features and targets that are products, a
network of the highest evidence may bend towards single samples, and be far off between
them. The errors of each sample when it is left out tell: for a linear model, and for a
network whose precisions stay as they are and whose outputs are linear in theta, they
are::

    r_i / (1 - h_i),      h_i = beta J_i A^-1 J_i'

where r_i are the residuals, and h_i the part that a sample has in its own prediction.
A weight w_i is so many copies, and copies of a sample are left out together: w_i h_i
takes the place of h_i. Otherwise those that stay would tell of those that are out.

The standard error of the mean difference of their squares counts n - gamma samples, of
n different ones: a network that has used up most of them says little of its errors.

The share of the linear model in predictions falls from all to nothing while that mean,
in standard errors, falls from 1 to -4. Between, both predict: the squared error of a
mean is nowhere above the mean of the squared errors.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
Breiman (1996), "Stacked regressions". Machine Learning 24, 49-64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import issparse

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array, Rows, blocks
from skbp.engine.gauss_newton import GaussNewton, variances
from skbp.engine.lm import (
    Evidence,
    Penalty,
    covariance,
    of_rows,
    prior_precisions,
    sizes,
    sums,
)
from skbp.engine.losses import Loss
from skbp.engine.network import Network, predict
from skbp.engine.samples import Parts, Samples, Sums, added

#: Standard errors by which networks are worse than the linear model where it predicts
#: alone, and better where they do. A single sample of much greater errors than the
#: others is about 1 standard error.
WORSE, BETTER = 1.0, 4.0
#: Part of the samples that is enough to be better on, whatever the others say.
MOSTLY = 0.8
#: By how many times the line's mean squared error a sample may count. A network is far
#: off where a sample of extreme features is left out, which must not decide over
#: thousands of others.
MOST = 1000.0
#: Typical weighted input of a hidden unit that is to be linear; less where its output
#: is 0 at 0, and nothing is lost to rounding: extreme samples are to be small, too.
SMALL, LESS = 3e-3, 1e-4
#: Penalties of the linear model, relative to its largest curvature.
LAMBDAS = 10.0 ** np.arange(-8.0, 4.5, 0.5)


@dataclass
class Line:
    """A ridge regression, and what it says of samples that are left out.

    Attributes
    ----------
    W : array (features, outputs)
    b : array (outputs,)
    total : float
        The weight of the samples.
    mean, second : array (features,), (features, features)
        The means of X, and of the products of its features less their means.
    V, parts : array (features, features), (features, outputs)
        Directions of X, of features in units of their size, one a column; and what the
        squares of X along them are multiplied with to make h.
    """

    W: Array
    b: Array
    total: float
    mean: Array
    second: Array
    V: Array
    parts: Array

    def left_out(self, X: Array, Y: Array, w: Array) -> Array:
        """Return the errors of samples that are left out, (n, outputs)."""
        h = 1.0 / self.total + ((X - self.mean) @ self.V) ** 2 @ self.parts
        return without(Y - X @ self.W - self.b, w[:, np.newaxis] * h)


def linear_beside(
    network: Network,
    loss: Loss,
    samples: Samples | Parts,
    rows: Rows | None,
    theta: Array,
    evidence: Sequence[Evidence],
) -> tuple[Array, Array, Evidence] | None:
    """Return the share (outputs,) of a linear model beside networks, theta (m, P).

    They predict together. The linear model is a network, too: its theta (P,) and its
    evidence come second and third. None where it has no share, or where hidden layers
    are too narrow for it.
    """
    part = slice(0, len(samples)) if rows is None else rows
    line, errors = ridge(samples, part)
    networks = [
        (theta_k, covariance(one.A), one.beta)
        for theta_k, one in zip(theta, evidence, strict=True)
    ]
    terms = partial(differences, network, networks, line, MOST * errors)
    worse, squares, better, n = sums(samples, part, terms)
    mean = worse / line.total
    gamma = np.mean([one.gamma.sum() for one in evidence]) / network.units[-1]
    free = n - gamma
    spread = np.maximum(squares / line.total - mean**2, 0.0)
    deviation = np.sqrt(spread / max(float(free), 1e-9))
    share = np.where(better > MOSTLY * line.total, 0.0, share_of(mean / deviation))
    found = as_network(network, line)
    if not share.any() or found is None or not np.isfinite(found).all():
        return None
    found = found.astype(theta.dtype)
    return share, found, at_peak(network, loss, samples, part, found, evidence[0])


def share_of(worse: Array) -> Array:
    """Return the share of a linear model where it is so many standard errors better."""
    share = np.clip((worse + BETTER) / (WORSE + BETTER), 0.0, 1.0)
    # Where both are the same it is not a number.
    return np.where(np.isnan(share), 1.0, share)


def ridge(samples: Samples | Parts, rows: Rows | slice) -> tuple[Line, Array]:
    """Return the ridge regression of the smallest squared errors of samples left out.

    Their means (outputs,) come second. The penalty is one for each output, of features
    in units of their size.
    """
    m = samples.total(rows)
    x, y = (one / m for one in sums(samples, rows, totals))
    XX, XY = sums(samples, rows, partial(products, x, y))
    size = np.sqrt(np.diag(XX) / m)
    # What varies by rounding alone is a constant.
    unit = np.where(size > np.finfo(float).eps * m * np.abs(x), 1.0 / size, 0.0)
    curvatures, V = np.linalg.eigh(unit[:, np.newaxis] * XX * unit)
    curvatures, V = np.maximum(curvatures, 0.0), unit[:, np.newaxis] * V
    lines = []
    for lam in LAMBDAS * max(curvatures[-1], 1e-300):
        shrunk = V / (curvatures + lam)
        W = shrunk @ (V.T @ XY)
        parts = 1.0 / (curvatures + lam)
        lines.append(Line(W, y - x @ W, m, x, XX / m, V, parts[:, np.newaxis]))
    (errors,) = sums(samples, rows, partial(squared_errors, lines))
    # Of penalties that are as good the largest: two samples leave nothing but rounding.
    equal = errors <= 1.001 * errors.min(axis=0)
    best = len(lines) - 1 - equal[::-1].argmax(axis=0)
    W = np.stack([lines[k].W[:, o] for o, k in enumerate(best)], axis=1)
    parts = np.hstack([lines[k].parts for k in best])
    return Line(W, y - x @ W, m, x, XX / m, V, parts), errors.min(axis=0) / m


# What is summed over samples.


def seen(
    samples: Samples, rows: Rows | slice | None
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield X, Y and weights of samples that differ in X, dense and by blocks.

    The weights of copies are added; their Y is the mean. Copies in several parts are
    not known as such.
    """
    X, Y, weights = of_rows(samples, rows)
    key = row_keys(X)
    order = np.argsort(key, kind="stable")
    order = order[weights[order] > 0.0]
    starts = np.flatnonzero(np.diff(key[order], prepend=np.nan) != 0.0)
    ends = np.append(starts[1:], len(order))
    if not len(starts):
        yield np.zeros((0, X.shape[1])), Y[:0], weights[:0]
    for block in blocks(len(starts)):
        part = order[starts[block][0] : ends[block][-1]]
        at = starts[block] - starts[block][0]
        w = np.add.reduceat(weights[part], at)
        Y_sum = np.add.reduceat(weights[part, np.newaxis] * Y[part], at)
        X_b = X[part[at]]
        X_b = X_b.toarray() if issparse(X) else X_b
        yield X_b.astype(np.float64), Y_sum / w[:, np.newaxis], w


def row_keys(X: Any) -> Array:
    """Return a number for each row of X that is the same for the same rows alone."""
    mix = np.random.RandomState(0).standard_normal(X.shape[1])
    if X.shape[0]:
        # Features of any size take part alike.
        ends = [X.max(axis=0), X.min(axis=0)]
        high, low = (np.ravel(e.toarray() if issparse(e) else e) for e in ends)
        most = np.maximum(high, -low).astype(np.float64)
        mix /= np.where(most > 0.0, most, 1.0)
    if issparse(X):
        return np.asarray(X.astype(np.float64) @ mix)
    # Row by row in the same order, unlike a product of BLAS.
    keys: Array = np.einsum("ij,j->i", X, mix, dtype=np.float64)
    return keys


def totals(rows: Rows | slice | None, samples: Samples) -> Sums:
    """Return the sums of X (features,) and of Y (outputs,)."""
    return added((w @ X, w @ Y) for X, Y, w in seen(samples, rows))


def products(x: Array, y: Array, rows: Rows | slice | None, samples: Samples) -> Sums:
    """Return X'X and X'Y, of X - x and Y - y."""
    return added(
        (((X - x).T * w) @ (X - x), ((X - x).T * w) @ (Y - y))
        for X, Y, w in seen(samples, rows)
    )


def squared_errors(
    lines: Sequence[Line], rows: Rows | slice | None, samples: Samples
) -> Sums:
    """Return the squared errors (lines, outputs) of samples that are left out."""
    return added(
        (np.array([w @ line.left_out(X, Y, w) ** 2 for line in lines]),)
        for X, Y, w in seen(samples, rows)
    )


def differences(
    network: Network,
    networks: Sequence[tuple[Array, Array, Array]],
    line: Line,
    most: Array,
    rows: Rows | slice | None,
    samples: Samples,
) -> Sums:
    """Return by how much squared errors are above the line's; the squares of that.

    No sample counts more than ``most``. Then comes the weight of those below, each of
    these (outputs,); and the number of all.
    """

    def of_block(X: Array, Y: Array, w: Array) -> Sums:
        each = [left_out(network, *one, X, Y, w) for one in networks]
        worse = np.mean(each, axis=0) ** 2 - line.left_out(X, Y, w) ** 2
        worse = np.clip(worse, -most, most)
        better, n = w @ (worse < 0.0), np.array(float(len(w)))
        return w @ worse, w @ worse**2, better, n

    return added(of_block(*block) for block in seen(samples, rows))


def left_out(
    network: Network,
    theta: Array,
    covariance: Array,
    beta: Array,
    X: Array,
    Y: Array,
    w: Array,
) -> Array:
    """Return the errors of samples that are left out, (n, outputs)."""
    outputs, variance = variances(network, theta, covariance, X)
    return without(Y - outputs, w[:, np.newaxis] * beta * variance)


def without(residuals: Array, h: Array) -> Array:
    """Return what residuals are where the sample has no part in its prediction."""
    result: Array = residuals / np.maximum(1.0 - h, 1e-9)
    return result


# The linear model as a network.


def as_network(network: Network, line: Line) -> Array | None:
    """Return theta (P,) of a network that computes W'x + b, nearly; None if none can.

    The first units of each hidden layer pass the directions of W on, small enough that
    an activation is its tangent: f(c + u) = f(c) + f'(c) u.
    """
    U, d, Vt = np.linalg.svd(line.W, full_matrices=False)
    rank = max(1, int((d > 1e-12 * d[0]).sum()))
    if min(network.units[1:-1]) < rank or not network.biases:
        return None
    theta: Array = np.zeros((1, network.n_parameters))
    weights, biases = network.split(theta)
    into = U[:, :rank].T
    squares = (
        np.einsum("ri,ij,rj->r", into, line.second, into) + (into @ line.mean) ** 2
    )
    # A constant needs no units.
    tangents = [tangent(name) for name in network.activations]
    small = SMALL if any(f_c for _, f_c, _ in tangents) else LESS
    scale = small / float(squares.max()) ** 0.5 if d[0] and squares.max() else 1.0
    into, value = scale * into * bool(d[0]), 0.0
    for l, (c, f_c, slope) in enumerate(tangents, start=1):
        weights[l][0, :rank, : into.shape[1]] = into
        biases[l][0, :rank, 0] = c - into.sum(axis=1) * value
        into, value = np.eye(rank) / slope, f_c
    out = (Vt[:rank].T * d[:rank]) @ into / scale
    weights[-1][0, :, :rank] = out
    # What the tangents leave, the units beyond the rank included, is constant.
    center = line.mean[np.newaxis]
    left = center @ line.W + line.b - predict(network, weights, biases, center)[0]
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
    samples: Samples | Parts,
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
    E, _, H = GaussNewton(network, loss, samples, rows, apart=True)(at[np.newaxis])
    return penalty.settle(E[0], at, H[0])
