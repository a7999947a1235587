"""Sphinx configuration: sphinx-build -W docs docs/_build"""

from skbp import __version__

project = "skbp"
author = "the skbp developers"
copyright = "2026, the skbp developers"
version = release = __version__

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "images/*.py"]

html_theme = "furo"
html_title = f"skbp {version}"

myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_member_order = "bysource"

# Terms of scikit-learn's glossary are not looked up, since building needs no network.
suppress_warnings = ["ref.term"]
