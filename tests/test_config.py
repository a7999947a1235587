"""Settings of the package, and how a job is executed."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import skbp
from skbp import BPClassifier, BPRegressor
from skbp._estimator import run
from skbp.engine import compiled
from skbp.engine.compiled import available
from tests.helpers import X, Y

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
needs_numba = pytest.mark.skipif(not available(), reason="numba is an extra")


def test_the_context_ends():
    before = skbp.get_config()
    with skbp.config_context(compiled=False):
        assert skbp.get_config() == {"compiled": False}
    with pytest.raises(ZeroDivisionError), skbp.config_context(compiled=False):
        raise ZeroDivisionError
    assert skbp.get_config() == before


@pytest.mark.parametrize("wrong", ["yes", None, 2, 1])
def test_wrong_values(wrong):
    with (
        pytest.raises(ValueError, match=r"compiled must be 'auto', True or False"),
        skbp.config_context(compiled=wrong),
    ):
        pass


def test_the_environment(monkeypatch):
    monkeypatch.setenv("SKBP_COMPILED", "0")
    assert skbp.get_config() == {"compiled": False}
    monkeypatch.setenv("SKBP_COMPILED", "maybe")
    with pytest.raises(ValueError, match=r"SKBP_COMPILED must be one of .* 'maybe'"):
        skbp.get_config()


def test_without_numba(monkeypatch):
    monkeypatch.setattr(run, "available", lambda: False)
    with (
        skbp.config_context(compiled=True),
        pytest.raises(ValueError, match=r"pip install skbp\[fast\]"),
    ):
        BPClassifier(max_iter=2).fit(X, Y)


def test_auto_compiles_nothing_for_a_small_fit(monkeypatch):
    monkeypatch.setattr(compiled, "ready", set())
    monkeypatch.setattr(compiled, "available", lambda: pytest.fail("too small"))
    with skbp.config_context(compiled="auto"):
        BPClassifier(max_iter=20).fit(X, Y)


@needs_numba
@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_the_same_model_either_way(estimator):
    """Early stopping, several networks, an ensemble; all fitted attributes."""
    models = []
    for value in (False, True):
        with skbp.config_context(compiled=value):
            model = estimator(
                (8,), max_iter=15, n_init=3, ensemble=2, dropout=0.1, random_state=0
            )
            models.append(model.fit(X, Y))
    one, other = (vars(model) for model in models)
    assert one.keys() == other.keys()
    np.testing.assert_allclose(one["loss_curve_"], other["loss_curve_"], rtol=1e-9)
    np.testing.assert_allclose(one["coefs_"][0], other["coefs_"][0], rtol=1e-7)
    predictions = (model.predict(X).astype(float) for model in models)
    np.testing.assert_allclose(*predictions, rtol=1e-6)


@needs_numba
def test_partial_fit_and_warm_starts_either_way():
    models = []
    for value in (False, True):
        with skbp.config_context(compiled=value):
            model = BPRegressor((8,), warm_start=True, max_iter=3, random_state=0)
            for _ in range(3):
                model.fit(X, Y)
            for _ in range(3):
                model.partial_fit(X, Y)
            models.append(model)
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-8)


@needs_numba
def test_sparse_data_take_the_other_way():
    from scipy.sparse import csr_array

    with skbp.config_context(compiled=True):
        sparse = BPClassifier(max_iter=5, random_state=0).fit(csr_array(X), Y)
        dense = BPClassifier(max_iter=5, random_state=0).fit(X, Y)
    np.testing.assert_allclose(sparse.coefs_[0], dense.coefs_[0], rtol=1e-9)


@needs_numba
def test_divergence_is_found():
    with (
        skbp.config_context(compiled=True),
        pytest.warns(ConvergenceWarning, match="diverged"),
    ):
        model = BPRegressor(
            solver="sgd", learning_rate_init=1e10, max_iter=5, random_state=0
        ).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
