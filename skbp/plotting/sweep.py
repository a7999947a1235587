"""Displays of a search over hyperparameters."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import NotFittedError

from skbp._sklearn import check_matplotlib_support

#: An array of numbers or of indices.
Array = np.ndarray[Any, np.dtype[Any]]

#: Colours that the colour-blind tell apart (Okabe and Ito), of test and train scores.
COLOURS = ("#0072B2", "#D55E00")


class SweepDisplay:
    """Display of a search over hyperparameters.

    Make it with :meth:`from_estimator` or :meth:`from_cv_results`, which draw at once;
    :meth:`plot` draws once more, with other choices.

    Parameters
    ----------
    cv_results : dict or DataFrame
        Like ``cv_results_`` of scikit-learn's searches.

    metric : str, default=None
        The metric to show; None where there is only one.

    score_name : str, default=None
        The name of the score, by default that of the metric. The scores of a name that
        begins with "neg\\_" are shown with the opposite sign.

    best_index : int, default=None
        The candidate that counts as the best, by default that of the best mean score.

    loss_curves : list, default=None
        For each candidate a list with the losses by epoch of each split, or None.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        Where the picture is.

    kind_, params_, best_index_ : str, tuple of str, int
        The kind of the picture, the full names of the parameters shown, and the
        candidate that is marked, as an index into ``cv_results``.

    heatmap_, text_, scatter_, lines_, fill_between_, errorbar_, best_, colorbar_, \
legend_ : matplotlib artists or None
        What was drawn: the cells and the numbers in them; the points; the lines, bands
        or error bars of test and train, or the loss curves; what marks the best.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skbp import BPClassifier, SweepDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> grid = {"alpha": [1e-4, 1e-2, 1.0], "hidden_layer_sizes": [4, 8]}
    >>> network = BPClassifier(solver="lbfgs", max_iter=500, random_state=0)
    >>> search = GridSearchCV(network, grid, cv=3).fit(X, y)
    >>> display = SweepDisplay.from_estimator(search)
    >>> display.kind_, display.params_
    ('heatmap', ('alpha', 'hidden_layer_sizes'))
    """

    def __init__(
        self,
        cv_results,
        *,
        metric=None,
        score_name=None,
        best_index=None,
        loss_curves=None,
    ):
        self.cv_results = cv_results
        self.metric = metric
        self.score_name = score_name
        self.best_index = best_index
        self.loss_curves = loss_curves

    @classmethod
    def from_estimator(
        cls, search, *, params=None, metric=None, kind="auto", ax=None, **kwargs
    ):
        """Draw a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or the like
            Any object with an attribute ``cv_results_``.

        metric : str, default=None
            The metric to show, where the search has several: by default that of
            ``refit``.

        params, kind, ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : SweepDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        if not hasattr(search, "cv_results_"):
            raise NotFittedError(
                "search must be a fitted search, such as a GridSearchCV; this "
                f"{type(search).__name__} has no cv_results_. Results without their "
                "search go to SweepDisplay.from_cv_results."
            )
        refit, name = getattr(search, "refit", None), None
        if "mean_test_score" in search.cv_results_:
            # The only metric is called "score" in the results, whatever it is.
            refit, scoring = "score", getattr(search, "scoring", None)
            name = scoring if isinstance(scoring, str) else None
        if metric is None or metric == name:
            metric = refit if isinstance(refit, str) else None
        display = cls(search.cv_results_, metric=metric, score_name=name)
        if metric == refit:
            display.best_index = getattr(search, "best_index_", None)
        display.loss_curves = getattr(search, "loss_curves_", None)
        return display.plot(params=params, kind=kind, ax=ax, **kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results,
        *,
        params=None,
        metric=None,
        kind="auto",
        ax=None,
        loss_curves=None,
        **kwargs,
    ):
        """Draw the results of a search.

        Parameters
        ----------
        cv_results, metric, loss_curves
            See :class:`SweepDisplay`.

        params, kind, ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : SweepDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_cv_results")
        display = cls(cv_results, metric=metric, loss_curves=loss_curves)
        return display.plot(params=params, kind=kind, ax=ax, **kwargs)

    def plot(self, *, params=None, kind="auto", ax=None, **kwargs):
        """Draw the search.

        The best candidate is marked: the search's own choice, or else the best mean
        score. Of candidates that have the same values of the parameters shown, the best
        one is shown. Candidates whose score is not finite are left out.

        Parameters
        ----------
        params : str or tuple of str, default=None
            One or two parameters to show, for the horizontal and the vertical axis. The
            prefixes of a pipeline's steps may be left out. By default those that vary;
            if there are more than the picture can show, those between whose values the
            score varies most.

        kind : {"auto", "heatmap", "scatter", "line", "points", "loss_curves"}, \
