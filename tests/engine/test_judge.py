"""The end of training, judged by the loss of the weights that training ends with."""

from dataclasses import replace

import numpy as np
import pytest

from skbp.engine.activations import HIDDEN
from skbp.engine.arrays import BLOCK
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.fit import Job, fit
from skbp.engine.losses import LOSSES
from skbp.engine.model import Model
from skbp.engine.network import Network, predict
from skbp.engine.own_loss import own_loss
from skbp.engine.problem import Problem
from skbp.engine.progress import Status
from skbp.engine.samples import Parts, Samples, added
from skbp.engine.settings import Settings
from tests.catalogue import LOSS_AND_OUTPUT, make_network, random_theta, targets

N = 50


def problem_of(name, output, weighted=False, rows=None):
    rng = np.random.RandomState(0)
    network, loss = make_network(3, (4,), 2, "tanh"), LOSSES[name].through(output)
    X, Y = rng.standard_normal((N, 3)), np.abs(targets(name, N, 2, rng))
    if output == "softmax":
        Y /= Y.sum(axis=1, keepdims=True) + 1e-9
    samples = Samples(X, Y, rng.rand(N) if weighted else None, rows)
    return Problem(network, loss, samples), random_theta(network, 3, rng)


@pytest.mark.parametrize("rows", [None, np.arange(5, 30)])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("name", "output"), LOSS_AND_OUTPUT)
def test_losses_are_those_of_the_objective(name, output, weighted, rows):
    problem, theta = problem_of(name, output, weighted, rows)
    expected, _ = problem.objective(0.0, theta)(problem.samples.every)
    np.testing.assert_allclose(problem.losses(theta), expected, rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, np.array([[0.0], [1.0], [2.0]])])
def test_loss_and_penalty_are_the_cost(alpha):
    problem, theta = problem_of("squared_error", "identity", weighted=True)
    expected, _ = problem.objective(alpha, theta)(problem.samples.every)
    J = problem.losses(theta) + problem.penalty(alpha, theta)
    np.testing.assert_allclose(J, expected, rtol=1e-12)


@pytest.mark.parametrize("K", [1, 3, 16])
def test_networks_that_share_blocks_have_the_losses_of_each_alone(K):
    rng = np.random.RandomState(0)
    network, n = make_network(3, (4,), 2, "tanh"), BLOCK + 100
    samples = Samples(rng.standard_normal((n, 3)), rng.standard_normal((n, 2)))
    problem = Problem(network, LOSSES["squared_error"], samples)
    theta = random_theta(network, K, rng)
    alone = np.concatenate([problem.losses(one[np.newaxis]) for one in theta])
    np.testing.assert_allclose(problem.losses(theta), alone, rtol=1e-12)
    outputs = predict(network, *network.split(theta), samples.X)
    for k, one in enumerate(theta):
        own = Model.of(network, "identity", one[np.newaxis]).outputs(samples.X)
        np.testing.assert_allclose(outputs[k], own, rtol=1e-12)


def test_losses_of_samples_in_parts_are_those_of_the_whole():
    problem, theta = problem_of("squared_error", "identity", weighted=True)
    X, Y, weights = problem.samples.X, problem.samples.Y, problem.samples.weights
    parts = [Samples(X[a], Y[a], weights[a]) for a in (slice(0, 20), slice(20, N))]
    there = Parts(
        [20, 30], X.dtype, lambda terms: added(map(terms, parts)), lambda: iter(parts)
    )
    apart = Problem(problem.network, problem.loss, there)
    np.testing.assert_allclose(apart.losses(theta), problem.losses(theta), rtol=1e-12)


def trained(problem, theta, rates, max_iter=1):
    settings = Settings("sgd", learning_rate_init=rates, max_iter=max_iter)
    start = Checkpoint.fresh(theta, settings.each("learning_rate_init", range(3)))
    return fit(Job(problem, settings, start, np.random.RandomState(0)))


