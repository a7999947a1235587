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
of the cost small. If a validation set decides, each climb ends when the score stops
rising, and there are no last steps.

If weights were given, a climb continues from them with the best precisions for them. A
climb from the same weights with the first guesses follows, unless the given weights
already explain most of the squared error, at a maximum of the evidence.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
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
#: grown is kept: it has fewer features and units. Given weights from which it rises by
#: less were at a maximum.
CLOSE = 10.0
#: Given weights that determine fewer parameters than this beyond one for each output
#: have learnt nothing. Those that leave less than this part of the variance to noise
#: have learnt the targets.
ABOUT, NOISE = 0.5, 0.5
#: The rise of the log evidence with fresh units from which on more of them follow.
GAIN = 3.0
#: The largest number of steps with fixed precisions at the end.
REST = 20
#: The smallest number of units to begin growth with, and to add at a time.
BEGIN, ADD = 4, 2


@dataclass(frozen=True)
class Place:
    """Weights (P,) of a cut on their way up, with their precisions.

    ``task`` is the one that they belong to: its frame makes plain weights of them.
    """

    task: Task
    cut: Cut
    theta: Array
    alpha: Array
    beta: Array

    @classmethod
    def of_climb(cls, climb: Climb) -> Place:
        one = climb.iterate
        return cls(
            climb.task, climb.cut, one.theta, one.precisions.alpha, one.precisions.beta
        )

    @classmethod
    def of_found(cls, task: Task, found: Found) -> Place:
        evidence = found.evidence
        return cls(task, found.cut, found.theta, evidence.precisions, evidence.beta)

    def plain(self, task: Task) -> tuple[Array, Precisions]:
        """Return the weights of the network itself (P,), and precisions for them."""
        precisions = task.precisions(self.cut)
        if self.task.frame is None:
            precisions.resume(self.alpha, self.beta)
            return self.theta, precisions
        frame = self.task.frame.of_cut(self.cut)
        precisions.resume_variances(
            frame.variances(self.theta, 1.0 / self.alpha), self.beta
        )
        return frame.plain(self.theta[np.newaxis])[0], precisions


def settled(task: Task, cut: Cut, theta: Array, precisions: Precisions) -> Found | None:
    """Return weights (P,) with the best precisions for them; None if there are none."""
    E, _, H = (part[0] for part in task.gauss_newton(cut)(theta[np.newaxis]))
    with suppress(np.linalg.LinAlgError):
        return Found(cut, theta, precisions.settle(E, theta, H))
    return None


