"""Arrays of other libraries, such as PyTorch's tensors, as arrays of NumPy.

scikit-learn converts them, too. But with array API dispatch it hands them on as they
are, and without it, it does not see that their numbers are float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def as_numpy(value: Any, name: str = "X") -> Any:
    """Return an array of another library as an array of NumPy, and others unchanged."""
    if isinstance(value, np.ndarray | np.generic):
        return value
    is_tensor = type(value).__module__.partition(".")[0] == "torch"
    if not is_tensor and not hasattr(value, "__array_namespace__"):
        return value
    if getattr(value, "requires_grad", False):
        raise TypeError(
            f"{name} is a tensor that requires a gradient, which cannot pass through "
            f"this network. Pass {name}.detach()."
        )
    device = str(getattr(value, "device", "cpu"))
    if is_tensor and device != "cpu":
        raise TypeError(
            f"{name} is a tensor on {device}, but the network computes on the CPU. "
            f"Pass {name}.cpu()."
        )
    try:
        return np.asarray(value)
    except (TypeError, RuntimeError, ValueError) as error:
        raise TypeError(
            f"{name} cannot be converted to a NumPy array: {str(error).rstrip('.')}. "
            "Pass a dense array of float32 or float64."
        ) from None
