"""
======================
A table without tuning
======================

``tabular_pipeline`` takes a data frame as it is and needs no settings. This page
predicts the rent of flats, compares the result with boosted trees and a linear model,
and shows what the networks inside have learnt.
"""

# %%
# The table
# ---------
#
# We simulate flats with numbers, categories, dates and gaps. The rent per square metre
# depends smoothly on the size and on the date. But it changes at once with the year of
# construction, because building rules changed in 1950 and 1990.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

from skbp import tabular_pipeline


def flats(n, rng):
    """Return n simulated flats and their rents."""
    table = pd.DataFrame(
        {
            "size": rng.gamma(6, 12, n).round(),
            "built": rng.integers(1900, 2021, n),
            "district": rng.choice(["centre", "harbour", "hills", "park"], n),
            "balcony": rng.random(n) < 0.5,
            "listed": pd.Timestamp("2022-01-01")
            + pd.to_timedelta(rng.integers(0, 1000, n), "D"),
        }
    )
    by_district = {"centre": 6.0, "harbour": 2.0, "hills": 4.0, "park": 3.0}
    years = (table["listed"] - pd.Timestamp("2022-01-01")).dt.days / 365
    rent = (
        8
        + table["district"].map(by_district)
        + 40 / np.sqrt(table["size"].clip(15))
        - 2.5 * ((table["built"] >= 1950) & (table["built"] < 1990))
        + 2.0 * (table["built"] >= 1990) * (table["district"] != "centre")
        + table["balcony"]
        + 0.8 * years
        + 0.8 * np.sin(2 * np.pi * years)
        + rng.normal(0, 1, n)
    )
    table.loc[rng.random(n) < 0.1, "built"] = np.nan
    return table, rent


X, y = flats(3000, np.random.default_rng(0))
X_train, y_train, X_test, y_test = X[:1500], y[:1500], X[1500:], y[1500:]
print(X.head())

# %%
# One line
# --------
#
# ``tabular_pipeline`` sorts the columns by kind, makes numbers of all of them, and lets
# several networks compete. The linear model and the trees get the same preparation,
# with another last step.

model = tabular_pipeline("regressor").set_params(network__random_state=0)
model.fit(X_train, y_train)

linear = tabular_pipeline(RidgeCV()).fit(X_train, y_train)
trees = tabular_pipeline(HistGradientBoostingRegressor(random_state=0))
trees.fit(X_train, y_train)
for name, fitted in {"skbp": model, "trees": trees, "linear": linear}.items():
    print(f"{name:7} R² = {fitted.score(X_test, y_test):.3f}")

# %%
# Which networks predict?
# -----------------------
#
# The three best on rows that they have not seen, with the weights that are best there.
# The loss of all candidates shows how much the choice matters for this table.

network = model["network"]
losses = pd.Series(network.candidate_losses_).sort_values(ascending=False)
labels = [
    f"{name} ({network.weights_[name]:.2f})" if name in network.weights_ else name
    for name in losses.index
]
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.barh(labels, losses)
ax.set(xlabel="loss on rows not seen", title="Candidates, and the weights of the best")
plt.show()

# %%
# Steps in a column
# -----------------
#
# What happens to the predicted rent of a flat if only its year of construction changes?
# The networks find the steps, because they see the columns beside their
# piecewise-linear encoding.

flat = X_test[X_test["built"].notna() & (X_test["district"] == "hills")].iloc[[0]]
years = np.arange(1900, 2021)
same = pd.concat([flat] * len(years), ignore_index=True).assign(built=years)
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for name, fitted in {"skbp": model, "trees": trees, "linear": linear}.items():
    ax.plot(years, fitted.predict(same), label=name)
ax.set(xlabel="built", ylabel="predicted rent", title="One flat, built in other years")
ax.legend()
plt.show()

# %%
# How wrong may a prediction be?
# ------------------------------
#
# ``return_std=True`` returns a standard deviation for each flat. Two quantiles are the
# ends of an interval, which contains about 90 % of the flats.

mean, std = model.predict(X_test, return_std=True)
print(f"std from {std.min():.2f} to {std.max():.2f}")
low, high = model.predict(X_test, quantiles=[0.05, 0.95]).T
print(f"{np.mean((low < y_test) & (y_test < high)):.0%} within the intervals")
