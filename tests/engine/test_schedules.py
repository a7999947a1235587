"""The learning rate over time."""

import pytest

from skbp.engine.schedules import SCHEDULES


def test_constant():
    schedule = SCHEDULES["constant"]
    assert schedule.at(0.1, 0.1, 10**6, 0.5) == 0.1
    assert schedule.on_plateau(0.1) is None


def test_invscaling():
    schedule = SCHEDULES["invscaling"]
    assert schedule.at(0.1, 0.1, 99, 0.5) == pytest.approx(0.01)
    assert schedule.at(0.1, 0.02, 0, 0.5) == 0.1
    assert schedule.on_plateau(0.1) is None


def test_adaptive():
    schedule = SCHEDULES["adaptive"]
    assert schedule.at(0.1, 0.004, 10**6, 0.5) == 0.004
    rates = [0.1]
    while rates[-1] is not None:
        rates.append(schedule.on_plateau(rates[-1]))
    assert rates[1] == pytest.approx(0.02)
    assert rates[-2] == pytest.approx(0.1 / 5**8)
    assert rates[-2] <= 1e-6 < rates[-3]
