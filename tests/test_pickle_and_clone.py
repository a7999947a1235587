"""Pickles and clones: what they predict, what they keep, and how large they are."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.neural_network import MLPClassifier

import skbp
from skbp import BPClassifier, BPRegressor
from skbp.compat import MLPClassifier as Compatible
from tests.helpers import BOTH, X, Y, fitted, network

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_copies_predict_the_same(iris, tmp_path):
    X, y = iris
    model = network(max_iter=5).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert not hasattr(clone(model), "coefs_")


@BOTH
def test_options_survive_clone_and_pickle(estimator):
    model = estimator(
        (4, 3),
        ["tanh", "relu"],
        init=("he_normal", "orthogonal", "small_normal"),
        batch_size="full",
        max_iter=3,
        random_state=0,
    )
    fitted(model)
    again = fitted(clone(model))
    loaded = pickle.loads(pickle.dumps(model))
    for other in (again, loaded):
        np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def size(model):
    parameters = sum(w.nbytes for w in model.coefs_ + model.intercepts_)
    return len(pickle.dumps(model)) / parameters


def test_a_pickle_is_hardly_larger_than_the_parameters(X, labels):
    options = {"hidden_layer_sizes": (200, 200), "max_iter": 3, "random_state": 0}
    for early_stopping in (False, True):
        options["early_stopping"] = early_stopping
        assert size(BPClassifier(**options).fit(X, labels)) < 1.1
        assert size(MLPClassifier(**options).fit(X, labels)) > 3
    model = BPClassifier((200, 200), warm_start=True, max_iter=3).fit(X, labels)
    assert 3 < size(model) < 3.1
    assert size(BPClassifier((200, 200)).partial_fit(X, labels, None, range(3))) > 3
    # What it holds is arrays, numbers and strings alone.
    plain = (np.ndarray, np.generic, str, int, float, bool, type(None))

    def check(value):
        if isinstance(value, dict):
            value = value.values()
        if isinstance(value, list | tuple | type({}.values())):
            for item in value:
                check(item)
        else:
            assert isinstance(value, plain)

    check(model.__getstate__())


@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor, Compatible])
def test_a_pickle_of_another_version(estimator, monkeypatch):
    model = estimator((2,), max_iter=2).fit(X, Y)
    same = pickle.loads(pickle.dumps(model))
    # Without the note that the parameters are valid.
    assert vars(same).keys() == vars(model).keys() - {"_bp_valid"}
    state = model.__getstate__()
    assert state["_bp_version"] == skbp.__version__
    for version, text in [("0.0.1", "0.0.1"), (None, "an earlier version")]:
        others = {"_bp_version": version} if version else {}
        state.pop("_bp_version", None)
        copied = estimator.__new__(estimator)
        with pytest.warns(InconsistentVersionWarning, match=f"{text} of skbp") as found:
            copied.__setstate__(state | others)
        assert found[0].filename == __file__
        np.testing.assert_array_equal(copied.predict(X), model.predict(X))
        assert "_bp_version" not in vars(copied)
