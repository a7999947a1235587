"""What users asked MLPClassifier for: class weights, validation, losses, schedules."""

import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
)
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from skbp import BPClassifier, BPRegressor
from skbp.engine.activations import HIDDEN
from skbp.engine.losses import huber
from skbp.engine.optimizers import OPTIMIZERS
from skbp.engine.schedules import SCHEDULES

X = StandardScaler().fit_transform(load_iris().data)
Y = load_iris().target
X_D, Y_D = load_diabetes(return_X_y=True)
X_D, Y_D = StandardScaler().fit_transform(X_D)[:200], Y_D[:200] / 100
TRAIN, VAL = np.arange(0, 150, 2), np.arange(1, 150, 2)
BOTH = pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
STOCHASTIC = sorted(set(OPTIMIZERS) - {"rprop"})
EXACT = {"solver": "lbfgs", "tol": 1e-10, "max_iter": 5000, "random_state": 0}


def fitted(model, X=X, y=Y, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, *args, **options)


def minimised(model, X, y, *args):
    """Return the model close to its minimum, by restarts of L-BFGS."""
    model.set_params(warm_start=True)
    for _ in range(8):
        fitted(model, X, y, *args)
    return model


def same_weights(first, second):
    for one, other in zip(first.coefs_, second.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


class TestClassWeight:
    @pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop"])
    @pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 3.0, 2: 0.5}])
    def test_class_weights_are_sample_weights(self, class_weight, solver):
        weights = np.random.RandomState(0).rand(150)
        options = {"solver": solver, "max_iter": 10, "random_state": 0}
        model = fitted(
            BPClassifier(class_weight=class_weight, **options), X, Y, weights
        )
        by_class = compute_sample_weight(class_weight, Y)
        same_weights(model, fitted(BPClassifier(**options), X, Y, weights * by_class))

    def test_of_labels(self):
        labels = np.c_[Y > 0, Y > 1].astype(int)
        class_weight = [{0: 1.0, 1: 2.0}, {0: 3.0, 1: 1.0}]
        options = {"max_iter": 5, "random_state": 0}
        model = fitted(BPClassifier(class_weight=class_weight, **options), X, labels)
        weights = compute_sample_weight(class_weight, labels)
        same_weights(model, fitted(BPClassifier(**options), X, labels, weights))

    def test_in_parts(self):
        class_weight = {"a": 2.0, "b": 1.0, "c": 0.5}
        y = np.array(["a", "b", "c"])[Y]
        ours = BPClassifier(class_weight=class_weight, random_state=0)
        plain = BPClassifier(random_state=0)
        weights = compute_sample_weight(class_weight, y)
        for part in (TRAIN, VAL):
            ours.partial_fit(X[part], y[part], classes=["a", "b", "c"])
            plain.partial_fit(X[part], y[part], weights[part], classes=["a", "b", "c"])
        same_weights(ours, plain)

    def test_integer_weights_are_repetitions(self):
        rows = np.repeat(np.arange(150), Y + 1)
        options = {**EXACT, "max_iter": 10, "hidden_layer_sizes": (5,)}
        weighted = fitted(BPClassifier(class_weight={0: 1, 1: 2, 2: 3}, **options))
        repeated = fitted(BPClassifier(**options), X[rows], Y[rows])
        for one, other in zip(weighted.coefs_, repeated.coefs_, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)


