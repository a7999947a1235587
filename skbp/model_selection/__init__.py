"""Searches over hyperparameters whose candidates train in lock-step.

They are scikit-learn's searches with another way to get at the same results. The
candidates that differ in numbers alone (learning rate, penalty, momentum, patience ...)
train as one group, on one axis of the engine's arrays; what changes a shape or an
equation makes another group. The steps of a pipeline before the network are fitted once
for each split and setting. A task of ``n_jobs`` is a split of the samples with the
groups of a setting.

What cannot train with others is fitted as scikit-learn does it: other estimators, those
with ``verbose`` or ``warm_start``, all candidates where callbacks are to follow each of
them, and a candidate whose fit fails. The candidates of a group have the same initial
weights and batches: with an int as ``random_state`` as everywhere, with None because
they share what is drawn.
"""

from skbp.model_selection.searches import (
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
)

__all__ = [
    "BPGridSearchCV",
    "BPHalvingGridSearchCV",
    "BPHalvingRandomSearchCV",
    "BPRandomizedSearchCV",
]
