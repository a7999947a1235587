"""Losses that a user has written, as a function of predictions and targets.

The function takes predictions A and targets Y, both (n, outputs) with samples as rows,
and returns the value of the loss, (n, outputs) or (n,), and its slope dvalue/dA
(n, outputs). Each sample must have a value of its own, which does not depend on the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from skbp.engine.activations import ACTIVATIONS, RANGES
from skbp.engine.arrays import Array, DType
from skbp.engine.constants import lowest
from skbp.engine.losses import Loss, Slope, Value

#: (A, Y) -> value and slope.
OwnLoss: TypeAlias = Callable[[Array, Array], tuple[Any, Any]]

#: The step of a difference quotient, relative to the spread of the predictions, and the
#: relative difference between the slope and the quotient that is no fault.
STEP, CLOSE = 1e-6, 1e-3
#: The numbers of samples and outputs on which a slope is checked.
FEW = 8


def own_loss(function: OwnLoss, outputs: Sequence[str], output: str) -> Loss:
    """Return a function as a loss of the engine."""
    return Loss(
        "own",
        tuple(outputs),
        functions_of(function),
        constant_of(function, output),
        output=output,
        likelihood=False,
        own=True,
    )


def functions_of(
    function: OwnLoss,
) -> Callable[[tuple[int, ...], DType], tuple[Value, Slope]]:
    """Return value and slope of a function, in the form that the engine calls."""

    def functions(shape: tuple[int, ...], dtype: DType) -> tuple[Value, Slope]:
        def value(A: Array, Y: Array, scale: Array) -> Array:
            found = np.empty(len(A), dtype)
            for k, A_k in enumerate(A):
                losses, _ = called(function, A_k.T, Y.T)
                if np.ndim(scale) == 2:
                    check_by_target(losses, Y)
                found[k] = (losses.T * scale).sum()
            return found

        def slope(A: Array, Y: Array, delta: Array) -> None:
            for A_k, delta_k in zip(A, delta, strict=True):
                _, slopes = called(function, A_k.T, Y.T)
                delta_k[:] = slopes.T

        return value, slope

    return functions


def called(function: OwnLoss, A: Array, Y: Array) -> tuple[Array, Array]:
    """Return value, (n, outputs) or (n, 1), and slope (n, outputs) of predictions."""
    value, slope = function(*frozen(A, Y))
    value = np.asarray(value)
    return value.reshape(len(A), -1), np.asarray(slope).reshape(A.shape)


def check_by_target(losses: Array, Y: Array) -> None:
    """Refuse one value for each sample where each target has a weight of its own."""
    if losses.shape[1] != len(Y):
        raise ValueError(
            "Missing targets (nan in y) and sample_weight of the shape of y need a "
            "loss that returns the value of each target, of the shape of Y; got one "
            "value for each sample."
        )


def frozen(*arrays: Array) -> list[Array]:
    """Return views that cannot be written to: the arrays are those of the network."""
    views = [array.view() for array in arrays]
    for view in views:
        view.flags.writeable = False
    return views


def constant_of(
    function: OwnLoss, output: str
) -> Callable[[Array, Array | None], Array]:
    """Return the function that computes the constant with the lowest loss.

    It looks between the lowest and the highest target of each output. Where the value
    of a sample cannot be divided among the outputs, it is the mean of the targets.
    """
    low, high = RANGES.get(output, (-np.inf, np.inf))

    def constant(Y: Array, weights: Array | None) -> Array:
        Y = Y.astype(np.float64)
        w = np.ones(len(Y)) if weights is None else weights.astype(np.float64)
        of_each = np.broadcast_to(w.T, Y.T.shape).T

        def J(a: Array) -> Array:
            losses, _ = called(function, np.tile(a, (len(Y), 1)), Y)
            losses = np.broadcast_to(losses, Y.shape)
            mean: Array = np.average(losses, axis=0, weights=of_each)
            return mean

        known = of_each.any(axis=0)
        if not known.all():
            # Nothing is known about an output: any constant will do.
            of_each = of_each + ~known
        limits = [np.clip(end(Y, axis=0), low, high) for end in (np.min, np.max)]
        return np.where(known, lowest(J, *limits), np.nan)

    return constant


# Checking what a user has written.


def check_own_loss(function: OwnLoss, output: str, Y: Array, by_target: bool) -> None:
    """Compare the slope with difference quotients of the value, on a few samples.

    ``by_target`` says whether each target has a weight of its own. Raise ValueError if
    the function does not return what it should.
    """
    Y = np.asarray(Y[:: max(1, len(Y) // FEW)][:FEW], np.float64)
    A = predictions_near(Y, output)
    try:
        result: Any = function(*frozen(A, Y))
    except Exception as error:
        raise ValueError(
            f"loss={function!r} failed with predictions A and targets Y, arrays of the "
            f"shape {A.shape}: {error}"
        ) from error
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError(
            "loss must return two arrays, the value of the loss and its slope; got "
            f"{type(result).__name__}."
        )
    value, slope = (np.asarray(one) for one in result)
    n, _ = A.shape
    if slope.shape != A.shape or value.shape not in ((n,), A.shape):
        raise ValueError(
            f"loss must return a value of the shape {(n,)} or {A.shape} and a slope "
            f"of the shape {A.shape} for A and Y of the shape {A.shape}; got "
            f"{value.shape} and {slope.shape}."
        )
    finite = np.isfinite(value.reshape(n, -1)).all(axis=1)
    finite &= np.isfinite(slope).all(axis=1)
    if not finite.all():
        i = int(finite.argmin())
        raise ValueError(
            f"loss is not finite for A={A[i]} and Y={Y[i]}: value {value[i]}, slope "
            f"{slope[i]}. Declare a target_range or an output_activation that suits "
            "the loss."
        )
    check_independence(function, A, Y, value)
    check_slope(function, A, Y, slope)
    if by_target:
        check_by_target(value.reshape(n, -1), Y.T)


def predictions_near(Y: Array, output: str) -> Array:
    """Return predictions (n, outputs) that a network could make for targets Y."""
    rng = np.random.RandomState(0)
    noise = rng.standard_normal(Y.shape)
    if output not in RANGES:
        size = Y.std(axis=0)
        return np.asarray(Y[::-1] + 0.7 * noise * np.where(size > 0.0, size, 1.0))
    Z = np.ascontiguousarray(noise.T)[np.newaxis]
    ACTIVATIONS[output](Z.shape, Z.dtype)[0](Z)
    return np.ascontiguousarray(Z[0].T)


def check_independence(function: OwnLoss, A: Array, Y: Array, value: Array) -> None:
    """Refuse a loss whose value for a sample depends on the other samples."""
    alone, _ = function(*frozen(A[:1], Y[:1]))
    if not np.allclose(np.asarray(alone)[0], value[0], rtol=1e-6, atol=1e-12):
        raise ValueError(
            "loss must return the value of each sample, which does not depend on the "
            f"others; the first sample has the value {np.asarray(alone)[0]} alone, and "
            f"{value[0]} among {len(A)} samples. Do not divide by their number."
        )


def check_slope(function: OwnLoss, A: Array, Y: Array, slope: Array) -> None:
    """Refuse a slope that is not the derivative of the value."""

    def value(at: Array) -> Array:
        found, _ = function(*frozen(at, Y))
        total: Array = np.asarray(found, np.float64).reshape(len(A), -1).sum(axis=1)
        return total

    eps, steps = np.finfo(float).eps, steps_at(A)
    for j in range(min(FEW, A.shape[1])):
        below, above = A.copy(), A.copy()
        below[:, j] -= steps[:, j]
        above[:, j] += steps[:, j]
        before, at, after = value(below), value(A), value(above)
        right = (after - at) / (above - A)[:, j]
        left = (at - before) / (A - below)[:, j]
        numeric, size = 0.5 * (left + right), np.abs(left) + np.abs(right)
        # The digits that a difference of values loses, and kinks between the two.
        lost = 10.0 * np.abs(at) + 2.0 * size * np.maximum(np.abs(A), np.abs(Y))[:, j]
        noise = eps * lost / steps[:, j]
        smooth = np.abs(right - left) <= 0.1 * size + noise
        large = np.maximum(size, np.abs(slope[:, j]))
        off = np.abs(numeric - slope[:, j]) > CLOSE * large + noise
        wrong = np.flatnonzero(smooth & off)
        if len(wrong):
            i = wrong[0]
            raise ValueError(
                f"The slope of loss is {slope[i, j]:.6g} for A={A[i, j]:.6g} and "
                f"Y={Y[i, j]:.6g}, but the difference quotient of its value is "
                f"{numeric[i]:.6g}: they differ by {slope[i, j] - numeric[i]:.3g}. The "
                "slope must be the derivative of the value with respect to A."
            )


def steps_at(A: Array) -> Array:
    """Return the steps (n, outputs) of difference quotients at predictions A.

    They are small beside the spread of the predictions, and large beside the rounding
    errors of predictions that are all far from 0.
    """
    spread = A.std(axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    rounding = np.finfo(float).eps * np.abs(A)
    steps: Array = np.maximum(STEP * spread, np.sqrt(rounding * spread))
    return steps