class TestValidationSet:
    @pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop"])
    @BOTH
    def test_it_takes_the_place_of_the_part_held_out(self, estimator, solver):
        model = estimator(
            solver=solver, early_stopping=True, max_iter=15, random_state=0
        )
        given = fitted(model, X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
        scores = given.validation_scores_
        assert len(scores) == len(given.validation_loss_curve_) == given.n_iter_
        assert given.best_validation_score_ == max(scores)
        assert given.score(X[VAL], Y[VAL]) == pytest.approx(max(scores))
        assert given.t_ == (given.n_iter_ * 75 if solver != "lbfgs" else 0)

    @BOTH
    def test_without_early_stopping_it_changes_nothing(self, estimator):
        options = {"max_iter": 10, "random_state": 0}
        plain = fitted(estimator(**options), X[TRAIN], Y[TRAIN])
        watched = estimator(**options)
        fitted(watched, X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL])
        same_weights(plain, watched)
        assert plain.validation_loss_curve_ is None
        assert len(watched.validation_loss_curve_) == 10
        assert watched.score(X[VAL], Y[VAL]) == pytest.approx(
            watched.validation_scores_[-1]
        )
        assert watched.loss_curve_ == plain.loss_curve_
        assert watched.best_loss_ == plain.best_loss_

    def test_the_loss_is_that_of_scikit_learn(self):
        weights = np.random.RandomState(0).rand(75)
        model = BPClassifier(max_iter=3, random_state=0, alpha=1.0, label_smoothing=0.2)
        fitted(
            model,
            X[TRAIN],
            Y[TRAIN],
            X_val=X[VAL],
            y_val=Y[VAL],
            sample_weight_val=weights,
        )
        expected = log_loss(Y[VAL], model.predict_proba(X[VAL]), sample_weight=weights)
        assert model.validation_loss_curve_[-1] == pytest.approx(expected)

    @BOTH
    def test_in_parts(self, estimator):
        model = estimator(random_state=0)
        options = {"classes": [0, 1, 2]} if estimator is BPClassifier else {}
        for _ in range(3):
            model.partial_fit(X[TRAIN], Y[TRAIN], X_val=X[VAL], y_val=Y[VAL], **options)
        assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 3
        assert model.validation_scores_[-1] == pytest.approx(
            model.score(X[VAL], Y[VAL])
        )

    def test_frames_and_a_pipeline_that_routes_it(self):
        frame = pd.DataFrame(X * 3 + 1, columns=list("abcd"))
        with sklearn.config_context(enable_metadata_routing=True):
            network = BPClassifier(early_stopping=True, max_iter=5, random_state=0)
            network.set_fit_request(X_val=True, y_val=True)
            pipeline = make_pipeline(
                StandardScaler(), network, transform_input=["X_val"]
            )
            fitted(
                pipeline,
                frame.iloc[TRAIN],
                Y[TRAIN],
                X_val=frame.iloc[VAL],
                y_val=Y[VAL],
            )
        assert pipeline.score(frame.iloc[VAL], Y[VAL]) == pytest.approx(
            network.best_validation_score_
        )


class TestScoring:
    def test_a_name_a_callable_and_the_loss(self):
        options = {"early_stopping": True, "max_iter": 10, "random_state": 0}
        given = {"X_val": X[VAL], "y_val": Y[VAL]}
        named = BPClassifier(scoring="neg_log_loss", **options)
        fitted(named, X[TRAIN], Y[TRAIN], **given)
        assert named.validation_scores_[-1] == pytest.approx(
            -log_loss(Y[VAL], named.predict_proba(X[VAL])), rel=0.2
        )
        own = make_scorer(
            log_loss, response_method="predict_proba", greater_is_better=False
        )
        same_weights(
            named,
            fitted(BPClassifier(scoring=own, **options), X[TRAIN], Y[TRAIN], **given),
        )
        by_loss = fitted(
            BPClassifier(scoring="loss", **options), X[TRAIN], Y[TRAIN], **given
        )
        np.testing.assert_allclose(
            by_loss.validation_scores_, np.negative(by_loss.validation_loss_curve_)
        )
        np.testing.assert_allclose(by_loss.validation_scores_, named.validation_scores_)

    def test_it_sees_labels_and_weights(self):
        names = np.array(["a", "b", "c"])[Y]
        seen = []

        def scorer(estimator, X, y, sample_weight=None):
            seen.append((set(y), sample_weight))
            return estimator.score(X, y, sample_weight)

        model = BPClassifier(
            early_stopping=True, scoring=scorer, max_iter=2, random_state=0
        )
        fitted(model, X, names, np.ones(150))
        assert seen[0][0] == {"a", "b", "c"}
        assert len(seen[0][1]) == 15

    def test_a_callable_without_weights(self):
        def scorer(estimator, X, y):
            return estimator.score(X, y)

        options = {"early_stopping": True, "max_iter": 2, "random_state": 0}
        model = fitted(BPClassifier(scoring=scorer, **options), X, Y, np.ones(150))
        assert len(model.validation_scores_) == 2

    def test_of_a_regressor(self):
        model = BPRegressor(
            early_stopping=True,
            scoring="neg_mean_absolute_error",
            max_iter=5,
            random_state=0,
        )
        fitted(model, X_D, Y_D, X_val=X_D, y_val=Y_D)
        assert model.best_validation_score_ == pytest.approx(
            -mean_absolute_error(Y_D, model.predict(X_D))
        )

    def test_frames_give_no_warning_of_feature_names(self):
        frame = pd.DataFrame(X, columns=list("abcd"))
        model = BPClassifier(early_stopping=True, scoring="accuracy", max_iter=3)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(frame, Y)


