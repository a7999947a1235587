"""Targets that training sees in units of their standard deviation."""

import pickle

import dask.array as da
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import StandardScaler

from skbp import BPGridSearchCV, BPRegressor, check_gradient
from skbp.engine.solvers import SOLVERS
from tests.helpers import fitted

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 80
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 3))
Y = np.c_[np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]] + 0.1 * RNG.standard_normal((N, 2))
#: Units far from 1, which differ between the outputs.
Y = Y * [1000.0, 0.001] + [50_000.0, 3.0]
LOSSES = ["squared_error", "absolute_error", "huber", "quantile"]
FITS = [{"solver": name} for name in SOLVERS] + [{"solver": "lm", "alpha": "evidence"}]


def small(**options):
    options = {"max_iter": 8, "random_state": 0, **options}
    return BPRegressor((4,), "tanh", **options)


def scaled(**options):
    return small(target_scaling="standard", **options)


def by_hand(y, weights=None):
    """Return targets in units of their standard deviation, and how to get them back."""
    center = np.average(y, axis=0, weights=weights)
    scale = np.sqrt(np.average((y - center) ** 2, axis=0, weights=weights))
    return (y - center) / scale, center, scale


def assert_same_weights(one, other, tolerance=1e-7):
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", FITS)
@pytest.mark.parametrize("y", [Y, Y[:, 0]], ids=["two", "one"])
def test_training_is_that_of_scaled_targets(y, options):
    weights = np.random.RandomState(1).rand(N)
    y_scaled, center, scale = by_hand(y, weights)
    one = fitted(scaled(**options), X, y, weights)
    other = fitted(small(**options), X, y_scaled, weights)
    assert_same_weights(one, other)
    assert one.loss_ == pytest.approx(other.loss_)
    np.testing.assert_allclose(one.predict(X), other.predict(X) * scale + center)
    np.testing.assert_allclose(one.target_center_, np.atleast_1d(center))
    np.testing.assert_allclose(one.target_scale_, np.atleast_1d(scale))
    expected = other.score(X, y_scaled, weights)
    assert one.score(X, y, weights) == pytest.approx(expected)
    for a, b in zip(one.cost(X, y), other.cost(X, y_scaled), strict=True):
        assert a == pytest.approx(b)


@pytest.mark.parametrize("loss", LOSSES)
def test_all_losses_of_numbers(loss):
    y_scaled, center, scale = by_hand(Y)
    one = fitted(scaled(loss=loss), X, Y)
    other = fitted(small(loss=loss), X, y_scaled)
    np.testing.assert_allclose(one.predict(X), other.predict(X) * scale + center)


def test_quantiles_have_the_units_of_y():
    options = {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}
    y_scaled, center, scale = by_hand(Y[:, 0])
    one = fitted(scaled(**options), X, Y[:, 0])
    other = fitted(small(**options), X, y_scaled)
    quantiles = one.predict(X)
    np.testing.assert_allclose(quantiles, other.predict(X) * scale + center)
    assert (np.diff(quantiles, axis=1) > 0.0).all()
    assert one.target_scale_.shape == (3,)
    assert one.score(X, Y[:, 0]) == pytest.approx(other.score(X, y_scaled))


def test_standard_deviations_have_the_units_of_y():
    options = {"solver": "lm", "alpha": "evidence", "max_iter": 30}
    y_scaled, center, scale = by_hand(Y)
    one, other = fitted(scaled(**options), X, Y), fitted(small(**options), X, y_scaled)
    (y, std), (y_there, std_there) = (
        m.predict(X, return_std=True) for m in (one, other)
    )
    np.testing.assert_allclose(y, y_there * scale + center, rtol=1e-6)
    np.testing.assert_allclose(std, std_there * scale, rtol=1e-6)
    np.testing.assert_allclose(one.noise_std_, other.noise_std_ * scale, rtol=1e-6)
    alone = fitted(scaled(**options), X, Y[:, 0])
    assert isinstance(alone.noise_std_, float)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "poisson"},
        {"loss": "gamma"},
        {"loss": "log_loss"},
        {"output_activation": "logistic"},
    ],
)
def test_bounded_outputs_leave_y_as_it_is(options):
    y = 0.1 + 0.8 * np.random.RandomState(1).rand(N)
    one, other = fitted(scaled(**options), X, y), fitted(small(**options), X, y)
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert not hasattr(one, "target_scale_")


