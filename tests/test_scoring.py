"""The score on the validation set: a name, a callable, or the loss."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error

from skbp import BPClassifier, BPRegressor
from tests.helpers import TRAIN, VAL, X_D, Y_D, X, Y, fitted, same_weights


def test_a_name_a_callable_and_the_loss():
    options = {"early_stopping": True, "max_iter": 10, "random_state": 0}
    given = {"X_val": X[VAL], "y_val": Y[VAL]}
    named = BPClassifier(scoring="neg_log_loss", **options)
    fitted(named, X[TRAIN], Y[TRAIN], **given)
    assert named.validation_scores_[-1] == pytest.approx(
        -log_loss(Y[VAL], named.predict_proba(X[VAL])), rel=0.2
    )
    own = make_scorer(
        log_loss, response_method="predict_proba", greater_is_better=False
    )
    same_weights(
        named,
        fitted(BPClassifier(scoring=own, **options), X[TRAIN], Y[TRAIN], **given),
    )
    by_loss = fitted(
        BPClassifier(scoring="loss", **options), X[TRAIN], Y[TRAIN], **given
    )
    np.testing.assert_allclose(
        by_loss.validation_scores_, np.negative(by_loss.validation_loss_curve_)
    )
    np.testing.assert_allclose(by_loss.validation_scores_, named.validation_scores_)


def test_it_sees_labels_and_weights():
    names = np.array(["a", "b", "c"])[Y]
    seen = []

    def scorer(estimator, X, y, sample_weight=None):
        seen.append((set(y), sample_weight))
        return estimator.score(X, y, sample_weight)

    model = BPClassifier(
        early_stopping=True, scoring=scorer, max_iter=2, random_state=0
    )
    fitted(model, X, names, np.ones(150))
    assert seen[0][0] == {"a", "b", "c"}
    assert len(seen[0][1]) == 15


def test_a_callable_without_weights():
    def scorer(estimator, X, y):
        return estimator.score(X, y)

    options = {"early_stopping": True, "max_iter": 2, "random_state": 0}
    model = fitted(BPClassifier(scoring=scorer, **options), X, Y, np.ones(150))
    assert len(model.validation_scores_) == 2


def test_a_metric_without_weights():
    own = make_scorer(lambda a, b: float(np.mean(a == b)))
    options = {"early_stopping": True, "max_iter": 2, "random_state": 0}
    fitted(BPClassifier(scoring=own, class_weight="balanced", **options))
    model = BPRegressor(scoring="neg_max_error", **options)
    assert len(fitted(model, X, Y, np.ones(150)).validation_scores_) == 2


def test_of_a_regressor():
    model = BPRegressor(
        early_stopping=True,
        scoring="neg_mean_absolute_error",
        max_iter=5,
        random_state=0,
    )
    fitted(model, X_D, Y_D, X_val=X_D, y_val=Y_D)
    assert model.best_validation_score_ == pytest.approx(
        -mean_absolute_error(Y_D, model.predict(X_D))
    )


def test_frames_give_no_warning_of_feature_names():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = BPClassifier(early_stopping=True, scoring="accuracy", max_iter=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(frame, Y)


def test_a_score_that_is_no_number_is_refused_before_training():
    model = BPRegressor(early_stopping=True, max_iter=5)
    with (
        pytest.warns(UserWarning, match="not well-defined"),
        pytest.raises(ValueError, match="score is nan"),
    ):
        model.fit(X, Y, X_val=X[:1], y_val=Y[:1])
    with pytest.raises(ValueError, match="multi_class"):
        BPClassifier(early_stopping=True, scoring="roc_auc").fit(X, Y)
