"""Dask collections: the fit in memory, from partitions on the workers of a cluster.

The sums are those of the fit in memory in another order, so that weights agree to
rounding, which iterations amplify: 1e-8 of the largest weight leaves room for that (it
is 1e-13 mostly).
"""

import os
import pickle
import signal
import subprocess
import sys
import threading
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")

from skbp import BPClassifier, BPRegressor  # noqa: E402
from skbp._data import dask as skbp_dask  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",
)

N, SIZE = 300, 70
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 4))
CODES = (X[:, 0] + X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
Y = {
    "binary": CODES > 0,
    "names": np.array(["one", "three", "two"])[CODES],
    "multilabel": np.c_[CODES > 0, CODES > 1].astype(int),
    "number": X @ [1.0, 2.0, 3.0, 4.0] + RNG.standard_normal(N),
    "numbers": X[:, :2] ** 2,
}
WEIGHTS = RNG.uniform(size=N)
#: Classes come in order: no partition has all of them.
SORTED = np.argsort(CODES, kind="stable")


@pytest.fixture(scope="module")
def cluster():
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["cluster", "threads"])
def scheduler(request):
    """Where Dask computes."""
    if request.param == "cluster":
        with request.getfixturevalue("cluster").as_current():
            yield request.param
    else:
        with dask.config.set(scheduler=request.param):
            yield request.param


@pytest.fixture
def client(cluster):
    with cluster.as_current():
        yield cluster


def on_dask(array, size=SIZE):
    return da.from_array(array, chunks=(size, *array.shape[1:]))


def fits(estimator, y, sample_weight=None, X=X):
    """Return what is fitted to the same data in memory and in partitions."""
    in_memory, in_parts = estimator(), estimator()
    in_memory.fit(X, y, sample_weight)
    weights = None if sample_weight is None else on_dask(sample_weight)
    in_parts.fit(on_dask(X), on_dask(y), weights)
    return in_memory, in_parts


def assert_same_weights(one, other, tolerance=1e-8):
    assert one.n_iter_ == other.n_iter_
    for a, b in zip(
        one.coefs_ + one.intercepts_, other.coefs_ + other.intercepts_, strict=True
    ):
        assert a.dtype == b.dtype
        assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(a).max())
    assert_allclose(one.loss_curve_, other.loss_curve_, rtol=tolerance)


LBFGS = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "random_state": 0}


# Solvers on all samples sum over the partitions.


@pytest.mark.parametrize(
    ("kind", "weighted"), [*((kind, True) for kind in Y), ("names", False)]
)
def test_lbfgs_is_that_in_memory(client, kind, weighted):
    kinds = BPRegressor if kind.startswith("number") else BPClassifier
    both = fits(
        lambda: kinds(**LBFGS, max_iter=15),
        Y[kind],
        WEIGHTS if weighted else None,
    )
    assert_same_weights(*both)
    if kinds is BPClassifier:
        assert_array_equal(both[0].classes_, both[1].classes_)


@pytest.mark.parametrize(
    "class_weight", ["balanced", {"one": 3.0}, {"one": 0.0}, {"two": 0.0, "three": 0.0}]
)
def test_class_weights_are_those_of_all_partitions(client, class_weight):
    both = fits(
        lambda: BPClassifier(**LBFGS, max_iter=10, class_weight=class_weight),
        Y["names"][SORTED],
        WEIGHTS[SORTED],
        X[SORTED],
    )
    assert_same_weights(*both)


@pytest.mark.parametrize(
    ("estimator", "kind", "options"),
    [
        (BPRegressor, "number", {"solver": "lm"}),
        (BPRegressor, "numbers", {"solver": "lm", "alpha": "ard"}),
        (BPRegressor, "number", {"solver": "lm", "alpha": "evidence"}),
        (BPClassifier, "names", {"solver": "lm", "alpha": "evidence"}),
        (BPClassifier, "names", {"solver": "lm", "n_init": 2, "ensemble": 2}),
        (BPRegressor, "number", {"solver": "lbfgs", "n_init": 2}),
        (BPClassifier, "names", {"solver": "rprop"}),
        (BPRegressor, "number", {"solver": "adam", "batch_size": "full"}),
        (BPClassifier, "names", {"solver": "lbfgs", "label_smoothing": 0.1}),
        (BPRegressor, "number", {"solver": "lbfgs", "loss": "quantile"}),
    ],
)
def test_other_solvers_and_options_are_those_in_memory(
    client, estimator, kind, options
):
    both = fits(
        lambda: estimator((4,), max_iter=5, random_state=0, **options), Y[kind], WEIGHTS
    )
    assert_same_weights(*both)
    if isinstance(options.get("alpha"), str):
        # A network that is linear has weights of sizes apart, and a nearly singular A.
        rtol = 1e-3 if np.any(vars(both[0]).get("linear_share_")) else 1e-7
        assert_allclose(both[0].log_evidence_, both[1].log_evidence_, rtol=rtol)


