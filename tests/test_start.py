"""What training starts from is decided in one place."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, BPRegressor, check_gradient

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 3))
TARGETS = {
    BPClassifier: RNG.choice(3, p=[0.7, 0.2, 0.1], size=60),
    BPRegressor: RNG.standard_exponential(60) + 100.0,
}
#: A step of this length changes no weight.
STILL = {"solver": "sgd", "learning_rate_init": 1e-300, "max_iter": 1}


@pytest.mark.parametrize("estimator", TARGETS)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"init": "he_normal", "activation": "tanh"},
        {"early_stopping": True},
        {"intercepts_init": "best_constant"},
        {"intercepts_init": "best_constant", "early_stopping": True},
        {"intercepts_init": "best_constant", "coefs_init": [np.ones((3, 4))]},
    ],
    ids=str,
)
def test_check_gradient_starts_from_the_weights_that_fit_starts_from(
    estimator, options
):
    y = TARGETS[estimator]
    model = estimator(**{"hidden_layer_sizes": (4,), "random_state": 0} | options)
    if "coefs_init" in options:
        shape = (4, 3 if estimator is BPClassifier else 1)
        coefs = [*options["coefs_init"], np.full(shape, 0.5)]
        model.set_params(coefs_init=coefs)
    unfitted = check_gradient(model, X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        started = model.set_params(**STILL).fit(X, y)
    np.testing.assert_array_equal(
        check_gradient(started, X, y).backprop, unfitted.backprop
    )
