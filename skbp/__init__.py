"""Neural networks trained by back-propagation, with the API of scikit-learn."""

from skbp._config import config_context, get_config
from skbp._version import __version__
from skbp.classifier import BPClassifier
from skbp.inspection import GradientCheck, check_gradient
from skbp.model_selection import (
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
)
from skbp.plotting import (
    LossCurveDisplay,
    NetworkDisplay,
    SweepDisplay,
    WeightsDisplay,
)
from skbp.regressor import BPRegressor
from skbp.tables import (
    DateEncoder,
    PiecewiseLinearEncoder,
    TabularClassifier,
    TabularRegressor,
    tabular_pipeline,
)

__all__ = [
    "BPClassifier",
    "BPGridSearchCV",
    "BPHalvingGridSearchCV",
    "BPHalvingRandomSearchCV",
    "BPRandomizedSearchCV",
    "BPRegressor",
    "DateEncoder",
    "GradientCheck",
    "LossCurveDisplay",
    "NetworkDisplay",
    "PiecewiseLinearEncoder",
    "SweepDisplay",
    "TabularClassifier",
    "TabularRegressor",
    "WeightsDisplay",
    "__version__",
    "check_gradient",
    "config_context",
    "get_config",
    "tabular_pipeline",
]
