"""How the training data of an epoch are cut into batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeGuard

import numpy as np

from skbp.engine.arrays import BLOCK, Array, Rows
from skbp.engine.samples import Gathered, Parts, Samples, side_by_side
from skbp.engine.settings import Settings

#: The bytes of inputs that are gathered at once, and wait for their steps in the cache.
AHEAD = 2**17
#: The bytes of samples up to which a copy with a column of ones is made.
SMALL = 2**24

#: Samples, the rows of them that form a batch, and the fraction of the epoch before it.
Batch: TypeAlias = tuple[Samples | Parts, Rows | slice, float]


def in_batches(
    samples: Samples, order: Rows | None, batch_size: int
) -> Iterator[Batch]:
    """Cut samples into batches in this order; None keeps the order of the samples."""
    n = len(samples) if order is None else len(order)
    if batch_size >= n and samples.rows is None:
        # All samples, which need not be gathered.
        yield samples, slice(0, n), 0.0
        return
    if order is not None:
        order = sorted_batches(order, batch_size)
    for start in range(0, n, batch_size):
        batch = slice(start, min(start + batch_size, n))
        yield samples, batch if order is None else order[batch], start / n


def of_parts(
    parts: Parts, settings: Settings, rng: np.random.RandomState
) -> Iterator[Batch]:
    """Cut samples in parts into batches, none of which spans two parts.

    The parts are used in their order, and shuffled one by one. A batch of all samples
    is not brought here: it is summed where the parts are.
    """
    n, before = len(parts), 0
    if in_one_batch(parts, settings):
        yield parts, slice(0, n), 0.0
        return
    for samples in parts.stream():
        m = len(samples)
        order = shuffled(None, m, rng) if settings.shuffle else None
        for _, rows, gone in in_batches(samples, order, settings.batch_size):
            yield samples, rows, (before + gone * m) / n
        before += m


def in_one_batch(parts: Parts, settings: Settings) -> bool:
    """Return whether all samples form one batch, summed where the parts are.

    With dropout they do not, because dropout draws its masks in this process.
    """
    return settings.batch_size >= len(parts) and not settings.drops_units


def sorted_batches(order: Rows, batch_size: int) -> Rows:
    """Return the order with the samples of each batch sorted; or several, as rows.

    The order within a batch does not matter, because a step uses the sum over the
    batch. In the order of memory, samples are gathered in a third of the time if the
    data are larger than the cache.
    """
    n = order.shape[-1]
    rows, whole = np.empty_like(order), n // batch_size * batch_size
    batches = order[..., :whole].reshape(*order.shape[:-1], -1, batch_size)
    rows[..., :whole] = np.sort(batches).reshape(*order.shape[:-1], whole)
    rows[..., whole:] = np.sort(order[..., whole:])
    return rows


def shuffled(order: Rows | None, n: int, rng: np.random.RandomState) -> Rows:
    """Return the samples in a new order, drawn as in MLPClassifier."""
    # To shuffle an order is the same as to choose from it in a shuffled order.
    order = np.arange(n) if order is None else order.copy()
    rng.shuffle(order)
    return order


class Gatherer:
    """Gathers the samples of several batches at once, which takes half the time.

    Parameters
    ----------
    samples : Samples or Parts
    ones : bool
        Whether X may get a column of ones at the end. This takes a copy of the samples,
        so it is done for small data only.
    """

    def __init__(self, samples: Samples | Parts, ones: bool) -> None:
        self.table: Array | None = None
        if ones and dense(samples) and samples.X.nbytes + samples.Y.nbytes <= SMALL:
            self.table = side_by_side(samples)
        self.samples, self._arrays = samples, dict[int, Gathered]()
        self._whole: Samples | None = None

    def __call__(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Replace rows of samples by samples of their own, where that pays."""
        waiting: list[tuple[Rows, float]] = []
        for samples, rows, gone in batches:
            if isinstance(rows, slice) or len(rows) > BLOCK or not dense(samples):
                yield from self._gathered(waiting)
                waiting = []
                yield *self._known(samples, rows), gone
                continue
            if waiting and not self._fits(samples, len(rows), waiting):
                yield from self._gathered(waiting)
                waiting = []
            if samples is not self.samples:
                self.samples, self.table, self._arrays = samples, None, {}
            waiting.append((rows, gone))
        yield from self._gathered(waiting)

    def _fits(
        self, samples: Samples | Parts, m: int, waiting: list[tuple[Rows, float]]
    ) -> bool:
        """Return whether a batch can be gathered together with those that wait."""
        return (
            samples is self.samples
            and len(waiting[0][0]) == m
            and len(waiting) < self._array(m).count
        )

    def _array(self, m: int) -> Gathered:
        if m not in self._arrays:
            samples = self.samples
            assert isinstance(samples, Samples)
            count = AHEAD // (m * samples.X.shape[1] * samples.X.itemsize)
            count = max(1, min(count, len(samples) // m))
            self._arrays[m] = Gathered(samples, m, count, self.table)
        return self._arrays[m]

    def _gathered(self, waiting: list[tuple[Rows, float]]) -> Iterator[Batch]:
        if not waiting:
            return
        each, gone = zip(*waiting, strict=True)
        m = len(each[0])
        rows = each[0] if len(each) == 1 else np.concatenate(each)
        every = slice(0, m)
        for samples, part in zip(self._array(m).gather(rows), gone, strict=True):
            yield samples, every, part

    def _known(
        self, samples: Samples | Parts, rows: Rows | slice
    ) -> tuple[Samples | Parts, Rows | slice]:
        """Return a batch; of few samples that are all in it, a copy that is kept."""
        if self.table is None or samples is not self.samples:
            return samples, rows
        n = len(self.table)
        if rows != slice(0, n) or n > BLOCK:
            return samples, rows
        if self._whole is None:
            (self._whole,) = self._array(n).gather(np.arange(n))
        return self._whole, rows


def dense(samples: Samples | Parts) -> TypeGuard[Samples]:
    """Return whether X is an array, from which several batches can be gathered."""
    return isinstance(samples, Samples) and type(samples.X) is np.ndarray
