"""Optimizers in torch's arithmetic: LARS around Adam or SGD, AdamW, RMSprop.

Keras has no LARS, and it puts epsilon elsewhere: in Adam before the bias correction, where torch adds it
after, and in RMSprop under the root, where torch adds it to the root. LARS and heat maps make gradients
so small that the place matters.
"""

import re

import keras
import tensorflow as tf

from keras_pose.train.schedules import StepDecay, WarmupCosine

__all__ = [
    "DECAY_FILTERS",
    "OPTIMIZERS",
    "FilteredAdamW",
    "Lars",
    "PlainRmsprop",
    "StepDecay",
    "WarmupCosine",
    "build_optimizer",
    "is_decayed",
]

OPTIMIZERS = ("lars_adam", "lars_sgd", "adamw", "rmsprop")
DECAY_FILTERS = ("rank", "names")


def is_decayed(path: str, rank: int, decay_filter: str) -> bool:
    """Whether weight decay applies to a variable.

    Args:
        path: Keras path of the variable, as `layer1_0_bn1/gamma`.
        rank: number of its axes.
        decay_filter: `rank`: everything but scalars and vectors. `names`: the published rule, which
            spares what is called a bias or, inside a residual block, `bn`; the gains of the stem's, the
            downsampling and the projection head's batch normalisation go by other names there and
            decay.

    Returns:
        True if the variable decays.

    Raises:
        ValueError: if the filter is unknown.

    Reference: PeCLR official code, see `docs/peclr.md`, D9.
    """
    if decay_filter not in DECAY_FILTERS:
        raise ValueError(
            f"decay_filter={decay_filter} is unknown; choose one of {', '.join(DECAY_FILTERS)}."
        )
    if decay_filter == "rank":
        return rank > 1
    return not re.search(r"(^|/)(bias|beta)$|_bn\d*/", path)


@keras.saving.register_keras_serializable("keras_pose")
class Lars(keras.optimizers.Optimizer):
    """Layer-wise adaptive rate scaling around Adam or SGD with momentum.

    For each variable p with gradient g, decay w and learning rate r, if neither norm is 0:
    `q = min(eta ||p|| / (||g|| + w ||p|| + epsilon) / r, 1)`, `g <- q (g + w p)`; then a plain step of
    the inner rule with g and r. All variables take part, also those that do not decay (w = 0).

    Args:
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`.
        inner: `adam` (torch's: epsilon is added after the bias correction) or `sgd`.
        coupled_decay: w; added to the gradient before the inner rule, not to the variable.
        decay_filter: which variables decay, see `is_decayed`.
        eta: trust coefficient.
        clip: keep q at most 1 after the division by r; False is plain LARS,
            `q = eta ||p|| / (||g|| + w ||p|| + epsilon)`.
        epsilon: of the ratio and of Adam.
        beta_1: Adam's mean, or the momentum of SGD.
        beta_2: Adam's mean square.
        name: carried by its variables in checkpoints.
        **kwargs: passed to `keras.optimizers.Optimizer`.

    Raises:
        ValueError: if `inner` or `decay_filter` is unknown.

    Reference: You et al. 2017, LARS; PeCLR official code, see `docs/peclr.md`.
    """

    def __init__(
        self,
        learning_rate=1e-3,
        inner="adam",
        coupled_decay=0.0,
        decay_filter="rank",
        eta=0.02,
        clip=True,
        epsilon=1e-8,
        beta_1=0.9,
        beta_2=0.999,
        name="lars",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        if inner not in ("adam", "sgd"):
            raise ValueError(f"inner={inner} is unknown; choose adam or sgd.")
        is_decayed("", 0, decay_filter)
        self.inner = inner
        self.coupled_decay = coupled_decay
        self.decay_filter = decay_filter
        self.eta = eta
        self.clip = clip
        self.epsilon = epsilon
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.decays = _decays(variables, self.coupled_decay, self.decay_filter)
        names = ["momentum", "velocity"] if self.inner == "adam" else ["momentum"]
        self.slots = self.add_optimizer_variables(variables, names)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        value = tf.convert_to_tensor(variable)
        rate = tf.cast(learning_rate, value.dtype)
        gradient = self._scale(tf.cast(gradient, value.dtype), value, rate, self.decays[index])
        if self.inner == "sgd":
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle,
                accum=self.slots[0][index].value.handle,
                lr=rate,
                grad=gradient,
                momentum=tf.cast(self.beta_1, value.dtype),
            )
            return
        _apply_adam(self, index, variable, gradient, rate)

    def _scale(self, gradient, value, rate, decay):
        """Return the gradient LARS hands to the inner rule."""
        value_norm, gradient_norm = _norm(value), _norm(gradient)
        ratio = self.eta * value_norm / (gradient_norm + decay * value_norm + self.epsilon)
        if self.clip:
            # A learning rate of 0 must give 1, and so must anything too small to divide by.
            ratio = tf.minimum(ratio / tf.maximum(rate, 1e-30), 1.0)
        is_scaled = tf.logical_and(value_norm > 0, gradient_norm > 0)
        scaled = gradient * tf.where(is_scaled, ratio, tf.ones_like(ratio))
        if not decay:
            return scaled
        return scaled + value * tf.where(is_scaled, ratio * decay, tf.zeros_like(ratio))

    def get_config(self):
        names = ("inner", "coupled_decay", "decay_filter", "eta", "clip", "epsilon", "beta_1")
        own = {name: getattr(self, name) for name in (*names, "beta_2")}
        return super().get_config() | own


