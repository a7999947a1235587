"""What is drawn of a network itself: its weights, and what its units are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline

from skbp._estimator.base import BaseBP
from skbp._estimator.by_hand import model_of
from skbp.engine.activations import RANGES
from skbp.plotting.axes import Array
from skbp.plotting.training import networks_of

#: A bounded unit is saturated if its values are closer to the bounds than this part of
#: the interval between them, for at least this part of the samples.
MARGIN, MOST = 0.01, 0.95
#: A unit is dead if its values differ by less than this part of their size.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Structure:
    """The weights of a network and the names of its layers, inputs and outputs.

    Attributes
    ----------
    coefs, intercepts : list of array
        As ``coefs_`` and ``intercepts_``.
    activations : list of str
        The activation of each layer after the input.
    feature_names, output_names : list of str
    """

    coefs: Sequence[Array]
    intercepts: Sequence[Array]
    activations: Sequence[str]
    feature_names: Sequence[str]
    output_names: Sequence[str]


def network_in(model: Any) -> Any:
    """Return the only network in a model."""
    networks = networks_of(model)
    if len(networks) > 1:
        raise ValueError(
            f"estimator must contain one network; this {type(model).__name__} contains "
            f"{len(networks)}. Give one of them, such as estimator.estimators_[0]."
        )
    (network,) = networks
    if getattr(network, "coefs_", None) is None:
        raise NotFittedError(
            "estimator must be a fitted network, or a fitted pipeline or search with a "
            f"network; this {type(network).__name__} has no coefs_. Call fit first; a "
            "search needs refit=True."
        )
    return network


def structure_of(model: Any) -> Structure:
    """Return the structure of the network in a model."""
    network = network_in(model)
    coefs = [np.asarray(W) for W in network.coefs_]
    return Structure(
        coefs,
        [np.ravel(b) for b in network.intercepts_],
        activations_of(network),
        feature_names_of(model, network, len(coefs[0])),
        output_names_of(network, coefs[-1].shape[1]),
    )


def activations_of(network: Any) -> list[str]:
    """Return the name of the activation of each layer after the input."""
    if isinstance(network, BaseBP):
        hidden = [*model_of(network).network.activations]
    else:
        hidden = [network.activation] * (len(network.coefs_) - 1)
    return [*hidden, network.out_activation_]


def feature_names_of(model: Any, network: Any, n: int) -> list[str]:
    """Return the names of the features as the network receives them."""
    model = getattr(model, "best_estimator_", model)
    names: Any = getattr(network, "feature_names_in_", None)
    if isinstance(model, Pipeline) and len(model) > 1:
        try:
            names = model[:-1].get_feature_names_out()
        except (AttributeError, ValueError):
            # Some steps do not name what they return.
            names = None
    if names is None or len(names) != n:
        return [f"x{i}" for i in range(n)]
    return [str(name) for name in names]


def output_names_of(network: Any, n: int) -> list[str]:
    """Return the names of the outputs: classes, or y."""
    classes = getattr(network, "classes_", None)
    if classes is not None and len(classes) == n:
        return [str(name) for name in classes]
    if classes is not None and n == 1:
        # The output is the probability of the second of two classes.
        return [str(classes[-1])]
    return ["y"] if n == 1 else [f"y{i}" for i in range(n)]


def unit_states(model: Any, X: Any) -> list[Array]:
    """Return for each hidden layer which units are "dead" or "saturated" on X."""
    network = network_in(model)
    if not isinstance(network, BaseBP):
        raise ValueError(
            "X needs the method activations, which a BPClassifier or BPRegressor has; "
            f"this {type(network).__name__} has none. Leave X out."
        )
    model = getattr(model, "best_estimator_", model)
    if isinstance(model, Pipeline) and len(model) > 1:
        X = model[:-1].transform(X)
    hidden = network.activations(X)[1:-1]
    names = activations_of(network)[:-1]
    return [states_of(A, f) for A, f in zip(hidden, names, strict=True)]


def states_of(A: Array, activation: str) -> Array:
    """Return the state of each unit from its values A (n, units)."""
    dead = np.ptp(A, axis=0) <= SAME * abs(A).max(axis=0, initial=0.0)
    low, high = RANGES.get(activation, (-np.inf, np.inf))
    saturated = np.zeros_like(dead)
    if np.isfinite([low, high]).all():
        room = MARGIN * (high - low)
        at_bounds = (room > A - low) | (room > high - A)
        saturated = at_bounds.mean(axis=0) >= MOST
    return np.where(dead, "dead", np.where(saturated, "saturated", ""))
