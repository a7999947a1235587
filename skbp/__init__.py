"""Back-propagation, as five classic documents derive it, for scikit-learn."""

from skbp.classifier import BPClassifier
from skbp.regressor import BPRegressor

__all__ = ["BPClassifier", "BPRegressor", "__version__"]
__version__ = "0.1.0"
