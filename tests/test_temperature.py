"""A temperature that divides the raw outputs when training is over."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV

from skbp import BPClassifier, BPGridSearchCV
from skbp.engine.activations import ACTIVATIONS
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network, predict
from skbp.engine.temperature import best_temperature, divided, uncertain
from tests.catalogue import LOSS_AND_OUTPUT, random_theta
from tests.helpers import TRAIN, VAL, X, Y, fitted

#: Losses of outputs that are probabilities.
PROBABLE = [
    (loss, output)
    for loss, output in LOSS_AND_OUTPUT
    if loss in ("log_loss", "binary_log_loss")
]
#: Noisy data, on which a network that is trained for long is too sure of itself.
X_N, Y_N = make_classification(400, 10, flip_y=0.3, random_state=0)
SURE = {
    "hidden_layer_sizes": (32,),
    "solver": "lbfgs",
    "alpha": 0.0,
    "max_iter": 50,
    "random_state": 0,
}
GIVEN = {"X_val": X_N[150:300], "y_val": Y_N[150:300]}


@pytest.mark.parametrize(("name", "output"), PROBABLE)
@pytest.mark.parametrize("K", [1, 3])
def test_no_other_temperature_has_a_lower_loss(name, output, K):
    rng = np.random.RandomState(0)
    network = Network((4, 5, 3), ("tanh",))
    loss = LOSSES[name].through(output)
    X, theta = rng.randn(200, 4), 5.0 * random_theta(network, K, rng)

    def raw(T):
        W, b = network.split(divided(network, theta, T))
        return predict(network, W, b, X)

    def outputs(T):
        A = raw(T).mT.copy()
        ACTIVATIONS[output](A.shape, A.dtype)[0](A)
        return A.mean(axis=0).T

    # Targets with the probabilities that belong to a temperature of 2.
    A = outputs(2.0)
    u = rng.rand(200, 1) if output == "softmax" else rng.rand(200, 3)
    Y = (u < A).astype(float)
    if output == "softmax":
        Y = np.eye(3)[(A.cumsum(axis=1) < u).sum(axis=1)]
    T, lowest = best_temperature(loss, raw(1.0), Y, None)
    assert 1.5 < T < 3.0

    def loss_at(T):
        return loss.mean(outputs(T), uncertain(Y, output, None), None)

    assert loss.mean(outputs(T), Y, None) == pytest.approx(lowest)
    assert all(loss_at(T) <= loss_at(f * T) for f in (0.5, 0.98, 1.02, 2.0))


def test_probabilities_have_a_lower_loss():
    plain = fitted(BPClassifier(**SURE), X_N[:150], Y_N[:150], **GIVEN)
    model = BPClassifier(temperature=True, **SURE)
    cooled = fitted(model, X_N[:150], Y_N[:150], **GIVEN)
    assert cooled.temperature_ > 1.5
    losses = [log_loss(Y_N[300:], m.predict_proba(X_N[300:])) for m in (cooled, plain)]
    assert losses[0] < 0.8 * losses[1]
    np.testing.assert_array_equal(cooled.predict(X_N), plain.predict(X_N))


@pytest.mark.parametrize("y", [Y_N, np.arange(400) % 3])
def test_raw_outputs_are_divided(y):
    options = SURE | {"max_iter": 10}
    watched = GIVEN | {"y_val": y[150:300]}
    plain = fitted(BPClassifier(**options), X_N[:150], y[:150], **watched)
    model = BPClassifier(temperature=True, **options)
    cooled = fitted(model, X_N[:150], y[:150], **watched)
    T = cooled.temperature_
    np.testing.assert_allclose(
        cooled.weighted_inputs(X_N)[-1], plain.weighted_inputs(X_N)[-1] / T
    )
    np.testing.assert_allclose(cooled.coefs_[-1], plain.coefs_[-1] / T)
    np.testing.assert_allclose(cooled.intercepts_[-1], plain.intercepts_[-1] / T)
    np.testing.assert_array_equal(cooled.coefs_[0], plain.coefs_[0])
    assert cooled.loss_curve_ == plain.loss_curve_
    p = cooled.predict_proba(X_N)
    scores = cooled.decision_function(X_N)
    if p.shape[1] == 2:
        np.testing.assert_allclose(scores, np.log(p[:, 1] / p[:, 0]))
    else:
        np.testing.assert_allclose(scores, np.log(p / (1 - p)))


def test_networks_of_an_ensemble_share_the_temperature():
    model = BPClassifier(temperature=True, n_init=3, ensemble=3, **SURE)
    model = fitted(model, X_N[:150], Y_N[:150], **GIVEN)
    alone = BPClassifier(n_init=3, ensemble=3, **SURE)
    alone = fitted(alone, X_N[:150], Y_N[:150], **GIVEN)
    for cooled, plain in zip(model.members_, alone.members_, strict=True):
        np.testing.assert_allclose(
            cooled.coefs[-1], plain.coefs[-1] / model.temperature_
        )


def test_a_network_that_is_always_right_stays_unsure():
    model = BPClassifier((), solver="lbfgs", alpha=0.1, temperature=True)
    y = (Y > 0).astype(int)
    model = fitted(model, X[TRAIN], y[TRAIN], X_val=X[VAL], y_val=y[VAL])
    assert model.score(X[VAL], y[VAL]) == 1.0
    assert model.temperature_ > 0.01
    assert np.isfinite(log_loss(y, model.predict_proba(X)))
    assert model.predict_proba(X).min() > 1e-6


def test_many_classes_and_few_validation_samples_do_no_harm():
    X, y = load_digits(return_X_y=True)
    X = X / 8.0 - 1.0
    watched = {"X_val": X[500:530], "y_val": y[500:530]}
    losses = []
    for temperature in (False, True):
        model = BPClassifier((32,), temperature=temperature, max_iter=100)
        model.set_params(random_state=0, learning_rate_init=0.01)
        fitted(model, X[:500], y[:500], **watched)
        losses.append(log_loss(y[530:], model.predict_proba(X[530:])))
    assert losses[1] <= losses[0]


def test_early_stopping_holds_the_validation_set_out():
    options = SURE | {"solver": "adam", "max_iter": 30, "early_stopping": True}
    model = BPClassifier(temperature=True, scoring="loss", **options)
    model = fitted(model, X_N, Y_N)
    assert model.temperature_ > 0
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    again = fitted(clone(model), X_N, Y_N)
    assert again.temperature_ == model.temperature_


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [Y_N, np.arange(400) % 3])
def test_the_score_is_the_loss_at_the_best_temperature(dtype, y):
    model = BPClassifier(temperature=True, scoring="loss", **SURE)
    model.set_params(max_iter=300, tol=1e-9)
    X, watched = 3.0 * X_N.astype(dtype), slice(150, 300)
    model = fitted(model, X[:150], y[:150], X_val=X[watched], y_val=y[watched])
    loss = log_loss(y[watched], model.predict_proba(X[watched]))
    assert model.validation_scores_[-1] == pytest.approx(-loss, rel=1e-4)


def temperature_of(weights, rows=slice(None)):
    """Return the temperature with these weights of validation samples."""
    options = SURE | {"alpha": 3.0}
    model = BPClassifier(temperature=True, **options)
    X, y = X_N[150:200][rows], Y_N[150:200][rows]
    options = {"X_val": X, "y_val": y, "sample_weight_val": weights}
    return fitted(model, X_N[:150], Y_N[:150], **options).temperature_


def test_weights_of_validation_samples_are_numbers_of_samples():
    weights = np.arange(50) % 3
    repeated = temperature_of(None, np.repeat(np.arange(50), weights))
    assert temperature_of(weights) == pytest.approx(repeated, rel=1e-3)
    few = np.where(np.arange(50) < 20, 1.0, 0.0)
    assert temperature_of(few) == pytest.approx(
        temperature_of(None, slice(20)), rel=1e-3
    )


def test_rows_without_targets_do_not_change_the_temperature():
    X, labels = X_N[:, :5], (X_N[:, 5:8] + X_N[:, :3] > 0).astype(float)
    y = labels[:200].copy()
    y[110:] = np.nan
    found = [
        fitted(
            BPClassifier(temperature=True, **SURE),
            X[:100],
            labels[:100],
            X_val=X[100:n],
            y_val=y[100:n],
        ).temperature_
        for n in (110, 200)
    ]
    assert found[0] == pytest.approx(found[1], rel=1e-3)


def test_a_search_finds_the_same():
    model = BPClassifier(temperature=True, early_stopping=True, max_iter=5)
    model.set_params(random_state=0, solver="adam")
    grid = {"alpha": [1e-4, 1.0]}
    ours = fitted(BPGridSearchCV(model, grid, cv=2), X_N, Y_N)
    theirs = fitted(GridSearchCV(model, grid, cv=2), X_N, Y_N)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )
    assert ours.best_estimator_.temperature_ == pytest.approx(
        theirs.best_estimator_.temperature_
    )


def test_a_new_fit_forgets_the_temperature():
    model = BPClassifier(temperature=True, **SURE)
    fitted(model, X_N[:150], Y_N[:150], **GIVEN)
    fitted(model.set_params(temperature=False), X_N[:150], Y_N[:150])
    assert not hasattr(model, "temperature_")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "early_stopping=True.*X_val"),
        ({"loss": "squared_error"}, "temperature=True needs outputs"),
        ({"warm_start": True, "early_stopping": True}, "warm_start=True"),
        ({"solver": "lm", "alpha": "evidence"}, "alpha='evidence'"),
        ({"temperature": 2.0}, "temperature"),
    ],
)
def test_what_does_not_go_with_it(options, message):
    model = BPClassifier(**{"temperature": True, "max_iter": 2, **options})
    with pytest.raises(ValueError, match=message):
        fitted(model, X, Y)


def test_partial_fit_refuses_it():
    with pytest.raises(ValueError, match="partial_fit does not support temperature"):
        BPClassifier(temperature=True).partial_fit(X, Y, classes=[0, 1, 2])
