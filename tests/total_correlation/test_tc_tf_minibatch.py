# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rtc_plugin import total_correlation as tc

tf = pytest.importorskip("tensorflow.compat.v1")
tf_minibatch = pytest.importorskip("rtc_plugin.total_correlation.tf_minibatch")

DATASET_SIZE = 5000


def encode(seed, batch_size, num_latent):
    random = np.random.default_rng(seed)
    z_mean = random.standard_normal((batch_size, num_latent))
    z_logvar = random.uniform(-4, 0, z_mean.shape)
    z = z_mean + np.exp(0.5 * z_logvar) * random.standard_normal(z_mean.shape)
    return z, z_mean, z_logvar


def run(arrays, estimator, precision, static=True, gradient=False):
    with tf.Graph().as_default(), tf.Session() as session:
        shape = arrays[0].shape if static else (None, arrays[0].shape[1])
        inputs = [tf.placeholder(precision, shape) for _ in arrays]
        fetch = tf_minibatch.minibatch(*inputs, estimator, DATASET_SIZE)
        if gradient:
            fetch = tf.gradients(fetch, inputs)
        return session.run(fetch, dict(zip(inputs, arrays)))


@pytest.mark.parametrize("estimator", tc.ESTIMATORS)
@pytest.mark.parametrize(
    "precision, tolerance", [("float32", 1e-5), ("float64", 1e-11)]
)
@pytest.mark.parametrize("static", [True, False])
def test_agrees_with_numpy(estimator, precision, tolerance, static):
    for batch_size, num_latent in [(2, 3), (64, 10), (300, 4)]:
        arrays = encode(batch_size, batch_size, num_latent)
        expected = tc.minibatch(*arrays, estimator, DATASET_SIZE)
        value = run(arrays, estimator, precision, static)
        assert value == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("estimator", tc.ESTIMATORS)
def test_gradient_agrees_with_finite_differences_of_numpy(estimator):
    arrays = encode(0, 20, 3)
    gradients = run(arrays, estimator, "float64", gradient=True)
    random = np.random.default_rng(1)
    for which, gradient in enumerate(gradients):
        assert np.all(np.isfinite(gradient))
        direction = random.standard_normal(gradient.shape)
        ends = []
        for step in (1e-5, -1e-5):
            moved = list(arrays)
            moved[which] = arrays[which] + step * direction
            ends.append(tc.minibatch(*moved, estimator, DATASET_SIZE))
        slope = (ends[0] - ends[1]) / 2e-5
        assert np.sum(gradient * direction) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_bad_input_is_refused_before_the_graph_runs():
    inputs = [tf.constant(a) for a in encode(0, 4, 2)]
    with pytest.raises(ValueError, match="estimator must be one of raw"):
        tf_minibatch.minibatch(*inputs, "chen")
    with pytest.raises(ValueError, match="dataset_size must be given"):
        tf_minibatch.minibatch(*inputs, "mws")
