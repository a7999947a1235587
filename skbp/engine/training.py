"""Stochastic training: epochs of batches, for K networks in lock-step.

The K networks share the stream of batches and the shape; the numbers that steer them
(rates, alpha, momentum, patience ...) may differ. A network that stops leaves, and the
others go on as if it had never been there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from typing import Any, TypeAlias

import numpy as np

from skbp.engine.arrays import Array, Number, Rows, cast, number
from skbp.engine.losses import Loss
from skbp.engine.network import Dropout, Network
from skbp.engine.objective import Objective
from skbp.engine.optimizers import OPTIMIZERS, Average
from skbp.engine.progress import (
    CONVERGED,
    DIVERGED,
    INTERRUPTED,
    MAX_ITER,
    History,
    Progress,
)
from skbp.engine.samples import Parts, Samples
from skbp.engine.schedules import SCHEDULES, Now

#: One number for all networks, or one for each.
Values = float | Sequence[float]


@dataclass(frozen=True)
class Settings:
    """What steers training; names and meaning are the estimators'."""

    solver: str = "adam"
    alpha: Values = 1e-4
    weight_decay: Values = 0.0
    batch_size: int = 200
    learning_rate: str = "constant"
    learning_rate_init: Values = 1e-3
    power_t: Values = 0.5
    learning_rate_decay: Values = 0.5
    learning_rate_step: Values = 10.0
    warmup: Values = 0.0
    max_iter: int = 200
    shuffle: bool = True
    tol: Values = 1e-4
    n_iter_no_change: Values = 10
    momentum: Values = 0.9
    nesterovs_momentum: bool = True
    beta_1: Values = 0.9
    beta_2: Values = 0.999
    epsilon: Values = 1e-8
    max_fun: int = 15000
    max_grad_norm: Values = inf
    average_decay: Values = 0.0
    #: One entry for each hidden layer; () means none.
    dropout: Sequence[Values] = ()
    #: Epochs over which the learning rate runs its course; 0 means max_iter.
    horizon: int = 0

    def each(self, name: str, networks: Sequence[int]) -> list[float]:
        """Return the values of a setting for these networks."""
        return pick(getattr(self, name), networks)


def pick(value: Values, networks: Sequence[int]) -> list[float]:
    """Return the values of these networks."""
    if isinstance(value, list | tuple | np.ndarray):
        return [float(value[k]) for k in networks]
    assert not isinstance(value, Sequence)
    return [value] * len(networks)


@dataclass
class State:
    """What training goes on from, beside theta: arrays and numbers alone.

    Attributes
    ----------
    optimizer : dict or None
        The state of the optimizer, arrays (K, P) and numbers; None before the first
        step.
    rates, best, stale : list
        Of each network: learning rate, lowest loss or -score, patience used up.
    average : dict or None
        That of the average of the weights.
    theta : array (K, P) or None
        The weights that steps go on from, where those to keep are others: an average,
        or the best of a validation set.
    noise : dict or None
        That of the random numbers of dropout.
    order : array of int or None
        The order of the samples, which shuffling goes on from.
    networks : list of int
        The numbers that the networks had.
    t, epochs : int
        Samples seen, and epochs.
    """

    rates: list[float]
    best: list[float]
    stale: list[int]
    optimizer: dict[str, Any] | None = None
    average: dict[str, Any] | None = None
    theta: Array | None = None
    noise: dict[str, Any] | None = None
    order: Rows | None = None
    networks: list[int] = field(default_factory=list)
    t: int = 0
    epochs: int = 0

    @classmethod
    def new(cls, rates: list[float]) -> State:
        """Return the state before the first epoch."""
        return cls(rates, [inf] * len(rates), [0] * len(rates))

    def only(self, rows: list[int]) -> State:
        """Return the state of those of its networks."""
        return replace(
            self,
            rates=[self.rates[row] for row in rows],
            best=[self.best[row] for row in rows],
            stale=[self.stale[row] for row in rows],
            optimizer=part(self.optimizer, rows),
            average=part(self.average, rows),
            theta=None if self.theta is None else self.theta[rows],
            networks=[self.networks[row] for row in rows],
        )


def part(state: dict[str, Any] | None, rows: list[int]) -> dict[str, Any] | None:
    """Return these rows of a state of arrays (K, P) and numbers."""
    if state is None:
        return None
    return {
        name: value[rows] if isinstance(value, np.ndarray) else value
        for name, value in state.items()
    }


#: Samples, the rows of them that make a batch, and the part of the epoch gone before.
Batch: TypeAlias = tuple[Samples | Parts, Rows | slice, float]


