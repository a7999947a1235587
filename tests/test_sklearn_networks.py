"""from_sklearn and to_sklearn: the same network in scikit-learn's own class."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skbp import BPClassifier, BPRegressor, compat
from tests.helpers import fitted, since

RNG = np.random.RandomState(0)
X = RNG.standard_normal((90, 4))
NUMBERS = np.sin(X[:, 0]) + X[:, 1] ** 2
TWO = np.where(NUMBERS > 0.5, "yes", "no")
THREE = np.digitize(NUMBERS, [0.0, 1.0])
_, LABELS = make_multilabel_classification(90, n_classes=3, random_state=0)
TARGETS = {
    "one output": NUMBERS,
    "two outputs": np.c_[NUMBERS, X[:, 2]],
    "two classes": TWO,
    "three classes": THREE,
    "labels": LABELS,
}
#: The pairs of classes, ours and scikit-learn's, for each kind of target.
CLASSES = {
    name: (BPRegressor, MLPRegressor)
    if "output" in name
    else (BPClassifier, MLPClassifier)
    for name in TARGETS
}
#: Without shuffling, a further epoch takes the samples in the same order.
OPTIONS = {
    "hidden_layer_sizes": (5, 4),
    "activation": "tanh",
    "batch_size": 20,
    "max_iter": 7,
    "shuffle": False,
    "random_state": 3,
}
SOLVERS = {
    "adam": {},
    "sgd": {"learning_rate_init": 0.05},
    "plain sgd": {"nesterovs_momentum": False, "momentum": 0.5},
    "invscaling": {"learning_rate": "invscaling", "learning_rate_init": 0.1},
    "lbfgs": {"activation": "relu"},
}


def parameters(solver):
    name = solver if solver in ("adam", "lbfgs") else "sgd"
    return OPTIONS | {"solver": name} | SOLVERS[solver]


def assert_same(one, other):
    """Assert that two networks predict the same."""
    for x in (X, X.astype(np.float32)):
        if not is_classifier(one):
            assert_allclose(one.predict(x), other.predict(x), rtol=1e-5, atol=1e-6)
        else:
            assert_array_equal(one.predict(x), other.predict(x))
            p = other.predict_proba(x)
            assert_allclose(one.predict_proba(x), p, rtol=1e-5, atol=1e-7)
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        assert_array_equal(a, b)


def close(one, other):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert_allclose(a, b, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_from_sklearn(name, solver):
    ours, theirs = CLASSES[name]
    mlp = fitted(theirs(**parameters(solver)), X, TARGETS[name])
    model = ours.from_sklearn(mlp)
    assert type(model) is ours
    assert_same(model, mlp)
    if solver != "lbfgs":
        assert model.loss_curve_ == mlp.loss_curve_
    assert (model.n_iter_, model.t_) == (mlp.n_iter_, mlp.t_)
    assert model.loss_ == mlp.loss_
    assert model.n_features_in_ == 4
    before = [W.copy() for W in mlp.coefs_]
    if solver != "lbfgs":
        for _ in range(3):
            model.partial_fit(X, TARGETS[name])
        assert_array_equal(mlp.coefs_[0], before[0])
        for _ in range(3):
            mlp.partial_fit(X, TARGETS[name])
        close(model, mlp)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_to_sklearn(name, solver):
    ours, theirs = CLASSES[name]
    model = ours(**parameters(solver))
    y, classes = TARGETS[name], {}
    if solver == "lbfgs":
        fitted(model, X, y)
    else:
        if is_classifier(model):
            classes = {"classes": [0, 1, 2] if y.ndim == 2 else np.unique(y)}
        for _ in range(3):
            model.partial_fit(X, y, **classes)
    mlp = model.to_sklearn()
    assert type(mlp) is theirs
    assert_same(model, mlp)
    assert clone(mlp).get_params() == theirs(**parameters(solver)).get_params()
    if solver != "lbfgs":
        for _ in range(3):
            mlp.partial_fit(X, y)
            model.partial_fit(X, y)
        close(model, mlp)


@pytest.mark.parametrize("name", TARGETS)
def test_there_and_back(name):
    ours, _ = CLASSES[name]
    model = fitted(ours(**OPTIONS), X, TARGETS[name])
    assert_same(ours.from_sklearn(model.to_sklearn()), model)


@since(1, 7, "a loss for counts")
def test_counts():
    counts = np.round(np.abs(NUMBERS) * 3)
    mlp = fitted(MLPRegressor("poisson", **OPTIONS), X, counts)
    model = BPRegressor.from_sklearn(mlp)
    assert model.loss == "poisson"
    assert_allclose(model.predict(X), mlp.predict(X))
    assert_allclose(model.to_sklearn().predict(X), mlp.predict(X))


def test_networks_that_are_not_fitted_and_names_of_features():
    pandas = pytest.importorskip("pandas")
    mlp = MLPClassifier((7,), alpha=0.3)
    model = BPClassifier.from_sklearn(mlp)
    assert not hasattr(model, "coefs_")
    assert (model.hidden_layer_sizes, model.alpha) == ((7,), 0.3)
    frame = pandas.DataFrame(X, columns=list("abcd"))
    mlp = fitted(MLPRegressor(**OPTIONS), frame, NUMBERS)
    model = BPRegressor.from_sklearn(mlp)
    assert list(model.feature_names_in_) == list("abcd")
    assert list(model.to_sklearn().feature_names_in_) == list("abcd")
    assert_allclose(model.predict(frame), mlp.predict(frame))


def test_values_that_scikit_learn_does_not_have_are_left_out():
    model = fitted(BPClassifier((5,), solver="lm", alpha="evidence"), X, THREE)
    mlp = model.to_sklearn()
    assert (mlp.solver, mlp.alpha) == ("adam", 0.0001)
    assert_same(mlp, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert clone(mlp).set_params(max_iter=2).fit(X, THREE).score(X, THREE) > 0.0


def test_targets_in_other_units():
    for y in (30.0 * NUMBERS + 100.0, np.c_[NUMBERS, 9.0 * X]):
        model = BPRegressor(target_scaling="standard", **OPTIONS).partial_fit(X, y)
        mlp = model.to_sklearn()
        assert_allclose(mlp.predict(X), model.predict(X), rtol=1e-9)
        assert mlp.partial_fit(X, y).predict(X).shape == y.shape


def test_the_classes_of_compat():
    mlp = fitted(MLPClassifier(**OPTIONS), X, THREE)
    model = compat.MLPClassifier.from_sklearn(mlp)
    assert type(model) is compat.MLPClassifier
    assert_same(model, mlp)
    network = model.to_sklearn()
    assert type(network) is MLPClassifier
    assert_same(network, mlp)
    again = BPClassifier.from_sklearn(model.partial_fit(X, THREE))
    close(again.partial_fit(X, THREE), model.partial_fit(X, THREE))


def test_what_scikit_learn_cannot_be():
    def refused(model, y, message):
        with pytest.raises(ValueError, match=message):
            fitted(model, X, y).to_sklearn()

    quick = {"max_iter": 2, "random_state": 0}
    refused(BPRegressor(n_init=2, ensemble=2, **quick), NUMBERS, "members_")
    refused(BPRegressor((4,), "gelu", **quick), NUMBERS, "gelu")
    refused(BPRegressor((4, 3), ("tanh", "relu"), **quick), NUMBERS, "several")
    refused(BPClassifier(output_activation="logistic", **quick), THREE, "softmax")
    refused(BPClassifier(output_activation="softmax", **quick), TWO, "logistic")
    refused(BPRegressor(loss="quantile", quantile=[0.1, 0.9]), NUMBERS, "ordered")
    with pytest.raises(ValueError, match="not fitted"):
        BPRegressor().to_sklearn()
    with pytest.raises(TypeError, match="MLPRegressor"):
        BPRegressor.from_sklearn(MLPClassifier())
    with pytest.raises(TypeError, match="LogisticRegression"):
        BPClassifier.from_sklearn(LogisticRegression())


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_warm_start_continues_as_well(solver):
    mlp = MLPRegressor(warm_start=True, **parameters(solver))
    model = BPRegressor.from_sklearn(fitted(mlp, X, NUMBERS))
    close(fitted(model, X, NUMBERS), fitted(mlp, X, NUMBERS))
