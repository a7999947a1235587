"""PiecewiseLinearEncoder."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skbp._sklearn import (
    Interval,
    StrOptions,
    check_feature_names_in,
    fit_context,
)
from skbp._typing import ArrayLike, MatrixLike

#: "auto": a column has this number of bins divided by the number of columns, ...
BINS = 256
#: ... but at least and at most so many.
FEWEST, MOST = 4, 16
#: Quantiles of longer columns are estimated from so many evenly spaced values.
ENOUGH = 200_000


class PiecewiseLinearEncoder(TransformerMixin, BaseEstimator):
    """Encode each number as its position in each of several bins.

    The edges ``b[0] < b[1] < ... < b[T]`` of a column are quantiles, and values that
    are more frequent than a bin. The column becomes T columns, one for each bin
    t = 1 ... T::

        e[t] = clip((x - b[t-1]) / (b[t] - b[t-1]), 0, 1)

    Below its bin a number is encoded as 0, above as 1, and inside as its position in
    the bin [1]_. A linear model of these columns is a continuous piecewise linear
    function of x, so a network can easily learn functions that change quickly in some
    parts of the range, as boosted trees do.

    Parameters
    ----------
    n_bins : int or "auto", default="auto"
        The number of bins of a column. With at most ``n_bins + 1`` distinct values,
        these values are the edges. Values that are more frequent than a bin, such as
        many zeros, are edges, and the other edges are quantiles of the other values.
        "auto" means 256 divided by the number of columns, but at least 4 and at most
        16.

    Attributes
    ----------
    bin_edges_ : list of ndarray of shape (n_bins + 1,)
        The edges of the bins of each column.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    tabular_pipeline : A pipeline that uses this encoder.
    sklearn.preprocessing.SplineTransformer : Smoother functions of each number.
    sklearn.preprocessing.KBinsDiscretizer : Only the bin of each number.

    Notes
    -----
    Missing values (nan) are ignored by ``fit``, and all their bins are encoded as 0. A
    column with one distinct value, or without any, becomes a single column of zeros.
    For columns with more than 200 000 rows, the quantiles are those of 200 000 evenly
    spaced rows.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko (2022), "On embeddings for numerical
       features in tabular deep learning". NeurIPS.

    Examples
    --------
    >>> from skbp import PiecewiseLinearEncoder
    >>> X = [[0.0], [1.0], [2.0], [4.0], [8.0]]
    >>> encoder = PiecewiseLinearEncoder(n_bins=2).fit(X)
    >>> encoder.bin_edges_
    [array([0., 2., 8.])]
    >>> encoder.transform([[1.0], [5.0], [9.0]])
    array([[0.5, 0. ],
           [1. , 0.5],
           [1. , 1. ]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_bins": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    }

    bin_edges_: list[npt.NDArray[Any]]

    def __init__(self, n_bins: int | str = "auto") -> None:
        self.n_bins = n_bins

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: MatrixLike, y: ArrayLike | None = None) -> Self:
        """Find the edges of the bins.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        X = self._bp_checked(X, reset=True)
        n_bins: Any = self.n_bins
        if n_bins == "auto":
            n_bins = min(max(BINS // X.shape[1], FEWEST), MOST)
        self.bin_edges_ = [edges_of(x, n_bins) for x in X.T]
        return self

    def transform(self, X: MatrixLike) -> npt.NDArray[Any]:
        """Encode each column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The data.

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_bins_of_all_columns)
            The columns of the first feature, then those of the second, and so on.
        """
        check_is_fitted(self)
        X = self._bp_checked(X, reset=False)
        ends = np.cumsum([0] + [len(edges) - 1 for edges in self.bin_edges_])
        encoded = np.empty((len(X), ends[-1]), X.dtype)
        for x, edges, start, end in zip(
            X.T, self.bin_edges_, ends[:-1], ends[1:], strict=True
        ):
            encode(x, edges, encoded[:, start:end])
        return encoded

    def get_feature_names_out(
        self, input_features: ArrayLike | None = None
    ) -> npt.NDArray[Any]:
        """Return the name of each column: that of the feature and the bin's number.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            The names of the features; they must agree with ``feature_names_in_``.

        Returns
        -------
        names : ndarray of str
            For a feature "x" these are "x_bin1", "x_bin2", ...
        """
        check_is_fitted(self)
        names = check_feature_names_in(self, input_features)
        return np.array(
            [
                f"{name}_bin{t}"
                for name, edges in zip(names, self.bin_edges_, strict=True)
                for t in range(1, len(edges))
            ],
            dtype=object,
        )

    def _bp_checked(self, X: MatrixLike, reset: bool) -> npt.NDArray[Any]:
        """Return X as floats, whose missing values are nan."""
        floats = [np.float64, np.float32]
        checked: npt.NDArray[Any] = validate_data(
            self, X, reset=reset, dtype=floats, ensure_all_finite="allow-nan"
        )
        return checked

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def edges_of(x: npt.NDArray[Any], n_bins: int) -> npt.NDArray[Any]:
    """Return the edges of the bins of a column, at least two of them."""
    x = x[:: -(-len(x) // ENOUGH)]
    values, counts = np.unique(x[~np.isnan(x)], return_counts=True)
    if len(values) < 2:
        # No number is encoded as anything but 0.
        return np.array([np.finfo(x.dtype).max, np.inf], x.dtype)
    if len(values) <= n_bins + 1:
        return values
    frequent = frequent_values(counts, n_bins)
    others = np.repeat(values[~frequent], counts[~frequent])
    at = np.linspace(0, 1, n_bins + 1 - frequent.sum())
    # (In float64, so that differences of large float32 numbers do not overflow.)
    edges = np.quantile(others.astype(float), at).astype(x.dtype)
    return np.union1d(edges, values[frequent])


def frequent_values(counts: npt.NDArray[Any], n_bins: int) -> npt.NDArray[Any]:
    """Return which values are more frequent than the bins of the others would be."""
    frequent = np.zeros(len(counts), bool)
    while True:
        left = n_bins - frequent.sum()
        more = ~frequent & (counts * left > counts[~frequent].sum())
        if not more.any():
            return frequent
        frequent |= more


def encode(x: npt.NDArray[Any], edges: npt.NDArray[Any], out: npt.NDArray[Any]) -> None:
    """Write the encoding of a column."""
    if not np.isfinite(edges[-1]):
        out[:] = 0
        return
    x = x.astype(float)
    for t, (low, high) in enumerate(pairwise(edges.astype(float))):
        # (Halves, because the difference of two huge numbers overflows.)
        position = x / 2.0 - low / 2.0
        position /= high / 2.0 - low / 2.0
        np.clip(position, 0, 1, out=position)
        position[np.isnan(position)] = 0
        out[:, t] = position
