"""scikit-learn's own networks, as estimators of this package and back."""

from __future__ import annotations

from copy import copy
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import LabelBinarizer

from skbp._estimator.by_hand import adopt, targets_of
from skbp._estimator.members import sole_model, units_of, weights_in_units
from skbp._sklearn import (
    NETWORK_ACTIVATIONS,
    AdamOptimizer,
    SGDOptimizer,
    constraints_of,
    optimizer_and_patience,
    set_private,
    validate_parameter_constraints,
)
from skbp._targets import ClassTargets
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.model import Model, packed, unpacked
from skbp.engine.network import Network
from skbp.engine.progress import History

#: The fitted attributes with the same meaning in both libraries, and their values
#: before training.
SAME = {
    "loss_": np.nan,
    "best_loss_": np.inf,
    "loss_curve_": (),
    "n_iter_": 0,
    "t_": 0,
    "validation_scores_": None,
    "best_validation_score_": None,
}
#: Those that describe the data.
OF_DATA = ("classes_", "n_features_in_", "feature_names_in_")


class Counterpart(NamedTuple):
    """An optimizer of scikit-learn's.

    Attributes
    ----------
    kind : class
    parameters : tuple of str
        The parameters of a network that its constructor takes, in this order.
    arrays, numbers : dict of str
        What its state consists of, by our names and by scikit-learn's.
    """

    kind: Any
    parameters: tuple[str, ...]
    arrays: dict[str, str]
    numbers: dict[str, str]


OPTIMIZERS = {
    "sgd": Counterpart(
        SGDOptimizer,
        (
            "learning_rate_init",
            "learning_rate",
            "momentum",
            "nesterovs_momentum",
            "power_t",
        ),
        {"velocity": "velocities"},
        {},
    ),
    "adam": Counterpart(
        AdamOptimizer,
        ("learning_rate_init", "beta_1", "beta_2", "epsilon"),
        {"m": "ms", "v": "vs"},
        {"t": "t"},
    ),
}


def copied(value: Any) -> Any:
    """Return a copy of an attribute that may be a list of numbers or arrays."""
    return [copy(item) for item in value] if isinstance(value, list) else copy(value)


# From scikit-learn.


def from_sklearn(cls: Any, network: Any) -> Any:
    """Return an estimator with the parameters and attributes of scikit-learn's."""
    kind = MLPClassifier if issubclass(cls, ClassifierMixin) else MLPRegressor
    if not isinstance(network, kind):
        raise TypeError(
            f"{cls.__name__}.from_sklearn takes scikit-learn's {kind.__name__}; got a "
            f"{type(network).__name__}. Pass the last step of a pipeline."
        )
    given, fitted = network.get_params(deep=False), vars(network)
    names = cls().get_params(deep=False)
    estimator = cls(**{name: given[name] for name in names if name in given})
    if "coefs_" not in fitted:
        return estimator
    names = ("coefs_", "intercepts_", "out_activation_", *SAME, *OF_DATA)
    model = adopt(estimator, **{n: copied(fitted[n]) for n in names if n in fitted})
    state = fitted.get("_bp_checkpoint") or checkpoint_of(network, model.network)
    vars(estimator)["_bp_checkpoint"] = copied(state)
    return estimator


def checkpoint_of(mlp: Any, network: Network) -> Checkpoint:
    """Return what ``partial_fit`` continues from, with the state of the optimizer."""
    optimizer, stale = optimizer_and_patience(mlp)
    known = OPTIMIZERS.get(mlp.solver)
    if optimizer is None or known is None:
        return Checkpoint([])
    n_layers, dtype = network.n_layers, mlp.coefs_[0].dtype
    state = {ours: getattr(optimizer, b) for ours, b in known.numbers.items()}
    for ours, theirs in known.arrays.items():
        arrays = getattr(optimizer, theirs)
        state[ours] = packed(network, arrays[:n_layers], arrays[n_layers:], dtype)
    # (Adam there keeps the length of its last step under this name.)
    falls = isinstance(optimizer, SGDOptimizer)
    rate = optimizer.learning_rate if falls else mlp.learning_rate_init
    best = mlp.best_loss_ if mlp.best_loss_ is not None else np.inf
    return Checkpoint(
        [History(best=best, stale=stale, rate=rate)],
        networks=[0],
        optimizer=state,
        t=int(mlp.t_),
        epochs=mlp.n_iter_,
        solver=mlp.solver,
        n_parameters=network.n_parameters,
    )


# To scikit-learn.


