"""DateEncoder."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skbp._sklearn import check_feature_names_in
from skbp._typing import ArrayLike, MatrixLike
from skbp.tables.columns import as_times, days

#: The periods: a name, and the length in days. (Day 0, 1970-01-01, was a Thursday.)
PERIODS = {"year": 365.2425, "week": 7.0, "day": 1.0}


class DateEncoder(TransformerMixin, BaseEstimator):
    """Encode dates and times as numbers.

    A column becomes the number of days since 1970, and the position in the year, in
    the week and in the day, each as sine and cosine, so that December is next to
    January.

    Attributes
    ----------
    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    tabular_pipeline : A pipeline that uses this encoder.

    Notes
    -----
    Times with a time zone are encoded in UTC. Missing dates become nan.

    Examples
    --------
    >>> import numpy as np
    >>> from skbp import DateEncoder
    >>> X = np.array([["2024-01-01"], ["2024-07-01"]], dtype="datetime64[D]")
    >>> encoder = DateEncoder().fit(X)
    >>> encoder.transform(X)[:, :3].round(2)
    array([[ 1.9723e+04, -0.0000e+00,  1.0000e+00],
           [ 1.9905e+04,  1.0000e-02, -1.0000e+00]])
    """

    def fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Record the features.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Dates: ``datetime64``, or objects such as ``datetime.date``.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The encoder.
        """
        self._bp_checked(X, reset=True)
        return self

    def transform(self, X: MatrixLike) -> npt.NDArray[np.float64]:
        """Encode each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Dates.

        Returns
        -------
        encoded : ndarray of shape (n_samples, 7 * n_features)
            Seven columns for each feature.
        """
        check_is_fitted(self, "n_features_in_")
        X = self._bp_checked(X, reset=False)
        encoded: list[npt.NDArray[np.float64]] = []
        for column in X.T:
            day = days(as_times(column) - np.datetime64(0, "us"))
            encoded.append(day)
            for period in PERIODS.values():
                angle = 2 * np.pi * (day % period) / period
                encoded += [np.sin(angle), np.cos(angle)]
        return np.stack(encoded, axis=1)

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> npt.NDArray[Any]:
        """Return the name of each column.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features; they must agree with ``feature_names_in_``.

        Returns
        -------
        names : ndarray of str
            For a feature "x" these are "x_days", "x_year_sin", "x_year_cos", ...
        """
        check_is_fitted(self, "n_features_in_")
        parts = ["days", *(f"{p}_{f}" for p in PERIODS for f in ("sin", "cos"))]
        names = check_feature_names_in(self, input_features)
        return np.array([f"{name}_{p}" for name in names for p in parts], object)

    def _bp_checked(self, X: MatrixLike, reset: bool) -> npt.NDArray[Any]:
        """Return X as an array of any dtype, with missing values as they are."""
        checked: npt.NDArray[Any] = validate_data(
            self, X, reset=reset, dtype=None, ensure_all_finite=False
        )
        return checked

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags
