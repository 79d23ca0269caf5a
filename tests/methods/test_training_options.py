# SPDX-License-Identifier: Apache-2.0
"""What gin can add to the training of any model."""

import gin
import numpy as np
import pytest
import tensorflow.compat.v1 as tf
import tiny_models
from disentanglement_lib.methods.shared import optimizers
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.errors import UserError
from rtc_plugin.methods import density_ratio, discriminator_steps, rtc_vae, tc_vae
from rtc_plugin.training import estimator, graph

pytestmark = pytest.mark.usefixtures("tiny_model_bindings")

SGD = "vae_optimizer.optimizer_fn = @GradientDescentOptimizer"
CLIPPED = """
vae_optimizer.optimizer_fn = @clipped_optimizer
clipped_optimizer.optimizer_fn = @GradientDescentOptimizer
"""
DECAY = """
vae_optimizer.learning_rate = @exponential_decay
exponential_decay.learning_rate = 0.01
exponential_decay.decay_steps = 1
exponential_decay.decay_rate = 0.5
"""


def step_by_sgd(bindings):
    """Returns one step of size lr from (3, 0), (4,) down their squares / 2."""
    gin.parse_config(bindings)
    gin.parse_config("vae_optimizer.learning_rate = 1.")
    with tf.Graph().as_default(), tf.Session() as session:
        variables = [tf.Variable([3.0, 0.0]), tf.Variable([4.0])]
        unused = tf.Variable([1.0])
        loss = tf.add_n([tf.reduce_sum(v**2) / 2 for v in variables])
        step = tf.train.create_global_step()
        update = optimizers.make_vae_optimizer().minimize(loss, step)
        session.run(tf.global_variables_initializer())
        before = session.run(variables)
        session.run(update)
        assert session.run([step, unused]) == [1, [1.0]]
        after = session.run(variables)
    return np.concatenate(before) - np.concatenate(after)


@pytest.mark.parametrize(("max_norm", "length"), [(1.0, 1.0), (2, 2.0), (50.0, 5.0)])
def test_gradients_are_clipped_by_their_joint_norm(max_norm, length):
    """The gradient (3, 0, 4) has length 5."""
    moved = step_by_sgd(CLIPPED + f"clipped_optimizer.max_norm = {max_norm}")
    np.testing.assert_allclose(moved, np.array([3, 0, 4]) * length / 5, rtol=1e-6)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), "long"])
def test_a_norm_that_is_not_positive_is_refused(value):
    gin.parse_config(CLIPPED)
    gin.bind_parameter("clipped_optimizer.max_norm", value)
    with pytest.raises(UserError, match="clipped_optimizer.max_norm = "):
        optimizers.make_vae_optimizer()


@pytest.mark.parametrize(
    "make", [lambda: vae.FactorVAE(2.0), lambda: rtc_vae.RTCVAE(2.0)]
)
def test_models_with_a_discriminator_train_with_clipped_gradients(tmp_path, make):
    """Clipping to nothing leaves the weights where they were."""
    gin.parse_config(CLIPPED + "clipped_optimizer.max_norm = 1e-30")
    first, last = (
        tiny_models.train_weights(make(), tmp_path / str(n), n) for n in (2, 4)
    )
    for name in first:
        same = np.allclose(first[name], last[name], rtol=0, atol=1e-20)
        if name.startswith(("encoder", "decoder")):
            assert same, name
        elif name.startswith("discriminator") and name.endswith("kernel"):
            assert not same, name


LIBRARY_MODELS = {
    "vae": lambda: vae.BetaVAE(1.0),
    "factor_vae": lambda: vae.FactorVAE(2.0),
    "dip_vae": lambda: vae.DIPVAE(2.0, 10.0),
}


