"""How a search is cut into tasks: for workers, within memory and within the cache."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from sklearn import config_context

from skbp import BPClassifier
from skbp.model_selection import BPGridSearchCV
from skbp.model_selection.tasks import divided, tasks_of
from tests.searches import (
    LABELS,
    LOSS,
    PIPELINE,
    SHORT,
    X,
    assert_equal_searches,
    numbers_trained,
)

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
    "ignore:One or more of the test scores are non-finite",
)


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


@pytest.fixture
def trained(monkeypatch):
    return numbers_trained(monkeypatch)


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
