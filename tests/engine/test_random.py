"""Streams of random numbers."""

import numpy as np
import pytest

from skbp.engine.random import seeded


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31, 2**32 - 1])
def test_seeded_is_numpys_stream(seed):
    fast, there = seeded(seed), np.random.RandomState(seed)
    assert np.array_equal(fast.permutation(1000), there.permutation(1000))
    assert np.array_equal(fast.standard_normal(7), there.standard_normal(7))
    assert np.array_equal(fast.get_state()[1], there.get_state()[1])


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range(seed):
    with pytest.raises(ValueError, match="between 0 and 2"):
        seeded(seed)
