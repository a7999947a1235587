"""Sizes, activations and intercepts of the layers."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skbp import BPClassifier, BPRegressor
from skbp.engine.activations import HIDDEN
from tests.helpers import BOTH, EXACT, X, Y, fitted, minimised_to


def test_hidden_layer_sizes_come_first():
    assert BPRegressor((7,), "tanh").hidden_layer_sizes == (7,)
    assert BPClassifier((7,), "tanh").hidden_layer_sizes == (7,)


@BOTH
@pytest.mark.parametrize("activation", sorted(HIDDEN))
def test_every_activation_trains(estimator, activation):
    model = estimator((8, 6), activation, solver="lbfgs", max_iter=300, random_state=0)
    assert fitted(model).score(X, Y) > 0.9


@BOTH
def test_one_name_is_that_name_for_every_layer(estimator):
    options = {"hidden_layer_sizes": (4, 3), "max_iter": 3, "random_state": 0}
    one = fitted(estimator(activation="tanh", init="he_uniform", **options))
    each = fitted(
        estimator(activation=("tanh",) * 2, init=("he_uniform",) * 3, **options)
    )
    for W, V in zip(one.coefs_, each.coefs_, strict=True):
        np.testing.assert_array_equal(W, V)


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_without_intercepts_the_origin_maps_to_the_origin(estimator, solver):
    model = estimator((5, 4), solver=solver, fit_intercept=False, max_iter=20)
    fitted(model)
    assert not any(b.any() for b in model.intercepts_)
    (A,) = model.activations(np.zeros((1, 4)))[-1]
    # Probabilities are equal where raw outputs are zero.
    assert ((0.0 if estimator is BPRegressor else A[0]) == A).all()
    model.set_params(warm_start=True, fit_intercept=True)
    fitted(model)
    assert any(b.any() for b in model.intercepts_)


def test_without_hidden_layers_and_intercept_it_is_ridge():
    y = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * Y
    ours = minimised_to(BPRegressor((), alpha=3.0, fit_intercept=False, **EXACT), y)
    ridge = Ridge(alpha=3.0, fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], ridge.coef_, atol=1e-5)
