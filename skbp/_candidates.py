"""Candidates of a search: who trains together, and what a task of a search does."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from joblib import hash as hash_of
from joblib.logger import short_format_time
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from skbp._base import STOCHASTIC, BaseBP
from skbp._lockstep import LOCKSTEP, Outcome, fit_all
from skbp._sklearn import (
    BaseScorer,
    MultimetricScorer,
    PassthroughScorer,
    fit_and_score,
    routing_enabled,
)
from skbp._validation import hidden_units
from skbp.engine.arrays import BLOCK, Rows
from skbp.engine.network import Network
from skbp.engine.pause import Pause

#: Bytes of activations up to which more networks in lock-step make each one faster.
CACHE = 3 * 2**20

#: Numbers of candidates that can train in lock-step.
Group: TypeAlias = list[int]


@dataclass(frozen=True)
class Task:
    """Groups of candidates to fit and score on one split, in one go."""

    split: int
    groups: list[Group]

    @property
    def candidates(self) -> list[int]:
        return [i for group in self.groups for i in group]


class Stand(NamedTuple):
    """Where a candidate stands, and a hash of the data that it has trained on."""

    data: str
    pause: Pause


@dataclass(frozen=True)
class Rung:
    """From where candidates go on, those that do, and how long they may train in all.

    Attributes
    ----------
    pauses : dict
        Where a candidate stands on the split of the task.
    horizon : int
        The epochs over which learning rates run their course.
    """

    pauses: dict[int, Stand]
    horizon: int

    def of(self, candidates: list[int]) -> Rung:
        """Return the rung of a part of the candidates."""
        pauses = {i: self.pauses[i] for i in candidates if i in self.pauses}
        return replace(self, pauses=pauses)


# Who trains together.


def families(base: Any, candidates: Sequence[dict[str, Any]]) -> list[list[Group]]:
    """Return the groups of each setting of the steps before the network.

    The candidates of a group differ in numbers alone (``LOCKSTEP``).
    """
    step = prefix_of(base)
    found: dict[str, dict[str, Group]] = {}
    for i, parameters in enumerate(candidates):
        before, fixed = {}, {}
        for name, value in parameters.items():
            own = name.removeprefix(step)
            # A network may be exchanged as a whole, alone or in what holds it.
            if not (name.startswith(step) or step.startswith(f"{name}__")):
                before[name] = value
            elif own not in LOCKSTEP or isinstance(value, str):
                fixed[own] = value
            elif own == "average_decay":
                # With an average, training has other things to keep.
                fixed[own] = bool(value)
        groups = found.setdefault(key_of(before, i), {})
        groups.setdefault(key_of(fixed, i), []).append(i)
    return [list(groups.values()) for groups in found.values()]


def key_of(parameters: dict[str, Any], i: int) -> str:
    """Return what is equal for equal parameters."""
    try:
        return str(hash_of(parameters))
    except Exception:
        # What cannot be pickled, such as a lambda, is equal to itself alone.
        return f"candidate {i}"


def tasks_of(found: list[list[Group]], n_splits: int, n_jobs: int) -> list[Task]:
    """Return tasks that keep ``n_jobs`` workers equally busy.

    Each split and family is a task, so that the steps before the network are fitted
    once. Those that are left over when every worker has had as many are divided.
    """
    units = list(product(range(n_splits), found))
    rest = len(units) % n_jobs
    whole = units[: len(units) - rest]
    parts = -(-n_jobs // rest) if rest else 1
    return [Task(split, groups) for split, groups in whole] + [
        Task(split, part)
        for split, groups in units[len(whole) :]
        for part in divided(groups, parts)
    ]


def divided(groups: list[Group], parts: int) -> list[list[Group]]:
    """Return groups as ``parts`` lists of groups, with a share of each group."""
    result: list[list[Group]] = [[] for _ in range(parts)]
    turn = 0
    for group in groups:
        shares = [share.tolist() for share in np.array_split(group, parts)]
        # Shares are of falling length: whoever had the shorter ones is first now.
        for i, share in enumerate(filter(None, shares)):
            result[(turn + i) % parts].append(share)
        turn += len(group) % parts
    return [part for part in result if part]


# What a task does.


class Together:
    """What stands where a model has its network: groups of them, fitted in lock-step.

    So whatever comes before it and is handed to it, metadata for example, takes
    scikit-learn's way.

    Parameters
    ----------
    models : dict
        The candidates by their numbers, pipelines or estimators.
    groups : list of lists of int
    rung : Rung or None

    Attributes
    ----------
    outcomes : dict
        How the fit of each candidate went that did not fail.
    """

    def __init__(self, models: dict[int, Any], groups: list[Group], rung: Rung | None):
        self.models, self.groups, self.rung = models, groups, rung
        self.outcomes: dict[int, Outcome] = {}
        self.data = ""

    def fit(self, X: Any, y: Any = None, **params: Any) -> Together:
        if self.rung:
            # Steps before may be random, or have the resource: then data are others.
            self.data = hash_of((X, y, params))
        for group in self.groups:
            size = n_together(network_of(self.models[group[0]]), X, y)
            for start in range(0, len(group), size):
                # They are fitted one by one if that fails, and raise it again.
                with suppress(Exception):
                    self._fit(group[start : start + size], X, y, params)
        return self

    def _fit(self, group: Group, X: Any, y: Any, params: dict[str, Any]) -> None:
        networks = [network_of(self.models[i]) for i in group]
        rung = self.rung or Rung({}, 0)
        stands = [rung.pauses.get(i) for i in group]
        pauses = [one.pause for one in stands if one and one.data == self.data]
        if len(pauses) < len(group):
            pauses = []
        outcomes = fit_all(
            networks, X, y, pauses=pauses, horizon=rung.horizon, **params
        )
        self.outcomes |= zip(group, outcomes, strict=True)

    def stand(self, i: int) -> Stand | None:
        """Return where a candidate stands, if it can go on from there."""
        network = network_of(self.models[i])
        if network.early_stopping and network.random_state is None:
            # Its validation set would be another one.
            return None
        pause = self.outcomes[i].pause()
        return None if pause is None else Stand(self.data, pause)

    def predict(self, X: Any) -> Any:
        # A TransformedTargetRegressor asks for it, and does not call it in fit.
        raise NotImplementedError

    def __sklearn_clone__(self) -> Together:
        return self

    def get_metadata_routing(self) -> Any:
        return self._first().get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return get_tags(self._first())

    def _first(self) -> Any:
        return network_of(self.models[self.groups[0][0]])


def n_together(estimator: BaseBP, X: Any, y: Any) -> int:
    """Return how many estimators train in lock-step at a time.

    What they need stays within scikit-learn's ``working_memory``, and the activations
    of a batch within the cache.
    """
    try:
        hidden = hidden_units(estimator.hidden_layer_sizes)
        n, n_features = np.shape(X)
    except (TypeError, ValueError):
        # They fail when they are fitted.
        return 1
    n_outputs = np.shape(y)[1] if np.ndim(y) == 2 else 1
    if n_outputs == 1 and is_classifier(estimator):
        n_outputs = len(np.unique(y))
    network = Network((n_features, *hidden, n_outputs), ("relu",) * len(hidden), True)
    P, units = network.n_parameters, sum(network.units)
    size, stochastic = estimator.batch_size, estimator.solver in STOCHASTIC
    m = size if stochastic and not isinstance(size, str) else 200
    m = min(m if stochastic and size != "full" else BLOCK, n)
    # Z or A, delta and a mask of each unit.
    activations = 3 * units * m
    # theta, its gradient, the best and earlier ones, the optimizer's; validation.
    floats = 12 * P + activations + 2 * max(network.units) * min(n, BLOCK)
    if estimator.solver == "lm":
        # A and its factor, in float64 whatever the data, and H of each output's noise.
        noisy = estimator.loss == "squared_error" and isinstance(estimator.alpha, str)
        floats += 2 * (3 + (n_outputs if noisy else 1)) * P**2
    itemsize = 4 if getattr(X, "dtype", None) == np.float32 else 8
    budget = get_config()["working_memory"] * 2**20
    most = min(budget // (floats * itemsize), CACHE // (activations * itemsize))
    return max(1, int(most) // estimator.n_init)


class ScoreEach:
    """A scorer of all fitted candidates: {(candidate, metric): score}."""

    def __init__(self, scorer: Any, together: Together):
        self.scorer, self.together = scorer, together

    def __call__(self, model: Any, X: Any, y: Any = None, **params: Any) -> dict:
        targets = () if y is None else (y,)
        # (A class of one's own may predict and score in ways of its own.)
        alone = type(model) is Pipeline and not params and asks_last(self.scorer)
        alone = alone and model.steps[-1][1] is self.together
        if alone and len(model) > 1:
            # The steps before the network have the same to say for all.
            X = model[:-1].transform(X)
        scores: dict[tuple[int, str | None], Any] = {}
        for i in list(self.together.outcomes):
            network = network_of(self.together.models[i])
            scored = network if alone else with_network(model, network)
            each = self.scores(scored, X, *targets, **params)
            if each is None:
                # It is fitted alone, and fails again.
                del self.together.outcomes[i]
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
        # Of several metrics, one that fails has a traceback as its score.
        return None if any(isinstance(one, str) for one in each.values()) else each


def groups_ready(
    models: dict[int, Any], groups: list[Group], rung: Rung | None
) -> list[Group]:
    """Return the groups of those that can be fitted together."""
    first: list[str] = []
    going = rung.pauses if rung else {}

    def is_ready(i: int) -> bool:
        if not trains_with_others(models[i]):
            return False
        # What is routed to them together must be what each asks for.
        asks = ""
        if routing_enabled():
            asks = repr(network_of(models[i]).get_metadata_routing())
        first[:] = first or [asks]
        return asks == first[0]

    ready = [[i for i in group if is_ready(i)] for group in groups]
    # Those that go on do not train with those that start.
    ready = [[i for i in group if i in going] for group in ready] + [
        [i for i in group if i not in going] for group in ready
    ]
    return [group for group in ready if group]


def by_candidate(scores: dict[tuple[int, str | None], float]) -> dict[int, Any]:
    """Return the score of each candidate, or a dict of its scores if it has several."""
    found: dict[int, Any] = {}
    for (i, metric), score in scores.items():
        if metric is None:
            found[i] = score
        else:
            found.setdefault(i, {})[metric] = score
    return found


def asks_last(scorer: Any) -> bool:
    """Return whether a scorer looks at predictions alone: the last step will do."""
    if routing_enabled():
        return False
    each = (
        scorer._scorers.values() if isinstance(scorer, MultimetricScorer) else [scorer]
    )
    return all(isinstance(one, BaseScorer | PassthroughScorer) for one in each)


# Where a model has its network: in pipelines and behind transformed targets.


def prefix_of(model: Any) -> str:
    """Return what the names of the network's parameters begin with."""
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return f"{name}__{prefix_of(last)}"
    if isinstance(model, TransformedTargetRegressor):
        return f"regressor__{prefix_of(model.regressor)}"
    return ""


