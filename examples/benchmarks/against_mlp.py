"""Time and memory of BPClassifier beside MLPClassifier's, on the same work.

    python examples/benchmarks/against_mlp.py [--json FILE] [--runs N]

Both sides train from the same seed with the same batches for the same number of
epochs, in turn, so that a machine whose speed drifts slows both; figures are medians.
skbp trains with its NumPy engine and, where numba is installed, with compiled loops.
"products" are the matrix products that a step cannot do without, alone. Where JAX or
PyTorch is installed (the extra bench), a step of other_loops.py is timed, too.

A long training must not slow down. So there are also times of early and late epochs,
on data with which many units of ReLU are never active after a while.
"""

from __future__ import annotations

import argparse
import json
import tracemalloc
import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from math import nan
from statistics import geometric_mean, median
from time import perf_counter, sleep
from typing import Any

import numpy as np
from other_loops import LOOPS
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skbp import BPClassifier, BPRegressor, config_context
from skbp.tables import PiecewiseLinearEncoder

#: features, hidden units, classes, rows, epochs: about half a second a run of ours.
SHAPES = [
    (4, (100,), 3, 150, 4000),
    (64, (100,), 10, 1797, 300),
    (20, (100,), 5, 20_000, 40),
    (20, (64, 64, 64), 5, 20_000, 20),
    (784, (100,), 10, 10_000, 12),
    (784, (512, 256), 10, 10_000, 3),
    (10, (16,), 3, 1000, 1500),
]
DTYPES = ("float32", "float64")
Pair = tuple[type[BPClassifier], type[MLPClassifier]]
BOTH: Pair = (BPClassifier, MLPClassifier)
REGRESSORS: tuple[Any, Any] = (BPRegressor, MLPRegressor)
#: Seconds between calls.
REST = 0.25
#: Rows of small calls.
FEW_ROWS = (1, 10, 32, 100, 500)


def data(n: int, features: int, classes: int, dtype: str) -> tuple[Any, Any]:
    """Return classes that a network can learn, not quite."""
    if (n, features, classes) == (1797, 64, 10):
        X, y = load_digits(return_X_y=True)
        return (X / 16.0).astype(dtype), y
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n, features)).astype(dtype)
    scores = np.tanh(X @ rng.standard_normal((features, classes)) / features**0.5)
    return X, (scores + 0.1 * rng.standard_normal(scores.shape)).argmax(axis=1)


def seconds(work: Callable[[], Any]) -> float:
    """Return the duration of a call, some time after the one before.

    After a product, the threads of BLAS look for the next one for a tenth of a second
    and more. They would slow down whatever comes next.
    """
    sleep(REST)
    start = perf_counter()
    work()
    return perf_counter() - start


