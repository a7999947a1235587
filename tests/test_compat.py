"""skbp.compat: programs in which nothing but the import changes."""

import copy
import inspect
import pickle
import warnings

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler

from skbp import BPClassifier, BPGridSearchCV, BPRegressor, check_gradient
from skbp.compat import COMPUTED, Computed, MLPClassifier, MLPRegressor
from tests.helpers import SKLEARN, X_D, Y_D, X, Y, fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PAIRS = [
    (MLPClassifier, neural_network.MLPClassifier, BPClassifier),
    (MLPRegressor, neural_network.MLPRegressor, BPRegressor),
]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 12, "random_state": 0}


def same(first, second, rtol=1e-9):
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(first, name), getattr(second, name), strict=True):
            np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-12)


# The name, the signature and the place among the classes


@pytest.mark.parametrize(("ours", "theirs", "bp"), PAIRS)
def test_name_signature_and_bases(ours, theirs, bp):
    assert ours.__name__ == theirs.__name__
    assert issubclass(ours, theirs)
    assert issubclass(ours, bp)
    assert repr(ours(alpha=1.0)) == repr(theirs(alpha=1.0))
    assert not hasattr(ours(), "decision_function")
    new = {"loss"} if SKLEARN < (1, 7) and ours is MLPRegressor else set()
    assert vars(ours()).keys() == vars(theirs()).keys() | new
    mine, known = (
        [
            (p.name, p.default, p.kind)
            for p in inspect.signature(one).parameters.values()
            if p.name not in new
        ]
        for one in (ours, theirs)
    )
    assert mine == known
    with pytest.raises(ValueError, match=r"'activation' parameter of MLP.* must be"):
        ours(activation="gelu").fit(X, Y)


def test_kinds():
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())
    assert MLPRegressor("poisson", (3,), "tanh").hidden_layer_sizes == (3,)


def test_pipelines_name_the_step_as_scikit_learn_does():
    model = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
    search = GridSearchCV(model, {"mlpclassifier__alpha": [0.1, 1.0]}, cv=2)
    search = search.fit(X, Y)
    assert search.best_estimator_.named_steps["mlpclassifier"].n_layers_ == 3
    model = make_pipeline(StandardScaler(), MLPRegressor(**SMALL))
    model = model.set_params(mlpregressor__alpha=0.5).fit(X_D, Y_D)
    assert model[-1].alpha == 0.5
    clf = Pipeline([("clf", MLPClassifier(**SMALL))])
    assert type(clf.fit(X, Y).named_steps["clf"]).__name__ == "MLPClassifier"


def test_it_is_one_of_ours_too():
    grid = {"alpha": [0.01, 0.1, 1.0]}
    ours = BPGridSearchCV(MLPClassifier(**SMALL), grid, cv=2).fit(X, Y)
    theirs = GridSearchCV(neural_network.MLPClassifier(**SMALL), grid, cv=2).fit(X, Y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
    assert check_gradient(fitted(MLPClassifier(**SMALL)), X, Y).error < 1e-6


# The same weights


@pytest.mark.parametrize(
    "options",
    [
        {"solver": "adam"},
        {"solver": "adam", "learning_rate": "adaptive"},
        {"solver": "adam", "learning_rate": "invscaling", "batch_size": 32},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.1, "max_iter": 60},
        {"solver": "sgd", "nesterovs_momentum": False, "shuffle": False},
        {"solver": "lbfgs", "max_iter": 8},
        {"activation": "tanh", "hidden_layer_sizes": (6, 5), "alpha": 0.1},
        {"activation": "logistic", "early_stopping": True},
        {"solver": "lbfgs", "early_stopping": True, "max_iter": 8},
    ],
    ids=str,
)
@pytest.mark.parametrize("y", ["binary", "classes", "labels", "number", "numbers"])
def test_weights_are_those_of_scikit_learn(options, y):
    targets = {
        "binary": (Y > 0).astype(int),
        "classes": np.array(["a", "b", "c"])[Y],
        "labels": np.c_[Y > 0, Y > 1].astype(int),
        "number": X[:, 0] * X[:, 1],
        "numbers": X[:, :2] ** 2,
    }[y]
    ours, theirs, _ = PAIRS[y.startswith("number")]
    if y == "classes" and "early_stopping" in options and SKLEARN < (1, 7):
        pytest.skip("scikit-learn 1.6 stops early only with numbers as classes")
    if y == "numbers" and ("tol" in options or options.get("solver") == "lbfgs"):
        pytest.skip("the loss of several outputs is their sum, and there their mean")
    ours, theirs = (
        fitted(one(**SMALL | options), X, targets) for one in (ours, theirs)
    )
    same(ours, theirs, rtol=1e-7)
    assert ours.n_iter_ == theirs.n_iter_
    if y.startswith("number"):
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-6)
    else:
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_allclose(
            ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6
        )
    if hasattr(theirs, "_optimizer"):
        rates = (one._optimizer.learning_rate for one in (ours, theirs))
        assert next(rates) == pytest.approx(next(rates))
        assert ours._no_improvement_count == theirs._no_improvement_count


