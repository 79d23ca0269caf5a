# SPDX-License-Identifier: Apache-2.0
"""The metrics of disentanglement_lib as functions of arrays, without the library.

They give what the library's own give for the same codes with the definitions of its
study (see `measures.estimators`), keys included; only where those divide by zero or
fail is there another answer: None, with `not_computed` and `reasons`. `mig` is among
`measures.mig_variants`.

Codes are [n, num_latent], factors [n, num_factors] integers. What is random in them is
in the library, too, and drawn in the same order: `random_state` is the metric's
`RandomState(seed)`, and `estimators_seed(seed)` what the estimators draw from.

#### References
[1] Locatello et al. Challenging common assumptions in the unsupervised learning of
    disentangled representations, 2019. https://arxiv.org/abs/1811.12359 (appendix C)
"""

import itertools
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, stats
from sklearn import metrics, model_selection

from rtc_plugin.measures import boosted_trees, estimators
from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.measures.results import withhold

DOWNSTREAM_SIZES = (10, 100, 1000, 10_000)


def estimators_seed(seed: int) -> np.random.RandomState:
    """Returns the `RandomState` that an evaluation with this seed gives estimators."""
    return np.random.RandomState([seed, 1])


def sap_score(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    continuous: bool = False,
    random_state: Optional[np.random.RandomState] = None,
) -> dict[str, Any]:
    """Measures SAP: the gap between each factor's best latent and its second.

    Args:
        codes: [n, num_latent].
        factors: [n, num_factors].
        test_codes: [m, num_latent], for the accuracies.
        test_factors: [m, num_factors].
        continuous: Whether a latent's score about a factor is their squared
            correlation, as in the paper, and not the accuracy of a linear SVM, as in
            the library's study.
        random_state: What the SVMs draw from.

    Returns:
        Dictionary of SAP_score in [0, 1], higher is better, and score_matrix
        [num_latent, num_factors]. Constant factors are left out; None if all are, or
        with one latent.

    Examples:
        >>> z = np.array([[i, j] for i in range(4) for j in range(4)], float)
        >>> round(float(sap_score(z, z, z, z, continuous=True)["SAP_score"]), 3)
        1.0
    """
    varies = np.ptp(factors, axis=0) > 0
    scores = np.zeros((codes.shape[1], factors.shape[1]))
    if continuous:
        scores = _squared_correlations(codes, factors)
    else:
        for k, j in itertools.product(range(len(scores)), np.flatnonzero(varies)):
            model = estimators.linear_svc(
                C=0.01, class_weight="balanced", random_state=random_state
            ).fit(codes[:, [k]], factors[:, j])
            told = model.predict(test_codes[:, [k]])
            scores[k, j] = np.mean(told == test_factors[:, j])
    results = {"score_matrix": scores}
    if len(scores) < 2 or not varies.any():
        withhold(results, ["SAP_score"], "SAP needs two latents and a varying factor")
        return results
    ordered = np.sort(scores[:, varies], axis=0)
    return dict(results, SAP_score=np.mean(ordered[-1] - ordered[-2]))


def _squared_correlations(codes, factors):
    scores = scores_lib.r2_matrix(codes, factors)
    # The library's bound on a variance that counts.
    return np.where(codes.var(axis=0, ddof=1)[:, None] > 1e-12, scores, 0.0)


def dci(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    random_state: Optional[np.random.RandomState] = None,
) -> dict[str, Any]:
    """Measures DCI: disentanglement, completeness, informativeness by boosted trees.

    Args:
        codes: [n, num_latent].
        factors: [n, num_factors].
        test_codes: [m, num_latent].
        test_factors: [m, num_factors].
        random_state: What the trees draw from.

    Returns:
        Dictionary of disentanglement, completeness, informativeness_train and _test
        (mean accuracies), all in [0, 1], higher is better; importance_matrix
        [num_latent, num_factors]. Constant factors are left out; None if all are, or
        where one factor or latent is all there is to concentrate on.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> y = random.integers(3, size=(300, 2))
        >>> z = y + 0.1 * random.random((300, 2))
        >>> bool(dci(z, y, z, y, 0)["disentanglement"] > 0.95)
        True
    """
    keys = (
        "disentanglement",
        "completeness",
        "informativeness_train",
        "informativeness_test",
    )
    varies = np.ptp(factors, axis=0) > 0
    importance = np.zeros((codes.shape[1], factors.shape[1]))
    train, test = [], []
    for j in np.flatnonzero(varies):
        model = _boosted_trees(random_state).fit(codes, factors[:, j])
        importance[:, j] = model.feature_importances_
        train.append(np.mean(model.predict(codes) == factors[:, j]))
        test.append(np.mean(model.predict(test_codes) == test_factors[:, j]))
    results = {"importance_matrix": importance}
    if not train:
        withhold(results, keys, "every factor is constant")
        return results
    importance = importance[:, varies]
    results["disentanglement"] = _concentration(importance)
    results["completeness"] = _concentration(importance.T)
    results["informativeness_train"] = np.mean(train)
    results["informativeness_test"] = np.mean(test)
    for key, number in zip(keys[:2], importance.shape[::-1]):
        if number < 2:
            withhold(results, [key], "there is one factor or latent only")
    return results


