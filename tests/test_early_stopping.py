"""Early stopping: the part held out, its classes, and when training ends."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from skbp import BPClassifier
from skbp._targets import ClassTargets

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_early_stopping_stratifies_all_classes(monkeypatch):
    # 10 of 200 samples are of the third class: a plain split of 20 may have none.
    y = np.repeat([0, 1, 2], [100, 90, 10])
    X = np.random.RandomState(0).standard_normal((200, 3))
    for seed in range(5):
        model = BPClassifier(early_stopping=True, max_iter=1, random_state=seed)
        seen = []
        monkeypatch.setattr(
            ClassTargets,
            "score",
            lambda self, Y, *rest, seen=seen: seen.append(Y) or 1.0,
        )
        model.fit(X, y)
        np.testing.assert_array_equal(seen[0].sum(axis=0), [10, 9, 1])


def test_a_class_without_room_in_both_parts_is_no_error():
    y = np.array([0] * 60 + [1] * 59 + [2])
    X = np.random.RandomState(0).standard_normal((120, 3))
    model = BPClassifier(early_stopping=True, random_state=0, max_iter=3).fit(X, y)
    assert len(model.validation_scores_) == 3


def test_the_binary_split_is_the_one_of_scikit_learn(X, labels, monkeypatch):
    """train_test_split, stratified, after the weights were drawn."""
    y = (labels > 0).astype(int)
    model = BPClassifier((3,), early_stopping=True, max_iter=1, random_state=4)
    seen = []
    monkeypatch.setattr(
        ClassTargets, "score", lambda self, Y, *rest: seen.append(Y) or 1.0
    )
    model.fit(X, y)
    rng = np.random.RandomState(4)
    rng.uniform(size=4 * 3 + 3 + 3 * 1 + 1)
    _, expected = train_test_split(y, test_size=0.1, random_state=rng, stratify=y)
    np.testing.assert_array_equal(seen[0][:, 0], expected)


def test_early_stopping_works_with_lbfgs(X, labels):
    model = BPClassifier(
        solver="lbfgs",
        early_stopping=True,
        n_iter_no_change=3,
        tol=1e-6,
        max_iter=500,
        random_state=0,
    ).fit(X, labels)
    n = model.n_iter_
    assert n < 500
    assert len(model.loss_curve_) == len(model.validation_scores_) == n
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None


def test_training_stops_when_the_count_exceeds_n_iter_no_change(X, labels):
    for estimator in (BPClassifier, MLPClassifier):
        model = estimator(tol=1e6, n_iter_no_change=3, random_state=0)
        assert model.fit(X, labels).n_iter_ == 1 + 3 + 1