def test_only_the_network_whose_last_step_blew_up_returns_to_its_best_weights():
    problem, theta = problem_of("squared_error", "identity")
    fine = trained(problem, theta, [1e-3, 1e-3, 1e-3])
    found = trained(problem, theta, [1e-3, 1e200, 1e-3])
    assert [one.history.status for one in found] == [
        Status.MAX_ITER,
        Status.DIVERGED,
        Status.MAX_ITER,
    ]
    for k in (0, 2):
        np.testing.assert_array_equal(found[k].model.theta, fine[k].model.theta)
    np.testing.assert_array_equal(found[1].model.theta[0], theta[1])


def test_one_pass_judges_the_networks_and_chooses_the_best(monkeypatch):
    problem, theta = problem_of("squared_error", "identity")
    rates, passes, losses = [1e-3, 1e200, 1e-2], [], Problem.losses

    def counted(self, theta):
        passes.append(len(theta))
        return losses(self, theta)

    monkeypatch.setattr(Problem, "losses", counted)
    settings = Settings("sgd", alpha=0.5, learning_rate_init=rates, max_iter=1)
    start = Checkpoint.fresh(theta, settings.each("learning_rate_init", range(3)))
    job = Job(problem, settings, start, np.random.RandomState(0), 3, 3)
    (found,) = fit(job)
    # The network that diverged returns to the better of two others.
    assert passes == [3, 2]
    J, _ = problem.objective(0.5, found.model.theta)(problem.samples.every)
    assert len(J) == 3
    assert (np.diff(J) >= 0.0).all()


def test_weights_whose_outputs_are_surely_finite_need_no_pass(monkeypatch):
    problem, theta = problem_of("squared_error", "identity")
    passes, losses = [], Problem.losses

    def counted(self, theta):
        passes.append(len(theta))
        return losses(self, theta)

    monkeypatch.setattr(Problem, "losses", counted)
    trained(problem, theta, [1e-3, 1e-3, 1e-3], max_iter=2)
    assert passes == []
    far_away = Samples(1e200 * problem.samples.X, problem.samples.Y)
    far = Problem(problem.network, problem.loss, far_away)
    assert not far.surely_finite(theta)


def test_a_loss_of_ones_own_may_be_nan_at_finite_outputs():
    def gamma(A, Y):
        with np.errstate(all="ignore"):
            return A - Y * np.log(A), 1.0 - Y / A

    problem, theta = problem_of("squared_error", "identity")
    own = replace(problem, loss=own_loss(gamma, ("identity",), "identity"))
    assert problem.surely_finite(theta)
    assert not np.isfinite(own.losses(theta)).any()
    assert not own.surely_finite(theta)


def test_an_interrupt_of_the_judgement_keeps_the_weights(monkeypatch):
    problem, theta = problem_of("squared_error", "identity")

    def interrupted(self, theta):
        raise KeyboardInterrupt

    monkeypatch.setattr(Problem, "surely_finite", lambda self, theta: False)
    monkeypatch.setattr(Problem, "losses", interrupted)
    for one in trained(problem, theta, [1e-3, 1e-3, 1e-3], max_iter=2):
        assert one.history.status is Status.INTERRUPTED
        assert np.isfinite(one.model.theta).all()


@pytest.mark.parametrize("name", sorted(HIDDEN))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bound_on_the_outputs_is_one(name, dtype):
    """No activation grows faster than the bound; nan and large weights are not sure."""
    rng = np.random.RandomState(0)
    network = Network((3, 5, 4, 2), (name, name))
    X, Y = rng.standard_normal((30, 3)).astype(dtype), np.zeros((30, 2), dtype)
    for loss in (LOSSES["squared_error"], LOSSES["poisson"]):
        problem = Problem(network, loss, Samples(X, Y))
        for size in 10.0 ** np.arange(-2, 13):
            theta = rng.standard_normal((1, network.n_parameters)) * size
            theta = theta.astype(dtype)
            if problem.surely_finite(theta):
                with np.errstate(all="ignore"):
                    assert np.isfinite(problem.losses(theta)).all()
        theta[0, 0] = np.nan
        assert not problem.surely_finite(theta)
        small = np.full_like(theta, 0.1 if loss.name == "squared_error" else 0.01)
        assert problem.surely_finite(small)
