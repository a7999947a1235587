"""The five documents' networks, trained by the estimators to the documents' figures.

A: a deep network for soft targets, with the cost curve that the document prints.
B: a derivation for any depth and any activation in each layer.
C: two two-layer networks, without biases and with softmax on a spiral.
D: squared error through logistic outputs, with weight decay.
E: a small network with given weights.

The figures of C and E were computed by the documents' own programs in float64.
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


def test_document_a_prints_this_cost():
    rng = np.random.RandomState(1)
    X, Y = rng.rand(12288, 200), rng.rand(1, 200)
    # From seed 10 the initialisers draw the document's own weights.
    network = BPRegressor(
        (20, 7, 5),
        loss="log_loss",
        init=("he_normal", "he_normal", "he_normal", "small_normal"),
        random_state=10,
        learning_rate_init=0.01,
        max_iter=2000,
        **PLAIN,
    )
    trained(network, X.T, Y[0])
    assert [round(J, 8) for J in network.loss_curve_[::100]] == PRINTED
    assert network.out_activation_ == "logistic"
    outputs = network.predict(X.T)
    assert ((outputs > 0) & (outputs < 1)).all()


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


def test_document_e_two_layers_from_given_weights():
    X, y = [[0.6, 0.1], [0.3, 0.6]], [[0, 1], [0, 1]]
    network = BPRegressor(
        3,
        "logistic",
        output_activation="logistic",
        coefs_init=[
            [[0.4, 0.3, 0.6], [0.3, 0.4, 0.2]],
            [[0.2, 0.3], [0.3, 0.4], [0.5, 0.3]],
        ],
        intercepts_init=[[0.4, 0.1, 0.2], [0.1, 0.2]],
        # The document's loss is the sum over both samples, twice J.
        learning_rate_init=2 * 0.01,
        max_iter=50000,
        **PLAIN,
    )
    trained(network, X, y)
    loss = 2 * np.array(network.loss_curve_)
    assert loss[0] == pytest.approx(0.5470772682034466, rel=1e-8)
    assert loss[1] == pytest.approx(0.5447799710662123, rel=1e-8)
    assert loss[100] == pytest.approx(0.341036193789046, rel=1e-8)
    assert loss[1000] == pytest.approx(0.033102767189782806, rel=1e-8)
    assert loss[10000] == pytest.approx(0.0021897695065399023, rel=1e-8)
    assert pytest.approx(0.00037033721054875247, rel=1e-8) == 2 * network.cost(X, y).J
    np.testing.assert_allclose(
        network.predict(X), [[0.013888, 0.986348], [0.013571, 0.986686]], atol=5e-7
    )
