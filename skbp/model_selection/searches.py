"""The searches: those of scikit-learn, with another ``fit``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, check_cv
from sklearn.utils import indexable

from skbp._estimator.described import Documented
from skbp._sklearn import (
    BaseSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    MultimetricScorer,
    check_method_params,
    check_search_parameters,
    fit_context,
    follow_progress_alone,
    run_search,
    scorers_of,
    search_context,
)
from skbp._typing import (
    ArrayLike,
    CrossValidation,
    ErrorScore,
    Float,
    HasFit,
    Int,
    MatrixLike,
    ParamGrid,
    RandomState,
    Refit,
    Scoring,
    SearchScoring,
)
from skbp.model_selection.sweep import Sweep, handed_out

# What the searches inherit has no types in scikit-learn, and from a default such as
# "auto" type checkers conclude that an int is wrong. So they get the signatures
# below; at runtime there are scikit-learn's own alone, which get_params and clone read,
# whichever the version. tests/test_typing.py compares the two.


class LockStepSearch(Documented, BaseSearchCV):
    """The fit of a search whose candidates train in lock-step."""

    cv_results_: dict[str, Any]
    loss_curves_: list[list[Any]]
    best_estimator_: Any
    best_score_: float
    best_params_: dict[str, Any]
    best_index_: int
    scorer_: Any
    n_splits_: int
    refit_time_: float
    multimetric_: bool
    feature_names_in_: npt.NDArray[Any]

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Evaluate all candidates and, with ``refit``, fit the best one to all samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        **params : dict of str -> object
            Parameters passed to the ``fit`` of the estimator, the scorer and the CV
            splitter. Arrays with one entry for each sample, such as ``sample_weight``,
            are split like X and y.

        Returns
        -------
        self : object
            The fitted search.
        """
        if not follow_progress_alone(self):
            # Other callbacks look into the fit of each candidate.
            fitted: Self = super().fit(X, y, **params)
            return fitted
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        self._checked_cv_orig = check_cv(
            self.cv, y, classifier=is_classifier(self.estimator)
        )
        check_search_parameters(self, X, y, routed)
        self.n_splits_ = self._checked_cv_orig.get_n_splits(
            X, y, **routed.splitter.split
        )
        cv, format_results = self._checked_cv_orig, self._format_results
        sweep = Sweep(self, X, y, scorers, routed, cv, format_results)
        tasks = search_context(self).call_on_fit_task_begin(estimator=self)
        with sweep.parallel, handed_out(X, y):
            run_search(self, sweep.evaluate_candidates, tasks)
        self.loss_curves_ = sweep.loss_curves()
        first = sweep.out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            # The names of the metrics are known only now.
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        self._choose(sweep.results, refit_metric)
        if self.refit:
            refit = tasks.subcontext(task_name="refit-with-best-params")
            self._refit(X, y, routed.estimator.fit, refit)
        several = isinstance(scorers, MultimetricScorer)
        self.scorer_ = scorers_of(scorers) if several else scorers
        self.cv_results_ = sweep.results
        tasks.call_on_fit_task_end(estimator=self)
        return self

    def _choose(self, results: dict[str, Any], refit_metric: Any) -> None:
        """Set the attributes of the best candidate."""
        if not self.refit and self.multimetric_:
            return
        self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
        if not callable(self.refit):
            self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
        self.best_params_ = results["params"][self.best_index_]

    def _refit(self, X: Any, y: Any, fit_params: dict[str, Any], task: Any) -> None:
        """Fit the best candidate to all samples; callbacks follow the task."""
        best = clone(self.best_params_, safe=False)
        self.best_estimator_ = clone(self.estimator).set_params(**best)
        targets = () if y is None else (y,)
        with task.propagate_callback_context(self.best_estimator_):
            task.call_on_fit_task_begin(estimator=self)
            start = time.time()
            self.best_estimator_.fit(X, *targets, **fit_params)
        task.call_on_fit_task_end(estimator=self)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


class LockStepHalving(LockStepSearch):
    """The attributes that halving adds."""

    n_resources_: list[int]
    n_candidates_: list[int]
    n_remaining_candidates_: int
    max_resources_: int
    min_resources_: int
    n_iterations_: int
    n_possible_iterations_: int
    n_required_iterations_: int


