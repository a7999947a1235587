"""
==================================================
A table with categories and missing values
==================================================

Most data are tables: numbers next to categories, with gaps in both. This page takes a
data frame from its raw columns to a tuned network, and then looks at its mistakes, its
probabilities and its training.
"""

# %%
# The table
# ---------
#
# To have a table without a download, we simulate the customers of a phone company. The
# question is who will leave within a year. Income and complaints have missing values,
# and so has the contract, which is a category.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.calibration import CalibrationDisplay
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import ConfusionMatrixDisplay, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skbp import BPClassifier, BPGridSearchCV, LossCurveDisplay


def customers(n, rng):
    """Return n simulated customers."""
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "months": rng.exponential(30, n).round(),
            "income": rng.lognormal(10.3, 0.4, n).round(-2),
            "complaints": rng.poisson(0.8, n).astype(float),
            "contract": rng.choice(["monthly", "yearly", "two years"], n),
            "region": rng.choice(["north", "east", "south", "west"], n),
        }
    )
    monthly = table["contract"] == "monthly"
    # Young and old customers leave; a loyal one puts up with complaints.
    log_odds = (
        -2.6
        + ((table["age"] - 48) / 16) ** 2
        + 1.1 * table["complaints"] * np.exp(-table["months"] / 30)
        + 1.4 * monthly * (table["income"] < 30_000)
        - 0.8 * (table["region"] == "south") * ~monthly
    )
    left = rng.random(n) < 1 / (1 + np.exp(-log_odds))
    table.loc[rng.random(n) < 0.15, "income"] = np.nan
    table.loc[rng.random(n) < 0.05, "complaints"] = np.nan
    table.loc[rng.random(n) < 0.1, "contract"] = None
    return table, np.where(left, "leaves", "stays")


X, y = customers(4000, np.random.default_rng(0))
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
print(X_train.head(), "\n")
print(f"{np.mean(y == 'leaves'):.0%} of the customers leave.")

# %%
# Columns into numbers
# --------------------
#
# A network needs numbers of similar size, without gaps:
#
# - numeric columns: fill gaps with the median, add a column that says where there was a
#   gap, and scale;
# - categories: one column of zeros and ones for each value. A missing value counts as a
#   value of its own, and a category that is new at prediction time becomes all zeros.
#
# Keep these steps in the pipeline with the network. Then cross-validation repeats them
# on each training split, and nothing leaks from the test samples.

numeric = ["age", "months", "income", "complaints"]
categorical = ["contract", "region"]
columns = make_column_transformer(
    (
        make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True), StandardScaler()
        ),
        numeric,
    ),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categorical),
)
network = BPClassifier((32,), max_iter=40, learning_rate="cosine", random_state=0)
model = make_pipeline(columns, network)

# %%
# Search the parameters that matter
# ---------------------------------
#
# ``BPGridSearchCV`` gives the same results as ``GridSearchCV``, but trains candidates
# that differ only in numbers side by side. The score is the log loss, because we want
# good probabilities and not only good decisions.

# A cosine schedule always runs for max_iter epochs, so there is no need for a warning.
warnings.simplefilter("ignore", ConvergenceWarning)

search = BPGridSearchCV(
    model,
    {
        "bpclassifier__alpha": [0.1, 1.0, 10.0],
        "bpclassifier__learning_rate_init": [0.003, 0.01, 0.03, 0.1],
    },
    scoring="neg_log_loss",
    cv=3,
).fit(X_train, y_train)
for name, value in search.best_params_.items():
    print(f"{name.removeprefix('bpclassifier__')} = {value}")

# %%
# How good is it?
# ---------------
#
# Always compare with simple models. Here the same columns go to logistic regression,
# and the table as it is to gradient boosting, which handles categories and gaps itself.

table = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categorical),
    remainder="passthrough",
)
models = {
    "BPClassifier": search.best_estimator_,
    "LogisticRegression": make_pipeline(columns, LogisticRegression()),
    "HistGradientBoosting": make_pipeline(
        table, HistGradientBoostingClassifier(max_iter=50, random_state=0)
    ),
}
print(f"{'':22}accuracy  ROC AUC  log loss")
for name, fitted in models.items():
    if name != "BPClassifier":
        fitted.fit(X_train, y_train)
    p = fitted.predict_proba(X_test)
    leaves = p[:, 0]
    print(
        f"{name:22}{fitted.score(X_test, y_test):8.3f}"
        f"{roc_auc_score(y_test == 'leaves', leaves):9.3f}"
        f"{log_loss(y_test, p):10.3f}"
    )

# %%
# The confusion matrix shows which mistakes the network makes.

ConfusionMatrixDisplay.from_estimator(
    search,
    X_test,
    y_test,
    normalize="true",
    values_format=".0%",
    cmap="Blues",
    colorbar=False,
)
plt.show()

# %%
# Are the probabilities right?
# ----------------------------
#
# Of the customers with a predicted probability of about 30 %, about 30 % should leave.
# A calibration curve shows whether they do: the closer to the diagonal, the better.

figure, ax = plt.subplots(figsize=(6, 5), layout="constrained")
for name, fitted in models.items():
    CalibrationDisplay.from_estimator(
        fitted,
        X_test,
        y_test,
        pos_label="leaves",
        n_bins=8,
        strategy="quantile",
        name=name,
        ax=ax,
    )
ax.set_title("Calibration on the test customers")
plt.show()

# %%
# Did training work?
# ------------------
#
# Train the best network once more with a validation set, and look at the loss curves.
# The validation loss ends flat and close to the training loss: the network neither
# overfits nor stopped too early. Note that the training loss includes the penalty of
# ``alpha``.

best = search.best_estimator_
columns, network = best[0], best[-1]
fit, val = train_test_split(
    np.arange(len(X_train)), test_size=0.2, stratify=y_train, random_state=0
)
inputs = columns.transform(X_train)
network.fit(inputs[fit], y_train[fit], X_val=inputs[val], y_val=y_train[val])
LossCurveDisplay.from_estimator(network)
plt.show()
