"""Checks of X, y and sample weights, and their error messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from skbp._data.faults import of_lengths, of_shape, of_X, of_y
from skbp._data.tensors import as_numpy
from skbp._sklearn import check_partial_fit_first_call, check_sample_weight
from skbp.engine.arrays import FEW, Array, DType


def on_dask(X: Any) -> bool:
    """Return whether X is a Dask collection, without importing Dask."""
    return type(X).__module__.partition(".")[0] in ("dask", "dask_expr")


def refuse_on_dask(**named: Any) -> None:
    """Refuse Dask collections where data must be in memory."""
    for name, value in named.items():
        if on_dask(value):
            raise ValueError(
                f"{name} must be in memory here; got a Dask collection "
                f"({type(value).__name__}). Pass a part of it, or "
                f"{name}.compute()."
            )


def is_plain(estimator: Any, X: Any) -> bool:
    """Return whether X is an array that scikit-learn's checks would return as it is.

    For a few rows those checks take longer than the network.
    """
    fitted = vars(estimator)
    if (
        type(X) is not np.ndarray
        or X.dtype not in (np.float64, np.float32)
        or X.ndim != 2
        or not X.flags.c_contiguous
        or X.shape[0] == 0
        or X.shape[1] != fitted.get("n_features_in_")
        or "feature_names_in_" in fitted
    ):
        return False
    return is_finite(X)


def is_plain_y(y: Any, n: int) -> bool:
    """Return whether y is an array (n,) that scikit-learn's checks would not change."""
    if type(y) is not np.ndarray or y.shape != (n,) or y.dtype.kind not in "biufU":
        return False
    if y.dtype.kind != "f":
        return True
    return is_finite(y)


def is_finite(numbers: Array) -> bool:
    """Return whether a sum over all numbers is finite."""
    if numbers.size <= FEW:
        # BLAS takes half the time, on one thread, and reports no overflow.
        return bool(np.isfinite(np.vdot(numbers, numbers)))
    with np.errstate(all="ignore"):
        return bool(np.isfinite(numbers.sum()))


def validated_X(estimator: Any, X: Any) -> Any:
    """Return X of a fitted network as a C-ordered array or CSR matrix of floats."""
    if is_plain(estimator, X):
        return X
    refuse_on_dask(X=X)
    X = as_numpy(X)
    return located(X, estimator, X, reset=False)


def check_width(X: Any, n_inputs: int) -> None:
    """Refuse X with another number of features than the first layer takes."""
    if X.shape[1] != n_inputs:
        raise ValueError(
            f"X has {X.shape[1]} features, but coefs_[0] takes {n_inputs} inputs."
        )


def validated_X_y(
    estimator: Any, X: Any, y: Any, *, reset: bool, **options: Any
) -> tuple[Any, Array]:
    """Return X as ``validated_X`` does, and y of shape (n,) or (n, outputs).

    ``reset`` says whether the estimator takes over the features of X, or X must have
    the features of an earlier X.
    """
    if not reset and is_plain(estimator, X) and is_plain_y(y, len(X)):
        return X, y
    refuse_on_dask(X=X, y=y)
    X, y = as_numpy(X), as_numpy(y, "y")
    check_y(y, bool(options.get("y_numeric")), type(estimator).__name__)
    options |= {"reset": reset, "multi_output": True, "order": "C"}
    X, y = located(X, estimator, X, y, **options)
    if y.ndim == 2 and y.shape[1] == 1 and not scipy.sparse.issparse(y):
        y = column_or_1d(y, warn=True)
    return X, y


def check_y(y: Any, numeric: bool, name: str) -> None:
    """Refuse targets that scikit-learn does not check, or without saying where.

    ``numeric`` says whether they must be numbers, ``name`` is the estimator's.
    """
    if y is None:
        # The message begins like scikit-learn's.
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y "
            "is None. Pass the targets, as in fit(X, y)."
        )
    if scipy.sparse.issparse(y):
        return
    fault = of_y(y, numeric)
    if fault:
        raise ValueError(fault)


def check_classes(estimator: Any, classes: Any) -> None:
    """Check ``classes`` of ``partial_fit``, and set ``classes_`` in a first call."""
    try:
        check_partial_fit_first_call(estimator, classes)
    except (TypeError, ValueError) as error:
        if "classes" in str(error):
            raise
        raise ValueError(
            "classes must contain the labels of all classes, either all "
            f"strings or all numbers; got {classes!r}: {error}"
        ) from None


