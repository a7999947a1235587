"""From raw outputs Z[L] to probabilities and scores of classes."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp, softmax

from skbp._targets.classes import ClassTargets
from skbp.engine.arrays import Array, blocks


def by_class(targets: ClassTargets, Z: Array) -> Array:
    """Return Z[L] (n, n_classes): a single output stands for two classes."""
    # For two classes not p and 1 - p, which is 0 where p is not yet 1.
    single = len(targets.classes) == 2 and Z.shape[1] == 1
    return np.hstack([-Z, Z]) if single else Z


def log_probabilities(targets: ClassTargets, Z: Array) -> Array:
    """Return logarithms of probabilities, given ``by_class``; Z is overwritten.

    The lowest is the logarithm of the smallest normal number.
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
    """Return probabilities of logistic outputs, given ``by_class``."""
    if targets.one_versus_rest:
        return np.exp(log_probabilities(targets, Z))
    p: Array = expit(Z)
    return p


def mean_probabilities(targets: ClassTargets, Z: Array, variance: Array) -> Array:
    """Return the mean probabilities over uncertain raw outputs (m, n, outputs)."""
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
    """Return probabilities moved next to 0 and 1 where they are rounded to them."""
    limits = np.finfo(p.dtype)
    return np.clip(p, limits.tiny, 1.0 - limits.epsneg, out=p)


def scores_of_raw(targets: ClassTargets, Z: Array) -> Array:
    """Return scores that decide the class, of outputs that are probabilities."""
    if Z.shape[1] == len(targets.classes) == 2 and not targets.multilabel:
        difference: Array = Z[:, 1] - Z[:, 0]
        return difference
    return Z[:, 0] if Z.shape[1] == 1 else Z


def scores_of_outputs(targets: ClassTargets, A: Array) -> Array:
    """Return scores that decide the class, of outputs that are no probabilities."""
    if A.shape[1] == 1 or targets.multilabel:
        A = A - 0.5
    return A[:, 0] if A.shape[1] == 1 else A
