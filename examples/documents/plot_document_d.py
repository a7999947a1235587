"""
====================================================
Weight decay in batches of any size: the UFLDL notes
====================================================

The UFLDL notes train a network that is logistic everywhere with the squared error, and
let each weight decay by a part λ in every step, in batches of any size. In
:class:`~skbp.BPClassifier` this is ``loss``, ``output_activation`` and
``weight_decay``. This page shows what λ does, and that it does about the same in
batches of 1 as in batches of 100.

:doc:`The five documents </documents>` has the notes' symbols, and what they get wrong.
"""

# %%
# The network
# -----------
#
# The two moons, with so much noise that they overlap: 100 samples to train on, 2000 to
# test on.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, check_gradient

X, y = make_moons(100, noise=0.35, random_state=0)
X_test, y_test = make_moons(2000, noise=0.35, random_state=1)

# Training always runs for max_iter steps here, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)


def trained(n_steps=15000, batch_size=20, **penalty):
    """Return a network after this many steps of plain gradient descent."""
    network = BPClassifier(
        30,
        "logistic",
        loss="squared_error",
        output_activation="logistic",
        solver="sgd",
        learning_rate_init=3.0,
        momentum=0.0,
        batch_size=batch_size,
        max_iter=n_steps * batch_size // len(X),
        tol=0.0,
        n_iter_no_change=np.inf,
        random_state=0,
        **{"alpha": 0.0, **penalty},
    )
    return network.fit(X, y)


def squared_weights(network):
    """Return |W|², the sum of all squared weights."""
    return sum((W**2).sum() for W in network.coefs_)


# %%
# The residual of the output
# --------------------------
#
# For a logistic output with the log loss, the residual is a - y. With the squared error
# it is not: the derivative of the output stays in it, f'(z) = a (1 - a). This is what
# the notes derive and what ``residuals`` returns, and the numeric derivative agrees.

network = trained(n_steps=100)
a = network.activations(X)[-1]
delta = network.residuals(X, y)[-1]
same = np.allclose(delta, -(y[:, np.newaxis] - a) * a * (1 - a), rtol=1e-12)
print(f"The residuals are -(y - a) a (1 - a): {same}")
print(f"Error of the gradient: {check_gradient(network, X, y).error:.0e}")

# %%
# What λ does
# -----------
#
# Each step is W := W - rate · (dW + λ W), where dW is the mean gradient of the batch.
# So it goes down the gradient of the mean loss plus λ/2 times the sum of the squared
# weights: the larger λ, the smaller the weights. Biases do not decay.

decays = np.array([1e-6, 1e-5, 3e-5, 1e-4, 2e-4, 3e-4, 1e-3, 3e-3])
networks = {decay: trained(weight_decay=decay) for decay in [0.0, *decays]}

BLUE, ORANGE, INK = "#1b5e9b", "#f2a541", "#22303c"
shades = LinearSegmentedColormap.from_list("shades", [ORANGE, "white", BLUE])
x1, x2 = np.meshgrid(np.linspace(-2, 3, 300), np.linspace(-1.7, 2.1, 300))
plane = np.c_[x1.ravel(), x2.ravel()]

figure, axes = plt.subplots(
    1, 3, figsize=(10.5, 3.9), sharex=True, sharey=True, layout="constrained"
)
for ax, decay in zip(axes, (0.0, 2e-4, 3e-3), strict=True):
    network = networks[decay]
    h = network.predict_proba(plane)[:, 1].reshape(x1.shape)
    image = ax.contourf(x1, x2, h, np.linspace(0, 1, 11), cmap=shades, alpha=0.6)
    ax.contour(x1, x2, h, [0.5], colors=INK, linewidths=1.5)
    for k, color, marker in ((0, ORANGE, "s"), (1, BLUE, "o")):
        ax.scatter(*X[y == k].T, s=22, c=color, marker=marker, edgecolor="white")
    ax.set_xlabel("x1")
    ax.set_title(
        f"λ = {decay:g}: test accuracy {network.score(X_test, y_test):.3f}", fontsize=11
    )
axes[0].set_ylabel("x2")
figure.colorbar(image, label="output h(x)", ticks=[0, 0.5, 1])
plt.show()

# %%
# Without decay the output is steep and follows single samples. Some decay leaves a band
# of doubt between the moons, and does better on new samples. Beyond λ = 0.0002 the
# bend is lost, and the boundary is nearly straight.

sizes = [squared_weights(networks[decay]) for decay in decays]
train = [networks[decay].score(X, y) for decay in decays]
test = [networks[decay].score(X_test, y_test) for decay in decays]

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
left.plot(decays, sizes, "o-", color=BLUE)
left.set_ylabel("|W|²")
left.set_yscale("log")
left.set_yticks([20, 50, 100, 200, 500], [20, 50, 100, 200, 500])
left.minorticks_off()
left.set_title("Decay makes weights small ...")
right.plot(decays, train, "s-", color=ORANGE, label="training samples")
right.plot(decays, test, "o-", color=BLUE, label="test samples")
right.set_ylabel("accuracy")
right.set_title("... and in between, predictions better")
right.legend()
for ax in (left, right):
    ax.set_xscale("log")
    ax.set_xlabel("weight decay λ")
plt.show()

# %%
# The same λ for any batch
# ------------------------
#
# ``alpha`` penalises the weights, too: with alpha/2 times their sum of squares, divided
# by the number of samples of the batch. On all 100 samples at once ``alpha`` = 100 λ
# and ``weight_decay`` = λ take the same steps. In batches of 5 the same ``alpha`` is 20
# times as strong, and the same ``weight_decay`` is still λ.
#
# (They take the same steps without momentum, as in the notes. Momentum builds up what
# is in the gradient, which contains ``alpha`` and does not contain ``weight_decay``.)
#
# ``weight_decay`` is not part of the cost. With ``alpha`` = 100 λ, ``cost`` returns the
# notes' J, penalty included.

decay = 1e-4
batch_sizes = (1, 5, 20, 50, 100)
by_decay = [trained(batch_size=m, weight_decay=decay) for m in batch_sizes]
by_alpha = [trained(batch_size=m, alpha=decay * len(X)) for m in batch_sizes]

pairs = zip(by_decay[-1].coefs_, by_alpha[-1].coefs_, strict=True)
difference = max(np.abs(W - V).max() for W, V in pairs)
print(f"All samples at once: the weights differ by at most {difference:.0e}.")

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for networks, color, marker, label in (
    (by_decay, BLUE, "o", "weight_decay = λ"),
    (by_alpha, ORANGE, "s", "alpha = 100 λ"),
):
    sizes = [squared_weights(network) for network in networks]
    ax.plot(batch_sizes, sizes, marker=marker, color=color, label=label)
ax.set_xscale("log")
ax.set_xticks(batch_sizes, batch_sizes)
ax.minorticks_off()
ax.set_ylim(bottom=-5)
ax.set_xlabel("samples in a batch")
ax.set_ylabel("|W|² after 15000 steps")
ax.set_title(f"λ = {decay:g} means about the same in any batch, alpha does not")
ax.legend(loc="center left")
plt.show()
