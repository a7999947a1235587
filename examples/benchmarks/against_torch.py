"""The steps of BPClassifier and BPRegressor beside PyTorch's, and their time.

    pip install "skbp[bench]"
    python examples/benchmarks/against_torch.py [--json FILE] [--runs N]

Both sides start from the same weights and take the same batches in the same order, in
float64. A row shows how far the weights have moved, by how much they differ in the end,
and by how much the loss differs in the worst epoch, each relative to the largest number
of its array; "moved" shows that a small difference means something. The exit status is
1 if a difference exceeds the tolerance of its row. That is 1e-9 where both sides
compute the same, so that only rounding can tell them apart.

skbp's J is the mean over the samples of a batch of the loss summed over outputs:
PyTorch's reduction="sum", divided by the number of samples. Losses and activations are
compared under gradient descent, since Adam would hide a constant factor. Where
definitions differ, PyTorch uses skbp's; for adam and max_grad_norm a second row, with
a tolerance of 1e-3 and 1e-4, shows what PyTorch's own would change:

adam
    PyTorch adds epsilon to sqrt(v / (1 - beta_2^t)); skbp, like scikit-learn, to
    sqrt(v), as in the last paragraph before section 2.1 of Kingma and Ba. Here
    PyTorch's epsilon is divided by sqrt(1 - beta_2^t) before each step. nadam and
    rmsprop have it in the same place on both sides.
max_grad_norm
    PyTorch multiplies by limit / (norm + 1e-6), skbp by limit / norm. Here PyTorch's
    limit is multiplied by (norm + 1e-6) / norm before each step.
weight_decay
    skbp's concerns weights alone: biases are a group of their own for PyTorch, without
    decay.
rprop
    skbp's is iRprop+, PyTorch's iRprop-, which takes no step back. They differ only
    where J has risen, and are compared up to there; signs turn long before.
nadam
    PyTorch keeps the product of the mu_t in its default dtype. That is float64 here;
    float32 would change the weights by about 1e-8.
softplus
    PyTorch's is z itself above z = 20, 2e-9 below skbp's. No z here is that large.

Where a slope has a jump (relu, leaky_relu, absolute_error, quantile) rounding could
send the sides different ways. No number here is that close to one: the tolerance is
the same.

The time of a step is that of Adam in ``fit``, or in the usual loop of eager PyTorch,
with one thread and with as many as PyTorch takes by itself; "fused" is its Adam in a
single kernel, with the better of the two. The ratio is that of the faster column
without "fused" to skbp. All take turns; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from math import inf, sqrt
from typing import Any

import numpy as np
import torch
from against_mlp import data, in_turn
from scipy.special import expit, softmax
from torch import Tensor, nn, optim
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_

from skbp import BPClassifier, BPRegressor

TOLERANCE = 1e-9
ROWS, FEATURES, HIDDEN, OUTPUTS = 150, 6, (8, 7), 3
#: The last of the five batches of an epoch is a smaller one.
BATCH, EPOCHS = 32, 20
#: Of max_grad_norm: some batches exceed it, others do not.
LIMIT = 0.3
#: Of the solvers that have one: large enough for its place to matter.
EPSILON = 1e-3
DELTA, LEVEL, LEVELS, SMOOTHING = 0.5, 0.3, (0.1, 0.5, 0.9), 0.1
#: features, hidden units, classes, rows, epochs.
SHAPES = [
    (64, (100,), 10, 1797, 60),
    (784, (512, 256), 10, 10_000, 1),
]

#: (Z or A, Y) -> the sum of the losses.
Loss = Callable[[Tensor, Tensor], Tensor]
#: (groups of parameters, learning rate) -> the optimizer.
MakeOptimizer = Callable[[Any, float], optim.Optimizer]

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

# PyTorch's side of the losses.


def squared_error(A: Tensor, Y: Tensor) -> Tensor:
    return 0.5 * F.mse_loss(A, Y, reduction="sum")


def one_hot_squared_error(Z: Tensor, Y: Tensor) -> Tensor:
    return squared_error(torch.sigmoid(Z), F.one_hot(Y, Z.shape[1]).to(Z.dtype))


def absolute_error(A: Tensor, Y: Tensor) -> Tensor:
    return F.l1_loss(A, Y, reduction="sum")


def huber(A: Tensor, Y: Tensor) -> Tensor:
    return F.huber_loss(A, Y, reduction="sum", delta=DELTA)


def pinball(q: Any, A: Tensor, Y: Tensor) -> Tensor:
    return torch.maximum(q * (Y - A), (q - 1.0) * (Y - A)).sum()


def quantile(A: Tensor, Y: Tensor) -> Tensor:
    return pinball(LEVEL, A, Y)


def quantiles(Z: Tensor, Y: Tensor) -> Tensor:
    # Each is above the one before by a softplus: they never cross.
    A = torch.cat([Z[:, :1], F.softplus(Z[:, 1:])], dim=1).cumsum(dim=1)
    return pinball(torch.tensor(LEVELS), A, Y)


def poisson(Z: Tensor, Y: Tensor) -> Tensor:
    constant = (torch.xlogy(Y, Y) - Y).sum()
    return F.poisson_nll_loss(Z, Y, log_input=True, reduction="sum") + constant


def gamma(Z: Tensor, Y: Tensor) -> Tensor:
    # log(a / y) + y / a - 1 with a = exp(z)
    return (Z - Y.log() + Y * torch.exp(-Z) - 1.0).sum()


def logistic_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(Z, Y, reduction="sum")


def softmax_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    return F.cross_entropy(Z, Y, reduction="sum")


def smoothed_softmax_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    return F.cross_entropy(Z, Y, reduction="sum", label_smoothing=SMOOTHING)


def smoothed_logistic_log_loss(Z: Tensor, Y: Tensor) -> Tensor:
    # PyTorch smooths exclusive classes alone; here, the two outcomes of each output.
    return logistic_log_loss(Z, Y * (1.0 - SMOOTHING) + SMOOTHING / 2)


def through(activation: Callable[[Tensor], Tensor], loss: Loss) -> Loss:
    """Return the loss of activated outputs as one of raw outputs."""
    return lambda Z, Y: loss(activation(Z), Y)


# PyTorch's side of the optimizers.


def sgd(groups: Any, rate: float, **options: Any) -> optim.Optimizer:
    return optim.SGD(groups, lr=rate, **options)


nesterov = partial(sgd, momentum=0.9, nesterov=True)


def adam(
    groups: Any, rate: float, *, decay: float = 0.0, epsilon: float = EPSILON
) -> optim.Optimizer:
    return optim.AdamW(groups, lr=rate, weight_decay=decay, eps=epsilon)


def adam_as_skbp(groups: Any, rate: float, *, decay: float = 0.0) -> optim.Optimizer:
    optimizer, t = adam(groups, rate, decay=decay), 0

    def before_step(*_: Any) -> None:
        nonlocal t
        t += 1
        for group in optimizer.param_groups:
            group["eps"] = EPSILON / sqrt(1.0 - group["betas"][1] ** t)

    optimizer.register_step_pre_hook(before_step)
    return optimizer


def nadam(groups: Any, rate: float, decay: float = 0.0) -> optim.Optimizer:
    return optim.NAdam(
        groups, lr=rate, eps=EPSILON, weight_decay=decay, decoupled_weight_decay=True
    )


def rmsprop(groups: Any, rate: float) -> optim.Optimizer:
    return optim.RMSprop(groups, lr=rate, alpha=0.999, eps=EPSILON)


def rprop(groups: Any, rate: float) -> optim.Optimizer:
    return optim.Rprop(groups, lr=rate)


def clip(parameters: list[Tensor]) -> None:
    clip_grad_norm_(parameters, LIMIT)


def clip_as_skbp(parameters: list[Tensor]) -> None:
    norm = float(clip_grad_norm_(parameters, inf))
    clip_grad_norm_(parameters, LIMIT * (norm + 1e-6) / norm)


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    what : str
    y : str
        The name of the targets.
    loss : callable
        PyTorch's, of raw outputs Z and targets Y.
    options : dict
        Of the estimator, beside those that all cases have.
    optimizer : callable
        PyTorch's.
    rate : float
    limit : callable
        Clips the gradients of PyTorch's parameters.
    activation : str
        That of the hidden layers.
    tolerance : float
    """

    what: str
    y: str
    loss: Loss
    options: dict[str, Any] = field(default_factory=dict)
    optimizer: MakeOptimizer = nesterov
    rate: float = 0.02
    limit: Callable[[list[Tensor]], None] | None = None
    activation: str = "tanh"
    tolerance: float = TOLERANCE


