"""One BLAS thread, and the data that several files of tests ask for by name."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from threadpoolctl import threadpool_limits

# Their assertions are shown in full, as those of the tests are.
pytest.register_assert_rewrite("tests.helpers", "tests.searches")


@pytest.fixture(autouse=True, scope="session")
def one_blas_thread():
    """On matrices this small, threads only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def X():
    return np.random.RandomState(0).standard_normal((120, 4))


@pytest.fixture
def labels(X):
    """Three classes of X that no line separates."""
    return np.digitize(X[:, 0] + X[:, 1] ** 2, [0, 1.5])


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)
