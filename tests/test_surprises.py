"""What surprises users of MLPClassifier and MLPRegressor: mended here, or kept."""

import pickle
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skbp import BPClassifier, BPRegressor
from skbp.engine.training import shuffled

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def X():
    return np.random.RandomState(0).standard_normal((120, 4))


@pytest.fixture
def labels(X):
    return np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1.5])


def test_the_loss_of_several_outputs_is_their_sum(X):
    Y = np.c_[X[:, 0] ** 2, X[:, 1], X[:, 2] * X[:, 3]]
    options = {"alpha": 0.0, "max_iter": 5, "random_state": 0}
    ours, theirs = BPRegressor(**options), MLPRegressor(**options)
    ours.fit(X, Y), theirs.fit(X, Y)
    np.testing.assert_allclose(ours.loss_curve_, 3 * np.array(theirs.loss_curve_))
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-9)
    # It is the value that the gradient is of, so that L-BFGS converges on it.
    lbfgs = {"solver": "lbfgs", "alpha": 0.0, "max_iter": 60, "random_state": 0}
    ours, theirs = BPRegressor(**lbfgs).fit(X, Y), MLPRegressor(**lbfgs).fit(X, Y)
    assert np.mean((ours.predict(X) - Y) ** 2) < np.mean((theirs.predict(X) - Y) ** 2)


def test_early_stopping_stratifies_all_classes():
    # 10 of 200 samples are of the third class: a plain split of 20 may have none.
    y = np.repeat([0, 1, 2], [100, 90, 10])
    X = np.random.RandomState(0).standard_normal((200, 3))
    for seed in range(5):
        model = BPClassifier(early_stopping=True, max_iter=1, random_state=seed)
        seen = []
        model._score = lambda Y, predictions, weights, seen=seen: seen.append(Y) or 1.0
        model.fit(X, y)
        np.testing.assert_array_equal(seen[0].sum(axis=0), [10, 9, 1])


def test_a_class_without_room_in_both_parts_is_no_error():
    y = np.array([0] * 60 + [1] * 59 + [2])
    X = np.random.RandomState(0).standard_normal((120, 3))
    model = BPClassifier(early_stopping=True, random_state=0, max_iter=3).fit(X, y)
    assert len(model.validation_scores_) == 3


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_batch_of_zero_weights_is_skipped(X, labels, solver):
    weights = np.ones(120)
    weights[40:80] = 0.0
    options = {
        "solver": solver,
        "batch_size": 40,
        "shuffle": False,
        "max_iter": 4,
        "random_state": 0,
    }
    model = BPClassifier(**options).fit(X, labels, weights)
    kept = weights > 0
    other = BPClassifier(**options).fit(X[kept], labels[kept], weights[kept])
    np.testing.assert_allclose(model.coefs_[0], other.coefs_[0], rtol=1e-12)
    np.testing.assert_allclose(model.loss_curve_, other.loss_curve_)


def test_negative_weights_are_refused(X, labels):
    weights = np.ones(120)
    weights[7] = -0.5
    with pytest.raises(ValueError, match=r"sample_weight.*-0\.5 for sample 7"):
        BPClassifier().fit(X, labels, weights)


def test_the_epoch_loss_weights_batches_by_weight(X, labels, monkeypatch):
    weights = np.random.RandomState(1).uniform(0, 3, 120)
    monkeypatch.setattr("skbp.engine.optimizers.Adam.step", lambda self, *args: None)
    options = {"alpha": 0.0, "max_iter": 1, "random_state": 0}
    one = BPClassifier(batch_size=120, **options).fit(X, labels, weights)
    many = BPClassifier(batch_size=7, **options).fit(X, labels, weights)
    assert many.loss_ == pytest.approx(one.loss_, rel=1e-12)


def test_poisson_refuses_negative_targets(X):
    y = np.ones(120)
    y[5] = -1.0
    with pytest.raises(ValueError, match=r"loss='poisson' needs y >= 0.*sample 5"):
        BPRegressor(loss="poisson").fit(X, y)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_divergence_stops_keeps_finite_weights_and_says_what_to_change(
    X, solver, early_stopping
):
    model = BPRegressor(
        activation="identity",
        solver=solver,
        learning_rate_init=1e200,
        early_stopping=early_stopping,
        n_iter_no_change=10**6,
        max_iter=500,
        random_state=0,
    )
    X = 1e200 * X if solver == "lbfgs" else X
    what = "alpha" if solver == "lbfgs" else "learning_rate_init"
    with pytest.warns(ConvergenceWarning, match=f"diverged.*{what}.*scale X") as caught:
        model.fit(X, X[:, 0])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.n_iter_ < 10
    assert all(np.isfinite(w).all() for w in model.coefs_ + model.intercepts_)
    assert np.isfinite(model.predict(X[:, :] if solver != "lbfgs" else X / 1e200)).all()


