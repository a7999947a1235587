"""Targets that are classes, or labels of multilabel data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import label_binarize
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from skbp._sklearn import balanced_class_weights
from skbp._targets.losses import engine_loss, outputs_of
from skbp.engine.arrays import Array, Rows, by_sample
from skbp.engine.losses import Loss


@dataclass(frozen=True)
class ClassOptions:
    """The parameters of a classifier that determine its loss."""

    loss: Any
    output_activation: str
    class_weight: Any = None
    label_smoothing: float = 0.0
    temperature: bool = False

    def check_parts(self) -> None:
        """Refuse options that need all data, which ``partial_fit`` never sees."""
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' does not work with partial_fit, which "
                "does not see all the data. Pass a dict, for example with weights "
                "from sklearn.utils.class_weight.compute_class_weight."
            )
        if self.temperature:
            raise ValueError(
                "partial_fit does not support temperature=True, because the output "
                "layer is divided when training is over. Set temperature=False, or "
                "use fit."
            )

    def check_memory(self, multilabel: bool) -> None:
        """Refuse options that need all data in memory."""
        if multilabel and self.class_weight is not None:
            raise ValueError(
                "class_weight does not work with multilabel targets in a Dask "
                "collection. Pass sample_weight instead."
            )

    def output(self, n_classes: int, multilabel: bool) -> str:
        """Return the output activation for these options."""
        if self.output_activation == "softmax" and multilabel:
            raise ValueError(
                "output_activation='softmax' is for classes that exclude each "
                "other, but y is a multilabel indicator matrix. Use "
                "output_activation='logistic'."
            )
        if self.output_activation != "auto":
            return self.output_activation
        exclusive = n_classes > 2 and not multilabel
        if self.loss == "log_loss" and exclusive:
            return "softmax"
        return outputs_of(self.loss)[0]


@dataclass(frozen=True)
class Labels:
    """Checked class labels, or a checked indicator matrix of labels.

    Attributes
    ----------
    y : array (n,) or (n, labels)
        The labels of the samples, or a few labels that represent all.
    classes : array
        The distinct labels; for an indicator matrix, the numbers of its columns.
    multilabel : bool
    repeats : array (n,) or None
        How often each of y occurs; None means once.
    codes : array of int (n,) or None
        The number of each label among known classes, where that was looked up.
    """

    y: Any
    classes: Any
    multilabel: bool
    repeats: Array | None = None
    codes: Rows | None = None

    @classmethod
    def of(cls, y: Any) -> Labels:
        """Check labels, and return them unchanged."""
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError(
                "y has several columns with more than two classes. Such "
                "multioutput targets are not supported. Pass one class for each "
                "sample or an indicator matrix of labels, or use "
                "sklearn.multioutput.MultiOutputClassifier."
            )
        check_labels(y, kind)
        return cls(y, unique_labels(y), kind.startswith("multilabel"))

    @classmethod
    def condensed(cls, y: Array) -> Labels:
        """Return a few labels that represent all of y, and how often each occurs."""
        if y.ndim == 2 and y.shape[1] > 1:
            return cls(y[:1].copy(), np.arange(y.shape[1]), True, np.array([len(y)]))
        values, counts = np.unique(y, return_counts=True)
        # Repeat each, because scikit-learn warns if every sample has its own class.
        few = np.repeat(values, 2)
        check_labels(few, type_of_target(few))
        return cls(values, values, False, counts.astype(np.float64))

    @classmethod
    def merged(cls, each: Sequence[Labels]) -> Labels:
        """Return the condensed labels of several parts as condensed labels of all."""
        y = np.concatenate([one.y for one in each])
        # Repeat each, for the same reason.
        few = cls.of(np.repeat(cls.condensed(y).y, 2, axis=0))
        repeats = np.concatenate(
            [one.repeats for one in each if one.repeats is not None]
        )
        return cls(y, few.classes, few.multilabel, repeats)


def check_labels(y: Any, kind: str) -> None:
    """Refuse targets that are no classes; ``kind`` is what scikit-learn calls them."""
    # The first sentences are those of scikit-learn.
    if kind.startswith("continuous"):
        place = int(np.argmax(y.ravel() % 1.0 != 0.0))
        raise ValueError(
            f"Unknown label type: {kind}. y must contain classes; got "
            f"{y.flat[place]} for sample {place // (y.size // len(y))}. To "
            "predict numbers, use BPRegressor; to predict classes, divide the "
            "numbers into classes first."
        )
    if kind == "unknown":
        raise ValueError(
            f"Unknown label type: {kind}. y has the dtype {y.dtype}. Convert "
            "the labels to strings or integers: y.astype(str) or "
            "y.astype(int)."
        )
    check_classification_targets(y)


@dataclass(frozen=True)
class ClassTargets:
    """Classes as the outputs of a network.

    Attributes
    ----------
    options : ClassOptions
    classes : array (n_classes,)
        The classes in sorted order; for multilabel targets, the numbers of the labels.
    multilabel : bool
    output : str
        The output activation.
    class_weights : array (n_classes,) or None
        The weight of each class; None without ``class_weight``, and for multilabel
        targets, whose labels are weighted one by one.
    """

    options: ClassOptions
    classes: Array
    multilabel: bool
    output: str
    class_weights: Array | None = None

    y_options: ClassVar[dict[str, Any]] = {}
    Options: ClassVar = ClassOptions
    read = staticmethod(Labels.of)
    condensed = staticmethod(Labels.condensed)
    merged = staticmethod(Labels.merged)

    @classmethod
    def learn(
        cls, options: ClassOptions, labels: Labels, classes: Array | None = None
    ) -> ClassTargets:
        """Return the targets of a fit to these labels.

        ``classes`` are all classes, if the labels may not contain all of them.
        """
        if classes is None:
            return cls.known(options, labels, labels.classes)
        targets = cls.known(options, labels, classes)
        targets.check(labels)
        return targets

    @classmethod
    def known(
        cls, options: ClassOptions, labels: Labels, classes: Array
    ) -> ClassTargets:
        """Return the targets with these classes, which must include the labels."""
        output = options.output(len(classes), labels.multilabel)
        weights = None
        if options.class_weight is not None and not labels.multilabel:
            weights = weights_of_classes(options.class_weight, classes, labels)
        return cls(options, classes, labels.multilabel, output, weights)

    def renewed(self, options: ClassOptions, labels: Labels) -> ClassTargets:
        """Return the targets of a warm start, which must have the same classes."""
        if labels.multilabel or self.multilabel:
            self.check(labels)
        elif not np.array_equal(labels.classes, self.classes):
            # The first two sentences are those of scikit-learn.
            unknown = np.setdiff1d(labels.classes, self.classes).tolist()
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in "
                f"the previous call to fit. Previously got {self.classes}, `y` has "
                f"{labels.classes}. Classes that are not in classes_: {unknown}. "
                "Set warm_start=False to start from scratch."
            )
        return self.known(options, labels, self.classes)

    def extended(self, options: ClassOptions, labels: Labels) -> ClassTargets:
        """Return the targets of a further call of ``partial_fit``."""
        self.check(labels)
        return self.known(options, labels, self.classes)

    def check(
        self,
        labels: Labels,
        remedy: str = (
            "Classes are those of fit, or of the first call of partial_fit."
        ),
    ) -> None:
        """Refuse labels that do not agree with the classes."""
        if labels.codes is not None:
            return
        known = self.classes.tolist()
        if labels.multilabel:
            n_labels = labels.y.shape[1]
            if not self.multilabel or n_labels != len(known):
                raise ValueError(
                    f"y is a multilabel indicator matrix of {n_labels} labels, but "
                    f"classes_ is {known}."
                )
            return
        if self.multilabel:
            raise ValueError(
                f"y must be a multilabel indicator matrix of {len(known)} labels, "
                "as in earlier calls; got one class for each sample."
            )
        unknown = np.setdiff1d(labels.classes, self.classes)
        if len(unknown):
            raise ValueError(
                f"y has classes that are not in classes_: {unknown.tolist()}; classes_ "
                f"is {known}. {remedy}"
            )

    # From labels to targets.

    def recognise(self, y: Any) -> Labels:
        """Return labels, which scikit-learn checks unless all of them are known."""
        codes = None if self.multilabel else codes_of(y, self.classes)
        if codes is None:
            return Labels.of(y)
        there = np.bincount(codes, minlength=len(self.classes)) > 0
        return Labels(y, self.classes[there], False, codes=codes)

    def encode(self, labels: Labels) -> Array:
        """Return the targets Y (n, outputs): 1 for the class of a sample, else 0."""
        if labels.multilabel:
            return np.asarray(label_binarize(labels.y, classes=self.classes))
        codes, n_classes = self.numbers_of(labels), len(self.classes)
        if self.output != "softmax" and n_classes <= 2:
            # A single output stands for two classes.
            Y: Array = (codes == 1).astype(np.float64)[:, np.newaxis]
            return Y
        Y = np.zeros((len(codes), n_classes))
        Y[np.arange(len(codes)), codes] = 1.0
        return Y

    def numbers_of(self, labels: Labels) -> Rows:
        """Return the number of the class of each sample (n,)."""
        if labels.codes is not None:
            return labels.codes
        codes: Rows = np.searchsorted(self.classes, labels.y)
        return codes

    def smooth(self, Y: Array) -> Array:
        """Return the targets for training, with a part spread over all classes."""
        smoothing = self.options.label_smoothing
        if not smoothing:
            return Y
        # A logistic output has two outcomes; other outputs have all classes as
        # outcomes.
        n = Y.shape[1] if Y.shape[1] > 1 and not self.multilabel else 2
        return (Y * (1.0 - smoothing) + smoothing / n).astype(Y.dtype)

    def weigh(self, labels: Labels, weights: Array | None) -> Array | None:
        """Return the sample weights, multiplied by the weights of the classes."""
        if self.options.class_weight is None:
            return weights
        if weights is not None and weights.ndim == 2:
            raise ValueError(
                "class_weight does not work with missing labels (nan in y) or with "
                "sample_weight of the shape of y. Multiply sample_weight by the "
                "weight that each label should have, and set class_weight=None."
            )
        if self.class_weights is None:
            of_samples = compute_sample_weight(self.options.class_weight, labels.y)
        else:
            of_samples = self.class_weights[self.numbers_of(labels)]
        of_samples = np.asarray(of_samples)
        if not np.isfinite(of_samples).all() or (of_samples < 0).any():
            raise ValueError(
                "class_weight must contain finite numbers that are not negative; "
                f"got {self.options.class_weight!r}."
            )
        return of_samples if weights is None else weights * of_samples

    def weigh_all(self, labels: Labels, weights: Array | None) -> Array | None:
        """Return ``weigh``; refuse class weights that leave no sample any weight."""
        weights = self.weigh(labels, weights)
        if weights is not None and not weights.any():
            raise ValueError(
                f"class_weight={self.options.class_weight!r} gives all samples the "
                "weight 0. Give at least one class of y a weight above 0."
            )
        return weights

    @property
    def rescales(self) -> bool:
        """Return False: classes have no scale."""
        return False

    def in_units(self, center: Array, scale: Array) -> ClassTargets:
        """Return the targets unchanged."""
        return self

    def loss(self) -> Loss:
        """Return the corresponding loss of the engine."""
        return engine_loss(self.options.loss, self.output)

    # From outputs to labels.

    @property
    def one_versus_rest(self) -> bool:
        """Whether there is a logistic output for each of several exclusive classes."""
        return (
            self.output == "logistic" and len(self.classes) > 2 and not self.multilabel
        )

    def codes(self, outputs: Array) -> Any:
        """Return the class number of each sample, or the indicator matrix of labels."""
        if outputs.shape[1] > 1 and not self.multilabel:
            return outputs.argmax(axis=1)
        codes = (outputs > 0.5).astype(int)
        if self.multilabel:
            return codes
        return codes[:, 0] if len(self.classes) == 2 else np.zeros_like(codes[:, 0])

    def decode(self, outputs: Array) -> Any:
        """Return the label of each sample, or the indicator matrix of labels."""
        if outputs.shape[1] not in (1, len(self.classes)):
            raise ValueError(
                f"classes_ has {len(self.classes)} entries, but the network has "
                f"{outputs.shape[1]} outputs; the two must agree."
            )
        codes = self.codes(outputs)
        return codes if codes.ndim == 2 else self.classes[codes]

    def strata(self, Y: Array) -> Array | None:
        """Return the class number of each sample; None for multilabel targets."""
        return None if self.multilabel else self.codes(Y)

    def score(self, Y: Array, outputs: Array, weights: Array | None) -> float:
        """Return the accuracy, with multilabel targets the accuracy of whole rows."""
        # The scorer of scikit-learn takes longer than an epoch on small data.
        return accuracy(self.codes(Y) == self.codes(outputs), weights)


def accuracy(hits: Any, weights: Array | None) -> float:
    """Return the weighted mean of hits (n,), or of the rows of hits (n, labels).

    With weights (n, labels), labels of weight 0 do not count.
    """
    if weights is not None and weights.ndim == 2:
        hits, weights = hits | (weights == 0.0), by_sample(weights)
    return float(
        np.average(hits.all(axis=1) if hits.ndim == 2 else hits, weights=weights)
    )


def codes_of(y: Any, classes: Array) -> Rows | None:
    """Return the number of each label (n,) among sorted classes, if all are known."""
    if type(y) is not np.ndarray or y.ndim != 1 or not len(y):
        return None
    numbers = "biuf"
    kinds = (y.dtype.kind, classes.dtype.kind)
    if kinds != ("U", "U") and not (kinds[0] in numbers and kinds[1] in numbers):
        return None
    codes = np.searchsorted(classes, y)
    known = classes.take(codes, mode="clip") == y
    return codes if known.all() else None


def accuracy_of(y: Any, labels: Array, weights: Any, classes: Any) -> float:
    """Return the part of the labels, by weight, that are those of y."""
    if np.ndim(weights) == 2:
        return accuracy(y == labels, weights)
    alike = weights is None and np.shape(y) == labels.shape
    if alike and codes_of(y, np.asarray(classes)) is not None:
        # scikit-learn's checks of labels take longer than a small network.
        return accuracy(y == labels, None)
    return float(accuracy_score(y, labels, sample_weight=weights))


def weights_of_classes(class_weight: Any, classes: Array, labels: Labels) -> Array:
    """Return the weight of each class (n_classes,)."""
    if isinstance(class_weight, str):
        return balanced_class_weights(classes, labels.y, labels.repeats)
    if not isinstance(class_weight, dict):
        raise ValueError(
            "class_weight must be a dict, 'balanced' or None; a list of dicts "
            f"is only for multilabel targets. Got {class_weight!r}."
        )
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise ValueError(
            f"class_weight contains classes that are not in y: {unknown}. The "
            f"classes of y are {known}."
        )
    for label, weight in class_weight.items():
        if not isinstance(weight, Real):
            raise ValueError(
                f"class_weight must contain numbers; got {weight!r} for class "
                f"{label!r}. Leave the class out to give it the weight 1."
            )
    return np.array([float(class_weight.get(c, 1.0)) for c in known])
