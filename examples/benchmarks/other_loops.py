"""The training of a classifier as others write it: JAX's scan, and eager PyTorch.

``against_mlp.py`` shows their times where the libraries are installed. Both train a
ReLU network with Adam on shuffled batches of the cross-entropy and the L2 penalty, as
MLPClassifier does. A last batch that is not full is left out of JAX's epochs, because
its shapes are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

#: The penalty and the numbers of Adam.
ALPHA, RATE, BETA_1, BETA_2, EPSILON = 1e-4, 1e-3, 0.9, 0.999, 1e-8


def weights_of(units: tuple[int, ...], dtype: str) -> list[tuple[Any, Any]]:
    """Return initial W and b of each layer."""
    rng = np.random.RandomState(0)
    return [
        (
            rng.uniform(-1, 1, (n_in, n_out)).astype(dtype)
            * (6 / (n_in + n_out)) ** 0.5,
            np.zeros(n_out, dtype),
        )
        for n_in, n_out in pairwise(units)
    ]


def with_torch(
    units: tuple[int, ...], X: Any, y: Any, m: int, epochs: int
) -> Callable[[], None]:
    """Return the usual loop of eager PyTorch, as a function."""
    import torch

    X, y = torch.from_numpy(X), torch.from_numpy(y).long()

    def train() -> None:
        layers = [torch.nn.Linear(*pair, dtype=X.dtype) for pair in pairwise(units)]
        model = torch.nn.Sequential()
        for layer in layers:
            model.extend([layer, torch.nn.ReLU()])
        model = model[:-1]
        # With a penalty of alpha / (2 m) |W|² the gradient has alpha / m W.
        groups = [
            {"params": [one.weight for one in layers], "weight_decay": ALPHA / m},
            {"params": [one.bias for one in layers]},
        ]
        adam = torch.optim.Adam(groups, lr=RATE, betas=(BETA_1, BETA_2), eps=EPSILON)
        for _ in range(epochs):
            order = torch.randperm(len(X))
            for start in range(0, len(X), m):
                rows = order[start : start + m]
                adam.zero_grad()
                J = torch.nn.functional.cross_entropy(model(X[rows]), y[rows])
                J.backward()
                adam.step()

    return train


def with_jax(
    units: tuple[int, ...], X: Any, y: Any, m: int, epochs: int
) -> Callable[[], None]:
    """Return a loop whose epochs JAX compiles as one scan over batches."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    S = len(X) // m

    def cost(theta: Any, X: Any, y: Any) -> Any:
        A = X
        for W, b in theta[:-1]:
            A = jnp.maximum(A @ W + b, 0)
        W, b = theta[-1]
        log_p = jax.nn.log_softmax(A @ W + b)
        penalty = sum((W * W).sum() for W, _ in theta)
        loss = -jnp.take_along_axis(log_p, y[:, None], axis=1).mean()
        return loss + 0.5 * ALPHA / m * penalty

    def step(state: Any, rows: Any) -> Any:
        theta, mean, square, t = state
        grad, t = jax.grad(cost)(theta, X[rows], y[rows]), t + 1
        rate = (RATE * (1 - BETA_2**t) ** 0.5 / (1 - BETA_1**t)).astype(X.dtype)
        mean = jax.tree.map(lambda a, g: BETA_1 * a + (1 - BETA_1) * g, mean, grad)
        square = jax.tree.map(
            lambda a, g: BETA_2 * a + (1 - BETA_2) * g * g, square, grad
        )
        theta = jax.tree.map(
            lambda p, a, v: p - rate * a / (jnp.sqrt(v) + EPSILON), theta, mean, square
        )
        return (theta, mean, square, t), None

    X, y = jnp.asarray(X), jnp.asarray(y)
    epoch = jax.jit(lambda state, order: jax.lax.scan(step, state, order)[0])
    start = jax.tree.map(jnp.asarray, weights_of(units, str(X.dtype)))

    def train() -> None:
        zeros, rng = jax.tree.map(jnp.zeros_like, start), np.random.RandomState(0)
        state = (start, zeros, zeros, jnp.zeros((), jnp.float64))
        for _ in range(epochs):
            order = rng.permutation(len(X))[: S * m].reshape(S, m)
            state = epoch(state, order)
        jax.block_until_ready(state)

    return train


#: Their loops, by the name of the package.
LOOPS = {"jax": with_jax, "torch": with_torch}
