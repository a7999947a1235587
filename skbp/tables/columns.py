"""The columns of a table: their kinds, and their values as numbers and as texts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from numbers import Number
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Kind: TypeAlias = Literal["number", "category", "date"]

#: The kinds of the letters that NumPy and pandas give to their dtypes.
KINDS: dict[str, Kind] = {
    **dict.fromkeys("biufm", "number"),
    "M": "date",
    "U": "category",
    "S": "category",
}


def numeric_columns(X: Any) -> list[Any]:
    """Return the columns of numbers, including bools and durations."""
    return columns_of_kind(X, "number")


def categorical_columns(X: Any) -> list[Any]:
    """Return the columns of categories: texts, and everything not known otherwise."""
    return columns_of_kind(X, "category")


def date_columns(X: Any) -> list[Any]:
    """Return the columns of dates and of times with a date."""
    return columns_of_kind(X, "date")


def columns_of_kind(X: Any, kind: Kind) -> list[Any]:
    """Return the columns of one kind: their names in a data frame, numbers in an array.

    ``ColumnTransformer`` calls such a function with the training data.
    """
    return [name for name, column in columns(X) if kind_of(column) == kind]


def columns(X: Any) -> Iterable[tuple[Any, Any]]:
    """Return the name and the values of each column, for an array its number."""
    if hasattr(X, "columns"):
        return [(name, X[name]) for name in X.columns]
    check_table(X)
    X = np.asarray(X)
    return [(j, X[:, j]) for j in range(X.shape[1])]


def check_table(X: Any) -> None:
    """Refuse what is neither a data frame nor an array with rows and columns."""
    if hasattr(X, "toarray"):
        raise TypeError(
            f"X must be a data frame or a dense array; got a sparse {type(X).__name__} "
            f"of shape {X.shape}. Use X.toarray()."
        )
    shape = np.shape(X)
    if len(shape) != 2:
        remedy = "X.to_frame()" if hasattr(X, "to_frame") else "X.reshape(-1, 1)"
        raise ValueError(
            "X must be a data frame or an array of shape (n_samples, n_features); got "
            f"a {type(X).__name__} of shape {shape}. "
            f"If it is a single column, use {remedy}."
        )


def kind_of(column: Any) -> Kind:
    """Return the kind of a column: by its dtype or, for objects, by its values."""
    dtype = column.dtype
    letter = getattr(dtype, "kind", "")
    if letter in KINDS:
        return KINDS[letter]
    if str(dtype) in ("category", "str", "string", "String", "Categorical", "Enum"):
        return "category"
    return kind_of_values(values_of(column))


def values_of(column: Any) -> list[Any]:
    """Return the values of a column as objects, with None for missing ones."""
    values = np.asarray(column, dtype=object)
    return [None if is_missing(value) else value for value in values]


def is_missing(value: Any) -> bool:
    """Return whether a value is None, nan, NaT or pandas.NA."""
    if value is None:
        return True
    if isinstance(value, str):
        return False
    try:
        return bool(value != value)
    except (TypeError, ValueError):
        # pandas.NA is neither equal nor unequal to anything.
        return type(value).__name__ == "NAType"


def kind_of_values(values: list[Any]) -> Kind:
    """Return the kind of objects; without any, they count as numbers."""
    known = [value for value in values if value is not None]
    if all(isinstance(v, Number | np.bool | timedelta | np.timedelta64) for v in known):
        return "number"
    if all(isinstance(value, date | np.datetime64) for value in known):
        return "date"
    return "category"


def as_numbers(X: Any) -> npt.NDArray[np.float64]:
    """Return columns as float64, with nan for missing values; durations in days."""
    return stacked(X, [numbers_of(column) for _, column in columns(X)], np.float64)


def as_texts(X: Any) -> npt.NDArray[Any]:
    """Return columns as objects: texts, and None for missing values."""
    return stacked(X, [texts_of(column) for _, column in columns(X)], object)


def stacked(X: Any, columns: list[Any], dtype: Any) -> npt.NDArray[Any]:
    """Return columns next to each other."""
    stack = np.empty((X.shape[0], len(columns)), dtype)
    for j, column in enumerate(columns):
        stack[:, j] = column
    return stack


def numbers_of(column: Any) -> npt.NDArray[np.float64]:
    """Return the values of a column as float64."""
    values = np.asarray(column)
    if values.dtype.kind == "O":
        values = np.array(
            [
                np.nan if value is None else number_of(value)
                for value in values_of(column)
            ]
        )
    if values.dtype.kind == "m":
        return days(values)
    return values.astype(np.float64)


def number_of(value: Any) -> float:
    """Return an object as a number, nan for None."""
    if value is None:
        return np.nan
    if isinstance(value, timedelta | np.timedelta64):
        return float(np.timedelta64(value) / np.timedelta64(1, "D"))
    return float(value)


def days(durations: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return durations in days; those that are missing become nan."""
    found: npt.NDArray[np.float64] = durations / np.timedelta64(1, "D")
    return found


def texts_of(column: Any) -> list[str | None]:
    """Return the values of a column as texts: 1, 1.0 and "1" are the same."""
    return [None if value is None else text_of(value) for value in values_of(column)]


def text_of(value: Any) -> str:
    """Return an object as a text."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def as_times(column: Any) -> npt.NDArray[np.datetime64]:
    """Return a column of dates as times, in microseconds; with time zones in UTC."""
    values = np.asarray(column)
    if values.dtype.kind == "O":
        times = [
            np.datetime64("NaT") if value is None else time_of(value)
            for value in values_of(column)
        ]
        values = np.array(times, dtype="datetime64[us]")
    return values.astype("datetime64[us]")


def time_of(value: Any) -> np.datetime64:
    """Return an object as a time."""
    offset = getattr(value, "utcoffset", lambda: None)()
    if offset is not None:
        value = value.replace(tzinfo=None) - offset
    return np.datetime64(value, "us")
