"""Laws that hold for all estimators and all data, tried on random ones."""

import copy
import re
import signal
import warnings
from contextlib import contextmanager

import numpy as np
import pytest
import scipy.sparse
from sklearn.exceptions import (
    ConvergenceWarning,
    FitFailedWarning,
    UndefinedMetricWarning,
)

import skbp
from tests.fuzz import case, trained

#: How many cases the ordinary run tries, and the run with ``-m fuzz``; ``case`` has as
#: many as there are seeds.
CASES, MANY, AT_ONCE = 800, 20_000, 40
#: The seconds of the processor's time that a case may take, compilation included.
SECONDS = 60.0

#: Names that an error may give instead of the name of an argument.
NAMES = {
    "X",
    "y",
    "sample_weight",
    "classes",
    "samples",
    "Sample weights",
    "validation score",
    "members",
}
#: The same for data that have been spoilt on purpose.
WRONG = {
    "X": {"X"},
    "y": {"y", "classes"},
    "sample_weight": {"sample_weight", "Sample weights"},
}
#: Warnings that tell the user something.
SPEAKING = (
    ConvergenceWarning,
    # Of scikit-learn's metrics, in a search or on a validation set of few samples.
    UndefinedMetricWarning,
    FitFailedWarning,
)
SENTENCES = (
    "batch_size=",
    "The learning rate is 0, because the schedule",
    "A column-vector y was passed",
    "The least populated class in y",
    "One or more of the test scores are non-finite",
    "One or more of the train scores are non-finite",
    "Scoring failed",
)


class TooLong(BaseException):
    """A case has taken too long."""


@contextmanager
def an_end():
    """Raise an error if the body takes too much of the processor's time."""
    if not hasattr(signal, "SIGPROF"):
        yield
        return

    def end(*_):
        raise TooLong

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def predictions(model, X):
    """Return all numbers that an estimator says about X."""
    found = [model.predict(X)]
    others = ("predict_proba", "decision_function")
    found += [getattr(model, name)(X) for name in others if hasattr(model, name)]
    found = [one.toarray() if scipy.sparse.issparse(one) else one for one in found]
    return [one for one in found if one.dtype.kind not in "UO"]


def check_error(one, error, seed):
    """Check that an error names an argument, the one that is wrong if it is known."""
    message = str(error)
    if isinstance(error, AttributeError):
        # Only with some solvers there is such a method.
        assert one.how == "partial_fit", (seed, error)
        message = str(error.__cause__ or error)
    if one.how == "search" and message.startswith("Input contains infinity"):
        # Of scikit-learn's metrics: exp of the raw outputs for data that are new.
        return
    names = {name.rpartition("__")[2] for name in one.estimator.get_params()}
    names |= WRONG.get(one.spoilt, NAMES)
    found = [name for name in names if re.search(rf"\b{re.escape(name)}\b", message)]
    assert found, (seed, type(error), message)


def check_warnings(one, caught, seed):
    """Check that no warning of NumPy or SciPy has leaked."""
    for each in caught:
        told = issubclass(each.category, SPEAKING)
        # R² of huge numbers, computed by scikit-learn.
        others = "sklearn" in each.filename or "numpy" in each.filename
        told = told or (one.how == "search" and others)
        told = told or str(each.message).lstrip().startswith(SENTENCES)
        assert told, (seed, each.category, each.message, each.filename)


def is_same(one, other):
    """Return whether two arguments are equal, nan included."""
    if scipy.sparse.issparse(one):
        arrays = "data", "indices", "indptr"
        return all(is_same(getattr(one, a), getattr(other, a)) for a in arrays)
    if isinstance(one, np.ndarray) and one.dtype.kind != "O":
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return repr(one) == repr(other)


def check_finite(one, caught, seed):
    """Check that a model predicts finite numbers for its X, or training diverged."""
    diverged = any("diverged" in str(each.message) for each in caught)
    model = one.estimator
    if one.how == "search":
        scores = model.cv_results_["mean_test_score"]
        assert np.isfinite(scores).all() or caught, (seed, scores)
        model = model.best_estimator_
    if not diverged:
        numbers = predictions(model, one.X)
        assert all(np.isfinite(each).all() for each in numbers), (seed, model)
    network = model[-1] if hasattr(model, "steps") else model
    weights = network.coefs_ + network.intercepts_
    assert all(np.isfinite(each).all() for each in weights), seed


def error_of(one):
    """Train the estimator of a case; return the error, or None."""
    try:
        trained(one)
    except (AttributeError, TypeError, ValueError) as error:
        return error
    return None


def check(seed):
    """Check all laws for a case."""
    one = case(seed)
    data = one.X, one.y, one.sample_weight
    before, parameters = copy.deepcopy(data), one.estimator.get_params()
    with (
        warnings.catch_warnings(record=True) as caught,
        skbp.config_context(compiled=one.compiled),
        an_end(),
    ):
        warnings.simplefilter("always")
        error = error_of(one)
        if error is None:
            check_finite(one, caught, seed)
    check_warnings(one, caught, seed)
    assert all(map(is_same, before, data)), seed
    now = one.estimator.get_params()
    assert all(now[name] is value for name, value in parameters.items()), seed
    if error is not None:
        check_error(one, error, seed)


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_laws(first):
    for seed in range(first, first + AT_ONCE):
        check(seed)


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(CASES, MANY, AT_ONCE))
def test_laws_at_length(first):
    for seed in range(first, first + AT_ONCE):
        check(seed)
