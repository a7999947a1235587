"""Settings of the package, and how a job is executed."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning

import skbp
from skbp import BPClassifier, BPRegressor
from skbp._data.read import Data
from skbp._estimator import run
from skbp._estimator.prepare import prepare
from skbp.engine import compiled
from skbp.engine.compiled import available
from skbp.model_selection import BPGridSearchCV, BPHalvingGridSearchCV
from tests.helpers import X, Y


class Asking(BPClassifier):
    """A classifier whose fit fails, and says what the setting is."""

    def fit(self, X, y):
        raise ValueError(f"compiled is {skbp.get_config()['compiled']}")


WEIGHTS = np.linspace(0.5, 1.5, len(Y))

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
needs_numba = pytest.mark.skipif(not available(), reason="numba is an extra")


def test_the_context_ends():
    before = skbp.get_config()
    with skbp.config_context(compiled=False):
        assert skbp.get_config() == {"compiled": False}
    with pytest.raises(ZeroDivisionError), skbp.config_context(compiled=False):
        raise ZeroDivisionError
    assert skbp.get_config() == before


@pytest.mark.parametrize("wrong", ["yes", None, 2, 1])
def test_wrong_values(wrong):
    with (
        pytest.raises(ValueError, match=r"compiled must be 'auto', True or False"),
        skbp.config_context(compiled=wrong),
    ):
        pass


def test_the_environment(monkeypatch):
    monkeypatch.setenv("SKBP_COMPILED", "0")
    assert skbp.get_config() == {"compiled": False}
    monkeypatch.setenv("SKBP_COMPILED", "maybe")
    with pytest.raises(ValueError, match=r"SKBP_COMPILED must be one of .* 'maybe'"):
        skbp.get_config()


def test_without_numba(monkeypatch):
    monkeypatch.setattr(run, "available", lambda: False)
    with (
        skbp.config_context(compiled=True),
        pytest.raises(ValueError, match=r"pip install skbp\[fast\]"),
    ):
        BPClassifier(max_iter=2).fit(X, Y)


@pytest.mark.parametrize(
    "error", [AttributeError, ImportError, PermissionError, RuntimeError]
)
def test_numba_that_cannot_be_imported(monkeypatch, error):
    """Beside a newer NumPy, without a folder for its cache, or after an interrupt."""

    class Broken:
        def find_spec(self, name, *_):
            if name == "skbp.engine.compiled.cohort":
                raise error("Numba needs NumPy 2.3 or less")

    monkeypatch.setattr(run, "available", lambda: True)
    monkeypatch.setattr(run, "pays", lambda *_: True)
    monkeypatch.delitem(sys.modules, "skbp.engine.compiled.cohort", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with skbp.config_context(compiled="auto"):
        BPClassifier(max_iter=2).fit(X, Y)
    with (
        skbp.config_context(compiled=True),
        pytest.raises(ValueError, match=r"cannot be used here: Numba needs NumPy 2\.3"),
    ):
        BPClassifier(max_iter=2).fit(X, Y)


def test_an_interrupt_waits_for_the_end_of_the_import(monkeypatch):
    """A part of numba would be left, and no later fit could import the rest."""
    done = []

    def imported(name):
        signal.raise_signal(signal.SIGINT)
        done.append(name)

    monkeypatch.setattr(run, "available", lambda: True)
    monkeypatch.setattr(run, "import_module", imported)
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run.fault_of_loops()
    assert done == ["skbp.engine.compiled.cohort"]
    assert signal.getsignal(signal.SIGINT) is handler


def test_auto_compiles_nothing_for_a_small_fit(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: pytest.fail("too small"))
    with skbp.config_context(compiled="auto"):
        BPClassifier(max_iter=20).fit(X, Y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_compiled_loops_are_judged_by_the_whole_search(n_jobs, monkeypatch):
    """By all fits, and by how many of them NumPy would train at a time."""
    numbers = []

    def pays(problem, settings, n_networks, in_lockstep):
        numbers.append((n_networks, in_lockstep))
        return False

    monkeypatch.setattr(run, "pays", pays)
    grid = {"alpha": [1.0, 2.0, 3.0], "hidden_layer_sizes": [(2,), (3,)]}
    model = BPClassifier(max_iter=2, n_init=2)
    search = BPGridSearchCV(model, grid, cv=2, n_jobs=n_jobs, refit=False)
    with skbp.config_context(compiled="auto"), parallel_config("threading"):
        search.fit(X, Y)
    assert numbers == [(2 * 12, 3)] * 4


def test_compiled_loops_pay_by_what_they_save(monkeypatch):
    monkeypatch.setattr(compiled, "available", lambda: True)
    monkeypatch.setattr(compiled, "mark_of", lambda _: Path(__file__))
    rng = np.random.RandomState(0)
    wide, y = rng.standard_normal((1400, 64)).astype(np.float32), np.arange(1400) % 3
    small = np.ascontiguousarray(wide[:, :10])

    def pays(model, X, *numbers):
        job = prepare(model, Data(X, y), Data())
        return compiled.pays(job.problem, job.settings, *numbers)

    model = BPClassifier((16,), max_iter=100)
    assert not pays(model, small, 1)
    assert pays(model, small, 100)
    # NumPy trains 45 such networks in lock-step sooner than the loops one by one.
    assert not pays(model, small, 10_000, 45)
    assert pays(BPClassifier((100,), max_iter=100), wide, 100, 9)


def test_a_mark_belongs_to_a_processor(monkeypatch, tmp_path):
    """Machines may share a folder, but not what is compiled."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    marks = set()
    for name in ("", "skylake", "znver4"):
        monkeypatch.setenv("NUMBA_CPU_NAME", name)
        compiled.processor.cache_clear()
        marks |= {compiled.mark_of(dtype) for dtype in (np.float32, np.float64)}
    assert len(marks) == 6
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert compiled.mark_of(np.float32).parent == tmp_path
    compiled.processor.cache_clear()


