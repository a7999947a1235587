"""The callbacks of skbp.callbacks: they stop, log, draw and report."""

import json
import pickle
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from joblib import Parallel, delayed
from matplotlib import pyplot as plt
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor
from skbp.callbacks import (
    EarlyStopping,
    EpochLog,
    LivePlot,
    MLflowMetrics,
    OptunaPruning,
)
from tests.helpers import CALLBACKS, TRAIN, VAL, X_D, Y_D, X, Y, fitted

pytestmark = CALLBACKS
VALIDATION = {"X_val": X[VAL], "y_val": Y[VAL]}


def fit(model, *callbacks, **options):
    return fitted(model.set_callbacks(*callbacks), X[TRAIN], Y[TRAIN], **options)


def small(**options):
    return BPClassifier((8,), **{"max_iter": 60, "random_state": 0} | options)


# Early stopping


@pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm"])
def test_stops_when_a_scorer_does_not_rise(solver):
    scores = []

    def macro(estimator, X, y):
        scores.append(f1_score(y, estimator.predict(X), average="macro"))
        return scores[-1]

    stop = EarlyStopping(macro, X=X[VAL], y=Y[VAL], patience=3)
    model = fit(small(solver=solver, tol=1e-9), stop)
    assert len(scores) == model.n_iter_
    assert stop.best_value_ == max(scores)
    assert stop.best_epoch_ == 1 + int(np.argmax(scores))
    if model.status_ == "stopped":
        assert model.n_iter_ == stop.best_epoch_ + 4
    # The weights of the best epoch are kept.
    assert macro(model, X[VAL], Y[VAL]) == stop.best_value_


def test_stops_by_what_is_recorded():
    # Losses fall, scores rise.
    for metric, curve, best in (
        ("validation_loss", "validation_loss_curve_", min),
        ("validation_score", "validation_scores_", max),
        ("loss", "loss_curve_", min),
    ):
        stop = EarlyStopping(metric, patience=5)
        options = {"learning_rate_init": 0.05, "n_iter_no_change": np.inf}
        model = fit(small(**options), stop, **VALIDATION)
        values = getattr(model, curve)
        assert stop.best_value_ == best(values)
        assert values[stop.best_epoch_ - 1] == stop.best_value_
        ended = {True: "stopped", False: "max_iter"}[model.n_iter_ < 60]
        assert model.status_ == ended


def test_takes_the_held_out_samples_and_their_weights():
    stop = EarlyStopping("accuracy", patience=2)
    model = fit(small(early_stopping=True, max_iter=20), stop)
    assert stop.best_value_ == pytest.approx(max(model.validation_scores_))
    weighted = EarlyStopping("accuracy", patience=20)
    weights = np.where(Y[VAL] == 0, 1.0, 0.0)
    model = fit(small(max_iter=5), weighted, **VALIDATION, sample_weight_val=weights)
    assert weighted.best_value_ == pytest.approx(max(model.validation_scores_))


def test_min_delta_and_weights_that_stay():
    stop = EarlyStopping("loss", min_delta=1e9, patience=4, restore_best=False)
    model = fit(small(), stop)
    assert (stop.best_epoch_, model.n_iter_) == (1, 6)
    restored = fit(small(), EarlyStopping("loss", min_delta=1e9, patience=4))
    assert not np.array_equal(restored.coefs_[0], model.coefs_[0])
    # They predict as fast as others, and pickle.
    assert pickle.loads(pickle.dumps(restored)).score(X, Y) == restored.score(X, Y)


def test_of_several_networks_the_leading_one_is_kept():
    stop = EarlyStopping("accuracy", X=X[VAL], y=Y[VAL], patience=3)
    model = fit(small(n_init=3), stop)
    assert model.score(X[VAL], Y[VAL]) == stop.best_value_