def test_nothing_changes_unless_asked_for():
    model = small().fit(X, Y)
    assert not hasattr(model, "target_scale_")
    model.set_params(target_scaling="standard").fit(X, Y)
    assert hasattr(model, "target_scale_")
    model.set_params(target_scaling=None).fit(X, Y)
    assert not hasattr(model, "target_scale_")
    np.testing.assert_array_equal(model.predict(X), small().fit(X, Y).predict(X))


def test_it_does_what_a_transformed_target_does():
    wrapped = TransformedTargetRegressor(small(), transformer=StandardScaler())
    expected = wrapped.fit(X, Y).predict(X)
    np.testing.assert_allclose(scaled().fit(X, Y).predict(X), expected)


def test_further_training_keeps_the_units():
    stream = scaled().partial_fit(X[:40], Y[:40])
    center, scale = stream.target_center_, stream.target_scale_
    np.testing.assert_allclose(scale, Y[:40].std(axis=0))
    stream.partial_fit(X[40:], Y[40:])
    np.testing.assert_array_equal(stream.target_center_, center)
    other = small()
    for rows in (slice(0, 40), slice(40, N)):
        other.partial_fit(X[rows], (Y[rows] - center) / scale)
    assert_same_weights(stream, other)

    warm = scaled(warm_start=True).fit(X[:40], Y[:40])
    warm.fit(X, Y)
    np.testing.assert_array_equal(warm.target_scale_, scale)


@pytest.mark.parametrize("before", [None, "standard"])
def test_the_units_cannot_change_while_training_continues(before):
    after = None if before else "standard"
    model = small(warm_start=True, target_scaling=before).fit(X, Y)
    predictions = model.predict(X)
    model.set_params(target_scaling=after)
    for train in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=f"target_scaling={after!r}.*Set target_"):
            train(X, Y)
    np.testing.assert_array_equal(model.predict(X), predictions)
    model.set_params(warm_start=False).fit(X, Y)
    assert hasattr(model, "target_scale_") == (after == "standard")


@pytest.mark.parametrize("rows", [slice(0, 1), slice(0, 5)])
def test_a_first_part_without_a_scale_is_refused(rows):
    y = Y.copy()
    y[:5, 1] = 7.0
    model = scaled()
    with pytest.raises(ValueError, match=r"of y has one value only.*different targets"):
        model.partial_fit(X[rows], y[rows])
    assert not hasattr(model, "coefs_")
    with pytest.raises(ValueError, match=r"where y has one value only"):
        model.partial_fit(X[:1], Y[:1, 0])
    model.partial_fit(X, y).partial_fit(X[:1], y[:1])
    # Two samples vary by two standard deviations.
    scaled().partial_fit(X[:2], Y[:2])


@pytest.mark.parametrize("y", [Y, Y[:, 0], np.where(RNG.rand(N, 2) < 0.2, np.nan, Y)])
def test_the_evidence_is_that_of_y(y):
    options = {"solver": "lm", "alpha": "evidence", "max_iter": 100}
    # A linear model has a single maximum, and targets around 0 hardly need a bias.
    y, weights = y - np.nanmean(y, axis=0), np.random.RandomState(1).rand(N)
    models = [
        BPRegressor((), target_scaling=scaling, random_state=0, **options)
        for scaling in ("standard", None)
    ]
    one, other = (fitted(model, X, y, weights).log_evidence_ for model in models)
    assert one == pytest.approx(other, abs=1.0)


