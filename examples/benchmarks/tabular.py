"""tabular_pipeline beside boosted trees and other networks, on public sets of tables.

    python examples/benchmarks/tabular.py FOLDER [--rows N] [--sets NAME ...]
        [--json FILE] [--only NAME ...]

Nothing is tuned: every estimator has its default parameters. "mlp" is scikit-learn's
MLPClassifier or MLPRegressor behind imputation, scaling and one-hot encoding,
"linear" is logistic or ridge regression behind the same; boosted trees get the columns
as they are. LightGBM, XGBoost and CatBoost take part where they are installed, and so
do the networks RealMLP and TabM (pytabkit, on the CPU), which are tuned for tables.
Each set is split once: a quarter, or at most 5000 rows, is the test. The times are CPU
times, with one thread. The memory, measured on Linux alone, is the largest that fit
needs in MB, beyond what the process had before.

The sets are divided into two halves, CHOSEN and the others: settings of
tabular_pipeline were chosen on the first half alone. The tables at the end show the
mean rank in each half.

FOLDER holds .npz files with arrays X and y: y of floats is regression, of ints
classification. ``cat_mask``, if there, marks the columns that are categories. FILE
keeps what other calls have measured.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import warnings
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from skbp import tabular_pipeline

#: The sets on which settings were chosen.
CHOSEN = {
    "adult",
    "california",
    "churn",
    "magic",
    "phoneme",
    "pmlb_195_auto_price",
    "pmlb_225_puma8NH",
    "pmlb_503_wind",
    "pmlb_522_pm10",
    "pmlb_557_analcatdata_apnea1",
    "pmlb_586_fri_c3_1000_25",
    "pmlb_603_fri_c0_250_50",
    "pmlb_634_fri_c2_100_10",
    "proben1_cancer",
    "segment",
    "spambase",
    "uci_concrete",
}
#: The most test rows.
MOST = 5000
#: Boosted trees that may be installed: the package, and the names of the classes.
TREES = {
    "lightgbm": ("LGBMClassifier", "LGBMRegressor", {"verbose": -1, "n_jobs": 1}),
    "xgboost": ("XGBClassifier", "XGBRegressor", {"n_jobs": 1}),
    "catboost": (
        "CatBoostClassifier",
        "CatBoostRegressor",
        {"verbose": 0, "thread_count": 1, "allow_writing_files": False},
    ),
}
#: Networks of pytabkit, if it is installed: the beginnings of the names of the classes.
NETWORKS = {"realmlp": "RealMLP_TD", "tabm": "TabM_D"}


def load(path: Path, rows: int | None) -> tuple[Any, ...]:
    """Return training and test parts, and the mask of the columns of categories."""
    with np.load(path) as data:
        X, y = data["X"].astype(np.float32), data["y"]
        categories = data.get("cat_mask", np.zeros(X.shape[1], bool))
    if y.dtype.kind != "f":
        y = np.unique(y, return_inverse=True)[1]
    classes = None if y.dtype.kind == "f" else y
    X, X_test, y, y_test = train_test_split(X, y, random_state=0, stratify=classes)
    if rows and len(X) > rows:
        classes = None if classes is None else y
        X, _, y, _ = train_test_split(
            X, y, train_size=rows, random_state=0, stratify=classes
        )
    return X, y, X_test[:MOST], y_test[:MOST], categories


def prepared(categories: Any, estimator: Any) -> Any:
    """Return an estimator behind what a network needs before it."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    labels = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False
    )
    columns = make_column_transformer((numbers, ~categories), (labels, categories))
    return make_pipeline(columns, estimator)


def table(X: Any, categories: Any) -> Any:
    """Return X as tabular_pipeline gets it: categories as texts, among objects."""
    if not categories.any():
        return X
    columns = X.astype(object)
    for j in np.flatnonzero(categories):
        columns[:, j] = [None if np.isnan(x) else f"c{x:.0f}" for x in X[:, j]]
    return columns


def estimators(categories: Any, regression: bool) -> dict[str, Any]:
    """Return the estimators by name."""
    kind = "regressor" if regression else "classifier"
    known: dict[str, Any] = {
        "skbp": tabular_pipeline(kind).set_params(network__random_state=0)
    }
    if regression:
        scaled = TransformedTargetRegressor(
            MLPRegressor(random_state=0), transformer=StandardScaler()
        )
        known["linear"] = prepared(categories, RidgeCV())
        known["mlp"] = prepared(categories, scaled)
        trees: Any = HistGradientBoostingRegressor
    else:
        known["linear"] = prepared(categories, LogisticRegression(max_iter=1000))
        known["mlp"] = prepared(categories, MLPClassifier(random_state=0))
        trees = HistGradientBoostingClassifier
    known["histgb"] = trees(categorical_features=categories, random_state=0)
    for package, (classifier, regressor, options) in TREES.items():
        try:
            module = import_module(package)
        except ImportError:
            continue
        name = regressor if regression else classifier
        known[package] = getattr(module, name)(random_state=0, **options)
    return known | networks("Regressor" if regression else "Classifier")


def networks(kind: str) -> dict[str, Any]:
    """Return the networks of pytabkit by name, none if it is not installed."""
    try:
        module = import_module("pytabkit")
    except ImportError:
        return {}
    options = {"device": "cpu", "n_threads": 1, "random_state": 0}
    return {
        name: getattr(module, f"{start}_{kind}")(**options)
        for name, start in NETWORKS.items()
    }