def network_of(model: Any) -> Any:
    """Return the network of a model, or what it has in its place."""
    if isinstance(model, Pipeline):
        return network_of(model.steps[-1][1])
    if isinstance(model, TransformedTargetRegressor):
        return network_of(getattr(model, "regressor_", model.regressor))
    return model


def with_network(model: Any, network: Any) -> Any:
    """Return the model with another network; what is before it is shared."""
    if isinstance(model, Pipeline):
        model = copy(model)
        name, last = model.steps[-1]
        model.steps = [*model.steps[:-1], (name, with_network(last, network))]
        return model
    if isinstance(model, TransformedTargetRegressor):
        model = copy(model)
        for name in {"regressor", "regressor_"} & vars(model).keys():
            setattr(model, name, with_network(getattr(model, name), network))
        return model
    return network


def trains_with_others(model: Any) -> bool:
    """Return whether a model can be fitted in lock-step with others."""
    network = network_of(model)
    if not isinstance(network, BaseBP) or type(network).fit is not BaseBP.fit:
        return False
    if network.verbose or network.warm_start or hasattr(network, "_skl_callbacks"):
        return False
    try:
        network._validate_params()
        network._check_parameters(partial=False)
    except Exception:
        # It is fitted alone, and raises this again.
        return False
    return True


