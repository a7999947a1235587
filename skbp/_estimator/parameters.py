"""The parameters of an estimator: which are valid, and their meaning for the engine."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import fields
from numbers import Integral, Real
from operator import is_
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import get_scorer_names

from skbp._estimator.rules import asked, rules_of
from skbp._estimator.warnings import warn_user
from skbp._sklearn import (
    Interval,
    Options,
    StrOptions,
    constraints_of,
    validate_parameter_constraints,
)
from skbp._targets import ClassTargets, NumberTargets, Targets
from skbp._targets.losses import (
    CURVED,
    PROBABILITIES,
    gives_probabilities,
    is_likelihood,
    outputs_of,
)
from skbp.engine.activations import HIDDEN, OUTPUTS
from skbp.engine.initializers import INITIALIZERS
from skbp.engine.losses import Loss
from skbp.engine.network import Network
from skbp.engine.schedules import SCHEDULES
from skbp.engine.settings import Settings
from skbp.engine.solvers import SOLVERS, STOCHASTIC

#: The valid values of each parameter, in scikit-learn's form.
CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": [
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "activation": [StrOptions(set(HIDDEN)), "array-like"],
    "output_activation": [StrOptions({"auto", *OUTPUTS})],
    "fit_intercept": ["boolean"],
    "init": [StrOptions(set(INITIALIZERS)), "array-like"],
    "coefs_init": ["array-like", None],
    "intercepts_init": [StrOptions({"best_constant"}), "array-like", None],
    "solver": [StrOptions(set(SOLVERS))],
    "alpha": [
        Interval(Real, 0, None, closed="left"),
        StrOptions({"evidence", "ard"}),
    ],
    "n_init": [Interval(Integral, 1, None, closed="left")],
    "ensemble": [Interval(Integral, 1, None, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "batch_size": [
        StrOptions({"auto", "full"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "learning_rate": [StrOptions(set(SCHEDULES))],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "learning_rate_decay": [Interval(Real, 0, 1, closed="right")],
    "learning_rate_step": [Interval(Real, 0, None, closed="neither")],
    "warmup": [Interval(Real, 0, None, closed="left")],
    "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
    "average_decay": [Interval(Real, 0, 1, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), "array-like"],
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
}

#: The value of a parameter that a subclass has not set.
UNSET = object()

#: The settings of the engine that are parameters of the same name.
SHARED = tuple(one.name for one in fields(Settings) if one.name in CONSTRAINTS)


# What the parameters mean.


def estimate_of(estimator: Any) -> str:
    """Return how alpha is estimated; "" if it is a number."""
    return estimator.alpha if isinstance(estimator.alpha, str) else ""


def fixed_alpha(estimator: Any) -> float:
    """Return the penalty; 0 if it is estimated."""
    return 0.0 if estimate_of(estimator) else float(estimator.alpha)


def starts_at_constant(estimator: Any) -> bool:
    """Return whether the output layer's intercepts start at the best constant."""
    return isinstance(asked(estimator).intercepts_init, str)


def stops_early(estimator: Any) -> bool:
    """Return whether a validation set ends training and chooses the weights."""
    # scikit-learn's networks ignore early_stopping if the solver has no epochs.
    able = SOLVERS[estimator.solver].steps or not rules_of(estimator).as_there
    return bool(estimator.early_stopping) and able


def kind_of(estimator: Any) -> Any:
    """Return the class of an estimator's targets."""
    return ClassTargets if isinstance(estimator, ClassifierMixin) else NumberTargets


def options_of(estimator: Any) -> Any:
    """Return the parameters that determine the loss."""
    Options = kind_of(estimator).Options
    names = [one.name for one in fields(Options)]
    reading = asked(estimator)
    return Options(**{name: getattr(reading, name) for name in names})