class TestLosses:
    """Without hidden layers a network is scikit-learn's linear model of that loss."""

    def test_poisson_and_gamma(self):
        for loss, linear in (("poisson", PoissonRegressor), ("gamma", GammaRegressor)):
            # J is half the mean deviance in both, and the penalty alpha/2 |w|² there.
            ours = BPRegressor((), loss=loss, alpha=0.5 * len(Y_D), **EXACT)
            theirs = linear(alpha=0.5, tol=1e-8, max_iter=1000).fit(X_D, Y_D)
            minimised(ours, X_D, Y_D)
            np.testing.assert_allclose(
                ours.coefs_[0][:, 0], theirs.coef_, rtol=1e-3, atol=1e-5
            )
            np.testing.assert_allclose(
                ours.predict(X_D), theirs.predict(X_D), rtol=1e-4
            )

    def test_huber(self):
        theirs = HuberRegressor(epsilon=1.35, alpha=0.1, tol=1e-9, max_iter=1000)
        theirs.fit(X_D, Y_D)
        # Theirs: sum of sigma + sigma H(r / sigma) and alpha |w|², H without the half.
        ours = BPRegressor(
            (),
            loss="huber",
            huber_delta=1.35 * theirs.scale_,
            alpha=0.1 * theirs.scale_,
            **EXACT,
        )
        minimised(ours, X_D, Y_D)
        np.testing.assert_allclose(ours.predict(X_D), theirs.predict(X_D), atol=3e-4)

    @pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
    def test_quantile(self, level):
        theirs = QuantileRegressor(quantile=level, alpha=0.0).fit(X_D, Y_D)
        ours = BPRegressor(
            (),
            loss="quantile",
            quantile=level,
            alpha=0.0,
            learning_rate_init=0.05,
            learning_rate="cosine",
            n_iter_no_change=np.inf,
            max_iter=1500,
            random_state=0,
        )
        fitted(ours, X_D, Y_D)
        loss = [
            np.maximum(level * (Y_D - p), (level - 1) * (Y_D - p)).mean()
            for p in (ours.predict(X_D), theirs.predict(X_D))
        ]
        assert loss[0] == pytest.approx(loss[1], rel=1e-3)

    def test_absolute_error_is_twice_the_median_loss(self):
        options = {"max_iter": 5, "random_state": 0, "alpha": 0.0, "solver": "sgd"}
        one = BPRegressor(loss="absolute_error", learning_rate_init=0.01, **options)
        other = BPRegressor(loss="quantile", learning_rate_init=0.02, **options)
        same_weights(fitted(one, X_D, Y_D), fitted(other, X_D, Y_D))

    def test_several_quantiles_never_cross(self):
        levels = [0.05, 0.25, 0.5, 0.75, 0.95]
        rng = np.random.RandomState(0)
        x = rng.uniform(-2, 2, (1000, 1))
        y = np.sin(2 * x[:, 0]) + (0.2 + 0.3 * np.abs(x[:, 0])) * rng.standard_normal(
            1000
        )
        model = BPRegressor(
            (20,),
            "tanh",
            loss="quantile",
            quantile=levels,
            learning_rate_init=0.02,
            learning_rate="cosine",
            max_iter=150,
            random_state=0,
        )
        fitted(model, x, y)
        bands = model.predict(rng.uniform(-50, 50, (5000, 1)))
        assert bands.shape == (5000, 5)
        assert (np.diff(bands, axis=1) >= 0).all()
        shares = (y[:, np.newaxis] <= model.predict(x)).mean(axis=0)
        np.testing.assert_allclose(shares, levels, atol=0.03)
        assert 0.2 < model.score(x, y) < 1.0
        assert clone(model).set_params(quantile=0.5).fit(x, y).predict(x).ndim == 1

    def test_quantiles_stop_early_by_their_own_score(self):
        model = BPRegressor(
            loss="quantile", quantile=[0.1, 0.9], early_stopping=True, random_state=0
        )
        fitted(model, X_D, Y_D, X_val=X_D, y_val=Y_D)
        assert model.score(X_D, Y_D) == pytest.approx(model.best_validation_score_)

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, np.mean),
            ({"loss": "absolute_error"}, lambda y: np.quantile(y, 0.5, method="lower")),
            ({"loss": "quantile", "quantile": 0.9}, lambda y: np.quantile(y, 0.9)),
            ({"loss": "huber", "huber_delta": 1e6}, np.mean),
            ({"loss": "poisson"}, np.mean),
            ({"loss": "gamma"}, np.mean),
            ({"loss": "gamma", "output_activation": "softplus"}, np.mean),
            ({"output_activation": "exp"}, np.mean),
            ({"output_activation": "elu"}, np.mean),
        ],
        ids=str,
    )
    def test_the_best_constant(self, options, expected):
        """With weights of zero the network starts as that constant."""
        model = BPRegressor(
            (3,),
            coefs_init=[np.zeros((10, 3)), np.zeros((3, 1))],
            intercepts_init="best_constant",
            learning_rate_init=1e-12,
            max_iter=1,
            **options,
        )
        fitted(model, X_D, Y_D)
        np.testing.assert_allclose(model.predict(X_D), expected(Y_D), rtol=5e-3)

    def test_the_best_constant_of_classes_and_quantiles(self):
        start = {
            "coefs_init": [np.zeros((4, 3)), np.zeros((3, 3))],
            "intercepts_init": "best_constant",
            "learning_rate_init": 1e-12,
            "max_iter": 1,
        }
        rows = np.r_[:50, 50:80, 100:120]
        model = fitted(BPClassifier((3,), **start), X[rows], Y[rows])
        np.testing.assert_allclose(model.predict_proba(X[:1])[0], [0.5, 0.3, 0.2])
        model = BPRegressor((3,), loss="quantile", quantile=[0.1, 0.5, 0.9], **start)
        y = np.random.RandomState(0).standard_normal(150)
        expected = np.quantile(y, [0.1, 0.5, 0.9], method="inverted_cdf")
        np.testing.assert_allclose(fitted(model, X, y).predict(X[:1])[0], expected)

    def test_label_smoothing(self):
        """Smoothed labels are shares: the regressor's soft targets."""
        options = {"max_iter": 10, "random_state": 0, "hidden_layer_sizes": (5,)}
        smooth = fitted(BPClassifier(label_smoothing=0.3, **options))
        shares = np.eye(3)[Y] * 0.7 + 0.1
        soft = BPRegressor(loss="log_loss", output_activation="softmax", **options)
        same_weights(smooth, fitted(soft, X, shares))
        binary = fitted(BPClassifier(label_smoothing=0.3, **options), X, Y > 1)
        soft = BPRegressor(loss="log_loss", **options)
        same_weights(binary, fitted(soft, X, np.where(Y > 1, 0.85, 0.15)))
        assert smooth.classes_.tolist() == [0, 1, 2]

    def test_logistic_regression_with_class_weights(self):
        ours = BPClassifier((), alpha=1.0, class_weight="balanced", **EXACT)
        theirs = LogisticRegression(class_weight="balanced", tol=1e-8)
        theirs.fit(X[:90], Y[:90])
        minimised(ours, X[:90], Y[:90])
        np.testing.assert_allclose(
            ours.predict_proba(X[:90]), theirs.predict_proba(X[:90]), atol=1e-3
        )


