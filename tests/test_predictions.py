"""Predictions, probabilities and decisions of a fitted network."""

import warnings

import numpy as np
import pytest

from skbp import BPClassifier
from tests.helpers import X, Y, fitted_to, network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_one_class_has_one_column(X):
    model = BPClassifier(max_iter=3, random_state=0).fit(X, np.full(120, "only"))
    assert model.predict_proba(X).shape == (120, 1)
    assert (model.predict_proba(X) == 1).all()
    assert (model.predict_log_proba(X) == 0).all()
    assert (model.predict(X) == "only").all()
    assert model.decision_function(X).shape == (120,)


def test_decision_function_is_log_odds(X, labels):
    binary = BPClassifier(max_iter=3, random_state=0).fit(X, labels > 0)
    p = binary.predict_proba(X)
    assert binary.decision_function(X).shape == (120,)
    np.testing.assert_allclose(
        binary.decision_function(X), np.log(p[:, 1] / p[:, 0]), rtol=1e-9
    )
    several = BPClassifier(max_iter=3, random_state=0).fit(X, labels)
    Z, p = several.decision_function(X), several.predict_proba(X)
    assert Z.shape == (120, 3)
    np.testing.assert_allclose(Z, np.log(p / (1 - p)))
    many = BPClassifier(max_iter=3).fit(X, np.c_[labels > 0, labels > 1].astype(int))
    p = many.predict_proba(X)
    np.testing.assert_allclose(many.decision_function(X), np.log(p / (1 - p)))


def test_log_probabilities_are_precise_next_to_0_and_1():
    model = BPClassifier((), max_iter=1).fit(np.ones((9, 1)), np.arange(9) % 2)
    model.coefs_[0][:], model.intercepts_[0][:] = 1.0, 0.0
    log_p = model.predict_log_proba([[50.0], [-50.0], [700.0]])
    tiny = np.exp(-50.0)
    np.testing.assert_allclose(log_p[:2], [[-50, -tiny], [-tiny, -50]], rtol=1e-12)
    assert log_p[2, 0] == -700.0


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_log_probabilities_are_stable(X, labels, kind):
    y = {
        "binary": labels > 0,
        "multiclass": labels,
        "multilabel": np.c_[labels > 0, labels > 1].astype(int),
    }[kind]
    model = BPClassifier(max_iter=3, random_state=0).fit(X, y)
    far = 1e5 * X
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_p, p = model.predict_log_proba(far), model.predict_proba(far)
    assert np.isfinite(log_p).all()
    assert p.min() == np.finfo(float).tiny
    np.testing.assert_allclose(np.exp(log_p), p, atol=1e-12)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-12
    )


@pytest.mark.parametrize("activation", ["logistic", "relu"])
@pytest.mark.parametrize("classes", [2, 3])
def test_prediction_far_away_is_silent(X, labels, activation, classes):
    y = np.minimum(labels, classes - 1)
    for dtype in (np.float32, np.float64):
        model = BPClassifier(activation=activation, max_iter=3, random_state=0)
        model.fit(X.astype(dtype), y)
        with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
            warnings.simplefilter("error")
            model.predict(1e4 * X.astype(dtype))
            model.predict_proba(1e4 * X.astype(dtype))
            model.predict_log_proba(1e4 * X.astype(dtype))


def test_probabilities_are_those_of_the_fitted_output():
    model = fitted_to(BPClassifier((4,), loss="squared_error", max_iter=5), Y > 0)
    model.set_params(loss="log_loss")
    assert not hasattr(model, "predict_proba")
    model = fitted_to(BPClassifier((4,), max_iter=5), Y > 0)
    model.set_params(loss="squared_error")
    assert model.predict_proba(X).shape == (150, 2)


def test_changing_a_parameter_does_not_change_a_fitted_network(iris):
    X, y = iris
    model = network(max_iter=5).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(activation="tanh", hidden_layer_sizes=(3,))
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_weights_may_be_edited(iris):
    X, y = iris
    model = network(max_iter=5).fit(X, y)
    model.coefs_[-1][:] = 0.0
    model.intercepts_[-1][:] = [0.0, 5.0, 0.0]
    assert (model.predict(X) == 1).all()
