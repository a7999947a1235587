"""Conversion to ONNX: ``import skbp.onnx`` registers the networks with skl2onnx.

Afterwards ``skl2onnx.to_onnx`` and ``convert_sklearn`` convert the estimators, alone or
as steps of a pipeline. The converted model computes what ``predict`` and
``predict_proba`` compute, for ensembles and a linear share, too: it is made of the
networks in ``members_``.

As with other converters of skl2onnx, the types of the inputs decide the type of all
numbers: a ``DoubleTensorType`` makes a model in float64, other inputs one in float32. A
regressor has the output ``variable`` (n, outputs). A classifier has a label and
``probabilities``; without ``predict_proba``, these are decision scores, one column for
each class. The options are those of skl2onnx's classifiers: ``zipmap``,
``output_class_labels``, ``nocl`` and ``raw_scores``.

The graph consists of operators that onnxruntime has for both float types, since it
lacks ``Softplus``, ``Elu`` and others in float64. ``ZipMap``, which makes the
dictionaries of ``zipmap=True``, exists in float32 only, so these hold float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from math import sqrt
from typing import Any

import numpy as np

from skbp import compat
from skbp._estimator.by_hand import check_fitted, model_of, targets_of
from skbp._estimator.members import Member, units_of
from skbp._targets import ClassTargets
from skbp._targets.losses import PROBABILITIES
from skbp.classifier import BPClassifier
from skbp.regressor import BPRegressor

try:
    from skl2onnx import update_registered_converter
    from skl2onnx._parse import _parse_sklearn_classifier as parse
    from skl2onnx.common.data_types import (
        BooleanTensorType,
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
        StringTensorType,
    )
    from skl2onnx.common.utils import (
        check_input_and_output_numbers,
        check_input_and_output_types,
    )
    from skl2onnx.common.utils_classifier import get_label_classes
    from skl2onnx.proto import onnx_proto
except ImportError as error:
    raise ImportError(
        "skbp.onnx needs skl2onnx, which comes with the extra `onnx`: "
        'pip install "skbp[onnx]".'
    ) from error

__all__ = ["register"]

#: The types of inputs that a converted network takes.
INPUTS = (BooleanTensorType, DoubleTensorType, FloatTensorType, Int64TensorType)
#: The options of a classifier, as skl2onnx's parser of classifiers expects them.
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
}
#: The option of a classifier with a ``decision_function``, which converters of
#: meta-estimators set where scikit-learn's own code calls that method.
RAW_SCORES = {"raw_scores": [True, False]}


class Graph:
    """The nodes of a converted network: each call adds one, and returns its output.

    Parameters
    ----------
    scope, container
        What skl2onnx hands to a converter.
    dtype : dtype
        The type of all numbers, float32 or float64.
    """

    def __init__(self, scope: Any, container: Any, dtype: Any):
        self.scope, self.container, self.dtype = scope, container, np.dtype(dtype)
        types = onnx_proto.TensorProto
        self.number = types.DOUBLE if self.dtype == np.float64 else types.FLOAT
        self.types = types

    def __call__(self, op: str, *inputs: Any, out: str = "", **attributes: Any) -> str:
        """Add a node, and return its output, which is called ``out`` if that is given.

        Inputs that are no names are constants.
        """
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        out = out or self.scope.get_unique_variable_name("network")
        name = self.scope.get_unique_operator_name(op)
        self.container.add_node(op, names, out, name=name, **attributes)
        return out

    def constant(self, value: Any) -> str:
        """Add numbers of the graph's type, and return their name."""
        return self.initializer(self.number, np.asarray(value, self.dtype))

    def initializer(self, kind: int, values: Any) -> str:
        """Add a constant of any type, and return its name."""
        name: str = self.scope.get_unique_variable_name("constant")
        self.container.add_initializer(name, kind, values.shape, values.ravel())
        return name

    def columns(self, x: str, which: Sequence[int]) -> str:
        """Return some of the columns of x."""
        indices = self.initializer(self.types.INT64, np.asarray(which, np.int64))
        return self("Gather", x, indices, axis=1)

    def total(self, each: Sequence[str]) -> str:
        """Return the sum of several arrays."""
        return reduce(lambda x, y: self("Add", x, y), each)


# Activations.


def exponential_linear(below: float, scale: float) -> Callable[[Graph, str], str]:
    """Return scale z where z > 0, else scale below (exp(z) - 1)."""

    def activation(g: Graph, Z: str) -> str:
        fall = g("Sub", g("Exp", g("Min", Z, 0.0)), 1.0)
        A = g("Add", g("Relu", Z), g("Mul", fall, below))
        return A if scale == 1.0 else g("Mul", A, scale)

    return activation


