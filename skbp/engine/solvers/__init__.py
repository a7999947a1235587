"""The solvers, and what each of them can do.

Solvers are distinguished by this table only. To find out whether a solver can do
something, ask its record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from skbp.engine.checkpoint import Checkpoint
from skbp.engine.problem import Problem
from skbp.engine.progress import Progress
from skbp.engine.settings import Settings
from skbp.engine.solvers import lbfgs, levenberg_marquardt, stochastic
from skbp.engine.solvers.optimizers import OPTIMIZERS
from skbp.engine.solvers.solution import Solution

Minimise = Callable[
    [Problem, Settings, Progress, Checkpoint, np.random.RandomState], Solution
]


@dataclass(frozen=True)
class Solver:
    """One row of the table of solvers.

    Attributes
    ----------
    minimise : callable
        A function that trains the networks of a problem from a checkpoint on.
    batches : bool
        Whether training goes through the samples in batches. If not, each step uses all
        samples.
    steps : bool
        Whether an optimizer takes the steps, so that there is a learning rate, a weight
        decay and an average of the weights.
    resumes : bool
        Whether training can continue from the checkpoint that the solver leaves.
    curved : bool
        Whether the loss must be convex in the raw outputs, and have a curvature.
    estimates : bool
        Whether the solver can estimate alpha.
    counts_evaluations : bool
        Whether ``max_fun`` limits the number of evaluations of J.
    """

    minimise: Minimise
    batches: bool = False
    steps: bool = False
    resumes: bool = False
    curved: bool = False
    estimates: bool = False
    counts_evaluations: bool = False


def minimise_in_full_batches(
    problem: Problem,
    settings: Settings,
    progress: Progress,
    start: Checkpoint,
    rng: np.random.RandomState,
) -> Solution:
    """Train by steps of an optimizer on all samples, whatever ``batch_size`` is."""
    settings = replace(settings, batch_size=len(problem.samples))
    return stochastic.minimise(problem, settings, progress, start, rng)


#: Optimizers that need the gradient of all samples in each step.
FULL_BATCH = ("rprop",)

SOLVERS: dict[str, Solver] = {
    name: Solver(minimise_in_full_batches, steps=True, resumes=True)
    if name in FULL_BATCH
    else Solver(stochastic.minimise, batches=True, steps=True, resumes=True)
    for name in OPTIMIZERS
} | {
    "lbfgs": Solver(lbfgs.minimise, counts_evaluations=True),
    "lm": Solver(levenberg_marquardt.minimise, curved=True, estimates=True),
}

#: The names of the solvers that go through the samples in batches.
STOCHASTIC = [name for name, solver in SOLVERS.items() if solver.batches]
