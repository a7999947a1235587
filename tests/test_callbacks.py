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


# What a hook sees.


class Witness:
    """A callback that keeps what it is handed at the end of each epoch."""

    def __init__(self):
        self.seen, self.most = [], None

    def setup(self, estimator, context):
        self.most = context.max_subtasks

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(
        self, estimator, context, *, X, y, metadata=None, fitted_estimator=None
    ):
        if context.task_name == "epoch":
            networks = metadata["networks"]
            self.seen.append((fitted_estimator, metadata, networks))

    def teardown(self, estimator, context):
        pass


CURVES = {
    "loss_curve_": "loss_",
    "learning_rate_curve_": None,
    "validation_scores_": None,
    "validation_loss_curve_": None,
}


@CALLBACKS
@BOTH
@pytest.mark.parametrize("solver", ["adam", "sgd", "rprop", "lbfgs", "lm"])
def test_a_hook_sees_curves_and_counts(estimator, solver):
    witness = Witness()
    model = estimator((3,), solver=solver, max_iter=5, random_state=0)
    options = {"X_val": X[::3], "y_val": Y[::3]}
    fitted(model.set_callbacks(witness), X, Y, **options)
    assert len(witness.seen) == model.n_iter_
    for n, (one, _, _) in enumerate(witness.seen, 1):
        assert one.n_iter_ == n
        assert one.status_ == "running"
        for name, last in CURVES.items():
            curve = getattr(model, name)
            assert getattr(one, name) == (curve and curve[:n]), name
            if last:
                assert getattr(one, last) == curve[n - 1]
    last = witness.seen[-1][0]
    assert last.best_validation_score_ == model.best_validation_score_
    np.testing.assert_array_equal(last.predict(X), model.predict(X))


@CALLBACKS
def test_a_warm_start_continues_the_curves_that_a_hook_sees():
    witness = Witness()
    model = BPClassifier((3,), max_iter=3, warm_start=True, random_state=0)
    fitted(model)
    fitted(model.set_callbacks(witness))
    assert [len(one.loss_curve_) for one, _, _ in witness.seen] == [4, 5, 6]
    assert model.loss_curve_ == witness.seen[-1][0].loss_curve_
    assert len(model.loss_curve_) == 6


@CALLBACKS
@pytest.mark.parametrize("solver", ["adam", "rprop", "lbfgs", "lm"])
def test_all_networks_of_n_init_and_the_number_of_tasks(solver):
    witness = Witness()
    options = {"solver": solver, "max_iter": 4, "n_init": 3, "random_state": 0}
    model = BPClassifier((3,), tol=0.0, **options)
    fitted(model.set_callbacks(witness))
    together = solver in ("adam", "rprop")
    assert witness.most == (4 if together else 12)
    assert len(witness.seen) <= witness.most
    best, _, networks = witness.seen[-1]
    assert len(networks) == 3
    losses = [one.loss_ for one in networks]
    if together:
        assert len(witness.seen) == 4
        assert best.loss_ == min(losses)
    weights = [one.coefs_[0] for one in networks]
    assert not np.array_equal(weights[0], weights[1])
    assert all(len(one.loss_curve_) == one.n_iter_ for one in networks)


@CALLBACKS
def test_metadata_have_the_validation_set_and_scorers_do_not_get_it():
    from sklearn.callback import ScoringMonitor

    witness, monitor = Witness(), ScoringMonitor(scoring="accuracy")
    model = BPClassifier((3,), max_iter=3, random_state=0)
    weights = np.ones(len(X))
    options = {"sample_weight": weights, "X_val": X[::3], "y_val": Y[::3]}
    fitted(model.set_callbacks(witness, monitor), X, Y, **options)
    _, metadata, _ = witness.seen[-1]
    assert metadata["X_val"] is options["X_val"]
    assert metadata.get("y_val") is options["y_val"]
    assert metadata.get("sample_weight_val") is None
    assert dict(metadata) == {"sample_weight": weights}
    assert "y_val" in metadata
    assert "sample_weight_val" not in metadata
    assert len(monitor.get_logs().data) >= 3


@CALLBACKS
def test_metadata_have_the_samples_that_early_stopping_holds_out():
    witness = Witness()
    model = BPClassifier((3,), early_stopping=True, max_iter=3, random_state=0)
    weights = np.arange(1.0, 1.0 + len(X))
    fitted(model.set_callbacks(witness), X, Y, sample_weight=weights)
    for one, metadata, _ in witness.seen:
        X_val, y_val = metadata["X_val"], metadata["y_val"]
        assert len(X_val) == 15
        score = one.score(X_val, y_val, metadata["sample_weight_val"])
        assert score == pytest.approx(one.validation_scores_[-1])
    alone = Witness()
    fitted(BPClassifier((3,), max_iter=2).set_callbacks(alone))
    assert "X_val" not in alone.seen[0][1]
    with pytest.raises(KeyError):
        alone.seen[0][1]["X_val"]


@CALLBACKS
def test_partial_fit_says_that_it_calls_none():
    witness = Witness()
    model = BPClassifier((3,)).set_callbacks(witness)
    with pytest.warns(UserWarning, match="partial_fit calls no callbacks"):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert witness.seen == []


def test_the_rate_of_an_epoch_is_known_when_it_ends():
    """It was recorded after the hook, so that a hook saw one rate too few."""
    from skbp.engine.progress import Progress

    progress = Progress(np.zeros((1, 2)), [0.0], [10])
    seen = []
    progress.hook = lambda one, active, theta: seen.append(one.histories[0].rates[:])
    theta = np.ones((1, 2))
    progress.epoch([0], theta, np.ones(1), theta, {0: 0.1})
    assert seen == [[0.1]]
