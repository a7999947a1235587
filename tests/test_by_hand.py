"""Weights that are set by hand: averaged, read from files, evolved, cut, extended."""

import json
import pickle

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.preprocessing import LabelBinarizer

from skbp import BPClassifier, BPRegressor
from skbp.compat import MLPClassifier, MLPRegressor
from tests.helpers import X, Y, fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFIERS = pytest.mark.parametrize("kind", [BPClassifier, MLPClassifier])
COMPAT = [
    (MLPClassifier, neural_network.MLPClassifier),
    (MLPRegressor, neural_network.MLPRegressor),
]
SMALL = {"hidden_layer_sizes": (8, 6), "max_iter": 5, "random_state": 0}
PUBLIC = "coefs_", "intercepts_", "out_activation_", "n_layers_", "n_outputs_"


def by_hand(kind, source, *more):
    """Return an estimator that was never fitted, with the attributes of another."""
    model = kind((8, 6))
    for name in (*PUBLIC, *more):
        setattr(model, name, getattr(source, name))
    return model


@CLASSIFIERS
@pytest.mark.parametrize("y", ["binary", "classes", "names", "labels"])
def test_a_classifier_predicts(kind, y):
    targets = {
        "binary": (Y > 0).astype(int),
        "classes": Y,
        "names": np.array(["a", "b", "c"])[Y],
        "labels": np.c_[Y > 0, Y > 1].astype(int),
    }[y]
    source = fitted(kind(**SMALL), X, targets)
    model = by_hand(kind, source, "classes_")
    np.testing.assert_array_equal(model.predict(X), source.predict(X))
    np.testing.assert_array_equal(model.predict_proba(X), source.predict_proba(X))
    assert model.score(X, targets) == source.score(X, targets)
    # Lists are as good as arrays; what follows from the weights may be missing.
    model = kind((8, 6))
    model.coefs_ = [W.tolist() for W in source.coefs_]
    model.intercepts_ = [b.reshape(1, -1) for b in source.intercepts_]
    model.classes_ = source.classes_.tolist()
    if y != "labels":
        np.testing.assert_array_equal(model.predict(X), source.predict(X))


@pytest.mark.parametrize("kind", [BPRegressor, MLPRegressor])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_regressor_predicts(kind, loss):
    source = fitted(kind(loss=loss, **SMALL))
    model = kind((8, 6)) if kind is BPRegressor else kind(loss)
    for name in PUBLIC:
        setattr(model, name, getattr(source, name))
    np.testing.assert_array_equal(model.predict(X), source.predict(X))


def test_without_classes_there_are_probabilities_and_numbers():
    source = fitted(MLPClassifier(**SMALL))
    model = by_hand(MLPClassifier, source)
    np.testing.assert_array_equal(model.predict_proba(X), source.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), source.predict(X))
    with pytest.raises(NotFittedError):
        MLPClassifier().predict(X)


def test_restored_from_json():
    source = fitted(MLPClassifier(**SMALL), X, np.array(["a", "b", "c"])[Y])
    text = json.dumps(
        {
            "params": source.get_params(),
            "coefs": [W.tolist() for W in source.coefs_],
            "intercepts": [b.tolist() for b in source.intercepts_],
            "classes": source.classes_.tolist(),
            "out_activation": source.out_activation_,
        }
    )
    state = json.loads(text)
    model = MLPClassifier(**state["params"])
    model.coefs_ = [np.array(W) for W in state["coefs"]]
    model.intercepts_ = [np.array(b) for b in state["intercepts"]]
    model.n_layers_, model.n_outputs_ = len(model.coefs_) + 1, 3
    model.out_activation_ = state["out_activation"]
    model._label_binarizer = LabelBinarizer()
    model._label_binarizer.classes_ = np.array(state["classes"])
    model._label_binarizer.y_type_ = "multiclass"
    model._label_binarizer.sparse_input_ = False
    np.testing.assert_array_equal(model.predict(X), source.predict(X))
    np.testing.assert_array_equal(model._predict(X), source.predict(X))


