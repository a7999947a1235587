"""The laws of the house: what imports what, who calls whom, how large a room may be."""

import ast
import gc
import sys
import threading
import warnings
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import skbp
from skbp import BPClassifier, BPGridSearchCV, BPHalvingGridSearchCV, BPRegressor
from skbp.compat import MLPClassifier
from skbp.engine.losses import LOSSES
from skbp.engine.solvers import SOLVERS

ROOT = Path(skbp.__file__).parent

#: The modules of each floor, from the lowest to the highest.
FLOORS = [
    ["engine", "engine.arrays"],
    [
        "engine.activations",
        "engine.constants",
        "engine.initializers",
        "engine.progress",
        "engine.random",
        "engine.roots",
        "engine.samples",
        "engine.schedules",
        "engine.settings",
    ],
    ["engine.losses", "engine.network", "engine.checkpoint"],
    [
        "engine.objective",
        "engine.own_loss",
        "engine.sensitivity",
        "engine.temperature",
    ],
    ["engine.problem", "engine.curvature"],
    ["engine.compiled", "engine.compiled.elements", "engine.compiled.references"],
    ["engine.compiled.kernels"],
    ["engine.compiled.layers"],
    [
        "engine.compiled.outputs",
        "engine.compiled.steps",
        "engine.compiled.together",
        "engine.compiled.waiting",
    ],
    ["engine.compiled.gradient"],
    ["engine.compiled.epoch"],
    ["engine.evidence", "engine.evidence.cut", "engine.evidence.posterior"],
    ["engine.evidence.frame", "engine.evidence.precisions"],
    ["engine.evidence.moments"],
    ["engine.evidence.ridge"],
    ["engine.evidence.linear_model"],
    [
        "engine.solvers.batches",
        "engine.solvers.learning_rate",
        "engine.solvers.optimizers",
        "engine.solvers.solution",
    ],
    ["engine.compiled.arguments"],
    ["engine.compiled.cohort", "engine.solvers.damped"],
    ["engine.solvers.climb"],
    ["engine.solvers.fresh"],
    ["engine.solvers.growth"],
    [
        "engine.solvers.lbfgs",
        "engine.solvers.levenberg_marquardt",
        "engine.solvers.stochastic",
    ],
    ["engine.solvers"],
    ["engine.model"],
    ["engine.fit"],
    ["_config", "_sklearn", "_threads", "_typing", "_version"],
    ["_targets.losses"],
    ["_targets.classes", "_targets.numbers"],
    ["_targets", "_targets.probabilities"],
    ["_data", "_data.faults", "_data.tensors"],
    ["_data.checks", "_data.missing", "_data.scales"],
    ["_data.read"],
    ["_data.dask", "_data.validation_set"],
    ["_estimator", "_estimator.rules", "_estimator.warnings"],
    ["_estimator.parameters"],
    ["_estimator.attributes", "_estimator.start"],
    ["_estimator.by_hand"],
    [
        "_estimator.callbacks",
        "_estimator.ending",
        "_estimator.importances",
        "_estimator.inside",
        "_estimator.interrupts",
        "_estimator.members",
        "_estimator.state",
        "_estimator.validation",
    ],
    [
        "_estimator.prepare",
        "_estimator.run",
        "_estimator.sklearn_networks",
        "_estimator.summary",
        "_estimator.torch_modules",
    ],
    ["_estimator.described", "_estimator.exchange"],
    ["_estimator.base"],
    ["classifier", "regressor"],
    ["compat", "inspection"],
    ["onnx"],
    ["model_selection.pipeline", "model_selection.report"],
    ["model_selection.grouping"],
    ["model_selection.lockstep"],
    ["model_selection.tasks"],
    ["model_selection.sweep"],
    ["model_selection.searches"],
    ["model_selection"],
    ["plotting.axes", "plotting.training"],
    ["plotting.structure", "plotting.view"],
    ["plotting.draw"],
    ["plotting.loss_curve", "plotting.network", "plotting.sweep"],
    ["plotting.weights"],
    ["plotting"],
    ["tables.columns", "tables.piecewise", "tables.stack"],
    ["tables.candidates", "tables.dates", "tables.errors"],
    ["tables.estimators"],
    ["tables.pipeline"],
    ["tables"],
    ["callbacks"],
    [""],
]
FLOOR = {
    f"skbp.{name}".rstrip("."): floor
    for floor, names in enumerate(FLOORS)
    for name in names
}
#: The order of the folders.
FOLDERS = [
    "engine",
    "_targets",
    "_data",
    "_estimator",
    "model_selection",
    "plotting",
    "tables",
]
#: What the engine may import from outside.
ENGINE_NEEDS = {"numpy", "scipy"}
#: Lines of code, docstrings aside, that a module, class or function may have.
MODULE, CLASS, FUNCTION = 400, 200, 50


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}


