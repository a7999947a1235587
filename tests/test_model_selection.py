"""Searches in lock-step: GridSearchCV's results, of candidates that train together."""

import inspect
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.decomposition import FastICA
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor, _base, _candidates, _lockstep
from skbp._candidates import divided, tasks_of
from skbp.model_selection import (
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:One or more of the test scores are non-finite",
)

X, LABELS = load_iris(return_X_y=True)
X = X[::2]
LABELS = LABELS[::2]
RNG = np.random.RandomState(0)
NUMBERS = np.sin(X @ [0.5, -1.0, 0.3, 0.8]) + 0.1 * RNG.standard_normal(len(X))
WEIGHTS = RNG.randint(0, 3, len(X)).astype(float)
SHORT = {"max_iter": 12, "random_state": 0}


@pytest.fixture
def trained(monkeypatch):
    """Return the numbers of estimators that each call of the engine trains."""
    sizes, original = [], _lockstep.fit_together

    def counted(estimators, *args, **kwargs):
        sizes.append(len(estimators))
        return original(estimators, *args, **kwargs)

    monkeypatch.setattr(_base, "fit_together", counted)
    monkeypatch.setattr(_lockstep, "fit_together", counted)
    return sizes


def assert_equal_searches(ours, theirs, rtol=1e-6):
    """Compare two fitted searches in all that is no time."""
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, expected in theirs.cv_results_.items():
        found = ours.cv_results_[name]
        if name.endswith("_time"):
            assert found.shape == expected.shape
            assert (found >= 0).all()
        elif name.startswith("rank"):
            # Equal scores to rounding may be ranked either way.
            continue
        elif name.startswith(("mean", "std", "split")):
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-9)
        else:
            assert repr(found) == repr(expected)
    assert ours.multimetric_ == theirs.multimetric_
    assert ours.n_splits_ == theirs.n_splits_
    for name in ("best_index_", "best_params_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
        if hasattr(ours, name):
            assert repr(getattr(ours, name)) == repr(getattr(theirs, name))
    if hasattr(theirs, "best_score_"):
        np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=rtol)
    for found, expected in zip(coefs_of(ours), coefs_of(theirs), strict=True):
        np.testing.assert_array_equal(found, expected)


def coefs_of(search):
    """Return the weights of the refitted network, if it is one."""
    best = getattr(search, "best_estimator_", None)
    return getattr(_candidates.network_of(best), "coefs_", [])


def both(estimator, grid, y, fit_params=None, X=X, **options):
    """Fit our search and scikit-learn's; return them after they have been compared."""
    fit_params, options = fit_params or {}, {"cv": 3} | options
    theirs = GridSearchCV(clone(estimator), grid, **options).fit(X, y, **fit_params)
    ours = BPGridSearchCV(clone(estimator), grid, **options).fit(X, y, **fit_params)
    assert_equal_searches(ours, theirs)
    return ours, theirs


# What changes numbers trains together; each row: estimator, grid, lock-step sizes.

