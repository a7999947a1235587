"""The tasks of a search: to fit and score groups of candidates on a split."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone

from skbp._config import Compiled, config_context
from skbp._estimator.run import fits
from skbp._sklearn import fit_and_score
from skbp.engine.arrays import Rows
from skbp.model_selection.grouping import Group, groups_ready
from skbp.model_selection.lockstep import LockstepFit, Rung, ScoreEach, by_candidate
from skbp.model_selection.pipeline import network_of, with_network
from skbp.model_selection.report import report


@dataclass(frozen=True)
class Task:
    """Groups of candidates to fit and score together on one split."""

    split: int
    groups: list[Group]

    @property
    def candidates(self) -> list[int]:
        return [i for group in self.groups for i in group]


def tasks_of(found: list[list[Group]], n_splits: int, n_jobs: int) -> list[Task]:
    """Return tasks that keep ``n_jobs`` workers equally busy.

    A task is one split with one family of groups, so that the steps before the network
    are fitted once. Tasks that are left when all workers have the same number are
    divided among the workers.
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
    """Divide groups into ``parts`` lists of groups, with a share of each group."""
    result: list[list[Group]] = [[] for _ in range(parts)]
    turn = 0
    for group in groups:
        shares = [share.tolist() for share in np.array_split(group, parts)]
        # The first shares may be longer, so begin with the list that has had fewer.
        for i, share in enumerate(filter(None, shares)):
            result[(turn + i) % parts].append(share)
        turn += len(group) % parts
    return [part for part in result if part]


def evaluate_with(
    compiled: Compiled, n_fits: int, *arguments: Any, **options: Any
) -> list[dict[str, Any]]:
    """Return ``evaluate`` with what workers do not know.

    That is a setting of the package, and the number of fits in the whole search.
    """
    with config_context(compiled=compiled), fits(n_fits):
        return evaluate(*arguments, **options)


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

    A result is what scikit-learn's ``_fit_and_score`` returns, with ``loss_curve`` and,
    if there is a rung, ``paused``. ``options`` are passed to ``_fit_and_score``. The
    time for several candidates is divided equally between them.
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
    """Fit models in lock-step; return the results of models that did not fail."""
    ready = groups_ready(models, groups, rung.pauses if rung else ())
    if not ready:
        return {}
    together = LockstepFit(models, ready, rung)
    first = with_network(models[ready[0][0]], together)
    options |= {"parameters": None, "verbose": 0, "error_score": "raise"}
    try:
        shared = fit_and_score(
            first, X, y, scorer=ScoreEach(scorer, together), **options
        )
    except Exception:
        # Each model is then fitted alone, and shows its own errors and warnings.
        return {}
    n = max(len(together.results), 1)
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
        | ({"paused": together.paused(i)} if rung else {})
        for i in together.results
    }
