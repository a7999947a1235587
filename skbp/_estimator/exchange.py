"""The methods that exchange networks with other libraries."""

from __future__ import annotations

from typing import Any, Self

from skbp._estimator.sklearn_networks import from_sklearn, to_sklearn
from skbp._estimator.torch_modules import from_torch, to_torch
from skbp._typing import ArrayLike


class Exchange:
    """Networks of scikit-learn and modules of PyTorch, in and out."""

    @classmethod
    def from_sklearn(cls, network: Any) -> Self:
        """Make an estimator of scikit-learn's network, with its parameters and weights.

        Nothing is trained again: a fitted network predicts the same. ``partial_fit``
        continues with the state of the optimizer, as scikit-learn's would.

        Parameters
        ----------
        network : MLPClassifier or MLPRegressor
            A network of scikit-learn's, fitted or not. It is not changed.

        Returns
        -------
        estimator : object
            An estimator of this class, fitted if the network is.

        Examples
        --------
        >>> from sklearn.neural_network import MLPRegressor
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> mlp = MLPRegressor(hidden_layer_sizes=(2,), solver="lbfgs").fit(X, y)
        >>> model = BPRegressor.from_sklearn(mlp)
        >>> (model.predict(X) == mlp.predict(X)).all()
        np.True_
        """
        estimator: Self = from_sklearn(cls, network)
        return estimator

    def to_sklearn(self) -> Any:
        """Return scikit-learn's network with these weights.

        It predicts the same. Parameters and values that scikit-learn's class does not
        have are left out; they only concern training. If this estimator was trained by
        ``partial_fit`` or with ``warm_start``, ``partial_fit`` there continues with the
        state of the optimizer.

        Returns
        -------
        network : MLPClassifier or MLPRegressor
            A fitted network of scikit-learn's, with copies of the weights.

        Raises
        ------
        ValueError
            If scikit-learn has no such network: an ensemble, or other activations.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0).fit(X, y)
        >>> model.to_sklearn().predict([[0.5], [2.5]]).round(1)
        array([0.5, 2.5])
        """
        return to_sklearn(self)

    @classmethod
    def from_torch(
        cls, module: Any, *, classes: ArrayLike | None = None, **parameters: Any
    ) -> Self:
        """Make an estimator of a PyTorch module, with its weights.

        Nothing is trained again. ``partial_fit`` continues from these weights, with a
        new optimizer.

        Parameters
        ----------
        module : torch.nn.Sequential
            ``Linear`` and activations in turn, also in nested ``Sequential``.
            ``Dropout``, ``Flatten`` and ``Identity`` are passed over. If the module of
            a classifier ends with a ``Linear``, as modules that are trained with
            ``CrossEntropyLoss`` or ``BCEWithLogitsLoss`` do, softmax follows, or the
            logistic function for a single output. That of a regressor is followed by
            the output activation that belongs to the loss.

        classes : array-like of shape (n_classes,), default=None
            The class labels of a classifier, in the order of the outputs; two of them
            for a single output. None means the numbers 0, 1, ... If they are not in
            increasing order, the outputs are brought into the order of ``classes_``.

        **parameters
            Parameters of the estimator. ``hidden_layer_sizes`` and ``activation``
            follow from the module.

        Returns
        -------
        estimator : object
            A fitted estimator of this class.

        Raises
        ------
        ValueError
            If the module is not such a network.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> from torch.nn import Linear, Sequential, Tanh  # doctest: +SKIP
        >>> module = Sequential(Linear(1, 2), Tanh(), Linear(2, 1))  # doctest: +SKIP
        >>> model = BPRegressor.from_torch(module)  # doctest: +SKIP
        >>> model.predict([[0.5], [2.5]]).shape  # doctest: +SKIP
        (2,)
        """
        estimator: Self = from_torch(cls, module, classes, parameters)
        return estimator

    def to_torch(self, *, raw: bool = False) -> Any:
        """Return a PyTorch module with these weights.

        Parameters
        ----------
        raw : bool, default=False
            Whether to leave the output activation out, as for a loss that takes raw
            outputs, such as ``CrossEntropyLoss``. With ``target_scaling="standard"``,
            raw outputs belong to the scaled targets: (y - ``target_center_``) /
            ``target_scale_``.

        Returns
        -------
        module : torch.nn.Sequential
            ``Linear`` and activations in turn, with copies of the weights. It maps
            a tensor X to the outputs: the predictions of a regressor, the
            probabilities of a classifier. With a single output, that is the probability
            of ``classes_[1]``.

        Raises
        ------
        ValueError
            If PyTorch has no such module: for an ensemble, and for the output
            activations of counts and of several quantiles unless ``raw=True``.

        Examples
        --------
        >>> from skbp import BPRegressor
        >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.0, 3.0]
        >>> model = BPRegressor((2,), "tanh", solver="lbfgs", random_state=0).fit(X, y)
        >>> model.to_torch()  # doctest: +SKIP
        Sequential(
          (0): Linear(in_features=1, out_features=2, bias=True)
          (1): Tanh()
          (2): Linear(in_features=2, out_features=1, bias=True)
        )
        """
        return to_torch(self, raw)
