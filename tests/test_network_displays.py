"""NetworkDisplay and WeightsDisplay: what is drawn is what the network holds."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from matplotlib import pyplot as plt
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from skbp import BPClassifier, BPRegressor, NetworkDisplay, WeightsDisplay
from skbp.plotting.draw import COLOURS

IRIS = load_iris(as_frame=True)
X, y = IRIS.data, IRIS.target_names[IRIS.target]
FEW = {"max_iter": 5, "random_state": 0}
BOTH = pytest.mark.parametrize("display", [NetworkDisplay, WeightsDisplay])


@pytest.fixture(autouse=True)
def closed_figures():
    plt.switch_backend("Agg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield
    plt.close("all")


def trained(*args, **parameters):
    return BPClassifier(*(args or ((4,),)), **FEW | parameters).fit(X, y)


def words(display):
    return [text.get_text() for text in display.text_]


# The network


def test_a_line_is_a_weight_in_colour_and_width():
    W = [np.array([[1.0, -2.0], [0.0, 0.5]]), np.array([[3.0], [-1.0]])]
    b = [np.array([0.0, 9.0]), np.array([0.3])]
    display = NetworkDisplay(W, b).plot()
    first, second = display.lines_
    # Four weights (one is zero) and a bias, which is larger than all of them.
    assert len(first.get_segments()) == 4
    assert len(second.get_segments()) == 3
    widths = first.get_linewidths()
    assert np.argmax(widths) in (2, 3)
    assert widths[0] == min(widths)
    plus, minus = (plt.matplotlib.colors.to_rgb(c) for c in COLOURS)
    colours = [tuple(c[:3]) for c in first.get_colors()]
    # By size: .5, 1, then -2 and the bias.
    assert colours[:2] == [plus, plus]
    assert sorted(colours[2:]) == sorted([plus, minus])
    assert words(display) == ["x0", "x1", "y"]
    ends = {tuple(end) for line in first.get_segments() for end in line}
    units = {tuple(p) for c in display.units_[1:2] for p in c.get_offsets()}
    assert units <= ends


def test_names_of_features_classes_and_layers():
    model = make_pipeline(StandardScaler(), BPClassifier((4, 3), "tanh", **FEW))
    display = NetworkDisplay.from_estimator(model.fit(X, y))
    assert words(display) == [*X.columns, *IRIS.target_names]
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert labels == [
        "4 features",
        "4 units\ntanh",
        "3 units\ntanh",
        "3 outputs\nsoftmax",
    ]
    assert [len(units.get_offsets()) for units in display.units_] == [4, 4, 3, 3]
    display = NetworkDisplay.from_estimator(
        model, feature_names=np.array([*"abcd"]), output_names=list("xyz")
    )
    assert words(display) == [*"abcd", *"xyz"]


def test_names_of_a_network_without_names():
    numbers = BPRegressor((2,), **FEW).fit(X.to_numpy(), IRIS.target)
    assert words(NetworkDisplay.from_estimator(numbers)) == [
        "x0",
        "x1",
        "x2",
        "x3",
        "y",
    ]
    two = BPClassifier((2,), **FEW).fit(X, y == "setosa")
    assert words(NetworkDisplay.from_estimator(two))[-1] == "True"
    both = BPRegressor((2,), **FEW).fit(X, X.iloc[:, :2])
    assert words(NetworkDisplay.from_estimator(both))[-2:] == ["y0", "y1"]


def test_a_step_may_make_features():
    model = make_pipeline(PolynomialFeatures(2), BPClassifier((2,), **FEW)).fit(X, y)
    names = model[:-1].get_feature_names_out()
    display = NetworkDisplay.from_estimator(model)
    # Long names are shortened.
    assert [word[:20] for word in words(display)[:-3]] == [name[:20] for name in names]


@pytest.mark.parametrize("n", [1, 2, 10, 100])
def test_everything_has_room_from_one_unit_to_a_hundred(n):
    rng = np.random.RandomState(0)
    W = [rng.standard_normal(shape) for shape in ((n, n), (n, n), (n, 3))]
    names = [f"feature {i}" for i in range(n)]
    display = NetworkDisplay(W, [np.zeros(n), np.zeros(n), np.zeros(3)])
    display = NetworkDisplay(W, display.intercepts, feature_names=names).plot()
    assert words(display)[:-3] == names
    display.figure_.canvas.draw()
    renderer = display.figure_.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in display.text_[:n]]
    for one, other in pairwise(boxes):
        assert one.y0 > other.y0
        assert other.y1 - one.y0 < 0.35 * one.height
    assert all(text.get_fontsize() > 5.0 for text in display.text_)
    assert boxes[0].x0 >= 0


def test_large_layers_show_the_units_with_the_largest_weights():
    network = trained((30,))
    display = NetworkDisplay.from_estimator(network, max_units=7)
    W, V = network.coefs_
    size = np.linalg.norm(W, axis=0) * np.linalg.norm(V, axis=1)
    assert len(display.units_[1].get_offsets()) == 7
    texts = [text.get_text() for text in display.ax_.texts]
    assert "+ 23 more" in texts
    alone = NetworkDisplay.from_estimator(network, max_units=1)
    drawn = alone.lines_[0].get_segments()
    largest = np.argmax(size)
    shown = np.append(W[:, largest], network.intercepts_[0][largest])
    assert len(drawn) <= len(shown)


def test_on_axes_of_ones_own_names_without_room_are_left_out():
    _, ax = plt.subplots(figsize=(3.0, 1.5))
    many = np.ones((60, 2))
    display = NetworkDisplay([many, np.ones((2, 1))], [np.zeros(2), np.zeros(1)])
    assert display.plot(ax=ax, linestyle="--") is display
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert 1 < len(words(display)) < 30
    assert display.lines_[0].get_linestyle() != [(0.0, None)]


def test_zero_weights_and_no_hidden_layers():
    display = NetworkDisplay([np.zeros((2, 1))], [np.zeros(1)]).plot()
    assert display.lines_[0].get_segments() == []
    assert len(NetworkDisplay.from_estimator(trained(())).units_) == 2


# The weights


def test_matrix():
    model = make_pipeline(StandardScaler(), BPClassifier((4, 3), **FEW)).fit(X, y)
    display = WeightsDisplay.from_estimator(model)
    np.testing.assert_array_equal(display.image_.get_array(), model[-1].coefs_[0])
    low, high = display.image_.get_clim()
    assert -low == high == abs(model[-1].coefs_[0]).max()
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == list(X.columns)
    assert (display.kind_, display.layer_, display.legend_) == ("matrix", 1, None)
    display.plot(layer=3)
    np.testing.assert_array_equal(display.image_.get_array(), model[-1].coefs_[2])
    names = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert names == list(IRIS.target_names)
    assert display.ax_.get_ylabel() == "Unit of layer 2"


def test_images_are_the_columns_of_the_weights():
    W = np.arange(24.0).reshape(6, 4) - 10.0
    display = WeightsDisplay([W, np.ones((4, 1))])
    display.plot(kind="images", image_shape=(2, 3))
    mosaic = display.image_.get_array()
    found = [
        mosaic[i : i + 2, j : j + 3].ravel().tolist()
        for i in range(0, mosaic.shape[0], 3)
        for j in range(0, mosaic.shape[1], 4)
    ]
    for unit in range(4):
        assert W[:, unit].tolist() in found
    assert display.colorbar_.extend == "both"


def test_histograms_have_all_weights_of_each_layer():
    network = trained((4, 3))
    display = WeightsDisplay.from_estimator(network, X, kind="histogram")
    assert display.layer_ is None
    for W, stairs in zip(network.coefs_, display.histograms_, strict=True):
        values, edges, _ = stairs.get_data()
        assert values.sum() == pytest.approx(1.0)
        inner = (edges[1] < W) & (edges[-2] > W)
        assert values[1:-1].sum() == pytest.approx(inner.mean())
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert labels[2] == "layer 3 (3 outputs)"


@pytest.mark.parametrize(("activation", "bounded"), [("relu", False), ("tanh", True)])
def test_dead_and_saturated_units_are_marked(activation, bounded):
    model = make_pipeline(StandardScaler(), BPClassifier((6,), activation, **FEW))
    network = model.fit(X, y)[-1]
    network.coefs_[0][:, [1, 4]] = 0.0
    network.coefs_[0][:, 2] *= 1e4
    display = WeightsDisplay.from_estimator(model, X)
    states = ["", "dead", "saturated" if bounded else "", "", "dead", ""]
    assert [display.states[0][i] for i in (1, 2, 4)] == [states[i] for i in (1, 2, 4)]
    n = np.count_nonzero(display.states[0])
    assert len(display.marks_) == n
    labels = [text.get_text() for text in display.legend_.get_texts()]
    assert "dead: 2" in labels
    assert ("saturated: 1" in labels) == bounded
    corners = [mark.get_xy()[0] + 0.5 for mark in display.marks_]
    assert {1.0, 4.0} <= set(corners)
    display.plot(kind="images", image_shape=(1, 4))
    assert len(display.marks_) == n
    display.plot(layer=2)
    assert display.marks_ == []


# Where networks are, and what is refused


@BOTH
def test_in_pipelines_behind_targets_and_in_searches(display):
    behind = TransformedTargetRegressor(
        BPRegressor((3,), **FEW), transformer=StandardScaler()
    )
    model = make_pipeline(StandardScaler(), behind).fit(X, IRIS.target)
    inner = model[-1].regressor_
    np.testing.assert_array_equal(
        display.from_estimator(model).coefs[0], inner.coefs_[0]
    )
    base = make_pipeline(StandardScaler(), BPClassifier((3,), **FEW))
    search = GridSearchCV(base, {"bpclassifier__alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    drawn = display.from_estimator(search)
    np.testing.assert_array_equal(drawn.coefs[0], search.best_estimator_[-1].coefs_[0])
    assert list(drawn.feature_names) == list(X.columns)
    WeightsDisplay.from_estimator(search, X)
    mlp = MLPClassifier((3,), **FEW).fit(X, y)
    assert len(display.from_estimator(mlp).coefs) == 2


@BOTH
def test_what_has_no_weights(display):
    for model in (BPClassifier(), DummyClassifier().fit(X, y)):
        with pytest.raises(NotFittedError, match=r"this \w+ has no coefs_. Call fit"):
            display.from_estimator(model)
    bag = BaggingClassifier(BPClassifier((3,), **FEW), n_estimators=2).fit(X, y)
    with pytest.raises(ValueError, match=r"BaggingClassifier contains 2\. Give one"):
        display.from_estimator(bag)


def test_what_cannot_be_drawn():
    network = trained()
    before = plt.get_fignums()
    with pytest.raises(ValueError, match="max_units must be at least 1; got 0"):
        NetworkDisplay.from_estimator(network, max_units=0)
    with pytest.raises(ValueError, match="feature_names must contain 4 names"):
        NetworkDisplay.from_estimator(network, feature_names=["a"])
    with pytest.raises(ValueError, match="kind must be one of"):
        WeightsDisplay.from_estimator(network, kind="picture")
    with pytest.raises(ValueError, match="layer must be between 1 and 2; got 3"):
        WeightsDisplay.from_estimator(network, layer=3)
    with pytest.raises(ValueError, match=r"image with 4 pixels, .* got \(3, 3\)"):
        WeightsDisplay.from_estimator(network, kind="images", image_shape=(3, 3))
    mlp = MLPClassifier((3,), **FEW).fit(X, y)
    with pytest.raises(ValueError, match="this MLPClassifier has none"):
        WeightsDisplay.from_estimator(mlp, X)
    assert plt.get_fignums() == before


def test_images_without_a_shape_need_a_square_number_of_pixels():
    model = trained((3,))
    with pytest.raises(ValueError, match="pixels, which is not a square number"):
        WeightsDisplay.from_estimator(model, kind="images", layer=2)
