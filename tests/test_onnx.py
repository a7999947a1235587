"""ONNX: converted networks predict what the estimators predict."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_multilabel_classification
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPRegressor, compat
from skbp._targets.losses import outputs_of
from skbp.engine import activations
from tests.catalogue import HIDDEN_ACTIVATIONS
from tests.helpers import fitted

skl2onnx = pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = [
    pytest.mark.ecosystem,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

RNG = np.random.RandomState(0)
X = RNG.standard_normal((90, 4))
NUMBERS = np.sin(X[:, 0]) + X[:, 1] ** 2
SEVERAL = np.c_[NUMBERS, X[:, 2], np.tanh(X[:, 3]) + 0.3 * RNG.standard_normal(90)]
SHARES = np.abs(SEVERAL) / np.abs(SEVERAL).sum(axis=1, keepdims=True)
TWO = np.where(NUMBERS > 0.5, "yes", "no")
THREE = np.digitize(NUMBERS, [0.0, 1.0])
_, LABELS = make_multilabel_classification(90, n_classes=3, random_state=0)

QUICK = {"max_iter": 15, "random_state": 0}
ENSEMBLE = {"n_init": 3, "ensemble": 3}
EVIDENCE = {"solver": "lm", "alpha": "evidence", "n_init": 2, "ensemble": 2}


def classifier(*arguments, **options):
    return BPClassifier((6,), *arguments, **QUICK | options)


def regressor(*arguments, **options):
    return BPRegressor((6,), *arguments, **QUICK | options)


SCALED = {"target_scaling": "standard"}


def cubed(A, Y):
    """A loss of one's own: |a - y|³, and its derivative."""
    return np.abs(A - Y) ** 3, 3.0 * (A - Y) * np.abs(A - Y)


#: The models and their targets, by name.
MODELS = {
    "scaled targets": (regressor(**SCALED), 30.0 * NUMBERS + 100.0),
    "scaled quantiles": (
        regressor(loss="quantile", quantile=[0.1, 0.9], **SCALED),
        30.0 * NUMBERS + 100.0,
    ),
    "scaled targets, several": (regressor(**SCALED, **ENSEMBLE), 9.0 * SEVERAL),
    "scaled targets, leaky": (
        regressor(output_activation="leaky_relu", **SCALED),
        NUMBERS,
    ),
    "a loss of one's own": (regressor(loss=cubed), NUMBERS),
    "one output": (regressor(), NUMBERS),
    "several outputs": (regressor(), SEVERAL),
    "an ensemble": (regressor(**ENSEMBLE), NUMBERS),
    "a linear share": (regressor("tanh", **EVIDENCE), SEVERAL),
    "no biases": (regressor(fit_intercept=False), NUMBERS),
    "no hidden layer": (BPRegressor((), **QUICK), NUMBERS),
    "one quantile": (regressor(loss="quantile", quantile=0.9), NUMBERS),
    "quantiles": (regressor(loss="quantile", quantile=[0.1, 0.5, 0.9]), NUMBERS),
    "quantiles of an ensemble": (
        regressor(loss="quantile", quantile=[0.1, 0.9], **ENSEMBLE),
        NUMBERS,
    ),
    "poisson": (regressor(loss="poisson", **ENSEMBLE), NUMBERS - NUMBERS.min()),
    "gamma": (regressor(loss="gamma"), NUMBERS - NUMBERS.min() + 0.1),
    "shares": (regressor(loss="log_loss", output_activation="softmax"), SHARES),
    "scikit-learn's regressor": (
        compat.MLPRegressor(hidden_layer_sizes=(6,), **QUICK),
        NUMBERS,
    ),
    "two classes": (classifier(), TWO),
    "two classes, softmax": (classifier(output_activation="softmax"), TWO),
    "two classes, an ensemble": (classifier(**ENSEMBLE), TWO),
    "three classes": (classifier(), THREE),
    "three classes, an ensemble": (classifier(**ENSEMBLE), THREE),
    "one versus rest": (classifier(output_activation="logistic"), THREE),
    "one versus rest, an ensemble": (
        classifier(output_activation="logistic", **ENSEMBLE),
        THREE,
    ),
    "labels": (classifier(), LABELS),
    "labels, an ensemble": (classifier(**ENSEMBLE), LABELS),
    "one class": (classifier(), np.zeros(90, int)),
    "booleans": (classifier(), NUMBERS > 0.5),
    "scores": (classifier(loss="squared_error"), THREE),
    "scores of two classes": (classifier(loss="squared_error"), TWO),
    "scores of labels": (classifier(loss="squared_error"), LABELS),
    "evidence": (classifier("tanh", **EVIDENCE | {"solver": "lm"}), THREE),
    "scikit-learn's classifier": (compat.MLPClassifier((6,), **QUICK), THREE),
} | {
    f"{name} as {where}": (model, NUMBERS)
    for name in HIDDEN_ACTIVATIONS
    for where, model in {
        "the first of two layers": BPRegressor((5, 4), (name, "tanh"), **QUICK),
        "output": regressor(output_activation=name),
    }.items()
}


