"""A fit, of one estimator or of several in lock-step: beginning, training, end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from skbp._heldout import check_scores, validation
from skbp.engine.activations import inverse
from skbp.engine.arrays import Array, Rows
from skbp.engine.losses import Loss
from skbp.engine.pause import Pause, joined
from skbp.engine.progress import MAX_ITER, History, Progress
from skbp.engine.samples import Parts, Samples
from skbp.engine.training import Settings, State

#: The parameters in which networks that train in lock-step may differ: numbers.
LOCKSTEP = tuple(one.name for one in fields(Settings) if "Values" in str(one.type))


class Outcome(NamedTuple):
    """How the fit of an estimator went, whose networks trained with others."""

    history: History
    stand: Callable[[], Pause | None]
    networks: range

    def pause(self) -> Pause | None:
        """Return where its networks stand, if their solver can go on from there."""
        whole = self.stand()
        return whole and whole.of(self.networks)


def fit_together(
    estimators: Sequence[Any],
    X: Any,
    y: Any,
    sample_weight: Any = None,
    given: tuple[Any, Any, Any] = (None, None, None),
    *,
    partial: bool = False,
    context: Any = None,
    pauses: Sequence[Pause] = (),
    horizon: int = 0,
) -> list[Outcome]:
    """Fit estimators to the same data, in lock-step; return how that went.

    They differ in parameters of ``LOCKSTEP`` alone, and are new where there are
    several. A fit is the case of one estimator. With ``pauses``, one of each estimator,
    training goes on until it has had ``max_iter`` epochs; ``horizon`` is the number of
    epochs over which learning rates run their course, ``max_iter`` by default.
    """
    fit = Fit(estimators, X, y, sample_weight, given, partial)
    fit.begin(context and context.hook(fit.network))
    if horizon:
        fit.settings = replace(fit.settings, horizon=horizon)
    if pauses:
        fit.go_on_from(joined(pauses))
    return fit.run()


class Fit:
    """A fit of estimators in lock-step, on its way from their data to their attributes.

    What they have in common is asked of the first. Each has ``n_init`` networks.
    """

    def __init__(
        self,
        estimators: Sequence[Any],
        X: Any,
        y: Any,
        sample_weight: Any,
        given: tuple[Any, Any, Any],
        partial: bool,
    ):
        first = estimators[0]
        self.estimators, self.first, self.partial = estimators, first, partial
        for one in estimators:
            one._check_parameters(partial)
        fresh = not hasattr(first, "coefs_") or not (partial or first.warm_start)
        # The units that a linear model has no use for would never learn.
        alone = np.all(vars(first).get("linear_share_", 0.0) == 1.0)
        fresh = fresh or (bool(alone) and not partial)
        network, samples, y = first._problem(X, y, sample_weight, fresh, partial)
        for other in estimators[1:]:
            other._learn_from(first)
        self.fresh, self.network, self.samples = fresh, network, samples
        self.loss: Loss = first._trained_loss()
        self.memory = {} if fresh else vars(first).get("_memory", {})
        self.rng = rng = first._random_stream(self.memory if partial else {})
        theta = first._start(network, samples.dtype, rng, fresh)
        self.held, self.split = first._validation_set(
            given, network, samples, y, rng, self.memory
        )
        self.rows: Rows | None = None if self.split is None else self.split[0]
        if fresh and first._starts_at_constant():
            constant = best_constant(self.loss, samples, self.rows)
            theta[:, -len(constant) :] = constant
        self.theta: Array = np.tile(theta, (len(estimators), 1))
        n, each = len(samples) if self.rows is None else len(self.rows), []
        for one in estimators:  # As a list in brackets it would warn one frame deeper.
            each.append(one._settings(n, network.n_layers - 1, partial))  # noqa: PERF401
        self.settings = lockstep(each, first.n_init)

    def begin(self, hook: Any) -> None:
        """Set what follows training: progress, and the state before the first epoch."""
        first, settings, networks = self.first, self.settings, range(len(self.theta))
        validate = None
        if self.held:
            task = (first, self.network, self.loss, self.held, first._score)
            validate = validation(*task)
        self.progress = Progress(
            self.theta,
            settings.each("tol", networks),
            settings.each("n_iter_no_change", networks),
            validate=validate,
            decides=first.early_stopping,
            hook=hook,
            report=print if first.verbose else None,
        )
        state = first._memorised_state(self.memory, self.network, self.partial)
        if state is None:
            state = State.new(settings.each("learning_rate_init", networks))
            state.t = 0 if self.fresh else first.t_
        if validate:
            with np.errstate(over="ignore", invalid="ignore"):
                scored = validate(self.theta)
            check_scores(scored, first.scoring)
            if self.progress.decides and not self.fresh:
                # A warm start has weights to beat: theirs is the score on these data.
                state.best = [-score for score, _ in scored]
        self.state = state

    def go_on_from(self, pause: Pause) -> None:
        """Take the place of the beginning, after a pause."""
        self.theta, self.state = pause.theta, pause.state
        self.progress.histories, self.progress.best_theta = pause.histories, pause.best
        self.rng.set_state(pause.random)
        more = self.settings.max_iter - pause.state.epochs
        self.settings = replace(self.settings, max_iter=more)

    def run(self) -> list[Outcome]:
        """Train, and set the fitted attributes."""
        first, n_init, progress = self.first, self.first.n_init, self.progress
        drawn = self.fresh and first.coefs_init is None
        theta, end, evidence = first._train(
            (self.network, self.loss, self.samples, self.theta),
            self.settings,
            progress,
            self.rows,
            self.state,
            self.rng,
            drawn and not first._starts_at_constant(),
        )

        @cache
        def stand() -> Pause | None:
            return end and Pause.after(theta, progress, end(), self.rng)

        outcomes = []
        for i, one in enumerate(self.estimators):
            mine = slice(i * n_init, (i + 1) * n_init)
            task = (self.network, self.loss, self.samples, theta[mine])
            found = progress.histories[mine], self.rows, evidence[mine]
            history = one._set_fitted(task, *found, self.fresh, self.partial)
            outcomes.append(Outcome(history, stand, range(mine.start, mine.stop)))
        if self.partial or first.warm_start:
            # A validation set of the user's own does not make the split forgotten.
            split = self.memory.get("split") if self.split is None else self.split
            history = outcomes[0].history
            first._memory = first._new_memory(history, split, end, self.rng)
        return outcomes


def fit_all(
    estimators: Sequence[Any],
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    pauses: Sequence[Pause] = (),
    horizon: int = 0,
) -> list[Outcome]:
    """Do what ``fit`` does for each of several new estimators, in lock-step."""
    for one in estimators:
        one._validate_params()
    given = (X_val, y_val, sample_weight_val)
    outcomes = fit_together(
        estimators, X, y, sample_weight, given, pauses=pauses, horizon=horizon
    )
    for one, outcome in zip(estimators, outcomes, strict=True):
        # At a rung it is the search that ends training, for the time being.
        if one.max_iter >= horizon or outcome.history.status != MAX_ITER:
            one._warn(outcome.history, partial=False)
    return outcomes


def lockstep(each: Sequence[Settings], n_init: int) -> Settings:
    """Return settings as one, with values for each network where they differ."""
    values: dict[str, Any] = {}
    for name in LOCKSTEP:
        column = [getattr(one, name) for one in each for _ in range(n_init)]
        if any(value != column[0] for value in column):
            # That of dropout has an entry for each layer.
            layers = name == "dropout"
            values[name] = tuple(zip(*column, strict=True)) if layers else column
    return replace(each[0], **values)


def best_constant(loss: Loss, samples: Samples | Parts, rows: Rows | None) -> Array:
    """Return the raw outputs whose constant prediction has the lowest loss."""
    assert isinstance(samples, Samples)
    Y, weights = samples.Y, samples.weights
    if rows is not None:
        Y, weights = Y[rows], None if weights is None else weights[rows]
    return inverse(loss.activation, loss.constant(Y, weights))
