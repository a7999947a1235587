"""The display of how networks trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np

from skbp._sklearn import check_matplotlib_support
from skbp.plotting.axes import Array, log_if_wide
from skbp.plotting.draw import COLOURS
from skbp.plotting.training import Curves, best_epoch, curves_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.lines import Line2D

#: What a picture shows.
Kind: TypeAlias = Literal["loss", "score", "learning_rate"]

#: More colours that colour-blind people can distinguish (Okabe and Ito).
MANY_COLOURS = (*COLOURS, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
#: The mark of the best epoch.
STAR: dict[str, Any] = {"marker": "*", "markersize": 14, "markeredgecolor": "black"}


class Shown(NamedTuple):
    """The curves of a kind of picture."""

    #: The names of the curves, and their names in the legend.
    curves: dict[str, str]
    label: str
    #: What to do if no network has one of the curves.
    remedy: str


KINDS: dict[Kind, Shown] = {
    "loss": Shown(
        {"loss": "training", "validation_loss": "validation"},
        "Loss",
        "Fit the network first.",
    ),
    "score": Shown(
        {"validation_score": "validation"},
        "Validation score",
        "Fit the network with early_stopping=True, or pass X_val and y_val to fit.",
    ),
    "learning_rate": Shown(
        {"learning_rate": "learning rate"},
        "Learning rate",
        "Solvers such as 'lbfgs' and 'lm' have no learning rate.",
    ),
}


class LossCurveDisplay:
    """Display of how one or several networks trained.

    Create a display with :meth:`from_estimator`, which also draws it. Call :meth:`plot`
    to draw it again, for example with the validation score instead of the loss.

    Parameters
    ----------
    curves : dict of dict
        For each network its name and a dict with its curves: "loss" and, if available,
        "validation_loss", "validation_score" and "learning_rate". A curve is a sequence
        with one number for each epoch.

    Attributes
    ----------
    kind_ : str
        What the picture shows: "loss", "score" or "learning_rate".

    best_epochs_ : dict
        For each network the epoch with the highest validation score, counted from 1;
        None without a validation set. With ``early_stopping=True`` the fitted network
        has the weights of this epoch.

    ax_ : matplotlib Axes
        The axes with the picture.

    figure_ : matplotlib Figure or SubFigure
        The figure of the axes.

    lines_ : list of matplotlib Line2D
        The curves, network by network; the training loss comes before the validation
        loss.

    best_ : list of matplotlib Line2D
        The marks of the best epochs.

    legend_ : matplotlib Legend or None
        The legend; None if the picture has a single curve.

    See Also
    --------
    SweepDisplay : Display of a search over hyperparameters.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skbp import BPClassifier, LossCurveDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> network = BPClassifier(early_stopping=True, random_state=0)
    >>> display = LossCurveDisplay.from_estimator(network.fit(X / 16, y))
    >>> [line.get_label() for line in display.lines_]
    ['training', 'validation']
    >>> display = display.plot(kind="score")
    """

    curves: Mapping[str, Curves]

    kind_: Kind
    best_epochs_: dict[str, int | None]
    ax_: Axes
    # A union with Any stands for "or a SubFigure" and for "or None".
    figure_: Figure | Any
    lines_: list[Line2D]
    best_: list[Line2D]
    legend_: Legend | Any

    def __init__(self, curves: Mapping[str, Curves]) -> None:
        self.curves = curves

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        kind: Kind = "loss",
        ax: Axes | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw how a fitted network trained, or several networks.

        Parameters
        ----------
        estimator : estimator, or a list or dict of estimators
            A fitted network: :class:`BPClassifier`, :class:`BPRegressor` or any other
            estimator with an attribute ``loss_curve_``. The network may be inside a
            pipeline, a ``TransformedTargetRegressor``, a search (its best estimator) or
            an ensemble (all of its networks). To compare several estimators, give a
            list, or a dict with a name for each.

        kind, ax, **kwargs
            See :meth:`plot`.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.
        """
        check_matplotlib_support(f"{cls.__name__}.from_estimator")
        return cls(curves_of(estimator)).plot(kind=kind, ax=ax, **kwargs)

    def plot(
        self, *, kind: Kind = "loss", ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw the curves.

        A star marks the epoch with the highest validation score of each network. With
        ``early_stopping=True`` the fitted network has the weights of this epoch.

        Parameters
        ----------
        kind : {"loss", "score", "learning_rate"}, default="loss"
            What to draw by epoch:

            - "loss": the training loss and, for networks with a validation set, the
              validation loss. The training loss contains the penalty of ``alpha``, the
              validation loss does not;
            - "score": the score on the validation set;
            - "learning_rate": the learning rate.

            Networks without such a curve are left out.

        ax : matplotlib Axes, default=None
            The axes to draw on; None creates a figure.

        **kwargs : dict
            Keyword arguments for ``Axes.plot``, which draws the curves.

        Returns
        -------
        display : LossCurveDisplay
            The display itself.
        """
        check_matplotlib_support(f"{type(self).__name__}.plot")
        import matplotlib.pyplot as plt

        shown = self._shown(kind)
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        self.kind_, self.ax_, self.figure_ = kind, ax, ax.figure
        self.best_epochs_ = {n: best_epoch(curves) for n, curves in self.curves.items()}
        self.lines_, self.best_ = [], []
        for name, colour in zip(shown, _colours(len(shown)), strict=True):
            self._draw_network(name, colour, kwargs)
        steps = all("learning_rate" in self.curves[name] for name in shown)
        ax.set(xlabel="Epoch" if steps else "Iteration", ylabel=KINDS[kind].label)
        ax.locator_params(axis="x", integer=True)
        if kind == "loss":
            log_if_wide(ax)
        self.legend_ = self._draw_legend()
        return self

    def _shown(self, kind: Kind) -> list[str]:
        """Return the names of the networks with curves of this kind."""
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {list(KINDS)}; got {kind!r}.")
        shown = [
            name for name, c in self.curves.items() if KINDS[kind].curves.keys() & c
        ]
        if not shown:
            raise ValueError(
                f"kind={kind!r} needs a curve that the networks do not have. "
                f"{KINDS[kind].remedy}"
            )
        return shown

    def _draw_network(self, name: str, colour: Any, kwargs: dict[str, Any]) -> None:
        """Draw the curves of a network and mark its best epoch."""
        curves, alone = self.curves[name], len(self.curves) == 1
        names = [n for n in KINDS[self.kind_].curves if n in curves]
        for what in names:
            curve = np.asarray(curves[what], float)
            training = what == "loss" and self._validated()
            style: dict[str, Any] = {
                "color": COLOURS[1] if alone and training else colour,
                "linestyle": "--" if training else "-",
                "label": KINDS[self.kind_].curves[what] if alone else name,
            }
            # The label of a network belongs to one of its lines.
            if not alone and what != names[-1]:
                style["label"] = "_" + name
            self.lines_ += self.ax_.plot(
                1 + np.arange(len(curve)), curve, **style | kwargs
            )
        epoch = self.best_epochs_[name]
        if epoch is not None and epoch <= len(curve):
            label = f"best epoch: {epoch}" if alone else "_best"
            star: dict[str, Any] = {"color": colour, "ls": "", "label": label} | STAR
            self.best_ += self.ax_.plot([epoch], curve[epoch - 1], zorder=4, **star)

    def _validated(self) -> bool:
        """Return whether any network has a validation loss."""
        return any("validation_loss" in curves for curves in self.curves.values())

    def _draw_legend(self) -> Legend | None:
        """Draw a legend, unless there is a single curve."""
        from matplotlib.lines import Line2D

        handles, _ = self.ax_.get_legend_handles_labels()
        if len(self.curves) > 1:
            # Kinds of lines and stars mean the same for all networks.
            common: list[dict[str, Any]] = []
            if self.kind_ == "loss" and self._validated():
                common += [{"ls": "--", "label": "training"}, {"label": "validation"}]
            if self.best_:
                common += [{"ls": "", "label": "best epoch", **STAR}]
            handles += [Line2D([], [], color="grey", **style) for style in common]
        return self.ax_.legend(handles=handles) if len(handles) > 1 else None


def _colours(n: int) -> list[Any] | Array:
    """Return a colour for each of n networks."""
    from matplotlib import colormaps

    if n <= len(MANY_COLOURS):
        return list(MANY_COLOURS[:n])
    return colormaps["viridis"](np.linspace(0.0, 0.9, n))
