"""Networks between two calls of ``train``: taken apart, put together, gone on with."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import numpy as np

from skbp.engine.arrays import Array, number
from skbp.engine.progress import MAX_ITER, History, Progress
from skbp.engine.training import State


@dataclass
class Pause:
    """Where K networks stand that train with the same batches: arrays and numbers.

    Attributes
    ----------
    theta, best : array (K, P)
        The weights to keep if training ended here, and the best so far.
    histories : list of History
        Without a status where ``max_iter`` alone ended training: it can go on.
    state : State
        Of the networks that can go on.
    random : tuple
        The state of the random numbers that shuffle the samples.
    """

    theta: Array
    best: Array
    histories: list[History]
    state: State
    random: Any

    @classmethod
    def after(
        cls, theta: Array, progress: Progress, state: State, rng: np.random.RandomState
    ) -> Pause:
        """Return the pause after a call of ``train``, which gave theta and state."""
        histories = deepcopy(progress.histories)
        for history in histories:
            history.status = "" if history.status == MAX_ITER else history.status
        networks = state.networks
        if state.theta is None:
            state = replace(state, theta=theta[networks])
        rows = [row for row, k in enumerate(networks) if not histories[k].status]
        best = progress.best_theta
        return cls(theta, best, histories, state.only(rows), rng.get_state())

    def of(self, networks: range) -> Pause:
        """Return the pause of a part of the networks, numbered from 0 on."""
        rows = [row for row, k in enumerate(self.state.networks) if k in networks]
        state = self.state.only(rows)
        state.networks = [k - networks.start for k in state.networks]
        part = slice(networks.start, networks.stop)
        return replace(
            self,
            theta=self.theta[part].copy(),
            best=self.best[part].copy(),
            histories=self.histories[part],
            state=state,
        )


def joined(pauses: Sequence[Pause]) -> Pause:
    """Return pauses of networks that trained with the same batches as one."""
    states = [pause.state for pause in pauses]
    starts = accumulate((len(pause.theta) for pause in pauses), initial=0)
    # Those that have all ended may have ended earlier.
    last = max(pauses, key=lambda pause: pause.state.epochs)
    state = replace(
        last.state,
        rates=[rate for state in states for rate in state.rates],
        best=[best for state in states for best in state.best],
        stale=[stale for state in states for stale in state.stale],
        optimizer=stacked([(state.optimizer, len(state.networks)) for state in states]),
        average=stacked([(state.average, len(state.networks)) for state in states]),
        theta=np.concatenate(
            [state.theta for state in states if state.theta is not None]
        ),
        networks=[
            start + k
            for start, state in zip(starts, states, strict=False)
            for k in state.networks
        ],
    )
    return replace(
        last,
        theta=np.concatenate([pause.theta for pause in pauses]),
        best=np.concatenate([pause.best for pause in pauses]),
        histories=[history for pause in pauses for history in pause.histories],
        state=state,
    )


def stacked(
    states: Sequence[tuple[dict[str, Any] | None, int]],
) -> dict[str, Any] | None:
    """Return states of arrays (K, P) and numbers, each with its K, as one."""
    known = [(state, K) for state, K in states if state is not None]
    if not known:
        return None
    return {
        name: np.concatenate([state[name] for state, _ in known])
        if isinstance(value, np.ndarray)
        # Numbers that differ become an array (K, 1).
        else number(state[name] for state, K in known for _ in range(K))
        for name, value in known[0][0].items()
    }
