"""Tune a network on handwritten digits, then train scikit-learn's own beside it.

    python examples/quickstart.py

The data come with scikit-learn: 1797 pictures of 8 x 8 pixels, ten classes.
"""

from time import perf_counter
from timeit import repeat

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skbp import BPClassifier, BPGridSearchCV

# Products of such small matrices gain little from several threads, and on a busy
# machine the threads wait for each other. The search uses the cores for its workers.
threadpool_limits(1)

# 1. The data.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
print(f"Digits: {len(X_train)} pictures to train on, {len(X_test)} to test on.\n")

# 2. A network as the last step of a pipeline. Networks learn best from inputs of
#    similar size, hence the scaler.
model = make_pipeline(StandardScaler(), BPClassifier(max_iter=500, random_state=0))

# 3. A grid search over its size, its learning rate, and its regularisation.
#    Candidates that differ only in numbers train together, with the same results as in
#    GridSearchCV.
grid = {
    "bpclassifier__hidden_layer_sizes": [(50,), (100,)],
    "bpclassifier__learning_rate_init": [0.003, 0.01],
    "bpclassifier__alpha": [0.0001, 0.01, 1.0],
}
search = BPGridSearchCV(model, grid, cv=3, n_jobs=-1)
start = perf_counter()
search.fit(X_train, y_train)
seconds = perf_counter() - start

n_candidates = len(search.cv_results_["params"])
n_fits = n_candidates * search.n_splits_ + 1
print(f"Grid search: {n_candidates} candidates, {n_fits} fits, {seconds:.1f} seconds.")
print(f"The best has an accuracy of {search.best_score_:.4f} in cross-validation:")
best = {
    name.removeprefix("bpclassifier__"): value
    for name, value in search.best_params_.items()
}
for name, value in best.items():
    print(f"  {name} = {value}")


# 4. The same network by both packages: same parameters, same seed.
def train(network):
    """Train a network three times, and print its results and the shortest time."""
    pipeline = make_pipeline(StandardScaler(), network)
    seconds = repeat(lambda: pipeline.fit(X_train, y_train), number=1, repeat=3)
    print(
        f"{type(network).__name__:14}  {pipeline.score(X_test, y_test):13.4f}"
        f"  {network.loss_:10.8f}  {network.n_iter_:6}  {min(seconds):7.2f}"
    )


print("\nWith these parameters (seconds of the fastest of three fits):\n")
print(f"{'':14}  test accuracy  final loss  epochs  seconds")
theirs = MLPClassifier(max_iter=500, random_state=0, **best)
ours = BPClassifier(max_iter=500, random_state=0, **best)
train(theirs)
train(ours)

# 5. Are they the same network?
differences = [
    np.abs(W - V).max() for W, V in zip(theirs.coefs_, ours.coefs_, strict=True)
]
largest = max(np.abs(W).max() for W in theirs.coefs_)
print(f"\nLargest difference between their weights: {max(differences):.0e},")
print(f"where the largest weight is {largest:.2f}.")
