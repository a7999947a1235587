"""What a fit says about its end: one warning, with what was seen and what helps."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, BPRegressor
from skbp.compat import MLPClassifier, MLPRegressor
from tests.helpers import X as X_IRIS
from tests.helpers import Y, fitted

HEADLINE = "Stochastic Optimizer: Maximum iterations ({}) reached and the optimization"


def said(model, X, y, **options):
    """Fit the model, and return the text of its only warning, or ""."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **options)
    assert len(caught) <= 1
    assert all(issubclass(one.category, ConvergenceWarning) for one in caught)
    return "".join(str(one.message) for one in caught)


# Early stopping


def test_early_stopping_that_keeps_an_untrained_network_says_so():
    X, y = load_iris(return_X_y=True)
    texts = []
    for seed in range(6):
        model = BPClassifier((10,), early_stopping=True, random_state=seed)
        text = said(model, X, y)
        # No better than one class for all, or trained.
        assert bool(text) == (model.best_validation_score_ < 0.34)
        texts += [text] * bool(text)
    assert texts
    for text in texts:
        assert "scoring='loss'" in text
        assert "n_iter_no_change" in text
        assert "StandardScaler" in text


def test_as_mlp_a_fit_says_more_only_where_scikit_learn_says_something():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier((10,), early_stopping=True, random_state=7)
    assert said(model, X, y) == ""
    assert model.best_validation_score_ < 0.34
    text = said(model.set_params(max_iter=5), X, y)
    assert text.startswith(HEADLINE.format(5))
    assert "n_iter_no_change" in text
    assert "scoring" not in text


