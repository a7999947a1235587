"""The weights that training starts from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import scipy.sparse

from skbp._estimator.parameters import names_by_layer, starts_at_constant
from skbp._estimator.rules import asked
from skbp.engine.arrays import Array, DType
from skbp.engine.initializers import INITIALIZERS
from skbp.engine.model import packed
from skbp.engine.network import Network


def initial_theta(
    estimator: Any, network: Network, dtype: DType, rng: np.random.RandomState
) -> Array:
    """Return the initial theta (1, P) of a new network."""
    estimator = asked(estimator)
    coefs, intercepts = drawn_weights(estimator, network, rng)
    if estimator.coefs_init is not None:
        shapes = list(pairwise(network.units))
        coefs = arrays_by_layer("coefs_init", estimator.coefs_init, shapes)
    if starts_at_constant(estimator) and not network.biases:
        raise ValueError(
            "intercepts_init='best_constant' has no effect with "
            "fit_intercept=False, because the network has no intercepts. "
            "Leave out one of the two."
        )
    if estimator.intercepts_init is not None and not starts_at_constant(estimator):
        sizes = [(n,) for n in network.units[1:]]
        intercepts = arrays_by_layer(
            "intercepts_init", estimator.intercepts_init, sizes
        )
        if not network.biases and any(map(np.any, intercepts)):
            raise ValueError(
                "intercepts_init must be zero with fit_intercept=False, because "
                "the network has no intercepts. Leave out one of the two."
            )
    with np.errstate(all="ignore"):
        theta = packed(network, coefs, intercepts, dtype)
    if not np.isfinite(theta).all():
        raise ValueError(
            "coefs_init or intercepts_init has values that are too large for "
            f"{dtype}, the dtype of X. Scale them, or pass X as float64."
        )
    return theta


def drawn_weights(
    estimator: Any, network: Network, rng: np.random.RandomState
) -> tuple[list[Array], list[Array]]:
    """Return weights and biases drawn by ``init``; zeros if weights are given."""
    units = network.units
    names = names_by_layer(
        "init",
        estimator.init,
        INITIALIZERS,
        network.n_layers,
        "layers, hidden ones and output",
    )
    # The output layer is drawn as if it had the activation of the last hidden layer.
    activations = network.activations or (estimator.activation,)
    coefs: list[Array] = []
    intercepts: list[Array] = []
    for l, name in enumerate(names):
        W, b = np.zeros((units[l + 1], units[l])), np.zeros((units[l + 1], 1))
        if estimator.coefs_init is None:
            INITIALIZERS[name](W, b, activations[min(l, len(activations) - 1)], rng)
        coefs.append(W.T)
        intercepts.append(b[:, 0])
    return coefs, intercepts


def fitted_theta(
    estimator: Any,
    network: Network,
    dtype: DType,
    coefs: Sequence[Array],
    intercepts: Sequence[Array],
) -> Array:
    """Return theta (1, P) of a fitted network, to continue from."""
    fitted = (len(coefs[0]), *map(len, intercepts))
    estimator = asked(estimator)
    if fitted != network.units:
        raise ValueError(
            "Training cannot continue: the layers of the fitted network have "
            f"{fitted} units, but "
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r}, "
            f"output_activation={estimator.output_activation!r} and the data "
            f"require {network.units}. Set warm_start=False or fit a clone to "
            "start from scratch."
        )
    if not network.biases and any(map(np.any, intercepts)):
        raise ValueError(
            "Training cannot continue: the fitted network has intercepts, but "
            "fit_intercept=False. Set warm_start=False or fit a clone to "
            "start from scratch."
        )
    return packed(network, coefs, intercepts, dtype)


def arrays_by_layer(
    name: str, value: Any, shapes: Sequence[tuple[int, ...]]
) -> list[Array]:
    """Return a parameter that is a list with an array for each layer as arrays."""
    if len(value) != len(shapes):
        raise ValueError(
            f"{name} must contain one array for each hidden layer and one for "
            f"the output layer, with the shapes {list(shapes)}; got "
            f"{len(value)}."
        )
    arrays = []
    for l, (array, shape) in enumerate(zip(value, shapes, strict=True), start=1):
        if scipy.sparse.issparse(array) or np.iscomplexobj(array):
            raise ValueError(
                f"{name}[{l - 1}] must be a dense array of real numbers; got a "
                f"{type(array).__name__} of {array.dtype}."
            )
        try:
            array = np.asarray(array, np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}[{l - 1}] must contain numbers: {error}") from None
        if array.shape != shape:
            raise ValueError(
                f"{name}[{l - 1}] must have the shape {shape}, because layer {l} "
                f"has {shape[-1]} "
                f"units{f' and {shape[0]} inputs' * (len(shape) - 1)}; got "
                f"{array.shape}."
            )
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name}[{l - 1}] must be finite; it contains nan or infinity."
            )
        arrays.append(array)
    return arrays
