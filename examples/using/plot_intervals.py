"""
============================
Quantiles, and robust losses
============================

A network that predicts the mean does not say how far off it may be. With
``loss="quantile"`` :class:`~skbp.BPRegressor` predicts quantiles, as many as you like
from one network, and they never cross. One of them, the median, leads to the second
half of this page: losses that outliers pull less than they pull the squared error.
"""

# %%
# Noise that grows
# ----------------
#
# The data are simulated, so that we know the truth: 1000 samples whose noise grows with
# x, and is skewed (a Gumbel distribution). No band of the mean ± so many standard
# deviations would fit it.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import gumbel_r
from sklearn.exceptions import ConvergenceWarning

from skbp import BPRegressor

# The number of epochs is given: no need to hear that training may not have converged.
warnings.simplefilter("ignore", ConvergenceWarning)

LEVELS = [0.05, 0.25, 0.5, 0.75, 0.95]


def centre(x):
    return np.sin(2.5 * x) + x / 2


def spread(x):
    return 0.05 + 0.15 * (x + 2)


def sample(n):
    x = rng.uniform(-2, 2, (n, 1))
    return x, (centre(x) + spread(x) * rng.gumbel(size=(n, 1)))[:, 0]


rng = np.random.RandomState(0)
X, y = sample(1000)
X_new, y_new = sample(10000)