def hidden_layers(estimator: Any) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the units and the activations of the hidden layers."""
    hidden = hidden_units(estimator.hidden_layer_sizes)
    return hidden, layer_activations(estimator, len(hidden))


def layer_activations(estimator: Any, n_hidden: int) -> tuple[str, ...]:
    """Return the activation of each hidden layer."""
    value = estimator.activation
    names = names_by_layer("activation", value, HIDDEN, n_hidden, "hidden layers")
    if not HIDDEN.keys() >= set(names):
        raise ValueError(f"activation must be one of {sorted(HIDDEN)}; got {value!r}.")
    return names


def settings_of(estimator: Any, n: int, network: Network, **others: Any) -> Settings:
    """Return the settings of the engine, for n samples to train on.

    ``others`` are settings that no parameter has, or that differ from their parameter.
    """
    scheduled, estimator = rules_of(estimator).scheduled, asked(estimator)
    solver, size = SOLVERS[estimator.solver], estimator.batch_size
    if isinstance(size, bool):
        raise ValueError(f"batch_size must be an int, not a bool; got {size}.")
    named = {"auto": min(200, n), "full": n}
    batch_size = named[size] if isinstance(size, str) else size
    if batch_size > n:
        warn_user(
            f"batch_size={batch_size} is larger than the number of training "
            f"samples, {n}: all of them form one batch."
        )
    values = {name: getattr(estimator, name) for name in SHARED}
    values["batch_size"] = min(batch_size, n) if solver.batches else n
    follows = scheduled is None or estimator.solver in scheduled
    if not (solver.batches and follows):
        values["learning_rate"] = "constant"
    values["alpha"], values["estimate"] = fixed_alpha(estimator), estimate_of(estimator)
    if estimator.max_grad_norm is None:
        values["max_grad_norm"] = np.inf
    values["dropout"] = dropout_rates(estimator.dropout, network.n_layers - 1)
    return Settings(**values | {"horizon": estimator.max_iter} | others)


def dropout_rates(dropout: Any, n_hidden: int) -> tuple[float, ...]:
    """Return the dropout of each hidden layer."""
    given = as_given(dropout)
    rates = given if isinstance(given, tuple) else (given,) * n_hidden
    valid = all(isinstance(p, Real) and 0.0 <= float(p) < 1.0 for p in rates)
    if not valid or len(rates) != n_hidden:
        raise ValueError(
            "dropout must be a number in [0, 1), or one for each of the "
            f"{n_hidden} hidden layers; got {dropout!r}."
        )
    return tuple(map(float, rates))


def trained_loss(estimator: Any, targets: Targets) -> Loss:
    """Return the loss to train with; refuse a loss that the solver cannot minimise."""
    loss, estimator = targets.loss(), asked(estimator)
    if SOLVERS[estimator.solver].curved and not loss.convex:
        raise ValueError(
            f"solver={estimator.solver!r} cannot minimise "
            f"loss={estimator.loss!r} with "
            f"output_activation={estimator.output_activation!r}. Use one of "
            f"the losses {CURVED} with output_activation='auto', or change the "
            "solver."
        )
    return loss


# Which values are valid, and which can be combined.


def validate_params(estimator: Any) -> None:
    """Refuse parameters that an estimator's constraints do not allow.

    Training reads attributes. A subclass with a constructor of its own may have some
    that ``get_params`` does not know.
    """
    constraints, fitted = constraints_of(estimator), vars(estimator)
    values = {n: getattr(estimator, n, UNSET) for n in constraints}
    known = fitted.get("_bp_valid", {})
    # To check the same objects as at the last call takes a quarter of a fit to a few
    # samples.
    if values.keys() == known.keys() and all(map(is_, values.values(), known.values())):
        return
    new = {
        name: value
        for name, value in values.items()
        if value is not UNSET and value is not known.get(name, UNSET)
    }
    if new:
        caller = type(estimator).__name__
        validate_parameter_constraints(constraints, new, caller_name=caller)
        fitted["_bp_valid"] = values


def share_valid(known: Any, new: Any) -> None:
    """Let a new estimator know which parameter values of another one are valid."""
    if type(new) is type(known):
        vars(new)["_bp_valid"] = vars(known)["_bp_valid"]


def check_parameters(estimator: Any) -> None:
    """Refuse parameters that cannot be combined."""
    estimator = asked(estimator)
    check_estimate(estimator)
    if estimator.ensemble > estimator.n_init:
        raise ValueError(
            f"ensemble={estimator.ensemble} must not be larger than "
            f"n_init={estimator.n_init}: the ensemble consists of the best of "
            "these networks. Raise n_init, or lower ensemble."
        )
    if estimator.warm_start:
        refuse_several_starts(estimator, "warm_start=True")
    if estimator.coefs_init is not None:
        refuse_several_starts(estimator, "coefs_init")
    for name, off in needless(estimator).items():
        value = getattr(estimator, name)
        if value is not off and np.any(np.asarray(value, object) != off):
            raise ValueError(
                f"{name}={value!r} does not work with solver={estimator.solver!r}. "
                f"Use a stochastic solver, one of {STOCHASTIC}, or set "
                f"{name}={off!r}."
            )
    if estimator.weight_decay * estimator.learning_rate_init >= 1:
        raise ValueError(
            f"weight_decay={estimator.weight_decay} times "
            f"learning_rate_init={estimator.learning_rate_init} must be below "
            "1, because each step shrinks every weight by this fraction. "
            "Lower one of the two."
        )
    suitable = ["auto", *outputs_of(estimator.loss)]
    if estimator.output_activation not in suitable:
        raise ValueError(
            f"output_activation={estimator.output_activation!r} does not work "
            f"with loss={estimator.loss!r}. Use one of {suitable}."
        )


def check_partial_fit(estimator: Any) -> None:
    """Refuse parameters that cannot be combined in ``partial_fit``."""
    if estimator.early_stopping:
        raise ValueError(
            "partial_fit does not support early_stopping=True, because it "
            "does not hold out a validation set. Set early_stopping=False."
        )
    refuse_several_starts(estimator, "partial_fit")
    check_parameters(estimator)


def check_has_partial_fit(estimator: Any) -> bool:
    """Raise AttributeError if the solver cannot train on a part of the data."""
    if estimator.solver not in STOCHASTIC:
        raise AttributeError(
            f"partial_fit needs a stochastic solver, one of {STOCHASTIC}; got "
            f"solver={estimator.solver!r}."
        )
    return True


def check_has_probabilities(estimator: Any) -> bool:
    """Raise AttributeError if the outputs are not probabilities."""
    estimator = asked(estimator)
    output = estimator.output_activation
    if hasattr(estimator, "out_activation_"):
        # A fitted network keeps its output activation.
        output = estimator.out_activation_
        found = output in PROBABILITIES
    else:
        found = gives_probabilities(estimator.loss, output)
    if found:
        return True
    raise AttributeError(
        f"Probabilities need loss='log_loss', or one of {PROBABILITIES} as "
        f"output_activation, in fit; got loss={estimator.loss!r} and the "
        f"output activation {output!r}."
    )


def check_on_dask(estimator: Any) -> None:
    """Refuse parameters that need data in memory."""
    if starts_at_constant(estimator):
        raise ValueError(
            "intercepts_init='best_constant' needs y in memory; got a Dask "
            "collection. Pass arrays as intercepts_init, or leave it at None."
        )
    estimator = asked(estimator)
    if estimator.batch_size == "full" and np.any(estimator.dropout):
        raise ValueError(
            f"batch_size='full' and dropout={estimator.dropout!r} cannot be "
            "combined for Dask collections. Set batch_size to a number, or "
            "set dropout=0.0."
        )


def check_estimate(estimator: Any) -> None:
    """Refuse to estimate alpha if the solver or the loss does not support it."""
    if not estimate_of(estimator):
        return
    able = [repr(name) for name, solver in SOLVERS.items() if solver.estimates]
    if not SOLVERS[estimator.solver].estimates:
        raise ValueError(
            f"alpha={estimator.alpha!r} needs solver={' or '.join(able)}; got "
            f"solver={estimator.solver!r}. Change the solver, or set alpha to "
            "a number."
        )
    if not is_likelihood(estimator.loss):
        raise ValueError(
            f"alpha={estimator.alpha!r} needs a loss that is a negative log "
            f"likelihood, which loss={estimator.loss!r} is not. Set alpha to a "
            "number, or use loss='squared_error'."
        )


def refuse_several_starts(estimator: Any, what: str) -> None:
    """Refuse several initial weights if there can be only one start."""
    estimator = asked(estimator)
    if estimator.n_init > 1:
        raise ValueError(
            f"n_init={estimator.n_init} cannot be combined with {what}, which "
            "allows only one set of initial weights. Set n_init=1."
        )


def needless(estimator: Any) -> dict[str, Any]:
    """Return the parameters that the solver cannot use, with the values for "off".

    The learning rate schedules of scikit-learn are not included: a solver that cannot
    use them ignores them, as in scikit-learn.
    """
    solver = SOLVERS[estimator.solver]
    if solver.batches:
        return {}
    off: dict[str, Any] = {"dropout": 0.0, "max_grad_norm": None, "warmup": 0.0}
    if estimator.learning_rate not in ("constant", "invscaling", "adaptive"):
        off["learning_rate"] = "constant"
    if not solver.steps:
        off |= {"weight_decay": 0.0, "average_decay": 0.0}
    return off


# Parameters with one value, or with one value for each layer.


def as_given(value: Any) -> Any:
    """Return a single value as it is, and several values as a tuple."""
    if isinstance(value, str | Real | Set | Mapping):
        return value
    if isinstance(value, tuple | list):
        return tuple(value)
    # The dtype allows rows of different lengths.
    array = np.asarray(value, object)
    return tuple(array) if array.ndim else array[()]


def hidden_units(sizes: Any) -> tuple[int, ...]:
    """Return hidden_layer_sizes as a tuple of positive integers."""
    given = as_given(sizes)
    units = given if isinstance(given, tuple) else (given,)
    for n in units:
        if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
            raise ValueError(
                "hidden_layer_sizes must contain positive integers, the numbers "
                "of units of the hidden layers, such as (100,) or (64, 32); got "
                f"{sizes!r}."
            )
    return tuple(int(n) for n in units)


def names_by_layer(
    name: str, value: Any, known: Collection[str], n_layers: int, layers: str
) -> tuple[str, ...]:
    """Return a parameter that is one name, or a name for each layer, as a tuple."""
    names = as_given(value)
    if isinstance(names, Set | Mapping):
        raise ValueError(
            f"{name} must be a name or a sequence of names, in the order of the "
            f"{layers}; got a {type(value).__name__}, which has no order: {value!r}."
        )
    if not isinstance(names, tuple):
        return (str(names),) * n_layers
    for item in names:
        if not isinstance(item, str) or item not in known:
            raise ValueError(
                f"{name} must be one of {sorted(known)}, or a sequence of them, one "
                f"for each of the {layers}; got {item!r} in {value!r}."
            )
    if len(names) != n_layers:
        raise ValueError(
            f"{name} has {len(names)} names, {value!r}, for {n_layers} "
            f"{layers}. Give one for each layer, or a single name for all "
            "layers."
        )
    return names
