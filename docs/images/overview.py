"""Draw the picture at the top of the README, and fill in the README's figures.

    python docs/images/overview.py --measure     # minutes: runs the benchmarks first
    python docs/images/overview.py               # draws docs/benchmarks.json again

Both the picture and the tables in the README come from docs/benchmarks.json. It holds
what two benchmarks in examples/benchmarks wrote, and where they ran: against_mlp.py,
and under "searches" sweep.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from textwrap import fill
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
DTYPES = ("float64", "float32")
#: The searches of sweep.py.
SEARCHES = {
    "a": "digits, 27 candidates of 3 sizes, 5 folds",
    "b": "1000 × 10, 16 hidden units, 45 candidates, 5 folds",
    "c": "20 000 × 20, a pipeline with a scaler, 9 candidates, 5 folds",
    "halving": "successive halving, 1000 × 10, 27 candidates, 5 folds",
}
#: Small calls that the README shows.
SMALL = {
    "classifier, predict": "`predict`",
    "classifier, predict_proba": "`predict_proba`",
    "classifier, partial_fit": "`partial_fit`",
    "classifier, fit, warm, 1 epoch": "`fit`, one epoch, `warm_start=True`",
    "regressor, predict": "`predict` of a regressor",
    "regressor, partial_fit": "`partial_fit` of a regressor",
}

INK, GREY = "#22303c", "#8a97a3"
THEIRS, OURS = "#f2a541", "#1b5e9b"
BARS = {"float64": "#1b5e9b", "float32": "#6fb1e4"}


# Measure


def measure(runs: int) -> None:
    """Run the benchmarks and write their figures."""
    figures = run("against_mlp.py", runs)
    # A run of the searches takes minutes.
    figures["searches"] = run("sweep.py", min(runs, 3))
    figures["where"] = (
        f"{os.cpu_count()} cores ({platform.machine()}), "
        f"Python {platform.python_version()}, NumPy {np.__version__}, "
        f"SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}, "
        f"medians of {runs} runs"
    )
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")


def run(benchmark: str, runs: int) -> Any:
    """Run a benchmark and return its figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        script = ROOT / "examples" / "benchmarks" / benchmark
        options = ["--runs", str(runs), "--json", str(path)]
        subprocess.run([sys.executable, script, *options], check=True)
        return json.loads(path.read_text())


# Words


def thousands(number: float) -> str:
    """Return a number with spaces between thousands."""
    return f"{number:,.0f}".replace(",", " ") if number >= 1e4 else f"{number:.0f}"


def words(what: str) -> tuple[str, str]:
    """Return the data and the hidden units of a row such as "4-100-3 / 150"."""
    units, rows = what.split(" / ")
    features, *hidden, _ = units.split("-")
    return f"{thousands(int(rows))} × {features}", "-".join(hidden)


