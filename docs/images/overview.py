"""Draw the picture at the top of the README, and fill in the README's figures.

    python docs/images/overview.py --measure     # minutes: runs the benchmark first
    python docs/images/overview.py               # draws docs/benchmarks.json again

Both the picture and the table in the README come from docs/benchmarks.json, which is
what examples/benchmarks/against_mlp.py --json wrote, and where.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import scipy
import sklearn
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from skbp import BPClassifier

matplotlib.use("Agg")
import matplotlib.pyplot as plt

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
FIGURES = DOCS / "benchmarks.json"
MARKS = ("<!-- figures: begin -->\n", "<!-- figures: end -->\n")

INK, GREY, PALE = "#22303c", "#8a97a3", "#e9edf1"
THEIRS, OURS = "#f2a541", "#1b5e9b"
BARS = {"float64": "#1b5e9b", "float32": "#6fb1e4"}


def measure(runs: int) -> None:
    """Run the benchmark and write its figures."""
    benchmark = ROOT / "examples" / "benchmarks" / "against_mlp.py"
    options = ["--runs", str(runs), "--json", str(FIGURES)]
    subprocess.run([sys.executable, benchmark, *options], check=True)
    figures = json.loads(FIGURES.read_text())
    figures["where"] = (
        f"{os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}, "
        f"medians of {runs} runs"
    )
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")


def pairs(figures: dict[str, Any], part: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a part as {what: {dtype: row}}."""
    table: dict[str, dict[str, Any]] = {}
    for row in figures[part]:
        table.setdefault(row["what"], {})[row["dtype"]] = row
    return table


def geometric_means(figures: dict[str, Any]) -> list[str]:
    """Return those of the ratios in float32 and in float64."""
    return [f"{figures[f'geometric_mean_{d}']:.1f}" for d in ("float32", "float64")]


def table(figures: dict[str, Any]) -> str:
    """Return the README's table, in Markdown."""
    lines = [
        "| | float32: MLP | skbp | ratio | float64: MLP | skbp | ratio |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for what, row in pairs(figures, "fit").items():
        cells = [f"Adam step, {what} rows"]
        for dtype in ("float32", "float64"):
            r = row[dtype]
            cells += [f"{r['theirs_us']:.0f} µs", f"{r['ours_us']:.0f} µs"]
            cells.append(f"**{r['ratio']:.1f}**")
        lines.append(f"| {' | '.join(cells)} |")
    means = [f"**{mean}**" for mean in geometric_means(figures)]
    lines.append(f"| geometric mean | | | {means[0]} | | | {means[1]} |")
    for what, row in pairs(figures, "calls").items():
        cells = [what.replace("000 x", " 000 ×")]
        for dtype in ("float32", "float64"):
            r = row[dtype]
            cells += [f"{r['theirs_s']:.2f} s", f"{r['ours_s']:.2f} s"]
            cells.append(f"**{r['ratio']:.1f}**")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "How many times sooner small calls return:", ""]
    rows = sorted({row["n"] for row in figures["small"]})
    lines.append(f"| | {' | '.join(f'{n} rows' for n in rows)} |")
    lines.append(f"|---|{'--:|' * len(rows)}")
    for what in dict.fromkeys(row["what"] for row in figures["small"]):
        known = {r["n"]: r["ratio"] for r in figures["small"] if r["what"] == what}
        cells = [f"{known[n]:.1f}" if n in known else "" for n in rows]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    million = figures["million"]
    most = max(value for name, value in million.items() if name != "data_mb")
    lines += [
        "",
        "Memory: a full-batch fit or a prediction on 1 000 000 × 20 (float64) holds at "
        f"most {most:.0f} MB beside the data.",
        f"Measured on {figures['where']}.",
    ]
    return "\n".join(lines) + "\n"


