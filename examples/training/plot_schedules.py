"""
===========================
Learning rate schedules
===========================

``learning_rate`` chooses how the learning rate changes during training. This page draws
all schedules, and then shows when a falling rate helps.
"""

# %%
# Seven schedules
# ---------------
#
# All curves start from ``learning_rate_init=1``. A fitted network keeps the rate of
# each epoch in ``learning_rate_curve_``, so we train a small network for each schedule,
# with and without a warm-up of ten epochs.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from skbp import BPClassifier

# Networks train for max_iter epochs, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

SCHEDULES = (
    "constant",
    "invscaling",
    "adaptive",
    "step",
    "exponential",
    "cosine",
    "one_cycle",
)
X, y = load_iris(return_X_y=True)
curves = {}
for schedule in SCHEDULES:
    for warmup in (0, 10):
        network = BPClassifier(
            8,
            solver="sgd",
            learning_rate=schedule,
            learning_rate_init=1.0,
            warmup=warmup,
            momentum=0.0,
            batch_size=25,
            max_iter=60,
            # "adaptive" reduces the rate after six epochs without improvement. With
            # the other schedules, training would stop there.
            n_iter_no_change=6 if schedule == "adaptive" else np.inf,
            tol=1e-3,
            random_state=0,
        )
        curves[schedule, warmup] = network.fit(scale(X), y).learning_rate_curve_

figure, axes = plt.subplots(
    2, 4, figsize=(11, 5), sharex=True, sharey=True, layout="constrained"
)
for ax, schedule in zip(axes.flat, SCHEDULES, strict=False):
    for warmup, width in ((0, 4), (10, 2)):
        rates = curves[schedule, warmup]
        label = "with warmup=10" if warmup else "without warm-up"
        ax.plot(range(1, len(rates) + 1), rates, linewidth=width, label=label)
    ax.set_title(f'"{schedule}"')
figure.supxlabel("epoch")
figure.supylabel("learning rate")
axes[0, 3].tick_params(labelbottom=True)
axes[1, 3].set_axis_off()
axes[1, 3].legend(*axes[0, 0].get_legend_handles_labels(), loc="center left")
plt.show()

# %%
# - "constant" is the default.
# - "invscaling" divides the rate by a power of the number of samples seen, so most of
#   the fall is over after one epoch. It exists because scikit-learn has it.
# - "adaptive" divides the rate by 5 whenever the loss no longer falls.
# - "step" multiplies the rate by ``learning_rate_decay`` every ``learning_rate_step``
#   epochs, and "exponential" does so gradually.
# - "cosine" and "one_cycle" reach 0 after exactly ``max_iter`` epochs. Set ``max_iter``
#   to the number of epochs that you can afford, and ``n_iter_no_change=np.inf``;
#   otherwise training may stop while the rate is still high.
# - ``warmup`` multiplies the rate of any schedule by a factor that rises from 0 to 1.
#   "one_cycle" does not need it.

# %%
# When a falling rate helps
# -------------------------
#
# Now a network with more to learn: half of the handwritten digits, 20 epochs of Adam,
# five initial rates and three schedules. Each combination is trained from three random
# states.

X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(
    X / 16, y, test_size=0.5, stratify=y, random_state=0
)
schedules = ("constant", "cosine", "one_cycle")
rates = (0.001, 0.003, 0.01, 0.03, 0.1)
losses = np.empty((len(schedules), len(rates), 3, 20))
for i, schedule in enumerate(schedules):
    for j, rate in enumerate(rates):
        for seed in range(3):
            network = BPClassifier(
                64,
                learning_rate=schedule,
                learning_rate_init=rate,
                batch_size=32,
                max_iter=20,
                n_iter_no_change=np.inf,
                # Compute the loss on the validation set, and not also the accuracy.
                scoring="loss",
                random_state=seed,
            ).fit(X_train, y_train, X_val=X_val, y_val=y_val)
            losses[i, j, seed] = network.validation_loss_curve_

# %%
# With an initial rate of 0.03, which is high for Adam, the validation loss jumps as
# long as the rate is high. As the rate falls to 0, the curves become flat. With a
# constant rate, how good the network is in the last epoch is a matter of luck.

figure, axes = plt.subplots(
    1, 3, figsize=(10.5, 3.6), sharex=True, sharey=True, layout="constrained"
)
for i, (ax, schedule) in enumerate(zip(axes, schedules, strict=True)):
    ax.plot(range(1, 21), losses[i, rates.index(0.03)].T, color=f"C{i}")
    ax.set(yscale="log", xlabel="epoch", title=f'"{schedule}"', xticks=(5, 10, 15, 20))
axes[0].set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
axes[0].minorticks_off()
axes[0].set_ylabel("validation loss")
plt.show()

# %%
# The validation loss at the end of training, for all initial rates. A dot is a network,
# a line connects the means.

figure, ax = plt.subplots(figsize=(8, 4.4), layout="constrained")
for i, (schedule, marker) in enumerate(zip(schedules, "os^", strict=True)):
    places, last = (0.95, 1.0, 1.05)[i] * np.array(rates), losses[i, ..., -1]
    ax.plot(places, last.mean(-1), color=f"C{i}", linewidth=2)
    ax.plot(places, last, marker, color=f"C{i}", markeredgecolor="white")
    ax.plot([], [], marker=marker, color=f"C{i}", linewidth=2, label=f'"{schedule}"')
ax.set(xscale="log", yscale="log")
ax.set_xticks(rates, map(str, rates))
ax.set_yticks([0.1, 0.2, 0.3, 0.4, 0.5], ["0.1", "0.2", "0.3", "0.4", "0.5"])
ax.minorticks_off()
ax.set(xlabel="learning_rate_init", ylabel="validation loss in the last epoch")
ax.set_title("A falling rate allows a higher initial rate")
ax.legend()
plt.show()

# %%
# - With a low initial rate, 20 epochs are too few, and a falling rate makes it worse.
# - With a high initial rate, a falling rate makes the difference between a good and a
#   bad network. Both falling schedules are best at a rate where the constant schedule
#   is already bad.
# - So raise ``learning_rate_init`` when you switch to "cosine" or "one_cycle", for
#   example by a factor of 3.
# - ``early_stopping=True`` is an alternative: it keeps the best epoch instead of the
#   last one. It needs a validation set.
