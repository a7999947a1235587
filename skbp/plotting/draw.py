"""The kinds of pictures: functions that draw them, and a table of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt

from skbp.plotting.axes import Array, Axis, log_if_wide, set_axes
from skbp.plotting.view import Kind, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, PolyCollection, QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.container import ErrorbarContainer
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

#: Colours of test and train scores that colour-blind people can distinguish (Okabe and
#: Ito).
COLOURS = ("#0072B2", "#D55E00")


class Artists(TypedDict, total=False):
    """What a function has drawn, by the names of the attributes of the display."""

    heatmap_: QuadMesh
    text_: npt.NDArray[np.object_] | None
    scatter_: PathCollection
    lines_: list[Line2D]
    fill_between_: list[PolyCollection]
    errorbar_: list[ErrorbarContainer]
    best_: Rectangle | Line2D | None
    colorbar_: Colorbar


def _colours_of_scores(view: View) -> dict[str, Any]:
    """Return the colour map of the scores and its limits. Bright means good.

    Scores far below the others, for example of networks that diverged, are outside the
    limits. Otherwise all other scores would have nearly the same colour.
    """
    from matplotlib import colormaps

    quality = view.sign * view.score
    q1, q3 = np.quantile(quality, [0.25, 0.75])
    far = quality < q1 - 3.0 * ((q3 - q1) or np.ptp(quality))
    near = view.score[~far]
    cmap: Any = colormaps["viridis" if view.sign > 0 else "viridis_r"]
    if far.any():
        # Add an arrow to the end of the colour bar.
        cmap.colorbar_extend = "min" if view.sign > 0 else "max"
    return {"cmap": cmap, "vmin": near.min(), "vmax": near.max()}


def draw_heatmap(view: View, ax: Axes, kwargs: dict[str, Any]) -> Artists:
    """Draw the scores by two parameters as coloured cells."""
    from matplotlib.patches import Rectangle

    x, y = view.axes
    scores = np.ma.masked_all((len(y.levels), len(x.levels)))
    scores[y.index[view.rows], x.index[view.rows]] = view.score
    style: dict[str, Any] = {"edgecolors": "white", "linewidth": 1.0}
    style |= _colours_of_scores(view) | kwargs
    mesh = ax.pcolormesh(range(len(x.levels)), range(len(y.levels)), scores, **style)
    set_axes(ax, view.axes)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    left, bottom = (float(axis.index[view.rows[-1]]) - 0.5 for axis in view.axes)
    frame: dict[str, Any] = {"fill": False, "linewidth": 2.5, "clip_on": False}
    best = Rectangle((left, bottom), 1.0, 1.0, label=view.best, **frame)
    ax.add_patch(best)
    return {
        "heatmap_": mesh,
        "best_": best,
        "colorbar_": ax.figure.colorbar(mesh, ax=ax, label=view.score_label),
        "text_": _write_scores(ax, mesh, scores),
    }


def _write_scores(
    ax: Axes, mesh: QuadMesh, scores: np.ma.MaskedArray[Any, Any]
) -> npt.NDArray[np.object_] | None:
    """Write the scores into the cells of a heat map, unless the cells are too small."""
    box, points = ax.get_window_extent(), 72.0 / ax.figure.dpi
    # The colour bar needs a fifth of the width, and a number is about four letters
    # wide.
    width, height = 0.8 * box.width / scores.shape[1], box.height / scores.shape[0]
    size = points * min(width / 3.3, height / 1.4)
    if size < 7.0:
        return None
    # Use as many decimals as most scores need for three digits.
    typical = np.ma.median(abs(scores)) or 1.0
    decimals = int(np.clip(2 - np.floor(np.log10(typical)), 0, 9))
    drawn = np.full(scores.shape, None)
    for i, j in np.argwhere(~np.ma.getmaskarray(scores)):
        score = scores[i, j]
        text = f"{score:.{decimals}f}" if abs(score) < 1e6 else f"{score:.0e}"
        red, green, blue, _ = mesh.cmap(mesh.norm(score))
        ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        style = {"ha": "center", "va": "center", "fontsize": min(size, 10.0)}
        drawn[i, j] = ax.text(j, i, text, color=ink, **style)
    return drawn


def draw_scatter(view: View, ax: Axes, kwargs: dict[str, Any]) -> Artists:
    """Draw candidates as points by two parameters, coloured by the score."""
    x, y = (axis.positions(view.rows) for axis in view.axes)
    style: dict[str, Any] = {"s": 45, "edgecolors": "white", "linewidths": 0.5}
    style |= _colours_of_scores(view) | kwargs
    # Better candidates are drawn later, on top of the others.
    points = ax.scatter(x, y, c=view.score, **style)
    set_axes(ax, view.axes)
    ring: dict[str, Any] = {
        "fillstyle": "none",
        "markersize": 12,
        "markeredgewidth": 1.8,
    }
    (best,) = ax.plot(x[-1:], y[-1:], "ko", label=view.best, **ring)
    colorbar = ax.figure.colorbar(points, ax=ax, label=view.score_label)
    return {"scatter_": points, "best_": best, "colorbar_": colorbar}


def draw_scores(view: View, ax: Axes, kwargs: dict[str, Any]) -> Artists:
    """Draw the scores by one parameter, as a line with a band or with error bars."""
    (axis,) = view.axes
    lines: list[Line2D] = []
    bars: list[ErrorbarContainer] = []
    bands: list[PolyCollection] = []
    rows = view.rows[np.argsort(axis.positions(view.rows))]
    # For categories, the error bars of test and train are side by side.
    shifts = (0.0, 0.0) if axis.numeric else (-0.07, 0.07)
    for i, (part, (means, stds)) in enumerate(view.scores.items()):
        x, mean, std = axis.positions(rows) + shifts[i], means[rows], stds[rows]
        style: Any = {"label": part, "color": COLOURS[i], "marker": "os"[i]}
        if view.kind == "points":
            style |= {"linestyle": "", "elinewidth": 1.2} | kwargs
            bars.append(ax.errorbar(x, mean, std, **style))
            lines.append(bars[-1].lines[0])
        else:
            lines += ax.plot(x, mean, **style | {"linestyle": ("-", "--")[i]} | kwargs)
            band: Any = {"color": lines[-1].get_color(), "alpha": 0.18}
            band["linewidth"] = 0.0
            bands.append(ax.fill_between(x, mean - std, mean + std, **band))
    x = axis.positions(view.rows[-1:]) + shifts[0]
    star: Any = {"markerfacecolor": "#F0E442", "markersize": 15, "zorder": 4}
    (best,) = ax.plot(x, view.score[-1:], "k*", label=view.best, **star)
    set_axes(ax, view.axes)
    ax.set(ylabel=view.score_label)
    if view.kind == "points":
        return {"lines_": lines, "best_": best, "errorbar_": bars}
    return {"lines_": lines, "best_": best, "fill_between_": bands}


def draw_loss_curves(view: View, ax: Axes, kwargs: dict[str, Any]) -> Artists:
    """Draw the losses by epoch, with a curve for each value of a parameter."""
    (axis,) = view.axes
    colours, colorbar = _colours_of_values(axis, ax)
    lines: list[Line2D] = []
    best = None
    for row in view.rows:
        curve = _mean_curve(view.loss_curves[row])
        if curve is not None:
            style = {"color": colours[axis.index[row]], "linewidth": 1.2} | kwargs
            lines += ax.plot(1 + np.arange(len(curve)), curve, **style)
            if row == view.rows[-1]:
                best = lines[-1]
                best.set(color="black", linewidth=2.5, label=view.best)
    log_if_wide(ax)
    note = view.score_label.partition("\n")[2]
    ax.set(xlabel="Epoch", ylabel=f"Training loss\n{note}".rstrip())
    return {"lines_": lines, "best_": best, "colorbar_": colorbar}


def _mean_curve(splits: Sequence[Collection[float] | None] | None) -> Array | None:
    """Return the mean of the losses over splits, up to the last epoch of all splits."""
    curves = [np.asarray(c, float) for c in splits or () if c is not None and len(c)]
    n = min(map(len, curves), default=0)
    return np.mean([curve[:n] for curve in curves], axis=0) if curves else None


def _colours_of_values(axis: Axis, ax: Axes) -> tuple[Array, Colorbar]:
    """Return the colours of a parameter's values, in order, and the colour bar."""
    from matplotlib import cm, colormaps, colors

    n = len(axis.levels)
    # The end of viridis is too bright for lines on white.
    shades = colormaps["viridis"](np.linspace(0.0, 0.9, n))
    mappable = cm.ScalarMappable(cmap=colors.ListedColormap(shades))
    mappable.set_clim(-0.5, n - 0.5)
    colorbar = ax.figure.colorbar(mappable, ax=ax, label=axis.label)
    every = 1 + n // 13
    colorbar.set_ticks(range(0, n, every), labels=axis.level_names[::every])
    colorbar.ax.tick_params(length=0)
    return shades, colorbar


class Picture(NamedTuple):
    """A kind of picture."""

    #: The number of parameters that it shows.
    n_params: int
    #: The function that draws it, which gets the user's keyword arguments.
    draw: Callable[[View, Axes, dict[str, Any]], Artists]


#: The kinds of pictures.
KINDS: dict[Kind, Picture] = {
    "heatmap": Picture(2, draw_heatmap),
    "scatter": Picture(2, draw_scatter),
    "line": Picture(1, draw_scores),
    "points": Picture(1, draw_scores),
    "loss_curves": Picture(1, draw_loss_curves),
}
