"""
==================
Looking at a sweep
==================

A search over hyperparameters returns its best candidate, and a table with a row for
each of the others. What the table knows besides is seen in pictures: whether the best
lies inside the grid or at its edge, how much is lost beside it, and which parameter
matters. ``SweepDisplay`` draws them.
"""

# %%
# The search
# ----------
#
# Half of the handwritten digits, six values of alpha and seven of the learning rate: 42
# candidates on four splits make 168 networks. ``BPGridSearchCV`` trains them side by
# side, and keeps their loss curves.

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPGridSearchCV, SweepDisplay

# The number of epochs is given: no need to hear that training may not have converged.
warnings.simplefilter("ignore", ConvergenceWarning)

X, y = load_digits(return_X_y=True)
network = BPClassifier(32, max_iter=30, random_state=0)
search = BPGridSearchCV(
    make_pipeline(StandardScaler(), network),
    {
        "bpclassifier__learning_rate_init": [3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3],
        "bpclassifier__alpha": [1e-3, 0.01, 0.1, 1.0, 10.0, 100.0],
    },
    scoring="accuracy",
    cv=StratifiedKFold(4, shuffle=True, random_state=0),
    return_train_score=True,
).fit(X[:900], y[:900])
print(f"{search.best_score_:.3f} with {search.best_params_}")

# %%
# Two parameters
# --------------
#
# A heat map. The best, in its frame, lies inside the grid: there is no need to widen
# it. Around it is a plateau, where one step to any side costs two per cent or less: the
# grid need not be finer, either. ``alpha=100`` is too much for every learning rate.

SweepDisplay.from_estimator(search, params=("learning_rate_init", "alpha"))
plt.show()

# %%
# One parameter
# -------------
#
# For each learning rate the best alpha. The band is the standard deviation over the
# splits. To the left of the plateau the network has not learnt enough in 30 epochs, not
# even about its training samples. To the right it knows nearly all of these, but less
# about the others.

display = SweepDisplay.from_estimator(search, params="learning_rate_init")
display.ax_.set_ylim(0.5, 1.02)
plt.show()

# %%
# How they trained
# ----------------
#
# The training losses of all candidates, means over the splits. The colour is that of
# the learning rate; the best one is black. Low rates would like more epochs, and high
# ones are restless. The best is far from the lowest: the penalty of alpha is part of
# the loss, and is worth its price.

SweepDisplay.from_estimator(search, kind="loss_curves", params="learning_rate_init")
plt.show()