def test_a_single_class_has_two_columns():
    y = np.full(150, "only")
    ours, theirs = (
        fitted(one(**SMALL), X, y)
        for one in (MLPClassifier, neural_network.MLPClassifier)
    )
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X))
    assert (ours.predict(X) == "only").all()


# Attributes that programs read


@pytest.mark.parametrize(("ours", "theirs", "bp"), PAIRS)
def test_forward_passes(ours, theirs, bp):
    one, other = (fitted(kind(**SMALL)) for kind in (ours, theirs))
    layers = [X] + [None] * (one.n_layers_ - 1)
    assert one._forward_pass(layers) is layers
    for A, B in zip(layers, other._forward_pass([X, None, None]), strict=True):
        np.testing.assert_allclose(A, B)
    np.testing.assert_allclose(layers[1], one.activations(X)[1])
    for check_input in (True, False):
        fast = one._forward_pass_fast(X, check_input=check_input)
        np.testing.assert_allclose(fast, layers[-1])


@pytest.mark.parametrize(("ours", "theirs", "bp"), PAIRS)
def test_a_gradient_check_through_backprop(ours, theirs, bp):
    """The program unpacks theta, and asks for loss and gradient."""
    model = fitted(ours(**SMALL))
    targets = model._label_binarizer.transform(Y) if ours is MLPClassifier else Y
    targets = np.reshape(targets, (150, -1))
    layers = [X] + [None] * 2
    deltas, dW = [None] * 2, [np.empty_like(W) for W in model.coefs_]
    db = [np.empty_like(b) for b in model.intercepts_]
    theta = np.hstack([p.ravel() for p in model.coefs_ + model.intercepts_])
    weights = [None] if SKLEARN >= (1, 7) else []

    def loss_and_gradient(theta):
        model._unpack(theta)
        loss, *grad = model._backprop(X, targets, *weights, layers, deltas, dW, db)
        return loss, np.hstack([g.ravel() for part in grad for g in part])

    loss, grad = loss_and_gradient(theta.copy())
    assert loss == pytest.approx(model.cost(X, Y).J)
    mine = np.hstack([g.ravel() for part in model.gradients(X, Y) for g in part])
    np.testing.assert_allclose(grad, mine, atol=1e-12)
    d = np.random.RandomState(0).choice([-1e-6, 1e-6], theta.size)
    numeric = loss_and_gradient(theta + d)[0] - loss_and_gradient(theta - d)[0]
    assert numeric == pytest.approx(2 * grad @ d, rel=1e-4)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel-indicator"])
def test_label_binarizer(kind):
    y = {
        "binary": np.array(["no", "yes"])[(Y > 0).astype(int)],
        "multiclass": np.array(["a", "b", "c"])[Y],
        "multilabel-indicator": np.c_[Y > 0, Y > 1].astype(int),
    }[kind]
    ours, theirs = (
        fitted(one(**SMALL), X, y)
        for one in (MLPClassifier, neural_network.MLPClassifier)
    )
    mine, known = ours._label_binarizer, theirs._label_binarizer
    assert mine.y_type_ == known.y_type_ == kind
    np.testing.assert_array_equal(mine.classes_, known.classes_)
    np.testing.assert_array_equal(mine.transform(y), known.transform(y))
    outputs = ours._forward_pass_fast(X)
    np.testing.assert_array_equal(mine.inverse_transform(outputs), ours.predict(X))
    np.testing.assert_array_equal(ours._predict(X), ours.predict(X))
    assert not hasattr(MLPClassifier(), "_label_binarizer")
    assert not hasattr(fitted(MLPRegressor(**SMALL)), "_label_binarizer")


def test_predictions_follow_a_label_binarizer():
    model = fitted(MLPClassifier(**SMALL))
    codes = model.predict(X)
    model._label_binarizer.classes_ = np.array(["a", "b", "c"])
    assert (model.predict(X) == np.array(["a", "b", "c"])[codes]).all()
    model._label_binarizer = LabelBinarizer().fit([4, 5, 6])
    assert (model.predict(X) == codes + 4).all()
    assert set(model.partial_fit(X, Y + 4).classes_) == {4, 5, 6}
    # A new fit learns classes anew.
    assert set(fitted(model).classes_) == {0, 1, 2}
    assert set(model._label_binarizer.classes_) == {0, 1, 2}


