"""Draw the picture of docs/architecture.md: python docs/images/architecture.py

Coordinates are pixels of the page, where the picture is 700 wide; y grows downwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

WIDTH, HEIGHT, DPI = 700, 822, 160
#: Points of type to a pixel of the page, at 80 pixels to the inch.
POINT = 72 / 80

PAPER, INK, GREY = "#fbfcfd", "#22303c", "#5d6a76"
DOWN, UP, HANDED = "#1b5e9b", "#c0560c", "#4d7c4b"
FLOORS = {
    "estimators and searches": "#e8ebef",
    "_estimator/": "#e3edf7",
    "_data/": "#e6f2e6",
    "_targets/": "#f7f0da",
    "engine/": "#f6e6e0",
}


def rounded(
    ax: Any, left: float, top: float, right: float, bottom: float, **style: Any
) -> None:
    """Draw a rectangle with round corners."""
    shape = "round,pad=0,rounding_size=6"
    box = FancyBboxPatch((left, top), right - left, bottom - top, shape, **style)
    ax.add_patch(box)


def floor(ax: Any, name: str, top: float, bottom: float) -> None:
    """Draw a floor over the whole width, with its folder in the corner."""
    rounded(ax, 8, top, WIDTH - 8, bottom, facecolor=FLOORS[name], edgecolor="none")
    style = {"family": "monospace", "weight": "bold", "color": GREY}
    style |= {"ha": "right", "va": "center", "fontsize": 11 * POINT}
    ax.text(WIDTH - 16, top + 12, name, **style)


def room(
    ax: Any, left: float, top: float, right: float, bottom: float, name: str, does: str
) -> None:
    """Draw a room: its name, and what it does."""
    rounded(ax, left, top, right, bottom, facecolor="white", edgecolor=GREY, lw=0.9)
    middle, lines = (left + right) / 2, does.count("\n") + 1
    start = (top + bottom) / 2 - 7.5 * lines
    style = {"ha": "center", "va": "center", "color": INK}
    ax.text(middle, start, name, weight="bold", fontsize=12.5 * POINT, **style)
    ax.text(
        middle,
        start + 9 + 7.5 * lines,
        does,
        fontsize=11 * POINT,
        linespacing=1.25,
        **style,
    )


def arrow(
    ax: Any,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    label: str = "",
    *,
    side: str = "right",
    at: float = 0.5,
    note: str = "",
) -> None:
    """Draw an arrow with the noun that travels along it, and what that consists of."""
    dashed = color == HANDED
    style = {"arrowstyle": "-|>", "color": color, "lw": 1.5 if dashed else 2.2}
    style |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
    style["linestyle"] = (0, (4, 2.5)) if dashed else "-"
    ax.annotate("", end, start, arrowprops=style)
    x, y = (a + at * (b - a) for a, b in zip(start, end, strict=True))
    places = {
        "right": (x + 7, y, "left", "center"),
        "left": (x - 7, y, "right", "center"),
        "above": (x, y - 5, "center", "bottom"),
        "below": (x, y + 6, "center", "top"),
    }
    x, y, ha, va = places[side]
    where = {"ha": ha, "va": va, "color": color}
    ax.text(x, y, label, weight="bold", fontsize=12 * POINT, **where)
    if note:
        where |= {"va": "top", "color": INK, "linespacing": 1.3}
        ax.text(x, y + 9, note, fontsize=11 * POINT, **where)


def draw_rooms(ax: Any) -> None:
    """Draw the floors and their rooms."""
    floor(ax, "estimators and searches", 42, 132)
    fit = "one estimator:\none Job, one Result"
    room(ax, 16, 66, 214, 124, "fit, partial_fit", fit)
    search = "many candidates in one Job,\na Result for each"
    room(ax, 226, 66, 466, 124, "a search", search)
    check = "the Job of a fit,\nfor its initial weights"
    room(ax, 478, 66, 684, 124, "check_gradient", check)

    floor(ax, "_estimator/", 174, 264)
    order = "data, network, initial weights,\nvalidation set, settings: in this order"
    room(ax, 16, 198, 312, 256, "prepare", order)
    room(ax, 352, 198, 508, 256, "attributes", "coefs_, loss_curve_,\nn_iter_ …")
    called = "what the engine\nmay call"
    room(ax, 528, 198, 684, 256, "callbacks, validation", called)

    floor(ax, "_data/", 306, 380)
    read = "checks; arrays in memory,\nor partitions of Dask"
    room(ax, 16, 314, 262, 372, "read, dask", read)

    floor(ax, "_targets/", 422, 482)
    room(ax, 62, 430, 262, 474, "classes, numbers", "what a loss learns from")

    floor(ax, "engine/", 524, 774)
    chosen = "runs the solver, chooses networks"
    room(ax, 262, 532, 496, 576, "fit", chosen)
    solvers = "stochastic, lbfgs,\nlevenberg_marquardt"
    room(ax, 262, 622, 496, 680, "solvers/", solvers)
    problem = "samples, network,\nloss: the cost J"
    room(ax, 16, 622, 160, 680, "problem", problem)
    room(ax, 566, 622, 684, 680, "progress", "curves, patience,\nbest weights")
    evidence = "precisions, posterior, linear model"
    room(ax, 262, 722, 496, 766, "curvature, evidence/", evidence)


def draw_ways(ax: Any) -> None:
    """Draw what travels between the rooms."""
    arrow(ax, (84, 12), (84, 64), DOWN, "X, y, sample_weight", at=0.26)
    arrow(ax, (430, 64), (430, 12), UP, "coefs_, predict(X) …", at=0.74)
    arrow(ax, (84, 133), (84, 196), DOWN, "Data", at=0.34)
    arrow(ax, (430, 196), (430, 133), UP, "fitted attributes", at=0.66)

    arrow(ax, (84, 257), (84, 312), DOWN, "Data", at=0.52)
    arrow(ax, (176, 312), (176, 257), UP, "Read", at=0.48)
    arrow(ax, (104, 373), (104, 428), DOWN, "y", at=0.52)
    arrow(ax, (176, 428), (176, 373), UP, "Targets", at=0.48)

    job = "Problem,\nSettings,\nCheckpoint"
    arrow(ax, (290, 257), (290, 530), DOWN, "Job", at=0.3, note=job)
    result = "Model, History,\nEvidence,\nCheckpoint"
    arrow(ax, (430, 530), (430, 257), UP, "Result", at=0.7, note=result)

    arrow(ax, (290, 577), (290, 620), DOWN, "Problem, Checkpoint", side="left")
    arrow(ax, (430, 620), (430, 577), UP, "Solution")
    arrow(ax, (261, 640), (162, 640), DOWN, "theta", side="above")
    arrow(ax, (162, 664), (261, 664), UP, "J, dJ/dtheta", side="below")
    arrow(ax, (497, 651), (564, 651), DOWN, "each", side="above")
    ax.text(530, 657, "epoch", ha="center", va="top", color=DOWN, weight="bold")
    arrow(ax, (290, 681), (290, 720), DOWN, "theta", side="left")
    arrow(ax, (430, 720), (430, 681), UP, "Evidence")

    arrow(ax, (606, 257), (606, 620), HANDED, "hook,", side="left", at=0.3)
    ax.text(599, 381, "score", ha="right", va="center", color=HANDED, weight="bold")
    arrow(ax, (38, 373), (38, 620), HANDED, "sums of terms", at=0.53)


def draw_legend(ax: Any) -> None:
    """Say what the arrows mean."""
    for x, color, text in (
        (24, DOWN, "down"),
        (118, UP, "up"),
        (196, HANDED, "a function handed down, to be called from below"),
    ):
        arrow(ax, (x, 798), (x + 34, 798), color)
        ax.text(x + 42, 798, text, va="center", color=INK)


def main() -> None:
    with plt.rc_context({"font.size": 12 * POINT}):
        figure = plt.figure(figsize=(WIDTH / 80, HEIGHT / 80), facecolor=PAPER)
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, WIDTH), ylim=(HEIGHT, 0))
        ax.axis("off")
        draw_rooms(ax)
        draw_ways(ax)
        draw_legend(ax)
        figure.savefig(Path(__file__).with_suffix(".png"), dpi=DPI)


if __name__ == "__main__":
    main()