def build_optimizer(
    name: str,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    weight_decay: float = 0.0,
    decay_filter: str = "rank",
    ema_momentum: float = 0.0,
) -> keras.optimizers.Optimizer:
    """Make an optimizer by its name.

    Args:
        name: one of `OPTIMIZERS`: `lars_adam` (PeCLR's), `lars_sgd` (momentum 0.9), `adamw` (decay
            beside the gradient, times the learning rate) or `rmsprop` (Wild3D's).
        learning_rate: number or schedule.
        weight_decay: inside the gradient for LARS and RMSprop, decoupled for AdamW.
        decay_filter: which variables decay, see `is_decayed`.
        ema_momentum: share of the old mean of the weights that an update keeps; 0 keeps no mean.
            `finalize_variable_values` replaces the weights by it.

    Returns:
        An optimizer; `build` it with the trainable variables before training.

    Raises:
        ValueError: if a word is unknown.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer={name} is unknown; choose one of {', '.join(OPTIMIZERS)}.")
    optimizer: keras.optimizers.Optimizer
    if name == "adamw":
        optimizer = FilteredAdamW(learning_rate, weight_decay, decay_filter, name=name)
    elif name == "rmsprop":
        optimizer = PlainRmsprop(learning_rate, weight_decay, decay_filter, name=name)
    else:
        inner = name.removeprefix("lars_")
        optimizer = Lars(learning_rate, inner, weight_decay, decay_filter, name=name)
    if ema_momentum:
        optimizer.use_ema = True
        optimizer.ema_momentum = ema_momentum
        optimizer.ema_overwrite_frequency = None
    return optimizer


@keras.saving.register_keras_serializable("keras_pose")
class FilteredAdamW(keras.optimizers.Optimizer):
    """AdamW in torch's arithmetic, whose decay spares the variables that `is_decayed` names.

    `p <- p - r w p`, then Adam's step with the gradient alone.

    Args:
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`, r.
        decoupled_decay: w.
        decay_filter: which variables decay, see `is_decayed`.
        epsilon: added after the bias correction.
        beta_1: of the mean.
        beta_2: of the mean square.
        name: carried by its variables in checkpoints.
        **kwargs: passed to `keras.optimizers.Optimizer`.

    Raises:
        ValueError: if `decay_filter` is unknown.

    Reference: Loshchilov & Hutter 2019, algorithm 2 with a schedule of the learning rate alone.
    """

    def __init__(
        self,
        learning_rate=1e-3,
        decoupled_decay=0.0,
        decay_filter="rank",
        epsilon=1e-8,
        beta_1=0.9,
        beta_2=0.999,
        name="adamw",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        is_decayed("", 0, decay_filter)
        self.decoupled_decay = decoupled_decay
        self.decay_filter = decay_filter
        self.epsilon = epsilon
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.decays = _decays(variables, self.decoupled_decay, self.decay_filter)
        self.slots = self.add_optimizer_variables(variables, ["momentum", "velocity"])

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        gradient = tf.cast(gradient, variable.dtype)
        rate = tf.cast(learning_rate, variable.dtype)
        if self.decays[index]:
            variable.assign(variable * (1.0 - rate * self.decays[index]))
        _apply_adam(self, index, variable, gradient, rate)

    def get_config(self):
        names = ("decoupled_decay", "decay_filter", "epsilon", "beta_1", "beta_2")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable("keras_pose")
class PlainRmsprop(keras.optimizers.Optimizer):
    """RMSprop as torch and Torch7 have it: epsilon is added to the root of the mean square.

    `v <- rho v + (1 - rho) g^2`, `p <- p - r g / (sqrt(v) + epsilon)`; no momentum, no bias correction.

    Args:
        learning_rate: float or `keras.optimizers.schedules.LearningRateSchedule`, r.
        coupled_decay: w; the gradient of a variable that decays becomes `g + w p`, as torch does it.
        decay_filter: which variables decay, see `is_decayed`.
        rho: of the mean square, torch's alpha.
        epsilon: added to the root.
        name: carried by its variables in checkpoints.
        **kwargs: passed to `keras.optimizers.Optimizer`.

    Raises:
        ValueError: if `decay_filter` is unknown.

    Reference: Zhou et al. 2017, official code.
    """

    def __init__(
        self,
        learning_rate=2.5e-4,
        coupled_decay=0.0,
        decay_filter="rank",
        rho=0.99,
        epsilon=1e-8,
        name="rmsprop",
        **kwargs,
    ):
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        is_decayed("", 0, decay_filter)
        self.coupled_decay = coupled_decay
        self.decay_filter = decay_filter
        self.rho = rho
        self.epsilon = epsilon

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.decays = _decays(variables, self.coupled_decay, self.decay_filter)
        (self.velocities,) = self.add_optimizer_variables(variables, ["velocity"])

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        gradient = tf.cast(gradient, variable.dtype)
        rate = tf.cast(learning_rate, variable.dtype)
        if self.decays[index]:
            gradient += self.decays[index] * variable
        velocity = self.velocities[index]
        mean_square = self.rho * velocity + (1.0 - self.rho) * tf.square(gradient)
        velocity.assign(mean_square)
        variable.assign_sub(rate * gradient / (tf.sqrt(mean_square) + self.epsilon))

    def get_config(self):
        names = ("coupled_decay", "decay_filter", "rho", "epsilon")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _decays(variables, decay, decay_filter):
    return [decay * is_decayed(v.path, len(v.shape), decay_filter) for v in variables]


def _apply_adam(optimizer, index, variable, gradient, rate):
    """One pass over the memory: Adam's step as torch takes it."""
    dtype = variable.dtype
    step = tf.cast(optimizer.iterations + 1, dtype)
    first, second = (tf.cast(beta, dtype) for beta in (optimizer.beta_1, optimizer.beta_2))
    second_power = second**step
    # The operation corrects the learning rate and not the mean square: an epsilon shrunk alike is
    # torch's, added after the correction.
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer.slots[0][index].value.handle,
        v=optimizer.slots[1][index].value.handle,
        beta1_power=first**step,
        beta2_power=second_power,
        lr=rate,
        beta1=first,
        beta2=second,
        epsilon=optimizer.epsilon * tf.sqrt(1.0 - second_power),
        grad=gradient,
    )


def _norm(tensor):
    # One kernel in place of a square and a sum.
    return tf.sqrt(2.0 * tf.nn.l2_loss(tensor))
