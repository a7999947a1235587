"""Interrupts by the user (Ctrl-C), during a fit alone and during one of many."""

from __future__ import annotations

from inspect import currentframe
from os import sep
from pathlib import Path

import joblib
import sklearn

from skbp.engine.fit import Result
from skbp.engine.progress import Status

#: Code that fits an estimator many times, or evaluates fits.
MANY = tuple(
    f"{path}{sep}"
    for path in (
        Path(__file__).parents[1] / "model_selection",
        Path(sklearn.__file__).parent,
        Path(joblib.__file__).parent,
    )
)
#: Code of scikit-learn that is between the user and a single fit.
SINGLE = tuple(
    f"{Path(sklearn.__file__).parent / name}"
    for name in ("base.py", "callback", "compose", "pipeline.py", "utils")
)


def raise_interrupt(result: Result) -> None:
    """Raise the interrupt that has ended a fit, if the fit is one of many.

    A fit that the user has called keeps what it has reached, and returns. In a search
    or an ensemble, it would count as a result, and the next fit would begin.
    """
    if result.history.status is Status.INTERRUPTED and is_one_of_many():
        raise KeyboardInterrupt


def is_one_of_many() -> bool:
    """Return whether the call comes from code that fits estimators many times."""
    frame = currentframe()
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(MANY) and not name.startswith(SINGLE):
            return True
        frame = frame.f_back
    return False
