"""
==============================
Regularisation: how sure to be
==============================

A spiral whose arms overlap, few samples, and a network that is too large for them. This
page tries dropout, weight decay, label smoothing, averaged weights, and early stopping
with a validation set of one's own. What they change is less which class the network
predicts than how sure it is.
"""

# %%
# A spiral with much noise
# ------------------------
#
# It is the spiral of :ref:`document C <sphx_glr_auto_examples_plot_document_c2.py>`,
# with fewer points and more noise. Its arms overlap, so no classifier is always right.
# We know how the points come about, and so the true probability of each class in each
# place, which is the best that a network could learn.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, log_loss

from skbp import BPClassifier

NOISE = 0.7


def spiral(n_points):
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
    # It may have gone around the circle.
    noise = noise[:, :, None] + 2 * np.pi * np.arange(-4, 5)
    density = np.exp(-0.5 * (noise / NOISE) ** 2).sum(axis=2)
    return density / density.sum(axis=1, keepdims=True)


# %%
# The networks
# ------------
#
# Two hidden layers of 100 units each, for 120 points. ``alpha``, the usual penalty, is
# off: each of the others is to act alone, and then three of them together. Their
# strengths were chosen on other draws of the data.
#
# Early stopping has a validation set of 120 more points, by ``X_val`` and ``y_val``,
# and keeps the weights of the best epoch: by accuracy, which is the default, or by
# ``scoring="loss"``. These points are data that the others do not have. So the last
# network shows what else could be done with them: it has no regularisation, and trains
# on all 240, for as many epochs.
#
# We draw everything six times, each time with 3000 points to test on.

settings = {
    "hidden_layer_sizes": (100, 100),
    "alpha": 0.0,
    "learning_rate_init": 0.01,
    "batch_size": 40,
    "max_iter": 200,
    "n_iter_no_change": np.inf,
}
stopping = {"early_stopping": True, "n_iter_no_change": 30}
variants = {
    "no regularisation": {},
    "dropout=0.2": {"dropout": 0.2},
    "weight_decay=0.3": {"weight_decay": 0.3},
    "label_smoothing=0.1": {"label_smoothing": 0.1},
    "average_decay=0.999": {"average_decay": 0.999},
    "the last three": {
        "weight_decay": 0.3,
        "label_smoothing": 0.1,
        "average_decay": 0.999,
    },
    "early stopping, accuracy": stopping,
    "early stopping, loss": {**stopping, "scoring": "loss"},
    "none, twice the points": {},
}

# The number of epochs is given: no need to hear that training may not have converged.
warnings.simplefilter("ignore", ConvergenceWarning)

x1, x2 = np.meshgrid(np.linspace(-1.05, 1.05, 240), np.linspace(-1.05, 1.05, 240))
plane = np.c_[x1.ravel(), x2.ravel()]
figures = {name: [] for name in (*variants, "the truth")}
examples, planes = None, {}
for draw in range(100, 106):
    rng = np.random.RandomState(draw)
    X, y = spiral(40)
    X_val, y_val = spiral(40)
    X_test, y_test = spiral(1000)
    probabilities = {"the truth": truth}
    for name, extra in variants.items():
        network = BPClassifier(**(settings | extra), random_state=draw)
        if network.early_stopping:
            network.fit(X, y, X_val=X_val, y_val=y_val)
        elif "twice" in name:
            network.fit(np.r_[X, X_val], np.r_[y, y_val])
        else:
            network.fit(X, y)
        probabilities[name] = network.predict_proba
    for name, predict in probabilities.items():
        p, p_test = predict(X), predict(X_test)
        right = accuracy_score(y, p.argmax(axis=1))
        right_test = accuracy_score(y_test, p_test.argmax(axis=1))
        confidence = p_test.max(axis=1).mean()
        figures[name].append((right, right_test, confidence, log_loss(y_test, p_test)))
        if examples is None:
            planes[name] = predict(plane)
    examples = examples or (X, y)
figures = {name: np.array(rows) for name, rows in figures.items()}

# %%
# Where they are sure
# -------------------
#
# The first of the six draws. The hue is the class that the network predicts, and the
# paler a place the less sure it is there. Without regularisation almost every place is
# in full colour, the borders between the classes are sharp, and single points have
# regions of their own. The truth is pale along the borders, since there the arms
# overlap.

