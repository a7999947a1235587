"""An interrupt by the user leaves a usable network, with curves of its epochs."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier
from skbp._targets import ClassTargets
from skbp.engine.solvers.stochastic import Cohort
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
    epoch, calls = Cohort.epoch, []

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return epoch(self, *args)

    monkeypatch.setattr(Cohort, "epoch", interrupted)
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
