"""Types of arrays, and functions that cut arrays, for all modules of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

#: An array of float32 or float64.
Array: TypeAlias = npt.NDArray[np.floating[Any]]
#: The dtype of an Array: float32 or float64.
DType: TypeAlias = np.dtype[Any]
#: Row numbers, that is numbers of samples.
Rows: TypeAlias = npt.NDArray[np.intp]
#: A hyperparameter: one number for all networks, or a float64 array (K, 1) with one
#: number for each network.
Column: TypeAlias = Array | float

#: The number of samples that pass through a network together if a gradient or a
#: prediction covers many samples. With blocks of this size the activations stay in the
#: cache, and memory does not grow with the number of samples.
BLOCK = 2048
#: Networks that pass samples forward together share a block, so that their activations
#: stay in the cache, too: an ensemble of 16 takes half the time. This is the least
#: number of samples in a block.
LEAST_BLOCK = 256

#: The number of parameters that are updated at a time. The parameters of a chunk stay
#: in the cache during all steps of an update, and scratch arrays stay small. (Smaller
#: chunks do not pay: with 32768, an update of 500 000 parameters took a third longer.)
CHUNK = 2**18

#: The numbers up to which BLAS uses one thread for a product of two vectors. Threads
#: would wait for each other, without an end if the process forks in the meantime.
FEW = 2**13


def blocks(n: int, K: int = 1) -> list[slice]:
    """Cut n samples into blocks for K networks, and return them as slices."""
    size = max(BLOCK // max(K, 1), LEAST_BLOCK)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def chunks(*arrays: Array) -> list[tuple[Array, ...]]:
    """Cut arrays (K, P) into chunks of columns, each with a scratch array."""
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


def bound_of(array: Array) -> float:
    """Return a number that no absolute value in an array exceeds; nan if one is nan."""
    if array.size <= FEW:
        # Takes a tenth of the time of a maximum.
        return sqrt(np.vdot(array, array))
    return max(float(array.max()), -float(array.min()))


def column(values: Iterable[float]) -> Column:
    """Return one number if all values are equal, otherwise an array (K, 1)."""
    distinct = [float(value) for value in values]
    if len(set(distinct)) == 1:
        return distinct[0]
    return np.array(distinct)[:, np.newaxis]


def by_sample(weights: Array) -> Array:
    """Return the weight (n,) of each sample.

    Weights (n, outputs) belong to single targets. The weight of a sample is their mean,
    so that weights which are the same for all outputs are weights of samples.
    """
    return weights if weights.ndim == 1 else weights.mean(axis=1, dtype=np.float64)


def cast(value: Column, dtype: DType) -> Array:
    """Return a number as an array of this dtype, ready for arithmetic in place.

    An operation on a small array takes twice as long if its other operand is a Python
    number.
    """
    return np.asarray(value, dtype)
