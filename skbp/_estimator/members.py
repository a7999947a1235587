"""The networks that predict together, as a user sees them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skbp._estimator.by_hand import check_fitted, model_of
from skbp.engine.arrays import Array
from skbp.engine.model import Model, unpacked


class Member(NamedTuple):
    """One of the networks that predict together: an entry of ``members_``.

    Attributes
    ----------
    coefs : list of ndarray of shape (inputs of the layer, units of the layer)
        The weights of each layer, in the shapes of ``coefs_``.
    intercepts : list of ndarray of shape (units of the layer,)
        The biases of each layer, in the shapes of ``intercepts_``.
    share : ndarray of shape (n_outputs,)
        The share of the network in each output. The shares of all members sum to 1.
    """

    coefs: list[npt.NDArray[Any]]
    intercepts: list[npt.NDArray[Any]]
    share: npt.NDArray[Any]


def members_of(estimator: Any) -> list[Member]:
    """Return the networks that predict together, with arrays that are read-only."""
    check_fitted(estimator)
    model = model_of(estimator)
    theta, n_outputs = read_only(model.theta), model.network.units[-1]
    return [
        Member(
            *unpacked(model.network, theta[k : k + 1]),
            read_only(np.broadcast_to(share, n_outputs)),
        )
        for k, share in enumerate(model.shares)
    ]


def sole_model(estimator: Any, what: str) -> Model:
    """Return the model of an estimator of which one network predicts alone."""
    check_fitted(estimator)
    model = model_of(estimator)
    if len(model.theta) > 1:
        raise ValueError(
            f"{what} is a single network, but here {len(model.theta)} networks predict "
            "together: an ensemble, or a linear model beside a network (see "
            "linear_share_). Set ensemble=1 and fit again, or use the weights in "
            "members_."
        )
    return model


def units_of(estimator: Any) -> tuple[Array, Array] | None:
    """Return scale and center of y, if the network was trained on y in other units.

    A prediction is then the output of the network times the scale plus the center.
    """
    fitted = vars(estimator)
    if fitted.get("target_scale_") is None:
        return None
    return fitted["target_scale_"], fitted["target_center_"]


def weights_in_units(
    estimator: Any, model: Model
) -> tuple[list[Array], list[Array], bool]:
    """Return copies of the weights of a network whose outputs are in the units of y.

    The third result is whether they are: the last layer must have no activation.
    """
    coefs, intercepts = unpacked(model.network, model.theta[:1].copy())
    units = units_of(estimator)
    if units is None:
        return coefs, intercepts, True
    if model.output != "identity":
        return coefs, intercepts, False
    scale, center = units
    coefs[-1], intercepts[-1] = coefs[-1] * scale, intercepts[-1] * scale + center
    dtype = model.theta.dtype
    return (
        [W.astype(dtype, copy=False) for W in coefs],
        [b.astype(dtype, copy=False) for b in intercepts],
        True,
    )


def read_only(array: Array) -> Array:
    """Return a view that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
