"""Warnings, which point to the user's line and say what to do."""

from __future__ import annotations

import warnings
from inspect import currentframe
from os import sep
from pathlib import Path

import joblib
import sklearn

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
