"""
==================================
Losses for data with outliers
==================================

A few wrong targets can spoil a network that is trained on the squared error. This page
compares the losses of :class:`~skbp.BPRegressor` on data with more and more outliers.
"""

# %%
# Four losses
# -----------
#
# The data are 300 samples of a curve with little noise. A share of the targets is
# wrong, and always too high.
#
# - The squared error predicts the mean, which outliers pull towards them.
# - The absolute error predicts the median, which hardly moves.
# - The Huber loss is the squared error for errors up to ``huber_delta``, and grows
#   linearly beyond. Choose ``huber_delta`` a little larger than the usual noise, in the
#   units of y. The default of 1.35 suits noise of standard deviation 1; here the
#   standard deviation is 0.2, and we try both.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skbp import BPRegressor

# All networks train for max_iter epochs, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

losses = {
    "squared error": {"loss": "squared_error"},
    "Huber, delta 1.35": {"loss": "huber"},
    "Huber, delta 0.3": {"loss": "huber", "huber_delta": 0.3},
    "absolute error": {"loss": "absolute_error"},
}
settings = {
    "hidden_layer_sizes": (30,),
    "activation": "tanh",
    "learning_rate": "one_cycle",
    "learning_rate_init": 0.03,
    "batch_size": 50,
    "max_iter": 100,
    "n_iter_no_change": np.inf,
    "random_state": 0,
}
SHARES = (0, 0.1, 0.2, 0.3, 0.4)


def truth(X):
    return np.sin(2.5 * X[:, 0]) + X[:, 0] / 2


def samples(share, seed):
    """Return inputs, targets, and which of the targets are wrong."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(-2, 2, (300, 1))
    wrong = rng.permutation(300) < share * 300
    noise = 0.2 * rng.standard_normal(300)
    return X, truth(X) + noise + wrong * rng.uniform(1, 6, 300), wrong


# %%
# Train each loss on data with 0 to 40 % outliers, twice, and measure the distance to
# the true curve.

grid = np.linspace(-2, 2, 401)[:, None]
predictions, errors = {}, {}
for name, loss in losses.items():
    for share in SHARES:
        squares = []
        for seed in range(2):
            X, y, _ = samples(share, seed)
            found = BPRegressor(**loss, **settings).fit(X, y).predict(grid)
            squares.append((found - truth(grid)) ** 2)
            predictions[name, share, seed] = found
        errors[name, share] = np.sqrt(np.mean(squares))

print("Root mean square distance to the true curve\n")
print(f"{'outliers':18}", *(f"{share:5.0%}" for share in SHARES))
for name in losses:
    print(f"{name:18}", *(f"{errors[name, share]:5.2f}" for share in SHARES))

# %%
# The curves with 20 % outliers:

X, y, wrong = samples(0.2, seed=0)
figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
ax.plot(X[~wrong], y[~wrong], ".", color="C2", markersize=4, label="samples")
ax.plot(X[wrong], y[wrong], "x", color="C2", markersize=5, label="outliers")
ax.plot(grid, truth(grid), color="black", linewidth=1, label="truth")
for name, color in zip(losses, ("C1", "C5", "C0", "C4"), strict=True):
    ax.plot(grid, predictions[name, 0.2, 0], color=color, linewidth=2, label=name)
ax.set(xlabel="x", ylabel="y", title="Only the squared error follows the outliers far")
figure.legend(loc="outside lower center", ncols=4)
plt.show()

# %%
# - Without outliers, the squared error is as good as the others or better.
# - With up to 20 % outliers, the absolute error and the Huber loss with a suitable
#   ``huber_delta`` stay close to the truth. A ``huber_delta`` that is too large helps
#   less.
# - No loss copes with 40 % outliers on the same side: then the median itself has moved.
