"""From an estimator and its data to a job: the steps of every fit, in a fixed order.

All training goes through this module: ``fit``, a warm start, ``partial_fit``, the first
candidate of a search, and ``check_gradient`` for the weights that ``fit`` would start
from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skbp._data.checks import on_dask
from skbp._data.dask import read_partitions
from skbp._data.read import Data, Read, as_trained, read_new
from skbp._data.validation_set import Split, check_scores
from skbp._estimator.attributes import COUNTS, forget, holds, of_targets
from skbp._estimator.by_hand import targets_of, weights_of
from skbp._estimator.parameters import (
    check_on_dask,
    check_parameters,
    check_partial_fit,
    estimate_of,
    hidden_layers,
    kind_of,
    layer_activations,
    options_of,
    settings_of,
    starts_at_constant,
    stops_early,
    trained_loss,
)
from skbp._estimator.rules import asked, check_hooks, rules_of
from skbp._estimator.start import fitted_theta, initial_theta
from skbp._estimator.validation import validated, validation_set
from skbp._targets import NumberTargets, Targets
from skbp.engine.arrays import Array
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.fit import Job
from skbp.engine.network import Network
from skbp.engine.own_loss import check_own_loss
from skbp.engine.problem import Problem
from skbp.engine.random import seeded
from skbp.engine.samples import Parts, Samples
from skbp.engine.settings import Settings
from skbp.engine.solvers import SOLVERS


@dataclass(frozen=True)
class Earlier:
    """The results of an earlier call, or weights set by hand, to continue from."""

    #: None if the attributes do not name the classes.
    targets: Targets | None
    coefs: Sequence[Array]
    intercepts: Sequence[Array]
    t: int
    checkpoint: Checkpoint

    @classmethod
    def of(cls, estimator: Any) -> Earlier | None:
        """Return the results of an earlier call; None if the estimator is new."""
        if not hasattr(estimator, "coefs_"):
            return None
        fitted = vars(estimator)
        checkpoint = fitted.get("_bp_checkpoint") or Checkpoint([])
        known = {"_bp_targets", "classes_", "_label_binarizer"} & fitted.keys()
        numbers = kind_of(estimator) is NumberTargets
        targets = targets_of(estimator) if known or numbers else None
        t, model = int(fitted.get("t_", 0)), fitted.get("_bp_model")
        weights = estimator.coefs_, fitted.get("intercepts_", ())
        as_there = rules_of(estimator).as_there
        if model is None or as_there or not holds(model, *weights):
            # The user may have set them.
            weights = weights_of(estimator)
        return cls(targets, *weights, t, checkpoint)

    def learning(
        self, estimator: Any, options: Any, how: str
    ) -> Callable[[Any], Targets]:
        """Return the function that learns from y, with the classes that are known."""
        if self.targets is None:
            return partial(kind_of(estimator).learn, options)
        learn: Callable[..., Targets] = getattr(self.targets, how)
        return partial(learn, options)


def prepare(estimator: Any, data: Data, validation: Data) -> Job:
    """Return the job of ``fit``, which starts anew or continues from a warm start."""
    check_parameters(estimator)
    earlier = Earlier.of(estimator) if estimator.warm_start else None
    if np.all(vars(estimator).get("linear_share_", 0.0) == 1.0):
        # A linear model predicts alone. Start anew, because the units that it does not
        # use would never learn.
        earlier = None
    learn: Callable[[Any], Targets]
    options = options_of(estimator)
    if earlier is None:
        learn = partial(kind_of(estimator).learn, options)
        forget(estimator, *COUNTS, *rules_of(estimator).computed)
    else:
        learn = earlier.learning(estimator, options, "renewed")
        forget(estimator, "n_iter_")
    rng = random_state_of(estimator)
    job = job_of(estimator, data, validation, learn, earlier, rng)
    check_outputs(job)
    if earlier is not None:
        forget_curves(estimator, job)
    return job


def prepare_part(estimator: Any, data: Data, validation: Data) -> Job:
    """Return the job of ``partial_fit``: one epoch, from the current state on."""
    check_partial_fit(estimator)
    earlier = Earlier.of(estimator)
    options = options_of(estimator)
    options.check_parts()
    learn: Callable[[Any], Targets]
    if earlier is None:
        forget(estimator, *rules_of(estimator).computed)
        classes = vars(estimator).get("classes_")
        learn = partial(kind_of(estimator).learn, options, classes=classes)
        rng = random_state_of(estimator)
    else:
        learn = earlier.learning(estimator, options, "extended")
        rng = stream_of(estimator, earlier)
    job = job_of(estimator, data, validation, learn, earlier, rng, max_iter=1)
    targets, samples = vars(estimator)["_bp_targets"], job.problem.samples
    if (
        earlier is None
        and isinstance(targets, NumberTargets)
        and isinstance(samples, Samples)
    ):
        targets.check_spread(samples.Y, samples.weights)
    return replace(job, start=resumed(job, earlier))


def job_of(
    estimator: Any,
    data: Data,
    validation: Data,
    learn: Callable[[Any], Targets],
    earlier: Earlier | None,
    rng: np.random.RandomState,
    **others: Any,
) -> Job:
    """Return a job, in the order that all fits share; ``others`` are settings.

    The order is: features and targets, network, initial weights, validation set,
    settings. The initial weights and the validation set draw from the random stream in
    this order.
    """
    check_hooks(estimator, classes=earlier is None)
    hidden, activations = hidden_layers(estimator)
    if earlier is not None and rules_of(estimator).as_there:
        # scikit-learn's networks ignore a parameter that has changed since.
        hidden = tuple(len(b) for b in earlier.intercepts[:-1])
        activations = layer_activations(estimator, len(hidden))
    read = read_training(estimator, data, learn, earlier)
    forget(estimator, "target_center_", "target_scale_")
    vars(estimator).update(of_targets(read.targets))
    units = (read.n_features, *hidden, read.n_outputs)
    network = Network(units, activations, asked(estimator).fit_intercept)
    loss = trained_loss(estimator, read.targets)
    theta = start_theta(estimator, network, read, earlier, rng)
    watched, split = validation_set(
        estimator, validation, read, known_split(earlier), rng
    )
    samples = as_trained(read, None if split is None else split.train)
    problem = Problem(network, loss, samples)
    if watched is not None:
        watching = validated(estimator, problem, watched)
        problem = replace(problem, validation=watching)
    if earlier is None and starts_at_constant(estimator):
        constant = problem.best_constant().astype(theta.dtype)
        # A constant that cannot be computed, of targets close to the largest number,
        # is no start.
        theta[:, -len(constant) :] = np.where(np.isfinite(constant), constant, 0.0)
    others["drawn"] = is_drawn(estimator, earlier)
    settings = settings_of(estimator, len(samples), network, **others)
    return Job(
        problem,
        settings,
        start_of(estimator, problem, settings, theta, split, earlier),
        rng,
        n_init=asked(estimator).n_init,
        ensemble=asked(estimator).ensemble,
        # Not with a warm start, because training could not continue from a linear
        # model: units without weights have no gradient.
        linear=not (stops_early(estimator) or estimator.warm_start),
        temperature=read.targets.options.temperature,
        report=print if estimator.verbose else None,
    )


def check_outputs(job: Job) -> None:
    """Refuse an output of which no target is known: it would learn nothing."""
    samples = job.problem.samples
    weights = samples.weights if isinstance(samples, Samples) else None
    if weights is None or weights.ndim == 1:
        return
    unknown = np.flatnonzero(weights[samples.every].sum(axis=0) == 0.0)
    if len(unknown):
        raise ValueError(
            f"Column {unknown[0]} of y has no known target among the training samples "
            "(nan is unknown, and so is a target of weight 0). Leave out the column, "
            "or pass some of its targets."
        )


# The steps of job_of.


def read_training(
    estimator: Any,
    data: Data,
    learn: Callable[[Any], Targets],
    earlier: Earlier | None,
) -> Read:
    """Read the training data, in memory or on Dask."""
    kind, reset = kind_of(estimator), earlier is None
    if on_dask(data.X):
        check_on_dask(estimator)
        read = read_partitions(estimator, data, kind, learn, reset=reset)
    else:
        known = None if earlier is None else earlier.targets
        read = read_new(estimator, data, kind, learn, reset=reset, earlier=known)
    if callable(read.targets.options.loss):
        check_own(read)
    return read


def check_own(read: Read) -> None:
    """Refuse a loss of the user's own that does not return what it should."""
    samples, targets = read.samples, read.targets
    if isinstance(samples, Parts):
        samples = next(iter(samples.stream()))
    weights = samples.weights
    by_target = weights is not None and weights.ndim == 2
    check_own_loss(targets.options.loss, targets.output, samples.Y, by_target)


