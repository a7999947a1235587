"""The user guide's examples go on from one another, and some need Dask."""

from importlib.util import find_spec

import pytest


def pytest_collection_modifyitems(items):
    if find_spec("dask"):
        return
    for item in items:
        if item.path.name == "user_guide.md":
            item.add_marker(pytest.mark.skip("needs dask, of the extra `test`"))
