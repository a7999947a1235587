"""The training data, and how the batches reach the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from typing import Any, TypeAlias

import numpy as np

from skbp.engine.arrays import Array, DType, Rows, by_sample

#: Arrays that are sums over samples.
Sums: TypeAlias = tuple[Array, ...]


class Samples:
    """Inputs, targets and weights. Samples are rows here, as users give them.

    Parameters
    ----------
    X : array (n, features) in C order, or a CSR matrix or array
    Y : array (n, outputs) in C order, of the dtype of X
    weights : array (n,) or (n, outputs) of the dtype of X, default=None
        The weights of the samples, or of their single targets; a target of weight 0 is
        left out. None means that each sample has the weight 1.
    rows : array of int, default=None
        The samples to train on; None means all.
    """

    weights: Array | None
    rows: Rows | None

    def __init__(
        self,
        X: Any,
        Y: Array,
        weights: Array | None = None,
        rows: Rows | None = None,
    ):
        self.X, self.Y, self.weights, self.rows = X, Y, weights, rows
        self._kept: dict[int, tuple[Any, Array]] = {}

    def __len__(self) -> int:
        return len(self.Y) if self.rows is None else len(self.rows)

    @property
    def every(self) -> Rows | slice:
        """The samples to train on: their row numbers, or a slice of all rows."""
        return slice(0, len(self.Y)) if self.rows is None else self.rows

    def sum(self, terms: Callable[[Samples], Sums]) -> Sums:
        """Return the sums ``terms(samples)`` over the samples to train on."""
        return terms(self)

    @property
    def dtype(self) -> DType:
        """The dtype of the inputs and targets."""
        dtype: DType = self.X.dtype
        return dtype

    def total(self, rows: Rows | slice | None = None) -> float:
        """Return the total weight of these rows, by default of ``every``."""
        rows = self.every if rows is None else rows
        if self.weights is not None:
            return float(by_sample(self.weights[rows]).sum(dtype=np.float64))
        return float(rows.stop - rows.start if isinstance(rows, slice) else len(rows))

    def columns(
        self, rows: Rows | slice, dtype: DType
    ) -> tuple[Any, Array, Array | None]:
        """Return X, Y and weights of these samples, with samples as columns of X and Y.

        The weights are an array (m,), or (outputs, m) if each target has its own.
        A slice gives views. For row numbers, the samples are copied into arrays that
        are reused, so the result is valid only until the next call.
        """
        weights = None if self.weights is None else self.weights[rows].T
        X, Y = (
            (self.X[rows], self.Y[rows])
            if isinstance(rows, slice)
            else self._gather(rows)
        )
        if dtype != X.dtype:
            X, Y = X.astype(dtype), Y.astype(dtype)
        return X.T, Y.T, weights

    def _gather(self, rows: Rows) -> tuple[Any, Array]:
        m = len(rows)
        if m not in self._kept:
            X = self.X
            self._kept[m] = (
                np.empty((m, X.shape[1]), X.dtype) if type(X) is np.ndarray else None,
                np.empty((m, self.Y.shape[1]), self.Y.dtype),
            )
        X, Y = self._kept[m]
        # With mode="clip", take needs no temporary array. No row is out of range.
        self.Y.take(rows, axis=0, out=Y, mode="clip")
        if X is None:
            return self.X[rows], Y
        self.X.take(rows, axis=0, out=X, mode="clip")
        return X, Y


def side_by_side(samples: Samples) -> Array:
    """Return X, a column of ones and Y as one array (n, features + 1 + outputs)."""
    ones = np.ones((len(samples.Y), 1), samples.dtype)
    return np.hstack([samples.X, ones, samples.Y])


class Gathered:
    """Copies of the samples of several batches, in arrays that are reused.

    Parameters
    ----------
    samples : Samples
        Samples whose X is dense.
    m, count : int
        The number of samples in a batch, and the largest number of batches.
    table : array, default=None
        The samples ``side_by_side``, if they are known. X then has a column of ones at
        the end, and one call gathers X and Y.
    """

    def __init__(
        self, samples: Samples, m: int, count: int, table: Array | None = None
    ):
        self.samples, self.m, self.count, self.table = samples, m, count, table
        X, Y, weights = samples.X, samples.Y, samples.weights
        n, outputs = count * m, Y.shape[1]
        if table is None:
            self._X = np.empty((n, X.shape[1]), X.dtype)
            self._Y = np.empty((n, outputs), Y.dtype)
        else:
            self._rows = np.empty((n, table.shape[1]), table.dtype)
            self._X, self._Y = self._rows[:, :-outputs], self._rows[:, -outputs:]
        self._weights = weights
        if weights is not None:
            self._weights = np.empty((n, *weights.shape[1:]), weights.dtype)
        # A network computes with samples as columns. So the targets of each batch are
        # turned, all batches at once; X is only a factor of products.
        self._columns = np.empty((count, outputs, m), Y.dtype)
        cuts = [slice(start, start + m) for start in range(0, n, m)]
        self._batches = [
            Samples(
                self._X[cut],
                columns.T,
                None if self._weights is None else self._weights[cut],
            )
            for cut, columns in zip(cuts, self._columns, strict=True)
        ]

    def gather(self, rows: Rows) -> list[Samples]:
        """Copy the samples of at most ``count`` batches; return each batch.

        The batches are valid until the next call.
        """
        samples, n, count = self.samples, len(rows), len(rows) // self.m
        # With mode="clip", take needs no temporary array. No row is out of range.
        if self.table is None:
            samples.X.take(rows, axis=0, out=self._X[:n], mode="clip")
            samples.Y.take(rows, axis=0, out=self._Y[:n], mode="clip")
        else:
            self.table.take(rows, axis=0, out=self._rows[:n], mode="clip")
        np.copyto(self._columns[:count], self._Y[:n].reshape(count, self.m, -1).mT)
        if samples.weights is not None:
            assert self._weights is not None
            samples.weights.take(rows, axis=0, out=self._weights[:n], mode="clip")
        return self._batches[:count]


class Parts:
    """Samples in several parts, which need not be in this process.

    Solvers on the full batch only need sums over all samples: sums of losses, gradients
    and curvatures. Solvers on batches go through the parts one after the other.

    Parameters
    ----------
    sizes : sequence of int
        The number of samples in each part.
    dtype : dtype
    sum : callable
        ``sum(terms)`` calls ``terms(samples)`` for each part, where the part is, and
        returns the sums of the results, ``added`` in the order of the parts.
    stream : callable
        A function that returns an iterator, which brings the parts to this process one
        after the other.
    """

    sizes: Sequence[int]
    dtype: DType
    sum: Callable[[Callable[[Samples], Sums]], Sums]
    stream: Callable[[], Iterator[Samples]]

    def __init__(
        self,
        sizes: Sequence[int],
        dtype: DType,
        sum: Callable[[Callable[[Samples], Sums]], Sums],
        stream: Callable[[], Iterator[Samples]],
    ):
        self.sizes, self.dtype, self.sum, self.stream = sizes, dtype, sum, stream
        self._total = float(self.sum(total_weight)[0])

    def __len__(self) -> int:
        return sum(self.sizes)

    def through(self, sum: Callable[[Callable[[Samples], Sums]], Sums]) -> Parts:
        """Return the same parts with another function ``sum``."""
        result = copy(self)
        result.sum = sum
        return result

    @property
    def every(self) -> slice:
        """All samples."""
        return slice(0, len(self))

    def total(self, rows: Rows | slice | None = None) -> float:
        """Return the total weight of all samples; single rows cannot be selected."""
        assert rows is None or rows == self.every
        return self._total


def total_weight(samples: Samples) -> Sums:
    """Return the total weight of the samples, as an array ()."""
    return (np.array(samples.total()),)


def added(results: Iterable[Sums]) -> Sums:
    """Add several results array by array, in their order."""
    first, *others = results
    sums = tuple(np.array(one) for one in first)
    for result in others:
        for total, one in zip(sums, result, strict=True):
            np.add(total, one, out=total)
    return sums
