"""What distinguishes the classes of ``skbp.compat``, and what subclasses may define."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

#: The private methods of scikit-learn's networks that a program may override there, and
#: what has the same purpose here. Training here does not call any of them.
HOOKS = {
    "_backprop": "loss, alpha, weight_decay or dropout",
    "_check_solver": "solver",
    "_compute_loss_grad": "alpha, weight_decay, max_grad_norm or dropout",
    "_fit": "fit or partial_fit",
    "_fit_lbfgs": "solver, tol, max_fun or scikit-learn's callbacks",
    "_fit_stochastic": "solver, learning_rate or scikit-learn's callbacks",
    "_forward_pass": "activation, output_activation or dropout",
    "_forward_pass_fast": "predict and predict_proba",
    "_init_coef": "init, coefs_init or intercepts_init",
    "_initialize": "init, coefs_init, intercepts_init or output_activation",
    "_loss_grad_lbfgs": "loss, alpha or scikit-learn's callbacks",
    "_predict": "predict",
    "_score": "scoring",
    "_score_with_function": "scoring",
    "_unpack": "coefs_init and intercepts_init",
    "_update_no_improvement_count": (
        "scoring, X_val and y_val in fit, n_iter_no_change or scikit-learn's callbacks"
    ),
    "_validate_input": "a pipeline with a step that transforms X",
}

#: The packages whose own classes may have methods with these names.
OWNERS = ("sklearn", "skbp")


@dataclass(frozen=True)
class Rules:
    """How a class reads parameters and attributes.

    Attributes
    ----------
    fixed : mapping
        The parameters that the class does not have, with their values. An attribute
        with such a name belongs to the user.
    as_there : bool
        Whether parameters and attributes have the meaning that they have in
        scikit-learn's networks: a fitted network follows ``activation`` and
        ``n_layers_``, training that continues keeps the shape of ``coefs_``, early
        stopping needs epochs and stratifies two classes alone, and training that
        converges gives no warning.
    scheduled : collection of str or None
        The solvers that follow ``learning_rate``; None means all that can.
    computed : collection of str
        Private attributes of scikit-learn's networks. Training removes the values
        that a user has assigned to them.
    kept : collection of str
        Those of them that training removes only if it starts anew.
    """

    fixed: Mapping[str, Any] = field(default_factory=dict)
    as_there: bool = False
    scheduled: Collection[str] | None = None
    computed: Collection[str] = ()
    kept: Collection[str] = ()


def rules_of(estimator: Any) -> Rules:
    """Return the rules of an estimator's class."""
    rules: Rules = getattr(type(estimator), "_bp_rules", RULES)
    return rules


#: The rules of BPClassifier and BPRegressor.
RULES = Rules()


class Asked:
    """An estimator whose fixed parameters cannot be taken for the user's attributes."""

    def __init__(self, estimator: Any, fixed: Mapping[str, Any]):
        self._estimator, self._fixed = estimator, fixed

    def __getattr__(self, name: str) -> Any:
        fixed = self._fixed
        return fixed[name] if name in fixed else getattr(self._estimator, name)


def asked(estimator: Any) -> Any:
    """Return the object from which to read the parameters of an estimator."""
    fixed = rules_of(estimator).fixed
    return Asked(estimator, fixed) if fixed else estimator


def set_defaults(cls: Any, names: Collection[str]) -> None:
    """Make the defaults of a constructor attributes of the class.

    An instance whose constructor does not call that of its base class then has the
    parameters all the same, and so has one that an older version has pickled.
    """
    for name, parameter in signature(cls.__init__).parameters.items():
        required = parameter.default is parameter.empty
        if name in names and not required and not hasattr(cls, name):
            setattr(cls, name, parameter.default)


def check_subclass(cls: type) -> None:
    """Refuse a class with a private method that scikit-learn would call."""
    for owner in cls.__mro__:
        if owner.__module__.partition(".")[0] not in OWNERS:
            refuse_hooks(owner.__name__, vars(owner))


def check_hooks(estimator: Any, *, classes: bool) -> None:
    """Refuse an estimator that was given such a method after it was made.

    ``classes`` says whether to look at its classes, too, for methods that these were
    given after they were made.
    """
    refuse_hooks(f"This {type(estimator).__name__}", vars(estimator))
    for owner in type(estimator).__mro__ if classes else ():
        if owner.__module__.partition(".")[0] != OWNERS[0]:
            refuse_hooks(owner.__name__, vars(owner))


def refuse_hooks(owner: str, attributes: Mapping[str, Any]) -> None:
    """Refuse attributes that have the name of a private method of scikit-learn's."""
    if attributes.keys().isdisjoint(HOOKS):
        return
    name = next(name for name in attributes if name in HOOKS)
    raise TypeError(
        f"{owner} defines {name}, a private method that scikit-learn's networks call "
        "and that skbp never calls: it would have no effect. Instead, use "
        f"{HOOKS[name]} of BPClassifier or BPRegressor, or give the method another "
        "name if nothing but your own code calls it."
    )
