# SPDX-License-Identifier: Apache-2.0
"""All figures of one trained model."""

import os

import numpy as np
import tqdm
from disentanglement_lib.data.ground_truth import named_data
from scipy import special

from rtc_plugin import total_correlation as tc
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import factors as factors_lib
from rtc_plugin.files import whole_folder
from rtc_plugin.measures import factor_disintegration
from rtc_plugin.measures.tc_nongaussian import without_rounding
from rtc_plugin.runs import open_signature, read_training
from rtc_plugin.visualize import codes as code_figures
from rtc_plugin.visualize import images as image_figures
from rtc_plugin.visualize.estimators import save


def visualize(model_dir, output_dir, overwrite=False, seed=0, num_points=2000):
    """Draws the figures of a run, as PNG and SVG.

    Means are drawn, as in the paper. Scores in the figures are from 5000 images or
    num_points, if that is more.

    Args:
        model_dir: Folder that `dlib_train` has made.
        output_dir: Folder to make.
        overwrite: Whether to replace an existing output_dir.
        seed: Seed of the images and samples.
        num_points: Points of the scatter plots.

    Returns:
        Names of the figures, without ending.

    Raises:
        UserError: model_dir is no trained model, or output_dir exists.
    """
    name, training = read_training(model_dir)
    activation = training.get("reconstruction_loss.activation", "'logits'")
    with whole_folder("--output_dir", output_dir, overwrite) as partial:
        os.makedirs(partial)
        data = named_data.get_named_ground_truth_data(name)
        random_state = np.random.RandomState(seed)
        drawn = _code_figures(data, model_dir, random_state, num_points)
        drawn.update(_image_figures(data, model_dir, activation, random_state))
        for figure_name, fig in tqdm.tqdm(
            drawn.items(), desc="saving", unit="figure", disable=None
        ):
            save(fig, os.path.join(partial, figure_name))
    return sorted(drawn)


def _code_figures(data, model_dir, random_state, num_points):
    with open_signature(model_dir, "gaussian_encoder") as encode:

        def represent(images):
            encoding = encode(dict(images=images))
            return np.stack([encoding["mean"], encoding["logvar"]], axis=1)

        codes = codes_lib.encode(
            data, represent, random_state, num_samples=max(5000, num_points)
        )
    z = without_rounding(codes.plain, codes.precision)
    names = factors_lib.factor_names(data)
    categorical = [j for j, name in enumerate(names) if name in factors_lib.CATEGORICAL]
    scores = factor_disintegration(z, codes.factors, 0, categorical)
    return code_figures.draw(
        codes, codes.factors, names, factors_lib.CATEGORICAL, scores, num_points
    )


def _image_figures(data, model_dir, activation, random_state):
    images = data.sample_observations(500, random_state)
    with open_signature(model_dir, "gaussian_encoder") as encode:
        encoding = encode(dict(images=images))
    z_mean = np.asarray(encoding["mean"], np.float64)
    z_logvar = np.asarray(encoding["logvar"], np.float64)
    # Moments of q(z), by the law of total variance.
    covariance = np.cov(z_mean, rowvar=False).reshape((z_mean.shape[1],) * 2)
    covariance = covariance + np.diag(np.exp(z_logvar).mean(axis=0))
    spread = np.sqrt(np.diag(covariance))
    order = np.argsort(-tc.signal_share(z_mean, z_logvar), kind="stable")
    with open_signature(model_dir, "decoder") as decoder:

        def decode(z):
            output = decoder(dict(latent_vectors=z.astype(np.float32)))["images"]
            return to_pixels(np.asarray(output, np.float64), activation)

        from_aggregate = random_state.multivariate_normal(
            z_mean.mean(axis=0), covariance, size=64
        )
        from_prior = random_state.normal(size=from_aggregate.shape)
        return {
            "reconstructions": image_figures.reconstructions(
                images[:32], decode(z_mean[:32])
            ),
            "walks": image_figures.latent_walks(
                image_figures.walk(decode, z_mean[0], spread), spread, order=order
            ),
            "samples": image_figures.samples(
                decode(from_aggregate), decode(from_prior)
            ),
        }


def to_pixels(output, activation):
    """Returns a decoder's output as pixels in [0, 1].

    Args:
        output: Array.
        activation: "'logits'" or "'tanh'", as gin writes it.
    """
    if "tanh" in activation:
        return np.tanh(output) / 2.0 + 0.5
    return special.expit(output)
