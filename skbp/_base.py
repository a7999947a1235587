"""What BPClassifier and BPRegressor share."""

from __future__ import annotations

import warnings
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import fields
from functools import cache
from itertools import pairwise
from math import log
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
from scipy.special import log_expit, log_softmax, logsumexp
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer_names
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skbp._dask import problem
from skbp._heldout import HeldOut, drawn_split
from skbp._lockstep import best_constant, fit_together
from skbp._sklearn import (
    CallbackSupportMixin,
    Interval,
    Options,
    StrOptions,
    fit_context,
    safe_indexing,
)
from skbp._threads import blas_threads_for
from skbp._validation import (
    arrays_by_layer,
    as_dtype,
    hidden_units,
    names_by_layer,
    on_dask,
    restored_on_error,
    validated_weights,
    validated_X,
    validated_X_y,
)
from skbp.engine import lbfgs, lm
from skbp.engine.activations import ACTIVATIONS, HIDDEN, OUTPUTS
from skbp.engine.arrays import Array, Rows
from skbp.engine.gauss_newton import variances
from skbp.engine.initializers import INITIALIZERS
from skbp.engine.linear import linear_beside
from skbp.engine.lm import Evidence, covariance
from skbp.engine.losses import LOSSES, Loss
from skbp.engine.network import Layers, Network, Propagation, predict
from skbp.engine.objective import Objective
from skbp.engine.optimizers import FULL_BATCH, OPTIMIZERS
from skbp.engine.progress import (
    DIVERGED,
    FAILED,
    INTERRUPTED,
    MAX_ITER,
    History,
    Progress,
)
from skbp.engine.samples import Parts, Samples
from skbp.engine.schedules import SCHEDULES
from skbp.engine.training import Settings, State, train


