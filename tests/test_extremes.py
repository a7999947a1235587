"""Numbers at the edge of float64: every fit ends, with finite numbers or a warning."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, BPRegressor
from skbp.engine.curvature import GaussNewton

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def bounded(monkeypatch):
    """Let the evaluations of a fit that does not end raise an error."""
    value, calls = GaussNewton.value, []

    def counted(self, theta):
        calls.append(1)
        assert len(calls) < 20_000
        return value(self, theta)

    monkeypatch.setattr(GaussNewton, "value", counted)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize(
    ("scale", "alpha", "hidden"),
    [
        (1e150, 1e-4, (5,)),
        (1e-160, 1e-4, (5,)),
        (1e150, "evidence", ()),
        (1e150, "ard", (5,)),
        (1e-160, "evidence", (4, 3)),
    ],
)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("kind", [BPRegressor, BPClassifier])
def test_lm_ends_whatever_the_scale_of_X(X, kind, activation, scale, alpha, hidden):
    model = kind(hidden, activation, solver="lm", alpha=alpha, random_state=0)
    y = X[:, 0] > 0 if kind is BPClassifier else X[:, 0]
    model.set_params(max_iter=30).fit(scale * X, y)
    assert model.n_iter_ <= 30
    assert np.isfinite(model.predict(scale * X)).all()


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_lm_ends_with_weights_of_samples_near_the_largest_number(X, activation):
    model = BPRegressor((5,), activation, solver="lm", alpha="evidence", random_state=0)
    model.fit(X, X[:, 0], np.full(len(X), 1e300))
    assert np.isfinite(model.predict(X)).all()


# The last step


@pytest.mark.parametrize("loss", ["poisson", "gamma", "squared_error"])
@pytest.mark.parametrize("seed", range(3))
def test_a_last_step_that_blows_up_is_a_divergence(loss, seed):
    rng = np.random.RandomState(seed)
    X, y = 100 * rng.standard_normal((100, 5)), rng.poisson(100, 100)
    for how, max_iter in (("fit", 1), ("fit", 2), ("partial_fit", 1)):
        model = BPRegressor(loss=loss, solver="sgd", max_iter=max_iter)
        model.set_params(random_state=seed)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(model, how)(X, y)
        warned = any("diverged" in str(one.message) for one in caught)
        assert warned or (loss, max_iter) != ("poisson", 2)
        assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("solver", ["lbfgs", "lm"])
def test_weights_too_large_for_float32_are_a_divergence(solver):
    # The line through these points has the slope 1e45.
    X, y = np.array([[0.0], [1e-30]], np.float32), np.array([0.0, 1e15], np.float32)
    model = BPRegressor((), solver=solver, alpha=0.0, tol=0.0, random_state=0)
    model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert all(np.isfinite(one).all() for one in model.coefs_)


# float32


@pytest.mark.parametrize("call", ["predict", "cost", "activations", "partial_fit"])
def test_X_beyond_float32_is_named(X, call):
    y = X[:, 0]
    model = BPRegressor(max_iter=2, random_state=0).fit(X.astype(np.float32), y)
    far = X.copy()
    far[3, 1] = -1e39
    if call == "partial_fit":
        # Training goes on in the dtype of X.
        assert model.partial_fit(X, y).coefs_[0].dtype == np.float64
        return
    arguments = (y,) if call == "cost" else ()
    with pytest.raises(ValueError, match=r"^X has a value of -1e\+39.*float32.*Scale"):
        getattr(model, call)(far, *arguments)
    near = np.clip(far, -1e30, 1e30)
    assert np.isfinite(model.predict(near)).all()


def test_a_validation_set_beyond_float32_is_named(X):
    small = X.astype(np.float32)
    model = BPRegressor(max_iter=2, random_state=0)
    with pytest.raises(ValueError, match=r"^X_val has a value of 1e\+39"):
        model.fit(small, X[:, 0], X_val=np.full_like(X, 1e39), y_val=X[:, 0])
    with pytest.raises(ValueError, match=r"^y_val has a value of 1e\+39"):
        model.fit(small, X[:, 0], X_val=X, y_val=np.full(len(X), 1e39))


def test_raw_outputs_that_are_not_finite_are_a_divergence(X):
    # The logistic of infinity is 1, so probabilities and loss are finite.
    model = BPClassifier((4, 3), "identity", solver="sgd", learning_rate_init=1e150)
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.set_params(max_iter=1, random_state=0).fit(X, X[:, 0] > 0)
    assert np.isfinite(model.decision_function(X)).all()
