"""A linear model beside networks, for data on which networks are not clearly better.

The squared error assumes normal noise of one size. With gross outliers, or with tails
as heavy as those of products of features, this is wrong. A network with the highest
evidence may then bend towards single samples, and be far off between them. The
leave-one-out errors, the errors at each sample when it is left out, show this. For a
linear model, and for a network whose precisions stay fixed and whose outputs are linear
in theta, the leave-one-out errors are::

    r_i / (1 - h_i),      h_i = beta J_i A^-1 J_i'

where r_i are the residuals, and h_i is the influence of a sample on its own prediction.
A sample of weight w_i counts as w_i copies, which are left out together: h_i becomes
w_i h_i. If only one copy were left out, the other copies would give it away.

The linear model is compared with the networks by the mean difference of their squared
errors. The standard error of this mean is computed from n - gamma samples and not from
all n distinct samples, because a network whose effective number of parameters gamma is
close to n says little about its errors.

The share of the linear model in predictions falls from 1 to 0 while the mean
difference, in standard errors, falls from 1 to -4. In between, both predict: the
squared error of a mean is never above the mean of the squared errors.

References
----------
MacKay (1992), "A practical Bayesian framework for backpropagation networks". Neural
Computation 4, 448-472.
Breiman (1996), "Stacked regressions". Machine Learning 24, 49-64.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array
from skbp.engine.curvature import GaussNewton, variances
from skbp.engine.evidence.posterior import Evidence, inverse
from skbp.engine.evidence.precisions import Precisions, prior_precisions, sizes
from skbp.engine.evidence.ridge import Ridge, distinct_rows, leave_one_out, ridge
from skbp.engine.network import Network, predict
from skbp.engine.problem import Problem
from skbp.engine.samples import Samples, Sums, added

#: The linear model predicts alone if the networks are worse by WORSE standard errors or
#: more. The networks predict alone if they are better by BETTER standard errors or
#: more. A single sample with much larger errors than all others amounts to about 1
#: standard error.
WORSE, BETTER = 1.0, 4.0
#: The networks also predict alone if they are better on more than this fraction of the
#: samples.
MOSTLY = 0.8
#: A sample counts at most MOST times the mean squared error of the linear model. The
#: errors of a network can be huge at samples with extreme features when these are left
#: out, and must not outweigh thousands of other samples.
MOST = 1000.0
#: The typical weighted input of a hidden unit that should act linearly. LESS is for
#: activations that are 0 at 0, with which nothing is lost to rounding; extreme samples
#: then stay in the linear range, too.
SMALL, LESS = 3e-3, 1e-4


class LinearModel(NamedTuple):
    """A linear model in the form of a network, and its share in predictions.

    Attributes
    ----------
    share : array (outputs,)
        The share of the linear model in predictions; the networks have the rest.
    theta : array (P,)
    evidence : Evidence
    """

    share: Array
    theta: Array
    evidence: Evidence


def linear_beside(
    problem: Problem, theta: Array, evidence: Sequence[Evidence]
) -> LinearModel | None:
    """Return the linear model that predicts together with networks theta (m, P).

    Return None if the linear model has no share, or if the network cannot represent it,
    or if targets have weights of their own: equal rows of X cannot be merged then.
    """
    network, samples = problem.network, problem.samples
    if samples.sum(weighs_targets)[0]:
        return None
    line, errors = ridge(samples)
    networks = [
        (theta_k, inverse(one.A)[0], one.beta)
        for theta_k, one in zip(theta, evidence, strict=True)
    ]
    terms = partial(differences, network, networks, line, MOST * errors)
    worse, squares, better, n = samples.sum(terms)
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
    return LinearModel(share, found, at_peak(problem, found, evidence[0]))


def share_of(worse: Array) -> Array:
    """Return the share of a linear model that is better by so many standard errors."""
    share = np.clip((worse + BETTER) / (WORSE + BETTER), 0.0, 1.0)
    # nan is 0 / 0: the networks and the linear model make the same errors.
    return np.where(np.isnan(share), 1.0, share)


# Sums over samples.


def weighs_targets(samples: Samples) -> Sums:
    """Return the number () of samples whose targets have weights of their own."""
    weights = samples.weights
    own = weights is not None and weights.ndim == 2
    return (np.array(len(samples) if own else 0),)


def differences(
    network: Network,
    networks: Sequence[tuple[Array, Array, Array]],
    line: Ridge,
    most: Array,
    samples: Samples,
) -> Sums:
    """Return sums that compare the squared errors of networks and of a line.

    The sums, each (outputs,), are: the differences of the squared leave-one-out errors,
    their squares, and the weights of the samples on which the networks are better. The
    last result is the number of distinct samples. Differences are clipped to ``most``.
    """

    def of_block(X: Array, Y: Array, w: Array) -> Sums:
        each = [left_out(network, *one, X, Y, w) for one in networks]
        worse = np.mean(each, axis=0) ** 2 - line.left_out(X, Y, w) ** 2
        worse = np.clip(worse, -most, most)
        better, n = w @ (worse < 0.0), np.array(float(len(w)))
        return w @ worse, w @ worse**2, better, n

    return added(of_block(*block) for block in distinct_rows(samples))


def left_out(
    network: Network,
    theta: Array,
    covariance: Array,
    beta: Array,
    X: Array,
    Y: Array,
    w: Array,
) -> Array:
    """Return the leave-one-out errors of a network, (n, outputs)."""
    outputs, variance = variances(network, theta, covariance, X)
    return leave_one_out(Y - outputs, w[:, np.newaxis] * beta * variance)


# The linear model as a network.


def as_network(network: Network, line: Ridge) -> Array | None:
    """Return theta (P,) of a network that computes about W'x + b; None if none can.

    The first units of each hidden layer pass on x along the directions of W. The inputs
    of these units are so small that an activation equals its tangent::

        f(c + u) = f(c) + f'(c) u
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
    # If W is 0 the line is a constant, and needs no hidden units.
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
    # What the tangents leave out is constant, including the outputs of the units beyond
    # the rank. The last biases make up for it.
    center = line.mean[np.newaxis]
    left = center @ line.W + line.b - predict(network, weights, biases, center)[0]
    biases[-1][0, :, 0] = left[0]
    found: Array = theta[0]
    return found


def tangent(name: str) -> tuple[float, float, float]:
    """Return c, f(c) and f'(c) at 0 or 1, wherever f is closer to its tangent."""
    h, points = SMALL, []
    for c in (0.0, 1.0):
        Z = np.array([c - h, c, c + h]).reshape(1, 1, 3)
        ACTIVATIONS[name](Z.shape, Z.dtype)[0](Z)
        below, f_c, above = Z[0, 0]
        slope = (above - below) / (2.0 * h)
        points.append((abs(above + below - 2.0 * f_c) / abs(slope), c, f_c, slope))
    return min(points)[1:]


def at_peak(problem: Problem, theta: Array, like: Evidence) -> Evidence:
    """Return the evidence at these weights, with the best precisions for them."""
    network, loss, samples = problem.network, problem.loss, problem.samples
    X_size, variance, N = sizes(samples)
    prior = prior_precisions(network, X_size, variance)
    precisions = Precisions(network, loss, N, prior, variance, like.groups, 0.0)
    at = theta.astype(np.float64)
    E, _, H = GaussNewton(network, loss, samples, apart=True)(at[np.newaxis])
    return precisions.settle(E[0], at, H[0])
