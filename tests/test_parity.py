"""The same weights and curves as MLPClassifier and MLPRegressor, over a grid."""

import inspect
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skbp import BPClassifier, BPRegressor, config_context
from skbp.engine.compiled import available
from tests.helpers import SKLEARN, since

N, FEATURES = 130, 5
ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


def make_data():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((N, FEATURES))
    signal = X[:, 0] * X[:, 1] + 0.3 * rng.standard_normal(N)
    y = X[:, 0] ** 2 + X[:, 1]
    return (
        X,
        rng.uniform(0.1, 2.0, N),
        {
            "binary": (signal > 0).astype(int),
            "multiclass": np.digitize(X @ rng.standard_normal(FEATURES), [-1, 1]),
            "multilabel": (X[:, :3] + 0.3 * rng.standard_normal((N, 3)) > 0).astype(
                int
            ),
            "squared_error": y,
            "outputs": np.c_[y, X[:, 2], signal],
            "poisson": rng.poisson(np.exp(0.5 * X[:, 0])).astype(float),
        },
    )


X, WEIGHTS, TARGETS = make_data()


@pytest.fixture(autouse=True, params=[False, True], ids=["", "compiled"])
def compiled(request):
    """Each test with the NumPy engine, and with compiled loops where numba is."""
    if request.param and not available():
        pytest.skip("compiled loops need numba, an extra")
    with config_context(compiled=request.param):
        yield


KINDS = [
    pytest.param(kind, marks=since(1, 7, "losses of its MLPRegressor"))
    if kind == "poisson"
    else kind
    for kind in TARGETS
]
WEIGHTED = pytest.mark.parametrize(
    "weighted",
    [False, pytest.param(True, marks=since(1, 7, "weights in its MLP"))],
    ids=["", "weights"],
)
PAIRS = {
    kind: (BPClassifier, MLPClassifier)
    if kind in ("binary", "multiclass", "multilabel")
    else (BPRegressor, MLPRegressor)
    for kind in TARGETS
}


def both(kind, weights=None, X=X, fits=1, **parameters):
    """Fit both to the same data with the same parameters."""
    if kind == "poisson":
        parameters["loss"] = "poisson"
    models = [
        estimator(**{"random_state": 7, **parameters}) for estimator in PAIRS[kind]
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in models:
            for _ in range(fits):
                model.fit(X, TARGETS[kind], *([] if weights is None else [weights]))
    return models


def assert_same_weights(ours, theirs, rtol=1e-9):
    assert len(ours.coefs_) == len(theirs.coefs_)
    for mine, other in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert mine.shape == other.shape
        assert np.abs(mine - other).max() <= rtol * np.abs(other).max()


def assert_same_curves(ours, theirs, kind, weights):
    """Curves are equal where scikit-learn's are right, weights everywhere."""
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.out_activation_ == theirs.out_activation_
    # Theirs weights batches by rows, and averages squared errors over outputs.
    if weights is None and kind != "outputs":
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
        assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-9)
        if theirs.best_loss_ is None:
            assert ours.best_loss_ is None
        else:
            assert ours.best_loss_ == pytest.approx(theirs.best_loss_, rel=1e-9)
    if theirs.validation_scores_ is None:
        assert ours.validation_scores_ is None
        assert ours.best_validation_score_ is None
    else:
        np.testing.assert_allclose(
            ours.validation_scores_, theirs.validation_scores_, rtol=1e-9, atol=1e-12
        )
        assert ours.best_validation_score_ == pytest.approx(
            theirs.best_validation_score_
        )


@WEIGHTED
@pytest.mark.parametrize("early_stopping", [False, True], ids=["", "early"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_stochastic_solvers(kind, solver, activation, early_stopping, weighted):
    if early_stopping and kind == "multiclass":
        # Ours stratifies: with a seed it has another split. See test_early_stopping.
        kind = "binary"
    weights = WEIGHTS if weighted else None
    for hidden, batch_size, shuffle in [((9,), "auto", True), ((6, 5), 32, False)]:
        ours, theirs = both(
            kind,
            weights,
            solver=solver,
            activation=activation,
            early_stopping=early_stopping,
            hidden_layer_sizes=hidden,
            batch_size=batch_size,
            shuffle=shuffle,
            alpha=0.01,
            learning_rate_init=0.005,
            max_iter=15,
            tol=0.0,
        )
        assert_same_weights(ours, theirs)
        assert_same_curves(ours, theirs, kind, weights)


@WEIGHTED
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "outputs"])
def test_lbfgs_over_its_first_iterations(kind, activation, weighted):
    # ("outputs": theirs minimises with a loss that its gradient is not of.)
    weights = WEIGHTS if weighted else None
    for hidden in [(), (9,), (6, 5)]:
        ours, theirs = both(
            kind,
            weights,
            solver="lbfgs",
            activation=activation,
            hidden_layer_sizes=hidden,
            alpha=0.1,
            max_iter=8,
        )
        assert_same_weights(ours, theirs)
        assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-10)
        assert ours.n_iter_ == theirs.n_iter_


