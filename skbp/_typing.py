"""Types of what users pass in: parameters of the estimators, and data.

They are for editors and type checkers. What an estimator accepts follows from its
``_parameter_constraints``, which ``fit`` checks.

Where a parameter is a name, the type is a literal, so that editors list the names, or
any string: a name that comes from a list, a dict or an argument has the type str, and
must not be marked as an error. ``fit`` refuses unknown names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from dask.array import Array as DaskArray

#: Numbers, NumPy's too.
Int: TypeAlias = int | np.integer[Any]
Float: TypeAlias = float | np.floating[Any] | np.integer[Any]

#: One number, or one for each hidden layer or output.
Floats: TypeAlias = Float | Sequence[Float] | npt.NDArray[np.floating[Any]]

# Data.


class HasShape(Protocol):
    """NumPy arrays, data frames, series, collections of Dask."""

    @property
    def shape(self) -> Any: ...


class Sparse(Protocol):
    """Sparse matrices and arrays of SciPy."""

    def tocsr(self) -> Any: ...


class HasArray(Protocol):
    """What NumPy makes an array of."""

    def __array__(self, *args: Any, **kwargs: Any) -> Any: ...


class OnDask(Protocol):
    """Collections of Dask."""

    def __dask_graph__(self) -> Any: ...


#: X, of shape (n_samples, n_features): one of these, or nested lists of numbers. (Where
#: some hold ints and others floats, type checkers may take them for objects.)
MatrixLike: TypeAlias = HasShape | HasArray | Sparse | Sequence[Any]
#: y or sample_weight: one of these, or a list.
ArrayLike: TypeAlias = HasShape | HasArray | Sparse | Sequence[Any]

#: What is predicted for X in memory, and for a collection of Dask. Where type checkers
#: do not know which of the two X is, they let it pass for either.
Predictions: TypeAlias = npt.NDArray[Any]
LazyPredictions: TypeAlias = "DaskArray"


# The network.

#: The units of a single hidden layer, or of each.
HiddenLayerSizes: TypeAlias = Int | Sequence[Int] | npt.NDArray[np.integer[Any]]

ActivationName: TypeAlias = Literal[
    "identity",
    "logistic",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "mish",
    "softplus",
    "softsign",
]
#: One name for all hidden layers, or one for each.
Activation: TypeAlias = ActivationName | str | Sequence[ActivationName | str]
OutputActivation: TypeAlias = ActivationName | Literal["auto", "exp", "softmax"] | str

InitName: TypeAlias = Literal[
    "sklearn",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
    "small_normal",
]
#: One name for all layers, or one for each.
Init: TypeAlias = InitName | str | Sequence[InitName | str]
CoefsInit: TypeAlias = Sequence[ArrayLike] | None
InterceptsInit: TypeAlias = Literal["best_constant"] | Sequence[ArrayLike] | None

# What it minimises.

#: A loss of one's own: (A, Y) -> value and slope.
OwnLoss: TypeAlias = Callable[[npt.NDArray[Any], npt.NDArray[Any]], tuple[Any, Any]]
ClassificationLoss: TypeAlias = Literal["log_loss", "squared_error"] | str | OwnLoss
RegressionLoss: TypeAlias = (
    Literal[
        "squared_error",
        "absolute_error",
        "huber",
        "quantile",
        "poisson",
        "gamma",
        "log_loss",
    ]
    | str
    | OwnLoss
)
TargetScaling: TypeAlias = Literal["standard"] | str | None
#: By class; for multilabel targets a mapping for each label.
ClassWeight: TypeAlias = (
    Mapping[Any, Float]
    | Sequence[Mapping[Any, Float]]
    | Literal["balanced"]
    | str
    | None
)
Alpha: TypeAlias = Float | Literal["evidence", "ard"] | str

# How it trains.

Solver: TypeAlias = (
    Literal["lbfgs", "lm", "sgd", "adam", "nadam", "rmsprop", "rprop"] | str
)
LearningRate: TypeAlias = (
    Literal[
        "constant",
        "invscaling",
        "adaptive",
        "cosine",
        "one_cycle",
        "step",
        "exponential",
    ]
    | str
)
BatchSize: TypeAlias = Int | Literal["auto", "full"] | str
Scoring: TypeAlias = str | Callable[..., Any] | None
RandomState: TypeAlias = Int | np.random.RandomState | None


# Searches.


class HasFit(Protocol):
    """Estimators: those of this package, and what holds one."""

    @property
    def fit(self) -> Callable[..., Any]: ...


class HasSplit(Protocol):
    """Cross-validation generators."""

    @property
    def split(self) -> Callable[..., Any]: ...


#: Values by the names of parameters, or several such mappings. (Where some values are
#: lists and others arrays, type checkers may take them for objects.)
ParamGrid: TypeAlias = Mapping[str, Any] | Sequence[Any]
CrossValidation: TypeAlias = Int | HasSplit | Iterable[Any] | None
SearchScoring: TypeAlias = Scoring | Mapping[str, Any] | Sequence[str]
Refit: TypeAlias = bool | str | Callable[..., Any]
ErrorScore: TypeAlias = Float | Literal["raise"] | str