@pytest.mark.parametrize(
    ("model", "stop", "message"),
    [
        (small(), lambda: EarlyStopping(), "metric='validation_loss' is not known"),
        (small(), lambda: EarlyStopping("accuracy"), "needs samples to be computed on"),
        (
            small(solver="lbfgs"),
            lambda: EarlyStopping("learning_rate"),
            "is not known with this solver",
        ),
        (
            small(n_init=2, ensemble=2),
            lambda: EarlyStopping("loss"),
            "needs a single network; this BPClassifier has ensemble=2",
        ),
        (
            small(solver="lm", alpha="evidence"),
            lambda: EarlyStopping("loss"),
            "restore_best=True cannot restore what alpha='evidence'",
        ),
        (small(), lambda: EarlyStopping(patience=-1), "patience must not be negative"),
        (small(), lambda: EarlyStopping(X=X), "got X without y"),
        (small(), lambda: OptunaPruning(None, y=Y), "got y without X"),
    ],
)
def test_what_is_refused(model, stop, message):
    with pytest.raises(ValueError, match=message):
        fit(model, stop())


# Logs


@pytest.mark.parametrize("name", ["epochs.csv", "epochs.jsonl"])
def test_a_log_has_a_line_for_each_epoch(name, tmp_path):
    log = EpochLog(tmp_path / name, scoring=["f1_macro"])
    first = fit(small(max_iter=4), log, **VALIDATION)
    second = fit(small(max_iter=3, solver="lbfgs"), log, **VALIDATION)
    if name.endswith("csv"):
        table = pd.read_csv(log.path)
    else:
        lines = log.path.read_text().splitlines()
        table = pd.DataFrame([json.loads(line) for line in lines])
    assert table["epoch"].tolist() == [1, 2, 3, 4, 1, 2, 3]
    assert table["fit"].nunique() == 2
    assert set(table["estimator"]) == {"BPClassifier"}
    np.testing.assert_allclose(table["loss"], first.loss_curve_ + second.loss_curve_)
    scores = first.validation_scores_ + second.validation_scores_
    np.testing.assert_allclose(table["validation_score"], scores)
    assert table["learning_rate"].isna().tolist() == 4 * [False] + 3 * [True]
    last = f1_score(Y[VAL], second.predict(X[VAL]), average="macro")
    assert table["f1_macro"].iloc[-1] == pytest.approx(last)
    assert (np.diff(table["seconds"][:4]) >= 0.0).all()


def test_lines_with_other_columns_are_not_added_to_a_table(tmp_path):
    path = tmp_path / "epochs.csv"
    fit(small(max_iter=2), EpochLog(path), **VALIDATION)
    before = path.read_text()
    model = small(max_iter=2)
    with pytest.raises(ValueError, match=r"(?s)epochs\.csv'.*Give another path"):
        fit(model, EpochLog(path, scoring="f1_macro"), **VALIDATION)
    assert path.read_text() == before
    path = path.with_suffix(".jsonl")
    for scoring in (None, "f1_macro"):
        fit(small(max_iter=2), EpochLog(path, scoring=scoring), **VALIDATION)
    assert len(path.read_text().splitlines()) == 4


def test_json_has_no_nan(tmp_path):
    log = EpochLog(tmp_path / "epochs.jsonl")
    with np.errstate(all="ignore"):
        fit(small(solver="sgd", learning_rate_init=1e30), log)
    for line in log.path.read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)


def test_one_log_of_a_search_and_of_threads(tmp_path):
    log = EpochLog(tmp_path / "epochs.csv")
    search = GridSearchCV(
        make_pipeline(StandardScaler(), small(max_iter=3).set_callbacks(log)),
        {"bpclassifier__alpha": [0.1, 1.0]},
        cv=2,
    )
    fitted(search)
    table = pd.read_csv(log.path)
    assert table["fit"].nunique() == 5
    assert len(table) == 15
    stop = EarlyStopping("loss", patience=2, min_delta=1e9)
    base = small().set_callbacks(stop)
    jobs = (delayed(fitted)(clone(base), X, Y) for _ in range(4))
    models = Parallel(2, backend="threading")(jobs)
    assert {model.n_iter_ for model in models} == {4}
    assert pickle.loads(pickle.dumps(stop)).patience == 2


def test_a_failed_fit_is_forgotten(tmp_path):
    log = EpochLog(tmp_path / "epochs.csv")
    with pytest.raises(ValueError, match="NaN"):
        fitted(small().set_callbacks(log), X * np.nan, Y)
    assert log._fits == {}


# Pictures


@pytest.fixture
def closed_figures():
    plt.switch_backend("Agg")
    plt.close("all")  # those of other tests
    yield
    plt.close("all")


