"""Laws of every activation: f' is the derivative of f, and both survive any input."""

import numpy as np
import pytest
from scipy.special import expit
from scipy.special import softmax as scipy_softmax
from scipy.stats import norm

from skbp.engine.activations import ACTIVATIONS, RANGES
from tests.catalogue import ALL_ACTIVATIONS

SHAPE = (2, 5, 40)
FORMULAS = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.where(z > 0, z, 0.0),
    "exp": np.exp,
    "softmax": lambda z: scipy_softmax(z, axis=-2),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.expm1(z)),
    "selu": lambda z: (
        1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(z))
    ),
    "gelu": lambda z: z * norm.cdf(z),
    "silu": lambda z: z * expit(z),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "softsign": lambda z: z / (1 + np.abs(z)),
    "ordered": lambda z: np.cumsum(
        np.concatenate([z[:, :1], np.log(1 + np.exp(z[:, 1:]))], axis=1), axis=1
    ),
}


def test_every_activation_has_a_formula_here():
    assert set(FORMULAS) == set(ALL_ACTIVATIONS)


@pytest.fixture
def Z():
    Z = np.random.RandomState(0).uniform(-3, 3, SHAPE)
    return np.where(np.abs(Z) < 1e-3, 0.5, Z)


@pytest.mark.parametrize("name", ALL_ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_f_is_the_formula(name, dtype, Z):
    A = Z.astype(dtype)
    ACTIVATIONS[name](SHAPE, A.dtype)[0](A)
    assert A.dtype == dtype
    np.testing.assert_allclose(
        A, FORMULAS[name](Z), rtol=1e-13 if dtype == np.float64 else 2e-5, atol=1e-7
    )


@pytest.mark.parametrize("name", ALL_ACTIVATIONS)
def test_df_is_the_derivative(name, Z):
    f, df = ACTIVATIONS[name](SHAPE, Z.dtype)
    rng = np.random.RandomState(1)
    direction, upstream = rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)

    def J(t):
        A = Z + t * direction
        f(A)
        return (upstream * A).sum()

    h = 1e-6
    numeric = (J(h) - J(-h)) / (2 * h)
    A, delta = Z.copy(), upstream.copy()
    f(A)
    df(A, delta)
    assert (delta * direction).sum() == pytest.approx(numeric, rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("name", sorted(set(ALL_ACTIVATIONS) - {"exp"}))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_inputs_stay_finite(name, dtype):
    Z = np.array([-1e4, -100.0, -1e-30, 0.0, 1e-30, 100.0, 1e4], dtype)
    Z = np.ascontiguousarray(np.broadcast_to(Z, (1, 3, 7)))
    Z[0, 1] *= 0.5
    f, df = ACTIVATIONS[name](Z.shape, Z.dtype)
    delta = np.ones_like(Z)
    with np.errstate(over="ignore"):
        f(Z)
        df(Z, delta)
    assert np.isfinite(Z).all()
    assert np.isfinite(delta).all()


def test_both_tails_of_the_logistic_function_keep_their_precision():
    Z = np.array([[[-700.0, -40.0, -1.0, 1.0, 40.0]]])
    expected = expit(Z)
    ACTIVATIONS["logistic"](Z.shape, Z.dtype)[0](Z)
    np.testing.assert_allclose(Z, expected, rtol=1e-15)


def test_the_derivative_of_relu_at_zero_is_zero():
    Z, delta = np.zeros((1, 1, 3)), np.ones((1, 1, 3))
    f, df = ACTIVATIONS["relu"](Z.shape, Z.dtype)
    f(Z)
    df(Z, delta)
    assert (delta == 0).all()


@pytest.mark.parametrize("name", ALL_ACTIVATIONS)
def test_values_lie_in_the_range(name):
    low, high = RANGES.get(name, (-np.inf, np.inf))
    Z = np.concatenate([np.linspace(-30, 30, 60001), [-1e4, 1e4]]).reshape(1, 1, -1)
    f, _ = ACTIVATIONS[name](Z.shape, Z.dtype)
    with np.errstate(over="ignore"):
        f(Z)
    assert low <= Z.min() + 1e-15
    assert Z.max() <= high
    if name not in ("softmax", "relu"):
        assert Z.min() < low + 1e-4 or low == -np.inf
        assert Z.max() > high - 1e-4 or high == np.inf


def test_ordered_outputs_never_cross():
    Z = np.random.RandomState(0).standard_normal((2, 4, 50)) * 1e3
    with np.errstate(over="ignore"):
        ACTIVATIONS["ordered"](Z.shape, Z.dtype)[0](Z)
    assert (np.diff(Z, axis=1) >= 0).all()
