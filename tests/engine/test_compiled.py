"""Compiled loops train the very networks that the NumPy engine trains.

A law over the catalogue: the same weights, up to rounding, after several epochs, for
all activations, losses, optimizers and their options.
"""

import ast
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from subprocess import run

import numpy as np
import pytest

from skbp.engine.activations import HIDDEN
from skbp.engine.arrays import BLOCK
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.compiled import files, suits
from skbp.engine.compiled.together import together
from skbp.engine.fit import Job, fit
from skbp.engine.losses import LOSSES
from skbp.engine.network import Network
from skbp.engine.problem import Problem
from skbp.engine.progress import Status
from skbp.engine.samples import Samples
from skbp.engine.settings import Settings
from skbp.engine.solvers.optimizers import OPTIMIZERS
from tests.catalogue import LOSS_AND_OUTPUT, random_theta, targets

numba = pytest.importorskip("numba", reason="compiled loops are an extra")

elements, outputs, steps, cohort, kernels, epoch = (
    import_module(f"skbp.engine.compiled.{name}")
    for name in ("elements", "outputs", "steps", "cohort", "kernels", "epoch")
)

#: What numba compiles into machine code where a function reads it from its module.
CONSTANTS = (bool, int, float, str, tuple, np.ndarray)

N, FEATURES, K = 70, 5, 3
CLOSE = {np.float64: 1e-9, np.float32: 2e-3}


def problem_of(
    loss, output, activations=("tanh", "relu"), dtype=np.float64, weighted=False, n=N
):
    rng = np.random.RandomState(0)
    n_outputs = 2
    network = Network((FEATURES, 8, 6, n_outputs), activations)
    X = rng.standard_normal((n, FEATURES))
    Y = targets(loss, n, n_outputs, rng)
    if output == "softmax":
        Y = np.abs(Y) / (np.abs(Y).sum(axis=1, keepdims=True) + 1e-9)
    weights = rng.rand(n).astype(dtype) if weighted else None
    samples = Samples(X.astype(dtype), Y.astype(dtype), weights)
    problem = Problem(network, LOSSES[loss].through(output), samples)
    return problem, random_theta(network, K, rng).astype(dtype)


def trained(problem, theta, settings, **others):
    rates = settings.each("learning_rate_init", range(len(theta)))
    start = Checkpoint.fresh(theta, rates)
    return fit(Job(problem, settings, start, np.random.RandomState(1), **others))


def both(problem, theta, **settings):
    """Return the results of the NumPy engine and of the compiled loops."""
    defaults = {"max_iter": 5, "batch_size": 32, "learning_rate_init": 0.01, "tol": 0.0}
    settings = Settings(**defaults | settings)
    compiled = replace(settings, compiled=True, threads=2)
    return trained(problem, theta, settings), trained(problem, theta, compiled)


def same(found, dtype=np.float64):
    for one, other in zip(*found, strict=True):
        close = {"rtol": CLOSE[dtype], "atol": CLOSE[dtype]}
        np.testing.assert_allclose(one.model.theta, other.model.theta, **close)
        curves = (result.history.loss_curve for result in (one, other))
        np.testing.assert_allclose(*curves, **close)
        assert one.history.status is other.history.status


def test_weights_of_targets_are_for_the_numpy_engine():
    problem, _ = problem_of("squared_error", "identity", weighted=True)
    assert suits(problem)
    samples = problem.samples
    each = np.ones(samples.Y.shape)
    assert not suits(replace(problem, samples=Samples(samples.X, samples.Y, each)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", sorted(HIDDEN))
def test_activations(name, dtype):
    same(both(*problem_of("log_loss", "softmax", (name, name), dtype)), dtype)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "output"), LOSS_AND_OUTPUT)
def test_losses(loss, output, weighted):
    if loss == "quantile" and output == "ordered":
        pytest.skip("several levels are a loss of their own")
    found = both(*problem_of(loss, output, weighted=weighted))
    same(found)


