"""Data of every kind: frames, sparse matrices, lists, float32, labels of any type."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal

from skbp import BPClassifier, BPRegressor
from tests.helpers import BOTH, X, Y, fitted, network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("library", [pd, pl], ids=["pandas", "polars"])
@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_frames(estimator, library, iris):
    X, y = iris
    columns = ["a", "b", "c", "d"]
    frame = library.DataFrame(dict(zip(columns, X.T, strict=True)))
    model = estimator(random_state=0, max_iter=5)
    model.fit(frame, library.Series(y), library.Series(np.ones(150)))
    assert list(model.feature_names_in_) == columns
    plain = estimator(random_state=0, max_iter=5).fit(X, y, np.ones(150))
    np.testing.assert_array_equal(model.predict(frame), plain.predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[columns[::-1]])


def test_arrow_backed_frame(iris):
    X, y = iris
    frame = pd.DataFrame(X).convert_dtypes(dtype_backend="pyarrow")
    frame.columns = list("abcd")
    model = BPClassifier(random_state=0, max_iter=5).fit(frame, y)
    plain = BPClassifier(random_state=0, max_iter=5).fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize(
    "kind", ["csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "csc_array"]
)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_sparse_equals_dense(kind, solver, early_stopping):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((90, 6)) * (rng.rand(90, 6) < 0.3)
    y = rng.randint(3, size=90)
    options = {
        "solver": solver,
        "early_stopping": early_stopping,
        "max_iter": 4,
        "batch_size": 20,
        "random_state": 0,
    }
    dense = BPClassifier(**options).fit(X, y)
    sparse = BPClassifier(**options).fit(getattr(scipy.sparse, kind)(X), y)
    for mine, other in zip(dense.coefs_, sparse.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        sparse.predict_proba(getattr(scipy.sparse, kind)(X)),
        dense.predict_proba(X),
        rtol=1e-6,
    )


def test_strided_and_fortran_ordered_and_integer_data(iris):
    X, y = iris
    plain = BPClassifier(max_iter=3, random_state=0).fit(X, y)
    doubled = np.repeat(np.repeat(X, 2, axis=0), 2, axis=1)
    for other in (np.asfortranarray(X), doubled[::2, ::2], X.tolist()):
        model = BPClassifier(max_iter=3, random_state=0).fit(other, y)
        np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])
        np.testing.assert_allclose(
            model.predict_proba(other), plain.predict_proba(X), rtol=1e-12
        )
    whole = X.round().astype(int)
    model = BPClassifier(max_iter=3, random_state=0).fit(whole, y)
    assert model.coefs_[0].dtype == np.float64


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_float32_is_preserved(X, labels, solver):
    X = X.astype(np.float32)
    options = {"solver": solver, "max_iter": 3, "random_state": 0}
    model = BPClassifier(**options).fit(X, labels)
    assert {w.dtype for w in model.coefs_ + model.intercepts_} == {np.dtype("f4")}
    assert model.predict_proba(X).dtype == np.float32
    assert BPRegressor(**options).fit(X, X[:, 0]).predict(X).dtype == np.float32


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1, 2],
        [-5, 0, 7],
        ["a", "b", "c"],
        np.array(["a", "bb", "ccc"], dtype=object),
        [0.0, 1.0, 2.0],
        [False, True],
        [1, 2],
        ["no", "yes"],
    ],
    ids=str,
)
def test_labels_of_any_type(labels):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((90, 4))
    labels = np.asarray(labels)
    y = labels[np.arange(90) % len(labels)]
    model = BPClassifier(max_iter=2, random_state=0).fit(X, y)
    np.testing.assert_array_equal(model.classes_, labels)
    assert model.predict(X).dtype == model.classes_.dtype
    assert set(model.predict(X)) <= set(labels)
    assert model.predict_proba(X).shape == (90, len(labels))


@pytest.mark.parametrize("sparse", [False, True])
def test_multilabel_targets(sparse):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((90, 4))
    y = (X[:, :3] > 0).astype(int)
    target = scipy.sparse.csr_array(y) if sparse else y
    model = network(max_iter=200).fit(X, target)
    assert model.predict(X).shape == (90, 3)
    assert model.score(X, y) > 0.9
    assert model.predict_proba(X).shape == (90, 3)


class Tensor:
    """An array as PyTorch's tensors are arrays: without NumPy's dtype."""

    __module__ = "torch"
    requires_grad, device = False, "cpu"

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.ndim = self.values.shape, self.values.ndim
        self.dtype = f"torch.{self.values.dtype}"

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)

    def __len__(self):
        return len(self.values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@BOTH
def test_tensors_are_arrays(estimator, dtype):
    x, w = X.astype(dtype), np.linspace(0.5, 1.5, len(X))
    arrays = fitted(estimator(max_iter=3, random_state=0), x, Y, w)
    model = fitted(
        estimator(max_iter=3, random_state=0), Tensor(x), Tensor(Y), Tensor(w)
    )
    assert_array_equal(model.coefs_[0], arrays.coefs_[0])
    assert model.coefs_[0].dtype == dtype
    assert_array_equal(model.predict(Tensor(x)), arrays.predict(x))
    assert model.score(Tensor(x), Tensor(Y), Tensor(w)) == arrays.score(x, Y, w)


@pytest.mark.parametrize(
    ("attribute", "value", "remedy"),
    [("requires_grad", True, r"X\.detach\(\)"), ("device", "cuda:0", r"X\.cpu\(\)")],
)
def test_tensors_that_cannot_be_used(attribute, value, remedy):
    x = Tensor(X)
    setattr(x, attribute, value)
    with pytest.raises(TypeError, match=remedy):
        BPRegressor().fit(x, Y)
    with pytest.raises(TypeError, match=remedy):
        fitted(BPRegressor(max_iter=2)).predict(x)


def test_arrays_that_cannot_be_converted():
    class Sparse(Tensor):
        __module__ = "torch"

        def __array__(self, dtype=None, copy=None):
            raise TypeError("can't convert a sparse tensor.")

    with pytest.raises(TypeError, match=r"y cannot be converted .* sparse tensor"):
        BPRegressor().fit(X, Sparse(Y))
