# SPDX-License-Identifier: Apache-2.0
"""The part of Estimator that the library uses, on `MonitoredTrainingSession`.

TensorFlow lost `contrib.tpu` in 2.0 and Estimator altogether in 2.16. This module
stands in for `tensorflow.contrib.tpu` on every TensorFlow, and for `tf.estimator` from
2.16 on, where `gin.tf` and `tensorflow_hub` look for it at import. It builds its graphs
in the order in which the original did: random operations take their seeds from their
order in the graph, so the same seed gives the same numbers.

Four things are better than in the original. Ctrl-C and SIGTERM take effect between
two steps and leave a checkpoint. No checkpoint ever holds weights that are not finite.
Inside `resumable` an interrupted training goes on exactly where it was: weights,
optimisers, data and noise. And the same seed gives the same weights to the bit, unless
gin asks for speed instead (`determinism.training_ops`).
"""

import contextlib
import dataclasses
import math
import os
from typing import Any, Callable, Optional

import tensorflow.compat.v1 as tf

from rtc_plugin.errors import UserError
from rtc_plugin.training import checkpoints, determinism, replay
from rtc_plugin.training.interruption import Interruption
from rtc_plugin.training.progress import Progress

SessionRunHook = tf.train.SessionRunHook

DEFAULT_CHECKPOINT_SECONDS = 600
BATCHES_CONSUMED = "batches_consumed"

# Set by `resumable`.
_resumable_dir = None


class ModeKeys:
    """Names of the three uses of a model function."""

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


class Exporter:
    """Base class that `tensorflow_hub` subclasses at import."""


@dataclasses.dataclass(frozen=True)
class TPUConfig:
    """Settings for a TPU, which there is none of.

    Attributes:
        iterations_per_loop: Not used.
    """

    iterations_per_loop: int = 2


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """How an estimator runs.

    Attributes:
        tf_random_seed: Seed of the graph.
        keep_checkpoint_max: Number of checkpoints that are kept.
        save_checkpoints_secs: Seconds between two checkpoints. Ten minutes if neither
            this nor `save_checkpoints_steps` is given.
        save_checkpoints_steps: Steps between two checkpoints.
        save_summary_steps: Steps between two summaries.
        log_step_count_steps: Steps between two logged step rates.
        session_config: Configuration of the sessions, a `tf.ConfigProto`.
        tpu_config: Not used.
    """

    tf_random_seed: int = 1
    keep_checkpoint_max: int = 5
    save_checkpoints_secs: Optional[float] = None
    save_checkpoints_steps: Optional[int] = None
    save_summary_steps: int = 100
    log_step_count_steps: int = 100
    session_config: Any = None
    tpu_config: Optional[TPUConfig] = None


@dataclasses.dataclass
class TPUEstimatorSpec:
    """What a model function returns.

    Attributes:
        mode: One of `ModeKeys`.
        predictions: Not used.
        loss: Scalar tensor.
        train_op: Operation that makes one training step.
        eval_metrics: Pair of a function and its arguments (list or dictionary of
            tensors). The function returns a dictionary of pairs (value, update
            operation), as `tf.metrics` does.
        training_hooks: Hooks for training. The scalars that a `LoggingTensorHook` among
            them names are shown beside the progress.
        evaluation_hooks: Hooks for evaluation.
    """

    mode: str
    predictions: Any = None
    loss: Any = None
    train_op: Any = None
    eval_metrics: Optional[tuple] = None
    training_hooks: tuple = ()
    evaluation_hooks: tuple = ()


