"""TabularClassifier and TabularRegressor."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from scipy.special import log_softmax
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    clone,
    is_classifier,
    is_regressor,
)
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from skbp._estimator.attributes import restored_on_error
from skbp._sklearn import Interval, StrOptions, check_sample_weight, fit_context
from skbp._targets.probabilities import inside, log_odds
from skbp._typing import ArrayLike, Int, MatrixLike, RandomState
from skbp.tables.candidates import (
    bins_for,
    candidates_for,
    n_folds_for,
    n_kept_for,
)
from skbp.tables.errors import errors_of, rows_to_learn_from, with_spread
from skbp.tables.piecewise import PiecewiseLinearEncoder
from skbp.tables.stack import (
    Array,
    Candidate,
    Goal,
    Rows,
    Stack,
    folds_of_weighted,
    log_loss,
    race,
    squared_error,
)

#: The candidates as a user gives them: name, network, inputs.
Candidates = list[tuple[str, Any, str]]

#: The dtypes in which networks are trained.
FLOATS: list[Any] = [np.float64, np.float32]
#: The largest absolute value of a number to be scaled: the variance of larger numbers
#: could overflow.
HUGE = 1e145
#: Columns from which the "binned" inputs have no bins: there would be too many.
MANY = 256

CONSTRAINTS: dict[str, list[Any]] = {
    "candidates": [list, None],
    "n_bins": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "n_folds": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "n_kept": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
}


def log_probabilities(network: Any, X: Array) -> Array:
    """Return the outputs of a classifier: logarithms of probabilities."""
    log_p: Array = network.predict_log_proba(X)
    return log_p


def predictions(network: Any, X: Array) -> Array:
    """Return the outputs of a regressor, with a column for each target."""
    y: Array = network.predict(X)
    return y.reshape(len(X), -1)


CLASSES = Goal(log_probabilities, log_loss)
NUMBERS = Goal(predictions, squared_error)


class TabularClassifier(ClassifierMixin, BaseEstimator):
    """Networks for the classification of tables, with settings that follow from data.

    Several networks with different settings, the candidates, compete on folds. Each is
    trained without a fold and predicts its rows; the ``n_kept`` best are trained
    without each of the other folds, too. These predictions, by networks that have not
    seen the rows, decide with which weights w the networks predict together::

        p = softmax(sum_i w_i log p_i),    w_i >= 0,

    where log p_i is the mean over the networks of candidate i. The weights minimise the
    log loss. If all networks are too sure of themselves, the sum of the weights is
    below 1: the weights include what is known as the temperature.

    :func:`tabular_pipeline` puts in front of this estimator what a data frame needs:
    it makes numbers of categories and dates, scales numbers, and fills in missing ones.

    Parameters
    ----------
    candidates : list of (name, network, inputs), default=None
        The networks that compete: a name, a :class:`BPClassifier`, and "plain" if the
        network is trained on the columns as they are, or "binned" if it is trained on
        the columns beside their piecewise-linear encoding. None means the candidates in
        the Notes.

    n_bins : int or "auto", default="auto"
        The number of bins of a column in the :class:`PiecewiseLinearEncoder`. "auto"
        means the number that this encoder chooses and, with 7500 to 50 000 rows and at
        most ten columns to encode, 48. Columns with one or two distinct values are not
        encoded, and if there are more than 256 others, no column is.

    n_folds : int or "auto", default="auto"
        The number of folds, at most half the number of rows. 1 means that a fifth of
        the rows is held out, and that the candidates that are kept are then trained on
        all rows, too. "auto" means 10 with up to 2500 rows, 5 with up to 5000, and 1
        with more. Classes with fewer rows than folds are never held out: all networks
        are trained on all of their rows.

    n_kept : int or "auto", default="auto"
        The largest number of candidates that predict together. Those that would have
        less than 2 % of the weights are left out. "auto" means 3, and 2 with more than
        7500 rows.

    n_jobs : int, default=None
        The number of threads on which networks are trained. None means 1, and -1 means
        all processors.

    random_state : int, RandomState instance or None, default=None
        The seed or generator of the random numbers for the folds and the networks. Pass
        an int to get the same results in each call of ``fit``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels.

    candidates_ : list of (name, network, inputs)
        The candidates that competed.

    candidate_losses_ : dict
        The log loss of each candidate on held-out rows, with the best weight for the
        candidate alone.

    weights_ : dict
        The weights of the candidates that predict together.

    networks_ : dict
        The fitted networks of these candidates, a list with one for each fold and, if
        there is one fold, one on all rows.

    encoder_ : ColumnTransformer
        The encoder of the "binned" inputs.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    tabular_pipeline : This estimator behind the preparation of a table.
    TabularRegressor : The same for regression.
    BPClassifier : A single network, all of whose settings are yours.

    Notes
    -----
    The candidates are networks with hidden layers of 128 units and a dropout of 0.15,
    which are trained by "adam" with a learning rate that falls along a cosine:

    - "silu" and "relu", with two hidden layers, a learning rate of 0.003 and a weight
      decay of 1, and "relu, less decay" and "relu, more decay" with 0.1 and 3;
    - "silu, no bins", with three hidden layers, a learning rate of 0.01 and a weight
      decay of 1;
    - "additive", a network without hidden layers on the binned columns: a sum of one
      function of each column;
    - "linear", a network without hidden layers on the plain columns.

    All networks with hidden layers except "relu, less decay" have a label smoothing of
    0.05, which the weights w make up for.

    There are 64 epochs while rows times inputs are at most 400 000. Beyond, the number
    of epochs falls with the square root, but not below 4. A batch has 32 samples with
    up to 2000 rows, and 128 with more. All candidates are trained without the first
    folds, so many that these have at least 500 rows. With more than 7500 rows, networks
    with hidden layers compete after a third of their epochs, and those that are kept
    are trained anew.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skbp import TabularClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = TabularClassifier(n_kept=1, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.95
    True
    >>> len(model.networks_[min(model.weights_)])
    10
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    classes_: Array

    def __init__(
        self,
        candidates: Candidates | None = None,
        *,
        n_bins: Int | str = "auto",
        n_folds: Int | str = "auto",
        n_kept: Int | str = "auto",
        n_jobs: Int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.candidates = candidates
        self.n_bins = n_bins
        self.n_folds = n_folds
        self.n_kept = n_kept
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the candidates, and find the weights of the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs, scaled to a size of about 1. Networks are trained in float32,
            which is faster, if X has this dtype.

        y : array-like of shape (n_samples,)
            The class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, of which only the proportions matter. They count in
            training, in the losses of candidates and in their weights.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with restored_on_error(self):
            inputs, target = validate_data(self, X, y, dtype=FLOATS, multi_output=True)
            if target.ndim > 1 and target.shape[1] > 1:
                raise ValueError(
                    "y must have one class for each row; got y of shape "
                    f"{target.shape}. For several labels, use scikit-learn's "
                    "MultiOutputClassifier(TabularClassifier())."
                )
            target = column_or_1d(target, warn=True)
            check_classification_targets(target)
            self.classes_, labels = np.unique(target, return_inverse=True)
            weights = checked_weights(sample_weight, inputs)
            rng = check_random_state(self.random_state)
            fit_stack(self, inputs, labels, labels, weights, CLASSES, rng)
        return self

    def predict(self, X: MatrixLike) -> Array:
        """Predict classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable class of each sample.
        """
        log_p = stacked_outputs(self, X, CLASSES)
        labels: Array = self.classes_[log_p.argmax(axis=1)]
        return labels

    def predict_proba(self, X: MatrixLike) -> Array:
        """Predict probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            One column for each class, in the order of ``classes_``.
        """
        p = np.exp(self.predict_log_proba(X))
        return p if len(self.classes_) == 1 else inside(p)

    def predict_log_proba(self, X: MatrixLike) -> Array:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            The logarithm of ``predict_proba(X)``.
        """
        log_p: Array = log_softmax(stacked_outputs(self, X, CLASSES), axis=1)
        return log_p

    def decision_function(self, X: MatrixLike) -> Array:
        """Return log-odds.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes the log-odds of ``classes_[1]``, for more classes those of
            each class against the others together.
        """
        log_p = stacked_outputs(self, X, CLASSES)
        if len(self.classes_) == 2:
            return log_p[:, 1] - log_p[:, 0]
        return log_odds(log_p)


class TabularRegressor(RegressorMixin, BaseEstimator):
    """Networks for regression on tables, with settings that follow from the data.

    Several networks with different settings, the candidates, compete on folds, as in
    :class:`TabularClassifier`. The prediction is the weighted sum of the networks'
    predictions, with the weights that minimise the squared error on rows that the
    networks have not seen.

    The errors on these rows also teach networks how large the error is, given the
    columns and how far the candidates disagree. So ``predict(X, return_std=True)``
    returns a standard deviation for each prediction, and ``predict(X, quantiles=[0.05,
    0.95])`` an interval.

    Parameters
    ----------
    candidates : list of (name, network, inputs), default=None
        The networks that compete: a name, a :class:`BPRegressor`, and "plain" if the
        network is trained on the columns as they are, or "binned" if it is trained on
        the columns beside their piecewise-linear encoding. None means the candidates in
        the Notes.

    n_bins : int or "auto", default="auto"
        The number of bins of a column in the :class:`PiecewiseLinearEncoder`. "auto"
        means the number that this encoder chooses and, with 7500 to 50 000 rows and at
        most ten columns to encode, 48. Columns with one or two distinct values are not
        encoded, and if there are more than 256 others, no column is.

    n_folds : int or "auto", default="auto"
        The number of folds, at most half the number of rows. 1 means that a fifth of
        the rows is held out, and that the candidates that are kept are then trained on
        all rows, too. "auto" means 10 with up to 2500 rows, 5 with up to 5000, and 1
        with more.

    n_kept : int or "auto", default="auto"
        The largest number of candidates that predict together. Those that would have
        less than 2 % of the weights are left out. "auto" means 3, and 2 with more than
        7500 rows.

    n_jobs : int, default=None
        The number of threads on which networks are trained. None means 1, and -1 means
        all processors.

    random_state : int, RandomState instance or None, default=None
        The seed or generator of the random numbers for the folds and the networks. Pass
        an int to get the same results in each call of ``fit``.

    Attributes
    ----------
    candidates_ : list of (name, network, inputs)
        The candidates that competed.

    candidate_losses_ : dict
        Half the mean squared error of each candidate on held-out rows, in units of the
        variance of y, with the best weight for the candidate alone.

    weights_ : dict
        The weights of the candidates that predict together.

    networks_ : dict
        The fitted networks of these candidates, a list with one for each fold and, if
        there is one fold, one on all rows.

    noise_std_ : float, ndarray of shape (n_outputs,) or None
        The root mean square of the errors on rows that the networks have not seen, an
        array for several outputs; None if no rows are held out.

    encoder_ : ColumnTransformer
        The encoder of the "binned" inputs.

    scaler_ : StandardScaler
        The scaler of y.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    tabular_pipeline : This estimator behind the preparation of a table.
    TabularClassifier : The same for classification.
    BPRegressor : A single network, all of whose settings are yours.

    Notes
    -----
    The candidates are those of :class:`TabularClassifier`, with these differences:
    "silu", "relu" and "silu, no bins" have a weight decay of 0.3, and "silu, more
    decay" has 3. The learning rate is 0.005 for "silu" and "silu, more decay", and
    0.003 for the others. There is no label smoothing. With up to 2000 rows and 64
    columns, "relevance" competes as well: 8 tanh units whose penalties are
    estimated (``solver="lm"``, ``alpha="ard"``).

    The size of an error is predicted by up to three networks, which minimise the gamma
    loss of the absolute errors on at most 10 000 held-out rows: 16 tanh units, and
    networks without hidden layers on the plain and on the binned columns. Their weights
    follow from five folds of these rows, and are near 0 if the size is the same
    everywhere. With fewer than 50 held-out rows it is taken to be the same. Standard
    deviations are scaled so that the errors divided by them have a mean square of 1.
    The quantiles of these ratios, times the standard deviation, plus the prediction are
    the quantiles of the target, which is known as normalised conformal prediction.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import scale
    >>> from skbp import TabularRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = TabularRegressor(n_kept=1, random_state=0).fit(scale(X), y)
    >>> model.score(scale(X), y) > 0.5
    True
    >>> round(model.noise_std_, -1)
    50.0
    >>> low, high = model.predict(scale(X), quantiles=[0.05, 0.95]).T
    >>> print(f"{np.mean((low < y) & (y < high)):.1f}")
    0.9
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    def __init__(
        self,
        candidates: Candidates | None = None,
        *,
        n_bins: Int | str = "auto",
        n_folds: Int | str = "auto",
        n_kept: Int | str = "auto",
        n_jobs: Int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.candidates = candidates
        self.n_bins = n_bins
        self.n_folds = n_folds
        self.n_kept = n_kept
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Train the candidates, and find the weights of the best.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs, scaled to a size of about 1. Networks are trained in float32,
            which is faster, if X has this dtype.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets. They need not be scaled.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, of which only the proportions matter. They count in
            training, in the losses of candidates, in their weights and in the sizes of
            errors.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with restored_on_error(self):
            inputs, target = validate_data(
                self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True
            )
            columns = target.reshape(len(target), -1).astype(float)
            check_size(columns)
            self.scaler_ = StandardScaler().fit(columns)
            Y = self.scaler_.transform(columns)
            self._bp_range = (Y.min(axis=0), Y.max(axis=0))
            self._bp_shape = target.shape[1:]
            Y = Y.astype(inputs.dtype)
            weights = checked_weights(sample_weight, inputs)
            rng = check_random_state(self.random_state)
            target = Y[:, 0] if Y.shape[1] == 1 else Y
            stack = fit_stack(self, inputs, target, None, weights, NUMBERS, rng)
            self._bp_fit_errors(stack, inputs, Y, weights, rng)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _bp_fit_errors(
        self, stack: Stack, X: Array, Y: Array, weights: Array | None, rng: Any
    ) -> None:
        """Learn from the errors on held-out rows; None of them leaves None."""
        self.noise_std_ = self._bp_errors = None
        each, held_out = stack.each_held_out, stack.held_out
        rows = rows_to_learn_from(held_out, weights, rng)
        if each is None or not len(rows):
            return
        # Predictions do not leave the range of the targets either.
        residuals = Y[rows] - np.clip(held_out[rows], *self._bp_range)
        weights = None if weights is None else weights[rows]
        noise = np.sqrt(np.average(residuals**2, axis=0, weights=weights))
        noise = noise * self.scaler_.scale_
        self.noise_std_ = noise if self._bp_shape else float(noise[0])
        inputs = {"plain": X[rows], "binned": self.encoder_.transform(X[rows])}
        inputs = with_spread(inputs, each[stack.weights > 0][:, rows])
        self._bp_errors = errors_of(residuals, inputs, weights, rng, self.n_jobs)

    def predict(
        self,
        X: MatrixLike,
        return_std: bool = False,
        quantiles: ArrayLike | None = None,
    ) -> Any:
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        return_std : bool, default=False
            Whether to also return the standard deviation of the error of each
            prediction.

        quantiles : array-like of shape (n_quantiles,), default=None
            Levels between 0 and 1, such as ``[0.05, 0.95]`` for an interval that
            contains 90 % of the targets. If given, the quantiles of the targets are
            returned instead of the predictions.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions, within the range of the targets in ``fit``. With
            ``quantiles``, the quantiles, with one more axis of length n_quantiles at
            the end.

        std : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The standard deviations. Only with ``return_std=True``.
        """
        levels = None if quantiles is None else checked_levels(quantiles)
        inputs = network_inputs(self, X)
        each = outputs_of_each(self, inputs, NUMBERS)
        outputs = np.clip(stacked(self, each), *self._bp_range)
        y = self.scaler_.inverse_transform(outputs)
        shape = (len(y), *self._bp_shape)
        if levels is None and not return_std:
            return y.reshape(shape)
        if self._bp_errors is None:
            raise ValueError(
                "return_std=True and quantiles need rows that are held out, and fit "
                "had fewer than four rows with a positive weight."
            )
        inputs = with_spread(inputs, np.array(list(each.values())))
        std = self._bp_errors.std(inputs) * self.scaler_.scale_
        if levels is not None:
            z = self._bp_errors.quantiles(levels)
            y = y[..., np.newaxis] + std[..., np.newaxis] * z
            y = y.reshape(*shape, len(levels))
        else:
            y = y.reshape(shape)
        return (y, std.reshape(shape)) if return_std else y


def check_size(y: Array) -> None:
    """Refuse targets whose variance could overflow."""
    largest = np.abs(y).max()
    if largest > HUGE:
        raise ValueError(
            f"y must not have numbers beyond {HUGE:g}, whose variance could overflow; "
            f"got {largest:g}. Divide y by a number, such as {largest:.0e}."
        )


def checked_levels(quantiles: Any) -> Array:
    """Return the levels of quantiles."""
    levels = np.asarray(quantiles, dtype=float)
    if levels.ndim != 1 or not len(levels) or not ((levels > 0) & (levels < 1)).all():
        raise ValueError(
            "quantiles must be a list of numbers between 0 and 1, such as "
            f"[0.05, 0.95]; got {quantiles!r}."
        )
    return levels


def checked_weights(sample_weight: Any, X: Array) -> Array | None:
    """Return the sample weights, which may be None; positive ones are 1 on average."""
    if sample_weight is None:
        return None
    weights: Array = check_sample_weight(sample_weight, X, X.dtype)
    positive = weights[weights > 0]
    if not len(positive):
        return weights
    # (The largest first: the sum of huge weights would overflow.)
    weights = weights / positive.max()
    weights /= weights[weights > 0].mean()
    return weights


def fit_stack(
    model: Any,
    X: Array,
    y: Array,
    labels: Array | None,
    weights: Array | None,
    goal: Goal,
    rng: Any,
) -> Stack:
    """Let candidates compete; set the attributes that predict and those that show it.

    ``labels`` are the classes, which the folds share out equally; None in regression.
    """
    seed = int(rng.randint(2**31 - 2**10))
    binned = np.flatnonzero(more_than_two_values(X))
    if len(binned) > MANY:
        binned = binned[:0]
    n_bins = model.n_bins
    if n_bins == "auto":
        n_bins = bins_for(len(X), len(binned))
    bins = PiecewiseLinearEncoder(n_bins)
    model.encoder_ = ColumnTransformer(
        [("plain", "passthrough", np.arange(X.shape[1])), ("bins", bins, binned)]
    )
    inputs = {"plain": X, "binned": model.encoder_.fit_transform(X)}
    candidates = candidates_of(model, labels is None, inputs, seed)
    n_folds = n_folds_for(len(X)) if model.n_folds == "auto" else model.n_folds
    folds = folds_of_weighted(labels, weights, len(X), n_folds, rng)
    n_kept = n_kept_for(len(X)) if model.n_kept == "auto" else model.n_kept
    rows = Rows(inputs, y, weights, folds)
    stack = race(candidates, n_kept, rows, goal, model.n_jobs)
    names = [one.name for one in stack.kept]
    model.candidates_ = [one[:3] for one in candidates]
    model.candidate_losses_ = stack.losses
    model.weights_ = dict(zip(names, stack.weights.tolist(), strict=True))
    model.networks_ = dict(zip(names, stack.networks, strict=True))
    return stack


def more_than_two_values(X: Array) -> Array:
    """Return which columns have more than two distinct values."""
    found: Array = ((X.min(axis=0) != X) & (X.max(axis=0) != X)).any(axis=0)
    return found


def candidates_of(
    model: Any, regression: bool, inputs: dict[str, Array], seed: int
) -> list[Candidate]:
    """Return the candidates that a model has been given, or those for the table."""
    if model.candidates is None:
        sizes = {name: X.shape[1] for name, X in inputs.items()}
        return candidates_for(regression, len(inputs["plain"]), sizes, seed)
    if not model.candidates:
        raise ValueError(
            "candidates must have at least one tuple (name, network, inputs); got []. "
            "Use candidates=None for those that suit the table."
        )
    for given in model.candidates:
        check_candidate(given, regression, inputs)
    found = [
        Candidate(name, seeded(network, seed), kind)
        for name, network, kind in model.candidates
    ]
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"candidates must be a list with different names; got {names}."
        )
    return found


def check_candidate(given: Any, regression: bool, inputs: dict[str, Array]) -> None:
    """Refuse a candidate that is no tuple of a name, a network and its inputs."""
    alike = isinstance(given, tuple | list) and len(given) == 3
    if not (alike and isinstance(given[0], str) and given[2] in [*inputs]):
        raise ValueError(
            "candidates must be a list of tuples (name, network, inputs), where "
            f"inputs is 'plain' or 'binned'; got {given!r}."
        )
    kind, suits = (
        ("regressor", is_regressor) if regression else ("classifier", is_classifier)
    )
    network = given[1]
    if isinstance(network, type) or not hasattr(network, "fit") or not suits(network):
        raise ValueError(
            f"The network of the candidate {given[0]!r} must be a {kind}, such as "
            f"{'BPRegressor()' if regression else 'BPClassifier()'}; got {network!r}."
        )


def seeded(network: Any, seed: int) -> Any:
    """Return a network, with a seed if it could have one and has none."""
    network = clone(network)
    if getattr(network, "random_state", seed) is None:
        network.random_state = seed
    return network


def stacked_outputs(model: Any, X: MatrixLike, goal: Goal) -> Array:
    """Return the weighted sum of the networks' outputs for X."""
    return stacked(model, outputs_of_each(model, network_inputs(model, X), goal))


def network_inputs(model: Any, X: MatrixLike) -> dict[str, Array]:
    """Return the inputs of each kind."""
    check_is_fitted(model)
    X = validate_data(model, X, reset=False, dtype=FLOATS)
    return {"plain": X, "binned": model.encoder_.transform(X)}


def outputs_of_each(
    model: Any, inputs: dict[str, Array], goal: Goal
) -> dict[str, list[Array]]:
    """Return the outputs of the networks of each candidate.

    Networks whose weight is 0 are not asked.
    """
    kinds = {name: kind for name, _, kind in model.candidates_}
    weights = model.weights_
    asked = [name for name in weights if weights[name]] or list(weights)[:1]
    return {
        name: [goal.outputs(one, inputs[kinds[name]]) for one in model.networks_[name]]
        for name in asked
    }


def stacked(model: Any, each: dict[str, list[Array]]) -> Array:
    """Return the weighted sum of the candidates' outputs, means over the folds."""
    means = [
        model.weights_[name] * np.mean(outputs, axis=0, dtype=float)
        for name, outputs in each.items()
    ]
    total: Array = np.sum(means, axis=0)
    return total
