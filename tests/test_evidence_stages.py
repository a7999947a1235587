"""alpha="evidence" and "ard" find the network from one start; growth and cuts."""

import pickle
from unittest.mock import patch

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_friedman1, make_moons

from skbp import BPClassifier, BPRegressor
from skbp.engine.activations import HIDDEN
from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.cut import Cut
from skbp.engine.evidence.frame import Frame, Framed
from skbp.engine.evidence.precisions import Precisions, mirrored, symmetries
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network, predict
from skbp.engine.problem import Problem
from skbp.engine.roots import LOG_CONSTANTS
from skbp.engine.samples import Samples
from skbp.engine.solvers.climb import Climb, Plan, Task
from skbp.engine.solvers.fresh import scores_of
from tests.helpers import fitted, friedman

LM = {"solver": "lm", "activation": "tanh", "random_state": 0}


def noisy_sine(n, periods, seed):
    rng = np.random.RandomState(seed)
    x = np.linspace(-1, 1, n)[:, np.newaxis]
    truth = np.sin(periods * np.pi * x[:, 0])
    return x, truth, truth + 0.1 * rng.standard_normal(n)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n", "periods"), [(41, 2), (60, 3), (200, 3)])
def test_a_sine_is_not_taken_for_noise(n, periods, seed):
    x, truth, y = noisy_sine(n, periods, seed)
    model = fitted(BPRegressor((20,), alpha="evidence", **LM), x, y)
    assert np.sqrt(np.mean((model.predict(x) - truth) ** 2)) < 0.08
    assert model.noise_std_ == pytest.approx(0.1, rel=0.3)


@pytest.mark.parametrize(
    ("options", "x_shift", "y_shift"),
    [
        ({"activation": "logistic"}, 0.0, 0.0),
        ({"activation": "softplus"}, 0.0, 0.0),
        ({}, 5.0, 0.0),
        ({}, 0.0, 1e3),
        ({"activation": "logistic"}, 5.0, 1e3),
        ({"early_stopping": True}, 0.0, 0.0),
        ({"early_stopping": True}, 5.0, 1e3),
    ],
)
@pytest.mark.parametrize("seed", range(2))
def test_means_far_from_0_are_no_trap(options, x_shift, y_shift, seed):
    x, truth, y = noisy_sine(60, 3, seed)
    x, truth, y = x + x_shift, truth + y_shift, y + y_shift
    model = BPRegressor((20,), **LM | {"alpha": "evidence"} | options)
    fitted(model, x, y)
    assert np.sqrt(np.mean((model.predict(x) - truth) ** 2)) < 0.1
    assert model.noise_std_ == pytest.approx(0.1, rel=0.5)
    # The attributes belong to the weights of the network itself.
    cost = model.cost(x, y)
    theta = [*model.coefs_, *model.intercepts_]
    lambdas = [*model.alpha_, *model.alpha_intercepts_]
    squares = sum(a * (W**2).sum() for a, W in zip(lambdas, theta, strict=True))
    assert cost.penalty == pytest.approx(squares / (2 * len(y)))
    assert np.isfinite(model.predict(x, return_std=True)).all()


@pytest.mark.parametrize("seed", [0, 2, 6, 8])
def test_five_features_among_45(seed):
    X, y = make_friedman1(1000, n_features=45, noise=1.0, random_state=100 + seed)
    X, y = (X - 0.5) * 3.46, (y - y.mean()) / y.std()
    model = fitted(BPRegressor((6,), alpha="ard", **LM), X[:500], y[:500])
    assert model.score(X[500:], y[500:]) > 0.94
    assert model.feature_relevances_[:5].min() > 1e-3
    assert np.sum(model.feature_relevances_ > 1e-3) < 15
    assert model.coefs_[0].shape == (45, 6)
    # What has left has weights 0.
    assert (np.abs(model.coefs_[0]).max(axis=1) == 0.0).sum() > 20


@pytest.mark.parametrize("seed", range(5))
def test_moons_do_not_end_linear(seed):
    X, y = make_moons(100, noise=0.1, random_state=seed)
    X_test, y_test = make_moons(1000, noise=0.1, random_state=1000)
    model = fitted(BPClassifier((8,), alpha="evidence", **LM), X, y)
    assert model.score(X_test, y_test) > 0.98


