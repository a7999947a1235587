"""The state of an estimator in pickles, which consists of arrays, numbers and strings.

A pickle therefore names no class except the estimator's own. It can be read even if
other classes of the package have changed, and by tools that trust no other classes.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from skbp._data.validation_set import Split
from skbp._estimator.attributes import holds, of_model
from skbp._estimator.parameters import kind_of
from skbp._estimator.warnings import warn_user
from skbp._version import __version__
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.evidence.posterior import Posterior
from skbp.engine.model import Model
from skbp.engine.network import Network
from skbp.engine.progress import History, Status

#: The name under which a pickle has the version of the package.
VERSION = "_bp_version"


def stored(state: dict[str, Any]) -> dict[str, Any]:
    """Return attributes as plain values, with the weights only once."""
    plain_state = {name: plain(value) for name, value in state.items()}
    plain_state.pop("_bp_valid", None)
    model = state.get("_bp_model")
    weights = state.get("coefs_", ()), state.get("intercepts_", ())
    if model is not None and holds(model, *weights):
        # These are views into the parameters of the model.
        del plain_state["coefs_"], plain_state["intercepts_"]
    return plain_state | {VERSION: __version__}


class VersionWarning(InconsistentVersionWarning):  # type: ignore[misc]
    """scikit-learn's warning, for a pickle of another version of this package."""

    def __init__(self, message: str):
        UserWarning.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])


def restore(estimator: Any) -> None:
    """Restore the attributes of an estimator from what ``stored`` has returned."""
    attributes = vars(estimator)
    version = attributes.pop(VERSION, "an earlier version")
    if version != __version__:
        warn_user(
            f"This {type(estimator).__name__} was pickled by {version} of "
            f"skbp, but this is version {__version__}. It may fail or predict "
            "something else. Fit it again, or use the version that pickled "
            "it.",
            VersionWarning,
        )
    if isinstance(attributes.get("_bp_model"), dict):
        model = attributes["_bp_model"] = model_of_state(attributes["_bp_model"])
        if "coefs_" not in attributes:
            attributes |= of_model(model)
    if isinstance(attributes.get("_bp_targets"), dict):
        kind, state = kind_of(estimator), attributes["_bp_targets"]
        options = kind.Options(**state["options"])
        attributes["_bp_targets"] = kind(**state | {"options": options})
    if isinstance(attributes.get("_bp_checkpoint"), dict):
        attributes["_bp_checkpoint"] = checkpoint_of_state(attributes["_bp_checkpoint"])


def plain(value: Any) -> Any:
    """Return a record as a dict of its fields, and other values unchanged."""
    if isinstance(value, Checkpoint):
        return plain_checkpoint(value)
    if isinstance(value, Network):
        return {
            "units": value.units,
            "activations": value.activations,
            "biases": value.biases,
        }
    if is_dataclass(value) and type(value).__module__.startswith("skbp."):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Status):
        return str(value)
    if type(value) is list:
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return value


def plain_checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint as a dict, with the state of its random numbers."""
    state = {one.name: getattr(checkpoint, one.name) for one in fields(checkpoint)}
    random = state.pop("random")
    if isinstance(random, np.random.RandomState):
        random = random.get_state()
    return {name: plain(value) for name, value in state.items()} | {"random": random}


def model_of_state(state: dict[str, Any]) -> Model:
    """Return the model from the dict that ``plain`` has made."""
    posterior = state["posterior"] and Posterior(**state["posterior"])
    network = Network(**state["network"])
    return Model(**state | {"network": network, "posterior": posterior})


def checkpoint_of_state(state: dict[str, Any]) -> Checkpoint:
    """Return the checkpoint from the dict that ``plain`` has made."""
    histories = [
        History(**one | {"status": Status(one["status"])}) for one in state["histories"]
    ]
    random = None
    if state["random"] is not None:
        random = np.random.RandomState()
        random.set_state(state["random"])
    split = state["split"] and Split(*state["split"])
    restored = {"histories": histories, "random": random, "split": split}
    return Checkpoint(**state | restored)
