"""Time of a search whose candidates train in lock-step, beside scikit-learn's.

    python examples/benchmarks/sweep.py [--json FILE] [--runs N] [--jobs N]

Three searches, each with the same candidates, folds and epochs, in turn:

a. digits: 9 candidates of alpha and learning rate at each of 3 hidden sizes, 5 folds
b. 1000 x 10, 16 hidden units: 45 candidates, 5 folds
c. a pipeline with StandardScaler on 20 000 x 20: 9 candidates, 5 folds

by BPGridSearchCV(BPClassifier), by GridSearchCV(BPClassifier), and by
GridSearchCV(MLPClassifier). All stop by their own rules or at max_iter, so that work is
equal: the weights are. The workers are started before the first run. BPGridSearchCV
runs with NumPy alone and, where numba is installed, in the default configuration, which
takes the compiled loops for a and c.

Then search b with 27 candidates that are halved at rungs of 10, 30 and 90 epochs: by
BPHalvingGridSearchCV, where the remaining candidates continue, and by scikit-learn's
HalvingGridSearchCV, which starts them again.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from against_mlp import data, in_turn
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import (
    BPClassifier,
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    config_context,
)
from skbp._config import Compiled
from skbp.engine.compiled import available

DTYPES = ("float32", "float64")
RATES = [1e-3, 3e-3, 1e-2]
Search = tuple[Any, Any, Any, dict[str, Any]]


def searches(dtype: str) -> dict[str, Callable[[type], Search]]:
    """Return the searches: the class of the network -> estimator, X, y and grid."""
    common = {"random_state": 0}

    def digits(network: type) -> Search:
        grid = {
            "hidden_layer_sizes": [(25,), (50,), (100,)],
            "alpha": [1e-4, 1e-2, 1.0],
            "learning_rate_init": RATES,
        }
        return network(max_iter=40, **common), *data(1797, 64, 10, dtype), grid

    def small(network: type) -> Search:
        grid = {"alpha": np.logspace(-5, 1, 15), "learning_rate_init": RATES}
        return network((16,), max_iter=100, **common), *data(1000, 10, 3, dtype), grid

    def pipeline(network: type) -> Search:
        model = make_pipeline(StandardScaler(), network(max_iter=15, **common))
        name = model.steps[-1][0]
        grid = {
            f"{name}__alpha": [1e-4, 1e-2, 1.0],
            f"{name}__learning_rate_init": RATES,
        }
        return model, *data(20_000, 20, 5, dtype), grid

    return {"a": digits, "b": small, "c": pipeline}


def run(kind: type, search: Search, jobs: int, compiled: Compiled = "auto") -> None:
    """Search with this class."""
    estimator, X, y, grid = search
    with warnings.catch_warnings(), config_context(compiled=compiled):
        warnings.simplefilter("ignore")
        kind(clone(estimator), grid, cv=5, n_jobs=jobs, refit=False).fit(X, y)


def compare(name: str, dtype: str, runs: int, jobs: int) -> dict[str, Any]:
    """Time one search by each."""
    make = searches(dtype)[name]
    ours, theirs = make(BPClassifier), make(MLPClassifier)
    return timed(
        name,
        dtype,
        runs,
        partial(run, BPGridSearchCV, ours, jobs),
        partial(run, GridSearchCV, ours, jobs),
        partial(run, GridSearchCV, theirs, jobs),
    )


def halve(
    kind: type, network: type, dtype: str, jobs: int, compiled: Compiled = "auto"
) -> None:
    """Search with rungs of 10, 30 and 90 epochs."""
    grid = {"alpha": np.logspace(-5, 1, 9), "learning_rate_init": RATES}
    rungs = {"resource": "max_iter", "min_resources": 10, "max_resources": 90}
    with warnings.catch_warnings(), config_context(compiled=compiled):
        warnings.simplefilter("ignore")
        model = network((16,), random_state=0)
        search = kind(model, grid, cv=5, n_jobs=jobs, refit=False, **rungs)
        search.fit(*data(1000, 10, 3, dtype))


def compare_halving(dtype: str, runs: int, jobs: int) -> dict[str, Any]:
    """Time successive halving by each."""
    return timed(
        "halving",
        dtype,
        runs,
        partial(halve, BPHalvingGridSearchCV, BPClassifier, dtype, jobs),
        partial(halve, HalvingGridSearchCV, BPClassifier, dtype, jobs),
        partial(halve, HalvingGridSearchCV, MLPClassifier, dtype, jobs),
    )


def timed(
    name: str,
    dtype: str,
    runs: int,
    ours: Callable[..., None],
    ours_apart: Callable[..., None],
    theirs: Callable[..., None],
) -> dict[str, Any]:
    """Time our search, with NumPy and with numba, and the others."""
    works = [partial(ours, compiled=False), ours_apart, theirs]
    if available():
        works.append(ours)
    times = in_turn(runs, *works)
    row = {
        "search": name,
        "dtype": dtype,
        "seconds": times[0],
        "GridSearchCV(BPClassifier)": times[1] / times[0],
        "GridSearchCV(MLPClassifier)": times[2] / times[0],
    }
    if available():
        row["with numba"] = times[2] / times[3]
    return row


def compile_loops(dtype: str) -> None:
    """Compile the loops, which happens once on a machine."""
    if available():
        run(BPGridSearchCV, (BPClassifier((2,)), *data(99, 2, 2, dtype), {}), 1, True)


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=["a", "b", "c", "halving"])
    parser.add_argument("--dtypes", nargs="*", default=DTYPES)
    options = parser.parse_args()
    rows = []
    heads = ("seconds", "Grid(BP)", "Grid(MLP)", "with numba")
    print(f"{'search':8}{'dtype':8}" + "".join(f"{head:>12}" for head in heads))
    for dtype in options.dtypes:
        compile_loops(dtype)
        for name in options.only:
            if name == "halving":
                row = compare_halving(dtype, options.runs, options.jobs)
            else:
                row = compare(name, dtype, options.runs, options.jobs)
            rows.append(row)
            figures = "".join(f"{one:12.2f}" for one in list(row.values())[2:])
            print(f"{name:8}{dtype:8}{figures}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
