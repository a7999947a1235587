"""solver="lm": lambda from the evidence, uncertainty, restarts and ensembles."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_iris,
    make_friedman1,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    ARDRegression,
    BayesianRidge,
    LogisticRegression,
    Ridge,
    RidgeCV,
)
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler, scale

from skbp import BPClassifier, BPRegressor, check_gradient

X_D, Y_D = load_diabetes(return_X_y=True)
X_D, Y_D = scale(X_D), scale(Y_D)
X, Y = scale(load_iris().data), load_iris().target
FLAT = {"alpha_1": 0.0, "alpha_2": 0.0, "lambda_1": 0.0, "lambda_2": 0.0}
BOTH = pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])


def fitted(model, X=X, y=Y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **options)


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


def friedman(n, rng):
    X = rng.standard_normal((n, 5))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.2 * rng.standard_normal(n)


HARD = {
    "constant features": lambda X, y: (np.c_[X, np.ones(len(X))], y),
    "collinear": lambda X, y: (np.c_[X, X[:, 0], X[:, 0] + 1e-9 * X[:, 1]], y),
    "zero noise": lambda X, y: (X, X @ [1.0, -2.0, 0.5, 0.0, 0.0]),
    "duplicates": lambda X, y: (np.repeat(X, 2, axis=0), np.repeat(y, 2)),
    "pure noise": lambda X, y: (X, np.random.RandomState(5).permutation(y)),
    "tiny": lambda X, y: (X[:10], y[:10]),
    "more features than samples": lambda X, y: (np.c_[X, X**2, X**3][:12], y[:12]),
    "outliers": lambda X, y: (X, y + 30.0 * (np.arange(len(y)) % 50 == 0)),
    "small targets": lambda X, y: (X, 1e-4 * y),
    "large targets": lambda X, y: (X, 1e4 * y),
    "constant targets": lambda X, y: (X, np.full(len(y), 3.0)),
}


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("name", HARD)
def test_no_data_set_blows_up(name, alpha):
    """R² is nowhere far below that of a linear model, or below 0."""
    train, test = (friedman(n, np.random.RandomState(n)) for n in (200, 400))
    if name in ("duplicates", "tiny", "more features than samples", "outliers"):
        X_train, y_train = HARD[name](*train)
        X_test, y_test = test
        if name == "more features than samples":
            X_test = np.c_[X_test, X_test**2, X_test**3]
    else:
        (X_train, y_train), (X_test, y_test) = HARD[name](*train), HARD[name](*test)
    model = BPRegressor(
        (6,), "tanh", solver="lm", alpha=alpha, n_init=3, ensemble=2, random_state=0
    )
    fitted(model, X_train, y_train)
    y, std = model.predict(X_test, return_std=True)
    assert np.isfinite(y).all()
    assert np.isfinite(std).all()
    if name == "constant targets":
        assert_allclose(y, 3.0, rtol=0.05)
        return
    linear_score = RidgeCV().fit(X_train, y_train).score(X_test, y_test)
    room = 0.1 if name == "outliers" else 0.05
    assert_does_not_blow_up(r2_score(y_test, y), linear_score, room)


def assert_does_not_blow_up(score, linear_score, room=0.1):
    """R² is nowhere 0.1 below a linear model's, nor below 0 where that is not."""
    assert score > linear_score - 0.1
    assert score > (0.0 if linear_score >= 0.0 else linear_score - room)


def heavy_tails(n, rng):
    """Features and noise in proportion to what is measured, as sizes and prices are."""
    X = np.exp(1.2 * rng.standard_normal((n, 5)))
    y = X @ [1.0, 0.5, -0.5, 0.0, 0.0]
    return X, y + 0.3 * X[:, 0] * rng.standard_normal(n)


def leverage(n, rng):
    X = rng.standard_t(1.5, (n, 5))
    y = X @ [1.0, 0.5, -0.5, 0.0, 0.0]
    return X, y + 0.3 * np.abs(X[:, 0]) * rng.standard_normal(n)


def collinear_and_constant(n, rng):
    X, y = friedman(n, rng)
    return np.c_[X, X[:, 0], X[:, 0] + 1e-9 * X[:, 1], np.ones(n)], y


