"""
============================
A stream of data
============================

Some data arrive piece by piece: sensor readings, clicks, transactions. ``partial_fit``
takes one training step for each batch of a piece and keeps the optimizer's state, so
that a model improves while it is in use. This page also shows what to do when the data
change over time.
"""

# %%
# A stream that changes
# ---------------------
#
# We simulate a machine that sends 50 readings of six sensors at a time, and later tells
# which readings were faulty. After half of the time a part is exchanged, and the
# meaning of the readings changes.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier

PIECES, ROWS = 400, 50


def stream():
    """Yield pieces of the stream: readings, and which of them are faulty."""
    rng = np.random.RandomState(0)
    before, after = rng.standard_normal((2, 6, 2))
    for piece in range(PIECES):
        directions = before if piece < PIECES // 2 else after
        X = rng.standard_normal((ROWS, 6))
        a, b = (X @ directions).T
        yield X, a * b + 0.5 * a + 0.5 * rng.standard_normal(ROWS) > 0


# %%
# Test, then train
# ----------------
#
# On a stream every piece can serve twice: first to test the model, since the model has
# not seen it, and then to train it. The first call of ``partial_fit`` must name all
# classes, because a class may be missing from the first piece. A scaler has a
# ``partial_fit``, too.
#
# A batch has at most 200 rows, so each piece of 50 rows makes one training step. On a
# stream, a ``learning_rate_init`` above the default of 0.001 adapts faster.

models = {
    "SGDClassifier (linear)": SGDClassifier(loss="log_loss", random_state=0),
    "BPClassifier, default rate 0.001": BPClassifier((64,), random_state=0),
    "BPClassifier, rate 0.01": BPClassifier(
        (64,), learning_rate_init=0.01, random_state=0
    ),
}


def accuracies(model):
    """Return the accuracy on each piece, before training on it."""
    model, scaler, found = clone(model), StandardScaler(), []
    for piece, (X, y) in enumerate(stream()):
        X = scaler.partial_fit(X).transform(X)
        if piece:
            found.append(model.score(X, y))
        model.partial_fit(X, y, classes=[False, True])
    return np.array(found)


results = {name: accuracies(model) for name, model in models.items()}
for name, found in results.items():
    parts = found[: PIECES // 2], found[PIECES // 2 :]
    print(f"{name:33} accuracy", *(f"{part.mean():.3f}" for part in parts))

# %%
# The picture shows means over the last 20 pieces. The linear model cannot represent the
# task. The network with the larger rate learns it within 50 pieces, and recovers after
# the change without being told about it.

figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
for name, found in results.items():
    means = np.convolve(found, np.full(20, 1 / 20), mode="valid")
    ax.plot(range(20, PIECES), means, linewidth=2, label=name)
ax.axvline(PIECES // 2, color="black", linewidth=1, linestyle=":")
ax.annotate("the part is exchanged", (PIECES // 2 - 3, 0.95), ha="right")
ax.set(xlabel="pieces of 50 readings", ylabel="accuracy", ylim=(0.45, 1))
ax.set_title("The network learns from the stream, and learns again")
figure.legend(loc="outside lower center", ncols=3)
plt.show()
