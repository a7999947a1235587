"""Fitted attributes: set after training, read by predictions, restored after errors.

Four of them are private: ``_bp_model`` predicts, ``_bp_targets`` holds what was learnt
about y, ``_bp_checkpoint`` is where ``partial_fit`` and a warm start continue, and
``_bp_trained`` holds the parameters that training ended with, which may change
afterwards. The first two can be made of public attributes, and are (``by_hand.py``)
where an estimator does not have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral
from operator import is_
from typing import Any

import numpy as np

from skbp._estimator.parameters import stops_early
from skbp._estimator.rules import rules_of
from skbp._targets import Targets
from skbp.engine.arrays import Array
from skbp.engine.checkpoint import Checkpoint
from skbp.engine.evidence.posterior import Evidence
from skbp.engine.evidence.precisions import sums_of_data
from skbp.engine.fit import Job, Result
from skbp.engine.model import Model
from skbp.engine.progress import History, Status
from skbp.engine.solvers import SOLVERS

#: The attributes that are curves, and their names in the history of a network.
CURVES = {
    "loss_curve_": "loss_curve",
    "learning_rate_curve_": "rates",
    "validation_scores_": "validation_scores",
    "validation_loss_curve_": "validation_losses",
}

#: The attributes that are extended if training continues.
COUNTS = (
    "n_iter_",
    "t_",
    "loss_",
    "best_loss_",
    "best_validation_score_",
    *CURVES,
)

#: The parameters that say how training ended, besides whether it stops early.
LIMITS = ("solver", "max_iter", "max_fun", "tol", "n_iter_no_change")

#: The attributes that describe some kinds of targets, and their names there.
OF_TARGETS = {
    "classes_": "classes",
    "target_center_": "center",
    "target_scale_": "scale",
}

#: The attributes that exist only if alpha is estimated.
ESTIMATES = (
    "alpha_",
    "alpha_intercepts_",
    "noise_std_",
    "n_effective_parameters_",
    "log_evidence_",
    "linear_share_",
    "feature_relevances_",
)


@contextmanager
def computed(name: str) -> Iterator[None]:
    """Raise an AttributeError where an attribute cannot be computed from the others.

    Whoever looks through the attributes of an estimator expects no other error.
    """
    try:
        yield
    except AttributeError:
        # Among others that of an estimator that is not fitted, which is a ValueError.
        raise
    except ValueError as error:
        raise AttributeError(f"{name} cannot be computed: {error}") from error


@contextmanager
def restored_on_error(estimator: Any, *, random: bool = False) -> Iterator[None]:
    """Restore the estimator if the body fails.

    A shallow copy of the attributes is enough, because fitted attributes are replaced
    by new objects. Only curves grow, and random numbers advance, in place. Random
    numbers are restored only if ``random`` is true: to read their state takes as long
    as a small step, and after the first draw only the user's own code and parts of the
    data that are elsewhere can fail.
    """
    before = dict(vars(estimator))
    curves = [before[name] for name in CURVES if isinstance(before.get(name), list)]
    lengths, rng = [len(curve) for curve in curves], None
    checkpoint = before.get("_bp_checkpoint")
    if random and checkpoint is not None and checkpoint.random is not None:
        rng, state = checkpoint.random, checkpoint.random.get_state()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        for curve, length in zip(curves, lengths, strict=True):
            del curve[length:]
        if rng is not None:
            rng.set_state(state)
        raise


def forget(estimator: Any, *names: str) -> None:
    """Remove the fitted attributes with these names, if they exist."""
    for name in names:
        vars(estimator).pop(name, None)


def of_targets(targets: Targets) -> dict[str, Any]:
    """Return the attributes that describe the targets."""
    attributes = {"_bp_targets": targets, "out_activation_": targets.output}
    for name, there in OF_TARGETS.items():
        value = getattr(targets, there, None)
        if value is not None:
            attributes[name] = value
    return attributes


def of_model(model: Model) -> dict[str, Any]:
    """Return the attributes that describe the network."""
    n_coefs = model.network.n_layers
    return {
        "coefs_": list(model.views[:n_coefs]),
        "intercepts_": list(model.views[n_coefs:]),
        "_bp_model": model,
        "n_layers_": model.network.n_layers + 1,
        "n_outputs_": model.network.units[-1],
    }


def holds(model: Model, coefs: Any, intercepts: Any) -> bool:
    """Return whether all of these arrays are the model's own views."""
    if coefs is None or intercepts is None:
        return False
    arrays = (*coefs, *intercepts)
    return len(arrays) == len(model.views) and all(map(is_, arrays, model.views))


