"""What training has recorded: the curves of the networks in a fitted model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from sklearn.exceptions import NotFittedError

from skbp.model_selection.pipeline import network_of

#: The curves of a network: a name -> a number for each epoch.
Curves: TypeAlias = Mapping[str, Sequence[float]]

#: The names of curves, and the fitted attributes that hold them.
ATTRIBUTES = {
    "loss": "loss_curve_",
    "validation_loss": "validation_loss_curve_",
    "validation_score": "validation_scores_",
    "learning_rate": "learning_rate_curve_",
}


def curves_of(models: Any) -> dict[str, Curves]:
    """Return the curves of all networks in a model, or in several, by name.

    A network that is alone is called "".
    """
    if isinstance(models, Mapping):
        named = {str(name): networks_of(model) for name, model in models.items()}
    elif isinstance(models, Sequence):
        named = {
            f"network {i}": networks_of(model) for i, model in enumerate(models, 1)
        }
    else:
        named = {"": networks_of(models)}
    curves: dict[str, Curves] = {}
    for name, networks in named.items():
        for i, network in enumerate(networks, 1):
            number = f"network {i}" if len(networks) > 1 else ""
            curves[", ".join(filter(None, (name, number)))] = recorded(network)
    if not curves:
        raise ValueError("estimator must contain at least one network; got none.")
    return curves


def networks_of(model: Any) -> list[Any]:
    """Return the networks inside searches, pipelines and ensembles."""
    if hasattr(model, "best_estimator_"):
        return networks_of(model.best_estimator_)
    network = network_of(model)
    if network is not model:
        return networks_of(network)
    if hasattr(network, "estimators_") and not hasattr(network, "loss_curve_"):
        members = np.ravel(np.asarray(network.estimators_, object))
        return [inner for member in members for inner in networks_of(member)]
    return [network]


def recorded(network: Any) -> Curves:
    """Return the curves that a fitted network has recorded."""
    if getattr(network, "loss_curve_", None) is None:
        raise NotFittedError(
            "estimator must be a fitted network, or a fitted pipeline, search or "
            f"ensemble of networks; this {type(network).__name__} has no loss_curve_. "
            "Call fit first; a search needs refit=True."
        )
    found = {
        name: getattr(network, attribute, None)
        for name, attribute in ATTRIBUTES.items()
    }
    return {name: curve for name, curve in found.items() if curve is not None}


def best_epoch(curves: Curves) -> int | None:
    """Return the first epoch with the highest validation score, counted from 1."""
    scores = np.asarray(curves.get("validation_score", ()), float)
    scores = np.where(np.isfinite(scores), scores, -np.inf)
    return int(scores.argmax()) + 1 if np.isfinite(scores).any() else None