class TPUEstimator:
    """Trains and evaluates a model function on the local machine.

    Args:
        model_fn: Function of (features, labels, mode, params) that builds the model and
            returns a `TPUEstimatorSpec`.
        model_dir: Folder of the checkpoints and the summaries.
        config: `RunConfig`.
        params: Optional dictionary, handed on to `model_fn` and the input functions
            with 'batch_size' added. `model_fn` gets 'model_dir' and
            'ground_truth_data' as well; the latter is the input function's attribute of
            that name, None if it has none.
        use_tpu: Has to be False.
        train_batch_size: Batch size while training.
        eval_batch_size: Batch size while evaluating.
    """

    def __init__(
        self,
        model_fn,
        model_dir=None,
        config=None,
        params=None,
        use_tpu=True,
        train_batch_size=None,
        eval_batch_size=None,
    ):
        if use_tpu:
            raise NotImplementedError("There is no TPU here; set use_tpu=False.")
        self._model_fn = model_fn
        self._is_resumable = _resumable_dir is not None
        self._model_dir = _resumable_dir if self._is_resumable else model_dir
        self._config = config or RunConfig()
        self._params = dict(params or {})
        self._batch_sizes = {
            ModeKeys.TRAIN: train_batch_size,
            ModeKeys.EVAL: eval_batch_size,
        }

    @property
    def model_dir(self):
        """Folder of the checkpoints and the summaries."""
        return self._model_dir

    @property
    def config(self):
        """The `RunConfig`."""
        return self._config

    def latest_checkpoint(self):
        """Returns the path of the newest checkpoint, None if there is none."""
        return tf.train.latest_checkpoint(self._model_dir)

    def train(self, input_fn, steps):
        """Trains the model, from its newest checkpoint if there is one.

        Args:
            input_fn: Function of `params` that returns features, a pair (features,
                labels), or a `tf.data.Dataset` of either. `params['batch_size']` is the
                batch size, and `params['start_step']` the number of batches that an
                interrupted training has seen and that are to be left out.
            steps: Number by which the global step grows. Inside `resumable`: the global
                step at which training ends. A model that counts several global steps
                per update makes fewer updates; it may pass the end by one update.

        Returns:
            The estimator.

        Raises:
            KeyboardInterrupt: After SIGINT or SIGTERM; the checkpoint has been written.
            UserError: If `steps` is not positive, or if the loss or the weights are no
                longer finite; the last good checkpoint has been kept.
        """
        if steps < 1:
            raise UserError(
                f"model.training_steps = {steps}: must be a number of steps from 1 on."
            )
        if self._is_resumable:
            checkpoint = checkpoints.find_sound(self._model_dir)
        else:
            checkpoint = self.latest_checkpoint()
        first_step = _read_count(checkpoint, tf.GraphKeys.GLOBAL_STEP)
        last_step, consumed = first_step + steps, 0
        if self._is_resumable:
            last_step = steps
            consumed = _read_count(checkpoint, BATCHES_CONSUMED)
        if first_step >= last_step:
            # gin records what is called: without the graph, the saved configuration
            # of a run that was killed after its last step would lack the optimisers.
            with determinism.training_ops(), tf.Graph().as_default():
                self._build(input_fn, ModeKeys.TRAIN, start_step=consumed)
            return self
        try:
            with (
                determinism.training_ops(),
                tf.Graph().as_default(),
                Interruption() as interruption,
            ):
                step = self._train(
                    input_fn, first_step, last_step, consumed, interruption
                )
        finally:
            # Else a later run would go on writing to files that have been deleted.
            tf.summary.FileWriterCache.clear()
        if interruption.requested:
            raise KeyboardInterrupt(
                f"stopped at step {step} of {last_step}; "
                f"checkpoint: {self.latest_checkpoint()}"
            )
        return self

    def _train(self, input_fn, first_step, last_step, consumed, interruption):
        """Builds the training graph and runs it; returns the last global step."""
        spec, input_hooks = self._build(input_fn, ModeKeys.TRAIN, start_step=consumed)
        if not any(
            summary.op.name == "loss"
            for summary in tf.get_collection(tf.GraphKeys.SUMMARIES)
        ):
            tf.summary.scalar("loss", spec.loss)
        with tf.control_dependencies([spec.train_op]):
            step_after = tf.train.get_global_step().read_value()
            count = tf.assign_add(_create_count(BATCHES_CONSUMED), 1)
        shown = {"loss": spec.loss, **_logged_scalars(spec.training_hooks)}
        fetches = {"step": step_after, "batches_consumed": count}

        scaffold = tf.train.Scaffold(
            saver=tf.train.Saver(
                max_to_keep=max(
                    self._config.keep_checkpoint_max,
                    checkpoints.NUM_KEPT if self._is_resumable else 0,
                ),
                defer_build=True,
                save_relative_paths=True,
            )
        )
        hooks = [*input_hooks, *spec.training_hooks]
        if consumed:
            hooks.append(replay.RandomReplayHook(spec.train_op, consumed))
        # In this order: a step whose loss is not finite is not saved.
        hooks.append(_FiniteLossHook(spec.loss, step_after, self._divergence))
        hooks.append(self._make_saver_hook(scaffold))

        step, stride = first_step, 1
        with Progress(last_step, first_step, "training", needs_values=True) as progress:
            with tf.train.MonitoredTrainingSession(
                checkpoint_dir=self._model_dir,
                scaffold=scaffold,
                hooks=hooks,
                save_checkpoint_secs=0,  # By the hook above.
                save_summaries_steps=self._config.save_summary_steps,
                log_step_count_steps=self._config.log_step_count_steps,
                config=self._session_config,
            ) as session:
                while (
                    step < last_step
                    and not interruption.requested
                    and not session.should_stop()
                ):
                    following = step + stride
                    is_shown = following >= last_step or progress.is_due(following)
                    values = session.run(
                        {**fetches, "shown": shown if is_shown else {}}
                    )
                    stride = int(values["step"]) - step
                    step += stride
                    progress.update(step, values["shown"])
        return step

    def evaluate(self, input_fn, steps=None, checkpoint_path=None, name=None):
        """Evaluates a checkpoint and writes the result as a summary.

        Args:
            input_fn: As for `train`.
            steps: Number of batches; all that `input_fn` has if None.
            checkpoint_path: Checkpoint, the newest if None.
            name: Optional name that tells this evaluation's summary from others'.

        Returns:
            Dictionary with the model's metrics, 'loss' (mean over the batches) and
            'global_step'.
        """
        with determinism.training_ops(), tf.Graph().as_default():
            spec, hooks = self._build(input_fn, ModeKeys.EVAL)
            metrics = _call_metric_fn(spec.eval_metrics)
            metrics["loss"] = tf.metrics.mean(spec.loss)
            update_op = tf.group(*(metrics[key][1] for key in sorted(metrics)))
            final_ops = {key: metrics[key][0] for key in sorted(metrics)}
            final_ops[tf.GraphKeys.GLOBAL_STEP] = tf.train.get_global_step()
            final_hook = tf.train.FinalOpsHook(final_ops)
            creator = tf.train.ChiefSessionCreator(
                checkpoint_filename_with_path=(
                    checkpoint_path or self.latest_checkpoint()
                ),
                config=self._session_config,
            )
            batches = 0
            with Progress(steps, description="evaluation") as progress:
                with tf.train.MonitoredSession(
                    creator, [*hooks, *spec.evaluation_hooks, final_hook]
                ) as session:
                    while batches != steps and not session.should_stop():
                        session.run(update_op)
                        batches += 1
                        progress.update(batches)
            results = final_hook.final_ops_values
            self._write_evaluation(results, "eval_" + name if name else "eval")
        return results

    def _build(self, input_fn, mode, **input_params):
        """Builds the graph of a mode; returns the model's spec and the input's hooks.

        First the input, then the model: another order would change operations' seeds.
        """
        tf.set_random_seed(self._config.tf_random_seed)
        tf.train.create_global_step()
        params = {**self._params, "batch_size": self._batch_sizes[mode]}
        with tf.device("/device:CPU:0"):
            data = input_fn(params={**params, **input_params})
            data, hooks = _iterate(data)
        features, labels = data if isinstance(data, (tuple, list)) else (data, None)
        params.update(
            model_dir=self._model_dir,
            ground_truth_data=getattr(input_fn, "ground_truth_data", None),
        )
        spec = self._model_fn(
            features=features, labels=labels, mode=mode, params=params
        )
        return spec, hooks

    def _make_saver_hook(self, scaffold):
        seconds = self._config.save_checkpoints_secs
        steps = self._config.save_checkpoints_steps
        if seconds is None and steps is None:
            seconds = DEFAULT_CHECKPOINT_SECONDS
        return tf.train.CheckpointSaverHook(
            self._model_dir,
            save_secs=seconds,
            save_steps=steps,
            scaffold=scaffold,
            listeners=[_FiniteWeightsListener(self._divergence)],
        )

    def _divergence(self, what, step):
        checkpoint = self.latest_checkpoint()
        good_step = _read_count(checkpoint, tf.GraphKeys.GLOBAL_STEP)
        remedy = "Lower the learning rate or the weight of the penalty"
        if good_step:
            remedy = (
                f"The last good checkpoint is {checkpoint} (step {good_step}). "
                f"{remedy} and train with --overwrite"
            )
        # Else nothing is kept, and nothing is to be overwritten.
        return UserError(
            f"training diverged: {what} became NaN or infinite by step {step}. "
            f"{remedy}."
        )

    def _write_evaluation(self, results, folder):
        writer = tf.summary.FileWriterCache.get(os.path.join(self._model_dir, folder))
        summary = tf.Summary()
        for key, value in results.items():
            if key != tf.GraphKeys.GLOBAL_STEP:
                summary.value.add(tag=key, simple_value=float(value))
        writer.add_summary(summary, results[tf.GraphKeys.GLOBAL_STEP])
        tf.summary.FileWriterCache.clear()

    @property
    def _session_config(self):
        return self._config.session_config or tf.ConfigProto(allow_soft_placement=True)


