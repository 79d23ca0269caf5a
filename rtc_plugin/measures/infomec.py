# SPDX-License-Identifier: Apache-2.0
"""InfoM, InfoE, InfoC: modularity, explicitness and compactness by information.

Mutual information of single latents and factors, divided by the factor's entropy, for
the latents that are kept: InfoM is the mean share of a latent's best factor, InfoC
that of a factor's best latent, both rescaled so that equal shares give 0. InfoE is the
share of a factor's entropy that logistic regression on all latents takes away.

The authors' repository has two forms, which differ in neighbours and in the latents
that they keep. A third keeps them by what they carry and not by their range:

    definition      neighbours  latents that are kept
    'paper'             3       range > 1/8 of the largest range (the code that the
                                authors' training runs, and so their tables, use)
    'standalone'       10       range > 1/20 of the largest range; discrete: range > 0
                                (the authors' file for other projects)
    'signal_share'      3       those that the caller names

#### References
[1] Hsu, Dorrell, Whittington, Wu, Finn. Disentanglement via latent quantization, 2023.
    https://arxiv.org/abs/2305.18378
[2] Ross. Mutual information between discrete and continuous data sets. PLoS ONE, 2014.
"""

import warnings
from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike
from sklearn import exceptions, feature_selection, linear_model, preprocessing
from sklearn import metrics as sklearn_metrics

from rtc_plugin.errors import UserError
from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.measures.codes import Codes
from rtc_plugin.total_correlation.checks import Seed
from rtc_plugin.total_correlation.latents import signal_share

DEFINITIONS = ("paper", "standalone", "signal_share")
_NUM_NEIGHBOURS = {"paper": 3, "standalone": 10, "signal_share": 3}
_SMALLEST_RANGE = {"paper": 1 / 8, "standalone": 1 / 20}


class InfoMEC(NamedTuple):
    """The three scores and what they were made from.

    Attributes:
        infom: Float in [0, 1]; None where it is not defined.
        infoe: Float, at most 1, below 0 for a fit that is worse than guessing (of
            factors whose values are not equally frequent); None likewise.
        infoc: Float in [0, 1]; None likewise.
        nmi: [num_latent, num_factors] mutual information over the factor's entropy, an
            estimate that can exceed 1 a little; 0 for a constant factor.
        kept: [num_latent] booleans, the latents that InfoM and InfoC are made from.
        reasons: Why a score is None, a sentence by its name.
    """

    infom: Optional[float]
    infoe: Optional[float]
    infoc: Optional[float]
    nmi: np.ndarray
    kept: np.ndarray
    reasons: dict


def infomec(
    codes: ArrayLike,
    factors: ArrayLike,
    definition: str = "paper",
    discrete_latents: bool = False,
    signal: Optional[ArrayLike] = None,
    max_iter: int = 100,
    random_state: Seed = 0,
) -> InfoMEC:
    """Measures InfoM, InfoE and InfoC: modularity, explicitness and compactness.

    Constant factors are left out of all three, and from the means of InfoM and InfoC
    latents and factors without any information, for which the authors' code leaves out
    the former, or returns NaN.

    0 is not the floor of InfoM and InfoC: the estimates of no information, cut at 0,
    are unequal by chance, so noise has an InfoM of about .5 with six factors, .7 with
    three (.4 to .9), at any number of samples. InfoE of noise is close to 0.

    A range depends on the scale of a latent and on single outliers, so 'paper' and
    'standalone' may leave out latents that carry information.

    Args:
        codes: [n, num_latent].
        factors: [n, num_factors] discrete values.
        definition: 'paper', 'standalone' or 'signal_share'; see this module's
            docstring.
        discrete_latents: Whether each latent takes few values. Mutual information is
            then that of the counts, and the regression sees indicators of the values:
            always with 'standalone', else if `codes` are integers, as the authors do.
        signal: [num_latent] booleans, the latents that 'signal_share' keeps; None for
            those that are not constant.
        max_iter: Steps of the regression at most. The authors' 100 does not reach the
            optimum where factors can be told apart without error.
        random_state: Seed of the noise of 1e-10 that breaks ties between neighbours.

    Returns:
        `InfoMEC`.

    Raises:
        UserError: Unknown definition, a factor without a value that occurs twice, or
            discrete latents that hardly repeat a value.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> factors = random.integers(4, size=(1000, 2))
        >>> result = infomec(factors + 0.1 * random.random((1000, 2)), factors)
        >>> bool(result.infom > 0.9), bool(result.infoc > 0.9)
        (True, True)
    """
    if definition not in DEFINITIONS:
        raise UserError(
            f"infomec.definition is {definition!r}; choose one of "
            f"{', '.join(map(repr, DEFINITIONS))}."
        )
    codes, factors = np.asarray(codes), np.asarray(factors)
    labels = np.stack(
        [np.unique(factor, return_inverse=True)[1] for factor in factors.T], axis=1
    )
    _check_repeated(codes, labels, discrete_latents)
    varies = labels.max(axis=0) > 0
    num_neighbours = _NUM_NEIGHBOURS[definition]
    nmi = np.zeros((codes.shape[1], factors.shape[1]))
    for j in np.flatnonzero(varies):
        nmi[:, j] = _information(
            codes, labels[:, j], num_neighbours, discrete_latents, random_state
        )
    nmi[np.ptp(codes, axis=0) == 0] = 0.0  # Neighbours see the noise that breaks ties.
    nmi[:, varies] /= scores_lib.entropies(labels[:, varies])
    kept = _kept(codes, definition, discrete_latents, signal)
    as_indicators = discrete_latents and (
        definition == "standalone" or np.issubdtype(codes.dtype, np.integer)
    )
    infoe = explicitness(
        preprocessing.OneHotEncoder().fit_transform(codes)
        if as_indicators
        else scores_lib.standardise(codes),
        labels,
        max_iter,
    )
    shares = nmi[kept][:, varies]
    infom, infoc = concentration(shares), concentration(shares.T)
    reasons = {}
    if not varies.any():
        reasons = dict.fromkeys(("infom", "infoe", "infoc"), "every factor is constant")
    elif not kept.any():
        reasons = dict.fromkeys(("infom", "infoc"), "no latent has signal")
    elif not shares.any():
        reasons = dict.fromkeys(
            ("infom", "infoc"), "no latent has information on any factor"
        )
    else:
        if infom is None:
            reasons["infom"] = "only one factor varies"
        if infoc is None:
            reasons["infoc"] = "only one latent is kept"
    return InfoMEC(infom, infoe, infoc, nmi, kept, reasons)


