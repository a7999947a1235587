"""Displays: what is drawn is what the search found."""

import ast
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
from matplotlib import colors
from matplotlib import pyplot as plt
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    ParameterGrid,
    RandomizedSearchCV,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, plotting
from skbp.plotting import SweepDisplay
from skbp.plotting.draw import COLOURS

ALPHAS = [1e-4, 1e-3, 1e-2]
RATES = [0.1, 0.2]


@pytest.fixture(autouse=True)
def closed_figures():
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def results(params, score, metric="score", train=False):
    """Return results like a search's, with given mean scores and deviations of 0.1."""
    params = list(params)
    mean = np.array([score(**p) for p in params], float)
    made = {"params": params}
    for part, shift in [("test", 0.0), ("train", 1.0)][: 1 + train]:
        made[f"mean_{part}_{metric}"] = mean + shift
        made[f"std_{part}_{metric}"] = np.full(len(mean), 0.1)
    return made


def grid(**values):
    return ParameterGrid(values)


def draw(made, **kw):
    return SweepDisplay.from_cv_results(made, **kw)


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def peak(alpha, rate=0.1, **_):
    """Return a score that is highest at 1e-3 and 0.2."""
    return 0.9 - 0.1 * (np.log10(alpha) + 3.0) ** 2 + 0.5 * (rate - 0.1)


TWO = results(grid(alpha=ALPHAS, rate=RATES), peak)


# Two parameters on a grid


def test_heatmap_shows_each_score_in_its_cell():
    display = draw(TWO)
    assert display.kind_ == "heatmap"
    assert display.params_ == ("alpha", "rate")
    expected = [[peak(a, r) for a in ALPHAS] for r in RATES]
    np.testing.assert_allclose(display.heatmap_.get_array(), expected)
    ax = display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("alpha", "rate")
    assert ticks(ax.xaxis) == ["$10^{-4}$", "$10^{-3}$", "$10^{-2}$"]
    assert ticks(ax.yaxis) == ["0.1", "0.2"]
    assert ax.get_ylim()[0] < ax.get_ylim()[1]
    assert display.colorbar_.ax.get_ylabel() == "Score"
    assert [[t.get_text() for t in row] for row in display.text_] == [
        [f"{score:.3f}" for score in row] for row in expected
    ]
    assert display.text_[1, 2].get_position() == (2, 1)
    assert display.lines_ is None
    assert display.scatter_ is None


def test_best_cell_has_a_frame():
    display = draw(TWO)
    assert display.best_.get_xy() == (0.5, 0.5)
    assert display.best_ in display.ax_.patches
    assert TWO["params"][display.best_index_] == {"alpha": 1e-3, "rate": 0.2}
    assert legend(display) == ["best: 0.95"]


def test_params_choose_the_axes():
    display = draw(TWO, params=("rate", "alpha"))
    assert display.params_ == ("rate", "alpha")
    assert display.ax_.get_xlabel() == "rate"
    assert display.heatmap_.get_array().shape == (3, 2)


def test_numbers_are_written_in_ink_that_can_be_read():
    display = draw(TWO)
    luminance = [
        colors.rgb_to_hsv(display.heatmap_.to_rgba(score)[:3])[2]
        for score in display.heatmap_.get_array().ravel()
    ]
    inks = [text.get_color() for text in display.text_.ravel()]
    assert inks[np.argmax(luminance)] == "black"
    assert inks[np.argmin(luminance)] == "white"


def test_missing_combinations_and_failed_fits_are_blank():
    made = results(list(grid(alpha=ALPHAS, rate=RATES))[1:], peak)
    made["mean_test_score"][-1] = np.nan
    display = draw(made)
    mask = np.ma.getmaskarray(display.heatmap_.get_array())
    assert mask.tolist() == [[True, False, False], [False, False, True]]
    assert display.text_[0, 0] is None
    assert display.text_[1, 2] is None


def test_all_digits_that_tell_scores_apart_and_no_more():
    made = results(grid(a=[1, 2], b=[1, 2]), lambda a, b: 1234.567 * a - b)
    assert draw(made).text_[0, 0].get_text() == "1234"
    made["mean_test_score"][0] = -1e30
    display = draw(made)
    assert display.text_[0, 0].get_text() == "-1e+30"


