"""What BPClassifier and BPRegressor share."""

from __future__ import annotations

import warnings
from abc import ABCMeta, abstractmethod
from dataclasses import fields
from math import ceil
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skbp._sklearn import Interval, Options, StrOptions, fit_context
from skbp._threads import blas_threads_for
from skbp._validation import (
    as_dtype,
    hidden_units,
    restored_on_error,
    validated_weights,
    validated_X,
    validated_X_y,
)
from skbp.engine.activations import ACTIVATIONS, HIDDEN
from skbp.engine.arrays import Array, Rows
from skbp.engine.initializers import glorot
from skbp.engine.lbfgs import minimise
from skbp.engine.losses import Loss
from skbp.engine.network import Network, predict
from skbp.engine.optimizers import OPTIMIZERS
from skbp.engine.progress import (
    DIVERGED,
    FAILED,
    INTERRUPTED,
    MAX_ITER,
    History,
    Progress,
    Score,
)
from skbp.engine.samples import Samples
from skbp.engine.schedules import SCHEDULES
from skbp.engine.training import Settings, State, train


class BaseBP(BaseEstimator, metaclass=ABCMeta):
    """Training, prediction and fitted attributes of a back-propagation estimator.

    A subclass says what its targets are: it encodes y, chooses the loss, and scores
    predictions on a validation set.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(HIDDEN))],
        "solver": [StrOptions({"lbfgs", *OPTIMIZERS})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
    }

    # Fitted attributes that training goes on from.
    n_iter_: int
    t_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    best_validation_score_: Any

    # What a subclass says of its targets.

    #: Options of ``validate_data`` for y.
    _y_options: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def _encode(self, y: Any, *, fresh: bool, partial: bool) -> Array:
        """Return y as the targets Y (n, outputs) of a network.

        ``fresh`` says whether training starts, or goes on with targets of a known kind;
        ``partial`` whether y may be a part of the targets only.
        """

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss of such targets."""

    @abstractmethod
    def _score(self, Y: Array, predictions: Array, weights: Array | None) -> float:
        """Return the score of predictions (n, outputs) of the targets Y."""

    def _strata(self, Y: Array) -> Any:
        """Return the labels that stratify the validation set; None for none."""
        return None

    # Fitting, from the outside in.

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: class labels or a label indicator matrix in classification,
            numbers in regression.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; the loss is the weighted mean over samples. None means
            that all weights are 1.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used. What an earlier call has fitted
            stays as it is.
        """
        with restored_on_error(self):
            history = self._fit(X, y, sample_weight)
        self._warn(history, partial=False)
        return self

    def _check_partial_fit(self):
        """Raise AttributeError where ``partial_fit`` makes no sense: it has none."""
        if self.solver not in OPTIMIZERS:
            raise AttributeError(
                f"partial_fit needs a stochastic solver, one of {sorted(OPTIMIZERS)}; "
                f"solver is {self.solver!r}."
            )
        return True

    def _fit(self, X, y, sample_weight, *, partial=False):
        """Validate the data, train, set the fitted attributes; return the history."""
        if partial and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True, since it has no "
                "validation set. Set early_stopping=False."
            )
        hidden = hidden_units(self.hidden_layer_sizes)
        fresh = not hasattr(self, "coefs_") or not (partial or self.warm_start)
        X, y = validated_X_y(self, X, y, reset=fresh, **self._y_options)
        Y = as_dtype(self._encode(y, fresh=fresh, partial=partial), X.dtype)
        samples = Samples(X, Y, validated_weights(sample_weight, X, X.dtype))
        network = Network(
            (X.shape[1], *hidden, Y.shape[1]), (self.activation,) * len(hidden)
        )
        memory = {} if fresh else vars(self).get("_memory", {})
        rng = self._random_stream(memory if partial else {})
        if fresh:
            theta = self._initial_theta(network, X.dtype, rng)
        else:
            theta = self._fitted_theta(network, X.dtype)
        split = self._split(samples, rng, memory)
        state = self._state(memory, fresh, partial)
        theta, history, end = self._train(
            network, samples, theta, split, state, rng, fresh, partial
        )
        n = len(samples) if split is None else len(split[0])
        self._set_fitted(network, theta, history, n, fresh, partial)
        vars(self).pop("_memory", None)
        if partial or self.warm_start:
            self._memory = self._new_memory(history, split, end, rng)
        return history

    def _train(self, network, samples, theta, split, state, rng, fresh, partial):
        """Run the solver; return theta, the history, and what gives the end state."""
        loss, rows = self._loss(), None if split is None else split[0]
        n = len(samples) if rows is None else len(rows)
        settings = self._settings(n, partial)
        progress = Progress(
            theta,
            [settings.tol],
            [settings.n_iter_no_change],
            score=self._validation_score(network, loss, samples, split),
            report=print if self.verbose else None,
        )
        if progress.score and not fresh:
            # A warm start has weights to beat: theirs is the score on these data.
            state.best = [-score for score in progress.score(theta)]
        task = (network, loss, samples, theta, settings, progress)
        m = settings.batch_size if self.solver in OPTIMIZERS else n
        with blas_threads_for(network.multiplications(m)):
            if self.solver in OPTIMIZERS:
                theta, end = train(*task, rng, rows=rows, state=state)
            else:
                theta, end = minimise(*task, rows=rows, state=state), None
        return theta, progress.histories[0], end

    def _settings(self, n: int, partial: bool) -> Settings:
        """Return the settings of the engine, for n samples to train on."""
        values = {field.name: getattr(self, field.name) for field in fields(Settings)}
        batch_size = min(200, n) if self.batch_size == "auto" else self.batch_size
        if batch_size > n:
            warnings.warn(
                f"batch_size={batch_size} is larger than the number of samples to "
                f"train on, {n}: all of them make one batch.",
                stacklevel=6,
            )
        values["batch_size"] = min(batch_size, n)
        if self.solver != "sgd":
            values["learning_rate"] = "constant"
        if partial:
            values["max_iter"] = 1
        return Settings(**values)

    # What training starts from.

    def _random_stream(self, memory: dict[str, Any]) -> np.random.RandomState:
        """Return the stream of random numbers, which goes on where memory has one."""
        if memory.get("random_stream") is None:
            return check_random_state(self.random_state)
        rng = np.random.RandomState()
        rng.set_state(memory["random_stream"])
        return rng

    def _initial_theta(
        self, network: Network, dtype: Any, rng: np.random.RandomState
    ) -> Array:
        theta = np.empty((1, network.n_parameters), dtype)
        for W, b in list(zip(*network.split(theta), strict=True))[1:]:
            glorot(W[0], b[0], self.activation, rng)
        return theta

    def _fitted_theta(self, network: Network, dtype: Any) -> Array:
        """Return the fitted parameters, to go on from."""
        fitted = (len(self.coefs_[0]), *map(len, self.intercepts_))
        if fitted != network.units:
            raise ValueError(
                f"Training cannot go on: the fitted network has layers of {fitted} "
                f"units, hidden_layer_sizes={self.hidden_layer_sizes!r} and the data "
                f"ask for {network.units}. Set warm_start=False, or fit a clone, to "
                "start anew."
            )
        parameters = [*self.coefs_, *self.intercepts_]
        return np.concatenate([p.ravel() for p in parameters]).astype(dtype)[None]

    def _state(self, memory: dict[str, Any], fresh: bool, partial: bool) -> State:
        """Return the state of training to go on from."""
        if partial and memory.get("solver") == self.solver:
            return State(**memory["state"])
        state = State.new([float(self.learning_rate_init)])
        state.t = 0 if fresh else self.t_
        return state

    def _split(
        self, samples: Samples, rng: np.random.RandomState, memory: dict[str, Any]
    ) -> tuple[Rows, Rows] | None:
        """Return the rows to train on and those to validate on; None without a split.

        A warm start keeps its split: rows once trained on must not validate.
        """
        n = len(samples)
        if not self.early_stopping:
            return None
        split = memory.get("split")
        if split is None or sum(map(len, split)) != n:
            split = self._new_split(samples, rng)
        for rows, what in zip(split, ("train", "validate"), strict=True):
            if samples.total(rows) == 0.0:
                raise ValueError(
                    f"sample_weight is zero for all samples drawn to {what} on. Give "
                    "more samples a weight, or set early_stopping=False."
                )
        return split

    def _new_split(
        self, samples: Samples, rng: np.random.RandomState
    ) -> tuple[Rows, Rows]:
        n, fraction = len(samples), self.validation_fraction
        n_validation = ceil(fraction * n)
        if n_validation < 2 or n - n_validation < 1:
            raise ValueError(
                f"The validation set is too small or leaves nothing to train on: "
                f"validation_fraction={fraction} of {n} samples is {n_validation}; at "
                "least 2 are needed. Change validation_fraction, or set "
                "early_stopping=False."
            )
        strata = self._strata(samples.Y)
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            # Each class needs a place in both parts; else the split is a plain one.
            if counts.min() < 2 or min(n_validation, n - n_validation) < len(counts):
                strata = None
        return tuple(
            train_test_split(
                np.arange(n), test_size=fraction, random_state=rng, stratify=strata
            )
        )

    def _validation_score(
        self,
        network: Network,
        loss: Loss,
        samples: Samples,
        split: tuple[Rows, Rows] | None,
    ) -> Score | None:
        """Return the function that scores K networks on the validation set."""
        if split is None:
            return None
        rows = split[1]
        X, Y, weights = samples.X[rows], samples.Y[rows], samples.weights
        weights = None if weights is None else weights[rows]

        def score(theta: Array) -> list[float]:
            W, b = network.split(theta)
            outputs = predict(network, W, b, X, ACTIVATIONS[loss.activation])
            return [
                self._score(Y, output, weights) if np.isfinite(output).all() else np.nan
                for output in outputs
            ]

        return score

    # What training leaves.

    def _set_fitted(
        self,
        network: Network,
        theta: Array,
        history: History,
        n: int,
        fresh: bool,
        partial: bool,
    ) -> None:
        """Set the fitted attributes; n samples were trained on."""
        W, b = network.split(theta)
        self.coefs_ = [W_l[0].T for W_l in W[1:]]
        self.intercepts_ = [b_l[0, :, 0] for b_l in b[1:]]
        self._activations = network.activations
        self.n_layers_, self.n_outputs_ = network.n_layers + 1, network.units[-1]
        self.n_iter_ = history.n_iter + (self.n_iter_ if partial and not fresh else 0)
        seen = history.n_iter * n if self.solver in OPTIMIZERS else 0
        self.t_ = seen + (0 if fresh else self.t_)
        scores = None if fresh else self.validation_scores_
        self.loss_curve_ = [*([] if fresh else self.loss_curve_), *history.loss_curve]
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.nan
        self.best_loss_ = self.validation_scores_ = self.best_validation_score_ = None
        if self.early_stopping:
            self.validation_scores_ = [*(scores or []), *history.validation_scores]
            self.best_validation_score_ = -history.best
        else:
            self.best_loss_ = min(filter(np.isfinite, self.loss_curve_), default=np.inf)

    def _new_memory(self, history, split, end, rng) -> dict[str, Any]:
        """Return what partial_fit and a warm start go on from, beside the weights.

        It holds arrays, numbers and strings only; ``fit`` without ``warm_start`` keeps
        none of it, so that a fitted estimator is hardly larger than its weights.
        """
        memory: dict[str, Any] = {"split": split}
        if end is not None and history.status != DIVERGED:
            memory |= {"solver": self.solver, "state": vars(end())}
        if isinstance(self.random_state, Integral):
            memory["random_stream"] = rng.get_state()
        return memory

    def _warn(self, history: History, partial: bool) -> None:
        """Warn where training ended in another way than it should."""
        n_iter, category = history.n_iter, ConvergenceWarning
        stochastic = self.solver in OPTIMIZERS
        if history.status == DIVERGED:
            remedy = (
                f"Lower learning_rate_init (it is {self.learning_rate_init})"
                if stochastic
                else "Raise alpha"
            )
            text = (
                f"Training diverged: in {'epoch' if stochastic else 'iteration'} "
                f"{n_iter} the loss or the weights were no longer finite. The best "
                f"weights before that are kept. {remedy}, or scale X (and y, in "
                "regression), with StandardScaler for example."
            )
        elif history.status == INTERRUPTED:
            text, category = "Training interrupted by user.", UserWarning
        elif history.status == MAX_ITER and stochastic and not partial:
            text = (
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached "
                "and the optimization hasn't converged yet."
            )
        elif history.status in (MAX_ITER, FAILED) and not stochastic:
            text = (
                f"lbfgs failed to converge after {n_iter} iteration(s): "
                f"{history.message}. Increase max_iter (it is {self.max_iter}) or "
                f"max_fun (it is {self.max_fun}), or scale the data, with "
                "StandardScaler for example."
            )
        else:
            return
        warnings.warn(text, category, stacklevel=4)

    # Prediction.

    def _outputs(self, X: Any, *, raw: bool = False) -> Array:
        """Return the outputs (n, outputs) of the network for X, raw or activated."""
        check_is_fitted(self)
        X = validated_X(self, X, reset=False)
        units = (len(self.coefs_[0]), *map(len, self.intercepts_))
        network = Network(units, self._activations)
        # The engine's layers start at 1, and have an axis of K = 1 networks.
        W = [np.empty((1, 0, 0)), *(coef.T[np.newaxis] for coef in self.coefs_)]
        b = [
            np.empty((1, 0, 1)),
            *(i[np.newaxis, :, np.newaxis] for i in self.intercepts_),
        ]
        activation = None if raw else ACTIVATIONS[self.out_activation_]
        with blas_threads_for(network.multiplications(X.shape[0])):
            return predict(network, W, b, X, activation)[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
