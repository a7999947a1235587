"""The look of the gallery's pictures, that of images/overview.py, and their order."""

from typing import Any

import matplotlib.pyplot as plt

INK, GREY = "#22303c", "#8a97a3"
#: The pages that come first in their part of the gallery, in this order. The others
#: follow by name.
FIRST = (
    "plot_without_tuning.py",
    "plot_table.py",
    "plot_intervals.py",
    "plot_imbalanced.py",
    "plot_text.py",
    "plot_stream.py",
    "plot_sweep.py",
    "plot_loss_curves.py",
    "plot_networks.py",
    "plot_schedules.py",
    "plot_regularisation.py",
    "plot_evidence.py",
    "plot_robust_losses.py",
)
#: Dark blue, orange, grey, light blue, red and green: C0 to C5.
COLOURS = ("#1b5e9b", "#f2a541", "#77838f", "#6fb1e4", "#c8553d", "#3d8b6e")

STYLE = {
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlepad": 10,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.hspace": 0.04,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.wspace": 0.03,
    "font.size": 10,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def apply(gallery_conf: dict[str, Any], name: str) -> None:
    """Set the style; sphinx-gallery calls this before each example."""
    plt.rcParams.update(STYLE)


class InOrder:
    """The key by which sphinx-gallery sorts the pages of a part."""

    def __init__(self, src_dir: str) -> None:
        pass

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return the place of a page."""
        known = filename in FIRST
        return FIRST.index(filename) if known else len(FIRST), filename