class BPGridSearchCV(GridSearchCV, LockStepSearch):
    """GridSearchCV whose candidates train in lock-step.

    Parameters, attributes and results are the same as in
    :class:`sklearn.model_selection.GridSearchCV`, apart from rounding, but the search
    takes less time.

    Parameters
    ----------
    estimator : estimator object
        A BPClassifier or BPRegressor, alone, at the end of a Pipeline, or in a
        TransformedTargetRegressor. (Other estimators work, too, but are not faster than
        in scikit-learn.)

    param_grid : dict or list of dict
        Lists of values to try, by the names of the parameters.

    scoring : str, callable, list, tuple or dict, default=None
        How to score predictions on the test part of a split; None means the ``score``
        method of the estimator.

    n_jobs : int, default=None
        The number of tasks that joblib runs in parallel. None means 1 unless in a
        ``joblib.parallel_config`` context; -1 means all processors.

    refit : bool, str or callable, default=True
        Whether to fit the best candidate to all samples. A str names the metric that
        decides which candidate is best; a callable chooses from ``cv_results_``.

    cv : int, cross-validation generator or iterable, default=None
        How to split the samples; None means 5 folds, stratified for classifiers.

    verbose : int, default=0
        The amount of output; higher numbers print more.

    pre_dispatch : int or str, default="2*n_jobs"
        The number of tasks that are dispatched in advance.

    error_score : "raise" or numeric, default=np.nan
        The score of a candidate that cannot be fitted.

    return_train_score : bool, default=False
        Whether to also compute the scores on the training part of each split.

    Attributes
    ----------
    cv_results_ : dict of arrays
        As in scikit-learn, except that the times of candidates that train together are
        equal shares of the time for the group.

    loss_curves_ : list of lists
        ``loss_curves_[i][k]`` is the loss of candidate i on split k after each epoch;
        None if it has no loss curve.

    best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
    refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError
        If a parameter cannot be used, or if all fits fail.

    Notes
    -----
    In each worker, the arrays of networks that train together stay within the
    ``working_memory`` of ``sklearn.set_config``, which is 1024 MiB by default. A larger
    group is trained in parts.

    See Also
    --------
    BPRandomizedSearchCV : Candidates drawn at random.
    BPHalvingGridSearchCV : Drops the worst candidates during training.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skbp import BPClassifier
    >>> from skbp.model_selection import BPGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> network = BPClassifier(learning_rate_init=0.05, tol=1e-3, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network)
    >>> grid = {
    ...     "bpclassifier__alpha": [1e-4, 1e-2, 1.0],
    ...     "bpclassifier__hidden_layer_sizes": [(4,), (8,)],
    ... }
    >>> search = BPGridSearchCV(model, grid, scoring="neg_log_loss").fit(X, y)
    >>> search.best_params_["bpclassifier__alpha"]
    0.01
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            estimator: HasFit,
            param_grid: ParamGrid,
            *,
            scoring: SearchScoring = None,
            n_jobs: Int | None = None,
            refit: Refit = True,
            cv: CrossValidation = None,
            verbose: Int = 0,
            pre_dispatch: Int | str = "2*n_jobs",
            error_score: ErrorScore = np.nan,
            return_train_score: bool = False,
        ) -> None: ...


class BPRandomizedSearchCV(RandomizedSearchCV, LockStepSearch):
    """RandomizedSearchCV whose candidates train in lock-step.

    Parameters, attributes and results are the same as in
    :class:`sklearn.model_selection.RandomizedSearchCV`, apart from rounding, but the
    search takes less time.

    Parameters
    ----------
    estimator : estimator object
        A BPClassifier or BPRegressor, alone, at the end of a Pipeline, or in a
        TransformedTargetRegressor.

    param_distributions : dict or list of dict
        Lists of values or distributions (with a method ``rvs``) to draw from, by the
        names of the parameters.

    n_iter : int, default=10
        The number of candidates to draw.

    scoring : str, callable, list, tuple or dict, default=None
        How to score predictions on the test part of a split; None means the ``score``
        method of the estimator.

    n_jobs : int, default=None
        The number of tasks that joblib runs in parallel. None means 1 unless in a
        ``joblib.parallel_config`` context; -1 means all processors.

    refit : bool, str or callable, default=True
        Whether to fit the best candidate to all samples. A str names the metric that
        decides which candidate is best; a callable chooses from ``cv_results_``.

    cv : int, cross-validation generator or iterable, default=None
        How to split the samples; None means 5 folds, stratified for classifiers.

    verbose : int, default=0
        The amount of output; higher numbers print more.

    pre_dispatch : int or str, default="2*n_jobs"
        The number of tasks that are dispatched in advance.

    random_state : int, RandomState instance or None, default=None
        The seed or generator of the random numbers that draw the candidates.

    error_score : "raise" or numeric, default=np.nan
        The score of a candidate that cannot be fitted.

    return_train_score : bool, default=False
        Whether to also compute the scores on the training part of each split.

    Attributes
    ----------
    cv_results_ : dict of arrays
        As in scikit-learn, except that the times of candidates that train together are
        equal shares of the time for the group.

    loss_curves_ : list of lists
        ``loss_curves_[i][k]`` is the loss of candidate i on split k after each epoch;
        None if it has no loss curve.

    best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
    refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError
        If a parameter cannot be used, or if all fits fail.

    Notes
    -----
    In each worker, the arrays of networks that train together stay within the
    ``working_memory`` of ``sklearn.set_config``, which is 1024 MiB by default. A larger
    group is trained in parts.

    See Also
    --------
    BPGridSearchCV : All candidates of a grid.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from skbp import BPClassifier
    >>> from skbp.model_selection import BPRandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = BPClassifier((8,), learning_rate_init=0.05, tol=1e-3, random_state=0)
    >>> numbers = {"alpha": loguniform(1e-4, 10.0)}
    >>> search = BPRandomizedSearchCV(model, numbers, n_iter=8, random_state=0)
    >>> search = search.fit(X, y)
    >>> print(f"{search.best_score_:.2f}")
    0.98
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            estimator: HasFit,
            param_distributions: ParamGrid,
            *,
            n_iter: Int = 10,
            scoring: SearchScoring = None,
            n_jobs: Int | None = None,
            refit: Refit = True,
            cv: CrossValidation = None,
            verbose: Int = 0,
            pre_dispatch: Int | str = "2*n_jobs",
            random_state: RandomState = None,
            error_score: ErrorScore = np.nan,
            return_train_score: bool = False,
        ) -> None: ...


