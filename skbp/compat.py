"""MLPClassifier and MLPRegressor: scikit-learn's networks, trained by this package.

An existing program keeps everything but its import::

    from skbp.compat import MLPClassifier, MLPRegressor

The two classes have scikit-learn's names, parameters and order of arguments, and they
are subclasses of scikit-learn's two. Their private methods are therefore scikit-learn's
own, and compute on ``coefs_`` and ``intercepts_``: ``_forward_pass``,
``_forward_pass_fast``, ``_backprop``, ``_loss_grad_lbfgs`` and ``_unpack``. The private
attributes that programs read are computed where they are read (see ``COMPUTED``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from inspect import signature
from itertools import accumulate, pairwise
from math import ceil, inf, sqrt
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from sklearn import neural_network
from sklearn.utils import check_random_state

from skbp._data.checks import on_dask
from skbp._data.dask import for_partitions
from skbp._estimator.attributes import forget
from skbp._estimator.by_hand import check_fitted, targets_of
from skbp._estimator.rules import Rules
from skbp._estimator.sklearn_networks import binarizer_of
from skbp._sklearn import StrOptions, available_if, constraints_of
from skbp._targets import ClassTargets
from skbp._targets.losses import PROBABILITIES
from skbp._typing import Float, HiddenLayerSizes, Int, RandomState
from skbp.classifier import BPClassifier
from skbp.regressor import BPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]

# The names that scikit-learn's networks accept; any string, so that names that come
# from a list or an argument are no errors.
Activation: TypeAlias = Literal["identity", "logistic", "tanh", "relu"] | str
Solver: TypeAlias = Literal["lbfgs", "sgd", "adam"] | str
LearningRate: TypeAlias = Literal["constant", "invscaling", "adaptive"] | str
BatchSize: TypeAlias = Int | Literal["auto"] | str
Loss: TypeAlias = Literal["squared_error", "poisson"] | str


# Private attributes of scikit-learn's networks.


class Computed:
    """A private attribute of scikit-learn's that is computed where it is read.

    A value that the user assigns is returned instead, until training replaces it.

    Parameters
    ----------
    compute : callable
        A function of the estimator. If it fails, there is no such attribute.
    stays : bool
        Whether the value is kept once it was read, as one that may be changed in place.
    """

    name: str
    compute: Callable[[Any], Any]
    stays: bool

    def __init__(self, compute: Callable[[Any], Any], stays: bool = False):
        self.compute, self.stays = compute, stays

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, estimator: Any, owner: Any = None) -> Any:
        if estimator is None:
            return self
        assigned = vars(estimator)
        if self.name in assigned:
            return assigned[self.name]
        if "coefs_" not in assigned:
            kind = type(estimator).__name__
            raise AttributeError(f"{kind!r} object has no attribute {self.name!r}")
        try:
            value = self.compute(estimator)
        except Exception as error:
            # Such as a parameter that nobody has checked yet.
            raise AttributeError(f"{self.name} is not known: {error}") from error
        if self.stays:
            assigned[self.name] = value
        return value

    def __set__(self, estimator: Any, value: Any) -> None:
        vars(estimator)[self.name] = value

    def __delete__(self, estimator: Any) -> None:
        forget(estimator, self.name)


class ComputedOptimizer(Computed):
    """The optimizer; training continues with a new one if it is set to None."""

    def __set__(self, estimator: Any, value: Any) -> None:
        super().__set__(estimator, value)
        checkpoint = vars(estimator).get("_bp_checkpoint")
        if value is None and checkpoint is not None:
            without = replace(checkpoint, optimizer=None, solver="")
            vars(estimator)["_bp_checkpoint"] = without

    def __delete__(self, estimator: Any) -> None:
        self.__set__(estimator, None)
        super().__delete__(estimator)


@dataclass(frozen=True)
class Optimizer:
    """What can be read of the optimizer that trained a network.

    Attributes
    ----------
    learning_rate_init, learning_rate : float
        The initial learning rate, and the one after the last epoch.
    t : int
        The number of steps.
    """

    learning_rate_init: float
    learning_rate: float
    t: int


def optimizer_of(estimator: Any) -> Optimizer:
    """Return what can be read of the optimizer."""
    if estimator.solver not in RATES or "t_" not in vars(estimator):
        raise AttributeError(
            "_optimizer is only available after a fit with solver='sgd' or 'adam'"
        )
    rate, n_iter = float(estimator.learning_rate_init), max(estimator.n_iter_, 1)
    n, size = estimator.t_ // n_iter, estimator.batch_size
    size = min(200, n) if isinstance(size, str) else size
    t = n_iter * ceil(n / max(size, 1))
    return Optimizer(rate, RATES[estimator.solver](estimator, rate, t), t)


def rate_of_sgd(estimator: Any, rate: float, t: int) -> float:
    """Return the learning rate of "sgd" after the last epoch."""
    if estimator.learning_rate == "invscaling":
        return float(rate / (estimator.t_ + 1) ** estimator.power_t)
    curve = vars(estimator).get("learning_rate_curve_")
    return float(curve[-1]) if curve else rate


def rate_of_adam(estimator: Any, rate: float, t: int) -> float:
    """Return the length of the last step of "adam", as scikit-learn computes it."""
    t = max(t, 1)
    return float(rate * sqrt(1 - estimator.beta_2**t) / (1 - estimator.beta_1**t))


#: The learning rate after the last epoch, for the solvers that have one.
RATES: dict[str, Callable[[Any, float, int], float]] = {
    "sgd": rate_of_sgd,
    "adam": rate_of_adam,
}


def no_improvement_count(estimator: Any) -> int:
    """Return the number of epochs in a row, up to the last, without improvement."""
    fitted = vars(estimator)
    curve = [-score for score in fitted.get("validation_scores_") or ()]
    curve = curve or list(fitted.get("loss_curve_") or ())
    best, count, last = inf, 0, len(curve) - 1
    for i, merit in enumerate(curve):
        count = count + 1 if merit > best - estimator.tol else 0
        best = min(best, merit)
        if count > estimator.n_iter_no_change and i < last:
            # The learning rate was lowered, and training continued.
            count = 0
    return count


def label_binarizer(estimator: Any) -> Any:
    """Return a binarizer of the classes, which predictions follow from then on."""
    targets = targets_of(estimator)
    if not isinstance(targets, ClassTargets):
        raise AttributeError("a regressor has no _label_binarizer")
    return binarizer_of(targets)


def random_state(estimator: Any) -> np.random.RandomState:
    """Return the random numbers with which training would continue."""
    checkpoint = vars(estimator).get("_bp_checkpoint")
    rng = None if checkpoint is None else checkpoint.random
    known: Any = estimator.random_state if rng is None else rng
    generator: np.random.RandomState = check_random_state(known)
    return generator


def slices_of_coefs(estimator: Any) -> list[tuple[int, int, tuple[int, ...]]]:
    """Return start, end and shape of each array of weights in a packed vector."""
    ends = [0, *accumulate(np.size(W) for W in estimator.coefs_)]
    shapes = map(np.shape, estimator.coefs_)
    return [(*ends, shape) for ends, shape in zip(pairwise(ends), shapes, strict=True)]


def slices_of_intercepts(estimator: Any) -> list[tuple[int, int]]:
    """Return start and end of each array of biases in a packed vector."""
    start = sum(np.size(W) for W in estimator.coefs_)
    sizes = (np.size(b) for b in estimator.intercepts_)
    return list(pairwise(accumulate(sizes, initial=start)))


def copies(name: str) -> Callable[[Any], list[npt.NDArray[Any]]]:
    """Return the function that copies the arrays of a public attribute."""
    return lambda estimator: [np.array(array) for array in getattr(estimator, name)]


#: The private attributes, and whether training that continues keeps assigned values.
COMPUTED = {
    "_best_coefs": True,
    "_best_intercepts": True,
    "_coef_indptr": False,
    "_intercept_indptr": False,
    "_label_binarizer": True,
    "_no_improvement_count": False,
    "_optimizer": False,
    "_random_state": False,
}


def rules(constraints: dict[str, Any], here: Any) -> Rules:
    """Return the rules of a class that has only parameters with these constraints."""
    return Rules(
        fixed={
            name: parameter.default
            for name, parameter in signature(here).parameters.items()
            if name not in constraints
        },
        as_there=True,
        scheduled=("sgd",),
        computed=tuple(COMPUTED),
        kept=tuple(name for name, kept in COMPUTED.items() if kept),
    )


def never(estimator: Any) -> bool:
    """Return False: the method is not available."""
    return False


class Compatible:
    """The private attributes that programs read of scikit-learn's networks."""

    _best_coefs = Computed(copies("coefs_"))
    _best_intercepts = Computed(copies("intercepts_"))
    _coef_indptr = Computed(slices_of_coefs)
    _intercept_indptr = Computed(slices_of_intercepts)
    _label_binarizer = Computed(label_binarizer, stays=True)
    _no_improvement_count = Computed(no_improvement_count)
    _optimizer = ComputedOptimizer(optimizer_of)
    _random_state = Computed(random_state, stays=True)


