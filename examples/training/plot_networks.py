"""
======================
Pictures of a network
======================

What has a network learnt, and which of its units do nothing? Two displays draw the
weights: :class:`~skbp.NetworkDisplay` the layers and units of a small network, and
:class:`~skbp.WeightsDisplay` the weights of a layer as a heat map or as images.
"""

# %%
# Layers and units
# ----------------
#
# The network tells three species of iris from four lengths. The display finds the
# network in the pipeline, and names features and classes.

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, NetworkDisplay, WeightsDisplay

iris = load_iris(as_frame=True)
species = iris.target_names[iris.target]
network = BPClassifier((5,), solver="lbfgs", alpha=1.0, random_state=0)
model = make_pipeline(StandardScaler(), network).fit(iris.data, species)
NetworkDisplay.from_estimator(model)
plt.show()

# %%
# A line is a weight. Blue weights are positive, orange ones negative. A wide line is a
# large weight, compared with the largest one between the same two layers. The unit 1 at
# the top is constant: its lines are the biases.
#
# The petals distinguish the species: their lines are the widest. The unit at the
# bottom has only a bias: the penalty ``alpha`` has removed its weights.

# %%
# More units
# ----------
#
# Larger networks get a higher figure, with room for all names. Where many lines cross,
# small weights fade. Layers with more than ``max_units`` units show the units with the
# largest weights.

cancer = load_breast_cancer(as_frame=True)
network = BPClassifier((20, 10), ("tanh", "relu"), max_iter=1000, random_state=0)
model = make_pipeline(StandardScaler(), network).fit(cancer.data, cancer.target)
NetworkDisplay.from_estimator(model)
plt.show()

# %%
# Dead units
# ----------
#
# A heat map of the weights has a row for each feature, or for each unit of the layer
# before, and a column for each unit. Given samples, the display marks the units that
# are dead on them, such as a ReLU unit whose activation is zero for all samples. Dead
# units no longer learn. Here the learning rate is too high, and a third of the units in
# the second layer have died.

network = BPClassifier((20, 20), learning_rate_init=1.0, random_state=0)
model = make_pipeline(StandardScaler(), network).fit(cancer.data, cancer.target)
WeightsDisplay.from_estimator(model, cancer.data, layer=2)
plt.show()

# %%
# Weights as images
# -----------------
#
# If features are pixels, the weights of a unit are an image: the pattern that the unit
# looks for. Pixels at the edge of the digits are always empty, and ``alpha`` shrinks
# their weights to zero. It has done so with all weights of three units, which are dead.

X, y = load_digits(return_X_y=True)
network = BPClassifier((24,), alpha=10.0, max_iter=500, random_state=0).fit(X / 16, y)
display = WeightsDisplay.from_estimator(network, X / 16, kind="images")
plt.show()

# %%
# The distribution of the weights of each layer is a histogram.

display.plot(kind="histogram")
plt.show()