class BPHalvingGridSearchCV(HalvingGridSearchCV, LockStepHalving):
    """HalvingGridSearchCV whose candidates train in lock-step, without restarts.

    With ``resource="max_iter"`` (in a pipeline ``"step__max_iter"``) each rung has more
    epochs than the rung before. The worst candidates are dropped, and the others
    continue training, whereas scikit-learn trains them again from the start. The
    results are the same as in :class:`sklearn.model_selection.HalvingGridSearchCV`,
    apart from rounding and from one difference: a schedule of the learning rate that
    has an end, such as "cosine", always covers ``max_resources`` epochs, so that early
    rungs have the intermediate results of this training. The solvers "lbfgs" and "lm"
    start again at each rung.

    Parameters
    ----------
    estimator : estimator object
        A BPClassifier or BPRegressor, alone, at the end of a Pipeline, or in a
        TransformedTargetRegressor.

    param_grid : dict or list of dict
        Lists of values to try, by the names of the parameters.

    factor : int or float, default=3
        At each rung, one in ``factor`` candidates is kept, and the resource is
        multiplied by ``factor``.

    resource : str, default="n_samples"
        The quantity that grows from rung to rung: "n_samples", or a parameter such as
        "max_iter".

    max_resources : int, default="auto"
        The largest value of the resource; "auto" is only for "n_samples".

    min_resources : {"exhaust", "smallest"} or int, default="exhaust"
        The value of the resource at the first rung.

    aggressive_elimination : bool, default=False
        Whether to repeat the first rung until few enough candidates are left.

    cv : int, cross-validation generator or iterable, default=5
        How to split the samples.

    scoring, refit, error_score, n_jobs, verbose
        As in BPGridSearchCV, but with a single metric.

    return_train_score : bool, default=True
        Whether to also compute the scores on the training part of each split.

    random_state : int, RandomState instance or None, default=None
        The seed or generator of the random numbers that draw the samples, for
        ``resource="n_samples"``.

    Attributes
    ----------
    n_resources_, n_candidates_, n_remaining_candidates_, max_resources_, \
    min_resources_, n_iterations_, n_possible_iterations_, n_required_iterations_
        As in scikit-learn. The attributes of :class:`BPGridSearchCV` exist, too.

    See Also
    --------
    BPHalvingRandomSearchCV : Candidates drawn at random.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skbp import BPClassifier
    >>> from skbp.model_selection import BPHalvingGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = BPClassifier((8,), solver="sgd", tol=0.01, random_state=0)
    >>> grid = {"learning_rate_init": [1e-4, 1e-3, 1e-2, 0.1], "alpha": [0.01, 1.0]}
    >>> search = BPHalvingGridSearchCV(
    ...     model, grid, factor=2, resource="max_iter", max_resources=160
    ... )
    >>> search = search.fit(X, y)
    >>> search.n_resources_, search.n_candidates_
    ([20, 40, 80, 160], [8, 4, 2, 1])
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            estimator: HasFit,
            param_grid: ParamGrid,
            *,
            factor: Float = 3,
            resource: str = "n_samples",
            max_resources: Int | Literal["auto"] | str = "auto",
            min_resources: Int | Literal["exhaust", "smallest"] | str = "exhaust",
            aggressive_elimination: bool = False,
            cv: CrossValidation = 5,
            scoring: Scoring = None,
            refit: Refit = True,
            error_score: ErrorScore = np.nan,
            return_train_score: bool = True,
            random_state: RandomState = None,
            n_jobs: Int | None = None,
            verbose: Int = 0,
        ) -> None: ...

        def fit(
            self, X: MatrixLike, y: ArrayLike | None = None, **params: Any
        ) -> Self: ...


class BPHalvingRandomSearchCV(HalvingRandomSearchCV, LockStepHalving):
    """HalvingRandomSearchCV whose candidates train in lock-step, without restarts.

    The same as :class:`BPHalvingGridSearchCV`, but with candidates drawn at random.

    Parameters
    ----------
    estimator : estimator object
        A BPClassifier or BPRegressor, alone, at the end of a Pipeline, or in a
        TransformedTargetRegressor.

    param_distributions : dict or list of dict
        Lists of values or distributions to draw from, by the names of the parameters.

    n_candidates : "exhaust" or int, default="exhaust"
        The number of candidates at the first rung. "exhaust" means as many as needed
        for the last rung to use as much of the resource as possible.

    factor, resource, max_resources, min_resources, aggressive_elimination, cv, \
    scoring, refit, error_score, return_train_score, random_state, n_jobs, verbose
        As in BPHalvingGridSearchCV; the default of ``min_resources`` is "smallest".

    See Also
    --------
    BPHalvingGridSearchCV : All candidates of a grid.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from skbp import BPClassifier
    >>> from skbp.model_selection import BPHalvingRandomSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> model = BPClassifier((8,), solver="sgd", tol=0.01, random_state=0)
    >>> numbers = {"learning_rate_init": loguniform(1e-4, 0.1)}
    >>> search = BPHalvingRandomSearchCV(
    ...     model, numbers, resource="max_iter", max_resources=180, random_state=0,
    ...     min_resources=20, n_candidates=9
    ... )
    >>> search.fit(X, y).n_candidates_
    [9, 3, 1]
    """

    if TYPE_CHECKING:

        def __init__(
            self,
            estimator: HasFit,
            param_distributions: ParamGrid,
            *,
            n_candidates: Int | Literal["exhaust"] | str = "exhaust",
            factor: Float = 3,
            resource: str = "n_samples",
            max_resources: Int | Literal["auto"] | str = "auto",
            min_resources: Int | Literal["exhaust", "smallest"] | str = "smallest",
            aggressive_elimination: bool = False,
            cv: CrossValidation = 5,
            scoring: Scoring = None,
            refit: Refit = True,
            error_score: ErrorScore = np.nan,
            return_train_score: bool = True,
            random_state: RandomState = None,
            n_jobs: Int | None = None,
            verbose: Int = 0,
        ) -> None: ...

        def fit(
            self, X: MatrixLike, y: ArrayLike | None = None, **params: Any
        ) -> Self: ...