@CLASSIFIERS
def test_federated_averaging(kind):
    """The clients train from the mean of their weights, in several rounds."""
    clients = [kind(**SMALL, warm_start=True) for _ in range(3)]
    server = kind((8, 6))
    parts = [np.arange(start, 150, 3) for start in range(3)]
    for _ in range(10):
        for client, rows in zip(clients, parts, strict=True):
            if hasattr(server, "coefs_"):
                client.coefs_ = [W.copy() for W in server.coefs_]
                client.intercepts_ = [b.copy() for b in server.intercepts_]
            fitted(client, X[rows], Y[rows])
        layers = zip(*(client.coefs_ for client in clients), strict=True)
        server.coefs_ = [np.mean(each, axis=0) for each in layers]
        layers = zip(*(client.intercepts_ for client in clients), strict=True)
        server.intercepts_ = [np.mean(each, axis=0) for each in layers]
        server.n_layers_, server.n_outputs_ = 4, 3
        server.out_activation_, server.classes_ = "softmax", np.arange(3)
    assert server.score(X, Y) > 0.6
    before = [W.copy() for W in server.coefs_]
    server.partial_fit(X, Y)
    assert not np.array_equal(server.coefs_[0], before[0])


@pytest.mark.parametrize(("ours", "theirs"), COMPAT)
@pytest.mark.parametrize("how", ["warm", "partial"])
def test_training_goes_on_from_weights_set_by_hand(ours, theirs, how):
    """As in scikit-learn, whatever hidden_layer_sizes is, and without classes_."""
    rng = np.random.RandomState(0)
    units = (4, 7, 3 if ours is MLPClassifier else 1)
    coefs = [rng.standard_normal((4, 7)), rng.standard_normal((7, units[-1]))]
    intercepts = [rng.standard_normal(7), rng.standard_normal(units[-1])]
    models = []
    for kind in (ours, theirs):
        model = kind(solver="sgd", random_state=0, max_iter=1, warm_start=True)
        model.coefs_ = [W.copy() for W in coefs]
        model.intercepts_ = [b.copy() for b in intercepts]
        model.n_layers_, model.n_outputs_, model.t_ = 3, units[-1], 0
        model.out_activation_ = "softmax" if ours is MLPClassifier else "identity"
        model.n_features_in_, model.loss_curve_, model.best_loss_ = 4, [], np.inf
        model._no_improvement_count = 0
        if how == "warm":
            fitted(model)
        elif ours is MLPClassifier:
            model.partial_fit(X, Y, classes=[0, 1, 2])
        else:
            model.partial_fit(X, Y)
        models.append(model)
    for one, other in zip(models[0].coefs_, models[1].coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_weights_that_evolve():
    model = fitted(MLPClassifier((4,), max_iter=1, random_state=0))
    rng, best = np.random.RandomState(0), model.score(X, Y)
    start = best
    for _ in range(60):
        kept = model.coefs_, model.intercepts_
        model.coefs_ = [W + 0.3 * rng.standard_normal(W.shape) for W in kept[0]]
        model.intercepts_ = [b + 0.3 * rng.standard_normal(b.shape) for b in kept[1]]
        score = model.score(X, Y)
        if score < best:
            model.coefs_, model.intercepts_ = kept
        best = max(best, score)
    assert best > start
    assert model.score(X, Y) == best


@pytest.mark.parametrize(("ours", "theirs"), COMPAT)
@pytest.mark.parametrize("output", ["identity", "logistic", "tanh", "relu"])
def test_the_output_activation_may_change(ours, theirs, output):
    one, other = (fitted(kind(**SMALL)) for kind in (ours, theirs))
    one.out_activation_ = other.out_activation_ = output
    np.testing.assert_allclose(one.predict(X), other.predict(X))
    if ours is MLPClassifier:
        np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X))


def test_logits_of_two_classes():
    one, other = (
        fitted(kind(**SMALL), X, Y > 0)
        for kind in (MLPClassifier, neural_network.MLPClassifier)
    )
    one.out_activation_ = other.out_activation_ = "identity"
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X))
    np.testing.assert_array_equal(one.predict(X), other.predict(X))


@pytest.mark.parametrize(("ours", "theirs"), COMPAT)
def test_the_hidden_activation_may_change(ours, theirs):
    one, other = (fitted(kind(**SMALL)) for kind in (ours, theirs))
    for activation in ("tanh", "identity"):
        one.activation = other.activation = activation
        np.testing.assert_allclose(one.predict(X), other.predict(X), rtol=1e-9)
    one.activation = "no such"
    with pytest.raises(ValueError, match="activation must be one of"):
        one.predict(X)