def pairs(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Return rows as {key: {dtype: row}}."""
    table: dict[str, dict[str, Any]] = {}
    for row in rows:
        table.setdefault(row[key], {})[row["dtype"]] = row
    return table


def geometric_means(figures: dict[str, Any]) -> list[str]:
    """Return those of the ratios of training steps."""
    return [f"{figures[f'geometric_mean_{dtype}']:.1f}" for dtype in DTYPES]


def filled(text: str) -> str:
    """Return a paragraph in lines of the README's width."""
    return fill(text, 120, break_on_hyphens=False)


# Tables


def table_of_times(figures: dict[str, Any]) -> list[str]:
    """Return the table of training and prediction, in Markdown."""
    lines = [
        "| | float64: MLP | skbp | times faster | with numba "
        "| float32: MLP | skbp | times faster | with numba |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for what, row in pairs(figures["fit"], "what").items():
        size, hidden = words(what)
        cells = [f"training step, {size}, {hidden} hidden units"]
        for r in (row[dtype] for dtype in DTYPES):
            cells += [f"{thousands(r[side])} µs" for side in ("theirs_us", "ours_us")]
            cells.append(f"**{r['ratio']:.1f}**")
            cells.append(f"{r['compiled_ratio']:.1f}" if "compiled_ratio" in r else "")
        lines.append(f"| {' | '.join(cells)} |")
    compiled = [figures.get(f"geometric_mean_compiled_{dtype}") for dtype in DTYPES]
    cells = [
        f" | | **{mean}** | {'' if loops is None else f'{loops:.1f}'} |"
        for mean, loops in zip(geometric_means(figures), compiled, strict=True)
    ]
    lines.append(f"| geometric mean of the above |{''.join(cells)}")
    for what, row in pairs(figures["calls"], "what").items():
        cells = [
            what.replace("000 x", " 000 ×").replace("fit by lbfgs", '`"lbfgs"` fit')
        ]
        for r in (row[dtype] for dtype in DTYPES):
            cells += [f"{r[side]:.2f} s" for side in ("theirs_s", "ours_s")]
            cells += [f"**{r['ratio']:.1f}**", ""]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def table_of_searches(figures: dict[str, Any]) -> list[str]:
    """Return the table of searches, in Markdown; nothing if there are no figures."""
    if "searches" not in figures:
        return []
    names = ("GridSearchCV(MLPClassifier)", "with numba", "GridSearchCV(BPClassifier)")
    lines = [
        "",
        filled(
            "Searches with `BPGridSearchCV` on two workers, beside `GridSearchCV` with "
            "each of the two networks. With numba, the default configuration uses the "
            "compiled loops where they save time. The comparison with skbp's own "
            "network shows what training the candidates side by side brings:"
        ),
        "",
        "| times faster than `GridSearchCV` | with MLP, float64 | float32 "
        "| with numba, float64 | float32 | with skbp, float64 | float32 |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in pairs(figures["searches"], "search").items():
        ratios = [
            f"{row[dtype][n]:.1f}" if n in row[dtype] else ""
            for n in names
            for dtype in DTYPES
        ]
        lines.append(f"| {SEARCHES[name]} | {' | '.join(ratios)} |")
    return lines


def table_of_small_calls(figures: dict[str, Any]) -> list[str]:
    """Return the table of small calls, in Markdown; nothing if there are no figures."""
    if "small" not in figures:
        return []
    table: dict[str, dict[int, str]] = {}
    for row in figures["small"]:
        table.setdefault(row["what"], {})[row["n"]] = f"{row['ratio']:.1f}"
    sizes = sorted({row["n"] for row in figures["small"]})
    lines = [
        "",
        "Calls on few rows, as in a service or on a stream:",
        "",
        "| times faster on | "
        + " | ".join(f"{n} row{'s'[: n > 1]}" for n in sizes)
        + " |",
        f"|---|{'--:|' * len(sizes)}",
    ]
    for what, name in SMALL.items():
        cells = [table[what].get(n, "") for n in sizes]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def tables(figures: dict[str, Any]) -> str:
    """Return the README's tables, in Markdown."""
    million = figures["million"]
    most = max(value for name, value in million.items() if name != "data_mb")
    lines = [
        *table_of_times(figures),
        *table_of_searches(figures),
        *table_of_small_calls(figures),
        "",
        filled(
            "Memory: training on 1 000 000 × 20 numbers in one batch, or predicting "
            f"them, needs at most {most:.0f} MB in addition to the data."
        ),
        "",
        filled(f"Measured on {figures['where']}."),
    ]
    return "\n".join(lines) + "\n"


def fill_readme(figures: dict[str, Any]) -> None:
    """Write the tables into the README, between its marks."""
    readme = ROOT / "README.md"
    text = readme.read_text("utf-8")
    head, rest = text.split(MARKS[0])
    tail = rest.split(MARKS[1])[1]
    readme.write_text(f"{head}{MARKS[0]}\n{tables(figures)}\n{MARKS[1]}{tail}", "utf-8")


# The picture


def draw_curves(ax: Any) -> None:
    """Draw the loss of both networks on the digits."""
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
    ax.set(xlabel="epoch", ylabel="training loss")
    for network, epoch, color in ((theirs, 24, "#b96f0e"), (ours, 56, OURS)):
        ax.annotate(
            type(network).__name__,
            (epochs[epoch], network.loss_curve_[epoch]),
            (36, 34),
            textcoords="offset points",
            color=color,
            weight="bold",
            arrowprops={"arrowstyle": "-", "color": color, "shrinkB": 4},
        )
    difference = max(
        np.abs(W - V).max() for W, V in zip(ours.coefs_, theirs.coefs_, strict=True)
    )
    ax.set_title("Same seed, same weights", loc="left", pad=26)
    ax.text(
        0,
        1.035,
        f"handwritten digits; all weights agree within {difference:.0e}",
        transform=ax.transAxes,
    )


def bars(figures: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return for each bar its label and how many times faster skbp is, by dtype."""
    found = {}
    for what, row in pairs(figures["fit"], "what").items():
        size, hidden = words(what)
        layers = hidden.count("-") + 1
        more = f", {layers} hidden layers" if layers > 1 else ""
        found[f"train on {size}{more}"] = {d: row[d]["ratio"] for d in DTYPES}
    names = {"fit": 'train by "lbfgs" on', "predict_proba": "predict"}
    for what, row in pairs(figures["calls"], "what").items():
        name, size = names[what.split(" ")[0].rstrip(",")], what.rpartition(", ")[2]
        size = size.replace("000 x", " 000 ×")
        found[f"{name} {size}"] = {d: row[d]["ratio"] for d in DTYPES}
    search = pairs(figures.get("searches", []), "search").get("a")
    if search:
        ratios = {d: search[d]["GridSearchCV(MLPClassifier)"] for d in DTYPES}
        found["grid search on digits, 27 candidates"] = ratios
    return found


def draw_ratios(ax: Any, figures: dict[str, Any]) -> None:
    """Draw how many times faster skbp is."""
    rows = bars(figures)
    for i, row in enumerate(rows.values()):
        for j, dtype in enumerate(DTYPES):
            place, ratio = i + 0.2 * (2 * j - 1), row[dtype]
            label = f"{dtype} data" if i == 0 else None
            ax.barh(place, ratio, 0.38, color=BARS[dtype], label=label)
            ax.text(ratio + 0.06, place, f"{ratio:.1f} ×", va="center", fontsize=8.5)
    ax.axvline(1, color=THEIRS, lw=2)
    ax.annotate(
        "scikit-learn", (1, -0.55), (4, 2), textcoords="offset points", color="#b96f0e"
    )
    ax.set_ylim(len(rows) - 0.5, -0.9)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ratios = [ratio for row in rows.values() for ratio in row.values()]
    title = f"{min(ratios):.1f} to {max(ratios):.1f} times faster"
    ax.set_title(title, loc="left", pad=26)
    ax.text(
        0,
        1.035,
        "than MLPClassifier; data are rows × columns",
        transform=ax.transAxes,
    )
    ax.legend(
        loc="upper left", bbox_to_anchor=(0, 0), ncols=2, handlelength=1, borderpad=0.2
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
            1, 2, figsize=(11.5, 4.9), width_ratios=[1, 1.1], layout="constrained"
        )
        figure.get_layout_engine().set(wspace=0.06, w_pad=0.1, h_pad=0.1)
        draw_curves(left)
        draw_ratios(right, figures)
        figure.savefig(DOCS / "images" / "overview.png", dpi=160)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", action="store_true", help="run the benchmarks")
    parser.add_argument("--runs", type=int, default=7, help="their runs of each side")
    arguments = parser.parse_args()
    if arguments.measure:
        measure(arguments.runs)
    figures = json.loads(FIGURES.read_text("utf-8"))
    draw(figures)
    fill_readme(figures)


if __name__ == "__main__":
    main()
