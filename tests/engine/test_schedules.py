"""The learning rate over time."""

from dataclasses import replace

import numpy as np
import pytest

from skbp.engine.schedules import SCHEDULES, Clock

START = Clock(0.1, 0.1, t=0, power_t=0.5, horizon=10.0, decay=0.5, every=2.0)


def factors(name, times):
    return np.array([SCHEDULES[name].factor(replace(START, time=t)) for t in times])


def test_constant():
    schedule = SCHEDULES["constant"]
    assert schedule.factor is schedule.after is None
    assert schedule.on_plateau(0.1) is None


def test_invscaling():
    schedule = SCHEDULES["invscaling"]
    assert schedule.after(replace(START, t=99)) == pytest.approx(0.01)
    assert schedule.after(replace(START, rate=0.02)) == 0.1
    assert schedule.on_plateau(0.1) is None


def test_adaptive():
    schedule = SCHEDULES["adaptive"]
    assert schedule.factor is schedule.after is None
    rates = [0.1]
    while rates[-1] is not None:
        rates.append(schedule.on_plateau(rates[-1]))
    assert rates[1] == pytest.approx(0.02)
    assert rates[-2] == pytest.approx(0.1 / 5**8)
    assert rates[-2] <= 1e-6 < rates[-3]


def test_cosine():
    np.testing.assert_allclose(factors("cosine", [0, 5, 10, 12]), [1, 0.5, 0, 0])
    np.testing.assert_allclose(factors("cosine", [2.5]), [(1 + np.cos(np.pi / 4)) / 2])


def test_one_cycle():
    curve = factors("one_cycle", np.linspace(0, 10, 101))
    assert curve[0] == pytest.approx(0.04)
    assert curve.argmax() == 30
    assert curve.max() == pytest.approx(1.0)
    assert curve[-1] == pytest.approx(0.0)
    assert (np.diff(curve[:31]) > 0).all()
    assert (np.diff(curve[30:]) < 0).all()


def test_step_and_exponential():
    np.testing.assert_allclose(
        factors("step", [0, 1.9, 2, 3.9, 4]), [1, 1, 0.5, 0.5, 0.25]
    )
    np.testing.assert_allclose(
        factors("exponential", [0, 1, 2, 4]), [1, 0.5**0.5, 0.5, 0.25]
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_factor_is_between_0_and_1(name):
    if SCHEDULES[name].factor:
        values = factors(name, np.linspace(0, 10, 500))
        assert (values >= 0).all()
        assert (values <= 1).all()