def test_early_stopping_that_has_learnt_says_nothing():
    model = BPClassifier(early_stopping=True, scoring="loss", random_state=0)
    assert said(model.set_params(learning_rate_init=0.02), X_IRIS, Y) == ""
    # Nothing beats a perfect score.
    model = BPClassifier((), early_stopping=True, coefs_init=[4 * np.eye(3)])
    X = np.repeat(np.eye(3), 20, axis=0)
    assert said(model.set_params(random_state=0), X, np.arange(60) // 20) == ""


def test_no_epoch_that_beats_the_start_is_said_with_any_scorer():
    model = BPClassifier(
        (), early_stopping=True, scoring="neg_log_loss", random_state=0
    )
    model.set_params(solver="sgd", learning_rate_init=1e3)
    model.set_params(coefs_init=[np.zeros((4, 3))])
    text = said(model, X_IRIS, np.random.RandomState(0).randint(3, size=150))
    assert "weights had a score of -1.0" in text


def test_good_weights_that_training_does_not_improve_are_not_called_untrained():
    model = fitted(BPClassifier((), solver="lbfgs"), X_IRIS, Y)
    given = {"coefs_init": model.coefs_, "intercepts_init": model.intercepts_}
    for scoring in ("loss", "neg_log_loss"):
        model = BPClassifier((), solver="sgd", scoring=scoring, random_state=0, **given)
        model.set_params(early_stopping=True, learning_rate_init=1e3)
        text = said(model, X_IRIS, Y)
        assert "has not improved the weights it started from" in text
        assert "these weights had a score of -0." in text
        assert "learnt almost nothing" not in text


# Epochs that are used up


def test_a_loss_that_falls_asks_for_more_epochs():
    text = said(BPClassifier(max_iter=20, random_state=0), X_IRIS, Y)
    assert text.startswith(HEADLINE.format(20) + " hasn't converged yet. ")
    assert re.search(r"still fell by [\d.]+% in the last 10 epochs.*max_iter", text)
    text = said(BPClassifier(max_iter=2, random_state=0), X_IRIS, Y)
    assert "in the last epoch, to" in text


def test_a_loss_that_rises_or_rests_asks_for_another_rate():
    model = BPRegressor(solver="sgd", max_iter=20, n_iter_no_change=50, tol=0.0)
    model.set_params(hidden_layer_sizes=(), learning_rate_init=1e-12, random_state=0)
    assert "hardly changed" in said(model, X_IRIS, X_IRIS[:, 0])
    model.set_params(learning_rate_init=0.8, batch_size="full", momentum=0.0)
    text = said(model, X_IRIS, X_IRIS[:, 0])
    assert re.search("The loss rose by .*Lower learning_rate_init", text)


def test_a_network_that_overfits_is_not_said_to_need_epochs():
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((60, 5)), rng.standard_normal(60)
    validation = {"X_val": X[30:], "y_val": y[30:]}
    model = BPRegressor(learning_rate_init=0.01, max_iter=100, random_state=0)
    model.set_params(n_iter_no_change=200)
    text = said(model, X[:30], y[:30], **validation)
    assert text.startswith(HEADLINE.format(100))
    assert "overfits" in text
    assert "early_stopping=True" in text
    assert "Raise max_iter" not in text


def test_early_stopping_at_the_last_epoch_names_the_best_one():
    model = BPClassifier(
        early_stopping=True, max_iter=30, n_iter_no_change=99, random_state=0
    )
    text = said(model, X_IRIS, Y)
    best = int(np.argmax(model.validation_scores_)) + 1
    assert f"best in epoch {best} of 30" in text


# Scales


def test_raw_targets_are_to_be_scaled():
    X, y = load_diabetes(return_X_y=True)
    text = said(BPRegressor(random_state=0), X, y)
    assert "The standard deviation of y is 77: set target_scaling='standard'" in text
    text = said(MLPRegressor(random_state=0), X, y)
    assert "TransformedTargetRegressor(model, transformer=StandardScaler())" in text
    assert "scale X" not in text


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_raw_features_are_to_be_scaled(form):
    X, y = load_wine(return_X_y=True)
    text = said(BPClassifier((5,), max_iter=5, random_state=0), form(X), y)
    scaler = "StandardScaler" if form is np.asarray else "MaxAbsScaler"
    assert re.search(f"differ by a factor of .*: scale X, with {scaler}", text)


@pytest.mark.parametrize("rare", [False, True])
def test_tails_and_rare_indicators_need_no_scaling(rare):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((20_001, 2))
    X[:, 1] = np.arange(len(X)) == 0
    if not rare:
        # Of variance 1.
        X[:, 1] *= len(X) ** 0.5
    text = said(BPRegressor((2,), max_iter=1), X, rng.standard_normal(len(X)))
    assert "scale X" not in text


@pytest.mark.parametrize("solver", ["adam", "lm", "lbfgs"])
def test_a_useless_fit_that_has_converged_says_so(solver, X):
    model = BPRegressor((5,), solver=solver, random_state=0)
    assert "scale X" in said(model, 1e100 * X, X[:, 0] * X[:, 1])


# Evidence


def test_evidence_that_leaves_a_constant_or_a_line_says_so():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((60, 3))
    model = BPRegressor((5,), "tanh", solver="lm", alpha="evidence", random_state=0)
    for y, found, what in (
        (rng.standard_normal(60), "almost a constant", "n_effective_parameters_"),
        (X[:, 0] + 0.5 * rng.standard_normal(60), "linear model", "linear_share_"),
    ):
        text = said(model, X, y)
        constant = model.n_effective_parameters_ <= 1.5
        alone = model.linear_share_ == 1.0
        assert bool(text) == (constant or alone)
        if text:
            assert found in text or constant
            assert what in text or constant
            assert "n_init=10" in text
    y = np.sin(3 * X[:, 0])
    assert said(model, X, y + 0.1 * rng.standard_normal(60)) == ""


def test_stages_that_come_to_max_iter_say_so():
    """Also if an earlier stage has ended by itself."""
    rng = np.random.RandomState(0)
    x = np.linspace(-1, 1, 400)[:, np.newaxis]
    y = np.sin(2 * np.pi * x[:, 0]) + 0.1 * rng.standard_normal(400)
    model = BPRegressor((20,), "tanh", solver="lm", alpha="evidence", random_state=0)
    text = said(model.set_params(max_iter=45), x, y)
    assert "highest evidence so far" in text
    assert text.endswith("Increase max_iter (it is 45).")
    assert model.status_ == "max_iter"
    assert model.score(x, y) > 0.9
    assert "or scale the data" in said(model.set_params(max_iter=2), 1e6 * x, y)
