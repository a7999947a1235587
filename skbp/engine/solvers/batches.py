"""How the training data of an epoch are cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from skbp.engine.arrays import Rows
from skbp.engine.samples import Parts, Samples
from skbp.engine.settings import Settings

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
