"""PyTorch: modules of networks, networks of modules, tensors as data."""

from contextlib import ExitStack

import numpy as np
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.datasets import make_multilabel_classification

from skbp import BPClassifier, BPRegressor
from skbp._estimator.torch_modules import MODULES
from tests.catalogue import HIDDEN_ACTIVATIONS
from tests.helpers import fitted

torch = pytest.importorskip("torch")
nn = torch.nn

pytestmark = pytest.mark.ecosystem

RNG = np.random.RandomState(0)
X = RNG.standard_normal((90, 4))
NUMBERS = np.sin(X[:, 0]) + X[:, 1] ** 2
TWO = np.where(NUMBERS > 0.5, "yes", "no")
THREE = np.digitize(NUMBERS, [0.0, 1.0])
_, LABELS = make_multilabel_classification(90, n_classes=3, random_state=0)
QUICK = {"max_iter": 10, "random_state": 0}

SCALED = {"target_scaling": "standard", **QUICK}

#: The models and their targets, by name.
MODELS = {
    "scaled": (BPRegressor((6,), **SCALED), 30.0 * NUMBERS + 100.0),
    "scaled, leaky": (
        BPRegressor((6,), output_activation="leaky_relu", **SCALED),
        np.c_[NUMBERS, X],
    ),
    "one output": (BPRegressor((6,), **QUICK), NUMBERS),
    "two outputs": (BPRegressor((6,), "tanh", **QUICK), np.c_[NUMBERS, X[:, 2]]),
    "no biases": (BPRegressor((6, 3), fit_intercept=False, **QUICK), NUMBERS),
    "no hidden layer": (BPRegressor((), **QUICK), NUMBERS),
    "two classes": (BPClassifier((6,), **QUICK), TWO),
    "softmax of two": (BPClassifier((6,), output_activation="softmax", **QUICK), TWO),
    "three classes": (BPClassifier((6, 5), ("gelu", "elu"), **QUICK), THREE),
    "labels": (BPClassifier((6,), **QUICK), LABELS),
} | {
    name: (BPRegressor((5, 4), (name, "tanh"), **QUICK), NUMBERS)
    for name in HIDDEN_ACTIVATIONS
}


def computed(module, x):
    with torch.no_grad():
        return module(torch.tensor(x)).numpy()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_there_and_back(name, dtype):
    model, y = MODELS[name]
    x = X.astype(dtype)
    model = fitted(clone(model), x, y)
    module = model.to_torch()
    assert isinstance(module, nn.Sequential)
    outputs = computed(module, x)
    assert outputs.dtype == dtype
    expected = model.predict_proba(x) if is_classifier(model) else model.predict(x)
    if is_classifier(model) and outputs.shape[1] == 1:
        expected = expected[:, 1:]
    precision = 1e-5 if dtype == np.float32 else 1e-9
    expected = expected.reshape(len(x), -1)
    assert_allclose(outputs, expected, rtol=precision, atol=precision)
    classes = {"classes": model.classes_} if is_classifier(model) else {}
    again = type(model).from_torch(module, **classes)
    if name.startswith("scaled"):
        # The units of y have become a part of the last layer, or another layer.
        assert_allclose(again.predict(x), model.predict(x), rtol=precision)
        return
    assert_array_equal(again.predict(x), model.predict(x))
    for a, b in zip(again.coefs_, model.coefs_, strict=True):
        assert_array_equal(a, b)
    # Copies: training one does not change the other.
    with torch.no_grad():
        module[0].weight += 1.0
    assert_array_equal(again.coefs_[0], model.coefs_[0])
    continued = {"classes": model.classes_} if is_classifier(model) else {}
    again.partial_fit(x, y, **continued)
    assert again.out_activation_ == model.out_activation_


def test_raw_outputs():
    model = fitted(BPClassifier((6,), **QUICK), X, THREE)
    module = model.to_torch(raw=True)
    assert isinstance(module[-1], nn.Linear)
    assert_allclose(computed(module, X), model.weighted_inputs(X)[-1], rtol=1e-9)
    again = BPClassifier.from_torch(module)
    assert_allclose(again.predict_proba(X), model.predict_proba(X), rtol=1e-9)
    two = fitted(BPClassifier((6,), **QUICK), X, TWO)
    again = BPClassifier.from_torch(two.to_torch(raw=True), classes=["no", "yes"])
    assert_array_equal(again.predict(X), two.predict(X))


def test_raw_outputs_of_a_loss():
    quantiles = {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}
    for options in (quantiles, {"loss": "poisson"}):
        model = fitted(BPRegressor((6,), **options, **QUICK), X, np.abs(NUMBERS))
        with pytest.raises(ValueError, match="raw=True"):
            model.to_torch()
        again = BPRegressor.from_torch(model.to_torch(raw=True), **options)
        assert_array_equal(again.predict(X), model.predict(X))