def to_sklearn(estimator: Any) -> Any:
    """Return scikit-learn's network with the weights of an estimator."""
    kind = MLPClassifier if isinstance(estimator, ClassifierMixin) else MLPRegressor
    model, targets = sole_model(estimator, kind.__name__), targets_of(estimator)
    check_agrees(model, targets, kind.__name__)
    given = estimator.get_params(deep=False) | {
        "hidden_layer_sizes": model.network.units[1:-1],
        "activation": (*model.network.activations, "relu")[0],
    }
    network = kind(**{n: v for n, v in given.items() if accepts(kind, n, v)})
    fitted = vars(estimator)
    coefs, intercepts, same_units = weights_in_units(estimator, model)
    if not same_units:
        raise ValueError(
            f"{kind.__name__} of scikit-learn cannot scale the outputs of "
            f"{model.output!r} to the units of y (target_scaling). Use skbp.onnx or "
            "to_torch to export this network."
        )
    found = {n: copied(fitted.get(n, SAME[n])) for n in SAME}
    found["loss_curve_"] = list(found["loss_curve_"])
    vars(network).update(
        {n: copied(fitted[n]) for n in OF_DATA if n in fitted} | found,
        coefs_=coefs,
        intercepts_=intercepts,
        out_activation_=model.output,
        n_layers_=model.network.n_layers + 1,
        n_outputs_=model.network.units[-1],
    )
    checkpoint = fitted.get("_bp_checkpoint") or Checkpoint([])
    if units_of(estimator) is not None:
        # Its moments are those of weights in other units.
        checkpoint = Checkpoint([])
    stale = checkpoint.histories[0].stale if checkpoint.histories else 0
    set_private(
        network,
        binarizer_of(targets) if isinstance(targets, ClassTargets) else None,
        optimizer_of(network, model.network, checkpoint),
        stale,
    )
    return network


def check_agrees(model: Model, targets: Any, name: str) -> None:
    """Refuse a network that scikit-learn's cannot be."""
    names = {*model.network.activations, model.output}
    unknown = sorted(names - NETWORK_ACTIVATIONS.keys())
    if unknown or len({*model.network.activations}) > 1:
        which = f"the activations {unknown}" if unknown else "several activations"
        raise ValueError(
            f"{name} of scikit-learn does not have {which}: all its hidden layers have "
            "the same one, which is identity, logistic, relu or tanh. Use skbp.onnx or "
            "to_torch to export this network."
        )
    if not isinstance(targets, ClassTargets):
        return
    n_classes = len(targets.classes)
    expected = "softmax" if n_classes > 2 and not targets.multilabel else "logistic"
    if model.output != expected or n_classes == 1:
        raise ValueError(
            f"{name} of scikit-learn predicts {n_classes} classes or labels with "
            f"{expected!r} outputs; this network has {model.output!r} outputs "
            f"(out_activation_). Use skbp.onnx or to_torch to export the network, or "
            "train one with loss='log_loss' and output_activation='auto'."
        )


def accepts(kind: Any, name: str, value: Any) -> bool:
    """Return whether scikit-learn's class has a parameter and takes this value."""
    constraints = constraints_of(kind)
    if name not in constraints:
        return False
    try:
        validate_parameter_constraints(constraints, {name: value}, kind.__name__)
    except ValueError:
        return False
    return True


def binarizer_of(targets: ClassTargets) -> LabelBinarizer:
    """Return a binarizer of the classes, or of the labels, as scikit-learn fits it."""
    classes = targets.classes
    y = np.eye(len(classes), dtype=int) if targets.multilabel else classes
    return LabelBinarizer().fit(y)


def optimizer_of(mlp: Any, network: Network, checkpoint: Checkpoint) -> Any:
    """Return scikit-learn's optimizer in the state of ours; None if there is none."""
    state, known = checkpoint.optimizer, OPTIMIZERS.get(mlp.solver)
    suits = checkpoint.suits(mlp.solver, network.n_parameters)
    if state is None or known is None or not suits:
        return None
    parameters = [getattr(mlp, name) for name in known.parameters]
    optimizer = known.kind([*mlp.coefs_, *mlp.intercepts_], *parameters)
    optimizer.learning_rate = checkpoint.histories[0].rate
    for ours, theirs in known.arrays.items():
        coefs, intercepts = unpacked(network, state[ours].copy())
        setattr(optimizer, theirs, [*coefs, *intercepts])
    for ours, theirs in known.numbers.items():
        setattr(optimizer, theirs, state[ours])
    return optimizer