OPTIONS = {
    "plain": {},
    "own numbers": {
        "learning_rate_init": [0.01, 0.003, 0.02],
        "alpha": [0.0, 0.1, 0.001],
        "beta_1": [0.9, 0.8, 0.7],
        "beta_2": [0.99, 0.999, 0.95],
        "momentum": [0.9, 0.0, 0.5],
    },
    "weight decay": {"weight_decay": [0.1, 0.0, 1.0]},
    "clipping": {"max_grad_norm": 0.05},
    "average": {"average_decay": [0.9, 0.5, 0.0]},
    "no momentum": {"nesterovs_momentum": False},
    "schedule": {"learning_rate": "cosine", "warmup": 1.5},
    "no shuffle": {"shuffle": False},
    "dropout": {"dropout": (0.2, [0.1, 0.3, 0.0])},
    "a batch that leaves a rest of one": {"batch_size": 23},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_optimizers(solver, options, dtype):
    problem, theta = problem_of("squared_error", "identity", dtype=dtype)
    same(both(problem, theta, solver=solver, **options), dtype)


def test_no_biases():
    problem, theta = problem_of("squared_error", "identity")
    network = Network(problem.network.units, problem.network.activations, biases=False)
    theta = theta[:, : network.n_parameters]
    same(both(replace(problem, network=network), theta, alpha=0.1))


@pytest.mark.parametrize("dropout", [(), (0.3, 0.0)])
def test_batches_of_several_blocks(dropout):
    n = 2 * BLOCK + 100
    problem, theta = problem_of("log_loss", "softmax", n=n)
    same(both(problem, theta, batch_size=n, dropout=dropout, max_iter=3))


def test_rows_and_weights_of_zero():
    problem, theta = problem_of("squared_error", "identity", weighted=True)
    problem.samples.weights[:40] = 0.0
    samples = problem.samples
    part = Samples(samples.X, samples.Y, samples.weights, np.arange(0, N, 2))
    for each in (samples, part):
        same(both(replace(problem, samples=each), theta, shuffle=False, batch_size=8))


def test_networks_end_at_their_own_time():
    problem, theta = problem_of("squared_error", "identity")
    settings = {"tol": [0.0, 10.0, 0.01], "n_iter_no_change": 2, "max_iter": 12}
    found = both(problem, theta, **settings)
    same(found)
    assert len({one.history.n_iter for one in found[1]}) > 1


def test_a_network_that_diverges_leaves_the_others_alone():
    problem, theta = problem_of("squared_error", "identity", ("relu", "relu"))
    rates = [1e-3, 1e200, 1e-3]
    found = both(problem, theta, solver="sgd", learning_rate_init=rates)
    same(found)
    assert found[1][1].history.status is Status.DIVERGED


@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
def test_training_continues_where_the_other_has_stopped(solver):
    """The state of either is one that the other continues from."""
    problem, theta = problem_of("squared_error", "identity")
    settings = Settings(solver, average_decay=0.9, tol=0.0, batch_size=N, max_iter=3)
    compiled = replace(settings, compiled=True)
    ends = []
    for first, second in [(settings, compiled), (compiled, settings)]:
        (result,) = trained(problem, theta[:1], first)
        state = result.checkpoint().paused()
        start = Checkpoint.fresh(theta[:1], [1e-3])
        job = Job(problem, second, start, np.random.RandomState(0))
        (result,) = fit(
            replace(job, settings=replace(second, max_iter=6)).resumed(state)
        )
        ends.append(result.model.theta)
    np.testing.assert_allclose(*ends, rtol=1e-9)
    assert not np.allclose(ends[0], theta[:1])


@pytest.mark.parametrize("solver", ["adam", "nadam", "rmsprop"])
def test_gradients_close_to_nothing(solver):
    """Mean squares count beside an epsilon that is even smaller."""
    problem, theta = problem_of("squared_error", "identity")
    samples = Samples(problem.samples.X, 1e-12 * problem.samples.Y)
    problem, theta = replace(problem, samples=samples), 1e-8 * theta
    same(both(problem, theta, solver=solver, epsilon=1e-30, max_iter=2))


def test_dead_units_leave_no_subnormal_numbers():
    """Arithmetic with subnormal numbers takes a hundred times as long."""
    problem, theta = problem_of("squared_error", "identity", ("relu", "relu"))
    theta[:, -14:-8] = -100.0  # the biases of a hidden layer: no unit is active
    theta = theta.astype(np.float32)
    samples = problem.samples
    few = Samples(samples.X.astype("f4"), samples.Y.astype("f4"))
    problem = replace(problem, samples=few)
    for solver in ("adam", "nadam", "sgd", "rmsprop"):
        settings = Settings(solver, compiled=True, tol=0.0, beta_2=0.95, momentum=0.5)
        together = cohort.CompiledCohort(problem, settings, [0, 1, 2], theta.copy())
        together.arrays[:] = 1e-3
        every = problem.samples, np.arange(N), 0.0
        for _ in range(2000):
            together.epoch([every], 1e-4)
        numbers = np.abs(together.arrays[together.arrays != 0.0])
        assert (numbers >= np.finfo(np.float32).tiny).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh"])
def test_elements_over_the_whole_range(name, dtype):
    """Within 3 units in the last place of a result with more digits."""
    element, finfo = getattr(elements, name), np.finfo(dtype)

    @numba.njit
    def values(x, out):
        for i in range(len(x)):
            out[i] = element(x[i])

    most = 22.0 if name == "tanh" else np.log(float(finfo.max)) - 1e-3
    rng = np.random.RandomState(0)
    x = np.concatenate(
        [
            rng.uniform(-most, most, 100_000),
            rng.uniform(-1.0, 1.0, 50_000) * 10.0 ** rng.uniform(-30, 0, 50_000),
            [0.0, most, -most],
        ]
    ).astype(dtype)
    found, exact = np.empty_like(x), getattr(np, name)(x.astype(np.longdouble))
    values(x, found)
    normal = np.abs(exact) > 4.0 * finfo.tiny
    error = np.abs(found - exact)[normal] / np.spacing(
        np.abs(exact[normal]).astype(dtype)
    )
    assert error.max() < 3.0
    assert (np.abs(found[~normal]) < 5.0 * finfo.tiny).all()
    special = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30], dtype)
    found = np.empty_like(special)
    values(special, found)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(found, getattr(np, name)(special))