def linear_without_noise(n, rng):
    X = rng.standard_normal((n, 5))
    return X, X @ [1.0, -2.0, 0.5, 0.0, 0.0]


def with_outliers(X, y, rng):
    return X, y + 30.0 * (rng.rand(len(y)) < 0.02) * rng.standard_normal(len(y))


#: What draws the data, and how many samples are trained on.
ROUGH = {
    "heavy tails": (heavy_tails, 150),
    "leverage": (leverage, 150),
    "outliers": (friedman, 200),
    "duplicates": (friedman, 60),
    "collinear and constant": (collinear_and_constant, 60),
    "no noise": (linear_without_noise, 40),
}


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ROUGH)
def test_nowhere_far_below_a_linear_model(name, seed, alpha):
    draw, n = ROUGH[name]
    rng = np.random.RandomState(seed)
    (X_train, y_train), (X_test, y_test) = draw(n, rng), draw(1000, rng)
    if name == "outliers":
        X_train, y_train = with_outliers(X_train, y_train, rng)
    elif name == "duplicates":
        X_train, y_train = np.repeat(X_train, 3, axis=0), np.repeat(y_train, 3)
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
    y_train, y_test = ((y - y_train.mean()) / y_train.std() for y in (y_train, y_test))
    model = BPRegressor((8,), "tanh", solver="lm", alpha=alpha, n_init=2, ensemble=2)
    fitted(model.set_params(random_state=0, tol=1e-3), X_train, y_train)
    linear_score = RidgeCV().fit(X_train, y_train).score(X_test, y_test)
    assert_does_not_blow_up(model.score(X_test, y_test), linear_score, room=0.02)


@pytest.mark.parametrize("alpha", ["evidence", "ard"])
@pytest.mark.parametrize("seed", range(4))
def test_a_few_samples_are_not_taken_for_noise(seed, alpha):
    rng = np.random.RandomState(seed)
    x = rng.uniform(-2.0, 2.0, (230, 1))
    y = np.sin(2.0 * x[:, 0]) + 0.02 * rng.standard_normal(230)
    model = BPRegressor((8,), "tanh", solver="lm", alpha=alpha, n_init=3, ensemble=2)
    fitted(model.set_params(random_state=0), x[:30], y[:30])
    assert model.score(x[30:], y[30:]) > 0.9
    assert model.linear_share_ == 0.0