@pytest.mark.parametrize("forget", ["None", "del"])
def test_the_optimizer_can_be_forgotten(forget):
    models = [
        MLPClassifier(**SMALL).partial_fit(X, Y, classes=[0, 1, 2]) for _ in range(2)
    ]
    assert models[0]._optimizer.t == 1
    assert models[0]._optimizer.learning_rate_init == 0.001
    if forget == "None":
        models[1]._optimizer = None
        assert models[1]._optimizer is None
    else:
        del models[1]._optimizer
    first, second = (model.partial_fit(X, Y) for model in models)
    assert not np.allclose(first.coefs_[0], second.coefs_[0])
    assert second._optimizer is not None
    assert not hasattr(fitted(MLPClassifier(solver="lbfgs", tol=1.0)), "_optimizer")


def test_the_best_weights_of_a_loop_of_ones_own():
    """The program keeps the best weights between calls of partial_fit."""
    model, best = MLPClassifier(**SMALL), -1.0
    for _ in range(5):
        model.partial_fit(X, Y, classes=[0, 1, 2])
        if model.score(X, Y) > best:
            best = model.score(X, Y)
            model._best_coefs = [W.copy() for W in model.coefs_]
            model._best_intercepts = [b.copy() for b in model.intercepts_]
        model.partial_fit(X, 2 - Y)
    model.coefs_, model.intercepts_ = model._best_coefs, model._best_intercepts
    assert model.score(X, Y) == best
    stopped = fitted(MLPClassifier(early_stopping=True, max_iter=5), X, Y)
    assert all(map(np.array_equal, stopped._best_coefs, stopped.coefs_))


def test_random_numbers_can_be_read():
    model = fitted(MLPClassifier(**SMALL))
    draws = [model._random_state.uniform() for _ in range(2)]
    assert draws[0] != draws[1]


@pytest.mark.parametrize("name", COMPUTED)
def test_private_attributes_do_not_exist_before_a_fit(name):
    assert isinstance(inspect.getattr_static(MLPClassifier, name), Computed)
    assert not hasattr(MLPClassifier(), name)


@pytest.mark.parametrize("ours", [MLPClassifier, MLPRegressor])
def test_copies_and_pickles(ours):
    model = fitted(ours(**SMALL))
    assert model._random_state is not None
    for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert not hasattr(clone(model), "coefs_")


def test_the_attributes_of_a_network_of_scikit_learn():
    """The program copies a fitted network's attributes into another."""
    for ours, theirs, _ in PAIRS:
        known, model = fitted(theirs(**SMALL)), ours(**SMALL)
        vars(model).update(copy.deepcopy(vars(known)))
        np.testing.assert_allclose(model.predict(X), known.predict(X))
        assert model._optimizer.learning_rate == known._optimizer.learning_rate
        model.partial_fit(X, Y)


# Warnings


@pytest.mark.parametrize("category", [ConvergenceWarning, UserWarning])
def test_the_gallerys_filter_hides_warnings(category):
    for kind in (MLPClassifier, BPClassifier):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.filterwarnings("ignore", category=category, module="sklearn")
            kind(max_iter=1).fit(X, Y)
            cross_val_score(kind(max_iter=1), X, Y, cv=2)


def test_a_warning_shows_the_users_line():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make_pipeline(StandardScaler(), MLPClassifier(max_iter=1)).fit(X, Y)
    (one,) = caught
    assert one.filename == __file__
    with open(__file__, encoding="utf-8") as lines:
        assert "MLPClassifier(max_iter=1)).fit" in lines.readlines()[one.lineno - 1]


def test_lbfgs_gives_its_status():
    X_D, Y_D = load_diabetes(return_X_y=True)
    match = r"lbfgs failed to converge after 2 iteration\(s\) \(status=1\):\n"
    for kind in (BPRegressor, MLPRegressor):
        with pytest.warns(ConvergenceWarning, match=match):
            kind(solver="lbfgs", max_iter=2).fit(X_D, Y_D)


def test_the_loss_of_the_regressor_with_every_scikit_learn():
    model = MLPRegressor(loss="poisson", **SMALL)
    assert fitted(model, X_D, np.abs(Y_D)).out_activation_ == "exp"
    with pytest.raises(ValueError, match=r"'loss' parameter of MLPRegressor.*'gamma'"):
        MLPRegressor(loss="gamma").fit(X_D, Y_D)