def test_the_tables_have_all_losses_and_optimizers():
    assert set(outputs.CODES) == {loss.name for loss in LOSSES.values()}
    assert set(steps.CODES) == set(OPTIMIZERS)


SHARED = {
    "plain": {},
    "a batch smaller than the number of shares": {"batch_size": 23, "shares": 3},
    "clipping": {"max_grad_norm": 0.05},
    "all": {
        "alpha": 0.1,
        "max_grad_norm": 0.05,
        "weight_decay": 0.1,
        "average_decay": 0.9,
    },
    "dropout": {"dropout": (0.2, 0.1)},
    "batches of several blocks": {"batch_size": 2 * BLOCK + 100, "dropout": (0.2, 0.1)},
}


@pytest.mark.parametrize("solver", sorted(OPTIMIZERS))
@pytest.mark.parametrize("options", SHARED.values(), ids=SHARED)
def test_shares_of_a_batch(solver, options, monkeypatch):
    """A network that two threads train together, or one alone: the same digits."""
    monkeypatch.setattr("skbp.engine.compiled.together.CALL", 0.0)
    n = 2 * BLOCK + 100 if options.get("batch_size", 0) > BLOCK else N
    problem, theta = problem_of("squared_error", "identity", n=n)
    options = {"shares": 2} | options
    found = both(problem, theta[:1], solver=solver, **options)
    same(found)
    settings = Settings(
        solver, compiled=True, batch_size=32, learning_rate_init=0.01, tol=0.0
    )
    settings = replace(settings, max_iter=5, **options)
    (alone,) = trained(problem, theta[:1], settings)
    np.testing.assert_array_equal(alone.model.theta, found[1][0].model.theta)


def test_arrays_of_every_kind_use_the_same_loops():
    """numba would compile everything again for arrays that may not be written to."""
    problem, theta = problem_of("squared_error", "identity", weighted=True)
    settings = Settings(compiled=True, max_iter=2, batch_size=32)
    trained(problem, theta[:1], settings)
    loops = epoch.EPOCHS[np.dtype(np.float64)]
    before = len(loops.signatures)
    samples = problem.samples
    arrays = [samples.X.copy(), samples.Y.copy(), samples.weights.copy()]
    for array in arrays:
        array.flags.writeable = False
        trained(replace(problem, samples=Samples(*arrays)), theta[:1], settings)
    plain = replace(problem, samples=Samples(*arrays[:2]))
    trained(plain, theta[:1], settings)
    assert len(loops.signatures) == before


def test_dropout_draws_nothing_for_batches_without_weight():
    problem, theta = problem_of("squared_error", "identity", weighted=True)
    weights = problem.samples.weights.copy()
    weights[:64] = 0.0
    samples = Samples(problem.samples.X, problem.samples.Y, weights)
    options = {"dropout": (0.3, 0.2), "shuffle": False, "batch_size": 32}
    same(both(replace(problem, samples=samples), theta, **options))


