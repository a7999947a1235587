"""The private names of scikit-learn that this package uses, all in one module.

So are the differences between its versions, from 1.6 on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.base import _fit_context
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._search_successive_halving import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
)
from sklearn.model_selection._validation import _fit_and_score as fit_and_score
from sklearn.model_selection._validation import (
    _insert_error_scores as insert_error_scores,
)
from sklearn.model_selection._validation import (
    _warn_or_raise_about_fit_failures as warn_or_raise_about_fit_failures,
)
from sklearn.neural_network._base import ACTIVATIONS as NETWORK_ACTIVATIONS
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._available_if import _AvailableIfDescriptor
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call as check_partial_fit_first_call,
)
from sklearn.utils.validation import (
    _check_feature_names_in as check_feature_names_in,
)
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # The module is experimental: it may move.

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """A substitute for versions of scikit-learn without callbacks."""

        def set_callbacks(self, *callbacks: Any) -> Any:
            """Tell that callbacks need a newer scikit-learn; without any, do nothing.

            Parameters
            ----------
            *callbacks : callback instances
                The callbacks to set.

            Returns
            -------
            self : estimator instance
                The estimator itself.
            """
            if callbacks:
                raise ImportError(
                    "Callbacks need scikit-learn 1.9 or later (the module "
                    f"sklearn.callback); this is scikit-learn {sklearn.__version__}."
                )
            return self


#: Until 1.8, weights could always be all 0.
ALL_MAY_BE_ZERO = (
    {"allow_all_zero_weights": True}
    if "allow_all_zero_weights" in signature(_check_sample_weight).parameters
    else {}
)

#: A method: the decorators below leave the signature that type checkers see as it is.
Method = TypeVar("Method", bound=Callable[..., Any])


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Method], Method]:
    """Return the decorator of a method that fits: it checks the parameters before."""
    decorator: Callable[[Method], Method] = _fit_context(
        prefer_skip_nested_validation=prefer_skip_nested_validation
    )
    return decorator


class AvailableIf(_AvailableIfDescriptor):  # type: ignore[misc]
    """A method that estimators may lack, with the reason in the error message."""

    def _check(self, obj: Any, owner: type) -> None:
        try:
            super()._check(obj, owner=owner)
        except AttributeError as error:
            if error.__cause__ is None:
                raise
            # scikit-learn shows the reason above the error, where few would look.
            reason = error.__cause__
            raise AttributeError(f"{error}: {reason}") from reason


def available_if(check: Callable[[Any], bool]) -> Callable[[Method], Method]:
    """Return the decorator of a method that estimators have where ``check`` holds."""

    def decorator(method: Method) -> Method:
        available: Any = AvailableIf(method, check, attribute_name=method.__name__)
        return cast(Method, available)

    return decorator


def check_sample_weight(sample_weight: Any, X: Any, dtype: Any) -> npt.NDArray[Any]:
    """Return weights, one for each sample; all of them may be 0."""
    weights: npt.NDArray[Any] = _check_sample_weight(
        sample_weight, X, dtype=dtype, **ALL_MAY_BE_ZERO
    )
    return weights


def balanced_class_weights(
    classes: npt.NDArray[Any], y: npt.NDArray[Any], weights: npt.NDArray[Any] | None
) -> npt.NDArray[Any]:
    """Return the weights (n_classes,) that give all classes the same weight in all.

    Until 1.6, scikit-learn's function counts samples, whatever their weights.
    """
    if "sample_weight" in signature(compute_class_weight).parameters:
        options = {"classes": classes, "y": y, "sample_weight": weights}
        return np.asarray(compute_class_weight("balanced", **options))
    places = np.searchsorted(classes, y)
    counts = np.bincount(places, weights, minlength=len(classes))
    balanced: npt.NDArray[Any] = counts.sum() / (len(classes) * counts)
    return balanced


def check_search_parameters(search: BaseSearchCV, X: Any, y: Any, routed: Any) -> None:
    """Refuse parameters of a search that do not suit the samples.

    Until 1.8 only the searches that halve have such a check, in their own ``fit``.
    """
    if hasattr(BaseSearchCV, "_check_input_parameters"):
        search._check_input_parameters(X=X, y=y, split_params=routed.splitter.split)


class NoContext:
    """A substitute for the context of callbacks, where there are none."""

    def subcontext(self, **options: Any) -> Any:
        """Return the context of a task."""
        return self

    def call_on_fit_task_begin(self, **what: Any) -> Any:
        """Do nothing."""
        return self

    def call_on_fit_task_end(self, **what: Any) -> bool:
        """Do nothing."""
        return False

    @contextmanager
    def propagate_callback_context(self, estimator: Any) -> Iterator[None]:
        """Do nothing."""
        yield


def search_context(search: BaseSearchCV) -> Any:
    """Return the context in which the callbacks of a search follow its fit."""
    if not has_callbacks(search):
        return NoContext()
    return search._init_callback_context(max_subtasks=1 + (search.refit is not False))


def run_search(search: BaseSearchCV, evaluate: Callable[..., Any], ctx: Any) -> None:
    """Let a search choose candidates; from 1.9 on it takes a context, too."""
    if "callback_ctx" in signature(search._run_search).parameters:
        search._run_search(evaluate, callback_ctx=ctx)
    else:
        search._run_search(evaluate)


def follow_progress_alone(search: BaseSearchCV) -> bool:
    """Return whether all callbacks of a search only count its tasks."""
    if not has_callbacks(search):
        return True
    from sklearn.callback import ProgressBar

    return all(type(one) is ProgressBar for one in search._skl_callbacks)


def with_html(table: Any, more: str) -> Any:
    """Return a table of scikit-learn's HTML representation, with more HTML below it."""
    own = table._html_repr
    table._html_repr = lambda: own() + more
    return table