BLUE, ORANGE, GREY = "#1b5e9b", "#f2a541", "#77838f"
colors = np.array([to_rgb(color) for color in (BLUE, ORANGE, GREY)])

shown = (
    "no regularisation",
    "dropout=0.2",
    "weight_decay=0.3",
    "label_smoothing=0.1",
    "average_decay=0.999",
    "the last three",
    "early stopping, loss",
    "the truth",
)
X, y = examples
figure, axes = plt.subplots(
    2, 4, figsize=(12, 6.9), sharex=True, sharey=True, layout="constrained"
)
for ax, name in zip(axes.flat, shown, strict=True):
    p = planes[name]
    # From white, where no class is more probable than others, to three quarters colour.
    sure = 0.75 * (p.max(axis=1, keepdims=True) - 1 / 3) / (2 / 3)
    picture = 1 - sure * (1 - colors[p.argmax(axis=1)])
    # There are no points beyond the unit circle.
    picture[np.hypot(*plane.T) > 1.03] = 1
    extent = (x1.min(), x1.max(), x2.min(), x2.max())
    ax.imshow(picture.reshape(*x1.shape, 3), extent=extent, origin="lower")
    for j, marker in enumerate("os^"):
        ax.scatter(
            *X[y == j].T,
            s=16,
            marker=marker,
            color=colors[j],
            edgecolor="white",
            linewidth=0.5,
        )
    _, accuracy, _, loss = figures[name][0]
    ax.set_title(f"{name}\naccuracy {accuracy:.2f}, log loss {loss:.2f}", fontsize=11)
    ax.set_axis_off()
plt.show()

# %%
# What helped, and what did not
# -----------------------------
#
# All six draws: accuracy on the training points and on the test points; confidence,
# which is the mean over test points of the highest probability, and should be like the
# accuracy; and the log loss of the test points, which punishes being sure and wrong.

print("Means over six draws       training      test  confidence  log loss\n")
for name, rows in figures.items():
    right, right_test, confidence, loss = rows.mean(axis=0)
    print(
        f"{name:25}  {right:8.3f}  {right_test:8.3f}  {confidence:10.3f}  {loss:8.3f}"
    )

# %%
# The same for the test points, as differences from the network without regularisation
# on the same draw. A dot is a draw, a bar the mean.

compared = [name for name in figures if name != "no regularisation"]
places = -np.arange(len(compared))
figure, axes = plt.subplots(1, 2, figsize=(11, 4.8), sharey=True, layout="constrained")
for ax, column in zip(axes, (1, 3), strict=True):
    base = figures["no regularisation"][:, column]
    changes = np.array([figures[name][:, column] - base for name in compared])
    ax.axvline(0, color=GREY, linewidth=1)
    mean = changes.mean(axis=1)
    ax.plot(mean, places, "|", color=ORANGE, markersize=22, markeredgewidth=4)
    ax.plot(changes, places, "o", color=BLUE, markersize=6, markeredgecolor="white")
axes[0].set_yticks(places, compared)
axes[0].set_xticks([-0.1, -0.05, 0, 0.05])
axes[0].set_xlabel("change of accuracy (to the right is better)")
axes[0].set_title("Accuracy changes little ...")
axes[1].set_xlabel("change of log loss (to the left is better)")
axes[1].set_title("... the log loss halves at best")
plt.show()

# %%
# - Without regularisation the network claims to be right in 92 % of the test points,
#   and is in 80 %. Everything here brings that claim down, and the log loss with it.
# - Label smoothing lowers the log loss most, by simply asking for less certainty. The
#   training accuracy shows that the borders do not become simpler.
# - Weight decay comes next. Dropout does least: nothing for the accuracy on these data,
#   with these layers.
# - Averaged weights have the best accuracy of those with 120 points. The gain is one or
#   two points and varies from draw to draw; and the network remains too sure.
# - Three means together are no better than the best of them alone, and now too unsure.
# - Early stopping lowers the log loss, too, and saves time, but does nothing for the
#   accuracy. By the loss it went wrong once: the validation loss was lowest after ten
#   epochs, when the network had hardly begun to learn the arms. From there on both its
#   accuracy and its certainty rose, and with the second the loss.
# - Twice the points are worth as much accuracy as the best of the others. So if a
#   validation set is to serve early stopping only, consider training on it instead.
#
# Nothing comes close to the truth, for 120 points do not tell more. On other data the
# order may well be another: these are things to search over, with ``alpha`` among them,
# and by the log loss if the probabilities matter.
