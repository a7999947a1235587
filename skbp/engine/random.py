"""Streams of random numbers."""

from __future__ import annotations

import numpy as np
from numpy.random.bit_generator import ISeedSequence


class Zeros(ISeedSequence):
    """A seed that costs nothing, for a generator that is seeded again."""

    def generate_state(self, n_words: int, dtype: type = np.uint32) -> np.ndarray:  # type: ignore[override]
        """Return zeros."""
        return np.zeros(n_words, dtype)


def seeded(seed: int) -> np.random.RandomState:
    """Return ``RandomState(seed)``.

    ``RandomState(seed)`` first seeds itself from the operating system, which takes
    four times as long as all the rest, and a fifth of a fit to a few samples.
    """
    rng = np.random.RandomState(np.random.MT19937(Zeros()))  # type: ignore[arg-type]
    rng.seed(seed)
    return rng
