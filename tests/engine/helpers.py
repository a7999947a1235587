"""How the tests of the engine run a solver."""

from dataclasses import fields, replace
from math import inf

import numpy as np

from skbp.engine.checkpoint import Checkpoint
from skbp.engine.progress import Progress
from skbp.engine.settings import Settings
from skbp.engine.solvers import SOLVERS

#: Four networks that differ in every number there is; some stop early.
DIFFERENT = {
    "alpha": [0.0, 0.1, 1.0, 10.0],
    "max_grad_norm": [inf, 0.1, 1.0, 0.01],
    "average_decay": [0.0, 0.9, 0.5, 0.99],
    "learning_rate_decay": [0.5, 0.9, 0.1, 1.0],
    "learning_rate_step": [10.0, 1.0, 5.0, 0.5],
    "warmup": [0.0, 1.0, 2.5, 10.0],
    "dropout": ([0.0, 0.2, 0.5, 0.1], 0.3),
    "weight_decay": [0.1, 0.0, 0.01, 1.0],
    "learning_rate_init": [0.01, 0.02, 0.005, 0.05],
    "power_t": [0.5, 0.2, 0.7, 0.1],
    "momentum": [0.9, 0.0, 0.5, 0.99],
    "beta_1": [0.9, 0.0, 0.5, 0.99],
    "beta_2": [0.999, 0.9, 0.99, 0.5],
    "epsilon": [1e-8, 1e-3, 1e-6, 0.1],
    "tol": [0.0, 1e-3, 0.05, 1e-4],
    "n_iter_no_change": [inf, 2, 1, 3],
}


def fresh(theta, settings):
    """Return the checkpoint of networks theta (K, P) that have not trained yet."""
    rates = ()
    if SOLVERS[settings.solver].steps:
        rates = settings.each("learning_rate_init", range(len(theta)))
    return Checkpoint.fresh(theta, rates)


def run(problem, start, settings, **options):
    """Train with ``settings.solver``; return the solution and the histories.

    ``start`` is theta (K, P), or a checkpoint. ``options`` are those of Progress.
    """
    if not isinstance(start, Checkpoint):
        start = fresh(start, settings)
    networks = range(len(start.histories))
    progress = Progress(
        start.best_theta,
        settings.each("tol", networks),
        settings.each("n_iter_no_change", networks),
        histories=start.histories,
        **options,
    )
    rng = np.random.RandomState(3)
    if start.random is not None:
        # A generator, or the state of one in a paused checkpoint.
        paused = isinstance(start.random, tuple)
        rng.set_state(start.random if paused else start.random.get_state())
    minimise = SOLVERS[settings.solver].minimise
    return minimise(problem, settings, progress, start, rng), progress.histories


def of_networks(settings, networks):
    """Return the settings of some of the networks that these settings are for."""

    def part(value):
        if not isinstance(value, list):
            return value
        values = [value[k] for k in networks]
        return values if len(values) > 1 else values[0]

    numbers = {one.name: part(getattr(settings, one.name)) for one in fields(Settings)}
    dropout = tuple(part(rate) for rate in settings.dropout)
    return replace(settings, **numbers | {"dropout": dropout})
