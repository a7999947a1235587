"""Fresh hidden units, which learn what a network has left over.

The residual of a network is a new target, in units of its size. A few hidden units that
are fitted to the residual alone find an effect that the whole network, trained from
random weights, takes for noise. How good their start is depends on the input weights,
so there are several draws, and every other draw looks at the features that have to do
with the residual r: those with a large moment

    sum_i r_i x_ij          a trend,
    sum_i r_i x_ij x_ik     a bend (k = j) or an interaction.

References
----------
Li (1992), "On principal Hessian directions for data visualization and dimension
reduction". JASA 87, 1025-1039. (The moments.)
Fahlman and Lebiere (1990), "The cascade-correlation learning architecture". NIPS 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import log, pi
from typing import TypeAlias

import numpy as np

from skbp.engine.arrays import Array, Rows, by_sample
from skbp.engine.evidence.cut import Cut
from skbp.engine.evidence.moments import moments, totals
from skbp.engine.evidence.precisions import Precisions, in_float64, weighted
from skbp.engine.network import Network, predict
from skbp.engine.samples import Parts, Samples, Sums
from skbp.engine.solvers.climb import Climb, Found, Plan, Task, better

#: The number of draws of fresh units, and the number of steps that each of them takes.
DRAWS, STEPS = 6, 40
#: The rise of the log evidence above that of no units that ends the draws.
ENOUGH = 10.0
#: The factor of input weights: units begin almost linear. Larger ones would be bent
#: where nothing is known.
SMALL = 0.3
#: The number of features that the draws which look at the moments have; more if there
#: are more samples than this for each feature.
FEATURES, PER_FEATURE = 10, 100
#: How the climb of fresh units goes.
PLAN = Plan(first=5, patience=4)
#: The number of samples from which fresh units are fitted to a part of them only.
MANY = 1000
#: Network, weights, sizes of the residuals, and one of how many samples is drawn.
Known: TypeAlias = tuple[Network, Array, Array, int]


@dataclass(frozen=True)
class Fresh:
    """Fresh units, and the sizes (outputs,) of the residual they were fitted to."""

    found: Found
    size: Array


def fresh_units(
    task: Task, base: Array, units: Rows, drawn: Array, seed: int, tol: float
) -> Fresh | None:
    """Return hidden units that fit the residual of the weights ``base`` (P,) best.

    ``drawn`` (P,) are random weights of the whole network, for data of size 1.
    """
    network = task.network
    left, size = residual_task(task, base)
    scores = scores_of(left)
    most = max(FEATURES, int(task.m / PER_FEATURE))
    features = np.sort(np.argsort(-scores, kind="stable")[:most])
    rng, prior = np.random.RandomState(seed), left.prior(network)
    least = ENOUGH - 0.5 * left.N.sum() * (1.0 + log(2.0 * pi))
    best: Found | None = None
    for draw in range(DRAWS):
        theta = drawn_again(network, drawn, units, rng, keep=draw == 0)
        cut = Cut.of(network, units)
        if draw % 2 == 0:
            cut = cut.with_features(features)
            network.split(theta[np.newaxis])[0][1][:] *= scores
        theta = (theta / np.sqrt(prior))[cut.rows]
        climb = Climb(left, cut, theta, left.precisions(cut))
        for _ in climb.run(PLAN, tol, STEPS):
            pass
        best = better(climb.best, best)
        if best is not None and best.evidence.log_evidence > least:
            break
    return None if best is None else Fresh(best, size)


def drawn_again(
    network: Network, drawn: Array, units: Rows, rng: np.random.RandomState, keep: bool
) -> Array:
    """Return random weights (P,) of these units, distributed like those drawn.

    Without ``keep`` they are those of other units, with other signs and with the
    features in another order.
    """
    theta = drawn.copy()
    (W, b), (W_drawn, _) = (network.split(one[np.newaxis]) for one in (theta, drawn))
    n_in, n_hidden, _ = network.units
    for unit in units:
        if not keep:
            signs, order = rng.choice([-1.0, 1.0], n_in), rng.permutation(n_in)
            other = rng.randint(n_hidden)
            W[1][0, unit] = signs * W_drawn[1][0, other, order]
            W[2][0, :, unit] = W_drawn[2][0, :, other]
    W[1][:] *= SMALL
    if b:
        b[2][:] = 0.0
    return theta


# The residual.


def residual_task(task: Task, base: Array) -> tuple[Task, Array]:
    """Return the task whose targets are the residuals, and their sizes (outputs,)."""
    ones, step = np.ones(task.network.units[-1]), max(1, len(task.samples) // MANY)
    base = task.plain(base)
    known = (task.network, base, ones, step)
    r, rr, N, m = task.samples.sum(partial(of_residuals, sums_of_residuals, known))
    known_N = np.where(N > 0.0, N, 1.0)
    size = np.sqrt(np.maximum(rr / known_N - (r / known_N) ** 2, 0.0))
    size = np.where(size > 0.0, size, 1.0)
    known, samples = (task.network, base, size, step), task.samples
    if isinstance(samples, Samples):
        samples = residual_samples(known, samples)
    else:
        samples = samples.through(partial(sum_of, samples, known))
    frame = task.frame and task.frame.without_targets()
    task = replace(task, samples=samples, m=float(m), N=N, variance=ones, frame=frame)
    return task, size


def sum_of(parts: Parts, known: Known, terms: Callable[[Samples], Sums]) -> Sums:
    """Return the sums of the terms over the residuals of all parts."""
    return parts.sum(partial(of_residuals, terms, known))


def of_residuals(
    terms: Callable[[Samples], Sums], known: Known, samples: Samples
) -> Sums:
    """Return the terms of samples whose targets are the residuals."""
    return terms(residual_samples(known, samples))


def residual_samples(known: Known, samples: Samples) -> Samples:
    """Return one of ``step`` samples, with its residual over its size as the target.

    The samples are drawn at random, always the same ones. Samples at equal distances
    would miss what has a period.
    """
    network, base, size, step = known
    every = samples.every
    rows = np.arange(every.stop) if isinstance(every, slice) else every
    if step > 1:
        rows = rows[np.random.RandomState(len(rows)).rand(len(rows)) < 1.0 / step]
    X, Y = samples.X[rows], samples.Y[rows].astype(np.float64)
    R = (Y - predict(network, *network.split(base[np.newaxis]), X)[0]) / size
    return Samples(X, R, None if samples.weights is None else samples.weights[rows])


def sums_of_residuals(samples: Samples) -> Sums:
    """Return the sums of R, R² and weights (outputs,), and the weight of samples."""
    _, R, w = in_float64(samples)
    sums = (weighted(w, each) for each in (R, R**2, np.ones_like(R)))
    return *sums, by_sample(w).sum()


# What features have to do with the residual.


def scores_of(task: Task) -> Array:
    """Return how much each feature has to do with the targets; the mean square is 1."""
    samples, m = task.samples, task.m
    x, r = samples.sum(totals)
    x, r = x / m, r / task.N
    second, fourth, trends, bends = samples.sum(partial(moments, x, r))
    size = np.sqrt(second / m)
    varies = size > np.finfo(float).eps * m * np.abs(x)
    unit = np.where(varies, 1.0 / np.where(varies, size, 1.0), 0.0)
    trends = np.abs(trends).max(axis=1) * unit / m
    bends = np.abs(bends).max(axis=0) * unit[:, np.newaxis] * unit / m
    # The square of a feature varies by this much.
    spread = np.sqrt(np.maximum(fourth / m * unit**4 - 1.0, 0.1))
    bends[np.diag_indices_from(bends)] /= spread
    scores = np.maximum(trends, bends.max(axis=1)) ** 2
    mean = np.sqrt(np.mean(scores**2))
    return scores / mean if mean > 0.0 else np.ones_like(scores)


# Both together.


def joined(
    task: Task, base: Found, kept: Cut, fresh: Fresh
) -> tuple[Cut, Array, Precisions]:
    """Return cut, weights and precisions of a network with fresh units.

    ``kept`` is the part of ``base`` to keep. A group has the mean variance of its
    weights there, where a feature that has left, or was not there, has none.
    """
    found, network = fresh.found, task.network
    cut = kept.joined(found.cut)
    unit = np.ones(network.n_parameters)
    W, b = network.split(unit[np.newaxis])
    W[-1][0] *= fresh.size[:, np.newaxis]
    own = np.ones_like(unit)
    if b:
        b[-1][0, :, 0] *= fresh.size
        # There is only one output bias, whose precision is that of ``base``.
        own[-len(fresh.size) :] = 0.0
    theta = kept.expanded(base.whole[kept.rows]) + unit * found.whole
    variances = base.cut.expanded(1.0 / base.evidence.precisions)
    variances += own * unit**2 * found.cut.expanded(1.0 / found.evidence.precisions)
    precisions = task.precisions(cut)
    precisions.resume_variances(variances[cut.rows], base.evidence.beta)
    return cut, theta[cut.rows], precisions
