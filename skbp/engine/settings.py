"""What steers training: numbers and names, and which numbers networks may differ in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Annotated, Any, TypeAlias, get_type_hints

import numpy as np

#: Marks what networks that train together may differ in.
MARK = "per network"
#: One number for all networks, or one for each.
PerNetwork: TypeAlias = Annotated[float | Sequence[float], MARK]


@dataclass(frozen=True)
class Settings:
    """What steers training; names and meaning are the estimators'.

    Attributes
    ----------
    estimate : {"", "evidence", "ard"}
        Whether alpha is estimated, and for which groups of parameters; "" means that
        ``alpha`` is the penalty.
    dropout : sequence
        The rates of each hidden layer; () means none.
    rescale : bool
        With ``estimate``, whether the initial weights were drawn for data of size 1,
        and are to be scaled to the size of the data.
    horizon : int
        Epochs over which the learning rate runs its course; 0 means ``max_iter``.
    """

    solver: str = "adam"
    alpha: PerNetwork = 1e-4
    estimate: str = ""
    weight_decay: PerNetwork = 0.0
    batch_size: int = 200
    learning_rate: str = "constant"
    learning_rate_init: PerNetwork = 1e-3
    power_t: PerNetwork = 0.5
    learning_rate_decay: PerNetwork = 0.5
    learning_rate_step: PerNetwork = 10.0
    warmup: PerNetwork = 0.0
    max_iter: int = 200
    shuffle: bool = True
    tol: PerNetwork = 1e-4
    n_iter_no_change: PerNetwork = 10
    momentum: PerNetwork = 0.9
    nesterovs_momentum: bool = True
    beta_1: PerNetwork = 0.9
    beta_2: PerNetwork = 0.999
    epsilon: PerNetwork = 1e-8
    max_fun: int = 15000
    max_grad_norm: PerNetwork = inf
    average_decay: PerNetwork = 0.0
    rescale: bool = False
    dropout: Annotated[Sequence[PerNetwork], MARK] = ()
    horizon: int = 0

    def each(self, name: str, networks: Sequence[int]) -> list[float]:
        """Return the values of a setting for these networks."""
        return pick(getattr(self, name), networks)

    @property
    def estimates(self) -> bool:
        """Whether alpha is estimated from the training data."""
        return bool(self.estimate)

    @property
    def drops_units(self) -> bool:
        """Whether any hidden layer has dropout."""
        return any(np.any(rate) for rate in self.dropout)


#: The settings in which networks that train together may differ.
PER_NETWORK = tuple(
    name
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if MARK in getattr(hint, "__metadata__", ())
)


def pick(value: PerNetwork, networks: Sequence[int]) -> list[float]:
    """Return the values of these networks."""
    if isinstance(value, list | tuple | np.ndarray):
        return [float(value[k]) for k in networks]
    assert not isinstance(value, Sequence)
    return [value] * len(networks)


def stacked(each: Sequence[Settings], n_networks: int) -> Settings:
    """Return several settings as one, each for so many networks.

    They may differ in the numbers of ``PER_NETWORK`` alone.
    """
    values: dict[str, Any] = {}
    for name in PER_NETWORK:
        column = [getattr(one, name) for one in each for _ in range(n_networks)]
        if any(value != column[0] for value in column):
            # Dropout has an entry for each layer.
            layers = name == "dropout"
            values[name] = tuple(zip(*column, strict=True)) if layers else column
    return replace(each[0], **values)