def test_a_network_that_diverges_among_epochs_that_nobody_looks_at():
    """Training ends after the same epoch, with the same weights and state."""
    problem, theta = problem_of("squared_error", "identity", ("identity", "identity"))
    settings = {"solver": "sgd", "learning_rate_init": 0.2, "n_iter_no_change": 50}
    found = both(problem, theta[:1], max_iter=50, **settings)
    same(found)
    one, other = (results[0].checkpoint() for results in found)
    assert found[0][0].history.status is Status.DIVERGED
    assert 1 < found[0][0].history.n_iter < 50
    np.testing.assert_array_equal(one.order, other.order)
    assert one.t == other.t


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 0.1},
        {"learning_rate": "invscaling"},
        {"learning_rate": "cosine", "warmup": 2.0},
        {"n_iter_no_change": np.inf},
        {"n_iter_no_change": [1, 2, 3], "tol": [0.1, 10.0, 0.0]},
    ],
)
def test_epochs_that_nobody_looks_at(options):
    """Histories and state are those of epochs one by one."""
    problem, theta = problem_of("squared_error", "identity")
    found = both(problem, theta, max_iter=30, **options)
    same(found)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one.history.rates, other.history.rates)
        assert one.history.stale == other.history.stale
    one, other = (results[0].checkpoint() for results in found)
    np.testing.assert_array_equal(one.order, other.order)
    assert (one.t, one.epochs) == (other.t, other.epochs)
    assert one.random.get_state()[2] == other.random.get_state()[2]


def test_on_a_busy_machine_one_thread_does_the_work_of_all(monkeypatch):
    monkeypatch.setattr("skbp.engine.compiled.together.CALL", 0.0)
    problem, theta = problem_of("squared_error", "identity")
    settings = Settings(compiled=True, shares=2, threads=2)
    pair = cohort.CompiledCohort(problem, settings, [0], theta[:1].copy())
    started = []

    def counted(*arguments):
        started.append(1)
        return together(*arguments)

    def epochs(n, used):
        """Return how many of n epochs had two threads, with this part of a core."""
        started.clear()
        clock = iter(np.arange(100.0 * n))
        monkeypatch.setattr(cohort, "perf_counter", lambda: next(clock))
        monkeypatch.setattr(cohort, "thread_time", lambda: used * next(clock))
        for _ in range(n):
            pair.epoch([(problem.samples, np.arange(N), 0.0)], 0.1)
        return len(started)

    monkeypatch.setattr(cohort, "together", counted)
    assert epochs(5, 10.0) == 5
    # Calls 1, 2, 4, 8, 16, 32, 64: the first busy call may be an accident.
    assert epochs(100, 0.0) == 7
    epochs(100, 10.0)
    assert epochs(5, 10.0) == 5


def test_places_of_kernels_do_not_depend_on_the_order_of_imports():
    """They are constants in the compiled functions that other processes have stored."""
    tasks = {"forward": "layers", "residual": "outputs", "step": "steps"}
    tasks |= {"of_block": "gradient", "update": "epoch"}

    def places(order):
        lines = ["from importlib import import_module"]
        lines += [
            f"print('{task}', import_module('skbp.engine.compiled.{tasks[task]}')"
            f".{task}.place)"
            for task in order
        ]
        done = run(
            [sys.executable, "-c", "\n".join(lines)],
            capture_output=True,
            text=True,
            check=True,
        )
        return sorted(done.stdout.splitlines())

    assert len(places(tasks)) == 5
    assert places(tasks) == places(reversed(tasks))


def test_the_cache_knows_all_files_whose_constants_are_compiled():
    """A constant from elsewhere would be an old one in functions stored before."""
    known, found = set(files()), set()
    for file in Path(cohort.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            if not (node.module or "").startswith("skbp."):
                continue
            module = import_module(node.module)
            constants = {
                one.name
                for one in node.names
                if isinstance(getattr(module, one.name), CONSTANTS)
            }
            assert not constants or Path(module.__file__) in known, (file, constants)
            found |= constants
    assert "BLOCK" in found


def test_each_dtype_has_files_of_its_own_in_the_cache():
    """Two processes that compile for a dtype each would mix them up."""
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    for function, _ in [*kernels._kernels.values(), (epoch.epoch_of_networks, [])]:
        one, other = (kernels.stored(function, dtype) for dtype in (single, double))
        assert one is kernels.stored(function, single)
        assert one.py_func.__qualname__ != other.py_func.__qualname__


def test_without_a_folder_for_the_cache_the_loops_cannot_be_imported():
    """``fit`` then knows before it trains, see ``fault_of_loops``."""
    lines = [
        "from numba.core import caching",
        "caching.CompileResultCacheImpl._locator_classes = []",
        "try:",
        "    import skbp.engine.compiled.cohort",
        "except RuntimeError as error:",
        "    assert 'no locator' in str(error)",
        "else:",
        "    raise AssertionError",
    ]
    run([sys.executable, "-c", "\n".join(lines)], check=True)
