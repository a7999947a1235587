"""The Gauss-Newton matrix, Levenberg-Marquardt steps and the evidence."""

from unittest.mock import Mock

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose

from skbp.engine import curvature
from skbp.engine.curvature import GaussNewton, variances
from skbp.engine.evidence.precisions import Precisions, groups_of
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network, predict
from skbp.engine.objective import Objective
from skbp.engine.problem import Problem
from skbp.engine.progress import Status
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from tests.catalogue import HIDDEN_ACTIVATIONS, make_network, random_theta, targets
from tests.engine import helpers

N, FEATURES, OUTPUTS = 40, 3, 2
CONVEX = [name for name, loss in LOSSES.items() if loss.convex]


def problem(loss="squared_error", hidden=(4,), K=2, weighted=True, activation="tanh"):
    rng = np.random.RandomState(0)
    network = make_network(FEATURES, hidden, OUTPUTS, activation)
    X, Y = rng.standard_normal((N, FEATURES)), targets(loss, N, OUTPUTS, rng)
    weights = rng.rand(N) if weighted else None
    return network, Samples(X, Y, weights), random_theta(network, K, rng)


def numeric_hessian(g, theta, h=1e-5):
    K, P = theta.shape
    H = np.empty((K, P, P))
    for p in range(P):
        step = h * np.eye(P)[p]
        H[:, p] = (g(theta + step) - g(theta - step)) / (2 * h)
    return H


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", CONVEX)
def test_without_hidden_layers_H_is_the_second_derivative(loss, weighted):
    network, samples, theta = problem(loss, hidden=(), weighted=weighted)
    evaluate = GaussNewton(network, LOSSES[loss], samples)
    H = evaluate(theta)[2][:, 0]
    expected = numeric_hessian(lambda at: evaluate(at)[1][:, 0], theta)
    if loss == "huber":
        # Its second derivative is 0 beyond huber_delta; this is that of the parabola.
        assert np.linalg.eigvalsh(H - expected).min() > -1e-6
        return
    assert_allclose(H, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(4,), (4, 3)])
