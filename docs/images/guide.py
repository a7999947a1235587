"""Draw the pictures of the user guide, and fill in the tables of its last page.

    python docs/images/guide.py           # all of them, in a minute
    python docs/images/guide.py NAME ...  # these, such as quantiles

The tables and the picture "alternatives" come from docs/alternatives.json, which
examples/benchmarks/alternatives.py --json has written.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_moons
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import (
    BPClassifier,
    BPGridSearchCV,
    BPRegressor,
    NetworkDisplay,
    SweepDisplay,
)
from skbp.engine.activations import HIDDEN

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap

sys.path.insert(0, str(Path(__file__).parents[1]))
from gallery_style import GREY, INK, STYLE

DOCS = Path(__file__).parents[1]
FIGURES = DOCS / "alternatives.json"
PAGE = DOCS / "guide" / "alternatives.md"
TABLES = DOCS / "tabular.json"

BLUE, ORANGE, GREEN, PALE = "#1b5e9b", "#e08a1e", "#2f8f5b", "#cfe0ef"
REGIONS = ListedColormap(["#cfe0ef", "#fbe3c4"])
POINTS = ListedColormap([BLUE, ORANGE])

#: The estimators of alternatives.json: how they are called, and their marks.
ESTIMATORS = {
    "linear": ("Linear", "s", GREY),
    "network": ("Network", "o", PALE),
    "searched": ("Searched", "o", BLUE),
    "evidence": ("Evidence", "D", GREEN),
    "trees": ("Trees", "^", ORANGE),
}


def axes(rows: int = 1, columns: int = 1, height: float = 3.2, **options: Any) -> Any:
    """Return a figure of the guide's width and its axes."""
    return plt.subplots(
        rows, columns, figsize=(7.6, height), layout="constrained", **options
    )


def scaling() -> Any:
    """The loss with and without a scaler."""
    X, y = load_breast_cancer(return_X_y=True)
    X, _, y, _ = train_test_split(X, y, random_state=0)
    figure, ax = axes()
    options = {"max_iter": 100, "random_state": 0}
    options |= {"n_iter_no_change": np.inf}
    for name, data, color in (
        ("original features", X, ORANGE),
        ("standardised features", StandardScaler().fit_transform(X), BLUE),
    ):
        network = BPClassifier((50,), **options).fit(data, y)
        ax.plot(network.loss_curve_, color=color, lw=1.8, label=name)
    ax.set(yscale="log", xlabel="epoch", ylabel="training loss")
    ax.legend()
    return figure


def activations() -> Any:
    """All activation functions and their derivatives."""
    figure, grid = axes(3, 4, height=5.4, sharex=True, sharey=True)
    z = np.linspace(-3, 3, 301)
    for ax, name in zip(grid.flat, HIDDEN, strict=True):
        f = partial(output_of, name)
        ax.axhline(0, color=GREY, lw=0.5)
        ax.axvline(0, color=GREY, lw=0.5)
        slope = (f(z + 1e-4) - f(z - 1e-4)) / 2e-4
        ax.plot(z, slope, color=ORANGE, lw=1.4, label="f'(z)")
        ax.plot(z, f(z), color=BLUE, lw=2, label="f(z)")
        ax.set_title(name, fontsize=10)
        ax.set(ylim=(-1.9, 3.1), xlim=(-3, 3))
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=2)
    return figure


def output_of(name: str, z: Any) -> Any:
    """Return f(z), as a network of one unit with weight 1 computes it."""
    network = BPRegressor((), output_activation=name)
    network.coefs_, network.intercepts_ = [np.ones((1, 1))], [np.zeros(1)]
    network.out_activation_ = name
    return network.predict(z[:, None])


def schedules() -> Any:
    """The learning rate over the epochs, by schedule."""
    figure, grid = axes(2, 3, height=3.8, sharex=True, sharey=True)
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 2))
    y = X[:, 0] * X[:, 1]
    options = {"n_iter_no_change": np.inf, "max_iter": 20, "random_state": 0}
    cases = {
        "constant": {"learning_rate": "constant"},
        "cosine": {"learning_rate": "cosine"},
        "cosine, warmup=3": {"learning_rate": "cosine", "warmup": 3},
        "one_cycle": {"learning_rate": "one_cycle"},
        "step": {"learning_rate": "step", "learning_rate_step": 5},
        "exponential": {"learning_rate": "exponential", "learning_rate_step": 5},
    }
    for ax, (name, case) in zip(grid.flat, cases.items(), strict=True):
        network = BPRegressor((4,), batch_size=20, **options, **case).fit(X, y)
        rates = [0.0 if "warmup" in name else np.nan, *network.learning_rate_curve_]
        ax.plot(1000 * np.array(rates), color=BLUE, lw=2)
        ax.set_title(name, fontsize=10)
        ax.set(ylim=(0, 1.08), xlim=(0, 20), xticks=[0, 10, 20])
    figure.supxlabel("epoch", fontsize=10, color=INK)
    figure.supylabel("rate × 1000", fontsize=10, color=INK)
    return figure


