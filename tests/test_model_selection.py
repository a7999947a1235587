"""Searches in lock-step: GridSearchCV's results, of candidates that train together."""

import inspect
import pickle
import re

import numpy as np
import pytest
from joblib import parallel_config
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor
from skbp.model_selection import (
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
)
from tests.helpers import CALLBACKS
from tests.searches import (
    LABELS,
    LOSS,
    NUMBERS,
    PIPELINE,
    SHORT,
    WEIGHTS,
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


# What changes numbers trains together; each row: estimator, grid, lock-step sizes.

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


def test_other_estimators_are_searched_too(trained):
    model = OneVsRestClassifier(BPClassifier((4,), **SHORT))
    both(model, {"estimator__alpha": [1e-4, 1.0]}, LABELS)
    assert set(trained) == {1}


def test_a_search_of_ones_own():
    class Mine(BPGridSearchCV):
        def _run_search(self, evaluate_candidates):
            evaluate_candidates(ParameterGrid({"alpha": [0.1, 1.0]}))
            evaluate_candidates(ParameterGrid({"alpha": [10.0]}))

    search = Mine(BPClassifier((4,), **SHORT), {}, cv=2).fit(X, LABELS)
    assert len(search.cv_results_["params"]) == 3


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


def test_a_scorer_that_fails():
    def picky(model, X, y):
        raise ValueError("I score nobody")

    with pytest.warns(UserWarning, match="I score nobody"):
        both(BPClassifier((4,), **SHORT), {"alpha": [1e-4, 1.0]}, LABELS, scoring=picky)


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


@CALLBACKS
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


@CALLBACKS
@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("kind", [BPGridSearchCV, BPHalvingGridSearchCV])
def test_a_search_with_a_progress_bar_stays_in_lock_step(
    kind, n_jobs, monkeypatch, capsys
):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    from skbp.model_selection import lockstep

    groups = []
    fit_lockstep = lockstep.fit_lockstep

    def counted(estimators, *args, **options):
        groups.append(len(estimators))
        return fit_lockstep(estimators, *args, **options)

    monkeypatch.setattr(lockstep, "fit_lockstep", counted)
    model = make_pipeline(StandardScaler(), BPClassifier((4,), **SHORT))
    options = {"cv": 2, "n_jobs": n_jobs}
    if kind is BPHalvingGridSearchCV:
        options |= {"random_state": 0, "factor": 2}
    with parallel_config(backend="threading"):
        searches = [
            kind(model, {"bpclassifier__alpha": [1e-4, 0.1, 1.0, 10.0]}, **options)
            for _ in range(2)
        ]
        searches[0].fit(X, LABELS)
        alone = sorted(groups)
        groups.clear()
        searches[1].set_callbacks(ProgressBar()).fit(X, LABELS)
    assert sorted(groups) == alone
    assert alone[-1] > 1
    assert_equal_searches(*searches)
    assert searches[0].loss_curves_ == searches[1].loss_curves_
    output = capsys.readouterr().out
    assert f"{kind.__name__} - search" in output
    assert "refit-with-best-params" in output
    assert "100%" in output


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


def test_a_candidate_whose_parameter_is_not_valid_fails_alone():
    """Parameters that another candidate has are checked once, all others by one."""
    search = BPGridSearchCV(BPClassifier(**SHORT), {"alpha": [1.0, -1.0, 0.1, "no"]})
    with pytest.warns(FitFailedWarning, match="alpha"):
        search.fit(X, LABELS)
    failed = np.isnan(search.cv_results_["mean_test_score"])
    assert failed.tolist() == [False, True, False, True]
