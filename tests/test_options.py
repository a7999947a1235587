"""Activations, outputs, losses and initial weights beyond MLPClassifier's."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skbp import BPClassifier, BPRegressor, check_gradient
from tests.catalogue import ALL_INITIALIZERS

X = StandardScaler().fit_transform(load_iris().data)
Y = load_iris().target
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
LABELS = np.c_[Y > 0, Y > 1].astype(int)
BOTH = pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
EXACT = {"solver": "lbfgs", "tol": 1e-8, "max_iter": 5000, "random_state": 0}


def fitted(model, y=Y, X=X, **fit_options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **fit_options)


def minimised(model, y=Y):
    """Return the model close to its minimum.

    SciPy stops where J falls by 2e-9 of itself, which leaves parameters some 1e-5 away.
    """
    model.set_params(warm_start=True)
    for _ in range(8):
        fitted(model, y)
    return model


@BOTH
def test_options_survive_clone_and_pickle(estimator):
    model = estimator(
        (4, 3),
        ["tanh", "relu"],
        init=("he_normal", "orthogonal", "small_normal"),
        batch_size="full",
        max_iter=3,
        random_state=0,
    )
    fitted(model)
    again = fitted(clone(model))
    loaded = pickle.loads(pickle.dumps(model))
    for other in (again, loaded):
        np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_options_are_searched():
    search = GridSearchCV(
        BPClassifier((4, 3), solver="lbfgs", max_iter=50, random_state=0),
        {
            "activation": ["relu", ("tanh", "relu")],
            "init": ["sklearn", "he_normal", ("orthogonal",) * 3],
            "output_activation": ["auto", "logistic"],
        },
    )
    fitted(search)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@BOTH
@pytest.mark.parametrize("name", ALL_INITIALIZERS)
def test_every_initialiser_trains(estimator, name):
    model = fitted(estimator((8,), init=name, solver="lbfgs", random_state=0))
    assert model.score(X, Y) > 0.9


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


@BOTH
def test_a_warm_start_goes_on_from_its_own_weights(estimator):
    first = fitted(estimator((5,), max_iter=5, random_state=0))
    model = estimator(
        (5,), coefs_init=first.coefs_, max_iter=5, warm_start=True, random_state=0
    )
    fitted(model)
    loss = model.loss_
    fitted(model)
    assert model.loss_curve_[5] < loss


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_without_intercepts_the_origin_maps_to_the_origin(estimator, solver):
    model = estimator((5, 4), solver=solver, fit_intercept=False, max_iter=20)
    fitted(model)
    assert not any(b.any() for b in model.intercepts_)
    scores = model.predict if estimator is BPRegressor else model.decision_function
    assert (scores(np.zeros((1, 4))) == 0).all()
    model.set_params(warm_start=True, fit_intercept=True)
    fitted(model)
    assert any(b.any() for b in model.intercepts_)


def test_without_hidden_layers_and_intercept_it_is_ridge():
    y = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * Y
    ours = minimised(BPRegressor((), alpha=3.0, fit_intercept=False, **EXACT), y)
    ridge = Ridge(alpha=3.0, fit_intercept=False).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0][:, 0], ridge.coef_, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "squared_error"},
        {"loss": "squared_error", "output_activation": "logistic"},
        {"loss": "squared_error", "output_activation": "softmax"},
        {"loss": "squared_error", "output_activation": "tanh"},
        {"loss": "squared_error", "output_activation": "relu", "init": "he_normal"},
        {"loss": "squared_error", "output_activation": "exp"},
        {"output_activation": "logistic"},
        {"output_activation": "softmax"},
    ],
    ids=str,
)
@pytest.mark.parametrize("target", ["binary", "multiclass", "multilabel", "one"])
def test_every_output_of_the_classifier(options, target):
    if target == "multilabel" and options.get("output_activation") == "softmax":
        return
    y = {
        "binary": NAMES == "virginica",
        "multiclass": NAMES,
        "multilabel": LABELS,
        "one": NAMES[Y == 0][:1].repeat(150),
    }[target]
    model = BPClassifier((8,), "tanh", solver="lbfgs", random_state=0, alpha=0.01)
    model.set_params(**options)
    fitted(model, y)
    assert model.score(X, y) > 0.93
    scores, predicted = model.decision_function(X), model.predict(X)
    if target == "multilabel":
        np.testing.assert_array_equal(predicted, scores > 0)
    elif target == "multiclass":
        assert scores.shape == (150, 3)
        np.testing.assert_array_equal(predicted, model.classes_[scores.argmax(axis=1)])
    elif target == "binary":
        assert scores.shape == (150,)
        np.testing.assert_array_equal(predicted, scores > 0)
    else:
        assert (predicted == "setosa").all()
    if hasattr(model, "predict_proba"):
        p, log_p = model.predict_proba(X), model.predict_log_proba(X)
        np.testing.assert_allclose(np.log(p), log_p, rtol=1e-6, atol=1e-12)
        if target != "multilabel":
            assert p.shape == (150, len(model.classes_))
            np.testing.assert_allclose(p.sum(axis=1), 1.0)
            np.testing.assert_array_equal(predicted, model.classes_[p.argmax(axis=1)])
    else:
        assert options["loss"] == "squared_error"


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "squared_error"},
        {"output_activation": "logistic"},
        {"output_activation": "softmax"},
    ],
    ids=str,
)
def test_outputs_of_the_classifier_in_parts(options):
    model = BPClassifier((8,), learning_rate_init=0.02, random_state=0, **options)
    for _ in range(60):
        model.partial_fit(X[::2], NAMES[::2], classes=np.unique(NAMES))
    assert model.score(X, NAMES) > 0.9
    stopped = BPClassifier(
        (8,), early_stopping=True, max_iter=20, random_state=0, **options
    )
    fitted(stopped, NAMES)
    assert len(stopped.validation_scores_) == stopped.n_iter_


def test_one_versus_rest_is_scikit_learns():
    options = {"alpha": 1.0, **EXACT}
    ours = minimised(BPClassifier((), output_activation="logistic", **options))
    theirs = OneVsRestClassifier(LogisticRegression(C=1.0, tol=1e-8)).fit(X, Y)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4
    )


def test_two_softmax_outputs_are_one_logistic_output():
    """In a linear model the penalty decides: two columns w/2 and -w/2."""
    y = Y > 1
    two = minimised(
        BPClassifier((), output_activation="softmax", alpha=2.0, **EXACT), y
    )
    one = minimised(BPClassifier((), alpha=1.0, **EXACT), y)
    np.testing.assert_allclose(
        two.decision_function(X), one.decision_function(X), rtol=1e-4, atol=1e-3
    )
    assert two.n_outputs_ == 2


def test_log_loss_of_numbers_is_that_of_classes():
    """0 and 1 as proportions have the classifier's weights."""
    options = {"hidden_layer_sizes": (6,), "max_iter": 20, "random_state": 0}
    y = (Y > 1).astype(float)
    regressor = fitted(BPRegressor(loss="log_loss", **options), y)
    classifier = fitted(BPClassifier(**options), y)
    for W, V in zip(regressor.coefs_, classifier.coefs_, strict=True):
        np.testing.assert_array_equal(W, V)
    np.testing.assert_allclose(regressor.predict(X), classifier.predict_proba(X)[:, 1])
    onehot = np.eye(3)[Y]
    regressor = BPRegressor(loss="log_loss", output_activation="softmax", **options)
    np.testing.assert_allclose(
        fitted(regressor, onehot).predict(X),
        fitted(BPClassifier(**options)).predict_proba(X),
    )