def has_callbacks(estimator: Any) -> bool:
    """Return whether callbacks follow an estimator."""
    return hasattr(estimator, "_skl_callbacks")


def callback_context(estimator: Any, max_subtasks: int) -> Any:
    """Return the context that tells callbacks about a fit with so many tasks."""
    return estimator._init_callback_context(max_subtasks=max_subtasks)


def constraints_of(estimator: Any) -> dict[str, Any]:
    """Return the constraints of an estimator's parameters, by name."""
    constraints: dict[str, Any] = estimator._parameter_constraints
    return constraints


def scorers_of(scorer: MultimetricScorer) -> dict[str, Any]:
    """Return the scorers of several metrics, by name."""
    scorers: dict[str, Any] = scorer._scorers
    return scorers


def metric_of(scorer: Any) -> Callable[..., Any]:
    """Return the metric of a scorer of scikit-learn; other scorers are returned."""
    metric: Callable[..., Any] = getattr(scorer, "_score_func", scorer)
    return metric


def optimizer_and_patience(network: Any) -> tuple[Any, int]:
    """Return the optimizer of scikit-learn's network, and the epochs without progress.

    There is no optimizer, but None, unless a stochastic solver has trained the network.
    """
    fitted = vars(network)
    return fitted.get("_optimizer"), fitted.get("_no_improvement_count", 0)


def set_private(network: Any, binarizer: Any, optimizer: Any, patience: int) -> None:
    """Set what scikit-learn's network needs to predict classes and to train on."""
    network._no_improvement_count = patience
    if binarizer is not None:
        network._label_binarizer = binarizer
    if optimizer is not None:
        network._optimizer = optimizer


__all__ = [
    "NETWORK_ACTIVATIONS",
    "AdamOptimizer",
    "BaseScorer",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "Interval",
    "MultimetricScorer",
    "NoContext",
    "Options",
    "PassthroughScorer",
    "SGDOptimizer",
    "StrOptions",
    "available_if",
    "balanced_class_weights",
    "callback_context",
    "check_feature_names_in",
    "check_matplotlib_support",
    "check_method_params",
    "check_partial_fit_first_call",
    "check_sample_weight",
    "check_search_parameters",
    "constraints_of",
    "fit_and_score",
    "fit_context",
    "follow_progress_alone",
    "has_callbacks",
    "insert_error_scores",
    "metric_of",
    "optimizer_and_patience",
    "routing_enabled",
    "run_search",
    "safe_indexing",
    "scorers_of",
    "search_context",
    "set_private",
    "validate_parameter_constraints",
    "warn_or_raise_about_fit_failures",
    "with_html",
]