def in_range(y, model):
    """Return targets that the output activation of a model can reach."""
    name = model.output_activation if hasattr(model, "output_activation") else "auto"
    if is_classifier(model) or name not in activations.RANGES:
        return y
    low, high = activations.RANGES[name]
    low, high = max(low, y.min()), min(high, y.max())
    return low + (y - y.min()) / (y.max() - y.min()) * (high - low)


def run(model, x, options=None, **others):
    """Convert a model, and return what onnxruntime computes for x."""
    import skbp.onnx  # noqa: F401

    options = {"zipmap": False} if options is None and is_classifier(model) else options
    options = {id(model): options} if options else None
    converted = skl2onnx.to_onnx(model, x[:1], options=options, **others)
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    return session.run(None, {"X": x})


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_converted_models_predict_the_same(name, dtype):
    model, y = MODELS[name]
    x = X.astype(dtype)
    model = fitted(clone(model), x, in_range(y, model))
    found = run(model, x)
    assert_predicts(model, x, found, 1e-5 if dtype == np.float32 else 1e-7)


def assert_predicts(model, x, found, precision):
    """Assert that outputs of onnxruntime are the predictions of a model."""
    if not is_classifier(model):
        y = model.predict(x)
        assert found[0].dtype == x.dtype
        expected = y.reshape(len(y), -1)
        assert_allclose(found[0], expected, rtol=precision, atol=precision)
        return
    label, columns = found
    assert_array_equal(label, model.predict(x))
    assert columns.dtype == x.dtype
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(x)
    else:
        expected = model.decision_function(x)
        if expected.ndim == 1:
            expected = np.c_[-expected, expected]
    assert_allclose(columns, expected, rtol=precision, atol=precision)


def test_the_table_has_every_activation():
    from skbp.onnx import ACTIVATIONS

    assert {*ACTIVATIONS, "ordered"} == set(activations.ACTIVATIONS)
    assert outputs_of("log_loss")[0] in ACTIVATIONS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_outputs(dtype):
    model = fitted(classifier(output_activation="logistic"), X, THREE)
    x = (X * 300.0).astype(dtype)
    model.coefs_ = [W.astype(dtype) for W in model.coefs_]
    model.intercepts_ = [b.astype(dtype) for b in model.intercepts_]
    found = run(model, x)
    assert np.isfinite(found[1]).all()
    assert_predicts(model, x, found, 1e-4)


