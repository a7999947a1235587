"""What a loss learns from: classes and numbers as a network sees them.

``ClassTargets`` and ``NumberTargets`` answer the same questions, whichever way the data
come. They learn from kinds of targets and from how often each kind occurs, so data in
memory and the partitions of a Dask collection go the same way.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from skbp._targets.classes import ClassOptions, ClassTargets, Labels
from skbp._targets.numbers import NumberOptions, Numbers, NumberTargets
from skbp.engine.arrays import Array
from skbp.engine.losses import Loss

__all__ = [
    "ClassOptions",
    "ClassTargets",
    "Labels",
    "NumberOptions",
    "NumberTargets",
    "Numbers",
    "Targets",
]


class Targets(Protocol):
    """What ``ClassTargets`` and ``NumberTargets`` have in common."""

    #: The parameters that say what the loss learns from.
    options: Any
    #: The output activation of the network.
    output: str
    #: Options of scikit-learn's ``validate_data`` for y.
    y_options: ClassVar[dict[str, Any]]

    @staticmethod
    def read(y: Any) -> Any:
        """Return checked targets in the form that the other methods take."""

    def renewed(self, options: Any, read: Any) -> Targets:
        """Return the targets of a warm start, whose kinds must be the same."""

    def extended(self, options: Any, read: Any) -> Targets:
        """Return the targets of another call of ``partial_fit``."""

    def check(self, read: Any) -> None:
        """Refuse targets that do not agree with those of training."""

    def encode(self, read: Any) -> Array:
        """Return the targets Y (n, outputs) of a network."""

    def smooth(self, Y: Array) -> Array:
        """Return the targets that training sees."""

    def weigh(self, read: Any, weights: Array | None) -> Array | None:
        """Return the weights of a part of the samples."""

    def weigh_all(self, read: Any, weights: Array | None) -> Array | None:
        """Return the weights of all samples, which must not all be 0."""

    def strata(self, Y: Array) -> Array | None:
        """Return what stratifies the validation set; None for nothing."""

    def score(self, Y: Array, outputs: Array, weights: Array | None) -> float:
        """Return the score of outputs (n, outputs) on a validation set."""

    def loss(self) -> Loss:
        """Return the loss of the engine."""
