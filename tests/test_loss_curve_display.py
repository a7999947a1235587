"""LossCurveDisplay: what is drawn is what the networks recorded."""

import warnings

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPGridSearchCV, BPRegressor
from skbp.plotting import LossCurveDisplay

X, y = load_iris(return_X_y=True)
FEW = {"max_iter": 5, "random_state": 0}


@pytest.fixture(autouse=True)
def closed_figures():
    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
    plt.close("all")


def trained(**parameters):
    return BPClassifier((4,), **FEW | parameters).fit(X, y)


def drawn(display):
    return [line.get_ydata().tolist() for line in display.lines_]


def legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


#: A score that is highest twice, and what belongs to it.
CURVES = {
    "loss": [2.0, 1.5, 1.0, 0.5],
    "validation_loss": [2.2, 1.6, 1.2, 1.3],
    "validation_score": [0.5, 0.8, 0.7, 0.8],
    "learning_rate": [0.1, 0.1, 0.01, 0.01],
}


def test_training_loss_alone():
    network = trained()
    display = LossCurveDisplay.from_estimator(network)
    assert drawn(display) == [network.loss_curve_]
    assert display.lines_[0].get_xdata().tolist() == [1, 2, 3, 4, 5]
    ax = display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Loss")
    assert display.figure_ is ax.figure
    assert display.kind_ == "loss"
    assert display.legend_ is None
    assert display.best_ == []
    assert display.best_epochs_ == {"": None}


def test_training_and_validation_and_the_best_epoch():
    network = trained(early_stopping=True)
    display = LossCurveDisplay.from_estimator(network)
    assert drawn(display) == [network.loss_curve_, network.validation_loss_curve_]
    styles = [line.get_linestyle() for line in display.lines_]
    assert styles == ["--", "-"]
    best = 1 + int(np.argmax(network.validation_scores_))
    assert display.best_epochs_ == {"": best}
    assert legend(display) == ["training", "validation", f"best epoch: {best}"]
    (star,) = display.best_
    assert star.get_xdata().tolist() == [best]
    assert star.get_ydata().tolist() == [network.validation_loss_curve_[best - 1]]


@pytest.mark.parametrize(
    ("kind", "curves", "label", "height"),
    [
        ("loss", ["loss", "validation_loss"], "Loss", 1.6),
        ("score", ["validation_score"], "Validation score", 0.8),
        ("learning_rate", ["learning_rate"], "Learning rate", 0.1),
    ],
)
def test_kinds(kind, curves, label, height):
    display = LossCurveDisplay({"": CURVES}).plot(kind=kind)
    assert drawn(display) == [CURVES[name] for name in curves]
    assert display.ax_.get_ylabel() == label
    # The first of equal scores is the one that early stopping keeps.
    assert display.best_[0].get_xydata().tolist() == [[2.0, height]]


def test_draws_again_on_given_axes():
    plt.close("all")
    _, axes = plt.subplots(2)
    display = LossCurveDisplay({"": CURVES}).plot(ax=axes[0])
    assert display.plot(kind="score", ax=axes[1], linewidth=3.0) is display
    assert display.ax_ is axes[1]
    assert [line.get_linewidth() for line in display.lines_] == [3.0]
    assert len(axes[0].lines) == 3
    assert len(plt.get_fignums()) == 1


def test_several_networks_have_colours_and_share_kinds_of_lines():
    few = {"loss": [3.0, 2.0]}
    display = LossCurveDisplay({"a": CURVES, "b": few, "c": CURVES}).plot()
    names = ["a", "b", "c", "training", "validation", "best epoch"]
    assert sorted(legend(display)) == sorted(names)
    colours = [line.get_color() for line in display.lines_]
    assert colours[0] == colours[1]
    assert len({colours[0], colours[2], colours[3]}) == 3
    # A training loss is dashed, also where there is no validation loss.
    styles = [line.get_linestyle() for line in display.lines_]
    assert styles == ["--", "-", "--", "--", "-"]
    assert display.best_epochs_ == {"a": 2, "b": None, "c": 2}
    assert len(display.best_) == 2
    display.plot(kind="score")
    assert legend(display) == ["a", "c", "best epoch"]


def test_many_networks_have_different_colours():
    display = LossCurveDisplay({str(i): CURVES for i in range(12)}).plot(kind="score")
    assert len({str(line.get_color()) for line in display.lines_}) == 12