@contextlib.contextmanager
def resumable(checkpoint_dir):
    """Has estimators made inside continue the training in a folder of its own.

    The library deletes or refuses an output folder that exists, checkpoints and all.
    Inside this context an estimator keeps its checkpoints in `checkpoint_dir`, whatever
    folder it is told, and `train(steps)` goes on there until the global step is
    `steps`, as if it had never been interrupted.

    Args:
        checkpoint_dir: Folder of the checkpoints; need not exist.
    """
    global _resumable_dir
    previous, _resumable_dir = _resumable_dir, checkpoint_dir
    try:
        yield
    finally:
        _resumable_dir = previous


class _FiniteLossHook(tf.train.SessionRunHook):
    """Ends a training whose loss is no finite number any more."""

    def __init__(self, loss, step, make_error: Callable[[str, int], Exception]):
        self._tensors = [loss, step]
        self._make_error = make_error

    def before_run(self, run_context):
        return tf.train.SessionRunArgs(self._tensors)

    def after_run(self, run_context, run_values):
        loss, step = run_values.results
        if not math.isfinite(loss):
            raise self._make_error("the loss", step)


class _FiniteWeightsListener(tf.train.CheckpointSaverListener):
    """Refuses to save weights that are not finite, so that good ones are kept."""

    def __init__(self, make_error: Callable[[str, int], Exception]):
        self._make_error = make_error

    def begin(self):
        self._are_finite = tf.reduce_all(
            [
                tf.reduce_all(tf.is_finite(variable))
                for variable in tf.global_variables()
                if variable.dtype.base_dtype.is_floating
            ]
        )

    def before_save(self, session, global_step_value):
        if not session.run(self._are_finite):
            raise self._make_error("a weight", global_step_value)


