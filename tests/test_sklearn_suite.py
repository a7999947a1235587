"""scikit-learn's own tests of its networks, with ``skbp.compat`` in their place.

The source is that of the installed scikit-learn. A test that this package changes on
purpose is expected to fail, and says why.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

THEIRS = "from sklearn.neural_network import MLPClassifier, MLPRegressor\n"
OURS = THEIRS.replace("sklearn.neural_network", "skbp.compat")

#: The tests that are expected to fail, and why.
CHANGED = {
    "test_nonfinite_params": (
        "Training that diverges keeps the best finite weights, and warns; there it is "
        "an error."
    ),
    "test_early_stopping_stratified": (
        "A class with a single member is no error: the validation set is then drawn "
        "without strata. (This one is too small, which is an error of its own.)"
    ),
}

spec = find_spec("sklearn.neural_network.tests")
if spec is None:
    pytest.skip("scikit-learn came without its tests", allow_module_level=True)
path = Path(spec.submodule_search_locations[0]) / "test_mlp.py"
if not path.exists():
    pytest.skip("scikit-learn came without test_mlp.py", allow_module_level=True)
source = path.read_text("utf-8")
assert source.count(THEIRS) == 1
exec(compile(source.replace(THEIRS, OURS), str(path), "exec"), globals())

for name, reason in CHANGED.items():
    globals()[name] = pytest.mark.xfail(reason=reason)(globals()[name])

# Where a warning is expected, their tests ask for it.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def global_random_seed():
    return 0