default="auto"
            The kind of the picture:

            - "heatmap": the mean test scores by two parameters,
            - "scatter": two parameters, coloured by the mean test score,
            - "line": the mean scores by a number, and their standard deviation,
            - "points": the mean scores by one parameter, and error bars,
            - "loss_curves": the training losses of all candidates by epoch, means over
              the splits as far as all of them go, coloured by one parameter,
            - "auto": a line for a number, points for a category, a heat map for two
              parameters; but points or a scatter plot for numbers drawn at random.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        **kwargs : dict
            Keyword arguments of what draws the scores or losses: ``Axes.pcolormesh``,
            ``Axes.scatter``, ``Axes.errorbar`` for points, else ``Axes.plot``.

        Returns
        -------
        display : SweepDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        view = _view(self, params, kind)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.heatmap_ = self.text_ = self.scatter_ = self.lines_ = None
        self.fill_between_ = self.errorbar_ = self.best_ = self.colorbar_ = None
        _, draw = KINDS[view.kind]
        for name, artist in draw(view, ax, kwargs).items():
            setattr(self, name, artist)
        # Above the axes no data can lie.
        above = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
        handles, _ = ax.get_legend_handles_labels()
        self.legend_ = ax.legend(handles=handles, ncols=3, frameon=False, **above)
        self.kind_, self.params_ = view.kind, tuple(axis.name for axis in view.axes)
        self.best_index_ = int(view.rows[-1])
        self.ax_, self.figure_ = ax, ax.figure
        return self


# What is to be shown


@dataclass(frozen=True, eq=False)
class _Axis:
    """A parameter: its distinct values in order, and which of them a candidate has."""

    name: str
    label: str
    levels: list[Any]
    index: Array  # (n_candidates,)
    number: bool

    def positions(self, rows: Array) -> Array:
        """Return where candidates lie on the axis: at a number, or at 0, 1, 2 …"""
        where: Array = self.index[rows]
        return np.asarray(self.levels, float)[where] if self.number else where


@dataclass(frozen=True, eq=False)
class _View:
    """What a picture shows of a search."""

    kind: str
    axes: list[_Axis]
    rows: Array  # the candidates shown, from the worst to the best
    sign: float  # -1 if the scores have the opposite sign, so that lower is better
    scores: dict[str, Any]  # mean and deviation of "test", perhaps of "train"
    score_label: str
    loss_curves: Any

    @property
    def score(self) -> Array:
        mean, _ = self.scores["test"]
        return mean[self.rows]

    @property
    def best(self) -> str:
        """What the legend says of the best: its score, or its value on the one axis."""
        if len(self.axes) == 2:
            return f"best: {_name(self.score[-1], powers=False)}"
        (axis,) = self.axes
        i = axis.index[self.rows[-1]]
        return f"best: {axis.label} = {_names(axis.levels)[i]}"


