"""The networks that are training, in compiled loops: a ``Cohort`` of another kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from time import perf_counter, thread_time
from typing import Any, NamedTuple

import numpy as np

from skbp.engine.arrays import BLOCK, Array, Column, DType, Rows, cast, column
from skbp.engine.checkpoint import rows_of_state
from skbp.engine.compiled import mark_of, steps
from skbp.engine.compiled.arguments import (
    MULTIPLICATIONS,
    STEP,
    as_rows,
    by_step,
    drawn,
    dropout_of,
    ends,
    numbers_of,
    of_weight,
    shape_of,
    work_of,
)
from skbp.engine.compiled.epoch import EPOCHS, State, update
from skbp.engine.compiled.gradient import (
    MASK,
    SMALL,
    TARGET,
    Scratch,
    Shape,
    Work,
    of_block,
)
from skbp.engine.compiled.kernels import compile_kernels
from skbp.engine.compiled.layers import forward
from skbp.engine.compiled.outputs import residual
from skbp.engine.compiled.steps import ARRAYS, PLACES, step
from skbp.engine.compiled.together import Sharing, together
from skbp.engine.compiled.waiting import ENDED, LENGTH
from skbp.engine.objective import n_rows
from skbp.engine.problem import Problem
from skbp.engine.settings import Settings
from skbp.engine.solvers.batches import Batch, sorted_batches

#: Row numbers of the epochs of one call.
ROWS = 1e6

#: The dtypes of which this process has left a mark that the loops are compiled.
_marked: set[DType] = set()

#: The numbers that an optimizer's state has besides its arrays, and how to store them.
NUMBERS_OF_STATE: dict[str, tuple[str, ...]] = {
    "adam": ("t",),
    "nadam": ("t", "product"),
    "rprop": ("J",),
}

STORED: dict[str, Callable[[Array], Any]] = {
    # (Networks may all have ended.)
    "t": lambda values: int(values.max(initial=0.0)),
    "J": lambda values: values.copy(),
    "product": lambda values: column(values.tolist()),
}


class Epochs(NamedTuple):
    """Several epochs, and the weights at the start of the best one of each network."""

    losses: Array
    best: Array


class CompiledCohort:
    """The networks that are training, and what their steps need, for compiled loops.

    The parameters are those of ``Cohort``.
    """

    problem: Problem
    settings: Settings
    networks: list[int]
    theta: Array
    noise: np.random.Generator | None
    numbers: Array
    arrays: Array
    sum: Array
    shape: Shape
    state: State
    sharing: Sharing
    scratch: list[Scratch]

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        networks: list[int],
        theta: Array,
        noise: np.random.Generator | None = None,
        state: dict[str, Any] | None = None,
        average: dict[str, Any] | None = None,
    ):
        self.problem, self.settings = problem, settings
        self.networks, self.theta, self.noise = networks, theta, noise
        K, P = theta.shape
        self.numbers = numbers_of(settings, networks)
        self.arrays = np.zeros((K, len(ARRAYS[settings.solver]), P), theta.dtype)
        if state is not None:
            for i, name in enumerate(ARRAYS[settings.solver]):
                self.arrays[:, i] = state[name]
            for name in NUMBERS_OF_STATE.get(settings.solver, ()):
                self.numbers[:, PLACES[name]] = np.ravel(state[name])
        self.averages = bool(self.numbers[:, PLACES["average_decay"]].any())
        self.sum = np.zeros((K, P if self.averages else 0), theta.dtype)
        if self.averages and average is not None:
            self.sum[:] = average["sum"]
            self.numbers[:, PLACES["average_t"]] = np.ravel(average["t"])
        n_hidden = problem.network.n_layers - 1 if noise is not None else 0
        self.shape = shape_of(problem)
        none = np.empty((K, 0), theta.dtype)
        self.state = State(
            steps.CODES[settings.solver],
            theta,
            self.arrays,
            self.sum,
            dropout_of(settings, networks, n_hidden),
            self.numbers,
            np.zeros((K, 2)),
            np.empty((0, K)),
            np.full(K, np.inf),
            none,
            none,
        )
        # Either each thread has its share of the networks, or of each batch.
        self.shared = min(settings.threads, settings.shares) > K
        n_threads = min(settings.threads, settings.shares if self.shared else K)
        self.sharing = Sharing()
        first = scratch_of(self)
        self.scratch = [first, *(scratch_of(self, first) for _ in range(1, n_threads))]

    def epoch(
        self, batches: Iterable[Batch], rate: Column | Callable[[float], Column]
    ) -> Array:
        """Take a step on each batch; return the mean loss of each network."""
        if self.noise is not None:
            # Random numbers are drawn for batches that count, and for no others.
            batches = of_weight(list(batches))
        _, rows, gone = zip(*batches, strict=True)
        rates = np.empty((len(rows), len(self.theta)))
        rates[:] = by_step(rate, gone)
        sizes = [n_rows(one) for one in rows]
        order = np.concatenate([as_rows(one) for one in rows])
        state = self.state._replace(losses=np.full((1, len(self.theta)), np.nan))
        units = self.problem.network.units[1:-1]
        draws = sum(units) if self.noise is not None else 0
        work, begin = (
            work_of(self.problem, order, np.cumsum([0, *sizes]), rates, len(sizes)),
            0,
        )
        state.sums[:] = 0.0
        for end in ends(sizes, self.problem.network.n_weights * len(self.theta), draws):
            if self.noise is not None:
                uniform = drawn(self.noise, units, sizes[begin:end], self.theta.dtype)
                work = work._replace(uniform=uniform)
            self.call(work, state, begin, end)
            begin = end
        return state.losses[0]

    def at_once(self) -> int:
        """Return how many epochs one call may take."""
        n, m = len(self.problem.samples), self.settings.batch_size
        if self.noise is not None or self.averages:
            return 1
        weights, K = self.problem.network.n_weights, len(self.theta)
        cost = K * (3.0 * n * weights + STEP * -(-n // m))
        return max(1, int(min(MULTIPLICATIONS / cost, ROWS / n)))

    def epochs(
        self, orders: Rows, rates: Sequence[Column | Callable[[float], Column]]
    ) -> Epochs:
        """Take several epochs, each with its order of the samples and its rate."""
        (E, n), m, K = orders.shape, self.settings.batch_size, len(self.theta)
        order, begins = sorted_batches(orders, m).ravel(), range(0, n, m)
        starts = np.append(np.add.outer(np.arange(E) * n, begins), E * n)
        each, gone = np.empty((E, len(begins), K)), [begin / n for begin in begins]
        each[:] = by_step(rates[0], gone)
        for e in range(1, E):
            if rates[e] is not rates[0]:
                each[e] = by_step(rates[e], gone)
        state = self.state._replace(
            losses=np.full((E, K), np.nan),
            lowest=np.full(K, np.inf),
            before=np.empty_like(self.theta),
            best=self.theta.copy(),
        )
        state.sums[:] = 0.0
        work = work_of(self.problem, order, starts, each.reshape(-1, K), len(begins))
        self.call(work, state, 0, len(starts) - 1)
        return Epochs(state.losses, state.best)

    def copied(self) -> list[Array]:
        """Return copies of what training changes."""
        return [one.copy() for one in (self.theta, self.arrays, self.numbers)]

    def restore(self, copies: list[Array]) -> None:
        """Return to what was copied; there is no average."""
        changed = self.theta, self.arrays, self.numbers
        for one, copy in zip(changed, copies, strict=True):
            one[:] = copy

    def call(self, work: Work, state: State, begin: int, end: int) -> None:
        """Take some steps, each thread with its share of the networks or batches."""
        K, n, sync = len(self.theta), len(self.scratch), self.scratch[0].sync
        if not self.shape.kernels[of_block.place]:
            compile_for(self, work, state)
        samples = work.starts[end] - work.starts[begin]
        multiplications = 3.0 * samples * self.shape.weights_at[0]
        if self.shared and not self.sharing.pays(multiplications):
            n = 1
        used, epoch = np.ones(n), EPOCHS[self.theta.dtype]

        def share(i: int) -> None:
            networks, place = (0, K), (i, n)
            if not self.shared:
                networks, place = (i * K // n, (i + 1) * K // n), (0, 1)
            scratch, numbers, done = self.scratch[i], (begin, end), False
            wall, cpu = perf_counter(), thread_time()
            try:
                epoch(self.shape, work, state, scratch, *networks, *numbers, *place)
                done = True
            finally:
                if not done:
                    sync[ENDED] = 1
            used[i] = (thread_time() - cpu) / (perf_counter() - wall)

        def stop() -> None:
            sync[ENDED] = 1

        sync[:] = 0
        if n == 1 or not together(share, n, stop):
            n = 1
            share(0)
        if self.shared and n > 1:
            self.sharing.after(used)
        leave_mark(self.theta.dtype)

    def current(self) -> Array:
        """Return the weights to predict with: theta, or its average."""
        t = self.numbers[:, PLACES["average_t"], np.newaxis]
        if not self.averages or not t.any():
            return self.theta
        decay = self.numbers[:, PLACES["average_decay"], np.newaxis]
        average: Array = self.sum / cast(1.0 - decay**t, self.sum.dtype)
        return average

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state of the optimizer."""
        solver = self.settings.solver
        state: dict[str, Any] = {
            name: self.arrays[:, i].copy() for i, name in enumerate(ARRAYS[solver])
        }
        for name in NUMBERS_OF_STATE.get(solver, ()):
            values = self.numbers[:, PLACES[name]]
            state[name] = STORED[name](values)
        return state

    def average_state(self) -> dict[str, Any] | None:
        """Return the state of the average, if there is one."""
        if not self.averages:
            return None
        t = int(self.numbers[:, PLACES["average_t"]].max(initial=0.0))
        return {"sum": self.sum.copy(), "t": t}

    def only(self, rows: list[int]) -> CompiledCohort:
        """Return the cohort in which only these rows of theta continue."""
        return CompiledCohort(
            self.problem,
            self.settings,
            [self.networks[row] for row in rows],
            self.theta[rows],
            self.noise,
            rows_of_state(self.optimizer_state(), rows),
            rows_of_state(self.average_state(), rows),
        )


