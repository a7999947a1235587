"""
================================================================
Soft targets for a deep network: "Vector-based back-propagation"
================================================================

The document "Vector-based back-propagation" (2019) derives back-propagation for a deep
network of ReLU layers with a logistic output. It prints the cost of one such network
during training, its parameters and its predictions. Here :class:`~skbp.BPRegressor`
trains the same network, and we compare its cost with the printed one.

:doc:`The five documents </documents>` has the document's symbols, and what it gets
wrong.
"""

# %%
# The network
# -----------
#
# The data are 200 samples of 12288 features, all random. The targets are random too,
# and *soft*: not 0 or 1 but any number between, like a share or a probability. So this
# is a regression, with the log loss; the output that belongs to it is logistic.
#
# The document draws the weights of the hidden layers from He's normal distribution, and
# those of the output layer with a standard deviation of 0.01: ``init`` takes a name for
# each layer. Then it takes 2000 steps of plain gradient descent on all samples at once,
# without momentum, penalty, or a rule to stop early.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skbp import BPRegressor

rng = np.random.RandomState(1)
X, Y = rng.rand(12288, 200), rng.rand(1, 200)
X, y = X.T, Y[0]  # the document's samples are columns, scikit-learn's are rows

network = BPRegressor(
    hidden_layer_sizes=(20, 7, 5),
    loss="log_loss",
    init=("he_normal", "he_normal", "he_normal", "small_normal"),
    random_state=10,
    solver="sgd",
    learning_rate_init=0.01,
    momentum=0.0,
    alpha=0.0,
    batch_size="full",
    max_iter=2000,
    tol=0.0,
    n_iter_no_change=np.inf,
)

# %%
# Training that ends at ``max_iter`` warns that it may not have converged. Here the
# number of steps is fixed, so we do not need the warning.

warnings.simplefilter("ignore", ConvergenceWarning)
network.fit(X, y)

# %%
# The cost that the document prints
# ---------------------------------
#
# It prints the cost before every hundredth step, with eight decimals. ``loss_curve_``
# has the cost before each step. We round every hundredth of these numbers in the same
# way, and count those that agree.

# fmt: off
printed = np.array([
    0.69301356, 0.69204859, 0.68890952, 0.66534268, 0.63627974,
    0.59864491, 0.57399670, 0.55455259, 0.53362871, 0.52812387,
    0.52214822, 0.50656239, 0.51940142, 0.51177312, 0.50393255,
    0.50938580, 0.54099861, 0.51454733, 0.50515268, 0.50401095,
])
# fmt: on
cost = np.array(network.loss_curve_)
steps = np.arange(0, len(cost), 100)

agree = (cost[steps].round(8) == printed).sum()
print(f"{agree} of the {len(printed)} printed costs agree, in all eight decimals.")

# %%
# What remains between the two is the rounding of the print: at most half a unit of the
# eighth decimal.
#
# The costs in between show more than the printed ones: from step 300 on they swing,
# because the learning rate is large for this network. At a fifth of this rate they fall
# more evenly.
#
# The cost has a floor. The log loss of a soft target y is least where the output equals
# y, and is the entropy of y even there. For hard targets that is zero; for these it is
# just below 1/2, and training ends close to it.

entropy = -(y * np.log(y) + (1 - y) * np.log(1 - y)).mean()
difference = cost[steps] - printed

BLUE, ORANGE, GREY = "#1b5e9b", "#f2a541", "#8a97a3"
figure, (upper, lower) = plt.subplots(
    2, 1, figsize=(8, 6), height_ratios=[3, 1], sharex=True, layout="constrained"
)
upper.plot(cost, color=BLUE, linewidth=1.2, label="skbp, each step")
upper.plot(
    steps,
    printed,
    "o",
    color=ORANGE,
    markeredgecolor="white",
    markersize=8,
    label="the document, every 100 steps",
)
upper.axhline(entropy, color=GREY, linestyle="--")
upper.text(0, entropy - 0.003, "entropy of the targets: the floor", va="top")
upper.set_ylim(bottom=entropy - 0.02)
upper.set_ylabel("cost J")
upper.set_title(
    f"The same cost: {agree} of {len(printed)} agree in every printed digit"
)
upper.legend()

lower.axhspan(-0.5, 0.5, color=GREY, alpha=0.25, linewidth=0)
lower.plot(steps, 1e8 * difference, "o", color=BLUE)
lower.set_ylim(-1, 1)
lower.set_xlabel("step")
lower.set_ylabel("skbp - printed\n(1e-8)")
lower.set_title("Between them is only the rounding of the print (shaded)")
plt.show()

# %%
# The parameters and the predictions
# ----------------------------------
#
# The document also prints parameters. Those of the upper layers are short enough to
# print here, too. ``coefs_[l - 1]`` is the transpose of the document's ``W[l]``.

np.set_printoptions(precision=8, suppress=True)
for l in (3, 4):
    print(f"W[{l}] =\n{network.coefs_[l - 1].T}")
for l in (2, 3, 4):
    print(f"b[{l}] = {network.intercepts_[l - 1]}")

# %%
# The document predicts 1 where the output is above a threshold of 1/2. Here are all 200
# predictions:

threshold = 0.5
predictions = (network.predict(X) > threshold).astype(int)
for row in predictions.reshape(-1, 50):
    print("".join(map(str, row)))

# %%
# The network has so many parameters for its 200 samples that it memorises nearly all of
# them. As the data are random, this would not help with other samples.

n_parameters = sum(W.size for W in network.coefs_ + network.intercepts_)
right = predictions == (y > threshold)
print(
    f"{n_parameters} parameters; {right.mean():.0%} of the samples on the right side."
)
