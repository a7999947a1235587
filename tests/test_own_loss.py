"""Losses that users write themselves."""

import pickle

import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_absolute_error

from skbp import BPClassifier, BPGridSearchCV, BPRegressor, check_gradient
from skbp.engine.solvers import SOLVERS
from tests.helpers import BOTH, fitted
from tests.own_losses import (
    Asymmetric,
    Focal,
    Ordinal,
    absolute,
    deviance,
    of_samples,
    squared,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 60
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 3))
Y = np.c_[np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]]
LABELS = np.digitize(Y[:, 0], [-0.5, 0.5])
#: The same losses, here and there.
PAIRS = [
    (squared, {"loss": "squared_error"}, Y),
    (absolute, {"loss": "absolute_error"}, Y),
    (deviance, {"loss": "poisson"}, np.abs(Y)),
    (Asymmetric(1.0), {"loss": "squared_error"}, Y[:, 0]),
]


def small(estimator=BPRegressor, **options):
    return estimator((4,), "tanh", **{"max_iter": 8, "random_state": 0} | options)


def assert_same(one, other):
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)
    assert one.loss_ == pytest.approx(other.loss_)


@pytest.mark.parametrize("solver", [s for s in SOLVERS if not SOLVERS[s].curved])
@pytest.mark.parametrize(("loss", "there", "y"), PAIRS)
def test_a_loss_of_ones_own_is_that_of_the_table(loss, there, y, solver):
    weights = np.random.RandomState(1).rand(N)
    one = fitted(small(loss=loss, solver=solver), X, y, weights)
    other = fitted(small(solver=solver, **there), X, y, weights)
    assert_same(one, other)
    assert one.out_activation_ == other.out_activation_