class Group:
    """The networks that train at the moment, and what a step of theirs needs."""

    def __init__(
        self,
        task: tuple[Network, Loss, Samples | Parts, Settings],
        networks: list[int],
        theta: Array,
        noise: np.random.Generator | None = None,
        state: dict[str, Any] | None = None,
        average: dict[str, Any] | None = None,
    ):
        self.task, (network, loss, samples, settings) = task, task
        self.networks, self.theta, self.noise = networks, theta, noise
        dropout = None
        if noise is not None:
            rates = [number(pick(rate, networks)) for rate in settings.dropout]
            dropout = Dropout(rates, noise)
        alpha = number(settings.each("alpha", networks))
        self.objective = Objective(network, loss, samples, alpha, theta, dropout)
        optimizer = OPTIMIZERS[settings.solver]
        options: dict[str, Any] = {
            name: number(settings.each(name, networks)) for name in optimizer.numbers
        }
        options |= {name: getattr(settings, name) for name in optimizer.options}
        self.optimizer = optimizer(theta, self.objective.grad, state=state, **options)
        # What is off is None, and costs nothing.
        decay = number(settings.each("weight_decay", networks))
        self.decay = decay if np.any(decay) else None
        self.weights = theta[:, : network.n_weights]
        limit = number(settings.each("max_grad_norm", networks))
        self.limit = limit if np.isfinite(limit).any() else None
        average_decay = number(settings.each("average_decay", networks))
        self.average = None
        if np.any(average_decay):
            self.average = Average(theta, average_decay, state=average)

    def step(self, rate: Number, J: Array) -> None:
        """Take a step of the optimizer, after W := W - rate weight_decay W."""
        if self.limit is not None:
            clip(self.objective.grad, self.limit)
        if self.decay is not None:
            self.weights *= cast(1.0 - rate * self.decay, self.theta.dtype)
        self.optimizer.step(rate, J)
        if self.average is not None:
            self.average.update()

    def epoch(
        self, batches: Iterable[Batch], rate: Number | Callable[[float], Number]
    ) -> Array:
        """Take a step on each batch; return the mean loss of each network.

        ``rate`` is the learning rate, or gives it at each part of the epoch gone.
        """
        J_sum, weight_sum = np.zeros(len(self.theta)), 0.0
        for samples, rows, gone in batches:
            J, weight = self.objective.on(samples)(rows)
            if weight == 0.0:
                continue
            J_sum += J * weight
            weight_sum += weight
            if not any(map(isfinite, J_sum.tolist())):
                break
            self.step(rate(gone) if callable(rate) else rate, J)
        J_sum /= weight_sum
        return J_sum

    def current(self) -> Array:
        """Return what the networks predict with: theta, or its average."""
        if self.average is None or self.average.t == 0:
            return self.theta
        return self.average.value()

    def average_state(self) -> dict[str, Any] | None:
        """Return the state of the average, if there is one."""
        return None if self.average is None else self.average.state()

    def only(self, rows: list[int]) -> Group:
        """Return the group that is left when only these rows of theta go on."""
        networks = [self.networks[row] for row in rows]
        return Group(
            self.task,
            networks,
            self.theta[rows],
            self.noise,
            part(self.optimizer.state(), rows),
            part(self.average_state(), rows),
        )


def clip(grad: Array, limit: Number) -> None:
    """Shorten the gradient (K, P) of each network to this norm where it is longer."""
    # In float64, where no square of a float32 overflows.
    norm = np.sqrt(np.vecdot(grad, grad, dtype=np.float64))[:, np.newaxis]
    tiny = np.finfo(np.float64).tiny
    grad *= np.minimum(1.0, limit / np.maximum(norm, tiny)).astype(grad.dtype)


def noise_of(
    settings: Settings, rng: np.random.RandomState, state: State
) -> np.random.Generator | None:
    """Return the random numbers of dropout, if there is any; they go on from state.

    Their seed is what ``rng`` would draw next, which it does not: the order of samples
    is the same with dropout and without.
    """
    if not any(np.any(rate) for rate in settings.dropout):
        return None
    ahead = np.random.RandomState()
    ahead.set_state(rng.get_state())
    bits = np.random.SFC64(ahead.randint(2**32, dtype=np.uint32))
    if state.noise is not None:
        bits.state = state.noise  # type: ignore[assignment]
    return np.random.Generator(bits)