def softplus(g: Graph, Z: str) -> str:
    """Return log(1 + exp(z)) = max(z, 0) + log(1 + exp(-|z|))."""
    rest = g("Log", g("Add", g("Exp", g("Neg", g("Abs", Z))), 1.0))
    return g("Add", g("Relu", Z), rest)


def softsign(g: Graph, Z: str) -> str:
    """Return z / (1 + |z|)."""
    return g("Div", Z, g("Add", g("Abs", Z), 1.0))


def gelu(g: Graph, Z: str) -> str:
    """Return z Phi(z), with the error function in float32.

    onnxruntime has no error function in float64. Phi is precise to 1e-7 all the same.
    """
    single = g("Cast", g("Mul", Z, 1.0 / sqrt(2.0)), to=g.types.FLOAT)
    erf = g("Cast", g("Erf", single), to=g.number)
    return g("Mul", Z, g("Mul", g("Add", erf, 1.0), 0.5))


def ordered(g: Graph, Z: str, n: int) -> str:
    """Return the cumulative sums of z_1, softplus(z_2), softplus(z_3) ..."""
    first, steps = g.columns(Z, [0]), softplus(g, g.columns(Z, range(1, n)))
    each = g("Concat", first, steps, axis=1)
    return g("MatMul", each, np.triu(np.ones((n, n))))


#: The activations of the engine, except "ordered", as functions of a graph and Z.
ACTIVATIONS: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda g, Z: Z,
    "logistic": lambda g, Z: g("Sigmoid", Z),
    "tanh": lambda g, Z: g("Tanh", Z),
    "relu": lambda g, Z: g("Relu", Z),
    "leaky_relu": lambda g, Z: g("Max", Z, g("Mul", Z, 0.01)),
    "elu": exponential_linear(1.0, 1.0),
    "selu": exponential_linear(1.6732632423543772, 1.0507009873554805),
    "gelu": gelu,
    "silu": lambda g, Z: g("Mul", Z, g("Sigmoid", Z)),
    "mish": lambda g, Z: g("Mul", Z, g("Tanh", softplus(g, Z))),
    "softplus": softplus,
    "softsign": softsign,
    "exp": lambda g, Z: g("Exp", Z),
    "softmax": lambda g, Z: g("Softmax", Z, axis=1),
}


# Networks.


def raw_outputs(g: Graph, estimator: Any, X: str) -> list[str]:
    """Return the raw outputs Z[L] (n, outputs) of each member."""
    names = model_of(estimator).network.activations
    each = []
    for coefs, intercepts, _ in estimator.members_:
        A = X
        for l, (W, b) in enumerate(zip(coefs, intercepts, strict=True)):
            Z = g("Add", g("MatMul", A, W), b)
            A = ACTIVATIONS[names[l]](g, Z) if l < len(names) else Z
        each.append(A)
    return each


def mean(g: Graph, each: Sequence[str], members: Sequence[Member]) -> str:
    """Return the mean of the members' outputs (n, outputs), by their shares."""
    if len(each) == 1:
        return each[0]
    pairs = zip(each, members, strict=True)
    return g.total([g("Mul", A, member.share) for A, member in pairs])


def outputs(g: Graph, estimator: Any, X: str) -> str:
    """Return the outputs A[L] (n, outputs)."""
    model = model_of(estimator)
    each = raw_outputs(g, estimator, X)
    if model.output == "ordered":
        each = [ordered(g, Z, model.network.units[-1]) for Z in each]
    else:
        each = [ACTIVATIONS[model.output](g, Z) for Z in each]
    return mean(g, each, estimator.members_)


# Classes. Each function returns what a classifier tells of its classes or labels, a
# column for each, and the columns of which the label with the largest is predicted.


def probabilities(
    g: Graph, estimator: Any, targets: ClassTargets, X: str
) -> tuple[str, str]:
    """Return probabilities, twice; or with a score that is less rounded."""
    if len(targets.classes) == 1:
        p = g("Add", g("Mul", outputs(g, estimator, X), 0.0), 1.0)
        return p, p
    if targets.one_versus_rest:
        each = raw_outputs(g, estimator, X)
        p, best = one_versus_rest(g, each), log_odds(g, each)
    elif targets.multilabel or n_outputs_of(estimator) > 1:
        p = best = outputs(g, estimator, X)
    else:
        # -Z keeps the precision of a small probability of the first class.
        both = [
            g("Sigmoid", g("Concat", g("Neg", Z), Z, axis=1))
            for Z in raw_outputs(g, estimator, X)
        ]
        p = best = mean(g, both, estimator.members_)
    limits = np.finfo(g.dtype)
    p = g("Min", g("Max", p, limits.tiny), 1.0 - limits.epsneg)
    return p, best


