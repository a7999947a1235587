"""Targets that are numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from sklearn.metrics import d2_pinball_score, r2_score

from skbp._targets.losses import (
    check_apart,
    check_declared_range,
    declared,
    engine_loss,
    outputs_of,
)
from skbp.engine.activations import RANGES
from skbp.engine.arrays import Array
from skbp.engine.losses import Loss, huber, quantile

#: The error that rounding may cause in targets, in float32 as in float64.
ROUNDING = 1e-5


@dataclass(frozen=True)
class NumberOptions:
    """The parameters of a regressor that determine its loss."""

    loss: Any
    output_activation: str
    huber_delta: float = 1.35
    quantile: Any = 0.5
    target_scaling: str | None = None
    #: Numbers are no probabilities, which could be too sure.
    temperature: ClassVar[bool] = False

    def check_parts(self) -> None:
        """Accept all options: none of them needs all data."""

    def check_memory(self, multilabel: bool) -> None:
        """Accept all options: none of them needs all data in memory."""

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of the quantiles to predict; a single level for other losses."""
        if self.loss != "quantile":
            return (0.5,)
        levels = np.ravel(np.asarray(self.quantile, dtype=object))
        valid = all(isinstance(q, Real) and 0.0 < float(q) < 1.0 for q in levels)
        if not len(levels) or not valid or (np.diff(levels.astype(float)) <= 0).any():
            raise ValueError(
                "quantile must be a number between 0 and 1, or several such "
                f"numbers in increasing order; got {self.quantile!r}."
            )
        return tuple(map(float, levels))

    @property
    def output(self) -> str:
        """The output activation for these options."""
        if len(self.levels) == 1:
            return self.single_output
        if self.output_activation != "auto":
            raise ValueError(
                "Several quantiles need output_activation='auto', which keeps them in "
                f"order; got {self.output_activation!r}."
            )
        return "ordered"

    @property
    def single_output(self) -> str:
        """The output activation, unless there are several quantiles."""
        if self.output_activation == "auto":
            return outputs_of(self.loss)[0]
        return self.output_activation

    @property
    def positive_only(self) -> bool:
        """Whether targets must not be negative."""
        if callable(self.loss):
            return declared(self.loss).low >= 0.0
        low, _ = RANGES.get(self.single_output, (-np.inf, np.inf))
        return self.loss in ("poisson", "gamma") or low >= 0.0

    @property
    def several_outputs(self) -> bool:
        """Whether y may have several columns."""
        return np.size(self.quantile) == 1


@dataclass(frozen=True)
class Numbers:
    """Checked numbers.

    Attributes
    ----------
    y : array (n,) or (n, outputs)
    """

    y: Array

    #: Numbers have no labels.
    multilabel: ClassVar[bool] = False

    @classmethod
    def of(cls, y: Any) -> Numbers:
        """Check targets, and return them as numbers."""
        if scipy.sparse.issparse(y):
            raise TypeError(
                f"y must be a dense array of numbers; got a {type(y).__name__}. Use "
                "y.toarray()."
            )
        if np.issubdtype(y.dtype, np.number) or y.dtype == bool:
            return cls(y)
        try:
            return cls(np.asarray(y, np.float64))
        except ValueError as error:
            raise ValueError(f"y must contain numbers: {error}.") from None

    @classmethod
    def condensed(cls, y: Array) -> Numbers:
        """Return a few numbers that represent all of y."""
        return cls(y[:1].copy())

    @classmethod
    def merged(cls, each: Sequence[Numbers]) -> Numbers:
        """Return the condensed numbers of several parts as condensed numbers of all."""
        return cls.of(np.concatenate([one.y for one in each]))