def test_a_network_that_diverged_does_not_take_all_colours():
    made = results(grid(alpha=ALPHAS, rate=[0.1, 0.2, 0.3]), peak)
    made["mean_test_score"][0] = -1e6
    display = draw(made)
    assert display.heatmap_.get_clim()[0] > 0.0
    assert display.colorbar_.extend == "min"


def test_long_names_on_the_horizontal_axis_are_slanted():
    sizes = [(100, 100, 100), (50,), (50, 50, 50), None]
    params = grid(hidden_layer_sizes=sizes, alpha=ALPHAS)
    made = results(params, lambda hidden_layer_sizes, alpha: alpha)
    ax = draw(made, params=("hidden_layer_sizes", "alpha")).ax_
    assert ticks(ax.xaxis) == [str(s) for s in sizes]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {40.0}
    assert ax.get_xlim() == (-0.5, 3.5)


def test_numbers_among_categories_come_first():
    params = grid(alpha=["evidence", 1.0, 0.1, np.inf, True], rate=RATES)
    made = results(params, lambda alpha, rate: rate)
    ax = draw(made, params=("rate", "alpha")).ax_
    assert ticks(ax.yaxis) == ["0.1", "1", "inf", "evidence", "True"]


def test_a_parameter_that_some_candidates_lack_is_a_category():
    params = [{"C": 1, "gamma": 0.1}, {"C": 1}, {"C": 10, "gamma": 0.2}, {"C": 10}]
    display = draw(results(params, lambda C, gamma=9.0: C + gamma))
    assert display.params_ == ("C", "gamma")
    assert ticks(display.ax_.yaxis) == ["0.1", "0.2", "–"]
    assert display.best_.get_xy() == (0.5, 1.5)


def test_large_heatmap_has_no_numbers_and_fewer_ticks():
    made = results(grid(a=range(30), b=range(2)), lambda a, b: a + b)
    display = draw(made, params=("a", "b"))
    assert display.text_ is None
    assert ticks(display.ax_.xaxis) == [str(a) for a in range(0, 30, 3)]


def test_equal_scores():
    made = results(grid(alpha=ALPHAS, rate=RATES), lambda alpha, rate: 0.5)
    assert draw(made).best_index_ == 0
    assert draw(made, kind="scatter").best_index_ == 0


# Values that were drawn


