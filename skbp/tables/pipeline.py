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
from skbp.tables.estimators import HUGE, TabularClassifier, TabularRegressor

#: The largest absolute value of a scaled number.
LIMIT = 4.0
#: The fewest rows of a category with a column of its own, and the most columns.
MIN_FREQUENCY, MAX_CATEGORIES = 10, 100
#: The columns of each kind.
COLUMNS = {
    "numbers": numeric_columns,
    "categories": categorical_columns,
    "dates": date_columns,
}


def bounded(X: Any) -> npt.NDArray[np.float64]:
    """Return numbers whose squares can be summed: at most ``HUGE``, or infinite."""
    X = np.asarray(X, dtype=np.float64)
    # (Infinite numbers are left to the next step, which refuses them.)
    found: npt.NDArray[np.float64] = np.where(np.isinf(X), X, np.clip(X, -HUGE, HUGE))
    return found


def within_limit(X: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Pull outliers in smoothly: no number is larger than ``LIMIT``."""
    # (After set_output, X is a data frame.)
    X = np.asarray(X)
    scaled: npt.NDArray[np.float32] = (X / np.hypot(1.0, X / LIMIT)).astype(np.float32)
    return scaled


def column_by_column(function: Any) -> FunctionTransformer:
    """Return the transformer that calls a function, which keeps the columns."""
    return FunctionTransformer(function, feature_names_out="one-to-one")


def numbers() -> FeatureUnion:
    """Return the part that scales numbers, and shows where they are missing."""
    scaled = Pipeline(
        [
            ("bound", column_by_column(bounded)),
            ("fill", SimpleImputer(keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("limit", column_by_column(within_limit)),
        ]
    )
    missing = MissingIndicator(features="missing-only", error_on_new=False)
    return FeatureUnion([("scaled", scaled), ("missing", missing)])


def tabular_pipeline(estimator: Any = "classifier") -> Pipeline:
    """Return a pipeline from a table, with columns of any kind, to predictions.

    The first step, "columns", is a :class:`~sklearn.compose.ColumnTransformer`, which
    sorts the columns by their kinds when it is fitted:

    - numbers, bools and durations are standardised; numbers far from the mean are
      pulled in smoothly, to less than 4 standard deviations. Missing values become the
      mean, beside a column that shows where they were;
    - categories are one-hot encoded. Those with fewer than 10 rows share a column, and
      so do all but the 99 most frequent ones and those that ``fit`` has not seen. A
      missing value is a category;
    - dates become the number of days, and the position in the year, in the week and in
      the day (:class:`DateEncoder`), which are then treated as numbers.

    The second step, "network", is a :class:`TabularClassifier`, a
    :class:`TabularRegressor` or an estimator of yours.

    Parameters
    ----------
    estimator : "classifier", "regressor" or estimator, default="classifier"
        The last step. "classifier" means ``TabularClassifier()``, and "regressor"
        ``TabularRegressor()``. An estimator is cloned.

    Returns
    -------
    pipeline : Pipeline
        A pipeline that has not been fitted. It takes data frames of pandas and polars,
        and NumPy arrays.

    See Also
    --------
    TabularClassifier : How the network is chosen in classification.
    TabularRegressor : How the network is chosen in regression.

    Notes
    -----
    The kind of a column follows from its dtype. Columns of objects are looked into:
    they are numbers or dates if all values are, and categories otherwise. Texts are
    categories, even if they look like numbers or dates; convert them first.

    Examples
    --------
    >>> import numpy as np
    >>> from skbp import tabular_pipeline
    >>> X = np.array([[1.0, "red"], [2.0, "blue"], [None, "red"]] * 10, dtype=object)
    >>> y = ["yes", "no", "yes"] * 10
    >>> model = tabular_pipeline("classifier").set_params(network__random_state=0)
    >>> print(model.fit(X, y).predict(X[:3]))
    ['yes' 'no' 'yes']
    >>> model[0].get_feature_names_out().tolist()[:2]
    ['numbers__scaled__x0', 'numbers__missing__missingindicator_x0']
    """
    known = {"classifier": TabularClassifier, "regressor": TabularRegressor}
    if not isinstance(estimator, str):
        network = clone(estimator)
    elif estimator in known:
        network = known[estimator]()
    else:
        raise ValueError(
            "estimator must be 'classifier', 'regressor' or an estimator; got "
            f"{estimator!r}."
        )
    one_hot = OneHotEncoder(
        min_frequency=MIN_FREQUENCY,
        max_categories=MAX_CATEGORIES,
        handle_unknown="infrequent_if_exist",
        sparse_output=False,
        dtype=np.float32,
    )
    kinds = [
        ("numbers", ("floats", column_by_column(as_numbers)), numbers()),
        ("categories", ("texts", column_by_column(as_texts)), one_hot),
        ("dates", ("parts", DateEncoder()), numbers()),
    ]
    columns = ColumnTransformer(
        [
            (name, Pipeline([first, ("encode", encoder)]), COLUMNS[name])
            for name, first, encoder in kinds
        ]
    )
    return Pipeline([("columns", columns), ("network", network)])