def test_scale_and_label_suit_the_curves():
    wide = LossCurveDisplay({"": {"loss": np.geomspace(10.0, 0.1, 9)}}).plot()
    assert wide.ax_.get_yscale() == "log"
    assert wide.ax_.get_xlabel() == "Iteration"
    negative = LossCurveDisplay({"": {"loss": [1.0, -1.0]}}).plot()
    assert negative.ax_.get_yscale() == "linear"


def test_solvers_without_a_learning_rate_have_iterations():
    network = trained(solver="lbfgs")
    display = LossCurveDisplay.from_estimator(network)
    assert display.ax_.get_xlabel() == "Iteration"
    with pytest.raises(ValueError, match="have no learning rate"):
        display.plot(kind="learning_rate")


def test_diverged_training_is_drawn_as_far_as_it_is_finite():
    curves = {"loss": [1.0, np.inf], "validation_score": [np.nan, np.nan]}
    display = LossCurveDisplay({"": curves}).plot()
    assert display.best_epochs_ == {"": None}
    assert np.isfinite(display.ax_.get_ylim()).all()
    partly = LossCurveDisplay({"": {**CURVES, "validation_score": [np.nan, 0.1]}})
    assert partly.plot().best_epochs_ == {"": 2}


# Where networks are


def same(display, *networks):
    assert drawn(display) == [network.loss_curve_ for network in networks]


def test_in_pipelines_behind_targets_and_in_searches():
    network = BPRegressor((3,), **FEW)
    behind = TransformedTargetRegressor(network, transformer=StandardScaler())
    model = make_pipeline(StandardScaler(), behind).fit(X, y)
    same(LossCurveDisplay.from_estimator(model), model[-1].regressor_)
    grid = {"bpclassifier__alpha": [0.1, 1.0]}
    for search in BPGridSearchCV, GridSearchCV:
        model = make_pipeline(StandardScaler(), BPClassifier((3,), **FEW))
        found = search(model, grid, cv=2).fit(X, y)
        display = LossCurveDisplay.from_estimator(found)
        same(display, found.best_estimator_[-1])


def test_ensembles_show_all_their_networks():
    bag = BaggingClassifier(BPClassifier((3,), **FEW), n_estimators=3).fit(X, y)
    display = LossCurveDisplay.from_estimator(bag)
    same(display, *bag.estimators_)
    assert legend(display) == ["network 1", "network 2", "network 3"]
    both = MultiOutputRegressor(BPRegressor((3,), **FEW)).fit(X[:, 2:], X[:, :2])
    display = LossCurveDisplay.from_estimator({"both": both, "one": trained()})
    assert list(display.curves) == ["both, network 1", "both, network 2", "one"]


def test_lists_of_estimators():
    model = make_pipeline(StandardScaler(), BPClassifier((3,), **FEW))
    fitted = cross_validate(model, X, y, cv=3, return_estimator=True)["estimator"]
    display = LossCurveDisplay.from_estimator(fitted)
    same(display, *(model[-1] for model in fitted))
    assert legend(display) == ["network 1", "network 2", "network 3"]


def test_networks_of_scikit_learn():
    network = MLPClassifier((3,), early_stopping=True, **FEW).fit(X, y)
    display = LossCurveDisplay.from_estimator(network)
    same(display, network)
    display.plot(kind="score")
    assert drawn(display) == [list(network.validation_scores_)]


# Errors


@pytest.mark.parametrize(
    "estimator",
    [
        BPClassifier(),
        make_pipeline(StandardScaler(), BPClassifier()),
        BPGridSearchCV(BPClassifier(), {"alpha": [1.0]}),
        DummyClassifier().fit(X, y),
        [BPClassifier()],
    ],
)
def test_what_has_no_curves(estimator):
    before = plt.get_fignums()
    with pytest.raises(NotFittedError, match=r"this \w+ has no loss_curve_. Call fit"):
        LossCurveDisplay.from_estimator(estimator)
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("score", "early_stopping=True, or pass X_val and y_val"),
        ("accuracy", r"kind must be one of \['loss', 'score', .*; got 'accuracy'"),
    ],
)
def test_what_cannot_be_drawn(kind, message):
    network = trained()
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        LossCurveDisplay.from_estimator(network, kind=kind)
    assert plt.get_fignums() == before


def test_no_networks():
    with pytest.raises(ValueError, match="at least one network"):
        LossCurveDisplay.from_estimator({})
