"""BPRegressor."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from skbp._data.checks import on_dask
from skbp._data.dask import for_partitions, in_memory
from skbp._data.read import Data
from skbp._estimator.attributes import restored_on_error, targets_of
from skbp._estimator.base import BaseBP
from skbp._estimator.parameters import CONSTRAINTS, check_has_partial_fit, options_of
from skbp._estimator.warnings import warn_of_partial_fit
from skbp._sklearn import Interval, StrOptions, fit_context
from skbp._targets.losses import REGRESSION_LOSSES


class BPRegressor(RegressorMixin, BaseBP):
    """A neural network for regression, trained by back-propagation.

    With the same parameters and ``random_state`` it has the weights of
    :class:`~sklearn.neural_network.MLPRegressor`, and takes less time to find them.

    A network of layers l = 1 ... L computes, from A[0] = X::

        Z[l] = W[l] A[l-1] + b[l],    A[l] = f(Z[l]),

    where, by default, the output A[L] is Z[L] itself, exp(Z[L]) for the Poisson and the
    gamma loss, or the logistic function of Z[L] for the log loss. Training minimises
    the cost::

        J = (1/m) [ sum_i w_i loss_i + alpha/2 sum_l |W[l]|² ],

    in which m is the sum of the sample weights w_i and loss_i the loss of a sample,
    summed over outputs. Its gradient follows from the residuals delta[L] = A[L] - Y and
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

    loss : str, default="squared_error"
        The loss of a prediction a, given its target y:

        - "squared_error", (a - y)² / 2;
        - "absolute_error", abs(a - y), whose minimum is the median;
        - "huber", (a - y)² / 2 for errors up to ``huber_delta`` = d, beyond
          d (abs(a - y) - d / 2);
        - "quantile", q (y - a) or (1 - q) (a - y), whichever is positive, for the
          quantile q;
        - "poisson", y log(y / a) - y + a, half of the Poisson deviance; it needs
          y >= 0 and predicts a > 0;
        - "gamma", log(a / y) + y / a - 1, half of the gamma deviance; it needs y > 0
          and predicts a > 0;
        - "log_loss", - y log a - (1 - y) log(1 - a), for shares and probabilities y in
          [0, 1]; with ``output_activation="softmax"`` - y log a, summed over outputs.

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
        validation set is needed. Both expect features and targets of size about 1.
        Where squared errors of samples that are left out are not clearly below those of
        a linear model, that has a share in predictions (see ``linear_share_``).

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
        samples, in this order. With the same int, MLPRegressor draws the same
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
        "auto" is the canonical one of the loss: exp for "poisson" and "gamma", logistic
        for "log_loss", identity for the others. These go with any, if its range holds
        all targets; "poisson" needs "exp", "softplus", "logistic" or "softmax", "gamma"
        one of the first two, "log_loss" one of the last two. An output of "relu" may
        die, that is be 0 for all samples, and learn no more.

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
        ``scorer(estimator, X, y)``, "loss" for minus the loss, or None for the R².

    n_init : int, default=1
        From how many initial weights to train, in lock-step. The network of the highest
        evidence is kept (or of the best validation score, with ``early_stopping``, or
        of the lowest J).

    ensemble : int, default=1
        How many of the best of them predict together, by the mean of their outputs.
        ``coefs_`` and all that looks inside is of the best one.

    huber_delta : float, default=1.35
        The error, in units of y, from which ``loss="huber"`` grows linearly; somewhat
        more than the noise is a good choice.

    quantile : float or sequence of float, default=0.5
        The quantile that ``loss="quantile"`` predicts, or several in rising order. Then
        ``predict`` returns a column for each, and they never cross: output i is output
        i - 1 plus log(1 + exp(Z_i)), which is positive.

    Attributes
    ----------
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
        batches, each J above; with an estimated ``alpha`` in units of the noise. A warm
        start and ``partial_fit`` append to it.

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
        first entry is an array of shape (n_features,). Of several outputs it is the
        precision of these weights times the mean variance of the noise. Training counts
        the squared errors of each of them in units of its noise, which ``cost`` and
        ``gradients`` do not.

    alpha_intercepts_ : list of float
        That of the biases of each layer.

    log_evidence_ : float
        The logarithm of the evidence, by Laplace's approximation. Between networks for
        the same data, the higher is the more probable.

    n_effective_parameters_ : float
        How many parameters the data determine: their number less what the penalties do.

    noise_std_ : float, ndarray of shape (n_outputs,) or None
        The standard deviation of the noise, with ``loss="squared_error"``: the root of
        the mean variance that the networks of an ensemble found; of several outputs an
        array.

    linear_share_ : float or ndarray of shape (n_outputs,)
        With an estimated ``alpha``: the share of a ridge regression in predictions,
        beside the networks'. It falls from 1 to 0 while the squared errors of samples
        that are left out (computed, not fitted) go from one standard error above those
        of the ridge regression to four below; it is 0, too, where the networks are
        better on four in five samples. The penalty of the ridge regression is that of
        the smallest such errors. It is a network of the same shape, whose weights
        before the hidden layers are so small that these pass on what they get. If the
        share is 1, it is ``coefs_``, and ``alpha_`` and ``log_evidence_`` are those of
        such weights, not to be compared with others'; a warm start from there starts
        anew. Otherwise ``coefs_`` are the best network's, as in every ensemble, and a
        warm start goes on from these alone. The curves of training always are its. The
        share is 0 for other losses than "squared_error", with ``early_stopping`` or
        ``warm_start``, without intercepts, and where a hidden layer is narrower than
        the linear map needs.

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
    BPClassifier : The same for classes.
    sklearn.neural_network.MLPRegressor : Scikit-learn's own.

    Notes
    -----
    By default weights and biases are drawn uniformly, within the bounds of Glorot and
    Bengio [2]_; "adam" is that of Kingma and Ba [3]_. If the loss becomes infinite or
    nan, training stops with a :class:`~sklearn.exceptions.ConvergenceWarning` and keeps
    the best weights that it had. An interrupt from the keyboard ends training, not the
    estimator: it keeps the weights that it has. For several outputs ``loss_`` is
    the sum over outputs, of which training follows the gradient; MLPRegressor reports
    the mean.

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
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skbp import BPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> network = BPRegressor(solver="lbfgs", alpha=10.0, tol=0.01, random_state=0)
    >>> model = make_pipeline(StandardScaler(), network).fit(X, y / y.std())
    >>> model.score(X, y / y.std()) > 0.5
    True
    >>> model.predict(X[:3]).shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "loss": [StrOptions(set(REGRESSION_LOSSES))],
        "huber_delta": [Interval(Real, 0, None, closed="neither")],
        "quantile": [Interval(Real, 0, 1, closed="neither"), "array-like"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
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
        huber_delta=1.35,
        quantile=0.5,
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
        self.huber_delta = huber_delta
        self.quantile = quantile

    @available_if(check_has_partial_fit)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X,
        y,
        sample_weight=None,
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

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None means that all weights are 1.

        X_val, y_val, sample_weight_val : as X, y and sample_weight, default=None
            A validation set, on which score and loss are recorded.

        Returns
        -------
        self : object
            The estimator.

        Raises
        ------
        ValueError
            If a parameter or the data cannot be used. What earlier calls have fitted
            stays as it is.
        """
        data, validation = (
            Data(X, y, sample_weight),
            Data(X_val, y_val, sample_weight_val),
        )
        with restored_on_error(self):
            history = self._train_part(data, validation)
        warn_of_partial_fit(self, history)
        return self

    def predict(self, X, return_std=False):
        """Predict the targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        return_std : bool, default=False
            Whether to return the standard deviation of each target, too: of the noise
            and of what the data leave open about the weights, by Laplace's
            approximation. It needs ``loss="squared_error"``, ``solver="lm"`` and an
            ``alpha`` of "evidence" or "ard".

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The outputs of the network; for several quantiles a column each. Of a Dask
            collection they are a lazy Dask array.

        std : ndarray like y
            Only with ``return_std``.
        """
        if on_dask(X):
            return for_partitions(self.predict, X, return_std=return_std)
        if not return_std:
            outputs = self._outputs(X)
            return outputs[:, 0] if outputs.shape[1] == 1 else outputs
        model, each, variance = self._outputs_and_variances(X, "return_std=True")
        if self.noise_std_ is None:
            raise ValueError(
                f"return_std=True needs loss='squared_error'; loss is {self.loss!r}."
            )
        y, std = model.mean_and_std(each, variance)
        return (y[:, 0], std[:, 0]) if y.shape[1] == 1 else (y, std)

    def score(self, X, y, sample_weight=None):
        """Return R² of the predictions, or for several quantiles the mean of their D².

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The input data.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            The targets.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        score : float
            :func:`~sklearn.metrics.r2_score`, or the mean over quantiles of
            :func:`~sklearn.metrics.d2_pinball_score`; 1 is perfect.
        """
        y, sample_weight, outputs = in_memory(y, sample_weight, self.predict(X))
        return targets_of(self).score_of_predictions(y, outputs, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        options = options_of(self)
        tags.target_tags.multi_output = options.several_outputs
        tags.target_tags.positive_only = options.positive_only
        return tags