def test_the_last_picture_has_all_epochs(closed_figures):
    live = LivePlot(seconds=1e9)
    model = fit(small(max_iter=5), live, **VALIDATION)
    display = live.display_
    assert display.lines_[0].get_ydata().tolist() == model.loss_curve_
    assert len(plt.get_fignums()) == 1
    _, ax = plt.subplots()
    live = LivePlot("score", seconds=0.0, ax=ax)
    model = fit(small(max_iter=5), live, **VALIDATION)
    assert live.display_.ax_ is ax
    assert len(ax.lines) == 2  # the score, and the mark of the best epoch


def test_notebooks_show_one_picture_that_changes(closed_figures, monkeypatch):
    updates = []
    handle = SimpleNamespace(update=updates.append)
    display = SimpleNamespace(display=lambda figure, display_id: handle)
    ipython = SimpleNamespace(
        get_ipython=lambda: "a notebook", display=display, version_info=(9, 0)
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    fit(small(max_iter=4), LivePlot(seconds=0.0))
    # Each epoch, and the end.
    assert len(updates) == 5
    assert len({id(figure) for figure in updates}) == 1
    assert plt.get_fignums() == []
    ipython.get_ipython = lambda: None
    fit(small(max_iter=2), LivePlot())
    assert len(updates) == 5


# Other libraries


class Trial:
    def __init__(self, prune_after):
        self.reports, self.prune_after = [], prune_after

    def report(self, value, step):
        self.reports.append((step, value))

    def should_prune(self):
        return len(self.reports) >= self.prune_after


def test_a_trial_is_reported_to_and_pruned(monkeypatch):
    class TrialPruned(Exception):
        pass

    monkeypatch.setitem(sys.modules, "optuna", SimpleNamespace(TrialPruned=TrialPruned))
    trial = Trial(prune_after=100)
    model = fit(small(max_iter=4), OptunaPruning(trial), **VALIDATION)
    assert trial.reports == list(enumerate(model.validation_loss_curve_, 1))
    trial = Trial(prune_after=3)
    with pytest.raises(TrialPruned, match=r"epoch 3: r2 = "):
        fitted(
            BPRegressor(max_iter=9).set_callbacks(
                OptunaPruning(trial, "r2", X=X_D, y=Y_D)
            ),
            X_D,
            Y_D,
        )
    assert len(trial.reports) == 3


def test_optuna_prunes():
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial):
        rate = trial.suggest_categorical("rate", [0.03, 1e-6])
        model = small(learning_rate_init=rate, max_iter=10)
        fit(model, OptunaPruning(trial), **VALIDATION)
        return model.validation_loss_curve_[-1]

    sampler = optuna.samplers.GridSampler({"rate": [0.03, 1e-6]}, seed=0)
    pruner = optuna.pruners.ThresholdPruner(upper=0.8, n_warmup_steps=8)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    study.optimize(objective, n_trials=2)
    states = {trial.params["rate"]: trial.state.name for trial in study.trials}
    assert states == {0.03: "COMPLETE", 1e-6: "PRUNED"}


def test_metrics_of_mlflow(monkeypatch):
    logged = []

    def log_metrics(metrics, step, run_id):
        logged.append((step, metrics, run_id))

    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(log_metrics=log_metrics))
    report = MLflowMetrics("abc", scoring="f1_macro")
    model = fit(small(max_iter=3), report, **VALIDATION)
    assert [step for step, _, _ in logged] == [1, 2, 3]
    assert [metrics["loss"] for _, metrics, _ in logged] == model.loss_curve_
    assert set(logged[0][1]) == {
        "loss",
        "validation_loss",
        "validation_score",
        "learning_rate",
        "f1_macro",
    }
    assert {run for _, _, run in logged} == {"abc"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"patience": "a"}, TypeError, "patience must be an int; got 'a'"),
        ({"min_delta": "a"}, TypeError, "min_delta must be a number; got 'a'"),
        ({"min_delta": -1.0}, ValueError, "min_delta must not be negative; got -1.0"),
    ],
)
def test_options_of_early_stopping_are_checked(options, error, message):
    with pytest.raises(error, match=message):
        EarlyStopping(**options)
