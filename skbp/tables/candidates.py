"""The candidates for a table: settings that follow from its size.

Measured on half of the sets of ``examples/benchmarks/tabular.py``; the user guide shows
what each part is worth.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any, NamedTuple

from sklearn.base import clone

from skbp.classifier import BPClassifier
from skbp.regressor import BPRegressor
from skbp.tables.stack import Candidate

#: Epochs of a network where rows times inputs are at most ``COST``. Beyond, epochs fall
#: with the square root, down to ``FEWEST``.
EPOCHS, COST, FEWEST = 64, 400_000, 4
#: Rows up to which batches are small, and rows and inputs up to which a small network
#: with estimated relevances competes.
FEW_ROWS, FEW_INPUTS = 2000, 64


class Recipe(NamedTuple):
    """What tells the networks with hidden layers apart."""

    name: str
    activation: str
    weight_decay: float
    inputs: str = "binned"
    layers: int = 2
    rate: float = 3e-3
    label_smoothing: float = 0.0


CLASSIFICATION = [
    Recipe("silu", "silu", 1.0, label_smoothing=0.05),
    Recipe("relu", "relu", 1.0, label_smoothing=0.05),
    Recipe("relu, less decay", "relu", 0.1),
    Recipe("relu, more decay", "relu", 3.0, label_smoothing=0.05),
    Recipe("silu, no bins", "silu", 1.0, "plain", 3, 1e-2, 0.05),
]
REGRESSION = [
    Recipe("silu", "silu", 0.3, rate=5e-3),
    Recipe("relu", "relu", 0.3),
    Recipe("silu, more decay", "silu", 3.0, rate=5e-3),
    Recipe("silu, no bins", "silu", 0.3, "plain", layers=3),
]

#: The number of folds up to a number of rows; beyond, there is one fold.
FOLDS = {2500: 10, 5000: 5}
#: With more rows, networks race for a third of their epochs, and two candidates are
#: kept instead of three.
MANY_ROWS, RACE = 7500, 1 / 3
KEPT, KEPT_OF_MANY = 3, 2
#: Up to ten columns then have more bins. With more columns, more bins are worse, and
#: with still more rows, bins would take too much memory.
MORE_BINS, FEW_COLUMNS, TOO_MANY_ROWS = 48, 10, 50_000


def n_folds_for(n_rows: int) -> int:
    """Return the number of folds."""
    return next((n for rows, n in FOLDS.items() if n_rows <= rows), 1)


def n_kept_for(n_rows: int) -> int:
    """Return the largest number of candidates that predict together."""
    return KEPT_OF_MANY if n_rows > MANY_ROWS else KEPT


def bins_for(n_rows: int, n_columns: int) -> Any:
    """Return the number of bins of a column, as PiecewiseLinearEncoder takes it."""
    more = MANY_ROWS < n_rows <= TOO_MANY_ROWS and n_columns <= FEW_COLUMNS
    return MORE_BINS if more else "auto"


def share_for(n_rows: int, n_inputs: int) -> float:
    """Return the share of the full number of epochs for a table."""
    return sqrt(min(1.0, COST / (n_rows * n_inputs)))


def network(estimator: Any, recipe: Recipe, seed: int, **options: Any) -> Any:
    """Return a network with hidden layers that trains on all rows."""
    if recipe.label_smoothing:
        # (The weights of the networks make up for it in the probabilities.)
        options["label_smoothing"] = recipe.label_smoothing
    return estimator(
        (128,) * recipe.layers,
        recipe.activation,
        alpha=0.0,
        weight_decay=recipe.weight_decay,
        dropout=0.15,
        init=("he_normal",) * recipe.layers + ("small_normal",),
        learning_rate="cosine",
        learning_rate_init=recipe.rate,
        beta_2=0.95,
        n_iter_no_change=inf,
        random_state=seed,
        **options,
    )


def additive(estimator: Any, seed: int, max_iter: int) -> Any:
    """Return a network without a hidden layer: a sum of functions of each column."""
    return estimator(
        (), solver="lbfgs", alpha=1.0, max_iter=max_iter, tol=1e-3, random_state=seed
    )


def candidates_for(
    regression: bool, n_rows: int, inputs: dict[str, int], seed: int
) -> list[Candidate]:
    """Return the candidates for a table, given the number of inputs of each kind."""
    each = BPRegressor if regression else BPClassifier
    options: dict[str, Any] = {
        "max_iter": max(round(EPOCHS * share_for(n_rows, inputs["binned"])), FEWEST),
        # (A network is trained on at least half of the rows.)
        "batch_size": max(min(128 if n_rows > FEW_ROWS else 32, n_rows // 2), 1),
    }
    found = [
        Candidate(one.name, network(each, one, seed, **options), one.inputs)
        for one in (REGRESSION if regression else CLASSIFICATION)
    ]
    if n_rows > MANY_ROWS:
        options["max_iter"] = max(round(RACE * options["max_iter"]), FEWEST)
        found = [
            one._replace(racer=clone(one.network).set_params(**options))
            for one in found
        ]
    steps = max(round(300 * share_for(n_rows, inputs["binned"])), 30)
    found += [
        Candidate(name, additive(each, seed, steps), kind)
        for name, kind in (("additive", "binned"), ("linear", "plain"))
    ]
    if regression and n_rows <= FEW_ROWS and inputs["plain"] <= FEW_INPUTS:
        small = BPRegressor(
            (8,),
            "tanh",
            solver="lm",
            alpha="ard",
            n_init=3,
            tol=0.01,
            random_state=seed,
        )
        found.append(Candidate("relevance", small, "plain"))
    if inputs["plain"] == inputs["binned"]:
        # The same inputs: candidates that differ only in them are the same.
        return [one for one in found if one.name not in ("silu, no bins", "linear")]
    return found