LOSS = {"scoring": "neg_log_loss"}
CLASSIFIERS = {
    "alpha and rate": (
        BPClassifier((8,), **SHORT),
        {"alpha": [0.0, 1e-3, 1.0], "learning_rate_init": [1e-3, 1e-2]},
        [6],
    ),
    "two structures": (
        BPClassifier(**SHORT),
        {"hidden_layer_sizes": [(4,), (3, 5)], "alpha": [1e-4, 1.0]},
        [2, 2],
    ),
    "adam": (
        BPClassifier((8,), **SHORT),
        {"beta_1": [0.5, 0.9], "beta_2": [0.9, 0.999], "epsilon": [1e-8, 1e-3]},
        [8],
    ),
    "sgd": (
        BPClassifier((8,), solver="sgd", learning_rate_init=0.05, **SHORT),
        {"momentum": [0.0, 0.5, 0.9], "nesterovs_momentum": [True, False]},
        [3, 3],
    ),
    "stops of its own": (
        BPClassifier((8,), max_iter=60, random_state=0, learning_rate_init=0.02),
        {"tol": [1e-4, 1e-2, 0.1], "n_iter_no_change": [2, 5]},
        [6],
    ),
    "early stopping": (
        BPClassifier((8,), early_stopping=True, max_iter=40, random_state=3),
        {"learning_rate_init": [1e-3, 1e-2, 0.1], "n_iter_no_change": [2, 6]},
        [6],
    ),
    "schedules": (
        BPClassifier((8,), solver="sgd", learning_rate_init=0.05, **SHORT),
        {
            "learning_rate": ["constant", "adaptive", "cosine", "invscaling"],
            "power_t": [0.3, 0.5],
            "warmup": [0, 3],
        },
        [4, 4, 4, 4],
    ),
    "parts of the step": (
        BPClassifier((8,), **SHORT),
        {
            "weight_decay": [0.0, 0.1],
            "max_grad_norm": [None, 0.1],
            "average_decay": [0.0, 0.9],
        },
        [4, 4],
    ),
    "dropout": (
        BPClassifier((8, 6), **SHORT),
        {"dropout": [0.0, 0.3, (0.1, 0.5)]},
        [3],
    ),
    "class weights": (
        BPClassifier((8,), class_weight="balanced", **SHORT),
        {"alpha": [1e-4, 1.0], "label_smoothing": [0.0, 0.1]},
        [2, 2],
    ),
    "restarts": (
        BPClassifier((4,), n_init=3, ensemble=2, **SHORT),
        {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]},
        [4],
    ),
    "lbfgs": (
        BPClassifier((4,), solver="lbfgs", **SHORT),
        {"alpha": [1e-2, 1.0], "tol": [1e-4, 1e-1]},
        [4],
    ),
    "rprop": (
        BPClassifier((4,), solver="rprop", **SHORT),
        {"alpha": [1e-2, 1.0], "learning_rate_init": [1e-3, 1e-2]},
        [4],
    ),
    "lm": (
        BPClassifier((3,), "tanh", solver="lm", max_iter=5, random_state=0),
        {"alpha": [1e-2, 1.0, "evidence"]},
        [2, 1],
    ),
    "a seed each": (
        BPClassifier((4,), max_iter=12),
        {"random_state": [0, 1], "alpha": [1e-4, 1.0]},
        [2, 2],
    ),
    "a stream": (
        BPClassifier((4,), max_iter=12, random_state=np.random.RandomState(3)),
        {"alpha": [1e-4, 1.0]},
        [2],
    ),
    "several grids": (
        BPClassifier((4,), **SHORT),
        [{"alpha": [1e-4, 1.0]}, {"beta_1": [0.5, 0.7]}, {"solver": ["sgd"]}],
        [4, 1],
    ),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_equals_grid_search(name, trained):
    estimator, grid, sizes = CLASSIFIERS[name]
    theirs = GridSearchCV(estimator, grid, cv=3, **LOSS).fit(X, LABELS)
    trained.clear()
    ours = BPGridSearchCV(estimator, grid, cv=3, refit=False, **LOSS).fit(X, LABELS)
    assert sorted(trained) == sorted(sizes * 3)
    ours = BPGridSearchCV(estimator, grid, cv=3, **LOSS).fit(X, LABELS)
    assert_equal_searches(ours, theirs)


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (BPRegressor((6,), **SHORT), {"alpha": [0.0, 1.0], "momentum": [0.1]}),
        (
            BPRegressor((6,), early_stopping=True, max_iter=30, random_state=0),
            {"learning_rate_init": [1e-3, 0.05], "alpha": [1e-4, 1.0]},
        ),
        (
            BPRegressor((3,), "tanh", solver="lm", max_iter=6, random_state=0),
            {"alpha": [1e-3, 0.1, 3.0]},
        ),
        (
            BPRegressor((4,), loss="huber", **SHORT),
            {"huber_delta": [0.5, 1.0], "alpha": [1e-4, 1.0]},
        ),
    ],
)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_equals_grid_search_in_regression(estimator, grid, weights, trained):
    both(estimator, grid, NUMBERS, {"sample_weight": weights})
    assert max(trained) >= len(grid["alpha"])


def test_multilabel(trained):
    X, Y = make_multilabel_classification(60, 5, n_classes=3, random_state=0)
    model = BPClassifier((4,), **SHORT)
    both(model, {"alpha": [1e-4, 1.0]}, Y, X=X)
    assert 2 in trained


