"""Random estimators and random data, to try laws on that hold for all of them.

``case(seed)`` returns the same estimator and the same data at each call. Most cases
are valid; in some, parameters do not go together, or a parameter or the data are wrong.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor, compat
from skbp.engine.activations import HIDDEN
from skbp.engine.compiled import available
from skbp.engine.initializers import INITIALIZERS
from skbp.engine.losses import LOSSES
from skbp.engine.schedules import SCHEDULES
from skbp.engine.solvers import SOLVERS
from skbp.model_selection import (
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPRandomizedSearchCV,
)
from tests.helpers import SKLEARN

#: The values of each parameter; a parameter is drawn with a probability of a quarter.
COMMON: dict[str, list[Any]] = {
    "alpha": [0.0, 1e-4, 1.0, 1e3],
    "batch_size": ["auto", "full", 1, 7, 1000],
    "early_stopping": [True],
    "validation_fraction": [0.1, 0.5],
    "fit_intercept": [False],
    "init": [*INITIALIZERS],
    "intercepts_init": ["best_constant"],
    "learning_rate_init": [0.1, 1.0, 10.0, 1e3, 1e80, 1e150],
    "n_init": [2],
    "ensemble": [2],
    "shuffle": [False],
    "tol": [0.0, 1e-4, 1.0],
    "n_iter_no_change": [1, 3, np.inf],
    "max_fun": [1, 50],
    "scoring": ["loss"],
}
#: Parameters that need a solver with a learning rate, and ones that also need batches.
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
    "learning_rate": [*SCHEDULES],
    "max_grad_norm": [1e-3, 1.0],
    "warmup": [2.0],
}
#: Parameters of one of the two estimators, and the activations that suit their losses.
OF_CLASSES: dict[str, list[Any]] = {
    "loss": ["log_loss", "log_loss", "squared_error"],
    "class_weight": ["balanced", "balanced", {0: 0.5, 1: 2.0}],
    "label_smoothing": [0.1],
    "output_activation": ["auto", "logistic", "softmax"],
}
OF_NUMBERS: dict[str, list[Any]] = {
    "huber_delta": [1e-3, 1e3],
    "quantile": [0.1, 0.9, [0.2, 0.5]],
    "target_scaling": ["standard"],
    "output_activation": ["auto", "exp", "softplus", "identity"],
}
#: What is wrong in every case, whatever the parameter.
WRONG = [None, -1.0, np.nan, np.inf, "misspelt", [], ..., np.array([[1.0]]), {}]
SCALES = [1.0] * 4 + [100.0] * 4 + [1e-3, 1e4, 1e4, 1e10, 1e19, 1e-20]
SEARCHES = [BPGridSearchCV, BPRandomizedSearchCV, BPHalvingGridSearchCV]
#: What the candidates of a search differ in.
GRIDS: list[dict[str, list[Any]]] = [
    {"alpha": [1e-4, 1.0]},
    {"learning_rate_init": [1e-3, 0.1, 1e80]},
    {"hidden_layer_sizes": [(1,), (3,)], "alpha": [0.0, 1.0]},
    {"solver": ["adam", "lbfgs"]},
    {"max_iter": [1, 3], "activation": ["relu", "tanh"]},
]


class Case(NamedTuple):
    """An estimator, the data to fit it to, and how."""

    estimator: Any
    X: Any
    y: Any
    sample_weight: Any
    #: "fit", "partial_fit" (three calls), "warm_start" (two fits) or "search".
    how: str
    #: Whether the loops are compiled.
    compiled: bool
    #: What has been spoilt, the name of a parameter or of data; "" if nothing.
    spoilt: str


def one_of(rng: np.random.RandomState, values: Any) -> Any:
    """Return one of the values; ``choice`` would turn them into an array."""
    return values[rng.randint(len(values))]


def case(seed: int) -> Case:
    """Return the estimator and the data of this seed."""
    rng = np.random.RandomState(seed)
    regression = bool(rng.randint(2))
    parameters, how = drawn_parameters(rng, regression)
    parameters |= {"random_state": seed, "max_iter": one_of(rng, [1, 1, 2, 5])}
    kind = BPRegressor if regression else BPClassifier
    if rng.rand() < 0.1:
        kind = compat.MLPRegressor if regression else compat.MLPClassifier
        parameters = those_of(kind, parameters)
    n = one_of(rng, [1, 2, 5, 20, 20, 60, 60])
    if "early_stopping" in parameters:
        n = max(n, one_of(rng, [5, 20, 60]))
    X, y, weights = drawn_data(rng, regression, parameters.get("loss", ""), n)
    if how == "fit" and n > 2 and rng.rand() < 0.2:
        how = "search"
    spoilt = ""
    if rng.rand() < 0.1:
        spoilt = one_of(rng, sorted(kind().get_params().keys() - {"verbose"}))
        parameters[spoilt] = one_of(rng, WRONG)
    elif how != "search" and rng.rand() < 0.1:
        spoilt = one_of(rng, ["X", "y", "sample_weight"])
        X, y, weights = spoiled(rng, spoilt, X, y, weights)
    estimator, options = kind(**parameters), {"compiled": False}
    if available():
        options["compiled"] = bool(rng.randint(2))
    if how == "search":
        estimator = drawn_search(rng, estimator)
    return Case(estimator, X, y, weights, how, **options, spoilt=spoilt)


def those_of(kind: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that a class of ``compat`` has, with values that it has."""
    values = {
        "solver": ["adam", "sgd", "lbfgs"],
        "activation": ["relu", "tanh", "logistic", "identity"],
        "learning_rate": ["constant", "invscaling", "adaptive"],
        "loss": ["squared_error", "poisson"],
    }
    if SKLEARN < (1, 7):
        values["loss"] = ["squared_error"]
    found = {name: parameters[name] for name in {*parameters} & {*kind().get_params()}}
    for name, known in values.items():
        if name in found and found[name] not in known:
            found[name] = known[0]
    if found.get("batch_size") == "full" or isinstance(found.get("alpha"), str):
        found = {n: v for n, v in found.items() if n not in ("batch_size", "alpha")}
    return found


