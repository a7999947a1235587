"""Callbacks: a task for each epoch, scikit-learn's own, and none at all."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate

from skbp import BPClassifier
from skbp.engine.model import Model
from tests.helpers import BOTH, CALLBACKS, SKLEARN, X, Y, fitted


@CALLBACKS
@BOTH
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop"])
def test_one_task_an_epoch_and_true_stops(estimator, solver):
    class Recorder:
        def __init__(self, stop_after):
            self.events, self.scores, self.stop = [], [], stop_after

        def setup(self, estimator, context):
            self.events.append("setup")

        def on_fit_task_begin(self, estimator, context):
            self.events.append(f"begin {context.task_name}")

        def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator=None):
            self.events.append(f"end {context.task_name}")
            if fitted_estimator is not None:
                self.scores.append(fitted_estimator.score(X, y))
            return len(self.scores) == self.stop

        def teardown(self, estimator, context):
            self.events.append("teardown")

    recorder = Recorder(stop_after=4)
    model = estimator(solver=solver, max_iter=9, random_state=0)
    fitted(model.set_callbacks(recorder))
    epoch = ["begin epoch", "end epoch"]
    expected = ["setup", "begin fit", *(4 * epoch), "end fit", "teardown"]
    assert recorder.events == expected
    assert model.n_iter_ == 4
    assert model.score(X, Y) == pytest.approx(recorder.scores[-1])
    failing = Recorder(stop_after=-1)
    with pytest.raises(ValueError, match="NaN"):
        model.set_callbacks(failing).fit(X * np.nan, Y)
    assert failing.events[-1] == "teardown"
    assert model.n_iter_ == 4


@CALLBACKS
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_monitor_in_a_grid_search():
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = BPClassifier((5,), max_iter=3, random_state=0).set_callbacks(monitor)
    fitted(model)
    assert len(monitor.get_logs().data) >= 3
    search = GridSearchCV(clone(model), {"alpha": [0.1, 1.0]}, cv=2)
    fitted(search)
    assert cross_validate(clone(model).set_callbacks(), X, Y, cv=2)["test_score"].size


@CALLBACKS
def test_scikit_learns_progress_bar(capsys):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar

    fitted(BPClassifier(max_iter=3, random_state=0).set_callbacks(ProgressBar()))
    output = capsys.readouterr().out
    assert "BPClassifier - fit" in output
    assert "100%" in output


@CALLBACKS
@BOTH
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_a_callback_gets_weights_of_its_own(estimator, solver):
    class Keeper:
        def __init__(self):
            self.kept = []

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            if context.task_name == "epoch":
                self.kept.append((fitted_estimator, fitted_estimator.predict(X)))
                if self.spoils:
                    fitted_estimator.coefs_[0][...] = 0.0

        def teardown(self, estimator, context):
            pass

    weights = []
    for spoils in (False, True):
        keeper = Keeper()
        keeper.spoils = spoils
        model = estimator((3,), solver=solver, max_iter=4, random_state=0)
        fitted(model.set_callbacks(keeper))
        weights.append(model.coefs_[0])
        if not spoils:
            for kept, predicted in keeper.kept:
                np.testing.assert_array_equal(kept.predict(X), predicted)
            first = [kept.coefs_[0] for kept, _ in keeper.kept]
            assert all((a != b).any() for a, b in pairwise(first))
    np.testing.assert_array_equal(*weights)


@CALLBACKS
def test_weights_are_copied_only_if_a_callback_looks(monkeypatch):
    class Watcher:
        def __init__(self):
            self.epochs = 0

        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            self.epochs += context.task_name == "epoch"

        def on_fit_task_end(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

    made = []
    of = Model.of

    def counted(*args):
        made.append(1)
        return of(*args)

    monkeypatch.setattr(Model, "of", counted)
    watcher = Watcher()
    fitted(BPClassifier((3,), max_iter=4).set_callbacks(watcher))
    assert watcher.epochs == 4
    # The one that predicts after the fit.
    assert len(made) == 1


def test_it_costs_nothing_without_callbacks():
    model = fitted(BPClassifier(max_iter=2))
    assert not any("callback" in name for name in vars(model))


@pytest.mark.skipif(SKLEARN >= (1, 9), reason="this scikit-learn has callbacks")
@BOTH
def test_older_scikit_learns_have_none_and_the_message_says_so(estimator):
    model = estimator()
    assert model.set_callbacks() is model
    with pytest.raises(ImportError, match=r"Callbacks need scikit-learn 1\.9"):
        model.set_callbacks(object())
