"""
===========================
The learning rate over time
===========================

``learning_rate`` names one of seven schedules, each of which can begin with a warm-up.
This page draws them all, and then looks at what a falling rate does for a network:
whether it helps depends on the rate that it falls from.
"""

# %%
# Seven schedules
# ---------------
#
# ``learning_rate_init`` is 1 here, so that the pictures show parts of it. A fitted
# network has the rate of the last step of each epoch in ``learning_rate_curve_``; so we
# train a tiny network for each curve. The rate of "adaptive" depends on how training
# goes, that of the others on time alone.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skbp import BPClassifier

# The number of epochs is given: no need to hear that training may not have converged.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_iris(return_X_y=True)
X = scale(X)

EPOCHS, WARMUP = 60, 10
titles = {
    "constant": "constant stays",
    "invscaling": "invscaling drops at once",
    "adaptive": "adaptive waits for plateaus",
    "cosine": "cosine ends at 0",
    "one_cycle": "one_cycle rises, then falls",
    "step": "step halves, and halves",
    "exponential": "exponential does so gradually",
}
curves = {}
for schedule in titles:
    for warmup in (0, WARMUP):
        network = BPClassifier(
            8,
            solver="sgd",
            learning_rate=schedule,
            learning_rate_init=1.0,
            warmup=warmup,
            momentum=0.0,
            batch_size=25,
            max_iter=EPOCHS,
            # "adaptive" divides the rate when this many epochs in a row have not
            # improved; the others would end there.
            n_iter_no_change=6 if schedule == "adaptive" else np.inf,
            tol=1e-3,
            random_state=0,
        )
        curves[schedule, warmup] = network.fit(X, y).learning_rate_curve_

# %%
# What to look for:
#
# - "invscaling" is ``learning_rate_init / (t + 1) ** power_t`` after each epoch, and t
#   counts samples. After the first epoch that is 1 / √151, or 8 %: most of the fall is
#   over when training has hardly begun. It is there because scikit-learn has it.
# - "adaptive" waits until the loss no longer falls, and divides the rate by 5. With the
#   warm-up this training is slower at first, so the rate falls later.
# - "cosine" and "one_cycle" reach 0 after ``max_iter`` epochs, not before. For them
#   ``max_iter`` is the length of training, not a bound: choose what you can afford, and
#   set ``n_iter_no_change=np.inf``, or training may end while the rate is still high.
# - "step" and "exponential" lose the same part, ``learning_rate_decay``, in the same
#   time, ``learning_rate_step`` epochs.
# - ``warmup`` multiplies whatever the schedule says: by the time it ends, the others
#   have fallen, too. "one_cycle" has a rise of its own and needs no other.

BLUE, ORANGE, GREY = "#1b5e9b", "#f2a541", "#77838f"

figure, axes = plt.subplots(
    2, 4, figsize=(12, 5.4), sharex=True, sharey=True, layout="constrained"
)
for ax, (schedule, title) in zip(axes.flat, titles.items(), strict=False):
    # These three keep their rate for an epoch or longer.
    stays = schedule in ("invscaling", "adaptive", "step")
    for warmup, color, width in ((0, BLUE, 4), (WARMUP, ORANGE, 2)):
        rates = curves[schedule, warmup]
        ax.plot(
            range(1, len(rates) + 1),
            rates,
            drawstyle="steps-pre" if stays and not warmup else "default",
            color=color,
            linewidth=width,
            label=f"warmup={warmup}",
        )
    ax.set_ylim(-0.03, 1.06)
    ax.set_title(title)
axes[0, 3].tick_params(labelbottom=True)
for ax in axes[:, 0]:
    ax.set_ylabel("learning rate")
for ax in (*axes[1, :3], axes[0, 3]):
    ax.set_xlabel("epoch")
axes[1, 3].set_axis_off()
axes[1, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center left")
plt.show()

# %%
# What a falling rate does
# ------------------------
#
# Now a network that has something to learn: handwritten digits, half of them to train
# on, half to watch. Adam has 20 epochs, five initial rates, and three schedules, and
# each of these starts from four random states. ``X_val`` and ``y_val`` are only
# watched, as ``early_stopping`` is off; ``scoring="loss"`` spares the accuracy of each
# epoch.

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, test_size=0.5, stratify=y, random_state=0
)

