"""Every solver behaves as its row in the table of solvers says."""

from dataclasses import replace
from math import inf, isnan

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skbp.engine.evidence.posterior import Evidence
from skbp.engine.losses import LOSSES
from skbp.engine.problem import Problem
from skbp.engine.progress import Status
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from skbp.engine.solvers import SOLVERS
from tests.catalogue import ALL_LOSSES, make_network, random_theta, targets
from tests.engine.helpers import run

N, FEATURES, OUTPUTS, K = 50, 3, 2, 2
every_solver = pytest.mark.parametrize("solver", SOLVERS)


def problem_of(loss="squared_error"):
    """Return a problem and theta (K, P) to start from."""
    rng = np.random.RandomState(0)
    network = make_network(FEATURES, (4,), OUTPUTS, "tanh")
    X, Y = rng.standard_normal((N, FEATURES)), targets(loss, N, OUTPUTS, rng)
    problem = Problem(network, LOSSES[loss], Samples(X, Y))
    return problem, random_theta(network, K, rng)


def settings_of(solver, **options):
    """Return settings with which training ends by ``max_iter`` alone."""
    endless = {"tol": 0.0, "n_iter_no_change": inf, "max_iter": 4, "batch_size": 16}
    return Settings(solver=solver, **endless | options)


def counted(problem, sizes):
    """Return the problem; each evaluation of its loss adds how many samples it saw."""
    loss = problem.loss

    def functions(shape, dtype):
        value, slope = loss.functions(shape, dtype)

        def counting(A, Y, scale):
            sizes.append(A.shape[-1])
            return value(A, Y, scale)

        return counting, slope

    return replace(problem, loss=replace(loss, functions=functions))


@every_solver
def test_an_evaluation_sees_a_batch_or_all_samples(solver):
    problem, theta = problem_of()
    sizes = []
    _, histories = run(counted(problem, sizes), theta, settings_of(solver))
    assert [history.n_iter for history in histories] == [4, 4]
    if SOLVERS[solver].batches:
        assert sizes == 4 * [16, 16, 16, 2]
    else:
        assert set(sizes) == {N}


@every_solver
def test_training_goes_on_from_the_checkpoint_or_leaves_none(solver):
    problem, theta = problem_of()
    settings = settings_of(solver, max_iter=6, learning_rate="cosine", horizon=6)
    whole, histories = run(problem, theta, settings)
    half, _ = run(problem, theta, replace(settings, max_iter=3))
    if not SOLVERS[solver].resumes:
        assert half.checkpoint is None
        return
    start = half.checkpoint().paused()
    assert start.suits(solver, problem.network.n_parameters)
    rest, later = run(problem, start, replace(settings, max_iter=3))
    assert_allclose(rest.theta, whole.theta, rtol=1e-12)
    for one, other in zip(later, histories, strict=True):
        assert_allclose(one.loss_curve, other.loss_curve, rtol=1e-12)
        assert one.rates == other.rates


@every_solver
@pytest.mark.parametrize("loss", ALL_LOSSES)
def test_a_loss_without_curvature_is_refused_where_it_is_needed(loss, solver):
    problem, theta = problem_of(loss)
    settings = settings_of(solver, max_iter=1)
    if SOLVERS[solver].curved and not problem.loss.convex:
        with pytest.raises(ValueError, match=loss):
            run(problem, theta, settings)
    else:
        solution, _ = run(problem, theta, settings)
        assert np.isfinite(solution.theta).all()
        assert (solution.theta != theta).any(axis=1).all()


@every_solver
@pytest.mark.parametrize("estimate", ["", "evidence", "ard"])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_evidence_is_found_where_alpha_is_estimated(loss, estimate, solver):
    problem, theta = problem_of(loss)
    settings = settings_of(solver, estimate=estimate, max_iter=8)
    solution, _ = run(problem, theta, settings)
    if SOLVERS[solver].estimates and estimate:
        assert len(solution.evidence) == K
        assert all(isinstance(one, Evidence) for one in solution.evidence)
    else:
        assert not any(solution.evidence)


@every_solver
def test_learning_rates_are_recorded_where_there_are_any(solver):
    problem, theta = problem_of()
    settings = settings_of(solver, learning_rate_init=[0.01, 0.02])
    _, histories = run(problem, theta, settings)
    for history, rate in zip(histories, settings.learning_rate_init, strict=True):
        if SOLVERS[solver].steps:
            assert history.rates == 4 * [rate]
            assert history.rate == rate
        else:
            assert history.rates == []
            assert isnan(history.rate)


@every_solver
def test_evaluations_are_limited_where_they_are_counted(solver):
    problem, theta = problem_of()
    settings, sizes, fewer = settings_of(solver, max_iter=20), [], []
    one, histories = run(counted(problem, sizes), theta, settings)
    limited = replace(settings, max_fun=5)
    other, limited_histories = run(counted(problem, fewer), theta, limited)
    assert all(history.n_iter == 20 for history in histories)
    if SOLVERS[solver].counts_evaluations:
        # The line search under way may end.
        assert K * 5 <= len(fewer) <= K * 10 < len(sizes)
        assert all(history.status is Status.MAX_ITER for history in limited_histories)
    else:
        assert fewer == sizes
        assert_array_equal(one.theta, other.theta)


@every_solver
def test_the_weights_that_training_starts_from_stay_as_they_were(solver):
    problem, theta = problem_of()
    before = theta.copy()
    solution, _ = run(problem, theta, settings_of(solver))
    assert_array_equal(theta, before)
    assert not np.shares_memory(solution.theta, theta)


@every_solver
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_keep_their_dtype(dtype, solver):
    problem, theta = problem_of()
    samples = Samples(problem.samples.X.astype(dtype), problem.samples.Y.astype(dtype))
    problem = replace(problem, samples=samples)
    solution, _ = run(problem, theta.astype(dtype), settings_of(solver))
    assert solution.theta.dtype == dtype


@every_solver
def test_rows_to_train_on_are_all_that_a_solver_sees(solver):
    problem, theta = problem_of()
    X, Y = problem.samples.X, problem.samples.Y
    rows = np.random.RandomState(1).permutation(N)[:30]
    settings = settings_of(solver, shuffle=False)
    some, others = (
        run(replace(problem, samples=samples), theta, settings)[0].theta
        for samples in (Samples(X, Y, rows=rows), Samples(X[rows], Y[rows]))
    )
    assert_allclose(some, others, rtol=1e-8)
