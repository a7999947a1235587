"""What is wrong with data that cannot be used: sentences for error messages.

The functions search for the first entry that is wrong. They are called after a check
has failed, or for entries that are Python objects, so they may take their time.
"""

from __future__ import annotations

from numbers import Number, Real
from typing import Any

import numpy as np
import scipy.sparse

#: The types of missing values in data frames, which compare with nothing.
MISSING = ("NAType", "NaTType")


def is_missing(value: Any) -> bool:
    """Return whether a value stands for one that is not known."""
    if value is None or type(value).__name__ in MISSING:
        return True
    return isinstance(value, Real) and bool(np.isnan(float(value)))


def is_number(value: Any) -> bool:
    """Return whether a value is a real number, or a string that can be read as one."""
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, Real | str | bytes)


# X


def of_X(X: Any) -> str:
    """Return what is wrong with an entry of X; "" if nothing is found."""
    try:
        row, column, value = first_wrong(X)
    except (IndexError, TypeError, ValueError):
        return ""
    names = getattr(X, "columns", None)
    name = "" if names is None else f" ({names[column]!r})"
    place = f"in row {row}, column {column}{name}"
    if is_missing(value) or is_number(value):
        return f"The first such value of X is {place}."
    return (
        f"X must contain numbers; got {value!r} {place}. Encode categorical columns "
        "with sklearn.preprocessing.OneHotEncoder, and convert dates to numbers."
    )


def of_shape(X: Any) -> str:
    """Return what is wrong with the shape of X or its type; "" if nothing is found."""
    try:
        array = X if scipy.sparse.issparse(X) else np.asarray(X)
    except ValueError:
        return (
            "X must have the shape (n_samples, n_features); its rows differ in length."
        )
    if array.dtype.kind == "c":
        return "X must contain real numbers. Give X.real."
    if array.ndim == 2 and all(array.shape):
        return ""
    got = array.shape if array.ndim else type(X).__name__
    return f"X must have the shape (n_samples, n_features); got {got}."


def first_wrong(X: Any) -> tuple[int, int, Any]:
    """Return row, column and value of the first entry that is no finite number."""
    if scipy.sparse.issparse(X):
        X = X.tocoo()
        bad = np.flatnonzero(~np.isfinite(X.data))[0]
        return X.row[bad], X.col[bad], X.data[bad]
    try:
        entries = np.asarray(X, np.float64)
        wrong = ~np.isfinite(entries)
    except (TypeError, ValueError):
        entries = np.asarray(X, object)
        wrong = np.column_stack([wrong_in(column) for column in entries.T])
    row, column = np.argwhere(wrong)[0]
    return row, column, entries[row, column]


def wrong_in(column: Any) -> Any:
    """Return which entries of a column (n,) of objects are no finite numbers."""
    try:
        return ~np.isfinite(column.astype(np.float64))
    except (TypeError, ValueError):
        return np.array([not is_finite(value) for value in column])


def of_lengths(X: Any, y: Any = None) -> str:
    """Return the numbers of samples, if y has another one than X."""
    n, m = (np.shape(one)[:1] for one in (X, y))
    return f"X has {n[0]} samples, but y has {m[0]}." if n and m and n != m else ""


def is_finite(value: Any) -> bool:
    """Return whether a value can be read as a finite number."""
    return is_number(value) and bool(np.isfinite(float(value)))


# y


def of_y(y: Any, numeric: bool) -> str:
    """Return what is wrong with targets, and how to mend it; "" if nothing is found.

    ``numeric`` says whether the targets must be numbers, or are labels of classes.
    """
    try:
        targets = np.asarray(y)
    except ValueError:
        return (
            "y must have the shape (n_samples,) or (n_samples, n_outputs); its entries "
            "differ in length. For lists of labels use "
            "sklearn.preprocessing.MultiLabelBinarizer."
        )
    if targets.ndim not in (1, 2) or targets.shape[1:] == (0,):
        got = f"an array with {targets.ndim} dimensions, {targets.shape}"
        return (
            "y must have the shape (n_samples,) or (n_samples, n_outputs); got "
            f"{got if targets.ndim else type(y).__name__}."
        )
    kind = targets.dtype.kind
    if kind == "c":
        return "Complex data not supported: y must contain real numbers. Use y.real."
    if kind in "Mm" and numeric:
        return (
            f"y must contain numbers; got {targets.dtype}. Convert dates and times to "
            "numbers, for example (y - y.min()) / np.timedelta64(1, 'D')."
        )
    if kind == "S" and not numeric:
        return (
            f"y must not contain bytes; got {targets.flat[0]!r}. Convert the labels to "
            "strings: y.astype(str)."
        )
    if kind == "f":
        wrong = np.flatnonzero(~np.isfinite(targets))
        return missing_in(targets, int(wrong[0])) if len(wrong) else ""
    if kind == "O":
        return of_objects(targets, numeric)
    return of_strings(targets) if kind in "US" and numeric else ""


def of_objects(targets: Any, numeric: bool) -> str:
    """Return what is wrong with targets that are Python objects."""
    entries = targets.ravel().tolist()
    kinds = set(map(type, entries))
    if kinds <= {int, bool} or (kinds == {str} and not numeric):
        return ""
    for i, value in enumerate(entries):
        if is_missing(value):
            return missing_in(targets, i)
        if not numeric and isinstance(value, Number) != isinstance(entries[0], Number):
            return (
                f"y mixes labels of different types; got {entries[0]!r} for "
                f"{place_of(targets, 0)} and {value!r} for {place_of(targets, i)}. "
                "Use only strings, as in y.astype(str), or only numbers."
            )
    return of_strings(targets) if numeric else ""


def of_strings(targets: Any) -> str:
    """Return what is wrong with strings or objects that should be numbers."""
    try:
        targets.astype(np.float64)
    except (TypeError, ValueError):
        for i, value in enumerate(targets.ravel().tolist()):
            if not is_number(value):
                return (
                    f"y must contain numbers; got {value!r} for "
                    f"{place_of(targets, i)}. To predict classes, use BPClassifier."
                )
    return ""


def missing_in(targets: Any, i: int) -> str:
    """Return a sentence about an entry of targets that is missing or infinite."""
    value = targets.flat[i]
    return (
        f"Input y contains {'NaN' if is_missing(value) else 'infinity'}.\n"
        f"The first such value of y is {value!s}, for {place_of(targets, i)}. Leave "
        "out the samples whose target is unknown."
    )


def place_of(targets: Any, i: int) -> str:
    """Return the place of an entry of targets."""
    if targets.ndim == 1:
        return f"sample {i}"
    row, column = divmod(i, targets.shape[1])
    return f"sample {row}, column {column}"
