"""J and its gradient, against numeric derivatives and against J computed plainly."""

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from skbp.engine import arrays
from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import BLOCK
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network, predict
from skbp.engine.objective import Objective
from skbp.engine.samples import Samples
from tests.catalogue import (
    HIDDEN_ACTIVATIONS,
    LOSS_AND_OUTPUT,
    make_network,
    random_theta,
    targets,
)

N, FEATURES, OUTPUTS = 17, 4, 3
ALPHA = 0.7
DEPTHS = [(), (5,), (5, 4, 3)]


def problem(loss, hidden, activation, K, weighted, dtype=np.float64, seed=0):
    rng = np.random.RandomState(seed)
    network = make_network(FEATURES, hidden, OUTPUTS, activation)
    X = rng.standard_normal((N, FEATURES)).astype(dtype)
    Y = targets(loss, N, OUTPUTS, rng).astype(dtype)
    weights = rng.rand(N).astype(dtype) if weighted else None
    theta = random_theta(network, K, rng, dtype)
    return network, Samples(X, Y, weights), theta


def numeric_slope(J, theta, direction, h=1e-6):
    return (J(theta + h * direction) - J(theta - h * direction)) / (2 * h)


@pytest.mark.parametrize(
    ("loss", "output"), [pair for pair in LOSS_AND_OUTPUT if pair[1] != "softmax"]
)
def test_weights_of_targets(loss, output):
    """J is linear in the weights, its gradient is exact, and weight 0 is nothing."""
    network, samples, theta = problem(loss, (5,), "tanh", 2, weighted=False)
    rng, ends = np.random.RandomState(1), slice(0, N)
    weights = rng.rand(N, OUTPUTS) * (rng.rand(N, OUTPUTS) > 0.3)

    def objective(Y, weights, theta=theta):
        data = Samples(samples.X, Y, weights)
        return Objective(network, LOSSES[loss].through(output), data, 0.0, theta)

    whole = objective(samples.Y, weights)
    J, m = whole(ends)
    assert m == pytest.approx(weights.sum() / OUTPUTS)
    total, grad = np.zeros_like(J), np.zeros_like(whole.grad)
    for column in np.eye(OUTPUTS):
        # The others are known no more, and may be anything.
        other = np.where(column * weights > 0.0, samples.Y, samples.Y.mean(axis=0))
        part = objective(other, weights * column)
        J_part, m_part = part(ends)
        total += J_part * m_part
        grad += part.grad * m_part
    np.testing.assert_allclose(total, J * m)
    np.testing.assert_allclose(grad, whole.grad * m, rtol=1e-9, atol=1e-12)
    direction = rng.standard_normal(theta.shape)
    slope = numeric_slope(
        lambda at: objective(samples.Y, weights, at)(ends)[0], theta, direction
    )
    expected = (whole.grad * direction).sum(axis=1)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("K", [1, 3])
@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize(
    ("activation", "loss", "output"),
    [
        *(
            (a, loss, LOSSES[loss].outputs[0])
            for a in HIDDEN_ACTIVATIONS
            for loss in LOSSES
        ),
        *(("tanh", loss, output) for loss, output in LOSS_AND_OUTPUT),
    ],
)
def test_gradient_is_the_numeric_derivative(
    loss, output, activation, hidden, K, weighted
):
    network, samples, theta = problem(loss, hidden, activation, K, weighted)
    alpha = ALPHA if K == 1 else np.linspace(0.0, 2.0, K)[:, np.newaxis]

    def J(at):
        objective = Objective(network, LOSSES[loss].through(output), samples, alpha, at)
        return objective(slice(0, N))[0]

    objective = Objective(network, LOSSES[loss].through(output), samples, alpha, theta)
    objective(slice(0, N))
    rng = np.random.RandomState(1)
    for _ in range(3):
        direction = rng.standard_normal(theta.shape)
        np.testing.assert_allclose(
            (objective.grad * direction).sum(axis=1),
            numeric_slope(J, theta, direction),
            rtol=2e-6,
            atol=1e-8,
        )


