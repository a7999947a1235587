"""feature_importances_: gradients through all layers, and what uses them."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_friedman1
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor
from tests.helpers import BOTH, X_D, Y_D, X, Y, fitted

LBFGS = {"solver": "lbfgs", "alpha": 1.0, "tol": 1e-3, "random_state": 0}


@pytest.fixture(scope="module")
def friedman():
    """Only the first five of ten features matter."""
    F, y = make_friedman1(500, noise=0.5, random_state=0)
    return StandardScaler().fit_transform(F), (y - y.mean()) / y.std()


def squared_differences(model, F, raw, centered=False):
    """Return the mean squared numeric gradients of the raw outputs."""
    found = []
    for j in range(F.shape[1]):
        step = np.zeros(F.shape[1])
        step[j] = 1e-5
        slopes = (raw(F + step) - raw(F - step)).reshape(len(F), -1) / 2e-5
        if centered:
            slopes -= slopes.mean(axis=1, keepdims=True)
        found.append((slopes**2).sum(axis=1).mean())
    return np.array(found) / sum(found)


@pytest.mark.parametrize("hidden", [(), (6,), (5, 4)])
@pytest.mark.parametrize("activation", ["tanh", "softplus"])
@BOTH
def test_they_are_the_mean_squared_gradients(estimator, hidden, activation):
    model = fitted(estimator(hidden, activation, max_iter=20, random_state=0))
    drawn = np.random.RandomState(0).standard_normal((X.shape[1], 256)).T
    raw, centered = model._bp_raw_outputs, estimator is BPClassifier
    expected = squared_differences(model, drawn, raw, centered)
    np.testing.assert_allclose(model.feature_importances_, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"loss": "huber"},
        {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]},
        {"dtype": "float32"},
    ],
    ids=["poisson", "gamma", "huber", "quantiles", "float32"],
)
def test_of_every_kind_of_output(options):
    options = dict(options)
    dtype = options.pop("dtype", "float64")
    model = BPRegressor((4,), "elu", max_iter=5, random_state=0, **options)
    found = fitted(model, X_D.astype(dtype), Y_D.astype(dtype)).feature_importances_
    assert (found > 0.0).all()
    assert found.sum() == pytest.approx(1.0)
    labels = fitted(BPClassifier((4,), max_iter=5), X, np.eye(3, dtype=int)[Y])
    assert labels.feature_importances_.sum() == pytest.approx(1.0)


def test_a_linear_network_has_its_squared_weights():
    model = fitted(BPRegressor((), max_iter=20, random_state=0), X_D, Y_D)
    squares = model.coefs_[0][:, 0] ** 2
    np.testing.assert_allclose(model.feature_importances_, squares / squares.sum())


def test_classes_that_softmax_shifts_alike_do_not_count():
    model = fitted(BPClassifier((4,), max_iter=20, random_state=0))
    before = model.feature_importances_
    model.coefs_[-1][...] += 3.0
    np.testing.assert_allclose(model.feature_importances_, before)


def test_useless_features_and_dead_networks():
    model = fitted(BPClassifier((4,), max_iter=5, random_state=0))
    model.coefs_[0][2] = 0.0
    found = model.feature_importances_
    assert found[2] == 0.0
    assert found.sum() == pytest.approx(1.0)
    model.coefs_[0][...] = 0.0
    assert model.feature_importances_.tolist() == [0.0, 0.0, 0.0, 0.0]
    model.coefs_[0][0] = np.inf
    with pytest.raises(AttributeError, match="the weights must be finite"):
        model.feature_importances_  # noqa: B018


@pytest.mark.parametrize(
    "options",
    [{"max_iter": 30}, {"solver": "lm", "alpha": "ard", "max_iter": 20, "tol": 0.01}],
    ids=["ensemble", "beside a linear model"],
)
def test_of_networks_that_predict_together(options):
    network = BPRegressor((4,), "tanh", n_init=3, ensemble=3, random_state=0)
    model = fitted(network.set_params(**options), X_D, Y_D)
    assert len(model._bp_model.theta) > 1
    drawn = np.random.RandomState(0).standard_normal((X_D.shape[1], 256)).T
    expected = squared_differences(model, drawn, model.predict)
    np.testing.assert_allclose(model.feature_importances_, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"hidden_layer_sizes": (20,), "activation": "tanh", **LBFGS},
        {"hidden_layer_sizes": (30, 10), "alpha": 10.0, "learning_rate_init": 0.01}
        | {"max_iter": 150, "random_state": 0},
        {"hidden_layer_sizes": (6,), "activation": "tanh", "solver": "lm"}
        | {"alpha": "ard", "tol": 0.01, "max_iter": 50, "random_state": 0},
    ],
    ids=["lbfgs", "adam", "ard"],
)
def test_they_agree_with_permutation_importances(options, friedman):
    F, y = friedman
    model = fitted(BPRegressor(**options), F[:350], y[:350])
    found = model.feature_importances_
    assert found[:5].sum() > 0.85
    assert found[5:].max() < found[:4].min()
    permuted = permutation_importance(model, F[350:], y[350:], random_state=0)
    assert np.corrcoef(found, permuted.importances_mean)[0, 1] > 0.8


def test_they_agree_with_permutation_importances_of_classes():
    F, y = make_classification(
        n_samples=600,
        n_features=12,
        n_informative=4,
        n_redundant=0,
        n_classes=3,
        n_clusters_per_class=1,
        shuffle=False,
        random_state=0,
    )
    F = StandardScaler().fit_transform(F)
    model = fitted(BPClassifier((20,), "tanh", **LBFGS), F, y)
    found = model.feature_importances_
    assert set(np.argsort(-found)[:4]) == {0, 1, 2, 3}
    options = {"scoring": "neg_log_loss", "random_state": 0}
    permuted = permutation_importance(model, F, y, **options).importances_mean
    assert np.corrcoef(found, permuted)[0, 1] > 0.8


def test_selectors_use_them(friedman):
    F, y = friedman
    network = BPRegressor((10,), "tanh", **LBFGS)
    chosen = SelectFromModel(network, threshold=0.02).fit(F, y).get_support()
    assert chosen.tolist() == 5 * [True] + 5 * [False]
    eliminated = RFE(network, n_features_to_select=5, step=5).fit(F, y)
    assert eliminated.support_.tolist() == chosen.tolist()
    pipe = make_pipeline(SelectFromModel(network, max_features=3), network)
    assert pipe.fit(F, y)[-1].n_features_in_ == 3


@BOTH
def test_not_before_fit(estimator):
    model = estimator()
    assert not hasattr(model, "feature_importances_")
    with pytest.raises(NotFittedError):
        model.feature_importances_  # noqa: B018


def test_large_inputs_are_drawn_in_blocks(monkeypatch):
    model = fitted(BPClassifier((4, 3), max_iter=5, random_state=0), X, Y)
    whole = model.feature_importances_
    monkeypatch.setattr("skbp.engine.sensitivity.BLOCK_SIZE", 400)
    blocks = model.feature_importances_
    # The same numbers in another order.
    np.testing.assert_allclose(blocks, whole, rtol=0.3)