def drawn_parameters(
    rng: np.random.RandomState, regression: bool
) -> tuple[dict[str, Any], str]:
    """Return parameters that can be combined, and how to train with them.

    In one of ten cases they are left as they come.
    """
    # Plain steps blow up more often than others.
    name = one_of(rng, [*SOLVERS, *["sgd"] * 4])
    solver = SOLVERS[name]
    known = COMMON | (STEPS if solver.steps else {})
    known = known | (BATCHES if solver.batches else {})
    known = known | (OF_NUMBERS if regression else OF_CLASSES)
    some = {one: one_of(rng, known[one]) for one in known if rng.rand() < 0.25}
    some["solver"] = name
    some["hidden_layer_sizes"] = one_of(rng, [(), (1,), (5,), (4, 3)])
    some["activation"] = one_of(rng, [*HIDDEN])
    if regression:
        losses = ["squared_error", "poisson", "gamma"] * 2
        losses += [] if solver.curved else ["huber", "absolute_error", "quantile"]
        some["loss"] = one_of(rng, losses)
    how = one_of(rng, ["fit", "fit", "warm_start", "partial_fit"])
    if how == "warm_start":
        some["warm_start"] = True
    if solver.estimates and rng.randint(2):
        some["alpha"] = one_of(rng, ["evidence", "ard"])
    if rng.rand() < 0.9:
        how = suited(some, how)
    return some, how


