"""A check of the gradient: back-propagation against numeric derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan, sqrt
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone
from sklearn.utils import check_random_state

from skbp._data.read import Data
from skbp._estimator.attributes import of_model
from skbp._estimator.base import BaseBP
from skbp._estimator.inside import objective_of
from skbp._estimator.parameters import validate_params
from skbp._estimator.prepare import prepare
from skbp._threads import with_blas_threads_for
from skbp._typing import ArrayLike, Int, MatrixLike, RandomState
from skbp.engine.arrays import BLOCK, Array
from skbp.engine.model import Model, unpacked
from skbp.engine.objective import Objective

#: The distance by which a parameter is moved to either side.
STEP = 1e-6
#: The maximum size of the arrays of the networks that are evaluated at a time.
LIMIT = 2**22

#: The gradient by layer, in the shapes of ``coefs_`` and ``intercepts_``.
Gradients = tuple[list[Array], list[Array]]


@dataclass(frozen=True)
class GradientCheck:
    """The result of :func:`check_gradient`.

    Attributes
    ----------
    error : float
        ``|b - n| / (|b| + |n|)``, where b is the vector of all derivatives by
        back-propagation, and n is the vector of all numeric derivatives. Derivatives at
        kinks are left out. The error is between 0 and 1, and usually below 1e-7. It is
        nan if all derivatives are at kinks.
    n_kinks : int
        The number of derivatives that are left out because J has a kink at the weights:
        the difference quotients to the two sides differ. With ReLU this happens if Z is
        exactly zero, for example with zero biases and zero inputs.
    backprop, numeric : ndarray of shape (n_directions,)
        The derivative of J along each random direction.
    gradients, numeric_gradients : tuple (coefs, intercepts) or None
        The derivative with respect to each parameter, as lists of arrays like
        ``coefs_`` and ``intercepts_``; None unless ``each_parameter=True``.

    Examples
    --------
    >>> from skbp import BPRegressor, check_gradient
    >>> X, y = [[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [0.0, 1.0, 0.5]
    >>> check = check_gradient(BPRegressor((3,), "tanh", random_state=0), X, y)
    >>> check.error < 1e-6, check.n_kinks
    (True, 0)
    >>> check.backprop.shape
    (10,)
    """

    error: float
    n_kinks: int
    backprop: Array
    numeric: Array
    # (Or None: which of the two follows from each_parameter.)
    gradients: Gradients | Any = None
    numeric_gradients: Gradients | Any = None


def check_gradient(
    estimator: BaseBP,
    X: MatrixLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    n_directions: Int = 10,
    each_parameter: bool = False,
    random_state: RandomState = 0,
) -> GradientCheck:
    """Compare the gradient of J by back-propagation with numeric derivatives.

    The numeric derivative along a direction d is a difference quotient::

        (J(theta + h d) - J(theta - h d)) / (2 h),

    which for a correct gradient is d' dJ/dtheta. A random direction moves every
    parameter. It therefore finds an error anywhere in the gradient, at the cost of two
    evaluations of J, however many parameters there are. All computations are in
    float64.

    In J, but not in its gradient, the log losses limit the cost of a sample that is
    predicted wrongly with certainty. If X is so large that this happens, the two
    derivatives differ.

    Parameters
    ----------
    estimator : BPClassifier or BPRegressor
        The estimator to check, which is not changed. If it is fitted, the gradient is
        checked at the fitted weights, otherwise at the initial weights.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The input data.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        The targets.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights.

    n_directions : int, default=10
        The number of random directions, at least 1.

    each_parameter : bool, default=False
        Whether to also compute the numeric derivative with respect to each parameter,
        which takes two evaluations of J for each of them.

    random_state : int, RandomState instance or None, default=0
        The seed or generator of the random directions.

    Returns
    -------
    check : GradientCheck
        The derivatives, and their relative difference ``error``.

    Raises
    ------
    TypeError
        If ``estimator`` is not a BPClassifier or BPRegressor.
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
            "estimator must be a BPClassifier or a BPRegressor; got a "
            f"{type(estimator).__name__}. For a pipeline, pass its last step, "
            "and X as transformed by the steps before it."
        )
    if not isinstance(n_directions, Integral) or n_directions < 1:
        raise ValueError(
            f"n_directions must be a positive integer; got {n_directions}."
        )
    if not hasattr(estimator, "coefs_"):
        estimator = at_start(clone(estimator), X, y, sample_weight)
    objective = objective_of(estimator, X, y, sample_weight, np.dtype(np.float64))
    P = objective.network.n_parameters
    rng = check_random_state(random_state)
    signs = rng.choice([-1.0, 1.0], size=(n_directions, P))
    directions = [signs]
    if each_parameter:
        directions.append(scipy.sparse.eye_array(P, format="csr"))
    results, kinks = with_blas_threads_for(
        objective.network.multiplications(len(objective.samples)),
        lambda: _all_derivatives(objective, directions),
    )
    b, n = (
        np.concatenate([r[i][~kink] for r, kink in zip(results, kinks, strict=True)])
        for i in (0, 1)
    )
    by_layer = [
        unpacked(objective.network, derivatives[np.newaxis])
        for derivatives in results[-1][:2]
        if each_parameter
    ]
    n_kinks = int(sum(kink.sum() for kink in kinks))
    return GradientCheck(_difference(b, n), n_kinks, *results[0][:2], *by_layer)


def at_start(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Any:
    """Return the estimator with the weights that ``fit`` would start from."""
    validate_params(estimator)
    job = prepare(estimator, Data(X, y, sample_weight), Data())
    assert job.start.theta is not None
    output = job.problem.loss.activation
    model = Model.of(job.problem.network, output, job.start.theta[:1])
    vars(estimator).update(of_model(model))
    return estimator


def _all_derivatives(
    objective: Objective, directions: list[Any]
) -> tuple[list[tuple[Array, Array, Array]], list[Array]]:
    """Return derivatives along each set of directions, and where J has a kink."""
    results = [_closer(objective, every) for every in directions]
    kinks = [
        _kinks(objective, every, result)
        for every, result in zip(directions, results, strict=True)
    ]
    return results, kinks


def _derivatives(
    objective: Objective, directions: Any, step: float = STEP
) -> tuple[Array, Array, Array]:
    """Return derivatives of J along directions: by back-propagation, and numeric.

    The third result is the difference between the difference quotients to the two
    sides. The points theta ± h d are networks on the engine's axis of K networks.
    """
    network, samples = objective.network, objective.samples
    rows, backprop, numeric, jumps = slice(0, len(samples)), [], [], []
    # The arrays of a network hold its parameters, or units times samples.
    numbers = max(network.n_parameters, sum(network.units) * min(len(samples), BLOCK))
    size = max(1, LIMIT // numbers)
    with np.errstate(all="ignore"):
        J_0, _ = objective(rows)
        for start in range(0, directions.shape[0], size):
            d = directions[start : start + size]
            d = d.toarray() if scipy.sparse.issparse(d) else d
            sides = objective.theta + step * d, objective.theta - step * d
            theta = np.concatenate(sides)
            near = Objective(network, objective.loss, samples, objective.alpha, theta)
            J, _ = near(rows)
            above, below = J[: len(d)], J[len(d) :]
            numeric.append((above - below) / (2.0 * step))
            jumps.append((above - 2.0 * J_0 + below) / step)
            # Use the steps after rounding, which may differ from 2 h d.
            steps = theta[: len(d)] - theta[len(d) :]
            backprop.append(steps @ objective.grad[0] / (2.0 * step))
    result = np.concatenate(backprop), np.concatenate(numeric), np.concatenate(jumps)
    if not all(map(np.all, map(np.isfinite, result))):
        raise ValueError(
            "J or its gradient is not finite at these weights. Scale X (and y, in "
            "regression), with StandardScaler for example."
        )
    return result


def _closer(objective: Objective, directions: Any) -> tuple[Array, Array, Array]:
    """Return ``_derivatives``, with shorter steps where a step may cross a kink.

    The third result is always that of the long step. Shorter steps do not hide a wrong
    gradient, because it is wrong with every step.
    """
    backprop, numeric, jumps = _derivatives(objective, directions)
    for step in (STEP / 8, STEP / 64):
        limit = 1e-7 * np.abs(numeric).max(initial=0.0)
        far = np.abs(backprop - numeric) > limit
        if not far.any():
            break
        b, n, _ = _derivatives(objective, directions[far], step)
        better = np.abs(b - n) < np.abs(backprop[far] - numeric[far])
        rows = np.flatnonzero(far)[better]
        backprop[rows], numeric[rows] = b[better], n[better]
    return backprop, numeric, jumps


def _kinks(
    objective: Objective, directions: Any, derivatives: tuple[Array, Array, Array]
) -> Array:
    """Return for which directions J has a kink.

    At a kink the difference quotients to the two sides differ, and a shorter step does
    not change the difference. A difference that comes from curvature shrinks with the
    step.
    """
    _, numeric, jumps = derivatives
    kinks: Array = np.abs(jumps) > 1e-3 * np.abs(numeric).max(initial=0.0)
    if kinks.any():
        _, _, closer = _derivatives(objective, directions[kinks], STEP / 8)
        kinks[kinks] = np.abs(closer) > 0.5 * np.abs(jumps[kinks])
    return kinks


def _difference(b: Array, n: Array) -> float:
    """Return |b - n| / (|b| + |n|): 0 if both are 0, nan if they are empty."""
    if not len(b):
        return nan
    size = sqrt(b @ b) + sqrt(n @ n)
    return sqrt((b - n) @ (b - n)) / size if size else 0.0
