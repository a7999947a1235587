"""Back-propagation, as five classic documents derive it, for scikit-learn."""

from skbp.classifier import BPClassifier
from skbp.inspection import GradientCheck, check_gradient
from skbp.regressor import BPRegressor

__all__ = [
    "BPClassifier",
    "BPRegressor",
    "GradientCheck",
    "__version__",
    "check_gradient",
]
__version__ = "0.1.0"