def fill_readme(figures: dict[str, Any]) -> None:
    """Write the table into the README, between its marks."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    head, rest = text.split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    readme.write_text(f"{head}{MARKS[0]}\n{table(figures)}\n{MARKS[1]}{tail}")


def draw_curves(ax: Any) -> None:
    """The loss of both networks on the digits."""
    X, y = load_digits(return_X_y=True)
    options = {"max_iter": 100, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MLPClassifier(**options).fit(X / 16, y)
        ours = BPClassifier(**options).fit(X / 16, y)
    epochs = np.arange(1, 1 + ours.n_iter_)
    ax.plot(epochs, theirs.loss_curve_, color=THEIRS, lw=7, alpha=0.75)
    ax.plot(epochs, ours.loss_curve_, color=OURS, lw=1.8)
    ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_title("The same network …", loc="left", pad=26)
    ax.text(0, 1.035, "training loss on the digits, seed 0", transform=ax.transAxes)
    ax.annotate(
        "MLPClassifier",
        (epochs[24], theirs.loss_curve_[24]),
        (40, 34),
        textcoords="offset points",
        color="#b96f0e",
        weight="bold",
        arrowprops={"arrowstyle": "-", "color": THEIRS, "shrinkB": 4},
    )
    ax.annotate(
        "BPClassifier",
        (epochs[56], ours.loss_curve_[56]),
        (30, 34),
        textcoords="offset points",
        color=OURS,
        weight="bold",
        arrowprops={"arrowstyle": "-", "color": OURS},
    )
    difference = max(
        np.abs(W - V).max() for W, V in zip(ours.coefs_, theirs.coefs_, strict=True)
    )
    ax.text(
        0.04,
        0.06,
        f"largest difference between\ntheir weights: {difference:.0e}",
        transform=ax.transAxes,
        linespacing=1.5,
    )


def draw_times(ax: Any, figures: dict[str, Any]) -> None:
    """The time of a step, as a part of MLPClassifier's."""
    rows = pairs(figures, "fit")
    end = max(100, *(100 / row["ratio"] for row in figures["fit"]))
    for i, row in enumerate(rows.values()):
        for j, dtype in enumerate(("float32", "float64")):
            place, r = i + 0.21 * (2 * j - 1), row[dtype]
            part = 100 * r["ours_us"] / r["theirs_us"]
            ax.barh(place, 100, 0.38, color=PALE)
            label = dtype if i == 0 else None
            ax.barh(place, part, 0.38, color=BARS[dtype], label=label)
            ax.text(
                end + 3,
                place,
                f"{r['ours_us']:,.0f} of {r['theirs_us']:,.0f} µs".replace(",", " "),
                va="center",
                fontsize=8.5,
            )
    ax.axvline(100, color=THEIRS, lw=2)
    ax.set_xlim(0, end)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), [what.split(" / ")[0] for what in rows])
    ax.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
    ax.tick_params(length=0)
    ax.set_xlabel("time of a step of Adam, where MLPClassifier's is 100 %")
    means = geometric_means(figures)
    ax.set_title("… in a part of the time", loc="left", pad=26)
    ax.text(
        0,
        1.035,
        f"{means[0]} × faster in float32, {means[1]} × in float64 (geometric means)",
        transform=ax.transAxes,
    )
    ax.legend(
        loc="lower right",
        bbox_to_anchor=(1.3, 1.08),
        ncols=2,
        handlelength=1,
        borderpad=0,
    )


def draw(figures: dict[str, Any]) -> None:
    """Draw the picture."""
    style = {
        "font.size": 10,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": GREY,
        "axes.titlesize": 14,
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
    with plt.rc_context(style):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(11.5, 4.6), width_ratios=[1, 1.25], layout="constrained"
        )
        figure.get_layout_engine().set(wspace=0.06, w_pad=0.1, h_pad=0.1)
        draw_curves(left)
        draw_times(right, figures)
        right.spines[["left", "bottom"]].set_visible(False)
        figure.savefig(DOCS / "images" / "overview.png", dpi=160)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the benchmark")
    parser.add_argument("--runs", type=int, default=7, help="its runs of each side")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.runs)
    figures = json.loads(FIGURES.read_text())
    draw(figures)
    fill_readme(figures)


if __name__ == "__main__":
    main()
