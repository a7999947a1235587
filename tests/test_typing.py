"""The types in the signatures: in step with the checks in ``fit``, and no hindrance.

Type checkers run over tests/typing/user_script.py; here it is shown to be correct.
"""

import ast
import inspect
import runpy
from pathlib import Path
from textwrap import dedent
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from skbp import (
    BPClassifier,
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
    BPRegressor,
)
from skbp._sklearn import StrOptions
from tests.test_docstrings import entries

SCRIPT = Path(__file__).parent / "typing" / "user_script.py"
ESTIMATORS = [BPClassifier, BPRegressor]
SEARCHES = [
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
]


def literals(hint):
    """Return the names in a type."""
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return set().union(*map(literals, get_args(hint)))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_names_are_those_that_fit_accepts(estimator):
    hints = get_type_hints(estimator.__init__)
    assert set(hints) == {*inspect.signature(estimator).parameters, "return"}
    for name, constraints in estimator._parameter_constraints.items():
        options = [c.options for c in constraints if isinstance(c, StrOptions)]
        # A name of a scorer can be any that is registered.
        if options and name != "scoring":
            assert literals(hints[name]) == options[0], name


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_fitted_attributes_have_types_and_no_values(estimator):
    # (Those that are computed where they are read have a type as properties.)
    computed = {n for n, v in inspect.getmembers(estimator) if isinstance(v, property)}
    names = {*entries(estimator, "Attributes")} - computed
    typed = set().union(*map(inspect.get_annotations, estimator.__mro__))
    assert {name for name in typed if not name.startswith("_")} == names
    assert not names & {*dir(estimator)}


def parameters(signature):
    """Return what a call depends on."""
    values = signature.parameters.values()
    return [(one.name, one.kind, repr(one.default)) for one in values]


@pytest.mark.parametrize("search", SEARCHES)
def test_type_checkers_are_told_the_signature_of_a_search(search):
    (init,) = [
        node
        for node in ast.walk(ast.parse(dedent(inspect.getsource(search))))
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    ]
    names = {"np": np}
    exec(f"from __future__ import annotations\n{ast.unparse(init)}", names)
    _, *told = parameters(inspect.signature(names["__init__"]))
    assert told == parameters(inspect.signature(search))


@pytest.mark.filterwarnings("ignore")
def test_the_users_script_runs():
    for module in ("dask.array", "matplotlib", "pandas", "polars"):
        pytest.importorskip(module)
    runpy.run_path(str(SCRIPT))["main"]()