@pytest.mark.parametrize("hidden", DEPTHS)
@pytest.mark.parametrize(("loss", "output"), LOSS_AND_OUTPUT)
def test_float32_agrees_with_float64(loss, output, hidden):
    gradients, values = [], []
    for dtype in (np.float32, np.float64):
        network, samples, theta = problem(loss, hidden, "tanh", 2, True, dtype)
        objective = Objective(
            network, LOSSES[loss].through(output), samples, ALPHA, theta
        )
        values.append(objective(slice(0, N))[0])
        gradients.append(objective.grad)
    assert gradients[0].dtype == np.float32
    np.testing.assert_allclose(*values, rtol=1e-5)
    scale = np.abs(gradients[1]).max()
    np.testing.assert_allclose(*gradients, atol=1e-5 * scale)


def test_activations_may_differ_from_layer_to_layer():
    network = Network((FEATURES, 5, 4, OUTPUTS), ("relu", "logistic"))
    rng = np.random.RandomState(0)
    samples = Samples(
        rng.standard_normal((N, FEATURES)), rng.standard_normal((N, OUTPUTS))
    )
    theta = random_theta(network, 1, rng)
    loss, direction = LOSSES["squared_error"], rng.standard_normal(theta.shape)
    objective = Objective(network, loss, samples, ALPHA, theta)
    objective(slice(0, N))
    numeric = numeric_slope(
        lambda at: Objective(network, loss, samples, ALPHA, at)(slice(0, N))[0],
        theta,
        direction,
    )
    assert (objective.grad * direction).sum() == pytest.approx(numeric[0], rel=1e-6)


