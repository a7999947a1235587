"""solver="lm": lambda from the evidence, and the uncertainty of predictions."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, make_friedman1
from sklearn.linear_model import ARDRegression, BayesianRidge, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler, scale

from skbp import BPClassifier, BPRegressor, check_gradient
from tests.helpers import X, Y, fitted, friedman

X_D, Y_D = load_diabetes(return_X_y=True)
X_D, Y_D = scale(X_D), scale(Y_D)
FLAT = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}


def linear(**options):
    options = {"solver": "lm", "tol": 0.0, "max_iter": 2000} | options
    return BPRegressor((), fit_intercept=False, **options)


class TestLinearModels:
    def test_a_fixed_alpha_is_ridge(self):
        weights = np.random.RandomState(0).rand(len(Y_D))
        ours = fitted(linear(alpha=3.0), X_D, Y_D, sample_weight=weights)
        theirs = Ridge(3.0, fit_intercept=False).fit(X_D, Y_D, weights)
        # It stops where F falls by less than 1e-9 of itself.
        assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, rtol=1e-4)
        assert not hasattr(ours, "alpha_")

    def test_logistic_regression(self):
        model = BPClassifier((), solver="lm", alpha=1.0, tol=1e-9)
        theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(X, Y)
        assert_allclose(
            fitted(model).predict_proba(X), theirs.predict_proba(X), atol=1e-6
        )
        theirs.fit(X, Y > 1)
        fitted(model, X, Y > 1)
        assert_allclose(model.predict_proba(X), theirs.predict_proba(X), atol=1e-6)

    def test_the_evidence_is_bayesian_ridge(self):
        ours = fitted(linear(alpha="evidence"), X_D, Y_D)
        theirs = BayesianRidge(
            fit_intercept=False, tol=1e-10, max_iter=3000, compute_score=True, **FLAT
        ).fit(X_D, Y_D)
        assert ours.noise_std_ == pytest.approx(theirs.alpha_**-0.5, rel=1e-4)
        assert ours.alpha_ == pytest.approx([theirs.lambda_ / theirs.alpha_], rel=1e-4)
        assert ours.log_evidence_ == pytest.approx(theirs.scores_[-1], rel=1e-6)
        assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, atol=1e-4)
        for mine, other in zip(
            ours.predict(X_D[:20], return_std=True),
            theirs.predict(X_D[:20], return_std=True),
            strict=True,
        ):
            assert_allclose(mine, other, rtol=1e-3, atol=1e-4)

    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("scales", [(1.0, 1.0), (1e4, 1e3), (1e-4, 1e-3)])
    def test_easy_problems_have_their_lambda_estimated_at_any_scale(self, seed, scales):
        rng = np.random.RandomState(seed)
        x = scales[0] * rng.standard_normal((100, 6))
        y = x @ [1, 0.5, 0.2, 0.1, 0.05, 0] / scales[0] + 0.5 * rng.standard_normal(100)
        y *= scales[1]
        ours = fitted(linear(alpha="evidence", tol=1e-6), x, y)
        theirs = BayesianRidge(fit_intercept=False, tol=1e-12, max_iter=3000, **FLAT)
        theirs.fit(x, y)
        assert ours.noise_std_ == pytest.approx(theirs.alpha_**-0.5, rel=1e-3)
        assert ours.alpha_[0] == pytest.approx(theirs.lambda_ / theirs.alpha_, rel=2e-3)

    @pytest.mark.parametrize("seed", range(4))
    def test_ard_is_ard_regression(self, seed):
        x, y = X_D, Y_D
        if seed:
            rng = np.random.RandomState(seed)
            x = rng.standard_normal((20 + 40 * seed, 4 * seed))
            y = x @ (np.arange(4 * seed) % 3 - 1.0)
            y += 0.5 * seed * rng.standard_normal(len(x))
        ours = fitted(linear(alpha="ard"), x, y)
        theirs = ARDRegression(
            fit_intercept=False, tol=1e-12, max_iter=5000, threshold_lambda=1e14, **FLAT
        ).fit(x, y)
        assert_allclose(ours.coefs_[0][:, 0], theirs.coef_, atol=1e-4)
        assert ours.noise_std_ == pytest.approx(theirs.alpha_**-0.5, rel=1e-5)
        precision = ours.alpha_[0] / ours.noise_std_**2
        # The others have none: they go on to infinity, or to the limit.
        finite = theirs.lambda_ < 1e7
        assert finite.sum() > 1
        assert_allclose(precision[finite], theirs.lambda_[finite], rtol=1e-4)
        assert (precision[~finite] > 1e7).all()
        relevances = ours.feature_relevances_[finite]
        assert ours.feature_relevances_.sum() == pytest.approx(1.0)
        assert_allclose(
            relevances / relevances[0],
            (theirs.lambda_[finite] / theirs.lambda_[finite][0]) ** -0.5,
            rtol=1e-4,
        )


class TestNetworks:
    def test_a_nonlinear_function_without_any_tuning(self):
        X_all, y_all = make_friedman1(1200, noise=1.0, random_state=0)
        X_all, y_all = scale(X_all), scale(y_all)
        model = BPRegressor(
            (8,), "tanh", solver="lm", alpha="ard", n_init=3, ensemble=2, random_state=0
        )
        fitted(model, X_all[:400], y_all[:400])
        assert model.score(X_all[400:], y_all[400:]) > 0.93
        # Five of the ten features matter.
        assert (
            model.feature_relevances_[:5].min()
            > 2 * model.feature_relevances_[5:].max()
        )
        y, std = model.predict(X_all[400:], return_std=True)
        assert_allclose(y, model.predict(X_all[400:]))
        z = (y_all[400:] - y) / std
        assert z.std() == pytest.approx(1.0, abs=0.15)
        assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.03)
        assert model.noise_std_ == pytest.approx(1.0 / 4.98, rel=0.15)
        assert 10 < model.n_effective_parameters_ < 97

    def test_the_std_grows_away_from_the_data(self):
        rng = np.random.RandomState(0)
        x = rng.uniform(-1, 1, (60, 1))
        y = np.sin(3 * x[:, 0]) + 0.1 * rng.standard_normal(60)
        model = BPRegressor((5,), "tanh", solver="lm", alpha="evidence", random_state=0)
        _, std = fitted(model, x, y).predict([[0.0], [4.0]], return_std=True)
        assert model.noise_std_ == pytest.approx(0.1, rel=0.3)
        assert std[0] < 0.15 < 2 * 0.15 < std[1]

    @pytest.mark.parametrize("size", [1e-3, 1.0, 1e3, 1e4])
    def test_targets_of_any_size(self, size):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((200, 5))
        y = size * (x @ [1.0, -2.0, 0.5, 0.0, 0.0] + 0.3 * rng.standard_normal(200))
        model = BPRegressor(
            (6,), "tanh", solver="lm", alpha="evidence", n_init=3, random_state=0
        )
        fitted(model, x[:150], y[:150])
        assert model.score(x[150:], y[150:]) > 0.95
        assert model.noise_std_ == pytest.approx(0.3 * size, rel=0.25)

    @pytest.mark.parametrize("alpha", ["evidence", "ard"])
    def test_classes(self, alpha):
        X_c, y_c = load_breast_cancer(return_X_y=True)
        X_c = scale(X_c)
        model = BPClassifier(
            (4,), "tanh", solver="lm", alpha=alpha, random_state=0, max_iter=50
        )
        fitted(model, X_c[:400], y_c[:400])
        assert model.score(X_c[400:], y_c[400:]) > 0.94
        assert model.noise_std_ is None
        sharp = model.predict_proba(X_c[400:])
        soft = model.predict_proba(X_c[400:], moderated=True)
        assert_allclose(soft.sum(axis=1), 1.0)
        np.testing.assert_array_equal(sharp.argmax(axis=1), soft.argmax(axis=1))
        assert (soft.max(axis=1) <= sharp.max(axis=1) + 1e-9).all()

    @pytest.mark.parametrize("kind", ["multiclass", "multilabel", "poisson", "gamma"])
    def test_every_convex_loss(self, kind):
        estimator, y = {
            "multiclass": (BPClassifier(), Y),
            "multilabel": (BPClassifier(), np.c_[Y > 0, Y > 1].astype(int)),
            "poisson": (BPRegressor(loss="poisson"), Y.astype(float)),
            "gamma": (BPRegressor(loss="gamma"), 1.0 + Y),
        }[kind]
        estimator.set_params(
            hidden_layer_sizes=(4, 3),
            activation=("tanh", "softplus"),
            solver="lm",
            alpha="evidence",
            random_state=0,
            max_iter=60,
        )
        assert fitted(estimator, X, y).score(X, y) > 0.9
        assert np.isfinite(estimator.log_evidence_)
        assert len(estimator.alpha_) == len(estimator.alpha_intercepts_) == 3

    def test_huber_finds_targets_far_away(self):
        model = BPRegressor((5,), "tanh", loss="huber", solver="lm", random_state=0)
        assert fitted(model, X, Y + 100.0).score(X, Y + 100.0) > 0.9

    def test_several_outputs(self):
        outputs = np.c_[Y_D, X_D[:, 0] * X_D[:, 1]]
        model = BPRegressor((4,), "tanh", solver="lm", alpha="evidence", random_state=0)
        y, std = fitted(model, X_D, outputs).predict(X_D, return_std=True)
        assert y.shape == std.shape == outputs.shape

    def test_sparse_float32_pickle_clone_and_search(self):
        model = BPRegressor((3,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model, X_D, Y_D)
        # Few steps: estimates of precisions amplify rounding.
        few = clone(model).set_params(max_iter=8)
        sparse = fitted(clone(few), scipy.sparse.csr_array(X_D), Y_D)
        assert_allclose(
            sparse.predict(X_D), fitted(few, X_D, Y_D).predict(X_D), rtol=1e-5
        )
        single = fitted(clone(model), X_D.astype(np.float32), Y_D)
        assert single.coefs_[0].dtype == single.predict(X_D).dtype == np.float32
        loaded = pickle.loads(pickle.dumps(model))
        for one, two in zip(
            loaded.predict(X_D, return_std=True),
            model.predict(X_D, return_std=True),
            strict=True,
        ):
            np.testing.assert_array_equal(one, two)
        search = GridSearchCV(clone(model), {"alpha": [1.0, "evidence", "ard"]}, cv=2)
        assert np.isfinite(fitted(search, X_D, Y_D).best_score_)

    def test_the_dtype_of_uncertainty(self):
        model = BPRegressor((3,), solver="lm", alpha="evidence", max_iter=9)
        fitted(model, X_D.astype(np.float32), Y_D)
        assert all(
            part.dtype == np.float32 for part in model.predict(X_D, return_std=True)
        )

    def test_a_fit_with_a_number_forgets_the_evidence(self):
        model = BPRegressor((3,), solver="lm", alpha="ard", max_iter=10, random_state=0)
        fitted(model, X_D, Y_D)
        fitted(model.set_params(alpha=1.0), X_D, Y_D)
        for name in ("alpha_", "log_evidence_", "feature_relevances_", "noise_std_"):
            assert not hasattr(model, name)
        with pytest.raises(
            ValueError, match=r"return_std=True needs .*alpha='evidence'"
        ):
            model.predict(X_D, return_std=True)

    def test_early_stopping_callbacks_and_verbose(self, capsys):
        model = BPClassifier(
            (4,), "tanh", solver="lm", early_stopping=True, verbose=True, random_state=0
        )
        fitted(model)
        assert len(model.validation_scores_) == model.n_iter_
        assert model.best_validation_score_ == max(model.validation_scores_)
        assert "Iteration 1, loss = " in capsys.readouterr().out
        assert model.learning_rate_curve_ is None

    def test_the_best_evidence_is_kept(self):
        x, y = friedman(200, np.random.RandomState(0))
        model = BPRegressor((6,), "tanh", solver="lm", alpha="evidence", random_state=0)
        model.set_params(max_iter=30)
        early = fitted(clone(model), x, y).log_evidence_
        assert (
            fitted(model.set_params(max_iter=200), x, y).log_evidence_ >= early - 1e-6
        )

    def test_looking_inside_with_estimated_penalties(self):
        model = BPRegressor((6,), "tanh", solver="lm", alpha="evidence", random_state=0)
        x, y = friedman(300, np.random.RandomState(0))
        fitted(model, x, y)
        assert model.linear_share_ == 0.0
        m, theta = len(y), [*model.coefs_, *model.intercepts_]
        lambdas = [*model.alpha_, *model.alpha_intercepts_]
        squares = sum(a * (W**2).sum() for a, W in zip(lambdas, theta, strict=True))
        cost = model.cost(x, y)
        assert cost.penalty == pytest.approx(squares / (2 * m))
        assert pytest.approx(cost.loss + cost.penalty) == cost.J
        coefs, intercepts = model.gradients(x, y)
        assert max(np.abs(g).max() for g in [*coefs, *intercepts]) < 1e-2
        assert len(model.residuals(x, y)) == 2
        assert check_gradient(model, x, y).error < 1e-6
        assert check_gradient(clone(model), x, y).error < 1e-6
        ard = fitted(clone(model).set_params(alpha="ard", max_iter=9), x, y)
        expected = (ard.alpha_[0][:, np.newaxis] * ard.coefs_[0] ** 2).sum()
        assert ard.cost(x, y).penalty > expected / (2 * m)


class TestErrors:
    def test_what_does_not_go_together(self):
        for options, message in [
            ({"alpha": "evidence"}, r"alpha='evidence' needs solver='lm'.*'adam'"),
            (
                {"n_init": 2, "ensemble": 3},
                "ensemble=3 must not be larger than n_init=2",
            ),
            ({"n_init": 2, "warm_start": True}, "n_init=2 .* warm_start"),
            ({"n_init": 2, "coefs_init": [np.ones((4, 1))]}, "n_init=2 .* coefs_init"),
            (
                {"solver": "lm", "loss": "absolute_error"},
                r"'lm' cannot minimise.*'huber'",
            ),
            (
                {"solver": "lm", "output_activation": "tanh"},
                "'lm' cannot minimise .*'tanh'",
            ),
            (
                {"solver": "lm", "dropout": 0.1},
                r"dropout=0\.1 does not work.*stochastic",
            ),
            ({"solver": "lm", "weight_decay": 0.1}, "weight_decay=0.1 does not work"),
            ({"alpha": "automatic"}, "'alpha' parameter.*'ard'"),
            ({"n_init": 0}, "'n_init' parameter"),
            ({"ensemble": 0}, "'ensemble' parameter"),
        ]:
            with pytest.raises(ValueError, match=message):
                BPRegressor((), **options).fit(X, np.tanh(X[:, 0]))
        with pytest.raises(ValueError, match=r"n_init=2 .* partial_fit"):
            BPRegressor(n_init=2).partial_fit(X, Y)
        assert not hasattr(BPRegressor(solver="lm"), "partial_fit")

    def test_uncertainty_without_a_posterior(self):
        model = fitted(BPClassifier((3,), max_iter=2))
        with pytest.raises(ValueError, match="moderated=True needs a posterior"):
            model.predict_proba(X, moderated=True)
        model = BPRegressor((3,), loss="poisson", solver="lm", alpha="evidence")
        fitted(model.set_params(max_iter=5, random_state=0), X, Y.astype(float))
        with pytest.raises(ValueError, match="return_std=True needs loss='squared_err"):
            model.predict(X, return_std=True)
        single = BPClassifier((3,), solver="lm", alpha="evidence", max_iter=3)
        fitted(single, X, np.zeros(150))
        assert (single.predict_proba(X, moderated=True) == 1.0).all()

    def test_a_scaler_is_of_help(self):
        """Raw features of very different sizes do not break training."""
        raw = load_diabetes(scaled=False)
        model = BPRegressor((4,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model, raw.data, raw.target)
        assert np.isfinite(model.predict(raw.data)).all()
        scaled = StandardScaler().fit_transform(raw.data)
        assert (
            fitted(model, scaled, scale(raw.target)).score(scaled, scale(raw.target))
            > 0.4
        )

    def test_huber_is_no_likelihood(self):
        with pytest.raises(ValueError, match=r"alpha='ard' needs a loss .* likelihood"):
            BPRegressor(loss="huber", solver="lm", alpha="ard").fit(X, Y)
