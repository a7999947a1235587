"""The settings, and in which of them networks that train together may differ."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

from skbp.engine.settings import PER_NETWORK, Settings, pick, stacked
from tests.engine.helpers import DIFFERENT, of_networks

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "searches.md"
#: Names and switches, and the numbers that make the epochs and batches of all networks.
SHARED = {
    "solver",
    "estimate",
    "learning_rate",
    "shuffle",
    "nesterovs_momentum",
    "drawn",
    "batch_size",
    "max_iter",
    "max_fun",
    "horizon",
    "compiled",
    "shares",
    "threads",
}


def test_networks_may_differ_in_the_numbers_that_the_user_guide_names():
    (sentence,) = re.findall(
        r"These parameters may differ within a group: (.*?)\.\s",
        GUIDE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    assert sorted(PER_NETWORK) == sorted(re.findall(r"`(\w+)`", sentence))


def test_every_setting_is_of_each_network_or_of_all():
    names = {one.name for one in fields(Settings)}
    assert set(PER_NETWORK) == names - SHARED
    assert names >= SHARED
    assert set(DIFFERENT) == set(PER_NETWORK)


def numbers_of(settings, k):
    """Return what network k has of each number; dropout has an entry for each layer."""
    return [
        [pick(rate, [k]) for rate in settings.dropout]
        if name == "dropout"
        else settings.each(name, [k])
        for name in PER_NETWORK
    ]


@pytest.mark.parametrize("n_networks", [1, 3])
def test_stacked_settings_give_each_network_its_own_numbers(n_networks):
    whole = Settings(solver="sgd", **DIFFERENT)
    each = [of_networks(whole, [i]) for i in range(4)]
    together = stacked(each, n_networks)
    for i, one in enumerate(each):
        for k in range(i * n_networks, (i + 1) * n_networks):
            assert numbers_of(together, k) == numbers_of(one, 0)
    assert {getattr(together, name) for name in SHARED} == {
        getattr(whole, name) for name in SHARED
    }


def test_what_is_equal_stays_one_number():
    one = Settings(alpha=0.5, dropout=(0.1, 0.2))
    assert stacked([one, one], 2) == one
    together = stacked([one, replace(one, dropout=(0.1, 0.3))], 1)
    assert together == replace(one, dropout=((0.1, 0.1), (0.2, 0.3)))
    assert together.drops_units


def test_networks_in_any_order_have_their_numbers():
    settings = Settings(alpha=[1.0, 2.0, 3.0], tol=0.5)
    assert settings.each("alpha", [2, 0]) == [3.0, 1.0]
    assert settings.each("tol", [2, 0]) == [0.5, 0.5]


@pytest.mark.parametrize(
    ("dropout", "drops"),
    [((), False), ((0.0, 0.0), False), ((0.0, [0.0, 0.1]), True), ((0.2,), True)],
)
def test_units_are_dropped_where_any_rate_is_above_0(dropout, drops):
    assert Settings(dropout=dropout).drops_units is drops