def suited(some: dict[str, Any], how: str) -> str:
    """Leave out parameters that do not go together; return how to train."""
    solver = SOLVERS[some["solver"]]
    if how == "partial_fit" and not solver.batches:
        how = "fit"
    if how == "fit" and "ensemble" in some:
        some["n_init"] = 2
    if how != "fit":
        some.pop("n_init", None)
        some.pop("ensemble", None)
    if how == "partial_fit":
        some.pop("early_stopping", None)
    if some.get("fit_intercept", True) is False:
        some.pop("intercepts_init", None)
    if some.get("weight_decay", 0.0) * some.get("learning_rate_init", 0.0) >= 1.0:
        del some["weight_decay"]
    loss = some.get("loss", "log_loss")
    if solver.curved or some.get("output_activation") not in LOSSES_OUTPUTS[loss]:
        some.pop("output_activation", None)
    if how == "partial_fit":
        some.pop("class_weight", None)
    return how


#: The output activations that suit a loss of the estimators.
LOSSES_OUTPUTS = {name: ("auto", *loss.outputs) for name, loss in LOSSES.items()}


def drawn_search(rng: np.random.RandomState, estimator: Any) -> Any:
    """Return a search over a few candidates, of a network alone or in a pipeline."""
    kind, grid = one_of(rng, SEARCHES), one_of(rng, GRIDS)
    options: dict[str, Any] = {
        "cv": KFold(2, shuffle=True, random_state=0),
        "error_score": one_of(rng, ["raise", 0.0]),
    }
    if kind is BPRandomizedSearchCV:
        options |= {"n_iter": 2, "random_state": 0}
    if kind is BPHalvingGridSearchCV:
        options |= {"resource": "max_iter", "max_resources": 4, "factor": 2}
        grid = {name: grid[name] for name in grid if name != "max_iter"}
    if rng.randint(2):
        step = type(estimator).__name__.lower()
        estimator = make_pipeline(StandardScaler(with_mean=False), estimator)
        grid = {f"{step}__{name}": values for name, values in grid.items()}
        if kind is BPHalvingGridSearchCV:
            options["resource"] = f"{step}__max_iter"
    return kind(estimator, grid, **options)


# Data


def drawn_data(
    rng: np.random.RandomState, regression: bool, loss: str, n: int
) -> tuple[Any, Any, Any]:
    """Return X, y and sample weights (or None) of n samples."""
    scale = one_of(rng, SCALES)
    X: Any = rng.standard_normal((n, one_of(rng, [1, 3])))
    y = (numbers if regression else classes)(rng, X, loss)
    X = scale * X
    if rng.rand() < 0.2:
        X[:, 0] *= 1e4
    if rng.rand() < 0.1:
        X[:, -1] = one_of(rng, [0.0, 1.0, 1e6])
    return as_some_X(rng, X), y, drawn_weights(rng, n)


def as_some_X(rng: np.random.RandomState, X: Any) -> Any:
    """Return X in one of the forms that users have it in."""
    X = X.astype(one_of(rng, [np.float64, np.float64, np.float32]))
    form = rng.rand()
    if form < 0.15:
        return one_of(rng, [scipy.sparse.csr_array, scipy.sparse.csc_matrix])(X)
    if form < 0.2:
        return np.asfortranarray(X)
    if form < 0.25:
        return X.tolist()
    if form < 0.3:
        return np.rint(np.clip(X, -1e9, 1e9)).astype(np.int64)
    return X


def numbers(rng: np.random.RandomState, X: Any, loss: str) -> Any:
    """Return targets of a regression."""
    n, n_outputs = len(X), one_of(rng, [1, 1, 1, 2])
    y = X @ rng.standard_normal((X.shape[1], n_outputs))
    y += 0.1 * rng.standard_normal((n, n_outputs))
    if loss in ("poisson", "gamma"):
        y = np.exp(y)
    if rng.rand() < 0.1:
        y[:] = 1.0
    # The squares of y stay in the range of float32.
    y = y + one_of(rng, [0.0, 0.0, 100.0])
    y *= one_of(rng, [1.0, 1.0, 1e-3, 100.0, 1e6])
    y = y if n_outputs > 1 else y.ravel()
    if rng.rand() < 0.1:
        return y.tolist()
    return y.astype(one_of(rng, [np.float64, np.float64, np.float32]))


