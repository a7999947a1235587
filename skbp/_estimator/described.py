"""How estimators describe themselves: links to their documentation, and a summary."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, metadata
from typing import Any

import numpy.typing as npt

from skbp._estimator.attributes import computed
from skbp._estimator.importances import importances_of
from skbp._estimator.summary import Summary, summary_of
from skbp._sklearn import with_html


def address_of_documentation() -> str:
    """Return the address of the built documentation, from [project.urls]."""
    try:
        urls = metadata("skbp").get_all("Project-URL") or []
    except PackageNotFoundError:
        urls = []
    named = dict(str(url).split(", ", 1) for url in urls)
    return named.get("Documentation", "").rstrip("/")


class Documented:
    """What scikit-learn's HTML representation needs for tooltips and links."""

    _doc_link_module = "skbp"

    @property
    def _doc_link_template(self) -> str:
        address = address_of_documentation()
        page = "/api/generated/{estimator_module}.{estimator_name}.html"
        # Without an address there are tooltips alone.
        return address + page if address else "#"

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        kind = type(self)
        module = kind.__module__ if kind.__module__ == "skbp.compat" else "skbp"
        return {"estimator_module": module, "estimator_name": kind.__name__}


class Described(Documented):
    """What a fitted network says about itself."""

    @property
    def feature_importances_(self) -> npt.NDArray[Any]:
        # (Documented with the other attributes, in the docstring of the class.)
        with computed("feature_importances_"):
            return importances_of(self)

    def summary(self) -> Summary:
        """Return the layers of the fitted network, and how training ended.

        Returns
        -------
        summary : Summary
            An object that prints as text, and that notebooks show as a table.
            ``summary.to_frame()`` is a data frame of pandas with a row for each layer;
            ``summary.layers`` and ``summary.notes`` are lists.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0)
        >>> model.fit(X, y).summary()
        BPRegressor
        ---------------------------------------
        layer     units  activation  parameters
        ---------------------------------------
        input         1  –                    0
        hidden 1      2  tanh                 4
        output        1  identity             3
        ---------------------------------------
        7 parameters.
        Trained by lbfgs. Training ended after 32 iterations: converged (tol=0.0001).
        Loss at the end: 0.00011...
        """
        return summary_of(self)

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        # scikit-learn from 1.9 on asks for this table, in pipelines, too.
        table = super()._get_fitted_attr_html(doc_link)  # type: ignore[misc]
        # A representation never fails: weights set by hand may not fit together, and
        # parameters that nobody has checked yet may be anything.
        with suppress(KeyError, TypeError, ValueError):
            table = with_html(table, summary_of(self).to_html())
        return table