def train(
    network: Network,
    loss: Loss,
    samples: Samples | Parts,
    theta: Array,
    settings: Settings,
    progress: Progress,
    rng: np.random.RandomState,
    *,
    rows: Rows | None = None,
    state: State | None = None,
) -> tuple[Array, Callable[[], State]]:
    """Train K networks from theta (K, P) on.

    Parameters
    ----------
    progress : Progress
        Of these K networks, new; it is filled.
    samples : Samples or Parts
        An epoch goes through parts in their order (see ``of_parts``).
    rng : RandomState
        Shuffles the samples.
    rows : array of int, default=None
        The samples to train on; None means all.
    state : State, default=None
        What an earlier call ended with, of the networks that have no status yet:
        training goes on from there.

    Returns
    -------
    theta : array (K, P)
        The parameters to keep.
    state : callable
        Returns the state at the end, of the networks that trained in the last epoch.
    """
    n, histories = len(samples) if rows is None else len(rows), progress.histories
    networks = [k for k, history in enumerate(histories) if not history.status]
    state = state or State.new(settings.each("learning_rate_init", networks))
    for row, k in enumerate(networks):
        histories[k].rate, histories[k].best = state.rates[row], state.best[row]
        histories[k].stale = state.stale[row]
        if settings.learning_rate == "constant":
            # It may have been changed since.
            (histories[k].rate,) = settings.each("learning_rate_init", [k])
    task, noise = (network, loss, samples, settings), noise_of(settings, rng, state)
    start = theta[networks] if state.theta is None else state.theta.copy()
    group = Group(task, networks, start, noise, state.optimizer, state.average)
    kept, t, epoch = theta.copy(), state.t, 0
    order = rows if state.order is None else state.order
    last = n
    if isinstance(samples, Parts) and not in_one_batch(samples, settings):
        last = samples.sizes[-1]
    rates = Rates(settings, progress, n, last, state.epochs)
    # Overflow needs no warning of NumPy's: it ends in a loss that is not finite.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        while networks and settings.max_iter > 0:
            before, epoch = group.current().copy(), epoch + 1
            try:
                if isinstance(samples, Parts):
                    batches = of_parts(samples, settings, rng)
                else:
                    order = shuffled(order, n, rng) if settings.shuffle else order
                    batches = in_batches(samples, order, settings.batch_size)
                rate = rates.of_epoch(group.networks, epoch - 1)
                losses = group.epoch(batches, rate)
                t += n
                progress.epoch(group.networks, group.current(), losses, before)
                rates.adapt(group.networks, t)
            except KeyboardInterrupt:
                progress.end(group.networks, INTERRUPTED)
            if epoch == settings.max_iter:
                progress.end(group.networks, MAX_ITER)
            going, current = [], group.current()
            for row, k in enumerate(group.networks):
                if histories[k].status:
                    kept[k] = progress.result(k, current[row])
                    if histories[k].status == DIVERGED and not progress.decides:
                        candidates = np.stack([kept[k], before[row]])
                        kept[k] = lowest(task, k, candidates, order, n)
                else:
                    going.append(row)
            if not going:
                break
            if len(going) < len(group.networks):
                group = group.only(going)

    def end() -> State:
        ended = [histories[k] for k in group.networks]
        return State(
            rates=[history.rate for history in ended],
            best=[history.best for history in ended],
            stale=[history.stale for history in ended],
            optimizer=group.optimizer.state(),
            average=group.average_state(),
            theta=group.theta.copy() if group.average or progress.decides else None,
            noise=None if noise is None else dict(noise.bit_generator.state),
            order=order,
            networks=group.networks,
            t=t,
            epochs=state.epochs + epoch,
        )

    return kept, end


def lowest(
    task: tuple[Network, Loss, Samples | Parts, Settings],
    k: int,
    candidates: Array,
    order: Rows | None,
    n: int,
) -> Array:
    """Return the candidate (P,) of lowest finite J over all samples, else the first."""
    network, loss, samples, settings = task
    (alpha,) = settings.each("alpha", [k])
    objective = Objective(network, loss, samples, alpha, candidates)
    J, _ = objective(slice(0, n) if order is None else order)
    best: Array = candidates[np.argmin(np.where(np.isfinite(J), J, inf))]
    return best


def shuffled(order: Rows | None, n: int, rng: np.random.RandomState) -> Rows:
    """Return the samples in a new order, drawn as MLPClassifier draws it."""
    permutation = np.arange(n)
    rng.shuffle(permutation)
    return permutation if order is None else order[permutation]