def test_a_fit_in_float32_stays_one(client):
    both = fits(
        lambda: BPRegressor(**LBFGS, max_iter=5),
        Y["number"].astype(np.float32),
        X=X.astype(np.float32),
    )
    assert both[1].coefs_[0].dtype == np.float32
    # The weights are rounded at the end alone.
    assert_same_weights(*both, tolerance=1e-6)


def test_a_warm_start_goes_on(client):
    both = [BPClassifier(**LBFGS, max_iter=4, warm_start=True) for _ in range(2)]
    for _ in range(2):
        both[0].fit(X, Y["names"])
        both[1].fit(on_dask(X), on_dask(Y["names"]))
    assert_same_weights(*both)
    assert len(both[1].loss_curve_) == 8
    with pytest.raises(ValueError, match="Classes that are not in classes_"):
        both[1].fit(on_dask(X), on_dask(np.char.upper(Y["names"])))


def test_a_validation_set_of_ones_own_stops_early(client):
    options = {**LBFGS, "early_stopping": True, "n_iter_no_change": 3}
    both = [BPClassifier(**options) for _ in range(2)]
    given = {"X_val": X[:50] + 0.1, "y_val": Y["names"][:50]}
    both[0].fit(X, Y["names"], **given)
    both[1].fit(on_dask(X), on_dask(Y["names"]), **given)
    assert_same_weights(*both)
    assert_allclose(both[0].validation_scores_, both[1].validation_scores_)


def test_the_order_of_arrival_does_not_count(client):
    def slow(dask_X):
        # The first partition comes last.
        return dask_X.map_blocks(wait, dtype=float)

    def wait(block, block_info=None):
        import time

        time.sleep(0.2 if block_info[0]["chunk-location"][0] == 0 else 0.0)
        return block

    fit = BPRegressor(**LBFGS, max_iter=5).fit
    # More than are added in one place.
    many = on_dask(X, 20)
    results = [fit(one, on_dask(Y["number"], 20)).coefs_ for one in (many, slow(many))]
    for a, b in zip(*results, strict=True):
        assert_array_equal(a, b)


# Data frames, sparse and empty partitions.


def frame():
    return pd.DataFrame(X, columns=list("abcd")).assign(y=Y["names"], row=range(N))


def test_data_frames(scheduler):
    whole = frame()
    in_parts = dd.from_pandas(whole, npartitions=5)
    features = list("abcd")
    model = BPClassifier(**LBFGS, max_iter=10)
    expected = BPClassifier(**LBFGS, max_iter=10).fit(whole[features], whole["y"])
    model.fit(in_parts[features], in_parts["y"])
    assert_same_weights(expected, model)
    assert_array_equal(model.feature_names_in_, features)
    predicted = model.predict(in_parts[features])
    assert isinstance(predicted, da.Array)
    assert_array_equal(predicted.compute(), expected.predict(whole[features]))
    score = model.score(in_parts[features], in_parts["y"])
    assert score == expected.score(whole[features], whole["y"])
    # Arrays of unknown chunks, and a frame beside an array.
    model.fit(in_parts[features].to_dask_array(), in_parts["y"])
    assert_same_weights(expected, model)


def test_a_partition_without_weight(client):
    options = {"solver": "lm", "alpha": "evidence", "max_iter": 5, "random_state": 0}
    weights = 1.0 * (np.arange(len(X)) >= SIZE)
    both = fits(lambda: BPRegressor((4,), **options), Y["number"], weights)
    assert_allclose(both[0].predict(X), both[1].predict(X), rtol=1e-6)