def test_a_network_does_not_depend_on_those_beside_it():
    x, y = friedman(120, np.random.RandomState(0))
    options = LM | {"alpha": "ard", "hidden_layer_sizes": (6,)}
    several = fitted(BPRegressor(n_init=3, ensemble=3, **options), x, y)
    rng = np.random.RandomState(0)
    alone = [
        fitted(BPRegressor(**options | {"random_state": rng}), x, y) for _ in range(3)
    ]
    best = max(alone, key=lambda model: model.log_evidence_)
    assert several.log_evidence_ == best.log_evidence_
    for one, two in zip(several.coefs_, best.coefs_, strict=True):
        assert_array_equal(one, two)


def test_networks_of_a_poorer_optimum_do_not_take_part():
    x, y = friedman(150, np.random.RandomState(0))
    model = BPRegressor((6,), alpha="ard", n_init=3, ensemble=3, **LM)
    with patch("skbp.engine.fit.CLOSE", 1e9):
        assert len(fitted(clone(model), x, y)._bp_model.theta) == 3
    with patch.multiple("skbp.engine.fit", CLOSE=0.0, CLOSE_PER_SAMPLE=0.0):
        assert len(fitted(clone(model), x, y)._bp_model.theta) == 1


@pytest.mark.parametrize("max_iter", [1, 2, 6, 30])
def test_few_iterations(max_iter):
    x, y = friedman(80, np.random.RandomState(0))
    model = BPRegressor((5,), alpha="ard", max_iter=max_iter, **LM)
    with pytest.warns(UserWarning, match=r".*"):
        model.fit(x, y)
    assert model.n_iter_ <= max_iter
    assert np.isfinite(model.log_evidence_)
    assert np.isfinite(model.predict(x, return_std=True)).all()


@pytest.mark.parametrize("kind", ["sparse", "weights", "outputs", "no intercept"])
def test_growth_with_other_data(kind):
    x, y = friedman(120, np.random.RandomState(0))
    model = BPRegressor((6,), alpha="ard", **LM)
    weights = None
    if kind == "sparse":
        expected = fitted(clone(model), x, y).predict(x)
        x = scipy.sparse.csr_array(x)
    elif kind == "weights":
        weights = np.repeat([1.0, 2.0], 60)
    elif kind == "outputs":
        # (An output without any noise would take all hidden units.)
        noise = 0.1 * np.random.RandomState(1).standard_normal(len(y))
        y = np.c_[y, x[:, 0] * x[:, 1] + noise]
    else:
        model.set_params(fit_intercept=False)
    fitted(model, x, y, sample_weight=weights)
    # Without intercepts the network is odd, and cannot multiply.
    assert model.score(x, y) > (0.3 if kind == "no intercept" else 0.9)
    if kind == "sparse":
        assert_allclose(model.predict(x), expected, atol=0.05)
    loaded = pickle.loads(pickle.dumps(model))
    assert_array_equal(loaded.predict(x, return_std=True)[1].shape, y.shape)


def test_a_warm_start_trains_what_is_there():
    x, y = friedman(120, np.random.RandomState(0))
    model = BPRegressor((6,), alpha="evidence", warm_start=True, **LM)
    before = fitted(model, x, y).log_evidence_
    assert fitted(model, x, y).log_evidence_ > before - 1.0


def shifted_sine(seed=0):
    """Return a noisy sine whose features have a mean of 1, and the sine."""
    x, truth, y = noisy_sine(60, 3, seed)
    return x + 1.0, truth, y


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("options", [{}, {"early_stopping": True}, {"max_iter": 60}])
@pytest.mark.parametrize("way", ["warm_start", "coefs_init"])
def test_fitted_weights_are_not_lost(way, options, seed):
    x, truth, y = shifted_sine(seed)
    model = BPRegressor((20,), alpha="evidence", **LM).set_params(**options)
    fitted(model.set_params(warm_start=way == "warm_start"), x, y)
    before, evidence = model.score(x, truth), model.log_evidence_
    if way == "coefs_init":
        given = {"coefs_init": model.coefs_, "intercepts_init": model.intercepts_}
        model = clone(model).set_params(**given)
    fitted(model, x, y)
    assert before > 0.95
    assert model.score(x, truth) > before - 0.02
    if "early_stopping" not in options:
        assert model.log_evidence_ > evidence - 0.1


