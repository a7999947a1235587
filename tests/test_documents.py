"""The five documents' networks, trained by the estimators to the documents' figures.

A: a deep network for soft targets. The document prints its cost.
B: a derivation for any depth and any activation in each layer, without figures.
C: two two-layer networks, without biases and with softmax on a spiral. The figures were
   computed by the document's program in float64, with a seed of ours.
D: squared error through logistic outputs, with weight decay, without figures.
E: a small network with given weights. The figures were computed by the document's
   program in float64: as it derives gradient descent, and as it is printed.

``docs/documents.md`` has the documents' symbols and their mistakes.
"""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, BPRegressor

#: Full batches, plain gradient descent, no stopping before max_iter.
PLAIN = {
    "solver": "sgd",
    "momentum": 0.0,
    "alpha": 0.0,
    "batch_size": "full",
    "tol": 0.0,
    "n_iter_no_change": np.inf,
}


def trained(estimator, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


#: The cost that document A prints every 100 iterations.
PRINTED = [
    0.69301356,
    0.69204859,
    0.68890952,
    0.66534268,
    0.63627974,
    0.59864491,
    0.57399670,
    0.55455259,
    0.53362871,
    0.52812387,
    0.52214822,
    0.50656239,
    0.51940142,
    0.51177312,
    0.50393255,
    0.50938580,
    0.54099861,
    0.51454733,
    0.50515268,
    0.50401095,
]


#: What the document's program computes in 2000 steps: parameters of the upper layers,
#: and the 200 predictions.
W4 = [-0.07163096, -0.1259331, -0.07865121, 0.20871752, 0.22302656]
B2 = [
    2.42649185e-03,
    3.00505761e-03,
    1.67293234e-03,
    1.16826608e-05,
    1.50744262e-03,
    5.76163824e-04,
    2.18044184e-04,
]
B3 = [-0.00070068, -0.00508723, -0.00617541, 0.00928946, 0.00257481]
B4 = [0.05181475]
PREDICTED = """
11100100011011110000101100001100110011001111110001
11100010110110011001111110111101010001100100001100
01100010011110110110001100101110001100011010001001
00010000001111011110100001100101001111011110010101
"""


def data_of_a():
    rng = np.random.RandomState(1)
    return rng.rand(12288, 200), rng.rand(1, 200)


def network_a(**options):
    # From seed 10 the initialisers draw the document's own weights.
    return BPRegressor(
        (20, 7, 5),
        loss="log_loss",
        init=("he_normal", "he_normal", "he_normal", "small_normal"),
        random_state=10,
        learning_rate_init=0.01,
        **{**PLAIN, **options},
    )


def program_a(X, Y, steps, penalty=0.0, he=lambda n: np.sqrt(2 / n)):
    """Return the costs and the parameters of the document's program, written anew."""
    units, m = (len(X), 20, 7, 5, 1), X.shape[1]
    L, rng = len(units) - 1, np.random.RandomState(10)
    W, b, Z, A = ([None] * (L + 1) for _ in range(4))
    for l in range(1, L + 1):
        W[l] = rng.randn(units[l], units[l - 1])
        W[l] *= he(units[l - 1]) if l < L else 0.01
        b[l] = np.zeros((units[l], 1))
    A[0], costs = X, []
    for _ in range(steps):
        for l in range(1, L + 1):
            Z[l] = W[l] @ A[l - 1] + b[l]
            A[l] = np.maximum(0, Z[l]) if l < L else 1 / (1 + np.exp(-Z[l]))
        loss = -(np.log(A[L]) @ Y.T + np.log(1 - A[L]) @ (1 - Y).T).item() / m
        costs.append(loss + penalty / (2 * m) * sum((W_l**2).sum() for W_l in W[1:]))
        dA = (1 - Y) / (1 - A[L]) - Y / A[L]
        for l in range(L, 0, -1):
            dz = dA * (A[L] * (1 - A[L]) if l == L else Z[l] > 0)
            dA = W[l].T @ dz
            W[l] = W[l] - 0.01 * (dz @ A[l - 1].T + penalty * W[l]) / m
            b[l] = b[l] - 0.01 * dz.sum(axis=1, keepdims=True) / m
    return costs, W[1:], b[1:]


def test_document_a_prints_this_cost():
    X, Y = data_of_a()
    network = trained(network_a(max_iter=2000), X.T, Y[0])
    assert [round(J, 8) for J in network.loss_curve_[::100]] == PRINTED
    assert network.out_activation_ == "logistic"
    outputs = network.predict(X.T)
    assert ((outputs > 0) & (outputs < 1)).all()
    np.testing.assert_allclose(network.coefs_[3][:, 0], W4, atol=6e-9)
    for ours, theirs in zip(network.intercepts_[1:], (B2, B3, B4), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=6e-9)
    predicted = "".join(str(int(output > 0.5)) for output in outputs)
    assert predicted == "".join(PREDICTED.split())


@pytest.mark.parametrize("penalty", [0.0, 30.0])
def test_document_a_with_any_penalty(penalty):
    """The penalty of the program, lambda / (2m) |W|², is alpha."""
    X, Y = data_of_a()
    X = X[:500]
    costs, W, b = program_a(X, Y, steps=300, penalty=penalty)
    network = trained(network_a(max_iter=300, alpha=penalty), X.T, Y[0])
    np.testing.assert_allclose(network.loss_curve_, costs, rtol=1e-12)
    for ours, theirs in zip(network.coefs_, W, strict=True):
        np.testing.assert_allclose(ours, theirs.T, rtol=1e-9, atol=1e-14)
    for ours, theirs in zip(network.intercepts_, b, strict=True):
        np.testing.assert_allclose(ours, theirs[:, 0], rtol=1e-9, atol=1e-14)


def test_document_a_with_the_printed_initial_weights_diverges():
    X, Y = data_of_a()
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        costs, _, _ = program_a(X, Y, steps=3, he=lambda n: np.sqrt(2))
    assert costs[0] == pytest.approx(10.403391634465248)
    assert costs[1] == np.inf
    assert np.isnan(costs[2])


def test_document_a_saturated():
    """Both factors of the residual fail where an output is 1; the product does not."""
    a, y = 1 / (1 + np.exp(-40.0)), 0.3
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan(((1 - y) / (1 - a) - y / a) * a * (1 - a))
    network = BPRegressor(
        (), loss="log_loss", coefs_init=[[[40.0]]], intercepts_init=[[0.0]], max_iter=1
    )
    trained(network, [[1.0]], [0.3])
    network.coefs_[0][:], network.intercepts_[0][:] = 40.0, 0.0
    assert network.residuals([[1.0]], [y])[0].item() == 0.7


@pytest.mark.parametrize("m", [1, 7])
@pytest.mark.parametrize(
    "activation",
    [("tanh", "relu"), ("logistic", "identity", "tanh"), ("relu",) * 5, ()],
)
def test_document_b_any_activation_in_any_layer_at_any_depth(activation, m):
    """Each gradient component is the difference quotient of J."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((m, 3)), rng.standard_normal((m, 2))
    sizes = tuple(range(4, 4 + len(activation)))
    network = BPRegressor(sizes, activation, max_iter=1, alpha=0.3, random_state=0)
    trained(network, X, y)
    gradients = network.gradients(X, y)
    h = 1e-6
    for parameters, gradient in zip(
        (network.coefs_, network.intercepts_), gradients, strict=True
    ):
        for array, slopes in zip(parameters, gradient, strict=True):
            assert array.shape == slopes.shape
            for place in np.ndindex(array.shape):
                at = array[place]
                array[place] = at + h
                above = network.cost(X, y).J
                array[place] = at - h
                below = network.cost(X, y).J
                array[place] = at
                assert slopes[place] == pytest.approx(
                    (above - below) / (2 * h), rel=1e-5, abs=1e-8
                )


def test_document_c1_a_network_without_biases():
    rng = np.random.RandomState(0)
    n, features, hidden, outputs = 64, 1000, 100, 10
    X, y = rng.standard_normal((n, features)), rng.standard_normal((n, outputs))
    W1 = rng.standard_normal((features, hidden))
    W2 = rng.standard_normal((hidden, outputs))
    network = BPRegressor(
        hidden,
        fit_intercept=False,
        coefs_init=[W1, W2],
        # The document's loss is the sum of (ŷ - y)², 2n times J.
        learning_rate_init=2 * n * 1e-6,
        max_iter=500,
        **PLAIN,
    )
    trained(network, X, y)
    loss = 2 * n * np.array(network.loss_curve_)
    assert loss[0] == pytest.approx(26365524.193454307, rel=1e-8)
    assert loss[1] == pytest.approx(18539004.956771437, rel=1e-8)
    assert loss[99] == pytest.approx(876.6381833972041, rel=1e-8)
    assert loss[499] == pytest.approx(6.947019049377543e-05, rel=1e-8)
    assert not any(b.any() for b in network.intercepts_)


def spiral(rng, n=100, classes=3):
    """Return document C2's points, class after class."""
    points = []
    for j in range(classes):
        r = np.linspace(0, 1, n)
        t = np.linspace(4 * j, 4 * (j + 1), n) + rng.standard_normal(n) * 0.2
        points.append(np.c_[r * np.sin(t), r * np.cos(t)])
    return np.concatenate(points), np.repeat(np.arange(classes), n)


def test_document_c2_softmax_on_the_spiral():
    rng = np.random.RandomState(0)
    X, y = spiral(rng)
    coefs = [
        0.01 * rng.standard_normal((2, 100)),
        0.01 * rng.standard_normal((100, 3)),
    ]
    options = {
        "coefs_init": coefs,
        "learning_rate_init": 1.0,
        **PLAIN,
        # The document's penalty is 1e-3 / 2 |W|², ours alpha / (2m) |W|².
        "alpha": 1e-3 * len(y),
    }
    network = trained(BPClassifier(max_iter=10001, **options), X, y)
    curve = network.loss_curve_
    assert curve[0] == pytest.approx(1.0987647090609556, rel=1e-8)
    assert curve[1000] == pytest.approx(0.2922783350038134, rel=1e-8)
    assert curve[2000] == pytest.approx(0.2565879365770195, rel=1e-8)
    assert curve[5000] == pytest.approx(0.24566682668836715, rel=1e-8)
    # From about iteration 5100 on a rounding error decides on which side of ReLU's kink
    # a unit goes: the document's own program, with the samples in another order or one
    # weight changed by 1e-15, differs from itself by up to 3e-5.
    assert curve[10000] == pytest.approx(0.2450329442821419, rel=5e-5)
    assert round(network.score(X, y), 2) == 0.98
    later = trained(BPClassifier(max_iter=4000, **options), X, y)
    assert round(later.score(X, y), 2) == 0.98
    early = trained(BPClassifier(max_iter=1000, **options), X, y)
    assert round(early.score(X, y), 2) == 0.92


@pytest.mark.parametrize("batch_size", [1, 7, "full"])
def test_document_d_weight_decay_whatever_the_batch(batch_size):
    """W := W - rate ((1/K) sum of gradients + lambda W), b without lambda."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((21, 3)), rng.randint(2, size=21)
    rate, decay = 0.3, 0.05
    coefs = [rng.standard_normal((3, 4)), rng.standard_normal((4, 1))]
    intercepts = [rng.standard_normal(4), rng.standard_normal(1)]
    network = BPClassifier(
        4,
        "logistic",
        loss="squared_error",
        output_activation="logistic",
        coefs_init=coefs,
        intercepts_init=intercepts,
        weight_decay=decay,
        learning_rate_init=rate,
        shuffle=False,
        max_iter=3,
        **{**PLAIN, "batch_size": batch_size},
    )
    trained(network, X, y)

    def h(z):
        return 1 / (1 + np.exp(-z))

    (W1, W2), (b1, b2) = [W.T.copy() for W in coefs], [b.copy() for b in intercepts]
    size = 21 if batch_size == "full" else batch_size
    for _ in range(3):
        for start in range(0, 21, size):
            x, t = X[start : start + size].T, y[start : start + size]
            m = x.shape[1]
            a1 = h(W1 @ x + b1[:, np.newaxis])
            a2 = h(W2 @ a1 + b2[:, np.newaxis])
            delta2 = -(t - a2) * a2 * (1 - a2)
            delta1 = (W2.T @ delta2) * a1 * (1 - a1)
            W1 -= rate * (delta1 @ x.T / m + decay * W1)
            W2 -= rate * (delta2 @ a1.T / m + decay * W2)
            b1 -= rate * delta1.mean(axis=1)
            b2 -= rate * delta2.mean(axis=1)
    for ours, theirs in zip(
        [*network.coefs_, *network.intercepts_], [W1.T, W2.T, b1, b2], strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


#: The document's network: inputs, targets, weights and biases.
X_E = np.array([[0.6, 0.1], [0.3, 0.6]])
Y_E = np.array([[0, 1], [0, 1]])
W_E = [
    np.array([[0.4, 0.3, 0.6], [0.3, 0.4, 0.2]]),
    np.array([[0.2, 0.3], [0.3, 0.4], [0.5, 0.3]]),
]
B_E = [np.array([0.4, 0.1, 0.2]), np.array([0.1, 0.2])]


def program_e(steps, in_place):
    """Return the loss before each step, and the last outputs, of the program.

    After every hundredth step the program thresholds its outputs to show them. Printed
    as it is, it does so ``in_place``, and the next step computes its error from them.
    """

    def sigmoid(y):
        return 1 / (1 + np.exp(-y))

    (w, v), (b_w, b_v), losses = W_E, B_E, []
    for i in range(steps):
        y1 = X_E @ w + b_w
        z1 = sigmoid(y1)
        y2 = z1 @ v + b_v
        z2 = sigmoid(y2)
        outputs = z2.copy()
        losses.append(0.5 * ((z2 - Y_E) ** 2).sum())
        # The document prints after its steps 0, 100, 200 ...
        if i % 100 == 1:
            shown = z2 if in_place else z2.copy()
            shown[shown > 0.5] = 1
            shown[shown < 0.5] = 0
        delta2 = (Y_E - z2) * sigmoid(y2) * (1 - sigmoid(y2))
        delta1 = (delta2 @ v.T) * sigmoid(y1) * (1 - sigmoid(y1))
        v, b_v = v + 0.01 * z1.T @ delta2, b_v + 0.01 * delta2.sum(axis=0)
        w, b_w = w + 0.01 * X_E.T @ delta1, b_w + 0.01 * delta1.sum(axis=0)
    return losses, outputs


def network_e(**options):
    return BPRegressor(
        3,
        "logistic",
        output_activation="logistic",
        coefs_init=W_E,
        intercepts_init=B_E,
        # The document's loss is the sum over both samples, twice J.
        learning_rate_init=2 * 0.01,
        **{**PLAIN, **options},
    )


#: The loss before these steps: of gradient descent, as the document derives it.
DERIVED_E = {
    0: 0.5470772682034466,
    1: 0.5447799710662123,
    100: 0.341036193789046,
    1000: 0.033102767189782806,
    10000: 0.0021897695065399023,
    50000: 0.00037033721054875247,
}
#: The same of the program as it is printed.
PRINTED_E = {
    0: 0.5470772682034466,
    1: 0.5447799710662123,
    2: 0.5418981584210676,
    100: 0.34051887795200647,
    101: 0.33881623543815526,
    1000: 0.033420845751141966,
    10000: 0.0022143647583965477,
    50000: 0.0003743781825818554,
}


def test_document_e_as_derived():
    network = trained(network_e(max_iter=50000), X_E, Y_E)
    loss = 2 * np.array([*network.loss_curve_, network.cost(X_E, Y_E).J])
    for t, expected in DERIVED_E.items():
        assert loss[t] == pytest.approx(expected, rel=1e-8)
    np.testing.assert_allclose(
        network.predict(X_E), [[0.013888, 0.986348], [0.013571, 0.986686]], atol=5e-7
    )


def test_document_e_as_printed():
    """Its outputs are thresholded in place: one step in a hundred is another one."""
    losses, outputs = program_e(50002, in_place=True)
    for t, expected in PRINTED_E.items():
        assert losses[t] == pytest.approx(expected, rel=1e-8)
    # At the last print, after step 50000.
    np.testing.assert_allclose(
        outputs, [[0.013963, 0.986274], [0.013645, 0.986614]], atol=5e-7
    )


def test_document_e_with_a_copy_to_threshold_is_gradient_descent():
    losses, _ = program_e(2000, in_place=False)
    network = trained(network_e(max_iter=2000), X_E, Y_E)
    np.testing.assert_allclose(2 * np.array(network.loss_curve_), losses, rtol=1e-9)


# The dictionaries of docs/documents.md


def test_symbols_of_document_a():
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((6, 9)), rng.rand(1, 9)
    network = trained(
        BPRegressor((5, 4), loss="log_loss", max_iter=1, random_state=0, **PLAIN),
        X.T,
        Y[0],
    )
    param_w = [None, *(W.T for W in network.coefs_)]
    param_b = [None, *(b[:, np.newaxis] for b in network.intercepts_)]
    m, L, activations, prev_activations = 9, 3, [X], [None]
    for l in range(1, L + 1):
        z = param_w[l] @ activations[l - 1] + param_b[l]
        prev_activations.append(z)
        activations.append(np.maximum(0, z) if l < L else 1 / (1 + np.exp(-z)))
    dw, db = network.gradients(X.T, Y[0])
    delta, A = network.residuals(X.T, Y[0]), activations
    dA = (1 - Y) / (1 - A[L]) - Y / A[L]
    for l in range(L, 0, -1):
        dz = dA * (A[L] * (1 - A[L]) if l == L else prev_activations[l] > 0)
        dA = param_w[l].T @ dz
        np.testing.assert_allclose(network.activations(X.T)[l].T, A[l])
        np.testing.assert_allclose(
            network.weighted_inputs(X.T)[l - 1].T, prev_activations[l]
        )
        np.testing.assert_allclose(delta[l - 1].T, dz, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(dw[l - 1].T, dz @ A[l - 1].T / m, atol=1e-15)
        np.testing.assert_allclose(db[l - 1], dz.sum(axis=1) / m, atol=1e-15)


def test_symbols_of_document_c():
    rng = np.random.RandomState(0)
    X, y = spiral(rng, n=10)
    network = BPClassifier((7,), max_iter=1, random_state=0, **PLAIN)
    trained(network, X, y)
    m, Y, (W, W2), (b, b2) = len(X), np.eye(3)[y], network.coefs_, network.intercepts_
    h = X @ W + b
    h_relu = np.maximum(0, h)
    scores = h_relu @ W2 + b2
    P = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    dscores = (P - Y) / m
    np.testing.assert_allclose(network.weighted_inputs(X)[0], h)
    np.testing.assert_allclose(network.activations(X)[1], h_relu)
    np.testing.assert_allclose(network.weighted_inputs(X)[1], scores)
    np.testing.assert_allclose(network.predict_proba(X), P)
    np.testing.assert_allclose(network.residuals(X, y)[1], P - Y)
    dW, db = network.gradients(X, y)
    np.testing.assert_allclose(dW[1], h_relu.T @ dscores, atol=1e-15)
    np.testing.assert_allclose(db[1], dscores.sum(axis=0), atol=1e-15)
    hidden = (dscores @ W2.T) * (h > 0)
    np.testing.assert_allclose(dW[0], X.T @ hidden, atol=1e-15)
    np.testing.assert_allclose(db[0], hidden.sum(axis=0), atol=1e-15)


def test_symbols_of_document_e():
    """Its delta is minus ours, and its gradient that of a sum, times -rate."""
    network = trained(network_e(max_iter=1), X_E, Y_E)
    (w, v), (b_w, b_v) = network.coefs_, network.intercepts_
    y1 = X_E @ w + b_w
    z1 = 1 / (1 + np.exp(-y1))
    y2 = z1 @ v + b_v
    z2 = 1 / (1 + np.exp(-y2))
    delta2 = (Y_E - z2) * z2 * (1 - z2)
    delta1 = (delta2 @ v.T) * z1 * (1 - z1)
    for ours, theirs in (
        (network.weighted_inputs(X_E), (y1, y2)),
        (network.activations(X_E)[1:], (z1, z2)),
        ([-delta for delta in network.residuals(X_E, Y_E)], (delta1, delta2)),
        (
            [-2 * dW for dW in network.gradients(X_E, Y_E)[0]],
            (X_E.T @ delta1, z1.T @ delta2),
        ),
        (
            [-2 * db for db in network.gradients(X_E, Y_E)[1]],
            (delta1.sum(0), delta2.sum(0)),
        ),
    ):
        for one, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10)


def test_document_d_has_its_cost_with_alpha():
    """J = (1/K) sum of ½ |h - y|² + lambda/2 |W|² is that of alpha = lambda K."""
    rng = np.random.RandomState(0)
    X, Y = rng.standard_normal((21, 3)), rng.randint(2, size=(21, 2))
    network = BPRegressor(
        4, "logistic", output_activation="logistic", max_iter=3, random_state=0, **PLAIN
    )
    trained(network, X, Y).set_params(alpha=0.05 * 21)
    J = 0.5 * ((network.predict(X) - Y) ** 2).sum() / 21
    J += 0.05 / 2 * sum((W**2).sum() for W in network.coefs_)
    assert pytest.approx(J, rel=1e-14) == network.cost(X, Y).J