def test_early_stopping_works_with_lbfgs(X, labels):
    model = BPClassifier(
        solver="lbfgs",
        early_stopping=True,
        n_iter_no_change=3,
        tol=1e-6,
        max_iter=500,
        random_state=0,
    ).fit(X, labels)
    n = model.n_iter_
    assert n < 500
    assert len(model.loss_curve_) == len(model.validation_scores_) == n
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert model.best_loss_ is None


def test_lbfgs_has_a_loss_curve(X, labels):
    for max_iter in (5, 1000):
        options = {"solver": "lbfgs", "alpha": 10.0, "max_iter": max_iter}
        model = BPClassifier(random_state=0, **options).fit(X, labels)
        theirs = MLPClassifier(random_state=0, **options).fit(X, labels)
        assert len(model.loss_curve_) == model.n_iter_
        assert model.n_iter_ == pytest.approx(theirs.n_iter_, abs=max_iter // 100)
        assert model.loss_ == pytest.approx(theirs.loss_, rel=1e-6)
        assert model.loss_ == model.best_loss_ == min(model.loss_curve_)
    assert model.n_iter_ < 1000


class TestWarmStart:
    def test_patience_starts_anew(self, X, labels):
        model = BPClassifier(
            warm_start=True, n_iter_no_change=4, tol=0.1, random_state=0
        )
        model.fit(X, labels).fit(X, labels)
        assert model.n_iter_ > 4

    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    def test_the_split_is_kept(self, X, labels, solver, monkeypatch):
        model = BPClassifier(
            solver=solver,
            warm_start=True,
            early_stopping=True,
            max_iter=2,
            random_state=0,
        )
        seen = []
        score = BPClassifier._score

        def spy(self, Y, predictions, weights):
            seen.append(Y)
            return score(self, Y, predictions, weights)

        monkeypatch.setattr(BPClassifier, "_score", spy)
        codes = np.arange(120) % 3
        model.fit(X, codes)
        best = model.best_validation_score_
        model.fit(X, codes)
        assert all(np.array_equal(Y, seen[0]) for Y in seen)
        assert model.best_validation_score_ >= best
        assert len(model.validation_scores_) == 4
        model.fit(X[:60], codes[:60])
        assert len(seen[-1]) == 6

    @pytest.mark.parametrize("solver", ["adam", "lbfgs"])
    @pytest.mark.parametrize("n", [120, 80])
    def test_early_stopping_learns_new_data(self, X, solver, n):
        """The score to beat is that of the weights on these data, not on the last."""
        y = (X[:, 0] > 0).astype(int)
        model = BPClassifier(
            solver=solver,
            warm_start=True,
            early_stopping=True,
            learning_rate_init=0.05,
            n_iter_no_change=50,
            random_state=0,
        ).fit(X, y)
        assert model.score(X, y) > 0.9
        model.fit(X[:n], 1 - y[:n])
        assert model.score(X, 1 - y) > 0.9

    def test_a_changed_shape_is_refused(self, X, labels):
        model = BPClassifier((5,), warm_start=True, max_iter=2).fit(X, labels)
        before = model.coefs_
        model.set_params(hidden_layer_sizes=(6,))
        with pytest.raises(ValueError, match=r"hidden_layer_sizes=\(6,\).*warm_start"):
            model.fit(X, labels)
        assert model.coefs_ is before

    @pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
    @pytest.mark.parametrize("early_stopping", [False, True])
    def test_solver_and_early_stopping_may_change(
        self, X, labels, solver, early_stopping
    ):
        model = BPClassifier(warm_start=True, max_iter=2, random_state=0)
        for first in ("sgd", "adam", "lbfgs"):
            for early in (False, True):
                model.set_params(solver=first, early_stopping=early).fit(X, labels)
                model.set_params(solver=solver, early_stopping=early_stopping)
                model.fit(X, labels)
                assert (model.validation_scores_ is not None) == early_stopping
                assert (model.best_loss_ is None) == early_stopping


class TestPartialFit:
    def test_the_stream_of_random_numbers_goes_on(self, X, labels, monkeypatch):
        orders = []

        def spy(*args):
            orders.append(shuffled(*args))
            return orders[-1]

        monkeypatch.setattr("skbp.engine.training.shuffled", spy)
        model = BPClassifier(random_state=0)
        for _ in range(3):
            model.partial_fit(X, labels, classes=[0, 1, 2])
        assert not np.array_equal(orders[0], orders[1])
        assert not np.array_equal(orders[1], orders[2])

    def test_it_is_fit_cut_into_epochs(self, X, labels):
        whole = BPClassifier(max_iter=5, tol=0.0, random_state=0).fit(X, labels)
        parts = BPClassifier(random_state=0)
        for _ in range(5):
            parts.partial_fit(X, labels, classes=[0, 1, 2])
        assert parts.n_iter_ == 5
        assert parts.t_ == whole.t_
        # (An epoch of fit shuffles the order of the one before, not the rows anew.)
        unshuffled = [
            BPClassifier(max_iter=5, shuffle=False, random_state=0).fit(X, labels),
            BPClassifier(shuffle=False, random_state=0),
        ]
        for _ in range(5):
            unshuffled[1].partial_fit(X, labels, classes=[0, 1, 2])
        np.testing.assert_allclose(
            unshuffled[1].coefs_[0], unshuffled[0].coefs_[0], rtol=1e-10
        )

    def test_it_goes_on_after_a_pickle(self, X, labels):
        model = BPClassifier(random_state=0).partial_fit(X, labels, classes=range(3))
        copy = pickle.loads(pickle.dumps(model))
        for each in (model, copy):
            each.partial_fit(X, labels)
        np.testing.assert_array_equal(model.coefs_[0], copy.coefs_[0])

    def test_patience_is_used_up_over_calls(self, X, labels):
        model = BPClassifier(
            solver="sgd",
            learning_rate="adaptive",
            learning_rate_init=0.1,
            tol=1e6,
            n_iter_no_change=1,
            random_state=0,
        )
        for _ in range(4):
            model.partial_fit(X, labels, classes=range(3))
        # Epochs 2 and 3 are stale; the third is one too many.
        assert model._memory["state"]["rates"] == [pytest.approx(0.02)]

    def test_divergence_in_a_call_does_not_poison_the_next(self, X):
        model = BPRegressor(random_state=0).partial_fit(X, X[:, 0])
        good = [w.copy() for w in model.coefs_]
        with pytest.warns(ConvergenceWarning, match="diverged"):
            model.partial_fit(1e200 * X, X[:, 0])
        for w, expected in zip(model.coefs_, good, strict=True):
            np.testing.assert_array_equal(w, expected)
        assert np.isfinite(model.partial_fit(X, X[:, 0]).coefs_[0]).all()

    @pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
    def test_lbfgs_has_none(self, estimator):
        model, name = estimator(solver="lbfgs"), "partial_fit"
        assert not hasattr(model, name)
        with pytest.raises(AttributeError):
            getattr(model, name)
        assert hasattr(estimator(solver="sgd"), "partial_fit")


def test_hidden_layer_sizes_come_first():
    assert BPRegressor((7,), "tanh").hidden_layer_sizes == (7,)
    assert BPClassifier((7,), "tanh").hidden_layer_sizes == (7,)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_float32_is_preserved(X, labels, solver):
    X = X.astype(np.float32)
    options = {"solver": solver, "max_iter": 3, "random_state": 0}
    model = BPClassifier(**options).fit(X, labels)
    assert {w.dtype for w in model.coefs_ + model.intercepts_} == {np.dtype("f4")}
    assert model.predict_proba(X).dtype == np.float32
    assert BPRegressor(**options).fit(X, X[:, 0]).predict(X).dtype == np.float32


def size(model):
    parameters = sum(w.nbytes for w in model.coefs_ + model.intercepts_)
    return len(pickle.dumps(model)) / parameters


def test_a_pickle_is_hardly_larger_than_the_parameters(X, labels):
    options = {"hidden_layer_sizes": (200, 200), "max_iter": 3, "random_state": 0}
    for early_stopping in (False, True):
        options["early_stopping"] = early_stopping
        assert size(BPClassifier(**options).fit(X, labels)) < 1.1
        assert size(MLPClassifier(**options).fit(X, labels)) > 3
    model = BPClassifier((200, 200), warm_start=True, max_iter=3).fit(X, labels)
    assert 3 < size(model) < 3.1
    assert size(BPClassifier((200, 200)).partial_fit(X, labels, None, range(3))) > 3
    # What it holds is arrays, numbers and strings alone.
    plain = (np.ndarray, np.generic, str, int, float, bool, type(None))

    def check(value):
        if isinstance(value, dict):
            value = value.values()
        if isinstance(value, list | tuple | type({}.values())):
            for item in value:
                check(item)
        else:
            assert isinstance(value, plain)

    check(vars(model))


def test_one_class_has_one_column(X):
    model = BPClassifier(max_iter=3, random_state=0).fit(X, np.full(120, "only"))
    assert model.predict_proba(X).shape == (120, 1)
    assert (model.predict_proba(X) == 1).all()
    assert (model.predict_log_proba(X) == 0).all()
    assert (model.predict(X) == "only").all()
    assert model.decision_function(X).shape == (120,)


@pytest.mark.parametrize("activation", ["logistic", "relu"])
@pytest.mark.parametrize("classes", [2, 3])
def test_prediction_far_away_is_silent(X, labels, activation, classes):
    y = np.minimum(labels, classes - 1)
    for dtype in (np.float32, np.float64):
        model = BPClassifier(activation=activation, max_iter=3, random_state=0)
        model.fit(X.astype(dtype), y)
        with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
            warnings.simplefilter("error")
            model.predict(1e4 * X.astype(dtype))
            model.predict_proba(1e4 * X.astype(dtype))
            model.predict_log_proba(1e4 * X.astype(dtype))


def test_log_probabilities_are_precise_next_to_0_and_1():
    model = BPClassifier((), max_iter=1).fit(np.ones((9, 1)), np.arange(9) % 2)
    model.coefs_[0][:], model.intercepts_[0][:] = 1.0, 0.0
    log_p = model.predict_log_proba([[50.0], [-50.0], [700.0]])
    tiny = np.exp(-50.0)
    np.testing.assert_allclose(log_p[:2], [[-50, -tiny], [-tiny, -50]], rtol=1e-12)
    assert log_p[2, 0] == -700.0


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_log_probabilities_are_stable(X, labels, kind):
    y = {
        "binary": labels > 0,
        "multiclass": labels,
        "multilabel": np.c_[labels > 0, labels > 1].astype(int),
    }[kind]
    model = BPClassifier(max_iter=3, random_state=0).fit(X, y)
    far = 1e5 * X
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_p, p = model.predict_log_proba(far), model.predict_proba(far)
    assert np.isfinite(log_p).all()
    assert p.min() == np.finfo(float).tiny
    np.testing.assert_allclose(np.exp(log_p), p, atol=1e-12)
    np.testing.assert_allclose(
        np.exp(model.predict_log_proba(X)), model.predict_proba(X), rtol=1e-12
    )


def test_decision_function_is_log_odds(X, labels):
    binary = BPClassifier(max_iter=3, random_state=0).fit(X, labels > 0)
    p = binary.predict_proba(X)
    assert binary.decision_function(X).shape == (120,)
    np.testing.assert_allclose(
        binary.decision_function(X), np.log(p[:, 1] / p[:, 0]), rtol=1e-9
    )
    several = BPClassifier(max_iter=3, random_state=0).fit(X, labels)
    Z, p = several.decision_function(X), several.predict_proba(X)
    assert Z.shape == (120, 3)
    np.testing.assert_allclose(np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True), p)
    many = BPClassifier(max_iter=3).fit(X, np.c_[labels > 0, labels > 1].astype(int))
    p = many.predict_proba(X)
    np.testing.assert_allclose(many.decision_function(X), np.log(p / (1 - p)))


