"""A race of networks on folds, and the weights of the winners.

Each candidate trains on all rows but those of the first fold, where training takes long
for fewer epochs. The best on that fold are then trained without each of the other
folds. So each row is predicted by networks that have not seen it, and these predictions
decide with which weights the networks predict together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from skbp._estimator.run import fits

Array = npt.NDArray[Any]

#: The fewest rows of a fold.
ROWS_OF_A_FOLD = 2
#: The fold of rows that all networks train on.
NEVER = -1
#: All candidates train for so many folds that these have at least so many rows.
HEAT = 500
#: Candidates with a smaller share of the weights are left out.
NEGLIGIBLE = 0.02
#: The share of rows that is held out if there is a single fold.
SHARE = 5
#: How strongly weights are pulled towards equal ones.
PULL = 1e-3


class Candidate(NamedTuple):
    """A network that takes part in the race.

    Attributes
    ----------
    name : str
    network : estimator
        A network that has not been fitted.
    inputs : "plain" or "binned"
        Which inputs the network gets.
    racer : estimator or None
        The network that runs the race, which is sooner trained; None means ``network``.
    """

    name: str
    network: Any
    inputs: str
    racer: Any = None


@dataclass(frozen=True)
class Rows:
    """The rows to train on.

    Attributes
    ----------
    inputs : dict
        The array of each kind of inputs.
    y : array
    weights : array or None
        The sample weights.
    folds : array of int
        The fold of each row.
    """

    inputs: dict[str, Array]
    y: Array
    weights: Array | None
    folds: Array

    def without(self, fold: int, inputs: str) -> tuple[Any, ...]:
        """Return X, y and the weights of the rows outside a fold."""
        X = self.inputs[inputs]
        if fold == NEVER:
            return X, self.y, self.weights
        rows = np.flatnonzero(self.folds != fold)
        weights = None if self.weights is None else self.weights[rows]
        return X[rows], self.y[rows], weights


@dataclass(frozen=True)
class Goal:
    """What predictions are compared by.

    Attributes
    ----------
    outputs : callable
        Returns the outputs (n, outputs) of a fitted network for X.
    loss : callable
        Returns the mean loss of outputs and its slope (n, outputs), given the targets
        and the sample weights of the same rows.
    """

    outputs: Callable[[Any, Array], Array]
    loss: Callable[[Array, Array, Array | None], tuple[float, Array]]


@dataclass(frozen=True)
class Stack:
    """The networks that predict together.

    Attributes
    ----------
    kept : list of Candidate
        The candidates that are left.
    networks : list of list
        The fitted networks of each of these candidates, one for each fold and, if there
        is a single fold, one on all rows.
    weights : array
        The weights of these candidates.
    losses : dict
        The loss of each candidate on the first fold, with the best weight for it.
    each_held_out : array (candidates, n, outputs) or None
        The outputs for each row by the networks that have not seen it; nan for rows
        that are never held out. None without folds.
    """

    kept: list[Candidate]
    networks: list[list[Any]]
    weights: Array
    losses: dict[str, float]
    each_held_out: Array | None = None

    @property
    def held_out(self) -> Any:
        """The weighted sum of the candidates' outputs (n, outputs), or None."""
        if self.each_held_out is None:
            return None
        return np.tensordot(self.weights, self.each_held_out, 1)


def folds_of_weighted(
    labels: Array | None, weights: Array | None, n: int, n_folds: int, rng: Any
) -> Array:
    """Return the fold of each row; rows of weight 0 are in none.

    So every fold has a share of the rows that matter.
    """
    if weights is None or weights.all() or not weights.any():
        return folds_of(labels, n, n_folds, rng)
    rows, folds = np.flatnonzero(weights), np.full(n, NEVER)
    some = None if labels is None else labels[rows]
    folds[rows] = folds_of(some, len(rows), n_folds, rng)
    return folds


