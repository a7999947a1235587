"""
============================================
Regularisation chosen from the training data
============================================

How strong should the penalty ``alpha`` be? For small and medium data sets,
``solver="lm"`` with ``alpha="evidence"`` chooses it during training, by maximising the
probability of the training targets: the *evidence*. No validation set and no search is
needed. This page shows what you get: standard deviations, the relevance of features,
and a criterion for the number of hidden units.
"""

# %%
# Standard deviations
# -------------------
#
# The data have noise of standard deviation 0.2, and a gap. ``n_init=10`` trains from
# ten initial weights, and the five networks with the highest evidence predict together
# (``ensemble=5``).

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skbp import BPRegressor

# Some networks stop at max_iter, which is good enough here.
warnings.simplefilter("ignore", ConvergenceWarning)

settings = {"activation": "tanh", "solver": "lm", "random_state": 0}
rng = np.random.RandomState(0)


def truth(x):
    return np.sin(2.5 * x) + x / 2


def sample(n, *intervals):
    """Return n samples from each interval."""
    x = np.concatenate([rng.uniform(*ends, (n, 1)) for ends in intervals])
    return x, truth(x)[:, 0] + 0.2 * rng.standard_normal(len(x))


X, y = sample(75, (-2.5, -0.5), (1, 2.5))
network = BPRegressor((8,), alpha="evidence", n_init=6, ensemble=3, **settings)
network.fit(X, y)
print(f"estimated noise: {network.noise_std_:.2f}")
print(f"alpha of the two layers: {[f'{alpha:.1g}' for alpha in network.alpha_]}")

# %%
# With ``return_std=True``, ``predict`` returns the standard deviation of a new target
# beside its mean. Where there are data, it is hardly more than the noise. It is larger
# in the gap and beyond the data.

grid = np.linspace(-3, 3, 401)[:, None]
mean, std = network.predict(grid, return_std=True)

figure, ax = plt.subplots(figsize=(9, 4.8), layout="constrained")
ax.fill_between(
    grid[:, 0],
    mean - 2 * std,
    mean + 2 * std,
    color="C3",
    alpha=0.3,
    linewidth=0,
    label="mean ± 2 std",
)
ax.plot(X, y, ".", color="C2", label="samples")
ax.plot(grid, truth(grid), color="black", linewidth=1, label="truth")
ax.plot(grid, mean, color="C0", linewidth=2.5, label="mean")
ax.set(
    xlabel="x", ylabel="y", title="The standard deviation grows where data are missing"
)
ax.legend(loc="upper left")
plt.show()

# %%
# New samples show whether the standard deviations are right. If they are, 95 % of the
# samples are within two standard deviations.

places = {
    "among the data": ((-2.5, -0.5), (1, 2.5)),
    "in the gap": ((-0.5, 1),),
    "beyond the data": ((-3, -2.5), (2.5, 3)),
}
print(f"{'new samples':16}mean std  within 2 std")
for place, intervals in places.items():
    X_new, y_new = sample(5000, *intervals)
    mean, std = network.predict(X_new, return_std=True)
    within = np.mean(np.abs(y_new - mean) < 2 * std)
    print(f"{place:16}{std.mean():8.2f}{within:14.1%}")

# %%
# A function with many bends
# --------------------------
#
# While a network has learnt little, everything looks like noise, and estimates of the
# noise that come too early never let it learn. A new network is therefore trained with
# little noise first. A single start finds three periods of a sine from 60 samples.

X = np.linspace(-1, 1, 60)[:, None]
y = np.sin(3 * np.pi * X[:, 0]) + 0.1 * rng.standard_normal(60)
network = BPRegressor((20,), alpha="evidence", **settings).fit(X, y)
mean, std = network.predict(grid, return_std=True)

figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
ax.fill_between(
    grid[:, 0], mean - 2 * std, mean + 2 * std, color="C3", alpha=0.3, linewidth=0
)
ax.plot(X, y, ".", color="C2", label="samples")
ax.plot(grid, np.sin(3 * np.pi * grid), color="black", linewidth=1, label="truth")
ax.plot(grid, mean, color="C0", linewidth=2.5, label="mean")
ax.set(xlim=(-1.1, 1.1), ylim=(-2, 2), xlabel="x", ylabel="y")
ax.set_title(f"The noise is 0.1, its estimate {network.noise_std_:.2f}")
ax.legend(loc="upper left")
plt.show()

