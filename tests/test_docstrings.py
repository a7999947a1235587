"""The class docstrings: written by docs/docstrings.py, in step with the signatures."""

import ast
import inspect
import re
import runpy
import warnings
from pathlib import Path

import pytest

from skbp import BPClassifier, BPRegressor

SCRIPT = Path(__file__).parents[1] / "docs" / "docstrings.py"
ESTIMATORS = [BPClassifier, BPRegressor]


def entries(estimator, section):
    """Return the names of a section's entries and the types that stand behind them."""
    _, _, after = inspect.getdoc(estimator).partition(
        f"\n{section}\n{'-' * len(section)}\n"
    )
    body = re.split(r"\n\n.+\n-+\n", after)[0]
    return dict(re.findall(r"^(\S.*?) : (.+)$", body, re.MULTILINE))


def test_they_are_what_the_script_writes():
    for path, content in runpy.run_path(str(SCRIPT))["files"]().items():
        assert path.read_text("utf-8") == content, "run `python docs/docstrings.py`"


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_parameter_is_there_with_its_default(estimator):
    documented = {
        name: ast.literal_eval(re.fullmatch(r".*, default=(.+)", kind)[1])
        for name, kind in entries(estimator, "Parameters").items()
    }
    signature = inspect.signature(estimator).parameters
    defaults = {name: parameter.default for name, parameter in signature.items()}
    assert documented == defaults
    # True is 1, and 0 is 0.0.
    types = [
        {name: type(value) for name, value in d.items()} for d in (documented, defaults)
    ]
    assert types[0] == types[1]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_table_of_groups_has_every_parameter_in_the_order_of_the_entries(estimator):
    _, _, after = inspect.getdoc(estimator).partition("by purpose::\n\n")
    names = set(inspect.signature(estimator).parameters)
    table = after.partition("\n\n")[0]
    listed = [name for name in re.findall(r"\w+(?=,|\n|$)", table) if name in names]
    assert listed == list(entries(estimator, "Parameters"))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_public_attribute_is_there(estimator):
    options = {"solver": "lm", "alpha": "ard", "max_iter": 20, "random_state": 0}
    if estimator is BPRegressor:
        options["target_scaling"] = "standard"
    X = [[x, x * x] for x in (-1.5, -0.5, 0.0, 0.5, 1.5)]
    model = estimator((2,), loss="squared_error", tol=1.0, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, [0, 1, 0, 1, 0])
    fitted = {name for name in vars(model) if name.endswith("_") and name[0] != "_"}
    fitted.add("feature_importances_")  # a property
    documented = set(entries(estimator, "Attributes"))
    assert fitted <= documented
    # X has no names, the members are computed where they are read, and an estimated
    # alpha allows no temperature.
    absent = {"feature_names_in_", "members_", "temperature_"}
    assert documented - fitted == absent & documented
    assert len(model.members_) >= 1
