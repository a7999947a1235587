"""The score on the validation set: a name, a callable, or the loss."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
)

from skbp import BPClassifier, BPGridSearchCV, BPRegressor
from skbp.engine.solvers import SOLVERS
from tests.helpers import BOTH, TRAIN, VAL, X_D, Y_D, X, Y, fitted, same_weights


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


@BOTH
@pytest.mark.parametrize("solver", list(SOLVERS))
def test_a_scorer_gets_weights_of_its_own(estimator, solver):
    kept = []

    def score(model, X, y):
        return model.score(X, y)

    def keep(model, X, y):
        kept.append(model)
        return model.score(X, y)

    def spoil(model, X, y):
        found = model.score(X, y)
        for array in (*model.coefs_, *model.intercepts_):
            array[...] = 0.0
        model.loss_curve_ = None
        return found

    options = {"solver": solver, "max_iter": 4, "random_state": 0}
    first, *others = [
        fitted(estimator((3,), scoring=one, **options), X_val=X[VAL], y_val=Y[VAL])
        for one in (score, keep, spoil)
    ]
    for other in others:
        same_weights(other, first)
        assert other.validation_scores_ == first.validation_scores_
    # One for the initial weights, which are checked before training.
    assert len(kept) == 1 + first.n_iter_
    scores = [model.score(X[VAL], Y[VAL]) for model in kept[1:]]
    assert scores == first.validation_scores_
    for i, model in enumerate(kept[:-1]):
        assert (model.coefs_[0] != kept[i + 1].coefs_[0]).any()
    same_weights(kept[-1], first)


def test_a_scorer_sees_the_parameters_of_its_candidate():
    seen = set()

    def score(model, X, y):
        seen.add(model.alpha)
        return 0.0

    model = BPClassifier((2,), early_stopping=True, scoring=score, max_iter=2)
    fitted(BPGridSearchCV(model, {"alpha": [0.1, 0.2, 0.3]}, cv=2, refit=False))
    assert seen == {0.1, 0.2, 0.3}


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        lambda y: y.astype(float),
        lambda y: y.astype(str),
        lambda y: y.astype(object),
        lambda y: y.tolist(),
        lambda y: y == 1,
        # Labels that the network does not know.
        lambda y: y + (np.arange(len(y)) % 3),
        lambda y: np.where(y == 1, "one", "other"),
        lambda y: y + 0.5,
    ],
)
@pytest.mark.parametrize("trained_on", [int, str])
def test_the_score_is_the_accuracy_of_scikit_learn(convert, trained_on):
    """With any labels, in its type too, and with the same errors."""
    model = fitted(BPClassifier((4,), max_iter=3), X, Y.astype(trained_on))
    y = convert(np.asarray(Y))
    try:
        known = accuracy_score(y, model.predict(X))
    except (TypeError, ValueError) as error:
        with pytest.raises(type(error)):
            model.score(X, y)
        return
    score = model.score(X, y)
    assert score == known
    assert type(score) is float