def located(X: Any, *arguments: Any, **options: Any) -> Any:
    """Call ``validate_data``; if X cannot be used, say where in the error message."""
    if X is None:
        raise ValueError(
            "X must be an array of shape (n_samples, n_features); got None."
        )
    options |= {"accept_sparse": "csr", "dtype": (np.float64, np.float32)}
    try:
        with np.errstate(all="ignore"):
            return validate_data(*arguments, **options)
    except (TypeError, ValueError) as error:
        fault = of_shape(X) or of_X(X) or of_lengths(X, *arguments[2:])
        if not fault:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{error}\n{fault}") from None


def check_range(X: Any, dtype: DType, name: str = "X") -> None:
    """Refuse numbers in float64 that overflow in the float32 of a network."""
    if dtype == X.dtype or np.can_cast(X.dtype, dtype):
        return
    values = X.data if scipy.sparse.issparse(X) else X
    most = np.finfo(dtype).max
    if values.size and not -most <= values.min() <= values.max() <= most:
        found = values.flat[np.abs(values).argmax()]
        raise ValueError(
            f"{name} has a value of {found:g}, which is too large for {dtype}. "
            "The network has this dtype because it was trained on X of "
            f"{dtype}. Scale {name}, or train on X of {X.dtype}."
        )


def as_dtype(Y: Array, dtype: DType, name: str = "y") -> Array:
    """Return targets or weights as a C-ordered array of the dtype of X."""
    with np.errstate(all="ignore"):
        cast = Y.astype(dtype, order="C", copy=False)
    if not np.isfinite(cast.sum()) and not np.isfinite(cast).all():
        raise ValueError(
            f"{name} has a value of {np.abs(Y).max()}, which is too large for "
            f"{dtype}, the dtype of X. Scale {name}, or pass X as float64."
        )
    return cast


def weights_of_part(
    sample_weight: Any,
    X: Any,
    dtype: DType,
    name: str = "sample_weight",
    n_columns: int = 1,
) -> Array | None:
    """Return the weights of some of the samples, not negative, or None.

    They are an array (n,), or (n, columns of y) if each target has its own.
    """
    if sample_weight is None:
        return None
    refuse_on_dask(**{name: sample_weight})
    sample_weight = as_numpy(sample_weight, name)
    try:
        weights: Array
        if n_columns > 1 and np.ndim(sample_weight) == 2:
            weights = check_target_weights(sample_weight, X, dtype, name, n_columns)
        else:
            weights = check_sample_weight(sample_weight, X, dtype)
    except (TypeError, ValueError) as error:
        if "ample" in str(error):
            raise
        raise ValueError(f"{name} must contain numbers: {error}.") from None
    if weights.min() < 0:
        place = np.unravel_index(weights.argmin(), weights.shape)
        raise ValueError(
            f"{name} must not be negative; got {weights[place]} for sample "
            f"{', column '.join(map(str, place))}. Use the weight 0 to leave a "
            f"{'sample' if weights.ndim == 1 else 'target'} out."
        )
    return weights


def check_target_weights(
    sample_weight: Any, X: Any, dtype: DType, name: str, n_columns: int
) -> Array:
    """Return the weights of single targets, an array (n, columns of y)."""
    weights = np.asarray(sample_weight, dtype, order="C")
    if weights.shape != (X.shape[0], n_columns):
        raise ValueError(
            f"{name} must have the shape (n_samples,) or the shape of y, "
            f"{(X.shape[0], n_columns)}; got {weights.shape}. A sample has one weight, "
            "or one for each of its targets."
        )
    if not np.isfinite(weights).all():
        row, column = np.argwhere(~np.isfinite(weights))[0]
        raise ValueError(
            f"{name} must be finite; got {weights[row, column]} for sample {row}, "
            f"column {column}. Use the weight 0 to leave a target out."
        )
    return weights


def weights_of_all(
    sample_weight: Any,
    X: Any,
    dtype: DType,
    name: str = "sample_weight",
    n_columns: int = 1,
) -> Array | None:
    """Return the weights of all samples, at least one of them not 0, or None."""
    weights = weights_of_part(sample_weight, X, dtype, name, n_columns)
    if weights is not None and not weights.any():
        # The message is the one of scikit-learn.
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights
