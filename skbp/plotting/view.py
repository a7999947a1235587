"""What to show of a search: the kind of picture, parameters and candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from scipy.stats import rankdata

from skbp.plotting.axes import Array, Axis, short_name, varying_axes

#: The kinds of pictures.
Kind: TypeAlias = Literal["heatmap", "scatter", "line", "points", "loss_curves"]
#: For "test" and, if the results have it, for "train": the mean scores of all
#: candidates, and the standard deviations.
Scores: TypeAlias = dict[str, tuple[Array, Array]]
#: For each candidate, the losses by epoch on each split.
LossCurves: TypeAlias = Sequence[Sequence[Collection[float] | None] | None]


class Results(Protocol):
    """Results like ``cv_results_``: a dict, a DataFrame, or another table by column."""

    def keys(self) -> Iterable[Any]:
        """Return the names of the columns."""
        ...

    def __contains__(self, key: Any, /) -> bool:
        """Return whether there is such a column."""
        ...

    def __getitem__(self, key: Any, /) -> Any:
        """Return a column."""
        ...

    def get(self, key: Any, default: Any, /) -> Any:
        """Return a column, or ``default`` if there is none."""
        ...


class Sweep(Protocol):
    """A search to show, with the attributes of ``SweepDisplay``."""

    cv_results: Results
    metric: str | None
    score_name: str | None
    best_index: int | None
    loss_curves: LossCurves | None


@dataclass(frozen=True, eq=False)
class View:
    """The part of a search that a picture shows."""

    kind: Kind
    #: The parameters: one or two.
    axes: list[Axis]
    #: The candidates, from the worst to the best, as indices into the results.
    rows: Array
    #: 1, or -1 if a lower score is better.
    sign: float
    scores: Scores
    score_label: str
    loss_curves: LossCurves

    @property
    def score(self) -> Array:
        """The mean test scores of the candidates shown."""
        mean, _ = self.scores["test"]
        return mean[self.rows]

    @property
    def best(self) -> str:
        """The best candidate's entry in the legend.

        In a picture of two parameters the entry shows the score, and in a picture of
        one parameter the value of the parameter.
        """
        if len(self.axes) == 2:
            return f"best: {short_name(self.score[-1])}"
        (axis,) = self.axes
        value = axis.level_names[axis.index[self.rows[-1]]]
        return f"best: {axis.label} = {value}"


def view_of(
    sweep: Sweep,
    params: str | Sequence[str] | None,
    kind: Kind | Literal["auto"],
    n_params: Mapping[Kind, int],
) -> View:
    """Return the part of a search that a picture shows.

    ``n_params`` is the number of parameters that each kind of picture shows.
    """
    results, metric = sweep.cv_results, _metric(sweep.cv_results, sweep.metric)
    name = sweep.score_name or metric
    sign = -1.0 if name.startswith("neg_") else 1.0
    scores = _scores(results, metric, sign)
    quality = sign * scores["test"][0]
    axes = varying_axes(_without_resource(results))
    # Successive halving scores some candidates several times.
    ranking = _best_of_each(axes, _ranking(results, quality, sweep.best_index))
    kind, shown = _choice(axes, params, kind, quality, ranking, n_params)
    if kind == "loss_curves" and len(sweep.loss_curves or ()) != len(quality):
        raise ValueError(
            f"kind='loss_curves' needs loss_curves for each of the {len(quality)} "
            "candidates. BPGridSearchCV and BPRandomizedSearchCV keep them."
        )
    rows = _best_of_each(shown, ranking)
    label = name.removeprefix("neg_").replace("_", " ")
    label = label[:1].upper() + label[1:]
    if len(rows) < len(ranking):
        label += "\n(best over the other parameters)"
    if kind == "heatmap":
        # The cells of a heat map have the same width, even if the numbers are not even.
        shown = [replace(axis, numeric=False) for axis in shown]
    return View(kind, shown, rows, sign, scores, label, sweep.loss_curves or ())


# Scores


def _metric(cv_results: Results, metric: str | None) -> str:
    """Return the metric to show; refuse results that do not have it."""
    keys: list[str] = list(getattr(cv_results, "keys", list)())
    prefix = "mean_test_"
    metrics = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    if not metrics or "params" not in keys:
        raise ValueError(
            "cv_results must be like the cv_results_ of a search, with "
            "'params' and 'mean_test_<metric>'; got a "
            f"{type(cv_results).__name__} with {keys}."
        )
    if metric is None and len(metrics) == 1:
        return metrics[0]
    if metric is None or metric not in metrics:
        raise ValueError(f"metric must be one of {metrics}; got {metric!r}")
    return metric


def _scores(results: Results, metric: str, sign: float) -> Scores:
    """Return means, times ``sign``, and deviations of test and train scores."""
    scores: Scores = {}
    for part in ("test", "train"):
        if f"mean_{part}_{metric}" in results:
            mean = sign * np.asarray(results[f"mean_{part}_{metric}"], float)
            std = results.get(f"std_{part}_{metric}", np.zeros(len(mean)))
            scores[part] = mean, np.asarray(std, float)
    return scores


# Candidates


def _ranking(results: Results, quality: Array, best_index: int | None) -> Array:
    """Return the candidates with finite scores, from the worst to the best.

    A candidate that successive halving kept longer is better. If scores are equal, the
    earlier candidate is better, as in scikit-learn.
    """
    if not np.isfinite(quality).any():
        raise ValueError("No mean test score is finite.")
    iteration = np.asarray(results.get("iter", np.zeros(len(quality))))
    ranking = np.lexsort((-np.arange(len(quality)), quality, iteration))
    ranking = ranking[np.isfinite(quality[ranking])]
    if best_index is not None:
        ranking = np.append(ranking[ranking != best_index], best_index)
    return ranking


def _best_of_each(axes: list[Axis], ranking: Array) -> Array:
    """Return the best candidate for each combination of values, in the same order."""
    best = {tuple(axis.index[row] for axis in axes): row for row in ranking}
    kept: Array = ranking[np.isin(ranking, list(best.values()))]
    return kept


def _without_resource(results: Results) -> list[dict[str, Any]]:
    """Return the candidates' parameters, except the resource of successive halving."""
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


