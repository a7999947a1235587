"""The display of weights: as a heat map, as images, as histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from skbp._sklearn import check_matplotlib_support
from skbp._typing import MatrixLike
from skbp.plotting.axes import Array, short_name
from skbp.plotting.loss_curve import MANY_COLOURS
from skbp.plotting.structure import structure_of, unit_states

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.legend import Legend
    from matplotlib.patches import Rectangle, StepPatch

#: What a picture shows.
Kind: TypeAlias = Literal["matrix", "images", "histogram"]

#: How the states of units are marked.
MARKS = {
    "dead": {"edgecolor": "black", "linestyle": "-"},
    "saturated": {"edgecolor": "black", "linestyle": ":"},
}
#: The part of the weights whose sizes the colours of images cover.
COVERED = 0.995


class WeightsDisplay:
    """Display of the weights of a network: as a heat map, as images, as histograms.

    Create a display with :meth:`from_estimator`, which also draws it. Call :meth:`plot`
    to draw it again, in another way.

    Parameters
    ----------
    coefs : list of array-like
        The weights of each layer, of shape (units of the layer before, units of the
        layer), as in ``coefs_``.

    feature_names, output_names : list of str, default=None
        The names of features and outputs. None means numbers.

    states : list of array-like of str, default=None
        For each hidden layer and each of its units "dead", "saturated" or "". None
        means that the states are not known.

    Attributes
    ----------
    kind_ : str
        What the picture shows: "matrix", "images" or "histogram".

    layer_ : int or None
        The layer whose weights are drawn; None for histograms, which show all layers.

    ax_ : matplotlib Axes
        The axes with the picture.

    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    image_ : matplotlib AxesImage
        The heat map or the images. Only for the kinds "matrix" and "images".

    colorbar_ : matplotlib Colorbar
        The colour bar. Only for the kinds "matrix" and "images".

    marks_ : list of matplotlib Rectangle
        The frames of dead and saturated units. Only for the kinds "matrix" and
        "images".

    histograms_ : list of matplotlib StepPatch
        The histograms, layer by layer. Only for the kind "histogram".

    legend_ : matplotlib Legend or None
        The legend; None if there is nothing to explain.

    See Also
    --------
    NetworkDisplay : Display of the layers, units and weights of a network.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skbp import BPClassifier, WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> network = BPClassifier((16,), alpha=10.0, tol=0.01, random_state=0)
    >>> network = network.fit(X / 16, y)
    >>> display = WeightsDisplay.from_estimator(network, X / 16, kind="images")
    >>> [text.get_text() for text in display.legend_.get_texts()]
    ['dead: 2']
    >>> display = display.plot(kind="histogram")
    """

    coefs: list[Array]
    feature_names: Sequence[str] | None
    output_names: Sequence[str] | None
    states: list[Array] | None

    kind_: Kind
    ax_: Axes
    # A union with Any stands for "or a SubFigure" and for "or None".
    layer_: int | Any
    figure_: Figure | Any
    image_: AxesImage
    colorbar_: Colorbar
    marks_: list[Rectangle]
    histograms_: list[StepPatch]
    legend_: Legend | Any

    def __init__(
        self,
        coefs: Sequence[ArrayLike],
        *,
        feature_names: Sequence[str] | None = None,
        output_names: Sequence[str] | None = None,
        states: Sequence[ArrayLike] | None = None,
    ) -> None:
        self.coefs = [np.asarray(W) for W in coefs]
        self.feature_names, self.output_names = feature_names, output_names
        self.states = None if states is None else [np.asarray(s) for s in states]

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike | None = None,
        *,
        kind: Kind = "matrix",
        layer: int = 1,
        image_shape: tuple[int, int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the weights of a fitted network.

        Parameters
        ----------
        estimator : estimator
            A fitted network: :class:`BPClassifier`, :class:`BPRegressor` or a network
            of scikit-learn. It may be inside a pipeline, a
            ``TransformedTargetRegressor`` or a search (its best estimator).

        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Samples, as the estimator takes them. If they are given, units that are dead
            or saturated on these samples are marked. A unit is dead if its activation
            is the same for all samples, such as a ReLU unit that is always zero. A unit
            with a bounded activation, such as tanh, is saturated if 95 % of its
            activations are within 1 % of the bounds. Neither of them learns.

        kind, layer, image_shape, ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : WeightsDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        found = structure_of(estimator)
        display = cls(
            found.coefs,
            feature_names=found.feature_names,
            output_names=found.output_names,
            states=None if X is None else unit_states(estimator, X),
        )
        return display.plot(
            kind=kind, layer=layer, image_shape=image_shape, ax=ax, **kwargs
        )

    def plot(
        self,
        *,
        kind: Kind = "matrix",
        layer: int = 1,
        image_shape: tuple[int, int] | None = None,
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the weights.

        Parameters
        ----------
        kind : {"matrix", "images", "histogram"}, default="matrix"
            What to draw:

            - "matrix": the weights of a layer as a heat map, with a row for each input
              and a column for each unit;
            - "images": the weights of each unit of a layer as an image, for features
              that are pixels. Weights beyond 99.5 % of all sizes have the same colour;
            - "histogram": the distribution of the weights, layer by layer. The
              outermost bins also count the weights beyond them.

            Dead units have a frame, saturated units a dotted one. With "histogram", the
            legend counts them.

        layer : int, default=1
            The layer whose weights are drawn, counted from 1, the first hidden layer.
            Not used for histograms.

        image_shape : tuple of two int, default=None
            The rows and columns of an image. None means a square. Only used for images.

        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a figure.

        **kwargs : dict
            Keyword arguments for ``Axes.imshow`` or, for histograms, ``Axes.stairs``.

        Returns
        -------
        display : WeightsDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        kinds = {
            "matrix": self._draw_matrix,
            "images": self._draw_images,
            "histogram": self._draw_histograms,
        }
        if kind not in kinds:
            raise ValueError(f"kind must be one of {list(kinds)}; got {kind!r}.")
        if not 1 <= layer <= len(self.coefs):
            raise ValueError(
                f"layer must be between 1 and {len(self.coefs)}; got {layer!r}."
            )
        shape = (0, 0)
        if kind == "images":
            shape = checked_shape(image_shape, len(self.coefs[layer - 1]))
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.kind_, self.ax_, self.figure_ = kind, ax, ax.figure
        self.layer_ = None if kind == "histogram" else layer
        kinds[kind](shape, kwargs)
        return self

    def _draw_matrix(self, shape: tuple[int, int], kwargs: dict[str, Any]) -> None:
        """Draw the weights of a layer as a heat map."""
        W, ax, layer = self.coefs[self.layer_ - 1], self.ax_, self.layer_
        largest = float(abs(W).max()) or 1.0
        style: dict[str, Any] = {"aspect": "auto", "interpolation": "nearest"}
        self._draw_image(W, largest, style | kwargs)
        last = layer == len(self.coefs)
        ax.set(
            xlabel=f"{'Output' if last else 'Unit'} of layer {layer}",
            ylabel="Feature" if layer == 1 else f"Unit of layer {layer - 1}",
        )
        ax.locator_params(integer=True)
        rows, columns = W.shape
        if layer == 1:
            name_ticks(ax.yaxis, self.feature_names, rows)
        if last:
            name_ticks(ax.xaxis, self.output_names, columns)
        corners = [(j - 0.5, -0.5) for j in range(columns)]
        self._mark(corners, (rows, 1))

    def _draw_images(self, shape: tuple[int, int], kwargs: dict[str, Any]) -> None:
        """Draw the weights of each unit as an image, in one mosaic of all of them."""
        W = self.coefs[self.layer_ - 1]
        height, width = shape
        n = W.shape[1]
        box = self.ax_.get_window_extent()
        # As many columns as make the images as large as possible.
        across = round(float(np.sqrt(n * box.width / box.height * height / width)))
        across = int(np.clip(across, 1, n))
        down = -(-n // across)
        # A white line between the images, which is also seen between large ones.
        gap = max(1, round(0.1 * min(shape)))
        step = height + gap, width + gap
        mosaic = np.ma.masked_all((down * step[0] - gap, across * step[1] - gap))
        corners = []
        for unit in range(n):
            i, j = divmod(unit, across)
            top, left = i * step[0], j * step[1]
            mosaic[top : top + height, left : left + width] = W[:, unit].reshape(shape)
            corners.append((left - 0.5, top - 0.5))
        largest = float(np.quantile(abs(W), COVERED)) or 1.0
        self._draw_image(mosaic, largest, {"interpolation": "nearest"} | kwargs)
        self.ax_.spines[:].set_visible(False)
        kind = "output" if self.layer_ == len(self.coefs) else "unit"
        self.ax_.set(xticks=[], yticks=[], title=f"Weights of {n} {kind}s")
        self._mark(corners, shape)

    def _draw_image(self, values: Any, largest: float, style: dict[str, Any]) -> None:
        """Draw an image whose colours are symmetrical about zero."""
        colours: dict[str, Any] = {"cmap": "RdBu", "vmin": -largest, "vmax": largest}
        self.image_ = self.ax_.imshow(values, **colours | style)
        beyond = abs(np.ma.asarray(values)).max() > largest
        self.colorbar_ = self.ax_.figure.colorbar(
            self.image_,
            ax=self.ax_,
            label="Weight",
            extend="both" if beyond else "neither",
        )

    def _mark(self, corners: list[tuple[float, float]], shape: tuple[int, int]) -> None:
        """Mark the dead and saturated units, whose boxes have these corners."""
        from matplotlib.patches import Rectangle

        self.marks_, hidden = [], self.layer_ - 1
        # The output layer has no states.
        known = [] if self.states is None else [*self.states][hidden : hidden + 1]
        states = [str(state) for each in known for state in each]
        labelled: set[str] = set()
        for corner, state in zip(corners, states, strict=False):
            if state:
                n = states.count(state)
                label = "_" if state in labelled else f"{state}: {n}"
                labelled.add(state)
                style: dict[str, Any] = {
                    "fill": False,
                    "linewidth": 1.8,
                    "label": label,
                }
                style |= {"clip_on": False} | MARKS[state]
                self.marks_.append(Rectangle(corner, shape[1], shape[0], **style))
                self.ax_.add_patch(self.marks_[-1])
        self.legend_ = None
        if labelled:
            place: dict[str, Any] = {
                "loc": "upper left",
                "bbox_to_anchor": (0.0, -0.02),
            }
            if self.kind_ == "matrix":
                place = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0)}
            self.legend_ = self.ax_.legend(frameon=False, ncols=2, **place)

    def _draw_histograms(self, shape: tuple[int, int], kwargs: dict[str, Any]) -> None:
        """Draw the distribution of the weights, layer by layer."""
        ax, self.histograms_ = self.ax_, []
        finite = np.concatenate([W[np.isfinite(W)] for W in self.coefs])
        low, high = np.quantile(finite, [0.5 - COVERED / 2, 0.5 + COVERED / 2])
        edges = np.linspace(low, high, 41) if low < high else np.array([-1.0, 1.0])
        for l, W in enumerate(self.coefs):
            # Weights beyond the edges count in the outermost bins.
            counts, _ = np.histogram(np.clip(W, edges[0], edges[-1]), edges)
            colour = MANY_COLOURS[l % len(MANY_COLOURS)]
            style: dict[str, Any] = {"color": colour, "label": self._label(l)}
            style = {"linewidth": 1.8} | style | kwargs
            self.histograms_.append(ax.stairs(counts / W.size, edges, **style))
        ax.set(xlabel="Weight", ylabel="Share of the weights of a layer")
        ax.set_ylim(bottom=0.0)
        self.legend_ = ax.legend()

    def _label(self, l: int) -> str:
        """Return the label of the histogram of ``coefs[l]``."""
        last = l == len(self.coefs) - 1
        label = (
            f"layer {l + 1} ({self.coefs[l].shape[1]} {'output' if last else 'unit'}"
        )
        label += "s)" if self.coefs[l].shape[1] != 1 else ")"
        states = [] if last or self.states is None else [*self.states[l]]
        counts = {state: states.count(state) for state in MARKS}
        return ", ".join([label, *(f"{n} {state}" for state, n in counts.items() if n)])


def checked_shape(shape: tuple[int, int] | None, n: int) -> tuple[int, int]:
    """Return the rows and columns of an image with n pixels."""
    if shape is None:
        side = round(float(np.sqrt(n)))
        if side * side != n:
            raise ValueError(
                f"The images have {n} pixels, which is not a square number. Pass "
                "image_shape=(rows, columns), or choose another kind."
            )
        shape = (side, side)
    if len(shape) != 2 or shape[0] * shape[1] != n:
        raise ValueError(
            f"image_shape must be the rows and columns of an image with {n} pixels, "
            f"one for each input of the layer; got {shape!r}."
        )
    return shape


def name_ticks(axis: Any, names: Sequence[str] | None, n: int) -> None:
    """Write names at the ticks of an axis, if there is room for all of them."""
    box = axis.axes.get_window_extent()
    points = 72.0 / axis.axes.figure.dpi
    across = axis.axis_name == "x"
    room = points * (box.width if across else box.height) / n
    if names is None or room < 6.0:
        return
    labels = [short_name(name) for name in names]
    style: dict[str, Any] = {"fontsize": min(9.0, room)}
    # A letter is about half as wide as it is high.
    if across and max(map(len, labels)) * 5.0 > room:
        style |= {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    axis.set_ticks(range(n), labels, **style)
