"""Weights as if features, hidden units and targets had means of 0.

Biases make up for the means c[l-1] of what a layer gets, and for the means y of the
targets::

    b[l] = b'[l] - W[l] c[l-1],      b[L] = b'[L] - W[L] c[L-1] + y

Both theta and theta' describe the same function. The penalties are different: in
theta', to move a bend does not cost more where the means are far from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import numpy as np

from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array
from skbp.engine.curvature import GaussNewton
from skbp.engine.evidence.cut import Cut
from skbp.engine.network import Network

#: The sizes of weighted inputs at which activations bend, and of their values from
#: f(0) on, where these are not 1: logistic(z) = 1/2 + tanh(z/2) / 2.
SIZES = {"logistic": (2.0, 0.5), "softplus": (2.0, 1.0)}


class Frame:
    """What turns weights theta' for means of 0 into weights theta of a network.

    Parameters
    ----------
    network : Network
        A network with biases.
    centers : sequence of array (n[l-1],)
        The means of what each layer gets, from the first layer to the last.
    y : array (outputs,)
        The means of the targets.
    """

    network: Network
    centers: list[Array]
    y: Array

    def __init__(self, network: Network, centers: Sequence[Array], y: Array):
        self.network, self.centers, self.y = network, list(centers), y

    @classmethod
    def of(cls, network: Network, x: Array, y: Array) -> Frame | None:
        """Return the frame for means of features and targets; None if all means are 0.

        The mean of a hidden unit counts as f(0).
        """
        units = zip(network.units[1:-1], network.activations, strict=True)
        hidden = [np.full(n, level(name)) for n, name in units]
        moves = any(c.any() for c in (x, y, *hidden))
        return cls(network, [x, *hidden], y) if moves else None

    def of_cut(self, cut: Cut) -> Frame:
        """Return the frame of a part of the network."""
        each = zip(self.centers, cut.kept, strict=False)
        return Frame(cut.network, [c[kept] for c, kept in each], self.y)

    def without_targets(self) -> Frame:
        """Return the frame for targets whose means are 0."""
        return Frame(self.network, self.centers, np.zeros_like(self.y))

    def plain(self, theta: Array) -> Array:
        """Return theta (K, P) from theta'."""
        result = theta.copy()
        W, b = self.network.split(result)
        for l, c in enumerate(self.centers, start=1):
            b[l][..., 0] -= W[l] @ c
        b[-1][..., 0] += self.y
        return result

    def derivative(self, g: Array) -> Array:
        """Turn derivatives by theta (..., P), in place, into those by theta'."""
        W, b = self.network.split(g.reshape(-1, g.shape[-1]))
        for l, c in enumerate(self.centers, start=1):
            if c.any():
                W[l][:] -= b[l] * c
        return g

    def variances(self, theta: Array, variances: Array) -> Array:
        """Return variances of theta from those of theta' (P,), where both are theta."""
        result = variances.copy()
        W, _ = self.network.split(theta[np.newaxis])
        _, b = self.network.split(result[np.newaxis])
        for l, c in enumerate(self.centers, start=1):
            b[l][0, :, 0] += (W[l][0] @ c) ** 2
        b[-1][0, :, 0] += self.y**2
        return result


class Framed:
    """Sum of losses, its gradient and curvature at weights theta' of a frame."""

    inside: GaussNewton
    frame: Frame

    def __init__(self, inside: GaussNewton, frame: Frame):
        self.inside, self.frame = inside, frame

    def __call__(self, theta: Array) -> tuple[Array, Array, Array]:
        E, g, H = self.inside(self.frame.plain(theta))
        H = np.ascontiguousarray(self.frame.derivative(H).mT)
        return E, self.frame.derivative(g), self.frame.derivative(H)

    def value(self, theta: Array) -> Array:
        return self.inside.value(self.frame.plain(theta))


#: What evaluates the loss, g and H at weights.
Evaluate: TypeAlias = GaussNewton | Framed


def of_bends(network: Network) -> Array:
    """Return factors (P,) of the guesses of precisions, for where activations bend."""
    factors = np.ones((1, network.n_parameters))
    W, b = network.split(factors)
    for l, name in enumerate(network.activations, start=1):
        z, a = SIZES.get(name, (1.0, 1.0))
        W[l][:] /= z**2
        b[l][:] /= z**2
        W[l + 1][:] *= a**2
    result: Array = factors[0]
    return result


@cache
def level(name: str) -> float:
    """Return f(0) of an activation."""
    Z = np.zeros((1, 1, 1))
    ACTIVATIONS[name](Z.shape, Z.dtype)[0](Z)
    return float(Z[0, 0, 0])
