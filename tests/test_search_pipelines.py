"""Searches over pipelines and transformed targets, and metadata on their way."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor
from skbp.model_selection import BPGridSearchCV
from tests.helpers import ROUTED
from tests.searches import (
    LABELS,
    LOSS,
    NUMBERS,
    PIPELINE,
    PIPELINE_GRID,
    SHORT,
    WEIGHTS,
    Counting,
    X,
    assert_equal_searches,
    both,
    numbers_trained,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:One or more of the test scores are non-finite",
)


@pytest.fixture
def trained(monkeypatch):
    return numbers_trained(monkeypatch)


def test_steps_before_the_network_are_fitted_once_a_fold_and_setting(trained):
    theirs = GridSearchCV(PIPELINE, PIPELINE_GRID, cv=3, **LOSS).fit(X, LABELS)
    Counting.fits = 0
    trained.clear()
    ours = BPGridSearchCV(PIPELINE, PIPELINE_GRID, cv=3, **LOSS).fit(X, LABELS)
    assert Counting.fits == 3 * 6 + 1
    assert trained == [3] * 3 * 6 * 2 + [1]
    assert_equal_searches(ours, theirs)


def test_the_network_itself_may_be_searched():
    grid = [
        {"bp": [BPClassifier((4,), **SHORT)], "bp__alpha": [1e-4, 1.0]},
        {"bp": [LogisticRegression()], "bp__C": [0.1, 1.0]},
    ]
    both(PIPELINE, grid, LABELS, **LOSS)


@pytest.mark.parametrize("memory", [False, True])
def test_weights_and_memory_in_a_pipeline(memory, tmp_path, trained):
    model = clone(PIPELINE).set_params(memory=str(tmp_path) if memory else None)
    weights = {"bp__sample_weight": WEIGHTS, "shift__sample_weight": WEIGHTS}
    grid = {"bp__alpha": [1e-4, 1.0], "bp__beta_1": [0.5, 0.9]}
    both(model, grid, LABELS, weights, **LOSS)
    assert 4 in trained


NETWORK = BPRegressor((4,), **SHORT)
SCALED = Pipeline([("shift", Counting()), ("bp", NETWORK)])
BEHIND_TARGETS = {
    "network": (TransformedTargetRegressor(NETWORK), "regressor__"),
    "pipeline": (TransformedTargetRegressor(SCALED), "regressor__bp__"),
    "in a pipeline": (
        Pipeline([("shift", Counting()), ("ttr", TransformedTargetRegressor(NETWORK))]),
        "ttr__regressor__",
    ),
}


@pytest.mark.parametrize("name", BEHIND_TARGETS)
def test_behind_transformed_targets(name, trained):
    model, prefix = BEHIND_TARGETS[name]
    path = prefix.removesuffix("bp__").removesuffix("regressor__")
    wrapper = f"{path}transformer" if "ttr" in path else "transformer"
    model = clone(model).set_params(**{wrapper: StandardScaler()})
    grid = {
        f"{prefix}alpha": [1e-4, 1.0],
        f"{prefix}learning_rate_init": [1e-3, 1e-2],
        f"{wrapper}__with_mean": [True, False],
    }
    both(model, grid, NUMBERS, scoring=["r2", "neg_mean_absolute_error"], refit="r2")
    assert trained.count(4) == 6
    both(
        model,
        {prefix.removesuffix("__"): [NETWORK, BPRegressor((2,), **SHORT)]},
        NUMBERS,
    )


def test_a_frame_keeps_its_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler(), BPClassifier((4,), **SHORT))
    grid = {"bpclassifier__alpha": [1e-4, 1.0]}
    ours, theirs = both(model, grid, LABELS, X=frame)
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist()


def test_a_step_that_fails():
    grid = {"shift__shift": [0.0, "bad"], "bp__alpha": [1e-4, 1.0]}
    with pytest.warns(FitFailedWarning, match="6 fits failed"):
        both(PIPELINE, grid, LABELS)


class Contrary(Pipeline):
    """A pipeline that predicts in a way of its own."""

    def predict(self, X, **params):
        return np.zeros(len(X), int)

    def score(self, X, y=None, **params):
        return float(np.mean(self.predict(X) == y)) + 1.0


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_a_pipeline_of_ones_own(scoring):
    model = Contrary([("scale", StandardScaler()), ("bp", BPClassifier((4,), **SHORT))])
    both(model, {"bp__alpha": [1e-4, 1.0]}, LABELS, scoring=scoring)


@pytest.mark.parametrize("pipeline", [False, pytest.param(True, marks=ROUTED)])
def test_metadata_routing(pipeline, trained):
    with config_context(enable_metadata_routing=True):
        network = BPClassifier((4,), **SHORT).set_fit_request(sample_weight=True)
        network.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        model = make_pipeline(scaler, network) if pipeline else network
        grid = {"bpclassifier__alpha" if pipeline else "alpha": [1e-4, 1.0]}
        groups = np.arange(len(X)) % 5
        metadata = {"sample_weight": WEIGHTS, "groups": groups}
        both(model, grid, LABELS, metadata, cv=GroupKFold(3))
    assert 2 in trained


def test_each_candidate_gets_the_metadata_that_it_asks_for():
    weights = np.where(LABELS == 0, 100.0, 1e-3)
    with config_context(enable_metadata_routing=True):
        asks = [
            BPClassifier((4,), **SHORT)
            .set_fit_request(sample_weight=wants)
            .set_score_request(sample_weight=False)
            for wants in (True, False)
        ]
        scaler = StandardScaler().set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=False)
        model = Pipeline([("scale", scaler), ("bp", asks[0])])
        grid = {"bp": asks, "bp__alpha": [0.1, 1.0]}
        both(model, grid, LABELS, {"sample_weight": weights}, scoring=scorer)


def test_groups_without_routing():
    groups = np.arange(len(X)) % 5
    model = BPClassifier((4,), **SHORT)
    both(model, {"alpha": [1e-4, 1.0]}, LABELS, {"groups": groups}, cv=GroupKFold(3))
