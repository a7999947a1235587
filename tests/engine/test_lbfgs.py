"""L-BFGS over the objective."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from skbp.engine.losses import LOSSES
from skbp.engine.network import Network
from skbp.engine.problem import Problem
from skbp.engine.progress import Status, Validated
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from tests.catalogue import make_network, random_theta, targets
from tests.engine import helpers

N, FEATURES = 60, 4


def run(network, loss, samples, theta, settings, **options):
    problem = Problem(network, LOSSES[loss], samples)
    settings = replace(settings, solver="lbfgs")
    solution, histories = helpers.run(problem, theta, settings, **options)
    return solution.theta, histories


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def test_a_linear_network_is_ridge(rng):
    X, y = rng.standard_normal((N, FEATURES)), rng.standard_normal(N)
    weights = rng.rand(N)
    network = Network((FEATURES, 1), ())
    settings = Settings(alpha=2.0, tol=1e-10, max_iter=500)
    theta, (history,) = run(
        network,
        "squared_error",
        Samples(X, y[:, np.newaxis], weights),
        random_theta(network, 1, rng),
        settings,
    )
    ridge = Ridge(alpha=2.0).fit(X, y, weights)
    assert history.status == Status.CONVERGED
    np.testing.assert_allclose(theta[0, :-1], ridge.coef_, rtol=1e-6)
    assert theta[0, -1] == pytest.approx(ridge.intercept_, rel=1e-6)


def test_a_linear_network_is_logistic_regression(rng):
    X = rng.standard_normal((N, FEATURES))
    y = (X @ rng.standard_normal(FEATURES) + rng.standard_normal(N) > 0).astype(float)
    network = Network((FEATURES, 1), ())
    theta, _ = run(
        network,
        "binary_log_loss",
        Samples(X, y[:, np.newaxis]),
        random_theta(network, 1, rng),
        Settings(alpha=0.5, tol=1e-10, max_iter=500),
    )
    logistic = LogisticRegression(C=2.0, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(theta[0, :-1], logistic.coef_[0], rtol=1e-5)


def test_networks_differ_and_have_their_own_histories(rng):
    network = make_network(FEATURES, (5,), 3, "tanh")
    samples = Samples(
        rng.standard_normal((N, FEATURES)), targets("log_loss", N, 3, rng)
    )
    theta = random_theta(network, 2, rng)
    settings = Settings(alpha=[1e-4, 1.0], tol=[1e-4, 1e-1], max_iter=200)
    together, histories = run(network, "log_loss", samples, theta, settings)
    for k in range(2):
        own = Settings(alpha=settings.alpha[k], tol=settings.tol[k], max_iter=200)
        single, (history,) = run(network, "log_loss", samples, theta[k : k + 1], own)
        np.testing.assert_array_equal(together[k], single[0])
        assert histories[k].loss_curve == history.loss_curve
    assert histories[0].n_iter != histories[1].n_iter


def test_losses_fall_and_iterations_are_bounded(rng):
    network = make_network(FEATURES, (5,), 3, "tanh")
    samples = Samples(
        rng.standard_normal((N, FEATURES)), targets("log_loss", N, 3, rng)
    )
    theta = random_theta(network, 1, rng)
    settings = Settings(max_iter=7)
    _, (history,) = run(network, "log_loss", samples, theta, settings)
    assert history.status == Status.MAX_ITER
    assert history.n_iter == 7
    assert (np.diff(history.loss_curve) < 0).all()
    assert history.best == history.loss_curve[-1]


def test_float32_keeps_its_dtype_and_float64_its_precision(rng):
    network = make_network(FEATURES, (5,), 3, "tanh")
    X = rng.standard_normal((N, FEATURES)).astype(np.float32)
    Y = targets("log_loss", N, 3, rng).astype(np.float32)
    theta = random_theta(network, 1, rng, np.float32)
    single, (history,) = run(network, "log_loss", Samples(X, Y), theta, Settings())
    double, (expected,) = run(
        network,
        "log_loss",
        Samples(X.astype(float), Y.astype(float)),
        theta.astype(float),
        Settings(),
    )
    assert single.dtype == np.float32
    np.testing.assert_array_equal(single, double.astype(np.float32))
    assert history.loss_curve == expected.loss_curve


def test_patience_on_the_validation_set_ends_it(rng):
    network = make_network(FEATURES, (5,), 3, "tanh")
    samples = Samples(
        rng.standard_normal((N, FEATURES)), targets("log_loss", N, 3, rng)
    )
    seen, scores = [], iter([1.0, 2.0, 0.0, 0.0, 0.0, 0.0])

    def score(at):
        seen.append(at.copy())
        return [Validated(next(scores), 0.5)]

    theta = random_theta(network, 1, rng)
    result, (history,) = run(
        network,
        "log_loss",
        samples,
        theta,
        Settings(n_iter_no_change=3),
        validate=score,
    )
    assert history.status == Status.CONVERGED
    assert history.validation_scores == [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]
    np.testing.assert_array_equal(result, seen[1])


def test_a_hook_may_end_it(rng):
    network = make_network(FEATURES, (5,), 1, "tanh")
    samples = Samples(
        rng.standard_normal((N, FEATURES)), targets("squared_error", N, 1, rng)
    )
    theta = random_theta(network, 1, rng)
    _, (history,) = run(
        network,
        "squared_error",
        samples,
        theta,
        Settings(tol=0.0),
        hook=lambda progress, networks, at: progress.histories[0].n_iter == 4,
    )
    assert (history.status, history.n_iter) == (Status.STOPPED, 4)


def test_an_interrupt_leaves_the_last_iterate(rng, monkeypatch):
    network = make_network(FEATURES, (5,), 1, "tanh")
    samples = Samples(
        rng.standard_normal((N, FEATURES)), targets("squared_error", N, 1, rng)
    )
    theta, iterates = random_theta(network, 1, rng), []

    def hook(progress, networks, at):
        iterates.append(at.copy())
        if len(iterates) == 3:
            raise KeyboardInterrupt

    result, (history,) = run(
        network, "squared_error", samples, theta, Settings(tol=0.0), hook=hook
    )
    assert history.status == Status.INTERRUPTED
    np.testing.assert_array_equal(result, iterates[-1])


def test_an_interrupt_ends_all_networks(rng):
    network = make_network(FEATURES, (5,), 1, "tanh")
    samples = Samples(
        rng.standard_normal((N, FEATURES)), targets("squared_error", N, 1, rng)
    )
    theta = random_theta(network, 3, rng)

    def hook(progress, networks, at):
        if networks == [1]:
            raise KeyboardInterrupt

    result, histories = run(
        network,
        "squared_error",
        samples,
        theta,
        Settings(max_iter=3),
        hook=hook,
    )
    statuses = [history.status for history in histories]
    assert statuses == [Status.MAX_ITER, Status.INTERRUPTED, Status.INTERRUPTED]
    np.testing.assert_array_equal(result[2], theta[2])


def test_divergence_keeps_finite_weights(rng):
    network = make_network(FEATURES, (5,), 1, "identity")
    X = np.full((N, FEATURES), 1e200)
    theta = random_theta(network, 1, rng)
    result, (history,) = run(
        network,
        "squared_error",
        Samples(X, np.ones((N, 1))),
        theta,
        Settings(n_iter_no_change=inf),
    )
    assert history.status == Status.DIVERGED
    np.testing.assert_array_equal(result, theta)