def early_stopping() -> Any:
    """Training and validation loss, and the epoch that is kept."""
    X, y = load_digits(return_X_y=True)
    X, X_val, y, y_val = train_test_split(X / 16, y, train_size=200, random_state=0)
    network = BPClassifier(
        (100,),
        max_iter=150,
        learning_rate_init=0.01,
        alpha=0.0,
        n_iter_no_change=np.inf,
        random_state=0,
    ).fit(X, y, X_val=X_val, y_val=y_val)
    validation = np.array(network.validation_loss_curve_)
    best = int(validation.argmin())
    figure, ax = axes()
    ax.plot(network.loss_curve_, color=BLUE, lw=1.8, label="training")
    ax.plot(validation, color=ORANGE, lw=1.8, label="validation")
    ax.plot(best, validation[best], "o", color=ORANGE, ms=9, mec="white")
    ax.annotate(
        f"the weights of epoch {best + 1} are kept",
        (best, validation[best]),
        (25, 40),
        textcoords="offset points",
        arrowprops={"arrowstyle": "-", "color": GREY, "shrinkB": 6},
    )
    ax.set(yscale="log", xlabel="epoch", ylabel="loss", xlim=(0, 150))
    ax.legend(loc="lower left")
    return figure


def regions(ax: Any, model: Any, X: Any, y: Any, limit: float) -> None:
    """Draw the regions that a model assigns to two classes, and points."""
    grid = np.linspace(-limit, limit, 301)
    xx, yy = np.meshgrid(grid, grid)
    classes = model.predict(np.c_[xx.ravel(), yy.ravel()]).reshape(xx.shape)
    ax.pcolormesh(xx, yy, classes, cmap=REGIONS, rasterized=True)
    ax.contour(xx, yy, classes, [0.5], colors=INK, linewidths=0.8)
    ax.scatter(*X.T, c=y, cmap=POINTS, s=9, lw=0.3, edgecolors="white")
    ax.set(xticks=[], yticks=[], xlim=(-limit, limit), ylim=(-limit, limit))
    ax.set_aspect("equal")
    for spine in ax.spines.values():
        spine.set_visible(False)


def moons(n: int, seed: int) -> tuple[Any, Any]:
    """Return points of two overlapping half-moons, of a size of about 1."""
    X, y = make_moons(n, noise=0.35, random_state=seed)
    return (X - [0.5, 0.25]) / [0.9, 0.6], y


def regularisation() -> Any:
    """The border between two half-moons, regularised in three ways."""
    X, y = moons(120, 5)
    X_test, y_test = moons(4000, 99)
    options = {"max_iter": 1500, "learning_rate_init": 0.01, "random_state": 0}
    options |= {"n_iter_no_change": np.inf, "alpha": 0.0}
    cases = {
        "not regularised": {},
        "alpha=1": {"alpha": 1.0},
        "dropout=0.5": {"dropout": 0.5},
        "early_stopping=True": {"early_stopping": True, "validation_fraction": 0.25}
        | {"n_iter_no_change": 50, "scoring": "loss"},
    }
    figure, grid = axes(1, 4, height=2.5)
    for ax, (name, case) in zip(grid, cases.items(), strict=True):
        network = BPClassifier((100, 100), **(options | case)).fit(X, y)
        regions(ax, network, X, y, 3.0)
        ax.set_title(name, fontsize=10)
        score = network.score(X_test, y_test)
        ax.set_xlabel(f"accuracy on new data {score:.2f}", fontsize=9)
    return figure


def quantiles() -> Any:
    """A band of quantiles."""
    rng = np.random.RandomState(0)
    x = rng.uniform(-2, 2, (1000, 1))
    noise = (0.2 + 0.2 * abs(x[:, 0])) * rng.standard_normal(1000)
    y = np.sin(2 * x[:, 0]) + noise
    band = BPRegressor(
        (20,),
        "tanh",
        loss="quantile",
        quantile=[0.05, 0.5, 0.95],
        learning_rate="cosine",
        learning_rate_init=0.02,
        max_iter=100,
        n_iter_no_change=np.inf,
        random_state=0,
    ).fit(x, y)
    grid = np.linspace(-2, 2, 300)
    low, middle, high = band.predict(grid[:, None]).T
    figure, ax = axes()
    ax.scatter(x, y, s=5, color=GREY, alpha=0.6, lw=0)
    ax.fill_between(grid, low, high, color=PALE, alpha=0.8, lw=0)
    for curve in (low, high):
        ax.plot(grid, curve, color=BLUE, lw=1)
    ax.plot(grid, middle, color=BLUE, lw=2.2)
    for curve, name in ((low, "5 %"), (middle, "50 %"), (high, "95 %")):
        ax.text(2.03, curve[-1], name, color=BLUE, va="center")
    ax.set(xlabel="x", ylabel="y", xlim=(-2, 2))
    return figure


