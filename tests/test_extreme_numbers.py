"""Extreme numbers and strict settings of NumPy: no warning leaks, nothing fails."""

import warnings

import numpy as np
import pytest

from skbp import BPClassifier, BPGridSearchCV, BPRegressor, check_gradient
from skbp.compat import MLPClassifier
from skbp.engine.solvers import SOLVERS
from tests.helpers import BOTH

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

X = np.random.RandomState(0).standard_normal((60, 3))
LABELS = (X[:, 0] > 0).astype(int)
POSITIVE = np.abs(X[:, 0]) + 0.1
EVERY_SOLVER = pytest.mark.parametrize("solver", list(SOLVERS))


@pytest.mark.parametrize("delta", [1e-300, 1e300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_huber_delta(delta, dtype):
    options = {"loss": "huber", "huber_delta": delta, "max_iter": 3}
    model = BPRegressor((3,), intercepts_init="best_constant", **options)
    assert np.isfinite(model.fit(X.astype(dtype), POSITIVE).predict(X)).all()


@EVERY_SOLVER
@pytest.mark.parametrize("value", [1e-300, 1e300])
@pytest.mark.parametrize("name", ["alpha", "epsilon", "max_grad_norm"])
def test_numbers_beyond_float32(name, value, solver):
    if name == "max_grad_norm" and not SOLVERS[solver].batches:
        pytest.skip("such a solver refuses max_grad_norm")
    model = BPRegressor((3,), solver=solver, max_iter=3, **{name: value})
    model.fit(X.astype(np.float32), POSITIVE)
    assert all(np.isfinite(W).all() for W in model.coefs_)


def everything(model, y):
    """Return the results of all methods of a classifier or a regressor."""
    found = [model.fit(X, y).predict(X), model.score(X, y), *model.cost(X, y)]
    methods = ("predict_proba", "predict_log_proba", "decision_function")
    found += [getattr(model, name)(X) for name in methods if hasattr(model, name)]
    found += [*model.activations(X), *model.residuals(X, y), *model.gradients(X, y)[0]]
    if hasattr(model, "partial_fit"):
        found.append(model.partial_fit(X, y).loss_curve_)
    found.append(check_gradient(model, X, y).backprop)
    return found


@EVERY_SOLVER
@pytest.mark.parametrize("size", [1.0, 1e-160, 1e30])
@pytest.mark.parametrize(
    ("estimator", "options"),
    [
        (BPClassifier, {}),
        (BPClassifier, {"intercepts_init": "best_constant"}),
        (MLPClassifier, {}),
        (BPRegressor, {}),
        (BPRegressor, {"loss": "poisson", "intercepts_init": "best_constant"}),
    ],
)
def test_errors_of_numpy_that_the_user_asks_for(estimator, options, size, solver):
    if estimator is MLPClassifier and solver not in ("sgd", "adam", "lbfgs"):
        pytest.skip("compat has three solvers")
    y = LABELS if "Classifier" in estimator.__name__ else POSITIVE
    init = {} if estimator is MLPClassifier else {"init": "he_normal"}
    model = estimator(
        (3,), "tanh", solver=solver, max_iter=3, random_state=0, **options | init
    )
    try:
        model.set_params(alpha=1e-4 * size)
        expected = everything(model, y)
    except ValueError:
        # check_gradient refuses gradients that are not finite.
        return
    with np.errstate(all="raise"):
        found = everything(model, y)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_errors_of_numpy_in_a_search():
    grid = {"alpha": [1e-300, 1e-4], "solver": ["adam", "lbfgs"]}
    with np.errstate(all="raise"):
        search = BPGridSearchCV(BPClassifier((3,), max_iter=3), grid, cv=2)
        search.fit(X, LABELS)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    "loss", ["squared_error", "huber", "absolute_error", "quantile", "poisson", "gamma"]
)
@pytest.mark.parametrize(("weight", "size"), [(1e300, 1e10), (1e308, 1.0), (1e-320, 1)])
def test_a_best_constant_of_huge_weights(loss, weight, size):
    weights = np.linspace(0.5, 1.0, 60)
    options = {"loss": loss, "intercepts_init": "best_constant", "max_iter": 1}
    options |= {"learning_rate_init": 1e-9, "random_state": 0}

    def start(weights):
        model = BPRegressor((2,), **options)
        return model.fit(X, size * POSITIVE, weights).intercepts_[-1]

    np.testing.assert_allclose(start(weight * weights), start(weights), rtol=1e-3)


def test_a_best_constant_of_targets_close_to_the_largest_number():
    model = BPRegressor((2,), intercepts_init="best_constant", max_iter=2)
    model.fit(X, POSITIVE * 6e307 / POSITIVE.max())
    assert all(np.isfinite(a).all() for a in model.coefs_ + model.intercepts_)


@BOTH
@EVERY_SOLVER
@pytest.mark.parametrize("call", [1, 4])
def test_StopIteration_of_a_scorer(estimator, solver, call):
    calls = []

    def score(model, X, y):
        calls.append(1)
        if len(calls) == call:
            raise StopIteration("of the user")
        return 0.0

    model = estimator((2,), solver=solver, early_stopping=True, scoring=score)
    with pytest.raises(StopIteration, match="of the user"):
        model.fit(X, LABELS)
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("first", [0, 1])
def test_dask_partitions_of_two_dtypes(first):
    array = pytest.importorskip("dask.array")
    pieces = [X[:30].astype(np.float32), X[30:]]
    pieces = [pieces[first], pieces[1 - first]]
    # (dask.array.concatenate would make one type of both.)
    mixed = array.from_array(X, chunks=(30, 3)).map_blocks(
        lambda block, block_id: pieces[block_id[0]], dtype=np.float64
    )
    y = array.from_array(POSITIVE, chunks=30)
    options = {"hidden_layer_sizes": (3,), "max_iter": 3, "random_state": 0}
    model = BPRegressor(solver="lbfgs", **options).fit(mixed, y)
    together = np.concatenate(pieces)
    expected = BPRegressor(solver="lbfgs", **options).fit(together, POSITIVE)
    assert model.coefs_[0].dtype == np.float64
    np.testing.assert_allclose(model.coefs_[0], expected.coefs_[0], rtol=1e-6)


def test_no_warning_of_numpy_leaks_from_labels():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match="classes must contain"):
            BPClassifier().partial_fit(X, LABELS, classes=[0, np.nan])
