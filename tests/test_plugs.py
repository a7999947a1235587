"""Where the estimators plug in: scikit-learn's tools, data frames, sparse matrices."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skbp import BPClassifier, BPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def network(**parameters):
    return BPClassifier((16,), learning_rate_init=0.02, random_state=0, **parameters)


def test_grid_search_in_a_pipeline(iris):
    X, y = iris
    search = GridSearchCV(
        make_pipeline(StandardScaler(), network(max_iter=40)),
        {
            "bpclassifier__hidden_layer_sizes": [(4,), (8, 8)],
            "bpclassifier__learning_rate_init": [0.001, 0.02],
            "bpclassifier__alpha": [1e-4, 1.0],
        },
        cv=3,
    ).fit(X, y)
    assert search.best_score_ > 0.93
    assert len(search.cv_results_["params"]) == 8
    assert search.predict(X).shape == y.shape


def test_grid_search_in_parallel(iris):
    X, y = iris
    search = GridSearchCV(
        network(max_iter=5), {"alpha": [1e-4, 1.0, 10.0]}, cv=2, n_jobs=2
    )
    alone = clone(search).set_params(n_jobs=1).fit(X, y)
    np.testing.assert_allclose(
        search.fit(X, y).cv_results_["mean_test_score"],
        alone.cv_results_["mean_test_score"],
    )


def test_cross_validation(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), network())
    assert cross_val_score(model, X, y).mean() > 0.93
    p = cross_val_predict(model, X, y, method="predict_proba")
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert cross_val_predict(model, X, y, method="decision_function").shape == (150, 3)


def test_calibration_bagging_and_voting(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), network(max_iter=30))
    for method in ("sigmoid", "isotonic", "temperature"):
        calibrated = CalibratedClassifierCV(model, method=method, cv=3).fit(X, y)
        assert calibrated.score(X, y) > 0.85
    assert BaggingClassifier(model, 3, random_state=0).fit(X, y).score(X, y) > 0.9
    vote = VotingClassifier([("a", model), ("b", network())], voting="soft")
    assert vote.fit(X, y).score(X, y) > 0.9


def test_permutation_importance():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((200, 3))
    model = BPRegressor(solver="lbfgs", random_state=0).fit(X, X[:, 1] ** 2)
    result = permutation_importance(model, X, X[:, 1] ** 2, random_state=0)
    assert result.importances_mean.argmax() == 1


def test_mixed_columns_of_a_frame():
    rng = np.random.RandomState(0)
    frame = pd.DataFrame(
        {"size": rng.standard_normal(120), "colour": rng.choice(list("rgb"), 120)}
    )
    y = np.where((frame["size"] > 0) ^ (frame["colour"] == "r"), "yes", "no")
    model = make_pipeline(
        ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["size"]),
                ("words", OneHotEncoder(), ["colour"]),
            ],
            sparse_threshold=1.0,
        ),
        network(),
    ).fit(frame, y)
    assert model.score(frame, y) > 0.95
    assert set(model.predict(frame)) == {"yes", "no"}


def test_transformed_targets():
    X, y = load_diabetes(return_X_y=True)
    model = TransformedTargetRegressor(
        BPRegressor(solver="lbfgs", alpha=1.0, random_state=0),
        transformer=StandardScaler(),
    )
    assert model.fit(X / X.std(), y).score(X / X.std(), y) > 0.6


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


def test_copies_predict_the_same(iris, tmp_path):
    X, y = iris
    model = network(max_iter=5).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        np.testing.assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert not hasattr(clone(model), "coefs_")


def test_weights_may_be_edited(iris):
    X, y = iris
    model = network(max_iter=5).fit(X, y)
    model.coefs_[-1][:] = 0.0
    model.intercepts_[-1][:] = [0.0, 5.0, 0.0]
    assert (model.predict(X) == 1).all()


def test_changing_a_parameter_does_not_change_a_fitted_network(iris):
    X, y = iris
    model = network(max_iter=5).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(activation="tanh", hidden_layer_sizes=(3,))
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_sample_weights_are_routed(estimator, iris):
    X, y = iris
    weights = np.random.RandomState(0).rand(150)
    with sklearn.config_context(enable_metadata_routing=True):
        model = estimator(random_state=0, max_iter=3).set_fit_request(
            sample_weight=True
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model.set_score_request(sample_weight=True)
        routed = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
        scores = cross_validate(
            make_pipeline(scaler, model),
            X,
            y,
            params={"sample_weight": weights},
        )
    direct = estimator(random_state=0, max_iter=3).fit(
        StandardScaler().fit_transform(X), y, weights
    )
    np.testing.assert_array_equal(routed[-1].coefs_[0], direct.coefs_[0])
    assert len(scores["test_score"]) == 5


def test_verbose_prints_what_scikit_learn_prints(iris, capsys):
    from sklearn.neural_network import MLPClassifier

    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    for options in (
        {"tol": 0.01, "n_iter_no_change": 2},
        {"early_stopping": True, "n_iter_no_change": 2},
        {
            "solver": "sgd",
            "learning_rate": "adaptive",
            "learning_rate_init": 4e-6,
            "n_iter_no_change": 1,
        },
        {"max_iter": 3},
    ):
        texts = []
        for estimator in (BPClassifier, MLPClassifier):
            estimator(verbose=True, random_state=0, **options).fit(X, y)
            texts.append(capsys.readouterr().out)
        assert texts[0] == texts[1]
    network(verbose=True, solver="lbfgs", max_iter=3).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "Iteration 1",
        "Iteration 2",
        "Iteration 3",
    ]


@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_the_diagram_shows_it(estimator, iris):
    assert estimator.__name__ in estimator().fit(*iris)._repr_html_()


@pytest.mark.parametrize("random_state", [None, 3, np.random.RandomState(3)])
def test_random_states(iris, random_state):
    X, y = iris
    BPClassifier(max_iter=2, random_state=random_state).fit(X, y)
    model = BPClassifier(random_state=random_state)
    for _ in range(2):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert model.n_iter_ == 2
