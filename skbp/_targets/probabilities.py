"""Probabilities and decision scores of classes, from the outputs of a network."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

from skbp._targets.classes import ClassTargets
from skbp.engine.arrays import Array, blocks


def by_class(targets: ClassTargets, Z: Array) -> Array:
    """Return Z[L] (n, n_classes), with two columns made of a single output."""
    # For two classes, -Z keeps the precision of a small probability of the first class;
    # 1 - p would be 0 wherever p rounds to 1.
    single = len(targets.classes) == 2 and Z.shape[1] == 1
    return np.hstack([-Z, Z]) if single else Z


def log_probabilities(targets: ClassTargets, Z: Array) -> Array:
    """Return the logarithms of probabilities, given ``by_class``; overwrite Z.

    No result is below the logarithm of the smallest normal number.
    """
    lowest = np.log(np.finfo(Z.dtype).tiny)
    for block in blocks(len(Z)):
        if targets.output == "softmax":
            log_p = log_softmax(Z[block], axis=1)
        else:
            log_p = log_expit(Z[block])
        if targets.one_versus_rest:
            log_p -= logsumexp(log_p, axis=1, keepdims=True)
        np.maximum(log_p, lowest, out=Z[block])
    return Z


def probabilities(targets: ClassTargets, Z: Array) -> Array:
    """Return the probabilities of logistic outputs, given ``by_class``."""
    if targets.one_versus_rest:
        return np.exp(log_probabilities(targets, Z))
    p: Array = expit(Z)
    return p


def mean_probabilities(targets: ClassTargets, Z: Array, variance: Array) -> Array:
    """Return mean probabilities, given means Z and variances (m, n, outputs)."""
    Z = Z / np.sqrt(1.0 + np.pi / 8.0 * variance)
    if targets.output == "softmax":
        mean: Array = softmax(Z, axis=-1).mean(axis=0)
        return mean
    p: Array = expit(Z).mean(axis=0)
    if targets.one_versus_rest:
        p = p / p.sum(axis=1, keepdims=True)
        return p
    single = len(targets.classes) == 2 and p.shape[1] == 1
    return np.hstack([1.0 - p, p]) if single else p


def inside(p: Array) -> Array:
    """Move probabilities that are rounded to 0 or 1 to the next number inside."""
    limits = np.finfo(p.dtype)
    return np.clip(p, limits.tiny, 1.0 - limits.epsneg, out=p)


def scores_of_raw(targets: ClassTargets, Z: Array) -> Array:
    """Return decision scores from raw outputs, if the outputs are probabilities."""
    if Z.shape[1] == len(targets.classes) == 2 and not targets.multilabel:
        difference: Array = Z[:, 1] - Z[:, 0]
        return difference
    return Z[:, 0] if Z.shape[1] == 1 else Z


def scores_of_outputs(targets: ClassTargets, A: Array) -> Array:
    """Return decision scores from outputs that are not probabilities."""
    if A.shape[1] == 1 or targets.multilabel:
        A = A - 0.5
    return A[:, 0] if A.shape[1] == 1 else A