def _view(display: SweepDisplay, params: Any, kind: str) -> _View:
    """Return what a picture shows of the search of a display."""
    results, metric = display.cv_results, _metric(display.cv_results, display.metric)
    name = display.score_name or metric
    sign = -1.0 if name.startswith("neg_") else 1.0
    scores = {}
    for part in ("test", "train"):
        if f"mean_{part}_{metric}" in results:
            mean = sign * np.asarray(results[f"mean_{part}_{metric}"], float)
            std = results.get(f"std_{part}_{metric}", np.zeros(len(mean)))
            scores[part] = mean, np.asarray(std, float)
    quality = sign * scores["test"][0]
    axes = _varying_axes(_without_resource(results))
    # Successive halving scores a candidate several times.
    ranking = _best_of_each(axes, _ranking(results, quality, display.best_index))
    kind, shown = _choice(axes, params, kind, quality, ranking)
    if kind == "loss_curves" and len(display.loss_curves or ()) != len(quality):
        raise ValueError(
            f"kind='loss_curves' needs loss_curves for each of the {len(quality)} "
            "candidates. BPGridSearchCV and BPRandomizedSearchCV keep them."
        )
    rows = ranking if kind == "loss_curves" else _best_of_each(shown, ranking)
    label = name.removeprefix("neg_").replace("_", " ")
    label = label[:1].upper() + label[1:]
    if len(rows) < len(ranking):
        label += "\n(best over the other parameters)"
    if kind == "heatmap":
        # Its cells are equally wide, whatever the numbers.
        shown = [replace(axis, number=False) for axis in shown]
    return _View(kind, shown, rows, sign, scores, label, display.loss_curves)


def _metric(cv_results: Any, metric: str | None) -> str:
    """Return the metric to show, if the results have it."""
    keys, prefix = list(getattr(cv_results, "keys", list)()), "mean_test_"
    metrics = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    if not metrics or "params" not in keys:
        raise ValueError(
            "cv_results must be like the cv_results_ of a search, with 'params' and "
            f"'mean_test_<metric>'; got a {type(cv_results).__name__} with {keys}"
        )
    if metric is None and len(metrics) == 1:
        return metrics[0]
    if metric is None or metric not in metrics:
        raise ValueError(f"metric must be one of {metrics}; got {metric!r}")
    return metric


def _ranking(cv_results: Any, quality: Array, best_index: int | None) -> Array:
    """Return the candidates with finite scores, from the worst to the best.

    Of equals the first one wins, as in scikit-learn. What successive halving has kept
    for longer is better.
    """
    if not np.isfinite(quality).any():
        raise ValueError("No mean test score is finite.")
    iteration = np.asarray(cv_results.get("iter", np.zeros(len(quality))))
    ranking = np.lexsort((-np.arange(len(quality)), quality, iteration))
    ranking = ranking[np.isfinite(quality[ranking])]
    if best_index is not None:
        ranking = np.append(ranking[ranking != best_index], best_index)
    return ranking


def _best_of_each(axes: list[_Axis], ranking: Array) -> Array:
    """Return the best candidate of each combination of values, in the same order."""
    best = {tuple(axis.index[row] for axis in axes): row for row in ranking}
    kept: Array = ranking[np.isin(ranking, list(best.values()))]
    return kept


def _without_resource(results: Any) -> list[dict[str, Any]]:
    """Return the parameters of the candidates, without what halving gives them."""
    params = list(results["params"])
    if "n_resources" not in results:
        return params
    given = list(results["n_resources"])
    resource = {
        name
        for name in set().union(*params)
        if [candidate.get(name) for candidate in params] == given
    }
    return [{k: v for k, v in one.items() if k not in resource} for one in params]


def _varying_axes(params: list[dict[str, Any]]) -> list[_Axis]:
    names = list(dict.fromkeys(name for candidate in params for name in candidate))
    short = [name.rpartition("__")[2] for name in names]
    # Two steps of a pipeline may have a parameter of the same name.
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


def _axis(name: str, label: str, params: list[dict[str, Any]]) -> _Axis:
    """Return a parameter's axis: numbers in their order, then values as they appear."""
    values = [candidate.get(name, "–") for candidate in params]
    # Many values cannot be hashed, and equal ones need not be the same object.
    keys: list[Any] = [float(v) if _is_number(v) else repr(v) for v in values]
    levels = dict(zip(keys, values, strict=True))
    numbers = sorted(key for key in levels if not isinstance(key, str))
    order = [*numbers, *(key for key in levels if isinstance(key, str))]
    return _Axis(
        name,
        label,
        [levels[key] for key in order],
        np.array([order.index(key) for key in keys]),
        len(numbers) == len(order) and bool(np.isfinite(numbers).all()),
    )


