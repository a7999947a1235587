"""Stochastic training: epochs of batches, for K networks in lock-step.

The K networks have the same shape and train on the same batches. Their hyperparameters
(learning rate, alpha, momentum, patience ...) may differ. When the training of a
network ends, the others continue as if it had never been there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from skbp.engine.arrays import Array, Column, Rows, cast
from skbp.engine.checkpoint import Checkpoint, rows_of_state
from skbp.engine.network import Dropout
from skbp.engine.objective import Objective
from skbp.engine.problem import Problem
from skbp.engine.progress import Progress, Status
from skbp.engine.random import seeded
from skbp.engine.samples import Parts
from skbp.engine.settings import Settings, column_of
from skbp.engine.solvers.batches import (
    Batch,
    Gatherer,
    in_batches,
    in_one_batch,
    of_parts,
    shuffled,
)
from skbp.engine.solvers.learning_rate import Rates
from skbp.engine.solvers.optimizers import OPTIMIZERS, Average, Optimizer
from skbp.engine.solvers.solution import Solution

if TYPE_CHECKING:
    from skbp.engine.compiled.cohort import CompiledCohort


#: Up to so many steps in a single epoch, it does not pay to prepare for fast steps.
FEW = 20


class Cohort:
    """The networks that are training, and what their steps need.

    Parameters
    ----------
    networks : list of int
        The numbers of the networks; theta has one row for each.
    noise : Generator, default=None
        Draws the masks of dropout; None means no dropout.
    state, average : dict, default=None
        The state of the optimizer and the state of the average of the weights, from
        which to continue.
    """

    problem: Problem
    settings: Settings
    networks: list[int]
    theta: Array
    noise: np.random.Generator | None
    objective: Objective
    gathered: Callable[[Iterable[Batch]], Iterable[Batch]]
    optimizer: Optimizer
    decay: Column | None
    order: Rows | None
    back: Rows | None
    moving: Array
    limit: Column | None
    average: Average | None
    averages: bool

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        networks: list[int],
        theta: Array,
        noise: np.random.Generator | None = None,
        state: dict[str, Any] | None = None,
        average: dict[str, Any] | None = None,
    ):
        self.problem, self.settings = problem, settings
        network, loss, samples = problem.network, problem.loss, problem.samples
        self.networks, self.theta, self.noise = networks, theta, noise
        dropout = None
        if noise is not None:
            rates = [column_of(rate, networks) for rate in settings.dropout]
            dropout = Dropout(rates, noise)
        alpha = settings.column("alpha", networks)
        # Steps change ``moving``, which is theta arranged for products. theta itself
        # follows at the end of each epoch. (To arrange it takes as long as some steps.)
        many = settings.max_iter > 1 or len(samples) > FEW * settings.batch_size
        self.order = network.joined() if network.biases and many else None
        self.back = None if self.order is None else self.order.argsort()
        self.moving = theta if self.order is None else theta.take(self.order, axis=1)
        joined = self.order is not None
        self.objective = Objective(
            network, loss, samples, alpha, self.moving, dropout, joined
        )
        self.gathered = Gatherer(samples, joined) if many else iter
        optimizer = OPTIMIZERS[settings.solver]
        options: dict[str, Any] = {
            name: settings.column(name, networks) for name in optimizer.numbers
        }
        options |= {name: getattr(settings, name) for name in optimizer.options}
        state, average = (
            one and {name: self.arranged(value) for name, value in one.items()}
            for one in (state, average)
        )
        self.optimizer = optimizer(
            self.moving, self.objective.grad, state=state, **options
        )
        # Features that are off are None, and cost nothing.
        self.decay = settings.unless("weight_decay", 0.0, networks)
        self.limit = settings.unless("max_grad_norm", inf, networks)
        average_decay = settings.unless("average_decay", 0.0, networks)
        self.average = None
        if average_decay is not None:
            self.average = Average(self.moving, average_decay, state=average)
        self.averages = self.average is not None

    def step(self, rate: Column, J: Array) -> None:
        """Set W := W - rate weight_decay W, then take a step of the optimizer."""
        if self.limit is not None:
            clip(self.objective.grad, self.limit)
        if self.decay is not None:
            factor = cast(1.0 - rate * self.decay, self.theta.dtype)
            for W in self.objective.W:
                W *= factor[..., np.newaxis]
        self.optimizer.step(rate, J)
        if self.average is not None:
            self.average.update()

    def epoch(
        self, batches: Iterable[Batch], rate: Column | Callable[[float], Column]
    ) -> Array:
        """Take a step on each batch; return the mean loss of each network.

        ``rate`` is the learning rate, or a function that returns it for the fraction of
        the epoch that is over.
        """
        J_sum, weight_sum = [0.0] * len(self.theta), 0.0
        try:
            for samples, rows, gone in self.gathered(batches):
                J, weight = self.objective.on(samples)(rows)
                if weight == 0.0:
                    continue
                # (Python's numbers: K is small, and NumPy's calls would take longer.)
                J_sum = [
                    J_k + weight * more
                    for J_k, more in zip(J_sum, J.tolist(), strict=True)
                ]
                weight_sum += weight
                if not any(map(isfinite, J_sum)):
                    break
                self.step(rate(gone) if callable(rate) else rate, J)
        finally:
            if self.back is not None:
                self.moving.take(self.back, axis=1, out=self.theta, mode="clip")
        return np.array(J_sum) / weight_sum

    def arranged(self, value: Any) -> Any:
        """Arrange the state of each parameter (K, P) like ``moving``."""
        if self.order is None or np.shape(value) != self.theta.shape:
            return value
        return value.take(self.order, axis=1)

    def as_theta(self, value: Any) -> Any:
        """Arrange the state of each parameter (K, P) like theta."""
        if self.back is None or np.shape(value) != self.theta.shape:
            return value
        return value.take(self.back, axis=1)

    def current(self) -> Array:
        """Return the weights to predict with: theta, or its average."""
        if self.average is None or self.average.t == 0:
            return self.theta
        average: Array = self.as_theta(self.average.value())
        return average

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of the optimizer."""
        state = self.optimizer.state()
        return {name: self.as_theta(value) for name, value in state.items()}

    def average_state(self) -> dict[str, Any] | None:
        """Return the state of the average, if there is one."""
        if self.average is None:
            return None
        state = self.average.state()
        return {name: self.as_theta(value) for name, value in state.items()}

    def only(self, rows: list[int]) -> Cohort:
        """Return the cohort in which only these rows of theta continue."""
        return Cohort(
            self.problem,
            self.settings,
            [self.networks[row] for row in rows],
            self.theta[rows],
            self.noise,
            rows_of_state(self.optimizer_state(), rows),
            rows_of_state(self.average_state(), rows),
        )