def evaluate(
    base: Any,
    X: Any,
    y: Any,
    *,
    samples: tuple[Rows, Rows],
    candidates: dict[int, dict[str, Any]],
    task: Task,
    counts: tuple[int, int],
    rung: Rung | None,
    verbose: int,
    **options: Any,
) -> list[dict[str, Any]]:
    """Return the result of each candidate of a task, in the order of the task.

    It is that of scikit-learn's ``_fit_and_score``, to which ``options`` go, and
    ``loss_curve``; with a rung, ``pause``. What several candidates take together is
    shared out among them.
    """
    options |= dict(zip(("train", "test"), samples, strict=True))
    n_candidates, n_splits = counts
    models = {
        i: clone(base).set_params(**clone(candidates[i], safe=False))
        for i in task.candidates
    }
    results = fit_and_score_together(models, task.groups, X, y, rung=rung, **options)
    for i, parameters in candidates.items():
        progress: dict[str, Any] = {
            "split_progress": (task.split, n_splits),
            "candidate_progress": (i, n_candidates),
        }
        if i in results:
            report(results[i], parameters, verbose, **progress)
            continue
        options |= progress | {"verbose": verbose, "parameters": parameters}
        result = fit_and_score(clone(base), X, y, return_estimator=True, **options)
        network = network_of(result.pop("estimator"))
        results[i] = result | {"loss_curve": getattr(network, "loss_curve_", None)}
    return [results[i] for i in task.candidates]


