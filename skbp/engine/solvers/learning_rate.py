"""The learning rate of each network in the course of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat

from skbp.engine.arrays import Column, column
from skbp.engine.progress import History, Progress, Status
from skbp.engine.schedules import SCHEDULES, Clock, Schedule
from skbp.engine.settings import Settings


class Rates:
    """The schedule of the learning rate, and its reaction to a plateau."""

    schedule: Schedule
    progress: Progress
    rate_init: list[float]
    power_t: list[float]
    decay: list[float]
    every: list[float]
    warmup: list[float]
    horizon: int
    step: float
    epochs: int
    last: float

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
        #: The rate of the last step of the epoch, for each network.
        self.at_end: dict[int, float] = {}
        #: The fraction of the epoch before its last step. ``last`` is the number of
        #: samples of the last part, which is cut into batches on its own.
        self.last = (n - 1 - (last - 1) % settings.batch_size) / n

    def now(self, k: int, t: int = 0, time: float = 0.0) -> Clock:
        """Return the quantities that the schedule of network k depends on."""
        return Clock(
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
        """Return the rate of network k at this time, which is counted in epochs."""
        rate = self.progress.histories[k].rate
        if self.schedule.factor:
            rate = self.rate_init[k] * self.schedule.factor(self.now(k, time=time))
        if self.warmup[k]:
            # Count the step itself, so that the first rate is not 0.
            rate *= min(1.0, (time + self.step) / self.warmup[k])
        return rate

    def of_epoch(
        self, networks: list[int], epoch: int
    ) -> Column | Callable[[float], Column]:
        """Return the rate of an epoch, or a function of the fraction that is over."""
        start = self.epochs + epoch
        self.at_end = {k: self.at(k, start + self.last) for k in networks}
        if not self.schedule.factor and not any(self.warmup):
            return column([self.progress.histories[k].rate for k in networks])
        return lambda part: column([self.at(k, start + part) for k in networks])

    def of_epochs(
        self, networks: list[int], epoch: int, count: int
    ) -> Iterator[tuple[Column | Callable[[float], Column], dict[int, float]]]:
        """Yield the rate of each of some epochs, and the rate of its last step."""
        if not self.schedule.factor and not any(self.warmup):
            rate = self.of_epoch(networks, epoch)
            yield from repeat((rate, self.at_end), count)
            return
        for e in range(count):
            rate = self.of_epoch(networks, epoch + e)
            yield rate, self.at_end

    @property
    def known(self) -> bool:
        """Whether the rates of further epochs are known, until there is a plateau."""
        return self.schedule.after is None

    def adapt(self, networks: list[int], t: int) -> None:
        """Set the rates after t samples, and act on plateaus."""
        after = self.schedule.after
        for k in networks:
            history = self.progress.histories[k]
            if after:
                history.rate = after(self.now(k, t))
            if self.progress.lost_patience(k) and history.running:
                self._plateau(k, history)

    def _plateau(self, k: int, history: History) -> None:
        rate = self.schedule.on_plateau(history.rate)
        text = self.progress.plateau(k)
        if rate is None:
            history.status = Status.CONVERGED
            self.progress.say(f"{text}{self.schedule.at_end} Stopping.")
        else:
            history.rate, history.stale = rate, 0
            self.progress.say(f"{text} Setting learning rate to {rate:f}")