def imports(name):
    """Return the modules that a module imports, and each private name it takes."""
    modules, private = set(), set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            names = {alias.name for alias in node.names}
            submodules = {f"{node.module}.{n}" for n in names} & set(MODULES)
            modules |= submodules or {node.module}
            if node.module.startswith("sklearn"):
                private |= {n for n in names if n.startswith("_")}
                private |= {p for p in node.module.split(".") if p.startswith("_")}
    return modules, private


# Imports


def test_every_module_has_a_floor():
    assert set(MODULES) == set(FLOOR)


def test_floors_follow_folders():
    floors = defaultdict(list)
    for name, floor in FLOOR.items():
        for folder in FOLDERS:
            if name.startswith(f"skbp.{folder}"):
                floors[folder].append(floor)
    for lower, upper in pairwise(FOLDERS):
        assert max(floors[lower]) < min(floors[upper])


@pytest.mark.parametrize("name", MODULES)
def test_imports_come_from_below(name):
    modules, _ = imports(name)
    ours = {module for module in modules if module.split(".")[0] == "skbp"}
    climbing = {module for module in ours if FLOOR[module] >= FLOOR[name]}
    assert not climbing


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("skbp.engine")])
def test_engine_needs_numpy_and_scipy_alone(name):
    modules, _ = imports(name)
    outside = {module.split(".")[0] for module in modules} - {"skbp"}
    standard = outside & sys.stdlib_module_names
    # The package that decides whether to use compiled loops does not import numba.
    loops = {"numba"} if name.startswith("skbp.engine.compiled.") else set()
    assert outside - standard <= ENGINE_NEEDS | loops


@pytest.mark.parametrize("name", ["skbp.classifier", "skbp.regressor"])
def test_estimators_leave_the_engine_to_the_floors_between(name):
    modules, _ = imports(name)
    assert not {module for module in modules if module.startswith("skbp.engine")}


# Private names


@pytest.mark.parametrize("name", [n for n in MODULES if n != "skbp._sklearn"])
def test_private_names_of_scikit_learn_live_in_one_module(name):
    _, private = imports(name)
    assert not private


