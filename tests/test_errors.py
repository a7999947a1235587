"""Bad input: each error names the argument, what was given and what would work."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from skbp import BPClassifier, BPRegressor

BOTH = pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])


@pytest.fixture
def X():
    return np.random.RandomState(0).standard_normal((60, 3))


@pytest.fixture
def y(X):
    return (X[:, 0] > 0).astype(int)


@BOTH
@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("activation", "rectifier", "relu"),
        ("activation", None, "relu"),
        ("solver", "newton", "lbfgs"),
        ("alpha", -1.0, r"\[0.0, inf\)"),
        ("alpha", "small", "float"),
        ("alpha", np.nan, "float"),
        ("batch_size", 0, r"\[1, inf\)"),
        ("batch_size", 10.5, "int"),
        ("batch_size", "all", "auto"),
        ("learning_rate", "fast", "adaptive"),
        ("learning_rate_init", 0.0, r"\(0.0, inf\)"),
        ("power_t", -0.5, r"\[0.0, inf\)"),
        ("max_iter", 0, r"\[1, inf\)"),
        ("max_iter", 10.0, "int"),
        ("shuffle", "yes", "bool"),
        ("random_state", "seed", "RandomState"),
        ("tol", -1e-4, r"\[0.0, inf\)"),
        ("verbose", -1, r"\[0, inf\)"),
        ("warm_start", None, "bool"),
        ("momentum", 1.5, r"\[0.0, 1.0\]"),
        ("nesterovs_momentum", "no", "bool"),
        ("early_stopping", 3, "bool"),
        ("validation_fraction", 1.0, r"\[0.0, 1.0\)"),
        ("beta_1", 1.0, r"\[0.0, 1.0\)"),
        ("beta_2", -0.1, r"\[0.0, 1.0\)"),
        ("epsilon", 0.0, r"\(0.0, inf\)"),
        ("n_iter_no_change", 0, r"\[1, inf\)"),
        ("max_fun", 0, r"\[1, inf\)"),
        ("hidden_layer_sizes", 0, r"\[1, inf\)"),
        ("hidden_layer_sizes", 10.0, "int"),
        ("hidden_layer_sizes", (10, 0), r"positive integers.*\(10, 0\)"),
        ("hidden_layer_sizes", [10.0], r"positive integers.*\[10.0\]"),
        ("hidden_layer_sizes", (10, -3), "positive integers"),
        ("hidden_layer_sizes", (True,), "positive integers"),
        ("hidden_layer_sizes", [[3, 4]], "positive integers"),
        (
            "activation",
            ("relu", "tanh"),
            "2 names.*1 hidden layers.*one for each layer",
        ),
        ("activation", ("softmax",), "logistic.*got 'softmax'"),
        ("activation", (3,), "logistic.*got 3"),
        ("activation", {"tanh", "relu"}, "got a set, which has no order"),
        ("init", {"he_normal": 1}, "got a dict, which has no order"),
        ("batch_size", True, "not a bool"),
        ("coefs_init", [1j * np.ones((3, 100)), np.ones((100, 1))], "real numbers"),
        (
            "coefs_init",
            [scipy.sparse.eye_array(3, 100), np.ones((100, 1))],
            "dense array.*got a dia_array",
        ),
        ("loss", "hinge", "squared_error"),
        ("output_activation", "linear", "identity"),
        ("fit_intercept", "no", "bool"),
        ("init", "xavier", "glorot_uniform"),
        ("init", ("he_normal",), "1 names.*2 layers, hidden ones and output"),
        ("init", ("he_normal", "ones"), "orthogonal.*got 'ones'"),
        ("coefs_init", 3, "array-like"),
        ("coefs_init", [np.zeros((3, 100))], r"\(3, 100\), \(100, 1\)\].*got 1"),
        (
            "coefs_init",
            [np.zeros((3, 100)), np.zeros((1, 100))],
            r"\[1\] must have the shape \(100, 1\).*1 units and 100 inputs.*\(1, 100\)",
        ),
        ("coefs_init", [np.full((3, 100), np.nan), np.ones((100, 1))], "finite"),
        ("coefs_init", [[["a"]], [["b"]]], "must contain numbers"),
        ("intercepts_init", [np.zeros(100), np.zeros(2)], r"\[1\].*\(1,\).*\(2,\)"),
        ("intercepts_init", [np.zeros(100), [np.inf]], r"\[1\] must be finite"),
        ("weight_decay", -0.1, r"\[0.0, inf\)"),
        ("learning_rate_decay", 0.0, r"\(0.0, 1.0\]"),
        ("learning_rate_step", 0, r"\(0.0, inf\)"),
        ("warmup", -1, r"\[0.0, inf\)"),
        ("dropout", 1.0, r"\[0.0, 1.0\)"),
        ("dropout", (0.1, 0.2), r"each of the 1 hidden layers; got \(0\.1, 0\.2\)"),
        ("dropout", (1.0,), r"number in \[0, 1\), or one for each"),
        ("max_grad_norm", 0.0, r"\(0.0, inf\)"),
        ("average_decay", 1.0, r"\[0.0, 1.0\)"),
        ("scoring", "precision at 3", "accuracy"),
        ("n_init", 0, r"\[1, inf\)"),
        ("ensemble", 0, r"\[1, inf\)"),
    ],
)
def test_parameters(estimator, name, value, remedy, X, y):
    with pytest.raises(ValueError, match=rf"(?s){name}.*{remedy}"):
        estimator(**{name: value}).fit(X, y)


@pytest.mark.parametrize(
    ("estimator", "name", "value", "remedy"),
    [
        (BPClassifier, "class_weight", "even", "balanced"),
        (BPClassifier, "label_smoothing", 1.0, r"\[0.0, 1.0\)"),
        (BPClassifier, "temperature", 2.0, "bool"),
        (BPRegressor, "huber_delta", 0.0, r"\(0.0, inf\)"),
        (BPRegressor, "quantile", 1.0, r"\(0.0, 1.0\)"),
        (BPRegressor, "target_scaling", "minmax", "'standard'"),
    ],
)
def test_parameters_of_one_of_them(estimator, name, value, remedy, X, y):
    with pytest.raises(ValueError, match=rf"(?s){name}.*{remedy}"):
        estimator(**{name: value}).fit(X, y)


@BOTH
def test_every_parameter_is_tried(estimator):
    tried = {args[0] for args in test_parameters.pytestmark[0].args[1]}
    tried |= {
        args[1]
        for args in test_parameters_of_one_of_them.pytestmark[0].args[1]
        if args[0] is estimator
    }
    assert tried == set(estimator().get_params())


@BOTH
def test_an_output_activation_that_does_not_suit_the_loss(estimator, X, y):
    with pytest.raises(
        ValueError, match=r"'tanh' does not work with loss='log_loss'.*l"
    ):
        estimator(loss="log_loss", output_activation="tanh").fit(X, y)


def test_softmax_of_labels_that_do_not_exclude_each_other(X, y):
    with pytest.raises(ValueError, match=r"'softmax'.*multilabel.*'logistic'"):
        BPClassifier(output_activation="softmax").fit(X, np.column_stack([y, 1 - y]))


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"loss": "log_loss"}, 1.5, r"is 1\.5 for sample 7.*log_loss.*0 and 1"),
        ({"output_activation": "logistic"}, -0.1, r"-0\.1 for.*'logistic'.*Scale y"),
        ({"output_activation": "tanh"}, -1.01, r"-1\.01.*'tanh'.*-1 and 1"),
        ({"output_activation": "relu"}, -1.0, "'relu'.*0 and inf"),
        ({"output_activation": "exp"}, -1.0, "'exp'.*0 and inf"),
        ({"output_activation": "softmax"}, 0.3999, "sums to 0.4.*sample 0.*logistic"),
        (
            {"output_activation": "relu", "loss": "poisson"},
            1.0,
            "does not work with loss='poisson'",
        ),
    ],
)
def test_targets_out_of_reach_of_the_output(options, y, message, X):
    targets = np.full(60, 0.4)
    targets[7] = y
    model = BPRegressor(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(X, targets)
    assert not hasattr(model, "coefs_")


@BOTH
def test_initial_weights_beyond_float32(estimator, X, y):
    coefs = [np.full((3, 100), 1e300), np.ones((100, 1))]
    with pytest.raises(ValueError, match=r"coefs_init.*too large for float32"):
        estimator(coefs_init=coefs).fit(X.astype(np.float32), y)


@BOTH
def test_a_step_that_takes_the_whole_weight_away(estimator, X, y):
    with pytest.raises(ValueError, match=r"weight_decay=20 times learning_rate_init=0"):
        estimator(weight_decay=20, learning_rate_init=0.05).fit(X, y)


@BOTH
@pytest.mark.parametrize(
    ("solver", "name", "value"),
    [
        *(
            (solver, name, value)
            for solver in ("lbfgs", "rprop")
            for name, value in (
                ("dropout", 0.2),
                ("dropout", (0.2,)),
                ("max_grad_norm", 1.0),
                ("warmup", 2),
                ("learning_rate", "cosine"),
            )
        ),
        ("lbfgs", "weight_decay", 0.1),
        ("lbfgs", "average_decay", 0.9),
    ],
)
def test_what_needs_steps_on_batches(estimator, solver, name, value, X, y):
    with pytest.raises(ValueError, match=rf"{name}=.*'{solver}'.*stochastic.*'adam'"):
        estimator(solver=solver, **{name: value}).fit(X, y)


@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "rprop"])
def test_no_partial_fit_of_solvers_on_all_samples(estimator, solver):
    assert not hasattr(estimator(solver=solver), "partial_fit")


@BOTH
def test_validation_sets_that_cannot_be_used(estimator, X, y):
    model = estimator(early_stopping=True)
    for given, message in [
        ({"X_val": X}, "must be passed together; got only X_val"),
        ({"y_val": y}, "must be passed together; got only y_val"),
        ({"sample_weight_val": y}, "sample_weight_val needs X_val and y_val"),
        ({"X_val": X[:, :2], "y_val": y}, "2 features"),
        ({"X_val": X, "y_val": y[:3]}, "inconsistent numbers of samples"),
        (
            {"X_val": X, "y_val": y, "sample_weight_val": -np.ones(60)},
            "sample_weight_val must not be negative",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, **given)
        with pytest.raises(ValueError, match=message):
            clone(model).set_params(early_stopping=False).partial_fit(
                X,
                y,
                **given,
                **({"classes": [0, 1]} if estimator is BPClassifier else {}),
            )
    assert not hasattr(model, "coefs_")


@BOTH
def test_a_best_constant_without_intercepts(estimator, X, y):
    with pytest.raises(ValueError, match=r"'best_constant' .* fit_intercept=False"):
        estimator(intercepts_init="best_constant", fit_intercept=False).fit(X, y)


def test_unseen_classes_to_validate_on(X, y):
    with pytest.raises(ValueError, match=r"not in classes_: \[4, 5\]"):
        BPClassifier().fit(X, y, X_val=X, y_val=y + 4)


def test_class_weights_that_cannot_be(X, y):
    with pytest.raises(ValueError, match=r"class_weight='balanced'.*partial_fit"):
        BPClassifier(class_weight="balanced").partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="not negative; got"):
        BPClassifier(class_weight={0: -1.0}).fit(X, y)


@pytest.mark.parametrize(
    ("options", "y", "message"),
    [
        ({"loss": "gamma"}, 0.0, r"loss='gamma' needs y > 0.*0\.0, for sample 7"),
        ({"loss": "quantile", "quantile": [0.9, 0.1]}, 0.4, "in increasing order"),
        ({"loss": "quantile", "quantile": []}, 0.4, "between 0 and 1"),
        ({"loss": "quantile", "quantile": [0.5, 1.0]}, 0.4, "between 0 and 1"),
        (
            {
                "loss": "quantile",
                "quantile": [0.1, 0.9],
                "output_activation": "identity",
            },
            0.4,
            "Several quantiles need output_activation='auto'",
        ),
    ],
)
def test_targets_and_levels_that_a_loss_refuses(options, y, message, X):
    targets = np.full(60, 0.4)
    targets[7] = y
    with pytest.raises(ValueError, match=message):
        BPRegressor(**options).fit(X, targets)


def test_several_quantiles_of_several_targets(X):
    with pytest.raises(ValueError, match=r"single target.*y has 3 columns"):
        BPRegressor(loss="quantile", quantile=[0.1, 0.9]).fit(X, X)


@BOTH
def test_intercepts_that_cannot_be(estimator, X, y):
    ones = [np.ones(100), np.zeros(1)]
    with pytest.raises(ValueError, match="intercepts_init must be zero with fit_inter"):
        estimator(intercepts_init=ones, fit_intercept=False).fit(X, y)
    model = estimator(warm_start=True, tol=1.0).fit(X, y)
    with pytest.raises(ValueError, match="has intercepts, but fit_intercept=False"):
        model.set_params(fit_intercept=False).fit(X, y)


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
def test_outputs_that_are_no_probabilities(method, X, y):
    model = BPClassifier(loss="squared_error", tol=1.0).fit(X, y)
    with pytest.raises(AttributeError, match=method) as error:
        getattr(model, method)
    assert "need loss='log_loss'" in str(error.value.__cause__)


@pytest.mark.parametrize(
    "sizes",
    [5, (5,), [5], np.array([5]), np.array(5), np.int64(5), (np.int32(5),)],
)
def test_hidden_layer_sizes_of_many_kinds(sizes, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = BPClassifier(sizes, max_iter=2).fit(X, y)
    assert model.coefs_[0].shape == (3, 5)


@BOTH
@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "infinity")])
@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        scipy.sparse.csr_array,
        lambda X: pd.DataFrame(X, columns=["a", "b", "c"]),
    ],
    ids=["dense", "sparse", "frame"],
)
def test_X_that_is_not_finite_is_refused_by_position(
    estimator, convert, bad, word, X, y
):
    X[17, 1] = bad
    X[30, 0] = bad
    with pytest.raises(ValueError, match=rf"(?s){word}.*row 17, column 1"):
        estimator().fit(convert(X), y)
    fitted = estimator(tol=1.0).fit(X[:10], y[:10])
    with pytest.raises(ValueError, match=rf"(?s){word}.*row 17, column 1"):
        fitted.predict(
            convert(X).to_numpy() if hasattr(convert(X), "loc") else convert(X)
        )


def test_the_name_of_a_column_is_given(X, y):
    X[17, 1] = np.nan
    with pytest.raises(ValueError, match=r"column 1 \('b'\)"):
        BPClassifier().fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)


@BOTH
def test_number_of_features(estimator, X, y):
    model = estimator(tol=1.0).fit(X, y)
    with pytest.raises(ValueError, match=r"2 features.*expecting 3 features"):
        model.predict(X[:, :2])
    with pytest.raises(ValueError, match=r"2 features.*expecting 3 features"):
        model.partial_fit(X[:, :2], y)
    assert model.n_features_in_ == 3


@BOTH
def test_too_few_samples_to_validate(estimator, X, y):
    with pytest.raises(
        ValueError, match=r"validation_fraction=0\.1 of 10 samples is 1"
    ):
        estimator(early_stopping=True).fit(X[:10], y[:10])
    with pytest.raises(ValueError, match=r"validation_fraction=0.99 of 60"):
        estimator(early_stopping=True, validation_fraction=0.99).fit(X, y)
    with pytest.raises(ValueError, match="validation_fraction=0"):
        estimator(early_stopping=True, validation_fraction=0).fit(X, y)


@BOTH
def test_sample_weights(estimator, X, y):
    for weights, message in [
        (np.full(60, -1.0), r"negative; got -1\.0 for sample 0"),
        (np.ones(59), r"sample_weight.shape == \(59,\), expected \(60,\)"),
        (np.ones((60, 2)), "1D array"),
        (np.zeros(60), "non-zero"),
        (np.full(60, np.nan), "NaN"),
        (["a"] * 60, "sample_weight|convert"),
    ]:
        with pytest.raises(ValueError, match=message):
            estimator().fit(X, y, weights)


def test_weights_must_leave_something_to_train_and_to_validate_on(X, y):
    weights = np.zeros(60)
    weights[0] = 1.0
    with pytest.raises(
        ValueError, match=r"zero for all samples drawn for (train|valid)"
    ):
        BPRegressor(early_stopping=True).fit(X, y, weights)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.linspace(0, 1, 60), "Unknown label type"),
        (np.arange(120).reshape(60, 2) % 3, "[Mm]ultioutput"),
        (np.zeros((60, 2, 2)), "dim|ndim|3"),
        (np.zeros(59), "inconsistent numbers of samples"),
        (np.r_[np.nan, np.zeros(59)], "y contains NaN"),
        (None, "requires y"),
    ],
)
def test_targets_of_the_classifier(target, message, X):
    with pytest.raises(ValueError, match=message):
        BPClassifier().fit(X, target)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (np.array(["a", "b"] * 30), "y must contain numbers; got 'a'"),
        (np.zeros((60, 2, 2)), "dim|3"),
        (np.zeros(59), "inconsistent numbers of samples"),
        (np.r_[np.inf, np.zeros(59)], "y contains infinity"),
    ],
)
def test_targets_of_the_regressor(target, message, X):
    with pytest.raises(ValueError, match=message):
        BPRegressor().fit(X, target)


def test_targets_too_large_for_float32(X):
    y = np.full(60, 1e300)
    with pytest.raises(ValueError, match=r"y.*float32"):
        BPRegressor().fit(X.astype(np.float32), y)


class TestClassesOfPartialFit:
    def test_they_must_be_given_first(self, X, y):
        with pytest.raises(ValueError, match="classes must be passed"):
            BPClassifier().partial_fit(X, y)

    def test_they_cannot_change(self, X, y):
        model = BPClassifier().partial_fit(X, y, classes=[0, 1])
        with pytest.raises(ValueError, match="not the same as on last call"):
            model.partial_fit(X, y, classes=[0, 1, 2])

    def test_unseen_classes_are_named(self, X, y):
        model = BPClassifier().partial_fit(X, y, classes=[0, 1])
        with pytest.raises(ValueError, match=r"not in classes_: \[7\].*\[0, 1\]"):
            model.partial_fit(X, np.where(y, 7, 0))
        with pytest.raises(ValueError, match=r"not in classes_: \['a'"):
            model.partial_fit(X, np.where(y, "a", "b"))

    def test_a_first_call_that_fails_leaves_no_trace(self, X, y):
        model = BPClassifier()
        with pytest.raises(ValueError, match="not in classes_"):
            model.partial_fit(X, y, classes=[5, 6])
        assert not hasattr(model, "classes_")
        model.partial_fit(X, y, classes=[0, 1])

    def test_the_kind_of_target_cannot_change(self, X, y):
        labels = np.c_[y, 1 - y]
        model = BPClassifier().partial_fit(X, labels, classes=[0, 1])
        with pytest.raises(ValueError, match="multilabel indicator matrix of 2 labels"):
            model.partial_fit(X, y)
        model = BPClassifier().partial_fit(X, y, classes=[0, 1])
        with pytest.raises(ValueError, match="multilabel indicator matrix of 2 labels"):
            model.partial_fit(X, labels)

    def test_early_stopping_is_refused(self, X, y):
        with pytest.raises(
            ValueError, match=r"early_stopping=True.*early_stopping=False"
        ):
            BPClassifier(early_stopping=True).partial_fit(X, y, classes=[0, 1])


def test_warm_start_needs_the_same_classes(X, y):
    model = BPClassifier(warm_start=True, tol=1.0).fit(X, y)
    with pytest.raises(ValueError, match=r"not in classes_: \[2\]"):
        model.fit(X, y + y)
    with pytest.raises(ValueError, match="same classes"):
        model.fit(X, np.zeros(60, int))


@BOTH
def test_not_fitted(estimator, X):
    with pytest.raises(NotFittedError):
        estimator().predict(X)


@BOTH
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_a_failed_call_leaves_an_earlier_fit_intact(estimator, call, X, y):
    model = estimator(tol=1.0).fit(X, y)
    before = dict(vars(model))
    values = [w.copy() for w in model.coefs_]
    continuous = np.arange(60.0) + 0.5
    unusable, why = (
        (continuous, "label type") if estimator is BPClassifier else (None, "y")
    )
    for bad_X, bad_y, weights, message in [
        (X[:, :2], unusable, None, f"{why}|2 features"),
        (np.c_[X, X], y[:50], None, "inconsistent numbers of samples"),
        (X, y, -np.ones(60), "negative"),
    ]:
        with pytest.raises(ValueError, match=message):
            getattr(model, call)(bad_X, bad_y, weights)
        assert {k: id(v) for k, v in vars(model).items()} == {
            k: id(v) for k, v in before.items()
        }
    for w, expected in zip(model.coefs_, values, strict=True):
        np.testing.assert_array_equal(w, expected)


def test_a_warning_that_is_an_error_leaves_a_fitted_model(X, y):
    model = BPClassifier(max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, y)
    assert model.n_iter_ == 2


@BOTH
def test_warnings_of_partial_fit_leave_it_done_and_point_at_the_user(estimator, X, y):
    model = estimator(batch_size=61, random_state=0).partial_fit
    classes = {"classes": [0, 1]} if estimator is BPClassifier else {}
    with pytest.warns(UserWarning, match="one batch") as caught:
        fitted = model(X, y, **classes)
    assert caught[0].filename == __file__
    fitted.set_params(batch_size="auto")
    fitted.coefs_[0][:] = 1e308
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match="diverged"):
            fitted.partial_fit(X, y)
    assert fitted.n_iter_ == 2


def test_targets_of_the_regressor_that_are_no_numbers(X, y):
    with pytest.raises(TypeError, match="y must be a dense array"):
        BPRegressor().fit(X, scipy.sparse.csr_array(np.c_[y, y].astype(float)))
    with pytest.raises(ValueError, match="y"):
        BPRegressor(loss="poisson").fit(X, ["a"] * 60)
    text = [str(float(value)) for value in y]
    one = BPRegressor(loss="poisson", tol=1.0, random_state=0).fit(X, text)
    two = BPRegressor(loss="poisson", tol=1.0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(one.coefs_[0], two.coefs_[0])


def test_a_batch_larger_than_the_data_is_one_batch(X, y):
    with pytest.warns(
        UserWarning, match="batch_size=100 is larger.*60.*one batch"
    ) as w:
        model = BPClassifier(batch_size=100, tol=1.0, random_state=0).fit(X, y)
    assert w[0].filename == __file__
    expected = BPClassifier(batch_size=60, tol=1.0, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_too_few_iterations_are_a_warning_that_points_at_the_user(solver, X, y):
    with pytest.warns(ConvergenceWarning, match="max_iter|Maximum") as caught:
        BPClassifier(solver=solver, max_iter=1).fit(X, y)
    assert caught[0].filename == __file__
