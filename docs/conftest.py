"""The user guide's examples go on from one another; some need more than skbp does."""

from importlib.util import find_spec

import pytest

NEEDS = {
    "dask": "needs dask, of the extra `test`",
    "sklearn.callback": "scikit-learn has callbacks only since 1.9",
}


def pytest_collection_modifyitems(items):
    reasons = [NEEDS[module] for module in NEEDS if not find_spec(module)]
    for item in items:
        if item.path.name == "user_guide.md":
            for reason in reasons:
                item.add_marker(pytest.mark.skip(reason))
