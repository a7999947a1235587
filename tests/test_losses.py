"""Losses: without hidden layers a network is scikit-learn's model of that loss."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.neural_network import MLPRegressor

from skbp import BPRegressor
from tests.helpers import EXACT, X_D, Y_D, fitted, minimised, same_weights


def test_poisson_and_gamma():
    for loss, linear in (("poisson", PoissonRegressor), ("gamma", GammaRegressor)):
        # J is half the mean deviance in both, and the penalty alpha/2 |w|² there.
        ours = BPRegressor((), loss=loss, alpha=0.5 * len(Y_D), **EXACT)
        theirs = linear(alpha=0.5, tol=1e-8, max_iter=1000).fit(X_D, Y_D)
        minimised(ours, X_D, Y_D)
        np.testing.assert_allclose(
            ours.coefs_[0][:, 0], theirs.coef_, rtol=1e-3, atol=1e-5
        )
        np.testing.assert_allclose(ours.predict(X_D), theirs.predict(X_D), rtol=1e-4)


def test_huber():
    theirs = HuberRegressor(epsilon=1.35, alpha=0.1, tol=1e-9, max_iter=1000)
    theirs.fit(X_D, Y_D)
    # Theirs: sum of sigma + sigma H(r / sigma) and alpha |w|², H without the half.
    ours = BPRegressor(
        (),
        loss="huber",
        huber_delta=1.35 * theirs.scale_,
        alpha=0.1 * theirs.scale_,
        **EXACT,
    )
    minimised(ours, X_D, Y_D)
    np.testing.assert_allclose(ours.predict(X_D), theirs.predict(X_D), atol=3e-4)


@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_quantile(level):
    theirs = QuantileRegressor(quantile=level, alpha=0.0).fit(X_D, Y_D)
    ours = BPRegressor(
        (),
        loss="quantile",
        quantile=level,
        alpha=0.0,
        learning_rate_init=0.05,
        learning_rate="cosine",
        n_iter_no_change=np.inf,
        max_iter=1500,
        random_state=0,
    )
    fitted(ours, X_D, Y_D)
    loss = [
        np.maximum(level * (Y_D - p), (level - 1) * (Y_D - p)).mean()
        for p in (ours.predict(X_D), theirs.predict(X_D))
    ]
    assert loss[0] == pytest.approx(loss[1], rel=1e-3)


def test_absolute_error_is_twice_the_median_loss():
    options = {"max_iter": 5, "random_state": 0, "alpha": 0.0, "solver": "sgd"}
    one = BPRegressor(loss="absolute_error", learning_rate_init=0.01, **options)
    other = BPRegressor(loss="quantile", learning_rate_init=0.02, **options)
    same_weights(fitted(one, X_D, Y_D), fitted(other, X_D, Y_D))


def test_several_quantiles_never_cross():
    levels = [0.05, 0.25, 0.5, 0.75, 0.95]
    rng = np.random.RandomState(0)
    x = rng.uniform(-2, 2, (1000, 1))
    y = np.sin(2 * x[:, 0]) + (0.2 + 0.3 * np.abs(x[:, 0])) * rng.standard_normal(1000)
    model = BPRegressor(
        (20,),
        "tanh",
        loss="quantile",
        quantile=levels,
        learning_rate_init=0.02,
        learning_rate="cosine",
        max_iter=150,
        random_state=0,
    )
    fitted(model, x, y)
    bands = model.predict(rng.uniform(-50, 50, (5000, 1)))
    assert bands.shape == (5000, 5)
    assert (np.diff(bands, axis=1) >= 0).all()
    shares = (y[:, np.newaxis] <= model.predict(x)).mean(axis=0)
    np.testing.assert_allclose(shares, levels, atol=0.03)
    assert 0.2 < model.score(x, y) < 1.0
    assert clone(model).set_params(quantile=0.5).fit(x, y).predict(x).ndim == 1


def test_quantiles_stop_early_by_their_own_score():
    model = BPRegressor(
        loss="quantile", quantile=[0.1, 0.9], early_stopping=True, random_state=0
    )
    fitted(model, X_D, Y_D, X_val=X_D, y_val=Y_D)
    assert model.score(X_D, Y_D) == pytest.approx(model.best_validation_score_)


def test_one_quantile_stops_early_by_its_own_score():
    rng = np.random.RandomState(1)
    x = rng.uniform(-1, 1, (2000, 1))
    y = x[:, 0] + rng.exponential(1, 2000)
    model = BPRegressor(
        (20,),
        loss="quantile",
        quantile=0.9,
        early_stopping=True,
        learning_rate_init=0.01,
        max_iter=100,
        random_state=0,
    )
    assert np.mean(y <= fitted(model, x, y).predict(x)) == pytest.approx(0.9, abs=0.03)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_loss_of_several_outputs_is_their_sum(X):
    Y = np.c_[X[:, 0] ** 2, X[:, 1], X[:, 2] * X[:, 3]]
    options = {"alpha": 0.0, "max_iter": 5, "random_state": 0}
    ours, theirs = BPRegressor(**options), MLPRegressor(**options)
    ours.fit(X, Y), theirs.fit(X, Y)
    np.testing.assert_allclose(ours.loss_curve_, 3 * np.array(theirs.loss_curve_))
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-9)
    # It is the value that the gradient is of, so that L-BFGS converges on it.
    lbfgs = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 60, "random_state": 0}
    ours, theirs = BPRegressor(**lbfgs).fit(X, Y), MLPRegressor(**lbfgs).fit(X, Y)
    assert np.mean((ours.predict(X) - Y) ** 2) < np.mean((theirs.predict(X) - Y) ** 2)


def test_poisson_refuses_negative_targets(X):
    y = np.ones(120)
    y[5] = -1.0
    with pytest.raises(ValueError, match=r"loss='poisson' needs y >= 0.*sample 5"):
        BPRegressor(loss="poisson").fit(X, y)