def in_batches(
    samples: Samples, order: Rows | None, batch_size: int
) -> Iterator[Batch]:
    """Cut samples into batches, in this order; None is theirs."""
    n = len(samples) if order is None else len(order)
    order = sorted_batches(order, batch_size)
    for start in range(0, n, batch_size):
        batch = slice(start, min(start + batch_size, n))
        yield samples, batch if order is None else order[batch], start / n


def of_parts(
    parts: Parts, settings: Settings, rng: np.random.RandomState
) -> Iterator[Batch]:
    """Cut samples in parts into batches, none of which spans two parts.

    Parts follow each other in their order, and are shuffled one at a time, as they
    come. A batch of all samples is summed where they are.
    """
    n, before = len(parts), 0
    if in_one_batch(parts, settings):
        yield parts, slice(0, n), 0.0
        return
    for samples in parts.stream():
        m = len(samples)
        order = shuffled(None, m, rng) if settings.shuffle else None
        for _, rows, gone in in_batches(samples, order, settings.batch_size):
            yield samples, rows, (before + gone * m) / n
        before += m


def in_one_batch(parts: Parts, settings: Settings) -> bool:
    """Return whether all samples are one batch; dropout draws its masks here."""
    drops = any(np.any(rate) for rate in settings.dropout)
    return settings.batch_size >= len(parts) and not drops


def sorted_batches(order: Rows | None, batch_size: int) -> Rows | None:
    """Return the order with the samples of each batch sorted.

    A batch is a sum over its samples, in whatever order; in the order of memory they
    are gathered in a third of the time where the data outgrow the cache.
    """
    if order is None:
        return None
    rows, whole = order.copy(), len(order) // batch_size * batch_size
    rows[:whole].reshape(-1, batch_size).sort(axis=1)
    rows[whole:].sort()
    return rows


class Rates:
    """The schedule of the learning rate, and what it does at a plateau."""

    def __init__(
        self, settings: Settings, progress: Progress, n: int, last: int, epochs: int
    ):
        self.schedule, self.progress = SCHEDULES[settings.learning_rate], progress
        networks = range(len(progress.histories))
        self.rate_init = settings.each("learning_rate_init", networks)
        self.power_t = settings.each("power_t", networks)
        self.decay = settings.each("learning_rate_decay", networks)
        self.every = settings.each("learning_rate_step", networks)
        self.warmup = settings.each("warmup", networks)
        self.horizon = settings.horizon or settings.max_iter
        self.step, self.epochs = min(settings.batch_size / n, 1.0), epochs
        #: The rate of the last step of the epoch, of each network.
        self.at_end: dict[int, float] = {}
        #: Where in the epoch it starts: the ``last`` samples of n are cut anew.
        self.last = (n - 1 - (last - 1) % settings.batch_size) / n

    def now(self, k: int, t: int = 0, time: float = 0.0) -> Now:
        """Return what the schedule of network k depends on."""
        return Now(
            self.rate_init[k],
            self.progress.histories[k].rate,
            t,
            self.power_t[k],
            time,
            self.horizon,
            self.decay[k],
            self.every[k],
        )

    def at(self, k: int, time: float) -> float:
        """Return the rate of network k at this time, in epochs."""
        rate = self.progress.histories[k].rate
        if self.schedule.factor:
            rate = self.rate_init[k] * self.schedule.factor(self.now(k, time=time))
        if self.warmup[k]:
            # The first step is not one of rate 0.
            rate *= min(1.0, (time + self.step) / self.warmup[k])
        return rate

    def of_epoch(
        self, networks: list[int], epoch: int
    ) -> Number | Callable[[float], Number]:
        """Return the rate of an epoch, or the function that gives it at each part."""
        start = self.epochs + epoch
        self.at_end = {k: self.at(k, start + self.last) for k in networks}
        if not self.schedule.factor and not any(self.warmup):
            return number([self.progress.histories[k].rate for k in networks])
        return lambda part: number([self.at(k, start + part) for k in networks])

    def adapt(self, networks: list[int], t: int) -> None:
        """Set the rates after t samples; end networks that are to end."""
        for k in networks:
            history = self.progress.histories[k]
            history.rates.append(self.at_end[k])
            history.rate = self.schedule.after(self.now(k, t))
            if self.progress.lost_patience(k) and not history.status:
                self._plateau(k, history)

    def _plateau(self, k: int, history: History) -> None:
        rate = self.schedule.on_plateau(history.rate)
        text = self.progress.plateau(k)
        if rate is None:
            history.status = CONVERGED
            self.progress.say(f"{text}{self.schedule.at_end} Stopping.")
        else:
            history.rate, history.stale = rate, 0
            self.progress.say(f"{text} Setting learning rate to {rate:f}")
