"""The display of a network: its layers, units and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from skbp._sklearn import check_matplotlib_support
from skbp.plotting.axes import Array, short_name
from skbp.plotting.draw import COLOURS
from skbp.plotting.structure import structure_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection, PathCollection
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.text import Text

#: Weights below this part of the largest weight of their layer are not drawn.
VISIBLE = 0.01
#: The size of a name that can be read, and of one that is large enough, in points.
SMALLEST, LARGEST = 5.5, 9.0
#: The number of opaque lines between two layers that leave a picture legible.
CROWD = 250


class Column(NamedTuple):
    """A layer as it is drawn.

    Attributes
    ----------
    units : array of int
        The units that are drawn, in order.
    n_units : int
        The number of all units.
    y : array
        Their heights in the picture.
    bias : float
        The height of the constant unit.
    """

    units: Array
    n_units: int
    y: Array
    bias: float


class NetworkDisplay:
    """Display of a network: layers, units and weights.

    The picture shows the network as textbooks do: the features on the left, the outputs
    on the right, and a line for each weight. The colour of a line is the sign of the
    weight, its width and opacity the absolute value, relative to the largest weight
    between the same two layers, which is written below. The unit "1" at the top of a
    layer is constant, and its lines are the biases.

    Create a display with :meth:`from_estimator`, which also draws it.

    Parameters
    ----------
    coefs, intercepts : list of array-like
        The weights, of shape (units of the layer before, units of the layer), and the
        biases of each layer, as in ``coefs_`` and ``intercepts_``.

    activations : list of str, default=None
        The name of the activation of each layer. None means that names are not shown.

    feature_names, output_names : list of str, default=None
        The names of features and outputs. None means x0, x1 ... and y.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the picture.

    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    lines_ : list of matplotlib LineCollection
        The weights and biases, a collection for each layer after the input.

    units_ : list of matplotlib PathCollection
        The units of each layer, without the constant one.

    text_ : list of matplotlib Text
        The names of features and outputs.

    legend_ : matplotlib Legend
        The legend.

    See Also
    --------
    WeightsDisplay : Display of the weights as images or histograms.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skbp import BPClassifier, NetworkDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> network = BPClassifier((5,), solver="lbfgs", tol=0.01, random_state=0)
    >>> display = NetworkDisplay.from_estimator(network.fit(X, y))
    >>> [text.get_text() for text in display.text_[:2]]
    ['sepal length (cm)', 'sepal width (cm)']
    """

    coefs: list[Array]
    intercepts: list[Array]
    activations: Sequence[str] | None
    feature_names: Sequence[str]
    output_names: Sequence[str]

    ax_: Axes
    # A union with Any stands for "or a SubFigure".
    figure_: Figure | Any
    lines_: list[LineCollection]
    units_: list[PathCollection]
    text_: list[Text]
    legend_: Legend

    def __init__(
        self,
        coefs: Sequence[ArrayLike],
        intercepts: Sequence[ArrayLike],
        *,
        activations: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
    ) -> None:
        self.coefs = [np.asarray(W) for W in coefs]
        self.intercepts = [np.ravel(b) for b in intercepts]
        n, n_outputs = len(self.coefs[0]), self.coefs[-1].shape[1]
        outputs = ["y"] if n_outputs == 1 else [f"y{i}" for i in range(n_outputs)]
        self.activations = activations
        self.feature_names = checked(
            "feature_names", feature_names, [f"x{i}" for i in range(n)]
        )
        self.output_names = checked("output_names", output_names, outputs)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        feature_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        max_units: int = 100,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted network.

        Parameters
        ----------
        estimator : estimator
            A fitted network: :class:`BPClassifier`, :class:`BPRegressor` or a network
            of scikit-learn. It may be inside a pipeline, a
            ``TransformedTargetRegressor`` or a search (its best estimator). Of networks
            that predict together (``ensemble``), the best one is drawn.

        feature_names, output_names : list of str, default=None
            The names of features and outputs. None means the names that the estimator,
            or the step before it in a pipeline, knows.

        max_units, ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : NetworkDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        found = structure_of(estimator)
        display = cls(
            found.coefs,
            found.intercepts,
            activations=found.activations,
            feature_names=(
                found.feature_names if feature_names is None else feature_names
            ),
            output_names=found.output_names if output_names is None else output_names,
        )
        return display.plot(max_units=max_units, ax=ax, **kwargs)

    def plot(
        self, *, max_units: int = 100, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw the network.

        Parameters
        ----------
        max_units : int, default=100
            The largest number of units to draw in a layer. Of larger layers, the units
            with the largest weights are drawn, and the number of the others is written
            below them.

        ax : matplotlib Axes, default=None
            The axes to draw on. None creates a figure, which is large enough for the
            names of all units that are drawn. On axes of your own, names that have no
            room are left out.

        **kwargs : dict
            Keyword arguments for ``matplotlib.collections.LineCollection``, which draws
            the weights.

        Returns
        -------
        display : NetworkDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        if max_units < 1:
            raise ValueError(f"max_units must be at least 1; got {max_units!r}.")
        import matplotlib.pyplot as plt

        columns = columns_of(self.coefs, max_units)
        height = max(len(column.units) for column in columns) + 2
        height += any(len(column.units) < column.n_units for column in columns)
        if ax is None:
            size = 2.0 + 2.2 * len(self.coefs), np.clip(1.2 + 0.13 * height, 3.8, 16.0)
            _, ax = plt.subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set(xlim=(-0.15, len(columns) - 0.85), ylim=(1.5 - height, 0.5))
        # The part of the axes that labels below the picture leave.
        points = 0.88 * 72.0 * ax.get_window_extent().height / ax.figure.dpi
        gap = points / height * min(_gap(column) for column in columns)
        diameter = float(np.clip(0.7 * gap, 2.0, 16.0))
        self.lines_ = [
            self._draw_weights(l, columns, diameter, kwargs)
            for l in range(len(self.coefs))
        ]
        self.units_ = [
            self._draw_units(l, column, diameter) for l, column in enumerate(columns)
        ]
        self.text_ = [
            *self._draw_names(0, columns, self.feature_names, diameter, gap),
            *self._draw_names(-1, columns, self.output_names, diameter, gap),
        ]
        self._label(columns)
        return self

    def _draw_weights(
        self, l: int, columns: list[Column], diameter: float, kwargs: dict[str, Any]
    ) -> LineCollection:
        """Draw the weights between layers l and l + 1, and the biases of the latter."""
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgba

        before, after = columns[l], columns[l + 1]
        W = np.vstack([self.coefs[l][before.units], self.intercepts[l]])
        W = W[:, after.units]
        # A bias may be much larger than the weights: it is drawn like the largest.
        size = np.minimum(abs(W) / _largest(self.coefs[l]), 1.0)
        rows, units = np.nonzero(size >= VISIBLE)
        # Larger weights are drawn later, on top of the others.
        order = np.argsort(size[rows, units], kind="stable")
        rows, units = rows[order], units[order]
        size, signs = size[rows, units], W[rows, units] > 0.0
        colours = np.array([to_rgba(c) for c in COLOURS])[np.where(signs, 0, 1)]
        colours[:, 3] = opacities(size)
        start = np.append(before.y, before.bias)[rows]
        x = np.full(len(rows), float(l))
        ends = [np.stack(end, 1) for end in ((x, start), (x + 1.0, after.y[units]))]
        style: dict[str, Any] = {"colors": colours, "zorder": 1}
        style["linewidths"] = 0.2 + min(3.0, 0.4 * diameter) * size
        lines = LineCollection(list(np.stack(ends, 1)), **style | kwargs)
        self.ax_.add_collection(lines, autolim=False)
        return lines

    def _draw_units(self, l: int, column: Column, diameter: float) -> PathCollection:
        """Draw the units of layer l, and the constant unit beside them."""
        style: dict[str, Any] = {"s": diameter**2, "edgecolors": "#444444", "zorder": 2}
        style["linewidths"] = min(0.9, 0.15 * diameter)
        x = np.full(len(column.y), float(l))
        circles = self.ax_.scatter(x, column.y, color="white", **style)
        if l < len(self.coefs):
            self.ax_.scatter([l], [column.bias], color="#dddddd", **style)
            if diameter > LARGEST:
                one: dict[str, Any] = {
                    "ha": "center",
                    "va": "center",
                    "fontsize": 0.6 * diameter,
                }
                self.ax_.text(l, column.bias, "1", zorder=3, **one)
        if column.n_units > len(column.units):
            more = f"+ {column.n_units - len(column.units)} more"
            self.ax_.annotate(
                more,
                (l, column.y[-1]),
                xytext=(0.0, -diameter),
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=7.0,
            )
        return circles

    def _draw_names(
        self,
        l: int,
        columns: list[Column],
        names: Sequence[str],
        diameter: float,
        gap: float,
    ) -> list[Text]:
        """Write the names of the inputs (l = 0) or of the outputs (l = -1)."""
        column = columns[l]
        room = gap * _gap(column) / min(map(_gap, columns))
        # On small axes every second name has room, or every third.
        every = int(np.ceil(SMALLEST / max(room, 0.1)))
        size = min(LARGEST, 0.95 * room * every)
        sign, side = (-1.0, "right") if l == 0 else (1.0, "left")
        x = float(l % len(columns))
        return [
            self.ax_.annotate(
                short_name(names[unit]),
                (x, y),
                xytext=(sign * (0.5 * diameter + 4.0), 0.0),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=size,
                annotation_clip=False,
            )
            for unit, y in list(zip(column.units, column.y, strict=True))[::every]
        ]

    def _label(self, columns: list[Column]) -> None:
        """Write what stands below the layers, and draw the legend."""
        from matplotlib.lines import Line2D

        label_layers(self.ax_, columns, self.coefs, self.activations)
        handles = [
            Line2D([], [], color=colour, linewidth=2.0, label=f"{sign} weight")
            for colour, sign in zip(COLOURS, ("positive", "negative"), strict=True)
        ]
        place: dict[str, Any] = {
            "loc": "lower center",
            "bbox_to_anchor": (0.5, 1.0),
            "ncols": 2,
        }
        self.legend_ = self.ax_.legend(handles=handles, frameon=False, **place)


def label_layers(
    ax: Axes,
    columns: Sequence[Column],
    coefs: Sequence[Array],
    activations: Sequence[str] | None,
) -> None:
    """Write sizes and activations below the layers."""
    last = len(columns) - 1
    kinds = ["feature", *["unit"] * (last - 1), "output"]
    labels = []
    for l, (column, kind) in enumerate(zip(columns, kinds, strict=True)):
        n = column.n_units
        label = f"{n} {kind}{'s' * (n != 1)}"
        if l and activations is not None:
            label += f"\n{activations[l - 1]}"
        labels.append(label)
    inches = ax.get_window_extent().width / ax.figure.dpi / last
    ax.set_xticks(range(last + 1), labels, fontsize=9.0 if inches > 1.0 else 7.0)
    if inches > 1.5:
        largest = [f"|w| ≤ {_largest(W):.2g}" for W in coefs]
        grey: dict[str, Any] = {"fontsize": 8.0, "color": "#666666"}
        ax.set_xticks(np.arange(last) + 0.5, largest, minor=True, **grey)
    ax.tick_params(which="both", length=0)
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def checked(
    name: str, names: Sequence[str] | None, default: list[str]
) -> Sequence[str]:
    """Return names, or the default; refuse a wrong number of names."""
    if names is None:
        return default
    if len(names) != len(default):
        raise ValueError(
            f"{name} must contain {len(default)} names, one for each unit; got "
            f"{len(names)}."
        )
    return [str(one) for one in names]


def columns_of(coefs: Sequence[Array], max_units: int) -> list[Column]:
    """Return what is drawn of each layer."""
    each = [np.linalg.norm(W, axis=1) for W in coefs]
    into = [np.ones(len(coefs[0]))]
    into += [np.linalg.norm(W, axis=0) for W in coefs]
    weights = [a * b for a, b in zip(into, [*each, 1.0], strict=True)]
    chosen = [np.sort(np.argsort(-w, kind="stable")[:max_units]) for w in weights]
    height = max(map(len, chosen)) + 2
    columns = []
    for units, w in zip(chosen, weights, strict=True):
        # Small layers have more room for each unit.
        gap = np.sqrt(height / (len(units) + 2))
        y = gap * (0.5 * (len(units) - 1) - np.arange(len(units)))
        # The constant unit of the largest layer is at 0.
        y -= 0.5 * (height - 1)
        columns.append(Column(units, len(w), y, y[0] + gap))
    return columns


def opacities(size: Array) -> Array:
    """Return the opacities of lines from the relative sizes of their weights.

    They are a power of the size. Where thousands of lines cross, the power is so high
    that all lines together are as dark as ``CROWD`` opaque ones.
    """
    low, high = 1.0, 100.0
    if (size**low).sum() <= CROWD:
        return size
    for _ in range(20):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if (size**middle).sum() > CROWD else (low, middle)
    dark: Array = size**high
    return dark


def _gap(column: Column) -> float:
    """Return the distance between two units of a layer."""
    return float(column.bias - column.y[0])


def _largest(W: Array) -> float:
    """Return the largest absolute value of the weights; 1 if all of them are zero."""
    return float(abs(W).max()) or 1.0