def folds_of(labels: Array | None, n: int, n_folds: int, rng: Any) -> Array:
    """Return the fold of each row.

    With labels, each fold has the same share of each class, and rows of classes with
    fewer rows than folds are never held out: all networks know all classes. A single
    fold is a fifth of the rows.
    """
    parts = min(SHARE if n_folds == 1 else n_folds, n // ROWS_OF_A_FOLD)
    folds = np.full(n, NEVER)
    if parts < 2:
        return folds
    order = rng.permutation(n)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    folds[order] = np.arange(n) % parts
    if labels is not None:
        rare = np.bincount(labels) < parts
        folds[rare[labels]] = NEVER
    folds[folds >= n_folds] = NEVER
    return folds


def race(
    candidates: Sequence[Candidate], n_kept: int, rows: Rows, goal: Goal, n_jobs: Any
) -> Stack:
    """Train candidates on folds; return those that predict best together."""
    folds = [int(fold) for fold in np.unique(rows.folds) if fold != NEVER]
    if not folds:
        kept = list(candidates[:n_kept])
        networks = trained(kept, [NEVER], rows, n_jobs)
        return Stack(kept, networks, np.full(len(kept), 1 / len(kept)), {})
    sizes = np.cumsum([(rows.folds == fold).sum() for fold in folds])
    heat = folds[: int(np.searchsorted(sizes, HEAT)) + 1]
    racers = [one._replace(network=one.racer or one.network) for one in candidates]
    first = trained(racers, heat, rows, n_jobs)
    outputs = [
        held_out(one, networks, heat, rows, goal)
        for one, networks in zip(candidates, first, strict=True)
    ]
    losses = [best_weights([each], rows, goal)[1] for each in outputs]
    order = [int(i) for i in np.argsort(losses, kind="stable")[:n_kept]]
    best = useful(order, outputs, rows, goal)
    kept = [candidates[i] for i in best]
    # After a single fold, networks on all rows predict as well.
    wanted = [*folds, NEVER] if len(folds) == 1 else folds
    known = [[] if candidates[i].racer else first[i] for i in best]
    networks = completed(kept, known, wanted, rows, n_jobs)
    outputs = [
        held_out(one, group[: len(folds)], folds, rows, goal)
        for one, group in zip(kept, networks, strict=True)
    ]
    weights, _ = best_weights(outputs, rows, goal)
    names = [one.name for one in candidates]
    return Stack(
        kept,
        networks,
        weights,
        dict(zip(names, losses, strict=True)),
        np.stack(outputs),
    )


def useful(
    best: list[int], outputs: Sequence[Array], rows: Rows, goal: Goal
) -> list[int]:
    """Return which of the best candidates have a share in the prediction."""
    weights, _ = best_weights([outputs[i] for i in best], rows, goal)
    some = [
        i for i, w in zip(best, weights, strict=True) if w > NEGLIGIBLE * sum(weights)
    ]
    return some or best[:1]


def trained(
    candidates: Sequence[Candidate], folds: Sequence[int], rows: Rows, n_jobs: Any
) -> list[list[Any]]:
    """Return the networks of each candidate, one for each fold."""
    return completed(candidates, [[] for _ in candidates], folds, rows, n_jobs)


def completed(
    candidates: Sequence[Candidate],
    known: Sequence[list[Any]],
    folds: Sequence[int],
    rows: Rows,
    n_jobs: Any,
) -> list[list[Any]]:
    """Return the networks of each candidate, given those for the first of the folds.

    Networks train on threads: compiled loops and large products run side by side.
    """
    tasks = [
        (one, fold)
        for one, networks in zip(candidates, known, strict=True)
        for fold in folds[len(networks) :]
    ]
    with warnings.catch_warnings(), fits(len(tasks)):
        # That a network could train longer is no news to the user of a table.
        warnings.simplefilter("ignore", ConvergenceWarning)
        networks = Parallel(n_jobs=n_jobs, prefer="threads")(
            # (Each thread gets the settings of the package that hold here.)
            delayed(copy_context().run)(fitted, one, fold, rows)
            for one, fold in tasks
        )
    others = iter(networks)
    return [[*own, *islice(others, len(folds) - len(own))] for own in known]


def fitted(one: Candidate, fold: int, rows: Rows) -> Any:
    """Return the network of a candidate, trained on the rows outside a fold."""
    X, y, weights = rows.without(fold, one.inputs)
    network = clone(one.network)
    if isinstance(getattr(network, "random_state", None), int):
        # Other weights to start from in each fold.
        network.random_state += fold + 1
    return network.fit(X, y, **({} if weights is None else {"sample_weight": weights}))


def held_out(
    one: Candidate,
    networks: Sequence[Any],
    folds: Sequence[int],
    rows: Rows,
    goal: Goal,
) -> Array:
    """Return the outputs for the rows of the folds by their networks, others nan."""
    outputs: Any = None
    for network, fold in zip(networks, folds, strict=True):
        there = np.flatnonzero(rows.folds == fold)
        found = goal.outputs(network, rows.inputs[one.inputs][there])
        if outputs is None:
            outputs = np.full((len(rows.y), found.shape[1]), np.nan)
        outputs[there] = found
    return np.asarray(outputs)


def best_weights(
    outputs: Sequence[Array], rows: Rows, goal: Goal
) -> tuple[Array, float]:
    """Return the weights with the lowest loss on the held-out rows, and the loss."""
    known = np.isfinite(outputs[0]).all(axis=1)
    each = np.stack([one[known] for one in outputs])
    y = rows.y[known]
    weights = None if rows.weights is None else rows.weights[known]
    equal = np.full(len(each), 1 / len(each))

    def cost(a: Array) -> tuple[float, Array]:
        value, slope = goal.loss(np.tensordot(a, each, 1), y, weights)
        pull = PULL * (a - equal)
        return value + pull @ (a - equal) / 2, np.tensordot(each, slope, 2) + pull

    # (Without any weight on these rows, the loss is nan.)
    with np.errstate(all="ignore"):
        found = minimize(cost, equal, jac=True, bounds=[(0, None)] * len(each))
    if not np.isfinite(found.fun):
        return equal, np.inf
    return found.x, float(found.fun)


def log_loss(Z: Array, y: Array, weights: Array | None) -> tuple[float, Array]:
    """Return the log loss of the softmax of Z, and its slope, for classes y."""
    log_p = log_softmax(Z, axis=1)
    at = np.arange(len(y)), y
    share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum()
    slope = np.exp(log_p)
    slope[at] -= 1
    return float(-share @ log_p[at]), slope * share[:, np.newaxis]


def squared_error(Z: Array, y: Array, weights: Array | None) -> tuple[float, Array]:
    """Return half the mean squared error, and its slope."""
    error = Z - y.reshape(Z.shape)
    share = np.full(len(y), 1 / len(y)) if weights is None else weights / weights.sum()
    slope = error * share[:, np.newaxis]
    return float((slope * error).sum() / 2), slope
