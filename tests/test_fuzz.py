"""Laws that hold for all estimators and all data, tried on random ones."""

import warnings

import numpy as np
import pytest

from tests.fuzz import case, trained

#: How many cases the ordinary run tries; ``case`` has as many as there are seeds.
CASES, AT_ONCE = 240, 40


def predictions(model, X):
    """Return all numbers that an estimator says about X."""
    found = [model.predict(X)]
    if hasattr(model, "predict_proba"):
        found += [model.predict_proba(X), model.decision_function(X)]
    return found


def check_no_silent_nan(seed):
    """Check that a model predicts finite numbers for its X, or training diverged."""
    one = case(seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            trained(one)
        except ValueError as error:
            if "The validation score is -inf" in str(error):
                # R² of huge numbers before training.
                return
            raise
        found = predictions(one.estimator, one.X)
    # A warning of NumPy or SciPy has leaked.
    assert not [w for w in caught if issubclass(w.category, RuntimeWarning)], seed
    if not any("diverged" in str(one.message) for one in caught):
        assert all(np.isfinite(each).all() for each in found), (seed, one.estimator)
    weights = one.estimator.coefs_ + one.estimator.intercepts_
    assert all(np.isfinite(each).all() for each in weights), seed


@pytest.mark.parametrize("first", range(0, CASES, AT_ONCE))
def test_a_fit_that_does_not_warn_of_divergence_predicts_finite_numbers(first):
    for seed in range(first, first + AT_ONCE):
        check_no_silent_nan(seed)