def is_own(value):
    """Return whether an expression is self, cls or super()."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


@pytest.mark.parametrize("name", [n for n in MODULES if n != "skbp._sklearn"])
def test_private_names_of_other_objects_stay_private(name):
    taken = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        # (Public methods of named tuples, and of the structures of numba.)
        and node.attr not in ("_replace", "_getvalue")
        and not is_own(node.value)
    ]
    assert not taken


def test_an_estimator_has_four_private_fitted_attributes():
    X = np.random.RandomState(0).standard_normal((40, 3))
    for model in (
        BPClassifier(max_iter=2, warm_start=True, early_stopping=True),
        BPRegressor((3,), "tanh", solver="lm", alpha="ard", n_init=2, ensemble=2),
        BPRegressor((3,)).partial_fit(X, X[:, 0]),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, X[:, 0] > 0 if isinstance(model, BPClassifier) else X[:, 0])
        private = {name for name in vars(model) if name.startswith("_")}
        # And a note of the parameters that were found valid, which no pickle keeps.
        noted = {"_bp_valid"}
        names = {"_bp_model", "_bp_targets", "_bp_checkpoint", "_bp_trained"}
        assert private - noted <= names
        assert noted.isdisjoint(model.__getstate__())


# Who knows an estimator, and who tells solvers and losses apart


@pytest.mark.parametrize(
    "name", [n for n in MODULES if n.startswith(("skbp.engine", "skbp._targets"))]
)
def test_no_estimator_is_handed_to_the_engine_or_the_targets(name):
    arguments = {
        argument.arg
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        for argument in ast.walk(node.args)
        if isinstance(argument, ast.arg)
    }
    assert not arguments & {"estimator", "estimators", "classifier", "regressor"}


def compared_strings(name):
    """Return the strings that a module compares something with."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Compare):
            found |= {
                part.value
                for side in (node.left, *node.comparators)
                for part in ast.walk(side)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
        elif isinstance(node, ast.match_case):
            found |= {
                part.value
                for part in ast.walk(node.pattern)
                if isinstance(part, ast.Constant)
            }
    return found


@pytest.mark.parametrize("name", [n for n in MODULES if n != "skbp.engine.solvers"])
def test_one_table_tells_solvers_apart(name):
    assert not compared_strings(name) & set(SOLVERS)


@pytest.mark.parametrize(
    "name",
    [
        n
        for n in MODULES
        if n != "skbp.engine.losses" and not n.startswith("skbp._targets")
    ],
)
def test_losses_and_targets_tell_losses_apart(name):
    assert not compared_strings(name) & {*LOSSES, "log_loss"}


# Sizes


def docstring_lines(node):
    body = getattr(node, "body", None)
    if not body or not isinstance(body[0], ast.Expr):
        return 0
    value = body[0].value
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return body[0].end_lineno - body[0].lineno + 1
    return 0


def lines_of_code(node, end=None):
    """Return the lines of a node, docstrings aside."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    docs = sum(docstring_lines(n) for n in ast.walk(node) if isinstance(n, kinds))
    return (end if end is not None else node.end_lineno - node.lineno + 1) - docs


@pytest.mark.parametrize("name", MODULES)
def test_rooms_stay_small(name):
    tree, end = TREES[name], len(MODULES[name].read_text().splitlines())
    large = [] if lines_of_code(tree, end) <= MODULE else [name]
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            signature = sum(
                lines_of_code(n)
                for n in node.body
                if isinstance(n, ast.FunctionDef) and n.name == "__init__"
            )
            if lines_of_code(node) - signature > CLASS:
                large.append(node.name)
        elif isinstance(node, ast.FunctionDef) and lines_of_code(node) > FUNCTION:
            large += [node.name] * (node.name != "__init__")
    assert not large


# Calls

#: What is handed down to be called from below: the hook of callbacks, the score of a
#: validation set, for samples in parts what brings or sums them, and a prediction that
#: is made for each partition.
HANDED_DOWN = {
    "BPClassifier.predict",
    "Problem.validate",
    "after_epoch.<locals>.call",
    "minus_loss",
    "score_of_scorer.<locals>.score",
    "score_of_targets.<locals>.<lambda>",
    "stream",
    "summed",
}
#: Who calls functions of the floors above: for the terms of sums, and for work with a
#: limit on BLAS's threads.
CALLERS = {"Samples.sum", "added", "call", "with_blas_threads_for"}


def climbing_calls(work):
    """Return the calls between modules of this package that climb during some work."""
    climbing = set()

    def module_of(frame):
        name = frame.f_globals.get("__name__", "")
        return name if name in FLOOR else None

    def watch(frame, event, _):
        callee = module_of(frame)
        if event != "call" or callee is None:
            return
        caller = frame.f_back
        if caller is None or module_of(caller) is None:
            # (scikit-learn calls its estimators, SciPy its objectives.)
            return
        climbs = FLOOR[callee] > FLOOR[module_of(caller)]
        handed = frame.f_code.co_qualname in HANDED_DOWN
        if climbs and not handed and caller.f_code.co_qualname not in CALLERS:
            climbing.add(
                f"{module_of(caller)}:{caller.f_code.co_qualname} -> "
                f"{callee}:{frame.f_code.co_qualname}"
            )

    # The garbage collector closes generators that an error in another test has left,
    # wherever it happens to run; a profiler sees that as a call.
    gc.collect()
    gc.disable()
    before = sys.getprofile()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            work()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
        gc.enable()
    return climbing


X = np.random.RandomState(0).standard_normal((60, 3))
LABELS, NUMBERS = (X[:, 0] > 0).astype(int), X[:, 0] * X[:, 1]


def fit_early_stopping():
    for scoring in (None, "loss", "roc_auc"):
        model = BPClassifier(early_stopping=True, scoring=scoring, max_iter=2)
        model.fit(X, LABELS).predict_proba(X)


def fit_parts():
    model = BPRegressor((3,), dropout=0.1, average_decay=0.9)
    for _ in range(2):
        model.partial_fit(X, NUMBERS, X_val=X, y_val=NUMBERS)


def fit_evidence():
    model = BPRegressor(
        (3,), "tanh", solver="lm", alpha="evidence", n_init=2, max_iter=5
    )
    model.fit(X, NUMBERS).predict(X, return_std=True)
    model.gradients(X, NUMBERS)


def search():
    grid = {"alpha": [0.1, 1.0], "hidden_layer_sizes": [2, 3]}
    BPGridSearchCV(BPClassifier(max_iter=2), grid, cv=2).fit(X, LABELS)


def halve():
    grid = {"alpha": [0.1, 1.0], "solver": ["adam", "lbfgs"]}
    model = BPClassifier((2,), random_state=0)
    options = {"resource": "max_iter", "max_resources": 4, "factor": 2, "cv": 2}
    BPHalvingGridSearchCV(model, grid, **options).fit(X, LABELS)


def fit_compat():
    model = MLPClassifier((3,), max_iter=2, early_stopping=True).fit(X, LABELS)
    model.activation, model.out_activation_ = "tanh", "identity"
    model.predict_proba(X)
    model._predict(X)
    model._optimizer = None
    model.set_params(early_stopping=False).partial_fit(X, LABELS)


def fit_dask():
    dask = pytest.importorskip("dask")
    array = pytest.importorskip("dask.array")
    parts = array.from_array(X, chunks=(20, 3)), array.from_array(LABELS, chunks=20)
    with dask.config.set(scheduler="synchronous"):
        for solver in ("adam", "lbfgs", "lm"):
            BPClassifier((2,), solver=solver, max_iter=2).fit(*parts).predict(parts[0])


@pytest.mark.parametrize(
    "work",
    [fit_early_stopping, fit_parts, fit_evidence, search, halve, fit_compat, fit_dask],
    ids=lambda work: work.__name__,
)
def test_calls_come_from_above(work):
    assert not climbing_calls(work)
