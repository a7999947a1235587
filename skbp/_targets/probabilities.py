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


@np.errstate(all="ignore")
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


@np.errstate(all="ignore")
def probabilities(targets: ClassTargets, Z: Array) -> Array:
    """Return the probabilities of logistic outputs, given ``by_class``."""
    if targets.one_versus_rest:
        return np.exp(log_probabilities(targets, Z))
    p: Array = expit(Z)
    return p


@np.errstate(all="ignore")
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


@np.errstate(all="ignore")
def scores_of_raw(targets: ClassTargets, Z: Array) -> Array:
    """Return log-odds of classes or labels, for outputs that are probabilities."""
    if Z.shape[1] == 1:
        return Z[:, 0]
    if targets.multilabel or targets.one_versus_rest:
        # Each logistic output is of one label or class against the rest.
        return Z
    if len(targets.classes) == 2:
        return bounded(Z[:, 1] - Z[:, 0])
    return log_odds(Z)


def log_odds(log_p: Array) -> Array:
    """Return log p_k - log (sum of the other p_j), for each class k.

    ``log_p`` (n, n_classes) are logarithms of probabilities up to a constant of the
    sample, such as the raw outputs of softmax.
    """
    rows, largest = np.arange(len(log_p)), log_p.argmax(axis=1)
    top = log_p[rows, largest, np.newaxis]
    # (Infinite outputs, of weights that are as good as infinite, give nan.)
    p = np.nan_to_num(np.exp(log_p - top), nan=1.0)
    # p of the largest is 1, so the sum without another class does not cancel.
    others = top + np.log(np.maximum(p.sum(axis=1, keepdims=True) - p, 1.0))
    # Without the largest itself, the sum is taken of what is left.
    rest = log_p.copy()
    rest[rows, largest] = -np.inf
    others[rows, largest] = logsumexp(rest, axis=1)
    return bounded(log_p - others)


def bounded(odds: Array) -> Array:
    """Return log-odds that are finite, in place: huge ones overflow."""
    most = float(np.finfo(odds.dtype).max)
    finite: Array = np.nan_to_num(odds, copy=False, nan=-most, posinf=most)
    return finite


def scores_of_outputs(targets: ClassTargets, A: Array) -> Array:
    """Return decision scores from outputs that are not probabilities."""
    if A.shape[1] == 1 or targets.multilabel:
        A = A - 0.5
    return A[:, 0] if A.shape[1] == 1 else A
