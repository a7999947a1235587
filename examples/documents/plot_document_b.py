"""
======================================================================
Gradients in each layer: "Back-propagation from the viewpoint of code"
======================================================================

The document "Back-propagation from the viewpoint of code" derives the gradient of a
network of L layers, each with an activation of its own, for M samples at once. It has
no figures. Here we look at such gradients: whether they are right, and what becomes of
them on their way back through eight hidden layers.

:doc:`The five documents </documents>` has the document's symbols, and what it gets
wrong.
"""

# %%
# Four networks
# -------------
#
# All have eight hidden layers of 30 units, for the pictures of handwritten digits. They
# differ in ``activation``, which takes one name for all hidden layers or a name for
# each, and in ``init``, which takes one name or a name for each layer, the output layer
# included. He's weights suit ReLU, Glorot's the others.
#
# To look at initial weights, we take a single step, so small that it changes nothing.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, check_gradient

X, y = load_digits(return_X_y=True)
X = X / 16.0

# Training always runs for max_iter steps here, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

he, glorot = "he_normal", "glorot_normal"
one_logistic = ("relu",) * 4 + ("logistic",) + ("relu",) * 3
kinds = {
    "tanh": {"activation": "tanh", "init": glorot},
    "relu": {"activation": "relu", "init": (he,) * 8 + (glorot,)},
    "relu, layer 5 logistic": {
        "activation": one_logistic,
        "init": (he,) * 4 + (glorot,) + (he,) * 3 + (glorot,),
    },
    "logistic": {"activation": "logistic", "init": glorot},
}


def trained(kind, learning_rate_init, max_iter):
    """Return a network of this kind, trained by gradient descent."""
    network = BPClassifier(
        (30,) * 8,
        solver="sgd",
        learning_rate_init=learning_rate_init,
        momentum=0.0,
        alpha=0.0,
        batch_size=32,
        max_iter=max_iter,
        tol=0.0,
        n_iter_no_change=np.inf,
        random_state=0,
        **kinds[kind],
    )
    return network.fit(X, y)


initial = {kind: trained(kind, 1e-12, 1) for kind in kinds}

# %%
# Are the gradients right?
# ------------------------
#
# :func:`~skbp.check_gradient` moves all parameters a little in random directions, and
# compares the change of the cost J with what back-propagation says it is. The table has
# the relative error, by the number of samples M.

n_samples = (1, 10, 100)
print(f"{'error of the gradient':24}" + "".join(f"   M = {M:<4}" for M in n_samples))
for kind, network in initial.items():
    errors = [check_gradient(network, X[:M], y[:M]).error for M in n_samples]
    print(f"{kind:24}" + "".join(f"{error:10.0e}" for error in errors))

# %%
# They are right, also with ReLU: 100 samples give 24000 weighted inputs, and where a
# weighted input is so close to ReLU's kink that a step would cross the kink,
# ``check_gradient`` takes a shorter step.

# %%
# Why dW and db are divided by M: J is the mean over samples, so its gradient is the
# mean of the gradients of single samples. The product delta[l] A[l-1]' adds them up.

network = initial["relu, layer 5 logistic"]
together = network.gradients(X[:7], y[:7])[0]
one_by_one = [network.gradients(X[i : i + 1], y[i : i + 1])[0] for i in range(7)]
means = [np.mean(dW, axis=0) for dW in zip(*one_by_one, strict=True)]
differences = [
    np.abs(dW - mean).max() for dW, mean in zip(together, means, strict=True)
]
print(f"Largest difference between the two: {max(differences):.0e}")

# %%
# What becomes of the residuals
# -----------------------------
#
# At the output, the residual delta[L] is A[L] - Y. From there each layer multiplies it
# by its weights and by f'. For the logistic function f' is at most 1/4: in eight layers
# of it the residuals shrink by a factor of about 100 000, and so do the gradients
# dW[l] = delta[l] A[l-1]' / M. A single logistic layer costs its factor once, and below
# it the residuals keep their size again.
#
# On the right, the same networks are trained with the same learning rate. The loss of
# the logistic one stays where it would be if each digit got a probability of 1/10.

looks = {
    "tanh": {"color": "#6fb1e4", "marker": "s"},
    "relu": {"color": "#1b5e9b", "marker": "o"},
    "relu, layer 5 logistic": {"color": "#9c4f12", "marker": "^"},
    "logistic": {"color": "#f2a541", "marker": "D"},
}

figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), layout="constrained")
for kind, look in looks.items():
    sizes = [np.abs(delta).mean() for delta in initial[kind].residuals(X, y)]
    left.plot(range(1, 10), sizes, label=kind, **look)
    curve = trained(kind, 0.02, 80).loss_curve_
    right.plot(range(1, 81), curve, color=look["color"])
    right.text(82, curve[-1], kind.replace(", ", ",\n"), va="center")
left.set_yscale("log")
left.set_xticks(range(1, 10), [*range(1, 9), "9\noutput"])
left.set_xlabel("layer l")
left.set_ylabel("mean size of the residuals delta[l]")
left.set_title("Logistic layers shrink the residuals ...")
left.legend(loc="lower right")
right.text(80, 0.85 * np.log(10), "guessing: ln 10", ha="right", va="top")
right.set_xticks([1, 20, 40, 60, 80])
right.set_yscale("log")
right.set_xlabel("epoch")
right.set_ylabel("training loss")
right.set_title("... and the network does not learn")
plt.show()