class TestNoiseOfEachOutput:
    def test_it_maximises_the_marginal_likelihood(self):
        """Of outputs whose weights have a precision in their units, in closed form."""
        rng = np.random.RandomState(0)
        x = rng.standard_normal((40, 3))
        y = x @ rng.standard_normal((3, 2)) + [0.1, 2.0] * rng.standard_normal((40, 2))
        model = BPRegressor((), solver="lm", alpha="evidence", fit_intercept=False)
        fitted(model.set_params(tol=0.0, max_iter=300), x, y)

        units = 1.0 / y.var(axis=0)
        units /= units.mean()

        def minus_log_likelihood(logs):
            alpha, *betas = np.exp(logs)
            normal = (
                multivariate_normal(cov=x @ x.T / (alpha * unit) + np.eye(40) / beta)
                for beta, unit in zip(betas, units, strict=True)
            )
            return -sum(n.logpdf(y_q) for n, y_q in zip(normal, y.T, strict=True))

        best = minimize(minus_log_likelihood, np.zeros(3), method="BFGS", tol=1e-8)
        alpha, *betas = np.exp(best.x)
        assert_allclose(model.noise_std_, np.power(betas, -0.5), rtol=1e-4)
        assert_allclose(
            model.alpha_[0], alpha * np.mean(1.0 / np.array(betas)), rtol=1e-4
        )
        assert model.log_evidence_ == pytest.approx(-best.fun)

    @pytest.mark.parametrize("tol", [1e-4, 0.01])
    @pytest.mark.parametrize("seed", range(3))
    def test_it_is_bayesian_for_each(self, seed, tol):
        """Also where training ends as soon as it may."""
        rng = np.random.RandomState(seed)
        x = rng.standard_normal((400, 4))
        y = x @ rng.standard_normal((4, 2)) / 2
        y += [0.05, 0.8] * rng.standard_normal((400, 2))
        model = fitted(BPRegressor((), solver="lm", alpha="evidence", tol=tol), x, y)
        theirs = [BayesianRidge().fit(x, y_q).alpha_ ** -0.5 for y_q in y.T]
        # These have a precision of weights of their own.
        assert_allclose(model.noise_std_, theirs, rtol=0.03)

    @pytest.mark.parametrize(
        "more", [{"max_iter": 8}, {"early_stopping": True}, {"tol": 0.01}]
    )
    def test_it_is_estimated_wherever_training_ends(self, more):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((400, 4))
        y = np.c_[np.sin(2 * x[:, 0]), x[:, 1] * x[:, 2]]
        y += [0.05, 0.8] * rng.standard_normal((400, 2))
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model.set_params(**more), x[:300], y[:300])
        mean, std = model.predict(x[:300], return_std=True)
        assert_allclose(((y[:300] - mean) / std).std(axis=0), 1.0, atol=0.2)
        assert model.noise_std_[0] < 0.5 * model.noise_std_[1]

    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("third", ["no noise", "tiny", "constant", "rounded"])
    def test_one_output_does_not_spoil_the_others(self, third, seed):
        rng = np.random.RandomState(seed)
        x = rng.standard_normal((800, 4))
        y = np.c_[np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] ** 2, x[:, 2] * x[:, 0]]
        y = y / y.std(axis=0) + [0.2, 0.4] * rng.standard_normal((800, 2))
        more = {"no noise": x[:, 0], "tiny": 1e-6 * rng.standard_normal(800)}
        more |= {"constant": np.full(800, 2.0), "rounded": np.full(800, 7.7)}
        y = np.c_[y, more[third]]
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model.set_params(tol=1e-3), x[:400], y[:400])
        scores = r2_score(
            y[400:, :2], model.predict(x[400:])[:, :2], multioutput="raw_values"
        )
        assert (scores > [0.85, 0.7]).all()

    @pytest.mark.parametrize("seed", range(3))
    def test_one_without_noise_beside_one_with(self, seed):
        rng = np.random.RandomState(seed)
        x = rng.standard_normal((400, 3))
        y = np.c_[x[:, 0], np.sin(2 * x[:, 1])]
        y += [1e-3, 1.0] * rng.standard_normal((400, 2))
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=4)
        fitted(model.set_params(random_state=0, tol=1e-3), x[:200], y[:200])
        mean, std = model.predict(x[200:], return_std=True)
        assert_allclose(((y[200:] - mean) / std).std(axis=0), 1.0, atol=0.3)

    @pytest.mark.parametrize("units", [(1.0, 1.0), (1e-4, 1e4)])
    def test_units_do_not_matter(self, units):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((300, 3))
        y = np.c_[np.sin(2 * x[:, 0]), x[:, 1] * x[:, 2]]
        y = (y + 0.1 * rng.standard_normal((300, 2))) * units
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=2)
        fitted(model.set_params(random_state=0, tol=1e-3), x[:200], y[:200])
        mean, std = model.predict(x[200:], return_std=True)
        assert_allclose(((y[200:] - mean) / std).std(axis=0), 1.0, atol=0.25)
        scores = r2_score(y[200:], mean, multioutput="raw_values")
        assert (scores > 0.93).all()

    def test_each_has_a_share_of_its_own(self):
        rng = np.random.RandomState(1)
        x = rng.standard_normal((600, 4))
        y = 0.6 * x[:, 1] + 0.4 * np.sin(3 * x[:, 1]) + 0.05 * rng.standard_normal(600)
        y = np.c_[rng.standard_normal(600), y / y.std()]
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model.set_params(n_init=3), x[:300], y[:300])
        assert model.linear_share_[0] > 0.5
        assert model.linear_share_[1] < 0.1
        assert r2_score(y[300:, 1], model.predict(x[300:])[:, 1]) > 0.95

    @pytest.mark.parametrize("weighted", [False, True])
    def test_it_is_known(self, weighted):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((800, 3))
        noise = np.array([0.05, 0.3, 1.0])
        y = np.sin(x @ rng.standard_normal((3, 3))) + noise * rng.standard_normal(
            (800, 3)
        )
        weights = rng.randint(1, 3, 400) * 1.0 if weighted else None
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=2)
        model.set_params(random_state=0, tol=1e-3)
        fitted(model, x[:400], y[:400], sample_weight=weights)
        assert_allclose(model.noise_std_, noise, rtol=0.2)
        mean, std = model.predict(x[400:], return_std=True)
        z = (y[400:] - mean) / std
        assert_allclose(z.std(axis=0), 1.0, atol=0.15)


