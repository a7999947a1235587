"""Laws of checkpoints: taken apart, put together, kept and gone on from."""

import pickle
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from math import inf

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skbp.engine.checkpoint import Checkpoint, join
from skbp.engine.losses import LOSSES
from skbp.engine.problem import Problem, Validation
from skbp.engine.progress import History, Status
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from tests.catalogue import ALL_OPTIMIZERS, make_network, random_theta, targets
from tests.engine.helpers import DIFFERENT, fresh, of_networks, run

N, FEATURES, OUTPUTS, K = 60, 4, 3, 4
#: What a step may need beside the weights and the state of the optimizer: nothing,
#: an average, random numbers, or the weights where others are to be kept.
KINDS = ["plain", "average", "dropout", "validation"]
every_optimizer = pytest.mark.parametrize("solver", ALL_OPTIMIZERS)
#: Each optimizer, and each kind.
every_case = pytest.mark.parametrize(
    ("solver", "kind"),
    [(solver, "plain") for solver in ALL_OPTIMIZERS]
    + [("adam", kind) for kind in KINDS[1:]],
)


def problem_of(kind="plain"):
    """Return a problem and theta (K, P) to start from."""
    rng = np.random.RandomState(0)
    network = make_network(FEATURES, (6, 5), OUTPUTS, "tanh")
    X, Y = rng.standard_normal((N, FEATURES)), targets("log_loss", N, OUTPUTS, rng)
    validation, rows = None, None
    if kind == "validation":
        rows = np.arange(40)
        held = Samples(X[40:], Y[40:])
        validation = Validation(held, lambda theta, outputs, loss: -loss, True)
    samples = Samples(X, Y, rows=rows)
    problem = Problem(network, LOSSES["log_loss"], samples, validation)
    return problem, random_theta(network, K, rng)


def settings_of(solver, kind="plain", **options):
    """Return settings that differ from network to network.

    With the 6 epochs of ``halfway`` network 2 ends, with 6 more network 1.
    """
    patience = {"tol": [0.0, 10.0, 10.0, 0.0], "n_iter_no_change": [inf, 7, 1, inf]}
    numbers = DIFFERENT | patience | {"batch_size": 16, "max_iter": 6}
    if kind != "average":
        numbers["average_decay"] = 0.0
    if kind != "dropout":
        numbers["dropout"] = ()
    return Settings(solver=solver, **numbers | options)


def train(problem, start, settings):
    """Train; return where that leads to."""
    validate = problem.validate if problem.validation else None
    solution, _ = run(problem, start, settings, validate=validate)
    return solution.checkpoint()


def halfway(solver="adam", kind="plain", **options):
    """Return a problem, settings, and the paused checkpoint of K networks."""
    problem, theta = problem_of(kind)
    settings = settings_of(solver, kind, **options)
    return problem, settings, train(problem, theta, settings).paused()


def leaves(value, path=()):
    """Yield all that a checkpoint holds, each with the names that lead to it."""
    if isinstance(value, np.random.RandomState):
        value = value.get_state()
    if is_dataclass(value):
        for one in fields(value):
            yield from leaves(getattr(value, one.name), (*path, one.name))
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from leaves(one, (*path, name))
    elif isinstance(value, list | tuple):
        for i, one in enumerate(value):
            yield from leaves(one, (*path, i))
    else:
        yield path, value


def assert_same(one, other):
    """Assert that two checkpoints hold the same."""
    pairs = zip(leaves(one), leaves(other), strict=True)
    for (path, value), (other_path, other_value) in pairs:
        assert path == other_path
        assert_array_equal(value, other_value, str(path))


def test_a_fresh_checkpoint_is_the_start_of_every_network():
    _, theta = problem_of()
    start = Checkpoint.fresh(theta, [0.1, 0.2, 0.3, 0.4])
    assert [one.rate for one in start.histories] == [0.1, 0.2, 0.3, 0.4]
    assert all(one.running and one.n_iter == 0 for one in start.histories)
    assert start.networks == [0, 1, 2, 3]
    assert (start.t, start.epochs) == (0, 0)
    assert_array_equal(start.theta, theta)
    assert_array_equal(start.best_theta, theta)
    assert all(np.isnan(one.rate) for one in Checkpoint.fresh(theta).histories)


