"""L-BFGS: SciPy's quasi-Newton method, on the objective of all samples."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from skbp.engine.arrays import Array
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.problem import Problem
from skbp.engine.progress import Progress, Status
from skbp.engine.settings import Settings
from skbp.engine.solvers.solution import Solution


def minimise(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    start: Checkpoint,
    rng: np.random.RandomState,
) -> Solution:
    """Train K networks from a checkpoint on, one after the other.

    Iterations count as epochs: ``max_iter`` limits their number, and ``progress``
    records them. ``tol`` is the tolerance for the largest component of the gradient.
    Patience (``n_iter_no_change``) applies only if the validation set decides. Only the
    weights of ``start`` are used, and ``rng`` is not.

    The arithmetic is in float64, block by block, whatever the dtype of theta and of the
    samples: line searches need differences of J that float32 cannot resolve.
    """
    assert start.theta is not None
    kept = start.theta.copy()
    for k in range(len(kept)):
        end = minimise_one(problem, settings, progress, k, start.theta[k])
        kept[k] = progress.result(k, end)
        if progress.histories[k].status is Status.INTERRUPTED:
            progress.end(list(range(k + 1, len(kept))), Status.INTERRUPTED)
            break
    return Solution(kept)


def minimise_one(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    k: int,
    start: Array,
) -> Array:
    """Train network k from ``start`` (P,) on; return the final parameters (P,)."""
    theta: Array = start[np.newaxis].astype(np.float64)
    objective = problem.objective(settings.column("alpha", [k]), theta)
    (tol,), every = settings.each("tol", [k]), problem.samples.every
    last: Array = theta[0].copy()
    history, raised = progress.histories[k], list[StopIteration]()

    def J(x: Array) -> tuple[float, Array]:
        theta[0] = x
        value, _ = objective(every)
        # Copy the gradient, because SciPy keeps the array.
        return float(value[0]), objective.grad[0].copy()

    def iteration(intermediate_result: OptimizeResult) -> None:
        last[:] = theta[0] = intermediate_result.x
        losses = np.array([intermediate_result.fun])
        keep_stop(raised, progress.epoch, [k], theta, losses, theta)
        if progress.decides and history.running and progress.lost_patience(k):
            history.status = Status.CONVERGED
            progress.say(f"{progress.plateau(k)} Stopping.")
        if raised or not history.running:
            raise StopIteration

    how = {"method": "L-BFGS-B", "jac": True, "callback": iteration}
    limits = {"maxfun": settings.max_fun, "maxiter": settings.max_iter, "gtol": tol}
    with np.errstate(all="ignore"):
        try:
            result = minimize(J, theta[0].copy(), options=limits, **how)
            # SciPy does not call back for the iterate at which it converges.
            if history.running and history.n_iter < max(result.nit, 1):
                with suppress(StopIteration):
                    iteration(result)
        except KeyboardInterrupt:
            progress.end([k], Status.INTERRUPTED)
            return last
    for error in raised:
        raise error
    history.message, history.code = result.message, int(result.status)
    # SciPy's status: 0 is convergence, 1 a limit, 2 a line search that found no step.
    ends = {0: Status.CONVERGED, 1: Status.MAX_ITER}
    progress.end([k], ends.get(result.status, Status.FAILED))
    end: Array = result.x
    return end


def keep_stop(
    raised: list[StopIteration], function: Callable[..., None], *args: Any
) -> None:
    """Call a function; keep the StopIteration of a scorer, which SciPy would catch."""
    try:
        function(*args)
    except StopIteration as error:
        raised.append(error)
