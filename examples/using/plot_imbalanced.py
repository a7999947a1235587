"""
==================
Imbalanced classes
==================

If one class is rare, a network that optimises the usual loss seldom predicts it. There
are two remedies: class weights, which change training, and a decision threshold, which
changes only the predictions. This page compares them, and shows what to measure.
"""

# %%
# One positive in thirty
# ----------------------
#
# Such data are fraud, defects, or a disease. We simulate 6000 samples, of which about
# 3 % are positive, and train two networks: a plain one, and one with
# ``class_weight="balanced"``, where all positives together weigh as much as all
# negatives.

import matplotlib.pyplot as plt
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import make_classification
from sklearn.metrics import (
    PrecisionRecallDisplay,
    average_precision_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
)
from sklearn.model_selection import TunedThresholdClassifierCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier

X, y = make_classification(
    6000,
    n_features=12,
    n_informative=6,
    n_clusters_per_class=3,
    weights=[0.975],
    class_sep=1.2,
    flip_y=0.01,
    random_state=1,
)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
print(f"{y_train.sum()} of {len(y_train)} training samples are positive.")


def network(**parameters):
    """Return a network behind a scaler."""
    options = {"alpha": 3.0, "solver": "lbfgs", "max_iter": 2000, "random_state": 0}
    return make_pipeline(StandardScaler(), BPClassifier((16,), **options, **parameters))


plain = network().fit(X_train, y_train)
balanced = network(class_weight="balanced").fit(X_train, y_train)

# %%
# A third model leaves training as it is, and moves the threshold instead:
# scikit-learn's ``TunedThresholdClassifierCV`` finds the probability from which on it
# pays to predict "positive". Give it the metric that you care about, here the F1 score.

tuned = TunedThresholdClassifierCV(network(), scoring="f1", cv=3)
tuned.fit(X_train, y_train)
print(f"best threshold: {tuned.best_threshold_:.2f} instead of 0.5")

# %%
# What to measure
# ---------------
#
# Accuracy is useless here: to predict "negative" always is right 97 % of the time.
# Recall is the share of positives that are found, precision the share of alarms that
# are right. Average precision does not depend on a threshold.

models = {"plain": plain, "balanced": balanced, "tuned threshold": tuned}
metrics = {
    "recall": recall_score,
    "precision": precision_score,
    "F1": f1_score,
    "balanced accuracy": balanced_accuracy_score,
}
print(f"{'':16}", *metrics, "average precision", sep="  ")
for name, model in models.items():
    predicted = model.predict(X_test)
    row = [f"{score(y_test, predicted):{len(m)}.2f}" for m, score in metrics.items()]
    ranking = average_precision_score(y_test, model.predict_proba(X_test)[:, 1])
    print(f"{name:16}", *row, f"{ranking:17.2f}", sep="  ")

# %%
# On these data the tuned threshold does best. Class weights raise the recall, too, but
# the few positives, with their large weights, make the network overfit, and its ranking
# of the samples becomes worse. The precision-recall curves show the ranking of each
# network at all thresholds, and a dot marks the threshold in use.

figure, ax = plt.subplots(figsize=(6.5, 5), layout="constrained")
for i, (name, model) in enumerate(models.items()):
    if name != "tuned threshold":
        PrecisionRecallDisplay.from_estimator(
            model, X_test, y_test, name=name, curve_kwargs={"color": f"C{i}"}, ax=ax
        )
    predicted = model.predict(X_test)
    place = recall_score(y_test, predicted), precision_score(y_test, predicted)
    ax.plot(*place, "o", color=f"C{i}", markersize=10, markeredgecolor="white")
    ax.annotate(name, place, (-8, -14), textcoords="offset points", ha="right")
ax.set_title("A threshold chooses a place on the curve")
ax.legend(loc="lower left")
plt.show()

# %%
# What happens to the probabilities
# ---------------------------------
#
# Class weights have a price: the probabilities are those of a world where half of the
# samples are positive. If you need probabilities, for example for expected costs, train
# without class weights and tune the threshold.

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for name in ("plain", "balanced"):
    CalibrationDisplay.from_estimator(
        models[name], X_test, y_test, n_bins=5, name=name, ax=ax
    )
ax.set_title("Class weights exaggerate the rare class")
ax.legend(loc="upper left")
plt.show()