def _boosted_trees(random_state):
    return boosted_trees.BoostedTrees(
        min_impurity=boosted_trees.IMPURITY_STUDY, random_state=random_state
    )


def _concentration(importance):
    """Returns the mean over rows of 1 - entropy, weighted by the rows' sums."""
    if importance.shape[1] < 2:
        return np.nan
    per_row = 1.0 - stats.entropy(importance.T + 1e-11, base=importance.shape[1])
    weights = importance.sum(axis=1)
    if weights.sum() == 0:
        weights = np.full(len(weights), float(importance.shape[1]))
    return per_row @ weights / weights.sum()


def modularity_explicitness(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    num_bins: int = 20,
) -> dict[str, Any]:
    """Measures modularity and explicitness.

    Args:
        codes: [n, num_latent].
        factors: [n, num_factors].
        test_codes: [m, num_latent].
        test_factors: [m, num_factors].
        num_bins: Bins of a latent.

    Returns:
        Dictionary of modularity_score (mean over latents, by mutual information; a
        latent without any counts as 0) and explicitness_score_train and _test (mean
        area under the ROC curve of logistic regression), in [0, 1], higher is better.
        A constant latent tells nothing, a constant factor is left out, and so is one
        with values that one part of the rows lacks.

    Examples:
        >>> y = np.array([[i, j] for i in range(4) for j in range(4)] * 20)
        >>> results = modularity_explicitness(y.astype(float), y, y, y)
        >>> round(float(results["modularity_score"]), 3)
        1.0
    """
    results = {}
    varies = np.ptp(factors, axis=0) > 0
    if np.count_nonzero(varies) < 2:
        withhold(
            results, ["modularity_score"], "modularity needs two factors that vary"
        )
    else:
        information = scores_lib.mutual_information_matrix(
            codes, factors[:, varies], num_bins
        )
        results["modularity_score"] = modularity(information)
    mean, spread = codes.mean(axis=0), codes.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    x, x_test = (codes - mean) / spread, (test_codes - mean) / spread
    train, test = [], []
    for y, y_test in zip(factors.T, test_factors.T):
        values = np.unique(y)
        if len(values) < 2 or not np.array_equal(values, np.unique(y_test)):
            continue
        model = estimators.logistic_regression().fit(x, y)
        for told, known, area in ((x, y, train), (x_test, y_test, test)):
            area.append(_roc_area(known, model.predict_proba(told), values))
    if train:
        results["explicitness_score_train"] = np.mean(train)
        results["explicitness_score_test"] = np.mean(test)
    else:
        withhold(
            results,
            ["explicitness_score_train", "explicitness_score_test"],
            "no factor has two values or more, the same in both parts of the rows",
        )
    return results


def _roc_area(labels, probability, values):
    """Returns the mean over values of the area under the curve of value or not."""
    return metrics.roc_auc_score(labels[:, None] == values, probability)


def modularity(information: ArrayLike) -> float:
    """Returns how much of what each latent tells is about one factor.

    Args:
        information: [num_latent, num_factors] mutual information, nats.

    Returns:
        Float in [0, 1].
    """
    squared = np.square(information)
    largest = squared.max(axis=1)
    informed = largest > 0
    rest = (squared.sum(axis=1) - largest)[informed]
    scores = 1.0 - rest / (largest[informed] * (squared.shape[1] - 1.0))
    return scores.sum() / len(squared)


