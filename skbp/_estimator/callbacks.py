"""The calls that scikit-learn's callbacks expect during a fit; an epoch is a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf, isnan
from typing import Any

from skbp._data.read import Data
from skbp._estimator.attributes import CURVES, of_history, of_model
from skbp._estimator.rules import asked
from skbp._estimator.warnings import warn_user
from skbp._sklearn import callback_context, has_callbacks, safe_indexing
from skbp.engine.fit import Hook, Job
from skbp.engine.model import Model
from skbp.engine.progress import Progress
from skbp.engine.solvers import SOLVERS


@contextmanager
def following(
    estimator: Any, data: Data, validation: Data
) -> Iterator[Callable[[Job], Hook] | None]:
    """Tell scikit-learn's callbacks, if there are any, that a fit begins and ends.

    In between, the engine calls a function after each epoch, which the yielded function
    makes for a job.
    """
    if not has_callbacks(estimator):
        yield None
        return
    context = callback_context(estimator, most_epochs(estimator))
    metadata = Metadata(data, validation)
    what = {"estimator": estimator, "X": data.X, "y": data.y, "metadata": metadata}
    context.call_on_fit_task_begin(**what)

    def hook_of(job: Job) -> Hook:
        metadata.hold_out(job, data)
        return after_epoch(estimator, job, context, what)

    yield hook_of
    context.call_on_fit_task_end(**what, reconstruction_attributes={})


def most_epochs(estimator: Any) -> int:
    """Return the largest number of epochs, or iterations, that callbacks hear of."""
    n: int = estimator.max_iter
    if SOLVERS[estimator.solver].steps:
        # All networks of n_init train at once.
        return n
    return n * int(asked(estimator).n_init)


class Metadata(dict[str, Any]):
    """What ``fit`` was given besides X and y, and what else callbacks may look up.

    The keys are those that callbacks know from scikit-learn's estimators, because its
    ScoringMonitor passes all of them to the metric. Besides, "X_val", "y_val" and
    "sample_weight_val" can be looked up if there is a validation set, and "networks" at
    the end of an epoch.
    """

    def __init__(self, data: Data, validation: Data):
        passed = {"sample_weight": data.sample_weight}
        super().__init__({k: v for k, v in passed.items() if v is not None})
        self.more: dict[str, Callable[[], Any]] = {}
        if validation.X is not None:
            self._set_validation(validation, lambda one: one)

    def hold_out(self, job: Job, data: Data) -> None:
        """Add the samples that a fit has held out for validation, if there are any."""
        split = job.start.split
        if job.problem.validation and split and "X_val" not in self:
            self._set_validation(data, lambda one: safe_indexing(one, split.validate))

    def _set_validation(self, data: Data, part: Callable[[Any], Any]) -> None:
        parts = {
            "X_val": data.X,
            "y_val": data.y,
            "sample_weight_val": data.sample_weight,
        }
        for name, one in parts.items():
            if one is not None:
                self.more[name] = partial(part, one)

    def __missing__(self, key: str) -> Any:
        return self.more[key]()

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in self.more

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or what is found for it."""
        try:
            return self[key]
        except KeyError:
            return default


def after_epoch(estimator: Any, job: Job, context: Any, what: dict[str, Any]) -> Hook:
    """Return the function that the engine calls after each epoch.

    If it returns True, training ends.
    """

    def call(
        progress: Progress, active: list[int], model_of: Callable[[int], Model]
    ) -> bool:
        def attributes(k: int) -> dict[str, Any]:
            return of_model(model_of(k)) | so_far(estimator, job, progress, k)

        def networks() -> list[Any]:
            trained = [k for k, one in enumerate(progress.histories) if one.n_iter]
            return [fitted_copy(estimator, attributes(k)) for k in trained]

        what["metadata"].more["networks"] = networks
        epoch = context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**what)
        best = leading(progress, active)
        return bool(
            epoch.call_on_fit_task_end(
                **what, reconstruction_attributes=lambda: attributes(best)
            )
        )

    return call


def leading(progress: Progress, active: list[int]) -> int:
    """Return the best of the networks that are training, by its last epoch."""

    def merit(k: int) -> float:
        history = progress.histories[k]
        curve = history.validation_scores if progress.decides else history.loss_curve
        value = curve[-1] if progress.decides else -curve[-1]
        return -inf if isnan(value) else value

    return max(active, key=merit)


def so_far(estimator: Any, job: Job, progress: Progress, k: int) -> dict[str, Any]:
    """Return the fitted attributes that describe the training of network k so far."""
    before = copy_of(estimator)
    for name in CURVES:
        if isinstance(vars(before).get(name), list):
            # They would be continued in place.
            vars(before)[name] = [*vars(before)[name]]
    return of_history(before, job, progress.histories[k].copied())


def fitted_copy(estimator: Any, attributes: dict[str, Any]) -> Any:
    """Return a copy of an estimator with these fitted attributes."""
    one = copy_of(estimator)
    vars(one).update(attributes)
    return one


def copy_of(estimator: Any) -> Any:
    """Return a shallow copy, which takes less time than one by pickling."""
    one = object.__new__(type(estimator))
    vars(one).update(vars(estimator))
    # It has random numbers, which advance in place.
    vars(one).pop("_bp_checkpoint", None)
    return one


def warn_that_none_follows(estimator: Any) -> None:
    """Warn that ``partial_fit`` calls no callbacks, if there are any."""
    if has_callbacks(estimator):
        warn_user(
            "partial_fit calls no callbacks, because a call is a single epoch: look at "
            "loss_ after each call. Use fit, with warm_start=True if training is to "
            "continue, or remove the callbacks with set_callbacks()."
        )