def give_share(monkeypatch, value):
    monkeypatch.setattr(
        "skbp.engine.linear.share_of", lambda worse: np.full(worse.shape, value)
    )


@pytest.fixture
def share(request, monkeypatch):
    """Give the linear model this share, whatever the data say."""
    give_share(monkeypatch, request.param)
    monkeypatch.setattr("skbp.engine.linear.MOSTLY", 1.0)
    return request.param


alone = pytest.mark.parametrize("share", [1.0], indirect=True)


class TestLinearBeside:
    @pytest.mark.parametrize("seed", range(3))
    @pytest.mark.parametrize("copies", ["rows", "weights"])
    def test_copies_do_not_testify(self, copies, seed):
        rng = np.random.RandomState(seed)
        x = rng.standard_normal((560, 4))
        y = x.sum(axis=1) + rng.standard_normal(560)
        y /= y.std()
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=3)
        model.set_params(random_state=0, tol=0.01)
        if copies == "rows":
            fitted(model, np.repeat(x[:60], 5, axis=0), np.repeat(y[:60], 5))
        else:
            fitted(model, x[:60], y[:60], sample_weight=np.full(60, 30.0))
        linear_score = RidgeCV().fit(x[:60], y[:60]).score(x[60:], y[60:])
        assert model.linear_share_ > 0.5
        assert_does_not_blow_up(model.score(x[60:], y[60:]), linear_score)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("constant", [False, True])
    def test_columns_of_zeros(self, dtype, constant):
        rng = np.random.RandomState(0)
        x, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
        if constant:
            x[:, 0], y[:] = 0.0, 2.0
        else:
            x[:] = 0.0
        x, y = x.astype(dtype), y.astype(dtype)
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model, x, y)
        assert_allclose(model.predict(x), y.mean(), atol=0.01)
        assert np.isfinite([model.log_evidence_, model.cost(x, y).J]).all()
        assert max(np.abs(W).max() for W in model.coefs_) < 1e6

    def test_several_outputs_share_what_is_free(self):
        rng = np.random.RandomState(1)
        x = rng.standard_normal((620, 4))
        y = np.sin(x @ rng.standard_normal((4, 10)))
        y = (y + 0.05 * rng.standard_normal(y.shape)) / y.std(axis=0)
        model = BPRegressor((12,), "tanh", solver="lm", alpha="evidence", n_init=2)
        fitted(model.set_params(random_state=0, tol=0.01), x[:120], y[:120])
        assert model.linear_share_.mean() < 0.2
        assert model.score(x[120:], y[120:]) > 0.8

    @pytest.mark.parametrize("seed", range(3))
    def test_mostly_better_is_enough(self, seed):
        rng = np.random.RandomState(seed)
        x = rng.standard_normal((600, 5))
        y = np.maximum(x.sum(axis=1) - 3.0, 0.0) ** 2
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", n_init=3)
        fitted(model.set_params(random_state=0), x[:100], y[:100] / y.std())
        assert model.linear_share_ == 0.0

    @alone
    def test_a_warm_start_from_there_starts_anew(self, share):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((200, 3))
        model = BPRegressor((8,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model, x, x[:, 0] + 0.3 * rng.standard_normal(200))
        assert model.linear_share_ == 1.0
        y = np.sin(2.0 * x[:, 0]) * x[:, 1]
        assert fitted(model.set_params(warm_start=True), x, y).score(x, y) > 0.95

    @alone
    def test_the_linear_model_is_bayesian(self, share):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((80, 4))
        y = x @ [1.0, 2.0, 0.0, 0.5] + rng.standard_normal(80)
        far = 5.0 * rng.standard_normal((20, 4))
        theirs = BayesianRidge().fit(x, y).predict(far, return_std=True)
        for activation in ("tanh", "relu", "logistic"):
            model = BPRegressor((5,), activation, solver="lm", alpha="evidence")
            fitted(model.set_params(n_init=2, random_state=0), x, y)
            assert model.linear_share_ == 1.0
            assert 4.0 < model.n_effective_parameters_ < 5.1
            assert model.noise_std_ == pytest.approx(1.0, rel=0.15)
            ours = model.predict(far, return_std=True)
            assert_allclose(ours[0], theirs[0], atol=0.15)
            assert_allclose(ours[1], theirs[1], rtol=0.03)
            assert model.coefs_[0].shape == (4, 5)
        ard = fitted(model.set_params(alpha="ard"), x, y)
        assert ard.feature_relevances_.argmin() == 2

    def test_a_network_that_is_better_stays(self):
        x, y = friedman(200, np.random.RandomState(0))
        model = BPRegressor((6,), "tanh", solver="lm", alpha="ard", random_state=0)
        assert fitted(model, x, y).linear_share_ == 0.0

    @pytest.mark.parametrize("ensemble", [1, 2])
    @pytest.mark.parametrize("share", [0.25], indirect=True)
    def test_both_predict_together(self, ensemble, share, monkeypatch):
        x, y = friedman(80, np.random.RandomState(0))
        model = BPRegressor((4,), "tanh", solver="lm", alpha="evidence", random_state=0)
        fitted(model.set_params(n_init=2, ensemble=ensemble), x, y)
        assert model.linear_share_ == share
        parts = []
        for value in (0.0, 1.0):
            give_share(monkeypatch, value)
            parts.append(fitted(clone(model), x, y))
        alone, line = parts
        assert (alone.linear_share_, line.linear_share_) == (0.0, 1.0)
        assert_allclose(model.coefs_[0], alone.coefs_[0])
        assert model.log_evidence_ == alone.log_evidence_
        far = 3.0 * x
        (ours, std), *others = (
            m.predict(far, return_std=True) for m in (model, *parts)
        )
        means, stds = (np.array(part) for part in zip(*others, strict=True))
        weights = np.array([[1.0 - share], [share]])
        mean = (weights * means).sum(axis=0)
        assert_allclose(ours, mean)
        assert_allclose(model.predict(far), mean)
        second = (weights * (stds**2 + means**2)).sum(axis=0)
        assert_allclose(std, np.sqrt(second - mean**2))
        again = pickle.loads(pickle.dumps(model))
        assert_array_equal(again.predict(far), model.predict(far))

    def test_an_interrupt_leaves_the_networks(self, monkeypatch):
        def interrupted(*args):
            raise KeyboardInterrupt

        x, y = friedman(60, np.random.RandomState(0))
        model = BPRegressor((4,), "tanh", solver="lm", alpha="evidence", max_iter=9)
        monkeypatch.setattr("skbp._base.linear_beside", interrupted)
        with pytest.warns(UserWarning, match="interrupted"):
            model.set_params(random_state=0).fit(x, y)
        assert model.linear_share_ == 0.0

    def test_where_it_does_not_apply(self):
        rng = np.random.RandomState(0)
        x, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
        options = {"solver": "lm", "alpha": "evidence", "max_iter": 9}
        for more in ({"warm_start": True}, {"early_stopping": True}):
            model = BPRegressor((3,), "tanh", random_state=0, **options, **more)
            assert fitted(model, x, y).linear_share_ == 0.0
        assert fitted(BPRegressor((), **options), x, y).linear_share_ == 0.0
        assert not hasattr(fitted(BPRegressor((3,), max_iter=2), x, y), "linear_share_")

    @alone
    @pytest.mark.parametrize("kind", ["sparse", "float32", "weights", "outputs"])
    def test_other_forms_of_the_same_data(self, kind, share):
        rng = np.random.RandomState(0)
        x = rng.standard_normal((60, 4))
        y = x @ rng.standard_normal((4, 2)) + rng.standard_normal((60, 2))
        y = y if kind == "outputs" else y[:, 0]
        model = BPRegressor((3,), "tanh", solver="lm", alpha="evidence", random_state=0)
        expected = fitted(model, x, y).predict(x)
        assert np.all(model.linear_share_ == 1.0)
        if kind == "outputs":
            theirs = BayesianRidge().fit(x, y[:, 1]).predict(x)
            assert_allclose(expected[:, 1], theirs, atol=0.2)
            return
        weights = np.full(60, 1.0) if kind == "weights" else None
        other = {"sparse": scipy.sparse.csr_array(x), "float32": x.astype(np.float32)}
        again = fitted(clone(model), other.get(kind, x), y, sample_weight=weights)
        assert again.linear_share_ == 1.0
        assert_allclose(again.predict(other.get(kind, x)), expected, atol=2e-3)


class TestRestartsAndEnsembles:
    @pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs", "lm", "rprop"])
    @BOTH
    def test_the_best_of_several_starts_is_kept(self, estimator, solver):
        options = {"hidden_layer_sizes": (3,), "solver": solver, "max_iter": 15}
        options |= {"activation": "tanh", "alpha": 0.1}
        several = fitted(estimator(n_init=5, random_state=0, **options))
        first = fitted(estimator(random_state=0, **options))
        assert several.cost(X, Y).J <= first.cost(X, Y).J + 1e-3
        assert several.predict(X).shape == (150,)

    def test_the_highest_evidence_is_kept(self):
        options = {"solver": "lm", "alpha": "evidence", "max_iter": 60}
        model = BPRegressor((4,), "tanh", n_init=4, random_state=0, **options)
        x, y = friedman(300, np.random.RandomState(0))
        best = fitted(model, x, y).log_evidence_
        rng = np.random.RandomState(0)
        singles = [
            fitted(BPRegressor((4,), "tanh", random_state=rng, **options), x, y)
            for _ in range(4)
        ]
        assert best == pytest.approx(
            max(one.log_evidence_ for one in singles), rel=1e-3
        )

    def test_an_ensemble_predicts_the_mean(self):
        model = BPRegressor(
            (3,), solver="lbfgs", n_init=4, ensemble=3, max_iter=20, random_state=0
        )
        fitted(model, X_D, Y_D)
        assert model._ensemble.shape[0] == 3
        alone = model.activations(X_D)[-1]
        assert np.abs(alone[:, 0] - model.predict(X_D)).max() > 1e-6
        members = []
        for theta in model._ensemble:
            one = clone(model)
            one.__dict__.update(vars(model))
            one._set_weights(model._fitted_network()[0], theta[np.newaxis])
            members.append(one.predict(X_D))
        assert_allclose(np.mean(members, axis=0), model.predict(X_D))
        assert_allclose(members[0], alone[:, 0])

    @pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "ovr"])
    def test_probabilities_of_an_ensemble_agree_with_its_decisions(self, kind):
        y = {"binary": Y > 1, "multilabel": np.c_[Y > 0, Y > 1].astype(int)}.get(
            kind, Y
        )
        model = BPClassifier(
            (4,),
            solver="lbfgs",
            n_init=3,
            ensemble=3,
            max_iter=15,
            random_state=0,
            output_activation="logistic" if kind == "ovr" else "auto",
        )
        fitted(model, X, y)
        p, log_p, scores = (
            getattr(model, name)(X)
            for name in ("predict_proba", "predict_log_proba", "decision_function")
        )
        assert_allclose(np.log(p), log_p, rtol=1e-9, atol=1e-12)
        predicted = model.predict(X)
        if kind in ("binary", "multilabel"):
            np.testing.assert_array_equal(predicted, scores > 0)
            shares = p[:, 1] if kind == "binary" else p
            clear = np.abs(scores) < 10
            expected = np.log(shares / (1 - shares))
            assert_allclose(scores[clear], expected[clear], rtol=1e-6)
        else:
            np.testing.assert_array_equal(predicted, scores.argmax(axis=1))
            assert_allclose(p.sum(axis=1), 1.0)

    @pytest.mark.parametrize("solver", ["adam", "lbfgs", "lm", "rprop"])
    def test_callbacks_see_every_network(self, solver):
        """Each network may take max_iter iterations, a task each."""
        monitor = ScoringMonitor(scoring="accuracy")
        model = BPClassifier(
            (3,), solver=solver, n_init=3, max_iter=4, tol=0.0, random_state=0
        )
        fitted(model.set_callbacks(monitor))
        assert len(monitor.get_logs().data) >= (12 if solver in ("lbfgs", "lm") else 4)

    def test_early_stopping_keeps_the_best_scores(self):
        model = BPClassifier(
            (4,), n_init=4, early_stopping=True, max_iter=15, random_state=0
        )
        fitted(model, X_val=X, y_val=Y)
        assert model.score(X, Y) == pytest.approx(model.best_validation_score_)
        assert max(model.validation_scores_) == model.best_validation_score_