def drawn(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return [
        {"alpha": 10 ** rng.uniform(-5, 0), "rate": rng.uniform(0.1, 0.9)}
        for _ in range(n)
    ]


def test_scatter_of_drawn_values():
    made = results(drawn(), peak)
    display = draw(made)
    assert display.kind_ == "scatter"
    order = np.argsort(made["mean_test_score"])
    expected = [[made["params"][i][name] for name in ("alpha", "rate")] for i in order]
    np.testing.assert_array_equal(display.scatter_.get_offsets(), expected)
    np.testing.assert_array_equal(
        display.scatter_.get_array(), made["mean_test_score"][order]
    )
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_yscale() == "linear"
    assert np.array(display.best_.get_data()).ravel().tolist() == expected[-1]
    assert display.best_index_ == order[-1]
    assert display.colorbar_.ax.get_ylabel() == "Score"


def test_scatter_of_a_number_and_a_category():
    params = [p | {"init": "ab"[i % 2]} for i, p in enumerate(drawn())]
    display = draw(results(params, peak), params=("alpha", "init"))
    assert display.kind_ == "scatter"
    assert ticks(display.ax_.yaxis) == ["a", "b"]
    assert set(display.scatter_.get_offsets()[:, 1]) == {0.0, 1.0}


def test_one_of_several_drawn_numbers_is_shown_as_points():
    display = draw(results(drawn(), peak), params="alpha")
    assert display.kind_ == "points"
    assert display.ax_.get_xscale() == "log"
    assert display.lines_[0].get_linestyle() == "None"


def test_drawn_from_lists_is_a_heatmap_with_gaps():
    rng = np.random.default_rng(0)
    all_of_them = list(grid(alpha=[1e-4, 1e-3, 1e-2, 0.1, 1.0], rate=range(5)))
    some = [all_of_them[i] for i in rng.permutation(25)[:12]]
    display = draw(results(some, peak))
    assert display.kind_ == "heatmap"
    assert display.heatmap_.get_array().count() == 12


# One parameter


def test_line_with_bands():
    made = results(grid(alpha=ALPHAS), peak, train=True)
    display = draw(made)
    assert display.kind_ == "line"
    test, train = display.lines_
    np.testing.assert_array_equal(test.get_xdata(), ALPHAS)
    np.testing.assert_allclose(test.get_ydata(), made["mean_test_score"])
    np.testing.assert_allclose(train.get_ydata(), made["mean_train_score"])
    assert (test.get_color(), train.get_color()) == COLOURS[:2]
    band = display.fill_between_[0].get_paths()[0].vertices
    np.testing.assert_allclose(band[:, 1].max(), made["mean_test_score"].max() + 0.1)
    ax = display.ax_
    assert ax.get_xscale() == "log"
    assert ticks(ax.xaxis) == ["$10^{-4}$", "$10^{-3}$", "$10^{-2}$"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("alpha", "Score")
    assert np.array(display.best_.get_data()).ravel().tolist() == [1e-3, 0.9]
    assert legend(display) == ["test", "train", "best: alpha = $10^{-3}$"]
    assert display.errorbar_ is None


def test_results_without_deviations():
    made = results(grid(alpha=ALPHAS), peak)
    del made["std_test_score"]
    assert len(draw(made).lines_) == 1
    assert len(draw(made, kind="points").lines_) == 1


def test_best_over_the_others():
    params = grid(alpha=ALPHAS, rate=RATES)
    display = draw(results(params, peak), params="alpha")
    assert display.kind_ == "line"
    np.testing.assert_allclose(
        display.lines_[0].get_ydata(), [peak(a, 0.2) for a in ALPHAS]
    )
    assert display.ax_.get_ylabel() == "Score\n(best over the other parameters)"


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([16, 32, 64, 128, 256], "log"),
        ([10, 20, 50, 100, 200], "log"),
        ([1, 2, 3, 4, 5], "linear"),
        (range(10, 101, 10), "linear"),
        ([0.0, 1e-3, 1e-2, 1e-1], "symlog"),
        ([-1.0, 1.0, 1000.0], "linear"),
        ([0.0, 1.0], "linear"),
    ],
)
def test_scale_of_numbers(values, scale):
    display = draw(results(grid(a=values), lambda a: a))
    assert display.ax_.get_xscale() == scale


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([16, 32, 1024], ["16", "32", "1024"]),
        ([1e-5, 3e-4, 1.0], ["$10^{-5}$", r"$3 \times 10^{-4}$", "$10^{0}$"]),
        ([0.0, 1e-4], ["0", "$10^{-4}$"]),
        ([(50,), "x" * 50], ["(50,)", "x" * 23 + "…"]),
        ([StandardScaler(), None], ["StandardScaler()", "None"]),
    ],
)
def test_names_of_values(values, names):
    made = results(grid(a=values, b=[1, 2]), lambda a, b: b)
    assert ticks(draw(made, params=("a", "b")).ax_.xaxis) == names


@pytest.mark.parametrize(
    ("kind", "artist", "style"),
    [
        ("heatmap", "heatmap_", {"alpha": 0.5, "vmin": -3.0}),
        ("scatter", "scatter_", {"alpha": 0.5, "vmin": -3.0}),
        ("line", "lines_", {"alpha": 0.5, "linewidth": 5.0}),
        ("points", "lines_", {"alpha": 0.5, "marker": "v"}),
        ("loss_curves", "lines_", {"alpha": 0.5, "linestyle": ":"}),
    ],
)
def test_style_of_the_user(kind, artist, style):
    display = draw(TWO, kind=kind, loss_curves=loss_curves(TWO), **style)
    drawn = getattr(display, artist)
    first = drawn[0] if artist == "lines_" else drawn
    if "vmin" in style:
        assert first.get_clim()[0] == style.pop("vmin")
    for name, value in style.items():
        assert getattr(first, f"get_{name}")() == value


