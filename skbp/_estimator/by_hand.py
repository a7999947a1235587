"""What predictions and further training need, from the public attributes.

Users replace arrays in ``coefs_``, add and remove layers, change ``out_activation_``,
or set all of these on an estimator that was never fitted: averages of several networks,
weights out of a file or of another library, weights that evolve. The public attributes
decide. The private ones are used as far as they agree with them.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skbp._estimator.attributes import holds, of_model, of_targets
from skbp._estimator.parameters import kind_of, layer_activations, options_of
from skbp._estimator.rules import asked, rules_of
from skbp._targets import ClassTargets, NumberTargets
from skbp.engine.activations import ACTIVATIONS
from skbp.engine.arrays import Array
from skbp.engine.model import Model, packed
from skbp.engine.network import Network


def check_fitted(estimator: Any) -> None:
    """Refuse an estimator without weights, as scikit-learn does."""
    if "coefs_" not in vars(estimator):
        # (It asks for tags first, which takes a tenth of a small prediction.)
        check_is_fitted(estimator)


# The network.


def model_of(estimator: Any) -> Model:
    """Return the model that predicts, with the current values of the attributes."""
    model: Model | None = vars(estimator).get("_bp_model")
    as_there = rules_of(estimator).as_there
    if (
        model is not None
        and not as_there
        and model.output == vars(estimator).get("out_activation_")
        and holds(model, estimator.coefs_, vars(estimator).get("intercepts_", ()))
    ):
        return model
    output = targets_of(estimator).output
    if output not in ACTIVATIONS:
        raise ValueError(
            f"out_activation_ must be one of {sorted(ACTIVATIONS)}; got {output!r}."
        )
    if model is None:
        return model_by_hand(estimator, output, None)
    if model.output != output:
        model = replace(model, output=output)
    if not holds(model, estimator.coefs_, vars(estimator).get("intercepts_", ())):
        return model_by_hand(estimator, output, model)
    n_layers = vars(estimator).get("n_layers_", len(estimator.coefs_) + 1)
    if as_there and n_layers <= len(estimator.coefs_):
        return model_by_hand(estimator, output, model)
    network = model.network
    if as_there:
        # scikit-learn's networks follow a parameter that changes after fit.
        names = layer_activations(estimator, network.n_layers - 1)
        if names != network.activations:
            network = Network(network.units, names, network.biases)
            model = replace(model, network=network)
    return model


def model_by_hand(estimator: Any, output: str, model: Model | None) -> Model:
    """Return a model with the weights of the attributes.

    What the attributes do not say is taken from ``model``, which a fit has left, if its
    network has the same number of layers.
    """
    coefs, intercepts = weights_of(estimator)
    units = (len(coefs[0]), *map(len, intercepts))
    same = model is not None and len(units) == len(model.network.units)
    if model is not None and same and not rules_of(estimator).as_there:
        activations = model.network.activations
    else:
        activations = layer_activations(estimator, len(units) - 2)
    biases = model is None or model.network.biases or any(map(np.any, intercepts))
    network = Network(units, activations, biases)
    theta = packed(network, coefs, intercepts, coefs[0].dtype)
    if model is None or theta.shape[1] != model.theta.shape[1]:
        return Model.of(network, output, theta)
    # The other networks of an ensemble predict as before.
    return replace(
        model,
        network=network,
        output=output,
        theta=np.vstack([theta, model.theta[1:]]) if len(model.theta) > 1 else theta,
        shares=model.shares.astype(theta.dtype, copy=False),
    )


def weights_of(estimator: Any) -> tuple[list[Array], list[Array]]:
    """Return ``coefs_`` and ``intercepts_`` as arrays of one dtype that fit together.

    Intercepts may have the shape (1, n). The dtype is float32 or float64.
    """
    fitted = vars(estimator)
    coefs = numbers_of("coefs_", estimator.coefs_)
    intercepts = [*map(np.ravel, numbers_of("intercepts_", fitted.get("intercepts_")))]
    if rules_of(estimator).as_there and "n_layers_" in fitted:
        n_layers = fitted["n_layers_"] - 1
        coefs, intercepts = coefs[:n_layers], intercepts[:n_layers]
    if not coefs or len(intercepts) != len(coefs):
        raise ValueError(
            "coefs_ and intercepts_ must contain an array for each layer; got "
            f"{len(coefs)} and {len(intercepts)} arrays."
        )
    # Half precision would be slow, and its rounding errors large.
    dtype = np.result_type(*coefs, *intercepts, np.float32)
    dtype = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float64)
    coefs = [W.astype(dtype, copy=False) for W in coefs]
    intercepts = [b.astype(dtype, copy=False) for b in intercepts]
    for l, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
        if W.ndim != 2 or W.shape[1] != len(b):
            raise ValueError(
                f"coefs_[{l}] must have the shape (inputs, units), and intercepts_"
                f"[{l}] (units,); got {W.shape} and {b.shape}."
            )
    for l, (W, V) in enumerate(pairwise(coefs)):
        if W.shape[1] != len(V):
            raise ValueError(
                f"coefs_[{l}] has {W.shape[1]} units, but coefs_[{l + 1}] takes "
                f"{len(V)} inputs; the two must agree."
            )
    return coefs, intercepts


def numbers_of(name: str, arrays: Any) -> list[Array]:
    """Return a public attribute, a list of arrays of real numbers, as arrays."""
    found = [np.asarray(array) for array in (() if arrays is None else arrays)]
    for l, array in enumerate(found):
        if array.dtype.kind not in "biufO":
            raise ValueError(
                f"{name}[{l}] must hold real numbers; got an array of {array.dtype}."
            )
    return found


def adopt(estimator: Any, **attributes: Any) -> Model:
    """Give an estimator ``coefs_`` and other attributes, as a fit would leave them."""
    vars(estimator).update(attributes)
    targets, model = targets_of(estimator), model_of(estimator)
    vars(estimator).update(of_targets(targets) | of_model(model))
    vars(estimator).setdefault("n_features_in_", model.network.units[0])
    return model


# The targets.


def targets_of(estimator: Any) -> Any:
    """Return what is known about y, with the current values of the attributes."""
    fitted = vars(estimator)
    targets = fitted.get("_bp_targets")
    binarizer = None
    if "_label_binarizer" in rules_of(estimator).computed:
        # As in scikit-learn, one that was assigned knows the classes.
        binarizer = fitted.get("_label_binarizer")
    if targets is None:
        targets = targets_by_hand(estimator)
    elif binarizer is None:
        known = of_targets(targets)
        if all(fitted.get(name) is value for name, value in known.items()):
            return targets
    changed = {"output": fitted.get("out_activation_", targets.output)}
    if isinstance(targets, NumberTargets):
        for name in ("center", "scale"):
            value = fitted.get(f"target_{name}_")
            changed[name] = None if value is None else np.ravel(value)
    if isinstance(targets, ClassTargets):
        changed["classes"] = np.asarray(fitted.get("classes_", targets.classes))
        if binarizer is not None and hasattr(binarizer, "classes_"):
            kind = getattr(binarizer, "y_type_", "")
            changed["classes"] = np.asarray(binarizer.classes_)
            changed["multilabel"] = kind.startswith("multilabel")
    return replace(targets, **changed)


def targets_by_hand(estimator: Any) -> Any:
    """Return targets without a y to learn from.

    Several logistic outputs are the labels of multilabel targets, unless the parameter
    ``output_activation`` asks for them.
    """
    kind, options, fitted = kind_of(estimator), options_of(estimator), vars(estimator)
    if kind is not ClassTargets:
        return kind(options, fitted.get("out_activation_", options.output))
    coefs, _ = weights_of(estimator)
    n_outputs, output = coefs[-1].shape[1], fitted.get("out_activation_")
    # Without classes_ there are probabilities all the same.
    classes = np.asarray(fitted.get("classes_", np.arange(max(n_outputs, 2))))
    asks = asked(estimator).output_activation
    multilabel = output == "logistic" and n_outputs > 1 and asks == "auto"
    output = output or options.output(len(classes), multilabel)
    return kind(options, classes, multilabel, output)
