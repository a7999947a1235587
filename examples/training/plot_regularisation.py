"""
==============
Regularisation
==============

A network that is large for its data becomes too sure of itself. This page compares
dropout, weight decay, label smoothing, averaged weights and early stopping on a small
data set, where the true probabilities are known.
"""

# %%
# A noisy spiral
# --------------
#
# Three arms of a spiral, with so much noise that they overlap. No classifier is always
# right here, and a good one says how sure it is.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss

from skbp import BPClassifier

NOISE = 0.7


def spiral(n_points, rng):
    """Return three arms of n_points each, and which arm a point belongs to."""
    arms = []
    for j in range(3):
        r = np.linspace(0, 1, n_points)
        t = np.linspace(4 * j, 4 * (j + 1), n_points) + NOISE * rng.randn(n_points)
        arms.append(np.c_[r * np.sin(t), r * np.cos(t)])
    return np.concatenate(arms), np.repeat(np.arange(3), n_points)


def truth(X):
    """Return the true probabilities of the three classes."""
    r, angle = np.hypot(*X.T), np.arctan2(*X.T)
    noise = angle[:, None] - 4 * (np.arange(3) + r[:, None])
    # The noise may have gone around the circle.
    noise = noise[:, :, None] + 2 * np.pi * np.arange(-4, 5)
    density = np.exp(-0.5 * (noise / NOISE) ** 2).sum(axis=2)
    return density / density.sum(axis=1, keepdims=True)


# %%
# The networks
# ------------
#
# All networks have two hidden layers of 100 units, for 120 training points. The penalty
# ``alpha`` is off, so that each of the others acts alone. Early stopping gets 120 more
# points as its validation set. To be fair, one more network without regularisation
# trains on all 240 points.
#
# Everything is repeated with four draws of the data, and tested on 3000 new points.

settings = {
    "hidden_layer_sizes": (100, 100),
    "alpha": 0.0,
    "learning_rate_init": 0.01,
    "batch_size": 40,
    "max_iter": 150,
    "n_iter_no_change": np.inf,
}
stopping = {"early_stopping": True, "scoring": "loss", "n_iter_no_change": 30}
variants = {
    "no regularisation": {},
    "dropout=0.2": {"dropout": 0.2},
    "weight_decay=0.3": {"weight_decay": 0.3},
    "label_smoothing=0.1": {"label_smoothing": 0.1},
    "average_decay=0.999": {"average_decay": 0.999},
    "early stopping": stopping,
    "twice the data": {},
}

# Networks train for max_iter epochs, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)


def predictors(draw):
    """Return the training data, and what each network predicts for given points."""
    rng = np.random.RandomState(draw)
    (X, y), (X_val, y_val) = spiral(40, rng), spiral(40, rng)
    predict = {}
    for name, extra in variants.items():
        network = BPClassifier(**(settings | extra), random_state=draw)
        if name == "early stopping":
            network.fit(X, y, X_val=X_val, y_val=y_val)
        elif name == "twice the data":
            network.fit(np.r_[X, X_val], np.r_[y, y_val])
        else:
            network.fit(X, y)
        predict[name] = network.predict_proba
    return X, y, predict | {"the truth": truth}


draws = [predictors(draw) for draw in range(100, 104)]

# %%
# How sure they are
# -----------------
#
# The pictures show one draw. The colour is the predicted class; the paler it is, the
# less sure is the network. Without regularisation nearly all places have the full
# colour, and single points have regions of their own. The truth is pale where the arms
# overlap.

X, y, predict = draws[0]
x1, x2 = np.meshgrid(np.linspace(-1.05, 1.05, 200), np.linspace(-1.05, 1.05, 200))
plane = np.c_[x1.ravel(), x2.ravel()]
colors = np.array([to_rgb(color) for color in ("C0", "C1", "C2")])

figure, axes = plt.subplots(2, 4, figsize=(11, 6), layout="constrained")
for ax, (name, probabilities) in zip(axes.flat, predict.items(), strict=True):
    p = probabilities(plane)
    # White means that all classes are equally probable.
    sure = 0.75 * (p.max(axis=1, keepdims=True) - 1 / 3) / (2 / 3)
    picture = 1 - sure * (1 - colors[p.argmax(axis=1)])
    picture[np.hypot(*plane.T) > 1.03] = 1
    extent = (-1.05, 1.05, -1.05, 1.05)
    ax.imshow(picture.reshape(*x1.shape, 3), extent=extent, origin="lower")
    ax.scatter(*X.T, s=14, color=colors[y], edgecolor="white", linewidth=0.5)
    ax.set_title(name, fontsize=11)
    ax.set_axis_off()
plt.show()

# %%
# What helps
# ----------
#
# Accuracy counts the right decisions. Confidence is the mean of the highest
# probability, and should equal the accuracy. The log loss measures the probabilities:
# the lower, the better.

X_test, y_test = spiral(1000, np.random.RandomState(0))
results = {name: [] for name in predict}
for _, _, predict in draws:
    for name, probabilities in predict.items():
        p = probabilities(X_test)
        accuracy = accuracy_score(y_test, p.argmax(axis=1))
        results[name].append((accuracy, p.max(axis=1).mean(), log_loss(y_test, p)))

print(f"{'means of four draws':22}accuracy  confidence  log loss")
for name, rows in results.items():
    print("{:22}{:8.3f}{:12.3f}{:10.3f}".format(name, *np.mean(rows, axis=0)))

# %%
# The same for each draw, as a change from the network without regularisation. A dot is
# one draw, and the bar is the mean.

changes = np.array(list(results.values())) - np.array(results["no regularisation"])
figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
places = -np.arange(1, len(changes))
for ax, k in zip(axes, (0, 2), strict=True):
    ax.axvline(0, color="black", linewidth=0.8)
    ax.plot(changes[1:, :, k], places, "o", color="C0", markeredgecolor="white")
    means = changes[1:, :, k].mean(axis=1)
    ax.plot(means, places, "|", color="C1", markersize=20, markeredgewidth=4)
axes[0].set_yticks(places, list(results)[1:])
axes[0].set(xlabel="change of accuracy (right is better)", title="Accuracy")
axes[1].set(xlabel="change of log loss (left is better)", title="Log loss")
plt.show()

# %%
# - All of them make the network less sure, and lower the log loss, but change the
#   accuracy by a few per cent at most.
# - Label smoothing and weight decay lower the log loss most on these data.
# - Averaged weights lower the log loss in every draw, and cost nothing.
# - More data help everywhere. Consider training on the validation set, too, if you need
#   it only for early stopping.
#
# On other data the order may be different. Include these parameters in a search, and
# score by ``"neg_log_loss"`` if you need probabilities.