@pytest.mark.parametrize("scoring", [None, "loss", "neg_mean_absolute_error"])
def test_a_validation_set_is_scaled_like_y(scoring):
    options = {"scoring": scoring, "early_stopping": True}
    model = fitted(scaled(**options), X, Y, X_val=X, y_val=Y)
    expected = {
        None: model.score(X, Y),
        "loss": -model.cost(X, Y).loss,
        "neg_mean_absolute_error": -np.abs(model.predict(X) - Y).mean(),
    }
    assert model.best_validation_score_ == pytest.approx(expected[scoring])
    drawn = fitted(scaled(**options), X, Y)
    assert np.isfinite(drawn.validation_scores_).all()


@pytest.mark.parametrize("options", [{"solver": "lbfgs"}, {"batch_size": 20}])
def test_on_dask(options):
    weights = np.random.RandomState(1).rand(N)
    model = scaled(shuffle=False, **options)
    parts = [da.from_array(data, (20, -1)) for data in (X, Y)]
    other = fitted(clone(model), *parts, da.from_array(weights, 20))
    one = fitted(model, X, Y, weights)
    np.testing.assert_allclose(one.target_scale_, other.target_scale_)
    np.testing.assert_allclose(
        one.predict(X), other.predict(parts[0]).compute(), rtol=1e-6
    )


def test_samples_of_weight_zero_and_missing_targets_do_not_count():
    weights = (np.random.RandomState(1).rand(N) > 0.3).astype(float)
    kept = weights > 0.0
    one = scaled(solver="lbfgs").fit(X, Y, weights)
    other = scaled(solver="lbfgs").fit(X[kept], Y[kept])
    np.testing.assert_allclose(one.target_scale_, other.target_scale_)
    gaps = np.where(np.random.RandomState(1).rand(N, 2) > 0.7, np.nan, Y)
    model = scaled(solver="lbfgs").fit(X, gaps)
    np.testing.assert_allclose(model.target_center_, np.nanmean(gaps, axis=0))
    np.testing.assert_allclose(model.target_scale_, np.nanstd(gaps, axis=0))


def test_constant_targets_and_tiny_ones():
    model = scaled(solver="lbfgs").fit(X, np.full(N, 1e6))
    np.testing.assert_allclose(model.predict(X), 1e6, rtol=1e-6)
    assert model.target_scale_[0] == 1.0
    # In float32, y as it is would lose its digits.
    y = 1e7 + 0.01 * X[:, 0]
    model = scaled(solver="lbfgs", max_iter=200).fit(X.astype(np.float32), y)
    assert model.loss_ < 0.01
    with pytest.raises(ValueError, match=r"target_scaling='standard' cannot scale y"):
        scaled().fit(X, X[:, 0] * 1e300)


def test_pickles_searches_and_weights_by_hand():
    model = scaled(solver="lbfgs").fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert model.predict(X.astype(np.float32)[:2]).shape == (2, 2)
    grid = {"target_scaling": [None, "standard"], "alpha": [0.01, 0.1]}
    search = BPGridSearchCV(small(solver="lbfgs"), grid, cv=3).fit(X, Y)
    assert search.best_params_["target_scaling"] == "standard"
    # The public attributes decide.
    new = small()
    new.coefs_, new.intercepts_ = model.coefs_, model.intercepts_
    new.target_center_, new.target_scale_ = model.target_center_, model.target_scale_
    np.testing.assert_array_equal(new.predict(X), model.predict(X))


def test_gradients_belong_to_the_scaled_targets():
    model = scaled(solver="lbfgs").fit(X, Y)
    assert check_gradient(model, X, Y).error < 1e-6
    assert check_gradient(scaled(solver="lbfgs"), X, Y).error < 1e-6
    coefs, _ = model.gradients(X, Y)
    assert max(np.abs(W).max() for W in coefs) < 10.0


def test_float32_stays_float32():
    model = scaled().fit(X.astype(np.float32), Y)
    assert model.predict(X.astype(np.float32)).dtype == np.float32
