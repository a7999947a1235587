"""A call in a loop does as much work after many epochs as after few."""

import tracemalloc

import pytest

from skbp import BPClassifier, BPRegressor
from skbp._estimator.attributes import CURVES
from skbp.compat import MLPClassifier, MLPRegressor
from tests.helpers import X, Y

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
EPOCHS = 100_000


class Unread(list):
    """A curve that can be extended, and whose numbers nobody may read."""

    def fail(self, *args):
        raise AssertionError("The call goes through the curves of earlier calls.")

    __iter__ = __getitem__ = __add__ = __contains__ = __eq__ = __reversed__ = fail
    copy = index = count = fail
    __hash__ = None


def of_partial_fit(model):
    first = {"classes": [0, 1, 2]} if hasattr(model, "predict_proba") else {}
    return model.partial_fit(X, Y, **first)


def of_warm_start(model):
    return model.set_params(warm_start=True, max_iter=1).fit(X, Y)


def with_early_stopping(model):
    return of_warm_start(model.set_params(early_stopping=True))


def with_a_validation_set(model):
    model.set_params(warm_start=True, max_iter=1)
    return model.fit(X, Y, X_val=X, y_val=Y)


def with_a_scorer(model):
    if "scoring" in model.get_params():
        model.set_params(scoring="r2")
    return with_a_validation_set(model)


@pytest.mark.parametrize(
    "call",
    [
        of_partial_fit,
        of_warm_start,
        with_early_stopping,
        with_a_validation_set,
        with_a_scorer,
    ],
)
@pytest.mark.parametrize(
    "estimator", [BPClassifier, BPRegressor, MLPClassifier, MLPRegressor]
)
def test_no_call_reads_or_copies_the_curves(estimator, call):
    model = estimator(hidden_layer_sizes=(2,), random_state=0)
    call(model)
    curves = {name for name in CURVES if vars(model).get(name)}
    vars(model).update((name, Unread([0.5] * EPOCHS)) for name in curves)
    # The lists grow, once for many calls.
    call(model)
    tracemalloc.start()
    try:
        call(model)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A copy has 8 bytes for each epoch.
    assert peak < 4 * EPOCHS
    assert {len(getattr(model, name)) for name in curves} == {EPOCHS + 2}


def test_the_checkpoint_keeps_no_curves():
    model = BPClassifier((2,), random_state=0)
    for _ in range(3):
        of_partial_fit(model)
    (history,) = model._bp_checkpoint.histories
    assert not any(getattr(history, name) for name in CURVES.values())