@pytest.mark.parametrize(("ours", "theirs"), COMPAT)
def test_layers_may_be_added_and_removed(ours, theirs):
    each = []
    for kind in (ours, theirs):
        model = fitted(kind(**SMALL))
        # A layer with the identity as weights, and intercepts of shape (1, n).
        model.coefs_ = [*model.coefs_[:2], np.eye(6), model.coefs_[2]]
        model.intercepts_ = [*model.intercepts_[:2], np.zeros(6), model.intercepts_[2]]
        model.intercepts_ = [np.reshape(b, (1, -1)) for b in model.intercepts_]
        model.n_layers_ = 5
        each.append(model.predict(X))
        # The hidden features: the network without its last layer.
        model.n_layers_, model.out_activation_ = 4, "relu"
        model.n_outputs_ = 6
        each.append(model._forward_pass_fast(X))
        del model.coefs_[2:], model.intercepts_[2:]
        model.n_layers_ = 3
        each.append(model._forward_pass_fast(X))
        each.append(model.predict_proba(X) if ours is MLPClassifier else each[-1])
    for one, other in zip(each[:4], each[4:], strict=True):
        np.testing.assert_allclose(one, other)


@CLASSIFIERS
def test_a_layer_less(kind):
    model = fitted(kind(**SMALL))
    del model.coefs_[1], model.intercepts_[1]
    model.coefs_[0], model.intercepts_[0] = model.coefs_[0][:, :6], np.zeros(6)
    model.n_layers_ = 3
    assert model.predict_proba(X).shape == (150, 3)


@pytest.mark.parametrize(
    "kind", [BPClassifier, BPRegressor, MLPClassifier, MLPRegressor]
)
def test_half_precision(kind):
    model = fitted(kind(**SMALL))
    before = model.predict(X)
    model.coefs_ = [W.astype(np.float16) for W in model.coefs_]
    model.intercepts_ = [b.astype(np.float16) for b in model.intercepts_]
    if hasattr(model, "predict_proba"):
        p = model.predict_proba(X)
        assert p.dtype == np.float32
        np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-6)
        assert np.mean(model.predict(X) == before) > 0.98
    else:
        np.testing.assert_allclose(model.predict(X), before, rtol=0.01, atol=0.01)
    model.partial_fit(X.astype(np.float32), Y)


@CLASSIFIERS
def test_what_does_not_fit_together_is_an_error(kind):
    model = by_hand(kind, fitted(kind(**SMALL)), "classes_")
    coefs = model.coefs_
    with pytest.raises(ValueError, match=r"X has 3 features, but coefs_\[0\] takes 4"):
        model.predict(X[:, :3])
    model.coefs_ = [coefs[0], coefs[2], coefs[1]]
    with pytest.raises(ValueError, match=r"coefs_\[1\] must have the shape"):
        model.predict(X)
    model.coefs_ = [coefs[0], coefs[1][:5], coefs[2]]
    with pytest.raises(ValueError, match="the two must agree"):
        model.predict(X)
    model.coefs_ = coefs[:2]
    with pytest.raises(ValueError, match="an array for each layer"):
        model.predict(X)
    model.coefs_, model.classes_ = coefs, [0, 1]
    with pytest.raises(ValueError, match=r"classes_ has 2 entries, .* 3 outputs"):
        model.predict(X)


@pytest.mark.parametrize("kind", [BPClassifier, BPRegressor])
def test_a_pickle_of_an_older_version_predicts(kind):
    """It has the public attributes, and perhaps not all parameters."""
    model = fitted(kind(**SMALL))
    state = {
        name: value
        for name, value in vars(model).items()
        if not name.startswith("_") and name not in ("fit_intercept", "dropout")
    }
    old = pickle.loads(pickle.dumps(kind.__new__(kind)))
    with pytest.warns(InconsistentVersionWarning, match="by an earlier version"):
        old.__setstate__(state)
    np.testing.assert_array_equal(old.predict(X), model.predict(X))
    old.partial_fit(X, Y)


def test_intercepts_may_be_added():
    model = fitted(BPRegressor(**SMALL, fit_intercept=False))
    before = model.predict(X)
    model.intercepts_[-1] = np.array([2.0])
    np.testing.assert_allclose(model.predict(X), before + 2.0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("out_activation_", "misspelt", "out_activation_ must be one of .*'misspelt'"),
        ("coefs_", [np.ones((4, 3)) * 1j], r"coefs_\[0\] must hold real.*complex128"),
        ("coefs_", None, "an array for each layer; got 0 and 1 arrays"),
        ("intercepts_", None, "an array for each layer; got 1 and 0 arrays"),
        ("coefs_", ["a"], r"coefs_\[0\] must hold real numbers"),
        ("intercepts_", [["a", "b", "c"]], r"intercepts_\[0\] must hold real numbers"),
    ],
)
@pytest.mark.parametrize("estimator", [BPClassifier, MLPClassifier])
def test_attributes_that_cannot_be_used_are_named(estimator, name, value, message):
    model = estimator(()).set_params(hidden_layer_sizes=(), max_iter=2)
    setattr(fitted(model), name, value)
    with pytest.raises(ValueError, match=message):
        model.predict(X)