def optimizers() -> Iterable[Case]:
    """The solvers, on the log_loss of classes."""
    plain = {"momentum": 0.0, "nesterovs_momentum": False}
    decay = {"weight_decay": 0.5}
    limit = {**plain, "max_grad_norm": LIMIT}
    for what, rate, optimizer, options, more in (
        ("sgd, plain", 0.5, sgd, plain, {}),
        (
            "sgd, momentum",
            0.1,
            partial(sgd, momentum=0.9),
            {"momentum": 0.9, "nesterovs_momentum": False},
            {},
        ),
        (
            "sgd, Nesterov's momentum",
            0.1,
            nesterov,
            {"momentum": 0.9, "nesterovs_momentum": True},
            {},
        ),
        ("adam", 0.01, adam_as_skbp, {}, {}),
        ("adam, weight_decay", 0.01, partial(adam_as_skbp, decay=0.5), decay, {}),
        (
            "adam, epsilon=1e-8 where PyTorch has it",
            0.01,
            partial(adam, epsilon=1e-8),
            {"epsilon": 1e-8},
            {"tolerance": 1e-3},
        ),
        ("nadam", 0.01, nadam, {}, {}),
        ("nadam, weight_decay", 0.01, partial(nadam, decay=0.5), decay, {}),
        ("rmsprop", 0.01, rmsprop, {}, {}),
        ("rprop, while J falls", 0.001, rprop, {"max_iter": 100}, {}),
        ("sgd, max_grad_norm", 0.5, sgd, limit, {"limit": clip_as_skbp}),
        (
            "sgd, max_grad_norm with PyTorch's 1e-6",
            0.5,
            sgd,
            limit,
            {"limit": clip, "tolerance": 1e-4},
        ),
    ):
        solver = {"solver": what.split(",")[0]}
        loss = softmax_log_loss
        yield Case(what, "classes", loss, solver | options, optimizer, rate, **more)


