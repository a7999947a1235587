"""
=========================
Evidence: nothing to tune
=========================

How strong should the penalty be? ``solver="lm"`` with ``alpha="evidence"`` lets the
training data say: it estimates the penalties, and the noise, as those under which the
targets are most probable. That probability is the *evidence*, and no sample is put
aside for it. This page shows what else comes out: how sure a prediction is, which
features matter, and how many hidden units are enough.
"""

# %%
# How sure a prediction is
# ------------------------
#
# Simulated data with noise of standard deviation 0.2, and a gap where there are none.
# ``n_init=10`` trains from ten initial weights, ``ensemble=5`` lets the five networks
# of the highest evidence predict together.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from skbp import BPRegressor

# The number of iterations is given: no need to hear that more might change something.
warnings.simplefilter("ignore", ConvergenceWarning)

NOISE = 0.2
settings = {"activation": "tanh", "solver": "lm", "max_iter": 100, "random_state": 0}


def truth(x):
    return np.sin(2.5 * x) + x / 2


def sample(n, *intervals):
    x = np.concatenate([rng.uniform(*ends, (n, 1)) for ends in intervals])
    return x, truth(x)[:, 0] + NOISE * rng.standard_normal(len(x))


rng = np.random.RandomState(0)
X, y = sample(150, (-2.5, -0.5), (1, 2.5))

network = BPRegressor((8,), alpha="evidence", n_init=10, ensemble=5, **settings)
network.fit(X, y)
print(
    f"noise {network.noise_std_:.2f}; of {8 * 3 + 1} parameters the data determine "
    f"{network.n_effective_parameters_:.1f}"
)

# %%
# ``predict(X, return_std=True)`` gives the standard deviation of a new target, besides
# its mean. Where there are data it is hardly more than the noise; it grows in the gap
# and beyond the ends.

BLUE, ORANGE, GREY, PALE = "#1b5e9b", "#f2a541", "#77838f", "#6fb1e4"
INK = "#22303c"

grid = np.linspace(-3.5, 3.5, 401)[:, None]
mean, std = network.predict(grid, return_std=True)

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
ax.fill_between(
    grid[:, 0],
    mean - 2 * std,
    mean + 2 * std,
    color=PALE,
    alpha=0.3,
    linewidth=0,
    label="± 2 std",
)
ax.plot(X, y, ".", color=GREY, markersize=5, label="samples")
ax.plot(grid, truth(grid), color=INK, linewidth=1, label="truth")
ax.plot(grid, mean, color=BLUE, linewidth=2.5, label="prediction")
ax.set_ylim(-5, 6)
ax.set_xlabel("x")
ax.set_ylabel("y")
ax.set_title("The band opens where there are no data")
ax.legend(loc="upper left")
plt.show()

# %%
# The truth is known, so new samples can be drawn anywhere. If errors are normal 95 % of
# them are within ± 2 std, and z, the root mean square of (y - mean) / std, is 1.

places = {
    "where the data are": ((-2.5, -0.5), (1, 2.5)),
    "in the gap": ((-0.5, 1),),
    "beyond the ends": ((-3.5, -2.5), (2.5, 3.5)),
}
print(f"{'New samples':20} mean std  in ± 2 std     z")
for place, intervals in places.items():
    X_new, y_new = sample(5000, *intervals)
    mean, std = network.predict(X_new, return_std=True)
    z = (y_new - mean) / std
    print(
        f"{place:20} {std.mean():8.2f}  {np.mean(np.abs(z) < 2):10.1%}  "
        f"{np.sqrt(np.mean(z**2)):4.2f}"
    )

# %%
# Where the data are, the numbers are right. In the gap std is about twice the noise and
# beyond the ends some five times; there it is a cautious guess, since nothing in the
# data says how the function goes on.

# %%
# Which features matter
# ---------------------
#
# Friedman's first function has ten features, of which five matter::
#
#     y = 10 sin(pi x0 x1) + 20 (x2 - 1/2)² + 10 x3 + 5 x4 + noise
#
# With ``alpha="ard"``, automatic relevance determination, the weights of each feature
# have a penalty of their own. That of a feature which does not help grows, and its
# weights vanish.

X, y = make_friedman1(4200, noise=1.0, random_state=0)
train, test = slice(0, 200), slice(200, None)
X = StandardScaler().fit(X[train]).transform(X)
centre, unit = y[train].mean(), y[train].std()
y = (y - centre) / unit


