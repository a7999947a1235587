"""A parameter as an axis of a picture: values, positions and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: An array of numbers or of indices.
Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, eq=False)
class Axis:
    """A parameter that varies: its values, and which value each candidate has."""

    #: The full name, including the steps of a pipeline.
    name: str
    #: The name in the picture.
    label: str
    #: The distinct values: numbers in ascending order, then the others as they appear.
    levels: list[Any]
    #: For each candidate, the index of its value in ``levels``.
    index: Array
    #: Whether all values are finite numbers, which can be positions on the axis.
    numeric: bool

    @property
    def level_names(self) -> list[str]:
        """Short names of the values."""
        # If one number would be long, all numbers are written as powers of ten.
        sizes = [abs(v) for v in self.levels if _is_number(v) and 0.0 < abs(v) < np.inf]
        powers = bool(sizes) and (min(sizes) < 1e-3 or max(sizes) >= 1e5)
        return [short_name(value, powers=powers) for value in self.levels]

    def positions(self, rows: Array) -> Array:
        """Return the positions of candidates on the axis: numbers, or 0, 1, 2 …"""
        where: Array = self.index[rows]
        return np.asarray(self.levels, float)[where] if self.numeric else where


def varying_axes(params: list[dict[str, Any]]) -> list[Axis]:
    """Return an axis for each parameter that differs between the candidates."""
    names = list(dict.fromkeys(name for candidate in params for name in candidate))
    short = [name.rpartition("__")[2] for name in names]
    # Two steps of a pipeline may have parameters of the same name.
    labels = [
        s if short.count(s) == 1 else n for n, s in zip(names, short, strict=True)
    ]
    axes = [_axis(n, label, params) for n, label in zip(names, labels, strict=True)]
    varying = [axis for axis in axes if len(axis.levels) > 1]
    if not varying:
        raise ValueError(
            f"Nothing varies: all {len(params)} candidates of the search have the same "
            "parameters. Give the search at least two values of one of them."
        )
    return varying


def _axis(name: str, label: str, params: list[dict[str, Any]]) -> Axis:
    values = [candidate.get(name, "–") for candidate in params]
    # Many values cannot be hashed, and equal values may be different objects.
    keys: list[Any] = [float(v) if _is_number(v) else repr(v) for v in values]
    levels = dict(zip(keys, values, strict=True))
    numbers = sorted(key for key in levels if not isinstance(key, str))
    order = [*numbers, *(key for key in levels if isinstance(key, str))]
    return Axis(
        name,
        label,
        levels=[levels[key] for key in order],
        index=np.array([order.index(key) for key in keys]),
        numeric=len(numbers) == len(order) and bool(np.isfinite(numbers).all()),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def short_name(value: Any, *, powers: bool = False) -> str:
    """Return a short name of a value, a number as a power of ten if ``powers``."""
    if not _is_number(value):
        text = " ".join(str(value).split())
        return text if len(text) <= 24 else f"{text[:23]}…"
    if not powers or not value or not np.isfinite(value):
        return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    factor = "" if mantissa == "1" else rf"{mantissa} \times "
    return f"${factor}10^{{{int(exponent)}}}$"


def set_axes(ax: Axes, axes: Sequence[Axis]) -> None:
    """Set label, scale and ticks of the x axis and, for two parameters, the y axis."""
    for which, axis in zip("xy", axes, strict=False):
        _set_axis(ax, which, axis)


def _set_axis(ax: Axes, which: str, axis: Axis) -> None:
    ax.set(**{f"{which}label": axis.label})
    places: Sequence[Any] = axis.levels if axis.numeric else range(len(axis.levels))
    if axis.numeric:
        scale = _scale(axis)
        # A symlog scale is linear up to the lowest positive value.
        more = {"linthresh": places[1]} if scale == "symlog" else {}
        getattr(ax, f"set_{which}scale")(scale, **more)
        if scale == "linear" or len(places) > 10:
            return
    else:
        ax.set(**{f"{which}lim": (-0.5, len(places) - 0.5)})
    every = 1 + len(places) // 13
    names, style = axis.level_names[::every], dict[str, Any]()
    # A letter needs about a tenth of an inch, including the spaces between names and
    # the margins.
    letters = max(len(re.sub(r"\\times|[${}^ ]", "", name)) for name in names)
    inches = ax.get_window_extent().width / ax.figure.dpi
    if which == "x" and letters * len(names) > 10 * inches:
        style = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    side = ax.xaxis if which == "x" else ax.yaxis
    side.set_ticks(places[::every], names, **style)
    side.set_ticks([], minor=True)


def log_if_wide(ax: Axes) -> None:
    """Make the y axis logarithmic if what is drawn is positive and varies widely."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    low, high = ax.dataLim.intervaly
    if 0.0 < 20.0 * low < high:
        ax.set_yscale("log")
        subs = (1.0, 2.0, 5.0) if high < 300.0 * low else (1.0,)
        ax.yaxis.set_major_locator(LogLocator(subs=subs))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())


def _scale(axis: Axis) -> str:
    """Return the scale that suits the numbers of an axis.

    A logarithmic scale suits numbers that span a decade and whose ratios are more even
    than their differences.
    """
    levels = np.asarray(axis.levels, float)
    positive = levels[levels > 0.0]
    if levels[0] < 0.0 or len(positive) < 2 or positive[-1] < 9.9 * positive[0]:
        return "linear"
    gaps, ratios = np.diff(positive), np.diff(np.log(positive))
    if gaps.std() / gaps.mean() < ratios.std() / ratios.mean():
        return "linear"
    # Grids of alpha often begin with zero.
    return "log" if levels[0] > 0.0 else "symlog"
