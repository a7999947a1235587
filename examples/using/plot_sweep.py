"""
=============================
A sweep on two workers
=============================

A search over hyperparameters returns its best candidate and a table of all others. This
page runs a search on two workers, and shows how to see in pictures what the table says:
whether the best candidate lies inside the grid, how much its neighbours lose, and which
parameter matters.
"""

# %%
# The search
# ----------
#
# Half of the handwritten digits, six values of ``alpha`` and seven of the learning rate
# make 42 candidates, or 168 networks on four splits. ``n_jobs=2`` starts two worker
# processes. Each worker trains many candidates side by side, in one array, because they
# differ only in numbers. The results are the same as those of ``GridSearchCV``.

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier, BPGridSearchCV, SweepDisplay

# All networks train for 30 epochs, so there is no need for a warning.
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
    n_jobs=2,
).fit(X[:900], y[:900])
print(f"best accuracy: {search.best_score_:.3f}")
for name, value in search.best_params_.items():
    print(f"{name.removeprefix('bpclassifier__')} = {value}")

# %%
# Two parameters
# --------------
#
# The best candidate has a frame. It lies inside the grid, so the grid is wide enough.
# Around it is a plateau, where a step to any side costs two per cent or less, so the
# grid is also fine enough. ``alpha=100`` is too much for every learning rate.

SweepDisplay.from_estimator(search, params=("learning_rate_init", "alpha"))
plt.show()

# %%
# One parameter
# -------------
#
# For each learning rate, the scores with the best ``alpha``. The band is the standard
# deviation over the splits. At low rates the network has not learnt enough after 30
# epochs: even the score on the training samples is low. At high rates the training
# score stays near one, but the test score falls: the network overfits.

SweepDisplay.from_estimator(search, params="learning_rate_init")
plt.show()

# %%
# How they trained
# ----------------
#
# ``BPGridSearchCV`` keeps the loss curves of all candidates. The picture shows one for
# each learning rate, again with the best ``alpha``. The curves of low rates still fall
# after 30 epochs: more epochs would help. The curves of high rates are noisy, and some
# networks stop before the 30 epochs are over because the loss no longer falls.

SweepDisplay.from_estimator(search, kind="loss_curves", params="learning_rate_init")
plt.show()

# %%
# On more machines
# ----------------
#
# Like scikit-learn's searches, the search takes its workers from joblib. With
# ``joblib.parallel_config("dask")``, and a Dask client, the workers can be the machines
# of a cluster; nothing else in the script changes.
