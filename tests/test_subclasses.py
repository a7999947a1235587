"""Subclasses with constructors, attributes and helpers of their own."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from skbp import BPClassifier, BPGridSearchCV, BPRegressor
from skbp._estimator.rules import HOOKS
from skbp.compat import MLPClassifier, MLPRegressor
from tests.helpers import X, Y, fitted, same_weights

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = [BPClassifier, BPRegressor, MLPClassifier, MLPRegressor]
ALL = pytest.mark.parametrize("base", CLASSES)
SMALL = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0}


# Constructors


def own_constructor(base):
    class Net(base):
        def __init__(self):
            super().__init__(**SMALL)

    return Net()


def named_constructor(base):
    class Net(base):
        def __init__(self, size=5):
            base.__init__(self, **SMALL | {"hidden_layer_sizes": (size,)})
            self.size = size

    return Net()


def keyword_constructor(base):
    class Net(base):
        def __init__(self, **options):
            super().__init__(**options)

    return Net(**SMALL)


def attributes_alone(base):
    class Net(base):
        def __init__(self):
            self.hidden_layer_sizes, self.max_iter, self.random_state = (5,), 4, 0

    return Net()


def class_attributes(base):
    class Net(base):
        hidden_layer_sizes, max_iter, random_state = (5,), 4, 0

        def __init__(self):
            pass

    return Net()


def set_afterwards(base):
    class Net(base):
        def __init__(self):
            super().__init__()

    net = Net()
    net.hidden_layer_sizes, net.max_iter, net.random_state = (5,), 4, 0
    return net


CONSTRUCTORS = [
    own_constructor,
    named_constructor,
    keyword_constructor,
    attributes_alone,
    class_attributes,
    set_afterwards,
]


@ALL
@pytest.mark.parametrize("make", CONSTRUCTORS, ids=lambda make: make.__name__)
def test_settings_are_those_of_the_attributes(base, make):
    net, plain = fitted(make(base)), fitted(base(**SMALL))
    assert net.n_iter_ == 4
    same_weights(net, plain)
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))
    if make not in (keyword_constructor, set_afterwards):
        # (clone knows nothing of **options and of attributes, as in scikit-learn.)
        same_weights(fitted(clone(net)), plain)
    net.partial_fit(X, Y)
    assert net.gradients(X, Y)


@ALL
@pytest.mark.parametrize(
    ("name", "value"), [("max_iter", -1), ("alpha", -1.0), ("solver", "adma")]
)
def test_values_are_checked_whoever_sets_them(base, name, value):
    class Net(base):
        def __init__(self):
            super().__init__(**{name: value})

    with pytest.raises(ValueError, match=f"The '{name}' parameter of Net must be"):
        Net().fit(X, Y)


@ALL
def test_searches_do_not_mix_derived_settings(base):
    class Net(base):
        def __init__(self, alpha=1.0):
            self.alpha = alpha
            super().__init__(alpha=alpha, max_iter=2 + int(alpha), random_state=0)

    grid = {"alpha": [1.0, 5.0, 9.0]}
    ours = BPGridSearchCV(Net(), grid, cv=2).fit(X, Y).cv_results_
    plain = GridSearchCV(Net(), grid, cv=2).fit(X, Y).cv_results_
    np.testing.assert_allclose(ours["mean_test_score"], plain["mean_test_score"])


def test_attributes_of_ones_own_stay_with_their_candidate():
    class Net(BPClassifier):
        def fit_label(self):
            return self.label

        def set_params(self, **params):
            super().set_params(**params)
            self.label = f"alpha {self.alpha}"
            return self

    search = BPGridSearchCV(Net((3,), max_iter=2), {"alpha": [1.0, 2.0]}, cv=2)
    search = search.fit(X, Y)
    assert search.best_estimator_.label == f"alpha {search.best_params_['alpha']}"


# Private methods of scikit-learn's


@ALL
@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_that_would_never_be_called_is_refused(base, name):
    with pytest.raises(TypeError, match=rf"Net defines {name}, .*use .* of BP"):
        type("Net", (base,), {name: lambda self, *args: None})

    class Mixin:
        pass

    setattr(Mixin, name, lambda self, *args: None)
    with pytest.raises(TypeError, match=f"Mixin defines {name}"):
        type("Net", (Mixin, base), {})


@ALL
def test_a_hook_is_refused_after_construction_too(base, monkeypatch):
    net = base(**SMALL)
    net._init_coef = lambda *args: None
    with pytest.raises(TypeError, match="use init, coefs_init"):
        net.fit(X, Y)
    monkeypatch.setattr(base, "_init_coef", lambda *args: None, raising=False)
    with pytest.raises(TypeError, match=f"{base.__name__} defines _init_coef"):
        base(**SMALL).fit(X, Y)


@ALL
def test_public_methods_may_be_overridden(base):
    class Net(base):
        def fit(self, X, y):
            return super().fit(X[:, :2], y)

        def predict(self, X):
            return super().predict(X[:, :2])

    assert fitted(Net(**SMALL)).predict(X).shape == (150,)


# Names


@ALL
def test_private_names_belong_to_subclasses(base):
    """Names that a subclass of scikit-learn's networks might use."""
    names = ["model", "targets", "checkpoint", "outputs", "raw_outputs", "checked"]
    names += ["loss", "train", "train_part", "split", "settings", "encode", "best"]
    names += ["memory", "history", "network", "engine", "rules", "theta", "job"]

    class Net(base):
        def __init__(self):
            super().__init__(**SMALL)
            for name in names:
                setattr(self, f"_{name}", name)

    net = fitted(Net())
    same_weights(net, fitted(base(**SMALL)))
    net.partial_fit(X, Y).predict(X)
    assert all(getattr(net, f"_{name}") == name for name in names)
    methods = {f"_{name}": lambda self, *args: 1 / 0 for name in names}
    net = fitted(type("Net", (base,), methods)(**SMALL))
    net.partial_fit(X, Y).predict(X)


class Poison:
    """A value that nothing may look at."""

    def __bool__(self):
        raise AssertionError

    __eq__ = __float__ = __int__ = __len__ = __iter__ = __lt__ = __gt__ = __bool__
    __hash__ = None


@pytest.mark.parametrize("base", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_parameters_that_scikit_learn_does_not_have_belong_to_subclasses(base, solver):
    fixed = base._bp_rules.fixed
    assert {"dropout", "init", "ensemble", "n_init", "scoring"} <= set(fixed)
    options = SMALL | {"solver": solver}

    class Net(base):
        def __init__(self):
            super().__init__(**options)
            for name in fixed:
                setattr(self, name, Poison())

    class Early(Net):
        def __init__(self):
            super().__init__()
            self.early_stopping = True

    net, plain = fitted(Net()), fitted(base(**options))
    same_weights(net, plain)
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))
    net.score(X, Y)
    net.cost(X, Y)
    net.warm_start = True
    fitted(net)
    fitted(Early())
    if solver == "adam":
        net.partial_fit(X, Y)
    assert all(isinstance(getattr(net, name), Poison) for name in fixed)


def test_class_weight_of_ones_own():
    """The program turns its own class_weight into sample weights."""

    class Weighted(MLPClassifier):
        def __init__(self, class_weight=None):
            super().__init__(**SMALL)
            self.class_weight = class_weight

        def fit(self, X, y):
            return super().fit(X, y, np.array([self.class_weight[one] for one in y]))

    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    known = BPClassifier(**SMALL, class_weight=weights)
    same_weights(fitted(Weighted(weights)), fitted(known))