@pytest.mark.parametrize("size", [0.0, 0.1, 1.0])
def test_given_weights_that_have_learnt_nothing_are_no_trap(size):
    x, y = friedman(120, np.random.RandomState(0))
    rng = np.random.RandomState(1)
    coefs = [size * rng.standard_normal(shape) for shape in ((5, 6), (6, 1))]
    coefs[0] += rng.standard_normal((5, 6))
    model = BPRegressor((6,), alpha="evidence", coefs_init=coefs, **LM)
    assert fitted(model, x, y).score(x, y) > 0.9


def test_features_of_zeros_leave_the_mean():
    rng = np.random.RandomState(0)
    X, y = np.zeros((20, 2)), 5.0 + rng.standard_normal(20)
    for alpha in ("evidence", "ard"):
        model = fitted(BPRegressor((5,), alpha=alpha, **LM), X, y)
        assert model.status_ == "converged"
        assert_allclose(model.predict(X), y.mean(), atol=0.2)


def test_a_last_stage_that_fails_keeps_what_was_found():
    x, truth, y = shifted_sine()
    model = BPRegressor((20,), alpha="evidence", **LM)
    settle, calls = Precisions.settle, []

    def fails_first(self, *args):
        calls.append(self)
        if len(calls) == 1:
            raise np.linalg.LinAlgError("not finite")
        return settle(self, *args)

    with patch.object(Precisions, "settle", fails_first):
        fitted(model, x, y)
    assert model.status_ == "converged"
    assert model.score(x, truth) > 0.95


def test_a_climb_that_fails_is_not_cut_off_by_max_iter():
    x, truth, y = noisy_sine(60, 3, 0)
    model = BPRegressor((20,), alpha="evidence", **LM)
    estimate = Precisions.estimate

    def fails_with_half(self, *args):
        if self.network.units[1] == 10:
            raise np.linalg.LinAlgError("not finite")
        return estimate(self, *args)

    with patch.object(Precisions, "estimate", fails_with_half):
        fitted(model, x, y)
    assert model.status_ == "converged"
    assert model.score(x, truth) > 0.95


# The parts.


def test_a_cut_computes_what_the_whole_computes():
    rng = np.random.RandomState(0)
    whole = Network((5, 4, 2), ("tanh",))
    cut = Cut(whole, [np.array([0, 3]), np.array([1, 2]), np.arange(2)])
    theta, X = rng.standard_normal(cut.network.n_parameters), rng.randn(20, 5)
    small = predict(cut.network, *cut.network.split(theta[np.newaxis]), X[:, [0, 3]])
    large = predict(whole, *whole.split(cut.expanded(theta)[np.newaxis]), X)
    assert_allclose(large, small)
    assert_array_equal(cut.expanded(theta)[cut.rows], theta)
    samples = cut.samples(Samples(X, X[:, :2]))
    assert_array_equal(samples.X, X[:, [0, 3]])
    both = cut.joined(Cut.of(whole, np.array([0])))
    assert [len(kept) for kept in both.kept] == [5, 3, 2]


