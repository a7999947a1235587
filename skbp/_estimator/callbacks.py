"""The calls that scikit-learn's callbacks expect during a fit; an epoch is a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skbp._estimator.attributes import of_model
from skbp._estimator.rules import asked
from skbp._sklearn import callback_context, has_callbacks
from skbp.engine.fit import Hook
from skbp.engine.model import Model
from skbp.engine.progress import Progress


@contextmanager
def following(
    estimator: Any, X: Any, y: Any, sample_weight: Any
) -> Iterator[Hook | None]:
    """Tell scikit-learn's callbacks, if there are any, that a fit begins and ends.

    In between, the engine calls the yielded function after each epoch.
    """
    if not has_callbacks(estimator):
        yield None
        return
    # "lbfgs" and "lm" call back for each network in each iteration.
    most = estimator.max_iter * asked(estimator).n_init
    context = callback_context(estimator, most)
    metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
    what = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    context.call_on_fit_task_begin(**what)
    yield after_epoch(context, what)
    context.call_on_fit_task_end(**what, reconstruction_attributes={})


def after_epoch(context: Any, what: dict[str, Any]) -> Hook:
    """Return the function that the engine calls after each epoch.

    If it returns True, training ends.
    """

    def call(progress: Progress, model: Callable[[], Model]) -> bool:
        def attributes() -> dict[str, Any]:
            return of_model(model())

        epoch = context.subcontext(task_name="epoch")
        epoch.call_on_fit_task_begin(**what)
        return bool(
            epoch.call_on_fit_task_end(**what, reconstruction_attributes=attributes)
        )

    return call
