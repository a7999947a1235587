"""What single solvers do: Rprop, L-BFGS, and full batches."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neural_network import MLPClassifier

from skbp import BPClassifier
from tests.helpers import BOTH, X, Y, fitted, same_weights


@BOTH
def test_rprop_trains_in_few_epochs(estimator):
    model = estimator(
        (16,), solver="rprop", learning_rate_init=0.01, max_iter=80, random_state=0
    )
    assert fitted(model).score(X, Y) > 0.9
    assert model.loss_curve_[-1] < 0.2 * model.loss_curve_[0]
    batches = clone(model).set_params(batch_size=10)
    same_weights(model, fitted(batches))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_lbfgs_has_a_loss_curve(X, labels):
    for max_iter in (5, 1000):
        options = {"solver": "lbfgs", "alpha": 10.0, "max_iter": max_iter}
        model = BPClassifier(random_state=0, **options).fit(X, labels)
        theirs = MLPClassifier(random_state=0, **options).fit(X, labels)
        assert len(model.loss_curve_) == model.n_iter_
        if max_iter == 5:
            # Later, rounding errors decide: the last step may come 50 iterations apart.
            assert model.n_iter_ == theirs.n_iter_
        assert model.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
        assert model.loss_ == model.best_loss_ == min(model.loss_curve_)
    assert model.n_iter_ < 1000


@BOTH
def test_a_full_batch_has_every_sample(estimator):
    full = estimator(batch_size="full", max_iter=3, random_state=0)
    n = estimator(batch_size=150, max_iter=3, random_state=0)
    np.testing.assert_array_equal(fitted(full).coefs_[0], fitted(n).coefs_[0])
