"""Every optimizer against its formula, written plainly."""

import numpy as np
import pytest

from skbp.engine import arrays
from skbp.engine.solvers.optimizers import OPTIMIZERS, Average
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


def plain_nadam(theta, gradients, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    m, v, product = np.zeros_like(theta), np.zeros_like(theta), 1.0
    for t, grad in enumerate(gradients, start=1):
        mu = beta_1 * (1 - 0.5 * 0.96 ** (0.004 * t))
        mu_next = beta_1 * (1 - 0.5 * 0.96 ** (0.004 * (t + 1)))
        product = product * mu
        m = beta_1 * m + (1 - beta_1) * grad
        v = beta_2 * v + (1 - beta_2) * grad**2
        step = (1 - mu) / (1 - product) * grad + mu_next / (1 - product * mu_next) * m
        theta = theta - rate * step / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
    return theta


def plain_rmsprop(theta, gradients, rate, beta_2=0.999, epsilon=1e-8):
    v = np.zeros_like(theta)
    for grad in gradients:
        v = beta_2 * v + (1 - beta_2) * grad**2
        theta = theta - rate * grad / (np.sqrt(v) + epsilon)
    return theta


def plain_rprop(theta, gradients, rate):
    """Element by element, as the paper has it; J falls, so no step is taken back."""
    theta, gradients = theta.copy(), np.array(gradients)
    for k, p in np.ndindex(theta.shape):
        length, before = float(np.broadcast_to(rate, (K, 1))[k, 0]), 0.0
        for grad in gradients[:, k, p]:
            if before * grad > 0:
                length = min(1.2 * length, 50.0)
            elif before * grad < 0:
                length, grad = max(0.5 * length, 1e-6), 0.0
            theta[k, p] -= np.sign(grad) * length
            before = grad
    return theta


PLAIN = {
    "sgd": plain_sgd,
    "adam": plain_adam,
    "nadam": plain_nadam,
    "rmsprop": plain_rmsprop,
    "rprop": plain_rprop,
}
column = np.array([[0.0], [0.5], [0.9]])
CASES = [
    ("sgd", {}),
    ("sgd", {"momentum": 0.0}),
    ("sgd", {"nesterovs_momentum": False}),
    ("sgd", {"momentum": column}),
    ("adam", {}),
    ("adam", {"beta_1": 0.0, "beta_2": 0.0, "epsilon": 0.1}),
    ("adam", {"beta_1": column, "beta_2": column, "epsilon": column + 1e-3}),
    ("nadam", {}),
    ("nadam", {"beta_1": column, "beta_2": column, "epsilon": column + 1e-3}),
    ("rmsprop", {}),
    ("rmsprop", {"beta_2": column, "epsilon": column + 1e-3}),
    ("rprop", {}),
]


def run(name, theta, gradients, rate, state=None, first=1, **numbers):
    theta, grad = theta.copy(), np.empty_like(theta)
    optimizer = OPTIMIZERS[name](theta, grad, state=state, **numbers)
    for t, gradient in enumerate(gradients, start=first):
        grad[:] = gradient
        optimizer.step(rate, np.full(len(theta), 1.0 / t))
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
    resumed, _ = run(name, half, gradients[3:], 0.1, state=state, first=4)
    assert state.keys() == OPTIMIZERS[name](theta, theta.copy()).state().keys()
    np.testing.assert_allclose(resumed, whole, rtol=1e-13)
    assert all(isinstance(value, np.ndarray | int | float) for value in state.values())


def test_rprop_takes_a_step_back_where_J_has_risen():
    theta, grad = np.zeros((2, 1)), np.empty((2, 1))
    optimizer = OPTIMIZERS["rprop"](theta, grad)
    costs = [[1.0, 1.0], [0.5, 2.0], [0.4, 0.9]]
    for gradient, J in zip([-1.0, 1.0, 1.0], costs, strict=True):
        grad[:] = gradient
        optimizer.step(0.1, np.array(J))
        if gradient == -1.0:
            np.testing.assert_allclose(theta, 0.1)
    # The first network stayed, the second went back; then both went 0.05 down.
    np.testing.assert_allclose(theta, [[0.05], [-0.05]])


def test_the_average_is_that_of_the_formula(theta):
    points = np.random.RandomState(2).standard_normal((6, K, P))
    decay, moving = column, theta.copy()
    average = Average(moving, decay)
    for point in points:
        moving[:] = point
        average.update()
    weights = (1 - decay) * decay ** np.arange(5, -1, -1)
    expected = np.einsum("kt,tkp->kp", weights, points)
    expected /= weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(average.value(), expected, rtol=1e-12)
    again = Average(moving, decay, state=average.state())
    np.testing.assert_array_equal(again.value(), average.value())


@pytest.mark.parametrize("name", ALL_OPTIMIZERS)
def test_chunks_change_nothing(name, theta, gradients, monkeypatch):
    expected, _ = run(name, theta, gradients, 0.1)
    monkeypatch.setattr(arrays, "CHUNK", 4 * K)
    np.testing.assert_array_equal(run(name, theta, gradients, 0.1)[0], expected)


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop", "sgd"])
def test_gradients_of_zero_leave_no_subnormal_numbers(name):
    """Units that are never active have such gradients, in long trainings, too."""
    theta = np.ones((K, P), np.float32)
    grad = np.full((K, P), 0.1, np.float32)
    optimizer = OPTIMIZERS[name](theta, grad)
    for _ in range(3000):
        optimizer.step(1e-4, np.zeros(K))
        grad[:] = 0.0
        means = [v for v in optimizer.state().values() if isinstance(v, np.ndarray)]
        for small in map(np.abs, means):
            assert not ((small > 0.0) & (small < np.finfo(np.float32).tiny)).any()


@pytest.mark.parametrize("name", ["adam", "nadam", "rmsprop"])
@pytest.mark.parametrize("after", [1e-20, 0.0])
def test_tiny_gradients_count_where_epsilon_is_tiny_too(name, after):
    """The steps are those of the formula, whatever the scale of the gradients is."""
    plain = {"adam": plain_adam, "nadam": plain_nadam, "rmsprop": plain_rmsprop}[name]
    theta = np.zeros((K, P))
    gradients = [np.full((K, P), 1e-20)] + [np.full((K, P), after)] * 119
    expected = plain(theta, gradients, 1e-3, epsilon=1e-30)
    grad = np.zeros_like(theta)
    optimizer = OPTIMIZERS[name](theta, grad, epsilon=1e-30)
    for gradient in gradients:
        grad[:] = gradient
        optimizer.step(1e-3, np.zeros(K))
    np.testing.assert_allclose(theta, expected, rtol=1e-9)
