"""Initial weights: drawn, given as arrays, or the best constant."""

import numpy as np
import pytest
from sklearn.base import clone

from skbp import BPClassifier, BPRegressor, config_context
from tests.catalogue import ALL_INITIALIZERS
from tests.helpers import BOTH, X_D, Y_D, X, Y, fitted


@BOTH
@pytest.mark.parametrize("name", ALL_INITIALIZERS)
def test_every_initialiser_trains(estimator, name):
    model = fitted(estimator((8,), init=name, solver="lbfgs", random_state=0))
    assert model.score(X, Y) > 0.9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
@config_context(compiled=False)
def test_weights_and_biases_are_drawn_as_glorot_proposes(
    X, labels, activation, monkeypatch
):
    monkeypatch.setattr("skbp.engine.solvers.optimizers.Adam.step", lambda *args: None)
    model = BPClassifier((2000,), activation, max_iter=1, random_state=0)
    model.fit(X, labels)
    bound = np.sqrt((2 if activation == "logistic" else 6) / (4 + 2000))
    for drawn in (model.coefs_[0], model.intercepts_[0]):
        assert 0.99 * bound < np.abs(drawn).max() <= bound
        assert drawn.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


@BOTH
def test_training_starts_from_the_arrays_given(estimator):
    start = fitted(estimator((5,), max_iter=2, random_state=0))
    arrays = [W.copy() for W in (*start.coefs_, *start.intercepts_)]
    options = {"max_iter": 1, "batch_size": "full", "momentum": 0.0, "alpha": 0.0}
    model = estimator(
        (5,),
        solver="sgd",
        learning_rate_init=1e-3,
        coefs_init=start.coefs_,
        intercepts_init=start.intercepts_,
        **options,
    )
    fitted(model)
    gradients = start.set_params(alpha=0.0).gradients(X, Y)
    for W, V, dW in zip(model.coefs_, start.coefs_, gradients[0], strict=True):
        np.testing.assert_allclose(W, V - 1e-3 * dW, rtol=1e-12)
    after = [*start.coefs_, *start.intercepts_]
    assert all((a == b).all() for a, b in zip(arrays, after, strict=True))
    without = fitted(estimator((5,), solver="sgd", coefs_init=start.coefs_, **options))
    assert np.abs(without.intercepts_[0]).max() < 0.01
    weights_only = estimator(
        (5,), intercepts_init=[np.full(5, 7.0), [7.0] * start.n_outputs_], **options
    )
    assert np.abs(fitted(weights_only).intercepts_[0] - 7.0).max() < 0.01


def test_a_network_without_biases_starts_from_its_own_parameters():
    first = fitted(BPRegressor((3,), fit_intercept=False, max_iter=2))
    again = clone(first).set_params(
        coefs_init=first.coefs_, intercepts_init=first.intercepts_
    )
    assert fitted(again).loss_ < first.loss_


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, np.mean),
        ({"loss": "absolute_error"}, lambda y: np.quantile(y, 0.5, method="lower")),
        ({"loss": "quantile", "quantile": 0.9}, lambda y: np.quantile(y, 0.9)),
        ({"loss": "huber", "huber_delta": 1e6}, np.mean),
        ({"loss": "poisson"}, np.mean),
        ({"loss": "gamma"}, np.mean),
        ({"loss": "gamma", "output_activation": "softplus"}, np.mean),
        ({"output_activation": "exp"}, np.mean),
        ({"output_activation": "elu"}, np.mean),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_the_best_constant(options, expected):
    """With weights of zero the network starts as that constant."""
    model = BPRegressor(
        (3,),
        coefs_init=[np.zeros((10, 3)), np.zeros((3, 1))],
        intercepts_init="best_constant",
        learning_rate_init=1e-12,
        max_iter=1,
        **options,
    )
    fitted(model, X_D, Y_D)
    np.testing.assert_allclose(model.predict(X_D), expected(Y_D), rtol=5e-3)


def test_the_best_constant_of_classes_and_quantiles():
    start = {
        "coefs_init": [np.zeros((4, 3)), np.zeros((3, 3))],
        "intercepts_init": "best_constant",
        "learning_rate_init": 1e-12,
        "max_iter": 1,
    }
    rows = np.r_[:50, 50:80, 100:120]
    model = fitted(BPClassifier((3,), **start), X[rows], Y[rows])
    np.testing.assert_allclose(model.predict_proba(X[:1])[0], [0.5, 0.3, 0.2])
    model = BPRegressor((3,), loss="quantile", quantile=[0.1, 0.5, 0.9], **start)
    y = np.random.RandomState(0).standard_normal(150)
    expected = np.quantile(y, [0.1, 0.5, 0.9], method="inverted_cdf")
    np.testing.assert_allclose(fitted(model, X, y).predict(X[:1])[0], expected)
