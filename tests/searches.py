"""What tests of searches share: data, models, and the comparison of two searches."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier
from skbp._estimator import run
from skbp.model_selection import BPGridSearchCV, lockstep

X, LABELS = load_iris(return_X_y=True)
X = X[::2]
LABELS = LABELS[::2]
RNG = np.random.RandomState(0)
NUMBERS = np.sin(X @ [0.5, -1.0, 0.3, 0.8]) + 0.1 * RNG.standard_normal(len(X))
WEIGHTS = RNG.randint(0, 3, len(X)).astype(float)
SHORT = {"max_iter": 12, "random_state": 0}
LOSS = {"scoring": "neg_log_loss"}


def numbers_trained(monkeypatch):
    """Return the numbers of estimators that each call of the engine trains."""
    sizes, original = [], run.fit

    def counted(*args, **kwargs):
        results = original(*args, **kwargs)
        sizes.append(len(results))
        return results

    monkeypatch.setattr(run, "fit", counted)
    return sizes


def assert_equal_searches(ours, theirs, rtol=1e-6):
    """Compare the results of two fitted searches, except for times."""
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, expected in theirs.cv_results_.items():
        found = ours.cv_results_[name]
        if name.endswith("_time"):
            assert found.shape == expected.shape
            assert (found >= 0).all()
        elif name.startswith("rank"):
            # Equal scores to rounding may be ranked either way.
            continue
        elif name.startswith(("mean", "std", "split")):
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-9)
        else:
            assert repr(found) == repr(expected)
    assert ours.multimetric_ == theirs.multimetric_
    assert ours.n_splits_ == theirs.n_splits_
    for name in ("best_index_", "best_params_"):
        assert hasattr(ours, name) == hasattr(theirs, name)
        if hasattr(ours, name):
            assert repr(getattr(ours, name)) == repr(getattr(theirs, name))
    if hasattr(theirs, "best_score_"):
        np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=rtol)
    for found, expected in zip(coefs_of(ours), coefs_of(theirs), strict=True):
        np.testing.assert_array_equal(found, expected)


def coefs_of(search):
    """Return the weights of the refitted network, if it is one."""
    best = getattr(search, "best_estimator_", None)
    return getattr(lockstep.network_of(best), "coefs_", [])


def both(estimator, grid, y, fit_params=None, X=X, **options):
    """Fit our search and scikit-learn's; return them after they have been compared."""
    fit_params, options = fit_params or {}, {"cv": 3} | options
    theirs = GridSearchCV(clone(estimator), grid, **options).fit(X, y, **fit_params)
    ours = BPGridSearchCV(clone(estimator), grid, **options).fit(X, y, **fit_params)
    assert_equal_searches(ours, theirs)
    return ours, theirs


class Counting(TransformerMixin, BaseEstimator):
    """A step that counts how often it is fitted, and can fail."""

    fits = 0

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y=None, sample_weight=None):
        if self.shift == "bad":
            raise ValueError("no such shift")
        Counting.fits += 1
        self.mean_ = np.average(X, axis=0, weights=sample_weight)
        return self

    def transform(self, X):
        return X - self.mean_ + self.shift

    def __sklearn_is_fitted__(self):
        return hasattr(self, "mean_")


PIPELINE = Pipeline(
    [("shift", Counting()), ("scale", StandardScaler()), ("bp", BPClassifier((4,)))]
).set_params(bp__max_iter=12, bp__random_state=0)
PIPELINE_GRID = {
    "bp__alpha": [1e-4, 1e-2, 1.0],
    "bp__hidden_layer_sizes": [(4,), (6,)],
    "shift__shift": [0.0, 1.0],
    "scale": [StandardScaler(), StandardScaler(with_mean=False), "passthrough"],
}
