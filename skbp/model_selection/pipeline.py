"""Where the network of a model is: in pipelines and behind transformed targets."""

from __future__ import annotations

from copy import copy
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline


def prefix_of(model: Any) -> str:
    """Return the prefix of the network's parameters in the names of all parameters."""
    if isinstance(model, Pipeline):
        name, last = model.steps[-1]
        return f"{name}__{prefix_of(last)}"
    if isinstance(model, TransformedTargetRegressor):
        return f"regressor__{prefix_of(model.regressor)}"
    return ""


def network_of(model: Any) -> Any:
    """Return the network of a model, or the object that stands in for it."""
    if isinstance(model, Pipeline):
        return network_of(model.steps[-1][1])
    if isinstance(model, TransformedTargetRegressor):
        return network_of(getattr(model, "regressor_", model.regressor))
    return model


def with_network(model: Any, network: Any) -> Any:
    """Return the model with another network; the copy shares the other steps."""
    if isinstance(model, Pipeline):
        model = copy(model)
        name, last = model.steps[-1]
        model.steps = [*model.steps[:-1], (name, with_network(last, network))]
        return model
    if isinstance(model, TransformedTargetRegressor):
        model = copy(model)
        for name in {"regressor", "regressor_"} & vars(model).keys():
            setattr(model, name, with_network(getattr(model, name), network))
        return model
    return network
