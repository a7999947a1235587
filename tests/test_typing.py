"""The types in the signatures: in step with the checks in ``fit``, and no hindrance.

Type checkers run over tests/typing/user_script.py; here it is shown to be correct.
"""

import inspect
import runpy
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from skbp import BPClassifier, BPRegressor
from skbp._sklearn import StrOptions

SCRIPT = Path(__file__).parent / "typing" / "user_script.py"
ESTIMATORS = [BPClassifier, BPRegressor]


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


@pytest.mark.filterwarnings("ignore")
def test_the_users_script_runs():
    for module in ("dask.array", "matplotlib", "pandas", "polars"):
        pytest.importorskip(module)
    runpy.run_path(str(SCRIPT))["main"]()
