"""Laws of every initialiser."""

import numpy as np
import pytest

from skbp.engine.initializers import INITIALIZERS
from tests.catalogue import ALL_INITIALIZERS

N_OUT, N_IN = 300, 200
#: The variance of W that the literature gives.
VARIANCE = {
    "sklearn": 2 / (N_IN + N_OUT),
    "glorot_uniform": 2 / (N_IN + N_OUT),
    "glorot_normal": 2 / (N_IN + N_OUT),
    "he_uniform": 2 / N_IN,
    "he_normal": 2 / N_IN,
    "lecun_uniform": 1 / N_IN,
    "lecun_normal": 1 / N_IN,
    "orthogonal": 1 / N_OUT,
    "small_normal": 0.01**2,
}


def drawn(name, shape=(N_OUT, N_IN), seed=0, activation="relu"):
    W, b = np.full(shape, np.nan), np.full((shape[0], 1), np.nan)
    INITIALIZERS[name](W, b, activation, np.random.RandomState(seed))
    return W, b


@pytest.mark.parametrize("name", ALL_INITIALIZERS)
def test_mean_and_variance(name):
    W, b = drawn(name)
    assert W.var() == pytest.approx(VARIANCE[name], rel=0.02)
    assert abs(W.mean()) < 4 * (VARIANCE[name] / W.size) ** 0.5
    assert np.isfinite(b).all()
    assert (name == "sklearn") == bool(b.any())


@pytest.mark.parametrize("name", ALL_INITIALIZERS)
def test_a_seed_draws_the_same_and_another_does_not(name):
    assert (drawn(name)[0] == drawn(name)[0]).all()
    assert (drawn(name)[0] != drawn(name, seed=1)[0]).any()


@pytest.mark.parametrize("name", [n for n in ALL_INITIALIZERS if "normal" in n])
def test_normal_draws_are_the_documents_own(name):
    """W = randn(out, in) times a number."""
    W, _ = drawn(name, (3, 4))
    numbers = np.random.RandomState(0).standard_normal((3, 4))
    np.testing.assert_allclose(W / numbers, (W / numbers)[0, 0])


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (5, 5), (1, 3)])
def test_orthogonal(shape):
    W, _ = drawn("orthogonal", shape)
    product = W @ W.T if shape[0] <= shape[1] else W.T @ W
    np.testing.assert_allclose(product, np.eye(min(shape)), atol=1e-14)


def test_logistic_layers_start_smaller_as_scikit_learns_do():
    logistic, _ = drawn("sklearn", activation="logistic")
    np.testing.assert_allclose(logistic, drawn("sklearn")[0] / 3**0.5)