def unsupervised(codes: ArrayLike, num_bins: int = 20) -> dict[str, Any]:
    """Measures Gaussian total correlation, Wasserstein correlation, pairs' information.

    Args:
        codes: [n, num_latent].
        num_bins: Bins of a latent.

    Returns:
        Dictionary of gaussian_total_correlation (nats),
        gaussian_wasserstein_correlation (W2 distance, squared, of the Gaussian to that
        of its diagonal; in squared units of the codes),
        gaussian_wasserstein_correlation_norm (over the total variance) and
        mutual_info_score (mean over pairs of binned latents, nats), all >= 0, lower is
        better. Of latents that are constant or dependent the first is None.

    Examples:
        >>> z = np.array([[i, j] for i in range(4) for j in range(4)], float)
        >>> abs(round(float(unsupervised(z)["gaussian_total_correlation"]), 6))
        0.0
    """
    num_latent = codes.shape[1]
    covariance = np.cov(codes, rowvar=False).reshape(num_latent, num_latent)
    variance = np.diag(covariance)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = 0.5 * (np.log(variance).sum() - np.linalg.slogdet(covariance)[1])
    root = linalg.sqrtm(covariance * variance[:, None])
    distance = 2.0 * variance.sum() - 2.0 * np.trace(root).real
    results = {
        "gaussian_total_correlation": total,
        "gaussian_wasserstein_correlation": distance,
        "gaussian_wasserstein_correlation_norm": distance / variance.sum(),
    }
    if not np.isfinite(total):
        withhold(
            results,
            ["gaussian_total_correlation"],
            "latents are constant or dependent; tc_mean has a value",
        )
    if num_latent < 2:
        withhold(results, ["mutual_info_score"], "there is one latent only")
        return results
    binned = scores_lib.discretise(codes, num_bins)
    information = scores_lib.mutual_information_matrix(codes, binned, num_bins)
    np.fill_diagonal(information, 0.0)
    pairs = num_latent * (num_latent - 1)
    return dict(results, mutual_info_score=information.sum() / pairs)


def downstream_task(
    codes: ArrayLike,
    factors: ArrayLike,
    test_codes: ArrayLike,
    test_factors: ArrayLike,
    predictor: str,
    sizes: Sequence[int] = DOWNSTREAM_SIZES,
    random_state: Optional[np.random.RandomState] = None,
) -> dict[str, Any]:
    """Measures how well factors are predicted from codes by few and by many rows.

    Args:
        codes: [n, num_latent]; the first rows are learnt from.
        factors: [n, num_factors].
        test_codes: [m, num_latent].
        test_factors: [m, num_factors].
        predictor: 'boosted_trees' or 'logistic_regression' (cross-validated).
        sizes: Numbers of rows to learn from; those above n are left out.
        random_state: What boosted trees draw from.

    Returns:
        Dictionary of '<size>:mean_train_accuracy', ':min_train_accuracy', the same
        with test, and ':train_accuracy_factor_<i>', ':test_accuracy_factor_<i>', in
        [0, 1], higher is better. None where some factor has a single value in the rows
        to learn from (for logistic regression, in a part of the cross-validation): the
        library's study stops with an error there.

    Examples:
        >>> y = np.array([[i, j] for i in range(2) for j in range(2)] * 25)
        >>> results = downstream_task(y, y, y, y, "boosted_trees", [100], 0)
        >>> float(results["100:mean_test_accuracy"])
        1.0
    """
    results = {}
    for size in sizes:
        if size > len(codes):
            continue
        x, y = codes[:size], factors[:size]
        if predictor == "boosted_trees":
            parts = [np.arange(size)]
        else:
            splits = model_selection.KFold(n_splits=5).split(x)
            parts = [learnt for learnt, _ in splits]
        if any((np.ptp(y[part], axis=0) == 0).any() for part in parts):
            withhold(
                results,
                [f"{size}:{which}" for which in _ACCURACIES],
                f"a factor has a single value in the {size} rows to learn from",
            )
            continue
        accuracies = {"train": [], "test": []}
        for label, test_label in zip(y.T, test_factors.T):
            model = _predictor(predictor, random_state).fit(x, label)
            accuracies["train"].append(np.mean(model.predict(x) == label))
            accuracies["test"].append(np.mean(model.predict(test_codes) == test_label))
        for part, values in accuracies.items():
            results[f"{size}:mean_{part}_accuracy"] = np.mean(values)
            results[f"{size}:min_{part}_accuracy"] = np.min(values)
            for i, value in enumerate(values):
                results[f"{size}:{part}_accuracy_factor_{i}"] = value
    return results


_ACCURACIES = (
    "mean_train_accuracy",
    "mean_test_accuracy",
    "min_train_accuracy",
    "min_test_accuracy",
)


def _predictor(name, random_state):
    if name == "boosted_trees":
        return _boosted_trees(random_state)
    folds = model_selection.KFold(n_splits=5)
    return estimators.logistic_regression_cv(Cs=10, cv=folds)


