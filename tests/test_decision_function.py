"""Scores that decide the class can be compared between samples."""

import numpy as np
import pytest
from scipy.special import log_softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, load_wine, make_classification
from sklearn.metrics import get_scorer, log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier
from skbp._targets.probabilities import log_odds
from tests.helpers import fitted

OPTIONS = {"hidden_layer_sizes": (6,), "max_iter": 20, "random_state": 0}


def several_classes():
    """Return classes that overlap, 1000 samples to train on and 1500 to test on."""
    X, y = make_classification(
        2500,
        10,
        n_informative=6,
        n_classes=4,
        class_sep=0.7,
        n_clusters_per_class=1,
        flip_y=0.1,
        random_state=0,
    )
    return X[:1000], y[:1000], X[1000:], y[1000:]


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_log_odds_of_each_class_against_the_rest(n_classes, scale):
    Z = scale * np.random.RandomState(0).standard_normal((200, n_classes))
    log_p = log_softmax(Z, axis=1).astype(np.longdouble)
    p = np.exp(log_p)
    others = np.stack(
        [np.delete(p, k, axis=1).sum(axis=1) for k in range(n_classes)], axis=1
    )
    # Where the others are too small for this formula, theirs is log-sum-exp.
    found = log_odds(Z)
    assert np.isfinite(found).all()
    clear = others > 1e-300
    expected = (log_p - np.log(np.maximum(others, 1e-320)))[clear]
    np.testing.assert_allclose(found[clear], expected.astype(float), rtol=1e-9)
    np.testing.assert_array_equal(found.argmax(axis=1), Z.argmax(axis=1))
    shift = np.random.RandomState(1).standard_normal((200, 1))
    np.testing.assert_allclose(log_odds(Z + shift), found, rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("scoring", ["average_precision", "roc_auc_ovr", "roc_auc"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_ranking_scorers_are_those_of_the_probabilities(kind, scoring):
    X, y, X_test, y_test = several_classes()
    if kind == "binary":
        y, y_test = y > 1, y_test > 1
    elif kind == "multilabel":
        y, y_test = (np.c_[t > 1, t % 2, t == 2].astype(int) for t in (y, y_test))
    if scoring == "roc_auc" and kind == "multiclass":
        scoring = "roc_auc_ovo"
    ours, theirs = BPClassifier(**OPTIONS).fit(X, y), MLPClassifier(**OPTIONS).fit(X, y)
    scorer = get_scorer(scoring)
    expected = scorer(theirs, X_test, y_test)
    assert scorer(ours, X_test, y_test) == pytest.approx(expected, rel=1e-9)


def test_average_precision_of_equal_probabilities_is_equal():
    X, y, X_test, y_test = several_classes()
    model = fitted(BPClassifier(solver="lbfgs", max_iter=300, random_state=0), X, y)
    theirs = MLPClassifier(solver="lbfgs", max_iter=300, random_state=0)
    expected = get_scorer("average_precision")(fitted(theirs, X, y), X_test, y_test)
    moved = fitted(BPClassifier(solver="lbfgs", max_iter=300, random_state=0), X, y)
    # A constant for each sample, in each raw output, changes no probability.
    moved.coefs_[-1] += np.random.RandomState(0).standard_normal((100, 1))
    np.testing.assert_allclose(moved.predict_proba(X), model.predict_proba(X))
    scores = [
        get_scorer("average_precision")(m, X_test, y_test) for m in (model, moved)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)
    assert scores[0] == pytest.approx(expected, abs=0.02)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_is_no_worse_than_that_of_scikit_learns_network(method):
    """Calibration takes ``decision_function`` where there is one."""
    losses = []
    for X, y in (
        load_iris(return_X_y=True),
        load_wine(return_X_y=True),
        several_classes()[:2],
        *(
            make_classification(400, 8, n_informative=5, n_classes=3, random_state=seed)
            for seed in range(3)
        ),
    ):
        train = np.arange(len(y)) % 2 == 0
        losses.append([])
        for network in (BPClassifier(**OPTIONS), MLPClassifier(**OPTIONS)):
            model = make_pipeline(StandardScaler(), network)
            model = CalibratedClassifierCV(model, method=method, cv=3)
            p = model.fit(X[train], y[train]).predict_proba(X[~train])
            losses[-1].append(log_loss(y[~train], p))
    ours, theirs = np.mean(losses, axis=0)
    assert ours <= theirs * 1.02


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_odds_that_overflow_are_the_largest_number(n_classes):
    most = np.finfo(np.float32).max
    model = BPClassifier((), output_activation="softmax")
    model.coefs_ = [np.array([[0.9, -0.9, 0.0]], np.float32)[:, :n_classes] * most]
    model.intercepts_ = [np.zeros(n_classes, np.float32)]
    model.out_activation_, model.classes_ = "softmax", np.arange(n_classes)
    scores = model.decision_function(np.array([[1.0], [-1.0]], np.float32))
    assert np.isfinite(scores).all()
    assert np.min(scores) == -most