# %%
# Which features matter
# ---------------------
#
# ``alpha="ard"`` (automatic relevance determination) has a penalty for the weights of
# each input feature. The penalty of a useless feature becomes large, and its weights
# vanish. In Friedman's data only the first five of ten features matter::
#
#     y = 10 sin(pi x0 x1) + 20 (x2 - 1/2)² + 10 x3 + 5 x4 + noise

X, y = make_friedman1(4200, noise=1.0, random_state=0)
train, test = slice(0, 200), slice(200, None)
X = StandardScaler().fit(X[train]).transform(X)
noise = 1 / y[train].std()
y = (y - y[train].mean()) / y[train].std()


def error(network, part):
    """Return the root mean square error, in standard deviations of the noise."""
    return np.sqrt(np.mean((network.predict(X[part]) - y[part]) ** 2)) / noise


settings["max_iter"] = 60
networks = {
    alpha: BPRegressor((6,), alpha=alpha, n_init=3, **settings).fit(X[train], y[train])
    for alpha in ("evidence", "ard")
}
for alpha, network in networks.items():
    print(
        f'alpha="{alpha}": test error {error(network, test):.2f} times the noise, '
        f"log evidence {network.log_evidence_:.0f}"
    )

# %%
# ``feature_relevances_`` are shares of the size of all weights in the first layer.

relevances = networks["ard"].feature_relevances_
figure, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
names = [f"x{i}" for i in range(10)]
ax.plot(names[:5], relevances[:5], "o", markersize=10, label="in the function")
ax.plot(names[5:], relevances[5:], "s", markersize=9, label="not in the function")
ax.set(yscale="log", ylim=(relevances.min() / 3, 2), ylabel="feature_relevances_")
ax.grid(axis="y", alpha=0.4)
ax.set_title("The five features that matter stand out")
ax.legend(loc="upper right")
plt.show()

# %%
# Without the weights of useless features the test error is lower, and the higher log
# evidence says so without a test set. A relevance is not the size of an effect: x3
# contributes a third of the variance of y, but linearly, which needs only small
# weights.
#
# How many hidden units
# ---------------------
#
# Now train networks with 1 to 9 hidden units on the same 200 samples, once with
# ``alpha="evidence"`` and once with the default ``alpha=0.0001``.

sizes = [1, 2, 3, 4, 5, 6, 9]
fits = {
    (alpha, h): BPRegressor((h,), alpha=alpha, n_init=2, **settings).fit(
        X[train], y[train]
    )
    for alpha in ("evidence", 1e-4)
    for h in sizes
}
evidence = [fits["evidence", h].log_evidence_ for h in sizes]

figure, (above, below) = plt.subplots(
    2, 1, figsize=(9, 6.4), sharex=True, height_ratios=(1.5, 1), layout="constrained"
)
for color, alpha in (("C0", "evidence"), ("C1", 1e-4)):
    for part, rows, style in (("test", test, "o-"), ("training", train, "--")):
        errors = [error(fits[alpha, h], rows) for h in sizes]
        above.plot(sizes, errors, style, color=color, label=f"{part}, {alpha=}")
above.axhline(1, color="black", linewidth=0.8)
above.annotate("noise", (9, 1), ha="right", va="bottom")
above.set(
    ylabel="error / noise", title="The test error is lowest with four or five units"
)
above.legend(loc="upper center", ncols=2)
below.plot(sizes, evidence, "o-")
below.set(xlabel="hidden units", ylabel="log evidence", xticks=sizes)
below.set_title("The evidence of the training data finds the same size")
plt.show()

# %%
# - The training error falls with almost every unit, so it cannot choose the size. The
#   log evidence has its maximum where the test error is low.
# - With ``alpha="evidence"``, too many units cost much less than with the default
#   penalty. They do cost something, so try a few sizes.
# - Networks that are too small take part of the function for noise. If ``noise_std_``
#   is larger than you expect, try more units or a larger ``n_init``.
