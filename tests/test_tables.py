"""Tables: the encoders, the networks that compete, and the pipeline."""

import pickle
import warnings
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skbp import (
    BPClassifier,
    BPRegressor,
    DateEncoder,
    PiecewiseLinearEncoder,
    TabularClassifier,
    TabularRegressor,
    config_context,
    tabular_pipeline,
)
from skbp.tables.candidates import bins_for, candidates_for, n_kept_for
from skbp.tables.columns import as_numbers, as_texts, columns, kind_of
from skbp.tables.errors import errors_of, rows_to_learn_from
from skbp.tables.estimators import CLASSES
from skbp.tables.stack import Candidate, Rows, folds_of, race

N = 60


def small(each):
    """Return candidates that train in milliseconds."""
    options = {"solver": "lbfgs", "max_iter": 60, "random_state": 0}
    return [
        ("network", each((8,), **options), "binned"),
        ("linear", each((), **options), "plain"),
    ]


def classifier(**options):
    options = {"n_folds": 3, "random_state": 0} | options
    return TabularClassifier(small(BPClassifier), **options)


def regressor(**options):
    options = {"n_folds": 3, "random_state": 0} | options
    return TabularRegressor(small(BPRegressor), **options)


#: Objects that are numbers are not dates.
OBJECTS = {"check_dtype_object": "numbers are not dates"}
#: Folds of repeated rows are not those of weighted rows.
WEIGHTS = dict.fromkeys(
    [f"check_sample_weight_equivalence_on_{kind}_data" for kind in ("dense", "sparse")],
    "rows with weights are in other folds than repeated rows",
)


@parametrize_with_checks(
    [PiecewiseLinearEncoder(), DateEncoder(), classifier(), regressor()],
    expected_failed_checks=lambda one: (
        OBJECTS if isinstance(one, DateEncoder) else WEIGHTS
    ),
)
def test_scikit_learns_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


# The piecewise-linear encoder


