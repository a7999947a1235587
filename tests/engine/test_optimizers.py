"""Every optimizer against its formula, written plainly."""

import numpy as np
import pytest

from skbp.engine import arrays
from skbp.engine.optimizers import OPTIMIZERS
from tests.catalogue import ALL_OPTIMIZERS

K, P = 3, 23


def plain_sgd(theta, gradients, rate, momentum=0.9, nesterovs_momentum=True):
    velocity = np.zeros_like(theta)
    for grad in gradients:
        velocity = momentum * velocity - rate * grad
        step = momentum * velocity - rate * grad if nesterovs_momentum else velocity
        theta = theta + step
    return theta


def plain_adam(theta, gradients, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, grad in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * grad
        v = beta_2 * v + (1 - beta_2) * grad**2
        corrected = rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        theta = theta - corrected * m / (np.sqrt(v) + epsilon)
    return theta


PLAIN = {"sgd": plain_sgd, "adam": plain_adam}
column = np.array([[0.0], [0.5], [0.9]])
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.0}),
    ("sgd", {"nesterovs_momentum": False}),
    ("sgd", {"momentum": column}),
    ("adam", {}),
    ("adam", {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 0.1}),
    ("adam", {"beta_1": column, "beta_2": column, "epsilon": column + 1e-3}),
]


def run(name, theta, gradients, rate, state=None, **numbers):
    theta, grad = theta.copy(), np.empty_like(theta)
    optimizer = OPTIMIZERS[name](theta, grad, state=state, **numbers)
    for gradient in gradients:
        grad[:] = gradient
        optimizer.step(rate)
    return theta, optimizer.state()


@pytest.fixture
def theta():
    return np.random.RandomState(0).standard_normal((K, P))


@pytest.fixture
def gradients():
    return np.random.RandomState(1).standard_normal((7, K, P))


def test_every_optimizer_is_tried():
    assert {name for name, _ in CASES} == set(ALL_OPTIMIZERS) == set(PLAIN)


@pytest.mark.parametrize("rate", [0.1, 0.1 + column], ids=["one rate", "K rates"])
@pytest.mark.parametrize(("name", "numbers"), CASES)
def test_steps_are_those_of_the_formula(name, numbers, rate, theta, gradients):
    actual, _ = run(name, theta, gradients, rate, **numbers)
    expected = PLAIN[name](theta, gradients, rate, **numbers)
    np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize(("name", "numbers"), CASES)
def test_float32_stays_float32(name, numbers, theta, gradients):
    single = run(name, theta.astype(np.float32), gradients, 0.1 + column, **numbers)[0]
    assert single.dtype == np.float32
    expected = PLAIN[name](theta, gradients, 0.1 + column, **numbers)
    np.testing.assert_allclose(single, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", ALL_OPTIMIZERS)
def test_a_run_goes_on_from_its_state(name, theta, gradients):
    whole, _ = run(name, theta, gradients, 0.1)
    half, state = run(name, theta, gradients[:3], 0.1)
    resumed, _ = run(name, half, gradients[3:], 0.1, state=state)
    np.testing.assert_allclose(resumed, whole, rtol=1e-13)
    assert all(isinstance(value, np.ndarray | int) for value in state.values())


@pytest.mark.parametrize("name", ALL_OPTIMIZERS)
def test_chunks_change_nothing(name, theta, gradients, monkeypatch):
    expected, _ = run(name, theta, gradients, 0.1)
    monkeypatch.setattr(arrays, "CHUNK", 4 * K)
    np.testing.assert_array_equal(run(name, theta, gradients, 0.1)[0], expected)
