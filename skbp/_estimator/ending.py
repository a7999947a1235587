"""What a fit says about its end: what was seen, and what helps.

A fit gives one warning at most. Its first sentence says how training ended. The other
sentences report what the curves, the validation set and the data show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning

from skbp._data.scales import FAR, Scales, scales_of, spread_of_targets
from skbp._estimator.parameters import estimate_of, stops_early
from skbp._estimator.rules import asked, rules_of
from skbp._estimator.warnings import warn_user
from skbp._threads import WORTH_THREADS, with_blas_threads_for
from skbp.engine.activations import RANGES
from skbp.engine.fit import Job, Result
from skbp.engine.progress import History, Status
from skbp.engine.samples import Samples
from skbp.engine.solvers import SOLVERS

#: The number of epochs over which the loss is compared.
WINDOW = 10
#: A relative change of the loss that counts, and one that shows overfitting.
CHANGE, WORSE = 1e-3, 0.02
#: A fit is poor if it explains less than this part of the loss of a constant, and
#: useless if it explains less than the other.
POOR, USELESS = 0.5, 0.01
#: The effective parameters beyond one for each output that a constant has at most.
ABOUT = 0.5
#: A network that uses more than this part of the targets for its parameters says little
#: about its errors: with 15 samples of 25 features they were up to 20 times std.
CROWDED = 0.75


def warn_of_end(estimator: Any, job: Job, result: Result) -> None:
    """Warn if training did not end as it should, or has not learnt anything."""
    history = result.history
    if history.status in (Status.DIVERGED, Status.INTERRUPTED):
        warn_of_failure(estimator, history)
    elif history.status is not Status.STOPPED:
        sentences = [*of_limit(estimator, job, history)]
        if rules_of(estimator).as_there and not sentences:
            # scikit-learn's networks say nothing, and programs may rely on it.
            return
        sentences += of_early_stopping(estimator, job, history)
        sentences += of_evidence(estimator, job, result)
        if job.settings.max_iter > 1:
            # (A single epoch shows nothing, and may be one of a loop.)
            sentences += of_scales(estimator, job, result, limited=bool(sentences))
        if sentences:
            warn_user(" ".join(sentences), ConvergenceWarning)


def warn_of_partial_fit(estimator: Any, history: History) -> None:
    """Warn if a call of ``partial_fit`` did not go as it should."""
    if history.rates and not history.rates[-1]:
        warn_user(
            "The learning rate is 0, because the schedule "
            f"learning_rate={estimator.learning_rate!r} ends after "
            f"max_iter={estimator.max_iter} epochs. Set max_iter to the number "
            "of calls of partial_fit, or change learning_rate."
        )
    warn_of_failure(estimator, history)


def warn_of_failure(estimator: Any, history: History) -> None:
    """Warn if training diverged or was interrupted."""
    if history.status is Status.INTERRUPTED:
        warn_user("Training interrupted by user.")
    if history.status is not Status.DIVERGED:
        return
    steps = SOLVERS[estimator.solver].steps
    remedy = "Raise alpha"
    if steps:
        remedy = f"Lower learning_rate_init (it is {estimator.learning_rate_init})"
    elif estimate_of(estimator):
        remedy = f"Set alpha to a number (it is {estimator.alpha!r})"
    warn_user(
        f"Training diverged: in {'epoch' if steps else 'iteration'} "
        f"{history.n_iter} the loss or the weights were no longer finite. The best "
        f"earlier weights are kept. {remedy}, or scale X (and y, in "
        "regression), with StandardScaler for example.",
        ConvergenceWarning,
    )


# Training that came to its limit.


def of_limit(estimator: Any, job: Job, history: History) -> Iterator[str]:
    """Yield what to say if training ended before it converged."""
    solver = SOLVERS[estimator.solver]
    if history.status not in (Status.MAX_ITER, Status.FAILED):
        return
    if solver.steps:
        yield (
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached "
            "and the optimization hasn't converged yet."
        )
        yield of_curves(estimator, job, history)
        return
    code = "" if history.code is None else f" (status={history.code})"
    message = f"{code}:\n{history.message}" if history.message else code
    limit = f" or max_fun (it is {estimator.max_fun})" * solver.counts_evaluations
    stages, scale = "", ", or scale the data, with StandardScaler for example"
    if estimate_of(estimator):
        what = "best validation score" if stops_early(estimator) else "highest evidence"
        stages = f" The weights with the {what} so far are kept."
        if not badly_scaled(job):
            # The stages need more iterations, whatever the scales are.
            scale = ""
    yield (
        f"{estimator.solver} failed to converge after {history.n_iter} iteration(s)"
        f"{message}.{stages} Increase max_iter (it is {estimator.max_iter}){limit}"
        f"{scale}."
    )


def of_curves(estimator: Any, job: Job, history: History) -> str:
    """Return what the curves show, and what to change."""
    rate = f"learning_rate_init (it is {estimator.learning_rate_init})"
    losses, scores = history.loss_curve, history.validation_scores
    if stops_early(estimator) and scores:
        known = [-np.inf if np.isnan(score) else score for score in scores]
        best = known.index(max(known)) + 1
        return (
            f"The validation score was best in epoch {best} of {len(scores)} "
            f"({max(known):.4g}), whose weights are kept. Raise max_iter only if "
            f"this epoch is one of the last, or raise {rate}."
        )
    if overfits(history.validation_losses):
        known = history.validation_losses
        return (
            f"The validation loss was lowest in epoch {known.index(min(known)) + 1} "
            f"({min(known):.4g}) and is {known[-1]:.4g} at the end, with a training "
            f"loss of {losses[-1]:.4g}: the network overfits, and more epochs will not "
            "help. Set early_stopping=True, raise alpha (it is "
            f"{estimator.alpha}), or lower max_iter."
        )
    epochs = min(WINDOW, len(losses) - 1)
    if not epochs:
        return "Raise max_iter."
    fall = (losses[-1 - epochs] - losses[-1]) / (abs(losses[-1 - epochs]) or 1.0)
    last = "last epoch" if epochs == 1 else f"last {epochs} epochs"
    span = f"in the {last}, to {losses[-1]:.4g}"
    if fall > CHANGE:
        return (
            f"The loss still fell by {fall:.1%} {span}. Raise max_iter, or {rate} to "
            "need fewer epochs."
        )
    if fall < -CHANGE:
        return f"The loss rose by {-fall:.1%} {span}. Lower {rate}."
    return (
        f"The loss hardly changed {span}. Raise tol (it is {estimator.tol}) to stop "
        f"there, or change {rate}."
    )


def overfits(validation_losses: Sequence[float]) -> bool:
    """Return whether the loss on a validation set rose again."""
    if not validation_losses or not all(map(isfinite, validation_losses)):
        return False
    low = min(validation_losses)
    return validation_losses[-1] - low > WORSE * abs(low)


# Training that has not learnt.


def of_early_stopping(estimator: Any, job: Job, history: History) -> Iterator[str]:
    """Yield what to say if early stopping has kept a network that learnt nothing."""
    if not stops_early(estimator) or not history.validation_scores:
        return
    best, scoring = -history.best, asked(estimator).scoring
    start, compared = history.start_score, ""
    found = "Early stopping has kept a network that has learnt almost nothing."
    constant = score_of_constant(job, scoring) if scoring in (None, "loss") else -np.inf
    given = asked(estimator).coefs_init is not None and start > constant
    if given and best <= start < 1.0:
        found = "Training has not improved the weights it started from."
        compared = f"and these weights had a score of {start:.4g}"
    elif best <= constant + 1e-9 * abs(constant):
        compared = f"and a constant prediction has a score of {constant:.4g}"
    elif best <= start < 1.0:
        compared = f"and the initial weights had a score of {start:.4g}"
    if not compared:
        return
    advice = []
    if scoring != "loss" and "scoring" not in rules_of(estimator).fixed:
        advice.append("set scoring='loss', which shows progress sooner")
    advice += [
        f"raise n_iter_no_change (it is {estimator.n_iter_no_change})",
        "scale X, with StandardScaler for example",
    ]
    remedy = ", ".join(advice[:-1]) + f", or {advice[-1]}."
    yield found
    yield (
        f"The best validation score in {history.n_iter} epochs is {best:.4g}, "
        f"{compared}. {remedy[0].upper()}{remedy[1:]}"
    )


def score_of_constant(job: Job, scoring: Any) -> float:
    """Return the score of the constant that suits the validation set best."""
    loss_of, validation = job.problem.loss, job.problem.validation
    assert validation is not None
    samples = validation.samples
    with np.errstate(all="ignore"):
        constant = loss_of.constant(samples.Y, samples.weights)
        outputs = np.tile(constant, (len(samples), 1))
        loss = loss_of.mean(outputs, samples.Y, samples.weights)
        if scoring == "loss":
            return -loss
        # Without a scorer, the score does not depend on the weights.
        return validation.score(np.zeros(0), outputs, loss)


def of_evidence(estimator: Any, job: Job, result: Result) -> Iterator[str]:
    """Yield what to say if an estimated alpha found too little, or too much."""
    evidence, share, problem = result.evidence, result.linear_share, job.problem
    network = problem.network
    if evidence is None or not network.activations:
        return
    targets = float(problem.samples.total()) * network.units[-1]
    gamma, n_outputs = float(evidence.gamma.sum()), network.units[-1]
    found, tries = f"alpha={estimator.alpha!r} has found", []
    if estimator.n_init == 1:
        tries.append("try other initial weights with n_init=10")
    if gamma <= n_outputs + ABOUT:
        yield f"{found} a network that predicts almost a constant."
        yield (
            f"The data determine {gamma:.1f} of its {network.n_parameters} parameters "
            "(n_effective_parameters_); training takes everything else for noise."
        )
        tries += ["scale X, with StandardScaler", "set alpha to a number"]
    elif share is not None and bool(np.all(share == 1.0)):
        yield f"{found} no network that predicts better than a linear model."
        yield "The linear model predicts alone (linear_share_ is 1)."
        tries += ["change hidden_layer_sizes", "set alpha to a number"]
    elif problem.loss.normal and gamma > CROWDED * targets:
        yield f"{found} a network with almost as many parameters as targets."
        yield (
            f"The data determine {gamma:.1f} parameters (n_effective_parameters_) from "
            f"{targets:g} targets; errors can be several times return_std."
        )
        tries = ["collect more samples", "leave out features", "use a linear model"]
    else:
        return
    remedy = ", ".join(tries[:-1]) + f", or {tries[-1]}."
    yield f"If you expect more, {remedy}"


# Scales.


def of_scales(
    estimator: Any, job: Job, result: Result, *, limited: bool
) -> Iterator[str]:
    """Yield how to scale the data, if the fit is poor and scales are far apart.

    If training has not come to its ``limited`` number of epochs, the fit must be
    useless for a warning.
    """
    problem, samples = job.problem, job.problem.samples
    if not isinstance(samples, Samples):
        return
    history = result.history
    # One thread: those of BLAS would spin for a tenth of a second after a long sum.
    constant = with_blas_threads_for(
        WORTH_THREADS - 1, lambda: problem.loss_of_constant
    )
    bad = (1.0 - (POOR if limited else USELESS)) * constant
    last = history.loss_curve[-1] if history.loss_curve else np.inf
    if last < bad and not history.validation_scores:
        # Training ended with weights that are good enough. (If there are validation
        # scores, earlier weights may have been chosen.) The pass over all samples below
        # takes a third of an epoch.
        return
    with np.errstate(all="ignore"):
        losses = partial(problem.losses, result.model.theta[:1])
        loss = float(with_blas_threads_for(WORTH_THREADS - 1, losses)[0])
    if not (isfinite(loss) and loss >= bad):
        return
    advice = [*of_features(samples, scales_of(samples))]
    if problem.loss.activation not in RANGES:
        # Predictions of any size: those of other losses cannot simply be scaled.
        advice += of_targets(estimator, samples)
    if advice and not limited:
        yield "The network predicts no better than a constant."
    if advice:
        yield (
            f"The loss on the training data is {loss:.4g}, and "
            f"{constant:.4g} for a constant prediction."
        )
    yield from advice


def badly_scaled(job: Job) -> bool:
    """Return whether scales of features are far apart, or far from 1, or unknown."""
    samples = job.problem.samples
    if not isinstance(samples, Samples):
        return True
    scales = scales_of(samples)
    return scales.apart or scales.off


def of_features(samples: Samples, scales: Scales) -> Iterator[str]:
    """Yield how to scale X."""
    scaler = "MaxAbsScaler" if issparse(samples.X) else "StandardScaler"
    if scales.apart:
        yield (
            f"The scales of the features differ by a factor of "
            f"{scales.high / scales.low:.2g}: scale X, with {scaler} in a pipeline."
        )
    elif scales.off:
        yield (
            f"The features have scales of {scales.low:.2g} to {scales.high:.2g}: "
            f"scale X, with {scaler} in a pipeline."
        )


def of_targets(estimator: Any, samples: Samples) -> Iterator[str]:
    """Yield how to scale y, whose variance should be about 1."""
    remedy = "set target_scaling='standard'."
    if "target_scaling" in rules_of(estimator).fixed:
        remedy = (
            "scale y, with TransformedTargetRegressor(model, "
            "transformer=StandardScaler())."
        )
    low, high = spread_of_targets(samples)
    if high**2 > FAR or low**2 < 1.0 / FAR:
        yield f"The standard deviation of y is {high:.2g}: {remedy}"
