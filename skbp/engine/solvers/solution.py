"""What a solver returns."""

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
        What was estimated with the weights of each network; empty where nothing was.
    checkpoint : callable or None
        Returns where training stands, for solvers that can go on from there.
    """

    theta: Array
    evidence: Sequence[Evidence | None] = ()
    checkpoint: Callable[[], Checkpoint] | None = None
