"""Data larger than memory: Dask arrays and data frames, one partition at a time.

Each partition becomes ``Samples`` of the engine where Dask computes it, and ``Parts``
computes the sums that solvers need there. Dask is imported only if the user passes a
Dask collection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from inspect import ismethod
from typing import Any, TypeAlias

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_consistent_length

from skbp._data.checks import check_y, on_dask, validated_X_y
from skbp._data.missing import filled
from skbp._data.read import Data, Read, read_part
from skbp._data.scales import center_and_scale
from skbp._data.tensors import as_numpy
from skbp._sklearn import constraints_of, safe_indexing
from skbp._targets import Targets
from skbp.engine.arrays import Array, DType
from skbp.engine.samples import Parts, Samples, Sums, added

#: The number of results that are added in one place. Curvatures (K, P, P) are large, so
#: one machine must not hold the curvatures of all partitions.
FAN_IN = 8

#: The fitted attributes that are needed to read a partition.
LEARNT = ("n_features_in_", "feature_names_in_")

#: X, y and weights of a partition, not yet computed; the weights may be None.
Partition: TypeAlias = tuple[Any, Any, Any]


# Reading the data of a fit.


def read_partitions(
    estimator: Any,
    data: Data,
    kind: Any,
    learn: Callable[[Any], Targets],
    *,
    reset: bool,
) -> Read:
    """Read training data from Dask, and learn their targets; return samples in parts.

    A first pass collects what the partitions have in common: one row of X represents
    all features, and a few targets represent all kinds of y. They are read like data in
    memory. The second pass reads each partition where it is. ``kind`` is the class of
    the targets.
    """
    numeric, name = "y_numeric" in kind.y_options, type(estimator).__name__
    if data.y is None:
        check_y(None, numeric, name)
    partitions = aligned(*data)
    look = partial(glance, kind.condensed, numeric, name)
    looks = computed(
        [
            delayed(at_partition)(i, look, *partition[:2])
            for i, partition in enumerate(partitions)
        ]
    )
    there = [i for i, look in enumerate(looks) if look]
    if not there:
        raise ValueError("X has no samples: all of its partitions are empty.")
    sizes, rows, found = zip(*(looks[i] for i in there), strict=True)
    few = kind.condensed(np.concatenate([one.y for one in found]))
    # Repeat each, because scikit-learn warns if every sample has its own class.
    y_few = np.repeat(few.y, 2, axis=0)
    X_few = safe_indexing(rows[0], np.zeros(len(y_few), int))
    X_few, y_few = validated_X_y(estimator, X_few, y_few, reset=reset, **kind.y_options)
    targets = learn(kind.merged(found))
    read_few = kind.read(y_few)
    targets.options.check_memory(read_few.multilabel)
    Y_few = targets.encode(read_few)
    same = all(dtypes_of(row) == dtypes_of(rows[0]) for row in rows)
    # Partitions of several types would have float64 together, in memory.
    dtype = X_few.dtype if same else np.dtype(np.float64)
    light = without_fit(estimator, *LEARNT)
    read_as = partial(
        parts_of, light, dtype, sizes, [(i, partitions[i]) for i in there]
    )
    samples = read_as(targets)
    if samples.total() and targets.rescales:
        targets = targets.in_units(*center_and_scale(samples))
        samples = read_as(targets)
    if not samples.total():
        raise ValueError(
            "All samples have weight 0 (sample_weight times class_weight). "
            "Give some of them a weight above 0."
        )
    return Read(samples, None, targets, X_few.shape[1], Y_few.shape[1])


def parts_of(
    estimator: Any,
    dtype: DType,
    sizes: Sequence[int],
    partitions: Sequence[tuple[int, Partition]],
    targets: Targets,
) -> Parts:
    """Return numbered partitions as samples in parts, read where they are."""
    parts = held(
        [
            delayed(at_partition)(i, read_part, estimator, targets, dtype, *partition)
            for i, partition in partitions
        ]
    )
    return Parts(sizes, dtype, partial(summed, parts), partial(stream, parts))


def dtypes_of(rows: Any) -> list[Any]:
    """Return the dtype of an array, or those of the columns of a data frame."""
    return list(rows.dtypes) if hasattr(rows, "dtypes") else [rows.dtype]


def without_fit(estimator: Any, *names: str) -> Any:
    """Return a light copy with only the parameters and the named attributes."""
    light = object.__new__(type(estimator))
    # A subclass may have set parameters that its own constructor does not take.
    parameters = {*estimator.get_params(deep=False), *constraints_of(estimator)}
    for name in (*parameters, *names):
        if name in vars(estimator):
            setattr(light, name, vars(estimator)[name])
    return light


def aligned(X: Any, y: Any, sample_weight: Any) -> list[Partition]:
    """Return the partitions of X with the partitions of y and the weights.

    If all lengths are known, y and the weights get the partitions of X. If not, the
    numbers of partitions must agree.
    """
    named = {"X": X, "y": y}
    if sample_weight is not None:
        named["sample_weight"] = sample_weight
    for name, value in named.items():
        if not on_dask(value) or not hasattr(value, "ndim"):
            raise ValueError(
                f"{name} must be a dask.array or dask.dataframe collection, "
                f"because X is a Dask collection; got a {type(value).__name__}. If "
                f"it is in memory, pass dask.array.from_array({name}, chunks=...)."
            )
    if X.ndim != 2:
        raise ValueError(
            f"X must have 2 dimensions, samples and features; got {X.ndim}. Use "
            "X.reshape(-1, 1) for a single feature."
        )
    named = {name: whole_rows(value) for name, value in named.items()}
    X_lengths = lengths_of(named["X"])
    for name, value in named.items():
        lengths = lengths_of(value)
        if X_lengths is not None and lengths is not None:
            if sum(lengths) != sum(X_lengths):
                raise ValueError(
                    f"{name} has {sum(lengths)} samples, but X has {sum(X_lengths)}. "
                    "Pass one entry for each sample."
                )
            named[name] = value.rechunk({0: X_lengths})
        elif value.npartitions != named["X"].npartitions:
            raise ValueError(
                f"{name} has {value.npartitions} partitions, but X has "
                f"{named['X'].npartitions}, and some of these partitions have "
                "unknown lengths. Create both from the same data frame, or "
                "determine the lengths with compute_chunk_sizes() of arrays and "
                "to_dask_array(lengths=True) of data frames."
            )
    columns = [np.ravel(value.to_delayed()).tolist() for value in named.values()]
    columns += [[None] * len(columns[0])] * (3 - len(columns))
    return list(zip(*columns, strict=True))


def whole_rows(value: Any) -> Any:
    """Return the collection, with whole rows in each partition."""
    if value.ndim == 2 and hasattr(value, "rechunk"):
        return value.rechunk({1: -1})
    return value


def lengths_of(value: Any) -> tuple[int, ...] | None:
    """Return the lengths of the partitions; None if Dask does not know them."""
    lengths: tuple[Any, ...] = (
        value.chunks[0] if hasattr(value, "chunks") else (np.nan,)
    )
    return None if np.isnan(lengths).any() else lengths


# Functions that are called where a partition is.


def at_partition(i: int, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function; if it fails, add the number of the partition to the error."""
    try:
        return function(*args)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"In partition {i} (counted from 0): {error}") from None