class BaseBP(CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta):
    """Training, prediction and fitted attributes of a back-propagation estimator.

    A subclass says what its targets are: it encodes y, chooses the loss, and scores
    predictions on a validation set.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(HIDDEN)), "array-like"],
        "output_activation": [StrOptions({"auto", *OUTPUTS})],
        "fit_intercept": ["boolean"],
        "init": [StrOptions(set(INITIALIZERS)), "array-like"],
        "coefs_init": ["array-like", None],
        "intercepts_init": [StrOptions({"best_constant"}), "array-like", None],
        "solver": [StrOptions({"lbfgs", "lm", *OPTIMIZERS})],
        "alpha": [
            Interval(Real, 0, None, closed="left"),
            StrOptions({"evidence", "ard"}),
        ],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "ensemble": [Interval(Integral, 1, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto", "full"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions(set(SCHEDULES))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "learning_rate_decay": [Interval(Real, 0, 1, closed="right")],
        "learning_rate_step": [Interval(Real, 0, None, closed="neither")],
        "warmup": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "average_decay": [Interval(Real, 0, 1, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
        "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
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
    coefs_: list[Array]
    intercepts_: list[Array]
    out_activation_: str
    _fitted: dict[str, Any]
    n_iter_: int
    t_: int
    loss_curve_: list[float]
    validation_scores_: list[float] | None
    validation_loss_curve_: list[float] | None
    learning_rate_curve_: list[float] | None
    best_validation_score_: float | None
    best_loss_: float | None
    loss_: float

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        # Read from the signature at each call, it takes a tenth of a small fit.
        names: list[str] = super()._get_param_names()
        return names

    # What a subclass says of its targets.

    #: Parameters that say what is minimised: those of the last fit count afterwards.
    _shape_the_loss: ClassVar[tuple[str, ...]] = ("loss", "output_activation")

    #: Options of ``validate_data`` for y.
    _y_options: ClassVar[dict[str, Any]] = {}

    @abstractmethod
    def _encode(self, y: Any, *, fresh: bool, partial: bool) -> Array:
        """Return y as the targets Y (n, outputs) of a network; set out_activation_.

        ``fresh`` says whether training starts, or goes on with targets of a known kind;
        ``partial`` whether y may be a part of the targets only.
        """

    @abstractmethod
    def _score(self, Y: Array, predictions: Array, weights: Array | None) -> float:
        """Return the score of predictions (n, outputs) of the targets Y."""

    def _strata(self, Y: Array) -> Any:
        """Return the labels that stratify the validation set; None for none."""
        return None

    # Fitting, from the outside in.

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. A Dask array or data frame, whose partitions need not fit
            into memory together, makes y and sample_weight Dask collections, too:
            full-batch solvers sum over the partitions where they are, stochastic ones
            go through them in their order.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: class labels or a label indicator matrix in classification,
            numbers in regression.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; the loss is the weighted mean over samples. None means
            that all weights are 1.

        X_val, y_val : as X and y, default=None
            A validation set of your own. With ``early_stopping`` it takes the place of
            the part that would be held out; without, score and loss on it are recorded,
            and change nothing.

        sample_weight_val : array-like of shape (n_samples_val,), default=None
            The weights of its samples.

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
        context = self._begin_callbacks(X, y, sample_weight)
        with restored_on_error(self):
            given = (X_val, y_val, sample_weight_val)
            history = self._fit(X, y, sample_weight, given, context=context)
        if context is not None:
            context.end()
        self._warn(history, partial=False)
        return self

    def _begin_callbacks(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """Tell scikit-learn's callbacks, where there are any, that fit begins."""
        if not hasattr(self, "_skl_callbacks"):
            return None
        # "lbfgs" and "lm" have an iteration for each network.
        most = self.max_iter * self.n_init
        return FitCallbacks(self, X, y, sample_weight, most)

    def _check_partial_fit(self):
        """Raise AttributeError where ``partial_fit`` makes no sense: it has none."""
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit needs a stochastic solver, one of {STOCHASTIC}; solver "
                f"is {self.solver!r}."
            )
        return True

    def _fit(self, X, y, sample_weight, given, *, partial=False, context=None):
        """Validate the data, train, set the fitted attributes; return the history."""
        (outcome,) = fit_together(
            [self], X, y, sample_weight, given, partial=partial, context=context
        )
        return outcome.history

    def _best(
        self,
        task: tuple[Network, Loss, Samples | Parts, Array],
        histories: Sequence[History],
        rows: Rows | None,
        evidence: Sequence[Evidence | None],
    ) -> list[int]:
        """Return the networks that predict together, the best first."""
        network, loss, samples, theta = task
        if len(theta) == 1:
            return [0]
        if self.early_stopping:
            cost = np.array([history.best for history in histories])
        elif isinstance(self.alpha, str):
            cost = np.array([-one.log_evidence if one else np.inf for one in evidence])
        else:
            alpha = self._fixed_alpha()
            objective = Objective(network, loss, samples, alpha, theta)
            with np.errstate(over="ignore", invalid="ignore"):
                cost, _ = objective(slice(0, len(samples)) if rows is None else rows)
        if isinstance(self.alpha, str):
            # Without evidence it has diverged, and knows no uncertainty.
            cost = np.where([one is None for one in evidence], np.inf, cost)
        cost = np.where(np.isfinite(cost), cost, np.inf)
        order = [int(k) for k in np.argsort(cost, kind="stable")]
        # Of those that diverged only the first, where there is no other.
        good = [k for k in order if np.isfinite(cost[k])] or order[:1]
        return good[: self.ensemble]

    def _with_linear(
        self,
        task: tuple[Network, Loss, Samples | Parts, Array],
        rows: Rows | None,
        evidence: list[Evidence | None],
    ) -> tuple[Array, list[Evidence | None], Array]:
        """Return theta (m, P) and its evidence, with a linear network as the last.

        The share (outputs,) of that in predictions comes third; without any it is not
        there.
        """
        network, loss, samples, theta = task
        known = [one for one in evidence if one]
        # A warm start could not leave it: units without weights have no gradient.
        if (
            len(known) == len(theta)
            and network.activations
            and loss.name == "squared_error"
            and not (self.early_stopping or self.warm_start)
        ):
            with np.errstate(all="ignore"), suppress(np.linalg.LinAlgError):
                beside = linear_beside(network, loss, samples, rows, theta, known)
                if beside is not None:
                    share, line, its = beside
                    alone = bool((share == 1.0).all())
                    others = (theta[:0], []) if alone else (theta, evidence)
                    return np.vstack([others[0], line]), [*others[1], its], share
        return theta, evidence, np.zeros(network.units[-1])

    def _fixed_alpha(self) -> float:
        """Return the penalty, 0 where it is estimated."""
        return 0.0 if isinstance(self.alpha, str) else float(self.alpha)

    def _check_parameters(self, partial: bool) -> None:
        """Refuse parameters that do not go together."""
        if partial and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True, since it has no "
                "validation set. Set early_stopping=False."
            )
        if isinstance(self.alpha, str) and self.solver != "lm":
            raise ValueError(
                f"alpha={self.alpha!r} needs solver='lm', which estimates it; solver "
                f"is {self.solver!r}. Change the solver, or give alpha as a number."
            )
        if isinstance(self.alpha, str) and self.loss == "huber":
            raise ValueError(
                f"alpha={self.alpha!r} needs a loss that is minus a log likelihood, "
                "and loss='huber' is none. Give alpha as a number, or use "
                "loss='squared_error'."
            )
        if self.ensemble > self.n_init:
            raise ValueError(
                f"ensemble={self.ensemble} networks out of n_init={self.n_init} cannot "
                "predict together. Raise n_init, or lower ensemble."
            )
        if self.n_init > 1 and (
            partial or self.warm_start or self.coefs_init is not None
        ):
            what = "partial_fit" if partial else "warm_start=True"
            what = what if partial or self.warm_start else "coefs_init"
            raise ValueError(
                f"n_init={self.n_init} trains from several initial weights, which does "
                f"not go with {what}. Set n_init=1."
            )
        for name, off in self._off_without_steps().items():
            value = getattr(self, name)
            if value is not off and np.any(np.asarray(value, object) != off):
                raise ValueError(
                    f"{name}={value!r} needs a stochastic solver, one of {STOCHASTIC}; "
                    f"solver is {self.solver!r}. Leave {name} at {off!r}, or change "
                    "the solver."
                )
        if self.weight_decay * self.learning_rate_init >= 1:
            raise ValueError(
                f"weight_decay={self.weight_decay} times learning_rate_init="
                f"{self.learning_rate_init} is the part of the weights that a step "
                "takes away; it must be below 1. Lower one of the two."
            )
        suitable = ["auto", *loss_outputs(self.loss)]
        if self.output_activation not in suitable:
            raise ValueError(
                f"output_activation={self.output_activation!r} does not suit "
                f"loss={self.loss!r}, whose predictions need one of {suitable}."
            )

    def _off_without_steps(self) -> dict[str, Any]:
        """Return what the solver has no use for, and what turns that off.

        The learning rates that scikit-learn has are ignored instead, as there.
        """
        if self.solver in STOCHASTIC:
            return {}
        off: dict[str, Any] = {"dropout": 0.0, "max_grad_norm": None, "warmup": 0.0}
        if self.learning_rate not in ("constant", "invscaling", "adaptive"):
            off["learning_rate"] = "constant"
        if self.solver not in OPTIMIZERS:
            off |= {"weight_decay": 0.0, "average_decay": 0.0}
        return off

    def _problem(
        self, X: Any, y: Any, sample_weight: Any, fresh: bool, partial: bool
    ) -> tuple[Network, Samples | Parts, Any]:
        """Return the network that the parameters and data ask for, samples, and y."""
        if on_dask(X):
            return problem(self, X, y, sample_weight, fresh, partial)
        hidden = hidden_units(self.hidden_layer_sizes)
        activations = names_by_layer(
            "activation", self.activation, HIDDEN, len(hidden), "hidden layers"
        )
        X, y = validated_X_y(self, X, y, reset=fresh, **self._y_options)
        Y = as_dtype(self._encode(y, fresh=fresh, partial=partial), X.dtype)
        weights = validated_weights(sample_weight, X, X.dtype)
        weights = self._weighted(y, weights, fresh=True, partial=partial)
        samples = Samples(X, self._smoothed(Y), weights)
        units = (X.shape[1], *hidden, Y.shape[1])
        return Network(units, activations, self.fit_intercept), samples, y

    def _learn_from(self, other: BaseBP) -> None:
        """Take over what another estimator has learnt of the same data."""
        parameters = self.get_params(deep=False)
        for name, value in vars(other).items():
            if name not in parameters:
                setattr(self, name, value)

    def _smoothed(self, Y: Array) -> Array:
        """Return the targets that training sees."""
        return Y

    def _weighted(
        self,
        y: Any,
        weights: Array | None,
        *,
        fresh: bool,
        partial: bool,
        zero: bool = False,
    ) -> Array | None:
        """Return the weights of the samples, with those of their classes.

        ``fresh`` says whether the weights of the classes follow from this y; ``zero``
        whether all weights may be zero.
        """
        return weights

    def _count_classes(self, y: Any, counts: Array) -> None:
        """Weigh classes by how often each occurs, where that matters."""

    def _stand_in(self, y: Array) -> tuple[Array, Array]:
        """Return a few targets that stand for all kinds in y; how often each occurs."""
        return y[:1].copy(), np.array([float(len(y))])

    def _output_activation(self) -> str:
        """Return the name of the output activation that the parameters ask for."""
        if self.output_activation == "auto":
            return loss_outputs(self.loss)[0]
        return self.output_activation

    def _loss(self) -> Loss:
        """Return the loss of the engine, of outputs with ``out_activation_``."""
        binary = self.loss == "log_loss" and self.out_activation_ == "logistic"
        loss = LOSSES["binary_log_loss" if binary else self.loss]
        return loss.through(self.out_activation_)

    def _trained_loss(self) -> Loss:
        """Return the loss to train with, refused where the solver cannot."""
        loss = self._loss()
        if self.solver == "lm" and not loss.convex:
            raise ValueError(
                "solver='lm' needs a loss that is convex in the raw outputs, and "
                f"curved: one of {CONVEX} with output_activation='auto'; got loss="
                f"{self.loss!r} with {self.output_activation!r}. Change the loss or "
                "the solver."
            )
        return loss

    def _train(self, task, settings, progress, rows, state, rng, drawn):
        """Run the solver; return theta, what gives the end state, and the evidence."""
        network, _, samples, theta = task
        n = len(samples) if rows is None else len(rows)
        m = settings.batch_size if self.solver in OPTIMIZERS else n
        task = (*task, settings, progress)
        with blas_threads_for(network.multiplications(m)):
            if self.solver in OPTIMIZERS:
                return *train(*task, rng, rows=rows, state=state), [None] * len(theta)
            if self.solver == "lbfgs":
                theta = lbfgs.minimise(*task, rows=rows, state=state)
                return theta, None, [None] * len(theta)
            options = {}
            if isinstance(self.alpha, str):
                groups = lm.groups_of(network, by_feature=self.alpha == "ard")
                options = {"groups": groups, "drawn": drawn}
            theta, evidence = lm.minimise(*task, rows=rows, **options)
            return theta, None, evidence

    def _settings(self, n: int, n_hidden: int, partial: bool) -> Settings:
        """Return the settings of the engine, for n samples to train on."""
        shared = {field.name for field in fields(Settings)} & set(self.get_params())
        values = {name: getattr(self, name) for name in shared}
        named = {"auto": min(200, n), "full": n}
        size = self.batch_size
        if isinstance(size, bool):
            raise ValueError(f"batch_size must be an int, not a bool; got {size}.")
        batch_size = named[size] if isinstance(size, str) else size
        if batch_size > n:
            warnings.warn(
                f"batch_size={batch_size} is larger than the number of samples to "
                f"train on, {n}: all of them make one batch.",
                stacklevel=7,
            )
        values["batch_size"] = n if self.solver in FULL_BATCH else min(batch_size, n)
        if self.solver not in STOCHASTIC:
            values["learning_rate"] = "constant"
        values["alpha"] = self._fixed_alpha()
        if self.max_grad_norm is None:
            values["max_grad_norm"] = np.inf
        values["dropout"] = self._dropout(n_hidden)
        values["horizon"] = self.max_iter
        if partial:
            values["max_iter"] = 1
        return Settings(**values)

    def _dropout(self, n_hidden: int) -> tuple[float, ...]:
        """Return the dropout of each hidden layer."""
        if np.ndim(self.dropout) == 0:
            return (float(self.dropout),) * n_hidden
        rates = tuple(self.dropout)
        valid = all(isinstance(p, Real) and 0.0 <= float(p) < 1.0 for p in rates)
        if not valid or len(rates) != n_hidden:
            raise ValueError(
                "dropout must be a number in [0, 1), or one for each of the "
                f"{n_hidden} hidden layers; got {self.dropout!r}."
            )
        return tuple(map(float, rates))

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
        """Return theta (1, P) before training."""
        L, units = network.n_layers, network.units
        names = names_by_layer(
            "init", self.init, INITIALIZERS, L, "layers, hidden ones and output"
        )
        # The output layer is drawn as if it had the activation of the last hidden one.
        activations = network.activations or (self.activation,)
        coefs: list[Array] = []
        intercepts: list[Array] = []
        for l, name in enumerate(names):
            W, b = np.zeros((units[l + 1], units[l])), np.zeros((units[l + 1], 1))
            if self.coefs_init is None:
                INITIALIZERS[name](W, b, activations[min(l, len(activations) - 1)], rng)
            coefs.append(W.T)
            intercepts.append(b[:, 0])
        if self.coefs_init is not None:
            shapes = list(pairwise(units))
            coefs = arrays_by_layer("coefs_init", self.coefs_init, shapes)
        if self._starts_at_constant() and not self.fit_intercept:
            raise ValueError(
                "intercepts_init='best_constant', but fit_intercept=False: there are "
                "no intercepts. Leave one of the two out."
            )
        if self.intercepts_init is not None and not self._starts_at_constant():
            sizes = [(n,) for n in units[1:]]
            intercepts = arrays_by_layer("intercepts_init", self.intercepts_init, sizes)
            if not self.fit_intercept and any(map(np.any, intercepts)):
                raise ValueError(
                    "intercepts_init is not zero, but fit_intercept=False: there are "
                    "no intercepts. Leave one of the two out."
                )
        with np.errstate(over="ignore"):
            theta = packed(network, coefs, intercepts, dtype)
        if not np.isfinite(theta).all():
            raise ValueError(
                f"coefs_init or intercepts_init has values too large for {dtype}, the "
                "dtype of X. Scale them, or give X as float64."
            )
        return theta

    def _start(
        self, network: Network, dtype: Any, rng: np.random.RandomState, fresh: bool
    ) -> Array:
        """Return theta (n_init, P) that training starts from."""
        if not fresh:
            return self._fitted_theta(network, dtype)
        return np.concatenate(
            [self._initial_theta(network, dtype, rng) for _ in range(self.n_init)]
        )

    def _fitted_theta(self, network: Network, dtype: Any) -> Array:
        """Return the fitted parameters, to go on from."""
        fitted = (len(self.coefs_[0]), *map(len, self.intercepts_))
        if fitted != network.units:
            raise ValueError(
                f"Training cannot go on: the fitted network has layers of {fitted} "
                f"units, hidden_layer_sizes={self.hidden_layer_sizes!r}, "
                f"output_activation={self.output_activation!r} and the data ask for "
                f"{network.units}. Set warm_start=False, or fit a clone, to "
                "start anew."
            )
        if not network.biases and any(map(np.any, self.intercepts_)):
            raise ValueError(
                "Training cannot go on: the fitted network has intercepts, and "
                "fit_intercept is False. Set warm_start=False, or fit a clone, to "
                "start anew."
            )
        return packed(network, self.coefs_, self.intercepts_, dtype)

    def _memorised_state(
        self, memory: dict[str, Any], network: Network, partial: bool
    ) -> State | None:
        """Return the state that an earlier call left, if this one goes on from it."""
        known = (self.solver, network.n_parameters)
        if partial and memory.get("optimizer") == known:
            return State(**memory["state"])
        return None

    def _validation_set(
        self,
        given: tuple[Any, Any, Any],
        network: Network,
        samples: Samples | Parts,
        y: Any,
        rng: np.random.RandomState,
        memory: dict[str, Any],
    ) -> tuple[HeldOut | None, tuple[Rows, Rows] | None]:
        """Return the validation set, if there is one, and the split that made it."""
        held = self._given_validation(*given, network.units[-1])
        split = None if held else self._split(samples, rng, memory)
        if split is not None:
            assert isinstance(samples, Samples)
            held = self._held_out(samples, y, split[1])
        return held, split

    def _split(
        self,
        samples: Samples | Parts,
        rng: np.random.RandomState,
        memory: dict[str, Any],
    ) -> tuple[Rows, Rows] | None:
        """Return the rows to train on and those to validate on; None without a split.

        A warm start keeps its split: rows once trained on must not validate.
        """
        n = len(samples)
        if not self.early_stopping:
            return None
        if isinstance(samples, Parts):
            raise ValueError(
                "early_stopping=True draws a validation set out of data in memory, and "
                "X is a Dask collection. Give X_val and y_val, in memory, or set "
                "early_stopping=False."
            )
        split = memory.get("split")
        if split is None or sum(map(len, split)) != n:
            strata = self._strata(samples.Y)
            split = drawn_split(samples, strata, self.validation_fraction, rng)
        for rows, what in zip(split, ("train", "validate"), strict=True):
            if samples.total(rows) == 0.0:
                raise ValueError(
                    f"sample_weight is zero for all samples drawn to {what} on. Give "
                    "more samples a weight, or set early_stopping=False."
                )
        return split

    def _starts_at_constant(self) -> bool:
        """Return whether the output layer's intercepts start at the best constant."""
        return isinstance(self.intercepts_init, str)

    def _given_validation(
        self, X: Any, y: Any, weights: Any, n_outputs: int
    ) -> HeldOut | None:
        """Return the validation set that the user gives, if there is one."""
        if X is None and y is None:
            if weights is not None:
                raise ValueError("sample_weight_val needs X_val and y_val.")
            return None
        if X is None or y is None:
            raise ValueError(
                "X_val and y_val go together; got "
                f"{'y_val' if X is None else 'X_val'} alone."
            )
        try:
            X, y = validated_X_y(self, X, y, reset=False, **self._y_options)
            Y = as_dtype(self._encode(y, fresh=False, partial=True), X.dtype)
        except ValueError as error:
            raise ValueError(f"In X_val and y_val: {error}") from None
        if Y.shape[1] != n_outputs:
            raise ValueError(
                f"y_val has {Y.shape[1]} outputs, y has {n_outputs}. Give as many."
            )
        weights = validated_weights(weights, X, X.dtype, "sample_weight_val")
        return HeldOut(X, y, Y, self._weighted(y, weights, fresh=False, partial=False))

    def _held_out(self, samples: Samples, y: Any, rows: Rows) -> HeldOut:
        """Return the rows to validate on as a validation set."""
        y, weights = safe_indexing(y, rows), samples.weights
        Y = as_dtype(self._encode(y, fresh=False, partial=True), samples.X.dtype)
        weights = None if weights is None else weights[rows]
        return HeldOut(samples.X[rows], y, Y, weights)

    # What training leaves.

    def _set_fitted(
        self,
        task: tuple[Network, Loss, Samples | Parts, Array],
        histories: Sequence[History],
        rows: Rows | None,
        evidence: Sequence[Evidence | None],
        fresh: bool,
        partial: bool,
    ) -> History:
        """Set the fitted attributes; return the history of the best network."""
        network, loss, samples, theta = task
        kept = self._best(task, histories, rows, evidence)
        history = histories[kept[0]]
        n = len(samples) if rows is None else len(rows)
        self._set_curves(history, n, fresh, partial)
        theta, found, linear = theta[kept], [evidence[k] for k in kept], None
        if history.status != INTERRUPTED:
            task = (network, loss, samples, theta)
            try:
                theta, found, linear = self._with_linear(task, rows, found)
            except KeyboardInterrupt:
                # It ends this as it ends training: with what there is.
                history.status = INTERRUPTED
        self._set_weights(network, theta, linear)
        self._set_evidence(network, found, linear)
        self.__dict__.pop("_memory", None)
        return history

    def _set_weights(
        self, network: Network, theta: Array, linear: Array | None = None
    ) -> None:
        """Set the attributes that make up the network, the best row of theta (m, P).

        All rows predict together, alike, or with this share (outputs,) of a linear last
        one.
        """
        self.coefs_, self.intercepts_ = unpacked(network, theta[:1])
        self._ensemble = theta if len(theta) > 1 else None
        self._shares = shares(len(theta), linear).astype(theta.dtype)
        self._activations, self._biases = network.activations, network.biases
        self._fitted = {name: getattr(self, name) for name in self._shape_the_loss}
        self.n_layers_, self.n_outputs_ = network.n_layers + 1, network.units[-1]

    def _set_evidence(
        self,
        network: Network,
        evidence: Sequence[Evidence | None],
        linear: Array | None,
    ) -> None:
        """Set what was estimated with the weights; remove what an earlier fit left."""
        for name in (*ESTIMATES, "_covariances", "_noise_variances", "_lambdas"):
            self.__dict__.pop(name, None)
        best = evidence[0]
        if best is None:
            return
        known = [one for one in evidence if one]
        self._covariances = np.stack([covariance(one.A) for one in known])
        self._noise_variances = np.array([1.0 / one.beta for one in known])
        # In units of the loss: lambda, as a number would be.
        noise = np.mean(1.0 / best.beta)
        each, self._lambdas = best.alpha * noise, best.precisions * noise
        n_first = len(best.groups) - (2 if network.biases else 1) * network.n_layers + 1
        first = each[:n_first] if self.alpha == "ard" else each[0]
        rest = each[n_first:].tolist()
        self.alpha_ = [first, *rest[: network.n_layers - 1]]
        self.alpha_intercepts_ = rest[network.n_layers - 1 :]
        self.noise_std_, self.linear_share_ = None, 0.0
        if self.loss == "squared_error":
            mean = together(self._shares, self._noise_variances[:, np.newaxis])
            self.noise_std_ = of_outputs(mean[0] ** 0.5)
            if linear is not None:
                self.linear_share_ = of_outputs(linear)
        self.n_effective_parameters_ = float(best.gamma.sum())
        self.log_evidence_ = best.log_evidence
        if self.alpha == "ard":
            width = each[:n_first] ** -0.5
            self.feature_relevances_ = width / width.sum()

    def _set_curves(self, history: History, n: int, fresh: bool, partial: bool) -> None:
        """Set the attributes that tell of training, on n samples."""
        self.n_iter_ = history.n_iter + (self.n_iter_ if partial and not fresh else 0)
        seen = history.n_iter * n if self.solver in OPTIMIZERS else 0
        self.t_ = seen + (0 if fresh else self.t_)
        for name, curve in (
            ("loss_curve_", history.loss_curve),
            ("learning_rate_curve_", history.rates),
            ("validation_scores_", history.validation_scores),
            ("validation_loss_curve_", history.validation_losses),
        ):
            before = [] if fresh else getattr(self, name, None) or []
            # None for what this call has none of; partial_fit goes on all the same.
            keep = curve or (partial and before)
            setattr(self, name, [*before, *curve] if keep else None)
        self.loss_curve_ = self.loss_curve_ or []
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else np.nan
        self.best_loss_ = self.best_validation_score_ = None
        if self.early_stopping:
            best = -history.best
            self.best_validation_score_ = best if np.isfinite(best) else None
        else:
            self.best_loss_ = min(filter(np.isfinite, self.loss_curve_), default=np.inf)
            finite = [*filter(np.isfinite, self.validation_scores_ or [])]
            self.best_validation_score_ = max(finite) if finite else None

    def _new_memory(self, history, split, end, rng) -> dict[str, Any]:
        """Return what partial_fit and a warm start go on from, beside the weights.

        It holds arrays, numbers and strings only; ``fit`` without ``warm_start`` keeps
        none of it, so that a fitted estimator is hardly larger than its weights.
        """
        memory: dict[str, Any] = {"split": split}
        if end is not None and history.status != DIVERGED:
            n_parameters = sum(map(np.size, self.coefs_))
            if self.fit_intercept:
                n_parameters += sum(map(np.size, self.intercepts_))
            known = (self.solver, n_parameters)
            # The next call has samples of its own.
            state = vars(end()) | {"order": None}
            memory |= {"optimizer": known, "state": state}
        if isinstance(self.random_state, Integral):
            memory["random_stream"] = rng.get_state()
        return memory

    def _warn(self, history: History, partial: bool) -> None:
        """Warn where training ended in another way than it should."""
        n_iter, category = history.n_iter, ConvergenceWarning
        if partial and history.rates and not history.rates[-1]:
            warnings.warn(
                f"learning_rate={self.learning_rate!r} has come to its end after "
                f"max_iter={self.max_iter} epochs: the learning rate is 0. Raise "
                "max_iter to the number of calls, or change learning_rate.",
                UserWarning,
                stacklevel=4,
            )
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
            message = f": {history.message}" if history.message else ""
            text = (
                f"{self.solver} failed to converge after {n_iter} iteration(s)"
                f"{message}. Increase max_iter (it is {self.max_iter})"
                + (f" or max_fun (it is {self.max_fun})" * (self.solver == "lbfgs"))
                + ", or scale the data, with StandardScaler for example."
            )
        else:
            return
        warnings.warn(text, category, stacklevel=4)

    # Prediction, and looking inside.

    def _fitted_network(self, together: bool = False) -> tuple[Network, Layers, Layers]:
        """Return the fitted network, its W and its b, views into the attributes.

        Those of all networks that predict ``together``, or of the best alone.
        """
        units = (len(self.coefs_[0]), *map(len, self.intercepts_))
        # The engine's layers start at 1, and have an axis of K = 1 networks.
        W = [np.empty((1, 0, 0)), *(coef.T[np.newaxis] for coef in self.coefs_)]
        b = [
            np.empty((1, 0, 1)),
            *(i[np.newaxis, :, np.newaxis] for i in self.intercepts_),
        ]
        network = Network(units, self._activations, self._biases)
        if together and self._ensemble is not None:
            return network, *network.split(self._ensemble)
        return network, W, b if self._biases else []

    def _outputs(self, X: Any, *, raw: bool = False) -> Array:
        """Return the outputs (n, outputs) of the network for X, raw or activated."""
        check_is_fitted(self)
        X = validated_X(self, X, reset=False)
        network, W, b = self._fitted_network(together=True)
        activation = None if raw else ACTIVATIONS[self.out_activation_]
        with blas_threads_for(network.multiplications(X.shape[0])):
            outputs = predict(network, W, b, X, activation)
        if len(outputs) == 1:
            return outputs[0]
        if raw:
            return mean_raw(outputs, self.out_activation_)
        return together(self._shares, outputs)

    def _outputs_and_variances(self, X: Any, what: str) -> tuple[Array, Array]:
        """Return raw outputs and their variances (m, n, outputs) of m networks."""
        check_is_fitted(self)
        covariances = vars(self).get("_covariances")
        if covariances is None:
            raise ValueError(
                f"{what} needs a posterior distribution of the weights: fit with "
                "solver='lm' and alpha='evidence' or 'ard'."
            )
        X = validated_X(self, X, reset=False)
        network = self._fitted_network()[0]
        centered = self.out_activation_ == "softmax"
        one = packed(network, self.coefs_, self.intercepts_, np.float64)
        theta = one if self._ensemble is None else self._ensemble
        with blas_threads_for(network.multiplications(X.shape[0])):
            pairs = [
                variances(network, theta_k, covariance, X, centered)
                for theta_k, covariance in zip(theta, covariances, strict=True)
            ]
        dtype = self.coefs_[0].dtype
        outputs, result = (np.stack(e).astype(dtype) for e in zip(*pairs, strict=True))
        return outputs, result

    def activations(self, X):
        """Return the activations A[l] of every layer: forward propagation.

        A[0] = X and A[l] = f[l](Z[l]), where Z[l] = W[l] A[l-1] + b[l]. Those of the
        hidden layers are features that the network has learnt.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        A : list of ``n_layers_`` arrays of shape (n_samples, units of the layer)
            ``A[l]`` belongs to layer l: ``A[0]`` is X itself, ``A[-1]`` the output.
            Samples are rows; in the equations they are columns.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> model = BPRegressor((3,), "tanh", tol=1.0, random_state=0)
        >>> model = model.fit([[0.0, 1.0], [1.0, 1.0]], [0.0, 1.0])
        >>> [A.shape for A in model.activations([[0.5, 1.0]])]
        [(1, 2), (1, 3), (1, 1)]
        """
        check_is_fitted(self)
        X = validated_X(self, X, reset=False)
        network, W, b = self._fitted_network()
        propagation = Propagation(network, 1, X.shape[0], self.coefs_[0].dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            Z = propagation.forward(W, b, X.T)
            ACTIVATIONS[self.out_activation_](Z.shape, Z.dtype)[0](Z)
        return [X, *(A[0].T for A in propagation.A[1:])]

    def residuals(self, X, y):
        """Return the residuals delta[l] = dJ/dZ[l] of every layer: back-propagation.

        delta[L] follows from the loss: A[L] - Y, or with another output activation than
        the canonical one dJ/dA[L] * f'(Z[L]). From there the residuals go back through
        the layers, delta[l] = (W[l+1]' delta[l+1]) * f'[l](Z[l]).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        Returns
        -------
        delta : list of arrays of shape (n_samples, units of the layer)
            ``delta[l - 1]`` belongs to layer l, like ``coefs_[l - 1]``. Each row is of
            the loss of that sample alone: it is not divided by m.
        """
        objective, rows = self._objective(X, y, None)
        with np.errstate(over="ignore", invalid="ignore"):
            return [delta[0].T for delta in objective.residuals(rows)]

    def gradients(self, X, y, sample_weight=None):
        """Return the gradient of the cost J: what a step of training follows.

        dJ/dW[l] = (1/m) (delta[l] A[l-1]' + alpha W[l]), dJ/db[l] = (1/m) times the sum
        of delta[l] over samples, where sample weights multiply delta[l].

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; m is their sum.

        Returns
        -------
        coefs, intercepts : list of ndarray
            The gradient with respect to ``coefs_`` and ``intercepts_``, of their
            shapes. Without ``fit_intercept`` that of the intercepts is zero.
        """
        objective, rows = self._objective(X, y, sample_weight)
        with np.errstate(over="ignore", invalid="ignore"):
            _, m = objective(rows)
        penalty = self._estimated_penalty()
        if penalty is not None:
            objective.grad += penalty * objective.theta / m
        return unpacked(objective.network, objective.grad)

    def cost(self, X, y, sample_weight=None):
        """Return the cost J that training minimises, and its two parts.

        ``J = (1/m) [ sum_i w_i loss_i + alpha/2 sum_l |W[l]|² ]``. ``weight_decay``,
        which acts on the steps of training, is no part of J.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; m is their sum.

        Returns
        -------
        cost : Cost
            A named tuple of three numbers: ``J``, and its parts ``loss`` and
            ``penalty``.
        """
        objective, rows = self._objective(X, y, sample_weight)
        with np.errstate(over="ignore", invalid="ignore"):
            loss, penalty, m = objective.parts(rows)
        estimated = self._estimated_penalty()
        if estimated is not None:
            penalty = 0.5 * (objective.theta**2 @ estimated) / m
        return Cost(float(loss[0] + penalty[0]), float(loss[0]), float(penalty[0]))

    def _initialised(self, X: Any, y: Any, sample_weight: Any) -> BaseBP:
        """Set the weights that training on these data would start from."""
        self._validate_params()
        self._check_parameters(partial=False)
        network, samples, y = self._problem(X, y, sample_weight, True, False)
        rng = self._random_stream({})
        theta = self._initial_theta(network, samples.dtype, rng)
        if self._starts_at_constant():
            # The constant of the rows that fit would train on, as there.
            given = (None, None, None)
            _, split = self._validation_set(given, network, samples, y, rng, {})
            rows = None if split is None else split[0]
            constant = best_constant(self._loss(), samples, rows)
            theta[:, -len(constant) :] = constant
        self._set_weights(network, theta)
        return self

    def _objective(
        self, X: Any, y: Any, sample_weight: Any, dtype: Any = None
    ) -> tuple[Objective, slice]:
        """Return J at the fitted weights on these samples, and all their rows."""
        check_is_fitted(self)
        self._validate_params()
        # A copy, since reading the targets may set attributes.
        looking = copy(self)
        looking.__dict__.update(self._fitted)
        X, y = validated_X_y(looking, X, y, reset=False, **self._y_options)
        Y = as_dtype(looking._encode(y, fresh=False, partial=True), X.dtype)
        weights = validated_weights(sample_weight, X, X.dtype)
        weights = looking._weighted(y, weights, fresh=False, partial=False)
        samples = Samples(X, looking._smoothed(Y), weights)
        network = self._fitted_network()[0]
        dtype = dtype or self.coefs_[0].dtype
        theta = packed(network, self.coefs_, self.intercepts_, dtype)
        alpha = self._fixed_alpha()
        objective = Objective(network, looking._loss(), samples, alpha, theta)
        return objective, slice(0, len(samples))

    def _estimated_penalty(self) -> Array | None:
        """Return lambda of each parameter (P,), where a fit has estimated it."""
        each = vars(self).get("_lambdas")
        return each if isinstance(self.alpha, str) else None

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def mean_raw(Z: Array, output_activation: str) -> Array:
    """Return the raw outputs of the mean probabilities of networks (K, n, outputs)."""
    K = log(len(Z))
    if output_activation == "softmax":
        return logsumexp(log_softmax(Z, axis=-1), axis=0) - K
    return logsumexp(log_expit(Z), axis=0) - logsumexp(log_expit(-Z), axis=0)


class FitCallbacks:
    """The calls that scikit-learn's callbacks expect in a fit, an epoch a task."""

    def __init__(self, estimator: Any, X: Any, y: Any, weights: Any, most: int):
        self.context = estimator._init_callback_context(max_subtasks=most)
        metadata = {} if weights is None else {"sample_weight": weights}
        self.what = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self.context.call_on_fit_task_begin(**self.what)

    def hook(self, network: Network) -> Callable[[Progress, list[int], Array], bool]:
        """Return what is called after each epoch; True ends training."""

        def after_epoch(progress: Progress, active: list[int], theta: Array) -> bool:
            def attributes() -> dict[str, Any]:
                # A copy, since training changes theta in place.
                fitted = copy(self.what["estimator"])
                fitted._set_weights(network, theta[:1].copy())
                return {name: vars(fitted)[name] for name in WEIGHTS}

            epoch = self.context.subcontext(task_name="epoch")
            epoch.call_on_fit_task_begin(**self.what)
            return bool(
                epoch.call_on_fit_task_end(
                    **self.what, reconstruction_attributes=attributes
                )
            )

        return after_epoch

    def end(self) -> None:
        self.context.call_on_fit_task_end(**self.what, reconstruction_attributes={})


#: The attributes that ``_set_weights`` sets.
WEIGHTS = (
    "coefs_",
    "intercepts_",
    "_activations",
    "_biases",
    "_fitted",
    "_ensemble",
    "_shares",
    "n_layers_",
    "n_outputs_",
)

#: The losses that "lm" can minimise.
CONVEX = sorted(
    {"log_loss", *(loss.name for loss in LOSSES.values() if loss.convex)}
    - {"binary_log_loss"}
)

#: The solvers that go through the samples in batches.
STOCHASTIC = [name for name in OPTIMIZERS if name not in FULL_BATCH]


#: The attributes that ``_set_evidence`` sets.
ESTIMATES = (
    "alpha_",
    "alpha_intercepts_",
    "noise_std_",
    "n_effective_parameters_",
    "log_evidence_",
    "linear_share_",
    "feature_relevances_",
)


class Cost(NamedTuple):
    """The cost J of a network on some samples, and its parts: J = loss + penalty."""

    J: float
    loss: float
    penalty: float


def loss_outputs(loss: str) -> tuple[str, ...]:
    """Return the output activations that suit a loss of the estimators."""
    # The engine has one log_loss for classes that exclude each other, one for others.
    return ("logistic", "softmax") if loss == "log_loss" else LOSSES[loss].outputs


def shares(m: int, linear: Array | None) -> Array:
    """Return the shares (m, outputs) of m networks, or (m, 1) if they are alike.

    The last is a linear one if that has any share (outputs,).
    """
    if linear is None or not linear.any():
        return np.full((m, 1), 1.0 / m)
    others = np.tile((1.0 - linear) / max(m - 1, 1), (m - 1, 1))
    return np.vstack([others, linear])


def together(shares: Array, each: Array) -> Array:
    """Return the mean of what is of each network (m, n, outputs), by their shares."""
    mean: Array = (shares[:, np.newaxis] * each).sum(axis=0)
    return mean


def of_outputs(values: Array) -> Any:
    """Return the values (outputs,), or that of a single output as a number."""
    return values if len(values) > 1 else float(values[0])


def packed(network: Network, coefs: Any, intercepts: Any, dtype: Any) -> Array:
    """Return weights and biases as theta (1, P)."""
    parameters = [*coefs, *(intercepts if network.biases else ())]
    return np.concatenate([p.ravel() for p in parameters]).astype(dtype)[np.newaxis]


def unpacked(network: Network, theta: Array) -> tuple[list[Array], list[Array]]:
    """Return theta (1, P) as ``coefs_`` and ``intercepts_``, views into it."""
    W, b = network.split(theta)
    if not network.biases:
        return [W_l[0].T for W_l in W[1:]], [
            np.zeros(n, theta.dtype) for n in network.units[1:]
        ]
    return [W_l[0].T for W_l in W[1:]], [b_l[0, :, 0] for b_l in b[1:]]
