"""
===========================================
Document E: the smallest network, all of it
===========================================

Document E works through a network by hand: two samples, two inputs, three logistic
units, two logistic outputs, the squared error, and every initial weight given.
:class:`~skbp.BPRegressor` starts from the same weights and takes the same 50000 steps.
The network is so small that a picture has room for each of its units.
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

network = BPRegressor(
    3,
    "logistic",
    output_activation="logistic",
    coefs_init=[
        [[0.4, 0.3, 0.6], [0.3, 0.4, 0.2]],
        [[0.2, 0.3], [0.3, 0.4], [0.5, 0.3]],
    ],
    intercepts_init=[[0.4, 0.1, 0.2], [0.1, 0.2]],
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
# With ``warm_start`` each ``fit`` goes on from where the one before it ended. So we can
# stop at any step and look at outputs and residuals, which ``activations`` and
# ``residuals`` compute for every layer.

# The number of steps is given: no need to hear that training may not have converged.
warnings.simplefilter("ignore", ConvergenceWarning)

stops = np.unique(np.geomspace(1, 50000, 80).round().astype(int))
outputs, residuals, done = [], [], 0
for stop in stops:
    network.set_params(max_iter=stop - done).fit(X, y)
    done = stop
    outputs.append(network.activations(X)[-1])
    residuals.append(network.residuals(X, y))

# %%
# The same figures
# ----------------
#
# The reference figures are those of the document's own program, in float64: the loss
# before these steps, and the outputs at the end.

document = {
    0: 0.5470772682034466,
    1: 0.5447799710662123,
    100: 0.341036193789046,
    1000: 0.033102767189782806,
    10000: 0.0021897695065399023,
    50000: 0.00037033721054875247,
}
document_outputs = np.array([[0.013888, 0.986348], [0.013571, 0.986686]])

loss = 2 * np.array([*network.loss_curve_, network.cost(X, y).J])
print(" step  document E      skbp            difference")
for t, theirs in document.items():
    difference = abs(loss[t] - theirs) / theirs
    print(f"{t:5}  {theirs:.12f}  {loss[t]:.12f}  {difference:.0e}")
agree = (network.predict(X).round(6) == document_outputs).sum()
print(f"{agree} of the {y.size} outputs agree, in all six decimals.")

# %%
# Outputs and residuals over time
# -------------------------------
#
# The two samples have the same targets, 0 and 1, and the network hardly tells them
# apart; we draw the first. What to look for:
#
# - The loss falls ever more slowly. At the end, five times the steps divide it by six.
# - The residual of an output is (o - y) o (1 - o). Close to its target an output has a
#   small error, and a small slope o (1 - o) besides: the residual falls like the square
#   of the error, and so do the steps. With the log loss it would be the error itself.
# - The residual of a hidden unit adds up what both outputs ask of it. At first it is
#   positive: less of the unit would bring output 1 down. But the weights to output 1
#   fall, and become negative. Then more of the unit brings output 1 down and output 2
#   up: its residual is negative.

BLUE, ORANGE = "#1b5e9b", "#f2a541"
outputs = np.array([o[0] for o in outputs])
hidden = np.array([delta1[0] for delta1, _ in residuals])
output = np.array([delta2[0] for _, delta2 in residuals])

figure, axes = plt.subplots(
    2, 2, figsize=(10.5, 7.2), sharex=True, layout="constrained"
)
(losses, values), (errors, units) = axes

losses.plot(range(1, len(loss)), loss[1:], color=BLUE, linewidth=2, label="skbp")
losses.plot(
    list(document)[1:],
    list(document.values())[1:],
    "o",
    color=ORANGE,
    markeredgecolor="white",
    markersize=9,
    label="document E",
)
losses.set_yscale("log")
losses.set_ylabel("sum of ½|o - y|²")
losses.set_title("The loss is the document's ...")
losses.legend()

for k, color in enumerate((ORANGE, BLUE)):
    values.plot(stops, outputs[:, k], color=color, linewidth=2, label=f"output {k + 1}")
    values.plot(50000, document_outputs[0, k], "o", color=color, markersize=9)
    error = np.abs(outputs[:, k] - y[0, k])
    errors.plot(stops, error, "--", color=color, label=f"error of output {k + 1}")
    size = np.abs(output[:, k])
    errors.plot(stops, size, color=color, linewidth=2, label="its residual")
values.set_ylim(-0.02, 1.02)
values.set_title("... and so are the outputs (dots)")
values.legend(loc="center left")
errors.set_yscale("log")
errors.set_xlabel("step")
errors.set_ylabel("size")
errors.set_title("Residuals fall like the square of the errors")
errors.legend(loc="lower left")

for j, color in enumerate(("#6fb1e4", "#9c4f12", "#8a97a3")):
    units.plot(stops, hidden[:, j], color=color, linewidth=2, label=f"unit {j + 1}")
units.axhline(0, color="#8a97a3", linewidth=0.8, zorder=0)
units.set_xscale("log")
units.set_xlabel("step")
units.set_ylabel("residual delta[1]")
units.set_title("Residuals of the hidden units change sign")
units.legend()
plt.show()
