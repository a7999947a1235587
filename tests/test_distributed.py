"""Searches on a real cluster: two workers, processes of their own."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skbp import BPClassifier, BPGridSearchCV, BPHalvingGridSearchCV

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)

X, LABELS = load_iris(return_X_y=True)
GRID = {"bp__alpha": [1e-4, 1e-2, 1.0], "bp__hidden_layer_sizes": [(4,), (6,)]}


class KillsOnce(TransformerMixin, BaseEstimator):
    """A step that takes its worker with it where it is fitted for the first time."""

    def __init__(self, marker=None):
        self.marker = marker

    def fit(self, X, y=None):
        self.fitted_ = True
        if self.marker is not None and "DASK_WORKER" in os.environ:
            try:
                Path(self.marker).touch(exist_ok=False)
            except FileExistsError:
                return self
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def transform(self, X):
        return X


def pipeline(marker=None):
    network = BPClassifier((4,), max_iter=12, random_state=0)
    return Pipeline([("kills", KillsOnce(marker)), ("bp", network)])


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    # Dask drops spare copies of data every 2 s; here it does so all the time.
    interval = "distributed.scheduler.active-memory-manager.interval"
    with (
        dask.config.set({interval: "5ms"}),
        distributed.LocalCluster(
            dashboard_address=":0", env={"DASK_WORKER": "1"}, **options
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def assert_same_results(found, expected):
    assert found.cv_results_.keys() == expected.cv_results_.keys()
    assert found.best_params_ == expected.best_params_
    for name in expected.cv_results_:
        if name.endswith("_test_score"):
            np.testing.assert_allclose(
                found.cv_results_[name], expected.cv_results_[name], rtol=1e-9
            )


@pytest.mark.parametrize("kind", [BPGridSearchCV, GridSearchCV])
def test_a_search_on_a_cluster(kind, client):
    here = kind(pipeline(), GRID, cv=4, scoring="neg_log_loss").fit(X, LABELS)
    with parallel_config("dask"):
        there = kind(pipeline(), GRID, cv=4, scoring="neg_log_loss").fit(X, LABELS)
    assert_same_results(there, here)


def test_rungs_on_a_cluster(client):
    options = {"resource": "bp__max_iter", "max_resources": 20, "factor": 2, "cv": 2}
    here = BPHalvingGridSearchCV(pipeline(), GRID, **options).fit(X, LABELS)
    with parallel_config("dask"):
        there = BPHalvingGridSearchCV(pipeline(), GRID, **options).fit(X, LABELS)
    assert_same_results(there, here)


def test_a_worker_killed_in_the_middle(client, tmp_path):
    marker, pids = tmp_path / "killed", client.run(os.getpid)
    here = BPGridSearchCV(pipeline(), GRID, cv=6, scoring="neg_log_loss")
    here.fit(X, LABELS)
    with parallel_config("dask"):
        there = BPGridSearchCV(
            pipeline(str(marker)), GRID, cv=6, scoring="neg_log_loss"
        )
        there.fit(X, LABELS)
    client.wait_for_workers(2)
    assert marker.exists()
    assert set(client.run(os.getpid).values()) != set(pids.values())
    assert_same_results(there, here)
    assert client.amm.running()


def test_the_data_are_handed_out_once(client, monkeypatch):
    sizes, scatter = [], type(client).scatter

    def counted(self, data, *args, **kwargs):
        sizes.append(np.size(data[0]) if isinstance(data, list) else np.size(data))
        return scatter(self, data, *args, **kwargs)

    monkeypatch.setattr(type(client), "scatter", counted)
    with parallel_config("dask"):
        BPGridSearchCV(pipeline(), GRID, cv=8).fit(X, LABELS)
    assert sizes.count(X.size) == 1
    assert max(sizes) == X.size


def test_searches_in_succession(client):
    model, grid = BPClassifier((4,), max_iter=2, random_state=0), {"alpha": [0.1, 1.0]}
    for _ in range(20):
        with parallel_config("dask"):
            search = BPGridSearchCV(model, grid, cv=2, refit=False).fit(X, LABELS)
    assert len(search.cv_results_["params"]) == 2


def test_ray(tmp_path):
    ray = pytest.importorskip("ray")
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False)
    register_ray()
    here = BPGridSearchCV(pipeline(), GRID, cv=4, scoring="neg_log_loss")
    here.fit(X, LABELS)
    with parallel_config("ray"):
        there = BPGridSearchCV(pipeline(), GRID, cv=4, scoring="neg_log_loss")
        there.fit(X, LABELS)
    ray.shutdown()
    assert_same_results(there, here)