def rms(network, part):
    """Return the root mean square error, where 1 is the size of the noise."""
    return unit * np.sqrt(np.mean((network.predict(X[part]) - y[part]) ** 2))


options = settings | {"hidden_layer_sizes": (6,), "n_init": 5}
networks = {
    alpha: BPRegressor(alpha=alpha, **options).fit(X[train], y[train])
    for alpha in ("evidence", "ard")
}
for alpha, network in networks.items():
    print(
        f"{alpha:9} test error {rms(network, test):.2f}, "
        f"log evidence {network.log_evidence_:.0f}"
    )

relevances = networks["ard"].feature_relevances_
figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
names = [f"x{i}" for i in range(10)]
for part, color, label in (
    (slice(0, 5), BLUE, "in the function"),
    (slice(5, 10), ORANGE, "not in the function"),
):
    ax.bar(names[part], relevances[part], color=color, width=0.7, label=label)
for i, relevance in enumerate(relevances):
    ax.annotate(
        f"{relevance:.1g}",
        (i, relevance),
        ha="center",
        xytext=(0, 4),
        textcoords="offset points",
    )
ax.set_yscale("log")
ax.set_ylabel("feature_relevances_")
ax.set_title("The five features that matter stand out")
ax.legend(loc="upper right")
plt.show()

# %%
# The penalties of x6 to x9 have gone up to the largest number allowed. Almost rid of
# what does not matter, the network has a test error of 1.07 times the noise instead of
# 1.23; and the log evidence, -24 instead of -99, tells so without a test set.
#
# A relevance is about the size of the weights in the first layer, not about the effect:
# x3 makes a third of the variance of y, but linearly, and for that small weights do.

# %%
# How many hidden units
# ---------------------
#
# The same 200 samples, and networks of 1 to 12 hidden units: with the penalties that
# the evidence chooses for each layer, and with the default ``alpha=0.0001``.

sizes = [1, 2, 3, 4, 5, 6, 8, 12]
fits = {
    (alpha, h): BPRegressor((h,), alpha=alpha, n_init=4, **settings).fit(
        X[train], y[train]
    )
    for alpha in ("evidence", 1e-4)
    for h in sizes
}
evidence = [fits["evidence", h].log_evidence_ for h in sizes]
errors = {
    (alpha, part): [rms(fits[alpha, h], rows) for h in sizes]
    for alpha in ("evidence", 1e-4)
    for part, rows in (("training", train), ("test", test))
}
best = int(np.argmax(evidence))

figure, (above, below) = plt.subplots(
    2, 1, figsize=(9, 6.4), sharex=True, height_ratios=(1.5, 1), layout="constrained"
)
for (alpha, part), values in errors.items():
    above.plot(
        sizes,
        values,
        "-" if part == "test" else "--",
        color=BLUE if alpha == "evidence" else ORANGE,
        marker="o" if part == "test" else "",
        linewidth=2.2,
        label=f"{part}, alpha={alpha!r}",
    )
below.plot(sizes, evidence, "-o", color=BLUE, linewidth=2.2)
for ax in (above, below):
    ax.axvline(sizes[best], color=GREY, linewidth=1, linestyle=":")
above.axhline(1, color=INK, linewidth=1)
above.annotate("noise", (12, 1), ha="right", va="bottom")
above.set_ylabel("root mean square error")
above.legend(loc="upper center")
above.set_title("With four or five units the test error is lowest ...")
below.set_ylabel("log evidence")
below.set_xlabel("hidden units")
below.set_xticks(sizes)
below.set_title("... and the evidence of the training data highest")
plt.show()

print(f"{'hidden units':20}", *(f"{h:6}" for h in sizes))
print(f"{'log evidence':20}", *(f"{value:6.0f}" for value in evidence))
for (alpha, part), values in errors.items():
    print(f"{f'{alpha}, {part}':20}", *(f"{value:6.2f}" for value in values))

# %%
# - The training error falls with every unit, or nearly so, and says nothing about the
#   best size. The evidence has its maximum at four units, and five are as good; so says
#   the test error.
# - Too many units cost less where the evidence sets the penalties: the test error with
#   twelve is 1.31 instead of 2.56. It does cost something, so try a few sizes.
# - With one or two units it takes the function to be linear and the rest to be noise.
#   That can happen to larger networks, too, if samples are few: look at ``noise_std_``.
