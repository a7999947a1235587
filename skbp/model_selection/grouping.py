"""Which candidates of a search train together, and how many at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeAlias

import numpy as np
from joblib import hash as hash_of
from sklearn import get_config
from sklearn.base import is_classifier

from skbp._estimator.base import BaseBP
from skbp._estimator.parameters import (
    check_parameters,
    estimate_of,
    hidden_units,
    share_valid,
    validate_params,
)
from skbp._estimator.rules import OWNERS, asked
from skbp._sklearn import BaseScorer, has_callbacks, routing_enabled
from skbp._targets.losses import has_noise
from skbp.engine.arrays import BLOCK
from skbp.engine.network import Network
from skbp.engine.settings import PER_NETWORK
from skbp.engine.solvers import SOLVERS
from skbp.model_selection.pipeline import network_of, prefix_of

#: More networks in lock-step make each network faster as long as their activations do
#: not exceed this number of bytes.
CACHE = 3 * 2**20


#: The numbers of candidates that can train in lock-step.
Group: TypeAlias = list[int]


def families(base: Any, candidates: Sequence[dict[str, Any]]) -> list[list[Group]]:
    """Return groups of candidates, by the settings of the steps before the network.

    The candidates of a group differ only in numbers (``PER_NETWORK``).
    """
    step = prefix_of(base)
    found: dict[str, dict[str, Group]] = {}
    for i, parameters in enumerate(candidates):
        before, fixed = {}, {}
        for name, value in parameters.items():
            own = name.removeprefix(step)
            # A candidate may also replace the whole network, or a step that contains
            # it.
            if not (name.startswith(step) or step.startswith(f"{name}__")):
                before[name] = value
            elif own not in PER_NETWORK or isinstance(value, str):
                fixed[own] = value
            elif own == "average_decay":
                # Networks with an average keep other arrays than networks without one.
                fixed[own] = bool(value)
        groups = found.setdefault(key_of(before, i), {})
        groups.setdefault(key_of(fixed, i), []).append(i)
    return [list(groups.values()) for groups in found.values()]


def key_of(parameters: dict[str, Any], i: int) -> str:
    """Return a key that is equal for equal parameters."""
    try:
        return str(hash_of(parameters))
    except Exception:
        # Values that cannot be pickled, such as lambdas, are only equal to themselves.
        return f"candidate {i}"


def n_together(estimator: Any, X: Any, y: Any) -> int:
    """Return how many estimators to train in lock-step at a time.

    The arrays must fit into scikit-learn's ``working_memory``, and the activations of a
    batch into the cache.
    """
    try:
        hidden = hidden_units(estimator.hidden_layer_sizes)
        n, n_features = np.shape(X)
    except (TypeError, ValueError):
        # The fit of these estimators will fail anyway.
        return 1
    n_outputs = np.shape(y)[1] if np.ndim(y) == 2 else 1
    if n_outputs == 1 and is_classifier(estimator):
        n_outputs = len(np.unique(y))
    network = Network((n_features, *hidden, n_outputs), ("relu",) * len(hidden), True)
    P, units = network.n_parameters, sum(network.units)
    size, stochastic = estimator.batch_size, SOLVERS[estimator.solver].batches
    m = size if stochastic and not isinstance(size, str) else 200
    m = min(m if stochastic and size != "full" else BLOCK, n)
    # For each unit: Z or A, delta, and a mask.
    activations = 3 * units * m
    # theta, its gradient, the best and the previous weights, the optimizer's arrays;
    # and the arrays of the validation.
    floats = 12 * P + activations + 2 * max(network.units) * min(n, BLOCK)
    if SOLVERS[estimator.solver].curved:
        # A and its factor, in float64 whatever the data, and H for the noise of each
        # output.
        noisy = has_noise(estimator.loss) and bool(estimate_of(estimator))
        floats += 2 * (3 + (n_outputs if noisy else 1)) * P**2
    itemsize = 4 if getattr(X, "dtype", None) == np.float32 else 8
    budget = get_config()["working_memory"] * 2**20
    most = min(budget // (floats * itemsize), CACHE // (activations * itemsize))
    n_init: int = asked(estimator).n_init
    return max(1, int(most) // n_init)


def groups_ready(
    models: dict[int, Any], groups: list[Group], going: Collection[int]
) -> list[Group]:
    """Return the groups of candidates that can be fitted together.

    ``going`` are the candidates that continue from a checkpoint.
    """
    first: list[Any] = []

    def is_ready(i: int) -> bool:
        network = network_of(models[i])
        if first:
            share_valid(first[0], network)
        if not trains_with_others(models[i]):
            return False
        first[:] = first or [network]
        # Metadata are routed to all of them together, so they must request the same.
        return not routing_enabled() or asks_of(network) == asks_of(first[0])

    ready = [[i for i in group if is_ready(i)] for group in groups]
    # Candidates that continue do not train together with candidates that start.
    ready = [[i for i in group if i in going] for group in ready] + [
        [i for i in group if i not in going] for group in ready
    ]
    return [group for group in ready if group]


def asks_of(network: Any) -> str:
    """Return a text that is equal for networks that request the same metadata."""
    return repr(network.get_metadata_routing())


def trains_with_others(model: Any) -> bool:
    """Return whether a model can be fitted in lock-step with others."""
    network = network_of(model)
    if not isinstance(network, BaseBP) or type(network).fit is not BaseBP.fit:
        return False
    if type(network).__init__.__module__.partition(".")[0] not in OWNERS:
        # The constructor of a subclass may derive settings from its own parameters.
        return False
    if network.verbose or network.warm_start or has_callbacks(network):
        return False
    scoring = asked(network).scoring
    if callable(scoring) and not isinstance(scoring, BaseScorer):
        # Such a function may read the parameters of the estimator that it is given.
        return False
    try:
        validate_params(network)
        check_parameters(network)
    except Exception:
        # Fitted alone, the model will raise the error again.
        return False
    return True
