"""The common base class of BPClassifier and BPRegressor."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any, ClassVar, Self, overload
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from skbp._data.checks import check_range, check_width, validated_X
from skbp._data.read import Data
from skbp._estimator.attributes import (
    computed,
    keep_checkpoint,
    restored_on_error,
    set_attributes,
)
from skbp._estimator.by_hand import check_fitted, model_of
from skbp._estimator.callbacks import following, warn_that_none_follows
from skbp._estimator.described import Described
from skbp._estimator.ending import warn_of_end
from skbp._estimator.exchange import Exchange
from skbp._estimator.inside import Cost, objective_of, penalties_of
from skbp._estimator.interrupts import raise_interrupt
from skbp._estimator.members import Member, members_of
from skbp._estimator.parameters import CONSTRAINTS, validate_params
from skbp._estimator.prepare import prepare, prepare_part
from skbp._estimator.rules import RULES, Rules, check_subclass, set_defaults
from skbp._estimator.run import run
from skbp._estimator.state import restore, stored
from skbp._sklearn import (
    CallbackSupportMixin,
    fit_context,
)
from skbp._threads import with_blas_threads_for
from skbp._typing import ArrayLike, MatrixLike, Sparse
from skbp.engine.arrays import Array
from skbp.engine.model import Model, unpacked
from skbp.engine.progress import History, Status

#: The names of the parameters of each class.
PARAMETERS: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


class BaseBP(
    Described, Exchange, CallbackSupportMixin, BaseEstimator, metaclass=ABCMeta
):
    """Training and fitted attributes of a back-propagation estimator.

    The data go down to the engine as a ``Job``, and a ``Result`` comes back. The
    modules below take the estimator as an argument if they need it. Only a scorer and
    callbacks, which are handed an estimator, keep one until the fit ends.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = CONSTRAINTS
    # Our own private names begin with _bp_: any other may be one of a subclass.
    _bp_rules: ClassVar[Rules] = RULES

    # What a fit sets. A union with Any stands for "or None": which of the two it is
    # follows from the parameters, and users who know need not check.
    coefs_: list[npt.NDArray[Any]]
    intercepts_: list[npt.NDArray[Any]]
    loss_: float
    status_: str
    best_loss_: float | Any
    loss_curve_: list[float]
    learning_rate_curve_: list[float] | Any
    validation_scores_: list[float] | Any
    validation_loss_curve_: list[float] | Any
    best_validation_score_: float | Any
    alpha_: list[Any]
    alpha_intercepts_: list[float]
    log_evidence_: float
    n_effective_parameters_: float
    noise_std_: Any  # A number, an array for several outputs, or None.
    linear_share_: Any  # A number, or an array for several outputs.
    feature_relevances_: npt.NDArray[Any]
    t_: int
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    n_features_in_: int
    feature_names_in_: npt.NDArray[Any]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_subclass(cls)
        set_defaults(cls, cls._parameter_constraints)

    def _validate_params(self) -> None:
        validate_params(self)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        # Read from the signature at each call, it takes a tenth of a small fit.
        if cls not in PARAMETERS:
            PARAMETERS[cls] = tuple(super()._get_param_names())
        return list(PARAMETERS[cls])

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data. X can be a Dask array or data frame, whose partitions need
            not fit into memory together; y and sample_weight must then be Dask
            collections, too. Full-batch solvers compute their sums where the partitions
            are stored. Stochastic solvers go through the partitions in order.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets: class labels or a label indicator matrix in classification,
            numbers in regression. If y has several columns, a target that is nan is
            missing: the loss and the scores leave it out.

        sample_weight : array-like of shape (n_samples,) or of y, default=None
            Non-negative weights; the loss is the weighted mean over the samples. None
            means that all weights are 1. If y has several columns, weights of the shape
            of y belong to single targets; the weight of a sample is then their mean.

        X_val, y_val : as X and y, default=None
            A validation set of your own. With ``early_stopping=True`` it is used
            instead of a part of the training data. Otherwise the score and the loss on
            it are recorded, without any effect on training.

        sample_weight_val : array-like of shape (n_samples_val,), default=None
            The weights of the samples in the validation set.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used. A fitted estimator then stays as
            it was.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0)
        >>> model = model.fit(X, y)
        >>> [W.shape for W in model.coefs_]
        [(1, 2), (2, 1)]
        """
        data = Data(X, y, sample_weight)
        validation = Data(X_val, y_val, sample_weight_val)
        with (
            following(self, data, validation) as hook_of,
            restored_on_error(self),
            np.errstate(all="ignore"),
        ):
            job = prepare(self, data, validation)
            (result,) = run(job, hook_of and hook_of(job))
            raise_interrupt(result)
            set_attributes(self, job, result)
            if self.warm_start:
                keep_checkpoint(self, job, result)
        warn_of_end(self, job, result)
        return self

    def _bp_train_part(self, data: Data, validation: Data) -> History:
        """Train for one epoch on a part of the data; return the history."""
        if not get_config()["skip_parameter_validation"]:
            # (scikit-learn's decorator takes three times as long.)
            self._validate_params()
        warn_that_none_follows(self)
        job = prepare_part(self, data, validation)
        (result,) = run(job)
        raise_interrupt(result)
        set_attributes(self, job, result)
        if result.history.status is Status.MAX_ITER:
            # One epoch is no end.
            self.status_ = str(Status.RUNNING)
        keep_checkpoint(self, job, result)
        return result.history

    @property
    def members_(self) -> list[Member]:
        # (Documented with the other attributes, in the docstring of the class.)
        with computed("members_"):
            return members_of(self)

    # Looking inside.

    @overload
    def activations(self, X: Sparse) -> list[Any]: ...
    @overload
    def activations(self, X: MatrixLike) -> list[npt.NDArray[Any]]: ...
    def activations(self, X: MatrixLike) -> list[Any]:
        """Return the activations A[l] of every layer: forward propagation.

        A[0] = X and A[l] = f[l](Z[l]), where Z[l] = W[l] A[l-1] + b[l]. The activations
        of the hidden layers are the features that the network has learnt.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        A : list of ``n_layers_`` arrays of shape (n_samples, units of the layer)
            ``A[l]`` belongs to layer l: ``A[0]`` is X, and ``A[-1]`` is the output. The
            samples are rows here, and columns in the equations.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> model = BPRegressor((3,), "tanh", tol=1.0, random_state=0)
        >>> model = model.fit([[0.0, 1.0], [1.0, 1.0]], [0.0, 1.0])
        >>> [A.shape for A in model.activations([[0.5, 1.0]])]
        [(1, 2), (1, 3), (1, 1)]
        """
        X, model = self._bp_checked(X)
        with np.errstate(all="ignore"):
            return [X, *model.activations(X)]

    def weighted_inputs(self, X: MatrixLike) -> list[npt.NDArray[Any]]:
        """Return the weighted inputs Z[l] of every layer, before the activation.

        Z[l] = W[l] A[l-1] + b[l], where A[0] = X and A[l] = f[l](Z[l]). They show, for
        example, which units are saturated, or how close a ReLU unit is to its kink.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        Z : list of arrays of shape (n_samples, units of the layer)
            ``Z[l - 1]`` belongs to layer l, like ``coefs_[l - 1]``, and is what
            ``activations(X)[l]`` is computed from. ``Z[-1]`` is the raw output. The
            samples are rows here, and columns in the equations.

        Examples
        --------
        >>> import numpy as np
        >>> from skbp import BPRegressor
        >>> model = BPRegressor((3,), "tanh", tol=1.0, random_state=0)
        >>> model = model.fit([[0.0, 1.0], [1.0, 1.0]], [0.0, 1.0])
        >>> X = [[0.5, 1.0]]
        >>> Z = model.weighted_inputs(X)
        >>> [Z_l.shape for Z_l in Z]
        [(1, 3), (1, 1)]
        >>> np.allclose(np.tanh(Z[0]), model.activations(X)[1])
        True
        """
        X, model = self._bp_checked(X)
        with np.errstate(all="ignore"):
            return model.weighted_inputs(X)

    def residuals(self, X: MatrixLike, y: ArrayLike) -> list[npt.NDArray[Any]]:
        """Return the residuals delta[l] = dJ/dZ[l] of every layer: back-propagation.

        delta[L] follows from the loss: it is A[L] - Y for most losses with their
        canonical output activation, and dJ/dA[L] * f'(Z[L]) in general. From the
        output, the residuals are propagated back through the layers,
        delta[l] = (W[l+1]' delta[l+1]) * f'[l](Z[l]).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        Returns
        -------
        delta : list of arrays of shape (n_samples, units of the layer)
            ``delta[l - 1]`` belongs to layer l, like ``coefs_[l - 1]``. Each row is the
            residual of the loss of one sample, not divided by m.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0)
        >>> delta = model.fit(X, y).residuals([[0.5], [2.5]], [0.0, 1.0])
        >>> [d.shape for d in delta]
        [(2, 2), (2, 1)]
        >>> print(delta[-1][:, 0].round(1))
        [0.5 1.5]
        >>> print((model.predict([[0.5], [2.5]]) - [0.0, 1.0]).round(1))
        [0.5 1.5]
        """
        objective = objective_of(self, X, y, None)
        with np.errstate(all="ignore"):
            each = objective.residuals(objective.samples.every)
        return [delta[0].T for delta in each]

    def gradients(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
        """Return the gradient of the cost J with respect to weights and biases.

        dJ/dW[l] = (1/m) (delta[l] A[l-1]' + alpha W[l]), dJ/db[l] = (1/m) times the sum
        of delta[l] over samples, where sample weights multiply delta[l].

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,) or of y, default=None
            Non-negative weights; m is their sum.

        Returns
        -------
        coefs, intercepts : list of ndarray
            The gradient with respect to ``coefs_`` and ``intercepts_``, in the same
            shapes. With ``fit_intercept=False`` the second part is zero.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0)
        >>> coefs, intercepts = model.fit(X, y).gradients(X, y)
        >>> [gradient.shape for gradient in coefs]
        [(1, 2), (2, 1)]
        """
        objective = objective_of(self, X, y, sample_weight)
        with np.errstate(all="ignore"):
            _, m = objective(objective.samples.every)
        penalties = penalties_of(self)
        if penalties is not None:
            objective.grad += penalties * objective.theta / m
        return unpacked(objective.network, objective.grad)

    def cost(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Cost:
        """Return the cost J that training minimises, and its two parts.

        ``J = (1/m) [ sum_i w_i loss_i + alpha/2 sum_l |W[l]|² ]``. ``weight_decay``
        acts on the steps of training, and is not part of J.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,) or of y, default=None
            Non-negative weights; m is their sum.

        Returns
        -------
        cost : Cost
            A named tuple of three numbers: ``J``, and its parts ``loss`` and
            ``penalty``.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0)
        >>> J, loss, penalty = model.set_params(alpha=0.1).fit(X, y).cost(X, y)
        >>> print(f"{J:.4f} = {loss:.4f} + {penalty:.4f}")
        0.0365 = 0.0039 + 0.0326
        """
        objective = objective_of(self, X, y, sample_weight)
        with np.errstate(all="ignore"):
            loss, penalty, m = objective.parts(objective.samples.every)
        penalties = penalties_of(self)
        if penalties is not None:
            penalty = 0.5 * (objective.theta**2 @ penalties) / m
        return Cost(float(loss[0] + penalty[0]), float(loss[0]), float(penalty[0]))

    # What prediction needs.

    def _bp_checked(self, X: Any) -> tuple[Any, Model]:
        """Return X as the network takes it, and the network."""
        check_fitted(self)
        X, model = validated_X(self, X), model_of(self)
        check_width(X, model.network.units[0])
        check_range(X, model.theta.dtype)
        return X, model

    def _bp_outputs(self, X: Any) -> Array:
        """Return the outputs A[L] (n, outputs)."""
        X, model = self._bp_checked(X)
        return with_blas_threads_for(
            model.network.multiplications(X.shape[0]), lambda: model.outputs(X)
        )

    def _bp_raw_outputs(self, X: Any) -> Array:
        """Return the raw outputs Z[L] (n, outputs)."""
        X, model = self._bp_checked(X)
        return with_blas_threads_for(
            model.network.multiplications(X.shape[0]), lambda: model.raw_outputs(X)
        )

    def _bp_outputs_and_variances(
        self, X: Any, what: str
    ) -> tuple[Model, Array, Array]:
        """Return the model, and raw outputs and variances (m, n, outputs)."""
        check_fitted(self)
        model = model_of(self)
        if model.posterior is None:
            raise ValueError(
                f"{what} needs a posterior distribution of the weights: fit with "
                "solver='lm' and alpha='evidence' or 'ard'."
            )
        X = validated_X(self, X)
        check_width(X, model.network.units[0])
        check_range(X, model.theta.dtype)
        found = with_blas_threads_for(
            model.network.multiplications(X.shape[0]),
            lambda: model.outputs_and_variances(X, model.theta.dtype),
        )
        return model, *found

    # Where an estimator plugs in.

    def __getstate__(self) -> dict[str, Any]:
        """Return attributes as plain values, with the weights only once."""
        return stored(super().__getstate__())

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        restore(self)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
