"""Callbacks for networks: stop on any metric, log epochs, draw and report them.

Set them before ``fit``, as scikit-learn's own (version 1.9 or later)::

    model.set_callbacks(EarlyStopping("roc_auc"), EpochLog("epochs.csv")).fit(X, y)

Each of them follows the epochs of a fit, or the iterations of a full-batch solver. At
the end of an epoch they know the losses, the scores on the validation set and the
learning rate, by the names "loss", "validation_loss", "validation_score" and
"learning_rate", and can compute any other score.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import numpy as np
from sklearn.metrics import check_scoring

from skbp._estimator.attributes import of_model
from skbp._estimator.by_hand import model_of
from skbp._estimator.parameters import estimate_of
from skbp._estimator.rules import asked
from skbp._estimator.validation import takes_weights
from skbp._typing import ArrayLike, MatrixLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skbp.plotting import LossCurveDisplay

#: What every epoch records, and the fitted attributes with one entry for each epoch.
RECORDED = {
    "loss": "loss_curve_",
    "validation_loss": "validation_loss_curve_",
    "validation_score": "validation_scores_",
    "learning_rate": "learning_rate_curve_",
}


class Epoch(NamedTuple):
    """What is known at the end of an epoch.

    Attributes
    ----------
    number : int
        Counted from 1.
    network : estimator
        A fitted copy of the estimator, with the weights at the end of the epoch.
    metadata : mapping
        What ``fit`` was given besides X and y, and "X_val", "y_val" and
        "sample_weight_val" if there is a validation set.
    """

    number: int
    network: Any
    metadata: Mapping[str, Any]

    @property
    def values(self) -> dict[str, float]:
        """What was recorded, by its name."""
        curves = {
            name: getattr(self.network, attribute, None)
            for name, attribute in RECORDED.items()
        }
        return {name: float(curve[-1]) for name, curve in curves.items() if curve}


class EpochCallback:
    """A callback that follows the epochs of one fit, or of several, also in threads.

    Subclasses define ``_begin``, which returns what they keep during a fit, ``_epoch``,
    which returns True to stop training, and ``_end``, for fits that did not fail.
    """

    def __init__(self) -> None:
        #: What is kept of each fit, by its context.
        self._fits: dict[int, Any] = {}

    def __getstate__(self) -> dict[str, Any]:
        # Fits that run here do not run where a copy goes.
        return vars(self) | {"_fits": {}}

    def _begin(self, estimator: Any) -> Any:
        pass

    def _epoch(self, epoch: Epoch, kept: Any) -> bool | None:
        pass

    def _end(self, estimator: Any, kept: Any) -> None:
        pass

    # The protocol of scikit-learn's callbacks.

    def setup(self, estimator: Any, context: Any) -> None:
        """Start to follow a fit; ``fit`` calls this.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task of the whole fit.

        Returns
        -------
        None
        """
        self._fits[id(context)] = self._begin(estimator)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing; ``fit`` calls this before each epoch.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task that begins.

        Returns
        -------
        None
        """

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> bool:
        """Follow an epoch, or end with the fit; ``fit`` calls this.

        Parameters
        ----------
        estimator : estimator
            The estimator that is fitted.

        context : sklearn.callback.CallbackContext
            The task that ends: an epoch, or the whole fit.

        metadata : mapping, default=None
            What ``fit`` was given besides X and y, and the validation set.

        fitted_estimator : estimator, default=None
            A copy of the estimator with the weights at the end of the epoch.

        Returns
        -------
        stop : bool
            Whether training is to stop.
        """
        if id(context) in self._fits:
            self._end(estimator, self._fits[id(context)])
            return False
        number = len(fitted_estimator.loss_curve_)
        # (It may have no keys, and know a validation set.)
        metadata = {} if metadata is None else metadata
        epoch = Epoch(number, fitted_estimator, metadata)
        return bool(self._epoch(epoch, self._fits[id(context.parent)]))

    def teardown(self, estimator: Any, context: Any) -> None:
        """Forget a fit; ``fit`` calls this at its end, also after an error.

        Parameters
        ----------
        estimator : estimator
            The estimator that was fitted.

        context : sklearn.callback.CallbackContext
            The task of the whole fit.

        Returns
        -------
        None
        """
        self._fits.pop(id(context), None)


