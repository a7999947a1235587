"""Checks of what users pass in, and what is left of an estimator when one fails."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import column_or_1d
from sklearn.utils.validation import validate_data

from skbp._sklearn import check_sample_weight
from skbp.engine.activations import RANGES
from skbp.engine.arrays import Array, DType

#: How far off targets may be for being rounded, in float32 as in float64.
ROUNDING = 1e-5


@contextmanager
def restored_on_error(estimator: Any) -> Iterator[None]:
    """Leave the estimator as it was if the body fails.

    Fitted attributes are replaced by new objects, never changed in place, so that a
    shallow copy of the attributes is enough.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def hidden_units(sizes: Any) -> tuple[int, ...]:
    """Return hidden_layer_sizes as a tuple of positive integers."""
    units = tuple(sizes) if np.ndim(sizes) else (np.asarray(sizes)[()],)
    for n in units:
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(
                "hidden_layer_sizes must hold positive integers, the numbers of units "
                f"of the hidden layers, such as (100,) or (64, 32); got {sizes!r}."
            )
    return tuple(int(n) for n in units)


def names_by_layer(
    name: str, value: Any, known: Collection[str], n_layers: int, layers: str
) -> tuple[str, ...]:
    """Return a parameter that is one name, or one name a layer, as one a layer."""
    if np.ndim(value) == 0 and not isinstance(value, Set | Mapping):
        return (str(value),) * n_layers
    if isinstance(value, Set | Mapping):
        raise ValueError(
            f"{name} must be a name or a sequence of names, in the order of the "
            f"{layers}; got a {type(value).__name__}, which has no order: {value!r}."
        )
    names = tuple(value)
    for item in names:
        if not isinstance(item, str) or item not in known:
            raise ValueError(
                f"{name} must be one of {sorted(known)}, or a sequence of them, one "
                f"for each of the {layers}; got {item!r} in {value!r}."
            )
    if len(names) != n_layers:
        raise ValueError(
            f"{name} has {len(names)} names, {value!r}, for {n_layers} {layers}. Give "
            "one for each, or a single name for all."
        )
    return names


