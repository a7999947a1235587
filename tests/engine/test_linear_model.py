"""The linear model beside a network."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeCV

from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.linear_model import as_network, left_out, share_of
from skbp.engine.evidence.posterior import inverse
from skbp.engine.evidence.precisions import Precisions, groups_of
from skbp.engine.evidence.ridge import LAMBDAS, distinct_rows, ridge, row_keys
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network, predict
from skbp.engine.samples import Samples
from tests.catalogue import HIDDEN_ACTIVATIONS

N, FEATURES, OUTPUTS = 30, 4, 2


def data():
    rng = np.random.RandomState(0)
    X = 3.0 + rng.standard_normal((N, FEATURES))
    Y = X @ rng.standard_normal((FEATURES, OUTPUTS)) + rng.standard_normal((N, OUTPUTS))
    return X, Y, rng.randint(1, 4, N).astype(float)


def line_of(X, Y, weights):
    """Return the ridge regression, its weights and its errors of samples left out."""
    line, error = ridge(Samples(X, Y, weights))
    errors = line.left_out(X, Y, weights)
    assert_allclose(error, weights @ errors**2 / weights.sum())
    return line, line.W, line.b, errors


@pytest.mark.parametrize("sparse", [False, True])
def test_copies_are_one_sample(sparse):
    X, Y, weights = data()
    weights = weights.astype(int)
    order = np.random.RandomState(1).permutation(weights.sum())
    copies = [np.repeat(part, weights, axis=0)[order] for part in (X, Y)]
    kinds = [csr_array(part) if sparse else part for part in (X, copies[0])]
    weighted = ridge(Samples(kinds[0], Y, weights.astype(float)))
    repeated = ridge(Samples(kinds[1], copies[1]))
    assert_allclose(weighted[0].W, repeated[0].W)
    assert_allclose(weighted[1], repeated[1])
    (found, _, w), *_ = distinct_rows(Samples(kinds[1], copies[1]))
    assert len(found) == N
    assert sorted(w) == sorted(weights)


def scaled(X, weights):
    """Return X in units of the size of its features, these, and the lambdas."""
    centered = X - np.average(X, axis=0, weights=weights)
    size = np.sqrt(np.average(centered**2, axis=0, weights=weights))
    roots = np.sqrt(weights)[:, np.newaxis] * centered / size
    return X / size, size, LAMBDAS * np.linalg.svd(roots)[1][0] ** 2


def test_ridge_has_the_penalty_that_leaving_samples_out_asks_for():
    X, Y, _ = data()
    _, W, b, errors = line_of(X, Y, np.ones(N))
    X, size, lambdas = scaled(X, np.ones(N))
    theirs = RidgeCV(lambdas, alpha_per_target=True).fit(X, Y)
    assert_allclose(W.T, theirs.coef_ / size, rtol=1e-6)
    assert_allclose(b, theirs.intercept_, rtol=1e-6)
    assert_allclose((errors**2).mean(axis=0), -theirs.best_score_)


def test_two_samples_leave_the_largest_penalty():
    X = np.array([[0.0, 1.0, 2.0], [1.0, 1.0 + 1e-5, -1.0]])
    line, _ = ridge(Samples(X, np.array([[0.0], [1.0]])))
    assert np.abs(line.W[:, 0] * X.std(axis=0)).max() < 1e-3


def test_the_errors_of_ridge_are_those_of_samples_left_out():
    X, Y, weights = data()
    _, W, b, errors = line_of(X, Y, weights)
    X, size, lambdas = scaled(X, weights)
    fits = [Ridge(lam).fit(X, Y, weights) for lam in lambdas]
    for o in range(OUTPUTS):
        (model,) = [
            one for one in fits if np.allclose(one.coef_[o] / size, W[:, o], rtol=1e-9)
        ]
        assert_allclose(model.intercept_[o], b[o])
        for i in range(0, N, 7):
            again = clone(model).fit(X, Y, weights * (np.arange(N) != i))
            expected = Y[i, o] - again.predict(X[i : i + 1])[0, o]
            assert_allclose(errors[i, o], expected, rtol=1e-6)


def test_the_units_of_features_do_not_matter():
    X, Y, weights = data()
    units = 10.0 ** np.array([-6.0, 0.0, 3.0, 6.0])
    _, W, b, errors = line_of(X, Y, weights)
    _, W_again, b_again, errors_again = line_of(X * units, Y, weights)
    assert_allclose(W_again * units[:, np.newaxis], W, rtol=1e-8)
    assert_allclose(b_again, b, rtol=1e-8)
    assert_allclose(errors_again, errors, rtol=1e-8)


def test_a_constant_feature_has_no_weight():
    X, Y, weights = data()
    _, W, b, _ = line_of(X, Y, weights)
    _, W_more, b_more, _ = line_of(np.c_[X, np.full(N, 0.1)], Y, weights)
    assert_allclose(W_more, np.vstack([W, np.zeros((1, OUTPUTS))]), rtol=1e-9)
    assert_allclose(b_more, b)


@pytest.mark.parametrize(
    ("worse", "share"),
    [(-np.inf, 0), (-4, 0), (-1.5, 0.5), (1, 1), (np.inf, 1), (np.nan, 1)],
)
def test_the_share_falls_from_one_standard_error_above_to_four_below(worse, share):
    assert_allclose(share_of(np.array([worse, 0.0])), [share, 0.8])


def test_rows_are_the_same_whatever_the_size_of_a_feature():
    X, *_ = data()
    for more in (np.full((N, 1), 1e17), np.zeros((N, 1))):
        for part in (np.c_[X, more], csr_array(np.c_[X, more])):
            assert len(set(row_keys(part).tolist())) == N


def test_nothing_is_seen_of_samples_without_weight():
    X, Y, _ = data()
    ((found, targets, w),) = distinct_rows(Samples(X, Y, np.zeros(N)))
    assert (found.shape, targets.shape, len(w)) == ((0, FEATURES), (0, OUTPUTS), 0)


def test_left_out_is_exact_for_a_linear_model():
    X, Y, weights = data()
    network = Network((FEATURES, OUTPUTS), (), biases=False)
    groups, loss = groups_of(network, by_feature=False), LOSSES["squared_error"]
    P, lam = network.n_parameters, 5.0
    precisions = Precisions(
        network, loss, np.full(OUTPUTS, N), np.ones(P), np.ones(OUTPUTS), groups, 0.0
    )
    precisions.alpha[:], precisions.beta = 1.5 * lam, np.full(OUTPUTS, 1.5)
    model = Ridge(lam, fit_intercept=False).fit(X, Y, weights)
    theta = model.coef_.T.reshape(1, P)
    samples = Samples(X, Y, weights)
    E, _, H = GaussNewton(network, loss, samples, apart=True)(theta)
    evidence = precisions.estimate(E[0], theta[0], H[0])
    given = inverse(evidence.A)[0], evidence.beta
    errors = left_out(network, theta[0], *given, X, Y, weights)
    for i in range(0, N, 7):
        model.fit(X, Y, weights * (np.arange(N) != i))
        assert_allclose(Y[i] - model.predict(X[i : i + 1])[0], errors[i], rtol=1e-8)


def test_a_linear_network_is_so_far_out():
    X, Y, weights = data()
    line, W, b, _ = line_of(X, Y, weights)
    network = Network((FEATURES, 4, OUTPUTS), ("tanh",))
    theta = as_network(network, line)[np.newaxis]
    far = X + 500.0 * np.random.RandomState(1).standard_normal(X.shape)
    outputs = predict(network, *network.split(theta), far)[0]
    assert_allclose(outputs, far @ W + b, rtol=0.01)


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(2,), (5,), (3, 4)])
def test_a_network_can_be_linear(hidden, activation):
    X, Y, weights = data()
    line, W, b, _ = line_of(X, Y, weights)
    network = Network((FEATURES, *hidden, OUTPUTS), (activation,) * len(hidden))
    theta = as_network(network, line)
    outputs = predict(network, *network.split(theta[np.newaxis]), X)[0]
    assert_allclose(outputs, X @ W + b, atol=0.02 * Y.std())


def test_some_networks_cannot_be_linear():
    X, Y, weights = data()
    line, *_ = line_of(X, Y, weights)
    assert as_network(Network((FEATURES, 1, OUTPUTS), ("tanh",)), line) is None
    without = Network((FEATURES, 5, OUTPUTS), ("tanh",), biases=False)
    assert as_network(without, line) is None