@pytest.mark.parametrize("name", LIBRARY_MODELS)
def test_the_learning_rate_may_follow_a_schedule(tmp_path, name):
    """Halved at each step: step n of SGD moves by lr 2^-n times its gradient."""
    gin.parse_config(SGD)
    gin.parse_config(DECAY)
    # FactorVAE counts two steps per update.
    per_update = 2 if name == "factor_vae" else 1
    weights = [
        tiny_models.train_weights(
            LIBRARY_MODELS[name](), tmp_path / str(n), n * per_update
        )
        for n in (1, 2, 30, 31)
    ]
    moved = [
        np.abs(second["decoder/d1/bias"] - first["decoder/d1/bias"]).max()
        for first, second in (weights[:2], weights[2:])
    ]
    assert moved[0] > 0
    assert moved[1] < 1e-6 * moved[0]


@pytest.mark.parametrize("name", LIBRARY_MODELS)
def test_gradients_of_the_librarys_models_are_clipped(tmp_path, name):
    """With gradients of length 1e-3 or less, SGD at rate 1 moves by as much."""
    gin.parse_config(CLIPPED + "clipped_optimizer.max_norm = 0.001")
    gin.parse_config("vae_optimizer.learning_rate = 1.")
    steps = 2 if name == "factor_vae" else 1
    first, last = (
        tiny_models.train_weights(LIBRARY_MODELS[name](), tmp_path / str(n), n * steps)
        for n in (1, 2)
    )
    moved = [last[key] - first[key] for key in first if key.startswith(("enc", "dec"))]
    length = np.sqrt(sum(np.sum(np.square(change)) for change in moved))
    assert length == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("name", LIBRARY_MODELS)
def test_the_librarys_models_stop_at_nan(tmp_path, name):
    gin.parse_config(SGD)
    gin.parse_config("vae_optimizer.learning_rate = 1e30")
    with pytest.raises(UserError, match="training diverged: .*Lower the learning rate"):
        tiny_models.train_weights(LIBRARY_MODELS[name](), tmp_path, 20)
    kept = tiny_models.read_weights(tmp_path)
    assert all(np.all(np.isfinite(value)) for value in kept.values())


def update_discriminator(steps, runs):
    """Trains on codes that are all alike, so that permutations change nothing."""
    gin.parse_config(
        "discriminator_optimizer.optimizer_fn = @GradientDescentOptimizer\n"
        "discriminator_optimizer.learning_rate = 0.5"
    )
    random_state = np.random.RandomState(0)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.create_global_step()
        weight = tf.get_variable("encoder", initializer=1.0)
        z = weight * tf.ones([8, 3])
        ratio = density_ratio.estimate(z, True, discriminator_steps=steps)
        update = graph.alternate(
            tf.square(weight) * 0.0,
            ratio,
            tf.train.GradientDescentOptimizer(0.0),
            optimizers.make_discriminator_optimizer(),
            discriminator_steps=steps,
        )
        session.run(tf.global_variables_initializer())
        variables = graph.split_variables()[1]
        if steps > 1:
            # A variable of the other kind is read once: whether a later update sees
            # its new value would be left to how memory is shared.
            assert {v.op.type for v in variables} == {"VarHandleOp"}
        for variable in variables:
            variable.load(random_state.randn(*variable.shape.as_list()), session)
        for _ in range(runs):
            session.run(update)
        return session.run([*variables, tf.train.get_global_step()])


def test_several_discriminator_steps_follow_each_other():
    """Three in one training step are three training steps of one."""
    *together, one = update_discriminator(steps=3, runs=1)
    *apart, three = update_discriminator(steps=1, runs=3)
    assert (one, three) == (1, 3)
    start = update_discriminator(steps=1, runs=0)
    for first, second in zip(together, apart):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    assert any(not np.allclose(a, b) for a, b in zip(together, start))


def test_models_train_with_several_discriminator_steps(tmp_path):
    first, second = (
        tiny_models.train_weights(
            rtc_vae.RTCVAE(2.0, discriminator_steps=3), tmp_path / name
        )
        for name in ("first", "second")
    )
    tiny_models.assert_same_weights(first, second)
    assert first["global_step"] == 4


def factor_vae(steps):
    return discriminator_steps.discriminator_steps(vae.FactorVAE(2.0), steps)


