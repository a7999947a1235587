"""BPClassifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit, log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import label_binarize
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted

from skbp._base import BaseBP
from skbp._sklearn import check_partial_fit_first_call, fit_context
from skbp._validation import restored_on_error
from skbp.engine.arrays import Array
from skbp.engine.losses import LOSSES, Loss


class BPClassifier(ClassifierMixin, BaseBP):
    """DOC"""

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun

    @available_if(lambda self: self._check_partial_fit())
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch on these data, from where training stands.

        The optimizer's state, the learning rate and the stream of random numbers go on
        from call to call; ``n_iter_`` counts the calls. Only for ``solver="sgd"`` and
        ``"adam"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None means that all weights are 1.

        classes : array-like of shape (n_classes,), default=None
            All classes of all calls. Required by the first call, unless ``fit`` came
            before; y need not contain all of them.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used, or if y has a class that is not in
            ``classes_``. What earlier calls have fitted stays as it is.
        """
        with restored_on_error(self):
            check_partial_fit_first_call(self, classes)
            return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the most probable class, or labels of probability above one half.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The class labels; for multilabel targets an indicator matrix.
        """
        codes = self._codes(self._outputs(X))
        return codes if codes.ndim == 2 else self.classes_[codes]

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            One column a class, in the order of ``classes_``, that sum to 1; for
            multilabel targets the probability of each label.
        """
        check_is_fitted(self)
        if self.out_activation_ == "softmax":
            return self._outputs(X)
        Z = self._outputs(X, raw=True)
        if Z.shape[1] > 1:
            return expit(Z)
        if len(self.classes_) == 1:
            return np.ones_like(Z)
        # Not 1 - p, which is 0 where p is not yet 1.
        return np.hstack([expit(-Z), expit(Z)])

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities.

        They are computed from the raw outputs, so that they are finite where a
        probability is too small for a number of its own.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            The logarithm of ``predict_proba(X)``.
        """
        Z = self._outputs(X, raw=True)
        if self.out_activation_ == "softmax":
            return log_softmax(Z, axis=1)
        if Z.shape[1] > 1:
            return log_expit(Z)
        if len(self.classes_) == 1:
            return np.zeros_like(Z)
        return np.hstack([log_expit(-Z), log_expit(Z)])

    def decision_function(self, X):
        """Return the raw outputs Z[L] of the network, which are log-odds.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        Z : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes log(p / (1 - p)) of ``classes_[1]``; for more, log(p) of each
            class up to a constant of the sample; for multilabel targets log(p / (1 - p))
            of each label.
        """
        Z = self._outputs(X, raw=True)
        return Z[:, 0] if Z.shape[1] == 1 else Z

    # What BaseBP asks.

    def _encode(self, y: Any, *, fresh: bool, partial: bool) -> Array:
        check_classification_targets(y)
        multilabel = type_of_target(y).startswith("multilabel")
        if fresh and not partial:
            self.classes_ = unique_labels(y)
        elif multilabel:
            self._check_labels(y, fresh)
        else:
            self._check_classes(y, fresh, partial)
        if fresh:
            exclusive = len(self.classes_) > 2 and not multilabel
            self.out_activation_ = "softmax" if exclusive else "logistic"
        return np.asarray(label_binarize(y, classes=self.classes_))

    def _check_classes(self, y: Any, fresh: bool, partial: bool) -> None:
        """Refuse a y whose classes do not agree with ``classes_``."""
        if not fresh and self.n_outputs_ > 1 and self.out_activation_ == "logistic":
            raise ValueError(
                f"y was a multilabel indicator matrix of {self.n_outputs_} labels before; "
                "got one class a sample."
            )
        classes = unique_labels(y)
        unknown = np.setdiff1d(classes, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y has classes that are not in classes_: {unknown.tolist()}; classes_ is "
                f"{self.classes_.tolist()}. Give partial_fit all classes in its first "
                "call; set warm_start=False to start anew."
            )
        if not partial and len(classes) < len(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {self.classes_}, `y` has {classes}"
            )

    def _check_labels(self, y: Any, fresh: bool) -> None:
        """Refuse a label indicator matrix that does not agree with ``classes_``."""
        single = not fresh and (
            self.n_outputs_ == 1 or self.out_activation_ == "softmax"
        )
        if single or y.shape[1] != len(self.classes_):
            raise ValueError(
                f"y is a multilabel indicator matrix of {y.shape[1]} labels; classes_ is "
                f"{self.classes_.tolist()}."
            )

    def _loss(self) -> Loss:
        softmax = self.out_activation_ == "softmax"
        return LOSSES["log_loss" if softmax else "binary_log_loss"]

    def _codes(self, p: Array) -> Any:
        """Return the class number of each sample, or the indicator matrix of labels."""
        if self.out_activation_ == "softmax":
            return p.argmax(axis=1)
        codes = (p > 0.5).astype(int)
        if p.shape[1] > 1:
            return codes
        return codes[:, 0] if len(self.classes_) == 2 else np.zeros_like(codes[:, 0])

    def _score(self, Y: Array, predictions: Array, weights: Array | None) -> float:
        return float(
            accuracy_score(
                self._codes(Y), self._codes(predictions), sample_weight=weights
            )
        )

    def _strata(self, Y: Array) -> Any:
        multilabel = self.out_activation_ == "logistic" and Y.shape[1] > 1
        return None if multilabel else self._codes(Y)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
