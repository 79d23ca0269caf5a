# SPDX-License-Identifier: Apache-2.0
"""InfoM, InfoE, InfoC. See `rtc_plugin.measures.infomec`."""

import gin
import numpy as np

from rtc_plugin import total_correlation as tc
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import results as results_lib
from rtc_plugin.measures import infomec


@gin.configurable(
    "infomec",
    blacklist=[
        "ground_truth_data",
        "representation_function",
        "random_state",
        "artifact_dir",
        "codes",
    ],
)
def compute_infomec(
    ground_truth_data,
    representation_function,
    random_state,
    artifact_dir=None,
    codes=None,
    num_train=5000,
    batch_size=100,
    definition="paper",
    discrete_latents=False,
    signal_above=0.05,
    max_iter=100,
):
    """Computes InfoM, InfoE and InfoC: modularity, explicitness and compactness.

    At most 1, higher is better. **0 is not the floor of InfoM and InfoC**: pure noise
    has an InfoM of about .5 with six factors, .7 with three. InfoE sees linearly
    separable information only and is fitted and measured on the same images, as in the
    paper.

    `definition` 'paper' and 'standalone' are the two forms in the authors' repository,
    equal to theirs to the error of sampling. They leave out latents whose range is
    small beside the largest one, which depends on scale and outliers. 'signal_share' is
    'paper' with the latents whose signal share r_k is large enough; with a plain
    representation, those that are not constant. The result says which one it is.

    Takes about 3 seconds with 10 latents.

    Args:
        ground_truth_data: GroundTruthData to be sampled from.
        representation_function: Function from observations to representations; of
            `mean_and_logvar` the means are used.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        codes: `Codes` to use instead of encoding images.
        num_train: Number of images.
        batch_size: Batch size for encoding.
        definition: 'paper', 'standalone' or 'signal_share'.
        discrete_latents: Whether latents take few values, of which mutual information
            is then counted. Codes of a module are floats, which InfoE takes as numbers
            with 'paper', as the authors' runs do, and as categories with 'standalone'.
        signal_above: Signal share that a latent needs with 'signal_share'.
        max_iter: Steps of the logistic regression at most; the authors' 100.

    Returns:
        Dictionary of infom, infoe, infoc, None where they are not defined (infom: one
        varying factor; infoc: one kept latent; both: no kept latent or no information;
        all: constant factors), with `not_computed` and `reasons`; infomec_definition,
        infomec_discrete_latents, infomec_kept_latents (numbers of the latents that
        InfoM and InfoC are made from), infomec_nmi_matrix [num_latent, num_factors].

    Raises:
        UserError: See `codes.encode` and `measures.infomec`.
    """
    if codes is None:
        codes = codes_lib.encode(
            ground_truth_data,
            representation_function,
            random_state,
            artifact_dir,
            num_train,
            batch_size,
        )
    signal = None
    if codes.z_logvar is not None:
        signal = tc.signal_share(codes.z_mean, codes.z_logvar) > signal_above
    with codes_lib.estimating("infomec"):
        measured = infomec.infomec(
            codes.plain,
            codes.factors,
            definition,
            discrete_latents,
            signal,
            max_iter,
            int(random_state.randint(2**31 - 1)),
        )
    results = {
        "infom": measured.infom,
        "infoe": measured.infoe,
        "infoc": measured.infoc,
        "infomec_definition": definition,
        "infomec_discrete_latents": discrete_latents,
        "infomec_kept_latents": np.flatnonzero(measured.kept),
        "infomec_nmi_matrix": measured.nmi,
        "not_computed": list(measured.reasons),
        "reasons": measured.reasons,
    }
    return results_lib.to_json(results)