def losses() -> Iterable[Case]:
    """The losses, each of its canonical output, and some of other outputs."""
    for name, y, loss, options in (
        ("squared_error", "numbers", squared_error, {}),
        ("absolute_error", "numbers", absolute_error, {}),
        ("huber", "numbers", huber, {"huber_delta": DELTA}),
        ("quantile", "numbers", quantile, {"quantile": LEVEL}),
        ("quantile", "number", quantiles, {"quantile": LEVELS}),
        ("poisson", "counts", poisson, {}),
        ("gamma", "positive", gamma, {}),
        ("log_loss", "shares", logistic_log_loss, {}),
        ("log_loss", "parts", softmax_log_loss, {"output_activation": "softmax"}),
        ("log_loss", "classes", softmax_log_loss, {}),
        ("log_loss", "two classes", logistic_log_loss, {}),
        ("log_loss", "labels", logistic_log_loss, {}),
        (
            "log_loss",
            "classes",
            smoothed_softmax_log_loss,
            {"label_smoothing": SMOOTHING},
        ),
        (
            "log_loss",
            "labels",
            smoothed_logistic_log_loss,
            {"label_smoothing": SMOOTHING},
        ),
        (
            "squared_error",
            "classes",
            one_hot_squared_error,
            {"output_activation": "logistic"},
        ),
    ):
        details = [f"{option}={value}" for option, value in options.items()]
        what = f"{', '.join([name, *details])}; {y}".replace("_activation", "")
        yield Case(what, y, loss, {"loss": name, **options})


def activations() -> Iterable[Case]:
    """The activations in the hidden layers, then in the output layer."""
    for name in ACTIVATIONS:
        yield Case(name, "classes", softmax_log_loss, activation=name)
    outputs: dict[str, Callable[[Tensor], Tensor]] = {
        name: activation() for name, activation in ACTIVATIONS.items()
    }
    outputs |= {"exp": torch.exp, "softmax": partial(torch.softmax, dim=1)}
    for name, activation in outputs.items():
        yield Case(
            f"{name}, of the output",
            "parts",
            through(activation, squared_error),
            {"loss": "squared_error", "output_activation": name},
        )


CLASSES = ("classes", "two classes", "labels")


