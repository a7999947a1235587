"""Where training diverges: finite weights, and a warning that says what to change."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import skbp
from skbp import BPClassifier, BPRegressor
from skbp.engine.compiled import available

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_divergence_stops_keeps_finite_weights_and_says_what_to_change(
    X, solver, early_stopping
):
    model = BPRegressor(
        activation="identity",
        solver=solver,
        learning_rate_init=1e200,
        early_stopping=early_stopping,
        n_iter_no_change=10**6,
        max_iter=500,
        random_state=0,
    )
    X = 1e200 * X if solver == "lbfgs" else X
    what = "alpha" if solver == "lbfgs" else "learning_rate_init"
    with pytest.warns(ConvergenceWarning, match=f"diverged.*{what}.*scale X") as caught:
        model.fit(X, X[:, 0])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.n_iter_ < 10
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
    assert np.isfinite(model.predict(X[:, :] if solver != "lbfgs" else X / 1e200)).all()


def test_divergence_in_a_call_does_not_poison_the_next(X):
    model = BPRegressor(random_state=0).partial_fit(X, X[:, 0])
    good = [w.copy() for w in model.coefs_]
    with pytest.warns(ConvergenceWarning, match="diverged"):
        model.partial_fit(1e200 * X, X[:, 0])
    for w, expected in zip(model.coefs_, good, strict=True):
        np.testing.assert_array_equal(w, expected)
    assert np.isfinite(model.partial_fit(X, X[:, 0]).coefs_[0]).all()


@pytest.mark.parametrize("compiled", [False, *[True] * available()])
def test_early_stopping_never_keeps_infinite_weights(compiled):
    """Behind a logistic, their outputs are finite, and may be right."""
    X = np.linspace(-1.0, 1.0, 20, dtype=np.float32)[:, np.newaxis]
    model = BPClassifier((), solver="rmsprop", learning_rate_init=1e150)
    model.set_params(fit_intercept=False, early_stopping=True, max_iter=1)
    with (
        skbp.config_context(compiled=compiled),
        pytest.warns(ConvergenceWarning, match="diverged"),
    ):
        model.fit(X, X[:, 0] > 0)
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