def test_modules_that_were_trained_elsewhere():
    module = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3)),
        nn.Linear(8, 5, bias=False),
        nn.Linear(5, 2),
    ).eval()
    model = BPClassifier.from_torch(module, classes=["a", "b"], alpha=0.1)
    assert model.activation == ("relu", "identity")
    assert (model.hidden_layer_sizes, model.alpha) == ((8, 5), 0.1)
    with torch.no_grad():
        x = torch.randn(20, 4)
        p = module(x).softmax(dim=1).numpy()
    assert_allclose(model.predict_proba(x), p, rtol=1e-5, atol=1e-6)
    assert set(model.predict(x)) <= {"a", "b"}


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (lambda: nn.Conv1d(1, 1, 1), TypeError, "Conv1d"),
        (lambda: nn.Sequential(nn.ReLU()), ValueError, "must follow a Linear"),
        (lambda: nn.Sequential(), ValueError, "no Linear"),
        (lambda: nn.Sequential(nn.Linear(4, 1), nn.GLU()), ValueError, "GLU"),
        (
            lambda: nn.Sequential(nn.Linear(4, 2), nn.ELU(0.5), nn.Linear(2, 1)),
            ValueError,
            "alpha=1.0",
        ),
        (lambda: nn.Sequential(nn.Linear(4, 1), nn.Tanh()), ValueError, "Sigmoid"),
    ],
)
def test_modules_that_are_no_networks(module, error, message):
    with pytest.raises(error, match=message):
        BPClassifier.from_torch(module())
    with pytest.raises(ValueError, match="classes must contain 2 labels"):
        BPClassifier.from_torch(nn.Sequential(nn.Linear(4, 1)), classes=[0])
    several = fitted(BPRegressor((3,), n_init=2, ensemble=2, **QUICK), X, NUMBERS)
    with pytest.raises(ValueError, match="members_"):
        several.to_torch()


def test_the_table_has_every_hidden_activation():
    assert set(HIDDEN_ACTIVATIONS) <= set(MODULES)


@pytest.mark.parametrize("dispatch", [False, True])
@pytest.mark.parametrize("estimator", [BPClassifier, BPRegressor])
def test_tensors_as_data(estimator, dispatch):
    x, y = torch.tensor(X, dtype=torch.float32), torch.tensor(THREE)
    with ExitStack() as stack:
        try:
            stack.enter_context(sklearn.config_context(array_api_dispatch=dispatch))
        except (ImportError, RuntimeError) as error:
            pytest.skip(str(error))
        model = fitted(estimator((4,), **QUICK), x, y, torch.ones(90))
        expected = fitted(estimator((4,), **QUICK), x.numpy(), THREE, np.ones(90))
        assert_array_equal(model.predict(x), expected.predict(x.numpy()))
        assert model.predict(x).dtype == expected.predict(x.numpy()).dtype
        assert model.score(x, y) == expected.score(x.numpy(), THREE)
        for tensor in (x.clone().requires_grad_(), x.to_sparse(), x.bfloat16()):
            with pytest.raises(TypeError, match="X"):
                model.predict(tensor)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("ends", [[], [nn.Softmax(-1)]])
def test_classes_in_any_order(n, ends):
    last = [] if n == 1 else ends
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, n), *last).double()
    classes = ["b", "a", "c"][: max(n, 2)]
    model = BPClassifier.from_torch(module, classes=classes, random_state=0)
    other = BPClassifier.from_torch(module)
    assert model.classes_.tolist() == sorted(classes)
    assert_array_equal(model.predict(X), np.array(classes)[other.predict(X)])
    order = np.argsort(classes)
    assert_allclose(model.predict_proba(X), other.predict_proba(X)[:, order])
    y = model.predict(X)
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.8


def test_classes_that_cannot_be():
    module = nn.Sequential(nn.Linear(4, 2))
    with pytest.raises(ValueError, match="each label once"):
        BPClassifier.from_torch(module, classes=["a", "a"])
    module.append(nn.Sigmoid())
    with pytest.raises(ValueError, match="Several logistic outputs are labels"):
        BPClassifier.from_torch(module, classes=[1, 0])


def test_parameters_that_contradict_the_module():
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1))
    same = {"hidden_layer_sizes": 5, "activation": "tanh"}
    assert BPRegressor.from_torch(module, **same).activation == "tanh"
    for wrong in ({"hidden_layer_sizes": (6,)}, {"activation": "relu"}):
        with pytest.raises(ValueError, match=r"follow from the module.*Leave both out"):
            BPRegressor.from_torch(module, **wrong)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_modules_in_half_precision(dtype):
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)).to(dtype)
    model = BPRegressor.from_torch(module)
    expected = computed(module.float(), X.astype(np.float32))
    # (A sum near 0 has the rounding errors of its terms.)
    found = model.predict(X.astype(np.float32))
    assert_allclose(found, expected[:, 0], rtol=1e-5, atol=1e-6)
