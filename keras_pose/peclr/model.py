"""Contrastive pretraining: two views, points in a plane, each view undone, NT-Xent.

pictures -> encoder -> head -> points -> undo the view -> unit rows -> similarity -> loss, for both views
of every picture in one forward pass. Gradients of several micro-batches may make one update; all see the
same weights and bank.
"""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from keras_pose import losses
from keras_pose.geometry.shapes import Tensor
from keras_pose.layers.encoders import build_encoder
from keras_pose.layers.precision import in_precision
from keras_pose.layers.projection import build_projection_head
from keras_pose.layers.unit_range import unit_range
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.inverse import PARAMETERS, as_points, spread_points, undo_views
from keras_pose.train import strategy as replicas
from keras_pose.train.optimizers import WarmupCosine, build_optimizer

_STEP_LOGS = ("loss", "positive_similarity", "accuracy", "spread")


class ContrastiveModel(keras.Model):
    """Pretrains an encoder on unlabelled pictures of hands.

    A batch is a dict: `views` uint8 or float `[B, 2, S, S, 3]` (0 to 255, or 0 to 1), and of each view
    what the inverse reads: `angle_deg` `[B, 2]`, `jitter` `[B, 2, 2]`, `canonical` `[B, 2, 2, 3]`, see
    `undo_views`. B is `batch_size` times `accumulation_steps`; consecutive pictures make a micro-batch.

    Logs of a step: `loss` in nats; `positive_similarity`, mean cosine of the two views of a picture;
    `accuracy`, share of views whose most similar candidate is the other view; `spread`, mean over
    views of the root mean square distance of the points from their mean, in the head's own unit (0 is
    collapse); `learning_rate`.

    Args:
        config: `keras_pose.peclr.config.PretrainConfig`.
        make_views: None, or a function from the dataset's batch to the batch above: views made on the
            accelerator.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        pictures: uint8 or float `[B, S, S, 3]`, RGB.
        training: whether batch statistics are live.

    Returns:
        Features `[B, F]`, float32.

    Reference: PeCLR, section 3; `docs/peclr.md`.
    """

    def __init__(
        self,
        config: PretrainConfig,
        make_views: Callable[[dict], dict] | None = None,
        **kwargs,
    ):
        # The similarity and all that follows compute in the variables' dtype.
        precise = keras.DTypePolicy(config.precision).variable_dtype
        super().__init__(**{"dtype": precise, **kwargs})
        self.config = config
        self.make_views = make_views
        # On one replica, statistics across replicas are the same by a slower way.
        synchronized = config.synchronized_batch_norm and replicas.num_replicas() > 1
        with in_precision(config.precision):
            self.encoder = build_encoder(
                config.encoder, config.image_size, synchronized, config.init
            )
            self.projection_head = build_projection_head(
                self.encoder.output_shape[-1],
                config.projection_width,
                config.num_points,
                synchronized,
            )
        self.bank = None
        if config.negatives == "bank":
            # Rows of zeros are places not filled yet.
            self.bank = self.add_weight(
                name="bank",
                shape=(config.bank_size, 2 * config.num_points),
                initializer="zeros",
                trainable=False,
                aggregation="only_first_replica",
            )
        names = (*_STEP_LOGS, "learning_rate")
        self.trackers = {name: keras.metrics.Mean(name=name, dtype=precise) for name in names}
        self.built = True

    def compile(self, **kwargs):
        """Build the optimizer named by the config.

        Args:
            **kwargs: passed to `keras.Model.compile`. `jit_compile=True` compiles loss and gradients;
                on several replicas it is ignored, as XLA cannot reach across them.
        """
        is_compiled = kwargs.pop("jit_compile", False) is True and replicas.num_replicas() == 1
        super().compile(optimizer=None, **{**kwargs, "jit_compile": False})
        config = self.config
        schedule = WarmupCosine(
            config.learning_rate,
            config.warmup_steps,
            config.num_steps,
            clamp=config.schedule_end == "clamp",
        )
        optimizer = build_optimizer(
            config.optimizer, schedule, config.weight_decay, config.decay_filter
        )
        if config.precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        # It owns its variables before fit: required under MirroredStrategy, and what makes a restored
        # checkpoint complete.
        optimizer.build(self.learnt_variables)
        self.encoder_optimizer = optimizer
        self.gradients_of = self._gradients
        if is_compiled:
            self.gradients_of = tf.function(self._gradients, jit_compile=True, autograph=False)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        return [self.encoder_optimizer]

    @property
    def metrics(self):
        return list(self.trackers.values())

    @property
    def learnt_variables(self) -> list[keras.Variable]:
        """What the optimizer moves: the encoder's and the head's variables."""
        return self.encoder.trainable_variables + self.projection_head.trainable_variables

    def call(self, pictures, training=False):
        return self.encoder(unit_range(pictures), training=training)

    def project(self, batch: dict[str, Tensor], training: bool) -> tuple[Tensor, Tensor]:
        """Return the points of every view, as the head gives them and as compared.

        Args:
            batch: as in the class's docstring.
            training: whether batch statistics are live, over all `2 B` views at once.

        Returns:
            `(raw, rows)`, float32 `[R, D]` each, R = 2 B: rows 2 i and 2 i + 1 are the views of picture
            i. `rows` are the raw points with their views undone, of length 1.
        """
        views = batch["views"]
        # Picture by picture: putting all first views first would copy the batch and change nothing.
        pictures = unit_range(tf.reshape(views, (-1, *views.shape[2:])))
        features = self.encoder(pictures, training=training)
        raw = tf.cast(self.projection_head(features, training=training), self.compute_dtype)
        inverse = self.config.inverse
        parameters = {
            name: tf.reshape(batch[name], (-1, *batch[name].shape[2:]))
            for name in PARAMETERS[inverse]
        }
        points = raw
        if inverse == "affine":
            points = spread_points(raw, _mean_over_replicas)
        rows = undo_views(
            points,
            inverse,
            parameters,
            translation_scale=self.config.translation_scale,
            center_points=self.config.center_points,
        )
        return raw, rows

    def contrast(
        self, batch: dict[str, Tensor], training: bool
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Return the loss of one micro-batch.

        Args:
            batch: as in the class's docstring, with the pictures of one micro-batch.
            training: True takes batch statistics and the config's negatives; False is the held-out
                loss: running statistics and the negatives of the whole batch, whatever the replicas.

        Returns:
            `(loss scalar, dict of scalars to log, rows [R, D])`, R = 2 B.
        """
        raw, rows = self.project(batch, training)
        pairs = tf.reshape(rows, (-1, 2, rows.shape[-1]))
        first, second = pairs[:, 0], pairs[:, 1]
        is_micro = training and self.config.negatives == "micro"
        gather = None if is_micro or replicas.num_replicas() == 1 else _gather
        bank = self.bank if training else None
        logits, partner = losses.contrastive_logits(
            first, second, self.config.temperature, gather, bank
        )
        loss = ops.mean(losses.rows_cross_entropy(logits, partner))
        points = as_points(ops.stop_gradient(raw))
        found = tf.argmax(ops.stop_gradient(logits), axis=-1, output_type=partner.dtype)
        logs = {
            "loss": ops.stop_gradient(loss),
            "positive_similarity": ops.mean(ops.sum(ops.stop_gradient(first * second), axis=-1)),
            "accuracy": ops.mean(ops.cast(found == partner, self.compute_dtype)),
            "spread": ops.mean(ops.sqrt(ops.sum(ops.var(points, axis=1), axis=-1))),
        }
        return loss, logs, ops.stop_gradient(rows)

    def train_step(self, batch):
        if self.make_views is not None:
            batch = self.make_views(batch)
        # Strings and the like cannot be compiled, nor cut into micro-batches for nothing.
        batch = {name: batch[name] for name in ("views", *PARAMETERS[self.config.inverse])}
        (gradients, logs), (rows,) = replicas.accumulated(
            self.gradients_of, batch, self.config.accumulation_steps
        )
        logs = dict(logs)
        logs["learning_rate"] = tf.convert_to_tensor(self.encoder_optimizer.learning_rate)
        self.encoder_optimizer.apply(gradients, self.learnt_variables)
        if self.bank is not None:
            self._remember(self.bank, rows)
        return self._track(logs, batch)

    def test_step(self, batch):
        """Return the held-out contrastive loss."""
        if self.make_views is not None:
            batch = self.make_views(batch)
        _, logs, _ = self.contrast(batch, training=False)
        return self._track(logs, batch)

    def _gradients(self, batch):
        """Return gradients of this replica's share of the global loss and logs; rows for the bank."""
        variables = [variable.value for variable in self.learnt_variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            loss, logs, rows = self.contrast(batch, training=True)
            loss = self.encoder_optimizer.scale_loss(replicas.over_global_batch(loss))
        return (tape.gradient(loss, variables), logs), [rows]

    def _remember(self, bank, rows):
        """Put the newest rows of all replicas in front of the bank and let the oldest fall out."""
        if replicas.num_replicas() > 1:
            rows = tf.distribute.get_replica_context().all_gather(rows, axis=0)
        kept = tf.concat([rows, tf.convert_to_tensor(bank)], axis=0)[: self.config.bank_size]
        bank.assign(tf.ensure_shape(kept, bank.shape))

    def _track(self, logs, batch):
        weight = tf.cast(tf.shape(batch["views"])[0], tf.float32)
        for name, value in logs.items():
            self.trackers[name].update_state(value, weight)
        return {name: self.trackers[name].result() for name in logs}


def _gather(rows):
    """Rows of all replicas, with gradient, and where this replica's begin."""
    everyone = tf.distribute.get_replica_context().all_gather(rows, axis=0)
    return everyone, replicas.replica_index() * tf.shape(rows)[0]


def _mean_over_replicas(value):
    """Mean of a scalar over replicas, with gradient."""
    if replicas.num_replicas() == 1:
        return value
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value) / replicas.num_replicas()