def test_a_frame_describes_the_same_function():
    rng = np.random.RandomState(0)
    network, loss = Network((3, 4, 2), ("logistic",)), LOSSES["squared_error"]
    X = rng.standard_normal((20, 3)) + np.array([5.0, 0.0, -2.0])
    Y = rng.standard_normal((20, 2)) + np.array([0.0, 1e3])
    frame = Frame.of(network, X.mean(axis=0), Y.mean(axis=0))
    theta = rng.standard_normal((1, network.n_parameters))
    inside = GaussNewton(network, loss, Samples(X, Y), apart=True)
    E, g, H = Framed(inside, frame)(theta)
    # d theta / d theta' does not depend on theta'.
    T = frame.plain(np.eye(network.n_parameters)) - frame.plain(0.0 * theta)
    E_plain, g_plain, H_plain = inside(frame.plain(theta))
    assert_array_equal(E, E_plain)
    assert_allclose(g, g_plain @ T.T, atol=1e-9 * np.abs(g_plain).max())
    assert_allclose(H, T @ H_plain @ T.T, atol=1e-9 * np.abs(H_plain).max())
    assert_array_equal(
        Framed(inside, frame).value(theta), inside.value(frame.plain(theta))
    )
    # A cut has the part of the frame that belongs to it.
    cut = Cut(network, [np.array([0, 2]), np.array([1, 3]), np.arange(2)])
    small = frame.of_cut(cut).plain(theta[:, cut.rows])[0]
    large = frame.plain(cut.expanded(theta[0, cut.rows])[np.newaxis])[0]
    outputs = [
        predict(one, *one.split(weights[np.newaxis]), features)[0]
        for one, weights, features in (
            (cut.network, small, X[:, [0, 2]]),
            (network, large, X),
        )
    ]
    assert_allclose(*outputs)
    assert Frame.of(Network((3, 4, 1), ("tanh",)), np.zeros(3), np.zeros(1)) is None


def test_the_evidence_of_a_cut_is_that_of_the_whole():
    x, y = friedman(60, np.random.RandomState(0))
    network = Network((5, 4, 1), ("tanh",))
    samples = Samples(x, y[:, np.newaxis])
    problem = Problem(network, LOSSES["squared_error"], samples)
    task = Task.of(problem, by_feature=True)
    cut = Cut.of(network).with_features(np.array([0, 1, 2]))
    theta = 0.3 * np.random.RandomState(1).standard_normal(network.n_parameters)
    climb = Climb(task, cut, theta[cut.rows], task.precisions(cut))
    assert len(list(climb.run(Plan(2), 1e-4, 9))) == 9
    found = climb.best
    whole = task.of_whole(found.cut, found.evidence)
    E, _, H = task.gauss_newton(Cut.of(network))(found.whole[np.newaxis])
    precisions = task.precisions(Cut.of(network))
    precisions.resume(whole.precisions, whole.beta)
    again = precisions.estimate(E[0], found.whole, H[0])
    assert again.log_evidence == pytest.approx(whole.log_evidence, abs=1e-3)
    assert_allclose(again.gamma, whole.gamma, atol=1e-3)


def test_scores_see_trends_bends_and_interactions():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((500, 20)) * np.linspace(0.1, 10.0, 20)
    Z = X / X.std(axis=0)
    y = Z[:, 3] + Z[:, 7] ** 2 + Z[:, 12] * Z[:, 15] + rng.standard_normal(500)
    y = (y - y.mean())[:, np.newaxis]
    network = Network((20, 4, 1), ("tanh",))
    for X_any in (X, scipy.sparse.csr_array(X)):
        samples = Samples(X_any, y)
        problem = Problem(network, LOSSES["squared_error"], samples)
        scores = scores_of(Task.of(problem, by_feature=True))
        assert set(np.argsort(-scores)[:4]) == {3, 7, 12, 15}
        assert np.mean(scores**2) == pytest.approx(1.0)


def test_symmetries():
    network = Network((2, 3, 2, 1), ("tanh", "relu"))
    units = [np.array([1.0, 1.0, 0.0]), np.array([1.0, 1.0])]
    assert symmetries(network, units) == pytest.approx(np.log(2 * 2**2 * 2))
    odd = {name for name in HIDDEN if mirrored(name)}
    assert odd == {"identity", "tanh", "softsign"}


def test_constants_make_losses_log_likelihoods():
    from scipy.stats import expon, poisson

    a, Y = np.array([[0.7, 2.0, 5.0]]), np.array([[0.0, 3.0, 4.0]])
    laws = {"poisson": poisson(a).logpmf, "gamma": expon(scale=a).logpdf}
    for name, law in laws.items():
        targets = Y + (name == "gamma")
        value, _ = LOSSES[name].functions((1, 1, 3), np.dtype(float))
        loss = value(a[np.newaxis].copy(), targets, np.ones(()))[0]
        constant = LOG_CONSTANTS[name](targets).sum()
        assert constant - loss == pytest.approx(law(targets).sum())