def compile_for(cohort: CompiledCohort, work: Work, state: State) -> None:
    """Compile the kernels that a cohort needs, or load what was compiled before."""
    shape, scratch = cohort.shape, cohort.scratch[0]
    places = {of_block.place, update.place, residual.place + work.loss}
    places |= {step.place + state.optimizer}
    places |= {forward.place + code for code in shape.codes}
    tuples = {"shape": shape, "work": work, "state": state, "scratch": scratch}
    compile_kernels(shape.kernels, places, cohort.theta.dtype, tuples)


def leave_mark(dtype: DType) -> None:
    """Leave a mark that the loops are compiled on this machine, once a process."""
    if dtype in _marked:
        return
    _marked.add(dtype)
    with suppress(OSError):
        mark = mark_of(dtype)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def scratch_of(cohort: CompiledCohort, first: Scratch | None = None) -> Scratch:
    """Return the arrays of one thread, given the arrays of the first."""
    problem, settings = cohort.problem, cohort.settings
    batch, dtype = min(settings.batch_size, len(problem.samples)), cohort.theta.dtype
    units, shares = np.array(problem.network.units), settings.shares
    m = -(-min(batch, BLOCK) // shares)
    sizes = m * np.tile(units, (5, 1))
    sizes[MASK] *= cohort.noise is not None
    sizes[TARGET, :-1] = 0
    places = np.cumsum(np.concatenate([[0], sizes.ravel()]))[:-1].reshape(sizes.shape)
    layers = units[1:-1] * units[2:]
    weighted = getattr(problem.samples, "weights", None) is not None
    own = (
        np.empty(sizes.sum(), dtype),
        places,
        np.zeros(cohort.theta.shape[1] if batch > BLOCK else 0, dtype),
        np.zeros(units.max(), dtype),
        np.arange(m),
        np.empty(m if weighted else 0, dtype),
        np.empty(layers[layers <= SMALL].max(initial=0), dtype),
    )
    if cohort.shared and first is not None:
        return Scratch(*own, first.grads, first.sums, first.sync)
    grads = np.zeros((shares, cohort.theta.shape[1]), dtype)
    sums = np.zeros((2, shares, 3))
    return Scratch(*own, grads, sums, np.zeros(LENGTH, np.int64))
