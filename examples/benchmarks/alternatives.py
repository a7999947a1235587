"""Networks beside boosted trees and linear models, on public sets of tables.

    python examples/benchmarks/alternatives.py --data FOLDER [--json FILE]
    python examples/benchmarks/alternatives.py --torch [--json FILE]

"linear", "trees" and "network" have their default parameters, except that the network
stops early on a validation set; "searched" is the best of 12 networks by a search with
three folds. Numbers are standardised (targets, too) and missing ones replaced by the
median, categories are one-hot encoded; boosted trees get the columns as they are. Each
set is split once, a quarter for the test. Sets of up to 2000 training rows in
regression also show a network whose regularisation is estimated ("evidence": 8 tanh
units, three starts). A score is R² in regression and the accuracy in classification, a
time is the CPU time of fit, the search included. Everything has one thread.

--torch measures the CPU time of a step of Adam beside PyTorch's, with batches of 200
in float32 (pip install "skbp[bench]"). FILE keeps what the other call has
measured.

FOLDER holds .npz files with arrays X and y: y of floats is regression, of ints
classification. ``cat_mask``, if there, marks the columns that are categories.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

from skbp import BPClassifier, BPGridSearchCV, BPRegressor

#: The sets of the page, small ones first.
SETS = {
    "pmlb_547_no2": "no2",
    "uci_energy": "energy",
    "uci_concrete": "concrete",
    "uci_kin8nm": "kin8nm",
    "cpu_act": "cpu_act",
    "california": "california",
    "segment": "segment",
    "spambase": "spambase",
    "churn": "churn",
    "waveform40": "waveform",
    "phoneme": "phoneme",
    "magic": "magic",
    "adult": "adult",
}
#: The candidates of "searched".
GRID = {
    "hidden_layer_sizes": [(50,), (100, 50)],
    "learning_rate_init": [1e-3, 1e-2],
    "alpha": [1e-4, 1e-1, 10.0],
}
#: The networks whose steps are timed: features, hidden units, classes, rows, epochs.
SHAPES = [
    (10, (16,), 3, 1000, 20),
    (64, (100,), 10, 1800, 10),
    (784, (100,), 10, 4000, 1),
    (784, (512, 256), 10, 2000, 1),
]
#: Up to so many training rows the evidence is computed.
FEW = 2000


def load(path: Path) -> tuple[Any, Any, Any]:
    """Return X, y and the mask of the columns that are categories."""
    with np.load(path) as data:
        X, y = data["X"], data["y"]
        none = np.zeros(X.shape[1], bool)
        return X.astype(np.float32), y, data.get("cat_mask", none)


def prepared(categories: Any, network: Any, regression: bool) -> Any:
    """Return the estimator behind what a network needs before it."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    labels = OneHotEncoder(
        handle_unknown="ignore", min_frequency=20, sparse_output=False
    )
    columns = make_column_transformer((numbers, ~categories), (labels, categories))
    pipe = make_pipeline(columns, network)
    if regression:
        return TransformedTargetRegressor(pipe, transformer=StandardScaler())
    return pipe


def searched(network: Any) -> Any:
    """Return the search."""
    network.set_params(early_stopping=False, max_iter=100, n_iter_no_change=5)
    return BPGridSearchCV(network, GRID, cv=3)


def estimators(categories: Any, regression: bool, few: bool) -> dict[str, Any]:
    """Return the estimators by name."""
    stopped = {"early_stopping": True, "random_state": 0}
    trees = {"categorical_features": categories, "random_state": 0}
    if not regression:
        known = {
            "linear": LogisticRegression(max_iter=1000),
            "network": BPClassifier(**stopped),
            "searched": searched(BPClassifier(**stopped)),
        }
        found = {n: prepared(categories, e, False) for n, e in known.items()}
        return found | {"trees": HistGradientBoostingClassifier(**trees)}
    known = {
        "linear": RidgeCV(),
        "network": BPRegressor(**stopped),
        "searched": searched(BPRegressor(**stopped)),
    }
    if few:
        options = {"solver": "lm", "alpha": "evidence", "n_init": 3, "tol": 0.01}
        known["evidence"] = BPRegressor((8,), "tanh", random_state=0, **options)
    found = {name: prepared(categories, e, True) for name, e in known.items()}
    return found | {"trees": HistGradientBoostingRegressor(**trees)}


def measure(path: Path) -> dict[str, Any]:
    """Return the scores and times on a set."""
    X, y, categories = load(path)
    regression = y.dtype.kind == "f"
    X, X_test, y, y_test = train_test_split(
        X, y, random_state=0, stratify=None if regression else y
    )
    row: dict[str, Any] = {"set": SETS.get(path.stem, path.stem)}
    row |= {"rows": len(X), "columns": X.shape[1], "regression": regression}
    few = regression and len(X) <= FEW
    for name, estimator in estimators(categories, regression, few).items():
        seconds = seconds_of(partial(estimator.fit, X, y))
        score = float(estimator.score(X_test, y_test))
        row[name] = {"score": round(score, 4), "seconds": round(seconds, 2)}
        print(f"{row['set']:12} {name:10} {score:.4f} {seconds:6.2f} s", flush=True)
    return row


def steps() -> list[dict[str, Any]]:
    """Return the times of a step of Adam, ours and the better of PyTorch's two."""
    import torch
    from against_mlp import data
    from against_torch import network, softmax_log_loss, train
    from torch import optim

    torch.set_num_threads(1)
    rows = []
    for features, hidden, classes, n, epochs in SHAPES:
        X, y = data(n, features, classes, "float32")
        units = (features, *hidden, classes)
        inputs = (torch.from_numpy(X), torch.from_numpy(y), 200, epochs)

        def fit_torch(
            fused: bool, units: tuple[int, ...] = units, inputs: Any = inputs
        ) -> None:
            model = network(units, "relu", inputs[0].dtype)
            optimizer = optim.Adam(model.parameters(), fused=fused)
            train(model, softmax_log_loss, optimizer, *inputs)

        options = {"shuffle": False, "n_iter_no_change": np.inf, "random_state": 0}
        ours = BPClassifier(hidden, alpha=0.0, max_iter=epochs, **options)
        fits = (partial(ours.fit, X, y), partial(fit_torch, False))
        fits += (partial(fit_torch, True),)
        us = 1e6 / (epochs * -(-n // 200))
        best = [us * min(seconds_of(fit) for _ in range(5)) for fit in fits]
        row = {"what": "-".join(map(str, units)), "skbp_us": round(best[0])}
        rows.append(row | {"torch_us": round(min(best[1:]))})
        print(rows[-1], flush=True)
    return rows


def seconds_of(fit: Callable[[], object]) -> float:
    """Return the CPU time of a call."""
    start = process_time()
    fit()
    return process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of .npz files")
    parser.add_argument("--torch", action="store_true", help="time steps of PyTorch")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    figures: dict[str, Any] = {}
    with threadpool_limits(1):
        if arguments.data:
            paths = [arguments.data / f"{name}.npz" for name in SETS]
            figures["sets"] = [measure(path) for path in paths]
        if arguments.torch:
            figures["steps"] = steps()
    if arguments.json:
        known = arguments.json
        old = json.loads(known.read_text()) if known.exists() else {}
        known.write_text(json.dumps(old | figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
