"""Damped Gauss-Newton steps of networks, each with its own penalties and damping.

The objective of a network is a sum over samples, with a precision beta of the data and
a precision alpha_p of each parameter::

    F(theta) = beta E(theta) + 1/2 sum_p alpha_p theta_p²

With several outputs each output has a beta, and beta E means the sum over outputs. A
step d solves (beta H + diag(alpha) + mu D) d = - (beta g + alpha theta), and is taken
if F falls. The damping mu depends on the ratio of the fall of F to the fall that the
quadratic model promised (Nielsen 1999). The diagonal D holds the prior precisions of
the parameters, each one over the square of the parameter's unit, so mu has no unit.

References
----------
Nielsen (1999), "Damping parameter in Marquardt's method". IMM-REP-1999-05.
"""

from __future__ import annotations

import numpy as np

from skbp.engine.arrays import Array
from skbp.engine.evidence.frame import Evaluate
from skbp.engine.evidence.posterior import solve as positive_solve
from skbp.engine.evidence.precisions import Precisions

#: If the damping exceeds this multiple of the curvature, no step will lower F.
HOPELESS = 1e12
#: The number of steps that are tried in an iteration. The damping grows from the
#: smallest float64 number beyond the largest in 65 steps, so nobody needs more. The
#: limit is for numbers that overflow, with which comparisons say nothing.
TRIES = 80


class Iterate:
    """The state of one network: weights, the model of F around them, and damping."""

    theta: Array
    precisions: Precisions
    m: float
    mu: float
    growth: float
    fell: float
    stuck: bool
    E: Array
    g: Array
    H: Array
    F: float
    slope: Array
    finite: bool
    curvature: float
    d: Array
    promised: float

    def __init__(self, theta: Array, precisions: Precisions, m: float):
        self.theta, self.precisions, self.m = theta.astype(np.float64), precisions, m
        self.mu, self.growth = 0.0, 2.0
        self.fell, self.stuck = np.inf, False

    def set(self, E: Array, g: Array, H: Array) -> None:
        """Store the loss and its derivatives at the current weights."""
        self.E, self.g, self.H = E, g, H
        self.F = self.precisions.F(self.E, self.theta)
        self.slope = self.precisions.beta @ g + self.precisions.alpha * self.theta
        self.finite = bool(np.isfinite(self.F) and np.isfinite(self.slope).all())
        self.finite &= bool(np.isfinite(H).all())

    def step(self) -> Array:
        """Return the weights at which the damped model of F has its minimum."""
        A = self.precisions.A(self.H)
        unit = self.precisions.prior
        self.curvature = max(float((A.diagonal() / unit).max()), 1e-100)
        if not self.mu:
            self.mu = 1e-3 * self.curvature
        A.flat[:: len(A) + 1] += self.mu * unit
        # (Half the time, but rounded differently: fixed penalties keep what they had.)
        solve = np.linalg.solve if self.precisions.groups is None else positive_solve
        try:
            self.d = solve(A, -self.slope)
        except np.linalg.LinAlgError:
            # Take no step; more damping will help.
            self.d = np.zeros_like(self.theta)
        # The fall of F in the model is d' (mu D d - slope) / 2.
        self.promised = 0.5 * float(self.d @ (self.mu * unit * self.d - self.slope))
        return self.theta + self.d

    def judge(self, E: Array) -> bool:
        """Return whether the step lowers F; adapt the damping (Nielsen 1999)."""
        F = self.precisions.F(E, self.theta + self.d)
        gain = (self.F - F) / self.promised if self.promised > 0 else -1.0
        if np.isfinite(F) and gain > 0:
            # (The limit of the gain changes nothing, and its power cannot overflow.)
            self.mu *= max(1.0 / 3.0, 1.0 - (2.0 * min(gain, 1.0) - 1.0) ** 3)
            self.growth, self.fell = 2.0, self.F - F
            return True
        self.mu *= self.growth
        self.growth *= 2.0
        self.stuck = not self.mu <= HOPELESS * self.curvature
        return False

    def settled(self, tol: float) -> bool:
        """Return whether the last step hardly changed F, or the slope is small."""
        small = np.abs(self.slope).max() / self.m <= tol
        return bool(self.fell <= 1e-9 * abs(self.F) or small)

    def J(self) -> float:
        """Return F per sample, which is J if lambda is fixed."""
        return self.F / self.m


def advance(networks: list[Iterate], gauss_newton: Evaluate) -> None:
    """Take a step with each network, with more and more damping until F falls."""
    waiting = networks
    for _ in range(TRIES):
        if not waiting:
            return
        E = gauss_newton.value(np.stack([one.step() for one in waiting]))
        taken = [one for one, E_one in zip(waiting, E, strict=True) if one.judge(E_one)]
        for one in taken:
            one.theta = one.theta + one.d
        if taken:
            results = gauss_newton(np.stack([one.theta for one in taken]))
            for one, *parts in zip(taken, *results, strict=True):
                one.set(*parts)
        waiting = [one for one in waiting if one not in taken and not one.stuck]
    for one in waiting:
        one.stuck = True
