"""A fit, from a job to its results: run the solver, and choose what predicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any, TypeAlias

import numpy as np

from skbp.engine.arrays import Array
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.evidence.linear_model import linear_beside
from skbp.engine.evidence.posterior import Evidence, Posterior
from skbp.engine.model import Model
from skbp.engine.network import predict
from skbp.engine.problem import Problem
from skbp.engine.progress import History, Progress, Status
from skbp.engine.settings import Settings, stacked
from skbp.engine.solvers import SOLVERS
from skbp.engine.solvers.solution import Solution
from skbp.engine.temperature import best_temperature, divided

#: Networks predict together with the best only if their log evidence is lower by at
#: most this much, or this much per sample: a ratio of 1.04 between the variances of the
#: noise.
CLOSE, CLOSE_PER_SAMPLE = 10.0, 0.02
#: A function that is called after each epoch with the progress, the numbers of the
#: networks that are training, and a function that returns the network with a number. If
#: it returns True, training ends.
Hook: TypeAlias = Callable[[Progress, list[int], Callable[[int], Model]], bool]


@dataclass(frozen=True)
class Job:
    """Everything that a fit depends on: what the estimators hand to the engine.

    Attributes
    ----------
    problem : Problem
    settings : Settings
    start : Checkpoint
        The start of training, for all networks. If several estimators train together,
        each of them has ``n_init`` networks, and the networks are ordered by estimator.
    rng : RandomState
        Shuffles the samples.
    n_init, ensemble : int
        The number of networks of an estimator, and how many of the best predict
        together.
    linear : bool
        Whether a linear model may have a share in predictions.
    temperature : bool
        Whether the raw outputs are divided by a temperature, by the validation set.
    report : callable or None
        A function that is called with a line of text for each event; None means
        silence.
    around : callable or None
        A function that calls the solver, and sees to what the solver needs; None means
        that the solver is called without it.
    """

    problem: Problem
    settings: Settings
    start: Checkpoint
    rng: np.random.RandomState
    n_init: int = 1
    ensemble: int = 1
    linear: bool = False
    temperature: bool = False
    report: Callable[[str], Any] | None = None
    around: Callable[[Callable[[], Solution]], Solution] | None = None

    @property
    def multiplications(self) -> int:
        """The number of multiplications in the largest matrix product of a step."""
        m = len(self.problem.samples)
        if SOLVERS[self.settings.solver].batches:
            m = self.settings.batch_size
        return self.problem.network.multiplications(m)

    def stacked(self, each: Sequence[Settings]) -> Job:
        """Return the job of several estimators that differ only in these settings."""
        assert self.start.theta is not None
        settings = stacked(each, self.n_init)
        theta = np.tile(self.start.theta, (len(each), 1))
        rates = settings.each("learning_rate_init", range(len(theta)))
        start = replace(Checkpoint.fresh(theta, rates), split=self.start.split)
        for k, history in enumerate(start.histories):
            first = self.start.histories[k % self.n_init]
            history.start_score = first.start_score
        return replace(self, settings=settings, start=start)

    def resumed(self, checkpoint: Checkpoint) -> Job:
        """Return the job that continues from a checkpoint to the same ``max_iter``."""
        assert checkpoint.random is not None
        self.rng.set_state(checkpoint.random)
        more = self.settings.max_iter - checkpoint.epochs
        settings = replace(self.settings, max_iter=more)
        return replace(self, start=checkpoint, settings=settings)


@dataclass(frozen=True)
class Result:
    """The result of a fit for one estimator: what the engine hands back.

    Attributes
    ----------
    model : Model
    history : History
        The history of the best network.
    evidence : Evidence or None
        The estimates made together with the weights of the best network.
    linear_share : array (outputs,) or None
        The share of a linear model in predictions; None if training was interrupted.
    temperature : float or None
        The temperature that the output layer has been divided by; None if it was not.
    checkpoint : callable
        Returns the state of training, or None if the solver cannot continue from it.
    """

    model: Model
    history: History
    evidence: Evidence | None
    linear_share: Array | None
    temperature: float | None
    checkpoint: Callable[[], Checkpoint | None]


def fit(job: Job, hook: Hook | None = None) -> list[Result]:
    """Train the networks of a job; return the result of each estimator."""
    problem, settings, start = job.problem, job.settings, job.start
    assert start.best_theta is not None
    networks = range(len(start.histories))
    progress = Progress(
        start.best_theta,
        settings.each("tol", networks),
        settings.each("n_iter_no_change", networks),
        validate=problem.validate if problem.validation else None,
        decides=bool(problem.validation and problem.validation.decides),
        # Copies, so that training leaves the job as it is.
        histories=[one.copied() for one in start.histories],
        hook=hook and after_epoch(problem, hook),
        report=job.report,
    )
    minimise = partial(
        SOLVERS[settings.solver].minimise, problem, settings, progress, start, job.rng
    )
    solution = job.around(minimise) if job.around else minimise()
    losses = judge(job, progress, solution)

    known: list[Checkpoint | None] = []

    def checkpoint() -> Checkpoint | None:
        if not known:
            # One for all estimators, made if one of them asks.
            known.append(solution.checkpoint and solution.checkpoint())
        return known[0]

    starts = range(0, len(networks), job.n_init)
    groups = [networks[start : start + job.n_init] for start in starts]
    return [
        conclude(job, solution, progress, group, losses, checkpoint) for group in groups
    ]


def after_epoch(
    problem: Problem, hook: Hook
) -> Callable[[Progress, list[int], Array], bool]:
    """Return the function that ``Progress`` calls after each epoch, for a hook."""

    def call(progress: Progress, active: list[int], theta: Array) -> bool:
        def model(k: int) -> Model:
            # Of networks that are not training, the best weights are known.
            own = theta[active.index(k)] if k in active else progress.best_theta[k]
            # Copy the weights, because training changes them in place.
            own = own[np.newaxis].copy()
            return Model.of(problem.network, problem.loss.activation, own)

        return hook(progress, active, model)

    return call


def judge(job: Job, progress: Progress, solution: Solution) -> Array | None:
    """Judge the weights that training ended with by their own loss.

    Returns the loss (K,) of the weights that are kept; None if it was not computed.

    The losses that a solver records belong to weights before a step. So nobody has seen
    what the last step did, nor what float32 makes of weights found in float64. Where
    the loss is not finite, the best weights before that are kept.
    """
    theta, histories = solution.theta, progress.histories
    try:
        with np.errstate(all="ignore"):
            if job.problem.surely_finite(theta):
                # The pass below takes a third of an epoch.
                return None
            losses = job.problem.losses(theta)
            for k, history in enumerate(histories):
                if history.status is Status.DIVERGED or isfinite(losses[k]):
                    continue
                if history.status is not Status.INTERRUPTED:
                    history.status = Status.DIVERGED
                assert job.start.theta is not None
                known = np.stack([progress.best_theta[k], job.start.theta[k]])
                costs = job.problem.losses(known)
                costs = np.where(np.isfinite(costs), costs, np.inf)
                theta[k] = known[np.argmin(costs)]
                losses[k] = costs.min()
            return losses
    except KeyboardInterrupt:
        # An interrupt here has the same effect as in training: keep what there is.
        for history in histories:
            history.status = Status.INTERRUPTED
        return None


def conclude(
    job: Job,
    solution: Solution,
    progress: Progress,
    networks: range,
    losses: Array | None,
    checkpoint: Callable[[], Checkpoint | None],
) -> Result:
    """Return the result of the estimator that these networks belong to."""
    network, output = job.problem.network, job.problem.loss.activation
    evidence = [
        None
        if not solution.evidence or progress.histories[k].status is Status.DIVERGED
        else solution.evidence[k]
        for k in networks
    ]
    theta = solution.theta[networks.start : networks.stop]
    if losses is not None:
        losses = losses[networks.start : networks.stop]
    members = best_of(job, progress, networks, theta, losses, evidence)
    history = progress.histories[networks[members[0]]]
    if any(progress.histories[k].status is Status.INTERRUPTED for k in networks):
        # Training as a whole was interrupted, even if the best network was ready.
        history.status = Status.INTERRUPTED
    theta, evidence = theta[members], [evidence[i] for i in members]
    share = temperature = None
    if history.status is not Status.INTERRUPTED:
        try:
            theta, evidence, share = with_linear(job, theta, evidence)
            theta, temperature = with_temperature(job, theta)
        except KeyboardInterrupt:
            # An interrupt here has the same effect as in training: keep what there is.
            history.status = Status.INTERRUPTED
    known = [one for one in evidence if one]
    posterior = Posterior.of(known) if evidence[0] else None
    return Result(
        Model.of(network, output, theta, share, posterior),
        history,
        evidence[0],
        share,
        temperature,
        lambda: part_of(checkpoint(), networks),
    )


def part_of(checkpoint: Checkpoint | None, networks: range) -> Checkpoint | None:
    """Return the part of a checkpoint that belongs to these networks."""
    return checkpoint and checkpoint.select(networks)


def best_of(
    job: Job,
    progress: Progress,
    networks: range,
    theta: Array,
    losses: Array | None,
    evidence: Sequence[Evidence | None],
) -> list[int]:
    """Return the rows of theta (n_init, P) that predict together, best first.

    ``losses`` are the losses of theta; None means that they are not known yet.
    """
    if len(theta) == 1:
        return [0]
    if progress.decides:
        cost = np.array([progress.histories[k].best for k in networks])
    elif job.settings.estimates:
        cost = np.array([-one.log_evidence if one else np.inf for one in evidence])
    else:
        alpha = job.settings.column("alpha", networks)
        with np.errstate(all="ignore"):
            loss = job.problem.losses(theta) if losses is None else losses
            cost = loss + job.problem.penalty(alpha, theta)
    if job.settings.estimates:
        # A network without evidence has diverged, and its uncertainty is unknown.
        cost = np.where([one is None for one in evidence], np.inf, cost)
    cost = np.where(np.isfinite(cost), cost, np.inf)
    order = [int(k) for k in np.argsort(cost, kind="stable")]
    # A network that diverged is used only if all networks diverged.
    good = [k for k in order if np.isfinite(cost[k])] or order[:1]
    if job.settings.estimates and not progress.decides:
        # A network of another, poorer optimum would spoil the mean.
        room = max(CLOSE, CLOSE_PER_SAMPLE * job.problem.samples.total())
        good = [k for k in good if cost[k] <= cost[good[0]] + room]
    return good[: job.ensemble]


def with_linear(
    job: Job, theta: Array, evidence: list[Evidence | None]
) -> tuple[Array, list[Evidence | None], Array]:
    """Return theta (m, P) and the evidence, with a linear network in the last row.

    The third result is the share (outputs,) of the linear network. If the share is
    zero, the linear network is not added. If it is 1 for all outputs, the other
    networks are left out.
    """
    network, known = job.problem.network, [one for one in evidence if one]
    possible = job.linear and job.problem.loss.normal and network.activations
    if possible and len(known) == len(theta):
        with np.errstate(all="ignore"), suppress(np.linalg.LinAlgError):
            found = linear_beside(job.problem, theta, known)
            if found is not None:
                alone = bool((found.share == 1.0).all())
                others = (theta[:0], []) if alone else (theta, evidence)
                return (
                    np.vstack([others[0], found.theta]),
                    [*others[1], found.evidence],
                    found.share,
                )
    return theta, evidence, np.zeros(network.units[-1])


def with_temperature(job: Job, theta: Array) -> tuple[Array, float | None]:
    """Return theta (m, P) divided by the best temperature, and the temperature."""
    if not job.temperature:
        return theta, None
    problem, validation = job.problem, job.problem.validation
    assert validation is not None
    samples, network = validation.samples, problem.network
    Z = predict(network, *network.split(theta), samples.X)
    found, _ = best_temperature(problem.loss, Z, samples.Y, samples.weights)
    return divided(network, theta, found), found
