"""Training with estimated precisions: from little noise, and by growth.

What a climb (``climb.py``) finds depends on where it starts. With random weights,
the first estimates take for noise whatever the network has not learnt yet. The
penalties rise, the weights shrink, and an effect without a trend, such as that of a
feature's square, has no gradient at weights 0: there is no way back. So a network whose
weights were drawn climbs twice, and the weights with the higher evidence are kept.

From little noise
    All units train with a noise of a tenth of the usual, which no effect is taken for,
    until the cost hardly falls. From there the evidence decides. This finds targets of
    many bends in few features. With many features it would find networks that fit the
    noise, and whose evidence is high all the same.
By growth
    Half of the units climb first, beginning almost linear. Fresh units are then fitted
    to the residual, join, and all climb together, as long as the evidence rises. This
    finds few features among many, and as few units as they need.

Growth is for the squared error, whose residual is a target of the same kind, and for
one hidden layer. Other networks climb from their weights as drawn instead. Units that
did not join keep weights 0. The last steps have fixed precisions, and make the slope
of the cost small. If a validation set decides when training ends, or weights were
given, there is a single climb from them.
"""

from __future__ import annotations

from contextlib import suppress
from zlib import crc32

import numpy as np

from skbp.engine.arrays import Array
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.evidence.cut import Cut
from skbp.engine.evidence.posterior import Evidence
from skbp.engine.evidence.precisions import Precisions
from skbp.engine.problem import Problem
from skbp.engine.progress import History, Progress, Status
from skbp.engine.settings import Settings
from skbp.engine.solvers.climb import Climb, Found, Plan, Task, better
from skbp.engine.solvers.fresh import FEATURES, SMALL, fresh_units, joined
from skbp.engine.solvers.solution import Solution

#: The number of steps before the first estimate: with random weights, an estimate would
#: take everything for noise; with fresh units beside trained ones, less is needed.
FIRST, AGAIN = 5, 3
#: Without noise, the number of steps before the first estimate, and the factor of the
#: precision of the data.
LONG, SHARP = 30, 100.0
#: A hidden unit of which the data determine less than this part of one input weight
#: makes room for a fresh one.
IDLE = 0.05
#: If the log evidence without growth is higher by less than this, the network that has
#: grown is kept: it has fewer features and units.
CLOSE = 10.0
#: The largest number of steps with fixed precisions at the end.
REST = 20
#: The smallest number of units to begin growth with, and to add at a time.
BEGIN, ADD = 4, 2


