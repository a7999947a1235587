"""The cost of a fitted network and its gradient, on any samples."""

from __future__ import annotations

from typing import Any, NamedTuple

from skbp._data.checks import check_range
from skbp._data.read import Data, as_trained, read_known
from skbp._estimator.by_hand import check_fitted, model_of, targets_of
from skbp._estimator.parameters import estimate_of, fixed_alpha, validate_params
from skbp._targets import Targets
from skbp.engine.arrays import Array, DType
from skbp.engine.objective import Objective
from skbp.engine.samples import Samples


class Cost(NamedTuple):
    """The cost J of a network on some samples, and its parts: J = loss + penalty."""

    J: float
    loss: float
    penalty: float


def objective_of(
    estimator: Any, X: Any, y: Any, sample_weight: Any, dtype: DType | None = None
) -> Objective:
    """Return J at the fitted weights on these samples."""
    check_fitted(estimator)
    validate_params(estimator)
    # The targets of a fit, even if the user has changed out_activation_ since.
    targets: Targets = vars(estimator).get("_bp_targets") or targets_of(estimator)
    read = read_known(estimator, targets, Data(X, y, sample_weight))
    samples, model = as_trained(read), model_of(estimator)
    theta = model.theta[:1].astype(dtype or model.theta.dtype)
    assert isinstance(samples, Samples)
    check_range(samples.X, theta.dtype)
    check_range(samples.Y, theta.dtype, "y")
    alpha = fixed_alpha(estimator)
    return Objective(model.network, targets.loss(), samples, alpha, theta)


def penalties_of(estimator: Any) -> Array | None:
    """Return lambda of each parameter (P,), if a fit has estimated it, else None."""
    posterior = model_of(estimator).posterior
    return posterior.penalties if estimate_of(estimator) and posterior else None