# Kind and parameters


def _choice(
    axes: list[Axis],
    params: str | Sequence[str] | None,
    kind: Kind | Literal["auto"],
    quality: Array,
    rows: Array,
    n_params: Mapping[Kind, int],
) -> tuple[Kind, list[Axis]]:
    """Return the kind of picture, and the parameters that it shows."""
    if kind not in ("auto", *n_params):
        raise ValueError(f"kind must be one of {['auto', *n_params]}; got {kind!r}")
    if params is None:
        n = n_params["heatmap" if kind == "auto" else kind]
        strongest = sorted(axes, key=lambda axis: -_effect(axis, quality, rows))[:n]
        # Names of categories have more room on the vertical axis.
        shown = sorted(strongest, key=lambda axis: (not axis.numeric, axes.index(axis)))
    else:
        shown = _named(axes, params)
    if kind == "auto":
        kind = _suitable_kind(shown, len(axes), len(quality))
    n = n_params[kind]
    names = [axis.name for axis in shown]
    if len(shown) != n:
        raise ValueError(f"kind={kind!r} shows {n} varying parameters; got {names}")
    if kind == "line" and not shown[0].numeric:
        raise ValueError(f"kind='line' needs numbers; {names} has {shown[0].levels}")
    return kind, shown


def _named(axes: list[Axis], params: str | Sequence[str]) -> list[Axis]:
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


def _effect(axis: Axis, quality: Array, rows: Array) -> float:
    """Return how much the mean rank of the scores varies between a parameter's values.

    Ranks are used because a network that diverged may have any score.
    """
    groups = axis.index[rows]
    if axis.numeric and len(axis.levels) > 5:
        # Neighbouring values form five groups, because one value has too few
        # candidates.
        groups = groups * 5 // len(axis.levels)
    _, groups = np.unique(groups, return_inverse=True)
    means = np.bincount(groups, rankdata(quality[rows])) / np.bincount(groups)
    return float(means[groups].var())


def _suitable_kind(shown: list[Axis], n_axes: int, n_candidates: int) -> Kind:
    """Return the kind of picture that suits the parameters shown."""
    numbers = [len(axis.levels) for axis in shown if axis.numeric]
    # Numbers that are drawn at random hardly ever recur.
    drawn = n_axes > 1 and 4 * max(numbers, default=0) > 3 * n_candidates
    if len(shown) == 1:
        return "line" if numbers and not drawn else "points"
    return "scatter" if drawn else "heatmap"
