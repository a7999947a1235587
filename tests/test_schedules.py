"""Schedules of the learning rate, with every optimizer, in fit and in partial_fit."""

import numpy as np
import pytest

from skbp import BPClassifier
from skbp.engine.schedules import SCHEDULES
from skbp.engine.solvers.optimizers import OPTIMIZERS
from tests.helpers import BOTH, X, Y, fitted, same_weights

STOCHASTIC = sorted(set(OPTIMIZERS) - {"rprop"})


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


@pytest.mark.parametrize("solver", STOCHASTIC)
def test_curves(solver):
    options = {"solver": solver, "learning_rate_init": 0.01, "max_iter": 40}
    options |= {"batch_size": 50, "n_iter_no_change": np.inf, "tol": 0.0}

    def curve(schedule, **more):
        model = BPClassifier((4,), learning_rate=schedule, **options, **more)
        return np.array(fitted(model).learning_rate_curve_)

    # The last of the three steps of each epoch.
    t = np.arange(40) + 2 / 3
    np.testing.assert_allclose(curve("constant"), 0.01)
    np.testing.assert_allclose(curve("cosine"), 0.005 * (1 + np.cos(np.pi * t / 40)))
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


def test_partial_fit_goes_on_with_the_schedule():
    options = {"learning_rate": "cosine", "max_iter": 6, "random_state": 0}
    whole = fitted(BPClassifier(tol=0.0, n_iter_no_change=np.inf, **options))
    parts = BPClassifier(**options)
    for _ in range(6):
        parts.partial_fit(X, Y, classes=[0, 1, 2])
    same_weights(whole, parts)
    np.testing.assert_allclose(whole.learning_rate_curve_, parts.learning_rate_curve_)


def test_partial_fit_beyond_the_end_of_a_schedule_warns():
    model = BPClassifier(learning_rate="cosine", max_iter=2, random_state=0)
    for _ in range(2):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    with pytest.warns(UserWarning, match=r"learning rate is 0, because .*'cosine'"):
        model.partial_fit(X, Y)


def test_lbfgs_has_no_rates():
    assert fitted(BPClassifier(solver="lbfgs", max_iter=3)).learning_rate_curve_ is None


def test_adam_follows_schedules_unlike_scikit_learns():
    model = BPClassifier(learning_rate="invscaling", max_iter=3, random_state=0)
    assert np.ptp(fitted(model).learning_rate_curve_) > 0