class TestErrors:
    def test_what_does_not_go_together(self):
        for options, message in [
            ({"alpha": "evidence"}, r"alpha='evidence' needs solver='lm'.*'adam'"),
            ({"n_init": 2, "ensemble": 3}, "ensemble=3 networks out of n_init=2"),
            ({"n_init": 2, "warm_start": True}, "n_init=2 .* warm_start"),
            ({"n_init": 2, "coefs_init": [np.ones((4, 1))]}, "n_init=2 .* coefs_init"),
            ({"solver": "lm", "loss": "absolute_error"}, r"'lm' needs a loss.*'huber'"),
            ({"solver": "lm", "output_activation": "tanh"}, "'lm' needs .*'tanh'"),
            ({"solver": "lm", "dropout": 0.1}, r"dropout=0\.1 needs a stochastic"),
            ({"solver": "lm", "weight_decay": 0.1}, "weight_decay=0.1 needs"),
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


class TestWhatAReviewFound:
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

    @pytest.mark.parametrize("alpha", [0.1, "evidence"])
    def test_what_is_not_finite_ends(self, alpha):
        for model, x, y in [
            (BPRegressor((), loss="poisson"), 1e3 * X, np.exp(Y)),
            (BPRegressor((5,), loss="poisson"), 1e6 * X, np.exp(Y)),
            (BPRegressor((5,)), 1e160 * X, Y),
            (BPRegressor((5,), "tanh"), X, 1e160 * Y),
        ]:
            model.set_params(solver="lm", alpha=alpha, random_state=0, max_iter=20)
            model.set_params(n_init=2, ensemble=2)
            fitted(model, x, y)
            assert all(np.isfinite(W).all() for W in model.coefs_)

    def test_no_curvature_at_all(self):
        zeros = [np.zeros((4, 5)), np.zeros((5, 1))]
        options = {"solver": "lm", "alpha": 0.0, "max_iter": 10, "random_state": 0}
        for model, x in [
            (BPRegressor((5,), fit_intercept=False, **options), 0 * X),
            (BPRegressor((5,), fit_intercept=False, coefs_init=zeros, **options), X),
            (BPRegressor((5,), "tanh", loss="huber", **options), X),
        ]:
            fitted(model, x, 1e4 * Y + 1e5)
        fitted(BPClassifier((), **options), 1e6 * X, Y > 0)

    def test_huber_finds_targets_far_away(self):
        model = BPRegressor((5,), "tanh", loss="huber", solver="lm", random_state=0)
        assert fitted(model, X, Y + 100.0).score(X, Y + 100.0) > 0.9

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

    def test_the_best_evidence_is_kept(self):
        x, y = friedman(200, np.random.RandomState(0))
        model = BPRegressor((6,), "tanh", solver="lm", alpha="evidence", random_state=0)
        model.set_params(max_iter=30)
        early = fitted(clone(model), x, y).log_evidence_
        assert (
            fitted(model.set_params(max_iter=200), x, y).log_evidence_ >= early - 1e-6
        )

    def test_the_dtype_of_uncertainty(self):
        model = BPRegressor((3,), solver="lm", alpha="evidence", max_iter=9)
        fitted(model, X_D.astype(np.float32), Y_D)
        assert all(
            part.dtype == np.float32 for part in model.predict(X_D, return_std=True)
        )

    def test_huber_is_no_likelihood(self):
        with pytest.raises(ValueError, match=r"alpha='ard' needs a loss .* likelihood"):
            BPRegressor(loss="huber", solver="lm", alpha="ard").fit(X, Y)
