"""Penalty, weight decay, dropout, clipped gradients and averaged weights."""

import numpy as np
import pytest

from skbp import BPClassifier, BPRegressor
from tests.helpers import BOTH, X_D, Y_D, X, Y, fitted, fitted_to, same_weights


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_alpha_is_divided_by_the_weight_of_the_batch(X):
    """lambda/(2m) |W|²: with one batch of m samples it is Ridge's penalty."""
    y = X[:, 0]
    model = BPRegressor((), solver="lbfgs", alpha=12.0, max_iter=1, random_state=0)
    model.fit(X, y)
    W, b = model.coefs_[0], model.intercepts_[0]
    loss = 0.5 * np.mean((X @ W[:, 0] + b - y) ** 2)
    assert model.loss_ == pytest.approx(loss + 12.0 / (2 * 120) * (W**2).sum())


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weight_decay_shrinks_weights_and_no_biases(solver, estimator):
    """Where the gradient is zero only the decay moves W."""
    coefs = [np.ones((4, 3)), np.ones((3, 1))]
    model = estimator(
        3,
        solver=solver,
        coefs_init=coefs,
        intercepts_init=[np.ones(3), np.ones(1)],
        alpha=0.0,
        weight_decay=0.5,
        learning_rate_init=0.1,
        batch_size=50,
        max_iter=4,
        # Without weight a batch is skipped, so the gradient must be zero otherwise.
        activation="relu",
        loss="squared_error",
        random_state=0,
    )
    X_dead = np.full((100, 4), -10.0)
    y = (np.arange(100) % 2).astype(float)
    fitted_to(model, y, X_dead)
    # Every hidden unit is dead, so that W[1] and W[2] feel the decay alone.
    np.testing.assert_allclose(model.coefs_[0], (1 - 0.1 * 0.5) ** 8, rtol=1e-12)
    np.testing.assert_allclose(model.coefs_[1], (1 - 0.1 * 0.5) ** 8, rtol=1e-12)
    assert (model.intercepts_[0] == 1.0).all()


@BOTH
def test_dropout_is_reproducible_and_off_in_prediction(estimator):
    options = {"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (20, 10)}
    plain = fitted(estimator(**options))
    one, other = (fitted(estimator(dropout=0.3, **options)) for _ in range(2))
    same_weights(one, other)
    assert np.abs(one.coefs_[0] - plain.coefs_[0]).max() > 1e-4
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    hidden = np.maximum(X @ one.coefs_[0] + one.intercepts_[0], 0)
    np.testing.assert_allclose(one.activations(X)[1], hidden)
    none = fitted(estimator(dropout=(0.0, 0.0), **options))
    same_weights(none, plain)


def test_dropout_keeps_the_mean():
    """Of a linear network, the mean step over many masks is the step without."""
    start = {
        "coefs_init": [np.eye(4), np.ones((4, 1))],
        "intercepts_init": [np.zeros(4), np.zeros(1)],
    }
    x, y = np.ones((20000, 4)), np.zeros(20000)
    model = BPRegressor(
        (4,),
        "identity",
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        batch_size="full",
        max_iter=1,
        dropout=0.25,
        learning_rate_init=1.0,
        random_state=0,
        **start,
    )
    fitted(model, x, y)
    # E[out] = 4; E[h_i out] = 3 + 1 / 0.75 for a unit h_i that is 0 or 1 / 0.75.
    np.testing.assert_allclose(1 - model.coefs_[1], 3 + 1 / 0.75, rtol=0.03)
    np.testing.assert_allclose(-model.intercepts_[1], 4, rtol=0.03)


def test_dropout_in_parts_goes_on_with_its_random_numbers():
    options = {"dropout": 0.5, "random_state": 0}
    whole = BPClassifier(max_iter=4, tol=0.0, n_iter_no_change=np.inf, **options)
    parts = BPClassifier(**options)
    for _ in range(4):
        parts.partial_fit(X, Y, classes=[0, 1, 2])
    assert np.isfinite(parts.coefs_[0]).all()
    again = BPClassifier(**options)
    for _ in range(4):
        again.partial_fit(X, Y, classes=[0, 1, 2])
    same_weights(parts, again)
    same_weights(parts, fitted(whole))


def test_dropout_does_not_change_the_order_of_samples():
    options = {"max_iter": 3, "batch_size": 10, "random_state": 0}
    without = fitted(BPClassifier(**options))
    hardly = fitted(BPClassifier(dropout=1e-300, **options))
    same_weights(without, hardly)


def test_dropout_of_nothing_is_off():
    fitted(BPClassifier((4,), solver="lbfgs", dropout=(0.0,), max_iter=2))


def test_max_grad_norm():
    options = {
        "solver": "sgd",
        "momentum": 0.0,
        "alpha": 0.0,
        "batch_size": "full",
        "max_iter": 1,
        "learning_rate_init": 1.0,
        "random_state": 0,
    }
    start = fitted(BPRegressor(**options | {"learning_rate_init": 1e-12}), X_D, Y_D)
    clipped = fitted(BPRegressor(max_grad_norm=0.1, **options), X_D, Y_D)
    step = [
        a - b
        for a, b in zip(
            [*start.coefs_, *start.intercepts_],
            [*clipped.coefs_, *clipped.intercepts_],
            strict=True,
        )
    ]
    norm = np.sqrt(sum((s**2).sum() for s in step))
    assert norm == pytest.approx(0.1, rel=1e-6)
    loose = fitted(BPRegressor(max_grad_norm=1e9, **options), X_D, Y_D)
    same_weights(loose, fitted(BPRegressor(**options), X_D, Y_D))


def test_a_huge_gradient_is_clipped_in_float32():
    model = BPRegressor(
        (5,), solver="sgd", max_grad_norm=1.0, max_iter=3, random_state=0
    )
    big = (X * 1e10).astype(np.float32)
    fitted(model, big, (Y * 1e10).astype(np.float32))
    assert np.isfinite(model.loss_)
    assert np.ptp(model.loss_curve_) > 0


@BOTH
def test_average(estimator):
    """The fitted weights are the average of the weights after each step."""
    options = {"batch_size": "full", "max_iter": 8, "random_state": 0, "tol": 0.0}
    points = [
        fitted(estimator((5,), **options | {"max_iter": t})).coefs_[0]
        for t in range(1, 9)
    ]
    averaged = fitted(estimator((5,), average_decay=0.7, **options))
    weights = 0.7 ** np.arange(7, -1, -1)
    expected = np.tensordot(weights / weights.sum(), points, axes=1)
    np.testing.assert_allclose(averaged.coefs_[0], expected, rtol=1e-10)


@BOTH
def test_average_in_parts(estimator):
    options = {"average_decay": 0.9, "random_state": 0}
    whole = estimator(max_iter=5, tol=0.0, n_iter_no_change=np.inf, **options)
    parts = estimator(**options)
    more = {"classes": [0, 1, 2]} if estimator is BPClassifier else {}
    for _ in range(5):
        parts.partial_fit(X, Y, **more)
    same_weights(fitted(whole), parts)


def test_the_average_is_what_is_validated():
    model = BPClassifier(
        average_decay=0.9, early_stopping=True, max_iter=10, random_state=0
    )
    fitted(model, X_val=X, y_val=Y)
    assert model.score(X, Y) == pytest.approx(model.best_validation_score_)
