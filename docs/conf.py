"""Sphinx configuration: sphinx-build -W docs docs/_build"""

import sys
from pathlib import Path

from threadpoolctl import threadpool_limits

from skbp import __version__

# For gallery_style.py.
sys.path.insert(0, str(Path(__file__).parent))

# The gallery runs in this process: on a busy machine the threads of BLAS, if there are
# several, wait for each other.
threadpool_limits(1)

project = "skbp"
author = "the skbp developers"
copyright = "2026, the skbp developers"
version = release = __version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "docstrings.py",
    "gallery_style.py",
    "images/*.py",
    "auto_examples/**/*.ipynb",
    "auto_examples/**/*.json",
    "auto_examples/**/*.py",
]

html_theme = "furo"
html_title = f"skbp {version}"

myst_heading_anchors = 3
myst_enable_extensions = ["amsmath", "dollarmath"]
# On code hosts, ```math is a formula, too.
myst_fence_as_directive = ["math"]
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
# The types are in the docstrings.
autodoc_typehints = "none"

# Terms of scikit-learn's glossary are not looked up, since building needs no network.
suppress_warnings = ["ref.term"]

# The gallery is examples/*/plot_*.py, each run while the pages are built.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "plot_",
    "ignore_pattern": r"^(?!.*\bplot_)",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "image_srcset": ["2x"],
    "reset_modules": ("matplotlib", "gallery_style.apply"),
    "show_signature": False,
    "subsection_order": [
        "../examples/using",
        "../examples/training",
        "../examples/documents",
    ],
    "within_subsection_order": "gallery_style.InOrder",
    "write_computation_times": False,
}
