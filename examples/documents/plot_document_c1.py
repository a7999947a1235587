"""
==============================================================================
A network without biases learns noise: matrix differentials, the first network
==============================================================================

One of :doc:`the five documents </documents>` derives back-propagation with matrix
differentials, for two networks of two layers. The first network has ReLU units and no
biases, and a squared error that is a sum over outputs and over samples. This page
trains it; :ref:`the second network
<sphx_glr_auto_examples_documents_plot_document_c2.py>` has a page of its own.
"""

# %%
# The network
# -----------
#
# Inputs and targets are both random numbers: 64 samples, 1000 features, 10 outputs.
# There is nothing to learn but the samples themselves.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skbp import BPRegressor

rng = np.random.RandomState(0)
n, n_features, n_hidden, n_outputs = 64, 1000, 100, 10
X, y = rng.randn(n, n_features), rng.randn(n, n_outputs)
W1, W2 = rng.randn(n_features, n_hidden), rng.randn(n_hidden, n_outputs)

# %%
# The document minimises the sum of (ŷ - y)², at a learning rate of 1e-6. skbp's J is
# half of that, and a mean over the n samples. So the document's gradient is 2n times
# ours, and a rate 2n times as large takes the same steps. ``fit_intercept=False``
# leaves the biases out; ``coefs_init`` gives the weights to start from, in the shapes
# of ``coefs_``.

network = BPRegressor(
    n_hidden,
    fit_intercept=False,
    coefs_init=[W1, W2],
    solver="sgd",
    learning_rate_init=2 * n * 1e-6,
    momentum=0.0,
    alpha=0.0,
    batch_size="full",
    max_iter=500,
    tol=0.0,
    n_iter_no_change=np.inf,
)
# Training always runs for max_iter steps here, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)
network.fit(X, y)

# %%
# The same loss
# -------------
#
# The document prints no figures. These are what its program computes in float64, with
# the random numbers of our seed.

document = {
    0: 26365524.193454307,
    1: 18539004.956771437,
    99: 876.6381833972041,
    499: 6.947019049377543e-05,
}
loss = 2 * n * np.array(network.loss_curve_)
print("step  loss, its program     loss, skbp            difference")
for t, theirs in document.items():
    difference = abs(loss[t] - theirs) / theirs
    print(f"{t:4}  {theirs:<20.15g}  {loss[t]:<20.15g}  {difference:.0e}")

# %%
# Eleven orders of magnitude
# --------------------------
#
# The loss falls until the outputs equal the targets, although the targets are noise:
# on 64 samples the 100 hidden units give a matrix of rank 64, so for any 64 rows of
# targets there are weights W2 that fit them.
#
# A fit with a smaller ``max_iter`` shows the network on its way.

print(f"Rank of A[1]: {np.linalg.matrix_rank(network.activations(X)[1])}")

BLUE, ORANGE, GREY = "#1b5e9b", "#f2a541", "#8a97a3"
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10.5, 4.6), width_ratios=[1.3, 1], layout="constrained"
)
left.plot(loss, color=BLUE, linewidth=2, label="skbp")
left.plot(
    document.keys(),
    document.values(),
    "o",
    color=ORANGE,
    markeredgecolor="white",
    markersize=9,
    label="the document's program",
)
left.set_yscale("log")
left.set_xlabel("step")
left.set_ylabel("sum of (ŷ - y)²")
left.set_title("The loss falls by eleven orders of magnitude ...")
left.legend()

for steps, color in ((100, ORANGE), (200, BLUE)):
    early = clone(network).set_params(max_iter=steps).fit(X, y)
    right.plot(y.ravel(), early.predict(X).ravel(), ".", color=color, markersize=4)
    right.plot([], [], "o", color=color, label=f"after {steps} steps")
right.axline((0, 0), slope=1, color=GREY, linewidth=1, zorder=0)
right.set_xlabel("target y")
right.set_ylabel("output ŷ")
right.set_title("... until each output is its target")
right.legend()
plt.show()
