# SPDX-License-Identifier: Apache-2.0
"""Encoders whose latents are dependent given the image, by a dial.

A VAE's encoder draws z = mu + sigma * eps with independent eps_k, so its latents are
independent given the image. [1] holds that this is what lets VAEs disentangle: given
marginal independence, it is the same as the information of a latent on the image being
invariant to conditioning on the other latents, I(z_i;x|z_-i) = I(z_i;x). Here the noise
is z = mu + sigma * (L eps) with L L' = C, a correlation matrix, so that

    TC(z|x) = -1/2 log det C    and    KL = KL_diag - 1/2 log det C,

KL_diag being that of C = I. The diagonal of C is 1, so sigma_k^2 stays the variance of
latent k, and every number that is computed from mean and variance one latent at a time
stays what it was.

Derived from the abstract of [1], of which no code and no details are public: that a
violation of conditional independence worsens disentanglement is its statement, the
construction is ours.

References:
    [1] Yang, Bi, Cheng, Yan. Bridging Disentanglement with Independence and Conditional
        Independence via Mutual Information for Representation Learning, 2019
        (abstract). https://arxiv.org/abs/1911.10922
"""

import contextlib
import functools

import gin
import numpy as np
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import vae

from rtc_plugin.errors import UserError

NOISES = ("equicorrelation", "random", "learned")
LARGEST_RHO = 0.95


@gin.configurable("correlated_gaussian")
def correlated_gaussian(
    model=gin.REQUIRED, noise="equicorrelation", rho=0.0, alpha=0.0, correlation_seed=0
):
    """Gives a model's encoder correlated noise, see the module's docstring.

    In a gin file, with any model of the library or the plugin:

        model.model = @correlated_gaussian()
        correlated_gaussian.model = @factor_vae()
        correlated_gaussian.rho = 0.6

    Of the model, the noise and the KL change and nothing else. What a density-ratio
    discriminator or DIP-VAE-I sees are codes or means, and stays right. Formulas that
    assume a diagonal encoder do not know of C: the minibatch densities of
    `beta_tc_vae` and `tc_vae`, and DIP-VAE-II's covariance of z.

    Args:
        model: `GaussianEncoderModel` that the noise is given to; it is changed.
        noise: 'equicorrelation' has C = (1 - rho) I + rho 1 1'. 'random' has
            C = (1 - rho) I + rho R with a fixed correlation matrix R, see
            `random_correlation`. 'learned' has C depend on the image, see
            `learned_cholesky`.
        rho: Strength of the first two, in [0, 0.95].
        alpha: Strength of the third, >= 0.
        correlation_seed: Seed of R.

    Returns:
        The model. With strength 0 it is as it was, and so are its numbers.

    Raises:
        UserError: If noise is unknown, rho or alpha is out of its range, or the one
            is given where the other applies.
    """
    _check(noise, rho, alpha)
    if rho == 0 and alpha == 0:
        return model

    def cholesky(z_mean, z_logvar):
        if noise == "learned":
            return learned_cholesky(z_mean, z_logvar, alpha)
        correlation = fixed_correlation(
            noise, z_mean.shape.as_list()[1], rho, correlation_seed
        )
        return tf.constant(np.linalg.cholesky(correlation), z_mean.dtype)

    def sample(z_mean, z_logvar):
        # In the order of the library: the same seed draws the same noise.
        sigma = tf.exp(z_logvar / 2)
        eps = tf.random_normal(tf.shape(z_mean), 0, 1)
        correlated = correlate(eps, cholesky(z_mean, z_logvar))
        return tf.add(z_mean, sigma * correlated, name="sampled_latent_variable")

    def compute_gaussian_kl(z_mean, z_logvar):
        factor = cholesky(z_mean, z_logvar)
        return tf.subtract(
            vae_kl(z_mean, z_logvar), half_log_det(factor), name="correlated_kl_loss"
        )

    stock_model_fn = model.model_fn
    vae_kl = vae.compute_gaussian_kl

    @functools.wraps(stock_model_fn)
    def model_fn(features, labels, mode, params):
        with _replaced(vae, "compute_gaussian_kl", compute_gaussian_kl):
            return stock_model_fn(
                features=features, labels=labels, mode=mode, params=params
            )

    model.sample_from_latent_distribution = sample
    model.model_fn = model_fn
    return model


