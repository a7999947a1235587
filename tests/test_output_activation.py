"""Output activations of the classifier: its decisions and probabilities with each."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skbp import BPClassifier
from tests.helpers import EXACT, X, Y, fitted_to, minimised, minimised_to

NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
LABELS = np.c_[Y > 0, Y > 1].astype(int)


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "squared_error"},
        {"loss": "squared_error", "output_activation": "logistic"},
        {"loss": "squared_error", "output_activation": "softmax"},
        {"loss": "squared_error", "output_activation": "tanh"},
        {"loss": "squared_error", "output_activation": "relu", "init": "he_normal"},
        {"loss": "squared_error", "output_activation": "exp"},
        {"output_activation": "logistic"},
        {"output_activation": "softmax"},
    ],
    ids=str,
)
@pytest.mark.parametrize("target", ["binary", "multiclass", "multilabel", "one"])
def test_every_output_of_the_classifier(options, target):
    if target == "multilabel" and options.get("output_activation") == "softmax":
        return
    y = {
        "binary": NAMES == "virginica",
        "multiclass": NAMES,
        "multilabel": LABELS,
        "one": NAMES[Y == 0][:1].repeat(150),
    }[target]
    model = BPClassifier((8,), "tanh", solver="lbfgs", random_state=0, alpha=0.01)
    model.set_params(**options)
    fitted_to(model, y)
    assert model.score(X, y) > 0.93
    scores, predicted = model.decision_function(X), model.predict(X)
    if target == "multilabel":
        np.testing.assert_array_equal(predicted, scores > 0)
    elif target == "multiclass":
        assert scores.shape == (150, 3)
        np.testing.assert_array_equal(predicted, model.classes_[scores.argmax(axis=1)])
    elif target == "binary":
        assert scores.shape == (150,)
        np.testing.assert_array_equal(predicted, scores > 0)
    else:
        assert (predicted == "setosa").all()
    if hasattr(model, "predict_proba"):
        p, log_p = model.predict_proba(X), model.predict_log_proba(X)
        np.testing.assert_allclose(np.log(p), log_p, rtol=1e-6, atol=1e-12)
        if target != "multilabel":
            assert p.shape == (150, len(model.classes_))
            np.testing.assert_allclose(p.sum(axis=1), 1.0)
            np.testing.assert_array_equal(predicted, model.classes_[p.argmax(axis=1)])
    else:
        assert options["loss"] == "squared_error"


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "squared_error"},
        {"output_activation": "logistic"},
        {"output_activation": "softmax"},
    ],
    ids=str,
)
def test_outputs_of_the_classifier_in_parts(options):
    model = BPClassifier((8,), learning_rate_init=0.02, random_state=0, **options)
    for _ in range(60):
        model.partial_fit(X[::2], NAMES[::2], classes=np.unique(NAMES))
    assert model.score(X, NAMES) > 0.9
    stopped = BPClassifier(
        (8,), early_stopping=True, max_iter=20, random_state=0, **options
    )
    fitted_to(stopped, NAMES)
    assert len(stopped.validation_scores_) == stopped.n_iter_


def test_one_versus_rest_is_scikit_learns():
    options = {"alpha": 1.0, **EXACT}
    ours = minimised(BPClassifier((), output_activation="logistic", **options))
    theirs = OneVsRestClassifier(LogisticRegression(C=1.0, tol=1e-8)).fit(X, Y)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_versus_rest_far_from_the_data(dtype):
    """Where several outputs round to 0 or 1, the raw outputs decide."""
    model = BPClassifier(
        (),
        output_activation="logistic",
        coefs_init=[[[-1.0, -2.0, -3.0]]],
        intercepts_init=[np.zeros(3)],
        learning_rate_init=1e-9,
        max_iter=2,
    )
    fitted_to(model, [0, 1, 2], np.arange(3, dtype=dtype).reshape(-1, 1))
    far = np.array([[120.0], [900.0], [-120.0], [-1e4]], dtype)
    p = model.predict_proba(far)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(far), [0, 0, 2, 2])
    np.testing.assert_array_equal(
        model.decision_function(far).argmax(axis=1), [0, 0, 2, 2]
    )
    np.testing.assert_array_equal(p[:2].argmax(axis=1), [0, 0])


def test_two_softmax_outputs_are_one_logistic_output():
    """In a linear model the penalty decides: two columns w/2 and -w/2."""
    y = Y > 1
    two = minimised_to(
        BPClassifier((), output_activation="softmax", alpha=2.0, **EXACT), y
    )
    one = minimised_to(BPClassifier((), alpha=1.0, **EXACT), y)
    np.testing.assert_allclose(
        two.decision_function(X), one.decision_function(X), rtol=1e-4, atol=1e-3
    )
    assert two.n_outputs_ == 2