def test_randomized_search_equals_scikit_learns(trained):
    model = BPClassifier((4,), **SHORT)
    numbers = {"alpha": loguniform(1e-5, 1.0), "learning_rate_init": [1e-3, 1e-2]}
    options = {"n_iter": 6, "cv": 3, "random_state": 5}
    theirs = RandomizedSearchCV(model, numbers, **options, **LOSS).fit(X, LABELS)
    trained.clear()
    ours = BPRandomizedSearchCV(model, numbers, **options, **LOSS).fit(X, LABELS)
    assert trained == [6, 6, 6, 1]
    assert_equal_searches(ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (BPGridSearchCV, GridSearchCV),
        (BPRandomizedSearchCV, RandomizedSearchCV),
        (BPHalvingGridSearchCV, HalvingGridSearchCV),
        (BPHalvingRandomSearchCV, HalvingRandomSearchCV),
    ],
)
def test_constructor_is_scikit_learns(ours, theirs):
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))


# Pipelines.


class Counting(TransformerMixin, BaseEstimator):
    """A step that counts how often it is fitted, and can fail."""

    fits = 0

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y=None, sample_weight=None):
        if self.shift == "bad":
            raise ValueError("no such shift")
        Counting.fits += 1
        self.mean_ = np.average(X, axis=0, weights=sample_weight)
        return self

    def transform(self, X):
        return X - self.mean_ + self.shift

    def __sklearn_is_fitted__(self):
        return hasattr(self, "mean_")


PIPELINE = Pipeline(
    [("shift", Counting()), ("scale", StandardScaler()), ("bp", BPClassifier((4,)))]
).set_params(bp__max_iter=12, bp__random_state=0)
PIPELINE_GRID = {
    "bp__alpha": [1e-4, 1e-2, 1.0],
    "bp__hidden_layer_sizes": [(4,), (6,)],
    "shift__shift": [0.0, 1.0],
    "scale": [StandardScaler(), StandardScaler(with_mean=False), "passthrough"],
}


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


def test_other_estimators_are_searched_too(trained):
    model = OneVsRestClassifier(BPClassifier((4,), **SHORT))
    both(model, {"estimator__alpha": [1e-4, 1.0]}, LABELS)
    assert set(trained) == {1}


def test_a_frame_keeps_its_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler(), BPClassifier((4,), **SHORT))
    grid = {"bpclassifier__alpha": [1e-4, 1.0]}
    ours, theirs = both(model, grid, LABELS, X=frame)
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist()


# Scores.


def alike(estimator, X, y):
    """Return two scores of the whole model, as a scorer of a user's may."""
    assert not isinstance(estimator, Pipeline) or len(estimator) == 3
    return {"hits": accuracy_score(y, estimator.predict(X)), "n": len(X)}