def set_attributes(estimator: Any, job: Job, result: Result) -> None:
    """Set the fitted attributes of a fit."""
    history, evidence = result.history, result.evidence
    rules = rules_of(estimator)
    forget(estimator, "_bp_checkpoint", "temperature_", *ESTIMATES)
    forget(estimator, *{*rules.computed} - {*rules.kept})
    vars(estimator).update(of_model(result.model))
    if result.temperature is not None:
        estimator.temperature_ = result.temperature
    if evidence is not None:
        found = of_evidence(job, result, evidence)
        vars(estimator).update(found)
        scale = vars(estimator).get("target_scale_")
        if scale is not None and found["noise_std_"] is not None:
            estimator.noise_std_ = of_outputs(found["noise_std_"] * scale)
            # p(y) = p((y - center) / scale) / scale, for each target
            _, _, N = job.problem.samples.sum(sums_of_data)
            estimator.log_evidence_ -= float(N @ np.log(scale))
    vars(estimator).update(of_history(estimator, job, history))


def keep_checkpoint(estimator: Any, job: Job, result: Result) -> None:
    """Keep what ``partial_fit`` and a warm start need to continue, except the weights.

    The checkpoint consists of arrays, numbers and strings. ``fit`` keeps one only with
    ``warm_start``, so that a fitted estimator is hardly larger than its weights.
    """
    diverged = result.history.status is Status.DIVERGED
    end = None if diverged else result.checkpoint()
    kept = Checkpoint([]) if end is None else end.without_weights()
    # Where another object owns the random numbers, that object remembers them.
    seeded = isinstance(estimator.random_state, Integral)
    kept.split, kept.random = job.start.split, job.rng if seeded else None
    vars(estimator)["_bp_checkpoint"] = kept


def of_history(estimator: Any, job: Job, history: History) -> dict[str, Any]:
    """Return the attributes that describe training, added to earlier calls."""
    before = {name: vars(estimator).get(name) for name in COUNTS}
    seen = len(job.problem.samples) if SOLVERS[job.settings.solver].steps else 0
    losses, scores = history.loss_curve, history.validation_scores
    found: dict[str, Any] = {
        "n_iter_": (before["n_iter_"] or 0) + history.n_iter,
        "t_": (before["t_"] or 0) + history.n_iter * seen,
        "status_": str(history.status),
        "_bp_trained": trained_with(estimator),
        "loss_": losses[-1] if losses else (before["loss_"] or np.nan),
        "best_loss_": None,
    }
    if stops_early(estimator):
        best = -history.best
        found["best_validation_score_"] = best if np.isfinite(best) else None
    else:
        low, high = before["best_loss_"], before["best_validation_score_"]
        if low is None:
            # Early stopping, which keeps none, came before.
            losses = [*(before["loss_curve_"] or []), *losses]
            low = np.inf
        found["best_loss_"] = min([*filter(np.isfinite, losses), low])
        known = [] if high is None else [high]
        found["best_validation_score_"] = max(
            [*filter(np.isfinite, scores), *known], default=None
        )
    return found | of_curves(before, history)


def trained_with(estimator: Any) -> dict[str, Any]:
    """Return the parameters that say how training ended."""
    found = {name: getattr(estimator, name) for name in LIMITS}
    return found | {"early_stopping": stops_early(estimator)}


def of_curves(before: dict[str, Any], history: History) -> dict[str, Any]:
    """Return the curves of earlier calls, continued by those of a history."""
    found: dict[str, Any] = {}
    for name, name_there in CURVES.items():
        curve, more = before[name], getattr(history, name_there)
        if curve is not None and more:
            # In place: a copy at each call would take longer from call to call.
            curve = curve if isinstance(curve, list) else list(curve)
            curve.extend(more)
        found[name] = (curve or more) or None
    found["loss_curve_"] = found["loss_curve_"] or []
    return found


def of_evidence(job: Job, result: Result, best: Evidence) -> dict[str, Any]:
    """Return the attributes that were estimated together with the weights."""
    network, model = job.problem.network, result.model
    # In units of the loss, as if lambda were given as a number.
    each = best.alpha * best.noise
    n_layers = network.n_layers
    n_first = len(best.groups) - (2 if network.biases else 1) * n_layers + 1
    by_feature = job.settings.estimate == "ard"
    rest = each[n_first:].tolist()
    found = {
        "alpha_": [each[:n_first] if by_feature else each[0], *rest[: n_layers - 1]],
        "alpha_intercepts_": rest[n_layers - 1 :],
        "noise_std_": None,
        "linear_share_": 0.0,
        "n_effective_parameters_": float(best.gamma.sum()),
        "log_evidence_": best.log_evidence,
    }
    if job.problem.loss.normal:
        assert model.posterior is not None
        mean = model.mean(model.posterior.noise_variances[:, np.newaxis])
        found["noise_std_"] = of_outputs(mean[0] ** 0.5)
        if result.linear_share is not None:
            found["linear_share_"] = of_outputs(result.linear_share)
    if by_feature:
        width = each[:n_first] ** -0.5
        found["feature_relevances_"] = width / width.sum()
    return found


def of_outputs(values: Array) -> Any:
    """Return the values (outputs,), or a number if there is only one output."""
    return values if len(values) > 1 else float(values[0])
