"""L-BFGS: SciPy's quasi-Newton method over the objective on all samples."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from skbp.engine.arrays import Array, Rows, number
from skbp.engine.losses import Loss
from skbp.engine.network import Network
from skbp.engine.objective import Objective
from skbp.engine.progress import (
    CONVERGED,
    FAILED,
    INTERRUPTED,
    MAX_ITER,
    Progress,
)
from skbp.engine.samples import Parts, Samples
from skbp.engine.training import Settings, State


def minimise(
    network: Network,
    loss: Loss,
    samples: Samples | Parts,
    theta: Array,
    settings: Settings,
    progress: Progress,
    *,
    rows: Rows | None = None,
    state: State | None = None,
) -> Array:
    """Train K networks from theta (K, P) on, one after the other; return their theta.

    Iterations take the place of epochs: ``max_iter`` bounds them and ``progress``
    records them. ``tol`` is the tolerance for the gradient, its largest component.
    Patience (``n_iter_no_change``) counts only with a validation set. Of ``state`` it
    takes ``best``, the score to beat.

    Whatever the dtype of theta and of the samples, the arithmetic is in float64, block
    by block: line searches need differences of J that float32 cannot resolve.
    """
    kept = theta.copy()
    for k in range(len(theta)):
        if state is not None:
            progress.histories[k].best = state.best[k]
        start = theta[k : k + 1].astype(np.float64)
        end = _minimise_one(network, loss, samples, start, settings, progress, k, rows)
        kept[k] = progress.result(k, end)
        if progress.histories[k].status == INTERRUPTED:
            progress.end(list(range(k + 1, len(theta))), INTERRUPTED)
            break
    return kept


def _minimise_one(
    network: Network,
    loss: Loss,
    samples: Samples | Parts,
    theta: Array,
    settings: Settings,
    progress: Progress,
    k: int,
    rows: Rows | None,
) -> Array:
    """Train network k from theta (1, P) on; return the parameters (P,) at the end."""
    alpha, (tol,) = number(settings.each("alpha", [k])), settings.each("tol", [k])
    objective = Objective(network, loss, samples, alpha, theta)
    all_rows = slice(0, len(samples)) if rows is None else rows
    last: Array = theta[0].copy()
    history = progress.histories[k]

    def J(x: Array) -> tuple[float, Array]:
        theta[0] = x
        value, _ = objective(all_rows)
        # A copy, since SciPy keeps what it is given.
        return float(value[0]), objective.grad[0].copy()

    def iteration(intermediate_result: OptimizeResult) -> None:
        last[:] = theta[0] = intermediate_result.x
        losses = np.array([intermediate_result.fun])
        progress.epoch([k], theta, losses, before=theta)
        if progress.decides and not history.status and progress.lost_patience(k):
            history.status = CONVERGED
            progress.say(f"{progress.plateau(k)} Stopping.")
        if history.status:
            raise StopIteration

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            result = minimize(
                J,
                theta[0].copy(),
                method="L-BFGS-B",
                jac=True,
                callback=iteration,
                options={
                    "maxfun": settings.max_fun,
                    "maxiter": settings.max_iter,
                    "gtol": tol,
                },
            )
            # SciPy does not report the iterate at which it converges.
            if not history.status and history.n_iter < max(result.nit, 1):
                with suppress(StopIteration):
                    iteration(result)
        except KeyboardInterrupt:
            progress.end([k], INTERRUPTED)
            return last
    history.message = result.message
    # SciPy's status: 0 convergence, 1 a limit, 2 a line search that found no step.
    progress.end([k], {0: CONVERGED, 1: MAX_ITER}.get(result.status, FAILED))
    end: Array = result.x
    return end
