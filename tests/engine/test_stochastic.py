"""Training of K networks in lock-step is training of each of them alone."""

import tracemalloc
from dataclasses import replace
from math import inf, isnan

import numpy as np
import pytest

from skbp.engine.checkpoint import Checkpoint
from skbp.engine.losses import LOSSES
from skbp.engine.network import predict
from skbp.engine.problem import Problem
from skbp.engine.progress import Progress, Status, Validated
from skbp.engine.samples import Samples
from skbp.engine.schedules import SCHEDULES
from skbp.engine.settings import Settings
from skbp.engine.solvers.batches import in_batches, sorted_batches
from skbp.engine.solvers.stochastic import Cohort, Training
from tests.catalogue import ALL_OPTIMIZERS, make_network, random_theta, targets
from tests.engine import helpers
from tests.engine.helpers import DIFFERENT, of_networks

NUMPY = tuple(map(int, np.__version__.split(".")[:2]))
N, FEATURES, OUTPUTS = 90, 4, 3
LOSS = LOSSES["log_loss"]


def problem(K, activation="tanh", dtype=np.float64, weights=None):
    rng = np.random.RandomState(0)
    network = make_network(FEATURES, (6, 5), OUTPUTS, activation)
    X = rng.standard_normal((N, FEATURES)).astype(dtype)
    Y = targets("log_loss", N, OUTPUTS, rng).astype(dtype)
    return network, Samples(X, Y, weights), random_theta(network, K, rng, dtype)


def run(network, samples, start, settings, *, score=None, hook=None):
    def validate(at):
        return [Validated(value, 1.0 - value) for value in score(at)]

    solution, histories = helpers.run(
        Problem(network, LOSS, samples),
        start,
        settings,
        validate=validate if score else None,
        hook=hook,
    )
    return solution.theta, histories, solution.checkpoint


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("learning_rate", sorted(SCHEDULES))
@pytest.mark.parametrize("solver", ALL_OPTIMIZERS)
def test_lock_step(solver, learning_rate, early_stopping, shuffle, weighted):
    weights = np.random.RandomState(5).rand(N) if weighted else None
    network, samples, theta = problem(4, weights=weights)
    settings = Settings(
        solver=solver,
        learning_rate=learning_rate,
        shuffle=shuffle,
        batch_size=32,
        max_iter=25,
        **DIFFERENT,
    )

    def score(at):
        W, b = network.split(at)
        Z = predict(network, W, b, samples.X[60:])
        hits = Z.argmax(axis=2) == samples.Y[60:].argmax(axis=1)
        return hits.mean(axis=1).tolist()

    options = {"score": score if early_stopping else None}
    if early_stopping:
        samples = Samples(samples.X, samples.Y, weights, rows=np.arange(60))
    together, histories, _ = run(network, samples, theta, settings, **options)
    lengths = set()
    for k in range(4):
        single, (history,), _ = run(
            network, samples, theta[k : k + 1], of_networks(settings, [k]), **options
        )
        np.testing.assert_allclose(together[k], single[0], rtol=1e-8, atol=1e-11)
        np.testing.assert_allclose(histories[k].loss_curve, history.loss_curve)
        np.testing.assert_allclose(
            histories[k].validation_scores, history.validation_scores
        )
        assert histories[k].status == history.status
        assert histories[k].rate == pytest.approx(history.rate)
        assert histories[k].stale == history.stale
        lengths.add(len(history.loss_curve))
    if learning_rate != "adaptive":
        assert len(lengths) > 1, "no network stopped before the others"