def test_points_of_a_category():
    made = results(grid(solver=["sgd", "adam"]), lambda solver: len(solver), train=True)
    display = draw(made)
    assert display.kind_ == "points"
    test, train = display.lines_
    np.testing.assert_allclose(test.get_ydata(), [3.0, 4.0])
    np.testing.assert_allclose(train.get_xdata() - test.get_xdata(), 0.14)
    assert len(display.errorbar_) == 2
    assert ticks(display.ax_.xaxis) == ["sgd", "adam"]
    assert legend(display) == ["best: solver = adam", "test", "train"]
    np.testing.assert_allclose(display.best_.get_data(), [[0.93], [4.0]])


# More than two parameters, names, metrics


def many(**kw):
    params = grid(net__alpha=ALPHAS, net__rate=RATES, net__tol=[1, 2], init=["a", "b"])

    def score(net__alpha, net__rate, net__tol, init):
        return peak(net__alpha, net__rate) + 1e-3 * net__tol + 0.5 * (init == "b")

    return results(params, score, **kw)


def test_the_two_parameters_with_the_largest_effect_are_shown():
    display = draw(many())
    assert display.params_ == ("net__alpha", "init")
    np.testing.assert_allclose(
        display.heatmap_.get_array(),
        [[peak(a, 0.2) + 2e-3 + (i == "b") / 2 for a in ALPHAS] for i in "ab"],
    )
    assert draw(many(), kind="points").params_ == ("init",)


def test_effect_of_drawn_numbers():
    params = [p | {"other": i * 7 % 30} for i, p in enumerate(drawn())]
    display = draw(results(params, peak))
    assert set(display.params_) == {"alpha", "rate"}


def test_prefixes_of_a_pipeline_may_be_left_out():
    display = draw(many(), params=("rate", "net__tol"))
    assert display.params_ == ("net__rate", "net__tol")
    assert display.ax_.get_xlabel() == "rate"
    made = results(
        grid(a__alpha=[1, 2], b__alpha=[1, 2]), lambda a__alpha, b__alpha: a__alpha
    )
    assert draw(made).ax_.get_xlabel() == "a__alpha"


@pytest.mark.parametrize(
    ("metric", "label", "sign"),
    [
        ("roc_auc", "Roc auc", 1),
        ("neg_mean_squared_error", "Mean squared error", -1),
    ],
)
def test_sign_and_name_of_the_score(metric, label, sign):
    display = draw(results(grid(alpha=ALPHAS, rate=RATES), peak, metric=metric))
    assert display.colorbar_.ax.get_ylabel() == label
    assert sign * display.heatmap_.get_array().max() > 0.0
    # Bright is good.
    assert display.heatmap_.get_cmap().name == {1: "viridis", -1: "viridis_r"}[sign]
    assert display.best_.get_xy() == (0.5, 0.5)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("heatmap", ("alpha", "init")),
        ("heatmap", ("init", "rate")),
        ("scatter", ("alpha", "rate")),
        ("line", "alpha"),
        ("points", "init"),
        ("loss_curves", "rate"),
        ("loss_curves", "init"),
    ],
)
def test_names_of_ticks_do_not_overlap_and_lie_in_the_figure(kind, params):
    made = many(train=True)
    figure = draw(made, kind=kind, params=params, loss_curves=loss_curves(made)).figure_
    figure.canvas.draw()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            # Locators put ticks beyond the limits, too; those are not drawn.
            low, high = sorted(axis.get_view_interval())
            boxes = [
                label.get_window_extent()
                for place, label in zip(
                    axis.get_ticklocs(), axis.get_ticklabels(), strict=True
                )
                if low <= place <= high and label.get_text()
            ]
            for box, after in pairwise(boxes):
                assert not box.overlaps(after)
            for box in boxes:
                assert figure.bbox.x0 <= box.x0 <= box.x1 <= figure.bbox.x1
                assert figure.bbox.y0 <= box.y0 <= box.y1 <= figure.bbox.y1


def test_given_axes():
    _, (left, right) = plt.subplots(1, 2)
    display = draw(TWO, ax=right)
    assert display.ax_ is right
    assert display.figure_ is right.figure
    assert not left.has_data()


def test_draw_once_more():
    display = draw(TWO)
    first = display.ax_
    assert display.plot(params="alpha") is display
    assert display.ax_ is not first
    assert display.heatmap_ is None
    assert display.kind_ == "line"


