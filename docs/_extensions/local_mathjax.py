"""MathJax from a copy beside the pages, so that they load nothing from other hosts.

The copy comes from the package django-static-mathjax, which contains MathJax's files
and no code. The file chosen draws formulas as SVG and needs no fonts.
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

NAME = "tex-svg-full.js"
PATH = f"mathjax/{NAME}"


def copy(app: Any, error: Exception | None) -> None:
    """Copy the file into the folder that mathjax_path is relative to."""
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / "mathjax"
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("mathjax") / "static" / "mathjax" / "es5" / NAME) as path:
        shutil.copyfile(path, folder / NAME)


def setup(app: Any) -> dict[str, Any]:
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
