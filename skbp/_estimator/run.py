"""Running a job: in compiled loops or not, and on how many threads."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from importlib import import_module
from threading import current_thread, main_thread

from skbp._config import get_config
from skbp._threads import WORTH_THREADS, free_threads, with_blas_threads_for
from skbp.engine.compiled import (
    available,
    is_first_to_compile,
    is_marked,
    pays,
    shares_of,
    suits,
)
from skbp.engine.fit import Hook, Job, Result, fit
from skbp.engine.solvers import SOLVERS

INSTALL = "Install numba with `pip install skbp[fast]`."

#: How many fits like the next one there are.
_fits: ContextVar[int] = ContextVar("fits", default=1)


@contextmanager
def fits(number: int) -> Iterator[None]:
    """Tell that a block is a part of so many fits of about the same length.

    Compiled loops may pay for all of them together, and not for one.
    """
    token = _fits.set(number)
    try:
        yield
    finally:
        _fits.reset(token)


def run(job: Job, hook: Hook | None = None) -> list[Result]:
    """Train the networks of a job; return the result of each estimator."""
    if SOLVERS[job.settings.solver].steps:
        job = executed(job)
    return with_blas_threads_for(job.multiplications, lambda: fit(job, hook))


def executed(job: Job) -> Job:
    """Return a job with the settings that say how it is executed."""
    wanted, K = get_config()["compiled"], len(job.start.histories)
    if wanted is False:
        return job
    if wanted == "auto" and not pays(job.problem, job.settings, *number_of(job)):
        return job
    if not suits(job.problem):
        return job
    fault = fault_of_loops()
    if fault and wanted == "auto":
        return job
    if fault:
        raise ValueError(
            f"compiled=True needs numba, and {fault} Or leave compiled at 'auto'."
        )
    if not is_marked(job.problem.samples.dtype):
        announce(job)
    shares = shares_of(job.problem, job.settings)
    threads = free_threads() if max(K, shares) > 1 else 1
    settings = replace(job.settings, compiled=True, shares=shares, threads=threads)
    # The loops have threads of their own, also where BLAS would use some.
    small = min(job.multiplications, WORTH_THREADS - 1)
    return replace(job, settings=settings, around=partial(with_blas_threads_for, small))


def number_of(job: Job) -> tuple[int, int]:
    """Return how many networks are trained in all, and how many in lock-step.

    Several starts of one estimator are not in lock-step here: with the loops, they are
    on several threads instead.
    """
    estimators = len(job.start.histories) // job.n_init
    return job.n_init * max(estimators, _fits.get()), estimators


def announce(job: Job) -> None:
    """Say that the loops will be compiled: without ``verbose`` once on a machine."""
    dtype = job.problem.samples.dtype
    line = (
        f"Compiling the training loops for {dtype}: about 6 seconds, once on this "
        "machine. (SKBP_COMPILED=0 trains without them.)"
    )
    if job.report:
        job.report(line)
    elif is_first_to_compile(dtype):
        print(f"skbp: {line}", file=sys.stderr)


def fault_of_loops() -> str:
    """Return why the compiled loops cannot be used, and what helps; "" if they can.

    numba may be there and refuse to be imported, beside a newer NumPy for example, or
    find no folder for its cache.
    """
    if not available():
        return f"it is not installed. {INSTALL}"
    try:
        with interrupts_held_back():
            import_module("skbp.engine.compiled.cohort")
    except AttributeError as error:
        # Modules of which a part was imported before have no attributes of the rest.
        return (
            f"it cannot be used here: {error}. If the import of numba was interrupted, "
            "restart Python."
        )
    except (ImportError, OSError, RuntimeError) as error:
        return f"it cannot be used here: {error}. {INSTALL}"
    return ""


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Let an interrupt wait for the end of a block.

    In the middle of an import, it would leave modules that no later import mends. (Only
    the main thread is interrupted, and only there can this be changed.)
    """
    handler = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or not callable(handler):
        yield
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)