def glance(
    condensed: Callable[[Array], Any], numeric: bool, name: str, X: Any, y: Any
) -> tuple[int, Any, Any] | None:
    """Return the number of samples, a row of X, and a few targets that represent all.

    ``numeric`` says whether the targets must be numbers, ``name`` is the estimator's.

    Return None for an empty partition.
    """
    check_consistent_length(X, y)
    n = X.shape[0]
    if n == 0:
        return None
    y, _ = filled(y, numeric)
    check_y(y, numeric, name)
    y = y[:1].toarray() if issparse(y) else np.asarray(y)
    # Select by number: a slice would be a view that keeps all of X in memory.
    return n, safe_indexing(X, np.array([0])), condensed(y)


def call(terms: Callable[[Samples], Sums], samples: Samples) -> Sums:
    """Return the terms of a sum that belong to a partition."""
    with np.errstate(all="ignore"):
        return terms(samples)


# Functions that let Dask do the work.


def delayed(function: Callable[..., Any]) -> Any:
    """Return the function in a form that Dask calls when its result is needed."""
    import dask

    # With pure=False the keys are random: hashing the arguments would take longer than
    # sending them.
    return dask.delayed(function, pure=False, traverse=False)


def computed(tasks: Sequence[Any]) -> tuple[Any, ...]:
    """Return the results of tasks, in their order."""
    import dask

    results: tuple[Any, ...] = dask.compute(*tasks)
    return results


