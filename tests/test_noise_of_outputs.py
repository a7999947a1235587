"""alpha="evidence" with several outputs: each has a noise of its own."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.linear_model import BayesianRidge
from sklearn.metrics import r2_score

from skbp import BPRegressor
from tests.helpers import fitted


def test_it_maximises_the_marginal_likelihood():
    """Of outputs whose weights have a precision in their units, in closed form."""
    rng = np.random.RandomState(0)
    x = rng.standard_normal((40, 3))
    y = x @ rng.standard_normal((3, 2)) + [0.1, 2.0] * rng.standard_normal((40, 2))
    model = BPRegressor((), solver="lm", alpha="evidence", fit_intercept=False)
    fitted(model.set_params(tol=0.0, max_iter=300), x, y)

    units = 1.0 / y.var(axis=0)
    units /= units.mean()

    def minus_log_likelihood(logs):
        alpha, *betas = np.exp(logs)
        normal = (
            multivariate_normal(cov=x @ x.T / (alpha * unit) + np.eye(40) / beta)
            for beta, unit in zip(betas, units, strict=True)
        )
        return -sum(n.logpdf(y_q) for n, y_q in zip(normal, y.T, strict=True))

    best = minimize(minus_log_likelihood, np.zeros(3), method="BFGS", tol=1e-8)
    alpha, *betas = np.exp(best.x)
    assert_allclose(model.noise_std_, np.power(betas, -0.5), rtol=1e-4)
    assert_allclose(model.alpha_[0], alpha * np.mean(1.0 / np.array(betas)), rtol=1e-4)
    assert model.log_evidence_ == pytest.approx(-best.fun)


@pytest.mark.parametrize("tol", [1e-4, 0.01])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_bayesian_for_each(seed, tol):
    """Also where training ends as soon as it may."""
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((400, 4))
    y = x @ rng.standard_normal((4, 2)) / 2
    y += [0.05, 0.8] * rng.standard_normal((400, 2))
    model = fitted(BPRegressor((), solver="lm", alpha="evidence", tol=tol), x, y)
    theirs = [BayesianRidge().fit(x, y_q).alpha_ ** -0.5 for y_q in y.T]
    # These have a precision of weights of their own.
    assert_allclose(model.noise_std_, theirs, rtol=0.03)


@pytest.mark.parametrize(
    "more", [{"max_iter": 8}, {"early_stopping": True}, {"tol": 0.01}]
)
def test_it_is_estimated_wherever_training_ends(more):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((400, 4))
    y = np.c_[np.sin(2 * x[:, 0]), x[:, 1] * x[:, 2]]
    y += [0.05, 0.8] * rng.standard_normal((400, 2))
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
    fitted(model.set_params(**more), x[:300], y[:300])
    mean, std = model.predict(x[:300], return_std=True)
    assert_allclose(((y[:300] - mean) / std).std(axis=0), 1.0, atol=0.2)
    assert model.noise_std_[0] < 0.5 * model.noise_std_[1]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("third", ["no noise", "tiny", "constant", "rounded"])
def test_one_output_does_not_spoil_the_others(third, seed):
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((800, 4))
    y = np.c_[np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] ** 2, x[:, 2] * x[:, 0]]
    y = y / y.std(axis=0) + [0.2, 0.4] * rng.standard_normal((800, 2))
    more = {"no noise": x[:, 0], "tiny": 1e-6 * rng.standard_normal(800)}
    more |= {"constant": np.full(800, 2.0), "rounded": np.full(800, 7.7)}
    y = np.c_[y, more[third]]
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
    fitted(model.set_params(tol=1e-3), x[:400], y[:400])
    scores = r2_score(
        y[400:, :2], model.predict(x[400:])[:, :2], multioutput="raw_values"
    )
    assert (scores > [0.85, 0.7]).all()


@pytest.mark.parametrize("seed", range(3))
def test_one_without_noise_beside_one_with(seed):
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((400, 3))
    y = np.c_[x[:, 0], np.sin(2 * x[:, 1])]
    y += [1e-3, 1.0] * rng.standard_normal((400, 2))
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=4)
    fitted(model.set_params(random_state=0, tol=1e-3), x[:200], y[:200])
    mean, std = model.predict(x[200:], return_std=True)
    assert_allclose(((y[200:] - mean) / std).std(axis=0), 1.0, atol=0.3)


@pytest.mark.parametrize("units", [(1.0, 1.0), (1e-4, 1e4)])
def test_units_do_not_matter(units):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((300, 3))
    y = np.c_[np.sin(2 * x[:, 0]), x[:, 1] * x[:, 2]]
    y = (y + 0.1 * rng.standard_normal((300, 2))) * units
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=2)
    fitted(model.set_params(random_state=0, tol=1e-3), x[:200], y[:200])
    mean, std = model.predict(x[200:], return_std=True)
    assert_allclose(((y[200:] - mean) / std).std(axis=0), 1.0, atol=0.25)
    scores = r2_score(y[200:], mean, multioutput="raw_values")
    assert (scores > 0.93).all()


def test_each_has_a_share_of_its_own():
    rng = np.random.RandomState(1)
    x = rng.standard_normal((600, 4))
    y = 0.6 * x[:, 1] + 0.4 * np.sin(3 * x[:, 1]) + 0.05 * rng.standard_normal(600)
    y = np.c_[rng.standard_normal(600), y / y.std()]
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
    fitted(model.set_params(n_init=3), x[:300], y[:300])
    assert model.linear_share_[0] > 0.5
    assert model.linear_share_[1] < 0.1
    assert r2_score(y[300:, 1], model.predict(x[300:])[:, 1]) > 0.95


@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_known(weighted):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((800, 3))
    noise = np.array([0.05, 0.3, 1.0])
    y = np.sin(x @ rng.standard_normal((3, 3))) + noise * rng.standard_normal((800, 3))
    weights = rng.randint(1, 3, 400) * 1.0 if weighted else None
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=2)
    model.set_params(random_state=0, tol=1e-3)
    fitted(model, x[:400], y[:400], sample_weight=weights)
    assert_allclose(model.noise_std_, noise, rtol=0.2)
    mean, std = model.predict(x[400:], return_std=True)
    z = (y[400:] - mean) / std
    assert_allclose(z.std(axis=0), 1.0, atol=0.15)
