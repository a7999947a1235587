"""Losses as a user writes them: functions and classes of a module, which pickle."""

import numpy as np
from scipy.special import expit, xlogy


def squared(A, Y):
    return 0.5 * (A - Y) ** 2, A - Y


def absolute(A, Y):
    return np.abs(A - Y), np.sign(A - Y)


def of_samples(A, Y):
    """The Euclidean distance: one value for each sample."""
    distance = np.sqrt(1e-3 + ((A - Y) ** 2).sum(axis=1))
    return distance, (A - Y) / distance[:, np.newaxis]


def deviance(A, Y):
    """The Poisson loss."""
    return xlogy(Y, Y / A) - Y + A, 1.0 - Y / A


deviance.output_activation = ("exp", "softplus")
deviance.target_range = (0.0, np.inf)


class Asymmetric:
    """A squared error that counts more where the prediction is too low."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, A, Y):
        weight = np.where(A < Y, self.factor, 1.0)
        return 0.5 * weight * (A - Y) ** 2, weight * (A - Y)


class Focal:
    """The log loss, with less weight for what is certain."""

    output_activation = ("logistic", "softmax")

    def __call__(self, A, Y):
        p = np.clip(np.where(Y == 1.0, A, 1.0 - A), 1e-12, 1.0)
        slope = 2.0 * (1.0 - p) * np.log(p) - (1.0 - p) ** 2 / p
        return -((1.0 - p) ** 2) * np.log(p), np.where(Y == 1.0, slope, -slope)


class Ordinal:
    """One logistic loss for each threshold between two of the classes 0, 1, 2 ..."""

    def __init__(self, n_classes):
        self.thresholds = np.arange(n_classes - 1) + 0.5
        self.target_range = (0, n_classes - 1)

    def __call__(self, A, Y):
        side = np.where(Y[..., np.newaxis] > self.thresholds, 1.0, -1.0)
        margin = side * (A[..., np.newaxis] - self.thresholds)
        value = np.logaddexp(0.0, -margin).sum(axis=-1)
        return value, (-side * expit(-margin)).sum(axis=-1)
