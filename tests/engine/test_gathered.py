"""Batches that are gathered ahead, and parameters that are arranged for products."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from skbp.engine.losses import LOSSES
from skbp.engine.objective import Objective
from skbp.engine.problem import Problem
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from skbp.engine.solvers import batches as module
from skbp.engine.solvers.batches import Gatherer, in_batches
from skbp.engine.solvers.stochastic import Cohort
from tests.catalogue import make_network, random_theta

N, FEATURES, OUTPUTS = 53, 3, 2
RNG = np.random.RandomState(0)
X, Y = RNG.standard_normal((N, FEATURES)), RNG.standard_normal((N, OUTPUTS))
WEIGHTS = {"alike": None, "samples": RNG.rand(N), "targets": RNG.rand(N, OUTPUTS)}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("rows", [None, RNG.permutation(N)[:31]], ids=["all", "some"])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("size", [1, 7, 31, N])
@pytest.mark.parametrize("kind", ["table", "large", "sparse"])
def test_gathered_batches_are_the_batches(
    kind, size, shuffle, rows, weights, monkeypatch
):
    """Over several epochs; at most three batches of 7 fit into what is gathered."""
    monkeypatch.setattr(module, "AHEAD", 3 * 7 * FEATURES * X.itemsize)
    if kind == "large":
        monkeypatch.setattr(module, "SMALL", 0)
    data = scipy.sparse.csr_array(X) if kind == "sparse" else X
    samples = Samples(data, Y, weights, rows)
    gathered = Gatherer(samples, True)
    for _ in range(2):
        order = rows
        if shuffle:
            order = RNG.permutation(np.arange(N) if rows is None else rows)
        plain = list(in_batches(samples, order, size))
        found = gathered(iter(plain))
        for (one, some, part), (other, its, gone) in zip(plain, found, strict=True):
            columns = one.columns(some, X.dtype)
            X_found, Y_found, weights_found = other.columns(its, X.dtype)
            X_known = columns[0].toarray() if kind == "sparse" else columns[0]
            if kind == "sparse":
                X_found = X_found.toarray()
            if len(X_found) > FEATURES:
                assert_array_equal(X_found[-1], 1.0)
            assert_array_equal(X_found[:FEATURES], X_known)
            assert_array_equal(Y_found, columns[1])
            assert_array_equal(weights_found, columns[2])
            assert gone == part


def test_samples_of_several_parts_are_not_mixed():
    parts = [Samples(X[a], Y[a]) for a in (slice(0, 20), slice(20, N))]
    batches = [b for p in parts for b in in_batches(p, np.arange(len(p)), 6)]
    gathered = Gatherer(parts[0], False)
    # (Each is valid until the next ones are gathered.)
    found = [s.columns(rows, X.dtype)[1].T.copy() for s, rows, _ in gathered(batches)]
    assert [len(one) for one in found] == [6, 6, 6, 2, 6, 6, 6, 6, 6, 3]
    assert_array_equal(np.concatenate(found), Y)


@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("hidden", [(), (4,), (5, 3)])
def test_joined_parameters_have_the_same_cost_and_gradient(hidden, K):
    network = make_network(FEATURES, hidden, OUTPUTS, "tanh")
    theta, alpha = (
        random_theta(network, K, RNG),
        np.linspace(0.5, 1.0, K)[:, np.newaxis],
    )
    samples, loss, order = Samples(X, Y), LOSSES["squared_error"], network.joined()
    assert_array_equal(np.sort(order), np.arange(network.n_parameters))
    plain = Objective(network, loss, samples, alpha, theta)
    joined = Objective(network, loss, samples, alpha, theta[:, order], joined=True)
    expected, _ = plain(samples.every)
    ones = Samples(np.hstack([X, np.ones((N, 1))]), Y)
    for one in (samples, ones):
        J, _ = joined.on(one)(samples.every)
        assert_allclose(J, expected, rtol=1e-12)
        assert_allclose(joined.grad, plain.grad[:, order], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("solver", ["adam", "rprop", "sgd"])
def test_state_and_weights_are_in_the_order_of_theta_between_epochs(solver):
    """A cohort made from the state of another one continues as the other one does."""
    network = make_network(FEATURES, (4,), OUTPUTS, "tanh")
    theta, samples = random_theta(network, 2, RNG), Samples(X, Y)
    problem = Problem(network, LOSSES["squared_error"], samples)
    settings = Settings(solver, batch_size=N, weight_decay=0.1, average_decay=0.9)

    def epochs(cohort, n):
        for _ in range(n):
            cohort.epoch(in_batches(samples, None, N), 1e-3)
        return cohort

    whole = epochs(Cohort(problem, settings, [0, 1], theta.copy()), 6)
    half = epochs(Cohort(problem, settings, [0, 1], theta.copy()), 3)
    half = epochs(half.only([0, 1]), 3)
    assert_allclose(half.theta, whole.theta, rtol=1e-12)
    assert_allclose(half.current(), whole.current(), rtol=1e-12)
    assert whole.theta.flags.c_contiguous
