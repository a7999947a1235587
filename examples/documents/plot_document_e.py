"""
=====================================================
A bug of one line: two layers, worked through by hand
=====================================================

One of :doc:`the five documents </documents>` works through a network by hand: two
samples, two inputs, three logistic units, two logistic outputs, the squared error, and
every initial weight given. Then it prints a program. The program trains the network,
and its outputs are right in the end. But it does not compute what the document derives:
one line of it is wrong, and nothing shows it. :class:`~skbp.BPRegressor` finds out.
"""

# %%
# The network
# -----------
#
# The document's loss is a sum over both samples, ours the mean. So twice its learning
# rate of 0.01 takes the same steps.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skbp import BPRegressor

X = np.array([[0.6, 0.1], [0.3, 0.6]])
y = np.array([[0, 1], [0, 1]])
weights = [
    np.array([[0.4, 0.3, 0.6], [0.3, 0.4, 0.2]]),
    np.array([[0.2, 0.3], [0.3, 0.4], [0.5, 0.3]]),
]
biases = [np.array([0.4, 0.1, 0.2]), np.array([0.1, 0.2])]

network = BPRegressor(
    3,
    "logistic",
    output_activation="logistic",
    coefs_init=weights,
    intercepts_init=biases,
    solver="sgd",
    learning_rate_init=2 * 0.01,
    momentum=0.0,
    alpha=0.0,
    batch_size="full",
    tol=0.0,
    n_iter_no_change=np.inf,
    warm_start=True,
)

# %%
# Training, with stops to look
# ----------------------------
#
# With ``warm_start`` each ``fit`` continues where the one before it ended. So we can
# stop at any step and look at outputs and residuals, which ``activations`` and
# ``residuals`` compute for every layer.

# Training always runs for max_iter steps here, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

stops = np.unique(np.geomspace(1, 50000, 80).round().astype(int))
outputs, residuals, done = [], [], 0
for stop in stops:
    network.set_params(max_iter=stop - done).fit(X, y)
    done = stop
    outputs.append(network.activations(X)[-1])
    residuals.append(network.residuals(X, y))
loss = 2 * np.array([*network.loss_curve_, network.cost(X, y).J])

# %%
# The document's program
# ----------------------
#
# Here is the program, rewritten with the document's names. ``y1`` and ``y2`` are the
# weighted inputs, ``z1`` and ``z2`` the activations. The program shows its outputs as 0
# or 1 from time to time: after the first step, and then after every hundredth.


def sigmoid(y):
    return 1 / (1 + np.exp(-y))


def program(steps, rounded):
    """Return the loss before each step; ``rounded`` is what it does to its outputs."""
    (w, v), (b_w, b_v) = weights, biases
    losses = []
    for i in range(steps):
        y1 = X @ w + b_w
        z1 = sigmoid(y1)
        y2 = z1 @ v + b_v
        z2 = sigmoid(y2)
        losses.append(0.5 * ((z2 - y) ** 2).sum())
        if i % 100 == 1:
            rounded(z2)
        delta2 = (y - z2) * sigmoid(y2) * (1 - sigmoid(y2))
        delta1 = (delta2 @ v.T) * sigmoid(y1) * (1 - sigmoid(y1))
        v, b_v = v + 0.01 * z1.T @ delta2, b_v + 0.01 * delta2.sum(axis=0)
        w, b_w = w + 0.01 * X.T @ delta1, b_w + 0.01 * delta1.sum(axis=0)
    return np.array(losses)


def as_printed(z2):
    z2[z2 > 0.5] = 1
    z2[z2 < 0.5] = 0
    return z2


def as_meant(z2):
    return (z2 > 0.5).astype(int)


printed, meant = (program(10001, rounded) for rounded in (as_printed, as_meant))

print(" step  as printed      as meant        skbp")
for t in (0, 1, 2, 100, 101, 1000, 10000):
    print(f"{t:5}  {printed[t]:.12f}  {meant[t]:.12f}  {loss[t]:.12f}")

