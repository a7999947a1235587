"""A validation set of the user's own: X_val and y_val, in fit and in partial_fit."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor
from tests.helpers import BOTH, TRAIN, VAL, X, Y, fitted, same_weights


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop"])
@BOTH
def test_it_takes_the_place_of_the_part_held_out(estimator, solver):
    model = estimator(solver=solver, early_stopping=True, max_iter=15, random_state=0)
    given = fitted(model, X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
    scores = given.validation_scores_
    assert len(scores) == len(given.validation_loss_curve_) == given.n_iter_
    assert given.best_validation_score_ == max(scores)
    assert given.score(X[VAL], Y[VAL]) == pytest.approx(max(scores))
    assert given.t_ == (given.n_iter_ * 75 if solver != "lbfgs" else 0)


@BOTH
def test_without_early_stopping_it_changes_nothing(estimator):
    options = {"max_iter": 10, "random_state": 0}
    plain = fitted(estimator(**options), X[TRAIN], Y[TRAIN])
    watched = estimator(**options)
    fitted(watched, X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
    same_weights(plain, watched)
    assert plain.validation_loss_curve_ is None
    assert len(watched.validation_loss_curve_) == 10
    assert watched.score(X[VAL], Y[VAL]) == pytest.approx(
        watched.validation_scores_[-1]
    )
    assert watched.loss_curve_ == plain.loss_curve_
    assert watched.best_loss_ == plain.best_loss_


def test_the_loss_is_that_of_scikit_learn():
    weights = np.random.RandomState(0).rand(75)
    model = BPClassifier(max_iter=3, random_state=0, alpha=1.0, label_smoothing=0.2)
    fitted(
        model,
        X[TRAIN],
        Y[TRAIN],
        X_val=X[VAL],
        y_val=Y[VAL],
        sample_weight_val=weights,
    )
    expected = log_loss(Y[VAL], model.predict_proba(X[VAL]), sample_weight=weights)
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


@BOTH
def test_in_parts(estimator):
    model = estimator(random_state=0)
    options = {"classes": [0, 1, 2]} if estimator is BPClassifier else {}
    for _ in range(3):
        model.partial_fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL], **options)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 3
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[VAL], Y[VAL]))


def test_the_best_score_of_all_calls():
    model = BPRegressor((5,), learning_rate_init=0.5, random_state=0)
    for _ in range(8):
        model.partial_fit(X, Y, X_val=X, y_val=Y)
    assert model.best_validation_score_ == max(model.validation_scores_)
    model.partial_fit(X, Y)
    assert len(model.validation_scores_) == 8


def test_frames_and_a_pipeline_that_routes_it():
    frame = pd.DataFrame(X * 3 + 1, columns=list("abcd"))
    with sklearn.config_context(enable_metadata_routing=True):
        network = BPClassifier(early_stopping=True, max_iter=5, random_state=0)
        network.set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), network, transform_input=["X_val"])
        fitted(
            pipeline,
            frame.iloc[TRAIN],
            Y[TRAIN],
            X_val=frame.iloc[VAL],
            y_val=Y[VAL],
        )
    assert pipeline.score(frame.iloc[VAL], Y[VAL]) == pytest.approx(
        network.best_validation_score_
    )


def test_a_validation_set_in_between_leaves_the_split():
    model = BPClassifier(
        early_stopping=True, warm_start=True, max_iter=2, random_state=0
    )
    split = fitted(model)._bp_checkpoint.split
    fitted(model, X_val=X[:20], y_val=Y[:20])
    assert fitted(model)._bp_checkpoint.split is split


def test_outputs_to_validate_on():
    options = {"early_stopping": True, "max_iter": 2}
    with pytest.raises(ValueError, match="y_val has 1 outputs, but y has 2"):
        BPRegressor(**options).fit(X, X[:, :2], X_val=X, y_val=Y)
    with pytest.raises(ValueError, match=r"In X_val and y_val: .*2 features"):
        BPRegressor(**options).fit(X, Y, X_val=X[:, :2], y_val=Y)
