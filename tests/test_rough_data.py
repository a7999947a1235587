"""solver="lm" on rough data: nothing blows up where a linear model does not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor
from tests.helpers import X, Y, assert_does_not_blow_up, fitted, friedman

HARD = {
    "constant features": lambda X, y: (np.c_[X, np.ones(len(X))], y),
    "collinear": lambda X, y: (np.c_[X, X[:, 0], X[:, 0] + 1e-9 * X[:, 1]], y),
    "zero noise": lambda X, y: (X, X @ [1.0, -2.0, 0.5, 0.0, 0.0]),
    "duplicates": lambda X, y: (np.repeat(X, 2, axis=0), np.repeat(y, 2)),
    "pure noise": lambda X, y: (X, np.random.RandomState(5).permutation(y)),
    "tiny": lambda X, y: (X[:10], y[:10]),
    "more features than samples": lambda X, y: (np.c_[X, X**2, X**3][:12], y[:12]),
    "outliers": lambda X, y: (X, y + 30.0 * (np.arange(len(y)) % 50 == 0)),
    "small targets": lambda X, y: (X, 1e-4 * y),
    "large targets": lambda X, y: (X, 1e4 * y),
    "constant targets": lambda X, y: (X, np.full(len(y), 3.0)),
}


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("name", HARD)
def test_no_data_set_blows_up(name, alpha):
    """R² is nowhere far below that of a linear model, or below 0."""
    train, test = (friedman(n, np.random.RandomState(n)) for n in (200, 400))
    if name in ("duplicates", "tiny", "more features than samples", "outliers"):
        X_train, y_train = HARD[name](*train)
        X_test, y_test = test
        if name == "more features than samples":
            X_test = np.c_[X_test, X_test**2, X_test**3]
    else:
        (X_train, y_train), (X_test, y_test) = HARD[name](*train), HARD[name](*test)
    model = BPRegressor(
        (6,), "tanh", solver="lm", alpha=alpha, n_init=3, ensemble=2, random_state=0
    )
    fitted(model, X_train, y_train)
    y, std = model.predict(X_test, return_std=True)
    assert np.isfinite(y).all()
    assert np.isfinite(std).all()
    if name == "constant targets":
        assert_allclose(y, 3.0, rtol=0.05)
        return
    linear_score = RidgeCV().fit(X_train, y_train).score(X_test, y_test)
    room = 0.1 if name == "outliers" else 0.05
    assert_does_not_blow_up(r2_score(y_test, y), linear_score, room)


def heavy_tails(n, rng):
    """Features and noise in proportion to what is measured, as sizes and prices are."""
    X = np.exp(1.2 * rng.standard_normal((n, 5)))
    y = X @ [1.0, 0.5, -0.5, 0.0, 0.0]
    return X, y + 0.3 * X[:, 0] * rng.standard_normal(n)


def leverage(n, rng):
    X = rng.standard_t(1.5, (n, 5))
    y = X @ [1.0, 0.5, -0.5, 0.0, 0.0]
    return X, y + 0.3 * np.abs(X[:, 0]) * rng.standard_normal(n)


def collinear_and_constant(n, rng):
    X, y = friedman(n, rng)
    return np.c_[X, X[:, 0], X[:, 0] + 1e-9 * X[:, 1], np.ones(n)], y


def linear_without_noise(n, rng):
    X = rng.standard_normal((n, 5))
    return X, X @ [1.0, -2.0, 0.5, 0.0, 0.0]


def with_outliers(X, y, rng):
    return X, y + 30.0 * (rng.rand(len(y)) < 0.02) * rng.standard_normal(len(y))


#: What draws the data, and how many samples are trained on.
ROUGH = {
    "heavy tails": (heavy_tails, 150),
    "leverage": (leverage, 150),
    "outliers": (friedman, 200),
    "duplicates": (friedman, 60),
    "collinear and constant": (collinear_and_constant, 60),
    "no noise": (linear_without_noise, 40),
}


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ROUGH)
def test_nowhere_far_below_a_linear_model(name, seed, alpha):
    draw, n = ROUGH[name]
    rng = np.random.RandomState(seed)
    (X_train, y_train), (X_test, y_test) = draw(n, rng), draw(1000, rng)
    if name == "outliers":
        X_train, y_train = with_outliers(X_train, y_train, rng)
    elif name == "duplicates":
        X_train, y_train = np.repeat(X_train, 3, axis=0), np.repeat(y_train, 3)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    y_train, y_test = ((y - y_train.mean()) / y_train.std() for y in (y_train, y_test))
    model = BPRegressor((8,), "tanh", solver="lm", alpha=alpha, n_init=2, ensemble=2)
    fitted(model.set_params(random_state=0, tol=1e-3), X_train, y_train)
    linear_score = RidgeCV().fit(X_train, y_train).score(X_test, y_test)
    assert_does_not_blow_up(model.score(X_test, y_test), linear_score, room=0.02)


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("seed", range(4))
def test_a_few_samples_are_not_taken_for_noise(seed, alpha):
    rng = np.random.RandomState(seed)
    x = rng.uniform(-2.0, 2.0, (230, 1))
    y = np.sin(2.0 * x[:, 0]) + 0.02 * rng.standard_normal(230)
    model = BPRegressor((8,), "tanh", solver="lm", alpha=alpha, n_init=3, ensemble=2)
    fitted(model.set_params(random_state=0), x[:30], y[:30])
    assert model.score(x[30:], y[30:]) > 0.9
    assert model.linear_share_ == 0.0


@pytest.mark.parametrize("alpha", [0.1, "evidence"])
def test_what_is_not_finite_ends(alpha):
    for model, x, y in [
        (BPRegressor((), loss="poisson"), 1e3 * X, np.exp(Y)),
        (BPRegressor((5,), loss="poisson"), 1e6 * X, np.exp(Y)),
        (BPRegressor((5,)), 1e160 * X, Y),
        (BPRegressor((5,), "tanh"), X, 1e160 * Y),
    ]:
        model.set_params(solver="lm", alpha=alpha, random_state=0, max_iter=20)
        model.set_params(n_init=2, ensemble=2)
        fitted(model, x, y)
        assert all(np.isfinite(W).all() for W in model.coefs_)


def test_no_curvature_at_all():
    zeros = [np.zeros((4, 5)), np.zeros((5, 1))]
    options = {"solver": "lm", "alpha": 0.0, "max_iter": 10, "random_state": 0}
    for model, x in [
        (BPRegressor((5,), fit_intercept=False, **options), 0 * X),
        (BPRegressor((5,), fit_intercept=False, coefs_init=zeros, **options), X),
        (BPRegressor((5,), "tanh", loss="huber", **options), X),
    ]:
        fitted(model, x, 1e4 * Y + 1e5)
    fitted(BPClassifier((), **options), 1e6 * X, Y > 0)