@every_case
def test_parts_joined_are_the_whole_again(solver, kind):
    _, _, whole = halfway(solver, kind)
    parts = [whole.select(part) for part in (range(1), range(1, 3), range(3, K))]
    assert [len(part.histories) for part in parts] == [1, 2, 1]
    for part in parts:
        assert set(part.networks) <= set(range(len(part.histories)))
        assert part.position.shape == (len(part.networks), whole.theta.shape[1])
    assert_same(join(parts), whole)


@every_case
def test_networks_go_on_in_another_company_as_in_their_own(solver, kind):
    problem, settings, whole = halfway(solver, kind)
    assert whole.networks == [0, 1, 3]
    numbers = [[3], [0, 1], [2]]
    parts = [whole.select(range(own[0], own[-1] + 1)) for own in numbers]
    settings_apart = [of_networks(settings, own) for own in numbers]
    ends = [
        train(problem, deepcopy(part), own)
        for part, own in zip(parts, settings_apart, strict=True)
    ]
    order = [k for own in numbers for k in own]
    together = train(problem, join(parts), of_networks(settings, order))
    assert_alike(together, ends)
    assert together.epochs == 12
    assert together.t == 12 * len(problem.samples)


def assert_alike(together, ends):
    """Assert that networks that trained together ended as these did."""
    assert_allclose(
        together.theta, np.concatenate([end.theta for end in ends]), rtol=1e-8
    )
    histories = [history for end in ends for history in end.histories]
    for one, other in zip(together.histories, histories, strict=True):
        assert_allclose(one.loss_curve, other.loss_curve)
        assert one.status is other.status


@every_optimizer
def test_networks_that_began_apart_go_on_together(solver):
    """Two of the same numbers, one alone, and two that differ."""
    problem, theta = problem_of()
    theta = np.concatenate([theta, theta[:1]])
    numbers = {
        "momentum": [0.9, 0.9, 0.8, 0.5, 0.7],
        "beta_1": [0.9, 0.9, 0.8, 0.5, 0.7],
        "beta_2": [0.99, 0.99, 0.9, 0.5, 0.999],
        "epsilon": [1e-8, 1e-8, 1e-6, 1e-3, 0.1],
    }
    settings = Settings(solver=solver, batch_size=16, max_iter=3, tol=0.0, **numbers)
    groups = [[0, 1], [2], [3, 4]]
    paused, ends = [], []
    for own in groups:
        half = train(problem, theta[own], of_networks(settings, own)).paused()
        paused.append(half)
        ends.append(train(problem, deepcopy(half), of_networks(settings, own)))
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        start = join([deepcopy(paused[i]) for i in order])
        some = [k for i in order for k in groups[i]]
        together = train(problem, start, of_networks(settings, some))
        assert_alike(together, [ends[i] for i in order])
        # And once more, from what they have become together.
        half = together.paused()
        assert_same(join([half.select(range(1)), half.select(range(1, 5))]), half)


@every_case
def test_training_in_two_halves_is_training_in_one_go(solver, kind):
    problem, settings, half = halfway(solver, kind, learning_rate="cosine", horizon=12)
    rest = train(problem, half, settings)
    _, theta = problem_of(kind)
    whole = train(problem, theta, replace(settings, max_iter=12))
    assert_alike(rest, [whole])
    assert_allclose(rest.best_theta, whole.best_theta, rtol=1e-8)
    assert_array_equal(rest.order, whole.order)
    assert (rest.t, rest.epochs) == (whole.t, whole.epochs)


@every_case
def test_a_checkpoint_survives_a_pickle_and_a_deep_copy(solver, kind):
    problem, settings, half = halfway(solver, kind)
    pickled, copied = pickle.loads(pickle.dumps(half)), deepcopy(half)
    for again in (pickled, copied):
        assert_same(again, half)
    end = train(problem, half, settings)
    # Copies do not change when training goes on from what they are copies of.
    assert_same(copied, pickled)
    assert_same(train(problem, pickled, settings), end)


