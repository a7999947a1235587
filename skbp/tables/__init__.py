"""Networks for tables: encoders of columns, and a pipeline that needs no tuning."""

from skbp.tables.dates import DateEncoder
from skbp.tables.estimators import TabularClassifier, TabularRegressor
from skbp.tables.piecewise import PiecewiseLinearEncoder
from skbp.tables.pipeline import tabular_pipeline

__all__ = [
    "DateEncoder",
    "PiecewiseLinearEncoder",
    "TabularClassifier",
    "TabularRegressor",
    "tabular_pipeline",
]