def _choice(
    axes: list[_Axis], params: Any, kind: str, quality: Array, rows: Array
) -> tuple[str, list[_Axis]]:
    """Return the kind of picture and the parameters that it shows."""
    if kind not in ("auto", *KINDS):
        raise ValueError(f"kind must be one of {['auto', *KINDS]}; got {kind!r}")
    if params is None:
        n, _ = KINDS.get(kind, KINDS["heatmap"])
        strongest = sorted(axes, key=lambda axis: -_effect(axis, quality, rows))[:n]
        # The names of categories have more room on the vertical axis.
        shown = sorted(strongest, key=lambda axis: (not axis.number, axes.index(axis)))
    else:
        shown = _named(axes, params)
    if kind == "auto":
        kind = _suitable_kind(shown, len(axes), len(quality))
    n, _ = KINDS[kind]
    names = [axis.name for axis in shown]
    if len(shown) != n:
        raise ValueError(f"kind={kind!r} shows {n} varying parameters; got {names}")
    if kind == "line" and not shown[0].number:
        raise ValueError(f"kind='line' needs numbers; {names} has {shown[0].levels}")
    return kind, shown


def _named(axes: list[_Axis], params: Any) -> list[_Axis]:
    """Return the axes of the parameters that the user names."""
    names = (params,) if isinstance(params, str) else tuple(params)
    known = {axis.label: axis for axis in axes} | {axis.name: axis for axis in axes}
    shown = {known[name].name: known[name] for name in names if name in known}
    if len(shown) < len(names) or len(shown) not in (1, 2):
        raise ValueError(
            "params must be one or two of the parameters that vary in this search, "
            f"{[axis.name for axis in axes]}; got {params!r}"
        )
    return list(shown.values())


def _effect(axis: _Axis, quality: Array, rows: Array) -> float:
    """Return how much the scores' mean ranks vary between values of a parameter.

    Ranks, since the score of a network that diverged may be anything.
    """
    groups = axis.index[rows]
    if axis.number and len(axis.levels) > 5:
        # Of many values, each has too few candidates for a mean.
        groups = groups * 5 // len(axis.levels)
    _, groups = np.unique(groups, return_inverse=True)
    means = np.bincount(groups, rankdata(quality[rows])) / np.bincount(groups)
    return float(means[groups].var())


def _suitable_kind(shown: list[_Axis], n_axes: int, n_candidates: int) -> str:
    numbers = [len(axis.levels) for axis in shown if axis.number]
    # Values that were drawn hardly ever recur.
    drawn = n_axes > 1 and 4 * max(numbers, default=0) > 3 * n_candidates
    if len(shown) == 1:
        return "line" if numbers and not drawn else "points"
    return "scatter" if drawn else "heatmap"


# Labels and scales


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _names(values: list[Any]) -> list[str]:
    """Return short names of values."""
    # Where some numbers would be long, all are powers of ten.
    sizes = [abs(v) for v in values if _is_number(v) and 0.0 < abs(v) < np.inf]
    powers = bool(sizes) and (min(sizes) < 1e-3 or max(sizes) >= 1e5)
    return [_name(value, powers) for value in values]


def _name(value: Any, powers: bool) -> str:
    if not _is_number(value):
        text = " ".join(str(value).split())
        return text if len(text) <= 24 else f"{text[:23]}…"
    if not powers or not value or not np.isfinite(value):
        return f"{value:.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".")
    factor = "" if mantissa == "1" else rf"{mantissa} \times "
    return f"${factor}10^{{{int(exponent)}}}$"


