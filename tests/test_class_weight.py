"""Weights of classes: they multiply the weights of a class's samples."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from skbp import BPClassifier
from tests.helpers import EXACT, TRAIN, VAL, X, Y, fitted, minimised, same_weights


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop"])
@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 3.0, 2: 0.5}])
def test_class_weights_are_sample_weights(class_weight, solver):
    weights = np.random.RandomState(0).rand(150)
    options = {"solver": solver, "max_iter": 10, "random_state": 0}
    model = fitted(BPClassifier(class_weight=class_weight, **options), X, Y, weights)
    by_class = compute_sample_weight(class_weight, Y)
    same_weights(model, fitted(BPClassifier(**options), X, Y, weights * by_class))


def test_of_labels():
    labels = np.c_[Y > 0, Y > 1].astype(int)
    class_weight = [{0: 1.0, 1: 2.0}, {0: 3.0, 1: 1.0}]
    options = {"max_iter": 5, "random_state": 0}
    model = fitted(BPClassifier(class_weight=class_weight, **options), X, labels)
    weights = compute_sample_weight(class_weight, labels)
    same_weights(model, fitted(BPClassifier(**options), X, labels, weights))


def test_in_parts():
    class_weight = {"a": 2.0, "b": 1.0, "c": 0.5}
    y = np.array(["a", "b", "c"])[Y]
    ours = BPClassifier(class_weight=class_weight, random_state=0)
    plain = BPClassifier(random_state=0)
    weights = compute_sample_weight(class_weight, y)
    for part in (TRAIN, VAL):
        ours.partial_fit(X[part], y[part], classes=["a", "b", "c"])
        plain.partial_fit(X[part], y[part], weights[part], classes=["a", "b", "c"])
    same_weights(ours, plain)


def test_integer_weights_are_repetitions():
    rows = np.repeat(np.arange(150), Y + 1)
    options = {**EXACT, "max_iter": 10, "hidden_layer_sizes": (5,)}
    weighted = fitted(BPClassifier(class_weight={0: 1, 1: 2, 2: 3}, **options))
    repeated = fitted(BPClassifier(**options), X[rows], Y[rows])
    for one, other in zip(weighted.coefs_, repeated.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_logistic_regression_with_class_weights():
    ours = BPClassifier((), alpha=1.0, class_weight="balanced", **EXACT)
    theirs = LogisticRegression(class_weight="balanced", tol=1e-8)
    theirs.fit(X[:90], Y[:90])
    minimised(ours, X[:90], Y[:90])
    np.testing.assert_allclose(
        ours.predict_proba(X[:90]), theirs.predict_proba(X[:90]), atol=1e-3
    )


def test_a_class_weight_of_some_classes():
    some = BPClassifier(class_weight={0: 2.0, 1: 5.0}, max_iter=5, random_state=0)
    every = clone(some).set_params(class_weight={0: 2.0, 1: 5.0, 2: 1.0})
    same_weights(fitted(some), fitted(every))
    rows = Y != 1
    some.partial_fit(X[rows], Y[rows], X_val=X[~rows], y_val=Y[~rows])
    for bad, message in [
        ({7: 1.0}, r"not in y: \[7\]"),
        ({0: np.nan}, "finite"),
        ({0: 0, 1: 0, 2: 0}, "gives all samples the weight 0"),
        ([{0: 1.0}], "multilabel"),
    ]:
        with pytest.raises(ValueError, match=message):
            BPClassifier(class_weight=bad).fit(X, Y)


def test_balanced_weights_are_those_of_training():
    rows = np.r_[:50, 50:60, 100:110]
    model = BPClassifier(class_weight="balanced", max_iter=3, random_state=0)
    fitted(model, X[rows], Y[rows], X_val=X, y_val=Y)
    weights = compute_sample_weight("balanced", Y[rows])[[0, 50, 60]][Y]
    assert model.validation_scores_[-1] == pytest.approx(model.score(X, Y, weights))