def clip(grad: Array, limit: Column) -> None:
    """Shorten gradients (K, P) whose norm exceeds the limit of their network."""
    # In float64, the squares of float32 numbers cannot overflow.
    norm = np.sqrt(np.vecdot(grad, grad, dtype=np.float64))[:, np.newaxis]
    tiny = np.finfo(np.float64).tiny
    grad *= np.minimum(1.0, limit / np.maximum(norm, tiny)).astype(grad.dtype)


def noise_of(
    settings: Settings, rng: np.random.RandomState, start: Checkpoint
) -> np.random.Generator | None:
    """Return the generator for dropout in its current state; None without dropout.

    The seed is the number that ``rng`` would draw next. ``rng`` itself does not draw
    it, so that the order of samples is the same with and without dropout.
    """
    if not settings.drops_units:
        return None
    ahead = seeded(0)
    ahead.set_state(rng.get_state())
    bits = np.random.SFC64(ahead.randint(2**32, dtype=np.uint32))
    if start.noise is not None:
        bits.state = start.noise  # type: ignore[assignment]
    return np.random.Generator(bits)


def cohort_of(settings: Settings) -> type[Cohort | CompiledCohort]:
    """Return the class that trains."""
    if not settings.compiled:
        return Cohort
    # It imports numba.
    from skbp.engine.compiled.cohort import CompiledCohort

    return CompiledCohort


