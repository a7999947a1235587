"""The result of a solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from skbp.engine.arrays import Array
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.evidence.posterior import Evidence


@dataclass(frozen=True)
class Solution:
    """The weights that a solver found for K networks.

    Attributes
    ----------
    theta : array (K, P)
        The weights to keep.
    evidence : sequence of Evidence or None
        The estimates that belong to the weights of each network; empty if nothing was
        estimated.
    checkpoint : callable or None
        A function that returns the state of training; None if the solver cannot
        continue.
    """

    theta: Array
    evidence: Sequence[Evidence | None] = ()
    checkpoint: Callable[[], Checkpoint] | None = None