def value_of(
    metric: str | Callable[..., Any], epoch: Epoch, X: Any = None, y: Any = None
) -> float:
    """Return what was recorded, or a score on (X, y) or on the validation set."""
    if isinstance(metric, str) and metric in RECORDED:
        if metric not in epoch.values:
            raise ValueError(
                f"metric={metric!r} is not known in this fit: it needs a validation "
                "set. Pass X_val and y_val to fit, or set early_stopping=True."
                if metric.startswith("validation")
                else f"metric={metric!r} is not known with this solver."
            )
        return epoch.values[metric]
    weights = None
    if X is None:
        metadata = epoch.metadata
        X, y = metadata.get("X_val"), metadata.get("y_val")
        weights = metadata.get("sample_weight_val")
    if X is None:
        raise ValueError(
            f"metric={metric!r} needs samples to be computed on: give X and y to the "
            "callback, pass X_val and y_val to fit, or set early_stopping=True."
        )
    scorer = check_scoring(epoch.network, scoring=metric)
    options = {}
    if weights is not None and takes_weights(scorer):
        options["sample_weight"] = weights
    return float(scorer(epoch.network, X, y, **options))


def check_samples(X: Any, y: Any) -> None:
    """Refuse X without y, and y without X."""
    if (X is None) != (y is None):
        given, missing = ("X", "y") if y is None else ("y", "X")
        raise ValueError(
            f"X and y must be given together; got {given} without {missing}."
        )


def scores_of(scoring: str | Sequence[str] | None, epoch: Epoch) -> dict[str, float]:
    """Return scores on the validation set, by the names of the scorers."""
    names = [scoring] if isinstance(scoring, str) else scoring or ()
    return {name: value_of(name, epoch) for name in names}


def falls(metric: str | Callable[..., Any]) -> bool:
    """Return whether lower values of a metric are better."""
    return isinstance(metric, str) and metric.endswith("loss") and metric in RECORDED


class Best(NamedTuple):
    """The best epoch so far: its value, the higher the better; number and network."""

    value: float
    merit: float
    number: int
    network: Any


class EarlyStopping(EpochCallback):
    """Stop training when a metric does not improve any more.

    The parameter ``early_stopping`` of the estimators does the same for one score on
    the validation set, and takes less time. This callback takes any metric, on any
    samples, and does not hold out a validation set.

    Parameters
    ----------
    metric : str or callable, default="validation_loss"
        "loss", "validation_loss" or "validation_score", which are recorded anyway; the
        name of a scorer of scikit-learn; or a callable ``scorer(estimator, X, y)``.
        Losses are to fall, scores to rise.

    X, y : array-like, default=None
        The samples on which a scorer is computed. None means the validation set of
        ``fit``.

    patience : int, default=10
        Training stops after more than this number of epochs in a row without
        improvement.

    min_delta : float, default=0.0
        A smaller change is no improvement.

    restore_best : bool, default=True
        Whether the estimator gets the weights of the best epoch after training.

    Attributes
    ----------
    best_epoch_ : int
        The best epoch of the last fit, counted from 1.

    best_value_ : float
        The value of the metric in this epoch.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import scale
    >>> from skbp import BPClassifier
    >>> from skbp.callbacks import EarlyStopping
    >>> X, y = load_iris(return_X_y=True)
    >>> X, train, test = scale(X), slice(0, None, 2), slice(1, None, 2)
    >>> stop = EarlyStopping("f1_macro", X=X[test], y=y[test])
    >>> model = BPClassifier((10,), random_state=0).set_callbacks(stop)
    >>> model = model.fit(X[train], y[train])
    >>> stop.best_epoch_ < model.n_iter_ < model.max_iter
    True
    """

    best_epoch_: int
    best_value_: float

    metric: str | Callable[..., Any]
    X: MatrixLike | None
    y: ArrayLike | None
    patience: int
    min_delta: float
    restore_best: bool

    def __init__(
        self,
        metric: str | Callable[..., Any] = "validation_loss",
        *,
        X: MatrixLike | None = None,
        y: ArrayLike | None = None,
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
    ) -> None:
        super().__init__()
        check_samples(X, y)
        if not isinstance(patience, Integral):
            raise TypeError(f"patience must be an int; got {patience!r}.")
        if patience < 0:
            raise ValueError(f"patience must not be negative; got {patience!r}.")
        if not isinstance(min_delta, Real):
            raise TypeError(f"min_delta must be a number; got {min_delta!r}.")
        if not min_delta >= 0:
            raise ValueError(f"min_delta must not be negative; got {min_delta!r}.")
        self.metric, self.X, self.y = metric, X, y
        self.patience, self.min_delta = patience, min_delta
        self.restore_best = restore_best

    def _begin(self, estimator: Any) -> list[Best]:
        if self.restore_best and asked(estimator).ensemble > 1:
            raise ValueError(
                "restore_best=True needs a single network; this "
                f"{type(estimator).__name__} has ensemble={estimator.ensemble}. Set "
                "restore_best=False, or ensemble=1."
            )
        if self.restore_best and estimate_of(estimator):
            raise ValueError(
                f"restore_best=True cannot restore what alpha={estimator.alpha!r} has "
                "estimated together with the weights. Set restore_best=False, or alpha "
                "to a number."
            )
        return []

    def _epoch(self, epoch: Epoch, kept: list[Best]) -> bool:
        value = value_of(self.metric, epoch, self.X, self.y)
        merit = -value if falls(self.metric) else value
        if not kept or merit > kept[0].merit + self.min_delta:
            merit = -np.inf if np.isnan(merit) else merit
            kept[:] = [Best(value, merit, epoch.number, epoch.network)]
        return epoch.number - kept[0].number > self.patience

    def _end(self, estimator: Any, kept: list[Best]) -> None:
        if not kept:
            return
        (best,) = kept
        self.best_epoch_, self.best_value_ = best.number, best.value
        if self.restore_best:
            vars(estimator).update(of_model(model_of(best.network)))