# The two networks.


class MLPClassifier(Compatible, BPClassifier, neural_network.MLPClassifier):
    """scikit-learn's MLPClassifier, trained by BPClassifier.

    The parameters and their order are those of
    :class:`sklearn.neural_network.MLPClassifier`, of which this class is a subclass.
    With the same ``random_state`` you get the same weights, typically two to three
    times faster. Attributes have the same meaning as in scikit-learn: you can change
    ``coefs_``, ``out_activation_``, ``classes_`` and others, or set them on an
    estimator that was never fitted, and a fitted network follows ``activation``. There
    is no ``decision_function``.

    An attribute such as ``dropout`` or ``class_weight``, which is a parameter of
    :class:`~skbp.BPClassifier`, has no effect here.

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_layers - 2,) or int, default=(100,)
        The number of units in each hidden layer.

    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        The activation function of the hidden layers.

    solver : {"lbfgs", "sgd", "adam"}, default="adam"
        The algorithm that minimises the loss.

    alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle, \
random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, \
validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As in :class:`sklearn.neural_network.MLPClassifier`. As there, only "sgd"
        follows ``learning_rate``.

    See Also
    --------
    skbp.BPClassifier : The same network, with more parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skbp.compat import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    >>> model = model.set_params(mlpclassifier__max_iter=500).fit(X, y)
    >>> model.named_steps["mlpclassifier"].n_layers_
    3
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = constraints_of(
        neural_network.MLPClassifier
    )
    _bp_rules: ClassVar[Rules] = rules(_parameter_constraints, BPClassifier)

    def __init__(
        self,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: Activation = "relu",
        *,
        solver: Solver = "adam",
        alpha: Float = 0.0001,
        batch_size: BatchSize = "auto",
        learning_rate: LearningRate = "constant",
        learning_rate_init: Float = 0.001,
        power_t: Float = 0.5,
        max_iter: Int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: Float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: Float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: Float = 0.1,
        beta_1: Float = 0.9,
        beta_2: Float = 0.999,
        epsilon: Float = 1e-8,
        n_iter_no_change: Float = 10,
        max_fun: Int = 15000,
    ) -> None:
        neural_network.MLPClassifier.__init__(
            self,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )

    def predict_proba(self, X: Any) -> Any:  # type: ignore[override]
        """Return probabilities, or the outputs if they are not probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            One column for each class, in the order of ``classes_``. If
            ``out_activation_`` was set to "identity", these are the raw outputs. A
            single output z gives the columns 1 - z and z.
        """
        check_fitted(self)
        targets = targets_of(self)
        several = len(targets.classes) > 1 and not targets.one_versus_rest
        if several and targets.output in PROBABILITIES:
            return super().predict_proba(X)
        if on_dask(X):
            return for_partitions(self.predict_proba, X)
        outputs = self._bp_outputs(X)
        single = outputs.shape[1] == 1
        return np.hstack([1 - outputs, outputs]) if single else outputs

    def predict_log_proba(self, X: Any) -> Any:
        """Predict logarithms of probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            The logarithm of ``predict_proba(X)``.
        """
        return np.log(self.predict_proba(X))

    @available_if(never)
    def decision_function(self, X: Any) -> Any:
        """Raise AttributeError, since scikit-learn's class has no such method."""