def peak_megabytes(work: Callable[[], Any]) -> float:
    """Return the most memory that a call holds beyond what was there before."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def in_turn(runs: int, *works: Callable[[], Any]) -> list[float]:
    """Return the median duration of each call, made in turn."""
    for work in works:
        work()
    times = [[seconds(work) for work in works] for _ in range(runs)]
    return [median(column) for column in zip(*times, strict=True)]


def products(units: tuple[int, ...], m: int, dtype: str) -> Callable[[], None]:
    """Return the matrix products of one step, as a function."""
    jobs = []
    for l, (n_in, n_out) in enumerate(pairwise(units)):
        W, A = np.ones((n_out, n_in), dtype), np.ones((n_in, m), dtype)
        delta = np.ones((n_out, m), dtype)
        jobs += [(W, A, np.empty_like(delta)), (delta, A.T, np.empty_like(W))]
        if l:
            jobs.append((W.T, delta, np.empty_like(A)))

    def step() -> None:
        for left, right, out in jobs:
            np.matmul(left, right, out=out)

    return step


def compare_fit(
    shape: tuple[int, tuple[int, ...], int, int, int], dtype: str, runs: int
) -> dict[str, Any]:
    """Train both with Adam for the same number of epochs."""
    features, hidden, classes, n, epochs = shape
    X, y = data(n, features, classes, dtype)
    options = {
        "hidden_layer_sizes": hidden,
        "max_iter": epochs,
        "tol": 0.0,
        "n_iter_no_change": epochs,
        "random_state": 0,
    }
    ours, theirs = (estimator(**options) for estimator in BOTH)
    m = min(200, n)
    steps = epochs * -(-n // m)
    units = (features, *hidden, classes)
    step = products(units, m, dtype)

    def train(compiled: bool) -> Callable[[], Any]:
        def call() -> None:
            with config_context(compiled=compiled):
                ours.fit(X, y)

        return call

    works = [
        lambda: theirs.fit(X, y),
        lambda: [step() for _ in range(steps)],
        train(False),
    ]
    names = [name for name in LOOPS if find_spec(name)]
    works += [LOOPS[name](units, X, y, m, epochs) for name in names]
    if find_spec("numba"):
        works.append(train(True))
    theirs_s, bare_s, ours_s, *more = in_turn(runs, *works)
    others = {f"{name}_us": 1e6 * more.pop(0) / steps for name in names}
    # JAX's epochs have full batches only.
    if "jax_us" in others:
        others["jax_us"] *= -(-n // m) / (n // m)
    faster = {
        f"compiled_{key}": value
        for compiled_s in more
        for key, value in (
            ("us", 1e6 * compiled_s / steps),
            ("ratio", theirs_s / compiled_s),
        )
    }
    return {
        "what": f"{features}-{'-'.join(map(str, hidden))}-{classes} / {n}",
        "dtype": dtype,
        "ours_us": 1e6 * ours_s / steps,
        "theirs_us": 1e6 * theirs_s / steps,
        "ratio": theirs_s / ours_s,
        "over_products": ours_s / bare_s,
        "loss_difference": abs(ours.loss_curve_[-1] - theirs.loss_curve_[-1]),
        **others,
        **faster,
    }


def early_and_late(runs: int) -> list[dict[str, Any]]:
    """Return seconds of the first 5 epochs and of epochs 41 to 60, each by epoch."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((10_000, 17))
    y = (np.sin(2.0 * X[:, 0]) + X[:, 1] * X[:, 2] > 0.0).astype(int)
    X = PiecewiseLinearEncoder(10).fit_transform(X).astype("float32")
    common = {"hidden_layer_sizes": (128, 128), "batch_size": 128, "random_state": 0}
    common |= {"tol": 0.0, "n_iter_no_change": 60}
    sides = {"MLP": (MLPClassifier, False), "NumPy": (BPClassifier, False)}
    if find_spec("numba"):
        sides["compiled"] = (BPClassifier, True)

    def train(kind: Any, compiled: bool, epochs: int) -> None:
        with config_context(compiled=compiled):
            kind(max_iter=epochs, **common).fit(X, y)

    rows = []
    for name, side in sides.items():
        works = [partial(train, *side, epochs) for epochs in (5, 40, 60)]
        first, most, all_ = in_turn(runs, *works)
        early, late = first / 5, (all_ - most) / 20
        rows.append({"what": name, "early_s": early, "late_s": late})
    return rows


def compare_calls(
    what: str, dtype: str, calls: list[Callable[[], Any]], runs: int
) -> dict[str, Any]:
    """Time two calls, ours and theirs, and measure their peak memory."""
    ours_s, theirs_s = in_turn(runs, *calls)
    ours_mb, theirs_mb = map(peak_megabytes, calls)
    return {
        "what": what,
        "dtype": dtype,
        "ours_s": ours_s,
        "theirs_s": theirs_s,
        "ratio": theirs_s / ours_s,
        "ours_mb": ours_mb,
        "theirs_mb": theirs_mb,
    }


def compare_predict(dtype: str, runs: int) -> dict[str, Any]:
    """predict_proba on 200 000 x 50."""
    X, y = data(200_000, 50, 5, dtype)
    fitted = [
        estimator(max_iter=2, random_state=0).fit(X[:2000], y[:2000])
        for estimator in BOTH
    ]
    calls = [lambda e=e: e.predict_proba(X) for e in fitted]
    return compare_calls("predict_proba, 200000 x 50", dtype, calls, runs)


def compare_lbfgs(dtype: str, runs: int) -> dict[str, Any]:
    """Fit by lbfgs on 20 000 x 20, for the same number of iterations."""
    X, y = data(20_000, 20, 5, dtype)
    calls = [
        lambda e=e: e(solver="lbfgs", max_iter=20, random_state=0).fit(X, y)
        for e in BOTH
    ]
    return compare_calls("fit by lbfgs, 20000 x 20", dtype, calls, runs)


