"""Settings of the package, for a block of code or for a process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

Compiled = Literal["auto"] | bool

#: The values of the environment variable SKBP_COMPILED.
_NAMES: dict[str, Compiled] = {"auto": "auto", "1": True, "0": False}

_compiled: ContextVar[Compiled | None] = ContextVar("compiled", default=None)


def get_config() -> dict[str, Any]:
    """Return the current settings of the package.

    Returns
    -------
    config : dict
        ``"compiled"`` is described in :func:`config_context`.

    Examples
    --------
    >>> import skbp
    >>> with skbp.config_context(compiled=False):
    ...     skbp.get_config()
    {'compiled': False}
    """
    value = _compiled.get()
    if value is not None:
        return {"compiled": value}
    name = os.environ.get("SKBP_COMPILED", "auto")
    if name not in _NAMES:
        raise ValueError(
            f"The environment variable SKBP_COMPILED must be one of {sorted(_NAMES)}; "
            f"got {name!r}."
        )
    return {"compiled": _NAMES[name]}


@contextmanager
def config_context(*, compiled: Compiled) -> Iterator[None]:
    """Change settings of the package for a block of code.

    The searches of this package take the setting to their workers. Other code with
    workers, such as scikit-learn's ``cross_val_score`` with ``n_jobs``, does not: the
    environment variable ``SKBP_COMPILED`` (``auto``, ``1`` or ``0``) sets the same for
    a process and its worker processes.

    Parameters
    ----------
    compiled : "auto" or bool
        Whether stochastic solvers train with compiled loops, which need numba
        (``pip install skbp[fast]``). The same seed gives the same weights up to
        rounding. In float32, long trainings may carry rounding errors further: losses
        agree, single weights may not. "auto", the default, uses them where they are
        expected to save more than the half second that loading takes, and compiles them
        where they are expected to save 15 seconds. With True they are also compiled if
        they never were before, which takes about 6 seconds for each of float32 and
        float64, once on a machine. Sparse matrices, Dask collections, losses of your
        own and weights of single targets are trained on without them.

    Raises
    ------
    ValueError
        If ``compiled`` is something else. ``fit`` raises it with True, if numba is
        missing or cannot be imported; "auto" then trains without the loops.

    Examples
    --------
    >>> import skbp
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> with skbp.config_context(compiled=False):
    ...     model = skbp.BPClassifier(tol=0.1, random_state=0).fit(X, y)
    """
    if compiled not in ("auto", True, False) or not isinstance(compiled, str | bool):
        raise ValueError(f"compiled must be 'auto', True or False; got {compiled!r}.")
    token = _compiled.set(compiled)
    try:
        yield
    finally:
        _compiled.reset(token)
