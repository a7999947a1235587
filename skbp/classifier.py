"""BPClassifier."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skbp._data.checks import on_dask
from skbp._data.dask import for_partitions, in_memory
from skbp._data.read import Data
from skbp._estimator.attributes import restored_on_error, targets_of
from skbp._estimator.base import BaseBP
from skbp._estimator.parameters import (
    CONSTRAINTS,
    check_has_partial_fit,
    check_has_probabilities,
)
from skbp._estimator.warnings import warn_of_partial_fit
from skbp._sklearn import (
    Interval,
    StrOptions,
    check_partial_fit_first_call,
    fit_context,
)
from skbp._targets.losses import CLASSIFICATION_LOSSES, PROBABILITIES
from skbp._targets.probabilities import (
    by_class,
    inside,
    log_probabilities,
    mean_probabilities,
    probabilities,
    scores_of_outputs,
    scores_of_raw,
)


class BPClassifier(ClassifierMixin, BaseBP):
    """A neural network for classification, trained by back-propagation.

    With the same parameters and ``random_state`` it has the weights of
    :class:`~sklearn.neural_network.MLPClassifier`, and takes less time to find them.

    A network of layers l = 1 ... L computes, from A[0] = X::

        Z[l] = W[l] A[l-1] + b[l],    A[l] = f(Z[l]),

    where, by default, the output A[L] is the softmax of Z[L], or its logistic function
    for two classes and for multilabel targets. Training minimises the cost::

        J = (1/m) [ sum_i w_i loss_i + alpha/2 sum_l |W[l]|² ],

    in which m is the sum of the sample weights w_i and loss_i = - sum_k y_ik log a_ik
    is the log loss (for logistic outputs - y log a - (1 - y) log(1 - a), summed over
    them). Its gradient follows from the residuals delta[L] = A[L] - Y and
    delta[l] = (W[l+1]' delta[l+1]) * f'(Z[l]): dJ/dW[l] = (1/m) (delta[l] A[l-1]' +
    alpha W[l]) and dJ/db[l] is the mean of delta[l] over samples [1]_.

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_layers - 2,) or int, default=(100,)
        The number of units of each hidden layer. ``()`` is a network without hidden
        layers: a linear model.

    activation : str or sequence of str, default="relu"
        The activation f of the hidden layers, one name for all or one for each:

        - "identity", f(z) = z;
        - "logistic", f(z) = 1 / (1 + exp(-z));
        - "tanh", f(z) = tanh(z);
        - "relu", f(z) = max(0, z);
        - "leaky_relu", f(z) = max(z / 100, z);
        - "elu", f(z) = z where z > 0, else exp(z) - 1;
        - "selu", the same times 1.05, and below 0 times 1.67;
        - "gelu", f(z) = z Phi(z), where Phi is the normal distribution function;
        - "silu", f(z) = z / (1 + exp(-z));
        - "mish", f(z) = z tanh(log(1 + exp(z)));
        - "softplus", f(z) = log(1 + exp(z));
        - "softsign", f(z) = z / (1 + abs(z)).

    loss : {"log_loss", "squared_error"}, default="log_loss"
        The loss of outputs a, given the targets y, which are 1 for the class (or label)
        of the sample and 0 for others:

        - "log_loss", - y log a, summed over classes; with logistic outputs
          - y log a - (1 - y) log(1 - a);
        - "squared_error", (a - y)² / 2.

    solver : {"lbfgs", "lm", "sgd", "adam", "nadam", "rmsprop", "rprop"}, \
            default="adam"
        What minimises J:

        - "lbfgs", a quasi-Newton method on all samples at once; often the best choice
          for small data;
        - "lm", Levenberg-Marquardt, damped Gauss-Newton steps [10]_ on all samples; the
          best choice for some hundred weights, and the one that can estimate ``alpha``;
          a step takes time of the order of samples times weights squared;
        - "sgd", gradient descent on batches, with momentum;
        - "adam", gradient descent on batches in steps of adapted length;
        - "nadam", the same with Nesterov's momentum;
        - "rmsprop", gradient descent on batches in units of the gradient's size;
        - "rprop", steps whose length follows from the signs of past gradients of all
          samples at once [8]_.

    alpha : float, "evidence" or "ard", default=0.0001
        The penalty lambda of J above. It is divided by the number of samples (by their
        total weight; by that of the batch in a step on a batch).

        With ``solver="lm"`` it can be estimated, by maximising the evidence, the
        probability of the targets given lambda [11]_: "evidence" has one lambda for the
        weights of each layer and for the biases of each layer, "ard" (automatic
        relevance determination) besides one for the weights of each input feature. No
        validation set is needed. Both expect features of size about 1.

    batch_size : int, "auto" or "full", default="auto"
        The number of samples of a batch; "auto" is ``min(200, n_samples)``, "full" all
        of them. Ignored by "lbfgs" and "rprop", which take all.

    learning_rate : str, default="constant"
        The learning rate over time, from ``learning_rate_init`` on, for all solvers but
        "lbfgs" and "rprop":

        - "constant": it stays;
        - "invscaling": ``learning_rate_init / (t_ + 1) ** power_t`` after each epoch;
        - "adaptive": divided by 5 each time that training stops improving (see
          ``n_iter_no_change``), until it is below 1e-6;
        - "cosine": along half a cosine, down to 0 after ``max_iter`` epochs;
        - "one_cycle": from 4 % up during 30 % of ``max_iter`` epochs, then down to 0;
        - "step": times ``learning_rate_decay`` every ``learning_rate_step`` epochs;
        - "exponential": the same, gradually.

        The last four change with each step. "cosine" and "one_cycle" are for training
        to the end: set ``n_iter_no_change=np.inf``, lest it stops at a high rate.

    learning_rate_init : float, default=0.001
        The learning rate at the start, the highest of "one_cycle"; the length of the
        first step of "rprop". Ignored by "lbfgs".

    power_t : float, default=0.5
        The exponent of "invscaling".

    max_iter : int, default=200
        The largest number of epochs, or of iterations of "lbfgs".

    shuffle : bool, default=True
        Whether each epoch goes through the samples in a new order. Ignored by "lbfgs".

    random_state : int, RandomState instance or None, default=None
        The source of random numbers for initial weights, validation split and order of
        samples, in this order. With the same int, MLPClassifier draws the same
        numbers.

    tol : float, default=1e-4
        An epoch improves if the loss falls (or the validation score rises) by more than
        ``tol``. For "lbfgs" and "lm", the largest component of the gradient at which it
        has converged; with an estimated ``alpha`` ten times the relative change of the
        log evidence.

    verbose : bool, default=False
        Whether to print the loss of each epoch or iteration.

    warm_start : bool, default=False
        Whether ``fit`` goes on from the weights of the previous call, with the same
        validation split, instead of new ones. See :term:`the Glossary <warm_start>`.

    momentum : float, default=0.9
        The momentum of "sgd", in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether the momentum is Nesterov's. Only used by "sgd".

    early_stopping : bool, default=False
        Whether to hold out a part of the data, or take ``X_val``, and stop when the
        score on it (see ``scoring``) no longer improves. The weights of the best score
        are kept. It works with every solver.

    validation_fraction : float, default=0.1
        The part of the data that is held out; only with ``early_stopping``.
        Its classes are as frequent as in all data where each class has room in both
        parts; multilabel targets are split at random.

    beta_1, beta_2 : float, default=0.9, 0.999
        The decay rates of the running means of gradient and squared gradient of "adam"
        and "nadam", in [0, 1); "rmsprop" has the second.

    epsilon : float, default=1e-8
        The number that keeps the divisor of "adam", "nadam", "rmsprop" from zero.

    n_iter_no_change : int or np.inf, default=10
        Training ends (or, if ``learning_rate="adaptive"``, the rate falls) when more
        than this number of epochs in a row have not improved. Ignored by "lbfgs"
        without ``early_stopping``.

    max_fun : int, default=15000
        The largest number of evaluations of J by "lbfgs".

    output_activation : str, default="auto"
        The activation of the output layer, as ``activation``, or "exp" or "softmax".
        "auto" is the canonical one of the loss: for "log_loss" softmax, or logistic for
        two classes and for multilabel targets, for "squared_error" identity. "log_loss"
        needs "softmax" or "logistic", which for more than two classes takes each class
        against the rest. With outputs that are not probabilities there is no
        ``predict_proba``.

    fit_intercept : bool, default=True
        Whether the layers have biases b. Without, ``intercepts_`` are zero.

    init : str or sequence of str, default="sklearn"
        How weights are drawn, one name for all layers or one for each, output layer
        included:

        - "sklearn": uniformly, within Glorot's bound, weights and biases;
        - "glorot_uniform", "glorot_normal": of variance 2 / (n_in + n_out) [2]_;
        - "he_uniform", "he_normal": of variance 2 / n_in [4]_, for ReLU;
        - "lecun_uniform", "lecun_normal": of variance 1 / n_in [5]_;
        - "orthogonal": with orthonormal rows or columns [6]_;
        - "small_normal": normally, of standard deviation 0.01.

        All but the first start with biases of zero.

    coefs_init : list of array-like of shape (n_in, n_out), default=None
        Initial weights, like ``coefs_``, instead of drawn ones.

    intercepts_init : list of array-like or "best_constant", default=None
        Initial biases, like ``intercepts_``. None means those of ``init``, or zeros if
        ``coefs_init`` is given; "best_constant" the same, but for the output layer,
        which starts at the constant prediction of the lowest loss.

    weight_decay : float, default=0.0
        The part of each weight, times the learning rate, that a step takes away:
        W := W - rate * weight_decay * W, beside the step along the gradient [7]_.
        Unlike ``alpha`` it does not depend on the size of the batch, nor with "adam" on
        that of the gradients, and the momentum of "sgd" does not multiply it, as it
        does gradients. Biases do not decay. In float32 a product
        rate * weight_decay below 6e-8 is lost in rounding. Not for "lbfgs".

    learning_rate_decay : float, default=0.5
        The factor of "step" and "exponential", in (0, 1].

    learning_rate_step : float, default=10
        In how many epochs the learning rate is multiplied by it.

    warmup : float, default=0
        The number of epochs in which the learning rate rises from 0, linearly, to what
        the schedule says.

    dropout : float or sequence of float, default=0.0
        The part of the units of each hidden layer that a step leaves out at random, one
        number in [0, 1) for all layers or one for each [9]_. The others count 1 / (1 -
        dropout) times. Prediction uses all units.

    max_grad_norm : float or None, default=None
        Gradients that are longer, over all weights and biases, are shortened to this.

    average_decay : float, default=0.0
        If above 0, ``coefs_`` and ``intercepts_``, and so predictions and validation
        scores, are an exponential average over the steps of training: a step counts
        ``average_decay`` times as much as the one after it. Useful values are 0.9 to
        0.999. ``partial_fit`` goes on from the weights themselves.

    scoring : str, callable or None, default=None
        What is computed on the validation set: the name of a scorer, a callable
        ``scorer(estimator, X, y)``, "loss" for minus the loss, or None for the
        accuracy.

    n_init : int, default=1
        From how many initial weights to train, in lock-step. The network of the highest
        evidence is kept (or of the best validation score, with ``early_stopping``, or
        of the lowest J).

    ensemble : int, default=1
        How many of the best of them predict together, by the mean of their
        probabilities. ``coefs_`` and all that looks inside is of the best one.

    class_weight : dict, list of dict, "balanced" or None, default=None
        The weight of each class, by label, which multiplies sample weights; classes
        that are not named have 1. "balanced" means n_samples / (n_classes * count of
        the class). For multilabel targets a list with a dict for each label.

    label_smoothing : float, default=0.0
        The part e of the target, in [0, 1), that is shared out to all classes: the
        class of the sample has 1 - e + e / n_classes, others e / n_classes. For
        logistic outputs the two outcomes count as classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels; for multilabel targets the numbers of the labels.

    coefs_ : list of ndarray of shape (n_in, n_out)
        The weights of each layer: ``coefs_[l - 1]`` is the transpose of W[l].

    intercepts_ : list of ndarray of shape (n_out,)
        The biases b[l] of each layer.

    loss_ : float
        The loss of the last epoch.

    best_loss_ : float or None
        The lowest loss of an epoch; None with ``early_stopping``.

    loss_curve_ : list of float
        The loss of each epoch, or iteration of "lbfgs": the mean of the losses of its
        batches, each J above. A warm start and ``partial_fit`` append to it.

    learning_rate_curve_ : list of float or None
        The learning rate of the last step of each epoch; None for "lbfgs".

    validation_scores_ : list of float or None
        The score on the validation set after each epoch; None without a validation set.

    validation_loss_curve_ : list of float or None
        The loss on it, without penalty and label smoothing.

    best_validation_score_ : float or None
        The highest score: with ``early_stopping``, that of the weights that were kept.

    alpha_ : list of float
        With an estimated ``alpha``: lambda of the weights of each layer; with "ard" the
        first entry is an array of shape (n_features,).

    alpha_intercepts_ : list of float
        That of the biases of each layer.

    log_evidence_ : float
        The logarithm of the evidence, by Laplace's approximation. Between networks for
        the same data, the higher is the more probable.

    n_effective_parameters_ : float
        How many parameters the data determine: their number less what the penalties do.

    noise_std_ : float, ndarray of shape (n_outputs,) or None
        The standard deviation of the noise with ``loss="squared_error"``, of several
        outputs an array; otherwise None.

    linear_share_ : float or ndarray of shape (n_outputs,)
        With ``loss="squared_error"``, the share of a linear model in the outputs, see
        :class:`BPRegressor`; otherwise 0.

    feature_relevances_ : ndarray of shape (n_features,)
        With "ard": ``alpha_[0] ** -0.5``, the typical size of the weights of each
        feature, divided by the sum over features. Comparable if features are scaled.

    t_ : int
        The number of samples that training has seen, repetitions included.

    n_iter_ : int
        The number of epochs or iterations of the last ``fit``, plus the calls of
        ``partial_fit`` since.

    n_layers_ : int
        The number of layers, input and output included.

    n_outputs_ : int
        The number of outputs.

    out_activation_ : str
        The activation of the output layer.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    BPRegressor : The same for numbers.
    sklearn.neural_network.MLPClassifier : Scikit-learn's own.

    Notes
    -----
    By default weights and biases are drawn uniformly, within the bounds of Glorot and
    Bengio [2]_; "adam" is that of Kingma and Ba [3]_. If the loss becomes infinite or
    nan, training stops with a :class:`~sklearn.exceptions.ConvergenceWarning` and keeps
    the best weights that it had. An interrupt from the keyboard ends training, not the
    estimator: it keeps the weights that it has.

    References
    ----------
    .. [1] D. E. Rumelhart, G. E. Hinton, R. J. Williams (1986), "Learning
       representations by back-propagating errors". Nature 323, 533-536.
    .. [2] X. Glorot, Y. Bengio (2010), "Understanding the difficulty of training deep
       feedforward neural networks". AISTATS 9, 249-256.
    .. [3] D. P. Kingma, J. Ba (2015), "Adam: a method for stochastic optimization".
       ICLR.
    .. [4] K. He, X. Zhang, S. Ren, J. Sun (2015), "Delving deep into rectifiers".
       ICCV.
    .. [5] Y. LeCun, L. Bottou, G. Orr, K.-R. Müller (1998), "Efficient backprop".
    .. [6] A. Saxe, J. McClelland, S. Ganguli (2014), "Exact solutions to the nonlinear
       dynamics of learning in deep linear neural networks". ICLR.
    .. [7] I. Loshchilov, F. Hutter (2019), "Decoupled weight decay regularization".
       ICLR.
    .. [8] C. Igel, M. Hüsken (2000), "Improving the Rprop learning algorithm". NC 2000.
    .. [9] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov
       (2014), "Dropout: a simple way to prevent neural networks from overfitting".
       JMLR 15, 1929-1958.
    .. [10] H. B. Nielsen (1999), "Damping parameter in Marquardt's method".
       IMM-REP-1999-05.
    .. [11] D. J. C. MacKay (1992), "A practical Bayesian framework for backpropagation
       networks". Neural Computation 4, 448-472.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skbp import BPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> network = BPClassifier((16,), solver="lbfgs", alpha=1.0, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network).fit(X, y)
    >>> model.score(X, y) > 0.97
    True
    >>> model.predict(X[:3])
    array([0, 0, 0])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions(set(CLASSIFICATION_LOSSES))],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="log_loss",
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        output_activation="auto",
        fit_intercept=True,
        init="sklearn",
        coefs_init=None,
        intercepts_init=None,
        weight_decay=0.0,
        learning_rate_decay=0.5,
        learning_rate_step=10,
        warmup=0,
        dropout=0.0,
        max_grad_norm=None,
        average_decay=0.0,
        scoring=None,
        n_init=1,
        ensemble=1,
        class_weight=None,
        label_smoothing=0.0,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.output_activation = output_activation
        self.fit_intercept = fit_intercept
        self.init = init
        self.coefs_init = coefs_init
        self.intercepts_init = intercepts_init
        self.weight_decay = weight_decay
        self.learning_rate_decay = learning_rate_decay
        self.learning_rate_step = learning_rate_step
        self.warmup = warmup
        self.dropout = dropout
        self.max_grad_norm = max_grad_norm
        self.average_decay = average_decay
        self.scoring = scoring
        self.n_init = n_init
        self.ensemble = ensemble
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing

    @available_if(check_has_partial_fit)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X,
        y,
        sample_weight=None,
        classes=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train for one epoch on these data, from where training stands.

        The optimizer's state, the learning rate and the stream of random numbers go on
        from call to call; ``n_iter_`` counts the calls. Only for stochastic solvers.
        A Dask collection is one epoch, of all its partitions in their order.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None means that all weights are 1.

        classes : array-like of shape (n_classes,), default=None
            All classes of all calls. Required by the first call, unless ``fit`` came
            before; y need not contain all of them.

        X_val, y_val, sample_weight_val : as X, y and sample_weight, default=None
            A validation set, on which score and loss are recorded.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used, or if y has a class that is not
            in ``classes_``. What earlier calls have fitted stays as it is.
        """
        data, validation = (
            Data(X, y, sample_weight),
            Data(X_val, y_val, sample_weight_val),
        )
        with restored_on_error(self):
            check_partial_fit_first_call(self, classes)
            history = self._train_part(data, validation)
        warn_of_partial_fit(self, history)
        return self

    def predict(self, X):
        """Predict the most probable class, or labels of probability above one half.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            The class labels; for multilabel targets an indicator matrix. Of a Dask
            collection this, as all predictions, is a lazy Dask array.
        """
        if on_dask(X):
            return for_partitions(self.predict, X)
        check_is_fitted(self)
        targets = targets_of(self)
        # One versus rest, several outputs may round to 1; their Z[L] decide.
        outputs = self._raw_outputs if targets.one_versus_rest else self._outputs
        return targets.decode(outputs(X))

    @available_if(check_has_probabilities)
    def predict_proba(self, X, moderated=False):
        """Predict probabilities.

        Only for ``loss="log_loss"`` or an ``output_activation`` of "logistic" or
        "softmax". Logistic outputs of more than two classes are divided by their sum.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        moderated : bool, default=False
            Whether to average over what the data leave open about the weights, which
            moves probabilities away from 0 and 1 where data are few: Z[L] is divided
            by sqrt(1 + pi v / 8), where v is its variance [1]_ (for softmax of Z[L]
            less its mean over classes). It needs ``solver="lm"`` and an ``alpha`` of
            "evidence" or "ard".

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            One column a class, in the order of ``classes_``, that sum to 1; for
            multilabel targets the probability of each label. None is 0 or 1: what
            rounds to them becomes the number next to it (only a single class has 1).

        References
        ----------
        .. [1] D. J. C. MacKay (1992), "The evidence framework applied to classification
           networks". Neural Computation 4, 720-736.
        """
        if on_dask(X):
            return for_partitions(self.predict_proba, X, moderated=moderated)
        check_is_fitted(self)
        targets = targets_of(self)
        if moderated:
            _, Z, variance = self._outputs_and_variances(X, "moderated=True")
        if len(targets.classes) == 1:
            return np.ones_like(self._outputs(X))
        if moderated:
            p = mean_probabilities(targets, Z, variance)
        elif targets.output == "softmax":
            p = self._outputs(X)
        else:
            p = probabilities(targets, by_class(targets, self._raw_outputs(X)))
        return inside(p)

    @available_if(check_has_probabilities)
    def predict_log_proba(self, X):
        """Predict logarithms of probabilities.

        They are computed from the raw outputs: precise where a probability is close to
        0 or 1, and never infinite. The lowest is the logarithm of the smallest normal
        number (-708 in float64, -87 in float32), as for ``predict_proba``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        log_p : ndarray of shape (n_samples, n_classes)
            The logarithm of ``predict_proba(X)``.
        """
        if on_dask(X):
            return for_partitions(self.predict_log_proba, X)
        check_is_fitted(self)
        targets, Z = targets_of(self), self._raw_outputs(X)
        if len(targets.classes) == 1:
            return np.zeros_like(Z)
        return log_probabilities(targets, by_class(targets, Z))

    def decision_function(self, X):
        """Return scores that decide the class: log-odds, if outputs are probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With a logistic or softmax output they are the raw outputs Z[L]: for two
            classes log(p / (1 - p)) of ``classes_[1]``; for more, log(p) of each class
            up to a constant of the sample; for multilabel targets log(p / (1 - p)) of
            each label. With another output activation they are the outputs A[L]
            themselves, less 1/2 for two classes and for multilabel targets.
        """
        if on_dask(X):
            return for_partitions(self.decision_function, X)
        check_is_fitted(self)
        targets = targets_of(self)
        if targets.output in PROBABILITIES:
            return scores_of_raw(targets, self._raw_outputs(X))
        return scores_of_outputs(targets, self._outputs(X))

    def score(self, X, y, sample_weight=None):
        """Return the accuracy of the predictions; for multilabel targets of whole rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            The class labels.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        score : float
            :func:`~sklearn.metrics.accuracy_score`.
        """
        y, sample_weight, labels = in_memory(y, sample_weight, self.predict(X))
        return float(accuracy_score(y, labels, sample_weight=sample_weight))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self.output_activation != "softmax"
        return tags
