"""The display of a search over hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError

from skbp._sklearn import check_matplotlib_support
from skbp.plotting.draw import KINDS
from skbp.plotting.view import Kind, LossCurves, Results, view_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection, PolyCollection, QuadMesh
    from matplotlib.colorbar import Colorbar
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D


class Search(Protocol):
    """A search over hyperparameters, as in scikit-learn."""

    @property
    def cv_results_(self) -> Any:
        """The results, as in ``SweepDisplay``, once the search is fitted."""
        ...


class SweepDisplay:
    """Display of a search over hyperparameters.

    Create a display with :meth:`from_estimator` or :meth:`from_cv_results`, which also
    draw it. Call :meth:`plot` to draw it again with other choices.

    Parameters
    ----------
    cv_results : dict or DataFrame
        The results of a search, like ``cv_results_`` of scikit-learn's searches.

    metric : str, default=None
        The metric to show; None if the results have only one.

    score_name : str, default=None
        The name of the score; None for the name of the metric. If the name begins with
        "neg\\_", the scores are shown with the opposite sign.

    best_index : int, default=None
        The candidate that counts as the best; None for the candidate with the best mean
        score.

    loss_curves : list, default=None
        For each candidate, a list with the losses by epoch on each split, or None.

    Attributes
    ----------
    kind_ : str
        The kind of the picture.

    params_ : tuple of str
        The full names of the parameters shown.

    best_index_ : int
        The candidate that is marked, as an index into ``cv_results``.

    ax_ : matplotlib Axes
        The axes with the picture.

    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    heatmap_ : matplotlib QuadMesh or None
        The cells of a heat map.

    text_ : ndarray of matplotlib Text or None
        The scores in the cells of a heat map; None if the cells are too small.

    scatter_ : matplotlib PathCollection or None
        The points of a scatter plot.

    lines_ : list of matplotlib Line2D or None
        The lines or points of the test scores and, if the results have them, of the
        train scores; or the loss curves.

    fill_between_ : list of matplotlib PolyCollection or None
        The bands around the lines of test and train scores.

    errorbar_ : list of matplotlib ErrorbarContainer or None
        The points of test and train scores with their error bars.

    best_ : matplotlib Rectangle, Line2D or None
        The mark of the best candidate: a frame around a cell, a ring or a star at a
        point, or a loss curve.

    colorbar_ : matplotlib Colorbar or None
        The colour bar.

    legend_ : matplotlib Legend
        The legend.

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

    cv_results: Results
    metric: str | None
    score_name: str | None
    best_index: int | None
    loss_curves: LossCurves | None

    kind_: Kind
    params_: tuple[str, ...]
    best_index_: int
    ax_: Axes
    # A union with Any stands for "or None" (here: or a SubFigure). Which of the two it
    # is follows from what is drawn, and users who know need not check.
    figure_: Figure | Any
    heatmap_: QuadMesh | Any
    text_: npt.NDArray[np.object_] | Any
    scatter_: PathCollection | Any
    lines_: list[Line2D] | Any
    fill_between_: list[PolyCollection] | Any
    errorbar_: list[ErrorbarContainer] | Any
    best_: Any  # A Rectangle, a Line2D or None.
    colorbar_: Colorbar | Any
    legend_: Legend

    def __init__(
        self,
        cv_results: Results,
        *,
        metric: str | None = None,
        score_name: str | None = None,
        best_index: int | None = None,
        loss_curves: LossCurves | None = None,
    ) -> None:
        self.cv_results = cv_results
        self.metric = metric
        self.score_name = score_name
        self.best_index = best_index
        self.loss_curves = loss_curves

    @classmethod
    def from_estimator(
        cls,
        search: Search,
        *,
        params: str | Sequence[str] | None = None,
        metric: str | None = None,
        kind: Kind | Literal["auto"] = "auto",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw a fitted search.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV or the like
            A fitted search: any object with an attribute ``cv_results_``.

        metric : str, default=None
            The metric to show, if the search has several metrics; None for the metric
            that ``refit`` of the search names.

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
                f"{type(search).__name__} has no cv_results_. To draw results "
                "without the search, use SweepDisplay.from_cv_results."
            )
        refit, name = getattr(search, "refit", None), None
        if "mean_test_score" in search.cv_results_:
            # If there is only one metric, the results call it "score".
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
        cv_results: Results,
        *,
        params: str | Sequence[str] | None = None,
        metric: str | None = None,
        kind: Kind | Literal["auto"] = "auto",
        ax: Axes | None = None,
        loss_curves: LossCurves | None = None,
        **kwargs: Any,
    ) -> Self:
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

    def plot(
        self,
        *,
        params: str | Sequence[str] | None = None,
        kind: Kind | Literal["auto"] = "auto",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the search.

        The best candidate is marked: the choice of the search or, if there is none, the
        candidate with the best mean score. If several candidates have the same values
        of the parameters shown, only the best of these candidates is drawn. Candidates
        whose score is not finite are left out.

        Parameters
        ----------
        params : str or sequence of str, default=None
            One or two parameters to show, for the horizontal and the vertical axis. The
            prefixes of a pipeline's steps may be left out. By default all parameters
            that vary are shown or, if these are too many, the parameters that change
            the score most.

        kind : {"auto", "heatmap", "scatter", "line", "points", "loss_curves"}, \
default="auto"
            The kind of the picture:

            - "heatmap": the mean test scores by two parameters,
            - "scatter": two parameters, coloured by the mean test score,
            - "line": the mean scores by a number, and their standard deviation,
            - "points": the mean scores by one parameter, and error bars,
            - "loss_curves": the training losses by epoch, a curve for each value of one
              parameter. A curve is the mean over the splits, up to the last epoch that
              all splits have,
            - "auto": a line for a number, points for a category, a heat map for two
              parameters; but points or a scatter plot for numbers drawn at random.

        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a figure.

        **kwargs : dict
            Keyword arguments for the method that draws the scores or losses:
            ``Axes.pcolormesh`` for a heat map, ``Axes.scatter`` for a scatter plot,
            ``Axes.errorbar`` for points, otherwise ``Axes.plot``.

        Returns
        -------
        display : SweepDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        n_params: dict[Kind, int] = {k: p.n_params for k, p in KINDS.items()}
        view = view_of(self, params, kind, n_params)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.heatmap_ = self.text_ = self.scatter_ = self.lines_ = None
        self.fill_between_ = self.errorbar_ = self.best_ = self.colorbar_ = None
        for name, artist in KINDS[view.kind].draw(view, ax, kwargs).items():
            setattr(self, name, artist)
        # No data can be above the axes.
        above: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0)}
        handles, _ = ax.get_legend_handles_labels()
        self.legend_ = ax.legend(handles=handles, ncols=3, frameon=False, **above)
        self.kind_, self.params_ = view.kind, tuple(axis.name for axis in view.axes)
        self.best_index_ = int(view.rows[-1])
        self.ax_, self.figure_ = ax, ax.figure
        return self
