"""Displays: classes that draw with matplotlib, as in scikit-learn."""

from skbp.plotting.loss_curve import LossCurveDisplay
from skbp.plotting.sweep import SweepDisplay

__all__ = ["LossCurveDisplay", "SweepDisplay"]
