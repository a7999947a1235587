"""Fitting several candidates in lock-step, and scoring each of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from joblib import hash as hash_of
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skbp._data.read import Data
from skbp._estimator.attributes import set_attributes
from skbp._estimator.ending import warn_of_end
from skbp._estimator.interrupts import raise_interrupt
from skbp._estimator.parameters import (
    check_parameters,
    settings_of,
    validate_params,
)
from skbp._estimator.prepare import prepare
from skbp._estimator.run import run
from skbp._sklearn import (
    BaseScorer,
    MultimetricScorer,
    PassthroughScorer,
    routing_enabled,
    scorers_of,
)
from skbp.engine.checkpoint import Checkpoint, join
from skbp.engine.fit import Result
from skbp.engine.progress import Status
from skbp.model_selection.grouping import Group, n_together
from skbp.model_selection.pipeline import network_of, with_network


@np.errstate(all="ignore")
def fit_lockstep(
    estimators: Sequence[Any],
    X: Any,
    y: Any,
    sample_weight: Any = None,
    *,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    checkpoints: Sequence[Checkpoint] = (),
    horizon: int = 0,
) -> list[Result]:
    """Fit several new estimators in lock-step, each as its ``fit`` would.

    The estimators may differ only in parameters of ``PER_NETWORK``. With
    ``checkpoints``, one for each estimator, training continues until it has had
    ``max_iter`` epochs. ``horizon`` is the number of epochs that the schedules of the
    learning rate cover; the default is ``max_iter``.
    """
    first, *others = estimators
    for one in estimators:
        validate_params(one)
    validation = Data(X_val, y_val, sample_weight_val)
    before = dict(vars(first))
    job = prepare(first, Data(X, y, sample_weight), validation)
    n, network, each = len(job.problem.samples), job.problem.network, [job.settings]
    for one in others:
        check_parameters(one)
        vars(one).update(learnt(first, before))
        each.append(settings_of(one, n, network, drawn=job.settings.drawn))
    job = job.stacked(each)
    if horizon:
        job = replace(job, settings=replace(job.settings, horizon=horizon))
    if checkpoints:
        job = job.resumed(join(checkpoints))
    results = run(job)
    for result in results:
        raise_interrupt(result)
    for one, result in zip(estimators, results, strict=True):
        set_attributes(one, job, result)
        # At an early rung, the search ends training only for the time being.
        if one.max_iter >= horizon or result.history.status is not Status.MAX_ITER:
            warn_of_end(one, job, result)
    return results


def learnt(estimator: Any, before: dict[str, Any]) -> dict[str, Any]:
    """Return what an estimator has learnt since it had the attributes ``before``."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name not in before or before[name] is not value
    }


class Paused(NamedTuple):
    """The state of a candidate, and a hash of the data that it has been trained on."""

    data: str
    checkpoint: Checkpoint


@dataclass(frozen=True)
class Rung:
    """Where candidates continue at a rung, and the length of the whole training.

    Attributes
    ----------
    pauses : dict
        The state of each candidate that continues, on the split of the task.
    horizon : int
        The number of epochs that the schedules of the learning rate cover.
    """

    pauses: dict[int, Paused]
    horizon: int

    def of(self, candidates: list[int]) -> Rung:
        """Return the rung of some of the candidates."""
        pauses = {i: self.pauses[i] for i in candidates if i in self.pauses}
        return replace(self, pauses=pauses)