EPOCHS = 20
schedules = {"constant": ORANGE, "cosine": BLUE, "one_cycle": GREY}
rates = (0.001, 0.003, 0.01, 0.03, 0.1)
losses = np.empty((len(schedules), len(rates), 4, EPOCHS))
accuracies = np.empty(losses.shape[:3])
for i, schedule in enumerate(schedules):
    for j, rate in enumerate(rates):
        for seed in range(4):
            network = BPClassifier(
                64,
                learning_rate=schedule,
                learning_rate_init=rate,
                batch_size=32,
                max_iter=EPOCHS,
                n_iter_no_change=np.inf,
                scoring="loss",
                random_state=seed,
            ).fit(X_train, y_train, X_val=X_val, y_val=y_val)
            losses[i, j, seed] = network.validation_loss_curve_
            accuracies[i, j, seed] = network.score(X_val, y_val)

# %%
# The course of training from a rate of 0.03, which is high for Adam. On the way the
# three are about as restless. The difference is in the end: as the rate goes to 0 the
# curves level out, while with a constant rate the last epoch is a matter of luck.

figure, axes = plt.subplots(
    1, 3, figsize=(10.5, 3.6), sharex=True, sharey=True, layout="constrained"
)
endings = ("stays restless", "settles", "settles, too")
for ax, (schedule, color), ending, curves in zip(
    axes, schedules.items(), endings, losses[:, rates.index(0.03)], strict=True
):
    ax.plot(range(1, EPOCHS + 1), curves.T, color=color, linewidth=1.5)
    ax.set_xlabel("epoch")
    ax.set_title(f"{schedule} {ending}")
axes[0].set_yscale("log")
axes[0].set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
axes[0].minorticks_off()
axes[0].set_xticks([5, 10, 15, 20])
axes[0].set_ylabel("validation loss")
plt.show()

# %%
# All five rates, at the end of training. The last column is that of constant rates
# again, but of the best epoch of each network.

last, best = losses[..., -1], losses[0].min(-1)
print("Validation loss (accuracy), means of four networks\n")
print(
    "initial rate", *(f"{schedule:>15}" for schedule in schedules), "  constant, best"
)
for j, rate in enumerate(rates):
    cells = zip(last[:, j].mean(-1), accuracies[:, j].mean(-1), strict=True)
    row = [f"{loss:7.3f} ({accuracy:.3f})" for loss, accuracy in cells]
    print(f"{rate:12}", *row, f"{best[j].mean():16.3f}")

# %%
# From 0.001, the default, 20 epochs are too few, and a rate that falls besides makes it
# worse. From 0.01 the three are close. Above, the constant rate does badly, for one of
# the four networks at 0.03 and for all at 0.1, while the others still work: it is at
# 0.03 that both have their lowest loss. So a falling rate does not replace the search
# for ``learning_rate_init``, but it moves the best rate up and makes the choice less
# delicate. "one_cycle" has the lower means of the two, mostly by less than its networks
# differ among themselves.
#
# What remains is small: between the best cells of each schedule lies one per cent of
# accuracy. Much of it is gone if the best epoch is kept instead of the last, which is
# what ``early_stopping`` does, for the price of a validation set that it chooses on.

figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
for (schedule, color), marker, shift, loss in zip(
    schedules.items(), "os^", (0.95, 1.0, 1.05), last, strict=True
):
    places = shift * np.array(rates)
    ax.plot(places, loss.mean(-1), color=color, linewidth=2)
    ax.plot(places, loss, marker, color=color, markersize=6, markeredgecolor="white")
    ax.plot([], [], marker=marker, color=color, linewidth=2, label=schedule)
ax.set_xscale("log")
ax.set_xticks(rates, map(str, rates))
ax.set_yscale("log")
ax.set_yticks([0.1, 0.2, 0.3, 0.4, 0.5], ["0.1", "0.2", "0.3", "0.4", "0.5"])
ax.minorticks_off()
ax.set_xlabel("learning_rate_init")
ax.set_ylabel("validation loss, last epoch")
ax.set_title("A falling rate forgives a high start, and not a low one")
ax.legend()
plt.show()
