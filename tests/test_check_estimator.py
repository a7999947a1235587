"""scikit-learn's own checks, over both estimators in several configurations."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skbp import BPClassifier, BPRegressor
from skbp.compat import MLPClassifier, MLPRegressor

#: Not among them, since they cannot pass: dropout and early stopping, which draw other
#: random numbers for repeated samples than for weighted ones, and balanced class
#: weights, which count samples and know no partial_fit.
CONFIGURATIONS = [
    BPClassifier(),
    BPClassifier(solver="sgd", learning_rate_init=0.1, learning_rate="adaptive"),
    BPClassifier(solver="lbfgs"),
    BPClassifier((), solver="lbfgs", alpha=1.0),
    BPClassifier((8, 4), "tanh", learning_rate_init=0.01),
    BPClassifier((6, 5, 4), "logistic", solver="lbfgs", alpha=0.1),
    BPClassifier((10,), "identity"),
    BPClassifier(
        (8, 4),
        ("tanh", "relu"),
        loss="squared_error",
        weight_decay=1e-3,
        learning_rate_init=0.02,
    ),
    BPClassifier(8, loss="squared_error", output_activation="logistic", solver="lbfgs"),
    BPClassifier(8, output_activation="logistic", solver="lbfgs", init="he_normal"),
    BPClassifier(output_activation="softmax", batch_size="full", init="orthogonal"),
    BPClassifier(
        (16,),
        "gelu",
        solver="nadam",
        learning_rate_init=0.02,
        learning_rate="cosine",
        warmup=2,
        label_smoothing=0.05,
        average_decay=0.9,
    ),
    BPClassifier(solver="rprop", learning_rate_init=0.01, activation="mish"),
    BPClassifier(solver="rmsprop", max_grad_norm=1.0, activation="selu"),
    # (More steps of "lm" amplify the rounding of weighted and repeated samples.)
    BPClassifier((4,), "tanh", solver="lm", alpha=0.1, max_iter=8),
    BPClassifier((), solver="lm", alpha=1.0),
    BPRegressor(),
    BPRegressor((4,), "tanh", solver="lm", alpha="ard", max_iter=8),
    BPRegressor((4,), "tanh", solver="lm", n_init=2, ensemble=2, max_iter=8),
    BPRegressor(loss="huber", solver="lbfgs"),
    BPRegressor(
        loss="absolute_error",
        solver="rmsprop",
        learning_rate_init=0.02,
        learning_rate="one_cycle",
        average_decay=0.9,
    ),
    BPRegressor(
        loss="quantile", learning_rate_init=0.02, intercepts_init="best_constant"
    ),
    BPRegressor(solver="sgd", learning_rate_init=0.01, nesterovs_momentum=False),
    BPRegressor(solver="lbfgs"),
    BPRegressor((), solver="lbfgs"),
    BPRegressor((8, 4), "tanh", learning_rate_init=0.05),
    BPRegressor((6, 5, 4), "tanh", solver="lbfgs", tol=0.01),
    BPRegressor((10,), "identity", learning_rate_init=0.05),
    BPRegressor((8, 4), ("tanh", "logistic"), fit_intercept=False, solver="lbfgs"),
    MLPClassifier(),
    MLPClassifier(solver="lbfgs"),
    MLPRegressor(),
    MLPRegressor(solver="lbfgs"),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(CONFIGURATIONS)
def test_scikit_learns_checks(estimator, check):
    check(estimator)