def small_calls(name: str, runs: int) -> list[dict[str, Any]]:
    """Time calls on a few rows: serving, streams, epoch loops."""
    X, y = data(1000, 20, 3, "float64")
    both, y = (BOTH, y) if name == "classifier" else (REGRESSORS, X[:, 0])
    fitted = [e(max_iter=3, random_state=0).fit(X, y) for e in both]
    parts, warm = [[clone(e).fit(X, y) for e in fitted] for _ in range(2)]
    for e in warm:
        e.set_params(warm_start=True, max_iter=1)
    rows = []
    for n in FEW_ROWS:
        calls = {
            "predict": [lambda e=e, n=n: e.predict(X[:n]) for e in fitted],
            "partial_fit": [
                lambda e=e, n=n: e.partial_fit(X[:n], y[:n]) for e in parts
            ],
        }
        if name == "classifier":
            calls["predict_proba"] = [
                lambda e=e, n=n: e.predict_proba(X[:n]) for e in fitted
            ]
        if len({*y[:n]}) == len({*y}) or name == "regressor":
            calls["fit, warm, 1 epoch"] = [
                lambda e=e, n=n: e.fit(X[:n], y[:n]) for e in warm
            ]
        for what, pair in calls.items():
            repeated = [lambda call=call: [call() for _ in range(20)] for call in pair]
            ours_s, theirs_s = in_turn(runs, *repeated)
            rows.append(
                {
                    "what": f"{name}, {what}",
                    "n": n,
                    "ours_us": 1e6 * ours_s / 20,
                    "theirs_us": 1e6 * theirs_s / 20,
                    "ratio": theirs_s / ours_s,
                }
            )
    return rows


def million() -> dict[str, float]:
    """Peak memory, above the data, of full-batch work on 1 000 000 x 20."""
    X, y = data(1_000_000, 20, 5, "float64")
    full = BPClassifier(solver="lbfgs", max_iter=2, random_state=0)
    batch = BPClassifier(batch_size=len(X), max_iter=1, random_state=0)
    return {
        "fit_lbfgs_mb": peak_megabytes(lambda: full.fit(X, y)),
        "fit_one_batch_mb": peak_megabytes(lambda: batch.fit(X, y)),
        "predict_mb": peak_megabytes(lambda: full.predict(X)),
        "data_mb": X.nbytes / 1e6,
    }


def report(runs: int) -> dict[str, Any]:
    """Run everything; print as it goes."""
    results: dict[str, Any] = {"fit": [], "calls": [], "small": []}
    print(
        f"{'Adam, in-hidden-out / rows':28} dtype    "
        "MLP us/step  BP us/step  ratio  BP/products  loss difference  compiled  ratio"
        "     JAX  torch"
    )
    for dtype in DTYPES:
        for shape in SHAPES:
            row = compare_fit(shape, dtype, runs)
            results["fit"].append(row)
            print(
                f"{row['what']:28} {dtype}  {row['theirs_us']:11.0f} "
                f"{row['ours_us']:11.0f} {row['ratio']:6.2f} "
                f"{row['over_products']:12.2f} {row['loss_difference']:16.1e} "
                f"{row.get('compiled_us', nan):9.0f} "
                f"{row.get('compiled_ratio', nan):6.2f} {row.get('jax_us', nan):7.0f} "
                f"{row.get('torch_us', nan):6.0f}",
                flush=True,
            )
        rows = [row for row in results["fit"] if row["dtype"] == dtype]
        mean = geometric_mean(row["ratio"] for row in rows)
        compiled = geometric_mean(row.get("compiled_ratio", nan) for row in rows)
        results[f"geometric_mean_{dtype}"] = mean
        results[f"geometric_mean_compiled_{dtype}"] = compiled
        print(f"{'geometric mean':28} {dtype}  {'':23} {mean:6.2f} {compiled:46.2f}\n")
    print("10000 x 170, 128-128, float32: seconds an epoch   early    late")
    results["long"] = early_and_late(runs)
    for row in results["long"]:
        print(f"{row['what']:46} {row['early_s']:8.4f} {row['late_s']:7.4f}")
    print(f"\n{'':28} dtype       MLP s     BP s  ratio   MLP MB    BP MB")
    for compare in (compare_predict, compare_lbfgs):
        for dtype in DTYPES:
            row = compare(dtype, runs)
            results["calls"].append(row)
            print(
                f"{row['what']:28} {dtype}  {row['theirs_s']:7.3f}  "
                f"{row['ours_s']:7.3f} {row['ratio']:6.2f} {row['theirs_mb']:8.1f} "
                f"{row['ours_mb']:8.1f}",
                flush=True,
            )
    print(f"\n{'':34} rows   MLP us    BP us  ratio")
    for name in ("classifier", "regressor"):
        for row in small_calls(name, runs):
            results["small"].append(row)
            print(
                f"{row['what']:34} {row['n']:4} {row['theirs_us']:8.0f} "
                f"{row['ours_us']:8.0f} {row['ratio']:6.2f}",
                flush=True,
            )
    results["million"] = million()
    print("\n1000000 x 20, float64: peak memory in MB above the data")
    for name, value in results["million"].items():
        print(f"  {name:20} {value:8.1f}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="runs of each side")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    results = report(arguments.runs)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