def beta_vae_score(
    sampler: Any,
    random_state: np.random.RandomState,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
) -> dict[str, Any]:
    """Measures BetaVAE's score: is the factor told that two sets of images share?

    Args:
        sampler: Has num_factors, sample_factors(num, random_state) and codes(factors,
            random_state), [num, num_latent].
        random_state: `numpy.random.RandomState`.
        batch_size: Pairs of images behind each point.
        num_train: Points to learn from.
        num_eval: Points to test on.

    Returns:
        Dictionary of train_accuracy and eval_accuracy in [0, 1], higher is better;
        1 / num_factors by chance. It cannot see whether a factor sits in one latent or
        in several.
    """

    def draw(num):
        labels = np.zeros(num, dtype=np.int64)
        points = []
        for i in range(num):
            labels[i] = random_state.randint(sampler.num_factors)
            pair = [sampler.sample_factors(batch_size, random_state) for _ in range(2)]
            pair[1][:, labels[i]] = pair[0][:, labels[i]]
            first, second = (sampler.codes(f, random_state) for f in pair)
            points.append(np.mean(np.abs(first - second), axis=0))
        return np.stack(points).astype(np.float64), labels

    if sampler.num_factors < 2:
        results = {}
        withhold(
            results, ["train_accuracy", "eval_accuracy"], "there is one factor only"
        )
        return results
    points, labels = draw(num_train)
    model = estimators.logistic_regression(random_state).fit(points, labels)
    train_accuracy = np.mean(model.predict(points) == labels)
    points, labels = draw(num_eval)
    return {
        "train_accuracy": train_accuracy,
        "eval_accuracy": np.mean(model.predict(points) == labels),
    }


def factor_vae_score(
    sampler: Any,
    random_state: np.random.RandomState,
    batch_size: int = 64,
    num_train: int = 10_000,
    num_eval: int = 5_000,
    num_variance_estimate: int = 10_000,
    threshold: float = 0.05,
) -> dict[str, Any]:
    """Measures FactorVAE's score: does the steadiest latent tell the fixed factor?

    Args:
        sampler: As `beta_vae_score`.
        random_state: `numpy.random.RandomState`.
        batch_size: Images behind each vote.
        num_train: Votes to learn from.
        num_eval: Votes to test on.
        num_variance_estimate: Images behind the latents' overall variances.
        threshold: Latents of less standard deviation do not vote.

    Returns:
        Dictionary of train_accuracy and eval_accuracy in [0, 1], higher is better, and
        num_voting_latents; all 0 if none varies enough. (`num_active_dims` of the
        library is the number of all latents.)
    """
    z = sampler.codes(
        sampler.sample_factors(num_variance_estimate, random_state), random_state
    )
    variance = np.var(z, axis=0, ddof=1)
    active = np.sqrt(variance) >= threshold
    if not active.any():
        return {"train_accuracy": 0.0, "eval_accuracy": 0.0, "num_voting_latents": 0}

    def vote(num):
        votes = np.zeros((sampler.num_factors, len(variance)), dtype=np.int64)
        for _ in range(num):
            fixed = random_state.randint(sampler.num_factors)
            factors = sampler.sample_factors(batch_size, random_state)
            factors[:, fixed] = factors[0, fixed]
            local = np.var(sampler.codes(factors, random_state), axis=0, ddof=1)
            votes[fixed, np.argmin(local[active] / variance[active])] += 1
        return votes

    votes = vote(num_train)
    learnt, latents = np.argmax(votes, axis=0), np.arange(len(variance))
    train_accuracy = votes[learnt, latents].sum() / votes.sum()
    votes = vote(num_eval)
    return {
        "train_accuracy": train_accuracy,
        "eval_accuracy": votes[learnt, latents].sum() / votes.sum(),
        "num_voting_latents": np.count_nonzero(active),
    }


def irs(
    codes: ArrayLike, factors: ArrayLike, num_bins: int = 20, quantile: float = 0.99
) -> dict[str, Any]:
    """Measures IRS: do other factors leave a latent alone once its own is fixed?

    Args:
        codes: [n, num_latent].
        factors: [n, num_factors].
        num_bins: Bins of a factor.
        quantile: Which deviation counts as the largest.

    Returns:
        Dictionary of IRS in [0, 1], higher is better, the mean over latents weighted by
        their largest deviation; None if all latents are constant.

    Examples:
        >>> y = np.array([[i, j] for i in range(4) for j in range(4)])
        >>> round(float(irs(y.astype(float), y)["IRS"]), 3)
        1.0
    """
    results = {}
    z = codes[:, codes.var(axis=0) > 0]
    if not z.shape[1]:
        withhold(results, ["IRS"], "every latent is constant")
        return results
    largest = np.abs(z - z.mean(axis=0)).max(axis=0)
    deviations = np.zeros((z.shape[1], factors.shape[1]))
    for j, factor in enumerate(scores_lib.discretise(factors, num_bins).T):
        groups = [z[factor == value] for value in np.unique(factor)]
        deviations[:, j] = np.mean(
            [
                np.percentile(np.abs(g - g.mean(axis=0)), 100 * quantile, axis=0)
                for g in groups
            ],
            axis=0,
        )
    scores = 1.0 - deviations / largest[:, None]
    return {"IRS": np.average(scores.max(axis=1), weights=largest)}