def arrays_by_layer(
    name: str, value: Any, shapes: Sequence[tuple[int, ...]]
) -> list[Array]:
    """Return a parameter that is a list of arrays, one a layer, as arrays."""
    if len(value) != len(shapes):
        raise ValueError(
            f"{name} must hold one array for each of the {len(shapes)} layers with "
            f"parameters, hidden ones and output, of shapes {list(shapes)}; got "
            f"{len(value)}."
        )
    arrays = []
    for l, (array, shape) in enumerate(zip(value, shapes, strict=True), start=1):
        if scipy.sparse.issparse(array) or np.iscomplexobj(array):
            raise ValueError(
                f"{name}[{l - 1}] must be a dense array of real numbers; got a "
                f"{type(array).__name__} of {array.dtype}."
            )
        try:
            array = np.asarray(array, np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}[{l - 1}] must hold numbers: {error}") from None
        if array.shape != shape:
            raise ValueError(
                f"{name}[{l - 1}] must have the shape {shape}, since layer {l} has "
                f"{shape[-1]} units{f' and {shape[0]} inputs' * (len(shape) - 1)}; got "
                f"{array.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(f"{name}[{l - 1}] must be finite; it has nan or infinity.")
        arrays.append(array)
    return arrays


def reachable(Y: Array, output_activation: str, loss: str) -> Array:
    """Return targets (n, outputs) that an output activation can give, or refuse them.

    What is out of reach by rounding is moved.
    """
    if output_activation not in RANGES:
        return Y
    low, high = RANGES[output_activation]
    outside = np.argwhere((low - ROUNDING > Y) | (high + ROUNDING < Y))
    if len(outside):
        row, column = outside[0]
        raise ValueError(
            f"y has {Y[row, column]} for sample {row}, out of reach of the output "
            f"activation {output_activation!r} (loss={loss!r}), whose values lie "
            f"between {low:g} and {high:g}. Scale y, or choose another "
            "output_activation or loss."
        )
    Y = np.clip(Y, low, high)
    if output_activation == "softmax":
        sums = Y.sum(axis=1, keepdims=True)
        wrong = np.flatnonzero(np.abs(sums - 1.0) > ROUNDING)
        if len(wrong):
            raise ValueError(
                f"y sums to {sums[wrong[0], 0]:g} over the outputs for sample "
                f"{wrong[0]}, and output_activation='softmax' to 1. Divide y by its "
                "sums, or use output_activation='logistic'."
            )
        Y = Y / sums
    return Y


def on_dask(X: Any) -> bool:
    """Return whether X is a collection of Dask's, without importing it."""
    return type(X).__module__.partition(".")[0] in ("dask", "dask_expr")


def refuse_on_dask(**named: Any) -> None:
    """Refuse Dask collections, which would be loaded, where data must be in memory."""
    for name, value in named.items():
        if on_dask(value):
            raise ValueError(
                f"{name} must be in memory here, and is a Dask collection, "
                f"{type(value).__name__}. Give a part of it, or {name}.compute()."
            )


def validated_X(estimator: Any, X: Any, **options: Any) -> Any:
    """Return X as a C-ordered array or CSR matrix of float32 or float64."""
    refuse_on_dask(X=X)
    return _located(X, estimator, X, **options)


def validated_X_y(estimator: Any, X: Any, y: Any, **options: Any) -> tuple[Any, Array]:
    """Return X as ``validated_X`` does and y of shape (n,), or (n, outputs)."""
    refuse_on_dask(X=X, y=y)
    X, y = _located(X, estimator, X, y, multi_output=True, order="C", **options)
    if y.ndim == 2 and y.shape[1] == 1 and not scipy.sparse.issparse(y):
        y = column_or_1d(y, warn=True)
    return X, y


def _located(X: Any, *arguments: Any, **options: Any) -> Any:
    """Call ``validate_data``; say where X is not finite if that is what it refuses."""
    try:
        return validate_data(
            *arguments, accept_sparse="csr", dtype=(np.float64, np.float32), **options
        )
    except ValueError as error:
        place = _first_non_finite(X) if "Input X contains" in str(error) else ""
        if not place:
            raise
        raise ValueError(f"{error}\n{place}") from None


def _first_non_finite(X: Any) -> str:
    """Say where the first entry of X that is not finite stands."""
    columns = getattr(X, "columns", None)
    try:
        if scipy.sparse.issparse(X):
            X = X.tocoo()
            bad = np.flatnonzero(~np.isfinite(X.data))[0]
            row, column = X.row[bad], X.col[bad]
        else:
            row, column = np.argwhere(~np.isfinite(np.asarray(X, np.float64)))[0]
    except (IndexError, TypeError, ValueError):
        return ""
    name = "" if columns is None else f" ({columns[column]!r})"
    return f"The first such value of X is in row {row}, column {column}{name}."


def as_numbers(y: Any) -> Array:
    """Return targets as numbers."""
    if scipy.sparse.issparse(y):
        raise TypeError(
            f"y must be a dense array of numbers; got a {type(y).__name__}. Use "
            "y.toarray()."
        )
    if np.issubdtype(y.dtype, np.number) or y.dtype == bool:
        numbers: Array = y
        return numbers
    try:
        return np.asarray(y, np.float64)
    except ValueError as error:
        raise ValueError(f"y must hold numbers: {error}.") from None


def as_dtype(Y: Array, dtype: DType) -> Array:
    """Return targets as a C-ordered array of the dtype of X."""
    with np.errstate(over="ignore"):
        cast = Y.astype(dtype, order="C", copy=False)
    if not np.isfinite(cast.sum()) and not np.isfinite(cast).all():
        raise ValueError(
            f"y has a value of {np.abs(Y).max()}, too large for {dtype}, the dtype of "
            "X. Scale y, or give X as float64."
        )
    return cast


def validated_weights(
    sample_weight: Any,
    X: Any,
    dtype: DType,
    name: str = "sample_weight",
    zero: bool = False,
) -> Array | None:
    """Return sample_weight as an array (n,) of non-negative numbers, or None.

    ``zero`` says whether all of them may be.
    """
    if sample_weight is None:
        return None
    refuse_on_dask(**{name: sample_weight})
    try:
        weights: Array = check_sample_weight(
            sample_weight, X, dtype=dtype, allow_all_zero_weights=zero
        )
    except ValueError as error:
        if "ample" in str(error):
            raise
        raise ValueError(f"{name} must hold numbers: {error}.") from None
    if weights.min() < 0:
        place = int(weights.argmin())
        raise ValueError(
            f"{name} must not be negative; got "
            f"{weights[place]} for sample {place}. Use 0 to leave a sample out."
        )
    return weights