class MLPRegressor(Compatible, BPRegressor, neural_network.MLPRegressor):
    """scikit-learn's MLPRegressor, trained by BPRegressor.

    The parameters and their order are those of
    :class:`sklearn.neural_network.MLPRegressor`, of which this class is a subclass: the
    first one is ``loss``. With the same ``random_state`` you get the same weights,
    typically two to three times faster. Attributes have the same meaning as in
    scikit-learn: you can change ``coefs_``, ``out_activation_`` and others, or set them
    on an estimator that was never fitted, and a fitted network follows ``activation``.

    An attribute such as ``dropout`` or ``quantile``, which is a parameter of
    :class:`~skbp.BPRegressor`, has no effect here.

    Parameters
    ----------
    loss : {"squared_error", "poisson"}, default="squared_error"
        The loss that training minimises.

    hidden_layer_sizes : array-like of shape (n_layers - 2,) or int, default=(100,)
        The number of units in each hidden layer.

    activation : {"identity", "logistic", "tanh", "relu"}, default="relu"
        The activation function of the hidden layers.

    solver : {"lbfgs", "sgd", "adam"}, default="adam"
        The algorithm that minimises the loss.

    alpha, batch_size, learning_rate, learning_rate_init, power_t, max_iter, shuffle, \
random_state, tol, verbose, warm_start, momentum, nesterovs_momentum, early_stopping, \
validation_fraction, beta_1, beta_2, epsilon, n_iter_no_change, max_fun
        As in :class:`sklearn.neural_network.MLPRegressor`. As there, only "sgd"
        follows ``learning_rate``.

    See Also
    --------
    skbp.BPRegressor : The same network, with more parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skbp.compat import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = MLPRegressor("squared_error", (8,), solver="lbfgs", tol=0.01)
    >>> model.set_params(random_state=0).fit(X, y / y.std()).score(X, y / y.std()) > 0.3
    True
    """

    # scikit-learn has this one from 1.7 on.
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "loss": [StrOptions({"squared_error", "poisson"})],
        **constraints_of(neural_network.MLPRegressor),
    }
    _bp_rules: ClassVar[Rules] = rules(_parameter_constraints, BPRegressor)

    def __init__(
        self,
        loss: Loss = "squared_error",
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: Activation = "relu",
        *,
        solver: Solver = "adam",
        alpha: Float = 0.0001,
        batch_size: BatchSize = "auto",
        learning_rate: LearningRate = "constant",
        learning_rate_init: Float = 0.001,
        power_t: Float = 0.5,
        max_iter: Int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: Float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: Float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: Float = 0.1,
        beta_1: Float = 0.9,
        beta_2: Float = 0.999,
        epsilon: Float = 1e-8,
        n_iter_no_change: Float = 10,
        max_fun: Int = 15000,
    ) -> None:
        neural_network.MLPRegressor.__init__(
            self,
            hidden_layer_sizes=hidden_layer_sizes,
            activation=activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
        )
        # scikit-learn has it since 1.7.
        self.loss = loss
