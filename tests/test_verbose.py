"""What is printed while a network trains."""

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

from skbp import BPClassifier
from tests.helpers import BOTH, fitted, network


@BOTH
@pytest.mark.parametrize("solver", ["lbfgs", "rprop", "nadam"])
def test_verbose_reports_every_epoch(estimator, solver, capsys):
    model = fitted(estimator(solver=solver, max_iter=4, verbose=True, random_state=0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"Iteration 1, loss = {model.loss_curve_[0]:.8f}"
    assert sum(line.startswith("Iteration") for line in lines) == model.n_iter_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_verbose_prints_what_scikit_learn_prints(iris, capsys):
    from sklearn.neural_network import MLPClassifier

    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    for options in (
        {"tol": 0.01, "n_iter_no_change": 2},
        {"early_stopping": True, "n_iter_no_change": 2},
        {
            "solver": "sgd",
            "learning_rate": "adaptive",
            "learning_rate_init": 4e-6,
            "n_iter_no_change": 1,
        },
        {"max_iter": 3},
    ):
        texts = []
        for estimator in (BPClassifier, MLPClassifier):
            estimator(verbose=True, random_state=0, **options).fit(X, y)
            texts.append(capsys.readouterr().out)
        assert texts[0] == texts[1]
    network(verbose=True, solver="lbfgs", max_iter=3).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "Iteration 1",
        "Iteration 2",
        "Iteration 3",
    ]
