"""The validation set of a fit, and the score of a network on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from skbp._data.checks import check_range
from skbp._data.read import Data, Read
from skbp._data.validation_set import (
    Split,
    given_set,
    held_out,
    minus_loss,
    score_of_targets,
    split_of,
)
from skbp._estimator.attributes import CURVES, of_model
from skbp._estimator.parameters import estimate_of, kind_of, stops_early
from skbp._estimator.rules import asked, rules_of
from skbp._sklearn import metric_of
from skbp._targets import ClassTargets
from skbp._targets.losses import PROBABILITIES, gives_probabilities
from skbp.engine.arrays import Array
from skbp.engine.model import Model
from skbp.engine.network import predict
from skbp.engine.problem import Problem, Score, Validation
from skbp.engine.samples import Parts, Samples
from skbp.engine.temperature import best_temperature


def validation_set(
    estimator: Any,
    given: Data,
    read: Read,
    earlier: Split | None,
    rng: np.random.RandomState,
) -> tuple[Read | None, Split | None]:
    """Return the validation set, and the split that made it; None if there is none.

    If there is an ``earlier`` split, from an earlier fit, it is used again.
    """
    if read.targets.options.temperature:
        check_temperature(estimator)
    watched = given_set(estimator, read.targets, given, read.n_outputs)
    if watched is not None:
        assert isinstance(watched.samples, Samples)
        check_range(watched.samples.X, read.samples.dtype, "X_val")
        check_range(watched.samples.Y, read.samples.dtype, "y_val")
    if watched is not None or not stops_early(estimator):
        if watched is None and read.targets.options.temperature:
            raise ValueError(
                "temperature=True needs a validation set. Set early_stopping=True, or "
                "pass X_val and y_val to fit."
            )
        return watched, None
    samples = read.samples
    if isinstance(samples, Parts):
        raise ValueError(
            "early_stopping=True cannot draw a validation set from a Dask "
            "collection. Pass X_val and y_val that are in memory, or set "
            "early_stopping=False."
        )
    strata = read.targets.strata(samples.Y)
    if rules_of(estimator).as_there and samples.Y.shape[1] > 1:
        # scikit-learn's networks stratify two classes alone.
        strata = None
    split = split_of(
        samples,
        strata,
        estimator.validation_fraction,
        rng,
        earlier,
    )
    return held_out(read, split.validate), split


def check_temperature(estimator: Any) -> None:
    """Refuse a temperature of outputs that have none, or that keep changing."""
    estimator = asked(estimator)
    if not gives_probabilities(estimator.loss, estimator.output_activation):
        raise ValueError(
            "temperature=True needs outputs that are probabilities; got "
            f"loss={estimator.loss!r} with "
            f"output_activation={estimator.output_activation!r}. Use loss='log_loss', "
            f"one of {PROBABILITIES} as output_activation, or temperature=False."
        )
    if estimate_of(estimator):
        raise ValueError(
            f"temperature=True does not work with alpha={estimator.alpha!r}, whose "
            "evidence belongs to the weights before they are divided. Set alpha to a "
            "number, or temperature=False."
        )
    if estimator.warm_start:
        raise ValueError(
            "temperature=True does not work with warm_start=True, because the output "
            "layer is divided when training is over. Set one of the two to False."
        )


def validated(estimator: Any, problem: Problem, watched: Read) -> Validation:
    """Return the validation set in the form of the engine, with its score."""
    samples = watched.samples
    assert isinstance(samples, Samples)
    score: Score
    scoring = asked(estimator).scoring
    if scoring is None:
        score = score_of_targets(watched)
    elif scoring == "loss" and watched.targets.options.temperature:
        score = partial(minus_lowest_loss, problem, samples)
    elif scoring == "loss":
        score = minus_loss
    else:
        scorer = check_scoring(estimator, scoring)
        probe = probe_of(estimator, problem)
        score = score_of_scorer(scorer, watched, probe, partial(refuse, estimator))
    return Validation(samples, score, decides=stops_early(estimator))


def minus_lowest_loss(
    problem: Problem, samples: Samples, theta: Array, outputs: Array, loss: float
) -> float:
    """Return the score of ``scoring="loss"``, at the best temperature."""
    # From rounded probabilities, raw outputs could not be computed.
    W, b = problem.network.split(theta[np.newaxis])
    Z = predict(problem.network, W, b, samples.X)
    return -best_temperature(problem.loss, Z, samples.Y, samples.weights)[1]


def probe_of(estimator: Any, problem: Problem) -> Callable[[Array], Any]:
    """Return a function that gives a scorer an estimator with weights theta (P,).

    It is a new estimator each time, with weights of its own, because a scorer may keep
    it and write to its attributes. The copy takes little time beside the predictions.
    """
    kind, attributes = type(estimator), dict(vars(estimator))
    # X is an array by now, and its columns have no names. Curves and checkpoint are
    # those of earlier calls, and change in place.
    for name in ("feature_names_in_", "_bp_checkpoint", *CURVES):
        attributes.pop(name, None)

    def probe_with(theta: Array) -> Any:
        own, probe = theta[np.newaxis].copy(), object.__new__(kind)
        model = Model.of(problem.network, problem.loss.activation, own)
        vars(probe).update(attributes, **of_model(model))
        return probe

    return probe_with


def score_of_scorer(
    scorer: Callable[..., Any],
    read: Read,
    probe: Callable[[Array], Any],
    refuse: Callable[[Exception, bool], None],
) -> Score:
    """Return the score that a scorer computes on a validation set.

    The scorer gets ``probe(theta)``, an estimator with the weights theta. ``refuse`` is
    called if the scorer fails, with the error and whether targets have weights of their
    own.
    """
    samples, options = read.samples, {}
    assert isinstance(samples, Samples)
    weights = samples.weights
    if weights is not None and takes_weights(scorer):
        options["sample_weight"] = weights
    by_target = weights is not None and weights.ndim == 2

    def score(theta: Array, outputs: Array, loss: float) -> float:
        try:
            found = scorer(probe(theta), samples.X, read.y, **options)
        except (AttributeError, TypeError, ValueError) as error:
            refuse(error, by_target)
            raise
        if not isinstance(found, Real):
            raise ValueError(
                f"scoring must return a number; it returned {found!r}, a "
                f"{type(found).__name__}."
            )
        return float(found)

    return score


def refuse(estimator: Any, error: Exception, by_target: bool) -> None:
    """Refuse the name of a scorer that does not suit the estimator or the targets."""
    scoring = asked(estimator).scoring
    if not isinstance(scoring, str):
        return
    classes = kind_of(estimator) is ClassTargets
    remedy = (
        f"Use a score for {'classes' if classes else 'numbers'}, such as "
        f"{'accuracy' if classes else 'r2'!r}, or scoring='loss'."
    )
    if by_target:
        remedy = (
            "Scorers of scikit-learn take no missing targets (nan in y) and no "
            "sample_weight of the shape of y. Use scoring=None or scoring='loss'."
        )
    raise ValueError(
        f"scoring={scoring!r} cannot score this {type(estimator).__name__} on the "
        f"validation set: {error}\n{remedy}"
    ) from error


def takes_weights(scorer: Callable[..., Any]) -> bool:
    """Return whether a scorer can be called with ``sample_weight``."""
    # With scikit-learn's scorers this depends on the metric.
    metric = metric_of(scorer)
    parameters = signature(metric).parameters.values()
    return any(p.name == "sample_weight" or p.kind == p.VAR_KEYWORD for p in parameters)
