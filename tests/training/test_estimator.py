# SPDX-License-Identifier: Apache-2.0
"""The stand-in for Estimator trains, evaluates, stops and continues as promised."""

import glob
import os
import signal

import disentanglement_lib  # noqa: F401  (brings TensorFlow 1's behaviour back)
import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from rtc_plugin.errors import UserError
from rtc_plugin.training import estimator

BATCH_SIZE = 4


def input_fn(params):
    """Numbered batches, so that a batch that is missed or repeated shows."""
    images = np.random.RandomState(0).randn(20 * BATCH_SIZE, 3).astype(np.float32)
    data = tf.data.Dataset.from_tensor_slices(images).repeat()
    data = data.batch(params["batch_size"], drop_remainder=True)
    return data.skip(params.get("start_step", 0))


def finite_input_fn(params):
    return input_fn(params).take(3)


def make_model_fn(spec_class=estimator.TPUEstimatorSpec, hooks=(), steps_per_update=1):
    """A model with everything that a seed decides: weights, noise and permutation."""

    def model_fn(features, labels, mode, params):
        weights = tf.get_variable("w", [3], initializer=tf.random_normal_initializer())
        noise = tf.random_normal(tf.shape(features))
        permuted = tf.random_shuffle(features)
        loss = tf.reduce_mean(tf.square(weights * features + 0.1 * noise - permuted))
        if mode == estimator.ModeKeys.EVAL:

            def metric_fn(values):
                return {"mean": tf.metrics.mean(values)}

            return spec_class(
                mode=mode, loss=loss, eval_metrics=(metric_fn, [permuted])
            )
        train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
        with tf.control_dependencies([train_op]):
            train_op = tf.assign_add(tf.train.get_global_step(), steps_per_update)
        return spec_class(
            mode=mode, loss=loss, train_op=train_op, training_hooks=list(hooks)
        )

    return model_fn


def make_estimator(model_dir, model_fn=None, **config):
    return estimator.TPUEstimator(
        use_tpu=False,
        model_fn=model_fn or make_model_fn(),
        model_dir=str(model_dir),
        train_batch_size=BATCH_SIZE,
        eval_batch_size=BATCH_SIZE,
        config=estimator.RunConfig(tf_random_seed=3, keep_checkpoint_max=1, **config),
    )


def read_checkpoint(path):
    reader = tf.train.load_checkpoint(path)
    return {
        name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()
    }


def assert_same_checkpoint(first, second):
    first, second = read_checkpoint(first), read_checkpoint(second)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def read_scalars(folder):
    """Returns {tag: {step: value}} of the event files in a folder."""
    scalars = {}
    for path in glob.glob(os.path.join(folder, "events*")):
        for event in tf.train.summary_iterator(path):
            for value in event.summary.value:
                scalars.setdefault(value.tag, {})[event.step] = value.simple_value
    return scalars


class CallAtStep(tf.train.SessionRunHook):
    """Calls a function at the end of the n-th step of a session."""

    def __init__(self, step, function):
        self._steps_left = step
        self._function = function

    def after_run(self, run_context, run_values):
        self._steps_left -= 1
        if self._steps_left == 0:
            self._function()


@pytest.mark.skipif(
    tf.estimator.__name__ == estimator.__name__, reason="TensorFlow has no Estimator"
)
def test_agrees_with_the_estimator_to_the_bit(tmp_path):
    tpu = tf.estimator.tpu
    original = tpu.TPUEstimator(
        use_tpu=False,
        model_fn=make_model_fn(tpu.TPUEstimatorSpec),
        model_dir=str(tmp_path / "original"),
        train_batch_size=BATCH_SIZE,
        eval_batch_size=BATCH_SIZE,
        config=tpu.RunConfig(
            tf_random_seed=3, keep_checkpoint_max=1, tpu_config=tpu.TPUConfig()
        ),
    )
    ours = make_estimator(tmp_path / "ours")
    for each in (original, ours):
        each.train(input_fn=input_fn, steps=5)
    expected = read_checkpoint(original.latest_checkpoint())
    actual = read_checkpoint(ours.latest_checkpoint())
    assert actual.pop(estimator.BATCHES_CONSUMED) == 5
    assert actual.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(actual[name], expected[name], err_msg=name)
    assert ours.evaluate(finite_input_fn) == original.evaluate(finite_input_fn)


@pytest.mark.parametrize("kind", ["tensor", "pair", "dataset"])
def test_input_may_be_a_tensor_a_pair_or_a_dataset(tmp_path, kind):
    seen = {}

    def model_fn(features, labels, mode, params):
        seen.update(features=features, labels=labels, batch_size=params["batch_size"])
        return make_model_fn()(features, labels, mode, params)

    def any_input_fn(params):
        images = tf.ones([params["batch_size"], 3])
        if kind == "tensor":
            return images
        if kind == "pair":
            return images, tf.zeros([params["batch_size"]])
        return input_fn(params)

    make_estimator(tmp_path, model_fn).train(any_input_fn, steps=1)
    assert seen["features"].shape.as_list() == [BATCH_SIZE, 3]
    assert (seen["labels"] is not None) == (kind == "pair")
    assert seen["batch_size"] == BATCH_SIZE


