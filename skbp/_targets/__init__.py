"""The targets of a loss: classes and numbers as a network sees them.

``ClassTargets`` and ``NumberTargets`` have the same methods for data in memory and for
the partitions of a Dask collection: they only need the kinds of targets, and how often
each kind occurs.
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
    """The methods that ``ClassTargets`` and ``NumberTargets`` have in common."""

    #: The parameters of the estimator that determine the loss.
    options: Any
    #: The output activation of the network.
    output: str
    #: Options of scikit-learn's ``validate_data`` for y.
    y_options: ClassVar[dict[str, Any]]

    @staticmethod
    def read(y: Any) -> Any:
        """Check targets, and return them in the form that the other methods take."""

    def recognise(self, y: Any) -> Any:
        """Return targets as ``read`` does, sooner where all kinds of them are known."""

    def renewed(self, options: Any, read: Any) -> Targets:
        """Return the targets of a warm start, which must have the same classes."""

    def extended(self, options: Any, read: Any) -> Targets:
        """Return the targets of a further call of ``partial_fit``."""

    def check(self, read: Any) -> None:
        """Refuse targets that do not agree with the targets of training."""

    def encode(self, read: Any) -> Array:
        """Return the targets Y (n, outputs) of a network."""

    def smooth(self, Y: Array) -> Array:
        """Return the targets that training sees."""

    def weigh(self, read: Any, weights: Array | None) -> Array | None:
        """Return the weights of some of the samples."""

    def weigh_all(self, read: Any, weights: Array | None) -> Array | None:
        """Return the weights of all samples; they must not all be 0."""

    def strata(self, Y: Array) -> Array | None:
        """Return the strata of the validation set; None if there are none."""

    def score(self, Y: Array, outputs: Array, weights: Array | None) -> float:
        """Return the score of outputs (n, outputs) on a validation set."""

    @property
    def rescales(self) -> bool:
        """Whether the scale of the targets is yet to be learnt."""

    def in_units(self, center: Array, scale: Array) -> Targets:
        """Return targets that are encoded as (y - center) / scale, if they rescale."""

    def loss(self) -> Loss:
        """Return the corresponding loss of the engine."""