def one_versus_rest(g: Graph, each: Sequence[str]) -> str:
    """Return probabilities that sum to 1, of the logistic outputs of each network."""
    return g("Softmax", log_sum(g, [log_expit(g, Z) for Z in each]), axis=1)


def log_odds(g: Graph, each: Sequence[str]) -> str:
    """Return the log-odds of the mean of logistic outputs."""
    if len(each) == 1:
        return each[0]
    logs = [log_expit(g, Z) for Z in each]
    # log(1 - p) = log p - z
    rests = [g("Sub", log_p, Z) for log_p, Z in zip(logs, each, strict=True)]
    return g("Sub", log_sum(g, logs), log_sum(g, rests))


def log_odds_of_softmax(g: Graph, each: Sequence[str], n_classes: int) -> str:
    """Return the log-odds of each class against the others together."""
    log_p = log_sum(g, [g("LogSoftmax", Z, axis=1) for Z in each])
    others = []
    for k in range(n_classes):
        rest = g.columns(log_p, [j for j in range(n_classes) if j != k])
        # LogSoftmax subtracts the logarithm of the sum, without overflow.
        first = g.columns(g("LogSoftmax", rest, axis=1), [0])
        others.append(g("Sub", g.columns(rest, [0]), first))
    return g("Sub", log_p, g("Concat", *others, axis=1))


def log_expit(g: Graph, Z: str) -> str:
    """Return log(1 / (1 + exp(-z)))."""
    return g("Neg", softplus(g, g("Neg", Z)))


def log_sum(g: Graph, logs: Sequence[str]) -> str:
    """Return the logarithm of the sum of exp, over arrays."""
    if len(logs) == 1:
        return logs[0]
    most = g("Max", *logs)
    terms = [g("Exp", g("Sub", one, most)) for one in logs]
    return g("Add", most, g("Log", g.total(terms)))


def decision_scores(
    g: Graph, estimator: Any, targets: ClassTargets, X: str
) -> tuple[str, str]:
    """Return the scores of ``decision_function``, and the outputs or the scores."""
    n_classes, n_outputs = len(targets.classes), n_outputs_of(estimator)
    if targets.output == "softmax":
        score = log_odds_of_softmax(g, raw_outputs(g, estimator, X), n_classes)
        return score, score
    if targets.output in PROBABILITIES:
        score = log_odds(g, raw_outputs(g, estimator, X))
        best = g("Sigmoid", score) if targets.multilabel else score
    else:
        A = best = outputs(g, estimator, X)
        halved = n_outputs == 1 or targets.multilabel
        score = g("Sub", A, 0.5) if halved else A
    if n_outputs == 1 and n_classes == 2:
        score = best = g("Concat", g("Neg", score), score, axis=1)
    return score, best


def n_outputs_of(estimator: Any) -> int:
    """Return the number of outputs of the network."""
    return model_of(estimator).network.units[-1]


def labels_of(g: Graph, classes: Any) -> str:
    """Return the labels as a constant: ONNX has integers and strings."""
    classes = np.asarray(classes)
    if classes.dtype.kind not in "biuf":
        names = np.array([str(one).encode() for one in classes])
        return g.initializer(g.types.STRING, names)
    if (classes % 1 != 0).any():
        raise ValueError(
            "ONNX has integers and strings as labels; got classes_ "
            f"{classes.tolist()}. Train on strings, or convert with the option "
            "nocl=True, which makes the numbers of the classes the labels."
        )
    return g.initializer(g.types.INT64, classes.astype(np.int64))


# What skl2onnx calls.


def start(scope: Any, operator: Any, container: Any) -> tuple[Graph, str]:
    """Return an empty graph, and X with the type of its numbers."""
    (X,) = operator.inputs
    double = isinstance(X.type, DoubleTensorType)
    g = Graph(scope, container, np.float64 if double else np.float32)
    if isinstance(X.type, FloatTensorType | DoubleTensorType):
        return g, X.full_name
    return g, g("Cast", X.full_name, to=g.number)