@BOTH
@pytest.mark.parametrize("activation", sorted(HIDDEN))
def test_every_activation_trains(estimator, activation):
    model = estimator((8, 6), activation, solver="lbfgs", max_iter=300, random_state=0)
    assert fitted(model).score(X, Y) > 0.9


@BOTH
@pytest.mark.parametrize("schedule", sorted(SCHEDULES))
@pytest.mark.parametrize("solver", STOCHASTIC)
def test_every_optimizer_trains_with_every_schedule(estimator, solver, schedule):
    model = estimator(
        (16,),
        solver=solver,
        learning_rate=schedule,
        learning_rate_init=0.02,
        power_t=0.1,
        warmup=2,
        batch_size=16,
        max_iter=60,
        random_state=0,
    )
    fitted(model)
    assert model.score(X, Y) > 0.8
    assert len(model.learning_rate_curve_) == model.n_iter_
    assert max(model.learning_rate_curve_) <= 0.02


@BOTH
def test_rprop_trains_in_few_epochs(estimator):
    model = estimator(
        (16,), solver="rprop", learning_rate_init=0.01, max_iter=80, random_state=0
    )
    assert fitted(model).score(X, Y) > 0.9
    assert model.loss_curve_[-1] < 0.2 * model.loss_curve_[0]
    batches = clone(model).set_params(batch_size=10)
    same_weights(model, fitted(batches))


