"""Random estimators and random data, to try laws on that hold for all of them.

``case(seed)`` returns the same estimator and the same data at each call. Parameters are
valid, alone and together; a few data are at the edge of what float32 and float64 hold.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse

from skbp import BPClassifier, BPRegressor
from skbp.engine.initializers import INITIALIZERS
from skbp.engine.solvers import SOLVERS

#: The values of each parameter; a parameter is drawn with a probability of a quarter.
COMMON: dict[str, list[Any]] = {
    "alpha": [0.0, 1e-4, 1.0, 1e3],
    "batch_size": ["auto", "full", 1, 7],
    "early_stopping": [True],
    "validation_fraction": [0.1, 0.5],
    "fit_intercept": [False],
    "init": [*INITIALIZERS],
    "intercepts_init": ["best_constant"],
    "learning_rate_init": [0.1, 1.0, 10.0, 1e3, 1e80, 1e150],
    "n_init": [2],
    "shuffle": [False],
    "tol": [0.0, 1e-4, 1.0],
    "n_iter_no_change": [1, 3, np.inf],
}
#: Parameters of the solvers that take steps, and of those that take them on batches.
STEPS: dict[str, list[Any]] = {
    "weight_decay": [1e-4],
    "average_decay": [0.5, 0.99],
    "momentum": [0.0, 1.0],
    "nesterovs_momentum": [False],
    "beta_1": [0.0, 0.99],
    "beta_2": [0.0, 0.9],
    "epsilon": [1e-30, 1.0],
}
BATCHES: dict[str, list[Any]] = {
    "dropout": [0.2, 0.9],
    "learning_rate": ["invscaling", "adaptive", "cosine"],
    "max_grad_norm": [1e-3, 1.0],
    "warmup": [2.0],
}
SCALES = [1.0] * 4 + [100.0] * 4 + [1e-3, 1e4, 1e4, 1e10, 1e19, 1e-20]


class Case(NamedTuple):
    """An estimator, the data to fit it to, and how."""

    estimator: Any
    X: Any
    y: Any
    sample_weight: Any
    #: "fit", "partial_fit" (three calls) or "warm_start" (two fits).
    how: str


def one_of(rng: np.random.RandomState, values: Any) -> Any:
    """Return one of the values; ``choice`` would turn them into an array."""
    return values[rng.randint(len(values))]


def case(seed: int) -> Case:
    """Return the estimator and the data of this seed."""
    rng = np.random.RandomState(seed)
    regression = bool(rng.randint(2))
    parameters, how = drawn_parameters(rng, regression)
    X, y, weights = drawn_data(rng, regression, parameters.get("loss", ""))
    kind = BPRegressor if regression else BPClassifier
    estimator = kind(
        **parameters, random_state=seed, max_iter=one_of(rng, [1, 1, 2, 5])
    )
    return Case(estimator, X, y, weights, how)


def drawn_parameters(
    rng: np.random.RandomState, regression: bool
) -> tuple[dict[str, Any], str]:
    """Return parameters that can be combined, and how to train with them."""
    # Plain steps blow up more often than others.
    name = one_of(rng, [*SOLVERS, *["sgd"] * 4])
    solver = SOLVERS[name]
    known = COMMON | (STEPS if solver.steps else {})
    known = known | (BATCHES if solver.batches else {})
    some = {one: one_of(rng, known[one]) for one in known if rng.rand() < 0.25}
    some["solver"] = name
    some["hidden_layer_sizes"] = one_of(rng, [(), (1,), (5,), (4, 3)])
    activations = ["relu", "tanh", "logistic", "identity", "softplus", "gelu"]
    some["activation"] = one_of(rng, activations)
    losses = ["squared_error", "poisson", "gamma"]
    losses += [] if solver.curved else ["huber", "absolute_error", "quantile"]
    losses += ["poisson", "squared_error"]
    some["loss"] = one_of(rng, losses if regression else ["log_loss"])
    how = one_of(rng, ["fit", "fit", "warm_start", "partial_fit"])
    if how == "partial_fit" and not solver.batches:
        how = "fit"
    if how != "fit":
        some.pop("n_init", None)
    if how == "partial_fit":
        some.pop("early_stopping", None)
    if how == "warm_start":
        some["warm_start"] = True
    if solver.estimates and rng.randint(2):
        some["alpha"] = one_of(rng, ["evidence", "ard"])
    if some.get("fit_intercept", True) is False:
        some.pop("intercepts_init", None)
    if some.get("weight_decay", 0.0) * some.get("learning_rate_init", 0.0) >= 1.0:
        del some["weight_decay"]
    return some, how


def drawn_data(
    rng: np.random.RandomState, regression: bool, loss: str
) -> tuple[Any, Any, Any]:
    """Return X, y and sample weights (or None)."""
    n, scale = one_of(rng, [20, 60]), one_of(rng, SCALES)
    X: Any = rng.standard_normal((n, one_of(rng, [1, 3])))
    if regression:
        y = X @ rng.standard_normal(X.shape[1]) + 0.1 * rng.standard_normal(n)
        if loss in ("poisson", "gamma"):
            y = np.exp(y)
        # The squares of y stay in the range of float32.
        y = y + one_of(rng, [0.0, 0.0, 100.0])
        y *= one_of(rng, [1.0, 1.0, 1e-3, 100.0, 1e6])
    else:
        y = np.digitize(X[:, 0], one_of(rng, [[0.0], [-0.5, 0.5]]))
    X = scale * X
    if rng.rand() < 0.2:
        X[:, 0] *= 1e4
    X = X.astype(one_of(rng, [np.float64, np.float64, np.float32]))
    if rng.rand() < 0.15:
        X = scipy.sparse.csr_array(X)
    weights = rng.rand(n) if rng.rand() < 0.2 else None
    return X, y, weights


def trained(one: Case) -> Any:
    """Train the estimator of a case, in the way of the case, and return it."""
    model, X, y, weights = one.estimator, one.X, one.y, one.sample_weight
    if one.how == "partial_fit":
        first = {} if isinstance(model, BPRegressor) else {"classes": np.unique(y)}
        model.partial_fit(X, y, sample_weight=weights, **first)
        for _ in range(2):
            model.partial_fit(X, y, sample_weight=weights)
        return model
    for _ in range(2 if one.how == "warm_start" else 1):
        model.fit(X, y, weights)
    return model