@every_case
def test_a_checkpoint_holds_arrays_numbers_and_names(solver, kind):
    _, _, half = halfway(solver, kind)
    for path, value in leaves(half):
        plain = isinstance(value, np.ndarray | np.generic | int | float | str)
        assert plain or value is None, path


@every_case
def test_training_changes_no_array_that_it_starts_from(solver, kind):
    problem, settings, half = halfway(solver, kind)
    before = deepcopy(half)
    train(problem, half, settings)
    # The histories go on.
    assert_same(replace(half, histories=[]), replace(before, histories=[]))


@pytest.mark.parametrize("positioned", [False, True])
def test_those_that_max_iter_ended_go_on_and_no_others(positioned):
    n = len(Status)
    rows = np.arange(float(n))[:, np.newaxis] * np.ones((1, 3))
    end = Checkpoint(
        [History(status=status, loss_curve=[1.0]) for status in Status],
        theta=rows,
        best_theta=rows + 0.5,
        networks=list(range(n)),
        position=-rows if positioned else None,
        optimizer={"velocity": 10.0 * rows, "t": 7},
        average={"sum": 20.0 * rows, "t": 7},
        random=np.random.RandomState(0),
    )
    before = deepcopy(end)
    paused = end.paused()
    goes_on = {Status.RUNNING, Status.MAX_ITER}
    expected = [Status.RUNNING if one in goes_on else one for one in Status]
    assert [one.status for one in paused.histories] == expected
    assert paused.networks == [k for k, one in enumerate(Status) if one in goes_on]
    going = rows[paused.networks]
    assert_array_equal(paused.position, -going if positioned else going)
    assert_array_equal(paused.optimizer["velocity"], 10.0 * going)
    assert_array_equal(paused.average["sum"], 20.0 * going)
    assert (paused.optimizer["t"], paused.average["t"]) == (7, 7)
    # All keep their weights, and the checkpoint of the end is as it was.
    assert_array_equal(paused.theta, rows)
    assert_array_equal(paused.best_theta, rows + 0.5)
    assert_same(end, before)


@every_optimizer
def test_networks_that_have_all_ended_stay_as_they_are(solver):
    problem, settings, half = halfway(solver, tol=inf, n_iter_no_change=1)
    assert all(one.status is Status.CONVERGED for one in half.histories)
    assert half.networks == []
    before = deepcopy(half)
    assert_same(train(problem, half, settings).paused(), before)
    # Joined with others, that have come further, they wait.
    assert half.epochs < 6
    other = train(problem, half.theta, replace(settings, tol=0.0)).paused()
    both = join([half, other])
    assert both.networks == [4, 5, 6, 7]
    assert both.epochs == 6
    assert_same(both.select(range(4, 8)), other)


@every_case
def test_without_weights_it_holds_what_the_next_step_needs_alone(solver, kind):
    problem, theta = problem_of(kind)
    settings = settings_of(solver, kind, tol=0.0, n_iter_no_change=inf, max_iter=3)
    end = train(problem, theta, settings)
    rest = end.without_weights()
    large = {
        path[0] for path, value in leaves(rest) if np.size(value) >= theta.shape[1]
    }
    needs = {"optimizer"}
    needs |= {"average", "position"} if kind == "average" else set()
    needs |= {"position"} if kind == "validation" else set()
    assert large - {"random"} == needs
    assert rest.order is None
    for one, other in zip(rest.histories, end.histories, strict=True):
        assert one.running
        assert (one.best, one.stale, one.rate) == (other.best, other.stale, other.rate)
        assert one.n_iter == len(one.rates) == len(one.validation_scores) == 0
    # With the weights it is enough.
    start = replace(rest, theta=end.theta, best_theta=end.best_theta, order=end.order)
    once_more = train(problem, start, settings)
    expected = train(problem, end.paused(), settings)
    assert_array_equal(once_more.theta, expected.theta)


def test_a_checkpoint_suits_its_solver_and_its_number_of_parameters():
    problem, _, half = halfway("adam")
    P = problem.network.n_parameters
    assert half.suits("adam", P)
    assert not half.suits("sgd", P)
    assert not half.suits("adam", P + 1)
    assert not fresh(half.theta, Settings()).suits("adam", P)