def infomec_of_codes(
    codes: Codes,
    random_state: np.random.RandomState,
    definition: str = "paper",
    discrete_latents: bool = False,
    signal_above: float = 0.05,
    max_iter: int = 100,
) -> dict[str, Any]:
    """Does what `infomec` does, on the means or plain codes; as a metric reports it.

    Args:
        codes: `Codes` with factors.
        random_state: What the seed of the noise is drawn from.
        definition: As for `infomec`.
        discrete_latents: As for `infomec`.
        signal_above: Signal share that a latent needs with 'signal_share', where there
            are log variances.
        max_iter: As for `infomec`.

    Returns:
        Dictionary of infom, infoe, infoc, infomec_definition, infomec_discrete_latents,
        infomec_kept_latents (numbers of the latents), infomec_nmi_matrix, not_computed
        and reasons.

    Raises:
        UserError: As `infomec`.

    Examples:
        >>> from rtc_plugin.measures import codes_from_array
        >>> factors = np.random.default_rng(0).integers(4, size=(1000, 2))
        >>> codes = codes_from_array(factors + 0.0, factors)
        >>> infomec_of_codes(codes, np.random.RandomState(0))["infomec_definition"]
        'paper'
    """
    signal = None
    if codes.z_logvar is not None:
        signal = signal_share(codes.z_mean, codes.z_logvar) > signal_above
    measured = infomec(
        codes.plain,
        codes.factors,
        definition,
        discrete_latents,
        signal,
        max_iter,
        int(random_state.randint(2**31 - 1)),
    )
    return {
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


def concentration(scores: ArrayLike) -> Optional[float]:
    """Returns the mean share of each row's largest score, rescaled to 0 for equal ones.

    Args:
        scores: [num_rows, n], >= 0. Rows of zeros are left out of the mean.

    Returns:
        Float in [0, 1]; None if there is no row but zeros, or n < 2.
    """
    n = scores.shape[1]
    scores = scores[scores.any(axis=1)]
    if len(scores) == 0 or n < 2:
        return None
    shares = scores.max(axis=1) / scores.sum(axis=1)
    return (shares.mean() - 1.0 / n) / (1.0 - 1.0 / n)


def explicitness(
    z: ArrayLike, factors: ArrayLike, max_iter: int = 100
) -> Optional[float]:
    """Returns the mean share of a factor's entropy that logistic regression predicts.

    Values weigh the same in the fit, so that nothing known gives log(number of values),
    and as they are in its loss.

    Args:
        z: [n, num_features], standardised or indicators.
        factors: [n, num_factors]; constant factors are left out.
        max_iter: Steps of the solver at most.

    Returns:
        Float, at most 1; None if every factor is constant.
    """
    shares = []
    for factor in factors.T:
        num_values = len(np.unique(factor))
        if num_values < 2:
            continue
        model = linear_model.LogisticRegression(
            C=np.inf, class_weight="balanced", max_iter=max_iter
        )
        with warnings.catch_warnings():
            # The number of steps is part of the definition.
            warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
            model.fit(z, factor)
        loss = sklearn_metrics.log_loss(factor, model.predict_proba(z))
        shares.append(1.0 - loss / np.log(num_values))
    return float(np.mean(shares)) if shares else None


def _information(codes, label, num_neighbours, discrete_latents, random_state):
    """Returns I(z_k; factor) of each latent, nats."""
    if discrete_latents:
        return [sklearn_metrics.mutual_info_score(label, z) for z in codes.T]
    return feature_selection.mutual_info_classif(
        scores_lib.standardise(codes),
        label,
        discrete_features=False,
        n_neighbors=num_neighbours,
        random_state=random_state,
    )


def _kept(codes, definition, discrete_latents, signal):
    ranges = np.ptp(codes, axis=0)
    if definition == "signal_share":
        return ranges > 0 if signal is None else np.asarray(signal)
    if definition == "standalone" and discrete_latents:
        return ranges > 0
    return ranges > ranges.max() * _SMALLEST_RANGE[definition]


def _check_repeated(codes, labels, discrete_latents):
    for j, label in enumerate(labels.T):
        if label.max() == len(label) - 1:
            raise UserError(
                f"infomec: factor {j} takes another value in each of the {len(label)} "
                "samples; take more of them (num_train), or bins of the factor."
            )
    for k, z in enumerate(codes.T if discrete_latents else ()):
        num_values = len(np.unique(z))
        if num_values > len(z) / 2:
            raise UserError(
                f"infomec: latent {k} takes {num_values} values in {len(z)} samples; "
                "set infomec.discrete_latents = False, or take more samples."
            )
