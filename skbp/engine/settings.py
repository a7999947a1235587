"""The settings of training, and which of them may differ between networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Annotated, Any, TypeAlias, get_type_hints

import numpy as np

from skbp.engine.arrays import Column, column

#: Marks the settings in which networks that train together may differ.
MARK = "per network"
#: One number for all networks, or one for each network.
PerNetwork: TypeAlias = Annotated[float | Sequence[float], MARK]


@dataclass(frozen=True)
class Settings:
    """The settings of training. Names and meanings are those of the estimators.

    Attributes
    ----------
    estimate : {"", "evidence", "ard"}
        Whether alpha is estimated, and for which groups of parameters; "" means that
        ``alpha`` is the penalty.
    dropout : sequence
        The rate of each hidden layer; () means none.
    drawn : bool
        Whether the initial weights were drawn for data of size 1 and, as ``estimate``
        is set, can be scaled to the size of the data, or drawn again.
    horizon : int
        The number of epochs that the schedule of the learning rate covers; 0 means
        ``max_iter``.
    compiled : bool
        Whether stochastic solvers train in compiled loops.
    shares : int
        The number of shares into which compiled loops cut each batch. The gradient of
        the batch is the sum of the gradients of its shares.
    threads : int
        The number of threads on which compiled loops train several networks, or the
        shares of each batch.
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
    drawn: bool = False
    dropout: Annotated[Sequence[PerNetwork], MARK] = ()
    horizon: int = 0
    compiled: bool = False
    shares: int = 1
    threads: int = 1

    def each(self, name: str, networks: Sequence[int]) -> list[float]:
        """Return the value of a setting for each of these networks."""
        return pick(getattr(self, name), networks)

    def column(self, name: str, networks: Sequence[int]) -> Column:
        """Return a setting: one number, or an array (K, 1) if the networks differ."""
        return column_of(getattr(self, name), networks)

    def unless(self, name: str, off: float, networks: Sequence[int]) -> Column | None:
        """Return a setting as ``column`` does, or None if all networks have ``off``."""
        values = self.column(name, networks)
        same = values == off
        return None if same is True or np.all(same) else values

    @property
    def estimates(self) -> bool:
        """Whether alpha is estimated from the training data."""
        return bool(self.estimate)

    @property
    def drops_units(self) -> bool:
        """Whether any hidden layer has dropout."""
        return any(
            rate if isinstance(rate, float) else np.any(rate) for rate in self.dropout
        )


#: The settings in which networks that train together may differ.
PER_NETWORK = tuple(
    name
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if MARK in getattr(hint, "__metadata__", ())
)


def pick(value: PerNetwork, networks: Sequence[int]) -> list[float]:
    """Return the value for each of these networks."""
    if isinstance(value, list | tuple | np.ndarray):
        return [float(value[k]) for k in networks]
    # A number. (To assert that it is no Sequence takes longer than all of this.)
    return [value] * len(networks)  # type: ignore[list-item]


def column_of(value: PerNetwork, networks: Sequence[int]) -> Column:
    """Return one number if these networks have the same value, else an array (K, 1)."""
    if isinstance(value, float | int):
        return float(value)
    return column(pick(value, networks))


def stacked(each: Sequence[Settings], n_networks: int) -> Settings:
    """Combine several settings, each of which applies to ``n_networks`` networks.

    The settings may differ only in the numbers of ``PER_NETWORK``.
    """
    values: dict[str, Any] = {}
    for name in PER_NETWORK:
        column = [getattr(one, name) for one in each for _ in range(n_networks)]
        if any(value != column[0] for value in column):
            # Dropout has one entry for each layer.
            layers = name == "dropout"
            values[name] = tuple(zip(*column, strict=True)) if layers else column
    return replace(each[0], **values)
