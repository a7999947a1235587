"""What the compiled loops take: networks, samples and numbers as plain arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from skbp.engine.arrays import BLOCK, Array, Column, DType
from skbp.engine.compiled import layers, outputs
from skbp.engine.compiled.gradient import Shape, Work
from skbp.engine.compiled.kernels import no_addresses
from skbp.engine.compiled.steps import NAMES, PLACES
from skbp.engine.problem import Problem
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from skbp.engine.solvers.batches import Batch

#: Multiplications and random numbers of one call. A call cannot be interrupted, and
#: should therefore take no more than a fraction of a second. What else a step takes
#: counts as some more multiplications.
MULTIPLICATIONS, NUMBERS, STEP = 2e9, 2e6, 5e5


def shape_of(problem: Problem) -> Shape:
    """Return the network as the compiled loops take it."""
    network = problem.network
    names = ["identity", *network.activations, problem.loss.activation]
    units = np.array(network.units)
    sizes = units[:-1] * units[1:]
    weights_at = np.concatenate([[network.n_weights, 0], np.cumsum(sizes)[:-1]])
    biases_at = np.empty(0, np.int64)
    if network.biases:
        before = np.cumsum(units[1:])[:-1]
        biases_at = network.n_weights + np.concatenate([[0, 0], before])
    codes = np.array([layers.CODES[name] for name in names])
    return Shape(units, codes, weights_at, biases_at, no_addresses())


def numbers_of(settings: Settings, networks: list[int]) -> Array:
    """Return the numbers of the networks before the first step, see ``steps.py``."""
    numbers = np.zeros((len(networks), len(NAMES)))
    for name in NAMES[: PLACES["t"]]:
        numbers[:, PLACES[name]] = settings.each(name, networks)
    numbers[:, PLACES["product"]], numbers[:, PLACES["J"]] = 1.0, np.inf
    return numbers


def dropout_of(settings: Settings, networks: list[int], n_hidden: int) -> Array:
    """Return the rate of dropout of each network and hidden layer."""
    dropout = np.zeros((len(networks), n_hidden))
    for l, rate in enumerate(map(np.ravel, settings.dropout[:n_hidden])):
        dropout[:, l] = rate[networks] if len(rate) > 1 else rate
    return dropout


def work_of(
    problem: Problem, order: Any, starts: Any, rates: Any, n_steps: int
) -> Work:
    """Return the samples as the loops take them, for steps without dropout."""
    samples, loss, units = problem.samples, problem.loss, problem.network.units
    assert isinstance(samples, Samples)
    dtype = samples.dtype
    none, q = np.empty(0, dtype), np.zeros(units[-1], dtype)
    if loss.parameters:
        q[:] = loss.parameters
    weights = none if samples.weights is None else samples.weights
    return Work(
        # (numba would compile everything again for arrays that may be written to.)
        read_only(samples.X),
        read_only(samples.Y),
        read_only(weights),
        order,
        starts,
        rates,
        n_steps,
        outputs.CODES[loss.name],
        loss.shortcut,
        q,
        none,
        sum(units[1:-1]),
    )


def read_only(array: Array) -> Array:
    """Return a view that may not be written to, as arrays of pandas are."""
    view = array.view()
    view.flags.writeable = False
    return view


def by_step(rate: Column | Callable[[float], Column], gone: Sequence[float]) -> Any:
    """Return the rate of each step, or one rate for all, given the parts gone."""
    if callable(rate):
        return [np.ravel(rate(part)) for part in gone]
    return np.ravel(rate)


def as_rows(rows: Any) -> Any:
    """Return rows as an array of their numbers."""
    return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows


def of_weight(batches: list[Batch]) -> list[Batch]:
    """Return the batches whose weights are not all 0."""
    some = [
        (samples, rows, gone)
        for samples, rows, gone in batches
        if not isinstance(samples, Samples)
        or samples.weights is None
        or samples.weights[rows].any()
    ]
    return some or batches


def drawn(
    noise: np.random.Generator, units: Sequence[int], sizes: list[int], dtype: DType
) -> Array:
    """Draw the random numbers of dropout, block by block and layer by layer."""
    return np.concatenate(
        [
            noise.random(n * min(BLOCK, m - first), dtype=dtype.type)
            for m in sizes
            for first in range(0, m, BLOCK)
            for n in units
        ]
    )


def ends(sizes: list[int], parameters: int, draws: int) -> Iterable[int]:
    """Cut the steps of an epoch into calls; return where each call ends."""
    work = numbers = 0.0
    for s, m in enumerate(sizes):
        work, numbers = work + 3.0 * m * parameters + STEP, numbers + m * draws
        if work > MULTIPLICATIONS or numbers > NUMBERS or s == len(sizes) - 1:
            yield s + 1
            work = numbers = 0.0