def start_theta(
    estimator: Any,
    network: Network,
    read: Read,
    earlier: Earlier | None,
    rng: np.random.RandomState,
) -> Array:
    """Return the theta (n_init, P) that training starts from."""
    dtype = read.samples.dtype
    if earlier is not None:
        weights = earlier.coefs, earlier.intercepts
        return fitted_theta(estimator, network, dtype, *weights)
    each = [
        initial_theta(estimator, network, dtype, rng)
        for _ in range(asked(estimator).n_init)
    ]
    return np.concatenate(each)


def known_split(earlier: Earlier | None) -> Split | None:
    """Return the split of the samples in an earlier call, if there was one."""
    return None if earlier is None else earlier.checkpoint.split


def is_drawn(estimator: Any, earlier: Earlier | None) -> bool:
    """Return whether alpha is estimated from weights drawn for data of size 1."""
    given = asked(estimator).coefs_init is not None or starts_at_constant(estimator)
    return bool(estimate_of(estimator)) and earlier is None and not given


def start_of(
    estimator: Any,
    problem: Problem,
    settings: Settings,
    theta: Array,
    split: Split | None,
    earlier: Earlier | None,
) -> Checkpoint:
    """Return the checkpoint before the first epoch, with the score to beat."""
    rates = settings.each("learning_rate_init", range(len(theta)))
    start = Checkpoint.fresh(theta, rates)
    if earlier is not None:
        # Keep the earlier split, even if the user now passes a validation set.
        start.t, start.split = earlier.t, split or earlier.checkpoint.split
    else:
        start.split = split
    if problem.validation is not None:
        with np.errstate(all="ignore"):
            scored = problem.validate(theta)
        check_scores(scored, asked(estimator).scoring)
        for history, one in zip(start.histories, scored, strict=True):
            if earlier is None:
                history.start_score = one.score
            elif problem.validation.decides:
                # The weights of a warm start have a score on these data, which is to
                # be beaten.
                history.best = -one.score
    return start


def random_state_of(estimator: Any) -> np.random.RandomState:
    """Return the stream of random numbers that ``random_state`` stands for."""
    seed = estimator.random_state
    return seeded(int(seed)) if isinstance(seed, Integral) else check_random_state(seed)


# Continuing from earlier calls.


def stream_of(estimator: Any, earlier: Earlier) -> np.random.RandomState:
    """Return the stream of random numbers, as an earlier call left it."""
    rng: np.random.RandomState | None = earlier.checkpoint.random
    return random_state_of(estimator) if rng is None else rng


def resumed(job: Job, earlier: Earlier | None) -> Checkpoint:
    """Return the start of a job, with the state of an earlier call if it suits."""
    P = job.problem.network.n_parameters
    if earlier is None or not earlier.checkpoint.suits(job.settings.solver, P):
        return job.start
    return earlier.checkpoint.resumed(job.start)


def forget_curves(estimator: Any, job: Job) -> None:
    """Remove the curves of an earlier fit that this fit does not continue."""
    if job.problem.validation is None:
        names = "validation_scores_", "validation_loss_curve_", "best_validation_score_"
        forget(estimator, *names)
    if not SOLVERS[job.settings.solver].steps:
        forget(estimator, "learning_rate_curve_")
