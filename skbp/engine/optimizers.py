"""One step of an optimizer, from the gradient to new parameters.

An optimizer knows no network: it is bound to theta and grad, arrays (K, P), and to
hyperparameters that are numbers, or arrays (K, 1) where they differ between the K
networks. ``step(rate)`` changes theta in place; ``state()`` returns all that the next
step depends on, in arrays and numbers, from which an equal optimizer can be made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from skbp.engine.arrays import Array, Number, cast, chunks


class SGD:
    """Gradient descent with momentum mu, and Nesterov's variant of it.

    velocity := mu velocity - rate grad
    theta    := theta + velocity                        (plain)
    theta    := theta + mu velocity - rate grad         (Nesterov)

    References
    ----------
    Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and
    momentum in deep learning". ICML 28, 1139-1147.
    """

    #: Hyperparameters that may differ between the networks, and those that may not.
    numbers: ClassVar = ("momentum",)
    options: ClassVar = ("nesterovs_momentum",)

    def __init__(
        self,
        theta: Array,
        grad: Array,
        *,
        momentum: Number = 0.9,
        nesterovs_momentum: bool = True,
        state: Mapping[str, Any] | None = None,
    ):
        self.nesterov, self.dtype = nesterovs_momentum, theta.dtype
        self.momentum = cast(momentum, self.dtype)
        self.velocity = np.zeros_like(theta)
        if state is not None:
            self.velocity[:] = state["velocity"]
        self._chunks = chunks(theta, grad, self.velocity)

    def step(self, rate: Number) -> None:
        mu, rate = self.momentum, cast(rate, self.dtype)
        for theta, grad, velocity, tmp in self._chunks:
            np.multiply(grad, rate, out=tmp)
            np.multiply(velocity, mu, out=velocity)
            np.subtract(velocity, tmp, out=velocity)
            if self.nesterov:
                np.subtract(theta, tmp, out=theta)
                np.multiply(velocity, mu, out=tmp)
                np.add(theta, tmp, out=theta)
            else:
                np.add(theta, velocity, out=theta)

    def state(self) -> dict[str, Any]:
        return {"velocity": self.velocity.copy()}


class Adam:
    """Adam: a step in units of the gradient's running mean over its root mean square.

    m := beta_1 m + (1 - beta_1) grad
    v := beta_2 v + (1 - beta_2) grad²
    theta := theta - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization". ICLR.
    """

    numbers: ClassVar = ("beta_1", "beta_2", "epsilon")
    options: ClassVar = ()

    def __init__(
        self,
        theta: Array,
        grad: Array,
        *,
        beta_1: Number = 0.9,
        beta_2: Number = 0.999,
        epsilon: Number = 1e-8,
        state: Mapping[str, Any] | None = None,
    ):
        self.beta_1, self.beta_2, self.dtype = beta_1, beta_2, theta.dtype
        self.root = (1.0 - beta_2) ** 0.5
        self._constants = [
            cast(value, theta.dtype) for value in (beta_1, beta_2, epsilon / self.root)
        ]
        # The arrays hold m / (1 - beta_1) and v / (1 - beta_2): two passes less a step.
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0
        if state is not None:
            self.m[:] = state["m"] / (1.0 - beta_1)
            self.v[:] = state["v"] / (1.0 - beta_2)
            self.t = state["t"]
        self._chunks = chunks(theta, grad, self.m, self.v)

    def step(self, rate: Number) -> None:
        self.t += 1
        bias = (1.0 - self.beta_2**self.t) ** 0.5 / (1.0 - self.beta_1**self.t)
        factor = cast(rate * bias * ((1.0 - self.beta_1) / self.root), self.dtype)
        beta_1, beta_2, epsilon = self._constants
        for theta, grad, m, v, tmp in self._chunks:
            np.multiply(m, beta_1, out=m)
            np.add(m, grad, out=m)
            np.multiply(grad, grad, out=tmp)
            np.multiply(v, beta_2, out=v)
            np.add(v, tmp, out=v)
            np.sqrt(v, out=tmp)
            np.add(tmp, epsilon, out=tmp)
            np.divide(m, tmp, out=tmp)
            np.multiply(tmp, factor, out=tmp)
            np.subtract(theta, tmp, out=theta)

    def state(self) -> dict[str, Any]:
        return {
            "m": self.m * (1.0 - self.beta_1),
            "v": self.v * (1.0 - self.beta_2),
            "t": self.t,
        }


#: The stochastic optimizers by the name of the solver.
OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}
