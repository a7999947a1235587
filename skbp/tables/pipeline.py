"""tabular_pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skbp.tables.columns import (
    as_numbers,
    as_texts,
    categorical_columns,
    date_columns,
    numeric_columns,
)
from skbp.tables.dates import DateEncoder
from skbp.tables.estimators import TabularClassifier, TabularRegressor

#: The largest absolute value of a scaled number.
LIMIT = 4.0


def within_limit(X: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Pull outliers in smoothly: no number is larger than ``LIMIT``."""
    scaled: npt.NDArray[np.float32] = (X / np.hypot(1.0, X / LIMIT)).astype(np.float32)
    return scaled


def numbers() -> FeatureUnion:
    """Return the part that scales numbers, and shows where they are missing."""
    scaled = Pipeline(
        [
            ("scale", StandardScaler()),
            (
                "limit",
                FunctionTransformer(within_limit, feature_names_out="one-to-one"),
            ),
            (
                "fill",
                SimpleImputer(
                    strategy="constant", fill_value=0.0, keep_empty_features=True
                ),
            ),
        ]
    )
    missing = MissingIndicator(features="missing-only", error_on_new=False)
    return FeatureUnion([("scaled", scaled), ("missing", missing)])


def tabular_pipeline(estimator: Any = "classifier") -> Pipeline:
    """DOC"""
    known = {"classifier": TabularClassifier, "regressor": TabularRegressor}
    if isinstance(estimator, str):
        if estimator not in known:
            raise ValueError(
                "estimator must be 'classifier', 'regressor' or an estimator; got "
                f"{estimator!r}."
            )
        network = known[estimator]()
    else:
        network = clone(estimator)
    plain = FunctionTransformer(as_numbers, feature_names_out="one-to-one")
    texts = FunctionTransformer(as_texts, feature_names_out="one-to-one")
    one_hot = OneHotEncoder(
        min_frequency=10,
        max_categories=100,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        dtype=np.float32,
    )
    columns = ColumnTransformer(
        [
            (
                "numbers",
                Pipeline([("floats", plain), ("encode", numbers())]),
                numeric_columns,
            ),
            (
                "categories",
                Pipeline([("texts", texts), ("encode", one_hot)]),
                categorical_columns,
            ),
            (
                "dates",
                Pipeline([("parts", DateEncoder()), ("encode", numbers())]),
                date_columns,
            ),
        ]
    )
    return Pipeline([("columns", columns), ("network", network)])