def test_dataframe():
    frame = pandas.DataFrame(TWO)
    np.testing.assert_array_equal(
        draw(frame).heatmap_.get_array(), draw(TWO).heatmap_.get_array()
    )
    some = draw(frame[frame["mean_test_score"] < 0.92])
    assert some.heatmap_.get_array().count() == 5


# Real searches


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_grid_search_over_networks(iris):
    network = make_pipeline(
        StandardScaler(), BPClassifier((4,), solver="lbfgs", max_iter=20, tol=0.1)
    )
    network.set_params(bpclassifier__random_state=0)
    search = GridSearchCV(
        network,
        {"bpclassifier__alpha": ALPHAS, "bpclassifier__activation": ["relu", "tanh"]},
        cv=2,
        scoring="accuracy",
    )
    search.fit(*iris)
    display = SweepDisplay.from_estimator(search)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == (
        "alpha",
        "activation",
    )
    assert display.colorbar_.ax.get_ylabel() == "Accuracy"
    assert display.best_index_ == search.best_index_
    by_name = SweepDisplay.from_estimator(search, metric="accuracy")
    assert by_name.best_index_ == search.best_index_


def test_randomised_and_multimetric_search(iris):
    from scipy.stats import loguniform

    search = RandomizedSearchCV(
        LogisticRegression(max_iter=2000),
        {"C": loguniform(1e-3, 1e3), "tol": loguniform(1e-6, 1e-3)},
        n_iter=6,
        cv=2,
        scoring=["neg_log_loss", "accuracy"],
        refit="neg_log_loss",
        random_state=0,
    ).fit(*iris)
    display = SweepDisplay.from_estimator(search)
    assert display.kind_ == "scatter"
    assert display.colorbar_.ax.get_ylabel() == "Log loss"
    assert display.best_index_ == search.best_index_
    accuracy = SweepDisplay.from_estimator(search, metric="accuracy")
    assert accuracy.best_index_ == search.cv_results_["rank_test_accuracy"].argmin()
    search.refit = False
    with pytest.raises(ValueError, match=r"\['neg_log_loss', 'accuracy'\]; got None"):
        SweepDisplay.from_estimator(search)


def test_best_is_what_the_search_chose(iris):
    simplest = GridSearchCV(
        Ridge(), {"alpha": [1.0, 10.0, 100.0]}, refit=lambda _: 2, cv=2
    ).fit(*iris)
    assert SweepDisplay.from_estimator(simplest).best_.get_xdata() == [100.0]


def test_halving_search_shows_the_last_score_of_a_candidate(iris):
    search = HalvingGridSearchCV(
        Ridge(), {"alpha": [0.01, 0.1, 1.0, 10.0]}, random_state=0, cv=2, factor=2
    ).fit(*iris)
    made = search.cv_results_
    assert len(made["params"]) > 4
    display = SweepDisplay.from_estimator(search)
    last = {p["alpha"]: i for i, p in enumerate(made["params"])}
    np.testing.assert_array_equal(
        display.lines_[0].get_ydata(),
        [made["mean_test_score"][last[a]] for a in (0.01, 0.1, 1.0, 10.0)],
    )
    assert display.best_index_ == search.best_index_
    assert draw(made).best_index_ == search.best_index_


# Loss curves


def loss_curves(made, n_splits=2):
    """Return curves whose mean over the splits is c + 1, c + 2 … for candidate c."""
    return [
        [(c + np.arange(1.0, 6.0 + s) + s - 0.5).tolist() for s in range(n_splits)]
        for c in range(len(made["params"]))
    ]


def test_loss_curves_are_means_over_the_splits():
    made = results(grid(alpha=ALPHAS), peak)
    search = SimpleNamespace(cv_results_=made, loss_curves_=loss_curves(made))
    display = SweepDisplay.from_estimator(search, kind="loss_curves")
    assert display.params_ == ("alpha",)
    assert len(display.lines_) == 3
    best = display.lines_[-1]
    np.testing.assert_array_equal(best.get_xdata(), [1, 2, 3, 4, 5])
    np.testing.assert_allclose(best.get_ydata(), 1.0 + np.arange(1, 6))
    ax = display.ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Epoch", "Training loss")
    assert display.best_ is best
    assert best.get_linewidth() > display.lines_[0].get_linewidth()
    assert legend(display) == ["best: alpha = $10^{-3}$"]