class Training:
    """The training of one network.

    Parameters
    ----------
    task, framed : Task
        The task for the weights of the network itself, and for weights as if all means
        were 0, which weights that were drawn climb with first.
    k : int
        The number of the network in ``progress``.
    progress : Progress
    settings : Settings
    theta : array (P,)
        The weights to start from.
    """

    given: Task
    task: Task
    k: int
    progress: Progress
    settings: Settings
    drawn: Array
    theta: Array

    def __init__(
        self,
        task: Task,
        framed: Task,
        k: int,
        progress: Progress,
        settings: Settings,
        theta: Array,
    ):
        self.given, self.task = task, framed if settings.drawn else task
        self.k, self.progress, self.settings = k, progress, settings
        self.drawn, self.theta = theta.astype(np.float64), theta
        # Fresh units depend on the weights to start from and on nothing else, so that
        # a network is the same whether it trains alone or beside others.
        self.seed = crc32(theta.tobytes())
        if settings.drawn:
            self.theta = self.drawn / np.sqrt(framed.prior(task.network))
        self.best: Found | None = None
        self.climb: Climb | None = None
        #: Where the validation score was best.
        self.chosen: Place | None = None
        #: Whether ``max_iter`` has ended training before it was done.
        self.cut_off = False
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
        network = self.task.network
        if not network.activations:
            self.go(Cut.of(network), self.theta, Plan(FIRST))
        elif not self.settings.drawn:
            self.from_given()
        else:
            grows = self.task.loss.normal and len(network.activations) == 1
            if not grows:
                self.go(Cut.of(network), self.theta, Plan(FIRST))
            if network.units[0] <= FEATURES:
                self.from_little_noise()
            if grows:
                self.by_growth()
        if self.best is not None and self.task is not self.given:
            self.land(self.best)
        landed = self.task is self.given
        if self.best is not None and landed and not self.progress.decides:
            self.rest(self.best)
        if self.best is None and self.steps_left:
            self.history.status = Status.DIVERGED
        end = Status.MAX_ITER if self.cut_off else Status.CONVERGED
        self.progress.end([self.k], end)

    def go(
        self, cut: Cut, theta: Array, plan: Plan, precisions: Precisions | None = None
    ) -> Found | None:
        """Climb from weights of a cut; return what was found."""
        if self.climb is not None and not self.steps_left:
            # The climb so far stays the one that has trained.
            self.cut_off |= self.history.running
            return None
        precisions = precisions or self.task.precisions(cut)
        self.climb = climb = Climb(self.task, cut, theta, precisions)
        self.history.stale = 0
        if self.best is not None:
            plan = replace(plan, mark=self.best.evidence.log_evidence)
        ended = False
        try:
            for _ in climb.run(plan, self.tol, self.steps_left):
                ended = self.ends(climb)
                if ended:
                    break
        finally:
            self.best = better(climb.best, self.best)
        done = ended or climb.settled or self.steps_left
        self.cut_off = self.history.running and not done
        return climb.best

    def ends(self, climb: Climb) -> bool:
        """Record a step of a climb; return whether the climb must end."""
        one, k, progress, history = climb.iterate, self.k, self.progress, self.history
        if not one.finite and (self.best or climb.best):
            return True
        theta = self.task.plain(climb.cut.expanded(one.theta))[np.newaxis]
        before = history.best
        progress.epoch([k], theta, np.array([one.J()]), before=theta)
        if not progress.decides:
            return not history.running
        if history.best < before:
            self.chosen = Place.of_climb(climb)
        if climb.best is None:
            # Patience is for the time from the first estimate on.
            history.stale = 0
        lost = progress.lost_patience(k)
        if lost and self.steps_left:
            progress.say(f"{progress.plateau(k)} This stage ends.")
        return lost or not history.running

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
        while grown is not None:
            larger, before = self.larger(grown), grown.evidence.log_evidence
            if larger is None:
                break
            grown = better(larger, grown)
            if grown is None or not grown.evidence.log_evidence - before >= GAIN:
                break
        if grown is not None and self.best is not None:
            rise = self.best.evidence.log_evidence - grown.evidence.log_evidence
            if rise < CLOSE:
                self.best = grown

    def from_given(self) -> None:
        """Climb on from the given weights, and once more if they were no maximum."""
        network = self.task.network
        cut = Cut.of(network)
        at = settled(self.task, cut, self.drawn, self.task.precisions(cut))
        if at is not None:
            self.best = at
            # From weights that have learnt nothing, there is no way up.
            if at.evidence.gamma.sum() > network.units[-1] + ABOUT:
                self.climb_on(at)
            rise = self.best.evidence.log_evidence - at.evidence.log_evidence
            noise = (1.0 / (at.evidence.beta * self.task.variance)).mean()
            if self.task.loss.normal and noise < NOISE and rise < CLOSE:
                return
        self.go(cut, self.theta, Plan(FIRST))

    def land(self, best: Found) -> None:
        """Climb on with the weights of the network itself."""
        at = Place.of_found(self.task, best)
        found = settled(self.given, at.cut, *at.plain(self.given))
        if found is not None:
            self.task, self.best = self.given, found
            self.climb_on(found)

    def climb_on(self, found: Found) -> Found | None:
        """Climb from weights with the best precisions for them."""
        theta, precisions = Place.of_found(self.task, found).plain(self.task)
        return self.go(found.cut, theta, Plan(1), precisions)

    def rest(self, best: Found) -> None:
        """Make the slope of F small where the evidence is highest.

        F has changed with each estimate. Laplace's approximation, and whoever looks at
        gradients, take it that the weights have followed.
        """
        theta, precisions = Place.of_found(self.task, best).plain(self.task)
        climb = Climb(self.task, best.cut, theta, precisions)
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
        if not self.steps_left:
            self.cut_off |= self.history.running
            return None
        kept = base.cut.with_units(used)
        theta = kept.expanded(base.whole[kept.rows])
        fresh = fresh_units(self.task, theta, free, self.drawn, self.seed, self.tol)
        if fresh is None:
            return None
        cut, theta, precisions = joined(self.task, base, kept, fresh)
        return self.go(cut, theta, Plan(AGAIN), precisions)


def conclude(training: Training) -> tuple[Array, Evidence | None]:
    """Return the weights to keep (P,), and their evidence; None if it diverged."""
    task, decides, best = training.given, training.progress.decides, training.best
    several = task.loss.normal and len(task.variance) > 1
    at = training.chosen if decides else None
    if at is None and best is not None:
        at = Place.of_found(training.task, best)
    if at is None and training.climb is not None:
        at = Place.of_climb(training.climb)
    cut, theta = Cut.of(task.network), training.theta
    precisions = task.precisions(cut)
    if at is not None:
        cut = at.cut
        theta, precisions = at.plain(task)
        theta = cut.expanded(theta)
    theta = training.progress.result(training.k, theta)
    if training.history.status is Status.DIVERGED:
        return theta, None
    landed = training.task is task
    if best is not None and landed and not (several or decides):
        return theta, task.of_whole(cut, best.evidence)
    own = theta.astype(np.float64)[cut.rows]
    E, _, H = (part[0] for part in task.gauss_newton(cut)(own[np.newaxis]))
    with suppress(np.linalg.LinAlgError):
        settles = several or decides or not landed
        estimate = precisions.settle if settles else precisions.estimate
        return theta, task.of_whole(cut, estimate(E, own, H))
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
        framed = task.framed() if settings.drawn else task
        each = [
            Training(task, framed, k, progress, settings, theta)
            for k, theta in enumerate(start.theta)
        ]
        try:
            for one in each:
                one.run()
        except KeyboardInterrupt:
            progress.end(list(range(len(kept))), Status.INTERRUPTED)
        for k, one in enumerate(each):
            kept[k], found = conclude(one)
            evidence.append(found)
            if found is None:
                one.history.status = Status.DIVERGED
    return Solution(kept, evidence)