SGD = [
    {"learning_rate": "invscaling", "power_t": 0.3},
    {"learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 2},
    {"nesterovs_momentum": False},
    {"momentum": 0.0},
    {"momentum": 0.5, "learning_rate": "adaptive", "tol": 0.1, "n_iter_no_change": 1},
]
ADAM = [
    {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    {"beta_1": 0.0, "beta_2": 0.0},
]


@pytest.mark.parametrize("kind", ["multiclass", "squared_error"])
@pytest.mark.parametrize(
    "parameters",
    [{"solver": "sgd"} | p for p in SGD] + [{"solver": "adam"} | p for p in ADAM],
)
def test_hyperparameters_of_the_solvers(kind, parameters):
    ours, theirs = both(
        kind,
        hidden_layer_sizes=(8, 4),
        activation="tanh",
        batch_size=50,
        max_iter=30,
        **{"tol": 0.0, **parameters},
    )
    assert_same_weights(ours, theirs)
    assert_same_curves(ours, theirs, kind, None)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("multiclass", "outputs")]
)
def test_training_stops_in_the_same_epoch(kind, early_stopping):
    ours, theirs = both(
        kind,
        hidden_layer_sizes=(8,),
        learning_rate_init=0.02,
        early_stopping=early_stopping,
        validation_fraction=0.3,
        n_iter_no_change=3,
        tol=1e-3,
        max_iter=500,
    )
    assert ours.n_iter_ < 500
    assert_same_weights(ours, theirs)
    assert_same_curves(ours, theirs, kind, None)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", ["multiclass", "squared_error"])
def test_warm_start(kind, solver):
    ours, theirs = both(
        kind,
        fits=3,
        solver=solver,
        warm_start=True,
        hidden_layer_sizes=(6,),
        activation="tanh",
        alpha=0.1,
        max_iter=4,
        learning_rate="constant" if solver == "adam" else "invscaling",
        tol=0.0,
    )
    assert_same_weights(ours, theirs)
    if solver != "lbfgs":
        assert_same_curves(ours, theirs, kind, None)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "outputs"])
def test_partial_fit(kind, solver, shuffle):
    """Theirs, given a stream of random numbers, goes on with it; ours always does."""
    y = TARGETS[kind]
    models = [
        estimator(
            hidden_layer_sizes=(6,),
            solver=solver,
            shuffle=shuffle,
            batch_size=20,
            random_state=state,
        )
        for estimator, state in zip(
            PAIRS[kind], (7, np.random.RandomState(7)), strict=True
        )
    ]
    for batch in (slice(0, 50), slice(50, 90), slice(90, N)):
        for model in models:
            classes = {"classes": range(3)} if "multi" in kind else {}
            if kind == "binary":
                classes = {"classes": [0, 1]}
            weights = [WEIGHTS[batch]] if SKLEARN >= (1, 7) else []
            model.partial_fit(X[batch], y[batch], *weights, **classes)
    assert_same_weights(*models)
    assert models[0].t_ == models[1].t_ == N


@pytest.mark.parametrize("kind", KINDS)
def test_predictions(kind):
    ours, theirs = both(kind, hidden_layer_sizes=(8,), max_iter=20)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)
    assert ours.score(X, TARGETS[kind]) == pytest.approx(theirs.score(X, TARGETS[kind]))
    if PAIRS[kind][0] is BPClassifier:
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_allclose(
            ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9, atol=1e-15
        )
        np.testing.assert_allclose(
            ours.predict_log_proba(X), theirs.predict_log_proba(X), rtol=1e-8
        )


def test_sparse_input():
    from scipy.sparse import csr_array

    sparse = np.where(np.abs(X) < 0.8, 0.0, X)
    for solver in ("adam", "lbfgs"):
        ours, theirs = both(
            "multiclass", X=csr_array(sparse), solver=solver, max_iter=8
        )
        assert_same_weights(ours, theirs)


@pytest.mark.parametrize("kind", ["multiclass", "squared_error"])
def test_float32_is_as_close_as_float32_can_be(kind):
    ours, theirs = both(kind, X=X.astype(np.float32), max_iter=10)
    assert ours.coefs_[0].dtype == np.float32
    assert_same_weights(ours, theirs, rtol=1e-4)


def test_unscaled_data_have_the_same_curve():
    """Losses of samples that are wrong with certainty are bounded as theirs are."""
    for kind in ("binary", "multiclass", "multilabel"):
        ours, theirs = both(kind, X=300 * X, max_iter=5)
        assert max(theirs.loss_curve_) > 10
        assert_same_curves(ours, theirs, kind, None)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("ours", "theirs"), [(BPClassifier, MLPClassifier), (BPRegressor, MLPRegressor)]
)
def test_every_parameter_is_there_with_name_default_and_constraint(ours, theirs):
    taken_over = ours(**theirs().get_params()).get_params()
    assert theirs().get_params().items() <= taken_over.items()
    mine = inspect.signature(ours).parameters
    for name, parameter in inspect.signature(theirs).parameters.items():
        assert mine[name].default == parameter.default
    assert list(mine)[:2] == ["hidden_layer_sizes", "activation"]
    assert all(p.kind is p.KEYWORD_ONLY for p in list(mine.values())[2:])
    for early_stopping in (False, True):
        fitted = [
            estimator(early_stopping=early_stopping, tol=1.0, random_state=0).fit(
                X, TARGETS["binary"]
            )
            for estimator in (ours, theirs)
        ]
        public = [
            {name for name in vars(model) if name[0] != "_" and name[-1] == "_"}
            for model in fitted
        ]
        assert public[1] <= public[0]
