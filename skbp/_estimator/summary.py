"""What a fitted network consists of, and how its training ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from skbp._estimator.by_hand import check_fitted, model_of
from skbp.engine.progress import Status
from skbp.engine.solvers import SOLVERS


class LayerSummary(NamedTuple):
    """A layer: its name, units, activation, and the number of weights and biases."""

    layer: str
    units: int
    activation: str
    weights: int
    biases: int

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return self.weights + self.biases


#: The columns of the table.
COLUMNS = ("layer", "units", "activation", "parameters")


@dataclass(frozen=True)
class Summary:
    """The layers of a fitted network and the end of its training.

    Print it to read it. Notebooks show it as a table.

    Attributes
    ----------
    name : str
        The class of the estimator.
    layers : list of LayerSummary
        The input, the hidden layers and the output.
    notes : list of str
        Sentences about the networks and their training.
    """

    name: str
    layers: list[LayerSummary]
    notes: list[str]

    @property
    def n_parameters(self) -> int:
        """The number of parameters of one network."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table, as text."""
        return [
            (l.layer, str(l.units), l.activation or "–", f"{l.parameters:,}")
            for l in self.layers
        ]

    def to_frame(self) -> Any:
        """Return the layers as a data frame of pandas, with a row for each."""
        import pandas as pd

        frame = pd.DataFrame(self.layers).set_index("layer")
        frame["parameters"] = frame["weights"] + frame["biases"]
        return frame

    def __str__(self) -> str:
        table = [COLUMNS, *self.rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = [
            "  ".join(
                # Numbers are flush right.
                cell.rjust(width) if i in (1, 3) else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in table
        ]
        rule = "-" * max(map(len, lines))
        return "\n".join(
            [self.name, rule, lines[0], rule, *lines[1:], rule, *self.notes]
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """Return the table in the style of scikit-learn's tables."""
        head = "".join(f"<th>{name.capitalize()}</th>" for name in COLUMNS)
        body = "".join(
            "<tr class='default'>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in row)
            + "</tr>"
            for row in self.rows
        )
        notes = "<br>".join(map(escape, self.notes))
        return (
            '<div class="estimator-table"><details open><summary>Layers and training'
            f'</summary><table class="parameters-table"><tbody><tr>{head}</tr>{body}'
            f"</tbody></table><p>{notes}</p></details></div>"
        )


def summary_of(estimator: Any) -> Summary:
    """Return the summary of a fitted estimator."""
    check_fitted(estimator)
    network = (model := model_of(estimator)).network
    n = network.units
    names = ["input", *(f"hidden {l}" for l in range(1, len(n) - 1)), "output"]
    activations = ["", *network.activations, model.output]
    weights = [0, *(n_in * n_out for n_in, n_out in pairwise(n))]
    biases = [0, *(n[1:] if network.biases else (len(n) - 1) * [0])]
    columns = (names, n, activations, weights, biases)
    layers = [LayerSummary(*row) for row in zip(*columns, strict=True)]
    total = sum(layer.parameters for layer in layers)
    notes = [f"{total:,} parameters."]
    notes += [*of_members(estimator, len(model.theta)), *of_training(estimator)]
    return Summary(type(estimator).__name__, layers, notes)


def of_members(estimator: Any, n_networks: int) -> Iterator[str]:
    """Yield what to say about networks that predict together."""
    share = np.asarray(vars(estimator).get("linear_share_", 0.0), float)
    if share.any():
        percent = ", ".join(f"{one:.0%}" for one in share.ravel())
        yield f"A linear model has a share of {percent} in predictions."
        n_networks -= not (share == 1.0).all()
    if n_networks > 1:
        yield f"{n_networks} networks predict together; the table shows one of them."


def of_training(estimator: Any) -> Iterator[str]:
    """Yield how training ended, and with which loss and score."""
    fitted = vars(estimator)
    if "_bp_trained" not in fitted or fitted.get("n_iter_") is None:
        return
    # The parameters of the estimator may have changed since.
    trained, n_iter = SimpleNamespace(**fitted["_bp_trained"]), fitted["n_iter_"]
    status = Status(fitted["status_"])
    unit = "epoch" if SOLVERS[trained.solver].steps else "iteration"
    count = f"{n_iter} {unit}{'s' * (n_iter != 1)}"
    if status is Status.RUNNING:
        yield f"Trained by {trained.solver} in {count}, the last by partial_fit."
    else:
        yield (
            f"Trained by {trained.solver}. Training ended after {count}: "
            f"{reason(trained, status, n_iter)}."
        )
    yield f"Loss at the end: {fitted['loss_']:.4g}."
    scores = fitted.get("validation_scores_")
    if scores is not None and fitted.get("best_validation_score_") is not None:
        best = int(np.nanargmax(scores)) + 1
        kept = ", whose weights are kept" if trained.early_stopping else ""
        yield (
            f"Best validation score: {fitted['best_validation_score_']:.4g} "
            f"in {unit} {best}{kept}."
        )


def reason(trained: Any, status: Status, n_iter: int) -> str:
    """Return why training ended, as a clause."""
    if status is Status.CONVERGED and SOLVERS[trained.solver].steps:
        what = "validation score" if trained.early_stopping else "training loss"
        return (
            f"the {what} did not improve by more than tol={trained.tol:g} for "
            f"n_iter_no_change={trained.n_iter_no_change:g} epochs"
        )
    return {
        Status.CONVERGED: f"converged (tol={trained.tol:g})",
        Status.MAX_ITER: limit(trained, n_iter),
        Status.DIVERGED: "training diverged, and the best earlier weights are kept",
        Status.INTERRUPTED: "interrupted by the user",
        Status.STOPPED: "a callback stopped it",
        Status.FAILED: "the solver found no further step",
        Status.RUNNING: "training continues",
    }[status]


def limit(trained: Any, n_iter: int) -> str:
    """Return the limit that ended training, as a clause."""
    most = trained.max_iter
    if SOLVERS[trained.solver].counts_evaluations and n_iter < most:
        return f"max_fun={trained.max_fun} was reached"
    return f"max_iter={most} was reached"
