"""Successive halving: rungs go on where the last one ended, to the same results."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.decomposition import FastICA
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.kernel_approximation import RBFSampler
from sklearn.model_selection import HalvingGridSearchCV, HalvingRandomSearchCV
from sklearn.pipeline import make_pipeline

from skbp import BPClassifier
from skbp.engine.solvers.stochastic import Training
from skbp.model_selection import (
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    grouping,
)
from tests.searches import (
    LABELS,
    LOSS,
    PIPELINE,
    PIPELINE_GRID,
    SHORT,
    X,
    assert_equal_searches,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:One or more of the test scores are non-finite",
)

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
    epochs, run = [], Training.run

    def counted(self):
        before = [len(h.loss_curve) for h in self.progress.histories]
        run(self)
        epochs.append([len(h.loss_curve) for h in self.progress.histories])
        epochs[-1] = sum(epochs[-1]) - sum(before)

    monkeypatch.setattr(Training, "run", counted)
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
        patch.setattr(grouping, "CACHE", 20_000)
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
    epochs, run = [], Training.run

    def counted(self):
        before = len(self.progress.histories[0].loss_curve)
        run(self)
        epochs.append(len(self.progress.histories[0].loss_curve) - before)

    monkeypatch.setattr(Training, "run", counted)
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


def test_rungs_do_not_warn_that_training_has_not_ended():
    grid = {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-2]}
    model = BPClassifier((4,), random_state=0)
    search = BPHalvingGridSearchCV(model, grid, cv=2, refit=False, **HALVING)
    with pytest.warns(UserWarning, match=r"Maximum iterations \(20\)") as record:
        search.fit(X, LABELS)
    assert len(record) == 2
