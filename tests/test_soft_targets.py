"""Targets that are shares of outcomes: log loss of numbers, and smoothed labels."""

import numpy as np

from skbp import BPClassifier, BPRegressor, check_gradient
from tests.helpers import EXACT, X, Y, fitted, fitted_to, same_weights


def test_log_loss_of_numbers_is_that_of_classes():
    """0 and 1 as proportions have the classifier's weights."""
    options = {"hidden_layer_sizes": (6,), "max_iter": 20, "random_state": 0}
    y = (Y > 1).astype(float)
    regressor = fitted_to(BPRegressor(loss="log_loss", **options), y)
    classifier = fitted_to(BPClassifier(**options), y)
    for W, V in zip(regressor.coefs_, classifier.coefs_, strict=True):
        np.testing.assert_array_equal(W, V)
    np.testing.assert_allclose(regressor.predict(X), classifier.predict_proba(X)[:, 1])
    onehot = np.eye(3)[Y]
    regressor = BPRegressor(loss="log_loss", output_activation="softmax", **options)
    np.testing.assert_allclose(
        fitted_to(regressor, onehot).predict(X),
        fitted(BPClassifier(**options)).predict_proba(X),
    )


def test_proportions_are_weighted_outcomes():
    """A share of 0.3 is 0.3 of a sample of class 1 and 0.7 of one of class 0."""
    share = np.random.RandomState(0).rand(150)
    options = {"hidden_layer_sizes": (4,), "alpha": 0.3, **EXACT, "max_iter": 5}
    regressor = fitted_to(BPRegressor(loss="log_loss", **options), share)
    classifier = fitted_to(
        BPClassifier(**options),
        np.repeat([1, 0], 150),
        np.concatenate([X, X]),
        sample_weight=np.concatenate([share, 1 - share]),
    )
    np.testing.assert_allclose(
        regressor.coefs_[0], classifier.coefs_[0], rtol=1e-6, atol=1e-9
    )


def test_shares_are_moved_by_no_more_than_rounding():
    share = np.full(150, 1.0)
    share[0] = 1 + 2e-16
    model = fitted_to(BPRegressor((3,), loss="log_loss", max_iter=2), share)
    assert (model.predict(X) < 1).all()
    p = np.random.RandomState(0).rand(150)
    shares = np.c_[p, 1 - p] * (1 + 3e-6)
    model = BPRegressor((), loss="log_loss", output_activation="softmax")
    fitted_to(model.set_params(solver="lbfgs"), shares)
    assert check_gradient(model, X, shares).error < 1e-4


def test_label_smoothing():
    """Smoothed labels are shares: the regressor's soft targets."""
    options = {"max_iter": 10, "random_state": 0, "hidden_layer_sizes": (5,)}
    smooth = fitted(BPClassifier(label_smoothing=0.3, **options))
    shares = np.eye(3)[Y] * 0.7 + 0.1
    soft = BPRegressor(loss="log_loss", output_activation="softmax", **options)
    same_weights(smooth, fitted(soft, X, shares))
    binary = fitted(BPClassifier(label_smoothing=0.3, **options), X, Y > 1)
    soft = BPRegressor(loss="log_loss", **options)
    same_weights(binary, fitted(soft, X, np.where(Y > 1, 0.85, 0.15)))
    assert smooth.classes_.tolist() == [0, 1, 2]