# %%
# As it was meant, the program computes what skbp computes, digit by digit. As it is
# printed, its loss differs from the third row on. ``z2[z2 > 0.5] = 1`` does not make a
# rounded copy of the outputs: it changes ``z2`` itself, from which the next step
# computes its error. So in one step of a hundred the program takes an output of 0.6 for
# a 1. If the target is 1, it learns nothing from this output; if the target is 0, it
# learns too much.
#
# The loss falls all the same, and the two curves on the left look like one. Their ratio
# shows the bug: it jumps after each hundredth step. This is what a second, independent
# program is for, and why it should be compared number by number.

BLUE, ORANGE, GREY = "#1b5e9b", "#f2a541", "#8a97a3"
figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
steps = np.arange(len(printed))
left.plot(
    steps[1:], loss[1 : len(printed)], color=BLUE, linewidth=5, alpha=0.4, label="skbp"
)
left.plot(steps[1:], printed[1:], color=ORANGE, label="the printed program")
left.set_xscale("log")
left.set_yscale("log")
left.set_xlabel("step")
left.set_ylabel("sum of ½|o - y|²")
left.set_title("The loss falls in both ...")
left.legend()
right.axhline(0, color=BLUE, linewidth=5, alpha=0.4, label="the program as meant")
right.plot(
    100 * (printed[:1001] / loss[:1001] - 1), color=ORANGE, label="the printed program"
)
right.set_xlabel("step")
right.set_ylabel("its loss above skbp's (%)")
right.set_title("... and one step in a hundred is wrong")
right.legend(loc="upper left")
plt.show()

# %%
# Outputs and residuals over time
# -------------------------------
#
# Now gradient descent alone. The two samples have the same targets, 0 and 1, and the
# network hardly tells them apart; we draw the first. What to look for:
#
# - The loss falls ever more slowly. At the end, five times the steps divide it by six.
# - The residual of an output is (o - y) o (1 - o). Close to its target an output has a
#   small error, and a small slope o (1 - o) besides: the residual falls like the square
#   of the error, and so do the steps. With the log loss it would be the error itself.
# - The residual of a hidden unit adds up what both outputs ask of it. At first it is
#   positive: less of the unit would bring output 1 down. But the weights to output 1
#   fall, and become negative. Then more of the unit brings output 1 down and output 2
#   up: its residual is negative.

outputs = np.array([o[0] for o in outputs])
hidden = np.array([delta1[0] for delta1, _ in residuals])
output = np.array([delta2[0] for _, delta2 in residuals])

figure, (values, errors, units) = plt.subplots(
    1, 3, figsize=(10.5, 4.2), sharex=True, layout="constrained"
)
for k, color in enumerate((ORANGE, BLUE)):
    values.plot(stops, outputs[:, k], color=color, linewidth=2, label=f"output {k + 1}")
    error = np.abs(outputs[:, k] - y[0, k])
    errors.plot(stops, error, "--", color=color, label=f"error of output {k + 1}")
    size = np.abs(output[:, k])
    errors.plot(stops, size, color=color, linewidth=2, label="its residual")
values.set_ylim(-0.02, 1.02)
values.set_ylabel("output")
values.set_title("Outputs reach their targets")
values.legend(loc="lower left")
errors.set_yscale("log")
errors.set_ylabel("size")
errors.set_title("Residuals fall faster")
errors.legend(loc="lower left")
for j, color in enumerate(("#6fb1e4", "#9c4f12", GREY)):
    units.plot(stops, hidden[:, j], color=color, linewidth=2, label=f"unit {j + 1}")
units.axhline(0, color=GREY, linewidth=0.8, zorder=0)
units.set_ylabel("residual delta[1]")
units.set_title("Hidden ones change sign")
units.legend()
for ax in (values, errors, units):
    ax.set_xscale("log")
    ax.set_xlabel("step")
plt.show()
