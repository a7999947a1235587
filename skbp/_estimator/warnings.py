"""Warnings, which point to the user's line and say what to do."""

from __future__ import annotations

import warnings
from inspect import currentframe
from os import sep
from pathlib import Path
from typing import Any

import joblib
import sklearn
from sklearn.exceptions import ConvergenceWarning

from skbp.engine.progress import History, Status
from skbp.engine.solvers import SOLVERS

#: The folder of this package.
OURS = f"{Path(__file__).parents[1]}{sep}"
#: Folders of code that calls this package for the user.
BETWEEN = (
    f"{Path(sklearn.__file__).parent}{sep}",
    f"{Path(joblib.__file__).parent}{sep}",
)
#: The standard library, which starts threads and processes.
STANDARD = (f"{Path(warnings.__file__).parent}{sep}", "<frozen")

#: The module that warnings name as their origin. They show the user's line, but are
#: filtered like the warnings of scikit-learn's networks: programs silence these with
#: ``filterwarnings("ignore", category=ConvergenceWarning, module="sklearn")``, the
#: idiom of scikit-learn's gallery. This applies to all warnings, since a filter without
#: a category is meant for every warning of the network.
ORIGIN = "sklearn.neural_network"


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called this package, or that called scikit-learn."""
    caller = currentframe()
    while caller is not None and caller.f_code.co_filename.startswith(OURS):
        caller = caller.f_back
    frame = caller
    while frame is not None and is_between(frame.f_code.co_filename):
        frame = frame.f_back
    # In a process of its own a task has no line of the user's.
    frame = frame or caller
    assert frame is not None
    # The registry of the user's module remembers which lines have been shown.
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    warnings.warn_explicit(
        message,
        category,
        filename=frame.f_code.co_filename,
        lineno=frame.f_lineno,
        module=ORIGIN,
        registry=registry,
    )


def is_between(filename: str) -> bool:
    """Return whether code in a file calls this package for the user."""
    standard = filename.startswith(STANDARD) and "site-packages" not in filename
    return standard or filename.startswith((OURS, *BETWEEN))


def warn_of_end(estimator: Any, history: History) -> None:
    """Warn if the training of ``fit`` did not end as it should."""
    solver, n_iter = SOLVERS[estimator.solver], history.n_iter
    if history.status is Status.MAX_ITER and solver.steps:
        warn_user(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached "
            "and the optimization hasn't converged yet.",
            ConvergenceWarning,
        )
    elif history.status in (Status.MAX_ITER, Status.FAILED) and not solver.steps:
        code = "" if history.code is None else f" (status={history.code})"
        message = f"{code}:\n{history.message}" if history.message else code
        limit = f" or max_fun (it is {estimator.max_fun})" * solver.counts_evaluations
        warn_user(
            f"{estimator.solver} failed to converge after {n_iter} iteration(s)"
            f"{message}. Increase max_iter (it is {estimator.max_iter}){limit}"
            ", or scale the data, with StandardScaler for example.",
            ConvergenceWarning,
        )
    else:
        warn_of_failure(estimator, history)


def warn_of_partial_fit(estimator: Any, history: History) -> None:
    """Warn if a call of ``partial_fit`` did not go as it should."""
    if history.rates and not history.rates[-1]:
        warn_user(
            f"learning_rate={estimator.learning_rate!r} has come to its end after "
            f"max_iter={estimator.max_iter} epochs: the learning rate is 0. Raise "
            "max_iter to the number of calls, or change learning_rate."
        )
    warn_of_failure(estimator, history)


def warn_of_failure(estimator: Any, history: History) -> None:
    """Warn if training diverged or was interrupted."""
    if history.status is Status.INTERRUPTED:
        warn_user("Training interrupted by user.")
    if history.status is not Status.DIVERGED:
        return
    steps = SOLVERS[estimator.solver].steps
    remedy = (
        f"Lower learning_rate_init (it is {estimator.learning_rate_init})"
        if steps
        else "Raise alpha"
    )
    warn_user(
        f"Training diverged: in {'epoch' if steps else 'iteration'} "
        f"{history.n_iter} the loss or the weights were no longer finite. The best "
        f"weights before that are kept. {remedy}, or scale X (and y, in "
        "regression), with StandardScaler for example.",
        ConvergenceWarning,
    )