@dataclass(frozen=True)
class NumberTargets:
    """Numbers as the outputs of a network.

    Attributes
    ----------
    options : NumberOptions
    output : str
        The output activation.
    center, scale : array (outputs,) or None
        What training subtracts from the targets of each output, and what it divides
        them by; None means that it takes them as they are.
    """

    options: NumberOptions
    output: str
    center: Array | None = None
    scale: Array | None = None

    y_options: ClassVar[dict[str, Any]] = {"y_numeric": True}
    Options: ClassVar = NumberOptions
    read = staticmethod(Numbers.of)
    condensed = staticmethod(Numbers.condensed)
    merged = staticmethod(Numbers.merged)

    @classmethod
    def learn(
        cls, options: NumberOptions, numbers: Numbers, classes: None = None
    ) -> NumberTargets:
        """Return the targets of a fit to these numbers; there are no classes."""
        return cls(options, options.output)

    def renewed(self, options: NumberOptions, numbers: Numbers) -> NumberTargets:
        """Return the targets of training that continues, in the same units."""
        new = NumberTargets(options, options.output)
        scaled = self.center is not None
        if new.rescales != scaled:
            raise ValueError(
                f"With target_scaling={options.target_scaling!r} and loss="
                f"{options.loss!r}, training would see y "
                f"{'as it is' if scaled else 'scaled'}, but it continues with weights "
                f"for {'scaled targets' if scaled else 'targets as they are'}. Set "
                "target_scaling and loss back, or train a new estimator, in fit with "
                "warm_start=False."
            )
        return replace(new, center=self.center, scale=self.scale)

    extended = renewed

    recognise = staticmethod(Numbers.of)

    def check(self, numbers: Numbers) -> None:
        """Accept all numbers, whatever the targets of training were."""

    def encode(self, numbers: Numbers) -> Array:
        """Return the targets Y (n, outputs), with one column for each quantile."""
        y, levels = numbers.y, self.options.levels
        Y = y.reshape(len(y), -1)
        self._check_sign(y, Y.shape[1])
        if len(levels) > 1:
            if Y.shape[1] > 1:
                raise ValueError(
                    "Several quantiles need a single target; got "
                    f"quantile={self.options.quantile!r}, but y has {Y.shape[1]} "
                    "columns."
                )
            Y = np.repeat(Y, len(levels), axis=1)
        if callable(self.options.loss):
            check_declared_range(self.options.loss, Y)
        else:
            Y = reachable(Y, self.output, self.options.loss)
        if self.center is None or self.scale is None:
            return Y
        if len(self.center) != Y.shape[1]:
            # (Another number of outputs than that of the network is refused later.)
            return Y
        return np.asarray((Y - self.center) / self.scale)

    @property
    def rescales(self) -> bool:
        """Whether the scale of the targets is yet to be learnt.

        Outputs that are bounded must keep the scale of the targets, and so must
        targets that are bounded.
        """
        loss, wanted = self.options.loss, self.options.target_scaling is not None
        if not wanted or self.center is not None or self.output in RANGES:
            return False
        return not (callable(loss) and declared(loss).bounded)

    def check_spread(self, Y: Array, weights: Array | None) -> None:
        """Refuse a first part of the data whose targets (n, outputs) have no scale."""
        if self.center is None or self.scale is None:
            return
        weights = np.ones(1) if weights is None else weights
        known = np.broadcast_to(weights.T > 0.0, Y.T.shape).T
        high, low = (np.where(known, Y, end).T for end in (-np.inf, np.inf))
        for j, spread in enumerate(high.max(axis=1) - low.min(axis=1)):
            # (Others vary by 1 or more, in units of their standard deviation.)
            if spread < 0.5:
                which = "y" if Y.shape[1] == 1 else f"column {j} of y"
                raise ValueError(
                    "target_scaling='standard' scales y as the first call of "
                    f"partial_fit does, where {which} has one value only, "
                    f"{self.center[j]:g}. Pass several samples with different targets "
                    "first, or scale y and set target_scaling=None."
                )

    def in_units(self, center: Array, scale: Array) -> NumberTargets:
        """Return targets that are encoded as (y - center) / scale."""
        if not np.isfinite(scale).all():
            raise ValueError(
                "target_scaling='standard' cannot scale y, whose standard deviation "
                "is too large to compute. Divide y by a constant."
            )
        return replace(self, center=center, scale=scale)

    def decode(self, outputs: Array) -> Array:
        """Return outputs (n, outputs) in the units of y."""
        if self.center is None or self.scale is None:
            return outputs
        return (outputs * self.scale + self.center).astype(outputs.dtype)

    def _check_sign(self, y: Array, n_outputs: int) -> None:
        """Refuse numbers that are too low for the loss."""
        if self.options.loss == "poisson" and y.min() < 0:
            raise ValueError(
                f"loss='poisson' needs y >= 0; the smallest y is {y.min()}, for "
                f"sample {int(np.argmin(y)) // n_outputs}. Use "
                "loss='squared_error' for targets that can be negative."
            )
        if self.options.loss == "gamma" and y.min() <= 0:
            raise ValueError(
                f"loss='gamma' needs y > 0; the smallest y is {y.min()}, for "
                f"sample {int(np.argmin(y)) // n_outputs}. Use loss='poisson' or "
                "loss='squared_error' for targets that can be zero."
            )

    def smooth(self, Y: Array) -> Array:
        """Return the targets unchanged."""
        return Y

    def weigh(self, numbers: Numbers, weights: Array | None) -> Array | None:
        """Return the weights unchanged."""
        check_apart(self.output, weights)
        return weights

    weigh_all = weigh

    def strata(self, Y: Array) -> Array | None:
        """Return None: numbers do not stratify the validation set."""
        return None

    def score(self, Y: Array, outputs: Array, weights: Array | None) -> float:
        """Return R², or the mean of D² if the loss is the quantile loss."""
        if self.options.loss == "quantile":
            levels = np.broadcast_to(self.options.levels, Y.shape[1]).tolist()
            return mean_d2(Y, outputs, levels, weights)
        return mean_r2(Y, outputs, weights)

    def score_of_predictions(self, y: Any, predictions: Array, weights: Any) -> float:
        """Return R² of ``predict``'s results, or mean D² for several quantiles."""
        levels = self.options.levels
        if len(levels) > 1:
            Y = np.repeat(np.reshape(y, (-1, 1)), len(levels), axis=1)
            return mean_d2(Y, predictions, levels, weights)
        return mean_r2(y, predictions, weights)

    def loss(self) -> Loss:
        """Return the corresponding loss of the engine."""
        if self.options.loss == "huber":
            return huber(float(self.options.huber_delta)).through(self.output)
        if self.options.loss == "quantile":
            return quantile(self.options.levels).through(self.output)
        return engine_loss(self.options.loss, self.output)


