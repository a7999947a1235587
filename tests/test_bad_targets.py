"""Data that cannot be used: the error says what is wrong, where, and what would do."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from skbp import BPClassifier, BPRegressor
from tests.helpers import BOTH

X = np.random.RandomState(0).standard_normal((40, 3))
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X[:, 0]


def with_value(y, value, place=7):
    changed = np.array(y, object if isinstance(value, str | None) else float)
    changed[place] = value
    return changed


def small(estimator, **options):
    return estimator((2,), max_iter=2, **options)


MISSING = r"y contains (NaN|infinity).* y is .*sample 7\b.*Leave out"
#: Bad targets, and what the message says for classes and for numbers.
TARGETS = {
    "None": (None, "requires y to be passed.*None.*fit\\(X, y\\)", "requires y"),
    "a None": (with_value(LABELS, None), MISSING, MISSING),
    "nan": (with_value(NUMBERS, np.nan), MISSING, MISSING),
    "inf": (with_value(NUMBERS, -np.inf), MISSING, MISSING),
    "inf in a column": (
        with_value(np.column_stack([LABELS, LABELS]), np.inf, (7, 1)),
        "sample 7, column 1",
        "sample 7, column 1",
    ),
    "nan in a Series": (
        pd.Series(with_value(NUMBERS, np.nan), index=range(50, 90)),
        MISSING,
        MISSING,
    ),
    "NA": (pd.Series(with_value(LABELS, None), dtype="Int64"), MISSING, MISSING),
    "a missing string": (with_value(["a", "b"] * 20, None), MISSING, MISSING),
    "mixed types": (
        with_value(LABELS, "a"),
        r"y mixes labels.*1 for sample 0 and 'a' for sample 7.*astype\(str\)",
        "y must contain numbers; got 'a' for sample 7.*BPClassifier",
    ),
    "numbers as objects": (LABELS.astype(object), "y.*dtype.*object.*astype", None),
    "strings": (["a", "b"] * 20, None, "y.*numbers; got 'a' for sample 0.*BPClass"),
    "objects": (with_value(["b"] * 40, "a"), None, "got 'b' for sample 0.*BPClass"),
    "categories": (pd.Series(["a", "b"] * 20, dtype="category"), None, "BPClassifier"),
    "continuous": (
        NUMBERS,
        r"y must contain classes; got 1\.76.*sample 0.*BPReg",
        None,
    ),
    "no columns": (
        np.zeros((40, 0)),
        r"y must have the shape.*\(40, 0\)",
        r"y must have the shape.*\(40, 0\)",
    ),
    "complex": (NUMBERS + 1j, "y must contain real", "y must contain real numbers"),
    "bytes": (np.array([b"a", b"b"] * 20), "y must not contain bytes", "got b'a'"),
    "dates": (
        pd.date_range("2020", periods=2).repeat(20),
        None,
        "y must.*datetime64.*timedelta",
    ),
    "a number": (3, r"y must have the shape.*got int", "y must have the shape"),
    "a dict": ({"a": 1}, r"y must have the shape.*got dict", "y must have the shape"),
    "ragged": ([[1], [1, 2]] * 20, "y.*differ in length.*MultiLabel", "y.*differ"),
    "three axes": (np.ones((40, 2, 2)), r"y must.*\(40, 2, 2\)", r"\(40, 2, 2\)"),
    "too few": (LABELS[:30], "X has 40 samples, but y has 30", "X has 40 samples"),
}


@pytest.mark.parametrize("name", TARGETS)
@BOTH
def test_targets(estimator, name):
    y, *messages = TARGETS[name]
    message = messages[estimator is BPRegressor]
    model = small(estimator)
    if message is None:
        with pytest.warns(ConvergenceWarning):
            model.fit(X, y)
        return
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
    classes = {"classes": [0, 1]} if estimator is BPClassifier else {}
    with pytest.raises(ValueError, match=f"(?s){message}"):
        model.partial_fit(X, y, **classes)
    if y is not None:
        good = (LABELS, NUMBERS)[estimator is BPRegressor]
        prefix = f"(?s)In X_val and y_val.*({message}|classes)"
        with pytest.raises(ValueError, match=prefix):
            model.fit(X, good, X_val=X, y_val=y)


TABLE = pd.DataFrame(X, columns=["height", "width", "kind"])


@BOTH
@pytest.mark.parametrize(
    ("X", "place"),
    [
        (TABLE.assign(kind=["u", "v"] * 20), r"'u' in row 0, column 2 \('kind'\)"),
        (
            TABLE.assign(kind=pd.Series(["u", "v"] * 20, dtype="category")),
            r"'u' in row 0, column 2 \('kind'\)",
        ),
        (
            TABLE.assign(kind=pd.date_range("2020", periods=40)),
            r"Timestamp.*row 0, column 2 \('kind'\)",
        ),
        (
            pd.DataFrame({"n": 1, "when": pd.date_range("2020", periods=40)}),
            r"Timestamp.*row 0, column 1 \('when'\)",
        ),
        (np.array([["1.5", "2"]] * 39 + [["1.5", "u"]]), "'u' in row 39, column 1"),
        ([[1.5, 2]] * 39 + [[1.5, "u"]], "'u' in row 39, column 1"),
    ],
)
def test_X_that_holds_no_numbers(estimator, X, place):
    cure = f"(?s)X must contain numbers; got {place}.*OneHotEncoder"
    with pytest.raises((TypeError, ValueError), match=cure):
        small(estimator).fit(X, LABELS)
    rows = np.asarray(X, object)
    classes = {"classes": [0, 1]} if estimator is BPClassifier else {}
    model = small(estimator).partial_fit(np.eye(2, rows.shape[1]), [0, 1], **classes)
    with pytest.raises((TypeError, ValueError), match="X must contain numbers; got"):
        model.predict(rows)


@pytest.mark.parametrize(
    ("X", "got"),
    [
        (np.zeros(40), r"Expected 2D.*\nX must have the shape.*got \(40,\)"),
        (np.zeros((40, 2, 2)), r"X must have the shape.*got \(40, 2, 2\)"),
        (np.zeros((40, 0)), r"0 feature.*\nX must have the shape.*got \(40, 0\)"),
        (np.zeros((0, 2)), r"0 sample.*\nX must have the shape.*got \(0, 2\)"),
        ("text", "X must have the shape.*got str"),
        (np.zeros((40, 2), complex), r"Complex data.*\nX must contain real numbers"),
        ([[1.0], [1.0, 2.0]] * 20, "X must have the shape.*rows differ in length"),
    ],
)
@BOTH
def test_X_of_another_shape(estimator, X, got):
    with pytest.raises(ValueError, match=f"(?s){got}"):
        small(estimator).fit(X, LABELS)


@BOTH
def test_weights_that_are_no_numbers(estimator):
    with pytest.raises(ValueError, match="sample_weight must contain numbers"):
        small(estimator).fit(X, LABELS, sample_weight={})


@BOTH
def test_X_that_is_missing(estimator):
    with pytest.raises(ValueError, match=r"X must be an array of shape.*None"):
        small(estimator).fit(None, LABELS)
    missing = TABLE.assign(kind=pd.Series([1, None] * 20, dtype="Int64"))
    place = r"first such value of X is in row 1, column 2 \('kind'\)"
    with pytest.raises(ValueError, match=place):
        small(estimator).fit(missing, LABELS)


@pytest.mark.parametrize("weight", [None, "a", [1], 1j])
def test_class_weights(weight):
    message = r"class_weight must contain numbers; got .* for class 0.*Leave the class"
    with pytest.raises(ValueError, match=message):
        small(BPClassifier, class_weight={0: weight}).fit(X, LABELS)


@BOTH
@pytest.mark.parametrize("dropout", [{"a": 1}, {0.5}, ["a"], [[0.1]]])
def test_dropout(estimator, dropout):
    with pytest.raises(ValueError, match=r"dropout must be a number in \[0, 1\), or"):
        small(estimator, dropout=dropout).fit(X, LABELS)


@pytest.mark.parametrize("scoring", ["accuracy", "roc_auc", "neg_log_loss"])
def test_a_regressor_with_the_score_of_a_classifier(scoring):
    model = small(BPRegressor, early_stopping=True, scoring=scoring)
    message = rf"(?s)scoring='{scoring}' cannot score this BPRegressor.*'r2'"
    with pytest.raises(ValueError, match=message):
        model.fit(X, NUMBERS)


@BOTH
@pytest.mark.parametrize("score", ["0.5", None, {"a": 0.5}, np.zeros(2)])
def test_a_score_that_is_no_number(estimator, score):
    options = {"early_stopping": True, "scoring": lambda model, X, y: score}
    with pytest.raises(ValueError, match="scoring must return a number; it returned"):
        small(estimator, **options).fit(X, LABELS)


@pytest.mark.parametrize("classes", [[0, None], ["a", 0], [0, np.nan], 3, "ab"])
def test_classes(classes):
    with pytest.raises(ValueError, match="classes must contain the labels"):
        small(BPClassifier).partial_fit(X, LABELS, classes=classes)


@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "lm", "rprop"])
def test_the_headline_says_why_there_is_no_partial_fit(estimator, solver):
    reason = rf"no attribute 'partial_fit'.*stochastic solver.*'adam'.*'{solver}'"
    with pytest.raises(AttributeError, match=reason):
        small(estimator, solver=solver).partial_fit(X, LABELS)
    with pytest.raises(AttributeError, match=r"no attribute 'predict_proba'.*loss"):
        BPClassifier(loss="squared_error").predict_proba(X)


@BOTH
def test_targets_on_dask(estimator):
    array = pytest.importorskip("dask.array")

    def parts(values):
        return array.from_array(np.asarray(values), chunks=(20, -1)[: np.ndim(values)])

    X_parts, model = parts(X), small(estimator)
    for y, message in [
        (None, "requires y to be passed"),
        (LABELS, "y must be a dask.array.*got a ndarray"),
        (parts(with_value(LABELS, np.nan, 27)), r"(?s)partition 1.*nan, for sample 7"),
        (
            parts(with_value(["a"] * 40, None, 27)),
            r"(?s)partition .*(None, for sample 7|numbers; got 'a')",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            model.fit(X_parts, y)
