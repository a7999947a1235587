"""Samples in parts: sums over them are those over the whole, in whatever place."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.precisions import sizes
from skbp.engine.losses import LOSSES
from skbp.engine.objective import Objective
from skbp.engine.samples import Parts, Samples, added
from skbp.engine.settings import Settings
from skbp.engine.solvers.batches import of_parts
from tests.catalogue import make_network, random_theta, targets

N, CUTS = 50, [0, 20, 21, 44, 50]
EVERY = slice(0, N)


def problem(loss="squared_error", weighted=True):
    """Return a network, theta, samples and the same samples in parts."""
    rng = np.random.RandomState(0)
    network = make_network(3, (4,), 2, "tanh")
    X, Y = rng.standard_normal((N, 3)), targets(loss, N, 2, rng)
    weights = rng.uniform(size=N) if weighted else None
    if weighted:
        # A part may weigh nothing.
        weights[20:21] = 0.0
    pieces = [
        Samples(X[a:b], Y[a:b], None if weights is None else weights[a:b])
        for a, b in pairwise(CUTS)
    ]
    parts = Parts(
        [len(piece) for piece in pieces],
        X.dtype,
        lambda terms: added(map(terms, pieces)),
        lambda: iter(pieces),
    )
    return network, random_theta(network, 2, rng), Samples(X, Y, weights), parts


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_and_its_gradient(loss, weighted):
    network, theta, samples, parts = problem(loss, weighted)
    assert len(parts) == N
    assert parts.total(EVERY) == pytest.approx(samples.total(EVERY))
    alpha = np.array([[0.0], [0.3]])
    one, other = (
        Objective(network, LOSSES[loss], data, alpha, theta)
        for data in (samples, parts)
    )
    for a, b in zip(one.parts(EVERY), other.parts(EVERY), strict=True):
        assert_allclose(a, b)
    assert_allclose(one.grad, other.grad, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", [n for n, loss in LOSSES.items() if loss.convex])
def test_the_gauss_newton_matrix(loss, weighted):
    network, theta, samples, parts = problem(loss, weighted)
    one, other = (GaussNewton(network, LOSSES[loss], data) for data in (samples, parts))
    for a, b in zip(one(theta), other(theta), strict=True):
        assert_allclose(a, b, rtol=1e-10, atol=1e-12)
    assert_allclose(one.value(theta), other.value(theta))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_sizes_of_the_data(weighted):
    _, _, samples, parts = problem(weighted=weighted)
    X, Y, weights = samples.X, samples.Y, samples.weights
    center = np.average(Y, axis=0, weights=weights)
    X_size = np.average((X**2).mean(axis=1), weights=weights)
    variances = np.average((Y - center) ** 2, axis=0, weights=weights)
    for data in (samples, parts):
        assert_allclose(sizes(data)[0], X_size)
        assert_allclose(sizes(data)[1], variances)


def test_the_sizes_of_targets_with_weights_of_their_own():
    _, _, samples, _ = problem()
    X, Y, weights = samples.X, samples.Y, np.random.RandomState(3).rand(N, 2)
    X_size, variances, numbers = sizes(Samples(X, Y, weights))
    alone = [sizes(Samples(X, Y[:, [j]], weights[:, j])) for j in range(2)]
    assert_allclose(variances, [one[1][0] for one in alone])
    assert_allclose(numbers, [one[2][0] for one in alone])
    assert X_size == pytest.approx(sizes(Samples(X, Y, weights.mean(axis=1)))[0])


def test_sums_leave_what_they_add_as_it_was():
    results = [(np.ones(2), np.zeros(())), (np.ones(2), np.ones(()))]
    total = added(results)
    assert_array_equal(total[0], [2.0, 2.0])
    assert_array_equal(results[0][0], [1.0, 1.0])


@pytest.mark.parametrize("shuffle", [False, True])
def test_an_epoch_has_each_sample_once_and_no_batch_of_two_parts(shuffle):
    *_, parts = problem()
    settings = Settings(batch_size=8, shuffle=shuffle)
    batches = list(of_parts(parts, settings, np.random.RandomState(0)))
    starts, seen = dict(zip(map(id, parts.stream()), CUTS, strict=False)), []
    for samples, rows, gone in batches:
        rows = np.arange(len(samples))[rows]
        assert starts[id(samples)] <= round(gone * N) == len(seen)
        seen += (starts[id(samples)] + rows).tolist()
    assert sorted(seen) == list(range(N))
    assert (seen == list(range(N))) is not shuffle


def test_a_batch_of_all_samples_is_one_of_all_parts():
    *_, parts = problem()
    settings = Settings(batch_size=N)
    ((samples, rows, gone),) = of_parts(parts, settings, np.random.RandomState(0))
    assert samples is parts
    assert (rows, gone) == (EVERY, 0.0)
    # Not with dropout, whose masks are drawn where the network trains.
    settings = Settings(batch_size=N, dropout=(0.5,))
    assert len(list(of_parts(parts, settings, np.random.RandomState(0)))) == 4
