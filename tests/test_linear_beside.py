"""alpha="evidence": the linear model beside the networks, and its share."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import BayesianRidge, RidgeCV

from skbp import BPRegressor
from tests.helpers import assert_does_not_blow_up, fitted, friedman


def give_share(monkeypatch, value):
    monkeypatch.setattr(
        "skbp.engine.evidence.linear_model.share_of",
        lambda worse: np.full(worse.shape, value),
    )


@pytest.fixture
def share(request, monkeypatch):
    """Give the linear model this share, whatever the data say."""
    give_share(monkeypatch, request.param)
    monkeypatch.setattr("skbp.engine.evidence.linear_model.MOSTLY", 1.0)
    return request.param


alone = pytest.mark.parametrize("share", [1.0], indirect=True)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("copies", ["rows", "weights"])
def test_copies_do_not_testify(copies, seed):
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((560, 4))
    y = x.sum(axis=1) + rng.standard_normal(560)
    y /= y.std()
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=3)
    model.set_params(random_state=0, tol=0.01)
    if copies == "rows":
        fitted(model, np.repeat(x[:60], 5, axis=0), np.repeat(y[:60], 5))
    else:
        fitted(model, x[:60], y[:60], sample_weight=np.full(60, 30.0))
    linear_score = RidgeCV().fit(x[:60], y[:60]).score(x[60:], y[60:])
    assert model.linear_share_ > 0.5
    assert_does_not_blow_up(model.score(x[60:], y[60:]), linear_score)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("constant", [False, True])
def test_columns_of_zeros(dtype, constant):
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    if constant:
        x[:, 0], y[:] = 0.0, 2.0
    else:
        x[:] = 0.0
    x, y = x.astype(dtype), y.astype(dtype)
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
    fitted(model, x, y)
    assert_allclose(model.predict(x), y.mean(), atol=0.01)
    assert np.isfinite([model.log_evidence_, model.cost(x, y).J]).all()
    assert max(np.abs(W).max() for W in model.coefs_) < 1e6


def test_several_outputs_share_what_is_free():
    rng = np.random.RandomState(1)
    x = rng.standard_normal((620, 4))
    y = np.sin(x @ rng.standard_normal((4, 10)))
    y = (y + 0.05 * rng.standard_normal(y.shape)) / y.std(axis=0)
    model = BPRegressor((12,), "tanh", solver="lm", alpha="evidence", n_init=2)
    fitted(model.set_params(random_state=0, tol=0.01), x[:120], y[:120])
    assert model.linear_share_.mean() < 0.2
    assert model.score(x[120:], y[120:]) > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_mostly_better_is_enough(seed):
    rng = np.random.RandomState(seed)
    x = rng.standard_normal((600, 5))
    y = np.maximum(x.sum(axis=1) - 3.0, 0.0) ** 2
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=3)
    fitted(model.set_params(random_state=0), x[:100], y[:100] / y.std())
    assert model.linear_share_ == 0.0


@alone
def test_a_warm_start_from_there_starts_anew(share):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((200, 3))
    model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
    fitted(model, x, x[:, 0] + 0.3 * rng.standard_normal(200))
    assert model.linear_share_ == 1.0
    y = np.sin(2.0 * x[:, 0]) * x[:, 1]
    assert fitted(model.set_params(warm_start=True), x, y).score(x, y) > 0.95


@alone
def test_the_linear_model_is_bayesian(share):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((80, 4))
    y = x @ [1.0, 2.0, 0.0, 0.5] + rng.standard_normal(80)
    far = 5.0 * rng.standard_normal((20, 4))
    theirs = BayesianRidge().fit(x, y).predict(far, return_std=True)
    for activation in ("tanh", "relu", "logistic"):
        model = BPRegressor((5,), activation, solver="lm", alpha="evidence")
        fitted(model.set_params(n_init=2, random_state=0), x, y)
        assert model.linear_share_ == 1.0
        assert 4.0 < model.n_effective_parameters_ < 5.1
        assert model.noise_std_ == pytest.approx(1.0, rel=0.15)
        ours = model.predict(far, return_std=True)
        assert_allclose(ours[0], theirs[0], atol=0.15)
        assert_allclose(ours[1], theirs[1], rtol=0.03)
        assert model.coefs_[0].shape == (4, 5)
    ard = fitted(model.set_params(alpha="ard"), x, y)
    assert ard.feature_relevances_.argmin() == 2


def test_a_network_that_is_better_stays():
    x, y = friedman(200, np.random.RandomState(0))
    model = BPRegressor((6,), "tanh", solver="lm", alpha="ard", random_state=0)
    assert fitted(model, x, y).linear_share_ == 0.0


@pytest.mark.parametrize("ensemble", [1, 2])
@pytest.mark.parametrize("share", [0.25], indirect=True)
def test_both_predict_together(ensemble, share, monkeypatch):
    x, y = friedman(80, np.random.RandomState(0))
    model = BPRegressor((4,), "tanh", solver="lm", alpha="evidence", random_state=0)
    fitted(model.set_params(n_init=2, ensemble=ensemble), x, y)
    assert model.linear_share_ == share
    parts = []
    for value in (0.0, 1.0):
        give_share(monkeypatch, value)
        parts.append(fitted(clone(model), x, y))
    alone, line = parts
    assert (alone.linear_share_, line.linear_share_) == (0.0, 1.0)
    assert_allclose(model.coefs_[0], alone.coefs_[0])
    assert model.log_evidence_ == alone.log_evidence_
    far = 3.0 * x
    (ours, std), *others = (m.predict(far, return_std=True) for m in (model, *parts))
    means, stds = (np.array(part) for part in zip(*others, strict=True))
    weights = np.array([[1.0 - share], [share]])
    mean = (weights * means).sum(axis=0)
    assert_allclose(ours, mean)
    assert_allclose(model.predict(far), mean)
    second = (weights * (stds**2 + means**2)).sum(axis=0)
    assert_allclose(std, np.sqrt(second - mean**2))
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(far), model.predict(far))


def test_an_interrupt_leaves_the_networks(monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    x, y = friedman(60, np.random.RandomState(0))
    model = BPRegressor((4,), "tanh", solver="lm", alpha="evidence", max_iter=9)
    monkeypatch.setattr("skbp.engine.fit.linear_beside", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        model.set_params(random_state=0).fit(x, y)
    assert model.linear_share_ == 0.0


def test_where_it_does_not_apply():
    rng = np.random.RandomState(0)
    x, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    options = {"solver": "lm", "alpha": "evidence", "max_iter": 9}
    for more in ({"warm_start": True}, {"early_stopping": True}):
        model = BPRegressor((3,), "tanh", random_state=0, **options, **more)
        assert fitted(model, x, y).linear_share_ == 0.0
    assert fitted(BPRegressor((), **options), x, y).linear_share_ == 0.0
    assert not hasattr(fitted(BPRegressor((3,), max_iter=2), x, y), "linear_share_")


@alone
@pytest.mark.parametrize("kind", ["sparse", "float32", "weights", "outputs"])
def test_other_forms_of_the_same_data(kind, share):
    rng = np.random.RandomState(0)
    x = rng.standard_normal((60, 4))
    y = x @ rng.standard_normal((4, 2)) + rng.standard_normal((60, 2))
    y = y if kind == "outputs" else y[:, 0]
    model = BPRegressor((3,), "tanh", solver="lm", alpha="evidence", random_state=0)
    expected = fitted(model, x, y).predict(x)
    assert np.all(model.linear_share_ == 1.0)
    if kind == "outputs":
        theirs = BayesianRidge().fit(x, y[:, 1]).predict(x)
        assert_allclose(expected[:, 1], theirs, atol=0.2)
        return
    weights = np.full(60, 1.0) if kind == "weights" else None
    other = {"sparse": scipy.sparse.csr_array(x), "float32": x.astype(np.float32)}
    again = fitted(clone(model), other.get(kind, x), y, sample_weight=weights)
    assert again.linear_share_ == 1.0
    assert_allclose(again.predict(other.get(kind, x)), expected, atol=2e-3)