def test_encoding_is_the_formula():
    X = np.random.RandomState(0).randn(100, 3)
    encoder = PiecewiseLinearEncoder(n_bins=5).fit(X)
    new = np.random.RandomState(1).randn(20, 3) * 2
    expected = []
    for x, b in zip(new.T, encoder.bin_edges_, strict=True):
        assert_allclose(b, np.quantile(X[:, len(expected) // 5], np.linspace(0, 1, 6)))
        expected += [
            np.clip((x - b[t - 1]) / (b[t] - b[t - 1]), 0, 1) for t in range(1, 6)
        ]
    assert_allclose(encoder.transform(new), np.transpose(expected))


def test_encoding_keeps_the_order_and_adds_up_to_it():
    x = np.sort(np.random.RandomState(0).randn(50))
    encoded = PiecewiseLinearEncoder(n_bins=7).fit_transform(x[:, np.newaxis])
    assert (np.diff(encoded, axis=0) >= 0).all()
    assert (np.diff(encoded.sum(axis=1)) > 0).all()


def test_few_distinct_values_are_the_edges():
    encoder = PiecewiseLinearEncoder(n_bins=4).fit([[0.0], [3.0], [0.0], [1.0]] * 9)
    assert_array_equal(encoder.bin_edges_[0], [0.0, 1.0, 3.0])


def test_frequent_values_leave_bins_for_the_others():
    """Of a column with nine zeros out of ten, the quantiles are mostly zeros."""
    rng = np.random.RandomState(0)
    x = np.where(rng.rand(1000) < 0.9, 0.0, rng.exponential(size=1000))
    edges = PiecewiseLinearEncoder(n_bins=8).fit(x[:, np.newaxis]).bin_edges_[0]
    assert_allclose(edges[1:], np.quantile(x[x > 0], np.linspace(0, 1, 8)))
    assert edges[0] == 0.0


@pytest.mark.parametrize(("n_columns", "n_bins"), [(2, 16), (32, 8), (100, 4)])
def test_number_of_bins_falls_with_the_number_of_columns(n_columns, n_bins):
    X = np.random.RandomState(0).randn(40, n_columns)
    assert PiecewiseLinearEncoder().fit(X).transform(X).shape[1] == n_columns * n_bins


@pytest.mark.parametrize("column", [[1.0] * 4, [np.nan] * 4, [np.nan, 2, np.nan, 2]])
def test_columns_without_two_values_become_one_column_of_zeros(column):
    X = np.transpose([column, [0.0, 1.0, 2.0, np.nan]])
    encoder = PiecewiseLinearEncoder().fit(X)
    assert_array_equal(encoder.transform(X)[:, 0], 0.0)
    assert_array_equal(encoder.transform([[7.0, 1.0]]), [[0.0, 1.0, 0.0]])
    names = encoder.get_feature_names_out()
    assert names.tolist() == ["x0_bin1", "x1_bin1", "x1_bin2"]


def test_missing_values_are_zeros():
    X = np.array([[0.0], [1.0], [np.nan], [2.0]])
    assert_array_equal(PiecewiseLinearEncoder().fit_transform(X)[2], [0.0, 0.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_is_kept(dtype):
    X = np.random.RandomState(0).randn(10, 2).astype(dtype)
    assert PiecewiseLinearEncoder().fit_transform(X).dtype == dtype


def test_huge_numbers_are_encoded_between_0_and_1():
    X = np.array([[-1e308], [0.0], [1.0], [1e308]])
    encoded = PiecewiseLinearEncoder().fit_transform(X)
    assert ((encoded >= 0) & (encoded <= 1)).all()
    assert_array_equal(encoded[[0, -1]], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def test_data_frames_come_out_with_names():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [5.0, 5.0, 6.0]}, index=[7, 8, 9])
    frame = PiecewiseLinearEncoder().set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns) == ["a_bin1", "a_bin2", "b_bin1"]
    assert list(frame.index) == [7, 8, 9]


# Columns


def test_kinds_of_columns_of_objects():
    X = np.empty((2, 6), object)
    X[:, 0] = 1, None
    X[:, 1] = date(2020, 1, 1), None
    X[:, 2] = "a", None
    X[:, 3] = None, None
    X[:, 4] = True, 0.5
    X[:, 5] = 1, "a"
    kinds = [kind_of(column) for _, column in columns(X)]
    expected = ["number", "date", "category", "number", "number", "category"]
    assert kinds == expected


def test_numbers_of_objects():
    X = np.array([[True, None, timedelta(hours=12)]], object).T
    assert_array_equal(as_numbers(X), [[1.0], [np.nan], [0.5]])


def test_texts_do_not_depend_on_the_type_of_a_whole_number():
    X = np.array([[1, 1.0, np.float32(1), "1", None, np.nan, 1.5]], object).T
    texts = ["1", "1", "1", "1", None, None, "1.5"]
    assert as_texts(X)[:, 0].tolist() == texts


def test_dates_know_season_weekday_and_hour():
    X = np.array([["2024-01-01T06"], ["NaT"]], "datetime64[h]")
    encoder = DateEncoder().fit(X)
    found = dict(
        zip(encoder.get_feature_names_out(), encoder.transform(X)[0], strict=True)
    )
    assert found["x0_days"] == 19723.25
    assert_allclose([found["x0_day_sin"], found["x0_day_cos"]], [1, 0], atol=1e-9)
    # A Monday is four days after a Thursday, the first day of 1970.
    angle = 2 * np.pi * 4.25 / 7
    assert_allclose(found["x0_week_sin"], np.sin(angle), atol=1e-9)
    assert np.isnan(encoder.transform(X)[1]).all()


# The networks that compete


def test_every_fold_has_every_class_except_rare_ones():
    labels = np.repeat([0, 1, 2], [20, 10, 2])
    folds = folds_of(labels, 32, 5, np.random.RandomState(0))
    assert (folds[labels == 2] == -1).all()
    for fold in range(5):
        counts = np.bincount(labels[folds == fold])
        assert counts.tolist() == [4, 2]


def test_log_probabilities_are_the_weighted_sum():
    X, y = load_iris(return_X_y=True)
    model = classifier(n_kept=2).fit(X, y)
    inputs = {"plain": X, "binned": model.encoder_.transform(X)}
    total = sum(
        model.weights_[name]
        * np.mean(
            [n.predict_log_proba(inputs[kind]) for n in model.networks_[name]], axis=0
        )
        for name, _, kind in model.candidates_
    )
    p = np.exp(total)
    p /= p.sum(axis=1, keepdims=True)
    assert_allclose(model.predict_proba(X), p, rtol=1e-3, atol=1e-6)
    assert_array_equal(model.predict(X), p.argmax(axis=1))
    others = [np.delete(total, k, axis=1) for k in range(3)]
    odds = total - np.stack([logsumexp(one, axis=1) for one in others], axis=1)
    assert_allclose(model.decision_function(X), odds, rtol=1e-2, atol=1e-2)


def test_weights_soften_networks_that_are_too_sure():
    rng = np.random.RandomState(0)
    X = rng.randn(200, 10)
    y = X[:, 0] + rng.randn(200) > 0
    sure = BPClassifier((20,), solver="lbfgs", alpha=0.0, random_state=0)
    model = TabularClassifier([("sure", sure, "plain")], random_state=0).fit(X, y)
    assert 0 <= model.weights_["sure"] < 0.5


def test_only_the_best_are_kept():
    X, y = load_diabetes(return_X_y=True)
    poor = BPRegressor((), solver="lbfgs", alpha=1e9)
    candidates = [("poor", poor, "plain"), *small(BPRegressor)]
    model = TabularRegressor(candidates, n_kept=1, random_state=0).fit(X * 20, y)
    assert list(model.networks_) == ["linear"]
    assert min(model.candidate_losses_, key=model.candidate_losses_.get) == "linear"
    assert model.candidate_losses_["poor"] > 0.4


@pytest.mark.parametrize("n_folds", [1, 3])
def test_racers_decide_who_is_trained(n_folds):
    X, y = load_iris(return_X_y=True)
    options = {"solver": "lbfgs", "random_state": 0}
    one = BPClassifier((), max_iter=7, **options)
    candidates = [
        Candidate("poor", one, "plain", clone(one).set_params(alpha=1e9)),
        Candidate("good", one, "plain", clone(one).set_params(max_iter=3)),
    ]
    folds = folds_of(y, len(y), n_folds, np.random.RandomState(0))
    stack = race(candidates, 1, Rows({"plain": X}, y, None, folds), CLASSES, None)
    assert [one.name for one in stack.kept] == ["good"]
    assert [n.max_iter for n in stack.networks[0]] == [7] * max(n_folds, 2)
    assert stack.losses["poor"] > 1.0 > stack.losses["good"]


def test_long_trainings_race_shortly():
    inputs = {"plain": 10, "binned": 170}
    for regression in (False, True):
        few = candidates_for(regression, 7500, inputs, 0)
        assert not any(one.racer for one in few)
        many = candidates_for(regression, 7501, inputs, 0)
        for one in many:
            hidden = one.network.hidden_layer_sizes
            assert bool(one.racer) == bool(hidden)
            if one.racer:
                assert one.racer.max_iter < one.network.max_iter / 2
    assert n_kept_for(7500) == 3
    assert n_kept_for(7501) == 2


def test_number_of_bins_with_many_rows():
    assert bins_for(7500, 8) == bins_for(50_001, 8) == "auto"
    assert bins_for(10_000, 11) == "auto"
    assert bins_for(10_000, 10) == 48


def test_noise_is_the_error_on_rows_not_seen():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 2)
    Y = np.stack([X[:, 0] + 0.5 * rng.randn(400), 100 * X[:, 1]], axis=1)
    model = regressor().fit(X, Y)
    assert_allclose(model.noise_std_[0], 0.5, rtol=0.2)
    y, std = model.predict(X[:3], return_std=True)
    assert y.shape == std.shape == (3, 2)
    assert_allclose(y[:, 1], 100 * X[:3, 1], atol=5)
    single = regressor().fit(X, Y[:, 0])
    y, std = single.predict(X[:3], return_std=True)
    assert y.shape == std.shape == (3,)
    assert isinstance(single.noise_std_, float)


def noisy(n, seed):
    """Return X and y with noise that grows with the first column."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(-1, 1, (n, 2))
    return X, X[:, 1] + np.exp(X[:, 0]) * 0.3 * rng.randn(n)


def test_std_and_intervals_follow_noise_that_varies():
    model = tabular_pipeline(regressor()).fit(*noisy(600, 0))
    X, y = noisy(2000, 1)
    mean, std = model.predict(X, return_std=True)
    assert_allclose(std, 0.3 * np.exp(X[:, 0]), rtol=0.2)
    assert_allclose(np.mean(((y - mean) / std) ** 2), 1.0, atol=0.15)
    low, high = model.predict(X, quantiles=[0.05, 0.95]).T
    within = (low < y) & (y < high)
    for part in (X[:, 0] < 0, X[:, 0] > 0):
        assert_allclose(within[part].mean(), 0.9, atol=0.06)


def test_std_is_nearly_constant_where_noise_is():
    rng = np.random.RandomState(0)
    X = rng.randn(400, 3)
    model = regressor().fit(X, X[:, 0] + 0.5 * rng.randn(400))
    _, std = model.predict(X, return_std=True)
    assert_allclose(std, 0.5, rtol=0.25)


@pytest.mark.parametrize("outputs", [(), (1,), (2,)])
def test_quantiles_are_in_order_and_around_the_prediction(outputs):
    rng = np.random.RandomState(0)
    X = rng.randn(120, 2)
    y = np.reshape(X[:, 0], (120, *[1 for _ in outputs])) + rng.randn(120, *outputs)
    model = regressor().fit(X, y)
    found = model.predict(X, quantiles=[0.1, 0.5, 0.9])
    assert found.shape == (120, *outputs, 3)
    assert (np.diff(found, axis=-1) > 0).all()
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == (120, *outputs)
    assert (found[..., 0] < mean).all()
    assert (mean < found[..., 2]).all()
    again, same = pickle.loads(pickle.dumps(model)).predict(X, True, [0.1, 0.5, 0.9])
    assert_array_equal(again, found)
    assert_array_equal(same, std)


@pytest.mark.parametrize("weights", [None, np.repeat([1.0, 3.0], 50)])
@pytest.mark.parametrize("n", [40, 100])
def test_errors_over_their_std_have_a_mean_square_of_1(n, weights):
    rng = np.random.RandomState(0)
    inputs = dict.fromkeys(["plain", "binned"], rng.randn(n, 2))
    weights = weights if weights is None else weights[-n:]
    residuals = rng.standard_t(4, (n, 2)) * [1.0, 50.0]
    errors = errors_of(residuals, inputs, weights, rng, None)
    share = np.diff(errors.levels, axis=0, prepend=0)
    if weights is None:
        assert_allclose(errors.levels[:, 0], np.arange(1, n + 1) / (n + 1))
        assert_allclose((errors.z**2).mean(axis=0), 1.0)
    assert (share > 0).all()
    assert (errors.levels < 1).all()
    assert_allclose(errors.std(inputs).mean(axis=0), [1.4, 70], rtol=0.3)
    assert (errors.stack is None) == (n == 40)


def test_rows_without_weight_teach_nothing_about_errors():
    rng = np.random.RandomState(0)
    held_out = rng.randn(6, 1)
    held_out[2] = np.nan
    weights = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 2.0])
    assert rows_to_learn_from(held_out, weights, rng).tolist() == [0, 3, 5]


def test_errors_of_perfect_predictions_are_0():
    rng = np.random.RandomState(0)
    inputs = dict.fromkeys(["plain", "binned"], rng.randn(100, 2))
    errors = errors_of(np.zeros((100, 1)), inputs, None, rng, None)
    assert_array_equal(errors.std(inputs), 0.0)
    assert_array_equal(errors.quantiles([0.1, 0.9]), 0.0)


def test_only_the_proportions_of_weights_matter_for_the_std():
    X, y = noisy(150, 0)
    weights = np.random.RandomState(1).randint(0, 3, 150)
    found = [
        regressor().fit(X, y, sample_weight=scale * weights).predict(X, True)[1]
        for scale in (1.0, 0.25)
    ]
    assert_allclose(*found, rtol=1e-3)


def test_errors_need_rows_that_are_held_out():
    model = regressor().fit([[0.0], [1.0]], [0.0, 1.0])
    assert model.noise_std_ is None
    for options in ({"return_std": True}, {"quantiles": [0.5]}):
        with pytest.raises(ValueError, match="fewer than four rows"):
            model.predict([[0.5]], **options)


@pytest.mark.parametrize("levels", [0.5, [], [0.0, 0.5], [0.5, 1.0], [np.nan]])
def test_wrong_levels_are_named(levels):
    model = regressor().fit(*noisy(20, 0))
    with pytest.raises(ValueError, match="quantiles must be a list of numbers"):
        model.predict([[0.0, 0.0]], quantiles=levels)


def test_weights_pass_through_the_pipeline():
    """Rows without weight say the contrary of the others."""
    X, y = table(120)
    weights = np.arange(120) % 2
    y = np.where(weights == 1, y, np.where(y == "yes", "no", "yes"))
    model = tabular_pipeline(classifier()).fit(X, y, network__sample_weight=weights)
    assert model.score(X, y, weights) > 0.8


def test_positive_weights_may_be_few():
    X, y = load_iris(return_X_y=True)
    for rows in ([3], [3, 60, 120], np.arange(0, 150, 15)):
        weights = np.zeros(150)
        weights[rows] = 1.0
        model = classifier().fit(X, y, weights)
        assert np.isfinite(model.predict_proba(X)).all()
        model = regressor().fit(X, y, weights)
        assert np.isfinite(model.predict(X)).all()


def test_what_a_table_cannot_be_is_said():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        classifier().fit(X, np.eye(3, dtype=int)[y])
    for model in (classifier(), regressor()):
        with pytest.raises(TypeError, match="dense data is required"):
            model.fit(csr_array(X), y)


def test_what_is_no_table_is_refused():
    pd = pytest.importorskip("pandas")
    y = np.arange(30) % 2
    for X, error, remedy in [
        (pd.Series(np.arange(30.0)), ValueError, r"X\.to_frame\(\)"),
        (np.arange(30.0), ValueError, r"X\.reshape\(-1, 1\)"),
        (csr_array(np.eye(30)), TypeError, r"X\.toarray\(\)"),
    ]:
        with pytest.raises(error, match="X must be a data frame.*" + remedy):
            tabular_pipeline(classifier()).fit(X, y)


def test_targets_whose_variance_overflows_are_refused():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="y must not have numbers beyond"):
        regressor().fit(X, y * 1e200)


def test_infinite_numbers_are_refused():
    X, y = load_iris(return_X_y=True)
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        tabular_pipeline(classifier()).fit(X, y)


def test_predictions_stay_in_the_range_of_the_targets():
    X = np.linspace(-1, 1, 40)[:, np.newaxis]
    model = regressor().fit(X, 3 * X[:, 0])
    assert_allclose(model.predict([[-50.0], [50.0]]), [-3.0, 3.0], rtol=1e-5)


def test_same_seed_same_predictions_on_any_number_of_threads():
    X, y = load_iris(return_X_y=True)
    first = classifier().fit(X, y).predict_proba(X)
    assert_array_equal(classifier(n_jobs=2).fit(X, y).predict_proba(X), first)
    other = classifier(random_state=1).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, other)


def test_candidates_without_a_seed_get_one():
    X, y = load_iris(return_X_y=True)
    network = BPClassifier((4,), max_iter=5)
    model = TabularClassifier([("one", network, "plain")], random_state=0)
    p = model.fit(X, y).predict_proba(X)
    assert_array_equal(model.fit(X, y).predict_proba(X), p)
    seeds = {one.random_state for one in model.networks_["one"]}
    assert len(seeds) == len(model.networks_["one"])
    assert network.random_state is None


def test_candidates_may_be_pipelines():
    X, y = load_iris(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    model = TabularClassifier([("logistic", pipe, "plain")]).fit(X, y)
    assert model.score(X, y) > 0.9


def test_a_pickle_predicts_the_same():
    X, y = load_iris(return_X_y=True)
    model = classifier().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([("a", BPClassifier(), "raw")], "inputs is 'plain' or 'binned'"),
        ([("a", BPClassifier())], "inputs is 'plain' or 'binned'"),
        ([BPClassifier()], "list of tuples .*; got BPClassifier"),
        ([None], "list of tuples .*; got None"),
        ([(1, BPClassifier(), "plain")], "list of tuples"),
        ([("a", BPClassifier(), ["plain"])], "list of tuples"),
        ([("a", BPRegressor(), "plain")], "'a' must be a classifier, .* BPRegressor"),
        ([("a", BPClassifier, "plain")], "'a' must be a classifier"),
        ([("a", 3, "plain")], "'a' must be a classifier, .* got 3"),
        ([], "at least one tuple"),
        ([("a", BPClassifier(), "plain")] * 2, "different names"),
    ],
)
def test_wrong_candidates_are_named_and_nothing_is_lost(candidates, message):
    X, y = load_iris(return_X_y=True)
    model = classifier().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        model.set_params(candidates=candidates).fit(X[:, :2], y)
    assert_array_equal(model.predict_proba(X), before)


def test_compiled_loops_are_judged_by_all_fits_together(monkeypatch):
    X, y = load_iris(return_X_y=True)
    numbers = []

    def pays(problem, settings, n_networks, in_lockstep):
        numbers.append(n_networks)
        return False

    monkeypatch.setattr("skbp._estimator.run.pays", pays)
    network = BPClassifier((4,), max_iter=2, random_state=0)
    with config_context(compiled="auto"):
        TabularClassifier([("one", network, "plain")], n_folds=3).fit(X, y)
        with pytest.warns(ConvergenceWarning):
            network.fit(X, y)
    assert numbers == [3, 3, 3, 1]


# The pipeline


def table(n=N, seed=0):
    """Return an array of objects with columns of all kinds, and classes."""
    rng = np.random.RandomState(seed)
    X = np.empty((n, 7), object)
    X[:, 0] = rng.randn(n)
    X[:, 1] = [None if i % 7 == 0 else int(i) for i in range(n)]
    X[:, 2] = rng.choice(["red", "green", "blue"], n)
    X[:, 3] = [date(2020, 1, 1) + timedelta(days=int(i)) for i in range(n)]
    X[:, 4] = rng.rand(n) > 0.5
    X[:, 5] = None
    X[:, 6] = [f"id {i}" for i in range(n)]
    y = np.where((X[:, 2] == "red") | (X[:, 0] > 0.5), "yes", "no")
    return X, y


def frames():
    """Return the same table as an array and as data frames."""
    X, y = table()
    found = [X]
    names = ["number", "count", "color", "day", "flag", "nothing", "id"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pandas as pd
        except ImportError:
            pass
        else:
            frame = pd.DataFrame(dict(zip(names, X.T, strict=True)))
            found.append(frame)
            typed = frame.infer_objects().assign(
                day=pd.to_datetime(frame["day"]),
                color=frame["color"].astype("category"),
                count=frame["count"].astype("Int64"),
                flag=frame["flag"].astype("boolean"),
            )
            found.append(typed)
        try:
            import polars as pl
        except ImportError:
            pass
        else:
            columns = dict(zip(names, map(list, X.T), strict=True))
            found.append(pl.DataFrame(columns, strict=False))
    return [(X, y) for X in found]


@pytest.mark.parametrize(("X", "y"), frames(), ids=lambda one: type(one).__module__)
def test_tables_of_all_kinds_give_the_same_predictions(X, y):
    model = tabular_pipeline(classifier()).fit(X, y)
    assert model.score(X, y) > 0.8
    names = model[0].get_feature_names_out()
    assert len(names) == model[0].transform(X).shape[1]
    reference, _ = table()
    expected = tabular_pipeline(classifier()).fit(reference, y).predict_proba(reference)
    assert_allclose(model.predict_proba(X), expected, atol=0.02)


def test_pipeline_is_ordinary():
    model = tabular_pipeline("classifier")
    assert list(model.named_steps) == ["columns", "network"]
    assert isinstance(model[-1], TabularClassifier)
    assert isinstance(tabular_pipeline("regressor")[-1], TabularRegressor)
    own = LogisticRegression()
    model = tabular_pipeline(own)
    assert isinstance(model[-1], LogisticRegression)
    assert model[-1] is not own
    search = GridSearchCV(clone(model), {"network__C": [0.1, 10.0]}, cv=2)
    assert search.fit(*table()).best_score_ > 0.5
    with pytest.raises(ValueError, match="must be 'classifier', 'regressor'"):
        tabular_pipeline("cluster")


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_steps_may_return_data_frames(kind):
    pytest.importorskip(kind)
    pd = pytest.importorskip("pandas")
    X, y = table()
    frame = pd.DataFrame(X[:, :5], columns=list("abcde"))
    expected = tabular_pipeline(classifier()).fit(frame, y).predict_proba(frame)
    model = tabular_pipeline(classifier()).set_output(transform=kind).fit(frame, y)
    assert type(model[:-1].transform(frame)).__module__.startswith(kind)
    assert_allclose(model.predict_proba(frame), expected, atol=1e-3)
    assert "TabularClassifier" in model._repr_html_()


def test_new_rows_may_have_what_training_had_not():
    X, y = table()
    model = tabular_pipeline(classifier()).fit(X, y)
    new = X[:5].copy()
    new[0, 0] = None
    new[1, 2] = "a color never seen"
    new[2, 3] = None
    new[3, 5] = 17.0
    new[4, 0] = 1e300
    p = model.predict_proba(new)
    assert np.isfinite(p).all()
    assert_allclose(p.sum(axis=1), 1.0)


#: Tables that are hard on a model.
HARD = {
    "constant": (np.ones((N, 3)), np.arange(N) % 2),
    "missing": (np.full((N, 2), np.nan), np.arange(N) % 2),
    "heavy tails": (np.random.RandomState(0).standard_cauchy((N, 3)) ** 9, None),
    "ten rows": (np.random.RandomState(0).randn(10, 3), np.arange(10) % 2),
    "two rows": (np.random.RandomState(0).randn(2, 3), np.arange(2)),
    "one row": (np.random.RandomState(0).randn(1, 3), np.zeros(1, int)),
    "one row of a class": (np.random.RandomState(0).randn(N, 3), np.arange(N)),
    "one class": (np.random.RandomState(0).randn(N, 3), np.zeros(N, int)),
    "one column": (np.random.RandomState(0).randn(N, 1), None),
    "more columns than rows": (np.random.RandomState(0).randn(20, 300), None),
    "largest": (np.random.RandomState(0).choice([1.0, 1e200, 1.7e308], (N, 2)), None),
    "huge": (np.random.RandomState(0).randn(N, 2) * 1e150, None),
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:The number of unique classes")
def test_hard_tables_give_finite_predictions(name):
    X, y = HARD[name]
    if y is None:
        y = (np.nan_to_num(X[:, 0]) > 0).astype(int)
    p = tabular_pipeline(classifier()).fit(X, y).predict_proba(X)
    assert np.isfinite(p).all()
    model = tabular_pipeline(regressor()).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    if model[-1].noise_std_ is not None:
        assert np.isfinite(model.predict(X, return_std=True)).all()
        assert np.isfinite(model.predict(X, quantiles=[0.1, 0.9])).all()


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_default_candidates(kind):
    """Short, since they are networks of full size."""
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    model = tabular_pipeline(kind)
    model.set_params(network__n_folds=2, network__random_state=0)
    model.fit(X, y)
    assert model.score(X, y) > 0.8
    network = model[-1]
    names = [name for name, _, _ in network.candidates_]
    assert ("relevance" in names) == (kind == "regressor")
    assert 1 <= len(network.networks_) <= 3
    assert set(network.candidate_losses_) == set(names)
    assert set(network.weights_) <= set(names)


def test_no_warning_that_training_could_take_longer():
    X, y = table()
    short = BPClassifier((4,), max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        TabularClassifier([("short", short, "plain")]).fit(as_numbers(X[:, :1]), y)