class Training:
    """The training of one network.

    Parameters
    ----------
    task : Task
    k : int
        The number of the network in ``progress``.
    progress : Progress
    settings : Settings
    theta : array (P,)
        The weights to start from.
    """

    task: Task
    k: int
    progress: Progress
    settings: Settings
    drawn: Array
    theta: Array
    seed: int
    best: Found | None
    climb: Climb | None
    settled: bool
    tol: float

    def __init__(
        self,
        task: Task,
        k: int,
        progress: Progress,
        settings: Settings,
        theta: Array,
    ):
        self.task, self.k, self.progress, self.settings = task, k, progress, settings
        self.drawn, self.theta = theta.astype(np.float64), theta
        # Fresh units depend on the weights to start from and on nothing else, so that
        # a network is the same whether it trains alone or beside others.
        self.seed = crc32(theta.tobytes())
        if settings.drawn:
            self.theta = self.drawn / np.sqrt(task.prior(task.network))
        self.best: Found | None = None
        self.climb: Climb | None = None
        #: Whether a climb has ended because the evidence rose no more.
        self.settled = False
        (self.tol,) = settings.each("tol", [k])

    @property
    def history(self) -> History:
        return self.progress.histories[self.k]

    @property
    def steps_left(self) -> int:
        """The number of steps that the network may still take."""
        left = self.settings.max_iter - self.history.n_iter
        return left if self.history.running else 0

    def run(self) -> None:
        """Train the network, and say how training ended."""
        network, decides = self.task.network, self.progress.decides
        whole, as_drawn = Cut.of(network), Plan(FIRST, prunes=not decides)
        if not self.settings.drawn or decides or not network.activations:
            self.go(whole, self.theta, as_drawn)
        else:
            grows = self.task.loss.normal and len(network.activations) == 1
            if not grows:
                self.go(whole, self.theta, as_drawn)
            if network.units[0] <= FEATURES:
                self.from_little_noise()
            if grows:
                self.by_growth()
        if not decides:
            self.rest()
        if self.best is None and self.steps_left:
            self.history.status = Status.DIVERGED
        # (If a later climb came to max_iter, it is kept if it was already better.)
        end = Status.CONVERGED if self.settled else Status.MAX_ITER
        self.progress.end([self.k], end)

    def go(
        self, cut: Cut, theta: Array, plan: Plan, precisions: Precisions | None = None
    ) -> Found | None:
        """Climb from weights of a cut; return what was found."""
        if self.climb is not None and not self.steps_left:
            # The climb so far stays the one that has trained.
            return None
        precisions = precisions or self.task.precisions(cut)
        self.climb = climb = Climb(self.task, cut, theta, precisions)
        try:
            for _ in climb.run(plan, self.tol, self.steps_left):
                if self.ends(climb):
                    break
        finally:
            self.best = better(climb.best, self.best)
            self.settled |= climb.settled
        return climb.best

    def ends(self, climb: Climb) -> bool:
        """Record a step of a climb; return whether the climb must end."""
        one, k, progress = climb.iterate, self.k, self.progress
        if not one.finite and (self.best or climb.best):
            return True
        theta = climb.cut.expanded(one.theta)[np.newaxis]
        progress.epoch([k], theta, np.array([one.J()]), before=theta)
        if progress.decides and self.steps_left and progress.lost_patience(k):
            progress.say(f"{progress.plateau(k)} Stopping.")
            progress.end([k], Status.CONVERGED)
        return not self.history.running

    def from_little_noise(self) -> None:
        """Train with little noise, then climb."""
        cut = Cut.of(self.task.network)
        precisions = self.task.precisions(cut)
        precisions.sharpen(SHARP)
        first = min(LONG, self.settings.max_iter // 4)
        self.go(cut, self.theta[cut.rows], Plan(first), precisions)

    def by_growth(self) -> None:
        """Climb with half of the units, and add some as long as the evidence rises."""
        network = self.task.network
        n = network.units[1]
        cut = Cut.of(network, np.arange(min(n, max(BEGIN, n // 2))))
        theta = self.theta.copy()
        network.split(theta[np.newaxis])[0][1][:] *= SMALL
        grown = self.go(cut, theta[cut.rows], Plan(FIRST, patience=8))
        while grown is not None and self.steps_left:
            larger = self.larger(grown)
            if larger is None or better(larger, grown) is grown:
                break
            grown = larger
        if grown is not None and self.best is not None:
            rise = self.best.evidence.log_evidence - grown.evidence.log_evidence
            if rise < CLOSE:
                self.best = grown

    def rest(self) -> None:
        """Make the slope of F small where the evidence is highest.

        F has changed with each estimate. Laplace's approximation, and whoever looks at
        gradients, take it that the weights have followed.
        """
        best = self.best
        if best is None:
            return
        precisions = self.task.precisions(best.cut)
        precisions.resume(best.evidence.precisions, best.evidence.beta)
        climb = Climb(self.task, best.cut, best.theta, precisions)
        with suppress(np.linalg.LinAlgError):
            for _ in climb.rest(self.tol, min(REST, self.steps_left)):
                if self.ends(climb):
                    return
            self.best = climb.best

    def larger(self, base: Found) -> Found | None:
        """Return a network with fresh units in the place of idle or missing ones."""
        n = self.task.network.units[1]
        used = base.cut.kept[1][base.evidence.units[0] > IDLE]
        free = np.setdiff1d(np.arange(n), used)[: max(ADD, n // 4)]
        if not len(free):
            return None
        kept = base.cut.with_units(used)
        theta = kept.expanded(base.whole[kept.rows])
        fresh = fresh_units(self.task, theta, free, self.drawn, self.seed, self.tol)
        if fresh is None:
            return None
        cut, theta, precisions = joined(self.task, base, kept, fresh)
        return self.go(cut, theta, Plan(AGAIN), precisions)

    def conclude(self) -> tuple[Array, Evidence | None]:
        """Return the weights to keep (P,), and their evidence; None if it diverged."""
        task, decides, climb = self.task, self.progress.decides, self.climb
        several = task.loss.normal and len(task.variance) > 1
        cut, theta = Cut.of(task.network), self.theta
        if self.best is not None and not decides:
            cut, theta = self.best.cut, self.best.whole
        elif climb is not None:
            cut, theta = climb.cut, climb.cut.expanded(climb.iterate.theta)
        theta = self.progress.result(self.k, theta)
        if self.history.status is Status.DIVERGED:
            return theta, None
        if self.best is not None and not decides and not several:
            return theta, task.of_whole(cut, self.best.evidence)
        precisions = task.precisions(cut)
        if self.best is not None and not decides:
            evidence = self.best.evidence
            precisions.resume(evidence.precisions, evidence.beta)
        elif climb is not None:
            precisions = climb.iterate.precisions
        at = theta.astype(np.float64)[cut.rows]
        E, _, H = (part[0] for part in task.gauss_newton(cut)(at[np.newaxis]))
        with suppress(np.linalg.LinAlgError):
            estimate = precisions.settle if several else precisions.estimate
            return theta, task.of_whole(cut, estimate(E, at, H))
        return theta, None


def minimise(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    start: Checkpoint,
    rng: np.random.RandomState,
) -> Solution:
    """Train K networks from a checkpoint on, one after the other.

    Only the weights of ``start`` are used, and ``rng`` is not.
    """
    assert start.theta is not None
    kept, evidence = start.theta.copy(), []
    with np.errstate(all="ignore"):
        task = Task.of(problem, settings.estimate == "ard")
        each = [
            Training(task, k, progress, settings, theta)
            for k, theta in enumerate(start.theta)
        ]
        try:
            for one in each:
                one.run()
        except KeyboardInterrupt:
            progress.end(list(range(len(kept))), Status.INTERRUPTED)
        for k, one in enumerate(each):
            kept[k], found = one.conclude()
            evidence.append(found)
            if found is None:
                one.history.status = Status.DIVERGED
    return Solution(kept, evidence)
