"""The steps of the optimizers, from the gradient to new parameters.

An optimizer does not know the network. It works on theta and grad, arrays (K, P), with
hyperparameters that are numbers, or arrays (K, 1) if they differ between the K
networks. ``step(rate, J)`` changes theta in place, given the learning rate and the cost
J (K,) at theta. ``state()`` returns everything that the next step depends on, as arrays
and numbers. An optimizer made from this state continues in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from skbp.engine.arrays import Array, Column, DType, cast, chunks

#: Every so many steps, running means below so many times the smallest normal number
#: become 0: the gradient of a unit that is never active is exactly 0, and its means
#: would decay to subnormal numbers, which slow down arithmetic a hundred times.
EVERY, SMALL = 50, 1e5


def forget_small(t: int, *means: Array) -> None:
    """Set running means to 0 where they are too small, every so many steps.

    A mean becomes 0 where a mean before it does: Adam must not divide a mean gradient
    by a mean square of 0.
    """
    if t % EVERY == 0:
        least = SMALL * np.finfo(means[0].dtype).tiny
        small = np.zeros(means[0].shape, np.bool_)
        for mean in means:
            small |= np.abs(mean) < least
            mean[small] = 0.0


class SGD:
    """Gradient descent with momentum mu, plain or with Nesterov's momentum.

    velocity := mu velocity - rate grad
    theta    := theta + velocity                        (plain)
    theta    := theta + mu velocity - rate grad         (Nesterov)

    References
    ----------
    Sutskever, Martens, Dahl, Hinton (2013), "On the importance of initialization and
    momentum in deep learning". ICML 28, 1139-1147.
    """

    #: Hyperparameters that may differ between the networks, and ones that may not.
    numbers: ClassVar[tuple[str, ...]] = ("momentum",)
    options: ClassVar[tuple[str, ...]] = ("nesterovs_momentum",)

    nesterov: bool
    dtype: DType
    momentum: Array
    velocity: Array

    def __init__(
        self,
        theta: Array,
        grad: Array,
        *,
        momentum: Column = 0.9,
        nesterovs_momentum: bool = True,
        state: Mapping[str, Any] | None = None,
    ):
        self.nesterov, self.dtype = nesterovs_momentum, theta.dtype
        self.momentum = cast(momentum, self.dtype)
        self.velocity = np.zeros_like(theta)
        if state is not None:
            self.velocity[:] = state["velocity"]
        self._chunks, self._steps = chunks(theta, grad, self.velocity), 0

    def step(self, rate: Column, J: Array) -> None:
        self._steps += 1
        forget_small(self._steps, self.velocity)
        mu, rate = self.momentum, cast(rate, self.dtype)
        for theta, grad, velocity, tmp in self._chunks:
            # velocity := mu velocity - rate grad
            np.multiply(grad, rate, out=tmp)
            np.multiply(velocity, mu, out=velocity)
            np.subtract(velocity, tmp, out=velocity)
            # theta holds every W and b. With mu = 0 both branches are the equation
            # W := W - rate dW
            # (and b := b - rate db); otherwise the velocity of earlier steps is added.
            if self.nesterov:
                np.subtract(theta, tmp, out=theta)
                np.multiply(velocity, mu, out=tmp)
                np.add(theta, tmp, out=theta)
            else:
                np.add(theta, velocity, out=theta)

    def state(self) -> dict[str, Any]:
        return {"velocity": self.velocity.copy()}


class Adam:
    """Adam: the running mean of the gradient over its running root mean square.

    m := beta_1 m + (1 - beta_1) grad
    v := beta_2 v + (1 - beta_2) grad²
    theta := theta - rate sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization". ICLR.
    """

    numbers: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")
    options: ClassVar[tuple[str, ...]] = ()

    dtype: DType
    beta_1: Column
    beta_2: Column
    root: Column
    m: Array
    v: Array
    t: int

    def __init__(
        self,
        theta: Array,
        grad: Array,
        *,
        beta_1: Column = 0.9,
        beta_2: Column = 0.999,
        epsilon: Column = 1e-8,
        state: Mapping[str, Any] | None = None,
    ):
        self.beta_1, self.beta_2, self.dtype = beta_1, beta_2, theta.dtype
        self.root = (1.0 - beta_2) ** 0.5
        self._constants = [
            cast(value, theta.dtype) for value in (beta_1, beta_2, epsilon / self.root)
        ]
        # The arrays hold m / (1 - beta_1) and v / (1 - beta_2), which saves two passes
        # over the arrays in each step.
        self.m, self.v = (np.zeros(theta.shape, theta.dtype) for _ in range(2))
        self.t = 0
        if state is not None:
            np.divide(state["m"], 1.0 - beta_1, out=self.m)
            np.divide(state["v"], 1.0 - beta_2, out=self.v)
            self.t = state["t"]
        self._chunks = chunks(theta, grad, self.m, self.v)

    def step(self, rate: Column, J: Array) -> None:
        self.t += 1
        forget_small(self.t, self.v, self.m)
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


class NAdam:
    """Adam with Nesterov's momentum: the current gradient takes effect at once.

    mu_t := beta_1 (1 - 0.96^(0.004 t) / 2), Pi_t := mu_1 ... mu_t
    m, v as in Adam
    theta := theta - rate [ (1 - mu_t) / (1 - Pi_t) grad
                            + mu_(t+1) / (1 - Pi_(t+1)) m ]
                     / (sqrt(v / (1 - beta_2^t)) + epsilon)

    References
    ----------
    Dozat (2016), "Incorporating Nesterov momentum into Adam". ICLR workshop.
    """

    numbers: ClassVar[tuple[str, ...]] = ("beta_1", "beta_2", "epsilon")
    options: ClassVar[tuple[str, ...]] = ()

    dtype: DType
    beta_1: Column
    beta_2: Column
    epsilon: Column
    m: Array
    v: Array
    t: int
    product: Column

    def __init__(
        self,
        theta: Array,
        grad: Array,
        *,
        beta_1: Column = 0.9,
        beta_2: Column = 0.999,
        epsilon: Column = 1e-8,
        state: Mapping[str, Any] | None = None,
    ):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.dtype = theta.dtype
        self._constants = [
            cast(value, theta.dtype)
            for value in (beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2)
        ]
        self.m, self.v, self.t = np.zeros_like(theta), np.zeros_like(theta), 0
        self.product = 1.0
        if state is not None:
            self.m[:], self.v[:], self.t = state["m"], state["v"], state["t"]
            self.product = state["product"]
        self._chunks = chunks(theta, grad, self.m, self.v)

    def step(self, rate: Column, J: Array) -> None:
        self.t += 1
        forget_small(self.t, self.v, self.m)
        mu, mu_next = (
            self.beta_1 * (1.0 - 0.5 * 0.96 ** (0.004 * t))
            for t in (self.t, self.t + 1)
        )
        self.product = self.product * mu
        root = (1.0 - self.beta_2**self.t) ** 0.5
        # Numerator and denominator are both multiplied by sqrt(1 - beta_2^t).
        now = cast(rate * root * (1.0 - mu) / (1.0 - self.product), self.dtype)
        then = rate * root * mu_next / (1.0 - self.product * mu_next)
        then, epsilon = cast(then, self.dtype), cast(self.epsilon * root, self.dtype)
        beta_1, one_less_1, beta_2, one_less_2 = self._constants
        for theta, grad, m, v, tmp in self._chunks:
            np.multiply(m, beta_1, out=m)
            np.multiply(grad, one_less_1, out=tmp)
            np.add(m, tmp, out=m)
            np.multiply(v, beta_2, out=v)
            np.multiply(grad, grad, out=tmp)
            np.multiply(tmp, one_less_2, out=tmp)
            np.add(v, tmp, out=v)
            # grad is overwritten with the step, because the next gradient replaces it
            # anyway.
            np.multiply(grad, now, out=grad)
            np.multiply(m, then, out=tmp)
            np.add(grad, tmp, out=grad)
            np.sqrt(v, out=tmp)
            np.add(tmp, epsilon, out=tmp)
            np.divide(grad, tmp, out=grad)
            np.subtract(theta, grad, out=theta)

    def state(self) -> dict[str, Any]:
        return {
            "m": self.m.copy(),
            "v": self.v.copy(),
            "t": self.t,
            "product": self.product,
        }


class RMSprop:
    """RMSprop: the gradient divided by its running root mean square.

    v := beta_2 v + (1 - beta_2) grad²
    theta := theta - rate grad / (sqrt(v) + epsilon)

    References
    ----------
    Tieleman and Hinton (2012), "Lecture 6.5 - RMSProp". Coursera: Neural Networks for
    Machine Learning.
    """

    numbers: ClassVar[tuple[str, ...]] = ("beta_2", "epsilon")
    options: ClassVar[tuple[str, ...]] = ()

    dtype: DType
    v: Array

    def __init__(
        self,
        theta: Array,
        grad: Array,
        *,
        beta_2: Column = 0.999,
        epsilon: Column = 1e-8,
        state: Mapping[str, Any] | None = None,
    ):
        self.dtype, self.v = theta.dtype, np.zeros_like(theta)
        self._constants = [
            cast(value, theta.dtype) for value in (beta_2, 1.0 - beta_2, epsilon)
        ]
        if state is not None:
            self.v[:] = state["v"]
        self._chunks, self._steps = chunks(theta, grad, self.v), 0

    def step(self, rate: Column, J: Array) -> None:
        self._steps += 1
        forget_small(self._steps, self.v)
        rate, (beta_2, one_less, epsilon) = cast(rate, self.dtype), self._constants
        for theta, grad, v, tmp in self._chunks:
            np.multiply(grad, grad, out=tmp)
            np.multiply(tmp, one_less, out=tmp)
            np.multiply(v, beta_2, out=v)
            np.add(v, tmp, out=v)
            np.sqrt(v, out=tmp)
            np.add(tmp, epsilon, out=tmp)
            np.divide(grad, tmp, out=tmp)
            np.multiply(tmp, rate, out=tmp)
            np.subtract(theta, tmp, out=theta)

    def state(self) -> dict[str, Any]:
        return {"v": self.v.copy()}


class Rprop:
    """iRprop+: each parameter has a step length, and the gradient gives the sign.

    The length is multiplied by 1.2 if the sign of the gradient stays the same, and
    halved if it changes. In the second case the last step is undone if J has risen, and
    the parameter waits for one step. The first lengths are the learning rate, and all
    lengths stay within [1e-6, 50]. Rprop needs the gradient over all samples.

    References
    ----------
    Igel and Hüsken (2000), "Improving the Rprop learning algorithm". NC'2000.
    """

    numbers: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ()

    theta: Array
    grad: Array
    length: Array
    last: Array
    last_grad: Array
    J: Array

    def __init__(
        self, theta: Array, grad: Array, *, state: Mapping[str, Any] | None = None
    ):
        self.theta, self.grad = theta, grad
        self.length, self.last = np.zeros_like(theta), np.zeros_like(theta)
        self.last_grad, self.J = np.zeros_like(theta), np.full(len(theta), np.inf)
        if state is not None:
            self.length[:], self.last[:] = state["length"], state["last"]
            self.last_grad[:], self.J[:] = state["last_grad"], state["J"]
        self._tmp = np.empty_like(theta)
        self._same, self._turned = (np.empty(theta.shape, np.bool_) for _ in range(2))
        self._constants = [
            cast(value, theta.dtype) for value in (1.2, 0.5, 1e-6, 50.0, 0.0)
        ]

    def step(self, rate: Column, J: Array) -> None:
        theta, grad, length, last = self.theta, self.grad, self.length, self.last
        tmp, same, turned = self._tmp, self._same, self._turned
        longer, shorter, least, most, zero = self._constants
        if not np.isfinite(self.J).any():
            length[:] = rate
        np.multiply(self.last_grad, grad, out=tmp)
        np.greater(tmp, zero, out=same)
        np.less(tmp, zero, out=turned)
        np.multiply(length, longer, out=length, where=same)
        np.multiply(length, shorter, out=length, where=turned)
        np.maximum(length, least, out=length)
        np.minimum(length, most, out=length)
        # Undo the last step where the sign of the gradient has changed and J has risen.
        risen = (self.J < J).astype(theta.dtype)[:, np.newaxis]
        np.multiply(last, risen, out=last)
        np.subtract(theta, last, out=theta, where=turned)
        np.copyto(grad, zero, where=turned)
        np.sign(grad, out=last)
        np.multiply(last, length, out=last)
        np.negative(last, out=last)
        np.add(theta, last, out=theta)
        self.last_grad[:], self.J[:] = grad, J

    def state(self) -> dict[str, Any]:
        return {
            "length": self.length.copy(),
            "last": self.last.copy(),
            "last_grad": self.last_grad.copy(),
            "J": self.J.copy(),
        }


class Average:
    """The exponential average of theta over the steps of training.

    sum := decay sum + (1 - decay) theta

    The average is sum / (1 - decay^t): the weights of the steps always add up to 1.

    References
    ----------
    Polyak and Juditsky (1992), "Acceleration of stochastic approximation by averaging".
    SIAM Journal on Control and Optimization 30, 838-855.
    """

    decay: Column
    sum: Array
    t: int

    def __init__(
        self, theta: Array, decay: Column, *, state: Mapping[str, Any] | None = None
    ):
        self.decay, self.sum, self.t = decay, np.zeros_like(theta), 0
        self._decay = cast(decay, theta.dtype)
        self._rest = cast(1.0 - decay, theta.dtype)
        if state is not None:
            self.sum[:], self.t = state["sum"], state["t"]
        self._chunks = chunks(theta, self.sum)

    def update(self) -> None:
        self.t += 1
        for theta, total, tmp in self._chunks:
            np.multiply(theta, self._rest, out=tmp)
            np.multiply(total, self._decay, out=total)
            np.add(total, tmp, out=total)

    def value(self) -> Array:
        """Return the average (K, P)."""
        value: Array = self.sum / cast(1.0 - self.decay**self.t, self.sum.dtype)
        return value

    def state(self) -> dict[str, Any]:
        return {"sum": self.sum.copy(), "t": self.t}


Optimizer = SGD | Adam | NAdam | RMSprop | Rprop

#: The optimizers, by the names of their solvers.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "nadam": NAdam,
    "rmsprop": RMSprop,
    "rprop": Rprop,
}
