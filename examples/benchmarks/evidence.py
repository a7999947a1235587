"""Regularisation estimated from the data, beside estimators with default parameters.

    python examples/benchmarks/evidence.py [--json FILE] [--data FOLDER] [--sets NAME]
        [--only LABEL] [--runs N]

``solver="lm"`` with ``alpha="ard"`` or ``"evidence"`` against a default MLP, boosted
trees and a linear model, none of them tuned: R² in regression, accuracy in
classification. LightGBM and XGBoost take part where they are installed. Every set is
split once, a quarter for the test; the features, and in regression the target, are
standardised by the training part. Sets with missing values are left out, and of more
than 10000 training rows the first 10000 (the order is random) are taken.

"z" is the standard deviation of (y - prediction) / std over the test part: 1 where
``return_std`` says how far predictions are off. "log loss" is that of the probabilities
of the lm network, before and after ``moderated=True``.

FOLDER holds .npz files with arrays X and y: y of floats is regression, of ints
classification. Without it the sets are scikit-learn's. NAME is the beginning of the
names of the files to read, such as pmlb_ for the Penn Machine Learning Benchmarks,
whose targets always count as numbers. LABEL is the beginning of the labels of the
estimators to fit. Everything has one thread, and seconds are those of the CPU.

At the end: the CPU seconds of a fit to 1000 samples of 10 and of 50 features, beside
LightGBM's; the time of an lm iteration beside the matrix product J'J and the linear
system that it cannot do without, and the peak memory of a fit to many samples.
"""

from __future__ import annotations

import argparse
import importlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from against_mlp import in_turn, peak_megabytes
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_wine,
    make_friedman1,
    make_friedman2,
    make_friedman3,
)
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import RidgeCV
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skbp import BPClassifier, BPRegressor
from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.posterior import inverse
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network
from skbp.engine.samples import Samples

#: Training rows above which the networks have other settings, and that are taken.
MANY, MOST = 2500, 10_000
LM = {"activation": "tanh", "solver": "lm", "random_state": 0}
Arrays = tuple[Any, Any]


def bundled() -> Iterator[tuple[str, Any, Any]]:
    """Yield scikit-learn's sets: name, X, y."""
    yield "diabetes", *load_diabetes(return_X_y=True)
    for make, noise in (
        (make_friedman1, 1.0),
        (make_friedman2, 100.0),
        (make_friedman3, 0.1),
    ):
        yield make.__name__[5:], *make(1000, noise=noise, random_state=0)
    yield "breast_cancer", *load_breast_cancer(return_X_y=True)
    yield "wine", *load_wine(return_X_y=True)