def class_weight() -> Any:
    """A rare class, with and without balanced weights."""
    rng = np.random.RandomState(0)
    large = 1.3 * rng.standard_normal((400, 2)) - [0.6, 0.6]
    small = 0.6 * rng.standard_normal((25, 2)) + [1.1, 1.1]
    X, y = np.r_[large, small], np.repeat([0, 1], [400, 25])
    figure, grid = axes(1, 2, height=3.4)
    for ax, weight in zip(grid, (None, "balanced"), strict=True):
        network = BPClassifier(
            (20,), solver="lbfgs", alpha=5.0, class_weight=weight, random_state=0
        ).fit(X, y)
        regions(ax, network, X, y, 4.0)
        shown = repr(weight).replace("'", '"')
        ax.set_title(f"class_weight={shown}", fontsize=10)
        found = (network.predict(small) == 1).sum()
        alarms = (network.predict(large) == 1).sum()
        ax.set_xlabel(f"{found} of 25 found, {alarms} false alarms", fontsize=9)
    return figure


def uncertainty() -> Any:
    """A standard deviation that grows where there are no data."""
    rng = np.random.RandomState(1)
    x = np.r_[rng.uniform(-3, -1.2, 20), rng.uniform(1.5, 3, 20)]
    y = np.sin(1.5 * x) + 0.1 * rng.standard_normal(40)
    network = BPRegressor(
        (8,), "tanh", solver="lm", alpha="evidence", n_init=5, random_state=0
    ).fit(x[:, None], y)
    grid = np.linspace(-4.2, 4.2, 400)
    mean, std = network.predict(grid[:, None], return_std=True)
    figure, ax = axes()
    ax.fill_between(grid, mean - 2 * std, mean + 2 * std, color=PALE, lw=0)
    ax.plot(grid, mean, color=BLUE, lw=2, label="prediction")
    ax.plot(grid, np.sin(1.5 * grid), color=ORANGE, lw=1.2, ls="--", label="truth")
    ax.plot(x, y, "o", color=INK, ms=3.2, mew=0)
    ax.set(xlabel="x", ylabel="y", xlim=(-4.2, 4.2), ylim=(-2.6, 2.6))
    ax.legend(ncols=2, loc="upper center")
    return figure


def sweep() -> Any:
    """The heat map of a search."""
    X, y = load_digits(return_X_y=True)
    network = BPClassifier(
        (40,), max_iter=100, n_iter_no_change=3, tol=5e-3, random_state=0
    )
    grid = {
        "bpclassifier__alpha": [1e-3, 1e-2, 0.1, 1.0, 10.0, 30.0],
        "bpclassifier__learning_rate_init": [1e-3, 3e-3, 1e-2, 3e-2],
    }
    search = BPGridSearchCV(make_pipeline(StandardScaler(), network), grid, cv=3)
    figure, ax = axes(height=3.2)
    SweepDisplay.from_estimator(search.fit(X[:600], y[:600]), ax=ax)
    return figure


def network() -> Any:
    """A small network, as NetworkDisplay draws it."""
    iris = load_iris(as_frame=True)
    species = iris.target_names[iris.target]
    small = BPClassifier((5,), solver="lbfgs", alpha=1.0, random_state=0)
    model = make_pipeline(StandardScaler(), small).fit(iris.data, species)
    figure, ax = axes()
    NetworkDisplay.from_estimator(model, ax=ax)
    return figure


def alternatives() -> Any:
    """The scores of alternatives.json."""
    rows = json.loads(FIGURES.read_text())["sets"]
    figure, ax = axes(height=4.6)
    for i, row in enumerate(rows):
        ax.axhline(i, color=GREY, lw=0.4, alpha=0.5, zorder=0)
        for name, (label, marker, color) in ESTIMATORS.items():
            if name in row:
                known = label not in ax.get_legend_handles_labels()[1]
                ax.plot(
                    max(row[name]["score"], 0.39),
                    i,
                    marker,
                    color=color,
                    ms=8,
                    mec=BLUE if name == "network" else "white",
                    mew=0.8,
                    ls="",
                    label=label if known else None,
                )
    names = [f"{row['set']} ({row['rows']})" for row in rows]
    ax.set_yticks(range(len(rows)), names)
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlabel="R² or accuracy on the test set")
    handles, labels = ax.get_legend_handles_labels()
    order = [labels.index(label) for label, _, _ in ESTIMATORS.values()]
    figure.legend(
        [handles[k] for k in order],
        [labels[k] for k in order],
        loc="outside upper center",
        ncols=5,
        handletextpad=0.2,
    )
    ax.tick_params(length=0)
    ax.spines["left"].set_visible(False)
    return figure