class TestKept:
    """Kept as scikit-learn has it, on purpose."""

    def test_alpha_is_divided_by_the_weight_of_the_batch(self, X):
        """lambda/(2m) |W|²: with one batch of m samples it is Ridge's penalty."""
        y = X[:, 0]
        model = BPRegressor((), solver="lbfgs", alpha=12.0, max_iter=1, random_state=0)
        model.fit(X, y)
        W, b = model.coefs_[0], model.intercepts_[0]
        loss = 0.5 * np.mean((X @ W[:, 0] + b - y) ** 2)
        assert model.loss_ == pytest.approx(loss + 12.0 / (2 * 120) * (W**2).sum())

    def test_training_stops_when_the_count_exceeds_n_iter_no_change(self, X, labels):
        for estimator in (BPClassifier, MLPClassifier):
            model = estimator(tol=1e6, n_iter_no_change=3, random_state=0)
            assert model.fit(X, labels).n_iter_ == 1 + 3 + 1

    @pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
    def test_weights_and_biases_are_drawn_as_glorot_proposes(
        self, X, labels, activation, monkeypatch
    ):
        monkeypatch.setattr("skbp.engine.optimizers.Adam.step", lambda *args: None)
        model = BPClassifier((2000,), activation, max_iter=1, random_state=0)
        model.fit(X, labels)
        bound = np.sqrt((2 if activation == "logistic" else 6) / (4 + 2000))
        for drawn in (model.coefs_[0], model.intercepts_[0]):
            assert 0.99 * bound < np.abs(drawn).max() <= bound
            assert drawn.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


def test_the_binary_split_is_the_one_of_scikit_learn(X, labels):
    """train_test_split, stratified, after the weights were drawn."""
    y = (labels > 0).astype(int)
    model = BPClassifier((3,), early_stopping=True, max_iter=1, random_state=4)
    seen = []
    model._score = lambda Y, predictions, weights: seen.append(Y) or 1.0
    model.fit(X, y)
    rng = np.random.RandomState(4)
    rng.uniform(size=4 * 3 + 3 + 3 * 1 + 1)
    _, expected = train_test_split(y, test_size=0.1, random_state=rng, stratify=y)
    np.testing.assert_array_equal(seen[0][:, 0], expected)