@pytest.mark.parametrize("params", ["rate", "init"])
def test_loss_curves_have_the_colours_of_their_values(params):
    made = results(grid(rate=RATES, init=["a", "b"]), lambda rate, init: rate)
    display = draw(
        made, kind="loss_curves", params=params, loss_curves=loss_curves(made)
    )
    bar, values = display.colorbar_, {"rate": RATES, "init": ["a", "b"]}[params]
    assert bar.ax.get_ylabel() == params
    assert ticks(bar.ax.yaxis) == [str(value) for value in values]
    shades = bar.cmap(bar.norm([0, 1]))
    # For each value, the best candidate.
    line, best = display.lines_
    c = round(line.get_ydata()[0]) - 1
    place = values.index(made["params"][c][params])
    np.testing.assert_allclose(line.get_color(), shades[place])
    assert (best.get_color(), made["params"][c]["rate"]) == (
        "black",
        {"rate": 0.1, "init": 0.2}[params],
    )
    assert "best over the other parameters" in display.ax_.get_ylabel()


def test_candidates_and_splits_without_curves():
    made = results(grid(alpha=ALPHAS), peak)
    curves = [None, [None, None], [[3.0, 1e-3, np.nan], None]]
    display = draw(made, kind="loss_curves", loss_curves=curves)
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_ydata(), [3.0, 1e-3, np.nan])
    assert display.ax_.get_yscale() == "log"
    # The best candidate is the second.
    assert display.best_ is None


# Errors


def test_matplotlib_is_imported_when_it_is_needed(monkeypatch):
    names = {
        alias.name if isinstance(node, ast.Import) else node.module
        for path in Path(plotting.__file__).parent.glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert not {name for name in names if name.startswith("matplotlib")}
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="from_cv_results requires matplotlib"):
        SweepDisplay.from_cv_results(TWO)


@pytest.mark.parametrize(
    ("kw", "message"),
    [
        ({"params": "beta"}, r"\['alpha', 'rate'\]; got 'beta'"),
        ({"params": ("alpha", "alpha")}, "params must be one or two"),
        ({"params": ()}, "params must be one or two"),
        ({"params": "alpha", "kind": "heatmap"}, r"shows 2 .* got \['alpha'\]"),
        ({"params": ("alpha", "rate"), "kind": "line"}, "shows 1 .* got"),
        ({"metric": "f1"}, r"metric must be one of \['score'\]; got 'f1'"),
        ({"kind": "pie"}, "kind must be one of .*'heatmap'.* got 'pie'"),
        ({"kind": "loss_curves"}, "each of the 6 candidates. BPGridSearchCV"),
        ({"kind": "loss_curves", "loss_curves": [None]}, "each of the 6"),
    ],
)
def test_errors_say_what_would_work(kw, message):
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        SweepDisplay.from_cv_results(TWO, **kw)
    assert plt.get_fignums() == before


@pytest.mark.parametrize(
    ("made", "kind", "message"),
    [
        ([1, 2], "auto", "cv_results must be like .* got a list"),
        ({"params": []}, "auto", r"'mean_test_<metric>'; got a dict with \['params'\]"),
        (results(grid(alpha=[1.0]), peak), "auto", "Nothing varies: all 1"),
        (results(grid(a=[1, 2]), lambda a: np.nan), "auto", "score is finite"),
        (results(grid(a=["b", "c"]), lambda a: 1.0), "line", r"needs numbers; \['a'\]"),
        (results(grid(a=[1, 2]), lambda a: 1.0), "scatter", r"shows 2 .* got \['a'\]"),
    ],
)
def test_errors_in_the_results(made, kind, message):
    with pytest.raises(ValueError, match=message):
        SweepDisplay.from_cv_results(made, kind=kind)


@pytest.mark.parametrize("search", [GridSearchCV(Ridge(), {"alpha": [1, 2]}), TWO])
def test_what_is_no_fitted_search(search):
    with pytest.raises(NotFittedError, match=r"no cv_results_.* \w+\.from_cv_results"):
        SweepDisplay.from_estimator(search)
