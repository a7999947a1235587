"""Weights of samples: in batches, in the loss of an epoch, and routed to fit."""

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor, config_context
from tests.helpers import ROUTED

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_batch_of_zero_weights_is_skipped(X, labels, solver):
    weights = np.ones(120)
    weights[40:80] = 0.0
    options = {
        "solver": solver,
        "batch_size": 40,
        "shuffle": False,
        "max_iter": 4,
        "random_state": 0,
    }
    model = BPClassifier(**options).fit(X, labels, weights)
    kept = weights > 0
    other = BPClassifier(**options).fit(X[kept], labels[kept], weights[kept])
    np.testing.assert_allclose(model.coefs_[0], other.coefs_[0], rtol=1e-12)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_)


@config_context(compiled=False)
def test_the_epoch_loss_weights_batches_by_weight(X, labels, monkeypatch):
    weights = np.random.RandomState(1).uniform(0, 3, 120)
    monkeypatch.setattr(
        "skbp.engine.solvers.optimizers.Adam.step", lambda self, *args: None
    )
    options = {"alpha": 0.0, "max_iter": 1, "random_state": 0}
    one = BPClassifier(batch_size=120, **options).fit(X, labels, weights)
    many = BPClassifier(batch_size=7, **options).fit(X, labels, weights)
    assert many.loss_ == pytest.approx(one.loss_, rel=1e-12)


def test_negative_weights_are_refused(X, labels):
    weights = np.ones(120)
    weights[7] = -0.5
    with pytest.raises(ValueError, match=r"sample_weight.*-0\.5 for sample 7"):
        BPClassifier().fit(X, labels, weights)


@ROUTED
@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_sample_weights_are_routed(estimator, iris):
    X, y = iris
    weights = np.random.RandomState(0).rand(150)
    with sklearn.config_context(enable_metadata_routing=True):
        model = estimator(random_state=0, max_iter=3).set_fit_request(
            sample_weight=True
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model.set_score_request(sample_weight=True)
        routed = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
        scores = cross_validate(
            make_pipeline(scaler, model),
            X,
            y,
            params={"sample_weight": weights},
        )
    direct = estimator(random_state=0, max_iter=3).fit(
        StandardScaler().fit_transform(X), y, weights
    )
    np.testing.assert_array_equal(routed[-1].coefs_[0], direct.coefs_[0])
    assert len(scores["test_score"]) == 5