def mean_d2(Y: Array, outputs: Array, levels: Sequence[float], weights: Any) -> float:
    """Return the mean of the D² of all outputs, each at its level."""
    return mean_of_outputs(
        [partial(d2_pinball_score, alpha=q) for q in levels], Y, outputs, weights
    )


def mean_r2(Y: Any, outputs: Array, weights: Any) -> float:
    """Return the mean of the R² of all outputs."""
    if np.ndim(weights) == 2:
        return mean_of_outputs([r2_score] * len(Y.T), Y, outputs, weights)
    return float(r2_score(Y, outputs, sample_weight=weights))


def mean_of_outputs(
    scores: Sequence[Callable[..., Any]], Y: Array, outputs: Array, weights: Any
) -> float:
    """Return the mean of a score of each output.

    With weights (n, outputs), each score is that of the targets whose weight is not 0.
    An output with fewer than two of them has no score, and does not count.
    """
    found = []
    for j, score in enumerate(scores):
        rows: Any = slice(None)
        w = weights
        if np.ndim(weights) == 2:
            rows = np.flatnonzero(weights[:, j])
            w = weights[rows, j]
            if len(w) < 2:
                continue
        found.append(score(Y[rows, j], outputs[rows, j], sample_weight=w))
    return float(np.mean(found)) if found else np.nan


def reachable(Y: Array, output_activation: str, loss: str) -> Array:
    """Return targets (n, outputs); refuse values that the output cannot reach.

    Values that are out of reach only by rounding are moved into the range.
    """
    if output_activation not in RANGES:
        return Y
    low, high = RANGES[output_activation]
    outside = np.argwhere((low - ROUNDING > Y) | (high + ROUNDING < Y))
    if len(outside):
        row, column = outside[0]
        raise ValueError(
            f"y is {Y[row, column]} for sample {row}, but the output "
            f"activation {output_activation!r} (loss={loss!r}) only has values "
            f"between {low:g} and {high:g}. Scale y, or choose another "
            "output_activation or loss."
        )
    Y = np.clip(Y, low, high)
    if output_activation == "softmax":
        sums = Y.sum(axis=1, keepdims=True)
        wrong = np.flatnonzero(np.abs(sums - 1.0) > ROUNDING)
        if len(wrong):
            raise ValueError(
                f"y sums to {sums[wrong[0], 0]:g} over the outputs for sample "
                f"{wrong[0]}, but with output_activation='softmax' the outputs sum "
                "to 1. Divide each row of y by its sum, or use "
                "output_activation='logistic'."
            )
        Y = Y / sums
    return Y