class _InitializerHook(tf.train.SessionRunHook):
    """Initialises the iterator over a data set."""

    def __init__(self, initializer):
        self._initializer = initializer

    def after_create_session(self, session, coord):
        session.run(self._initializer)


def _iterate(data):
    """Returns tensors for what an input function returned, and hooks they need."""
    if not isinstance(data, tf.compat.v2.data.Dataset):
        return data, []
    iterator = tf.data.make_initializable_iterator(data)
    return iterator.get_next(), [_InitializerHook(iterator.initializer)]


def _call_metric_fn(eval_metrics):
    if eval_metrics is None:
        return {}
    metric_fn, tensors = eval_metrics
    return metric_fn(**tensors) if isinstance(tensors, dict) else metric_fn(*tensors)


def _logged_scalars(hooks):
    """Returns the scalars that the model's own logging names."""
    return {
        tag: tensor
        for hook in hooks
        if isinstance(hook, tf.train.LoggingTensorHook)
        for tag, tensor in hook._tensors.items()
        if isinstance(tensor, tf.Tensor) and tensor.shape.rank == 0
    }


def _create_count(name):
    return tf.get_variable(name, [], tf.int64, tf.zeros_initializer(), trainable=False)


def _read_count(checkpoint, name):
    return 0 if checkpoint is None else int(tf.train.load_variable(checkpoint, name))
