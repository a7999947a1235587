"""How the tests of the engine run a solver."""

from dataclasses import fields, replace

import numpy as np

from skbp.engine.checkpoint import Checkpoint
from skbp.engine.progress import Progress
from skbp.engine.settings import Settings
from skbp.engine.solvers import SOLVERS


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
        rng.set_state(start.random)
    minimise = SOLVERS[settings.solver].minimise
    return minimise(problem, settings, progress, start, rng), progress.histories


def of_networks(settings, networks):
    """Return the settings of some of the networks that these settings are for."""

    def part(value):
        return [value[k] for k in networks] if isinstance(value, list) else value

    numbers = {one.name: part(getattr(settings, one.name)) for one in fields(Settings)}
    dropout = tuple(part(rate) for rate in settings.dropout)
    return replace(settings, **numbers | {"dropout": dropout})
