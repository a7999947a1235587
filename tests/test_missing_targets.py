"""Targets that are missing, and weights of single targets."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.model_selection import KFold

from skbp import BPClassifier, BPGridSearchCV, BPRegressor, check_gradient
from skbp.engine.solvers import SOLVERS
from tests.helpers import BOTH, EXACT, fitted, minimised

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 60
RNG = np.random.RandomState(0)
X = RNG.standard_normal((N, 3))
NUMBERS = np.c_[np.sin(2 * X[:, 0]), X[:, 1] * X[:, 2]] + 0.1 * RNG.rand(N, 2)
LABELS = (NUMBERS > 0).astype(float)
#: Some targets are unknown, but at least one of each sample is known.
KNOWN = RNG.rand(N, 2) > 0.3
KNOWN[~KNOWN.any(axis=1), 0] = True
TARGETS = {BPRegressor: NUMBERS, BPClassifier: LABELS}
#: Every solver, and both ways to choose alpha.
FITS = [{"solver": name} for name in SOLVERS] + [{"solver": "lm", "alpha": "evidence"}]
FULL_BATCH = [one for one in FITS if not SOLVERS[one["solver"]].batches]


def with_gaps(y, known=KNOWN):
    return np.where(known, y, np.nan)


def small(estimator, **options):
    return estimator((4,), "tanh", max_iter=8, random_state=0, **options)


def assert_same(one, other, tolerance=1e-9):
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    assert one.loss_ == pytest.approx(other.loss_, rel=1e-7)


@BOTH
@pytest.mark.parametrize("options", FITS)
def test_a_missing_target_is_one_of_weight_zero(estimator, options):
    y = TARGETS[estimator]
    gaps = fitted(small(estimator, **options), X, with_gaps(y))
    # What stands in the place of a target of weight 0 does not count.
    other = np.where(KNOWN, y, 1.0)
    assert_same(gaps, fitted(small(estimator, **options), X, other, KNOWN))


@BOTH
@pytest.mark.parametrize("options", FITS)
def test_a_sample_without_targets_changes_nothing(estimator, options):
    y = with_gaps(TARGETS[estimator])
    rows = np.insert(np.arange(N), [5, 5, 40], -1)
    more_X, more_y = X[rows], np.where(rows[:, np.newaxis] < 0, np.nan, y[rows])
    weights = np.random.RandomState(1).rand(N)
    one = fitted(small(estimator, **options), X, y, weights)
    other = fitted(small(estimator, **options), more_X, more_y, weights[rows])
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.score(X, y) == other.score(more_X, more_y)


@BOTH
@pytest.mark.parametrize("options", FITS)
def test_equal_weights_of_targets_are_weights_of_samples(estimator, options):
    y, weights = TARGETS[estimator], np.random.RandomState(1).rand(N)
    each = np.tile(weights[:, np.newaxis], 2)
    one = small(estimator, **options).fit(X, y, weights)
    other = small(estimator, **options).fit(X, y, each)
    assert_same(one, other)
    if not np.any(vars(one).get("linear_share_", 0.0)):
        # (No linear model predicts beside a network if targets have weights.)
        assert one.score(X, y, weights) == pytest.approx(other.score(X, y, each))
    assert one.cost(X, y, weights) == pytest.approx(other.cost(X, y, each))


@BOTH
@pytest.mark.parametrize("options", FULL_BATCH)
def test_a_sample_can_be_split_into_its_targets(estimator, options):
    y = TARGETS[estimator]
    alone = np.concatenate(
        [with_gaps(y, np.tile(column, (N, 1))) for column in np.eye(2, dtype=bool)]
    )
    one = fitted(small(estimator, **options), X, y)
    other = fitted(small(estimator, **options), np.tile(X, (2, 1)), alone)
    assert_same(one, other, 1e-6)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "gamma"])
def test_outputs_without_hidden_layers_are_fitted_one_by_one(loss):
    y = np.abs(NUMBERS) + 0.1
    options = {"loss": loss, "alpha": 0.0, **EXACT}
    together = minimised(BPRegressor((), **options), X, with_gaps(y))
    for j, known in enumerate(KNOWN.T):
        alone = minimised(BPRegressor((), **options), X[known], y[known, j])
        expected = alone.predict(X)
        np.testing.assert_allclose(together.predict(X)[:, j], expected, rtol=1e-4)


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
def test_the_best_constant_is_that_of_the_known_targets(loss):
    y = np.abs(NUMBERS)
    options = {"loss": loss, "intercepts_init": "best_constant"}
    model = BPRegressor((), learning_rate_init=1e-12, max_iter=1, **options)
    together = fitted(model, X, with_gaps(y)).intercepts_[0]
    for j, known in enumerate(KNOWN.T):
        alone = fitted(model, X[known], y[known, j]).intercepts_[0]
        assert together[j] == pytest.approx(alone[0])


@BOTH
def test_the_gradient_leaves_gaps_out(estimator):
    y = with_gaps(TARGETS[estimator])
    model = small(estimator, solver="lbfgs").fit(X, y)
    assert check_gradient(model, X, y).error < 1e-6
    delta = model.residuals(X, y)[-1]
    assert (delta[~KNOWN] == 0.0).all()
    assert (delta[KNOWN] != 0.0).all()


def test_scores_are_those_of_the_known_targets():
    y = with_gaps(NUMBERS)
    model = small(BPRegressor).fit(X, y)
    pairs = [(y[k, j], model.predict(X)[k, j]) for j, k in enumerate(KNOWN.T)]
    expected = np.mean([r2_score(*pair) for pair in pairs])
    assert model.score(X, y) == pytest.approx(expected)
    model = small(BPRegressor, loss="quantile", quantile=0.2)
    model.fit(X, y, X_val=X, y_val=y)
    pairs = [(y[k, j], model.predict(X)[k, j]) for j, k in enumerate(KNOWN.T)]
    expected = np.mean([d2_pinball_score(*pair, alpha=0.2) for pair in pairs])
    assert model.validation_scores_[-1] == pytest.approx(expected)
    labels = with_gaps(LABELS)
    model = small(BPClassifier).fit(X, labels)
    right = (model.predict(X) == labels) | ~KNOWN
    expected = np.average(right.all(axis=1), weights=KNOWN.mean(axis=1))
    assert model.score(X, labels) == pytest.approx(expected)
    assert model.score(X, LABELS) == accuracy_score(LABELS, model.predict(X))


@BOTH
@pytest.mark.parametrize("scoring", [None, "loss"])
def test_early_stopping_scores_the_known_targets(estimator, scoring):
    y = with_gaps(TARGETS[estimator])
    options = {"early_stopping": True, "scoring": scoring, "validation_fraction": 0.4}
    model = small(estimator, **options).fit(X, y)
    assert np.isfinite(model.validation_scores_).all()
    given = small(estimator).fit(X, y, X_val=X, y_val=y)
    score = given.score(X, y)
    assert given.validation_scores_[-1] == pytest.approx(score)


def test_a_scorer_sees_the_gaps():
    with pytest.raises(ValueError, match=r"scoring='r2' cannot score.*NaN"):
        small(BPRegressor, early_stopping=True, scoring="r2").fit(X, with_gaps(NUMBERS))


def test_batches_of_a_stream_may_lack_an_output():
    y = NUMBERS.copy()
    y[:20, 1] = np.nan
    model = small(BPRegressor, intercepts_init="best_constant")
    for rows in np.arange(N).reshape(3, 20):
        model.partial_fit(X[rows], y[rows])
    assert np.isfinite(model.predict(X)).all()


@BOTH
@pytest.mark.parametrize("options", [*FULL_BATCH, {"solver": "adam", "batch_size": 20}])
def test_gaps_on_dask(estimator, options):
    y = with_gaps(TARGETS[estimator])
    y[20:40] = TARGETS[estimator][20:40]
    one = fitted(small(estimator, shuffle=False, **options), X, y)
    parts = [da.from_array(data, (20, -1)) for data in (X, y)]
    other = fitted(small(estimator, shuffle=False, **options), *parts)
    assert_same(one, other, 1e-6)
    assert one.score(X, y) == pytest.approx(other.score(*parts))
    weights = np.random.RandomState(1).rand(N, 2)
    one = fitted(small(estimator, shuffle=False, **options), X, y, weights)
    parts.append(da.from_array(weights, (20, -1)))
    other = fitted(small(estimator, shuffle=False, **options), *parts)
    assert_same(one, other, 1e-6)


def test_a_search_scores_the_known_targets():
    y, grid = with_gaps(NUMBERS), {"alpha": [0.01, 1.0]}
    search = BPGridSearchCV(small(BPRegressor), grid, cv=KFold(3)).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@BOTH
def test_frames_and_lists_with_gaps(estimator):
    y = with_gaps(TARGETS[estimator])
    one = small(estimator).fit(X, y)
    kinds = [
        pd.DataFrame(y),
        pd.DataFrame(y).astype(object).where(KNOWN, None),
        y.tolist(),
        y.astype(np.float32),
    ]
    if estimator is BPClassifier:
        kinds.append(pd.DataFrame(y).astype("Int64"))
    for other in kinds:
        assert_same(one, small(estimator).fit(X, other), 1e-4)


def test_an_output_without_targets_is_refused():
    y = NUMBERS.copy()
    y[:, 1] = np.nan
    with pytest.raises(ValueError, match=r"Column 1 of y has no known target"):
        small(BPRegressor).fit(X, y)
    with pytest.raises(ValueError, match=r"y has no known target.*sample_weight"):
        small(BPRegressor).fit(X, np.full((N, 2), np.nan))
    with pytest.raises(ValueError, match=r"y has no known target.*sample_weight"):
        small(BPRegressor).fit(X, with_gaps(NUMBERS), ~KNOWN)


@BOTH
@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones((N, 3)), r"sample_weight must have the shape.*\(60, 2\).*\(60, 3\)"),
        (np.ones((N - 1, 2)), r"sample_weight must have the shape.*\(59, 2\)"),
        (-np.ones((N, 2)), r"not be negative; got -1\.0 for sample 0, column 0"),
        (np.full((N, 2), np.inf), r"must be finite; got inf for sample 0, column 0"),
        (np.full((N, 2), "a"), "sample_weight must contain numbers"),
        (np.zeros((N, 2)), "at least one non-zero"),
    ],
)
def test_bad_weights_of_targets(estimator, weights, message):
    with pytest.raises(ValueError, match=message):
        small(estimator).fit(X, TARGETS[estimator], weights)


def test_what_cannot_be_left_out():
    shares = np.abs(NUMBERS) / np.abs(NUMBERS).sum(axis=1, keepdims=True)
    with pytest.raises(ValueError, match="softmax"):
        small(BPRegressor, output_activation="softmax").fit(X, shares, KNOWN)
    with pytest.raises(ValueError, match=r"missing \(nan in y\).*softmax"):
        small(BPRegressor, output_activation="softmax").fit(X, with_gaps(shares))
    weights = [{0: 1, 1: 2}] * 2
    with pytest.raises(ValueError, match=r"class_weight.*missing labels"):
        small(BPClassifier, class_weight=weights).fit(X, with_gaps(LABELS))
    with pytest.raises(ValueError, match="y contains NaN"):
        small(BPRegressor).fit(X, with_gaps(NUMBERS)[:, 0])
    with pytest.raises(ValueError, match="y contains infinity"):
        small(BPRegressor).fit(X, np.where(KNOWN, NUMBERS, np.inf))


@BOTH
def test_a_scorer_that_takes_no_gaps_is_refused(estimator):
    name = "r2" if estimator is BPRegressor else "f1_macro"
    model = small(estimator, early_stopping=True, scoring=name)
    words = r"(?s)take no missing targets.*scoring=None or scoring='loss'\.$"
    with pytest.raises(ValueError, match=words):
        model.fit(X, with_gaps(TARGETS[estimator]))


@BOTH
def test_no_known_target_has_no_score(estimator):
    y = TARGETS[estimator]
    model = fitted(small(estimator), X, y)
    for gaps, weights in ((np.nan * y, None), (y, 0.0 * y)):
        with pytest.raises(ValueError, match="nothing to score"):
            model.score(X, gaps, weights)
