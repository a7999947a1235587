"""Levenberg-Marquardt: damped Gauss-Newton steps (``damped.py``).

With fixed penalties, beta is 1, alpha_p is lambda for weights and 0 for biases, and F
is m J. Otherwise alpha and beta are estimated anew after each step (``climb.py``).
"""

from __future__ import annotations

import numpy as np

from skbp.engine.checkpoint import Checkpoint
from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.precisions import Precisions, prior_precisions, sizes
from skbp.engine.problem import Problem
from skbp.engine.progress import Progress, Status
from skbp.engine.settings import Settings
from skbp.engine.solvers import growth
from skbp.engine.solvers.damped import Iterate, advance
from skbp.engine.solvers.solution import Solution


def minimise(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    start: Checkpoint,
    rng: np.random.RandomState,
) -> Solution:
    """Train K networks from a checkpoint on.

    With fixed penalties they train in lock-step. An iteration takes a damped step with
    each network (``advance``), records it, and checks whether training has ended
    (``record``). Only the weights of ``start`` are used, and ``rng`` is not.
    """
    if settings.estimates:
        return growth.minimise(problem, settings, progress, start, rng)
    gauss_newton = GaussNewton(problem.network, problem.loss, problem.samples)
    histories = progress.histories
    assert start.theta is not None
    kept = start.theta.copy()
    with np.errstate(all="ignore"):
        iterates = begin(problem, settings, start)
        try:
            for one in iterates:
                one.set(*(part[0] for part in gauss_newton(one.theta[np.newaxis])))
            while going := [k for k, one in enumerate(histories) if one.running]:
                finite = [iterates[k] for k in going if iterates[k].finite]
                advance(finite, gauss_newton)
                for k in going:
                    record(iterates[k], k, progress, settings)
        except KeyboardInterrupt:
            progress.end(list(range(len(kept))), Status.INTERRUPTED)
        for k, one in enumerate(iterates):
            kept[k] = progress.result(k, one.theta)
    return Solution(kept)


def begin(problem: Problem, settings: Settings, start: Checkpoint) -> list[Iterate]:
    """Return the networks at the start of training, with fixed penalties."""
    network, loss, samples = problem.network, problem.loss, problem.samples
    assert start.theta is not None
    m = samples.total()
    X_size, variance, N = sizes(samples)
    if not loss.normal:
        variance[:] = 1.0
    prior = prior_precisions(network, X_size, variance)
    known = (network, loss, N, prior, variance, None)
    alphas = settings.each("alpha", range(len(start.theta)))
    return [
        Iterate(theta, Precisions(*known, alpha), m)
        for theta, alpha in zip(start.theta, alphas, strict=True)
    ]


def record(one: Iterate, k: int, progress: Progress, settings: Settings) -> None:
    """Record an iteration of network k, and end it if done."""
    history = progress.histories[k]
    (tol,) = settings.each("tol", [k])
    losses, theta = np.array([one.J()]), one.theta[np.newaxis]
    progress.epoch([k], theta, losses, before=theta)
    if not history.running:
        return
    settled = one.settled(tol) or one.stuck
    if progress.decides and progress.lost_patience(k):
        progress.say(f"{progress.plateau(k)} Stopping.")
        settled = True
    if settled:
        progress.end([k], Status.CONVERGED)
    elif history.n_iter >= settings.max_iter:
        progress.end([k], Status.MAX_ITER)