def memory(field: str) -> float:
    """Return a field of the memory of this process in MB, nan if unknown."""
    try:
        text = Path("/proc/self/status").read_text("utf-8")
    except OSError:
        return float("nan")
    return int(text.split(f"{field}:")[1].split()[0]) / 1024


def forget_the_peak() -> None:
    """Give free memory back, and let VmHWM, the largest memory so far, begin anew."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", "utf-8")


def measure(path: Path, rows: int | None, only: list[str]) -> dict[str, Any]:
    """Return scores, losses and times on a set."""
    X, y, X_test, y_test, categories = load(path, rows)
    regression = y.dtype.kind == "f"
    row: dict[str, Any] = {"rows": len(X), "columns": X.shape[1]}
    row["regression"] = regression
    for name, estimator in estimators(categories, regression).items():
        if only and name not in only:
            continue
        train, test = X, X_test
        if name == "skbp":
            train, test = table(X, categories), table(X_test, categories)
        options = {"cat_indicator": categories} if name in NETWORKS else {}
        forget_the_peak()
        held = memory("VmRSS")
        before = process_time()
        estimator.fit(train, y, **options)
        fitted = process_time()
        peak = memory("VmHWM") - held
        score = float(estimator.score(test, y_test))
        predicted = process_time()
        found = {"score": score, "fit": fitted - before, "predict": predicted - fitted}
        found["memory"] = peak
        if not regression:
            p = estimator.predict_proba(test)
            found["loss"] = log_loss(y_test, p, labels=estimator.classes_)
        row[name] = {key: round(value, 4) for key, value in found.items()}
        print(f"{path.stem:28} {name:9} {row[name]}", flush=True)
        if name == "skbp":
            network = estimator[-1]
            row[name]["weights"] = network.weights_
            print(" " * 29, {k: round(v, 2) for k, v in network.weights_.items()})
    return row


def mean_of(rows: list[dict[str, Any]], name: str, key: str) -> float:
    """Return the mean of a figure of an estimator; nan if a file lacks it."""
    return float(np.mean([row[name].get(key, np.nan) for row in rows]))


def summary(results: dict[str, Any]) -> str:
    """Return tables of mean ranks, medians and wins."""
    lines = []
    for part, chosen in {"chosen": True, "confirmed": False, "all": None}.items():
        for regression, key in ((False, "score"), (False, "loss"), (True, "score")):
            rows = [
                row
                for name, row in results.items()
                if row["regression"] == regression
                and (chosen is None or (name in CHOSEN) == chosen)
            ]
            if not rows:
                continue
            names = [n for n in rows[0] if isinstance(rows[0][n], dict)]
            names = [n for n in names if all(n in row for row in rows)]
            values = np.array([[row[n][key] for n in names] for row in rows])
            ranks = rankdata(values if key == "loss" else -values, axis=1)
            kind = "regression" if regression else "classification"
            lines.append(f"{kind}, {key}, {len(rows)} sets ({part})")
            lines += [
                f"    {names[j]:9} mean rank {ranks[:, j].mean():.2f}"
                f"  wins {(ranks[:, j] == 1).sum():2}"
                f"  median {np.median(values[:, j]):.4f}"
                f"  mean {values[:, j].mean():.4f}"
                f"  fit {mean_of(rows, names[j], 'fit'):.1f} s"
                f"  predict {mean_of(rows, names[j], 'predict'):.2f} s"
                f"  memory {mean_of(rows, names[j], 'memory'):.0f} MB"
                for j in np.argsort(ranks.mean(axis=0))
            ]
    return "\n".join(lines)


def chosen_paths(
    parser: argparse.ArgumentParser, options: argparse.Namespace
) -> list[Path]:
    """Return the files to measure; end with a message if there are none."""
    if not options.folder.is_dir():
        parser.error(f"{options.folder} is not a folder")
    paths = {path.stem: path for path in sorted(options.folder.glob("*.npz"))}
    if not paths:
        parser.error(f"{options.folder} has no .npz files")
    known = estimators(np.zeros(1, bool), regression=False)
    for option, asked, names in [
        ("--sets", options.sets or [], paths),
        ("--only", options.only, known),
    ]:
        unknown = [name for name in asked if name not in names]
        if unknown:
            parser.error(
                f"{option}: unknown {', '.join(unknown)}; known are {', '.join(names)}"
            )
    return [paths[name] for name in paths if name in (options.sets or paths)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the folder of the .npz files")
    parser.add_argument("--rows", type=int, help="the most training rows")
    parser.add_argument(
        "--sets", nargs="+", help="the names of files, without .npz (default: all)"
    )
    parser.add_argument(
        "--only", nargs="+", default=[], help="estimators to measure (default: all)"
    )
    parser.add_argument("--json", type=Path, help="a file that keeps the results")
    options = parser.parse_args()
    paths = chosen_paths(parser, options)
    results: dict[str, Any] = {}
    if options.json and options.json.exists():
        results = json.loads(options.json.read_text("utf-8"))
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in paths:
            row = measure(path, options.rows, options.only)
            earlier = results.get(path.stem, {})
            # Figures with other numbers of rows cannot be compared.
            alike = earlier.get("rows") == row["rows"]
            results[path.stem] = earlier | row if alike else row
            if options.json:
                text = json.dumps(results, indent=1) + "\n"
                options.json.write_text(text, encoding="utf-8")
    print(summary(results))


if __name__ == "__main__":
    main()