def test_proportions_are_weighted_outcomes():
    """A share of 0.3 is 0.3 of a sample of class 1 and 0.7 of one of class 0."""
    share = np.random.RandomState(0).rand(150)
    options = {"hidden_layer_sizes": (4,), "alpha": 0.3, **EXACT, "max_iter": 5}
    regressor = fitted(BPRegressor(loss="log_loss", **options), share)
    classifier = fitted(
        BPClassifier(**options),
        np.repeat([1, 0], 150),
        np.concatenate([X, X]),
        sample_weight=np.concatenate([share, 1 - share]),
    )
    np.testing.assert_allclose(
        regressor.coefs_[0], classifier.coefs_[0], rtol=1e-6, atol=1e-9
    )


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
    fitted(model, y, X_dead)
    # Every hidden unit is dead, so that W[1] and W[2] feel the decay alone.
    np.testing.assert_allclose(model.coefs_[0], (1 - 0.1 * 0.5) ** 8, rtol=1e-12)
    np.testing.assert_allclose(model.coefs_[1], (1 - 0.1 * 0.5) ** 8, rtol=1e-12)
    assert (model.intercepts_[0] == 1.0).all()


@BOTH
def test_a_full_batch_has_every_sample(estimator):
    full = estimator(batch_size="full", max_iter=3, random_state=0)
    n = estimator(batch_size=150, max_iter=3, random_state=0)
    np.testing.assert_array_equal(fitted(full).coefs_[0], fitted(n).coefs_[0])