def test_training_again_adds_steps(tmp_path):
    """As the library's `reason` needs it, which trains in several rounds."""
    model = make_estimator(tmp_path)
    for expected in (3, 6):
        model.train(input_fn, steps=3)
        assert model.latest_checkpoint().endswith(f"model.ckpt-{expected}")
    assert len(glob.glob(str(tmp_path / "*.index"))) == 1


@pytest.mark.parametrize(("steps", "updates"), [(6, 3), (7, 4)])
def test_a_model_may_count_two_steps_per_update(tmp_path, steps, updates):
    model = make_estimator(tmp_path, make_model_fn(steps_per_update=2))
    model.train(input_fn, steps=steps)
    values = read_checkpoint(model.latest_checkpoint())
    assert values[estimator.BATCHES_CONSUMED] == updates
    assert values["global_step"] == 2 * updates


def test_training_writes_the_loss_every_hundred_steps(tmp_path):
    make_estimator(tmp_path).train(input_fn, steps=101)
    assert len(read_scalars(tmp_path)["loss"]) == 2


def test_evaluation_returns_and_writes_means_over_all_batches(tmp_path):
    model = make_estimator(tmp_path)
    model.train(input_fn, steps=2)
    result = model.evaluate(finite_input_fn, name="test")
    images = np.random.RandomState(0).randn(20 * BATCH_SIZE, 3)[: 3 * BATCH_SIZE]
    assert result["mean"] == pytest.approx(images.mean(), abs=1e-6)
    assert result["global_step"] == 2
    assert set(result) == {"mean", "loss", "global_step"}
    written = read_scalars(tmp_path / "eval_test")
    assert written == {key: {2: result[key]} for key in ("mean", "loss")}
    assert model.evaluate(input_fn, steps=3) == result


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_continues_to_the_bit(tmp_path, number):
    whole = make_estimator(tmp_path / "whole")
    whole.train(input_fn, steps=9)

    stop = CallAtStep(4, lambda: os.kill(os.getpid(), number))
    with estimator.resumable(str(tmp_path / "partial")):
        first = make_estimator("unused", make_model_fn(hooks=[stop]))
        with pytest.raises(KeyboardInterrupt, match="step 4 of 9"):
            first.train(input_fn, steps=9)
        assert first.latest_checkpoint().endswith("model.ckpt-4")
        second = make_estimator("unused")
        second.train(input_fn, steps=9)
    assert_same_checkpoint(second.latest_checkpoint(), whole.latest_checkpoint())
    assert not os.path.exists("unused")


def test_a_finished_training_is_not_continued(tmp_path):
    with estimator.resumable(str(tmp_path)):
        for _ in range(2):
            make_estimator("unused").train(input_fn, steps=2)
    assert os.path.exists(tmp_path / "model.ckpt-2.index")


def test_a_finished_training_still_calls_its_model(tmp_path):
    # What has been called is what gin saves: a run killed after its last step must not
    # lose the configuration of its optimisers.
    modes, model_fn = [], make_model_fn()

    def recording_model_fn(features, labels, mode, params):
        modes.append(mode)
        return model_fn(features, labels, mode, params)

    with estimator.resumable(str(tmp_path)):
        for _ in range(2):
            make_estimator(tmp_path, recording_model_fn).train(input_fn, 3)
    assert modes == [tf.estimator.ModeKeys.TRAIN] * 2


def test_training_takes_at_least_one_step(tmp_path):
    with pytest.raises(UserError, match="model.training_steps = 0"):
        make_estimator(tmp_path).train(input_fn, steps=0)


def test_signals_act_as_before_once_training_is_over(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    make_estimator(tmp_path).train(input_fn, steps=1)
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before


def make_diverging_model_fn(
    loss_diverges_at=None, weight_diverges_at=None, loss_value=np.nan
):
    def model_fn(features, labels, mode, params):
        step = tf.train.get_global_step()
        weight = tf.get_variable("w", [], initializer=tf.ones_initializer())
        loss = tf.reduce_mean(features)
        if loss_diverges_at is not None:
            loss = tf.where(tf.equal(step, loss_diverges_at), loss_value, loss)
        if weight_diverges_at is not None:
            is_time = tf.equal(step, weight_diverges_at)
            loss += 0.0 * tf.assign(weight, tf.where(is_time, np.inf, 1.0))
            loss = tf.where(is_time, 0.0, loss)
        with tf.control_dependencies([loss]):
            train_op = tf.assign_add(step, 1)
        return estimator.TPUEstimatorSpec(mode=mode, loss=loss, train_op=train_op)

    return model_fn


@pytest.mark.parametrize(
    ("diverges", "message", "expected_step"),
    [
        # The sixth step is due to be saved; its loss is not a finite number.
        ({"loss_diverges_at": 5}, "the loss", 4),
        ({"loss_diverges_at": 5, "loss_value": np.inf}, "the loss", 4),
        ({"loss_diverges_at": 5, "loss_value": -np.inf}, "the loss", 4),
        ({"weight_diverges_at": 3}, "a weight", 2),
    ],
)
def test_divergence_is_told_and_the_last_good_checkpoint_kept(
    tmp_path, diverges, message, expected_step
):
    model = make_estimator(
        tmp_path, make_diverging_model_fn(**diverges), save_checkpoints_steps=2
    )
    with pytest.raises(UserError, match=f"{message} became NaN .*--overwrite"):
        model.train(input_fn, steps=10)
    values = read_checkpoint(model.latest_checkpoint())
    assert values["global_step"] == expected_step
    assert np.isfinite(values["w"])
