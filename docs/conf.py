"""Sphinx configuration: python -m sphinx -W docs docs/_build"""

import json
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from threadpoolctl import threadpool_limits

import skbp

# For gallery_style.py, docstrings.py and the extensions.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import grouped_parameters
import landing
import public_names
from docstrings import CLASSES, SOURCE, selected
from inventories import intersphinx_mapping as mapping

from skbp._estimator import described

DOCS = Path(__file__).parent

# The gallery runs in this process: on a busy machine the threads of BLAS, if there are
# several, wait for each other.
threadpool_limits(1)

# In the gallery, HTML representations link to the pages of this site.
described.address_of_documentation = lambda: "../.."

project = "skbp"
author = "the skbp developers"
copyright = "2026, the skbp developers"
version = release = skbp.__version__

extensions = [
    "grouped_parameters",
    "local_mathjax",
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = [
    "_build",
    "docstrings.py",
    "gallery_style.py",
    "snippets.py",
    "images/*.py",
    "auto_examples/**/*.ipynb",
    "auto_examples/**/*.json",
    "auto_examples/**/*.py",
]
templates_path = ["_templates"]

# The pages load nothing from other hosts: fonts and icons come with the theme, MathJax
# with local_mathjax.py.
html_theme = "pydata_sphinx_theme"
html_title = f"skbp {version}"
html_static_path = ["_static"]
html_css_files = ["skbp.css"]
html_show_sourcelink = False
# Pages without others beside them need no list of these.
ALONE = (
    "index",
    "derivation*",
    "documents*",
    "architecture",
    "changelog",
    "contributing",
    "citing",
    "ecosystem",
)
html_sidebars = {page: [] for page in ALONE}
html_theme_options = {
    "logo": {"text": "skbp"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-light",
    "pygments_dark_style": "a11y-dark",
}
mathjax_path = "mathjax/tex-svg-full.js"

myst_heading_anchors = 3
myst_enable_extensions = [
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "dollarmath",
    "substitution",
]
# On code hosts, ```math is a formula, too.
myst_fence_as_directive = ["math"]
# The figures of the landing page are those of the benchmarks.
myst_substitutions = landing.figures(json.loads((DOCS / "benchmarks.json").read_text()))

# Prompts and output are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_context = {
    "own_methods": public_names.own_methods(),
    "inherited_methods": public_names.inherited_methods(),
}
autodoc_member_order = "bysource"
# The types are in the docstrings.
autodoc_typehints = "none"
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
grouped_parameters.GROUPS = {
    f"skbp.{name}": selected(SOURCE.read_text("utf-8"), letter)[1]
    for letter, (_, name) in CLASSES.items()
}

# A role that names nothing known is a warning, so that it is not printed as plain text.
nitpicky = True
intersphinx_mapping = mapping(DOCS / "references.txt", DOCS / "_build" / ".inventories")

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


def without_blank_end(app: Any, doctree: Any) -> None:
    """Remove the blank line that ends each example, which doctest needs."""
    for block in doctree.findall(nodes.literal_block):
        text = block.astext().rstrip("\n")
        block.rawsource, block.children = text, []
        block += nodes.Text(text)


def setup(app: Any) -> None:
    app.connect("doctree-read", without_blank_end)
