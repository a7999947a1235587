"""What scikit-learn may ask of an estimator before its parameters are checked.

Tags, ``repr``, ``clone``, ``get_params`` and ``check_is_fitted`` work whatever the
values of the parameters. Only ``fit`` refuses them, with an error that names one.
"""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from skbp import BPClassifier, BPGridSearchCV, BPHalvingGridSearchCV, BPRegressor
from skbp.compat import MLPClassifier, MLPRegressor

ALL = (BPClassifier, BPRegressor, MLPClassifier, MLPRegressor)
SMALL = {"hidden_layer_sizes": (2,), "max_iter": 1}
BAD = (
    "misspelt",
    None,
    -1.5,
    np.nan,
    1j,
    (),
    ["a", 2],
    [[1], [1, 2]],
    {"a": 1},
    {2},
    b"relu",
    np.zeros(3),
    np.array([["relu"]]),
    object(),
    int,
    len,
)
EVERY = pytest.mark.parametrize("estimator", ALL)

X = np.random.RandomState(0).standard_normal((30, 3))
Y = (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {one: one(**SMALL).fit(X, Y) for one in ALL}


def ask(model):
    """Ask what scikit-learn asks before it validates."""
    get_tags(model)
    repr(model)
    clone(model).get_params()
    for method in ("partial_fit", "predict_proba", "decision_function", "_optimizer"):
        hasattr(model, method)
    if hasattr(model, "coefs_"):
        check_is_fitted(model)
    else:
        with pytest.raises(NotFittedError):
            check_is_fitted(model)


def changed(names):
    """Return each parameter with each bad value."""
    return [(name, value) for name in names for value in BAD]


@EVERY
def test_only_fit_refuses_parameters(estimator, fitted):
    new, known = estimator(), fitted[estimator].get_params()
    for name, value in changed(known):
        for model in (new, fitted[estimator]):
            model.set_params(**{name: value})
            ask(model)
            model.set_params(**{name: known[name]})
    for model in (new, fitted[estimator]):
        model.set_params(**dict.fromkeys(known, "misspelt"))
        model._repr_html_()
        dir(model)
        repr(make_pipeline(StandardScaler(), model))
        model.set_params(**known)


@EVERY
def test_the_error_of_fit_names_the_parameter(estimator):
    for name, value in changed(estimator().get_params()):
        model = estimator().set_params(**{**SMALL, name: value})
        message = ""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.fit(X[:4], Y[:4])
        except (TypeError, ValueError) as error:
            message = str(error)
        assert not message or name in message, (name, value)


@pytest.mark.parametrize("estimator", [BPRegressor, MLPRegressor])
def test_a_fitted_model_predicts_and_scores_whatever_its_loss(estimator, fitted):
    model = fitted[estimator]
    scored = model.score(X, Y)
    try:
        model.set_params(loss="misspelt")
        assert model.score(X.tolist(), Y) == scored
        with pytest.raises(ValueError, match=r"'loss' parameter.*'misspelt'"):
            model.fit(X, Y)
    finally:
        model.set_params(loss="squared_error")


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:One or more of the .* scores are non-finite")
@pytest.mark.parametrize("search", [BPGridSearchCV, BPHalvingGridSearchCV])
def test_a_search_loses_only_the_candidate_with_a_misspelt_loss(search):
    model = BPRegressor((2,), solver="lbfgs", max_fun=20, random_state=0)
    grid = {"loss": ["misspelt", "squared_error"]}
    with pytest.warns(FitFailedWarning, match=r"(?s)'loss' parameter.*'misspelt'"):
        searched = search(model, grid, cv=2, refit=False).fit(X, Y)
    assert np.isnan(searched.cv_results_["mean_test_score"][0])
    assert np.isfinite(searched.cv_results_["mean_test_score"][1])
    with pytest.raises(ValueError, match=r"(?s)All the 2 fits failed.*'misspelt'"):
        search(model, {"loss": ["misspelt"]}, cv=2).fit(X, Y)


def test_cross_validation_gives_the_error_of_fit():
    with pytest.raises(ValueError, match=r"'loss' parameter.*'misspelt'"):
        cross_val_score(BPRegressor(loss="misspelt"), X, Y, error_score="raise")