def _scale(axis: _Axis) -> str:
    """Return the scale that suits numbers.

    It is logarithmic where they span a decade and are spaced more evenly so.
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


def _set_axis(ax: Any, which: str, axis: _Axis) -> None:
    """Set label, scale and ticks of the x or y axis."""
    ax.set(**{f"{which}label": axis.label})
    places = axis.levels if axis.number else range(len(axis.levels))
    if axis.number:
        scale = _scale(axis)
        # The lowest value but zero.
        more = {"linthresh": places[1]} if scale == "symlog" else {}
        getattr(ax, f"set_{which}scale")(scale, **more)
        if scale == "linear" or len(places) > 10:
            return
    else:
        ax.set(**{f"{which}lim": (-0.5, len(places) - 0.5)})
    every = 1 + len(places) // 13
    names, style = _names(axis.levels)[::every], dict[str, Any]()
    # A letter takes a tenth of an inch, with the spaces between names and the margins.
    letters = max(len(re.sub(r"\\times|[${}^ ]", "", name)) for name in names)
    inches = ax.get_window_extent().width / ax.figure.dpi
    if which == "x" and letters * len(names) > 10 * inches:
        style = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
    side = ax.xaxis if which == "x" else ax.yaxis
    side.set_ticks(places[::every], names, **style)
    side.set_ticks([], minor=True)


# The kinds of pictures: each function returns what it drew, as attributes of a display


def _colours(view: _View) -> dict[str, Any]:
    """Return the colours of the scores. Bright is good.

    Scores far below the others, as of networks that diverged, do not count, or all
    others had the same colour.
    """
    from matplotlib import colormaps

    quality = view.sign * view.score
    q1, q3 = np.quantile(quality, [0.25, 0.75])
    far = quality < q1 - 3.0 * ((q3 - q1) or np.ptp(quality))
    near = view.score[~far]
    cmap: Any = colormaps["viridis" if view.sign > 0 else "viridis_r"]
    if far.any():
        # An arrow at the end of the colour bar.
        cmap.colorbar_extend = "min" if view.sign > 0 else "max"
    return {"cmap": cmap, "vmin": near.min(), "vmax": near.max()}


def _draw_heatmap(view: _View, ax: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    from matplotlib.patches import Rectangle

    x, y = view.axes
    scores = np.ma.masked_all((len(y.levels), len(x.levels)))
    scores[y.index[view.rows], x.index[view.rows]] = view.score
    style = {"edgecolors": "white", "linewidth": 1.0, **_colours(view), **kwargs}
    mesh = ax.pcolormesh(range(len(x.levels)), range(len(y.levels)), scores, **style)
    for which, axis in zip("xy", view.axes, strict=True):
        _set_axis(ax, which, axis)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    corner = x.index[view.rows[-1]] - 0.5, y.index[view.rows[-1]] - 0.5
    best = Rectangle(
        corner, 1.0, 1.0, fill=False, linewidth=2.5, clip_on=False, label=view.best
    )
    return {
        "heatmap_": mesh,
        "best_": ax.add_patch(best),
        "colorbar_": ax.figure.colorbar(mesh, ax=ax, label=view.score_label),
        "text_": _write_scores(ax, mesh, scores),
    }


def _write_scores(ax: Any, mesh: Any, scores: Any) -> Any:
    """Write the scores into the cells of a heat map, unless these are too small."""
    box, points = ax.get_window_extent(), 72.0 / ax.figure.dpi
    # The colour bar takes a fifth of the width; a number is about four letters wide.
    width, height = 0.8 * box.width / scores.shape[1], box.height / scores.shape[0]
    size = points * min(width / 3.3, height / 1.4)
    if size < 7.0:
        return None
    # The decimals that three digits of most scores need.
    typical = np.ma.median(abs(scores)) or 1.0
    decimals = int(np.clip(2 - np.floor(np.log10(typical)), 0, 9))
    drawn = np.full(scores.shape, None)
    for i, j in np.argwhere(~np.ma.getmaskarray(scores)):
        score = scores[i, j]
        text = f"{score:.{decimals}f}" if abs(score) < 1e6 else f"{score:.0e}"
        red, green, blue, _ = mesh.cmap(mesh.norm(score))
        ink = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > 0.5 else "white"
        drawn[i, j] = ax.text(j, i, text, ha="center", va="center", color=ink)
        drawn[i, j].set_fontsize(min(size, 10.0))
    return drawn


def _draw_scatter(view: _View, ax: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    x, y = (axis.positions(view.rows) for axis in view.axes)
    style = {"s": 45, "edgecolors": "white", "linewidths": 0.5}
    # The better ones lie above.
    points = ax.scatter(x, y, c=view.score, **style | _colours(view) | kwargs)
    for which, axis in zip("xy", view.axes, strict=True):
        _set_axis(ax, which, axis)
    ring = {"fillstyle": "none", "markersize": 12, "markeredgewidth": 1.8}
    (best,) = ax.plot(x[-1:], y[-1:], "ko", label=view.best, **ring)
    colorbar = ax.figure.colorbar(points, ax=ax, label=view.score_label)
    return {"scatter_": points, "best_": best, "colorbar_": colorbar}


def _draw_scores(view: _View, ax: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Draw the scores by one parameter, as a line with a band or with error bars."""
    (axis,) = view.axes
    lines, bars, bands = [], [], []
    rows = view.rows[np.argsort(axis.positions(view.rows))]
    # The bars of a category stand side by side.
    shifts = (0.0, 0.0) if axis.number else (-0.07, 0.07)
    for i, (part, (means, stds)) in enumerate(view.scores.items()):
        x, mean, std = axis.positions(rows) + shifts[i], means[rows], stds[rows]
        style: Any = {"label": part, "color": COLOURS[i], "marker": "os"[i]}
        if view.kind == "points":
            style |= {"linestyle": "", "elinewidth": 1.2} | kwargs
            bars.append(ax.errorbar(x, mean, std, **style))
            lines.append(bars[-1].lines[0])
        else:
            lines += ax.plot(x, mean, **style | {"linestyle": ("-", "--")[i]} | kwargs)
            band = {"color": lines[-1].get_color(), "alpha": 0.18, "linewidth": 0.0}
            bands.append(ax.fill_between(x, mean - std, mean + std, **band))
    x = axis.positions(view.rows[-1:]) + shifts[0]
    star = {"markerfacecolor": "#F0E442", "markersize": 15, "zorder": 4}
    (best,) = ax.plot(x, view.score[-1:], "k*", label=view.best, **star)
    _set_axis(ax, "x", axis)
    ax.set(ylabel=view.score_label)
    more = {"errorbar_": bars} if bars else {"fill_between_": bands}
    return {"lines_": lines, "best_": best, **more}


