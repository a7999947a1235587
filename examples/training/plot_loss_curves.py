"""
====================
Reading loss curves
====================

When a network disappoints, look at its loss curves first. They show whether the
learning rate is too low or too high, and whether the network overfits.
:class:`~skbp.LossCurveDisplay` draws them.
"""

# %%
# Four networks
# -------------
#
# The data are two classes with much overlap. Each network gets the same validation set
# through ``X_val`` and ``y_val``, and trains to the end of its epochs.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, LossCurveDisplay

# All networks train for max_iter epochs, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = make_classification(
    1200,
    n_features=20,
    n_informative=8,
    n_clusters_per_class=3,
    flip_y=0.15,
    class_sep=1.2,
    random_state=0,
)
X = StandardScaler().fit_transform(X)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.5, random_state=0)


def trained(**parameters):
    """Return a network that was trained with these parameters."""
    options = {"max_iter": 100, "n_iter_no_change": np.inf, "random_state": 0}
    network = BPClassifier((64,), **options | parameters)
    return network.fit(X_train, y_train, X_val=X_val, y_val=y_val)


networks = {
    "The learning rate is too low": trained(learning_rate_init=0.0003),
    "The learning rate is too high": trained(learning_rate_init=0.3),
    "The network overfits": trained(learning_rate_init=0.01),
    "With regularisation": trained(
        learning_rate_init=0.01, alpha=10.0, learning_rate="cosine"
    ),
}
figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
for ax, (title, network) in zip(axes.flat, networks.items(), strict=True):
    LossCurveDisplay.from_estimator(network, ax=ax)
    ax.set_title(title)
plt.show()

# %%
# A star marks the epoch with the highest validation score. What to do:
#
# - **Both curves still fall at the end:** raise ``learning_rate_init`` or ``max_iter``.
# - **The curves jump up and down:** lower ``learning_rate_init``, or let the rate fall
#   with ``learning_rate="cosine"``.
# - **The training loss falls, the validation loss rises:** regularise with ``alpha``,
#   ``dropout`` or ``weight_decay``, take a smaller network, or stop early.
# - **Both curves become flat next to each other:** training is done. A larger network
#   may do better. The training loss includes the penalty of ``alpha``, and can lie
#   above the validation loss.

# %%
# Loss and score
# --------------
#
# The loss can rise while the accuracy stays the same: the network makes the same
# decisions with too much confidence. So look at both, and decide by the one that
# matters to you. ``early_stopping`` decides by ``scoring``, which is the accuracy
# unless you choose another one, such as ``"loss"``.

names = {"overfitting": "The network overfits", "regularised": "With regularisation"}
both = {short: networks[title] for short, title in names.items()}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
display = LossCurveDisplay.from_estimator(both, ax=axes[0])
display.plot(kind="score", ax=axes[1])
plt.show()

# %%
# The learning rate
# -----------------
#
# The third kind of picture shows the learning rate at the end of each epoch.

display.plot(kind="learning_rate")
plt.show()
