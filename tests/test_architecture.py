"""The floors of the house: a module imports only from floors below its own."""

import ast
from pathlib import Path

import pytest

import skbp

ROOT = Path(skbp.__file__).parent
FLOORS = {
    "skbp.engine": 0,
    "skbp.engine.arrays": 0,
    "skbp.engine.activations": 1,
    "skbp.engine.initializers": 1,
    "skbp.engine.optimizers": 1,
    "skbp.engine.progress": 1,
    "skbp.engine.samples": 1,
    "skbp.engine.schedules": 1,
    "skbp.engine.losses": 2,
    "skbp.engine.network": 2,
    "skbp.engine.objective": 3,
    "skbp.engine.training": 4,
    "skbp.engine.gauss_newton": 4,
    "skbp.engine.lbfgs": 5,
    "skbp.engine.pause": 5,
    "skbp.engine.lm": 5,
    "skbp.engine.linear": 6,
    "skbp._sklearn": 6,
    "skbp._threads": 6,
    "skbp._typing": 6,
    "skbp._validation": 7,
    "skbp._dask": 8,
    "skbp._heldout": 8,
    "skbp._lockstep": 9,
    "skbp._base": 10,
    "skbp.classifier": 11,
    "skbp.regressor": 11,
    "skbp.inspection": 11,
    "skbp._candidates": 11,
    "skbp.model_selection": 12,
    "skbp.plotting": 12,
    "skbp": 13,
}
#: What the engine may import from outside.
ENGINE_NEEDS = {"numpy", "scipy"}


def module_name(path):
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def imports(path):
    """Return the modules that a file imports, and each private name it takes."""
    modules, private = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {alias.name for alias in node.names}
            submodules = {f"{node.module}.{name}" for name in names} & set(MODULES)
            modules |= submodules or {node.module}
            if node.module.startswith("sklearn"):
                private |= {name for name in names if name.startswith("_")}
                private |= {p for p in node.module.split(".") if p.startswith("_")}
    return modules, private


def test_every_module_has_a_floor():
    assert set(MODULES) == set(FLOORS)


@pytest.mark.parametrize("name", MODULES)
def test_imports_come_from_below(name):
    modules, _ = imports(MODULES[name])
    ours = {module for module in modules if module.split(".")[0] == "skbp"}
    climbing = {module for module in ours if FLOORS[module] >= FLOORS[name]}
    assert not climbing


@pytest.mark.parametrize("name", [n for n in MODULES if n.startswith("skbp.engine")])
def test_engine_needs_numpy_and_scipy_alone(name):
    modules, _ = imports(MODULES[name])
    outside = {module.split(".")[0] for module in modules} - {"skbp"}
    standard = outside & __import__("sys").stdlib_module_names
    assert outside - standard <= ENGINE_NEEDS


@pytest.mark.parametrize("name", [n for n in MODULES if n != "skbp._sklearn"])
def test_private_names_of_scikit_learn_live_in_one_module(name):
    _, private = imports(MODULES[name])
    assert not private
