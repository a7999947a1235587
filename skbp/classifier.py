"""BPClassifier."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Self, overload

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags
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
    available_if,
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
from skbp._typing import (
    Activation,
    Alpha,
    ArrayLike,
    BatchSize,
    ClassificationLoss,
    ClassWeight,
    CoefsInit,
    Float,
    Floats,
    HiddenLayerSizes,
    Init,
    Int,
    InterceptsInit,
    LazyPredictions,
    LearningRate,
    MatrixLike,
    OnDask,
    OutputActivation,
    Predictions,
    RandomState,
    Scoring,
    Solver,
)


# docs/docstrings.py writes the docstring, from docs/docstrings.txt: edit it there.
class BPClassifier(ClassifierMixin, BaseBP):
    """A neural network for classification, trained by back-propagation.

    With the same parameters and the same ``random_state`` it finds the same weights as
    :class:`~sklearn.neural_network.MLPClassifier`, in less time.

    A network with the layers l = 1 ... L computes, from the input A[0] = X::

        Z[l] = W[l] A[l-1] + b[l],    A[l] = f(Z[l]),

    where W[l] are the weights of layer l, b[l] its biases, and f its activation
    function. By default the output A[L] is the softmax of Z[L], or the logistic
    function of Z[L] for two classes and for multilabel targets. Training minimises the
    cost::

        J = (1/m) [ sum_i w_i loss_i + alpha/2 sum_l |W[l]|² ],

    where w_i is the weight of sample i, m is the sum of all w_i, and loss_i is the loss
    of sample i: the log loss -sum_k y_ik log a_ik or, for logistic outputs, the sum of
    -y log a - (1 - y) log(1 - a) over the outputs. Back-propagation computes the
    residuals delta[l] of all layers, from the last to the first: delta[L] = A[L] - Y,
    and delta[l] = (W[l+1]' delta[l+1]) * f'(Z[l]). They give the gradient of J:
    dJ/dW[l] = (1/m) (delta[l] A[l-1]' + alpha W[l]), and dJ/db[l] is the mean of
    delta[l] over the samples [1]_.

    The parameters by purpose::

        network               hidden_layer_sizes, activation, output_activation,
                              fit_intercept, init, coefs_init, intercepts_init
        loss and classes      loss, class_weight, label_smoothing
        solver                solver, batch_size, shuffle, momentum, nesterovs_momentum,
                              beta_1, beta_2, epsilon
        step size             learning_rate, learning_rate_init, learning_rate_decay,
                              learning_rate_step, power_t, warmup, max_grad_norm
        regularisation        alpha, weight_decay, dropout, average_decay
        stopping, validation  max_iter, max_fun, tol, n_iter_no_change, early_stopping,
                              validation_fraction, scoring
        several networks      n_init, ensemble
        other                 random_state, warm_start, verbose

    Parameters
    ----------
    hidden_layer_sizes : array-like of shape (n_layers - 2,) or int, default=(100,)
        The number of units in each hidden layer. ``()`` means no hidden layer, which
        makes the network a linear model.

    activation : str or sequence of str, default="relu"
        The activation function f of the hidden layers: one name for all of them, or a
        sequence with one name for each.

        - "identity", f(z) = z;
        - "logistic", f(z) = 1 / (1 + exp(-z));
        - "tanh", f(z) = tanh(z);
        - "relu", f(z) = max(0, z);
        - "leaky_relu", f(z) = max(z / 100, z);
        - "elu", f(z) = z where z > 0, else exp(z) - 1;
        - "selu", f(z) = 1.0507 z where z > 0, else 1.7581 (exp(z) - 1);
        - "gelu", f(z) = z Phi(z), where Phi is the normal distribution function;
        - "silu", f(z) = z / (1 + exp(-z));
        - "mish", f(z) = z tanh(log(1 + exp(z)));
        - "softplus", f(z) = log(1 + exp(z));
        - "softsign", f(z) = z / (1 + abs(z)).

    output_activation : str, default="auto"
        The activation function of the output layer: any name listed for ``activation``,
        "exp" or "softmax". "auto" chooses the canonical one for the loss: "softmax" for
        "log_loss" ("logistic" for two classes and for multilabel targets), and
        "identity" for "squared_error".

        "log_loss" needs "softmax" or "logistic". With "logistic" and more than two
        classes, one output for each class separates the class from all others.
        "squared_error" works with every output activation; "softmax" does not work with
        multilabel targets. ``predict_proba`` is available only if the output activation
        is "softmax" or "logistic".

    fit_intercept : bool, default=True
        Whether the layers have biases b. If False, ``intercepts_`` are zero.

    init : str or sequence of str, default="sklearn"
        How the initial weights are drawn: one name for all layers, or a sequence with
        one name for each layer, including the output layer.

        - "sklearn", weights and biases uniformly within the bounds of Glorot and Bengio
          [2]_, as in MLPClassifier;
        - "glorot_uniform", "glorot_normal", with variance 2 / (n_in + n_out) [2]_;
        - "he_uniform", "he_normal", with variance 2 / n_in, for ReLU [4]_;
        - "lecun_uniform", "lecun_normal", with variance 1 / n_in [5]_;
        - "orthogonal", with orthonormal rows or columns [6]_;
        - "small_normal", normally distributed with standard deviation 0.01.

        With all of them except "sklearn" the biases start at zero.

    coefs_init : list of array-like of shape (n_in, n_out), default=None
        The initial weights, in the shapes of ``coefs_``. None means that ``init`` draws
        them.

    intercepts_init : list of array-like or "best_constant", default=None
        The initial biases, in the shapes of ``intercepts_``. None means the biases that
        ``init`` draws, or zeros if ``coefs_init`` is given. "best_constant" does the
        same, except that the output layer starts at the constant prediction with the
        lowest loss.

    loss : {"log_loss", "squared_error"}, default="log_loss"
        The loss of the outputs a for the targets y, which are 1 for the class (or the
        labels) of the sample and 0 for all others:

        - "log_loss", -y log a, summed over the classes; for logistic outputs -y log
          a - (1 - y) log(1 - a), summed over the outputs;
        - "squared_error", (a - y)² / 2, summed over the outputs.

    class_weight : dict, list of dict, "balanced" or None, default=None
        The weight of each class, which multiplies the sample weights. A dict maps class
        labels to weights; classes that are missing from it have weight 1. "balanced"
        sets the weight of a class to n_samples / (n_classes * number of its samples).
        For multilabel targets, give a list with one dict for each label.

    label_smoothing : float, default=0.0
        The fraction e of each target, in [0, 1), that is distributed evenly over all
        classes: the class of the sample gets the target 1 - e + e / n_classes, every
        other class e / n_classes. Multilabel targets of 1 become 1 - e / 2, those of 0
        become e / 2.

    solver : {"lbfgs", "lm", "sgd", "adam", "nadam", "rmsprop", "rprop"}, default="adam"
        The algorithm that minimises J:

        - "lbfgs", a quasi-Newton method on the full data; often the best choice for
          small data sets;
        - "lm", the Levenberg-Marquardt method: damped Gauss-Newton steps on the full
          data [10]_. It is the best choice for networks with up to a few hundred
          weights, and the only solver that can estimate ``alpha``. The time for a step
          grows with the number of samples and with the square of the number of weights;
        - "sgd", gradient descent on batches, with momentum;
        - "adam", steps on batches whose length adapts to each weight [3]_;
        - "nadam", "adam" with Nesterov's momentum;
        - "rmsprop", steps on batches along the gradient divided by its running root
          mean square;
        - "rprop", steps on the full data whose lengths depend only on the signs of past
          gradients [8]_.

        "sgd", "adam", "nadam" and "rmsprop" are called stochastic solvers below. "lm"
        needs an "identity" output activation if ``loss="squared_error"``.

    batch_size : int, "auto" or "full", default="auto"
        The number of samples in a batch. "auto" means ``min(200, n_samples)``, "full"
        means all samples. "lbfgs", "lm" and "rprop" ignore it: each step uses all
        samples.

    shuffle : bool, default=True
        Whether to put the samples into a new random order before each epoch. Ignored by
        "lbfgs" and "lm".

    momentum : float, default=0.9
        The momentum of "sgd", in [0, 1].

    nesterovs_momentum : bool, default=True
        Whether "sgd" uses Nesterov's momentum.

    beta_1 : float, default=0.9
        The decay rate, in [0, 1), of the running mean of the gradient in "adam" and
        "nadam".

    beta_2 : float, default=0.999
        The decay rate, in [0, 1), of the running mean of the squared gradient in
        "adam", "nadam" and "rmsprop".

    epsilon : float, default=1e-8
        A small number that keeps "adam", "nadam" and "rmsprop" from dividing by zero.

    learning_rate : str, default="constant"
        The schedule of the learning rate, for stochastic solvers. The rate begins with
        ``learning_rate_init``:

        - "constant", the rate does not change;
        - "invscaling", after each epoch the rate is
          ``learning_rate_init / (t_ + 1) ** power_t``, where ``t_`` is the number of
          samples seen so far;
        - "adaptive", the rate is divided by 5 each time that training stops improving
          (see ``n_iter_no_change``), until it is 1e-6 or less;
        - "cosine", the rate falls along half a cosine, to 0 after ``max_iter`` epochs;
        - "one_cycle", the rate rises from 4 % of ``learning_rate_init`` to all of it
          during the first 30 % of ``max_iter`` epochs, and then falls to 0;
        - "step", the rate is multiplied by ``learning_rate_decay`` every
          ``learning_rate_step`` epochs;
        - "exponential", the rate falls as fast as with "step", but gradually.

        The last four schedules change the rate at every step. "cosine" and "one_cycle"
        are planned for exactly ``max_iter`` epochs. With these two, set
        ``n_iter_no_change=np.inf``; otherwise training may stop while the rate is high.

    learning_rate_init : float, default=0.001
        The initial learning rate; with "one_cycle" it is the highest one. For the
        solver "rprop" it is the length of the first step. Ignored by "lbfgs" and "lm".

    learning_rate_decay : float, default=0.5
        The factor of the schedules "step" and "exponential", in (0, 1].

    learning_rate_step : float, default=10
        The number of epochs between reductions by ``learning_rate_decay``.

    power_t : float, default=0.5
        The exponent of the schedule "invscaling".

    warmup : float, default=0
        The number of epochs, at the beginning of training, in which the learning rate
        rises linearly from 0 to the rate of the schedule. Only for stochastic solvers.

    max_grad_norm : float or None, default=None
        The maximum norm of a gradient, taken over all weights and biases. Gradients
        with a larger norm are scaled down to it. Only for stochastic solvers.

    alpha : float, "evidence" or "ard", default=0.0001
        The L2 penalty in J, often called lambda. J divides it by m, the sum of the
        weights of all samples or, in a step on a batch, of the samples in the batch.

        With ``solver="lm"``, alpha can be estimated during training by maximising the
        evidence, which is the probability of the targets given lambda [11]_. "evidence"
        estimates one lambda for the weights of each layer and one for the biases of
        each layer. "ard" (automatic relevance determination) does the same, except that
        it estimates one lambda for the weights of each input feature in the first
        layer. No validation set is needed. Scale the features to a size of about 1
        first.

    weight_decay : float, default=0.0
        Decoupled weight decay, as in AdamW [7]_: each step shrinks every weight W by
        rate * weight_decay * W, where rate is the current learning rate, in addition to
        the step along the gradient. Biases do not decay.

        In contrast to ``alpha``, the effect of ``weight_decay`` does not depend on the
        batch size, nor on the size of the gradients in "adam", nor on the momentum in
        "sgd". In float32, a product rate * weight_decay below 6e-8 has no effect,
        because of rounding. Not available with "lbfgs" and "lm".

    dropout : float or sequence of float, default=0.0
        The probability, in [0, 1), with which a unit of a hidden layer is left out. The
        units to leave out are drawn for each sample in each training step [9]_. Give
        one number for all hidden layers, or a sequence with one number for each. The
        outputs of the remaining units are divided by 1 - dropout. Predictions use all
        units. Only for stochastic solvers.

    average_decay : float, default=0.0
        If above 0, ``coefs_`` and ``intercepts_`` are exponential moving averages over
        the training steps, and predictions and validation scores use these averages.
        Each step counts ``average_decay`` times as much as the step after it; useful
        values are 0.9 to 0.999. Training itself, including later calls of
        ``partial_fit``, continues from the weights that are not averaged. Not available
        with "lbfgs" and "lm".

    max_iter : int, default=200
        The maximum number of epochs or, for "lbfgs" and "lm", of iterations.

    max_fun : int, default=15000
        The maximum number of times that "lbfgs" evaluates J.

    tol : float, default=1e-4
        The tolerance for stopping. An epoch counts as an improvement if the loss falls
        by at least ``tol`` or, with ``early_stopping``, if the validation score rises
        by at least ``tol``. "lbfgs" and "lm" stop when no component of the gradient is
        larger than ``tol``. If ``alpha`` is estimated, "lm" stops when the relative
        change of the log evidence is at most ``tol / 10``.

    n_iter_no_change : int or np.inf, default=10
        Training stops when more than this number of epochs in a row bring no
        improvement; with ``learning_rate="adaptive"`` the learning rate is reduced
        instead. "lbfgs" and "lm" use this parameter only with ``early_stopping``.

    early_stopping : bool, default=False
        Whether to stop training when the score on a validation set (see ``scoring``) no
        longer improves. The validation set is held out of the training data, unless you
        pass ``X_val`` and ``y_val`` to ``fit``. The weights with the best score are
        kept. Works with every solver.

    validation_fraction : float, default=0.1
        The fraction of the training data that ``early_stopping`` holds out. The split
        is stratified if every class has enough samples for both parts. Multilabel
        targets are split at random.

    scoring : str, callable or None, default=None
        The score on the validation set: the name of a scorer, a callable
        ``scorer(estimator, X, y)``, or "loss" for the negative loss. None means the
        accuracy.

    n_init : int, default=1
        The number of networks to train, each from its own initial weights. The best of
        them is kept: the network with the highest evidence if ``alpha`` is estimated,
        with the best validation score if ``early_stopping=True``, and with the lowest J
        otherwise. Numbers above 1 cannot be combined with ``warm_start``,
        ``coefs_init`` or ``partial_fit``.

    ensemble : int, default=1
        The number of networks that predict together: the best ones of the ``n_init``
        networks. The prediction is the mean of their probabilities. ``coefs_`` and
        methods such as ``activations`` and ``gradients`` refer to the best one.

    random_state : int, RandomState instance or None, default=None
        The seed or generator of the random numbers for the initial weights, the
        validation split and the order of the samples, drawn in this order. Pass an int
        to get the same results in each call of ``fit``. With the same int,
        MLPClassifier draws the same numbers.

    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous call, with the same
        validation split, instead of drawing new weights. See
        :term:`the Glossary <warm_start>`.

    verbose : bool, default=False
        Whether to print the loss after each epoch or iteration.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels; for multilabel targets, the column numbers of the labels.

    coefs_ : list of ndarray of shape (n_in, n_out)
        The weights of each layer: ``coefs_[l - 1]`` is the transpose of W[l].

    intercepts_ : list of ndarray of shape (n_out,)
        The biases of each layer: ``intercepts_[l - 1]`` is b[l].

    loss_ : float
        The loss in the last epoch.

    best_loss_ : float or None
        The lowest loss in any epoch; None if ``early_stopping=True``.

    loss_curve_ : list of float
        The loss in each epoch or iteration: the mean of J over the batches of the
        epoch. If ``alpha`` is estimated and ``loss="squared_error"``, it is in units of
        the noise. ``fit`` with ``warm_start=True`` and ``partial_fit`` append to this
        list.

    learning_rate_curve_ : list of float or None
        The learning rate of the last step in each epoch; None for "lbfgs" and "lm".

    validation_scores_ : list of float or None
        The score on the validation set after each epoch; None without a validation set.

    validation_loss_curve_ : list of float or None
        The loss on the validation set after each epoch, without penalty and label
        smoothing; None without a validation set.

    best_validation_score_ : float or None
        The highest validation score; None without a validation set. With
        ``early_stopping=True`` it is the score of the weights that are kept.

    alpha_ : list of float
        The estimated lambda of the weights of each layer. With ``alpha="ard"`` the
        first entry is an array of shape (n_features,). Only available if ``alpha`` is
        estimated.

    alpha_intercepts_ : list of float
        The estimated lambda of the biases of each layer. Only available if ``alpha`` is
        estimated.

    log_evidence_ : float
        The logarithm of the evidence, by Laplace's approximation. Of two networks
        fitted to the same data, the one with the higher evidence is more probable. Only
        available if ``alpha`` is estimated.

    n_effective_parameters_ : float
        The number of parameters that the data determine, which is lower the stronger
        the penalties are. Only available if ``alpha`` is estimated.

    noise_std_ : float, ndarray of shape (n_outputs,) or None
        The estimated standard deviation of the noise, an array for several outputs;
        None for losses other than "squared_error". For an ensemble it is the root of
        the mean variance. Only available if ``alpha`` is estimated.

    linear_share_ : float or ndarray of shape (n_outputs,)
        The share of a linear model in the predictions for ``loss="squared_error"``, see
        :class:`BPRegressor`; 0 for "log_loss". Only available if ``alpha`` is
        estimated.

    feature_relevances_ : ndarray of shape (n_features,)
        The typical size of the weights of each input feature, ``alpha_[0] ** -0.5``,
        divided by the sum of these sizes. Scale the features alike if you want to
        compare their relevances. Only available if ``alpha="ard"``.

    t_ : int
        The number of samples seen in training, counted again in each epoch; 0 for
        "lbfgs" and "lm".

    n_iter_ : int
        The number of epochs or iterations of the last ``fit``, plus the number of later
        calls of ``partial_fit``.

    n_layers_ : int
        The number of layers, including the input and the output layer.

    n_outputs_ : int
        The number of outputs.

    out_activation_ : str
        The activation function of the output layer.

    n_features_in_ : int
        Number of features seen during :term:`fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features seen during :term:`fit`. Defined only when `X` has feature
        names that are all strings.

    See Also
    --------
    BPRegressor : The same network for regression.
    sklearn.neural_network.MLPClassifier : The network of scikit-learn.

    Notes
    -----
    If the loss becomes infinite or nan, training stops with a
    :class:`~sklearn.exceptions.ConvergenceWarning` and keeps the best weights up to
    that point. If you interrupt training from the keyboard (Ctrl+C), ``fit`` keeps the
    weights reached so far and returns, and you can use the estimator.

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

    classes_: npt.NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: HiddenLayerSizes = (100,),
        activation: Activation = "relu",
        *,
        loss: ClassificationLoss = "log_loss",
        solver: Solver = "adam",
        alpha: Alpha = 0.0001,
        batch_size: BatchSize = "auto",
        learning_rate: LearningRate = "constant",
        learning_rate_init: Float = 0.001,
        power_t: Float = 0.5,
        max_iter: Int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: Float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: Float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: Float = 0.1,
        beta_1: Float = 0.9,
        beta_2: Float = 0.999,
        epsilon: Float = 1e-8,
        n_iter_no_change: Float = 10,
        max_fun: Int = 15000,
        output_activation: OutputActivation = "auto",
        fit_intercept: bool = True,
        init: Init = "sklearn",
        coefs_init: CoefsInit = None,
        intercepts_init: InterceptsInit = None,
        weight_decay: Float = 0.0,
        learning_rate_decay: Float = 0.5,
        learning_rate_step: Float = 10,
        warmup: Float = 0,
        dropout: Floats = 0.0,
        max_grad_norm: Float | None = None,
        average_decay: Float = 0.0,
        scoring: Scoring = None,
        n_init: Int = 1,
        ensemble: Int = 1,
        class_weight: ClassWeight = None,
        label_smoothing: Float = 0.0,
    ) -> None:
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
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
        *,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
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

    @overload
    def predict(self, X: OnDask) -> LazyPredictions: ...
    @overload
    def predict(self, X: MatrixLike) -> Predictions: ...
    def predict(self, X: Any) -> Any:
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

    @overload
    def predict_proba(self, X: OnDask, moderated: bool = False) -> LazyPredictions: ...
    @overload
    def predict_proba(self, X: MatrixLike, moderated: bool = False) -> Predictions: ...
    @available_if(check_has_probabilities)
    def predict_proba(self, X: Any, moderated: bool = False) -> Any:
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

    @overload
    def predict_log_proba(self, X: OnDask) -> LazyPredictions: ...
    @overload
    def predict_log_proba(self, X: MatrixLike) -> Predictions: ...
    @available_if(check_has_probabilities)
    def predict_log_proba(self, X: Any) -> Any:
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

    @overload
    def decision_function(self, X: OnDask) -> LazyPredictions: ...
    @overload
    def decision_function(self, X: MatrixLike) -> Predictions: ...
    def decision_function(self, X: Any) -> Any:
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

    def score(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self.output_activation != "softmax"
        return tags