def problem(y: str) -> tuple[Any, Any, Tensor]:
    """Return X, y for the estimator, and Y for PyTorch."""
    rng = np.random.RandomState(0)
    X = rng.standard_normal((ROWS, FEATURES))
    scores = np.tanh(X @ rng.standard_normal((FEATURES, OUTPUTS)))
    scores += 0.3 * rng.standard_normal(scores.shape)
    targets = {
        "numbers": scores,
        "number": scores[:, 0],
        "counts": rng.poisson(np.exp(scores)).astype(float),
        "positive": np.exp(scores),
        "shares": expit(scores),
        "parts": softmax(scores, axis=1),
        "classes": scores.argmax(axis=1),
        "two classes": (scores[:, 0] > 0).astype(int),
        "labels": (scores > 0).astype(int),
    }[y]
    Y = torch.from_numpy(targets)
    if y != "classes":
        Y = Y.double().reshape(ROWS, -1)
    return X, targets, Y


def linear_layers(model: nn.Module) -> list[nn.Linear]:
    return [layer for layer in model if isinstance(layer, nn.Linear)]


def network(units: tuple[int, ...], activation: str, dtype: Any) -> nn.Sequential:
    """Return PyTorch's network, of raw outputs."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(units):
        linear = nn.Linear(n_in, n_out, dtype=dtype)
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


def arrays(model: nn.Sequential) -> tuple[list[Any], list[Any]]:
    """Return the parameters as ``coefs_`` and ``intercepts_``, copied."""
    layers = linear_layers(model)
    return (
        [layer.weight.detach().numpy().T.copy() for layer in layers],
        [layer.bias.detach().numpy().copy() for layer in layers],
    )


def train(
    model: nn.Sequential,
    loss: Loss,
    optimizer: optim.Optimizer,
    X: Tensor,
    Y: Tensor,
    batch: int,
    epochs: int,
    limit: Callable[[list[Tensor]], None] | None = None,
) -> list[float]:
    """Train PyTorch's network; return the mean loss of each epoch."""
    parameters, curve = list(model.parameters()), []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(X), batch):
            X_batch, Y_batch = X[start : start + batch], Y[start : start + batch]
            optimizer.zero_grad()
            J = loss(model(X_batch), Y_batch) / len(X_batch)
            J.backward()
            if limit:
                limit(parameters)
            optimizer.step()
            total += J.item() * len(X_batch)
        curve.append(total / len(X))
    return curve


def difference(ours: Iterable[Any], theirs: Iterable[Any]) -> float:
    """Return the largest relative difference of arrays, each by its largest number."""
    parts = [
        np.abs(a - b).max() / np.abs(b).max() for a, b in zip(ours, theirs, strict=True)
    ]
    return float(np.max(parts))