def fixed_correlation(noise, num_latent, rho, correlation_seed=0):
    """Returns (1 - rho) I + rho R, the correlation of the noise.

    Args:
        noise: 'equicorrelation', where R is all ones, or 'random'.
        num_latent: Number of latents.
        rho: Strength in [0, 1).
        correlation_seed: Seed of a random R.

    Returns:
        [num_latent, num_latent] positive definite array with ones on the diagonal.
    """
    if noise == "equicorrelation":
        target = np.ones((num_latent, num_latent))
    else:
        target = random_correlation(num_latent, correlation_seed)
    return (1.0 - rho) * np.eye(num_latent) + rho * target


def random_correlation(num_latent, seed):
    """Returns the correlation matrix of directions drawn uniformly.

    Args:
        num_latent: Number of directions and of dimensions.
        seed: Integer.

    Returns:
        [num_latent, num_latent] positive semi-definite array, ones on the diagonal.
    """
    directions = np.random.RandomState(seed).randn(num_latent, num_latent)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    correlation = directions @ directions.T
    np.fill_diagonal(correlation, 1.0)
    return correlation


def learned_cholesky(z_mean, z_logvar, alpha):
    """Returns L(x), the rows of I + alpha * tanh(A(x)) scaled to length 1.

    A is strictly lower triangular, linear in mean and log variance, and trained with
    the encoder, in whose variable scope its weights are. Rows of length 1 give
    C = L L' ones on its diagonal. What alpha does: in row i, the entries beside the
    diagonal are at most alpha times the one on it. The loss decides what of it is used,
    and the KL asks for none.

    Args:
        z_mean: Means of the encoder, shape [batch_size, num_latent].
        z_logvar: Log variances of the encoder, same shape.
        alpha: Strength, > 0.

    Returns:
        Tensor [batch_size, num_latent, num_latent].
    """
    num_latent = z_mean.shape.as_list()[1]
    rows, columns = np.tril_indices(num_latent, -1)
    with tf.variable_scope("encoder", reuse=tf.AUTO_REUSE):
        entries = tf.layers.dense(
            tf.concat([z_mean, z_logvar], axis=1), len(rows), name="correlation"
        )
    # Row p has a one where entry p goes, so that a product puts entries in place.
    places = np.zeros((len(rows), num_latent, num_latent))
    places[np.arange(len(rows)), rows, columns] = alpha
    lower = tf.tensordot(tf.tanh(entries), tf.constant(places, z_mean.dtype), axes=1)
    return tf.nn.l2_normalize(lower + tf.eye(num_latent, dtype=z_mean.dtype), axis=2)


def correlate(eps, cholesky):
    """Returns L eps, [batch_size, num_latent], for one L or one per row of eps."""
    if cholesky.shape.rank == 2:
        return tf.matmul(eps, cholesky, transpose_b=True)
    return tf.reduce_sum(cholesky * eps[:, None, :], axis=2)


def half_log_det(cholesky):
    """Returns 1/2 log det C = sum_k log L_kk, its mean over the batch; a scalar."""
    return tf.reduce_mean(tf.reduce_sum(tf.log(tf.matrix_diag_part(cholesky)), axis=-1))


def _check(noise, rho, alpha):
    if noise not in NOISES:
        raise UserError(
            f"correlated_gaussian.noise = {noise!r}: choose one of "
            f"{', '.join(map(repr, NOISES))}."
        )
    if not _is_between(rho, 0, LARGEST_RHO):
        raise UserError(
            f"correlated_gaussian.rho = {rho!r}: must be a number from 0 to "
            f"{LARGEST_RHO}."
        )
    if not _is_between(alpha, 0, np.finfo(np.float32).max):
        raise UserError(
            f"correlated_gaussian.alpha = {alpha!r}: must be a number >= 0."
        )
    other, value = ("rho", rho) if noise == "learned" else ("alpha", alpha)
    if value != 0:
        raise UserError(
            f"correlated_gaussian.{other} = {value!r} has no meaning for noise "
            f"{noise!r}; its strength is "
            f"{'alpha' if noise == 'learned' else 'rho'}."
        )


def _is_between(value, low, high):
    try:
        return low <= value <= high
    except TypeError:
        return False


@contextlib.contextmanager
def _replaced(module, name, function):
    """Has a module's function be another one inside the context."""
    stock = getattr(module, name)
    setattr(module, name, function)
    try:
        yield
    finally:
        setattr(module, name, stock)