def test_where_residuals_vanish_H_is_the_second_derivative(hidden, activation):
    network, samples, theta = problem(hidden=hidden, activation=activation, K=1)
    W, b = network.split(theta)
    samples.Y[:] = predict(network, W, b, samples.X)[0]
    evaluate = GaussNewton(network, LOSSES["squared_error"], samples)
    E, g, H = (part[:, 0] for part in evaluate(theta))
    assert pytest.approx(0.0, abs=1e-25) == E
    assert_allclose(g, 0.0, atol=1e-12)
    expected = numeric_hessian(lambda at: evaluate(at)[1][:, 0], theta)
    assert_allclose(H, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("loss", CONVEX)
def test_loss_and_gradient_are_the_objectives(loss):
    network, samples, theta = problem(loss)
    evaluate = GaussNewton(network, LOSSES[loss], samples)
    E, g, H = (part[:, 0] for part in evaluate(theta))
    objective = Objective(network, LOSSES[loss], samples, 0.0, theta)
    J, m = objective(slice(0, N))
    assert_allclose(E, J * m)
    assert_allclose(g, objective.grad * m, rtol=1e-10, atol=1e-12)
    assert_allclose(H, H.mT)
    assert np.linalg.eigvalsh(H).min() > -1e-10


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hidden", [(), (4, 3)])
def test_outputs_apart_are_networks_of_one_output(hidden, weighted):
    network, samples, theta = problem(hidden=hidden, weighted=weighted)
    loss = LOSSES["squared_error"]
    apart = GaussNewton(network, loss, samples, apart=True)
    E, g, H = apart(theta)
    assert_allclose(apart.value(theta), E)
    whole = GaussNewton(network, loss, samples)(theta)
    for parts, sums in zip((E, g, H), whole, strict=True):
        assert parts.shape[1] == OUTPUTS
        assert_allclose(parts.sum(axis=1, keepdims=True), sums, rtol=1e-10, atol=1e-12)
    for q in range(OUTPUTS):
        Y = predict(network, *network.split(theta), samples.X)[0]
        # Where all other outputs are hit, these are the sums of all.
        Y[:, q] = samples.Y[:, q]
        other = GaussNewton(network, loss, Samples(samples.X, Y, samples.weights))
        E_q, g_q, _ = other(theta[:1])
        assert_allclose(E[:1, q], E_q[:, 0])
        assert_allclose(g[:1, q], g_q[:, 0], rtol=1e-10, atol=1e-12)
    expected = numeric_hessian(lambda at: apart(at)[1][:, 0], theta)
    if not hidden:
        assert_allclose(H[:, 0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", ["blocks", "rows", "sparse", "repeated", "float32"])
def test_the_same_samples_in_another_form(form, monkeypatch):
    network, samples, theta = problem("log_loss", weighted=form == "blocks")
    loss = LOSSES["log_loss"]
    expected = GaussNewton(network, loss, samples)(theta)
    X, Y, rows, factor = samples.X, samples.Y, None, 1.0
    if form == "blocks":
        monkeypatch.setattr(curvature, "ROWS", 7 * theta.size)
    elif form == "rows":
        rows = np.random.RandomState(1).permutation(N)
    elif form == "sparse":
        X = scipy.sparse.csr_array(X)
    elif form == "repeated":
        X, Y, factor = np.repeat(X, 3, 0), np.repeat(Y, 3, 0), 3
    else:
        X, Y = X.astype(np.float32), Y.astype(np.float32)
    samples = Samples(X, Y, samples.weights, rows)
    blocks = Mock(wraps=samples.columns)
    monkeypatch.setattr(samples, "columns", blocks)
    other = GaussNewton(network, loss, samples)
    found = other(theta)
    assert blocks.call_count == (6 if form == "blocks" else 1)
    tolerance = 1e-5 if form == "float32" else 1e-10
    for one, two in zip(expected, found, strict=True):
        assert_allclose(factor * one, two, rtol=tolerance, atol=tolerance)
    assert_allclose(other.value(theta), other(theta)[0])


def test_losses_without_curvature_are_refused():
    network, samples, _ = problem()
    for loss in (
        LOSSES["absolute_error"],
        LOSSES["quantile"],
        LOSSES["squared_error"].through("logistic"),
    ):
        with pytest.raises(ValueError, match="not convex"):
            GaussNewton(network, loss, samples)


def test_variances_are_those_of_outputs_over_weights():
    network, samples, theta = problem(K=1)
    rng = np.random.RandomState(1)
    root = 1e-4 * rng.standard_normal((network.n_parameters,) * 2)
    covariance = root @ root.T
    outputs, variance = variances(network, theta[0], covariance, samples.X)
    draws = theta + rng.standard_normal((4000, network.n_parameters)) @ root.T
    Z = predict(network, *network.split(draws), samples.X)
    assert_allclose(outputs, predict(network, *network.split(theta), samples.X)[0])
    assert_allclose(variance, Z.var(axis=0), rtol=0.15)


def run(network, loss, samples, theta, hook=None, **settings):
    settings = Settings(
        **{"solver": "lm", "tol": 0.0, "n_iter_no_change": np.inf} | settings
    )
    problem = Problem(network, LOSSES[loss], samples)
    solution, histories = helpers.run(problem, theta, settings, hook=hook)
    return solution.theta, solution.evidence, histories


@pytest.mark.parametrize("loss", CONVEX)
def test_it_ends_in_a_minimum(loss):
    network, samples, theta = problem(loss)
    result, _, histories = run(network, loss, samples, theta, alpha=0.5, max_iter=300)
    objective = Objective(network, LOSSES[loss], samples, 0.5, result)
    J, _ = objective(slice(0, N))
    assert_allclose(objective.grad, 0.0, atol=1e-4)
    for k, history in enumerate(histories):
        assert history.status == Status.CONVERGED
        assert history.loss_curve[-1] == pytest.approx(J[k], rel=1e-6)
        assert (np.diff(history.loss_curve) <= 1e-12).all()


@pytest.mark.parametrize("estimate", ["", "evidence"])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_networks_train_together_as_alone(loss, estimate):
    network, samples, theta = problem(loss, K=3)
    # Few steps where precisions are estimated: that amplifies rounding.
    options = {"estimate": estimate, "max_iter": 8 if estimate else 15}
    alphas = 0.0 if estimate else [0.1, 1.0, 10.0]
    together, evidence, histories = run(
        network, loss, samples, theta, alpha=alphas, **options
    )
    for k in range(3):
        alpha = alphas if estimate else alphas[k]
        alone, other, (history,) = run(
            network, loss, samples, theta[k : k + 1], alpha=alpha, **options
        )
        assert_allclose(together[k], alone[0], rtol=1e-5, atol=1e-7)
        assert_allclose(histories[k].loss_curve, history.loss_curve, rtol=1e-6)
        if estimate:
            assert evidence[k].log_evidence == pytest.approx(other[0].log_evidence)


def test_weights_are_repetitions_for_the_evidence_too():
    network, samples, theta = problem(weighted=False, K=1)
    options = {"estimate": "ard", "max_iter": 12}
    counts = np.random.RandomState(2).randint(4, size=N)
    doubled = Samples(samples.X, samples.Y, counts.astype(float))
    repeated = Samples(*(np.repeat(A, counts, 0) for A in (samples.X, samples.Y)))
    one, evidence, _ = run(network, "squared_error", doubled, theta, **options)
    two, other, _ = run(network, "squared_error", repeated, theta, **options)
    assert_allclose(one, two, rtol=1e-6, atol=1e-8)
    assert evidence[0].log_evidence == pytest.approx(other[0].log_evidence)


def test_groups():
    network = Network((3, 4, 2), ("tanh",))
    groups = groups_of(network, by_feature=False)
    assert [len(group) for group in groups] == [12, 8, 4, 2]
    by_feature = groups_of(network, by_feature=True)
    assert [len(group) for group in by_feature] == [4, 4, 4, 8, 4, 2]
    for grouping in (groups, by_feature):
        assert_allclose(np.sort(np.concatenate(grouping)), np.arange(26))
    W, _ = network.split(np.arange(26.0)[np.newaxis])
    for feature in range(3):
        assert_allclose(np.sort(W[1][0, :, feature]), by_feature[feature])
    without = groups_of(Network((3, 4, 2), ("tanh",), biases=False), by_feature=False)
    assert [len(group) for group in without] == [12, 8]


@pytest.mark.parametrize("betas", [[1.7], [1.7, 30.0]])
def test_the_evidence_of_a_linear_model_is_its_marginal_likelihood(betas):
    """Each y is normal with the covariance XX'/alpha + 1/beta."""
    rng = np.random.RandomState(0)
    Q = len(betas)
    network = Network((3, Q), (), biases=False)
    X, Y = rng.standard_normal((20, 3)), rng.standard_normal((20, Q))
    groups = groups_of(network, by_feature=False)
    loss = LOSSES["squared_error"]
    task = (network, loss, np.full(Q, 20), np.ones(3 * Q), np.ones(Q))
    precisions, alpha = Precisions(*task, groups, 0.0), 2.5
    precisions.alpha[:], precisions.each[:], precisions.apart = alpha, alpha, True
    precisions.beta = np.array(betas)
    expected, W, gamma = 0.0, np.empty((3, Q)), np.empty(Q)
    for q, beta in enumerate(betas):
        y, A = Y[:, q], beta * X.T @ X + alpha * np.eye(3)
        W[:, q] = np.linalg.solve(A, beta * X.T @ y)
        gamma[q] = 3 - alpha * np.trace(np.linalg.inv(A))
        C = X @ X.T / alpha + np.eye(20) / beta
        expected -= 0.5 * (y @ np.linalg.solve(C, y)) + 0.5 * np.linalg.slogdet(C)[1]
    expected -= 10 * Q * np.log(2 * np.pi)
    theta = W.reshape(1, -1)
    samples = Samples(X, Y)
    evaluate = GaussNewton(network, loss, samples, apart=True)
    E, _, H = (part[0] for part in evaluate(theta))
    evidence = precisions.estimate(E, theta[0], H)
    assert evidence.log_evidence == pytest.approx(expected, rel=1e-10)
    assert evidence.alpha == pytest.approx([alpha])
    assert evidence.gamma == pytest.approx([gamma.sum()])
    assert_allclose(evidence.beta, betas)
    assert_allclose(precisions.beta, (20 - gamma) / ((X @ W - Y) ** 2).sum(axis=0))


def test_an_interrupt_and_a_hook_end_it():
    network, samples, theta = problem()

    def interrupt(progress, active, at):
        if progress.histories[1].n_iter == 2:
            raise KeyboardInterrupt

    result, _, histories = run(
        network, "squared_error", samples, theta, alpha=0.1, hook=interrupt
    )
    assert histories[1].status == Status.INTERRUPTED
    assert np.isfinite(result).all()
    _, _, histories = run(
        network,
        "squared_error",
        samples,
        theta,
        alpha=0.1,
        hook=lambda progress, active, at: True,
    )
    assert all(history.n_iter == 1 for history in histories)
    _, _, histories = run(
        network, "squared_error", samples, theta, alpha=0.1, max_iter=2
    )
    assert all(history.status == Status.MAX_ITER for history in histories)
