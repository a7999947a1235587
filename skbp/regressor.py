"""BPRegressor."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metaestimators import available_if

from skbp._base import BaseBP
from skbp._sklearn import StrOptions, fit_context
from skbp._validation import restored_on_error
from skbp.engine.arrays import Array
from skbp.engine.losses import LOSSES, Loss

#: The losses of numbers.
REGRESSION_LOSSES = ("squared_error", "poisson")


class BPRegressor(RegressorMixin, BaseBP):
    """DOC"""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **BaseBP._parameter_constraints,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
    }
    _y_options: ClassVar[dict[str, Any]] = {"y_numeric": True}

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
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
        self.loss = loss
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
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on these data, from where training stands.

        The optimizer's state, the learning rate and the stream of random numbers go on
        from call to call; ``n_iter_`` counts the calls. Only for ``solver="sgd"`` and
        ``"adam"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None means that all weights are 1.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used. What earlier calls have fitted
            stays as it is.
        """
        with restored_on_error(self):
            return self._partial_fit(X, y, sample_weight)

    def predict(self, X):
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The outputs of the network.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    # What BaseBP asks.

    def _encode(self, y: Any, *, fresh: bool, partial: bool) -> Array:
        if self.loss == "poisson" and y.min() < 0:
            raise ValueError(
                f"loss='poisson' needs y >= 0; the smallest y is {y.min()}, of sample "
                f"{int(np.argmin(y)) // (y.size // len(y))}. Use loss='squared_error' for "
                "targets that can be negative."
            )
        self.out_activation_ = self._loss().activation
        return y.reshape(len(y), -1)

    def _loss(self) -> Loss:
        return LOSSES[self.loss]

    def _score(self, Y: Array, predictions: Array, weights: Array | None) -> float:
        return float(r2_score(Y, predictions, sample_weight=weights))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
