"""warm_start: fit goes on from the weights there are, with what may change between."""

import numpy as np
import pytest

from skbp import BPClassifier
from skbp._targets import ClassTargets
from tests.helpers import BOTH, X, Y, fitted, fitted_to

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@BOTH
def test_a_warm_start_goes_on_from_its_own_weights(estimator):
    first = fitted(estimator((5,), max_iter=5, random_state=0))
    model = estimator(
        (5,), coefs_init=first.coefs_, max_iter=5, warm_start=True, random_state=0
    )
    fitted(model)
    loss = model.loss_
    fitted(model)
    assert model.loss_curve_[5] < loss


def test_patience_starts_anew(X, labels):
    model = BPClassifier(warm_start=True, n_iter_no_change=4, tol=0.1, random_state=0)
    model.fit(X, labels).fit(X, labels)
    assert model.n_iter_ > 4


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_the_split_is_kept(X, labels, solver, monkeypatch):
    model = BPClassifier(
        solver=solver,
        warm_start=True,
        early_stopping=True,
        max_iter=2,
        random_state=0,
    )
    seen = []
    score = ClassTargets.score

    def spy(self, Y, predictions, weights):
        seen.append(Y)
        return score(self, Y, predictions, weights)

    monkeypatch.setattr(ClassTargets, "score", spy)
    codes = np.arange(120) % 3
    model.fit(X, codes)
    best = model.best_validation_score_
    model.fit(X, codes)
    assert all(np.array_equal(Y, seen[0]) for Y in seen)
    assert model.best_validation_score_ >= best
    assert len(model.validation_scores_) == 4
    model.fit(X[:60], codes[:60])
    assert len(seen[-1]) == 6


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n", [120, 80])
def test_early_stopping_learns_new_data(X, solver, n):
    """The score to beat is that of the weights on these data, not on the last."""
    y = (X[:, 0] > 0).astype(int)
    model = BPClassifier(
        solver=solver,
        warm_start=True,
        early_stopping=True,
        learning_rate_init=0.05,
        n_iter_no_change=50,
        random_state=0,
    ).fit(X, y)
    assert model.score(X, y) > 0.9
    model.fit(X[:n], 1 - y[:n])
    assert model.score(X, 1 - y) > 0.9


def test_a_changed_shape_is_refused(X, labels):
    model = BPClassifier((5,), warm_start=True, max_iter=2).fit(X, labels)
    before = model.coefs_
    model.set_params(hidden_layer_sizes=(6,))
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(6,\).*warm_start"):
        model.fit(X, labels)
    assert model.coefs_ is before


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_solver_and_early_stopping_may_change(X, labels, solver, early_stopping):
    model = BPClassifier(warm_start=True, max_iter=2, random_state=0)
    for first in ("sgd", "adam", "lbfgs"):
        for early in (False, True):
            model.set_params(solver=first, early_stopping=early).fit(X, labels)
            model.set_params(solver=solver, early_stopping=early_stopping)
            model.fit(X, labels)
            assert (model.validation_scores_ is not None) == early_stopping
            assert (model.best_loss_ is None) == early_stopping


def test_a_warm_start_may_change_the_output():
    model = BPClassifier((5,), solver="lbfgs", warm_start=True, random_state=0)
    fitted_to(model, Y)
    fitted_to(model.set_params(output_activation="logistic"), Y)
    assert model.out_activation_ == "logistic"
    assert model.score(X, Y) > 0.9
    model.set_params(output_activation="softmax")
    assert model.out_activation_ == "logistic"
    assert model.score(X, Y) > 0.9
