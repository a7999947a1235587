"""The steps of BPClassifier and BPRegressor beside PyTorch's, and their time.

    pip install skbp[bench]
    python examples/benchmarks/against_torch.py [--json FILE] [--runs N]

Both sides start from the same weights and take the same batches in the same order, in
float64. A row shows how far the weights have moved, by how much they differ in the end
and by how much J differs in the worst epoch, each relative to the largest number of its
array; "moved" is there to show that a small difference means something. The script
exits with status 1 if a difference exceeds the tolerance of its row: 1e-9 where both
sides compute the same function, so that they can only differ in rounding.

J is the mean over the samples of a batch of the loss summed over outputs, which is what
PyTorch's reduction="sum" gives, divided by the samples; squared_error is half of
PyTorch's. Losses and activations are compared under gradient descent with momentum,
since Adam would hide a constant factor. Where definitions differ, PyTorch is told
skbp's, and a second row shows what its own would change:

adam
    PyTorch adds epsilon to sqrt(v / (1 - beta_2^t)), skbp (as scikit-learn) to sqrt(v),
    the form at the end of section 2 of Kingma and Ba: PyTorch's epsilon is divided by
    sqrt(1 - beta_2^t) before each step. nadam and rmsprop agree as they are.
max_grad_norm
    PyTorch multiplies by limit / (norm + 1e-6), skbp by limit / norm.
weight_decay
    It concerns weights alone: PyTorch is given biases as a group that does not decay.
rprop
    skbp's is iRprop+, PyTorch's iRprop-, which never takes a step back. They are the
    same as long as J falls, and are compared as long as it does.
nadam
    PyTorch keeps the product of the mu_t in its default dtype, which has to be float64;
    with float32 the weights differ by about 1e-8.

At a kink (relu, leaky_relu, absolute_error, quantile, and the bounds of huber) sides may
part if rounding takes a number across it. No sample of these comes that close: the
tolerance is the same.

The time of a step is that of Adam, with all that surrounds it in ``fit`` and in the
usual loop of PyTorch, which runs eagerly, with one thread and with as many as it takes.
"fused" is PyTorch's Adam in a single kernel, an option of its own. Ratios are those of
the fastest of PyTorch's columns before "fused", to skbp. Sides run in turn; figures are
medians.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf, sqrt
from typing import Any

import numpy as np
import torch
from against_mlp import data, in_turn
from scipy.special import expit, softmax
from torch import Tensor, nn, optim
from torch.nn import functional as F

from skbp import BPClassifier, BPRegressor

ROWS, FEATURES, HIDDEN, OUTPUTS = 150, 6, (8, 7), 3
#: The last of five batches is a smaller one.
BATCH, EPOCHS = 32, 20
TOLERANCE = 1e-9
DELTA, QUANTILE, QUANTILES, SMOOTHING = 0.5, 0.3, (0.1, 0.5, 0.9), 0.1

Loss = Callable[[Tensor, Tensor], Tensor]
Optimizer = Callable[[Sequence[Any]], optim.Optimizer]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
}


# What PyTorch does.


def squared_error(A: Tensor, Y: Tensor) -> Tensor:
    return 0.5 * F.mse_loss(A, Y, reduction="sum")


def absolute_error(A: Tensor, Y: Tensor) -> Tensor:
    return F.l1_loss(A, Y, reduction="sum")


def huber(A: Tensor, Y: Tensor) -> Tensor:
    return F.huber_loss(A, Y, reduction="sum", delta=DELTA)


def quantile(A: Tensor, Y: Tensor) -> Tensor:
    return torch.maximum(QUANTILE * (Y - A), (QUANTILE - 1.0) * (Y - A)).sum()


def quantiles(Z: Tensor, Y: Tensor) -> Tensor:
    """The loss of several levels, each above the one before by a softplus."""
    A = torch.cat([Z[:, :1], F.softplus(Z[:, 1:])], dim=1).cumsum(dim=1)
    q = torch.tensor(QUANTILES)
    return torch.maximum(q * (Y - A), (q - 1.0) * (Y - A)).sum()


def poisson(Z: Tensor, Y: Tensor) -> Tensor:
    constant = (torch.xlogy(Y, Y) - Y).sum()
    return F.poisson_nll_loss(Z, Y, reduction="sum") + constant


def gamma(Z: Tensor, Y: Tensor) -> Tensor:
    return (Z - Y.log() + Y * torch.exp(-Z) - 1.0).sum()


def logistic_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(Z, Y, reduction="sum")


def softmax_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    return F.cross_entropy(Z, Y, reduction="sum")


def smooth_softmax_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    return F.cross_entropy(Z, Y, reduction="sum", label_smoothing=SMOOTHING)


def smooth_logistic_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    # PyTorch smooths exclusive classes only; here, the two outcomes of an output.
    return logistic_log_loss(Z, Y * (1.0 - SMOOTHING) + SMOOTHING / 2)


def through(activation: Callable[[Tensor], Tensor], loss: Loss) -> Loss:
    """Return the loss of activated outputs as one of raw outputs."""
    return lambda Z, Y: loss(activation(Z), Y)


def momentum(groups: Sequence[Any]) -> optim.Optimizer:
    return optim.SGD(groups, lr=0.02, momentum=0.9)


def adam(groups: Sequence[Any]) -> optim.Optimizer:
    """Adam with its epsilon where skbp has it."""
    optimizer, t = optim.AdamW(groups, lr=0.01, weight_decay=0.0), 0

    def prepare(*_: Any) -> None:
        nonlocal t
        t += 1
        for group in optimizer.param_groups:
            group["eps"] = EPSILON / sqrt(1.0 - group["betas"][1] ** t)

    optimizer.register_step_pre_hook(prepare)
    return optimizer


EPSILON = 1e-3


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    what : str
    y : str
        The targets, by their name in ``problem``.
    loss : callable
        PyTorch's, of raw outputs Z and targets Y: a sum over both.
    options : dict
        Of the estimator, beside those that all cases share.
    optimizer : callable
        Makes PyTorch's of two groups, weights and biases.
    limit : callable
        Clips the gradients of PyTorch's parameters.
    activation : str
        Of the hidden layers.
    tolerance : float
    """

    what: str
    y: str
    loss: Loss
    options: dict[str, Any] = field(default_factory=dict)
    optimizer: Optimizer = momentum
    limit: Callable[[list[Tensor]], Any] | None = None
    activation: str = "tanh"
    tolerance: float = TOLERANCE