class Training:
    """A training in progress: the networks that are training, and their state.

    Parameters
    ----------
    progress : Progress
        The histories of all K networks, which training extends.
    start : Checkpoint
        The start of training.
    rng : RandomState
        Shuffles the samples.
    """

    problem: Problem
    settings: Settings
    progress: Progress
    start: Checkpoint
    rng: np.random.RandomState
    noise: np.random.Generator | None
    cohort: Cohort | CompiledCohort
    kept: Array
    order: Rows | None
    t: int
    n_epochs: int
    one_by_one: int
    rates: Rates

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        progress: Progress,
        start: Checkpoint,
        rng: np.random.RandomState,
    ):
        assert start.theta is not None
        self.problem, self.settings, self.progress = problem, settings, progress
        self.start, self.rng = start, rng
        samples, histories = problem.samples, progress.histories
        networks = [k for k, history in enumerate(histories) if history.running]
        if settings.learning_rate == "constant":
            # The user may have changed the rate since the last call.
            for k in networks:
                (histories[k].rate,) = settings.each("learning_rate_init", [k])
        self.noise = noise_of(settings, rng, start)
        theta = start.theta[networks] if start.position is None else start.position
        states = start.optimizer, start.average
        self.cohort = cohort_of(settings)(
            problem, settings, networks, theta.copy(), self.noise, *states
        )
        self.kept, self.t, self.n_epochs = start.theta.copy(), start.t, 0
        #: How many epochs to take one by one, because a network diverges in them.
        self.one_by_one = 0
        self.order, last = start.order, len(samples)
        if not isinstance(samples, Parts):
            self.order = samples.rows if start.order is None else start.order
        elif not in_one_batch(samples, settings):
            last = samples.sizes[-1]
        self.rates = Rates(settings, progress, len(samples), last, start.epochs)

    def run(self) -> None:
        """Train until no network is left."""
        progress, most = self.progress, self.settings.max_iter
        while self.cohort.networks and most > 0:
            before = self.cohort.current().copy()
            try:
                if not self.epochs_unseen(most - self.n_epochs):
                    self.n_epochs += 1
                    self.epoch(before)
            except KeyboardInterrupt:
                progress.end(self.cohort.networks, Status.INTERRUPTED)
            if self.n_epochs == most:
                progress.end(self.cohort.networks, Status.MAX_ITER)
            going = self.keep_ended(before)
            if not going:
                break
            if len(going) < len(self.cohort.networks):
                self.cohort = self.cohort.only(going)

    def epoch(self, before: Array) -> None:
        """Take a step on each batch, and record the results."""
        cohort, samples, settings = self.cohort, self.problem.samples, self.settings
        if isinstance(samples, Parts):
            batches = of_parts(samples, settings, self.rng)
        else:
            if settings.shuffle:
                self.order = shuffled(self.order, len(samples), self.rng)
            batches = in_batches(samples, self.order, settings.batch_size)
        losses = cohort.epoch(
            batches, self.rates.of_epoch(cohort.networks, self.n_epochs - 1)
        )
        self.t += len(samples)
        current, rates = cohort.current(), self.rates.at_end
        self.progress.epoch(cohort.networks, current, losses, before, rates)
        self.rates.adapt(cohort.networks, self.t)

    def epochs_unseen(self, most: int) -> bool:
        """Train for several epochs that nobody looks at; return False if that fails.

        Only compiled loops can do that, and only as long as no network diverges.
        Otherwise training stands where it stood.
        """
        cohort, rates, progress = self.cohort, self.rates, self.progress
        networks, n = cohort.networks, len(self.problem.samples)
        self.one_by_one -= 1
        if isinstance(cohort, Cohort) or self.one_by_one > 0 or not rates.known:
            return False
        count = int(min(most, cohort.at_once(), progress.unseen(networks)))
        if count < 2:
            return False
        start = (self.order, self.rng.get_state(), cohort.copied())
        counts, done = (self.n_epochs, self.t), False
        records = [progress.histories[k].copied() for k in networks]
        best_before = progress.best_theta[networks]
        orders = []
        try:
            for _ in range(count):
                if self.settings.shuffle:
                    self.order = shuffled(self.order, n, self.rng)
                orders.append(np.arange(n) if self.order is None else self.order)
            known = rates.of_epochs(networks, self.n_epochs, count)
            now, at_end = zip(*known, strict=True)
            losses, best = cohort.epochs(np.stack(orders), now)
            if np.isfinite(losses).all() and np.isfinite(cohort.theta).all():
                self.n_epochs += count
                self.t += count * n
                progress.epochs(networks, losses, best, at_end)
                rates.adapt(networks, self.t)
                done = True
        finally:
            if not done:
                self.order, random, copies = start
                self.rng.set_state(random)
                cohort.restore(copies)
                self.n_epochs, self.t = counts
                for k, history in zip(networks, records, strict=True):
                    progress.histories[k] = history
                progress.best_theta[networks] = best_before
                self.one_by_one = count + 1
        return done

    def keep_ended(self, before: Array) -> list[int]:
        """Keep the weights of networks that ended; return the rows of the others."""
        going, current, progress = [], self.cohort.current(), self.progress
        for row, k in enumerate(self.cohort.networks):
            history = progress.histories[k]
            if history.running:
                going.append(row)
                continue
            self.kept[k] = progress.result(k, current[row])
            if history.status is Status.DIVERGED and not progress.decides:
                self.kept[k] = self.lowest(k, np.stack([self.kept[k], before[row]]))
        return going

    def lowest(self, k: int, candidates: Array) -> Array:
        """Return the candidate (P,) with the lowest finite J, or else the first."""
        objective = self.problem.objective(
            self.settings.column("alpha", [k]), candidates
        )
        J, _ = objective(self.problem.samples.every)
        best: Array = candidates[np.argmin(np.where(np.isfinite(J), J, inf))]
        return best

    def checkpoint(self) -> Checkpoint:
        """Return the state of the networks that trained in the last epoch."""
        cohort, progress = self.cohort, self.progress
        apart = cohort.averages or progress.decides
        return Checkpoint(
            histories=progress.histories,
            theta=self.kept,
            best_theta=progress.best_theta,
            networks=cohort.networks,
            position=cohort.theta.copy() if apart else None,
            optimizer=cohort.optimizer_state(),
            average=cohort.average_state(),
            noise=None if self.noise is None else dict(self.noise.bit_generator.state),
            order=self.order,
            random=self.rng,
            t=self.t,
            epochs=self.start.epochs + self.n_epochs,
            solver=self.settings.solver,
            n_parameters=self.problem.network.n_parameters,
        )


def minimise(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    start: Checkpoint,
    rng: np.random.RandomState,
) -> Solution:
    """Train K networks from a checkpoint on, by steps of an optimizer on batches."""
    training = Training(problem, settings, progress, start, rng)
    # NumPy need not warn of overflow, because it ends in a loss that is not finite.
    with np.errstate(all="ignore"):
        training.run()
    return Solution(training.kept, checkpoint=training.checkpoint)