def stored(folder: Path, sets: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the sets of a folder whose names begin with ``sets``: name, X, y."""
    for path in sorted(folder.glob(f"{sets}*.npz")):
        with np.load(path) as arrays:
            y = arrays["y"].ravel()
            suite = path.stem.startswith("pmlb_")
            yield path.stem, arrays["X"], y.astype(float) if suite else y


def split(X: Any, y: Any, regression: bool) -> tuple[Arrays, Arrays]:
    """Return training and test part, standardised by the first."""
    order = np.random.RandomState(0).permutation(len(X))
    n_test = len(X) // 4
    train, test = order[n_test:][:MOST], order[:n_test]
    scaler = StandardScaler().fit(X[train])
    X_train, X_test = scaler.transform(X[train]), scaler.transform(X[test])
    if regression:
        y = (y - y[train].mean()) / y[train].std()
    return (X_train, y[train]), (X_test, y[test])


def regressors(n: int) -> dict[str, Any]:
    """Return the estimators for n training rows."""
    sizes: dict[str, Any] = {"hidden_layer_sizes": (8,), "n_init": 2, "ensemble": 2}
    if n > MANY:
        sizes |= {"hidden_layer_sizes": (16,), "max_iter": 100}
    return {
        "lm ard": BPRegressor(alpha="ard", **sizes, **LM),
        "lm evidence": BPRegressor(alpha="evidence", **sizes, **LM),
        "MLP": MLPRegressor(random_state=0),
        "HistGB": HistGradientBoostingRegressor(random_state=0),
        "Ridge": RidgeCV(),
        **installed("Regressor"),
    }


def classifiers(n: int) -> dict[str, Any]:
    """Return the estimators for n training rows."""
    some = {"n_init": 5, "ensemble": 5}
    if n > MANY:
        some = {"n_init": 2, "ensemble": 2, "max_iter": 100}
    return {
        "lm evidence": BPClassifier((8,), alpha="evidence", **some, **LM),
        "MLP": MLPClassifier(random_state=0),
        "HistGB": HistGradientBoostingClassifier(random_state=0),
    }


def installed(kind: str) -> dict[str, Any]:
    """Return what there is of LightGBM and XGBoost."""
    found = {}
    for module, prefix, options in (
        ("lightgbm", "LGBM", {"verbose": -1}),
        ("xgboost", "XGB", {}),
    ):
        try:
            made = getattr(importlib.import_module(module), prefix + kind)
        except ImportError:
            continue
        found[prefix] = made(n_jobs=1, random_state=0, **options)
    return found


def compare(name: str, X: Any, y: Any, only: str) -> dict[str, Any]:
    """Fit all estimators whose labels begin with ``only`` to one set."""
    regression = np.issubdtype(y.dtype, np.floating)
    X = X.astype(np.float64)
    if regression:
        y = y.astype(np.float64)
    (X_train, y_train), (X_test, y_test) = split(X, y, regression)
    n = len(X_train)
    row = {
        "name": name,
        "regression": bool(regression),
        "n_train": n,
        "subsampled": n < len(X) - len(X) // 4,
        "n_features": X.shape[1],
        "scores": {},
        "seconds": {},
        "z": {},
    }
    for label, model in (regressors if regression else classifiers)(n).items():
        if not label.startswith(only):
            continue
        start = process_time()
        model.fit(X_train, y_train)
        row["seconds"][label] = process_time() - start
        row["scores"][label] = float(model.score(X_test, y_test))
        if label.startswith("lm"):
            row["n_iter " + label] = model.n_iter_
            row["n_effective " + label] = model.n_effective_parameters_
            if regression:
                prediction, std = model.predict(X_test, return_std=True)
                row["z"][label] = float(np.std((y_test - prediction) / std))
            else:
                row["log_loss"] = [
                    float(log_loss(y_test, p, labels=model.classes_))
                    for p in (
                        model.predict_proba(X_test),
                        model.predict_proba(X_test, moderated=True),
                    )
                ]
    return row


def iteration(runs: int) -> dict[str, float]:
    """Time a step on 1000 x 25 with 8 hidden units, and the least it consists of."""
    rng = np.random.RandomState(0)
    network = Network((25, 8, 1), ("tanh",))
    n, P = 1000, network.n_parameters
    samples = Samples(rng.standard_normal((n, 25)), rng.standard_normal((n, 1)))
    theta = 0.3 * rng.standard_normal((1, P))
    evaluate = GaussNewton(network, LOSSES["squared_error"], samples)
    J = rng.standard_normal((n, P))

    def step() -> None:
        _, g, H = evaluate(theta)
        evaluate.value(theta - np.linalg.solve(H[0, 0] + np.eye(P), g[0, 0]))

    def bare() -> None:
        np.linalg.solve(J.T @ J + np.eye(P), J[0])

    def estimate() -> None:
        inverse(A)

    A = evaluate(theta)[2][0, 0] + np.eye(P)
    step_s, bare_s, estimate_s = in_turn(
        runs,
        lambda: [step() for _ in range(20)],
        lambda: [bare() for _ in range(20)],
        lambda: [estimate() for _ in range(20)],
    )
    return {
        "step_ms": 50 * step_s,
        "bare_ms": 50 * bare_s,
        "ratio": step_s / bare_s,
        "estimate_ms": 50 * estimate_s,
    }


def fits(runs: int) -> dict[str, float]:
    """CPU seconds of a fit to 1000 samples, ours and LightGBM's: the best of a few."""
    found = {}
    for d in (10, 50):
        X, y = make_friedman1(1000, n_features=d, noise=1.0, random_state=0)
        X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
        models = {"lm ard": BPRegressor((8,), alpha="ard", **LM)}
        for label, model in (models | installed("Regressor")).items():
            seconds = []
            for _ in range(runs):
                start = process_time()
                model.fit(X, y)
                seconds.append(process_time() - start)
            found[f"{label}, 1000 x {d}"] = min(seconds)
    return found


def memory() -> dict[str, float]:
    """Peak memory, above the data, of three iterations on 100000 x 20."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((100_000, 20))
    y = np.tanh(X[:, 0]) + X[:, 1] * X[:, 2] + rng.standard_normal(len(X))
    model = BPRegressor((23,), alpha="evidence", max_iter=3, **LM)
    peak = peak_megabytes(lambda: model.fit(X, y))
    parameters = sum(W.size for W in (*model.coefs_, *model.intercepts_))
    jacobian = 8e-6 * len(X) * parameters
    return {
        "parameters": parameters,
        "fit_mb": peak,
        "data_mb": X.nbytes / 1e6,
        "jacobian_mb": jacobian,
    }


def table(rows: list[dict[str, Any]], regression: bool) -> None:
    """Print the scores, the seconds, and what else there is to say."""
    rows = [row for row in rows if row["regression"] == regression]
    if not rows:
        return
    labels = list(rows[0]["scores"])
    print(f"\n{'R²' if regression else 'Accuracy'} on the test part")
    extra = "  z ard  z evid" if regression else "  log loss, moderated"
    head = f"{'':26}{'train':>13}" + "".join(f"{label:>13}" for label in labels)
    print(head + extra)
    for row in rows:
        size = f"{row['n_train']} x {row['n_features']}"
        scores = "".join(f"{row['scores'][label]:13.3f}" for label in labels)
        others = row["z"].values() if regression else row["log_loss"]
        others = "".join(f"{other:8.2f}" for other in others)
        print(f"{row['name']:26}{size:>13}{scores}{others}")
    medians = [median(row["scores"][label] for row in rows) for label in labels]
    others = [row["z"].values() if regression else row["log_loss"] for row in rows]
    print(
        f"{'median':39}"
        + "".join(f"{value:13.3f}" for value in medians)
        + "".join(f"{median(column):8.2f}" for column in zip(*others, strict=True))
    )
    means = [np.mean([row["scores"][label] for row in rows]) for label in labels]
    print(f"{'mean':39}" + "".join(f"{value:13.3f}" for value in means))
    print(f"\n{'seconds':39}" + "".join(f"{label:>13}" for label in labels))
    for row in rows:
        seconds = "".join(f"{row['seconds'][label]:13.2f}" for label in labels)
        print(f"{row['name']:39}{seconds}")
    medians = [median(row["seconds"][label] for row in rows) for label in labels]
    print(f"{'median':39}" + "".join(f"{value:13.2f}" for value in medians))
    sums = [sum(row["seconds"][label] for row in rows) for label in labels]
    print(f"{'sum':39}" + "".join(f"{value:13.2f}" for value in sums))


def report(folder: Path | None, sets: str, only: str, runs: int) -> dict[str, Any]:
    """Run everything; print as it goes."""
    rows, left_out = [], []
    for name, X, y in bundled() if folder is None else stored(folder, sets):
        if np.isnan(X).any():
            left_out.append(name)
            print(f"{name}: left out, it has missing values", flush=True)
            continue
        row = compare(name, X, y, only)
        rows.append(row)
        note = f" ({MOST} rows of the training part)" if row["subsampled"] else ""
        scores = (f"{label} {score:.3f}" for label, score in row["scores"].items())
        print(f"{name}{note}: {', '.join(scores)}", flush=True)
    for regression in (True, False):
        table(rows, regression)
    results = {"sets": rows, "left_out": left_out}
    results["fits"] = fits(runs)
    print("\nCPU seconds of a fit")
    for label, seconds in results["fits"].items():
        print(f"{label:39}{seconds:13.3f}")
    results["iteration"] = step = iteration(runs)
    print(
        f"\nAn iteration on 1000 x 25, 8 hidden units: {step['step_ms']:.2f} ms; its "
        f"product J'J and linear system alone {step['bare_ms']:.2f} ms; "
        f"ratio {step['ratio']:.2f}."
        "\nThe inverse that an estimate of lambda takes besides: "
        f"{step['estimate_ms']:.2f} ms."
    )
    results["memory"] = held = memory()
    print(
        f"A fit to 100000 x 20, {held['parameters']} parameters: peak "
        f"{held['fit_mb']:.0f} MB above the data's {held['data_mb']:.0f} MB; its J is "
        f"{held['jacobian_mb']:.0f} MB."
    )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="FOLDER", type=Path, help="of .npz files")
    parser.add_argument("--sets", default="", help="beginning of names of files")
    parser.add_argument("--only", default="", help="beginning of labels")
    parser.add_argument("--runs", type=int, default=7, help="of what is timed")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        results = report(arguments.data, arguments.sets, arguments.only, arguments.runs)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=2)


if __name__ == "__main__":
    main()
