"""Displays: classes that draw with matplotlib, as in scikit-learn."""

from skbp.plotting.loss_curve import LossCurveDisplay
from skbp.plotting.network import NetworkDisplay
from skbp.plotting.sweep import SweepDisplay
from skbp.plotting.weights import WeightsDisplay

__all__ = ["LossCurveDisplay", "NetworkDisplay", "SweepDisplay", "WeightsDisplay"]
