"""An interrupt by the user leaves a usable network, with curves of its epochs.

A search or an ensemble, which consists of many fits, stops and raises instead.
"""

import os
import signal

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import (
    BPClassifier,
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPRegressor,
    config_context,
)
from skbp._targets import ClassTargets
from skbp.engine.progress import Progress
from skbp.engine.solvers.stochastic import Training
from tests.helpers import BOTH, X, Y


@pytest.fixture(name="X")
def few_samples():
    return np.random.RandomState(0).standard_normal((60, 3))


@pytest.fixture(name="y")
def two_classes(X):
    return (X[:, 0] > 0).astype(int)


@BOTH
@pytest.mark.parametrize("warm_start", [False, True])
def test_an_interrupt_leaves_a_usable_model(estimator, warm_start, X, y, monkeypatch):
    interrupt_epoch(monkeypatch, 3)
    model = estimator(random_state=0, warm_start=warm_start)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 2
    monkeypatch.undo()
    with pytest.warns(ConvergenceWarning):
        expected = estimator(random_state=0, max_iter=2).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("where", ["score", "print"])
def test_an_interrupt_while_an_epoch_is_recorded(solver, where, X, y, monkeypatch):
    calls = []

    def interrupt(*args):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return 1.0

    model = BPClassifier(
        solver=solver,
        early_stopping=where == "score",
        verbose=where == "print",
        random_state=0,
    )
    if where == "score":
        monkeypatch.setattr(ClassTargets, "score", interrupt)
    else:
        monkeypatch.setattr("builtins.print", interrupt)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.predict(X).shape == y.shape


@config_context(compiled=False)
def test_curves_after_an_interrupt(monkeypatch):
    calls = []

    def interrupted(self, rate, J):
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr("skbp.engine.solvers.optimizers.Adam.step", interrupted)
    model = BPClassifier(batch_size=50, early_stopping=True, random_state=0)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    lengths = {
        len(curve)
        for curve in (
            model.loss_curve_,
            model.learning_rate_curve_,
            model.validation_scores_,
            model.validation_loss_curve_,
        )
    }
    assert lengths == {model.n_iter_} == {2}
    calls[:] = [1] * 7
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, Y)
    assert model.learning_rate_curve_ is model.best_validation_score_ is None


def interrupt_epoch(monkeypatch, number):
    """Interrupt the epoch with this number; return a list that grows with each epoch.

    A Training trains all networks that are in lock-step.
    """
    epoch, calls = Training.epoch, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == number:
            raise KeyboardInterrupt
        return epoch(self, *args)

    monkeypatch.setattr(Training, "epoch", interrupted)
    # Compiled loops may take several epochs at once.
    monkeypatch.setattr(Progress, "unseen", lambda *args: 1)
    return calls


def grid_search(search, **options):
    return lambda model, X, y: search(
        model, {"alpha": [0.1, 0.2, 0.3]}, cv=3, **options
    ).fit(X, y)


MANY_FITS = {
    "BPGridSearchCV": grid_search(BPGridSearchCV),
    "BPHalvingGridSearchCV": grid_search(
        BPHalvingGridSearchCV, resource="max_iter", max_resources=9, min_resources=3
    ),
    "GridSearchCV": grid_search(GridSearchCV),
    "in lock-step in a pipeline": lambda model, X, y: BPGridSearchCV(
        make_pipeline(StandardScaler(), model), {"bpclassifier__alpha": [0.1, 0.2]}
    ).fit(X, y),
    "cross_val_score": lambda model, X, y: cross_val_score(model, X, y),
    "learning_curve": lambda model, X, y: learning_curve(
        model, X, y, exploit_incremental_learning=True
    ),
    "BaggingClassifier": lambda model, X, y: BaggingClassifier(model).fit(X, y),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("number", [1, 8])
@pytest.mark.parametrize("name", MANY_FITS)
def test_an_interrupt_stops_many_fits(name, number, X, y, monkeypatch):
    calls = interrupt_epoch(monkeypatch, number)
    with pytest.raises(KeyboardInterrupt):
        MANY_FITS[name](BPClassifier((2,), max_iter=3, random_state=0), X, y)
    assert len(calls) == number


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("search", [BPGridSearchCV, GridSearchCV])
def test_an_interrupt_of_the_last_fit_of_a_search(search, X, y, monkeypatch):
    model = BPClassifier((2,), max_iter=3, random_state=0)
    searched = search(model, {"alpha": [0.1, 0.2]}, cv=2)
    epochs = interrupt_epoch(monkeypatch, 0)
    searched.fit(X, y)
    interrupt_epoch(monkeypatch, len(epochs))
    with pytest.raises(KeyboardInterrupt):
        searched.fit(X, y)


@pytest.fixture
def heeded():
    """Ctrl-C has its usual effect: a shell's background jobs ignore the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
@pytest.mark.parametrize("search", [BPGridSearchCV, GridSearchCV])
def test_a_signal_stops_a_search(search, solver, X, y, monkeypatch):
    epoch, calls = Progress.epoch, []

    def interrupted(self, *args, **options):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return epoch(self, *args, **options)

    monkeypatch.setattr(Progress, "epoch", interrupted)
    monkeypatch.setattr(Progress, "unseen", lambda *args: 1)
    model = BPClassifier((9,), solver=solver, max_iter=5, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        grid_search(search)(model, X, y)
    assert len(calls) == 3


@pytest.mark.parametrize("wrapped", ["pipeline", "transformed target"])
def test_an_interrupt_of_a_single_fit_in_another_estimator(wrapped, X, y, monkeypatch):
    interrupt_epoch(monkeypatch, 3)
    model = BPRegressor((2,), random_state=0)
    if wrapped == "pipeline":
        model = make_pipeline(StandardScaler(), model)
    else:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.predict(X).shape == y.shape


def test_an_interrupt_among_epochs_that_nobody_looks_at(X, y, monkeypatch):
    """Compiled loops take several at once; an interrupt undoes those."""
    cohort = pytest.importorskip("skbp.engine.compiled.cohort")
    call, calls = cohort.CompiledCohort.call, []

    def interrupted(self, *args):
        call(self, *args)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(cohort.CompiledCohort, "call", interrupted)
    options = {"random_state": 0, "tol": 0.0, "batch_size": 20}
    with config_context(compiled=True), pytest.warns(UserWarning, match="interrupted"):
        model = BPClassifier((3,), **options).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) > 1
    with config_context(compiled=False), pytest.warns(ConvergenceWarning):
        expected = BPClassifier((3,), max_iter=model.n_iter_, **options).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-9)


def test_an_interrupt_after_the_best_network_was_ready(X, y):
    calls = []

    def score(model, X, y):
        calls.append(1)
        if len(calls) == 14:
            raise KeyboardInterrupt
        # After three calls for the initial weights, the first network has its best
        # score at once, and is ready after seven iterations.
        return 1.0 / len(calls)

    options = {"n_init": 3, "early_stopping": True, "n_iter_no_change": 5}
    model = BPClassifier((2,), solver="lbfgs", scoring=score, **options)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert model.best_validation_score_ == 1 / 4
    calls.clear()
    with pytest.raises(KeyboardInterrupt):
        cross_val_score(model, X, y)
