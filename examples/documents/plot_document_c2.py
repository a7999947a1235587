"""
================================================================
A softmax for a spiral: matrix differentials, the second network
================================================================

One of :doc:`the five documents </documents>` derives back-propagation with matrix
differentials, for two networks of two layers. The second network separates the three
arms of a spiral, with a ReLU layer, a softmax output, and a penalty on the weights.
:class:`~skbp.BPClassifier` takes the same 10000 steps; :ref:`the first network
<sphx_glr_auto_examples_documents_plot_document_c1.py>` has a page of its own.
"""

# %%
# The spiral
# ----------
#
# Three classes of 100 points in the plane. In each, the radius grows from 0 to 1 while
# the angle turns by four radians, with some noise.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier

rng = np.random.RandomState(0)
n_points, n_classes, n_hidden = 100, 3, 100
arms = []
for j in range(n_classes):
    r = np.linspace(0, 1, n_points)
    t = np.linspace(4 * j, 4 * (j + 1), n_points) + 0.2 * rng.randn(n_points)
    arms.append(np.c_[r * np.sin(t), r * np.cos(t)])
X, y = np.concatenate(arms), np.repeat(np.arange(n_classes), n_points)
W1, W2 = 0.01 * rng.randn(2, n_hidden), 0.01 * rng.randn(n_hidden, n_classes)

# %%
# The network
# -----------
#
# The document's penalty is λ/2 times the sum of the squared weights, with λ = 0.001.
# That of skbp is divided by the number of samples, as in scikit-learn: so ``alpha`` is
# λ times 300. The learning rate is the document's, since both losses are means.
#
# We train in stages. With ``warm_start`` each ``fit`` continues where the one before it
# ended, and so does ``loss_curve_``.

network = BPClassifier(
    n_hidden,
    coefs_init=[W1, W2],
    alpha=1e-3 * len(X),
    solver="sgd",
    learning_rate_init=1.0,
    momentum=0.0,
    batch_size="full",
    tol=0.0,
    n_iter_no_change=np.inf,
    warm_start=True,
)
# Training always runs for max_iter steps here, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

x1, x2 = np.meshgrid(np.linspace(-1.1, 1.1, 400), np.linspace(-1.1, 1.1, 400))
plane = np.c_[x1.ravel(), x2.ravel()]
stages, done = {}, 0
for steps in (100, 1000, 10000):
    network.set_params(max_iter=steps - done).fit(X, y)
    done = steps
    stages[steps] = network.predict(plane).reshape(x1.shape), network.score(X, y)

# %%
# What it has learnt
# ------------------
#
# Each picture shows which class the network predicts in each place. At first it cuts
# the plane into three sectors, much as a linear model would; then the kinks of its 100
# ReLU units bend the boundaries around the arms. The document's program, too, has an
# accuracy of 0.92 after 1000 steps, and of 0.98 in the end.

BLUE, ORANGE, GREY = "#1b5e9b", "#f2a541", "#77838f"
colors = ListedColormap([BLUE, ORANGE, GREY])

figure, axes = plt.subplots(
    1, 3, figsize=(10.5, 4), sharex=True, sharey=True, layout="constrained"
)
for ax, (steps, (classes, accuracy)) in zip(axes, stages.items(), strict=True):
    ax.pcolormesh(x1, x2, classes, cmap=colors, alpha=0.3, linewidth=0, rasterized=True)
    for j, marker in enumerate("os^"):
        ax.scatter(
            *X[y == j].T,
            s=22,
            marker=marker,
            color=colors(j),
            edgecolor="white",
            linewidth=0.5,
        )
    ax.set_aspect("equal")
    ax.set_xlabel("x1")
    ax.set_title(f"{steps} steps: accuracy {accuracy:.2f}")
axes[0].set_ylabel("x2")
plt.show()

# %%
# The same loss
# -------------
#
# The document prints no figures. These are what its program computes in float64, with
# the random numbers of our seed: the loss, penalty included, before each of these
# steps. ``cost`` has it after the last one.

document = {
    0: 1.0987647090609556,
    1000: 0.2922783350038134,
    2000: 0.2565879365770195,
    5000: 0.24566682668836715,
    10000: 0.2450329442821419,
}
loss = np.array([*network.loss_curve_, network.cost(X, y).J])
print(" step  its program   skbp          difference")
for t, theirs in document.items():
    difference = abs(loss[t] - theirs) / theirs
    print(f"{t:5}  {theirs:.10f}  {loss[t]:.10f}  {difference:.0e}")

# %%
# Up to about step 5000 the two agree to 1e-8 or better. By then rounding errors have
# grown until they decide on which side of its kink a ReLU unit lies: if the samples are
# in another order, the losses of the document's own program differ by up to 3e-5. The
# picture is too coarse to show that. It does show the first stage above, the sectors,
# as a plateau near step 100.

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
ax.plot(loss, color=BLUE, label="skbp")
ax.plot(
    document.keys(),
    document.values(),
    "o",
    color=ORANGE,
    markeredgecolor="white",
    markersize=9,
    label="the document's program",
)
ax.set_xscale("symlog", linthresh=10)
ax.set_xlim(-0.5, 15000)
ax.set_xticks([0, 10, 100, 1000, 10000], ["0", "10", "100", "1000", "10000"])
ax.set_xlabel("step")
ax.set_ylabel("loss, with penalty")
ax.set_title("The loss is that of the document's program")
ax.legend()
plt.show()