class TestSchedules:
    @pytest.mark.parametrize("solver", STOCHASTIC)
    def test_curves(self, solver):
        options = {"solver": solver, "learning_rate_init": 0.01, "max_iter": 40}
        options |= {"batch_size": 50, "n_iter_no_change": np.inf, "tol": 0.0}

        def curve(schedule, **more):
            model = BPClassifier((4,), learning_rate=schedule, **options, **more)
            return np.array(fitted(model).learning_rate_curve_)

        # The last of the three steps of each epoch.
        t = np.arange(40) + 2 / 3
        np.testing.assert_allclose(curve("constant"), 0.01)
        np.testing.assert_allclose(
            curve("cosine"), 0.005 * (1 + np.cos(np.pi * t / 40))
        )
        np.testing.assert_allclose(curve("exponential"), 0.01 * 0.5 ** (t / 10))
        steps = curve("step", learning_rate_step=5, learning_rate_decay=0.1)
        np.testing.assert_allclose(steps, 0.01 * 0.1 ** (t // 5))
        assert curve("one_cycle").argmax() in (11, 12)
        warm = curve("constant", warmup=4)
        np.testing.assert_allclose(warm[:4], 0.01 * np.arange(1, 5) / 4)
        np.testing.assert_allclose(warm[4:], 0.01)
        np.testing.assert_allclose(
            curve("invscaling"), 0.01 / np.r_[1, (1 + 150 * np.arange(1, 40)) ** 0.5]
        )

    def test_partial_fit_goes_on_with_the_schedule(self):
        options = {"learning_rate": "cosine", "max_iter": 6, "random_state": 0}
        whole = fitted(BPClassifier(tol=0.0, n_iter_no_change=np.inf, **options))
        parts = BPClassifier(**options)
        for _ in range(6):
            parts.partial_fit(X, Y, classes=[0, 1, 2])
        same_weights(whole, parts)
        np.testing.assert_allclose(
            whole.learning_rate_curve_, parts.learning_rate_curve_
        )

    def test_lbfgs_has_no_rates(self):
        assert (
            fitted(BPClassifier(solver="lbfgs", max_iter=3)).learning_rate_curve_
            is None
        )

    def test_adam_follows_schedules_unlike_scikit_learns(self):
        model = BPClassifier(learning_rate="invscaling", max_iter=3, random_state=0)
        assert np.ptp(fitted(model).learning_rate_curve_) > 0


class TestRegularisation:
    @BOTH
    def test_dropout_is_reproducible_and_off_in_prediction(self, estimator):
        options = {"max_iter": 5, "random_state": 0, "hidden_layer_sizes": (20, 10)}
        plain = fitted(estimator(**options))
        one, other = (fitted(estimator(dropout=0.3, **options)) for _ in range(2))
        same_weights(one, other)
        assert np.abs(one.coefs_[0] - plain.coefs_[0]).max() > 1e-4
        np.testing.assert_array_equal(one.predict(X), other.predict(X))
        hidden = np.maximum(X @ one.coefs_[0] + one.intercepts_[0], 0)
        np.testing.assert_allclose(one.activations(X)[1], hidden)
        none = fitted(estimator(dropout=(0.0, 0.0), **options))
        same_weights(none, plain)

    def test_dropout_keeps_the_mean(self):
        """Of a linear network, the mean step over many masks is the step without."""
        start = {
            "coefs_init": [np.eye(4), np.ones((4, 1))],
            "intercepts_init": [np.zeros(4), np.zeros(1)],
        }
        x, y = np.ones((20000, 4)), np.zeros(20000)
        model = BPRegressor(
            (4,),
            "identity",
            solver="sgd",
            momentum=0.0,
            alpha=0.0,
            batch_size="full",
            max_iter=1,
            dropout=0.25,
            learning_rate_init=1.0,
            random_state=0,
            **start,
        )
        fitted(model, x, y)
        # E[out] = 4; E[h_i out] = 3 + 1 / 0.75 for a unit h_i that is 0 or 1 / 0.75.
        np.testing.assert_allclose(1 - model.coefs_[1], 3 + 1 / 0.75, rtol=0.03)
        np.testing.assert_allclose(-model.intercepts_[1], 4, rtol=0.03)

    def test_dropout_in_parts_goes_on_with_its_random_numbers(self):
        options = {"dropout": 0.5, "random_state": 0}
        whole = BPClassifier(max_iter=4, tol=0.0, n_iter_no_change=np.inf, **options)
        parts = BPClassifier(**options)
        for _ in range(4):
            parts.partial_fit(X, Y, classes=[0, 1, 2])
        assert np.isfinite(parts.coefs_[0]).all()
        again = BPClassifier(**options)
        for _ in range(4):
            again.partial_fit(X, Y, classes=[0, 1, 2])
        same_weights(parts, again)
        same_weights(parts, fitted(whole))

    def test_max_grad_norm(self):
        options = {
            "solver": "sgd",
            "momentum": 0.0,
            "alpha": 0.0,
            "batch_size": "full",
            "max_iter": 1,
            "learning_rate_init": 1.0,
            "random_state": 0,
        }
        start = fitted(BPRegressor(**options | {"learning_rate_init": 1e-12}), X_D, Y_D)
        clipped = fitted(BPRegressor(max_grad_norm=0.1, **options), X_D, Y_D)
        step = [
            a - b
            for a, b in zip(
                [*start.coefs_, *start.intercepts_],
                [*clipped.coefs_, *clipped.intercepts_],
                strict=True,
            )
        ]
        norm = np.sqrt(sum((s**2).sum() for s in step))
        assert norm == pytest.approx(0.1, rel=1e-6)
        loose = fitted(BPRegressor(max_grad_norm=1e9, **options), X_D, Y_D)
        same_weights(loose, fitted(BPRegressor(**options), X_D, Y_D))

    @BOTH
    def test_average(self, estimator):
        """The fitted weights are the average of those after each step."""
        options = {"batch_size": "full", "max_iter": 8, "random_state": 0, "tol": 0.0}
        points = [
            fitted(estimator((5,), **options | {"max_iter": t})).coefs_[0]
            for t in range(1, 9)
        ]
        averaged = fitted(estimator((5,), average_decay=0.7, **options))
        weights = 0.7 ** np.arange(7, -1, -1)
        expected = np.tensordot(weights / weights.sum(), points, axes=1)
        np.testing.assert_allclose(averaged.coefs_[0], expected, rtol=1e-10)

    @BOTH
    def test_average_in_parts(self, estimator):
        options = {"average_decay": 0.9, "random_state": 0}
        whole = estimator(max_iter=5, tol=0.0, n_iter_no_change=np.inf, **options)
        parts = estimator(**options)
        more = {"classes": [0, 1, 2]} if estimator is BPClassifier else {}
        for _ in range(5):
            parts.partial_fit(X, Y, **more)
        same_weights(fitted(whole), parts)

    def test_the_average_is_what_is_validated(self):
        model = BPClassifier(
            average_decay=0.9, early_stopping=True, max_iter=10, random_state=0
        )
        fitted(model, X_val=X, y_val=Y)
        assert model.score(X, Y) == pytest.approx(model.best_validation_score_)


class TestCallbacks:
    @BOTH
    @pytest.mark.parametrize("solver", ["adam", "lbfgs", "rprop"])
    def test_one_task_an_epoch_and_true_stops(self, estimator, solver):
        class Recorder:
            def __init__(self, stop_after):
                self.events, self.scores, self.stop = [], [], stop_after

            def setup(self, estimator, context):
                self.events.append("setup")

            def on_fit_task_begin(self, estimator, context):
                self.events.append(f"begin {context.task_name}")

            def on_fit_task_end(
                self, estimator, context, *, X, y, fitted_estimator=None
            ):
                self.events.append(f"end {context.task_name}")
                if fitted_estimator is not None:
                    self.scores.append(fitted_estimator.score(X, y))
                return len(self.scores) == self.stop

            def teardown(self, estimator, context):
                self.events.append("teardown")

        recorder = Recorder(stop_after=4)
        model = estimator(solver=solver, max_iter=9, random_state=0)
        fitted(model.set_callbacks(recorder))
        epoch = ["begin epoch", "end epoch"]
        expected = ["setup", "begin fit", *(4 * epoch), "end fit", "teardown"]
        assert recorder.events == expected
        assert model.n_iter_ == 4
        assert model.score(X, Y) == pytest.approx(recorder.scores[-1])
        failing = Recorder(stop_after=-1)
        with pytest.raises(ValueError, match="NaN"):
            model.set_callbacks(failing).fit(X * np.nan, Y)
        assert failing.events[-1] == "teardown"
        assert model.n_iter_ == 4

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_scikit_learns_monitor_in_a_grid_search(self):
        from sklearn.callback import ScoringMonitor

        monitor = ScoringMonitor(scoring="accuracy")
        model = BPClassifier((5,), max_iter=3, random_state=0).set_callbacks(monitor)
        fitted(model)
        assert len(monitor.get_logs().data) >= 3
        search = GridSearchCV(clone(model), {"alpha": [0.1, 1.0]}, cv=2)
        fitted(search)
        assert cross_validate(clone(model).set_callbacks(), X, Y, cv=2)[
            "test_score"
        ].size

    def test_it_costs_nothing_without_callbacks(self):
        model = fitted(BPClassifier(max_iter=2))
        assert not any("callback" in name for name in vars(model))


@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "rprop", "nadam"])
def test_verbose_reports_every_epoch(estimator, solver, capsys):
    model = fitted(estimator(solver=solver, max_iter=4, verbose=True, random_state=0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 1, loss = {model.loss_curve_[0]:.8f}"
    assert sum(line.startswith("Iteration") for line in lines) == model.n_iter_


class TestWhatAReviewFound:
    def test_one_quantile_stops_early_by_its_own_score(self):
        rng = np.random.RandomState(1)
        x = rng.uniform(-1, 1, (2000, 1))
        y = x[:, 0] + rng.exponential(1, 2000)
        model = BPRegressor(
            (20,),
            loss="quantile",
            quantile=0.9,
            early_stopping=True,
            learning_rate_init=0.01,
            max_iter=100,
            random_state=0,
        )
        assert np.mean(y <= fitted(model, x, y).predict(x)) == pytest.approx(
            0.9, abs=0.03
        )

    def test_a_metric_without_weights(self):
        own = make_scorer(lambda a, b: float(np.mean(a == b)))
        options = {"early_stopping": True, "max_iter": 2, "random_state": 0}
        fitted(BPClassifier(scoring=own, class_weight="balanced", **options))
        model = BPRegressor(scoring="neg_max_error", **options)
        assert len(fitted(model, X, Y, np.ones(150)).validation_scores_) == 2

    def test_a_score_that_is_no_number_is_refused_before_training(self):
        model = BPRegressor(early_stopping=True, max_iter=5)
        with (
            pytest.warns(UserWarning, match="not well-defined"),
            pytest.raises(ValueError, match="score is nan"),
        ):
            model.fit(X, Y, X_val=X[:1], y_val=Y[:1])
        with pytest.raises(ValueError, match="multi_class"):
            BPClassifier(early_stopping=True, scoring="roc_auc").fit(X, Y)

    def test_a_class_weight_of_some_classes(self):
        some = BPClassifier(class_weight={0: 2.0, 1: 5.0}, max_iter=5, random_state=0)
        every = clone(some).set_params(class_weight={0: 2.0, 1: 5.0, 2: 1.0})
        same_weights(fitted(some), fitted(every))
        rows = Y != 1
        some.partial_fit(X[rows], Y[rows], X_val=X[~rows], y_val=Y[~rows])
        for bad, message in [
            ({7: 1.0}, r"not in y: \[7\]"),
            ({0: np.nan}, "finite"),
            ({0: 0, 1: 0, 2: 0}, "leaves no sample any weight"),
            ([{0: 1.0}], "multilabel"),
        ]:
            with pytest.raises(ValueError, match=message):
                BPClassifier(class_weight=bad).fit(X, Y)

    def test_balanced_weights_are_those_of_training(self):
        rows = np.r_[:50, 50:60, 100:110]
        model = BPClassifier(class_weight="balanced", max_iter=3, random_state=0)
        fitted(model, X[rows], Y[rows], X_val=X, y_val=Y)
        weights = compute_sample_weight("balanced", Y[rows])[[0, 50, 60]][Y]
        assert model.validation_scores_[-1] == pytest.approx(model.score(X, Y, weights))

    def test_the_best_score_of_all_calls(self):
        model = BPRegressor((5,), learning_rate_init=0.5, random_state=0)
        for _ in range(8):
            model.partial_fit(X, Y, X_val=X, y_val=Y)
        assert model.best_validation_score_ == max(model.validation_scores_)
        model.partial_fit(X, Y)
        assert len(model.validation_scores_) == 8

    def test_curves_after_an_interrupt(self, monkeypatch):
        calls = []

        def interrupted(self, rate, J):
            calls.append(1)
            if len(calls) == 8:
                raise KeyboardInterrupt

        monkeypatch.setattr("skbp.engine.optimizers.Adam.step", interrupted)
        model = BPClassifier(batch_size=50, early_stopping=True, random_state=0)
        with pytest.warns(UserWarning, match="interrupted"):
            model.fit(X, Y)
        lengths = {
            len(curve)
            for curve in (
                model.loss_curve_,
                model.learning_rate_curve_,
                model.validation_scores_,
                model.validation_loss_curve_,
            )
        }
        assert lengths == {model.n_iter_} == {2}
        calls[:] = [1] * 7
        with pytest.warns(UserWarning, match="interrupted"):
            model.fit(X, Y)
        assert model.learning_rate_curve_ is model.best_validation_score_ is None

    def test_dropout_does_not_change_the_order_of_samples(self):
        options = {"max_iter": 3, "batch_size": 10, "random_state": 0}
        without = fitted(BPClassifier(**options))
        hardly = fitted(BPClassifier(dropout=1e-300, **options))
        same_weights(without, hardly)

    def test_a_huge_gradient_is_clipped_in_float32(self):
        model = BPRegressor(
            (5,), solver="sgd", max_grad_norm=1.0, max_iter=3, random_state=0
        )
        big = (X * 1e10).astype(np.float32)
        fitted(model, big, (Y * 1e10).astype(np.float32))
        assert np.isfinite(model.loss_)
        assert np.ptp(model.loss_curve_) > 0

    def test_partial_fit_beyond_the_end_of_a_schedule_warns(self):
        model = BPClassifier(learning_rate="cosine", max_iter=2, random_state=0)
        for _ in range(2):
            model.partial_fit(X, Y, classes=[0, 1, 2])
        with pytest.warns(UserWarning, match=r"'cosine' has come to its end.*Raise"):
            model.partial_fit(X, Y)

    def test_partial_fit_takes_a_changed_rate(self):
        model = BPClassifier(random_state=0)
        model.partial_fit(X, Y, classes=[0, 1, 2])
        model.set_params(learning_rate_init=0.1).partial_fit(X, Y)
        assert model.learning_rate_curve_ == [0.001, 0.1]

    def test_check_gradient_starts_where_training_would(self):
        model = BPRegressor(
            (3,), intercepts_init="best_constant", alpha=0.0, random_state=0
        )
        start = clone(model)._initialised(X, Y + 100.0, None)
        assert start.intercepts_[-1] == pytest.approx(np.mean(Y) + 100)

    def test_a_validation_set_in_between_leaves_the_split(self):
        model = BPClassifier(
            early_stopping=True, warm_start=True, max_iter=2, random_state=0
        )
        split = fitted(model)._memory["split"]
        fitted(model, X_val=X[:20], y_val=Y[:20])
        assert fitted(model)._memory["split"] is split

    def test_dropout_of_nothing_is_off(self):
        fitted(BPClassifier((4,), solver="lbfgs", dropout=(0.0,), max_iter=2))

    def test_outputs_to_validate_on(self):
        options = {"early_stopping": True, "max_iter": 2}
        with pytest.raises(ValueError, match="y_val has 1 outputs, y has 2"):
            BPRegressor(**options).fit(X, X[:, :2], X_val=X, y_val=Y)
        with pytest.raises(ValueError, match=r"In X_val and y_val: .*2 features"):
            BPRegressor(**options).fit(X, Y, X_val=X[:, :2], y_val=Y)

    @pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
    def test_the_best_constant_of_huber_at_any_scale(self, scale):
        y = np.random.RandomState(0).exponential(1, (200, 1))
        one = huber(1.35).constant(y, None)
        np.testing.assert_allclose(
            huber(1.35 * scale).constant(y * scale, None), one * scale, rtol=1e-6
        )
