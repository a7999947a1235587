"""Laws of every loss: its value, its slope, its canonical residual."""

import numpy as np
import pytest
from scipy.special import huber as scipy_huber
from sklearn.metrics import (
    log_loss,
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
)

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.losses import LOSSES, huber, quantile
from tests.catalogue import ALL_LOSSES, LOSS_AND_OUTPUT, targets

K, OUTPUTS, M = 2, 3, 30
SHAPE = (K, OUTPUTS, M)


@pytest.fixture
def rng():
    return np.random.RandomState(0)


def problem(loss, rng):
    Z = rng.uniform(-2, 2, SHAPE)
    return Z, np.ascontiguousarray(targets(loss, M, OUTPUTS, rng).T), rng.rand(M)


@pytest.mark.parametrize(("name", "output"), LOSS_AND_OUTPUT)
def test_residual_is_the_derivative_of_the_value(name, output, rng):
    residual = LOSSES[name].through(output).residual(SHAPE, np.dtype(float))
    Z, Y, scale = problem(name, rng)
    direction, delta = rng.standard_normal(SHAPE), np.empty(SHAPE)

    def J(t):
        return residual(Z + t * direction, Y, scale, np.empty(SHAPE))

    h = 1e-6
    numeric = (J(h) - J(-h)) / (2 * h)
    residual(Z.copy(), Y, scale, delta)
    np.testing.assert_allclose(
        (delta * direction).sum(axis=(1, 2)), numeric, rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("name", [n for n in ALL_LOSSES if LOSSES[n].canonical])
def test_the_canonical_residual_is_the_chain_rule(name, rng):
    """With its own activation given by name, a loss takes the same short cut."""
    loss = LOSSES[name]
    Z, Y, scale = problem(name, rng)
    delta, A, slope = np.empty(SHAPE), Z.copy(), np.empty(SHAPE)
    loss.residual(SHAPE, Z.dtype)(A, Y, scale, delta)
    loss.functions(SHAPE, Z.dtype)[1](A, Y, slope)
    f, df = ACTIVATIONS[loss.activation](SHAPE, Z.dtype)
    f(Z)
    df(Z, slope)
    np.testing.assert_allclose(delta, slope * scale, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ALL_LOSSES)
def test_scale_multiplies_samples(name, rng):
    residual = LOSSES[name].residual(SHAPE, np.dtype(float))
    Z, Y, _ = problem(name, rng)
    scale = np.zeros(M)
    scale[:4] = 2.0
    delta = np.empty(SHAPE)
    value = residual(Z.copy(), Y, scale, delta)
    assert (delta[..., 4:] == 0).all()
    small = LOSSES[name].residual((K, OUTPUTS, 4), np.dtype(float))
    first = np.ascontiguousarray(Z[..., :4])
    alone = small(first, Y[:, :4], np.array(1.0), np.empty((K, OUTPUTS, 4)))
    np.testing.assert_allclose(value, 2.0 * alone, rtol=1e-13)


def value_of(name, predictions, Y):
    """Return the mean loss of predictions (n, outputs), by the engine."""
    loss = LOSSES[name] if isinstance(name, str) else name
    A = np.ascontiguousarray(predictions.T)[np.newaxis]
    value, _ = loss.functions(A.shape, A.dtype)
    return value(A, Y.T, np.array(1.0 / len(Y)))[0]


def test_values_are_those_of_scikit_learn(rng):
    Y = rng.standard_normal((M, OUTPUTS))
    P = Y + rng.standard_normal((M, OUTPUTS))
    assert value_of("squared_error", P, Y) == pytest.approx(
        0.5 * OUTPUTS * mean_squared_error(Y, P)
    )
    shares = rng.dirichlet(np.ones(OUTPUTS), M)
    labels = rng.randint(OUTPUTS, size=M)
    assert value_of("log_loss", shares, np.eye(OUTPUTS)[labels]) == pytest.approx(
        log_loss(labels, shares, labels=range(OUTPUTS))
    )
    p, y = rng.rand(M, 1), rng.randint(2, size=(M, 1)).astype(float)
    assert value_of("binary_log_loss", p, y) == pytest.approx(log_loss(y[:, 0], p))
    mu, counts = rng.uniform(0.5, 3, (M, 1)), rng.poisson(2, (M, 1)).astype(float)
    amounts = rng.gamma(2.0, size=(M, 1))
    assert value_of("gamma", mu, amounts) == pytest.approx(
        0.5 * mean_gamma_deviance(amounts[:, 0], mu[:, 0])
    )
    y, p = Y[:, :1], P[:, :1]
    assert value_of("absolute_error", p, y) == pytest.approx(mean_absolute_error(y, p))
    assert value_of("quantile", p, y) == pytest.approx(
        mean_pinball_loss(y, p, alpha=0.5)
    )
    assert value_of(quantile([0.1, 0.5, 0.9]), P, Y) == pytest.approx(
        sum(
            mean_pinball_loss(Y[:, i], P[:, i], alpha=q)
            for i, q in enumerate([0.1, 0.5, 0.9])
        )
    )
    assert value_of(huber(0.3), p, y) == pytest.approx(scipy_huber(0.3, p - y).mean())
    assert value_of("poisson", mu, counts) == pytest.approx(
        0.5 * mean_poisson_deviance(counts[:, 0], mu[:, 0])
    )


def test_a_poisson_rate_that_underflows_costs_a_finite_amount():
    residual = LOSSES["poisson"].residual((1, 1, 1), np.dtype(float))
    delta = np.empty((1, 1, 1))
    value = residual(np.full((1, 1, 1), -1e4), np.array([[7.0]]), np.array(1.0), delta)
    assert value[0] == pytest.approx(7 * 708, rel=0.01)
    assert delta[0, 0, 0] == -7.0


@pytest.mark.parametrize("name", ["log_loss", "binary_log_loss"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_wrong_certainty_costs_no_more_than_that_of_eps(name, dtype):
    shape = (1, 2, 1)
    Z, Y = np.array([[[1e4], [-1e4]]], dtype), np.array([[0.0], [1.0]], dtype)
    residual = LOSSES[name].residual(shape, Z.dtype)
    delta = np.empty(shape, dtype)
    with np.errstate(over="ignore"):
        value = residual(Z, Y, np.array(1.0, dtype), delta)
    each = -np.log(np.finfo(dtype).eps)
    assert value[0] == pytest.approx(each if name == "log_loss" else 2 * each)
    np.testing.assert_allclose(delta[0, :, 0], [1.0, -1.0])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss", [*LOSSES.values(), huber(0.2), quantile([0.2])], ids=lambda loss: loss.name
)
def test_the_best_constant_is_the_best(loss, weighted, rng):
    Y = targets(loss.name, M, OUTPUTS, rng)
    weights = rng.rand(M) if weighted else None
    best = loss.constant(Y, weights)
    scale = np.ones(M) if weights is None else weights

    def J(constant):
        A = np.repeat(constant[np.newaxis, :, np.newaxis], M, axis=2)
        return loss.functions(A.shape, A.dtype)[0](A, Y.T, scale)[0]

    for step in (-1e-3, 1e-3):
        for output in range(OUTPUTS):
            other = best.copy()
            other[output] += step
            if loss.name == "log_loss":
                other /= other.sum()
            assert J(best) <= J(other) + 1e-9


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_the_best_constant_of_huber_at_any_scale(scale):
    y = np.random.RandomState(0).exponential(1, (200, 1))
    one = huber(1.35).constant(y, None)
    np.testing.assert_allclose(
        huber(1.35 * scale).constant(y * scale, None), one * scale, rtol=1e-6
    )


def test_quantiles_have_levels_of_their_own(rng):
    Y = np.repeat(rng.standard_normal((1001, 1)), 3, axis=1)
    constant = quantile([0.1, 0.5, 0.9]).constant(Y, None)
    np.testing.assert_allclose(constant, np.quantile(Y[:, 0], [0.1, 0.5, 0.9]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "output"), LOSS_AND_OUTPUT)
def test_extreme_raw_outputs_give_finite_residuals(name, output, dtype, rng):
    shape = (1, 3, 4)
    Z = np.array([-1e4, -90.0, 50.0, 1e4], dtype) * np.ones((1, 3, 1), dtype)
    if output == "exp":
        Z = np.minimum(Z, 50.0).astype(dtype)
    Y = np.ascontiguousarray(targets(name, 4, 3, rng).T.astype(dtype))
    delta = np.empty(shape, dtype)
    residual = LOSSES[name].through(output).residual(shape, np.dtype(dtype))
    with np.errstate(over="ignore"):
        value = residual(Z, Y, np.array(1.0, dtype), delta)
    # A squared exp(50) overflows float32, as it must.
    if not (output == "exp" and dtype == np.float32):
        assert np.isfinite(delta).all()
        assert np.isfinite(value).all()
