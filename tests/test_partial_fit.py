"""partial_fit trains for one epoch, and continues from the call before."""

import pickle

import numpy as np
import pytest

from skbp import BPClassifier, BPRegressor
from skbp.engine.solvers.batches import shuffled
from tests.helpers import BOTH, X, Y

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_it_is_fit_cut_into_epochs(X, labels):
    whole = BPClassifier(max_iter=5, tol=0.0, random_state=0).fit(X, labels)
    parts = BPClassifier(random_state=0)
    for _ in range(5):
        parts.partial_fit(X, labels, classes=[0, 1, 2])
    assert parts.n_iter_ == 5
    assert parts.t_ == whole.t_
    # (An epoch of fit shuffles the order of the one before, not the rows anew.)
    unshuffled = [
        BPClassifier(max_iter=5, shuffle=False, random_state=0).fit(X, labels),
        BPClassifier(shuffle=False, random_state=0),
    ]
    for _ in range(5):
        unshuffled[1].partial_fit(X, labels, classes=[0, 1, 2])
    np.testing.assert_allclose(
        unshuffled[1].coefs_[0], unshuffled[0].coefs_[0], rtol=1e-10
    )


def test_the_stream_of_random_numbers_goes_on(X, labels, monkeypatch):
    orders = []

    def spy(*args):
        orders.append(shuffled(*args))
        return orders[-1]

    monkeypatch.setattr("skbp.engine.solvers.stochastic.shuffled", spy)
    model = BPClassifier(random_state=0)
    for _ in range(3):
        model.partial_fit(X, labels, classes=[0, 1, 2])
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[1], orders[2])


def test_it_goes_on_after_a_pickle(X, labels):
    model = BPClassifier(random_state=0).partial_fit(X, labels, classes=range(3))
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        each.partial_fit(X, labels)
    np.testing.assert_array_equal(model.coefs_[0], copy.coefs_[0])


def test_patience_is_used_up_over_calls(X, labels):
    model = BPClassifier(
        solver="sgd",
        learning_rate="adaptive",
        learning_rate_init=0.1,
        tol=1e6,
        n_iter_no_change=1,
        random_state=0,
    )
    for _ in range(4):
        model.partial_fit(X, labels, classes=range(3))
    # Epochs 2 and 3 are stale; the third is one too many.
    assert [model._bp_checkpoint.histories[0].rate] == [pytest.approx(0.02)]


def test_partial_fit_takes_a_changed_rate():
    model = BPClassifier(random_state=0)
    model.partial_fit(X, Y, classes=[0, 1, 2])
    model.set_params(learning_rate_init=0.1).partial_fit(X, Y)
    assert model.learning_rate_curve_ == [0.001, 0.1]


@BOTH
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_goes_on_when_intercepts_join(estimator, solver):
    model = estimator((4,), solver=solver, fit_intercept=False, random_state=0)
    first = {"classes": [0, 1, 2]} if estimator is BPClassifier else {}
    model.partial_fit(X, Y, **first)
    model.set_params(fit_intercept=True).partial_fit(X, Y)
    assert any(b.any() for b in model.intercepts_)
    assert model.n_iter_ == 2


@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_lbfgs_has_none(estimator):
    model, name = estimator(solver="lbfgs"), "partial_fit"
    assert not hasattr(model, name)
    with pytest.raises(AttributeError):
        getattr(model, name)
    assert hasattr(estimator(solver="sgd"), "partial_fit")


def test_a_failing_call_leaves_curves_and_random_numbers_as_they_were(X, labels):
    """A scorer may fail when the epoch is over."""
    calls_to_failure = [100]

    def scorer(model, X, y):
        calls_to_failure[0] -= 1
        if calls_to_failure[0] == 0:
            raise RuntimeError("this scorer fails")
        return 1.0

    options = {"random_state": 0, "batch_size": 10, "scoring": scorer}
    failing, expected = (BPClassifier(**options) for _ in range(2))
    val = {"X_val": X, "y_val": labels}
    for model in (failing, expected):
        model.partial_fit(X, labels, classes=[0, 1, 2], **val)
    before = list(failing.loss_curve_)
    # The first call is before the epoch, the second one after.
    calls_to_failure[0] = 2
    with pytest.raises(RuntimeError, match="this scorer fails"):
        failing.partial_fit(X, labels, **val)
    assert failing.loss_curve_ == before
    assert failing.n_iter_ == len(before) == 1
    for model in (failing, expected):
        model.partial_fit(X, labels, **val)
    np.testing.assert_array_equal(failing.coefs_[0], expected.coefs_[0])
