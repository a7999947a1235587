"""The examples of the pages: some need more than skbp does, some stop early."""

from importlib.util import find_spec

import pytest

#: What a page needs besides skbp: its name -> module, reason to skip.
NEEDS = {
    "large_data.md": ("dask", "needs dask, of the extra `test`"),
    "stopping.md": ("sklearn.callback", "scikit-learn has callbacks only since 1.9"),
}


#: tests/test_neighbours.py runs the sections of this page one by one.
collect_ignore = ["ecosystem.md"]


def pytest_collection_modifyitems(items):
    for item in items:
        module, reason = NEEDS.get(item.path.name, ("skbp", ""))
        if not find_spec(module):
            item.add_marker(pytest.mark.skip(reason))
        if item.path.parent.name == "guide":
            # max_iter is low in examples, and a reader sees the warning beside them.
            ignored = "ignore::sklearn.exceptions.ConvergenceWarning"
            item.add_marker(pytest.mark.filterwarnings(ignored))