def test_factor_vae_with_one_discriminator_step_is_the_librarys(tmp_path):
    plain, same = (
        tiny_models.train_weights(model, tmp_path / name)
        for name, model in (("plain", vae.FactorVAE(2.0)), ("same", factor_vae(1)))
    )
    tiny_models.assert_same_weights(plain, same)


def test_factor_vae_makes_several_discriminator_steps(tmp_path):
    """One update: the model's is the library's, the discriminator's go further."""
    gin.parse_config(
        "discriminator_optimizer.optimizer_fn = @GradientDescentOptimizer\n"
        "discriminator_optimizer.learning_rate = 0.1"
    )
    weights = {
        steps: tiny_models.train_weights(factor_vae(steps), tmp_path / str(steps), 2)
        for steps in (1, 2, 4)
    }
    for steps, found in weights.items():
        assert found.keys() == weights[1].keys(), steps
        assert found["global_step"] == 2
        for name in found:
            is_same = np.allclose(found[name], weights[1][name], rtol=1e-5, atol=1e-7)
            if not name.startswith("discriminator"):
                assert is_same, (steps, name)
            elif name.endswith("kernel"):
                assert is_same == (steps == 1), (steps, name)
    again = tiny_models.train_weights(factor_vae(4), tmp_path / "again", 2)
    tiny_models.assert_same_weights(again, weights[4])


def test_several_steps_go_on_where_they_were_interrupted(tmp_path):
    whole = tiny_models.train_weights(factor_vae(3), tmp_path / "whole", 6)
    with estimator.resumable(str(tmp_path / "resumed")):
        tiny_models.train_weights(factor_vae(3), "unused", 2)
        resumed = tiny_models.train_weights(factor_vae(3), "unused", 6)
    tiny_models.assert_same_weights(resumed, whole)


def test_factor_vaes_steps_follow_each_other(tmp_path):
    """On codes that are all alike, three in one update are three updates of one."""
    gin.parse_config(
        "vae_optimizer.optimizer_fn = @GradientDescentOptimizer\n"
        "vae_optimizer.learning_rate = 0."
    )
    together, apart = (
        tiny_models.train_weights(alike(factor_vae(steps)), tmp_path / str(steps), n)
        for steps, n in ((3, 2), (1, 6))
    )
    for name in together:
        if name.startswith("discriminator"):
            np.testing.assert_allclose(
                together[name], apart[name], rtol=1e-4, atol=1e-6, err_msg=name
            )


def test_factor_vaes_later_steps_read_the_weights_anew():
    """Variables of the other kind are read once, or not, as memory is shared."""
    with tf.Graph().as_default():
        tf.train.create_global_step()
        factor_vae(2).model_fn(tf.zeros([8, 64, 64, 1]), None, "train", {})
        variables = graph.split_variables()[1]
    assert {variable.op.type for variable in variables} == {"VarHandleOp"}


def alike(model):
    """Has a model draw the same code for all images, always."""
    model.sample_from_latent_distribution = lambda z_mean, z_logvar: (
        tf.ones_like(z_mean) + 0.0 * z_mean
    )
    return model


@pytest.mark.parametrize("value", [0, 1.5, True, "many"])
def test_no_step_of_factor_vaes_discriminator_is_refused(value):
    with pytest.raises(UserError, match="discriminator_steps.steps = .*from 1 on"):
        factor_vae(value)


def test_models_that_are_not_factor_vae_are_pointed_elsewhere():
    with pytest.raises(UserError, match="rtc_vae.discriminator_steps"):
        discriminator_steps.discriminator_steps(rtc_vae.RTCVAE(2.0), 2)


@pytest.mark.parametrize("value", [0, 1.5, True, "many"])
@pytest.mark.parametrize("model", [rtc_vae.RTCVAE, tc_vae.TCVAE])
def test_no_discriminator_step_is_refused(model, value):
    with pytest.raises(UserError, match="_vae.discriminator_steps = .*from 1 on"):
        model(beta=1.0, discriminator_steps=value)