def tables() -> Any:
    """The losses of tabular.json, divided by that of the best of the boosted trees."""
    sets = json.loads(TABLES.read_text())
    figure, each = axes(1, 2, height=5.2)
    for ax, regression in zip(each, (False, True), strict=True):
        losses = {}
        for name, row in sets.items():
            if row["regression"] != regression:
                continue
            loss = {
                n: 1 - one["score"] if regression else one["loss"]
                for n, one in row.items()
                if isinstance(one, dict)
            }
            best = min(loss[n] for n in ("histgb", "lightgbm", "xgboost"))
            losses[name] = {n: one / best for n, one in loss.items()}
        names = sorted(losses, key=lambda name: losses[name]["skbp"])
        styles = {"mlp": ("MLP", "s", GREY), "skbp": ("tabular_pipeline", "o", BLUE)}
        for n, (label, marker, color) in styles.items():
            x = [min(losses[name][n], 4.5) for name in names]
            ax.plot(x, range(len(names)), marker, color=color, ms=6, label=label)
        ax.axvline(1.0, color=ORANGE, label="best of three boosted trees")
        prefix = re.compile(r"^(pmlb_\d+|uci|proben1|lgb)_")
        labels = [prefix.sub("", name, count=1) for name in names]
        ax.set_yticks(range(len(names)), labels)
        ax.set_xscale("log", base=2)
        ax.set_xticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
        ax.set(
            ylim=(len(names) - 0.4, -0.6),
            title="1 − R²" if regression else "Log loss",
            xlabel="relative to the trees",
        )
        ax.tick_params("y", length=0, labelsize=7)
    handles, labels = each[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def table() -> str:
    """Return alternatives.json as a table in Markdown."""
    rows = json.loads(FIGURES.read_text())["sets"]
    names = [label for label, _, _ in ESTIMATORS.values()]
    lines = [
        f"| Data set | Training rows | {' | '.join(names)} |",
        f"|---|--:|{'--:|' * len(names)}",
    ]
    for row in rows:
        scores = {n: row[n]["score"] for n in ESTIMATORS if n in row}
        best = max(round(score, 2) for score in scores.values())
        cells = []
        for name in ESTIMATORS:
            if name not in row:
                cells.append("")
                continue
            score = f"{scores[name]:.2f}"
            bold = f"**{score}**" if round(scores[name], 2) == best else score
            cells.append(f"{bold}, {duration(row[name]['seconds'])}")
        kind = "R²" if row["regression"] else "accuracy"
        head = f"{row['set']} ({kind}) | {row['rows']}"
        lines.append(f"| {head} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def steps() -> str:
    """Return the times of a step as a table in Markdown."""
    lines = ["| Units | skbp | PyTorch |", "|---|--:|--:|"]
    for row in json.loads(FIGURES.read_text())["steps"]:
        ours, theirs = f"{row['skbp_us']} µs", f"{row['torch_us']} µs"
        lines.append(f"| {row['what']} | {ours} | {theirs} |")
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Return a time as it stands in the table."""
    digits = 0 if seconds >= 9.95 else 1 if seconds >= 0.95 else 2
    return f"{seconds:.{digits}f}&nbsp;s"


def filled(page: str) -> str:
    """Return the page with the tables between its marks."""
    for name, content in (("sets", table()), ("steps", steps())):
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
        head, rest = page.split(begin)
        page = f"{head}{begin}\n{content}\n{end}{rest.split(end)[1]}"
    return page


PICTURES: dict[str, Callable[[], Any]] = {
    one.__name__: one
    for one in (
        scaling,
        activations,
        schedules,
        early_stopping,
        regularisation,
        quantiles,
        class_weight,
        uncertainty,
        sweep,
        network,
        alternatives,
        tables,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="pictures; all if there is none")
    names = parser.parse_args().names or list(PICTURES)
    warnings.simplefilter("ignore")
    for name in names:
        with plt.rc_context(STYLE):
            figure = PICTURES[name]()
            figure.savefig(DOCS / "images" / "guide" / f"{name}.png", dpi=160)
        plt.close(figure)
        if name == "alternatives":
            PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
