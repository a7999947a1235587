"""Activations, residuals, gradients and costs that users can look at."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor, check_gradient
from skbp._estimator.by_hand import model_of
from skbp.engine import activations
from skbp.inspection import at_start
from tests.catalogue import HIDDEN_ACTIVATIONS

X = StandardScaler().fit_transform(load_iris().data)
Y = load_iris().target
WEIGHTS = np.random.RandomState(0).rand(len(X))

#: Estimators and targets for every loss with every kind of output.
CASES = {
    "binary": (BPClassifier(), Y > 0),
    "multiclass": (BPClassifier(), Y),
    "one versus rest": (BPClassifier(output_activation="logistic"), Y),
    "multilabel": (BPClassifier(), np.c_[Y > 0, Y > 1].astype(int)),
    "two softmax outputs": (BPClassifier(output_activation="softmax"), Y > 0),
    "least squares": (BPClassifier(loss="squared_error"), Y),
    "document D": (
        BPClassifier(loss="squared_error", output_activation="logistic"),
        Y,
    ),
    "squared tanh": (BPRegressor(output_activation="tanh"), np.tanh(X[:, :2])),
    "regression": (BPRegressor(), X[:, 0] * X[:, 1]),
    "poisson": (BPRegressor(loss="poisson"), Y.astype(float)),
    "proportions": (BPRegressor(loss="log_loss"), Y / 2),
    "distributions": (
        BPRegressor(loss="log_loss", output_activation="softmax"),
        np.c_[Y / 4, 1 - Y / 2, Y / 4],
    ),
}


def case(name, **options):
    estimator, y = CASES[name]
    options = {"hidden_layer_sizes": (6, 5), "random_state": 0, "alpha": 0.5} | options
    return estimator.__class__(**estimator.get_params() | options), y


def fitted(name, **options):
    model, y = case(name, **{"max_iter": 3} | options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y), y


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_check_gradient(name, fit_intercept):
    model, y = case(name, activation=("tanh", "logistic"), fit_intercept=fit_intercept)
    check = check_gradient(model, X, y, WEIGHTS, each_parameter=True)
    assert not hasattr(model, "coefs_")
    assert check.error < 1e-6
    np.testing.assert_allclose(check.backprop, check.numeric, rtol=1e-5, atol=1e-8)
    model, _ = fitted(name, activation=("tanh", "logistic"))
    for ours, numeric in zip(check.gradients, check.numeric_gradients, strict=True):
        for a, b, parameter in zip(ours, numeric, model.coefs_, strict=False):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-8)
            assert a.shape in (parameter.shape, parameter.shape[1:])


@pytest.mark.parametrize("activation", HIDDEN_ACTIVATIONS)
def test_check_gradient_at_fitted_weights_in_float32(activation):
    model, y = case("multiclass", activation=activation, max_iter=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X.astype(np.float32), y)
    before = [W.copy() for W in model.coefs_]
    assert check_gradient(model, X.astype(np.float32), y).error < 1e-5
    assert all((W == V).all() for W, V in zip(model.coefs_, before, strict=True))


def test_check_gradient_finds_a_wrong_gradient(monkeypatch):
    def wrong(shape, dtype):
        f, df = activations.logistic(shape, dtype)
        return f, lambda A, delta: (df(A, delta), np.multiply(delta, 1.01, out=delta))

    monkeypatch.setitem(activations.ACTIVATIONS, "tanh", wrong)
    model, y = case("multiclass", activation=("relu", "tanh"))
    assert check_gradient(model, X, y).error > 1e-4
    model, y = case("multiclass", activation=("relu", "logistic"))
    assert check_gradient(model, X, y).error < 1e-6


def test_check_gradient_leaves_kinks_out():
    """Inputs and biases of zero put ReLU on its kink, where no gradient is right."""
    model = BPClassifier((6,), init="he_normal", random_state=0)
    X_0 = np.vstack([X, np.zeros((20, 4))])
    y_0 = np.r_[Y, np.zeros(20, int)]
    check = check_gradient(model, X_0, y_0, each_parameter=True)
    assert 0 < check.n_kinks <= 10 + 6
    assert check.error < 1e-5
    only_kinks = check_gradient(model, X_0, y_0)
    assert only_kinks.n_kinks == 10
    assert np.isnan(only_kinks.error)


def test_check_gradient_of_each_parameter_in_bounded_memory():
    model = BPClassifier((50,), random_state=0)
    many = np.random.RandomState(0).standard_normal((2000, 10))
    tracemalloc.start()
    check = check_gradient(model, many, many[:, 0] > 0, each_parameter=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert check.error < 1e-3
    assert peak < 400e6


def test_check_gradient_says_what_is_wrong():
    model, y = case("multiclass")
    with pytest.raises(TypeError, match=r"BPClassifier.*got a Pipeline.*last step"):
        check_gradient(make_pipeline(model), X, y)
    with pytest.raises(ValueError, match="n_directions must be a positive integer"):
        check_gradient(model, X, y, n_directions=0)
    with pytest.raises(ValueError, match="activation"):
        check_gradient(model.set_params(activation="step"), X, y)
    model, y = case("regression", activation="identity")
    with pytest.raises(ValueError, match=r"not finite.*StandardScaler"):
        check_gradient(model, 1e160 * X, y)


def test_check_gradient_starts_where_training_would():
    model = BPRegressor(
        (3,), intercepts_init="best_constant", alpha=0.0, random_state=0
    )
    start = at_start(clone(model), X, Y + 100.0, None)
    assert start.intercepts_[-1] == pytest.approx(np.mean(Y) + 100)


def test_check_gradient_of_constant_cost_is_zero():
    model = BPRegressor((), alpha=0.0, fit_intercept=False)
    assert check_gradient(model, np.zeros((3, 2)), [1.0, 2.0, 3.0]).error == 0.0


@pytest.mark.parametrize("convert", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("name", CASES)
def test_activations_are_those_of_forward_propagation(name, convert):
    model, _ = fitted(name, activation=("tanh", "relu"))
    A = model.activations(convert(X))
    assert len(A) == model.n_layers_
    A0 = A[0].toarray() if scipy.sparse.issparse(A[0]) else A[0]
    np.testing.assert_array_equal(A0, X)
    W, b = model.coefs_, model.intercepts_
    np.testing.assert_allclose(A[1], np.tanh(X @ W[0] + b[0]))
    np.testing.assert_allclose(A[2], np.maximum(A[1] @ W[1] + b[1], 0))
    outputs = model_of(model).outputs(X)
    np.testing.assert_allclose(A[3], outputs, rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("convert", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("name", CASES)
def test_weighted_inputs_are_what_the_activations_are_computed_from(name, convert):
    model, _ = fitted(name, activation=("tanh", "relu"))
    Z, A = model.weighted_inputs(convert(X)), model.activations(convert(X))
    assert [Z_l.shape for Z_l in Z] == [A_l.shape for A_l in A[1:]]
    for Z_l, A_l, W, b in zip(Z, A[:-1], model.coefs_, model.intercepts_, strict=True):
        np.testing.assert_allclose(Z_l, A_l @ W + b, rtol=1e-10, atol=1e-13)
    np.testing.assert_array_equal(np.tanh(Z[0]), A[1])
    np.testing.assert_array_equal(np.maximum(Z[1], 0.0), A[2])
    f, _ = activations.ACTIVATIONS[model.out_activation_](
        Z[2].T[None].shape, Z[2].dtype
    )
    output = np.ascontiguousarray(Z[2].T[np.newaxis])
    f(output)
    np.testing.assert_allclose(output[0].T, A[3], rtol=1e-10, atol=1e-300)


def test_weighted_inputs_of_a_network_without_hidden_layers():
    model, _ = fitted("regression", hidden_layer_sizes=(), activation=())
    (Z,) = model.weighted_inputs(X)
    np.testing.assert_allclose(Z[:, 0], model.predict(X))


@pytest.mark.parametrize("name", CASES)
def test_gradients_follow_from_activations_and_residuals(name):
    model, y = fitted(name, activation=("tanh", "relu"))
    A, delta = model.activations(X), model.residuals(X, y)
    m = WEIGHTS.sum()
    coefs, intercepts = model.gradients(X, y, WEIGHTS)
    assert len(delta) == len(coefs) == len(intercepts) == 3
    for l in (1, 2, 3):
        weighted = delta[l - 1] * WEIGHTS[:, np.newaxis]
        dW = (A[l - 1].T @ weighted + model.alpha * model.coefs_[l - 1]) / m
        np.testing.assert_allclose(coefs[l - 1], dW, rtol=1e-9, atol=1e-12)
        db = weighted.sum(axis=0) / m
        np.testing.assert_allclose(intercepts[l - 1], db, rtol=1e-9, atol=1e-12)
    # delta[1] from delta[2], by the document's equation.
    back = (delta[1] @ model.coefs_[1].T) * (1 - A[1] ** 2)
    np.testing.assert_allclose(delta[0], back, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["multiclass", "multilabel", "proportions"])
def test_canonical_residuals_are_outputs_less_targets(name):
    model, y = fitted(name)
    targets = np.eye(3)[y] if name == "multiclass" else np.reshape(y, (len(y), -1))
    expected = model.activations(X)[-1] - targets
    np.testing.assert_allclose(model.residuals(X, y)[-1], expected, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_cost_is_what_the_loss_curve_shows(name):
    """The loss of a full batch is J at the weights before the step."""
    options = {"batch_size": "full", "n_iter_no_change": np.inf}
    first, y = fitted(name, max_iter=1, **options)
    second, _ = fitted(name, max_iter=2, **options)
    cost = first.cost(X, y)
    assert pytest.approx(second.loss_curve_[1], rel=1e-12) == cost.J
    assert pytest.approx(cost.loss + cost.penalty, rel=1e-12) == cost.J
    squares = sum((W**2).sum() for W in first.coefs_)
    assert cost.penalty == pytest.approx(0.5 / (2 * len(X)) * squares)


def test_looking_inside_changes_nothing_and_knows_the_fitted_output():
    model, y = fitted("multiclass")
    before = dict(vars(model))
    model.residuals(X[:5], y[:5])
    model.cost(X, y, WEIGHTS)
    after = vars(model)
    assert before.keys() == after.keys()
    assert all(before[name] is after[name] for name in before)


def test_looking_inside_is_looking_at_the_fitted_network():
    """What set_params changes after fit does not count, but for alpha."""
    model, y = fitted("multiclass")
    cost, delta = model.cost(X, y), model.residuals(X, y)
    model.set_params(
        activation="tanh",
        hidden_layer_sizes=(7,),
        output_activation="logistic",
        loss="squared_error",
        fit_intercept=False,
    )
    assert model.cost(X, y) == cost
    np.testing.assert_array_equal(model.residuals(X, y)[0], delta[0])
    assert model.set_params(alpha=0.0).cost(X, y).penalty == 0.0
    with pytest.raises(ValueError, match="alpha"):
        model.set_params(alpha=-1.0).cost(X, y)
    with pytest.raises(ValueError, match="loss"):
        model.set_params(alpha=0.0, loss="bogus").cost(X, y)


@pytest.mark.parametrize("method", ["residuals", "gradients", "cost"])
def test_looking_inside_refuses_what_fit_refuses(method):
    model, y = fitted("multiclass")
    with pytest.raises(ValueError, match=r"not in classes_: \[7\]"):
        getattr(model, method)(X, np.where(y == 2, 7, y))
    with pytest.raises(ValueError, match="2 features"):
        getattr(model, method)(X[:, :2], y)
    with pytest.raises(NotFittedError):
        getattr(BPClassifier(), method)(X, y)
    with pytest.raises(NotFittedError):
        BPClassifier().activations(X)
    with pytest.raises(NotFittedError):
        BPClassifier().weighted_inputs(X)
    with pytest.raises(ValueError, match="2 features"):
        model.weighted_inputs(X[:, :2])