def held(tasks: list[Any]) -> list[Any]:
    """Return tasks whose results stay on the workers of a cluster, if there is one.

    Dask remembers how to compute the results, and computes them again if a worker is
    lost. Without a cluster, all results would stay in this process; they are then
    computed each time they are used.
    """
    import dask

    # This is how Dask itself recognises the scheduler of a cluster.
    return list(dask.persist(*tasks)) if ismethod(dask.base.get_scheduler()) else tasks


def summed(parts: list[Any], terms: Callable[[Samples], Sums]) -> Sums:
    """Return the sums over all partitions, always added in the same order."""
    level = [delayed(call)(terms, part) for part in parts]
    while len(level) > FAN_IN:
        groups = range(0, len(level), FAN_IN)
        level = [delayed(added_all)(*level[i : i + FAN_IN]) for i in groups]
    return added(computed(level))


def added_all(*results: Sums) -> Sums:
    """Add several results."""
    return added(results)


def stream(parts: list[Any]) -> Iterator[Samples]:
    """Bring the partitions to this process, one after the other."""
    for part in parts:
        (samples,) = computed([part])
        yield samples


# Prediction.


def for_partitions(
    method: Callable[..., Any], X: Any, *args: Any, **options: Any
) -> Any:
    """Return the result of an estimator's method for X, as lazy Dask arrays."""
    from dask import array

    estimator, name = method.__self__, method.__name__  # type: ignore[attr-defined]
    X = whole_rows(X)
    probe = copy(estimator)
    vars(probe).pop("feature_names_in_", None)
    one = getattr(probe, name)(np.zeros((1, X.shape[1])), *args, **options)
    none = tuple(e[:0] for e in one) if isinstance(one, tuple) else one[:0]
    ask, model = delayed(of_rows), delayed(copy(estimator))
    pieces = [
        ask(i, model, name, none, rows, *args, **options)
        for i, rows in enumerate(np.ravel(X.to_delayed()).tolist())
    ]
    lengths = lengths_of(X) or (np.nan,) * len(pieces)

    def joined(pieces: list[Any], empty: Any) -> Any:
        return array.concatenate(
            [
                array.from_delayed(piece, (n, *empty.shape[1:]), meta=empty)
                for piece, n in zip(pieces, lengths, strict=True)
            ],
            allow_unknown_chunksizes=True,
        )

    if isinstance(none, tuple):
        return tuple(joined([p[j] for p in pieces], e) for j, e in enumerate(none))
    return joined(pieces, none)


def of_rows(
    i: int, estimator: Any, name: str, none: Any, X: Any, *args: Any, **options: Any
) -> Any:
    """Return the result of a method for a partition; ``none`` if it is empty."""
    if X.shape[0] == 0:
        return none
    return at_partition(i, partial(getattr(estimator, name), **options), X, *args)


def in_memory(y: Any, sample_weight: Any, predictions: Any) -> Sequence[Any]:
    """Return the values, with Dask collections computed and tensors as arrays."""
    values = {"y": y, "sample_weight": sample_weight, "predictions": predictions}
    # One by one, because Dask warns if frames and arrays are computed together.
    return [
        value.compute() if on_dask(value) else as_numpy(value, name)
        for name, value in values.items()
    ]
