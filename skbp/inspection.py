"""Back-propagation compared with numeric derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone
from sklearn.utils import check_random_state

from skbp._base import BaseBP, unpacked
from skbp.engine.arrays import Array
from skbp.engine.objective import Objective

#: How far a parameter is moved to either side.
STEP = 1e-6
#: Numbers that the parameters of the networks evaluated at a time may take.
LIMIT = 2**22

#: The gradient by layer: like ``coefs_`` and like ``intercepts_``.
Gradients = tuple[list[Array], list[Array]]


@dataclass(frozen=True)
class GradientCheck:
    """What :func:`check_gradient` returns.

    Attributes
    ----------
    error : float
        ``|b - n| / (|b| + |n|)``, where b and n are the vectors of all derivatives by
        back-propagation and numerically: between 0 and 1. About 1e-8 for smooth
        activations; larger where a kink of ReLU lies within the steps taken. Above
        1e-3 the gradient is wrong.
    backprop, numeric : ndarray of shape (n_directions,)
        The derivative of J along each random direction.
    gradients, numeric_gradients : tuple (coefs, intercepts) or None
        The derivative with respect to each parameter, lists of arrays like ``coefs_``
        and ``intercepts_``; None unless ``each_parameter``.
    """

    error: float
    backprop: Array
    numeric: Array
    gradients: Gradients | None = None
    numeric_gradients: Gradients | None = None


def check_gradient(
    estimator,
    X,
    y,
    sample_weight=None,
    *,
    n_directions=10,
    each_parameter=False,
    random_state=0,
):
    """Compare the gradient of J by back-propagation with numeric derivatives.

    The numeric derivative along a direction d is a difference quotient::

        (J(theta + h d) - J(theta - h d)) / (2 h),

    which for a correct gradient is d' dJ/dtheta. In random directions every parameter
    moves, so that they find an error anywhere in the gradient at the cost of two
    evaluations of J each, however many parameters there are. All is in float64.

    Parameters
    ----------
    estimator : BPClassifier or BPRegressor
        If it is fitted, the gradient at the fitted weights is checked, otherwise that
        at the initial weights. It stays as it is.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The input data.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.

    n_directions : int, default=10
        The number of random directions, at least 1.

    each_parameter : bool, default=False
        Whether to compute the numeric derivative with respect to each single parameter,
        too: two evaluations of J a parameter.

    random_state : int, RandomState instance or None, default=0
        Draws the directions.

    Returns
    -------
    check : GradientCheck
        The derivatives, and their relative difference ``error``.

    Raises
    ------
    TypeError
        If ``estimator`` is of another class.
    ValueError
        If the data cannot be used, or J is not finite.

    References
    ----------
    UFLDL tutorial, "Gradient checking and advanced optimization".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skbp import BPClassifier, check_gradient
    >>> X, y = load_iris(return_X_y=True)
    >>> network = BPClassifier((5, 4), ("tanh", "logistic"), random_state=0)
    >>> check_gradient(network, X, y).error < 1e-7
    True
    """
    if not isinstance(estimator, BaseBP):
        raise TypeError(
            "estimator must be a BPClassifier or a BPRegressor, got a "
            f"{type(estimator).__name__}. Of a pipeline give the last step, and X as "
            "the steps before it transform it."
        )
    if not isinstance(n_directions, Integral) or n_directions < 1:
        raise ValueError(f"n_directions must be a positive integer; got {n_directions}")
    if not hasattr(estimator, "coefs_"):
        estimator = clone(estimator)._initialised(X, y, sample_weight)
    objective, _ = estimator._objective(X, y, sample_weight, np.float64)
    P = objective.network.n_parameters
    rng = check_random_state(random_state)
    signs = rng.choice([-1.0, 1.0], size=(n_directions, P))
    backprop, numeric = _derivatives(objective, signs)
    if not each_parameter:
        return GradientCheck(_difference(backprop, numeric), backprop, numeric)
    one_by_one = _derivatives(objective, scipy.sparse.eye_array(P, format="csr"))
    by_layer = [
        unpacked(objective.network, gradient[np.newaxis]) for gradient in one_by_one
    ]
    every = [
        np.concatenate(pair)
        for pair in zip((backprop, numeric), one_by_one, strict=True)
    ]
    return GradientCheck(_difference(*every), backprop, numeric, *by_layer)


def _derivatives(objective: Objective, directions: Any) -> tuple[Array, Array]:
    """Return the derivative of J along each direction, both ways.

    The points theta ± h d are networks on the engine's axis of K networks.
    """
    network, samples = objective.network, objective.samples
    rows, backprop, numeric = slice(0, len(samples)), [], []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        J, _ = objective(rows)
        size = max(1, LIMIT // network.n_parameters)
        for start in range(0, directions.shape[0], size):
            d = directions[start : start + size]
            d = d.toarray() if scipy.sparse.issparse(d) else d
            theta = np.concatenate(
                [objective.theta + STEP * d, objective.theta - STEP * d]
            )
            near = Objective(network, objective.loss, samples, objective.alpha, theta)
            J, _ = near(rows)
            numeric.append((J[: len(d)] - J[len(d) :]) / (2.0 * STEP))
            # The steps as they were rounded, not as they were meant.
            steps = theta[: len(d)] - theta[len(d) :]
            backprop.append(steps @ objective.grad[0] / (2.0 * STEP))
    results = np.concatenate(backprop), np.concatenate(numeric)
    if not all(np.isfinite(result).all() for result in results):
        raise ValueError(
            "J or its gradient is not finite at these weights. Scale X (and y, in "
            "regression), with StandardScaler for example."
        )
    return results


def _difference(b: Array, n: Array) -> float:
    """Return |b - n| / (|b| + |n|), 0 where both are 0."""
    size = sqrt(b @ b) + sqrt(n @ n)
    return sqrt((b - n) @ (b - n)) / size if size else 0.0