@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_an_estimator_that_is_not_fitted(estimator):
    for model in (estimator(), make_pipeline(estimator())):
        with pytest.raises(NotFittedError):
            run(model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("y", [TWO, THREE])
def test_the_default_options_work_in_both_types(y, dtype):
    model = fitted(make_pipeline(StandardScaler(), classifier()), X.astype(dtype), y)
    labels, maps = run(model, X.astype(dtype), {"nocl": False})
    assert_array_equal(labels, model.predict(X.astype(dtype)))
    p = [[one[c] for c in model.classes_] for one in maps]
    assert_allclose(p, model.predict_proba(X.astype(dtype)), rtol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zipmap_and_other_options(dtype):
    x = X.astype(dtype)
    model = fitted(classifier(), x, TWO)
    labels, maps = run(model, x, {"zipmap": True})
    assert_array_equal(labels, model.predict(x))
    p = np.array([[one["no"], one["yes"]] for one in maps])
    assert_allclose(p, model.predict_proba(x), rtol=1e-5)
    _, no, yes = run(model, x, {"zipmap": "columns"})
    assert_allclose(np.c_[no, yes].reshape(p.shape), p, rtol=1e-6)
    numbers, _ = run(model, x, {"zipmap": False, "nocl": True})
    assert_array_equal(numbers, model.predict(x) == "yes")
    *_, classes = run(model, x, {"zipmap": False, "output_class_labels": True})
    assert_array_equal(classes, model.classes_)


def test_pipelines_and_meta_estimators():
    pipe = fitted(make_pipeline(StandardScaler(), classifier(**ENSEMBLE)), X, THREE)
    assert_predicts(pipe, X, run(pipe, X), 1e-7)
    pipe = fitted(make_pipeline(StandardScaler(), regressor(**ENSEMBLE)), X, NUMBERS)
    assert_predicts(pipe, X, run(pipe, X), 1e-7)
    vote = VotingClassifier([("a", classifier()), ("b", classifier("tanh"))])
    vote.set_params(voting="soft", flatten_transform=False)
    vote = fitted(vote, X, THREE)
    assert_allclose(run(vote, X)[1], vote.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize(
    "name", [n for n, (m, _) in MODELS.items() if is_classifier(m)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_raw_scores_are_those_of_the_decision_function(name, dtype):
    model, y = MODELS[name]
    if not hasattr(model, "decision_function") or name == "one class":
        return
    x = X.astype(dtype)
    model = fitted(clone(model), x, y)
    label, scores = run(model, x, {"zipmap": False, "raw_scores": True})
    assert_array_equal(label, model.predict(x))
    expected = model.decision_function(x)
    if expected.ndim == 1:
        expected = np.c_[-expected, expected]
    precision = 1e-5 if dtype == np.float32 else 1e-7
    assert_allclose(scores, expected, rtol=precision, atol=precision)


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
@pytest.mark.parametrize("estimator", [BPClassifier, compat.MLPClassifier])
def test_calibration(y, estimator):
    """scikit-learn calibrates decision scores, or else probabilities."""
    model = fitted(CalibratedClassifierCV(estimator((6,), **QUICK), cv=2), X, y)
    _, p = run(model, X)
    assert_allclose(p, model.predict_proba(X), rtol=1e-5, atol=1e-6)


def test_integers_as_inputs():
    x = np.round(3.0 * X).astype(np.int64)
    model = fitted(regressor(), x, NUMBERS)
    (found,) = run(model, x)
    assert_allclose(found[:, 0], model.predict(x), rtol=1e-5, atol=1e-5)


def test_weights_set_by_hand_and_subclasses():
    import skbp.onnx

    class Mine(BPRegressor):
        pass

    skbp.onnx.register(Mine)
    model = fitted(Mine((6,), **QUICK), X, NUMBERS)
    model.coefs_ = [2.0 * W for W in model.coefs_]
    model.out_activation_ = "tanh"
    assert_predicts(model, X, run(model, X), 1e-7)
    with pytest.raises(TypeError, match="StandardScaler"):
        skbp.onnx.register(StandardScaler)


def test_labels_that_onnx_does_not_have():
    model = fitted(classifier(), X, TWO)
    model.classes_ = np.array([0.25, 0.75])
    with pytest.raises(ValueError, match=r"0\.25, 0\.75"):
        run(model, X)
    with pytest.raises(ValueError, match="not fitted"):
        run(classifier(), X)