SCORES = {
    "the estimator's": {},
    "name": {"scoring": "balanced_accuracy"},
    "names": {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"},
    "dict": {
        "scoring": {"a": "accuracy", "f": make_scorer(accuracy_score)},
        "refit": False,
    },
    "callable": {"scoring": alike, "refit": "hits"},
    "one number": {"scoring": lambda model, X, y: model.score(X, y)},
    "chosen": {"refit": lambda results: int(np.argmin(results["mean_test_score"]))},
    "training": {"return_train_score": True},
}


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("pipeline", [False, True])
def test_scoring(name, pipeline, trained):
    model = PIPELINE if pipeline else BPClassifier((4,), **SHORT)
    grid = {"bp__alpha" if pipeline else "alpha": [1e-4, 1.0, 30.0]}
    both(model, grid, LABELS, **SCORES[name])
    assert trained.count(3) == 3


def test_weights_reach_the_scorer():
    ours, _ = both(
        BPClassifier((4,), **SHORT),
        {"alpha": [1e-4, 1.0]},
        LABELS,
        {"sample_weight": WEIGHTS},
        return_train_score=True,
        **LOSS,
    )
    assert (ours.cv_results_["mean_test_score"] < 0).all()


@pytest.mark.parametrize("pipeline", [False, True])
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


def test_groups_without_routing():
    groups = np.arange(len(X)) % 5
    model = BPClassifier((4,), **SHORT)
    both(model, {"alpha": [1e-4, 1.0]}, LABELS, {"groups": groups}, cv=GroupKFold(3))


# Failures.


def failing(scores, **options):
    """Fit both searches to a grid of which a part fails."""
    return both(
        BPClassifier((4,), **SHORT),
        [{"alpha": [1e-4, -1.0, 1.0]}, {"hidden_layer_sizes": [(0,), (2,)]}],
        LABELS,
        error_score=scores,
        **options,
    )


@pytest.mark.parametrize("options", [{}, SCORES["names"], SCORES["callable"]])
def test_candidates_that_fail_get_the_error_score(options, trained):
    with pytest.warns(FitFailedWarning, match="6 fits failed out of a total of 15"):
        ours, _ = failing(-7.0, **options)
    name = "hits" if "hits" in str(ours.cv_results_.keys()) else ours.refit
    column = ours.cv_results_.get(f"mean_test_{name}", [*ours.cv_results_.values()][-1])
    assert trained.count(2) == 3, "those that do not fail train together"
    assert -7.0 in column or options == {}


def test_errors_are_raised_where_asked_for():
    for kind in (GridSearchCV, BPGridSearchCV):
        with pytest.raises(ValueError, match="The 'alpha' parameter of BPClassifier"):
            kind(BPClassifier(), {"alpha": [-1.0]}, error_score="raise").fit(X, LABELS)
        with pytest.raises(ValueError, match="Invalid parameter 'lambda'"):
            kind(BPClassifier(), {"lambda": [1.0]}).fit(X, LABELS)
        with pytest.raises(ValueError, match="All the 5 fits failed"):
            kind(BPClassifier(), {"alpha": [-1.0]}).fit(X, LABELS)
        with pytest.raises(ValueError, match="No fits were performed"):
            kind(BPClassifier(), {"alpha": [1.0]}, cv=iter([])).fit(X, LABELS)
        with pytest.raises(ValueError, match="The 'n_jobs' parameter of"):
            kind(BPClassifier(), {"alpha": [1.0]}, n_jobs=0.5).fit(X, LABELS)


def test_a_step_that_fails():
    grid = {"shift__shift": [0.0, "bad"], "bp__alpha": [1e-4, 1.0]}
    with pytest.warns(FitFailedWarning, match="6 fits failed"):
        both(PIPELINE, grid, LABELS)


def test_a_scorer_that_fails():
    def picky(model, X, y):
        raise ValueError("I score nobody")

    with pytest.warns(UserWarning, match="I score nobody"):
        both(BPClassifier((4,), **SHORT), {"alpha": [1e-4, 1.0]}, LABELS, scoring=picky)


def test_divergence_is_the_candidates_own(trained):
    model = BPRegressor((4,), solver="sgd", max_iter=20, random_state=0)
    grid = {"learning_rate_init": [1e-3, 1e9, 1e-2]}
    both(model, grid, NUMBERS, error_score="raise")
    assert trained.count(3) == 3


# What is said.


@pytest.mark.parametrize("verbose", [0, 1, 2, 3, 10])
@pytest.mark.parametrize("scoring", [None, ["accuracy", "neg_log_loss"]])
@pytest.mark.parametrize("train", [False, True])
def test_verbose(verbose, scoring, train, capsys):
    said = []
    for kind in (GridSearchCV, BPGridSearchCV):
        options = {"scoring": scoring, "refit": False, "return_train_score": train}
        model, grid = BPClassifier((4,), **SHORT), {"alpha": [1e-4, 1.0]}
        kind(model, grid, cv=2, verbose=verbose, **options).fit(X, LABELS)
        lines = capsys.readouterr().out.splitlines()
        said.append(sorted(re.sub(r"\.+ *|total time=.*", "", line) for line in lines))
    assert said[0] == said[1]


class Recorder:
    """A callback that writes down what happens."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, **kwargs):
        self.events.append(f"end {context.task_name}")

    def teardown(self, estimator, context):
        self.events.append("teardown")


class Propagated(Recorder):
    """A callback of the search and of all that it fits."""

    max_propagation_depth = None


@pytest.mark.parametrize("of_search", [False, True])
def test_callbacks_follow_each_candidate(of_search):
    events = []
    for kind in (GridSearchCV, BPGridSearchCV):
        recorder = Propagated() if of_search else Recorder()
        model = BPClassifier((4,), **SHORT)
        search = kind(model, {"alpha": [1e-4, 1.0]}, cv=2)
        (search if of_search else model).set_callbacks(recorder)
        search.fit(X, LABELS)
        events.append(recorder.events)
    assert events[0].count("end epoch") == 5 * SHORT["max_iter"]
    assert events[0] == events[1]


def test_what_a_candidate_warns_of_reaches_the_user():
    search = BPGridSearchCV(BPClassifier((4,), **SHORT), {"alpha": [1e-4, 1.0]}, cv=2)
    with pytest.warns(UserWarning, match="Maximum iterations") as record:
        search.fit(X, LABELS)
    assert len([w for w in record if "Maximum iterations" in str(w.message)]) == 5


def test_loss_curves():
    grid = {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(4,), (0,)]}
    model = BPClassifier(**SHORT)
    with pytest.warns(FitFailedWarning):
        search = BPGridSearchCV(model, grid, cv=2).fit(X, LABELS)
    train, _ = next(search._checked_cv_orig.split(X, LABELS))
    first = clone(model).set_params(**search.cv_results_["params"][0])
    expected = first.fit(X[train], LABELS[train]).loss_curve_
    curves = search.loss_curves_
    assert [len(splits) for splits in curves] == [2] * 4
    np.testing.assert_allclose(curves[0][0], expected, rtol=1e-6)
    assert curves[1] == [None, None]


# Tasks.


@given(
    sizes=st.lists(
        st.lists(st.integers(1, 20), min_size=1, max_size=4), min_size=1, max_size=4
    ),
    n_splits=st.integers(1, 6),
    n_jobs=st.integers(1, 9),
)
def test_tasks_cover_every_candidate_once_and_evenly(sizes, n_splits, n_jobs):
    start, found = 0, []
    for family in sizes:
        found.append([])
        for size in family:
            found[-1].append(list(range(start, start + size)))
            start += size
    tasks = tasks_of(found, n_splits, n_jobs)
    pairs = [(i, task.split) for task in tasks for i in task.candidates]
    assert sorted(pairs) == [(i, k) for i in range(start) for k in range(n_splits)]
    assert all(task.groups and all(task.groups) for task in tasks)
    units = len(sizes) * n_splits
    if units % n_jobs == 0:
        assert len(tasks) == units, "nothing is divided without a reason"
    enough = all(sum(family) >= n_jobs for family in sizes)
    assert len(tasks) >= (n_jobs if enough else min(units, n_jobs))


@given(
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5), parts=st.integers(1, 8)
)
def test_a_task_is_divided_evenly(sizes, parts):
    numbers = iter(range(sum(sizes)))
    groups = [[next(numbers) for _ in range(size)] for size in sizes]
    counts = [sum(map(len, part)) for part in divided(groups, parts)]
    assert sum(counts) == sum(sizes)
    assert max(counts) - min(counts) <= 1 or len(counts) < parts


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_backends_of_joblib(backend):
    grid = {"bp__alpha": [1e-4, 1e-2, 1.0], "bp__hidden_layer_sizes": [(4,), (6,)]}
    alone = BPGridSearchCV(PIPELINE, grid, cv=3, **LOSS).fit(X, LABELS)
    with parallel_config(backend, n_jobs=2):
        search = BPGridSearchCV(PIPELINE, grid, cv=3, **LOSS).fit(X, LABELS)
    assert_equal_searches(search, alone)


def test_a_budget_of_memory_bounds_what_trains_together(trained):
    model, grid = BPClassifier((64,), **SHORT), {"alpha": np.logspace(-5, 1, 12)}
    free = BPGridSearchCV(model, grid, cv=2, **LOSS).fit(X, LABELS)
    assert max(trained) == 12
    trained.clear()
    with config_context(working_memory=1):
        bounded = BPGridSearchCV(model, grid, cv=2, **LOSS).fit(X, LABELS)
    assert 1 < max(trained) < 12
    assert_equal_searches(bounded, free)


def test_activations_stay_in_the_cache(trained):
    model = BPClassifier((2000,), max_iter=1, random_state=0)
    BPGridSearchCV(model, {"alpha": [1e-4, 1e-2, 1.0]}, cv=2).fit(X, LABELS)
    assert max(trained) < 3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_search_pickles(solver):
    model = BPClassifier((4,), solver=solver, **SHORT)
    search = BPGridSearchCV(model, {"alpha": [1e-4, 1.0]}, cv=2).fit(X, LABELS)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X), search.predict(X))
    assert_equal_searches(again, search)


def test_a_search_within_cross_validation():
    search = BPGridSearchCV(BPClassifier((4,), **SHORT), {"alpha": [1e-4, 1.0]}, cv=2)
    plain = GridSearchCV(search.estimator, search.param_grid, cv=2)
    found, expected = (cross_val_score(s, X, LABELS, cv=3) for s in (search, plain))
    np.testing.assert_allclose(found, expected)


# Successive halving.

HALVING = {"resource": "max_iter", "max_resources": 20, "min_resources": 5, "factor": 2}
RUNGS = {
    "adam": {},
    "early stopping": {"early_stopping": True},
    "stops at once": {"tol": 10.0, "n_iter_no_change": 1},
    "some stop": {"tol": 0.01, "n_iter_no_change": 2},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.01},
    "nadam": {"solver": "nadam"},
    "rmsprop": {"solver": "rmsprop"},
    "rprop": {"solver": "rprop"},
    "dropout": {"dropout": 0.2},
    "average": {"average_decay": 0.9},
    "restarts": {"n_init": 2, "ensemble": 2},
    "lbfgs": {"solver": "lbfgs"},
    "no shuffling": {"shuffle": False},
}


@pytest.mark.parametrize("name", RUNGS)
def test_halving_goes_on_to_the_same_results(name, monkeypatch):
    model = BPClassifier((4,), random_state=0, **RUNGS[name])
    grid = {"learning_rate_init": [1e-3, 1e-2, 0.1], "alpha": [1e-4, 1.0]}
    options = HALVING | LOSS | {"cv": 2, "random_state": 0}
    theirs = HalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    epochs, train = [], _base.train

    def counted(*task, **kwargs):
        before = [len(h.loss_curve) for h in task[5].histories]
        result = train(*task, **kwargs)
        epochs.append([len(h.loss_curve) for h in task[5].histories])
        epochs[-1] = sum(epochs[-1]) - sum(before)
        return result

    monkeypatch.setattr(_base, "train", counted)
    ours = BPHalvingGridSearchCV(model, grid, refit=False, **options).fit(X, LABELS)
    total = sum(epochs)
    ours = BPHalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    assert_equal_searches(ours, theirs)
    assert ours.n_resources_ == theirs.n_resources_ == [5, 10, 20]
    if name == "adam":
        # 6 candidates of 5 epochs, 3 of 5 more, 2 of 10 more; 2 splits.
        assert total == 2 * (6 * 5 + 3 * 5 + 2 * 10)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_halving_in_a_pipeline(n_jobs):
    options = HALVING | LOSS | {"resource": "bp__max_iter", "cv": 2, "n_jobs": n_jobs}
    theirs = HalvingGridSearchCV(PIPELINE, PIPELINE_GRID, **options).fit(X, LABELS)
    ours = BPHalvingGridSearchCV(PIPELINE, PIPELINE_GRID, **options).fit(X, LABELS)
    assert_equal_searches(ours, theirs)


def test_halving_with_numbers_that_give_other_arrays():
    # Of one group, trained in parts, whose states have to fit together again.
    model = BPClassifier((4,), solver="nadam", random_state=0)
    grid = {"beta_1": [0.5, 0.6, 0.9], "average_decay": [0.0, 0.9], "alpha": [0.1, 1]}
    options = HALVING | LOSS | {"cv": 2}
    theirs = HalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_candidates, "CACHE", 20_000)
        ours = BPHalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    assert_equal_searches(ours, theirs)


def test_halving_over_samples_and_at_random():
    model, numbers = BPClassifier((4,), **SHORT), {"alpha": loguniform(1e-4, 1.0)}
    options = {"random_state": 0, "cv": 2, "factor": 2, "n_candidates": 4}
    theirs = HalvingRandomSearchCV(model, numbers, **options).fit(X, LABELS)
    ours = BPHalvingRandomSearchCV(model, numbers, **options).fit(X, LABELS)
    assert_equal_searches(ours, theirs)


def test_a_schedule_runs_over_all_rungs():
    model = BPClassifier((4,), learning_rate="cosine", random_state=0)
    grid = {"learning_rate_init": [1e-3, 1e-2], "alpha": [1e-4, 1.0]}
    search = BPHalvingGridSearchCV(model, grid, cv=2, **HALVING).fit(X, LABELS)
    train, _ = next(search._checked_cv_orig.split(X, LABELS))
    best = clone(model).set_params(**search.best_params_)
    curve = best.fit(X[train], LABELS[train]).loss_curve_
    found = search.loss_curves_[search.best_index_][0]
    np.testing.assert_allclose(found, curve, rtol=1e-6)


def test_rungs_do_not_warn_that_training_has_not_ended():
    grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]}
    model = BPClassifier((4,), random_state=0)
    search = BPHalvingGridSearchCV(model, grid, cv=2, refit=False, **HALVING)
    with pytest.warns(UserWarning, match=r"Maximum iterations \(20\)") as record:
        search.fit(X, LABELS)
    assert len(record) == 2


# What a review found.


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


def test_rungs_of_another_steps_iterations():
    ica = FastICA(3, random_state=0, tol=1e-12, whiten="unit-variance")
    model = make_pipeline(ica, BPClassifier((4,), **SHORT))
    grid = {"bpclassifier__alpha": [1e-4, 1.0, 3.0]}
    options = LOSS | {"resource": "fastica__max_iter", "cv": 2, "factor": 2}
    options |= {"max_resources": 8, "min_resources": 2}
    theirs = HalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    ours = BPHalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    assert_equal_searches(ours, theirs)


@pytest.mark.parametrize("random", [False, True])
def test_rungs_do_not_go_on_with_other_data(random, monkeypatch):
    """A step that draws at random gives the next rung other features."""
    step = RBFSampler(n_components=20, random_state=None if random else 0)
    model = make_pipeline(step, BPClassifier((4,), random_state=0))
    epochs, train = [], _base.train

    def counted(*task, **kwargs):
        before = len(task[5].histories[0].loss_curve)
        result = train(*task, **kwargs)
        epochs.append(len(task[5].histories[0].loss_curve) - before)
        return result

    monkeypatch.setattr(_base, "train", counted)
    options = HALVING | {"resource": "bpclassifier__max_iter", "refit": False, "cv": 2}
    grid = {"bpclassifier__alpha": [1e-4, 1e-2, 1.0, 3.0]}
    BPHalvingGridSearchCV(model, grid, **options).fit(X, LABELS)
    assert epochs == ([5, 5, 10, 10, 20, 20] if random else [5, 5, 5, 5, 10, 10])


def test_a_validation_set_is_not_drawn_anew_at_a_rung():
    model = BPClassifier((4,), early_stopping=True, validation_fraction=0.5)
    grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]}
    search = BPHalvingGridSearchCV(model, grid, cv=2, refit=False, **HALVING)
    search.fit(X, LABELS)
    numbers = np.flatnonzero(search.cv_results_["iter"] == 1)
    for i in numbers:
        # Started again: it has no more epochs than the rung gives.
        assert all(len(curve) <= 10 for curve in search.loss_curves_[i])


def test_a_score_that_fails_is_the_candidates_own(trained):
    def fussy(model, X, y):
        if model.alpha == 9.0:
            raise ValueError("not nine")
        return -model.loss_

    model = BPClassifier((4,), learning_rate="cosine", **SHORT)
    grid = {"alpha": [0.1, 0.2, 9.0]}
    with pytest.warns(UserWarning, match="not nine"):
        both(model, grid, LABELS, scoring=fussy)
    assert trained.count(3) == 3
    # The three are fitted in lock-step, and the one alone once more.
    assert len(trained) == 3 * 3 + 1 + 3 + 3 + 1


def test_a_search_of_ones_own():
    class Mine(BPGridSearchCV):
        def _run_search(self, evaluate_candidates):
            evaluate_candidates(ParameterGrid({"alpha": [0.1, 1.0]}))
            evaluate_candidates(ParameterGrid({"alpha": [10.0]}))

    search = Mine(BPClassifier((4,), **SHORT), {}, cv=2).fit(X, LABELS)
    assert len(search.cv_results_["params"]) == 3


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
