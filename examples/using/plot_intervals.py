"""
====================
Prediction intervals
====================

A predicted mean does not say how far off it may be. This page shows two ways to predict
an interval: quantiles, for data with uneven or skewed noise, and a standard deviation
from Bayesian training, for small data sets.
"""

# %%
# Noise that grows and leans to one side
# --------------------------------------
#
# We simulate 1000 samples, so that the truth is known. The noise grows with x, and
# large deviations are mostly upwards, as with prices or waiting times. No interval of
# the form mean ± constant fits such data.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gumbel_r
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_pinball_loss

from skbp import BPRegressor

# Training always runs for max_iter epochs here, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)


def centre(x):
    return np.sin(2.5 * x) + x / 2


def spread(x):
    return 0.05 + 0.15 * (x + 2)


def sample(n, rng):
    x = rng.uniform(-2, 2, (n, 1))
    return x, (centre(x) + spread(x) * rng.gumbel(size=(n, 1)))[:, 0]


rng = np.random.RandomState(0)
X, y = sample(1000, rng)
X_new, y_new = sample(10000, rng)

# %%
# Several quantiles from one network
# ----------------------------------
#
# With ``loss="quantile"`` and a list of quantiles, ``predict`` returns one column for
# each. The 5 % and the 95 % quantile are the ends of a 90 % interval.

LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]
settings = {
    "hidden_layer_sizes": (30, 30),
    "activation": "tanh",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "max_iter": 100,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
network = BPRegressor(loss="quantile", quantile=LEVELS, **settings).fit(X, y)

grid = np.linspace(-2, 2, 401)[:, None]
low, lower, median, upper, high = network.predict(grid).T
truth = centre(grid) + spread(grid) * gumbel_r.ppf(LEVELS)

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
ax.plot(X, y, ".", color="C2", markersize=4, alpha=0.6, label="samples")
band = {"color": "C3", "linewidth": 0}
ax.fill_between(grid[:, 0], low, high, alpha=0.3, label="90 % interval", **band)
ax.fill_between(grid[:, 0], lower, upper, alpha=0.7, label="50 % interval", **band)
ax.plot(grid, median, color="C0", linewidth=2.5, label="median")
lines = ax.plot(grid, truth, color="black", linewidth=0.8)
lines[0].set_label("true quantiles")
for level, end in zip(LEVELS, truth[-1], strict=True):
    ax.annotate(f"{level:.0%}", (2.03, end), va="center")
ax.set(xlabel="x", ylabel="y", title="The intervals follow the noise")
ax.legend(loc="upper left")
plt.show()

# %%
# Check the coverage
# ------------------
#
# A 90 % interval should contain 90 % of new samples, and not only on average: an
# interval of constant width could be too wide on the left, too narrow on the right, and
# still have the right coverage overall. So check parts of the data, too.

left = X_new[:, 0] < 0
groups = {"new samples": left | True, "with x < 0": left, "with x > 0": ~left}
print(f"{'Coverage':14}50 % interval  90 % interval")
for name, rows in groups.items():
    low, lower, _, upper, high = network.predict(X_new[rows]).T
    inner, outer = (
        np.mean((a < y_new[rows]) & (y_new[rows] < b))
        for a, b in ((lower, upper), (low, high))
    )
    print(f"{name:14}{inner:13.1%}{outer:15.1%}")

# %%
# The coverage is a few per cent too low or too high, which is what 1000 training
# samples allow. If the coverage has to be right, adjust the interval on samples that
# were not used for training: that is called conformal prediction, and the package MAPIE
# offers it for any regressor of scikit-learn's kind.
#
# One network or several?
# -----------------------
#
# You could also train one network for each quantile, but such networks know nothing of
# each other: the predicted 75 % quantile can lie below the median. The outputs of one
# network never cross, for any input, because output i is output i - 1 plus
# log(1 + exp(Z_i)), which is positive. To see the difference we take only 200 samples,
# and also predict a little beyond them.

few = X[:200], y[:200]
wide = np.linspace(-2.75, 2.75, 551)[:, None]
together = BPRegressor(loss="quantile", quantile=LEVELS, **settings).fit(*few)
apart = [
    BPRegressor(loss="quantile", quantile=level, **settings).fit(*few)
    for level in LEVELS
]
predictions = {
    "One network": together.predict(wide),
    "Five networks cross in the shaded places": np.column_stack(
        [one.predict(wide) for one in apart]
    ),
}

figure, axes = plt.subplots(
    2, 1, figsize=(9, 7), sharex=True, sharey=True, layout="constrained"
)
for ax, (title, quantiles) in zip(axes, predictions.items(), strict=True):
    ax.plot(*few, ".", color="C2", markersize=4, alpha=0.6)
    ax.plot(wide, quantiles, color="C0", linewidth=1.5)
    for place in wide[(np.diff(quantiles) < 0).any(axis=1), 0]:
        ax.axvspan(place - 0.005, place + 0.005, color="C1", alpha=0.35, linewidth=0)
    ax.set(ylabel="y", title=title)
axes[1].set_xlabel("x")
plt.show()

# %%
# Bayesian training: a standard deviation for each prediction
# -----------------------------------------------------------
#
# For small data sets with roughly normal noise, ``solver="lm"`` with
# ``alpha="evidence"`` chooses the penalty from the training data, and
# ``predict(X, return_std=True)`` returns a standard deviation beside the mean. It
# contains the noise and, where there are few data, the uncertainty of the network
# itself, which quantiles do not show. Here are 60 samples, with a gap between them.

x = np.r_[rng.uniform(-2.5, -0.5, (40, 1)), rng.uniform(1, 2.5, (20, 1))]
t = centre(x)[:, 0] + 0.2 * rng.standard_normal(len(x))
bayes = BPRegressor(
    (8,), "tanh", solver="lm", alpha="evidence", n_init=10, ensemble=5, random_state=0
).fit(x, t)

wide = np.linspace(-2.6, 2.6, 401)[:, None]
mean, std = bayes.predict(wide, return_std=True)
figure, ax = plt.subplots(figsize=(9, 4.5), layout="constrained")
ax.plot(x, t, ".", color="C2", label="samples")
ax.fill_between(
    wide[:, 0], mean - 2 * std, mean + 2 * std, alpha=0.3, label="mean ± 2 std", **band
)
ax.plot(wide, mean, color="C0", linewidth=2.5, label="mean")
ax.plot(wide, centre(wide), color="black", linewidth=0.8, label="truth")
ax.set(xlabel="x", ylabel="y", title="The interval is wide where there are no data")
ax.legend(loc="upper left")
plt.show()

# %%
# Which one?
# ----------
#
# The pinball loss compares quantiles of any origin. On the skewed data at the top of
# the page, a mean and a standard deviation give worse quantiles:

bayes = BPRegressor((10,), "tanh", solver="lm", alpha="evidence", random_state=0)
mean, std = bayes.fit(X, y).predict(X_new, return_std=True)
normal = {0.05: mean - 1.645 * std, 0.5: mean, 0.95: mean + 1.645 * std}
quantiles = dict(zip(LEVELS, network.predict(X_new).T, strict=True))
print(f"{'Pinball loss':13}quantile loss  mean and std")
for level in normal:
    losses = [
        mean_pinball_loss(y_new, q[level], alpha=level) for q in (quantiles, normal)
    ]
    print(f"{level:12.0%}{losses[0]:14.4f}{losses[1]:14.4f}")

# %%
# - **Quantiles** need some hundred samples or more, and fit noise of any shape.
# - **Bayesian training** works with few samples and shows where data are missing, but
#   assumes normal noise of the same size everywhere.
