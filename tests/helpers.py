"""Data and small tools that the tests of several behaviours share."""

import warnings

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor

BOTH = pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])


SKLEARN = tuple(map(int, sklearn.__version__.split(".")[:2]))


def since(major, minor, what):
    """Return the mark of a test of what scikit-learn has only since a version."""
    return pytest.mark.skipif(
        (major, minor) > SKLEARN,
        reason=f"scikit-learn has {what} only since {major}.{minor}",
    )


CALLBACKS = since(1, 9, "callbacks")
ROUTED = since(1, 8, "a way to pass weights to the `score` of a pipeline")

#: Iris: 150 samples of three classes, and halves of it to train and to validate on.
X = StandardScaler().fit_transform(load_iris().data)
Y = load_iris().target
TRAIN, VAL = np.arange(0, 150, 2), np.arange(1, 150, 2)

#: The first 200 samples of the diabetes data, with positive targets.
X_D, Y_D = load_diabetes(return_X_y=True)
X_D, Y_D = StandardScaler().fit_transform(X_D)[:200], Y_D[:200] / 100

#: What takes a network without hidden layers close to its minimum; see `minimised`.
EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_iter": 5000, "random_state": 0}


def fitted(model, X=X, y=Y, *args, **options):
    """Fit the model, whether or not it converges, and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, *args, **options)


def fitted_to(model, y, X=X, **options):
    """Fit the model to targets of one's own, and return it."""
    return fitted(model, X, y, **options)


def minimised(model, X=X, y=Y, *args):
    """Return the model close to its minimum, by restarts of L-BFGS.

    SciPy stops where J falls by 2e-9 of itself, which leaves parameters some 1e-5 away.
    """
    model.set_params(warm_start=True)
    for _ in range(8):
        fitted(model, X, y, *args)
    return model


def minimised_to(model, y):
    """Return the model close to its minimum for targets of one's own."""
    return minimised(model, X, y)


def same_weights(first, second):
    for one, other in zip(first.coefs_, second.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def network(**parameters):
    """Return a small classifier that learns fast."""
    return BPClassifier((16,), learning_rate_init=0.02, random_state=0, **parameters)


def friedman(n, rng):
    """Return samples of a function that is not linear, with a little noise."""
    X = rng.standard_normal((n, 5))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.2 * rng.standard_normal(n)


def assert_does_not_blow_up(score, linear_score, room=0.1):
    """R² is nowhere 0.1 below a linear model's, nor below 0 where that is not."""
    assert score > linear_score - 0.1
    assert score > (0.0 if linear_score >= 0.0 else linear_score - room)