def test_a_mark_belongs_to_an_installation(monkeypatch, tmp_path):
    """Several may share a folder, where numba has files for each of them."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    source = tmp_path / "source.py"
    source.touch()
    compiled.sources()  # of the real files: the result is kept
    monkeypatch.setattr(compiled, "files", lambda: [source])

    def mark():
        compiled.installation.cache_clear()
        return compiled.mark_of(np.float64)

    marks = [mark()]
    assert marks == [mark()]
    os.utime(source, (1, 1))
    marks.append(mark())
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "there" / "__init__.py"))
    marks.append(mark())
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    marks.append(mark())
    assert len(set(marks)) == 4
    compiled.installation.cache_clear()


def test_a_compilation_is_announced_once_on_a_machine(monkeypatch, tmp_path, capsys):
    """To stderr, or, as often as one asks, to the output of ``verbose``."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(run, "fault_of_loops", lambda: "")
    line = (
        "Compiling the training loops for float64: about 6 seconds, once on this "
        "machine. (SKBP_COMPILED=0 trains without them.)\n"
    )

    def said(model):
        with skbp.config_context(compiled=True):
            run.executed(prepare(model, Data(X, Y), Data()))
        return capsys.readouterr()

    assert said(BPClassifier()) == ("", f"skbp: {line}")
    assert said(BPClassifier()) == ("", "")
    assert said(BPClassifier(verbose=True)) == (line, "")
    compiled.mark_of(np.float64).touch()
    assert said(BPClassifier(verbose=True)) == ("", "")


def test_a_cache_that_cannot_be_searched_has_no_mark(monkeypatch, tmp_path):
    """``Path.exists`` raises an error then, for a name that is too long for example."""
    folder = tmp_path / ("long" * 100)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(folder))
    monkeypatch.setattr(run, "fault_of_loops", lambda: "")
    monkeypatch.setattr(compiled, "available", lambda: True)
    monkeypatch.setattr(compiled, "LOADED", -np.inf)
    job = prepare(BPClassifier(), Data(X, Y), Data())
    with skbp.config_context(compiled="auto"):
        assert not run.executed(job).settings.compiled
    with skbp.config_context(compiled=True):
        assert run.executed(job).settings.compiled


@needs_numba
@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_the_same_model_either_way(estimator):
    """Early stopping, several networks, an ensemble; all fitted attributes."""
    models = []
    for value in (False, True):
        with skbp.config_context(compiled=value):
            model = estimator(
                (8,), max_iter=15, n_init=3, ensemble=2, dropout=0.1, random_state=0
            )
            models.append(model.fit(X, Y))
    one, other = (vars(model) for model in models)
    assert one.keys() == other.keys()
    np.testing.assert_allclose(one["loss_curve_"], other["loss_curve_"], rtol=1e-9)
    np.testing.assert_allclose(one["coefs_"][0], other["coefs_"][0], rtol=1e-7)
    predictions = (model.predict(X).astype(float) for model in models)
    np.testing.assert_allclose(*predictions, rtol=1e-6)


@needs_numba
def test_partial_fit_and_warm_starts_either_way():
    models = []
    for value in (False, True):
        with skbp.config_context(compiled=value):
            model = BPRegressor((8,), warm_start=True, max_iter=3, random_state=0)
            for _ in range(3):
                model.fit(X, Y)
            for _ in range(3):
                model.partial_fit(X, Y)
            models.append(model)
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-8)


@needs_numba
def test_sparse_data_take_the_other_way():
    from scipy.sparse import csr_array

    with skbp.config_context(compiled=True):
        sparse = BPClassifier(max_iter=5, random_state=0).fit(csr_array(X), Y)
        dense = BPClassifier(max_iter=5, random_state=0).fit(X, Y)
    np.testing.assert_allclose(sparse.coefs_[0], dense.coefs_[0], rtol=1e-9)


@needs_numba
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_class_weights_do_not_keep_float32_from_the_loops(weights):
    """scikit-learn computes them in float64."""
    model = BPClassifier(max_iter=2, class_weight="balanced", random_state=0)
    with skbp.config_context(compiled=True):
        job = prepare(model, Data(X.astype(np.float32), Y, weights), Data())
    assert job.problem.samples.weights.dtype == np.float32
    assert run.suits(job.problem)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_searches_take_the_setting_to_their_workers(n_jobs):
    grid, options = {"alpha": [1.0, 2.0]}, {"n_jobs": n_jobs, "error_score": "raise"}
    search = BPGridSearchCV(Asking(max_iter=2), grid, **options)
    with (
        skbp.config_context(compiled=True),
        pytest.raises(ValueError, match="compiled is True"),
    ):
        search.fit(X, Y)


@needs_numba
def test_halving_goes_on_when_all_candidates_have_ended():
    grid = {"learning_rate_init": [0.01, 0.02, 0.03]}
    model = BPClassifier((2,), tol=10.0, n_iter_no_change=1, random_state=0)
    options = {"resource": "max_iter", "max_resources": 8, "factor": 2, "cv": 3}
    scores = []
    for value in (False, True):
        with skbp.config_context(compiled=value):
            search = BPHalvingGridSearchCV(model, grid, **options).fit(X, Y)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_allclose(*scores)


@needs_numba
def test_divergence_is_found():
    with (
        skbp.config_context(compiled=True),
        pytest.warns(ConvergenceWarning, match="diverged"),
    ):
        model = BPRegressor(
            solver="sgd", learning_rate_init=1e10, max_iter=5, random_state=0
        ).fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