class LockstepFit:
    """A stand-in for the network of a model, which fits many networks in lock-step.

    scikit-learn fits a model with this object in it, and so handles the steps before
    the network, metadata and so on as usual.

    Parameters
    ----------
    models : dict
        The candidates, pipelines or estimators, by their numbers.
    groups : list of lists of int
    rung : Rung or None

    Attributes
    ----------
    results : dict
        The result of each candidate whose fit did not fail.
    """

    models: dict[int, Any]
    groups: list[Group]
    rung: Rung | None

    def __init__(self, models: dict[int, Any], groups: list[Group], rung: Rung | None):
        self.models, self.groups, self.rung = models, groups, rung
        self.results: dict[int, Result] = {}
        self.data: str = ""

    def fit(self, X: Any, y: Any = None, **params: Any) -> LockstepFit:
        if self.rung:
            # Data may differ between rungs, for example after a step with random
            # numbers.
            self.data = hash_of((X, y, params))
        for group in self.groups:
            size = n_together(network_of(self.models[group[0]]), X, y)
            # (A part of few networks would gain little from training together.)
            for part in np.array_split(group, -(-len(group) // size)):
                # If this fails, each network is fitted alone, and raises the error
                # again.
                with suppress(Exception):
                    self._fit(part.tolist(), X, y, params)
        return self

    def _fit(self, group: Group, X: Any, y: Any, params: dict[str, Any]) -> None:
        networks = [network_of(self.models[i]) for i in group]
        rung = self.rung or Rung({}, 0)
        known = [rung.pauses.get(i) for i in group]
        checkpoints = [one.checkpoint for one in known if one and one.data == self.data]
        if len(checkpoints) < len(group):
            checkpoints = []
        results = fit_lockstep(
            networks, X, y, checkpoints=checkpoints, horizon=rung.horizon, **params
        )
        self.results |= zip(group, results, strict=True)

    def paused(self, i: int) -> Paused | None:
        """Return the state of a candidate; None if it cannot continue from there."""
        network = network_of(self.models[i])
        if network.early_stopping and network.random_state is None:
            # The next validation set would be a different one.
            return None
        checkpoint = self.results[i].checkpoint()
        if checkpoint is None:
            return None
        return Paused(self.data, checkpoint.paused())

    def predict(self, X: Any) -> Any:
        # TransformedTargetRegressor requires this method, but fit does not call it.
        raise NotImplementedError

    def __sklearn_clone__(self) -> LockstepFit:
        return self

    def get_metadata_routing(self) -> Any:
        return self._first().get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return get_tags(self._first())

    def _first(self) -> Any:
        return network_of(self.models[self.groups[0][0]])


class ScoreEach:
    """A scorer of all fitted candidates, which returns {(candidate, metric): score}."""

    scorer: Any
    together: LockstepFit

    def __init__(self, scorer: Any, together: LockstepFit):
        self.scorer, self.together = scorer, together

    def __call__(
        self, model: Any, X: Any, y: Any = None, **params: Any
    ) -> dict[tuple[int, str | None], Any]:
        targets = () if y is None else (y,)
        # Not for subclasses of Pipeline, which may predict and score differently.
        alone = type(model) is Pipeline and not params and asks_last(self.scorer)
        alone = alone and model.steps[-1][1] is self.together
        if alone and len(model) > 1:
            # The steps before the network transform X in the same way for all
            # candidates.
            X = model[:-1].transform(X)
        scores: dict[tuple[int, str | None], Any] = {}
        for i in list(self.together.results):
            network = network_of(self.together.models[i])
            scored = network if alone else with_network(model, network)
            each = self.scores(scored, X, *targets, **params)
            if each is None:
                # Fitted and scored alone, the candidate will fail again.
                del self.together.results[i]
            else:
                scores |= {(i, metric): value for metric, value in each.items()}
        return scores

    def scores(self, *args: Any, **params: Any) -> dict[str | None, Any] | None:
        """Return the scores of one model; None if scoring fails."""
        try:
            score = self.scorer(*args, **params)
        except Exception:
            return None
        each = score if isinstance(score, dict) else {None: score}
        # If there are several metrics, the score of a failed metric is a traceback.
        return None if any(isinstance(one, str) for one in each.values()) else each


def by_candidate(scores: dict[tuple[int, str | None], float]) -> dict[int, Any]:
    """Return the score of each candidate, or a dict with the scores of all metrics."""
    found: dict[int, Any] = {}
    for (i, metric), score in scores.items():
        if metric is None:
            found[i] = score
        else:
            found.setdefault(i, {})[metric] = score
    return found


def asks_last(scorer: Any) -> bool:
    """Return whether a scorer uses only predictions, so that the last step suffices."""
    if routing_enabled():
        return False
    each = (
        scorers_of(scorer).values()
        if isinstance(scorer, MultimetricScorer)
        else [scorer]
    )
    return all(isinstance(one, BaseScorer | PassthroughScorer) for one in each)
