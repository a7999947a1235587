"""The public objects of the package and their methods, for the pages of the API."""

from __future__ import annotations

import inspect
from typing import Any

import skbp
import skbp.callbacks
import skbp.compat

#: scikit-learn's methods that are documented here as well as ours.
OURS_TOO = ("fit", "set_callbacks")


def public_objects() -> dict[str, Any]:
    """Return the public classes and functions by their full names."""
    found = {}
    for module in (skbp, skbp.compat, skbp.callbacks):
        for name in module.__all__:
            if not name.startswith("__"):
                found[f"{module.__name__}.{name}"] = getattr(module, name)
    return found


def methods(cls: type) -> dict[str, Any]:
    """Return the public methods of a class."""
    found = {}
    for name in dir(cls):
        # Some are not available in every class, or with every parameter.
        method = None if name.startswith("_") else getattr(cls, name, None)
        if inspect.isfunction(method) or inspect.ismethod(method):
            found[name] = method
    return found


def is_own(cls: type, name: str, method: Any) -> bool:
    """Return whether a method is documented on the page of its class."""
    ours = method.__module__.startswith("skbp")
    if cls.__module__ == "skbp.compat":
        # decision_function is there to be missing, as in scikit-learn's class.
        return ours and name in vars(cls) and name != "decision_function"
    return ours or name in OURS_TOO


def own_methods() -> dict[str, list[str]]:
    """Return the names of the methods documented on the page of each class."""
    return {
        full: [n for n, m in methods(cls).items() if is_own(cls, n, m)]
        for full, cls in public_objects().items()
        if inspect.isclass(cls)
    }


def inherited_methods() -> dict[str, list[str]]:
    """Return the names of all other methods of each class."""
    own = own_methods()
    return {
        full: [n for n in methods(public_objects()[full]) if n not in own[full]]
        for full in own
    }