settings = {
    "hidden_layer_sizes": (30, 30),
    "activation": "tanh",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.02,
    "batch_size": 50,
    "max_iter": 150,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
band = BPRegressor(loss="quantile", quantile=LEVELS, **settings).fit(X, y)

# %%
# The band
# --------
#
# ``predict`` returns a column for each quantile. The band follows the noise, in width
# and in skewness, though at the left end, where there is hardly any noise, it does not
# become as narrow as it should. It is least certain at the 0.95 quantile: only 50 of
# the 1000 samples are above it, and they are spread over the whole of x.

BLUE, ORANGE, GREY, PALE = "#1b5e9b", "#f2a541", "#77838f", "#6fb1e4"
INK = "#22303c"

grid = np.linspace(-2, 2, 401)[:, None]
truth = centre(grid) + spread(grid) * gumbel_r.ppf(LEVELS)
predicted = band.predict(grid)

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
ax.plot(X, y, ".", color=GREY, markersize=4, alpha=0.6, label="samples")
low, lower, median, upper, high = predicted.T
ax.fill_between(
    grid[:, 0], low, high, color=PALE, alpha=0.3, linewidth=0, label="0.05 to 0.95"
)
ax.fill_between(
    grid[:, 0], lower, upper, color=PALE, alpha=0.7, linewidth=0, label="0.25 to 0.75"
)
ax.plot(grid, median, color=BLUE, linewidth=2.5, label="median")
lines = ax.plot(grid, truth, color=INK, linewidth=0.8)
lines[0].set_label("true quantiles")
for level, end in zip(LEVELS, truth[-1], strict=True):
    ax.annotate(f"{level}", (2.03, end), va="center")
ax.set_xlim(-2.05, 2.25)
ax.set_xlabel("x")
ax.set_ylabel("y")
ax.set_title("Five quantiles from one network follow the noise")
ax.legend(loc="upper left")
plt.show()

# %%
# Below a quantile of q there should be a share q of the samples. In training the loss
# sees to that, over all samples together. New samples are the test, and parts of them:
# a band of constant width could have the right shares on the whole, and be too wide on
# the left and too narrow on the right.

left = X_new[:, 0] < 0
groups = {
    "training samples": (X, y),
    "new samples": (X_new, y_new),
    "  those of x < 0": (X_new[left], y_new[left]),
    "  those of x > 0": (X_new[~left], y_new[~left]),
}
print(f"{'Share below':18}", *(f"{level:6}" for level in LEVELS))
for name, (inputs, targets) in groups.items():
    below = (targets[:, None] < band.predict(inputs)).mean(axis=0)
    print(f"{name:18}", *(f"{share:6.3f}" for share in below))

# %%
# They are off by up to two or three per cent: the price of learning from 1000 samples,
# among which the share below the true median alone varies by 1.6 % (one standard
# deviation) from one draw to the next.
#
# Why they cannot cross
# ---------------------
#
# Output 1 is the first raw output Z_1. Output i is output i - 1 plus softplus(Z_i) =
# log(1 + exp(Z_i)), which is positive whatever Z_i is. So the order does not have to be
# learnt; it holds for any weights and any x. By hand, from the last hidden layer:

hidden = band.activations(X)[-2]
Z = hidden @ band.coefs_[-1] + band.intercepts_[-1]
by_hand = np.cumsum(np.c_[Z[:, :1], np.logaddexp(0, Z[:, 1:])], axis=1)
print("Same predictions:", np.allclose(by_hand, band.predict(X)))

# %%
# Five networks, one for each quantile, know nothing of each other. With many samples
# their order comes right by itself, mostly. Here we take 200, and look a little beyond
# them. There, order or not, none of these curves is to be trusted: no data hold them.

few = X[:200], y[:200]
wide = np.linspace(-2.75, 2.75, 551)[:, None]
together = BPRegressor(loss="quantile", quantile=LEVELS, **settings).fit(*few)
apart = [
    BPRegressor(loss="quantile", quantile=level, **settings).fit(*few)
    for level in LEVELS
]
pictures = {
    "One network keeps the order": together.predict(wide),
    "Five networks cross (orange)": np.column_stack([n.predict(wide) for n in apart]),
}

figure, axes = plt.subplots(
    1, 2, figsize=(10.5, 4.4), sharex=True, sharey=True, layout="constrained"
)
for ax, (title, quantiles) in zip(axes, pictures.items(), strict=True):
    ax.plot(*few, ".", color=GREY, markersize=4, alpha=0.6)
    ax.plot(wide, quantiles, color=BLUE, linewidth=1.5)
    crossed = (np.diff(quantiles) < 0).any(axis=1)
    ax.fill_between(
        wide[:, 0],
        0,
        1,
        where=crossed,
        transform=ax.get_xaxis_transform(),
        color=ORANGE,
        alpha=0.35,
        linewidth=0,
    )
    ax.set_xlabel("x")
    ax.set_title(title)
axes[0].set_ylabel("y")
plt.show()

# %%
# Outliers
# --------
#
# Other data: 300 samples with little noise, but a share of them is wrong, and always by
# 1 to 6 too high. The same network takes three losses, one of them twice:
#
# - the squared error, whose minimum is the mean;
# - the absolute error, whose minimum is the median;
# - the Huber loss, which is the squared error up to ``huber_delta`` and from there on a
#   straight line. ``huber_delta`` is in units of y, and should be about the size of the
#   ordinary noise: 0.2. The default, 1.35, suits noise of standard deviation 1.

losses = {
    "squared error": {"loss": "squared_error"},
    "huber, delta 1.35": {"loss": "huber"},
    "huber, delta 0.2": {"loss": "huber", "huber_delta": 0.2},
    "absolute error": {"loss": "absolute_error"},
}
shares = (0, 0.1, 0.2, 0.3, 0.4)


def contaminated(share, seed):
    """Return inputs, targets, and which of them are wrong."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(-2, 2, (300, 1))
    y = centre(X)[:, 0] + 0.2 * rng.standard_normal(300)
    wrong = rng.permutation(300) < share * 300
    return X, y + wrong * rng.uniform(1, 6, 300), wrong


fits, errors = {}, {}
for name, loss in losses.items():
    for share in shares:
        squares = []
        for seed in range(3):
            X, y, _ = contaminated(share, seed)
            fit = BPRegressor(**loss, **settings).fit(X, y).predict(grid)
            squares.append((fit - centre(grid)[:, 0]) ** 2)
            fits[name, share, seed] = fit
        errors[name, share] = np.sqrt(np.mean(squares))

print("Root mean square error against the truth, three draws of the data\n")
print(f"{'share of outliers':17}", *(f"{share:5.0%}" for share in shares))
for name in losses:
    print(f"{name:17}", *(f"{errors[name, share]:5.2f}" for share in shares))

# %%
# The squared error is off by about the share of outliers times their mean size. The
# absolute error and Huber's with a small delta stay where most of the samples are,
# while the outliers are few; there is little between the two. Huber's with a delta
# of 1.35, many times the noise, about halves the error. None of them holds for ever:
# with 40 % wrong, all on the same side, the median itself has moved.

X, y, wrong = contaminated(0.2, seed=0)
styles = {
    "squared error": {"color": ORANGE, "marker": "o"},
    "huber, delta 1.35": {"color": GREY, "marker": "s"},
    "huber, delta 0.2": {"color": BLUE, "marker": "D"},
    "absolute error": {"color": PALE, "marker": "^", "linestyle": "--"},
}

figure, (places, sizes) = plt.subplots(
    1, 2, figsize=(11, 4.8), width_ratios=(1.3, 1), layout="constrained"
)
places.plot(X[~wrong], y[~wrong], ".", color=GREY, markersize=3, label="samples")
places.plot(X[wrong], y[wrong], "x", color=GREY, markersize=5, label="outliers")
places.plot(grid, centre(grid), color=INK, linewidth=1, label="truth")
for name, style in styles.items():
    line = places.plot(grid, fits[name, 0.2, 0], linewidth=2.2, label=name, **style)
    line[0].set_marker("")
    row = [errors[name, share] for share in shares]
    sizes.plot(shares, row, linewidth=2.2, label=name, **style)
places.set_ylim(-2, 7.5)
places.set_xlabel("x")
places.set_ylabel("y")
places.set_title("20 % outliers lift the squared error")
figure.legend(*places.get_legend_handles_labels(), loc="outside right center")
sizes.set_xticks(shares, [f"{share:.0%}" for share in shares])
sizes.set_xlabel("share of outliers")
sizes.set_ylabel("root mean square error")
sizes.set_title("Two losses hold, up to a point")
plt.show()
