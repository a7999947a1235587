"""Samples know which of their rows are trained on."""

from functools import partial

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from skbp.engine.curvature import curvature
from skbp.engine.evidence.precisions import squares_of_targets, sums_of_data
from skbp.engine.evidence.ridge import products, totals
from skbp.engine.losses import LOSSES
from skbp.engine.objective import loss_and_gradient
from skbp.engine.samples import Samples
from tests.catalogue import make_network, random_theta

N, FEATURES, OUTPUTS = 20, 3, 2
RNG = np.random.RandomState(0)
X, Y = RNG.standard_normal((N, FEATURES)), RNG.standard_normal((N, OUTPUTS))
WEIGHTS = RNG.rand(N)
ROWS = RNG.permutation(N)[:13]
NETWORK = make_network(FEATURES, (4,), OUTPUTS, "tanh")
TASK = NETWORK, LOSSES["squared_error"], random_theta(NETWORK, 2, RNG)
#: What is summed over samples.
TERMS = {
    "loss_and_gradient": partial(loss_and_gradient, *TASK, False),
    "curvature": partial(curvature, *TASK, False),
    "sums_of_data": sums_of_data,
    "squares_of_targets": partial(squares_of_targets, np.ones(OUTPUTS)),
    "totals": totals,
    "products": partial(products, np.ones(FEATURES), np.ones(OUTPUTS)),
}


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
def test_samples_are_as_many_as_are_trained_on(weights):
    every, some = Samples(X, Y, weights), Samples(X, Y, weights, ROWS)
    assert len(every) == N
    assert len(some) == len(ROWS)
    assert_array_equal(np.arange(N)[every.every], np.arange(N))
    assert_array_equal(some.every, ROWS)
    counts = np.ones(N) if weights is None else weights
    assert every.total() == pytest.approx(counts.sum())
    assert some.total() == pytest.approx(counts[ROWS].sum())
    assert some.total(slice(2, 5)) == pytest.approx(counts[2:5].sum())


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", TERMS)
def test_sums_are_over_the_samples_that_are_trained_on(name, sparse):
    kind = scipy.sparse.csr_array if sparse else np.array
    some = Samples(kind(X), Y, WEIGHTS, ROWS).sum(TERMS[name])
    others = Samples(kind(X[ROWS]), Y[ROWS], WEIGHTS[ROWS]).sum(TERMS[name])
    for one, other in zip(some, others, strict=True):
        assert_allclose(one, other, rtol=1e-10, atol=1e-12)
