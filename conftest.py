"""Modules of the package that need an extra: without it, their examples do not run."""

from importlib.util import find_spec

#: Modules of the package, and the package that each of them is for.
NEEDS = {"skbp/callbacks.py": "sklearn.callback", "skbp/onnx.py": "skl2onnx"}

collect_ignore = [path for path, package in NEEDS.items() if not find_spec(package)]