@pytest.mark.parametrize("loss", [squared, absolute, of_samples, Asymmetric(3.0)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_gradient_is_exact(loss, dtype):
    model = small(loss=loss).fit(X.astype(dtype), Y)
    assert check_gradient(model, X.astype(dtype), Y).error < 1e-6
    assert model.predict(X.astype(dtype)).dtype == dtype


def test_an_asymmetric_loss_errs_on_one_side():
    y = Y[:, 0] + np.random.RandomState(1).standard_normal(N)
    low = [
        np.mean(fitted(small(loss=Asymmetric(f), solver="lbfgs"), X, y).predict(X) < y)
        for f in (0.1, 1.0, 10.0)
    ]
    assert low[0] > low[1] > low[2]


def test_an_ordinal_loss():
    model = small(loss=Ordinal(3), solver="lbfgs", max_iter=200).fit(X, LABELS)
    found = np.clip(np.rint(model.predict(X)), 0, 2)
    assert mean_absolute_error(LABELS, found) < 0.1
    with pytest.raises(ValueError, match="target_range of loss is from 0 to 2"):
        model.fit(X, LABELS + 3)
    # Its thresholds belong to y as it is.
    model.set_params(target_scaling="standard").fit(X, LABELS)
    assert not hasattr(model, "target_scale_")


@pytest.mark.parametrize("y", [LABELS, (LABELS > 1).astype(int), (Y > 0).astype(int)])
def test_classes(y):
    model = small(BPClassifier, loss=Focal(), solver="lbfgs", max_iter=100).fit(X, y)
    assert model.score(X, y) > 0.6
    assert model.out_activation_ == "logistic"
    assert model.predict_proba(X).shape[0] == N
    assert check_gradient(model, X, y).error < 1e-6


def test_classes_with_softmax_or_without_probabilities():
    options = {"loss": Focal(), "output_activation": "softmax"}
    model = small(BPClassifier, **options).fit(X, LABELS)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert hasattr(BPClassifier(loss=Focal()), "predict_proba")
    assert not hasattr(BPClassifier(loss=squared), "predict_proba")
    assert small(BPClassifier, loss=squared).fit(X, LABELS).classes_.tolist() == [
        0,
        1,
        2,
    ]


def test_missing_targets_need_a_value_for_each():
    gaps = np.where(np.random.RandomState(1).rand(N, 2) < 0.3, np.nan, Y)
    one, other = small(loss=squared).fit(X, gaps), small().fit(X, gaps)
    assert_same(one, other)
    with pytest.raises(ValueError, match="the value of each target, of the shape of Y"):
        small(loss=of_samples).fit(X, gaps)


@pytest.mark.parametrize("loss", [squared, absolute, Asymmetric(1.0)])
def test_the_best_constant(loss):
    options = {"intercepts_init": "best_constant", "learning_rate_init": 1e-12}
    gaps = np.where(np.random.RandomState(1).rand(N, 2) < 0.3, np.nan, Y)
    there = "absolute_error" if loss is absolute else "squared_error"
    for y in (Y, gaps):
        one = small(loss=loss, max_iter=1, **options).fit(X, y)
        other = small(loss=there, max_iter=1, **options).fit(X, y)
        if loss is absolute:
            # Everything between two medians is as good.
            sums = [np.nansum(abs(y - e.intercepts_[-1]), 0) for e in (one, other)]
            np.testing.assert_allclose(*sums, rtol=1e-3)
            continue
        np.testing.assert_allclose(
            one.intercepts_[-1], other.intercepts_[-1], atol=1e-4
        )


def test_early_stopping_scaling_ensembles_and_searches():
    y = 1000.0 * Y[:, 0]
    options = {"target_scaling": "standard", "n_init": 3, "ensemble": 2}
    one = fitted(small(loss=squared, **options), X, y)
    assert_same(one, fitted(small(**options), X, y))
    stopped = fitted(small(loss=squared, early_stopping=True, scoring="loss"), X, Y)
    assert np.isfinite(stopped.validation_scores_).all()
    grid = {"loss": [squared, Asymmetric(3.0), "huber"], "alpha": [0.01, 1.0]}
    search = BPGridSearchCV(small(solver="lbfgs"), grid, cv=3).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_it_pickles_clones_and_goes_on():
    model = clone(small(loss=Asymmetric(2.0))).partial_fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.loss.factor == 2.0
    assert_same(model.partial_fit(X, Y), again.partial_fit(X, Y))


def test_on_dask():
    parts = [da.from_array(data, (20, -1)) for data in (X, Y)]
    one = fitted(small(loss=absolute, solver="lbfgs"), *parts)
    assert_same(one, fitted(small(loss=absolute, solver="lbfgs"), X, Y))


# What is refused.


def wrong_slope(A, Y):
    return (A - Y) ** 2, A - Y


def of_the_mean(A, Y):
    return 0.5 * (A - Y) ** 2 / len(A), (A - Y) / len(A)


def with_a_log(A, Y):
    return -Y * np.log(A), -Y / A


def only_value(A, Y):
    return (A - Y) ** 2


def summed_slope(A, Y):
    return 0.5 * (A - Y) ** 2, (A - Y).sum(axis=1)


def writing(A, Y):
    A -= Y
    return 0.5 * A**2, A


def of_the_wrong_output(A, Y):
    return squared(A, Y)


def of_the_wrong_range(A, Y):
    return squared(A, Y)


of_the_wrong_output.output_activation = "cubic"
of_the_wrong_range.target_range = (1.0, 0.0)

REFUSED = [
    (int, r"loss=<class 'int'> failed.*the shape \(8, 2\)"),
    (
        wrong_slope,
        r"slope of loss is .* for A=.* but the difference quotient.*differ by",
    ),
    (of_the_mean, "does not depend on the others.*Do not divide by their number"),
    (with_a_log, "loss is not finite for A=.*output_activation that suits"),
    (only_value, "loss must return two arrays.*got ndarray"),
    (summed_slope, r"slope of the shape \(8, 2\).*got \(8, 2\) and \(8,\)"),
    (of_the_wrong_output, "output_activation of loss must be one.*got 'cubic'"),
    (of_the_wrong_range, r"target_range of loss must be two.*got \(1\.0, 0\.0\)"),
]


@pytest.mark.parametrize(("loss", "message"), REFUSED)
def test_a_loss_that_is_not_right_is_refused(loss, message):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=f"(?s){message}"):
        small(loss=loss).fit(X, Y)


def test_a_loss_cannot_change_the_network():
    with pytest.raises(ValueError, match=r"loss=<function writing.*failed.*read-only"):
        small(loss=writing).fit(X, Y)


@BOTH
def test_what_a_loss_of_ones_own_cannot_do(estimator):
    y = Y[:, 0] if estimator is BPRegressor else LABELS
    with pytest.raises(ValueError, match="solver='lm' cannot minimise loss=<function"):
        small(estimator, loss=squared, solver="lm").fit(X, y)
    with pytest.raises(ValueError, match="negative log likelihood"):
        small(estimator, loss=squared, solver="lm", alpha="evidence").fit(X, y)
    with pytest.raises(ValueError, match=r"output_activation='tanh' does not work"):
        small(estimator, loss=squared, output_activation="tanh").fit(X, y)
    model = small(estimator).fit(X, y)
    with pytest.raises(ValueError, match="slope of loss"):
        model.set_params(loss=wrong_slope).fit(X, y)
    assert model.predict(X).shape == (N,)


def test_a_loss_that_diverges_says_so():
    def steep(A, Y):
        with np.errstate(all="ignore"):
            return np.exp(40.0 * np.abs(A - Y)), 40.0 * np.sign(A - Y) * np.exp(
                40.0 * np.abs(A - Y)
            )

    model = small(loss=steep, solver="sgd", learning_rate_init=1.0)
    with pytest.warns(ConvergenceWarning, match="no longer finite"):
        model.fit(X, Y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("unit", [1e-9, 1e-4, 1.0, 1e6])
@pytest.mark.parametrize("center", [0.0, 1.0, 1e3])
@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_a_slope_is_checked_in_any_units(unit, center, factor):
    """Small targets, small losses, and targets far from 0 let no wrong slope pass."""

    def loss_with(slope):
        return lambda A, Y: (factor * (A - Y) ** 2, slope * factor * (A - Y))

    y = unit * (Y + center)
    model = small(max_iter=1)
    assert model.set_params(loss=loss_with(2.0)).fit(X, y).n_iter_ == 1
    for slope in (-2.0, 0.0, 1.9):
        with pytest.raises(ValueError, match="slope of loss is"):
            model.set_params(loss=loss_with(slope)).fit(X, y)


def test_one_value_for_each_sample_is_refused_wherever_targets_have_weights():
    gaps = np.where(np.random.RandomState(1).rand(N, 2) < 0.3, np.nan, Y)
    model = small(loss=of_samples).fit(X, Y)
    words = "the value of each target, of the shape of Y"
    for call in (model.cost, model.gradients):
        assert call(X, Y) is not None
        for y, weights in ((gaps, None), (Y, np.ones((N, 2)))):
            with pytest.raises(ValueError, match=words):
                call(X, y, weights)
    with pytest.raises(ValueError, match=words):
        model.fit(X, Y, X_val=X, y_val=gaps)
    with pytest.raises(ValueError, match=words):
        model.partial_fit(X, gaps)