def convert_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Convert a regressor to its outputs (n, outputs)."""
    g, X = start(scope, operator, container)
    found = outputs(g, operator.raw_operator, X)
    units = units_of(operator.raw_operator)
    if units is not None:
        scale, center = units
        found = g("Add", g("Mul", found, scale), center)
    g("Identity", found, out=operator.outputs[0].full_name)


def convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Convert a classifier to a label, and probabilities or decision scores."""
    estimator = operator.raw_operator
    label, columns = (one.full_name for one in operator.outputs)
    g, X = start(scope, operator, container)
    targets = targets_of(estimator)
    of_classes = decision_scores
    if targets.output in PROBABILITIES and not wants_scores(container, estimator):
        of_classes = probabilities
    found, best = of_classes(g, estimator, targets, X)
    g("Cast", found, out=columns, to=g.types.FLOAT if mapped(operator) else g.number)
    if targets.multilabel:
        g("Cast", g("Greater", best, 0.5), to=g.types.INT64, out=label)
    else:
        labels = labels_of(g, get_label_classes(scope, estimator))
        g("Gather", labels, g("ArgMax", best, axis=1, keepdims=0), axis=0, out=label)


def mapped(operator: Any) -> bool:
    """Return whether a ZipMap follows, which takes float32 only."""
    name = operator.outputs[1].onnx_name
    return any(
        other.type == "SklearnZipMap" and name in [x.onnx_name for x in other.inputs]
        for other in operator.scope_inst.operators.values()
    )


def wants_scores(container: Any, estimator: Any) -> bool:
    """Return whether the option ``raw_scores`` is set."""
    if not container.has_options(estimator, "raw_scores"):
        return False
    return bool(container.get_options(estimator, {"raw_scores": False})["raw_scores"])


def check_inputs(operator: Any, n_outputs: int) -> int:
    """Check inputs and outputs; return the number of samples, which may be None."""
    check_fitted(operator.raw_operator)
    check_input_and_output_numbers(
        operator, input_count_range=1, output_count_range=n_outputs
    )
    check_input_and_output_types(operator, good_input_types=INPUTS)
    n: int = operator.inputs[0].get_first_dimension()
    return n


def number_type(operator: Any) -> Any:
    """Return the type of the numbers in the outputs."""
    double = isinstance(operator.inputs[0].type, DoubleTensorType)
    return DoubleTensorType if double else FloatTensorType


def shapes_of_regressor(operator: Any) -> None:
    """Set the type and the shape of a regressor's output."""
    n, Numbers = check_inputs(operator, 1), number_type(operator)
    operator.outputs[0].set_type(Numbers([n, n_outputs_of(operator.raw_operator)]))


def shapes_of_classifier(operator: Any) -> None:
    """Set the types and the shapes of a classifier's outputs."""
    n, Numbers = check_inputs(operator, 2), number_type(operator)
    estimator = operator.raw_operator
    targets = targets_of(estimator)
    # Refuse classes_ that do not agree with the network, as predict does.
    targets.decode(np.zeros((1, n_outputs_of(estimator))))
    classes = np.asarray(get_label_classes(operator.scope_inst, estimator))
    if mapped(operator):
        Numbers = FloatTensorType
    Label = Int64TensorType if classes.dtype.kind in "biuf" else StringTensorType
    several = [len(classes)] if targets.multilabel else []
    operator.outputs[0].set_type(Label([n, *several]))
    operator.outputs[1].set_type(Numbers([n, len(classes)]))


def parse_classifier(
    scope: Any, model: Any, inputs: Any, custom_parsers: Any = None
) -> Any:
    """Parse a classifier as skl2onnx does, if it is fitted."""
    check_fitted(model)
    return parse(scope, model, inputs, custom_parsers=custom_parsers)


def register(*estimators: type) -> None:
    """Register subclasses of the estimators with skl2onnx.

    ``import skbp.onnx`` has registered the estimators of this package. Call this
    function for a class of your own that predicts as its base class does.

    Parameters
    ----------
    *estimators : class
        Subclasses of BPClassifier or BPRegressor.

    Examples
    --------
    >>> import skbp.onnx
    >>> from skbp import BPRegressor
    >>> class MyRegressor(BPRegressor):
    ...     pass
    >>> skbp.onnx.register(MyRegressor)
    """
    for cls in estimators:
        if not issubclass(cls, BPClassifier | BPRegressor):
            raise TypeError(
                "register takes subclasses of BPClassifier or BPRegressor; got "
                f"{cls.__name__}."
            )
        alias = f"Skbp{cls.__module__}.{cls.__qualname__}"
        if issubclass(cls, BPClassifier):
            scores = {} if issubclass(cls, compat.MLPClassifier) else RAW_SCORES
            update_registered_converter(
                cls,
                alias,
                shapes_of_classifier,
                convert_classifier,
                parser=parse_classifier,
                options=OPTIONS | scores,
            )
        else:
            update_registered_converter(
                cls, alias, shapes_of_regressor, convert_regressor
            )


register(BPClassifier, BPRegressor, compat.MLPClassifier, compat.MLPRegressor)
