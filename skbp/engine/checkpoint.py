"""Where training stands, in arrays and numbers: begun, taken apart, put together."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import nan
from typing import Any

import numpy as np

from skbp.engine.arrays import Array, Rows, column
from skbp.engine.progress import History, Status


@dataclass
class Checkpoint:
    """Where K networks stand that train with the same batches: arrays and numbers.

    Attributes
    ----------
    histories : list of History
        Curves, patience and learning rate of each network.
    theta : array (K, P) or None
        The weights to keep if training ended here.
    best_theta : array (K, P) or None
        The best weights so far.
    networks : list of int
        The networks that can go on. The arrays below have a row for each.
    position : array (len(networks), P) or None
        The weights that the next step starts from, where they are not those to keep:
        with an average of the weights, and where a validation set chooses them.
    optimizer, average : dict or None
        The state of the optimizer and of the average of the weights, arrays (K, P) and
        numbers; None before the first step.
    noise : dict or None
        The state of the random numbers of dropout.
    order : array of int or None
        The order of the samples, which shuffling goes on from.
    random : tuple or None
        The state of the random numbers that shuffle the samples.
    split : tuple of array of int or None
        The rows that were drawn to train on and to validate on.
    t, epochs : int
        Samples seen, and epochs.
    solver, n_parameters : str, int
        What the optimizer's state belongs to.
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
        """Return the start of K networks at theta (K, P), with these learning rates."""
        rates = rates or [nan] * len(theta)
        histories = [History(rate=rate) for rate in rates]
        return cls(histories, theta, theta.copy(), list(range(len(theta))))

    def suits(self, solver: str, n_parameters: int) -> bool:
        """Return whether a solver can go on from here with so many parameters."""
        return (self.solver, self.n_parameters) == (solver, n_parameters)

    def without_weights(self) -> Checkpoint:
        """Return what the next call needs beside the weights, which may be edited.

        The next call has samples and curves of its own.
        """
        return replace(
            self,
            histories=[
                History(best=one.best, stale=one.stale, rate=one.rate)
                for one in self.histories
            ],
            theta=None,
            best_theta=None,
            order=None,
        )

    def paused(self) -> Checkpoint:
        """Return the checkpoint to go on from where ``max_iter`` alone ended training.

        Networks that ended for another reason have ended.
        """
        histories = deepcopy(self.histories)
        for history in histories:
            if history.status is Status.MAX_ITER:
                history.status = Status.RUNNING
        position = self.position
        if position is None:
            assert self.theta is not None
            position = self.theta[self.networks]
        going = [row for row, k in enumerate(self.networks) if histories[k].running]
        return replace(self, histories=histories, position=position).only(going)

    def select(self, networks: range) -> Checkpoint:
        """Return the checkpoint of a part of the networks, numbered from 0 on."""
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
        """Return the checkpoint where only these rows of ``networks`` can go on."""
        return replace(
            self,
            networks=[self.networks[row] for row in going],
            position=None if self.position is None else self.position[going],
            optimizer=rows_of_state(self.optimizer, going),
            average=rows_of_state(self.average, going),
        )


def join(checkpoints: Sequence[Checkpoint]) -> Checkpoint:
    """Return paused checkpoints of networks that train with the same batches as one."""
    starts = accumulate((len(one.histories) for one in checkpoints), initial=0)
    # A checkpoint whose networks have all ended may have ended earlier.
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
    """Return a copy of rows of an array that may not be there."""
    return None if array is None else array[rows].copy()


def joined(arrays: Sequence[Array | None]) -> Array:
    """Return the arrays that are there, one below the other."""
    return np.concatenate([array for array in arrays if array is not None])


def rows_of_state(
    state: dict[str, Any] | None, rows: list[int]
) -> dict[str, Any] | None:
    """Return these rows of a state of arrays (K, P) and numbers."""
    if state is None:
        return None
    return {
        name: value[rows] if isinstance(value, np.ndarray) else value
        for name, value in state.items()
    }


def stacked(
    states: Sequence[tuple[dict[str, Any] | None, int]],
) -> dict[str, Any] | None:
    """Return states of arrays (K, P) and numbers, each with its K, as one."""
    known = [(state, K) for state, K in states if state is not None]
    if not known:
        return None

    def together(name: str) -> Any:
        values = [(state[name], K) for state, K in known]
        if all(isinstance(value, np.ndarray) for value, _ in values):
            return np.concatenate([value for value, _ in values])
        # Numbers that differ are an array (K, 1), which some may be already.
        each = [np.broadcast_to(value, (K, 1)).ravel() for value, K in values]
        return column(np.concatenate(each))

    return {name: together(name) for name in known[0][0]}
