# SPDX-License-Identifier: Apache-2.0
"""`infomec` as a gin metric. See `rtc_plugin.measures.infomec`."""

from rtc_plugin.evaluation.metric import metric
from rtc_plugin.measures.infomec import infomec_of_codes


@metric("infomec")
def compute_infomec(
    codes,
    random_state,
    definition="paper",
    discrete_latents=False,
    signal_above=0.05,
    max_iter=100,
):
    """Computes InfoM, InfoE and InfoC: modularity, explicitness and compactness.

    Codes of a module are floats, which InfoE takes as numbers with 'paper', as the
    authors' runs do, and as categories with 'standalone' and `discrete_latents`.

    Takes about 3 seconds with 10 latents.

    Args:
        codes: `Codes`; of means and log variances the means are used.
        random_state: Numpy random state used for randomness.
        definition: 'paper', 'standalone' or 'signal_share', which keeps the latents
            whose signal share r_k is large enough; with a plain representation, those
            that are not constant.
        discrete_latents: Whether latents take few values, of which mutual information
            is then counted.
        signal_above: Signal share that a latent needs with 'signal_share'.
        max_iter: Steps of the logistic regression at most; the authors' 100.

    Returns:
        Dictionary of infom, infoe, infoc, None where they are not defined (infom: one
        varying factor; infoc: one kept latent; both: no kept latent or no information;
        all: constant factors), with `not_computed` and `reasons`; infomec_definition,
        infomec_discrete_latents, infomec_kept_latents (numbers of the latents that
        InfoM and InfoC are made from), infomec_nmi_matrix [num_latent, num_factors].

    Raises:
        UserError: See `measures.infomec`.
    """
    return infomec_of_codes(
        codes, random_state, definition, discrete_latents, signal_above, max_iter
    )
