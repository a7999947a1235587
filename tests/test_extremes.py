"""Numbers at the edge of float64: every fit ends, with finite numbers or a warning."""

import numpy as np
import pytest

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
