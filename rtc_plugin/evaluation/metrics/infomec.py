# SPDX-License-Identifier: Apache-2.0
"""InfoM, InfoE, InfoC: modularity, explicitness and compactness by information.

#### References
[1] Hsu, Dorrell, Whittington, Wu, Finn. Disentanglement via latent quantization, 2023.
    https://arxiv.org/abs/2305.18378
[2] Ross. Mutual information between discrete and continuous data sets. PLoS ONE, 2014.
"""

import gin
import numpy as np
from sklearn import feature_selection, linear_model
from sklearn import metrics as sklearn_metrics

from rtc_plugin import total_correlation as tc
from rtc_plugin.evaluation import codes as codes_lib
from rtc_plugin.evaluation import factors as factors_lib
from rtc_plugin.evaluation import results as results_lib


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
    num_neighbours=3,
    signal_above=0.05,
    max_iter=200,
):
    """Computes InfoM, InfoE and InfoC.

    From normalised mutual information (neighbour estimate [2] over the factor's
    entropy) of the latents that carry signal: InfoM is the mean share of a latent's
    best factor, InfoC that of a factor's best latent, both rescaled so that equal
    shares give 0; InfoE is the share of a factor's entropy that a logistic regression
    on all latents takes away, averaged over factors. At most 1, higher is better;
    InfoE sees linearly separable information only and is fitted and measured on the
    same images, as in the paper.

    The paper prunes latents whose range is small beside the largest, which depends on
    scale; here a latent stays if its signal share r_k is large enough, and with a plain
    representation if it is not constant. Takes about 3 seconds with 10 latents.

    Args:
        ground_truth_data: GroundTruthData to be sampled from.
        representation_function: Function from observations to representations; of
            `mean_and_logvar` the means are used.
        random_state: Numpy random state used for randomness.
        artifact_dir: Leads to the saved configuration of the representation.
        codes: `Codes` to use instead of encoding images.
        num_train: Number of images.
        batch_size: Batch size for encoding.
        num_neighbours: Neighbours of the mutual-information estimate.
        signal_above: Signal share that a latent needs to be counted.
        max_iter: Steps of the logistic regression at most.

    Returns:
        Dictionary of infom, infoe, infoc; infom and infoc are None where they are not
        defined (infom: one factor, infoc: one latent with signal, both: none);
        num_latents_with_signal, infomec_nmi_matrix [num_latent, num_factors].

    Raises:
        UserError: See `codes.encode`.
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
    z = factors_lib.standardise(codes.plain)
    if codes.z_logvar is None:
        signal = np.ptp(codes.plain, axis=0) > 0
    else:
        signal = tc.signal_share(codes.z_mean, codes.z_logvar) > signal_above
    entropy = factors_lib.entropies(codes.factors)
    nmi = np.zeros((z.shape[1], codes.factors.shape[1]))
    seed = int(random_state.randint(2**31 - 1))
    for j, factor in enumerate(codes.factors.T):
        if entropy[j] > 0:
            nmi[:, j] = feature_selection.mutual_info_classif(
                z,
                factor,
                discrete_features=False,
                n_neighbors=num_neighbours,
                random_state=seed,
            )
            nmi[:, j] = np.clip(nmi[:, j] / entropy[j], 0.0, 1.0)
    with codes_lib.estimating("infomec"):
        infoe = explicitness(z, codes.factors, max_iter)
    results = {
        "infom": concentration(nmi[signal]),
        "infoc": concentration(nmi[signal].T),
        "infoe": infoe,
        "num_latents_with_signal": np.count_nonzero(signal),
        "infomec_nmi_matrix": nmi,
    }
    return results_lib.to_json(results)


def concentration(scores):
    """Returns the mean share of each row's largest score, rescaled to 0 for equal ones.

    Args:
        scores: [num_rows, n], >= 0. Rows of zeros count as equal shares.

    Returns:
        Float in [0, 1]; None if there are no rows, or n < 2.
    """
    num_rows, n = scores.shape
    if num_rows == 0 or n < 2:
        return None
    total = scores.sum(axis=1)
    shares = np.full(num_rows, 1.0 / n)
    np.divide(scores.max(axis=1), total, out=shares, where=total > 0)
    return (shares.mean() - 1.0 / n) / (1.0 - 1.0 / n)


def explicitness(z, factors, max_iter=200):
    """Returns the mean share of a factor's entropy that logistic regression predicts.

    Args:
        z: [n, num_latent] standardised codes.
        factors: [n, num_factors]; constant factors are left out.
        max_iter: Steps of the solver at most.

    Returns:
        Float in [0, 1]; 0 if every factor is constant.
    """
    shares = []
    for factor in factors.T:
        values, counts = np.unique(factor, return_counts=True)
        if len(values) < 2:
            continue
        # All classes weigh the same, so that nothing known leaves log(number of them).
        weights = (len(factor) / (len(values) * counts))[
            np.searchsorted(values, factor)
        ]
        model = linear_model.LogisticRegression(C=1e6, max_iter=max_iter)
        model.fit(z, factor, sample_weight=weights)
        loss = sklearn_metrics.log_loss(
            factor, model.predict_proba(z), sample_weight=weights
        )
        shares.append(1.0 - loss / np.log(len(values)))
    return float(np.clip(np.mean(shares), 0.0, 1.0)) if shares else 0.0