def test_partitions_that_a_filter_empties(client):
    in_parts = dd.from_pandas(frame(), npartitions=5)
    in_parts = in_parts[in_parts["row"] >= 150]
    model = BPClassifier(**LBFGS, max_iter=5)
    model.fit(in_parts[list("abcd")], in_parts["y"])
    expected = BPClassifier(**LBFGS, max_iter=5).fit(X[150:], Y["names"][150:])
    assert_same_weights(expected, model)
    predicted = model.predict(in_parts[list("abcd")]).compute()
    assert_array_equal(predicted, expected.predict(X[150:]))


def test_sparse_chunks_and_chunks_of_columns(scheduler):
    sparse = on_dask(X).map_blocks(
        scipy.sparse.csr_array, meta=scipy.sparse.csr_array((0, 0))
    )
    expected = BPRegressor(**LBFGS, max_iter=5).fit(X, Y["number"])
    for one in (sparse, da.from_array(X, chunks=(40, 2))):
        model = BPRegressor(**LBFGS, max_iter=5).fit(one, on_dask(Y["number"]))
        assert_same_weights(expected, model)


def test_many_classes_few_samples(client):
    y = np.arange(N) % 100
    with pytest.warns(ConvergenceWarning):
        model = BPClassifier(solver="lbfgs", max_iter=1).fit(
            on_dask(X, N), on_dask(y, N)
        )
    assert_array_equal(model.classes_, np.arange(100))


# Where things are.


def killed(client, after):
    """Return a callback that kills a worker at the n-th call."""
    state = {"calls": 0, "killed": None}

    def hook():
        state["calls"] += 1
        if state["calls"] == after:
            holders = client.has_what()
            address = max(holders, key=lambda worker: len(holders[worker]))
            state["killed"] = client.run(os.getpid, workers=[address])[address]
            os.kill(state["killed"], signal.SIGKILL)

    return state, hook


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_worker_that_is_killed_costs_time_alone(client, monkeypatch, solver):
    options = {**LBFGS, "solver": solver, "max_iter": 8, "batch_size": 50}
    # From the disk, as it were: chunks that can be computed again.
    chunks = on_dask(X).map_blocks(np.copy), on_dask(Y["number"]).map_blocks(np.copy)
    expected = BPRegressor(**options).fit(*chunks)
    state, hook = killed(client, after=12)
    compute = skbp_dask.computed

    def interrupted(tasks):
        hook()
        return compute(tasks)

    monkeypatch.setattr(skbp_dask, "computed", interrupted)
    model = BPRegressor(**options).fit(*chunks)
    assert state["killed"]
    client.wait_for_workers(2, timeout=30)
    for a, b in zip(expected.coefs_, model.coefs_, strict=True):
        assert_array_equal(a, b)


@contextmanager
def largest_result():
    """Say how many bytes of results came here at once, at most."""
    seen, compute = [0], skbp_dask.computed

    def watched(tasks):
        results = compute(tasks)
        seen[0] = max(seen[0], len(pickle.dumps(results)))
        return results

    skbp_dask.computed = watched
    try:
        yield seen
    finally:
        skbp_dask.computed = compute


def test_no_more_than_sums_come_back(client):
    n = 20_000
    many = da.random.RandomState(0).standard_normal((n, 20), chunks=(1000, 20))
    y = many.sum(axis=1)
    with largest_result() as seen:
        BPRegressor((3,), solver="lbfgs", max_iter=3, random_state=0).fit(many, y)
    # A partition has 160 kB.
    assert 0 < seen[0] < 20_000
    with largest_result() as seen:
        BPRegressor((3,), max_iter=1, random_state=0).fit(many, y)
    assert 160_000 < seen[0] < 2 * 160_000


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_without_a_cluster_memory_holds_a_few_partitions(solver):
    parts, part = 20, 10_000 * 20 * 8
    many = da.random.RandomState(0).standard_normal((200_000, 20), chunks=(10_000, 20))
    model = BPRegressor((3,), solver=solver, max_iter=1, batch_size=2000)
    with dask.config.set(scheduler="synchronous"):
        tracemalloc.start()
        try:
            model.fit(many, many.sum(axis=1))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert part < peak < 5 * part < parts * part / 2


