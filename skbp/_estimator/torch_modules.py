"""PyTorch's modules, as estimators and back. PyTorch is imported where it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin

from skbp._estimator.by_hand import adopt
from skbp._estimator.members import sole_model, units_of, weights_in_units
from skbp._estimator.parameters import (
    check_parameters,
    hidden_units,
    layer_activations,
    options_of,
    validate_params,
)
from skbp._targets.losses import PROBABILITIES
from skbp.engine.arrays import Array
from skbp.engine.model import unpacked


class Activation(NamedTuple):
    """An activation in PyTorch: the class of the module, and its options.

    Each option has the values with which the module is this activation. The first of
    them is used for a new module.
    """

    kind: str
    options: dict[str, tuple[Any, ...]]


#: The activations that are modules of PyTorch.
MODULES = {
    "identity": Activation("Identity", {}),
    "logistic": Activation("Sigmoid", {}),
    "tanh": Activation("Tanh", {}),
    "relu": Activation("ReLU", {}),
    "leaky_relu": Activation("LeakyReLU", {"negative_slope": (0.01,)}),
    "elu": Activation("ELU", {"alpha": (1.0,)}),
    "selu": Activation("SELU", {}),
    "gelu": Activation("GELU", {"approximate": ("none",)}),
    "silu": Activation("SiLU", {}),
    "mish": Activation("Mish", {}),
    "softplus": Activation("Softplus", {"beta": (1.0,)}),
    "softsign": Activation("Softsign", {}),
    "softmax": Activation("Softmax", {"dim": (-1, 1)}),
}
#: Modules without an effect on predictions.
IGNORED = ("Dropout", "Flatten", "Identity")


def import_torch() -> Any:
    """Return PyTorch."""
    try:
        import torch
    except ImportError as error:
        raise ImportError("to_torch needs PyTorch: pip install torch.") from error
    return torch


# To PyTorch.


def to_torch(estimator: Any, raw: bool) -> Any:
    """Return a Sequential with the weights of an estimator."""
    model, torch = sole_model(estimator, "a Sequential"), import_torch()
    names = [*model.network.activations, "identity" if raw else model.output]
    if names[-1] not in MODULES:
        raise ValueError(
            f"PyTorch has no module for the output activation {names[-1]!r}. Call "
            "to_torch(raw=True), which ends with the last Linear, and apply the "
            "activation to its output."
        )
    coefs, intercepts, same_units = weights_in_units(estimator, model)
    if raw:
        coefs, intercepts = unpacked(model.network, model.theta)
    layers = []
    for W, b, name in zip(coefs, intercepts, names, strict=True):
        layers.append(linear(torch, W, b if b.any() or model.network.biases else None))
        if name != "identity":
            kind, options = MODULES[name]
            first = {option: values[0] for option, values in options.items()}
            layers.append(getattr(torch.nn, kind)(**first))
    units = units_of(estimator)
    if units is not None and not raw and not same_units:
        scale, center = (one.astype(W.dtype) for one in units)
        layers.append(linear(torch, np.diag(scale), center))
    return torch.nn.Sequential(*layers)


def linear(torch: Any, W: Array, b: Array | None) -> Any:
    """Return a Linear with copies of W (in, out) and b, in their type."""
    module = torch.nn.Linear(*W.shape, bias=b is not None)
    module.weight = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(W.T)))
    if b is not None:
        module.bias = torch.nn.Parameter(torch.tensor(b))
    return module


# From PyTorch.


class Layer(NamedTuple):
    """A Linear of PyTorch and what follows it: W (in, out), b, and the activation."""

    W: Any
    b: Any
    activation: str


def from_torch(cls: Any, module: Any, classes: Any, parameters: dict[str, Any]) -> Any:
    """Return an estimator with the weights of a Sequential."""
    layers, ends_raw = layers_of(module)
    hidden, n_outputs = layers[:-1], len(layers[-1].b)
    output = parameters.get("output_activation", "auto")
    if output == "auto" and not ends_raw:
        output = layers[-1].activation
    attributes: dict[str, Any] = {}
    if issubclass(cls, ClassifierMixin):
        if output == "auto":
            # Such modules are trained with a loss that takes raw outputs.
            output = "logistic" if n_outputs == 1 else "softmax"
        if output not in PROBABILITIES:
            raise ValueError(
                "The module of a classifier must end with Sigmoid, Softmax or a "
                f"Linear; got {MODULES[output].kind}."
            )
        found = classes_of(classes, n_outputs)
        attributes["classes_"], layers[-1] = in_order(found, layers[-1], output)
    names = [layer.activation for layer in hidden]
    given = {
        "hidden_layer_sizes": tuple(len(layer.b) for layer in hidden),
        "activation": names[0] if len(set(names)) == 1 else tuple(names),
        # Several labels have logistic outputs, too, but only with "auto".
        "output_activation": "auto" if output == "logistic" and attributes else output,
        "fit_intercept": any(layer.b.any() for layer in layers),
    }
    estimator = cls(**given | parameters)
    validate_params(estimator)
    check_parameters(estimator)
    sizes = hidden_units(estimator.hidden_layer_sizes)
    if (sizes, layer_activations(estimator, len(names))) != (
        given["hidden_layer_sizes"],
        tuple(names),
    ):
        raise ValueError(
            "hidden_layer_sizes and activation follow from the module, which has "
            f"hidden_layer_sizes={given['hidden_layer_sizes']} and activation="
            f"{given['activation']!r}; got {sizes} and {estimator.activation!r}. Leave "
            "both out."
        )
    if output == "auto":
        output = options_of(estimator).output
    adopt(
        estimator,
        coefs_=[layer.W for layer in layers],
        intercepts_=[layer.b for layer in layers],
        out_activation_=output,
        **attributes,
    )
    return estimator


def classes_of(classes: Any, n_outputs: int) -> Any:
    """Return the labels of the classes, in the order of the outputs."""
    n = max(n_outputs, 2)
    if classes is None:
        return np.arange(n)
    found = np.asarray(classes)
    if found.shape != (n,):
        raise ValueError(
            f"classes must contain {n} labels, one for each output (two for a single "
            f"output); got {classes!r}."
        )
    if len(np.unique(found)) < n:
        raise ValueError(f"classes must contain each label once; got {classes!r}.")
    return found


def in_order(classes: Any, last: Layer, output: str) -> tuple[Any, Layer]:
    """Return the classes in increasing order, and the last layer in their order."""
    order, (W, b, activation) = np.argsort(classes), last
    if (np.diff(order) == 1).all():
        return classes, last
    if output == "logistic" and len(b) > 1:
        raise ValueError(
            "Several logistic outputs are labels, whose order is that of the columns "
            f"of y; got classes={classes.tolist()}. Leave classes out."
        )
    if len(b) == 1:
        # The output is the probability of the second class: 1 / (1 + exp(-z)).
        return classes[order], Layer(-W, -b, activation)
    return classes[order], Layer(W[:, order].copy(), b[order], activation)


def layers_of(module: Any) -> tuple[list[Layer], bool]:
    """Return the layers of a Sequential, and whether it ends with a Linear."""
    layers: list[Layer] = []
    open_layer = False
    for one in modules_of(module):
        kind = type(one).__name__
        if kind == "Linear":
            layers.append(layer_of(one))
            open_layer = True
        elif kind not in IGNORED:
            name = activation_of(one)
            if not open_layer:
                raise ValueError(
                    f"{kind} must follow a Linear; each layer has one activation."
                )
            layers[-1] = Layer(*layers[-1][:2], name)
            open_layer = False
    if not layers:
        raise ValueError("The module has no Linear.")
    return layers, open_layer


def modules_of(module: Any) -> Iterator[Any]:
    """Yield the modules of a Sequential in order, and unpack nested Sequentials."""
    if type(module).__name__ == "Linear":
        yield module
    elif type(module).__name__ != "Sequential":
        raise TypeError(
            "from_torch takes a torch.nn.Sequential of Linear and activations; got "
            f"{type(module).__name__}."
        )
    else:
        for one in module:
            if type(one).__name__ == "Sequential":
                yield from modules_of(one)
            else:
                yield one


def layer_of(linear: Any) -> Layer:
    """Return the weights of a Linear as arrays."""
    W = as_array(linear.weight).T.copy()
    if linear.bias is None:
        return Layer(W, np.zeros(W.shape[1], W.dtype), "identity")
    return Layer(W, as_array(linear.bias).copy(), "identity")


def as_array(parameter: Any) -> Any:
    """Return a parameter as an array: NumPy lacks types of 16 bits that torch has."""
    tensor = parameter.detach().cpu()
    return (tensor.float() if tensor.element_size() < 4 else tensor).numpy()


def activation_of(module: Any) -> str:
    """Return the name of an activation."""
    kind = type(module).__name__
    found = [name for name, known in MODULES.items() if known.kind == kind]
    if not found:
        known_kinds = sorted(activation.kind for activation in MODULES.values())
        raise ValueError(
            f"{kind} is not among the activations that a network can have: "
            f"{known_kinds}."
        )
    for option, values in MODULES[found[0]].options.items():
        if getattr(module, option) not in values:
            raise ValueError(
                f"{kind} must have {option}={values[0]!r} to be the activation "
                f"{found[0]!r}; got {getattr(module, option)!r}."
            )
    return found[0]