@pytest.mark.parametrize("solver", ALL_OPTIMIZERS)
def test_lock_step_in_float32(solver):
    network, samples, theta = problem(4, dtype=np.float32)
    settings = Settings(solver=solver, batch_size=32, max_iter=10, **DIFFERENT)
    together, _, _ = run(network, samples, theta, settings)
    assert together.dtype == np.float32
    for k in range(4):
        single, _, _ = run(
            network, samples, theta[k : k + 1], of_networks(settings, [k])
        )
        np.testing.assert_allclose(together[k], single[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("n", [1, 7, 12, 13])
@pytest.mark.parametrize("batch_size", [1, 4, 13])
def test_batches_are_sorted_and_keep_their_samples(n, batch_size):
    random = np.random.RandomState(0)
    orders = np.stack([random.permutation(n) for _ in range(3)])
    before = orders.copy()
    for order in orders:
        rows = sorted_batches(order, batch_size)
        for start in range(0, n, batch_size):
            batch = slice(start, start + batch_size)
            np.testing.assert_array_equal(rows[batch], np.sort(order[batch]))
    each = [sorted_batches(order, batch_size) for order in orders]
    np.testing.assert_array_equal(sorted_batches(orders, batch_size), each)
    np.testing.assert_array_equal(orders, before)


def test_why_training_ended():
    network, samples, theta = problem(3)
    settings = Settings(
        max_iter=30, tol=[0.0, 10.0, 0.0], n_iter_no_change=[inf, 4, inf]
    )
    _, histories, _ = run(network, samples, theta, settings)
    assert [h.status for h in histories] == [
        Status.MAX_ITER,
        Status.CONVERGED,
        Status.MAX_ITER,
    ]
    # More than 4 epochs in a row, after the first.
    assert [h.n_iter for h in histories] == [30, 6, 30]


def test_a_network_that_diverges_leaves_the_others_alone():
    network, samples, theta = problem(3, "identity")
    settings = Settings(
        solver="sgd",
        max_iter=40,
        momentum=0.0,
        alpha=[0.0, 1e6, 0.0],
        learning_rate_init=[0.1, 1e6, 0.2],
        n_iter_no_change=inf,
    )
    result, histories, _ = run(network, samples, theta, settings)
    assert [h.status for h in histories] == [
        Status.MAX_ITER,
        Status.DIVERGED,
        Status.MAX_ITER,
    ]
    assert histories[1].n_iter < 40
    assert np.isfinite(result).all()
    # The best weights of the one that diverged are those it began with.
    np.testing.assert_array_equal(result[1], theta[1])
    single, _, _ = run(network, samples, theta[2:], of_networks(settings, [2]))
    np.testing.assert_allclose(result[2], single[0], rtol=1e-9)


def test_divergence_returns_to_the_best_weights_there_were():
    """To those with which the diverging epoch began, if J is lower there."""
    network, samples, theta = problem(1)
    good, _, _ = run(network, samples, theta, Settings(max_iter=30))
    bad = np.full_like(theta, np.nan)
    start, rng = Checkpoint.fresh(theta, [1e-3]), np.random.RandomState()
    progress = Progress(theta, [0.0], [inf])
    training = Training(
        Problem(network, LOSS, samples), Settings(), progress, start, rng
    )
    for first, second in [(theta, good), (good, theta), (bad, good), (good, bad)]:
        with np.errstate(invalid="ignore"):
            best = training.lowest(0, np.concatenate([first, second]))
        np.testing.assert_array_equal(best, good[0])

    def hook(progress, networks, at):
        if progress.histories[0].n_iter == 8:
            progress.histories[0].rate = np.inf

    result, (history,), _ = run(
        network, samples, theta, Settings(n_iter_no_change=inf), hook=hook
    )
    assert history.status == Status.DIVERGED
    expected, _, _ = run(network, samples, theta, Settings(max_iter=8))
    # The tenth epoch diverges; it began with infinities, the ninth with these.
    np.testing.assert_array_equal(result, expected)


def test_divergence_of_all_ends_the_epoch_at_once(monkeypatch):
    network, samples, theta = problem(1)
    theta[0, 0] = np.nan
    steps = []
    monkeypatch.setattr(
        "skbp.engine.solvers.optimizers.Adam.step",
        lambda self, rate, J: steps.append(rate),
    )
    _, (history,), _ = run(network, samples, theta, Settings(batch_size=1))
    assert history.status == Status.DIVERGED
    assert steps == []
    assert isnan(history.loss_curve[0])


def test_nan_scores_end_training():
    network, samples, theta = problem(1)
    result, (history,), _ = run(
        network, samples, theta, Settings(), score=lambda at: [np.nan]
    )
    assert history.status == Status.DIVERGED
    np.testing.assert_array_equal(result, theta)


@pytest.mark.parametrize("solver", ALL_OPTIMIZERS)
def test_weights_without_weight_are_skipped(solver):
    weights = np.ones(N)
    weights[30:60] = 0.0
    network, samples, theta = problem(2, weights=weights)
    settings = Settings(solver=solver, batch_size=30, shuffle=False, max_iter=5)
    result, histories, _ = run(network, samples, theta, settings)
    kept = np.r_[0:30, 60:90]
    fewer = Samples(samples.X[kept], samples.Y[kept], weights[kept])
    expected, expected_histories, _ = run(network, fewer, theta, settings)
    np.testing.assert_allclose(result, expected, rtol=1e-13)
    for history, other in zip(histories, expected_histories, strict=True):
        np.testing.assert_allclose(history.loss_curve, other.loss_curve)


def test_the_best_weights_on_the_validation_set_are_kept():
    network, samples, theta = problem(2)
    seen, scores = [], iter([[1, 5], [3, 4], [2, 9], [3, 8], [1, 7], [0, 6]])

    def score(at):
        seen.append(at.copy())
        return [float(s) for s in next(scores)]

    settings = Settings(max_iter=6, n_iter_no_change=inf)
    result, histories, _ = run(network, samples, theta, settings, score=score)
    np.testing.assert_array_equal(result[0], seen[1][0])
    np.testing.assert_array_equal(result[1], seen[2][1])
    assert [h.best for h in histories] == [-3, -9]


def test_a_hook_sees_each_epoch_and_may_end_training():
    network, samples, theta = problem(2)
    epochs = []

    def hook(progress, networks, at):
        epochs.append((networks, at.shape, progress.histories[0].n_iter))
        return len(epochs) == 3

    _, histories, _ = run(network, samples, theta, Settings(), hook=hook)
    assert [h.status for h in histories] == [Status.STOPPED, Status.STOPPED]
    assert epochs == [([0, 1], theta.shape, n) for n in (1, 2, 3)]


def test_an_interrupt_leaves_usable_weights(monkeypatch):
    network, samples, theta = problem(1)
    epoch = Cohort.epoch

    def interrupted(self, *args):
        if len(self.theta) and interrupted.left == 0:
            raise KeyboardInterrupt
        interrupted.left -= 1
        return epoch(self, *args)

    interrupted.left = 4
    monkeypatch.setattr(Cohort, "epoch", interrupted)
    result, (history,), _ = run(network, samples, theta, Settings())
    assert history.status == Status.INTERRUPTED
    assert history.n_iter == 4
    monkeypatch.undo()
    expected, _, _ = run(network, samples, theta, Settings(max_iter=4))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("solver", ALL_OPTIMIZERS)
def test_training_goes_on_from_its_state(solver):
    network, samples, theta = problem(2)
    settings = Settings(
        solver=solver,
        learning_rate="invscaling",
        learning_rate_init=[0.1, 0.01],
        shuffle=False,
        max_iter=6,
    )
    whole, _, _ = run(network, samples, theta, settings)
    half, _, end = run(network, samples, theta, replace(settings, max_iter=3))
    checkpoint = end()
    assert isinstance(checkpoint, Checkpoint)
    assert checkpoint.t == 3 * N
    start = replace(checkpoint.without_weights(), theta=half, best_theta=half)
    rest, _, _ = run(network, samples, start, replace(settings, max_iter=3))
    np.testing.assert_allclose(rest, whole, rtol=1e-12)


@pytest.mark.parametrize("solver", ALL_OPTIMIZERS)
@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("K", [1, 3])
def test_a_step_allocates_nothing_that_grows(solver, loss, K):
    """What a step allocates beside its kept arrays: numbers, and NumPy's own buffers.

    (NumPy copies operands that it broadcasts through buffers of 8192 numbers, and until
    2.2 also those that are parts of the rows of an array: all three of an operation.)
    """
    rng = np.random.RandomState(0)
    network = make_network(50, (256, 256), 128, "relu")
    samples = Samples(rng.standard_normal((1000, 50)), targets(loss, 1000, 128, rng))
    settings = Settings(solver=solver, batch_size=500)
    problem = Problem(network, LOSSES[loss], samples)
    cohort = Cohort(problem, settings, list(range(K)), random_theta(network, K, rng))
    batches = list(in_batches(samples, rng.permutation(1000), 500))
    cohort.epoch(batches, 1e-3)
    tracemalloc.start()
    cohort.epoch(batches, 1e-3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    numpys_buffers = (2 if NUMPY >= (2, 3) else 3) * 8192 * 8
    smallest_activation = 128 * 500 * 8
    assert peak < numpys_buffers + 10_000 < smallest_activation / 2


def test_a_step_of_a_stream_prepares_nothing_for_fast_steps():
    network, samples, theta = problem(1)
    whole = Problem(network, LOSSES["squared_error"], samples)

    def arranged(max_iter):
        return Cohort(whole, Settings(max_iter=max_iter), [0], theta.copy()).order

    assert arranged(1) is None
    assert len(arranged(2)) == theta.shape[1]
