"""How large the errors of predictions are: for each row, and how they are distributed.

The errors on held-out rows teach networks the size of the error, given the inputs. A
race on folds, as for the predictions themselves, decides how far their word counts: if
they say nothing about rows that they have not seen, the size is the same for all rows.
The errors divided by their sizes are taken to have one distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from skbp.regressor import BPRegressor
from skbp.tables.stack import Array, Candidate, Goal, Rows, Stack, folds_of, race

#: With fewer errors, their size is the same for all rows.
FEW = 50
#: The most errors to learn from.
MANY = 10_000
#: The number of folds.
FOLDS = 5
#: The largest absolute logarithm of a size.
LIMIT = 3.0
#: The smallest error to learn from, as a share of the mean.
FLOOR = 1e-3


@dataclass(frozen=True)
class Errors:
    """The errors of predictions.

    Attributes
    ----------
    stack : Stack or None
        The networks that predict sizes, which are 1 on average; None if all are 1.
    unit : array (outputs,)
        The standard deviation of an error of size 1.
    z : array (n, outputs)
        Errors divided by their standard deviations, in increasing order.
    levels : array (n, outputs)
        The levels of the quantiles that these are, between 0 and 1.
    """

    stack: Stack | None
    unit: Array
    z: Array
    levels: Array

    def std(self, inputs: dict[str, Array]) -> Array:
        """Return standard deviations (n, outputs)."""
        n = len(inputs["plain"])
        if self.stack is None:
            return np.tile(self.unit, (n, 1))
        logs = [
            weight
            * np.mean([log_sizes(k, inputs[one.inputs]) for k in networks], axis=0)
            for one, networks, weight in zip(
                self.stack.kept, self.stack.networks, self.stack.weights, strict=True
            )
        ]
        return bounded(np.sum(logs, axis=0)) * self.unit

    def quantiles(self, levels: Array) -> Array:
        """Return quantiles (outputs, levels) of the errors divided by their std."""
        each = zip(self.levels.T, self.z.T, strict=True)
        return np.stack([np.interp(levels, at, z) for at, z in each])


def log_sizes(network: Any, X: Array) -> Array:
    """Return the logarithms (n, outputs) of the sizes that a network predicts."""
    sizes = network.predict(X).reshape(len(X), -1)
    logs: Array = np.log(np.clip(sizes, np.exp(-LIMIT), np.exp(LIMIT)))
    return logs


def bounded(logs: Array) -> Array:
    """Return sizes, given their logarithms."""
    sizes: Array = np.exp(np.clip(logs, -LIMIT, LIMIT))
    return sizes


def laplace(Z: Array, y: Array, weights: Array | None) -> tuple[float, Array]:
    """Return the mean of Z + y exp(-Z), and its slope.

    Up to constants, this is minus the log-likelihood of errors with absolute values y
    and sizes exp(Z) in Laplace's distribution. A single large error matters less than
    in the normal distribution.
    """
    y = y.reshape(Z.shape)
    share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum()
    ratio = y * np.exp(-np.clip(Z, -2 * LIMIT, 2 * LIMIT))
    return float(share @ (Z + ratio).sum(axis=1)), (1 - ratio) * share[:, np.newaxis]


SIZES = Goal(log_sizes, laplace)


def candidates(seed: int) -> list[Candidate]:
    """Return the networks that learn sizes."""
    options: dict[str, Any] = {
        "solver": "lbfgs",
        "loss": "gamma",
        "alpha": 10.0,
        "max_iter": 100,
        "tol": 1e-3,
        "random_state": seed,
    }
    return [
        Candidate("tanh", BPRegressor((16,), "tanh", **options), "plain"),
        Candidate("additive", BPRegressor((), **options), "binned"),
        Candidate("linear", BPRegressor((), **options), "plain"),
    ]


def with_spread(inputs: dict[str, Array], each: Array) -> dict[str, Array]:
    """Return inputs beside how far networks disagree, given their outputs.

    ``each`` holds the outputs (candidates, n, outputs) of the candidates, or those
    (candidates, networks, n, outputs) of several networks of each.
    """
    if len(each) < 2:
        return inputs
    spread = each.std(axis=0)
    while spread.ndim > 2:
        spread = spread.mean(axis=0)
    logs = np.log(spread + FLOOR)
    return {kind: np.hstack([X, logs.astype(X.dtype)]) for kind, X in inputs.items()}


def rows_to_learn_from(held_out: Any, weights: Array | None, rng: Any) -> Array:
    """Return the rows that have been held out, at most ``MANY`` of them."""
    if held_out is None:
        return np.arange(0)
    known = np.isfinite(held_out).all(axis=1)
    if weights is not None:
        known &= weights > 0
    rows = np.flatnonzero(known)
    return rng.choice(rows, MANY, replace=False) if len(rows) > MANY else rows


def errors_of(
    residuals: Array,
    inputs: dict[str, Array],
    weights: Array | None,
    rng: Any,
    n_jobs: Any,
) -> Errors:
    """Return what residuals (n, outputs) of rows with positive weights say."""
    stack, sizes = None, np.ones(residuals.shape)
    if len(residuals) >= FEW:
        stack = stack_of_sizes(np.abs(residuals), inputs, weights, rng, n_jobs)
        sizes = bounded(stack.held_out)
    ratios = residuals / sizes
    unit = np.sqrt(np.average(ratios**2, axis=0, weights=weights))
    z, levels = distribution(ratios / np.where(unit > 0, unit, 1), weights)
    return Errors(stack, unit, z, levels)


def stack_of_sizes(
    absolute: Array,
    inputs: dict[str, Array],
    weights: Array | None,
    rng: Any,
    n_jobs: Any,
) -> Stack:
    """Return networks that predict absolute errors, in units of their mean."""
    mean = np.average(absolute, axis=0, weights=weights)
    sizes = np.maximum(absolute / np.where(mean > 0, mean, 1), FLOOR)
    y = sizes.astype(inputs["plain"].dtype)
    y = y[:, 0] if y.shape[1] == 1 else y
    folds = folds_of(None, len(y), FOLDS, rng)
    networks = candidates(int(rng.randint(2**31 - 2**10)))
    rows = Rows(inputs, y, weights, folds)
    return race(networks, len(networks), rows, SIZES, n_jobs)


def distribution(z: Array, weights: Array | None) -> tuple[Array, Array]:
    """Return the values of each column in increasing order, and their levels.

    With equal weights, n values divide the levels into n + 1 equal parts.
    """
    n = len(z)
    order = np.argsort(z, axis=0, kind="stable")
    share = np.ones(n) if weights is None else weights * (n / weights.sum())
    levels = (np.cumsum(share[order], axis=0) - share[order] / 2 + 0.5) / (n + 1)
    return np.take_along_axis(z, order, axis=0), levels
