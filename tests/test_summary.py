"""summary(), status_, and the HTML representation."""

import pickle

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skbp._estimator.described as described
from skbp import BPClassifier, BPGridSearchCV, BPRegressor
from skbp.compat import MLPClassifier
from tests.helpers import BOTH, CALLBACKS, X_D, Y_D, X, Y, fitted, since


@pytest.mark.parametrize("hidden", [(), (5,), (5, 3)])
@pytest.mark.parametrize("intercept", [True, False])
@BOTH
def test_layers_are_those_of_the_network(estimator, hidden, intercept):
    model = fitted(estimator(hidden, fit_intercept=intercept, max_iter=2))
    summary = model.summary()
    outputs = model.n_outputs_
    assert [layer.units for layer in summary.layers] == [4, *hidden, outputs]
    assert summary.layers[0].layer == "input"
    assert summary.layers[-1].activation == model.out_activation_
    arrays = [*model.coefs_, *(model.intercepts_ if intercept else [])]
    assert summary.n_parameters == sum(array.size for array in arrays)
    frame = summary.to_frame()
    assert frame["parameters"].sum() == summary.n_parameters
    assert list(frame.index) == [layer.layer for layer in summary.layers]
    assert str(summary) == repr(summary)
    for name in ("input", "output", f"{summary.n_parameters:,} parameters."):
        assert name in str(summary)


def stopped(model):
    class Stop:
        def setup(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            return context.task_name == "epoch"

        def teardown(self, estimator, context):
            pass

    return fitted(model.set_callbacks(Stop()))


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ({"max_iter": 3}, "max_iter", "after 3 epochs: max_iter=3 was reached"),
        ({"tol": 1.0}, "converged", "the training loss did not improve by more than"),
        (
            {"early_stopping": True, "tol": 1.0},
            "converged",
            "the validation score did not improve by more than tol=1",
        ),
        ({"solver": "lbfgs", "tol": 1.0}, "converged", "converged (tol=1)"),
        (
            {"solver": "lbfgs", "max_iter": 2},
            "max_iter",
            "after 2 iterations: max_iter",
        ),
        ({"solver": "lbfgs", "max_fun": 3}, "max_iter", "max_fun=3 was reached"),
        (
            {"solver": "sgd", "learning_rate_init": 1e30},
            "diverged",
            "training diverged",
        ),
    ],
)
def test_why_training_ended(options, status, words):
    model = BPClassifier((4,), random_state=0).set_params(**options)
    with np.errstate(all="ignore"):
        fitted(model)
    assert model.status_ == status
    text = str(model.summary())
    assert words in text
    changed = {"max_iter": 999, "tol": 0.5, "max_fun": 7, "early_stopping": False}
    changed["solver"] = "rprop" if model.solver == "lbfgs" else "lbfgs"
    assert str(model.set_params(**changed).summary()) == text
    assert pickle.loads(pickle.dumps(model)).summary() == model.summary()


@CALLBACKS
def test_a_callback_ended_training():
    model = stopped(BPClassifier((4,), random_state=0))
    assert model.status_ == "stopped"
    assert "after 1 epoch: a callback stopped it" in str(model.summary())


def test_after_partial_fit():
    model = BPClassifier((4,), random_state=0)
    for _ in range(2):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert model.status_ == "running"
    assert "in 2 epochs, the last by partial_fit" in str(model.summary())


def test_a_search_sets_the_status_too():
    grid = {"max_iter": [2, 500]}
    search = fitted(BPGridSearchCV(BPClassifier((2,), tol=0.1), grid, cv=2))
    assert search.best_estimator_.status_ in ("max_iter", "converged")


def test_several_networks():
    options = {"n_init": 3, "ensemble": 2, "max_iter": 5, "random_state": 0}
    notes = fitted(BPRegressor((4,), **options), X_D, Y_D).summary().notes
    assert "2 networks predict together; the table shows one of them." in notes
    options |= {"solver": "lm", "alpha": "evidence", "max_iter": 20}
    model = fitted(BPRegressor((4,), "tanh", **options), X_D, Y_D)
    assert 0.0 < model.linear_share_ < 1.0
    share = f"A linear model has a share of {model.linear_share_:.0%} in predictions."
    assert share in model.summary().notes


def test_weights_set_by_hand_and_no_weights():
    with pytest.raises(NotFittedError):
        BPClassifier().summary()
    model = BPRegressor()
    model.coefs_, model.intercepts_ = [np.ones((2, 1))], [np.ones(1)]
    model.out_activation_ = "identity"
    assert model.summary().notes == ["3 parameters."]


TABLES = since(1, 9, "tables of fitted attributes")


@TABLES
@BOTH
def test_the_html_representation_has_the_table_in_pipelines_too(estimator):
    pipe = make_pipeline(StandardScaler(), estimator((5,), max_iter=2))
    assert "Layers and training" not in pipe._repr_html_()
    text = fitted(pipe)._repr_html_()
    assert "<td>hidden 1</td><td>5</td><td>relu</td><td>25</td>" in text
    assert "max_iter=2 was reached" in text
    search = fitted(GridSearchCV(estimator((5,), max_iter=2), {"alpha": [0.1]}, cv=2))
    assert "Layers and training" in search._repr_html_()


@TABLES
def test_a_network_that_does_not_fit_together_still_has_a_representation():
    model = fitted(BPClassifier((5,), max_iter=2))
    model.coefs_[0] = np.ones((4, 7))
    assert "Layers and training" not in model._repr_html_()
    assert not hasattr(model, "feature_importances_")


@pytest.mark.parametrize(
    ("model", "page"),
    [
        (BPClassifier(), "skbp.BPClassifier"),
        (MLPClassifier(), "skbp.compat.MLPClassifier"),
        (BPGridSearchCV(BPClassifier(), {}), "skbp.BPGridSearchCV"),
    ],
)
def test_links_lead_to_the_pages_of_the_documentation(model, page, monkeypatch):
    monkeypatch.setattr(described, "address_of_documentation", lambda: "https://a.b")
    link = model._get_doc_link()
    assert link == f"https://a.b/api/generated/{page}.html"
    assert link in model._repr_html_()


@TABLES
def test_parameters_have_tooltips_without_an_address(monkeypatch):
    monkeypatch.setattr(described, "address_of_documentation", lambda: "")
    text = BPClassifier()._repr_html_()
    assert "hidden_layer_sizes: int" in text or "hidden_layer_sizes:" in text
    assert "param-doc-description" in text


def test_the_address_comes_from_the_metadata(monkeypatch):
    class Metadata:
        def get_all(self, name):
            return ["Source, https://x.y", "Documentation, https://a.b/"]

    monkeypatch.setattr(described, "metadata", lambda name: Metadata())
    assert described.address_of_documentation() == "https://a.b"


def test_subclasses_of_users_have_no_page():
    class Own(BPClassifier):
        pass

    Own.__module__ = "elsewhere"
    assert Own()._get_doc_link() == ""