def test_nothing_is_left_on_the_workers_nor_of_them(client):
    model = BPClassifier(**LBFGS, max_iter=3, warm_start=True)
    model.fit(on_dask(X), on_dask(Y["names"]))
    assert "dask" not in str(pickle.dumps(model))
    assert "distributed" not in str(pickle.dumps(model))
    for _ in range(100):
        if not client.run_on_scheduler(
            lambda dask_scheduler: len(dask_scheduler.tasks)
        ):
            return
        threading.Event().wait(0.05)
    raise AssertionError("tasks are left")


def test_dask_is_not_imported_without_its_collections():
    code = (
        "import sys, skbp\n"
        "model = skbp.BPClassifier(max_iter=1)\n"
        "model.fit([[0.0], [1.0]], [0, 1]).predict([[0.0]])\n"
        "model.score([[0.0]], [0])\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not names & {'dask', 'distributed'}, names"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": os.getcwd()})


# Stochastic solvers stream the partitions.


@pytest.mark.parametrize(
    ("solver", "shuffle"),
    [
        ("sgd", True),
        ("adam", True),
        ("adam", False),
        ("nadam", True),
        ("rmsprop", True),
    ],
)
def test_an_epoch_is_a_partial_fit_on_each_partition(client, solver, shuffle):
    options = {
        "hidden_layer_sizes": (5,),
        "solver": solver,
        "shuffle": shuffle,
        "batch_size": 20,
        "dropout": 0.2,
        "random_state": 0,
    }
    y, epochs = Y["names"], 3
    model = BPClassifier(**options, max_iter=epochs)
    model.fit(on_dask(X), on_dask(y), on_dask(WEIGHTS))
    expected, losses = BPClassifier(**options), []
    for _ in range(epochs):
        for start in range(0, N, SIZE):
            part = slice(start, start + SIZE)
            expected.partial_fit(X[part], y[part], WEIGHTS[part], classes=np.unique(y))
        losses.append(
            np.average(
                expected.loss_curve_[-5:],
                weights=[WEIGHTS[i : i + SIZE].sum() for i in range(0, N, SIZE)],
            )
        )
    for a, b in zip(expected.coefs_, model.coefs_, strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-12)
    assert_allclose(model.loss_curve_, losses)
    assert (model.n_iter_, model.t_) == (epochs, expected.t_)


def test_partial_fit_is_one_pass(client):
    data = on_dask(X), on_dask(Y["number"])
    once = BPRegressor((5,), max_iter=2, random_state=0).fit(*data)
    twice = BPRegressor((5,), random_state=0).partial_fit(*data).partial_fit(*data)
    for a, b in zip(once.coefs_, twice.coefs_, strict=True):
        assert_allclose(a, b)
    assert twice.n_iter_ == 2


def test_training_stops_by_the_losses_of_epochs(client):
    model = BPRegressor(
        (5,), learning_rate_init=0.01, tol=0.01, n_iter_no_change=2, random_state=0
    )
    model.fit(on_dask(X), on_dask(Y["number"]))
    assert 5 < model.n_iter_ < model.max_iter
    best = np.minimum.accumulate(model.loss_curve_)
    assert (best[-4] - best[-3:] < 0.02).all()


def test_schedules_count_epochs_of_all_partitions(client):
    options = {"learning_rate": "cosine", "n_iter_no_change": np.inf, "warmup": 2}
    options |= {"max_iter": 6, "batch_size": 10, "random_state": 0}
    both = fits(lambda: BPRegressor((5,), **options), Y["number"])
    # All lengths are multiples of the batch's, so that batches begin at the same times.
    assert_allclose(*(one.learning_rate_curve_ for one in both))


def test_several_networks_stream_in_lock_step(client):
    options = {"max_iter": 3, "random_state": 0}
    data = on_dask(X), on_dask(Y["number"])
    several = BPRegressor((5,), **options, n_init=3).fit(*data)
    one = BPRegressor((5,), **options).fit(*data)
    assert several.cost(X, Y["number"]).J <= one.cost(X, Y["number"]).J


# Prediction.


def test_predictions_are_lazy_and_those_in_memory(scheduler):
    model = BPClassifier(**LBFGS, max_iter=5).fit(X, Y["names"])
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    for name in methods:
        expected, lazy = getattr(model, name)(X), getattr(model, name)(on_dask(X))
        assert isinstance(lazy, da.Array)
        assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
        assert lazy.chunks[0] == (70, 70, 70, 70, 20)
        assert_allclose_or_equal(lazy.compute(), expected)
    lazy = model.score(on_dask(X), on_dask(Y["names"]), on_dask(WEIGHTS))
    assert lazy == pytest.approx(model.score(X, Y["names"], WEIGHTS))


def assert_allclose_or_equal(actual, expected):
    if actual.dtype.kind == "U":
        assert_array_equal(actual, expected)
    else:
        assert_allclose(actual, expected, rtol=1e-12)


def test_predictions_of_a_regressor(client):
    model = BPRegressor(
        (3,), solver="lm", alpha="evidence", max_iter=10, random_state=0
    )
    model.fit(on_dask(X), on_dask(Y["number"]))
    lazy = model.predict(on_dask(X), return_std=True)
    for actual, expected in zip(lazy, model.predict(X, return_std=True), strict=True):
        assert_allclose(actual.compute(), expected)
    score = model.score(on_dask(X), on_dask(Y["number"]))
    assert score == pytest.approx(model.score(X, Y["number"]))


# What is refused.


def with_nan():
    bad = X.copy()
    bad[200, 1] = np.nan
    return on_dask(bad)


@pytest.mark.parametrize(
    ("options", "data", "match"),
    [
        (
            {},
            lambda: (with_nan(), on_dask(CODES)),
            r"partition 2 (.|\n)*row 60, col",
        ),
        ({}, lambda: (on_dask(X), CODES), "y must be a dask.array .* got a ndarray"),
        (
            {},
            lambda: (on_dask(X), on_dask(CODES), WEIGHTS),
            "sample_weight must be a dask.array",
        ),
        ({}, lambda: (on_dask(X[:, 0]), on_dask(CODES)), "X must have 2 dim"),
        (
            {},
            lambda: (on_dask(X), on_dask(CODES[1:])),
            "y has 299 samples, but X has 300",
        ),
        (
            {},
            lambda: (on_dask(X), dd.from_pandas(frame(), npartitions=2)["y"]),
            "y has 2 partitions, but X has 5",
        ),
        (
            {},
            lambda: (on_dask(X), on_dask(CODES), on_dask(0 * WEIGHTS)),
            "All samples have weight 0 .sample_weight",
        ),
        (
            {},
            lambda: (on_dask(X), on_dask(CODES), on_dask(WEIGHTS - 0.5)),
            "partition . .*sample_weight must not be negative",
        ),
        ({}, lambda: (on_dask(X), on_dask(Y["number"])), "partition . .*continuous"),
        ({"early_stopping": True}, lambda: (on_dask(X), on_dask(CODES)), "Pass X_val"),
        (
            {"intercepts_init": "best_constant"},
            lambda: (on_dask(X), on_dask(CODES)),
            "Pass arrays as intercepts_init",
        ),
        (
            {"solver": "adam", "dropout": 0.5, "batch_size": "full"},
            lambda: (on_dask(X), on_dask(CODES)),
            "Set batch_size to a number",
        ),
        (
            {"class_weight": "balanced"},
            lambda: (on_dask(X), on_dask(Y["multilabel"])),
            "Pass sample_weight instead",
        ),
        ({}, lambda: (X, on_dask(CODES)), "y must be in memory here"),
        ({}, lambda: (on_dask(X)[:0], on_dask(CODES)[:0]), "X has no samples"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options, data, match):
    model = BPClassifier(**{"solver": "lbfgs", **options})
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(ValueError, match=match),
    ):
        model.fit(*data())
    assert not hasattr(model, "coefs_")


def test_validation_sets_and_looks_inside_need_data_in_memory():
    model = BPClassifier(solver="lbfgs").fit(X, CODES)
    with pytest.raises(ValueError, match="In X_val and y_val: X must be in memory"):
        model.fit(X, CODES, X_val=on_dask(X), y_val=on_dask(CODES))
    with pytest.raises(ValueError, match=r"X must be in memory here.*X.compute\(\)"):
        model.cost(on_dask(X), on_dask(CODES))


def test_targets_that_a_loss_cannot_have_are_found_in_their_partition():
    model = BPRegressor(solver="lbfgs", loss="poisson")
    y = np.abs(Y["number"])
    y[100] = -1.0
    with (
        dask.config.set(scheduler="synchronous"),
        pytest.raises(ValueError, match=r"partition 1 .*sample 30"),
    ):
        model.fit(on_dask(X), on_dask(y))