def compare(case: Case) -> dict[str, Any]:
    """Train both sides, and tell how much they differ."""
    X, y, Y = problem(case.y)
    outputs = len(LEVELS) if case.y == "number" else OUTPUTS
    units = (FEATURES, *HIDDEN, 1 if case.y == "two classes" else outputs)
    torch.manual_seed(0)
    model = network(units, case.activation, torch.float64)
    coefs, intercepts = arrays(model)
    options: dict[str, Any] = {
        "solver": "sgd",
        "alpha": 0.0,
        "batch_size": BATCH,
        "shuffle": False,
        "tol": 0.0,
        "n_iter_no_change": inf,
        "epsilon": EPSILON,
        "learning_rate_init": case.rate,
        "max_iter": EPOCHS,
        "coefs_init": coefs,
        "intercepts_init": intercepts,
        **case.options,
    }
    estimator = BPClassifier if case.y in CLASSES else BPRegressor
    ours = estimator(HIDDEN, case.activation, **options).fit(X, y)
    batch = BATCH
    if ours.solver == "rprop":
        batch = ROWS
        # Up to the first step at which J has risen.
        falls = np.diff(ours.loss_curve_) <= 0
        steps = len(falls) + 1 if falls.all() else int(falls.argmin()) + 1
        ours.set_params(max_iter=steps).fit(X, y)
    layers = linear_layers(model)
    groups = [
        {"params": [layer.weight for layer in layers]},
        {"params": [layer.bias for layer in layers], "weight_decay": 0.0},
    ]
    optimizer = case.optimizer(groups, case.rate)
    curve = train(
        model,
        case.loss,
        optimizer,
        torch.from_numpy(X),
        Y,
        batch,
        ours.n_iter_,
        case.limit,
    )
    theirs = [array for part in arrays(model) for array in part]
    row = {
        "what": case.what,
        "steps": ours.n_iter_ * -(-ROWS // batch),
        "moved": difference([*coefs, *intercepts], theirs),
        "weights": difference([*ours.coefs_, *ours.intercepts_], theirs),
        "loss": difference(ours.loss_curve_, curve),
        "tolerance": case.tolerance,
    }
    # Not so if one is nan.
    row["agrees"] = all(row[name] <= case.tolerance for name in ("weights", "loss"))
    return row


def time_steps(
    shape: tuple[int, tuple[int, ...], int, int, int], dtype: str, runs: int
) -> dict[str, Any]:
    """Measure a step of Adam on both sides."""
    features, hidden, classes, n, epochs = shape
    X, y = data(n, features, classes, dtype)
    batch = min(200, n)
    units = (features, *hidden, classes)
    torch_X, torch_Y = torch.from_numpy(X), torch.from_numpy(y)
    threads = torch.get_num_threads()

    def with_torch(n_threads: int, **options: Any) -> Callable[[], None]:
        def fit() -> None:
            torch.set_num_threads(n_threads)
            model = network(units, "relu", torch_X.dtype)
            optimizer = optim.Adam(model.parameters(), **options)
            train(model, softmax_log_loss, optimizer, torch_X, torch_Y, batch, epochs)
            torch.set_num_threads(threads)

        return fit

    estimator = BPClassifier(
        hidden,
        alpha=0.0,
        shuffle=False,
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=inf,
        random_state=0,
    )
    ours, one, many, fused_one, fused_many = in_turn(
        runs,
        lambda: estimator.fit(X, y),
        with_torch(1),
        with_torch(threads),
        with_torch(1, fused=True),
        with_torch(threads, fused=True),
    )
    us = 1e6 / (epochs * -(-n // batch))
    return {
        "what": f"{features}-{'-'.join(map(str, hidden))}-{classes} / {n}",
        "dtype": dtype,
        "threads": threads,
        "skbp_us": us * ours,
        "torch_1_us": us * one,
        "torch_us": us * many,
        "torch_fused_us": us * min(fused_one, fused_many),
        "ratio": min(one, many) / ours,
    }


def report(runs: int) -> dict[str, Any]:
    """Run everything; print as it goes."""
    results: dict[str, Any] = {"torch": torch.__version__, "steps": [], "times": []}
    print(f"PyTorch {torch.__version__}, float64\n")
    for title, cases in (
        ("optimizer", optimizers()),
        ("loss, targets", losses()),
        ("activation", activations()),
    ):
        print(f"{title:42} steps    moved  weights differ  loss differs  tolerance")
        for case in cases:
            row = compare(case)
            results["steps"].append({"kind": title, **row})
            print(
                f"{row['what']:42} {row['steps']:5} {row['moved']:8.1e} "
                f"{row['weights']:15.1e} {row['loss']:13.1e} {row['tolerance']:10.0e}"
                f"{'' if row['agrees'] else '  EXCEEDED'}",
                flush=True,
            )
        print()
    threads = torch.get_num_threads()
    print(
        f"{'Adam, in-hidden-out / rows':28} dtype    skbp us/step  torch 1 thread  "
        f"{threads} threads  ratio  fused"
    )
    for dtype in ("float32", "float64"):
        for shape in SHAPES:
            row = time_steps(shape, dtype, runs)
            results["times"].append(row)
            print(
                f"{row['what']:28} {dtype} {row['skbp_us']:13.0f} "
                f"{row['torch_1_us']:15.0f} {row['torch_us']:10.0f} "
                f"{row['ratio']:6.2f} {row['torch_fused_us']:6.0f}",
                flush=True,
            )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="runs of each side")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_default_dtype(torch.float64)
    results = report(arguments.runs)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=2)
    exceeded = [row["what"] for row in results["steps"] if not row["agrees"]]
    if exceeded:
        sys.exit(f"\nBeyond the tolerance: {', '.join(exceeded)}")


if __name__ == "__main__":
    main()
