"""Where the estimators plug in: scikit-learn's searches, pipelines and conventions."""

import sys
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import get_tags

from skbp import BPClassifier, BPRegressor
from tests.helpers import SKLEARN, fitted, network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_grid_search_in_a_pipeline(iris):
    X, y = iris
    search = GridSearchCV(
        make_pipeline(StandardScaler(), network(max_iter=40)),
        {
            "bpclassifier__hidden_layer_sizes": [(4,), (8, 8)],
            "bpclassifier__learning_rate_init": [0.001, 0.02],
            "bpclassifier__alpha": [1e-4, 1.0],
        },
        cv=3,
    ).fit(X, y)
    assert search.best_score_ > 0.93
    assert len(search.cv_results_["params"]) == 8
    assert search.predict(X).shape == y.shape


def test_grid_search_in_parallel(iris):
    X, y = iris
    search = GridSearchCV(
        network(max_iter=5), {"alpha": [1e-4, 1.0, 10.0]}, cv=2, n_jobs=2
    )
    alone = clone(search).set_params(n_jobs=1).fit(X, y)
    np.testing.assert_allclose(
        search.fit(X, y).cv_results_["mean_test_score"],
        alone.cv_results_["mean_test_score"],
    )


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


def test_cross_validation(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), network())
    assert cross_val_score(model, X, y).mean() > 0.93
    p = cross_val_predict(model, X, y, method="predict_proba")
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert cross_val_predict(model, X, y, method="decision_function").shape == (150, 3)


def test_calibration_bagging_and_voting(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), network(max_iter=30))
    methods = ["sigmoid", "isotonic"]
    if SKLEARN >= (1, 8):
        methods.append("temperature")
    for method in methods:
        calibrated = CalibratedClassifierCV(model, method=method, cv=3).fit(X, y)
        assert calibrated.score(X, y) > 0.85
    assert BaggingClassifier(model, 3, random_state=0).fit(X, y).score(X, y) > 0.9
    vote = VotingClassifier([("a", model), ("b", network())], voting="soft")
    assert vote.fit(X, y).score(X, y) > 0.9


def test_permutation_importance():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, 3))
    model = BPRegressor(solver="lbfgs", random_state=0).fit(X, X[:, 1] ** 2)
    result = permutation_importance(model, X, X[:, 1] ** 2, random_state=0)
    assert result.importances_mean.argmax() == 1


def test_mixed_columns_of_a_frame():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(
        {"size": rng.standard_normal(120), "colour": rng.choice(list("rgb"), 120)}
    )
    y = np.where((frame["size"] > 0) ^ (frame["colour"] == "r"), "yes", "no")
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["size"]),
                ("words", OneHotEncoder(), ["colour"]),
            ],
            sparse_threshold=1.0,
        ),
        network(),
    ).fit(frame, y)
    assert model.score(frame, y) > 0.95
    assert set(model.predict(frame)) == {"yes", "no"}


def test_transformed_targets():
    X, y = load_diabetes(return_X_y=True)
    model = TransformedTargetRegressor(
        BPRegressor(solver="lbfgs", alpha=1.0, random_state=0),
        transformer=StandardScaler(),
    )
    assert model.fit(X / X.std(), y).score(X / X.std(), y) > 0.6


@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_the_diagram_shows_it(estimator, iris):
    assert estimator.__name__ in estimator().fit(*iris)._repr_html_()


def test_libraries_that_are_not_installed_are_named(iris, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        network(max_iter=1).fit(*iris).to_torch()
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    monkeypatch.delitem(sys.modules, "skbp.onnx", raising=False)
    with pytest.raises(ImportError, match=r"skbp\[onnx\]"):
        import_module("skbp.onnx")


@pytest.mark.parametrize("random_state", [None, 3, np.random.RandomState(3)])
def test_random_states(iris, random_state):
    X, y = iris
    BPClassifier(max_iter=2, random_state=random_state).fit(X, y)
    model = BPClassifier(random_state=random_state)
    for _ in range(2):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert model.n_iter_ == 2


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