def test_value_is_the_formula():
    network, samples, theta = problem("squared_error", (5, 4), "tanh", 2, True)
    J, m = Objective(network, LOSSES["squared_error"], samples, ALPHA, theta)(
        slice(0, N)
    )
    W, b = network.split(theta)
    for k in range(2):
        A = samples.X.T
        for l in (1, 2):
            A = np.tanh(W[l][k] @ A + b[l][k])
        error = W[3][k] @ A + b[3][k] - samples.Y.T
        loss = (samples.weights * (0.5 * error**2).sum(axis=0)).sum()
        penalty = sum((W[l][k] ** 2).sum() for l in (1, 2, 3))
        expected = (loss + 0.5 * ALPHA * penalty) / samples.weights.sum()
        assert J[k] == pytest.approx(expected, rel=1e-13)
    assert m == pytest.approx(samples.weights.sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_many_samples_are_summed_by_blocks(weighted):
    n = 2 * BLOCK + 300
    rng = np.random.RandomState(0)
    network = make_network(FEATURES, (5,), OUTPUTS, "relu")
    X, Y = rng.standard_normal((n, FEATURES)), rng.standard_normal((n, OUTPUTS))
    weights = rng.rand(n) if weighted else None
    theta = random_theta(network, 2, rng)

    def evaluate(samples, rows):
        objective = Objective(network, LOSSES["squared_error"], samples, ALPHA, theta)
        return *objective(rows), objective.grad.copy()

    order = rng.permutation(n)
    whole = evaluate(Samples(X, Y, weights), slice(0, n))
    shuffled = evaluate(Samples(X, Y, weights), order)
    sparse = evaluate(Samples(scipy.sparse.csr_array(X), Y, weights), order)
    total = n if weights is None else weights.sum()
    parts = [slice(start, min(start + 500, n)) for start in range(0, n, 500)]
    J, gradient = 0.0, 0.0
    for part in parts:
        J_part, m, gradient_part = evaluate(
            Samples(X[part], Y[part], None if weights is None else weights[part]),
            slice(0, part.stop - part.start),
        )
        penalty = 0.5 * ALPHA / m * (theta[:, : network.n_weights] ** 2).sum(axis=1)
        J = J + m / total * (J_part - penalty)
        decay = np.zeros_like(theta)
        decay[:, : network.n_weights] = ALPHA / m * theta[:, : network.n_weights]
        gradient = gradient + m / total * (gradient_part - decay)
    J = J + 0.5 * ALPHA / total * (theta[:, : network.n_weights] ** 2).sum(axis=1)
    gradient[:, : network.n_weights] += ALPHA / total * theta[:, : network.n_weights]
    for J_n, m_n, gradient_n in (whole, shuffled, sparse):
        assert m_n == pytest.approx(total)
        np.testing.assert_allclose(J_n, J, rtol=1e-12)
        np.testing.assert_allclose(gradient_n, gradient, rtol=1e-9, atol=1e-13)


def test_the_penalty_is_taken_in_chunks(monkeypatch):
    network, samples, theta = problem("squared_error", (9, 8), "tanh", 2, False)
    objectives = [Objective(network, LOSSES["squared_error"], samples, ALPHA, theta)]
    monkeypatch.setattr(arrays, "CHUNK", 20)
    objectives.append(
        Objective(network, LOSSES["squared_error"], samples, ALPHA, theta)
    )
    (J, _), (J_chunks, _) = (objective(slice(0, N)) for objective in objectives)
    assert len(objectives[1]._chunks) > len(objectives[0]._chunks) == 1
    np.testing.assert_allclose(J, J_chunks, rtol=1e-14)
    np.testing.assert_allclose(objectives[0].grad, objectives[1].grad, rtol=1e-12)


def test_a_batch_without_weight_has_no_gradient():
    network, samples, theta = problem("squared_error", (5,), "tanh", 2, True)
    samples.weights[:4] = 0.0
    objective = Objective(network, LOSSES["squared_error"], samples, ALPHA, theta)
    J, m = objective(slice(0, 4))
    assert m == 0
    assert (J == 0).all()


@given(
    n=st.integers(1, 40),
    features=st.integers(1, 6),
    hidden=st.lists(st.integers(1, 7), max_size=3),
    outputs=st.integers(1, 4),
    K=st.integers(1, 3),
    activation=st.sampled_from(["identity", "logistic", "tanh", "relu"]),
    sparse=st.booleans(),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_any_shape(n, features, hidden, outputs, K, activation, sparse, seed):
    """The engine agrees with the documents' equations written out for one sample."""
    rng = np.random.RandomState(seed)
    network = make_network(features, hidden, outputs, activation)
    X, Y = rng.standard_normal((n, features)), rng.standard_normal((n, outputs))
    theta = random_theta(network, K, rng)
    W, b = network.split(theta)
    A = scipy.sparse.csr_matrix(X) if sparse else X
    objective = Objective(network, LOSSES["squared_error"], Samples(A, Y), 0.0, theta)
    objective(slice(0, n))
    dW, db = network.split(objective.grad)
    outputs_ = predict(network, W, b, A)
    f = {"identity": lambda z: z, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}
    f["logistic"] = lambda z: 1 / (1 + np.exp(-z))
    slope = {
        "identity": np.ones_like,
        "tanh": lambda a: 1 - a**2,
        "relu": lambda a: (a > 0).astype(float),
        "logistic": lambda a: a * (1 - a),
    }[activation]
    L = network.n_layers
    for k in range(K):
        sums = [(0.0, 0.0)] * (L + 1)
        for x, y, predicted in zip(X, Y, outputs_[k], strict=True):
            a = [x[:, np.newaxis]]
            for l in range(1, L + 1):
                z = W[l][k] @ a[-1] + b[l][k]
                a.append(f[activation](z) if l < L else z)
            np.testing.assert_allclose(predicted, a[-1][:, 0], rtol=1e-9, atol=1e-12)
            delta = a[L] - y[:, np.newaxis]
            for l in range(L, 0, -1):
                sums[l] = (sums[l][0] + delta @ a[l - 1].T, sums[l][1] + delta)
                delta = (W[l][k].T @ delta) * slope(a[l - 1]) if l > 1 else delta
        for l in range(1, L + 1):
            np.testing.assert_allclose(dW[l][k], sums[l][0] / n, rtol=1e-8, atol=1e-12)
            np.testing.assert_allclose(db[l][k], sums[l][1] / n, rtol=1e-8, atol=1e-12)


def test_predictions_are_those_of_one_pass():
    n = BLOCK + 100
    rng = np.random.RandomState(0)
    network = make_network(FEATURES, (6, 5), OUTPUTS, "tanh")
    W, b = network.split(random_theta(network, 2, rng))
    X = rng.standard_normal((n, FEATURES))
    A = X.T
    for l in (1, 2):
        A = np.tanh(W[l] @ A + b[l])
    Z = (W[3] @ A + b[3]).mT
    np.testing.assert_allclose(predict(network, W, b, X), Z, rtol=1e-12)
    P = np.exp(Z) / np.exp(Z).sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        predict(network, W, b, X, ACTIVATIONS["softmax"]), P, rtol=1e-12
    )
    assert predict(network, W, b, X[:0]).shape == (2, 0, OUTPUTS)


def test_a_network_refuses_activations_that_do_not_match_its_layers():
    with pytest.raises(ValueError, match="2 hidden layers, but units has 1"):
        Network((4, 3, 2), ("relu", "tanh"))