def _mean_curve(splits: Any) -> Array | None:
    """Return the mean losses over the splits, as far as all of them go."""
    curves = [np.asarray(c, float) for c in splits or () if c is not None and len(c)]
    n = min(map(len, curves), default=0)
    return np.mean([curve[:n] for curve in curves], axis=0) if curves else None


def _draw_loss_curves(view: _View, ax: Any, kwargs: dict[str, Any]) -> dict[str, Any]:
    (axis,) = view.axes
    colours, colorbar = _value_colours(axis, ax)
    lines, best = [], None
    for row in view.rows:
        curve = _mean_curve(view.loss_curves[row])
        if curve is not None:
            style = {"color": colours[axis.index[row]], "linewidth": 1.2} | kwargs
            lines += ax.plot(1 + np.arange(len(curve)), curve, **style)
            if row == view.rows[-1]:
                best = lines[-1]
                best.set(color="black", linewidth=2.5, label=view.best)
    low, high = ax.dataLim.intervaly
    if 0.0 < 100.0 * low < high:
        ax.set_yscale("log")
    ax.set(xlabel="Epoch", ylabel="Training loss")
    return {"lines_": lines, "best_": best, "colorbar_": colorbar}


def _value_colours(axis: _Axis, ax: Any) -> tuple[Array, Any]:
    """Return the colours of a parameter's values, in order, and their colour bar."""
    from matplotlib import cm, colormaps, colors

    n = len(axis.levels)
    # The end of viridis is too bright for lines on white.
    shades = colormaps["viridis"](np.linspace(0.0, 0.9, n))
    mappable = cm.ScalarMappable(cmap=colors.ListedColormap(shades))
    mappable.set_clim(-0.5, n - 0.5)
    colorbar = ax.figure.colorbar(mappable, ax=ax, label=axis.label)
    every = 1 + n // 13
    colorbar.set_ticks(range(0, n, every), labels=_names(axis.levels)[::every])
    colorbar.ax.tick_params(length=0)
    return shades, colorbar


#: How many parameters a kind of picture shows, and what draws it.
KINDS = {
    "heatmap": (2, _draw_heatmap),
    "scatter": (2, _draw_scatter),
    "line": (1, _draw_scores),
    "points": (1, _draw_scores),
    "loss_curves": (1, _draw_loss_curves),
}
