"""What the engine's modules share: types of arrays, and how to pass over them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

#: An array of float32 or float64.
Array: TypeAlias = npt.NDArray[np.floating[Any]]
#: float32 or float64.
DType: TypeAlias = np.dtype[Any]
#: Numbers of rows, that is of samples.
Rows: TypeAlias = npt.NDArray[np.intp]
#: A hyperparameter: one number for all networks, or a column (K, 1) of float64 with a
#: number for each network.
Column: TypeAlias = Array | float

#: Samples that pass through a network together when a gradient or a prediction covers
#: many: their activations stay in cache, and memory does not grow with the samples.
BLOCK = 2048

#: Parameters that an update takes at a time, so that they stay in cache between its
#: passes and scratch arrays stay small. (Smaller chunks do not pay: 32768 cost a third
#: more on 500 000 parameters.)
CHUNK = 2**18


def blocks(n: int) -> list[slice]:
    """Cut n samples into blocks."""
    return [slice(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK)]


def chunks(*arrays: Array) -> list[tuple[Array, ...]]:
    """Cut arrays (K, P) into views of the same columns, and scratch of that shape."""
    K, P = arrays[0].shape
    width = max(1, min(CHUNK // max(K, 1), P))
    scratch = np.empty((K, width), arrays[0].dtype)
    return [
        (
            *(array[:, start : start + width] for array in arrays),
            scratch[:, : min(width, P - start)],
        )
        for start in range(0, P, width)
    ]


def column(values: Iterable[float]) -> Column:
    """Return the one number that all networks share, or a column (K, 1)."""
    distinct = [float(value) for value in values]
    if len(set(distinct)) == 1:
        return distinct[0]
    return np.array(distinct)[:, np.newaxis]


def cast(value: Column, dtype: DType) -> Array:
    """Return a number as an array of this dtype, ready for arithmetic in place.

    An operation on a small array takes twice as long with a Python number.
    """
    return np.asarray(value, dtype)
