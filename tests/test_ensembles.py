"""Restarts and ensembles: the best of n_init networks, and the mean of the best."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale

from skbp import BPClassifier, BPRegressor
from skbp._estimator.attributes import of_model
from skbp.engine.model import Model
from tests.helpers import BOTH, CALLBACKS, X, Y, fitted, friedman

X_D, Y_D = load_diabetes(return_X_y=True)
X_D, Y_D = scale(X_D), scale(Y_D)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "lm", "rprop"])
@BOTH
def test_the_best_of_several_starts_is_kept(estimator, solver):
    options = {"hidden_layer_sizes": (3,), "solver": solver, "max_iter": 15}
    options |= {"activation": "tanh", "alpha": 0.1}
    several = fitted(estimator(n_init=5, random_state=0, **options))
    first = fitted(estimator(random_state=0, **options))
    assert several.cost(X, Y).J <= first.cost(X, Y).J + 1e-3
    assert several.predict(X).shape == (150,)


def test_the_highest_evidence_is_kept():
    options = {"solver": "lm", "alpha": "evidence", "max_iter": 60}
    model = BPRegressor((4,), "tanh", n_init=4, random_state=0, **options)
    x, y = friedman(300, np.random.RandomState(0))
    best = fitted(model, x, y).log_evidence_
    rng = np.random.RandomState(0)
    singles = [
        fitted(BPRegressor((4,), "tanh", random_state=rng, **options), x, y)
        for _ in range(4)
    ]
    assert best == pytest.approx(max(one.log_evidence_ for one in singles), rel=1e-3)


def test_an_ensemble_predicts_the_mean():
    model = BPRegressor(
        (3,), solver="lbfgs", n_init=4, ensemble=3, max_iter=20, random_state=0
    )
    fitted(model, X_D, Y_D)
    assert model._bp_model.theta.shape[0] == 3
    alone = model.activations(X_D)[-1]
    assert np.abs(alone[:, 0] - model.predict(X_D)).max() > 1e-6
    members = []
    for theta in model._bp_model.theta:
        one = clone(model)
        one.__dict__.update(vars(model))
        network, output = model._bp_model.network, model._bp_model.output
        vars(one).update(of_model(Model.of(network, output, theta[np.newaxis])))
        members.append(one.predict(X_D))
    assert_allclose(np.mean(members, axis=0), model.predict(X_D))
    assert_allclose(members[0], alone[:, 0])


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "ovr"])
def test_probabilities_of_an_ensemble_agree_with_its_decisions(kind):
    y = {"binary": Y > 1, "multilabel": np.c_[Y > 0, Y > 1].astype(int)}.get(kind, Y)
    model = BPClassifier(
        (4,),
        solver="lbfgs",
        n_init=3,
        ensemble=3,
        max_iter=15,
        random_state=0,
        output_activation="logistic" if kind == "ovr" else "auto",
    )
    fitted(model, X, y)
    p, log_p, scores = (
        getattr(model, name)(X)
        for name in ("predict_proba", "predict_log_proba", "decision_function")
    )
    assert_allclose(np.log(p), log_p, rtol=1e-9, atol=1e-12)
    predicted = model.predict(X)
    if kind in ("binary", "multilabel"):
        np.testing.assert_array_equal(predicted, scores > 0)
        shares = p[:, 1] if kind == "binary" else p
        clear = np.abs(scores) < 10
        expected = np.log(shares / (1 - shares))
        assert_allclose(scores[clear], expected[clear], rtol=1e-6)
    else:
        np.testing.assert_array_equal(predicted, scores.argmax(axis=1))
        assert_allclose(p.sum(axis=1), 1.0)


@CALLBACKS
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm", "rprop"])
def test_callbacks_see_every_network(solver):
    """Each network may take max_iter iterations, a task each."""
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = BPClassifier(
        (3,), solver=solver, n_init=3, max_iter=4, tol=0.0, random_state=0
    )
    fitted(model.set_callbacks(monitor))
    assert len(monitor.get_logs().data) >= (12 if solver in ("lbfgs", "lm") else 4)


def test_early_stopping_keeps_the_best_scores():
    model = BPClassifier(
        (4,), n_init=4, early_stopping=True, max_iter=15, random_state=0
    )
    fitted(model, X_val=X, y_val=Y)
    assert model.score(X, Y) == pytest.approx(model.best_validation_score_)
    assert max(model.validation_scores_) == model.best_validation_score_


def rebuilt(model, x):
    """Return the outputs of a fitted network, from public attributes alone."""
    f = ACTIVATIONS_BY_HAND
    total = 0.0
    for coefs, intercepts, share in model.members_:
        A = x
        for W, b in zip(coefs[:-1], intercepts[:-1], strict=True):
            A = f[model.activation](A @ W + b)
        total = total + share * f[model.out_activation_](A @ coefs[-1] + intercepts[-1])
    return total


ACTIVATIONS_BY_HAND = {
    "identity": lambda Z: Z,
    "logistic": lambda Z: 1.0 / (1.0 + np.exp(-Z)),
    "relu": lambda Z: np.maximum(Z, 0.0),
    "softmax": lambda Z: np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True),
    "tanh": np.tanh,
}


SEVERAL = {"n_init": 4, "ensemble": 3, "max_iter": 20, "random_state": 0}
NOISY = np.c_[Y_D, X_D[:, 1], np.tanh(2.0 * X_D[:, 2])]
NOISY = NOISY + 0.5 * np.random.RandomState(0).standard_normal(NOISY.shape)
#: Several outputs of which a linear model has a share.
LINEAR = BPRegressor((3,), "tanh", **SEVERAL | {"n_init": 2, "ensemble": 2})
LINEAR.set_params(solver="lm", alpha="evidence")
PREDICTORS = {
    "one": (BPRegressor((3,), max_iter=5, random_state=0), Y_D),
    "three": (BPRegressor((5, 4), "tanh", **SEVERAL), Y_D),
    "three outputs": (BPRegressor((5,), **SEVERAL), NOISY),
    "classes": (BPClassifier((5,), **SEVERAL), np.digitize(Y_D, [-0.5, 0.5])),
    "two classes": (BPClassifier((5,), **SEVERAL), Y_D > 0.0),
    "linear": (LINEAR, NOISY),
}


@pytest.mark.parametrize("name", PREDICTORS)
def test_members_rebuild_the_prediction(name):
    model, y = PREDICTORS[name]
    model = fitted(clone(model), X_D, y)
    outputs = rebuilt(model, X_D)
    assert_allclose(sum(member.share for member in model.members_), 1.0)
    if isinstance(model, BPRegressor):
        assert_allclose(outputs.reshape(y.shape), model.predict(X_D), atol=1e-9)
    else:
        p = model.predict_proba(X_D)
        assert_allclose(outputs, p if outputs.shape[1] > 1 else p[:, 1:], atol=1e-9)


def test_a_linear_share_is_a_member():
    model = fitted(clone(LINEAR), X_D, NOISY)
    assert 0.0 < np.mean(model.linear_share_) < 1.0
    assert_allclose(model.members_[-1].share, model.linear_share_)


def test_members_follow_the_public_attributes_and_cannot_be_changed():
    model = fitted(BPRegressor((3,), n_init=2, ensemble=2, random_state=0), X_D, Y_D)
    first, second = model.members_
    with pytest.raises(ValueError, match="read-only"):
        first.coefs[0][0, 0] = 1.0
    with pytest.raises(AttributeError):
        model.members_ = []
    model.coefs_[0][:] = 0.0
    assert not model.members_[0].coefs[0].any()
    model.coefs_ = [np.ones_like(W) for W in model.coefs_]
    assert (model.members_[0].coefs[0] == 1.0).all()
    assert_allclose(model.members_[1].coefs[0], second.coefs[0])
    assert not hasattr(BPRegressor(), "members_")
