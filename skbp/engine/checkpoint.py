"""The state of training: how to start, divide, join and continue it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import nan
from typing import Any

import numpy as np

from skbp.engine.arrays import Array, Rows, column
from skbp.engine.progress import History, Status


@dataclass
class Checkpoint:
    """The state of K networks that train on the same batches, as arrays and numbers.

    Attributes
    ----------
    histories : list of History
        The curves, the patience and the learning rate of each network.
    theta : array (K, P) or None
        The weights to keep if training ended here.
    best_theta : array (K, P) or None
        The best weights so far.
    networks : list of int
        The numbers of the networks that can continue training. The arrays below have
        one row for each of these networks.
    position : array (len(networks), P) or None
        The weights that the next step starts from; None if they are the weights in
        ``theta``. The two differ if there is an average of the weights, or if a
        validation set chooses the weights to keep.
    optimizer, average : dict or None
        The state of the optimizer and the state of the average of the weights: arrays
        (K, P) and numbers. None before the first step.
    noise : dict or None
        The state of the random number generator of dropout.
    order : array of int or None
        The current order of the samples, which the next shuffle starts from.
    random : RandomState, tuple or None
        The random number generator that shuffles the samples. ``paused`` replaces it by
        its state, which takes half as long to read as a small step.
    split : tuple of array of int or None
        The rows that were drawn for training and the rows that were drawn for
        validation.
    t, epochs : int
        The number of samples seen, and the number of epochs.
    solver, n_parameters : str, int
        The solver and the number of parameters that the state of the optimizer is for.
    """

    histories: list[History]
    theta: Array | None = None
    best_theta: Array | None = None
    networks: list[int] = field(default_factory=list)
    position: Array | None = None
    optimizer: dict[str, Any] | None = None
    average: dict[str, Any] | None = None
    noise: dict[str, Any] | None = None
    order: Rows | None = None
    random: Any = None
    split: Any = None
    t: int = 0
    epochs: int = 0
    solver: str = ""
    n_parameters: int = 0

    @classmethod
    def fresh(cls, theta: Array, rates: Sequence[float] = ()) -> Checkpoint:
        """Return a new start of K networks at theta (K, P), with these rates."""
        rates = rates or [nan] * len(theta)
        histories = [History(rate=rate) for rate in rates]
        return cls(histories, theta, theta.copy(), list(range(len(theta))))

    def suits(self, solver: str, n_parameters: int) -> bool:
        """Return whether a solver can continue from here with so many parameters."""
        return (self.solver, self.n_parameters) == (solver, n_parameters)

    def without_weights(self) -> Checkpoint:
        """Return the checkpoint without weights, curves and order of the samples.

        The next call of the estimator takes the weights from its attributes, which the
        user may edit. That call may have other samples, and records curves of its own.
        """
        kept = copy(self)
        kept.histories = [one.standing() for one in self.histories]
        kept.theta = kept.best_theta = kept.order = None
        return kept

    def resumed(self, start: Checkpoint) -> Checkpoint:
        """Return this checkpoint with the weights and the split of a new start."""
        going = copy(self)
        going.theta, going.best_theta = start.theta, start.best_theta
        going.split = start.split
        return going

    def paused(self) -> Checkpoint:
        """Return the checkpoint to continue from if ``max_iter`` ended training.

        Networks that ended for another reason stay ended.
        """
        histories = [one.copied() for one in self.histories]
        for history in histories:
            if history.status is Status.MAX_ITER:
                history.status = Status.RUNNING
        position = self.position
        if position is None:
            assert self.theta is not None
            position = self.theta[self.networks]
        going = [row for row, k in enumerate(self.networks) if histories[k].running]
        return replace(
            self,
            histories=histories,
            position=position,
            random=self.random.get_state(),
        ).only(going)

    def select(self, networks: range) -> Checkpoint:
        """Return the checkpoint of some of the networks, which are numbered from 0."""
        if len(networks) == len(self.histories):
            return self
        going = [row for row, k in enumerate(self.networks) if k in networks]
        some, part = self.only(going), slice(networks.start, networks.stop)
        return replace(
            some,
            networks=[k - networks.start for k in some.networks],
            theta=copied(self.theta, part),
            best_theta=copied(self.best_theta, part),
            histories=self.histories[part],
        )

    def only(self, going: list[int]) -> Checkpoint:
        """Return the checkpoint in which only these rows of ``networks`` continue."""
        return replace(
            self,
            networks=[self.networks[row] for row in going],
            position=None if self.position is None else self.position[going],
            optimizer=rows_of_state(self.optimizer, going),
            average=rows_of_state(self.average, going),
        )


def join(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Join paused checkpoints of networks that train on the same batches."""
    starts = accumulate((len(one.histories) for one in checkpoints), initial=0)
    # A checkpoint whose networks have all ended may be at an earlier epoch.
    last = max(checkpoints, key=lambda one: one.epochs)
    return replace(
        last,
        histories=[history for one in checkpoints for history in one.histories],
        theta=joined([one.theta for one in checkpoints]),
        best_theta=joined([one.best_theta for one in checkpoints]),
        networks=[
            start + k
            for start, one in zip(starts, checkpoints, strict=False)
            for k in one.networks
        ],
        position=joined([one.position for one in checkpoints]),
        optimizer=stacked([(one.optimizer, len(one.networks)) for one in checkpoints]),
        average=stacked([(one.average, len(one.networks)) for one in checkpoints]),
    )


def copied(array: Array | None, rows: slice) -> Array | None:
    """Return a copy of some rows of an array, or None if there is no array."""
    return None if array is None else array[rows].copy()


def joined(arrays: Sequence[Array | None]) -> Array:
    """Return the arrays that are not None, stacked by rows."""
    return np.concatenate([array for array in arrays if array is not None])


def rows_of_state(
    state: dict[str, Any] | None, rows: list[int]
) -> dict[str, Any] | None:
    """Return these rows of a state that consists of arrays (K, P) and numbers."""
    if state is None:
        return None
    return {
        name: value[rows] if isinstance(value, np.ndarray) else value
        for name, value in state.items()
    }


def stacked(
    states: Sequence[tuple[dict[str, Any] | None, int]],
) -> dict[str, Any] | None:
    """Stack states that consist of arrays (K, P) and numbers; each comes with its K."""
    known = [(state, K) for state, K in states if state is not None]
    if not known:
        return None

    def together(name: str) -> Any:
        values = [(state[name], K) for state, K in known]
        if all(isinstance(value, np.ndarray) for value, _ in values):
            return np.concatenate([value for value, _ in values])
        # Numbers that differ become an array (K, 1). Some may be such arrays already.
        each = [np.broadcast_to(value, (K, 1)).ravel() for value, K in values]
        return column(np.concatenate(each))

    return {name: together(name) for name in known[0][0]}