class EpochLog(EpochCallback):
    """Write a line for each epoch to a file, as CSV or JSON.

    A line has the name of the estimator, a number of the fit, the epoch, the seconds
    since the begin of the fit, and all that was recorded. Lines are added to a file
    that exists, so that one file can hold many fits, also those of a search. A CSV file
    that exists must have the same columns.

    Parameters
    ----------
    path : str or path-like
        The file: CSV if its name ends in ".csv", otherwise JSON lines.

    scoring : str or list of str, default=None
        Scorers of scikit-learn that are computed in each epoch on the validation set of
        ``fit``. None means none.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import pandas as pd
    >>> from skbp import BPRegressor
    >>> from skbp.callbacks import EpochLog
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
    >>> with TemporaryDirectory() as folder:
    ...     log = EpochLog(f"{folder}/epochs.csv")
    ...     model = BPRegressor((2,), tol=0.1, random_state=0).set_callbacks(log)
    ...     model = model.fit(X, y)
    ...     epochs = pd.read_csv(log.path)
    >>> print(*epochs.columns[2:6], len(epochs) == model.n_iter_)
    epoch seconds loss validation_loss True
    """

    path: Any
    scoring: str | Sequence[str] | None

    def __init__(
        self, path: Any, *, scoring: str | Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.path = path
        self.scoring = scoring

    def _begin(self, estimator: Any) -> dict[str, Any]:
        head = {"estimator": type(estimator).__name__, "fit": uuid4().hex[:8]}
        return {"head": head, "start": monotonic()}

    def _epoch(self, epoch: Epoch, kept: dict[str, Any]) -> None:
        line = {
            **kept["head"],
            "epoch": epoch.number,
            "seconds": round(monotonic() - kept["start"], 6),
            **dict.fromkeys(RECORDED),
            **epoch.values,
            **scores_of(self.scoring, epoch),
        }
        path = Path(self.path)
        with path.open("a", newline="", encoding="utf-8") as file:
            if path.suffix != ".csv":
                # JSON has no nan.
                known = {k: v if finite(v) else None for k, v in line.items()}
                file.write(json.dumps(known) + "\n")
                return
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(line)
            elif epoch.number == 1:
                check_header(path, list(line))
            writer.writerow(line.values())


def check_header(path: Path, columns: list[str]) -> None:
    """Refuse a CSV file whose columns are not these."""
    with path.open(newline="", encoding="utf-8") as file:
        header = next(csv.reader(file), [])
    if header != columns:
        raise ValueError(
            f"EpochLog cannot add lines to {str(path)!r}, which has the columns "
            f"{header}, because it would write {columns}. Give another path, use the "
            "same scoring for all fits, or write JSON lines, a file whose name does "
            "not end in .csv."
        )


def finite(value: Any) -> bool:
    """Return whether a value is no number, or a finite one."""
    return not isinstance(value, float) or bool(np.isfinite(value))


class LivePlot(EpochCallback):
    """Draw the loss during training, in a notebook or a window.

    Parameters
    ----------
    kind : {"loss", "score", "learning_rate"}, default="loss"
        What to draw, see :meth:`LossCurveDisplay.plot <skbp.LossCurveDisplay.plot>`.

    seconds : float, default=0.5
        The shortest time between two pictures. The last epoch is always drawn.

    ax : matplotlib Axes, default=None
        The axes to draw on; None creates a figure.

    Attributes
    ----------
    display_ : LossCurveDisplay
        The last picture.

    Examples
    --------
    >>> from skbp import BPRegressor
    >>> from skbp.callbacks import LivePlot
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
    >>> live = LivePlot()
    >>> model = BPRegressor((2,), tol=0.1, random_state=0).set_callbacks(live)
    >>> model = model.fit(X, y)
    >>> len(live.display_.lines_[0].get_xdata()) == model.n_iter_
    True
    """

    display_: LossCurveDisplay

    kind: Any
    seconds: float
    ax: Axes | None

    def __init__(
        self, kind: Any = "loss", *, seconds: float = 0.5, ax: Axes | None = None
    ) -> None:
        super().__init__()
        self.kind, self.seconds, self.ax = kind, seconds, ax

    def _begin(self, estimator: Any) -> dict[str, Any]:
        import matplotlib.pyplot as plt

        ax = self.ax
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        shown = shown_in_notebook(ax.figure)
        if shown is None and ax.figure.canvas.required_interactive_framework:
            plt.show(block=False)
        return {"ax": ax, "drawn": -np.inf, "shown": shown}

    def _epoch(self, epoch: Epoch, kept: dict[str, Any]) -> None:
        if monotonic() - kept["drawn"] >= self.seconds:
            self._draw(epoch.network, kept)
            kept["drawn"] = monotonic()

    def _end(self, estimator: Any, kept: dict[str, Any]) -> None:
        import matplotlib.pyplot as plt

        self._draw(estimator, kept)
        if kept["shown"] is not None and self.ax is None:
            # A notebook would show the figure a second time.
            plt.close(kept["ax"].figure)

    def _draw(self, network: Any, kept: dict[str, Any]) -> None:
        from skbp.plotting import LossCurveDisplay

        ax = kept["ax"]
        ax.clear()
        self.display_ = LossCurveDisplay.from_estimator(network, kind=self.kind, ax=ax)
        if kept["shown"] is not None:
            kept["shown"].update(ax.figure)
            return
        ax.figure.canvas.draw_idle()
        # Windows draw when they handle events.
        ax.figure.canvas.flush_events()


def shown_in_notebook(figure: Figure | Any) -> Any:
    """Return the handle of a figure in a notebook; None elsewhere."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    if get_ipython() is None:
        return None
    return display(figure, display_id=True)


class OptunaPruning(EpochCallback):
    """Report each epoch to a trial of Optuna, which may prune it.

    A trial that is pruned ends ``fit`` with ``optuna.TrialPruned``, and Optuna goes to
    the next one. Fit the network in the objective itself: ``cross_val_score`` would
    take the exception for a fit that failed.

    Parameters
    ----------
    trial : optuna.Trial
        The trial.

    metric : str or callable, default="validation_loss"
        What to report, as in :class:`EarlyStopping`. The study must be created with
        ``direction="minimize"`` for losses and ``direction="maximize"`` for scores.

    X, y : array-like, default=None
        The samples on which a scorer is computed. None means the validation set of
        ``fit``.

    Examples
    --------
    >>> from skbp import BPClassifier
    >>> from skbp.callbacks import OptunaPruning
    >>> def objective(trial):
    ...     alpha = trial.suggest_float("alpha", 1e-4, 10.0, log=True)
    ...     model = BPClassifier(alpha=alpha).set_callbacks(OptunaPruning(trial))
    ...     model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    ...     return model.validation_loss_curve_[-1]
    """

    trial: Any
    metric: str | Callable[..., Any]
    X: MatrixLike | None
    y: ArrayLike | None

    def __init__(
        self,
        trial: Any,
        metric: str | Callable[..., Any] = "validation_loss",
        *,
        X: MatrixLike | None = None,
        y: ArrayLike | None = None,
    ) -> None:
        super().__init__()
        check_samples(X, y)
        self.trial, self.metric, self.X, self.y = trial, metric, X, y

    def _epoch(self, epoch: Epoch, kept: Any) -> None:
        value = value_of(self.metric, epoch, self.X, self.y)
        self.trial.report(value, epoch.number)
        if self.trial.should_prune():
            from optuna import TrialPruned

            raise TrialPruned(f"epoch {epoch.number}: {self.metric} = {value:g}")


class MLflowMetrics(EpochCallback):
    """Log what each epoch records as metrics of an MLflow run.

    Parameters
    ----------
    run_id : str, default=None
        The run; None means the active one.

    scoring : str or list of str, default=None
        Scorers of scikit-learn that are computed in each epoch on the validation set of
        ``fit``. None means none.

    Examples
    --------
    >>> import mlflow  # doctest: +SKIP
    >>> from skbp import BPClassifier
    >>> from skbp.callbacks import MLflowMetrics
    >>> with mlflow.start_run():  # doctest: +SKIP
    ...     BPClassifier().set_callbacks(MLflowMetrics()).fit(X, y)
    """

    run_id: str | None
    scoring: str | Sequence[str] | None

    def __init__(
        self, run_id: str | None = None, *, scoring: str | Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.run_id, self.scoring = run_id, scoring

    def _epoch(self, epoch: Epoch, kept: Any) -> None:
        import mlflow

        values = epoch.values | scores_of(self.scoring, epoch)
        mlflow.log_metrics(values, step=epoch.number, run_id=self.run_id)


__all__ = ["EarlyStopping", "EpochLog", "LivePlot", "MLflowMetrics", "OptunaPruning"]
