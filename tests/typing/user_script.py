"""What users write: type checkers must not mark anything here as an error.

tests/test_typing.py runs it, and so does `python tests/typing/user_script.py`.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl
import scipy.sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skbp import (
    BPClassifier,
    BPGridSearchCV,
    BPHalvingGridSearchCV,
    BPHalvingRandomSearchCV,
    BPRandomizedSearchCV,
    BPRegressor,
    LossCurveDisplay,
    NetworkDisplay,
    SweepDisplay,
    WeightsDisplay,
    check_gradient,
    compat,
)


def parameters() -> list[BPClassifier | BPRegressor]:
    """Parameters in all their forms."""
    seed = np.int64(3)
    rates = np.logspace(-4, -1, 4)
    weights = {"cat": 1, "dog": 2}
    classifiers = [
        BPClassifier(),
        compat.MLPClassifier(50, "tanh", solver="lbfgs", learning_rate="adaptive"),
        BPClassifier(50),
        BPClassifier([50, 20], ["tanh", "relu"]),
        BPClassifier((50, 20), ("tanh", "relu"), solver="lbfgs", max_iter=500),
        BPClassifier(hidden_layer_sizes=np.array([50, 20]), activation="gelu"),
        BPClassifier(()),
        BPClassifier(tuple(10 for _ in range(3)), dropout=[0.1, 0.2, 0.3]),
        BPClassifier((20, 10), dropout=(0.1, 0.2), label_smoothing=0.1),
        BPClassifier((20,), dropout=np.array([0.1]), weight_decay=1e-2),
        BPClassifier(alpha="ard", solver="lm", n_init=5, ensemble=3),
        BPClassifier(alpha=1, batch_size=32, learning_rate_init=rates[0]),
        BPClassifier(alpha=np.float32(0.1), batch_size="full", random_state=seed),
        BPClassifier(learning_rate="cosine", n_iter_no_change=np.inf, warmup=2),
        BPClassifier(class_weight={0: 2.0}, random_state=np.random.RandomState(0)),
        BPClassifier(class_weight={0: 1, 1: 2.5}),
        BPClassifier(class_weight=weights),
        BPClassifier(class_weight=[{0: 1.0, 1: 2.0}, {0: 1.0, 1: 3}]),
        BPClassifier(class_weight="balanced", early_stopping=True, scoring="roc_auc"),
        BPClassifier(temperature=True, early_stopping=True, scoring="loss"),
        BPClassifier(scoring=lambda model, X, y: float(model.score(X, y))),
        BPClassifier(output_activation="logistic", loss="squared_error", verbose=1),
        BPClassifier((8,), init=("he_normal", "small_normal"), max_grad_norm=1.0),
        BPClassifier(
            (8,),
            coefs_init=[np.zeros((4, 8)), np.zeros((8, 3))],
            intercepts_init=[np.zeros(8), [0.0, 0.1, 0.2]],
        ),
    ]
    regressors = [
        BPRegressor(loss="quantile", quantile=[0.1, 0.5, 0.9]),
        BPRegressor(target_scaling="standard"),
        BPRegressor(loss=Asymmetric(5.0)),
        BPRegressor(loss=lambda A, Y: (0.5 * (A - Y) ** 2, A - Y)),
        BPRegressor(loss="quantile", quantile=np.linspace(0.1, 0.9, 9)),
        BPRegressor(loss="quantile", quantile=0.9, intercepts_init="best_constant"),
        BPRegressor(loss="huber", huber_delta=2, solver="rprop", warm_start=True),
        BPRegressor(8, "tanh", solver="lm", alpha="evidence", tol=0.01),
        BPRegressor(solver="sgd", learning_rate="step", learning_rate_step=5),
    ]
    return [*classifiers, *regressors]


class Asymmetric:
    """A loss of one's own."""

    output_activation = "identity"

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(
        self, A: npt.NDArray[Any], Y: npt.NDArray[Any]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        weight = np.where(A < Y, self.factor, 1.0)
        return 0.5 * weight * (A - Y) ** 2, weight * (A - Y)


def from_elsewhere(
    solver: str, sizes: list[int], **options: Any
) -> list[BPClassifier | BPRegressor]:
    """Parameters that come from arguments, loops and tables."""
    models: list[BPClassifier | BPRegressor] = [
        BPClassifier(hidden_layer_sizes=sizes, solver=solver, **options)
    ]
    for activation in ["tanh", "relu"]:
        network = BPClassifier(sizes, activation)
        models.append(network.set_params(max_iter=50))
    models += [BPRegressor(solver="lm", alpha=alpha) for alpha in ("evidence", "ard")]
    names = ["he_normal"] * len(sizes)
    models.append(BPClassifier(sizes, init=[*names, "small_normal"]))
    of_losses = {"mean": "squared_error", "median": "absolute_error"}
    models += [BPRegressor(loss=loss) for loss in of_losses.values()]
    config: dict[str, Any] = {"solver": "sgd", "momentum": 0.5}
    return [*models, BPClassifier(**config)]


def classification() -> float:
    X, y = load_iris(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    model = BPClassifier((16,), solver="lbfgs", alpha=1.0, random_state=0)
    model.fit(X_train, y_train)
    labels = model.predict(X_test)
    p = model.predict_proba(X_test)
    log_p = model.predict_log_proba(X_test)
    scores = model.decision_function(X_test)
    best = p.max(axis=1).mean() + log_p.max() + scores.max()
    weights = np.where(y_train == 0, 2.0, 1.0)
    unfitted: Any = clone(model)
    again = unfitted.set_params(alpha=0.1).fit(X_train, y_train, weights)
    print(again.score(X_test, y_test), model.coefs_[0].shape, model.n_iter_, best)
    print(model.classes_.tolist(), model.loss_curve_[-1], model.get_params()["alpha"])
    print(len(model.activations(X_test)), len(model.residuals(X_test, y_test)))
    print(model.weighted_inputs(X_test)[-1].shape)
    coefs, intercepts = model.gradients(X_train, y_train)
    print(coefs[0].shape, intercepts[0].shape, model.cost(X_train, y_train).J)
    print(check_gradient(model, X_train, y_train))
    check = check_gradient(model, X[:9].tolist(), y[:9], each_parameter=True)
    print(check.error < 1e-6, check.gradients[0][0].shape, check.numeric.max())
    return float(accuracy_score(y_test, labels))


def in_parts() -> BPClassifier:
    X, y = load_iris(return_X_y=True)
    model = BPClassifier((8,), random_state=0)
    for _ in range(3):
        model.partial_fit(X[:50], y[:50], classes=[0, 1, 2])
        model = model.partial_fit(X[50:], y[50:], X_val=X, y_val=y)
    return model


def curves() -> list[float]:
    """Attributes that are None with other parameters."""
    X, y = load_iris(return_X_y=True)
    model = BPClassifier((8,), early_stopping=True, max_iter=3, random_state=0)
    model.fit(X, y)
    plt.figure().gca().plot(model.loss_curve_, label=f"{model.loss_:.3f}")
    print(max(model.validation_scores_), model.best_validation_score_ > 0.5)
    print(model.learning_rate_curve_[-1] / 2, np.diff(model.validation_loss_curve_))
    print(BPClassifier((8,), max_iter=3).fit(X, y).best_loss_ < 9.0)
    weights: npt.NDArray[np.float64] = model.coefs_[0]
    model.coefs_ = [np.zeros_like(w) for w in model.coefs_]
    print(weights.mean(), model.t_ // model.n_iter_, model.out_activation_.title())
    print([member.coefs[-1] * member.share for member in model.members_])
    same: BPClassifier = BPClassifier.from_sklearn(model.to_sklearn())
    print(same.predict(X)[:3])
    return model.loss_curve_


def on_dask(model: BPClassifier) -> float:
    X = da.ones((9, 4), chunks=3)
    print(model.predict(X).compute(), model.predict(X).npartitions)
    return float(probabilities(model, X)[:, 0].mean())


def probabilities(model: BPClassifier, X: da.Array) -> da.Array:
    return model.predict_proba(X)


def kinds_of_data() -> None:
    X, y = load_iris(return_X_y=True)
    model = BPClassifier((4,), max_iter=2, random_state=0)
    frame, series = pd.DataFrame(X), pd.Series(y)
    model.fit(frame, series)
    model.fit(frame, series, sample_weight=series + 1)
    model.fit(pl.DataFrame(X), pl.Series(y))
    model.fit(scipy.sparse.csr_matrix(X), y)
    print(model.activations(scipy.sparse.csr_array(X))[0].toarray().shape)
    print(on_dask(model), curves())
    model.fit(X.tolist(), y.tolist(), [1.0] * len(y))
    model.fit([[0.0, 1.0], [1.0, 0.0], [1, 1]], ["a", "b", "b"])
    print(model.predict([[0.0, 1.0]])[0])
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=np.ones(len(y)))
    labels = np.column_stack([y == 0, y > 0]).astype(int)
    model.fit(X, scipy.sparse.csr_matrix(labels)).predict_proba(X)


def regression() -> npt.NDArray[Any]:
    X, y = map(np.asarray, load_diabetes(return_X_y=True))
    X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    network = BPRegressor(4, "tanh", solver="lm", alpha="ard", tol=0.1, random_state=0)
    model = make_pipeline(StandardScaler(), network)
    model.fit(X, y)
    print(model.score(X, y), model.predict(X)[:3], network.feature_relevances_)
    outputs, std = network.predict(X, return_std=True)
    print(std.mean(), network.log_evidence_, network.noise_std_)
    network.set_params(solver="lbfgs", alpha=1.0, max_iter=20)
    target = TransformedTargetRegressor(network, transformer=StandardScaler())
    print(cross_val_score(target, X, y, cv=3).mean())
    for with_std in (False, True):
        print(len(network.predict(X, return_std=with_std)))
    both = BPRegressor(4, max_iter=3).fit(X, np.column_stack([y, -y]))
    print(both.predict(X).shape)
    result: npt.NDArray[Any] = network.predict(X) - outputs
    return result


def searches() -> BPClassifier:
    X, y = load_iris(return_X_y=True)
    network = BPClassifier((8,), max_iter=20, random_state=0)
    model = Pipeline([("scale", StandardScaler()), ("network", network)])
    grid = {"network__alpha": [1e-4, 1.0], "network__hidden_layer_sizes": [4, (8, 8)]}
    search = BPGridSearchCV(model, grid, cv=3, n_jobs=1).fit(X, y)
    print(search.best_params_, search.best_score_, search.predict(X)[:3])
    display = SweepDisplay.from_estimator(search)
    display.figure_.savefig(io.BytesIO())
    display.heatmap_.set_clim(0.0, 1.0)
    display.colorbar_.set_label("accuracy")
    display.best_.set_linewidth(3)
    theirs = GridSearchCV(model, grid, cv=3).fit(X, y)
    display = SweepDisplay.from_cv_results(theirs.cv_results_, params="alpha")
    display.plot(kind="points", ax=plt.figure().gca())
    curves = LossCurveDisplay.from_estimator({"best": search, "other": theirs})
    layers = NetworkDisplay.from_estimator(search, max_units=8)
    names = [text.get_text() for text in layers.text_]
    print(names, layers.ax_.get_title(), layers.figure_.axes)
    weights = WeightsDisplay.from_estimator(search, X, kind="matrix", layer=1)
    weights = weights.plot(kind="histogram", linewidth=2.0)
    print(weights.layer_, weights.histograms_[0].get_label())
    winner = search.best_estimator_[-1]
    print(winner.summary().layers, winner.status_, winner.loss_)
    print(winner.feature_importances_.sum())
    curves.plot(kind="learning_rate", ax=curves.ax_).legend_.set_title("network")
    print(curves.best_epochs_["best"], curves.lines_[0].get_color())
    plt.close("all")
    drawn = BPRandomizedSearchCV(
        network, {"alpha": [1e-4, 1e-2, 1.0]}, n_iter=2, random_state=0
    )
    print(drawn.fit(X, y).score(X, y), drawn.cv_results_["mean_test_score"].max())
    metrics = {"accuracy": "accuracy", "own": lambda model, X, y: 0.5}
    several = [{"alpha": np.logspace(-3, 0, 2)}, {"max_iter": [3], "solver": ["sgd"]}]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    BPGridSearchCV(network, several, scoring=metrics, refit="own", cv=folds).fit(X, y)
    halving = BPHalvingGridSearchCV(
        network, {"alpha": [1e-4, 1.0]}, resource="max_iter", max_resources=9, cv=3
    )
    print(halving.fit(X, y).n_resources_)
    random = BPHalvingRandomSearchCV(network, {"alpha": [1e-4, 1.0]}, cv=3)
    print(random)
    best: BPClassifier = drawn.best_estimator_
    return best


def main() -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(len(parameters()), from_elsewhere("adam", [10, 5], alpha=1e-3))
    print(classification(), in_parts(), regression().shape, searches())
    kinds_of_data()


if __name__ == "__main__":
    main()
