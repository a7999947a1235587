"""Searches over hyperparameters whose candidates train in lock-step.

These are scikit-learn's searches, and give the same results in less time. Candidates
that differ only in numbers (learning rate, penalty, momentum, patience ...) train
together as one group, along one axis of the engine's arrays. Candidates that differ in
a shape or an equation belong to different groups. The steps of a pipeline before the
network are fitted once for each split and setting. With ``n_jobs``, a task is one split
of the samples with the groups of one setting.

Candidates that cannot train together are fitted as in scikit-learn: other estimators,
networks with ``verbose`` or ``warm_start``, all candidates if callbacks follow them,
and a candidate whose fit fails. The candidates of a group have the same initial weights
and batches. If ``random_state`` is an int, this follows from the seed, as everywhere.
If it is None, the candidates of a group share the random numbers.
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