def test_a_warm_start_may_change_the_output():
    model = BPClassifier((5,), solver="lbfgs", warm_start=True, random_state=0)
    fitted(model, Y)
    fitted(model.set_params(output_activation="logistic"), Y)
    assert model.out_activation_ == "logistic"
    assert model.score(X, Y) > 0.9
    model.set_params(output_activation="softmax")
    assert model.out_activation_ == "logistic"
    assert model.score(X, Y) > 0.9


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_goes_on_when_intercepts_join(estimator, solver):
    model = estimator((4,), solver=solver, fit_intercept=False, random_state=0)
    first = {"classes": [0, 1, 2]} if estimator is BPClassifier else {}
    model.partial_fit(X, Y, **first)
    model.set_params(fit_intercept=True).partial_fit(X, Y)
    assert any(b.any() for b in model.intercepts_)
    assert model.n_iter_ == 2


def test_probabilities_are_those_of_the_fitted_output():
    model = fitted(BPClassifier((4,), loss="squared_error", max_iter=5), Y > 0)
    model.set_params(loss="log_loss")
    assert not hasattr(model, "predict_proba")
    model = fitted(BPClassifier((4,), max_iter=5), Y > 0)
    model.set_params(loss="squared_error")
    assert model.predict_proba(X).shape == (150, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_versus_rest_far_from_the_data(dtype):
    """Where several outputs round to 0 or 1, the raw outputs decide."""
    model = BPClassifier(
        (),
        output_activation="logistic",
        coefs_init=[[[-1.0, -2.0, -3.0]]],
        intercepts_init=[np.zeros(3)],
        learning_rate_init=1e-9,
        max_iter=2,
    )
    fitted(model, [0, 1, 2], np.arange(3, dtype=dtype).reshape(-1, 1))
    far = np.array([[120.0], [900.0], [-120.0], [-1e4]], dtype)
    p = model.predict_proba(far)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(far), [0, 0, 2, 2])
    np.testing.assert_array_equal(
        model.decision_function(far).argmax(axis=1), [0, 0, 2, 2]
    )
    np.testing.assert_array_equal(p[:2].argmax(axis=1), [0, 0])


def test_shares_are_moved_by_no_more_than_rounding():
    share = np.full(150, 1.0)
    share[0] = 1 + 2e-16
    model = fitted(BPRegressor((3,), loss="log_loss", max_iter=2), share)
    assert (model.predict(X) < 1).all()
    p = np.random.RandomState(0).rand(150)
    shares = np.c_[p, 1 - p] * (1 + 3e-6)
    model = BPRegressor((), loss="log_loss", output_activation="softmax")
    fitted(model.set_params(solver="lbfgs"), shares)
    assert check_gradient(model, X, shares).error < 1e-4


@pytest.mark.parametrize(
    ("options", "positive"),
    [
        ({}, False),
        ({"loss": "poisson"}, True),
        ({"loss": "log_loss"}, True),
        ({"output_activation": "relu"}, True),
        ({"output_activation": "tanh"}, False),
    ],
)
def test_tags_say_whether_targets_must_be_positive(options, positive):
    tags = get_tags(BPRegressor(**options))
    assert tags.target_tags.positive_only == positive


def test_a_network_without_biases_starts_from_its_own_parameters():
    first = fitted(BPRegressor((3,), fit_intercept=False, max_iter=2))
    again = clone(first).set_params(
        coefs_init=first.coefs_, intercepts_init=first.intercepts_
    )
    assert fitted(again).loss_ < first.loss_
