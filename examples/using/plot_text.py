"""
===============================
Text, with sparse features
===============================

A bag of words has thousands of columns, nearly all of them zero. The networks take
such a sparse matrix as it is: no batch of it is ever made dense. Here a network learns
which part of SciPy a piece of documentation is about.
"""

# %%
# The texts
# ---------
#
# The docstrings of SciPy's functions are real texts that need no download. We cut them
# into paragraphs, and leave out short ones. The class is the subpackage. Paragraphs of
# the same docstring resemble each other, so keep them together when splitting.

import importlib
import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GroupShuffleSplit
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from skbp import BPClassifier, LossCurveDisplay

SUBPACKAGES = ["linalg", "ndimage", "optimize", "signal", "sparse", "special", "stats"]

texts, labels, groups = [], [], []
for name in SUBPACKAGES:
    module = importlib.import_module(f"scipy.{name}")
    for member in module.__all__:
        for paragraph in (inspect.getdoc(getattr(module, member)) or "").split("\n\n"):
            words = re.findall("[A-Za-z]{3,}", paragraph)
            # Code and the names of the subpackages would make it too easy.
            if len(words) >= 12 and ">>>" not in paragraph:
                texts.append(" ".join(w for w in words if w not in SUBPACKAGES))
                labels.append(name)
                groups.append(f"{name}.{member}")
labels = np.array(labels)
split = GroupShuffleSplit(test_size=0.3, random_state=0)
train, test = next(split.split(texts, labels, groups))
train_texts, test_texts = ([texts[i] for i in rows] for rows in (train, test))
print(f"{len(train)} paragraphs to train on, {len(test)} to test on; the first:\n")
print(f"  {labels[0]}: {texts[0][:70]}...")

# %%
# The network
# -----------
#
# ``TfidfVectorizer`` makes a sparse matrix of word weights. Do not put a
# ``StandardScaler`` behind it, which would make the matrix dense; the weights are of
# similar size anyway. Dropout and early stopping keep the network from memorising
# paragraphs, because there are more words than paragraphs.

network = BPClassifier(
    (32,),
    dropout=0.5,
    early_stopping=True,
    scoring="loss",
    learning_rate_init=0.01,
    random_state=0,
)
words = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english")
model = make_pipeline(words, network).fit(train_texts, labels[train])

X = model[:-1].transform(train_texts)
rows, columns = X.shape
share = X.nnz / (rows * columns)
print(f"The matrix is {rows} x {columns}, and {share:.1%} of it is not zero:")
print(
    f"{X.data.nbytes / 1e6:.1f} MB of numbers instead of {8e-6 * rows * columns:.0f}."
)

# %%
# The validation loss is lowest long before the training loss stops falling. Early
# stopping keeps the weights of the starred epoch.

LossCurveDisplay.from_estimator(model)
plt.show()

# %%
# Compare with simple models
# --------------------------
#
# For bags of words, linear models are hard to beat. Always try one.

models = {
    "BPClassifier": model,
    "LogisticRegression": make_pipeline(words, LogisticRegression(C=10)),
    "MultinomialNB": make_pipeline(words, MultinomialNB(alpha=0.1)),
}
for name, fitted in models.items():
    if fitted is not model:
        fitted.fit(train_texts, labels[train])
    print(f"{name:20}{fitted.score(test_texts, labels[test]):.3f} accuracy")

# %%
# Which subpackages are confused?
# -------------------------------

figure, ax = plt.subplots(figsize=(7, 6), layout="constrained")
ConfusionMatrixDisplay.from_estimator(
    model,
    test_texts,
    labels[test],
    normalize="true",
    values_format=".0%",
    cmap="Blues",
    colorbar=False,
    ax=ax,
)
ax.spines[:].set_visible(False)
plt.show()

# %%
# Which words count
# -----------------
#
# ``decision_function`` gives the log-odds of each class. For a document with a single
# word they show what the network has learnt about this word.

vectorizer = model[0]
names = vectorizer.get_feature_names_out()
log_odds = model.decision_function(names)
for k, label in enumerate(model.classes_):
    top = np.argsort(log_odds[:, k])[::-1][:6]
    print(f"{label:9}", ", ".join(names[top]))
