"""TabularClassifier and TabularRegressor."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from skbp._sklearn import Interval, StrOptions, check_sample_weight, fit_context
from skbp._targets.probabilities import inside, log_odds
from skbp._typing import ArrayLike, Int, MatrixLike, RandomState
from skbp.tables.candidates import candidates_for
from skbp.tables.piecewise import PiecewiseLinearEncoder
from skbp.tables.stack import (
    NEVER,
    Candidate,
    Goal,
    Rows,
    Stack,
    folds_of,
    log_loss,
    race,
    squared_error,
)

Array = npt.NDArray[Any]

#: With fewer rows a fold, all networks train on all rows.
ROWS_OF_A_FOLD = 2


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


def fit_stack(
    model: Any, X: Array, y: Array, labels: Array | None, sample_weight: Any, goal: Goal
) -> Stack:
    """Fit the encoder and run the race; set the attributes that say how it went."""
    weights = sample_weight
    if weights is not None:
        weights = check_sample_weight(weights, X, X.dtype)
    rng = check_random_state(model.random_state)
    seed = int(rng.randint(2**31 - 2**10))
    several = np.flatnonzero(more_than_two_values(X))
    model.binned_ = several
    model.encoder_ = PiecewiseLinearEncoder(model.n_bins, dtype=X.dtype)
    if len(several):
        model.encoder_.fit(X[:, several])
    inputs = inputs_of(model, X)
    candidates = candidates_of(model, labels is None, inputs, seed)
    n_folds = min(model.n_folds, len(X) // ROWS_OF_A_FOLD)
    folds = np.full(len(X), NEVER)
    if n_folds > 1:
        folds = folds_of(labels, len(X), n_folds, rng)
    stack = race(
        candidates, model.n_kept, Rows(inputs, y, weights, folds), goal, model.n_jobs
    )
    names = [one.name for one in stack.kept]
    model.candidate_losses_ = stack.losses
    model.weights_ = dict(zip(names, stack.weights.tolist(), strict=True))
    model.networks_ = dict(zip(names, stack.networks, strict=True))
    model.inputs_ = {one.name: one.inputs for one in stack.kept}
    return stack


def more_than_two_values(X: Array) -> Array:
    """Return which columns have more than two distinct values."""
    found: Array = ((X.min(axis=0) != X) & (X.max(axis=0) != X)).any(axis=0)
    return found


def inputs_of(model: Any, X: Array) -> dict[str, Array]:
    """Return the inputs of networks: the columns, and the columns beside their bins."""
    if not len(model.binned_):
        return {"plain": X, "binned": X}
    bins = model.encoder_.transform(X[:, model.binned_])
    return {"plain": X, "binned": np.hstack([X, bins])}


def candidates_of(
    model: Any, regression: bool, inputs: dict[str, Array], seed: int
) -> list[Candidate]:
    """Return the candidates that a model has been given, or those for the table."""
    if model.candidates is None:
        sizes = {name: X.shape[1] for name, X in inputs.items()}
        return candidates_for(regression, len(inputs["plain"]), sizes, seed)
    found = []
    for given in model.candidates:
        if len(given) != 3 or given[2] not in inputs:
            raise ValueError(
                "candidates must be a list of tuples (name, network, inputs), where "
                f"inputs is 'plain' or 'binned'; got {given!r}."
            )
        found.append(Candidate(*given))
    if len({one.name for one in found}) < max(len(found), 1):
        raise ValueError("candidates must have different names, and be at least one.")
    return found


def stacked_outputs(model: Any, X: MatrixLike, goal: Goal) -> Array:
    """Return the outputs of the networks together."""
    check_is_fitted(model)
    X = validate_data(model, X, reset=False, dtype=np.float32)
    inputs, total = inputs_of(model, X), np.zeros((len(X), model.n_outputs_))
    for name, networks in model.networks_.items():
        weight = model.weights_[name] / len(networks)
        X = inputs[model.inputs_[name]]
        for network in networks if weight else ():
            total = total + weight * goal.outputs(network, X).astype(float)
    return total


CONSTRAINTS: dict[str, list[Any]] = {
    "candidates": [list, None],
    "n_bins": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "n_folds": [Interval(Integral, 1, None, closed="left")],
    "n_kept": [Interval(Integral, 1, None, closed="left")],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
}


class TabularClassifier(ClassifierMixin, BaseEstimator):
    """DOC"""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    classes_: Array

    def __init__(
        self,
        candidates: list[tuple[str, Any, str]] | None = None,
        *,
        n_bins: Int | str = "auto",
        n_folds: Int = 5,
        n_kept: Int = 3,
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
        """Run the race, and find the weights of the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs, scaled to a size of about 1.

        y : array-like of shape (n_samples,)
            The class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None means that all weights are 1.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        X, y = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.n_outputs_ = len(self.classes_)
        fit_stack(self, X, labels, labels, sample_weight, CLASSES)
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
    """DOC"""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS

    def __init__(
        self,
        candidates: list[tuple[str, Any, str]] | None = None,
        *,
        n_bins: Int | str = "auto",
        n_folds: Int = 5,
        n_kept: Int = 3,
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
        """Run the race, and find the weights of the networks.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs, scaled to a size of about 1.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets, of any size.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None means that all weights are 1.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        X, y = validate_data(
            self, X, y, dtype=np.float32, multi_output=True, y_numeric=True
        )
        self.scaler_ = StandardScaler().fit(y.reshape(len(y), -1).astype(float))
        Y = self.scaler_.transform(y.reshape(len(y), -1).astype(float))
        self.n_outputs_ = Y.shape[1]
        self.single_ = y.ndim == 1
        self.range_ = Y.min(axis=0), Y.max(axis=0)
        Y = Y.astype(np.float32).reshape(y.shape)
        stack = fit_stack(self, X, Y, None, sample_weight, NUMBERS)
        self.noise_std_ = None
        if stack.held_out is not None:
            error = stack.held_out - Y.reshape(len(y), -1)
            std = np.sqrt(np.average(error**2, axis=0, weights=sample_weight))
            std = std * self.scaler_.scale_
            self.noise_std_ = float(std[0]) if y.ndim == 1 else std
        return self

    def predict(self, X: MatrixLike, return_std: bool = False) -> Any:
        """Predict the targets.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The inputs.

        return_std : bool, default=False
            Whether to also return the standard deviation of the error.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions, within the range of the training targets.

        std : ndarray like y
            ``noise_std_``, the same for all samples; only with ``return_std=True``.
        """
        outputs = np.clip(stacked_outputs(self, X, NUMBERS), *self.range_)
        y = self.scaler_.inverse_transform(outputs)
        y = y[:, 0] if self.single_ else y
        if not return_std:
            return y
        if self.noise_std_ is None:
            raise ValueError("return_std=True needs folds: at least four rows.")
        return y, np.broadcast_to(self.noise_std_, y.shape).copy()