def fit_and_score_together(
    models: dict[int, Any],
    groups: list[Group],
    X: Any,
    y: Any,
    *,
    scorer: Any,
    error_score: Any,
    rung: Rung | None,
    **options: Any,
) -> dict[int, dict[str, Any]]:
    """Fit models in lock-step; return the results of those where that went well."""
    ready = groups_ready(models, groups, rung)
    if not ready:
        return {}
    together = Together(models, ready, rung)
    first = with_network(models[ready[0][0]], together)
    options |= {"parameters": None, "verbose": 0, "error_score": "raise"}
    try:
        shared = fit_and_score(
            first, X, y, scorer=ScoreEach(scorer, together), **options
        )
    except Exception:
        # Each is fitted alone then, and what happens to it is its own.
        return {}
    n = max(len(together.outcomes), 1)
    shared |= {name: shared[name] / n for name in ("fit_time", "score_time")}
    scores = {
        name: by_candidate(shared[name])
        for name in ("test_scores", "train_scores")
        if name in shared
    }
    return {
        i: shared
        | {name: each[i] for name, each in scores.items()}
        | {"loss_curve": network_of(models[i]).loss_curve_}
        | ({"pause": together.stand(i)} if rung else {})
        for i in together.outcomes
    }


def report(
    result: dict[str, Any],
    parameters: dict[str, Any],
    verbose: int,
    *,
    split_progress: tuple[int, int],
    candidate_progress: tuple[int, int],
) -> None:
    """Print what scikit-learn's searches do of a candidate, when it is done."""
    if verbose < 2:
        return
    where = "CV"
    if verbose > 2:
        where += f" {split_progress[0] + 1}/{split_progress[1]}"
    if verbose > 9:
        where += f"; {candidate_progress[0] + 1}/{candidate_progress[1]}"
    text = ", ".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    if verbose > 9:
        print(f"{f'[{where}] START {text}':.<80}")
    text += ";" if text else ""
    if verbose > 2:
        tests, trains = result["test_scores"], result.get("train_scores")
        if isinstance(tests, dict):
            for name in sorted(tests):
                train = f"train={trains[name]:.3f}, " if trains else ""
                text += f" {name}: ({train}test={tests[name]:.3f})"
        elif trains is not None:
            text += f", score=(train={trains:.3f}, test={tests:.3f})"
        else:
            text += f", score={tests:.3f}"
    seconds = result["fit_time"] + result["score_time"]
    start, end = f"[{where}] END ", f"{text} total time={short_format_time(seconds)}"
    print(f"{start}{end:.>{80 - len(start)}}")
