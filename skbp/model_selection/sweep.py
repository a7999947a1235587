"""The candidates that a search has evaluated, and how it evaluates more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from skbp._config import get_config
from skbp._sklearn import (
    NoContext,
    has_callbacks,
    insert_error_scores,
    warn_or_raise_about_fit_failures,
)
from skbp.model_selection.grouping import families
from skbp.model_selection.lockstep import Paused, Rung
from skbp.model_selection.pipeline import prefix_of
from skbp.model_selection.tasks import evaluate_with, tasks_of


class Sweep:
    """The candidates that a search has evaluated, and how it evaluates more.

    ``cv`` splits the samples, and ``format_results`` makes ``cv_results_``.
    """

    search: Any
    y: Any
    routed: Any
    cv: Any
    format_results: Callable[..., dict[str, Any]]
    parallel: Any

    def __init__(
        self,
        search: Any,
        X: Any,
        y: Any,
        scorers: Any,
        routed: Any,
        cv: Any,
        format_results: Callable[..., dict[str, Any]],
    ):
        self.search, self.X, self.y, self.routed = search, X, y, routed
        self.cv, self.format_results = cv, format_results
        self.base: Any = clone(search.estimator)
        backend, _ = get_active_backend()
        # A progress bar is to move when a task ends, not when all have ended.
        one_by_one = has_callbacks(search) and backend.supports_return_generator
        self.parallel = Parallel(
            n_jobs=search.n_jobs,
            pre_dispatch=search.pre_dispatch,
            return_as="generator" if one_by_one else "list",
        )
        self.options: dict[str, Any] = {
            "scorer": scorers,
            "fit_params": routed.estimator.fit,
            "score_params": routed.scorer.score,
            "return_train_score": search.return_train_score,
            "return_n_test_samples": True,
            "return_times": True,
            "error_score": search.error_score,
            "verbose": search.verbose,
        }
        self.candidates: list[dict[str, Any]] = []
        #: The results of the first candidate on all splits, then of the second
        #: candidate ...
        self.out: list[dict[str, Any]] = []
        self.more: dict[str, list[Any]] = defaultdict(list)
        self.results: dict[str, Any] = {}
        self.resource: str = getattr(search, "resource", "n_samples")
        #: The state of a candidate on a split; None if it cannot continue from there.
        self.pauses: dict[tuple[Hashable, int], Paused | None] = {}

    def evaluate_candidates(
        self,
        candidate_params: Iterable[dict[str, Any]],
        cv: Any = None,
        more_results: dict[str, Any] | None = None,
        callback_ctx: Any = None,
    ) -> dict[str, Any]:
        """Evaluate candidates on all splits; return the results so far."""
        search, candidates = self.search, list(candidate_params)
        cv = cv or self.cv
        splits = list(cv.split(self.X, self.y, **self.routed.splitter.split))
        if len(splits) != search.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. Expected "
                f"{search.n_splits_} splits, got {len(splits)}"
            )
        if search.verbose > 0:
            n, m = len(splits), len(candidates)
            print(
                f"Fitting {n} folds for each of {m} candidates, totalling {n * m} fits"
            )
        out = self.run(candidates, splits, callback_ctx or NoContext())
        if not out:
            raise ValueError(
                "No fits were performed. Was the CV iterator empty? Were there no "
                "candidates?"
            )
        warn_or_raise_about_fit_failures(out, search.error_score)
        if callable(search.scoring):
            insert_error_scores(out, search.error_score)
        self.candidates += candidates
        self.out += out
        for name, values in (more_results or {}).items():
            self.more[name].extend(values)
        self.results = self.format_results(
            self.candidates, search.n_splits_, self.out, self.more
        )
        return self.results

    def run(
        self, candidates: list[dict[str, Any]], splits: list[Any], context: Any
    ) -> list[dict[str, Any]]:
        """Return the results of candidates on all splits, ordered by candidate.

        Callbacks follow in the ``context``.
        """
        counts, rungs = (len(candidates), len(splits)), self.rungs(candidates)
        n_jobs = effective_n_jobs(self.search.n_jobs)
        tasks = tasks_of(families(self.base, candidates), len(splits), n_jobs)
        found = self.parallel(
            delayed(evaluate_with)(
                get_config()["compiled"],
                len(candidates) * len(splits),
                self.base,
                self.X,
                self.y,
                samples=splits[task.split],
                candidates={i: candidates[i] for i in task.candidates},
                task=task,
                counts=counts,
                rung=None if rungs is None else rungs[task.split].of(task.candidates),
                **self.options,
            )
            for task in tasks
        )
        results: dict[tuple[int, int], Any] = {}
        for task, each in zip(tasks, found, strict=True):
            for i, result in zip(task.candidates, each, strict=True):
                results[i, task.split] = result
                ended = context.subcontext(
                    task_name="candidate-split-evaluation",
                    task_id=i * len(splits) + task.split,
                )
                ended.call_on_fit_task_begin(estimator=self.search)
                ended.call_on_fit_task_end(estimator=self.search)
        self.pauses |= {
            (self.identity(candidates[i]), split): result.pop("paused", None)
            for (i, split), result in results.items()
        }
        return [results[key] for key in sorted(results)]

    def rungs(self, candidates: list[dict[str, Any]]) -> list[Rung] | None:
        """Return where candidates continue on each split, if max_iter grows."""
        if self.resource != f"{prefix_of(self.base)}max_iter":
            return None
        each = [
            {
                i: self.pauses.get((self.identity(candidate), split))
                for i, candidate in enumerate(candidates)
            }
            for split in range(self.search.n_splits_)
        ]
        horizon = self.search.max_resources_
        return [
            Rung({i: one for i, one in pauses.items() if one is not None}, horizon)
            for pauses in each
        ]

    def identity(self, candidate: dict[str, Any]) -> Hashable:
        """Return a key that a candidate keeps from rung to rung."""
        # The same objects are passed from rung to rung, and live as long as the sweep.
        rest = candidate.keys() - {self.resource}
        return frozenset((name, id(candidate[name])) for name in rest)

    def loss_curves(self) -> list[list[Any]]:
        """Return the losses after each epoch, for each candidate and split."""
        curves, n = [result["loss_curve"] for result in self.out], self.search.n_splits_
        return [curves[start : start + n] for start in range(0, len(curves), n)]


@contextmanager
def handed_out(*data: Any) -> Iterator[None]:
    """Give each worker of a Dask cluster a copy of the data, if there is a cluster.

    joblib would copy the data only to some workers, and lose the copies with the
    workers. For the same reason, Dask's memory manager, which drops spare copies, does
    not run meanwhile.
    """
    backend, _ = get_active_backend()
    futures = getattr(backend, "data_futures", None)
    if futures is None:
        yield
        return
    memory = backend.client.amm
    paused = memory.running()
    if paused:
        memory.stop()
    # Use new keys, because data with equal content may be about to be released. Pass a
    # list, because scatter would split an object that is a list itself.
    send = partial(backend.client.scatter, broadcast=True, hash=False)
    handed: dict[int, Any] = {}
    try:
        handed |= {id(one): send([one])[0] for one in data if one is not None}
        futures |= {key: one for key, one in handed.items() if key not in futures}
        yield
    finally:
        for key, one in handed.items():
            if futures.get(key) is one:
                del futures[key]
        if paused:
            memory.start()
