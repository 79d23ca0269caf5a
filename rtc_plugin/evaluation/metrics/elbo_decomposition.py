# SPDX-License-Identifier: Apache-2.0
"""`elbo_decomposition` as a gin metric. See `rtc_plugin.measures.elbo_decomposition`.

What it adds needs the data set: the codes of all its images, and reconstructions.
"""

import math

import numpy as np

from rtc_plugin.errors import UserError
from rtc_plugin.evaluation.codes import encode_all, is_enumerable
from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.elbo_decomposition import (
    elbo_decomposition,
    reconstruction_error,
)
from rtc_plugin.runs import open_signature, read_gin


@metric("elbo_decomposition")
def compute_elbo_decomposition(
    codes,
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir,
    batch_size,
    num_draws=5000,
    whole_dataset=None,
    model_dir="",
    num_reconstructions=1000,
):
    """Computes index-code information, total correlation and dimension-wise KL.

    Args:
        codes: `Codes` with means and log variances.
        ground_truth_data: GroundTruthData that the codes are of.
        representation_function: Function from observations to representations.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        batch_size: Batch size for encoding.
        num_draws: Draws of z behind each expectation over q(z).
        whole_dataset: Whether to encode one image for every combination of factors
            instead of num_train random ones. None does so where these are the whole
            data set (see `codes.is_enumerable`) and no more images than would be drawn;
            and it keeps `codes` of a whole data set.
        model_dir: Folder that `dlib_train` has made. If given, its module reconstructs
            images, for the reconstruction error and the evidence lower bound.
        num_reconstructions: Number of images to reconstruct.

    Returns:
        Dictionary of the measure. With model_dir also reconstruction_bernoulli
        (cross-entropy, nats per image), reconstruction_squared_error (per image), each
        with _stderr, and elbo = -(reconstruction_bernoulli + kl).

    Raises:
        UserError: See `codes.encode`; also num_draws < 2, whole_dataset of a data set
            with weights, and a model_dir without a module that has the
            `reconstructions` signature.
    """
    if whole_dataset and not getattr(ground_truth_data, "has_uniform_factors", True):
        raise UserError(
            "elbo_decomposition.whole_dataset = True takes each combination of factors "
            "once, but this data set weighs them; leave it out and set num_train."
        )
    if whole_dataset is None and not codes.whole_dataset and ground_truth_data:
        num_images = math.prod(ground_truth_data.factors_num_values)
        whole_dataset = num_images <= len(codes.factors) and is_enumerable(
            ground_truth_data
        )
    if whole_dataset and not codes.whole_dataset:
        codes = encode_all(
            ground_truth_data,
            representation_function,
            random_state,
            artifact_dir,
            batch_size,
        )
    results = elbo_decomposition(codes, random_state, num_draws)
    if results.get("index_code_mi_saturated"):
        remedy = (
            "Set elbo_decomposition.whole_dataset = True for numbers of the whole data "
            "set."
            if ground_truth_data is None or is_enumerable(ground_truth_data)
            else "A larger num_train comes nearer to the numbers of the data set, "
            "whose combinations of factors have many images each or are weighted."
        )
        results["reasons"]["index_code_mi_saturated"] += f" {remedy}"
    if model_dir:
        results.update(
            _reconstruction_errors(
                ground_truth_data,
                random_state,
                model_dir,
                num_reconstructions,
                batch_size,
            )
        )
        if codes.z_logvar is not None:
            results["elbo"] = -results["reconstruction_bernoulli"] - results["kl"]
    return results


def _reconstruction_errors(
    ground_truth_data, random_state, model_dir, num_images, batch_size
):
    activation = read_gin(model_dir, "train").get(
        "reconstruction_loss.activation", "'logits'"
    )
    cross_entropy, squared_error = [], []
    with open_signature(model_dir, "reconstructions") as reconstruct:
        for start in range(0, num_images, batch_size):
            images = ground_truth_data.sample_observations(
                min(batch_size, num_images - start), random_state
            )
            output = np.asarray(reconstruct(dict(images=images))["images"], np.float64)
            bernoulli, squared = reconstruction_error(images, output, activation)
            cross_entropy.append(bernoulli)
            squared_error.append(squared)
    results = {}
    for name, values in (
        ("reconstruction_bernoulli", np.concatenate(cross_entropy)),
        ("reconstruction_squared_error", np.concatenate(squared_error)),
    ):
        results[name] = values.mean()
        results[f"{name}_stderr"] = values.std() / math.sqrt(len(values))
    return results