def classes(rng: np.random.RandomState, X: Any, loss: str) -> Any:
    """Return classes: numbers, strings, booleans; or labels."""
    y = np.digitize(X[:, 0], one_of(rng, [[0.0], [-0.5, 0.5]]))
    form = rng.rand()
    if form < 0.15:
        return np.array(["no", "maybe", "yes"])[y]
    if form < 0.2:
        return np.array(["no", "maybe", "yes"], object)[y]
    if form < 0.25:
        return y > 0
    if form < 0.3:
        return y.astype(float)
    if form < 0.35:
        return y.tolist()
    if form < 0.45:
        return np.column_stack([y > 0, X[:, -1] > 0.5]).astype(int)
    if form < 0.5:
        return scipy.sparse.csr_array(np.column_stack([y > 0, y > 1]).astype(int))
    return y


def drawn_weights(rng: np.random.RandomState, n: int) -> Any:
    """Return sample weights, or None."""
    if rng.rand() < 0.75:
        return None
    weights = rng.rand(n)
    if rng.randint(2):
        weights = np.rint(2.0 * weights)
        weights[0] = 1.0
    weights *= one_of(rng, [1.0, 1.0, 1e-6, 1e6])
    return weights.tolist() if rng.randint(2) else weights


def spoiled(
    rng: np.random.RandomState, what: str, X: Any, y: Any, weights: Any
) -> tuple[Any, Any, Any]:
    """Return data of which one array is wrong."""
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    spoil = {
        "X": [
            None,
            "text",
            np.full((n, 2), np.nan),
            np.full((n, 2), np.inf),
            np.full((n, 2), "a", object),
            np.zeros(n),
            np.zeros((n, 2, 2)),
            np.zeros((n, 0)),
            np.zeros((n + 1, 2)),
            np.zeros((n, 2), complex),
        ],
        "y": [
            None,
            1.0,
            np.full(n, np.nan),
            np.full(n, None, object),
            np.zeros((n, 2, 2)),
            np.zeros(n + 1),
            [["a"], ["b", "c"], *[["d"]] * n],
            np.zeros(n, complex),
            np.zeros((n, 0)),
        ],
        "sample_weight": [
            "text",
            -np.ones(n),
            np.zeros(n),
            np.full(n, np.nan),
            np.ones(n + 1),
            np.ones((n, 2)),
            np.full(n, "a", object),
            {},
        ],
    }
    wrong = one_of(rng, spoil[what])
    if what == "X":
        return wrong, y, weights
    return (X, wrong, weights) if what == "y" else (X, y, wrong)


def trained(one: Case) -> Any:
    """Train the estimator of a case, in the way of the case, and return it."""
    model, X, y, weights = one.estimator, one.X, one.y, one.sample_weight
    if one.how == "search":
        options = {} if weights is None else {"sample_weight": weights}
        if hasattr(model.estimator, "steps"):
            step = model.estimator.steps[-1][0]
            options = {f"{step}__{name}": value for name, value in options.items()}
        return model.fit(X, y, **options)
    if one.how == "partial_fit":
        first = {}
        if isinstance(model, BPClassifier) and one.spoilt != "y":
            first = {"classes": known_classes(y)}
        model.partial_fit(X, y, sample_weight=weights, **first)
        for _ in range(2):
            model.partial_fit(X, y, sample_weight=weights)
        return model
    for _ in range(2 if one.how == "warm_start" else 1):
        model.fit(X, y, weights)
    return model


def known_classes(y: Any) -> Any:
    """Return the classes of y, or the numbers of its labels."""
    y = y if scipy.sparse.issparse(y) else np.asarray(y)
    return np.unique(y) if y.ndim == 1 else np.arange(y.shape[1])
