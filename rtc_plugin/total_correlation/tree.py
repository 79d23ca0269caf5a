# SPDX-License-Identifier: Apache-2.0
"""A lower bound on total correlation that sees sparse dependence.

For every tree over the latents, TC(z) = KL(q || q_tree) + sum over its edges of
I(z_i; z_j), where q_tree is the law with that tree of dependences and q's pairs. The
divergence is not negative, so the sum over the maximum spanning tree (that of Chow and
Liu [1]) is the best lower bound of the kind. Two latents at a time, neighbours see
nearly everything; in ten they miss what only a few of them share. The bound is blind
to what no pair shows, such as a parity of three latents.

Under independence the ranks of two latents without ties are a random permutation of
each other, whatever their laws. So one null sample of `knn` on shuffled pairs of normal
scores, which depends on n and k alone, serves every pair of every data set, and is
kept. Pairs of discrete latents that the sample covers are counted instead (`discrete`);
2n times their information is chi-squared with (a-1)(b-1) degrees of freedom, shifted.

#### References
[1] Chow, Liu. Approximating discrete probability distributions with dependence trees.
    IEEE Trans. Inf. Theory 14, 1968.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from rtc_plugin.total_correlation import checks, neighbours
from rtc_plugin.total_correlation.checks import Seed
from rtc_plugin.total_correlation.discrete import counts_null

# The null sample's size: many for few rows, where it is skewed and cheap.
_MAX_NULL_ROWS = 5000
_NULL_WORK = 200_000
_NULL_SIZES = (100, 1000)


class TreeBound(NamedTuple):
    """A lower bound on total correlation and the pairs that it comes from.

    Attributes:
        value: Nats, >= 0: the sum over `edges`.
        p_value: Of independence of all latents; NaN if no permutations were asked for.
        edges: List of (i, j, nats) with i < j, the strongest first: the edges of the
            maximum spanning tree that independence does not explain.
        information: [num_latent, num_latent] symmetric, nats, of all pairs; NaN on the
            diagonal, 0 for constant latents.
    """

    value: float
    p_value: float
    edges: list
    information: np.ndarray


def tree(
    samples: ArrayLike,
    num_neighbours: int = 10,
    num_permutations: int = 0,
    random_state: Seed = 0,
    level: float = 0.05,
) -> TreeBound:
    """Returns a lower bound on total correlation, in nats.

    It is an estimate of the bound: where all dependence is in the tree it may exceed
    the total correlation by its own error, some hundredths of a nat on 5000 samples.
    Where many trees are as good as each other, the largest is high by chance (1.97 for
    1.85 in ten equicorrelated latents, of a total correlation of 3).

    Args:
        samples: [num_samples, num_latent] array; latents may be continuous, discrete
            or both, see `knn`.
        num_neighbours: k of the pairs' informations; larger than for `knn`, since in
            two dimensions the bias is small.
        num_permutations: If positive, the sum over the whole spanning tree is compared
            with that of so many sets of pairs drawn from the null. The p-value is
            (1 + #{null >= sum}) / (1 + num_permutations). The draws cost little, but
            take the pairs for independent of each other.
        random_state: Seed, RandomState or Generator of ties and of the null's draws.
        level: An edge counts if its information exceeds the 1 - level / num_pairs
            quantile of the null, so that independent latents score 0 in all but about
            this share of samples.

    Returns:
        `TreeBound`; value 0 without edges if fewer than two latents vary.

    Raises:
        ValueError: `samples` is no finite matrix, or holds too few distinct rows for
            num_neighbours; `level` is not between 0 and 1.
    """
    checks.positive_integer(num_permutations, "num_permutations", minimum=0)
    if not 0.0 < level < 1.0:
        raise checks.InputError(f"level must be between 0 and 1, got {level!r}.")
    random_state = neighbours.own_generator(random_state)
    samples = checks.matrix(samples, "samples")
    latents = neighbours.prepare(samples, num_neighbours, "normal_scores", random_state)
    num_latent, num_varying = samples.shape[1], len(latents.names)
    information = np.zeros((num_latent, num_latent))
    np.fill_diagonal(information, np.nan)
    if num_varying < 2:
        p_value = 1.0 if num_permutations else np.nan
        return TreeBound(0.0, p_value, [], information)

    pairs = np.stack(np.triu_indices(num_varying, 1), axis=1)
    chosen = [latents.select(pair) for pair in pairs]
    values = np.array([neighbours.information(p, num_neighbours) for p in chosen])
    nulls = [pair_null(pair, num_neighbours) for pair in chosen]
    thresholds = [null.ppf(1.0 - level / len(pairs)) for null in nulls]

    names = latents.names[pairs]
    information[tuple(names.T)] = information[tuple(names.T[::-1])] = values
    in_tree = _spanning_trees(values[None], pairs, num_varying)[0]
    kept = [e for e in in_tree if values[e] > thresholds[e]]
    kept.sort(key=lambda e: -values[e])
    edges = [(int(names[e, 0]), int(names[e, 1]), float(values[e])) for e in kept]

    p_value = np.nan
    if num_permutations:
        draws = np.stack(
            [null.rvs(num_permutations, random_state=random_state) for null in nulls],
            axis=1,
        )
        chance = _spanning_trees(draws, pairs, num_varying)
        chance = np.take_along_axis(draws, chance, axis=1).sum(axis=1)
        exceeding = np.count_nonzero(chance >= values[in_tree].sum())
        p_value = (1 + exceeding) / (1 + num_permutations)
    return TreeBound(float(sum(e[2] for e in edges)), p_value, edges, information)


def _spanning_trees(values, pairs, num_latent):
    """Returns the pairs of maximum spanning trees, by Prim's algorithm.

    Args:
        values: [num_sets, num_pairs] weights.
        pairs: [num_pairs, 2] latents, all pairs of them.
        num_latent: Number of latents.

    Returns:
        [num_sets, num_latent - 1] numbers of pairs.
    """
    sets = np.arange(len(values))
    number = np.zeros((num_latent, num_latent), dtype=int)
    number[tuple(pairs.T)] = number[tuple(pairs.T[::-1])] = np.arange(len(pairs))
    # The best link of every latent to the tree, which starts with the first latent.
    link = np.tile(number[0], (len(values), 1))
    strength = values[:, number[0]]
    strength[:, 0] = -np.inf
    found = []
    for _ in range(num_latent - 1):
        new = strength.argmax(axis=1)
        found.append(link[sets, new])
        strength[sets, new] = -np.inf
        through = values[sets[:, None], number[new]]
        is_better = (through > strength) & np.isfinite(strength)
        link = np.where(is_better, number[new], link)
        strength = np.where(is_better, through, strength)
    return np.stack(found, axis=1)


def pair_null(pair: neighbours.Latents, num_neighbours: int) -> Any:
    """Returns the law of a pair's estimated information under independence."""
    num_samples = len(pair.z)
    if not pair.is_counted:
        return _neighbours_null(num_samples, num_neighbours)
    a, b = (len(np.unique(latent)) for latent in pair.labels.T)
    # Shuffles correct the mean, which is off where a value is expected but a few times.
    df, scale = (a - 1) * (b - 1), 0.5 / num_samples
    return stats.chi2(df, counts_null(pair.labels) - df * scale, scale)


@functools.lru_cache(maxsize=64)
def _neighbours_null(num_samples, num_neighbours):
    """Returns the law of `knn` on pairs of shuffled normal scores."""
    random = np.random.default_rng(0)
    num_rows = min(num_samples, _MAX_NULL_ROWS)
    grid = np.tile(np.arange(num_rows)[:, None], (1, 2))
    null = []
    for _ in range(int(np.clip(_NULL_WORK // num_rows, *_NULL_SIZES))):
        z = neighbours.normal_scores(random.permuted(grid, axis=0), random)
        null.append(neighbours.kraskov(z, num_neighbours))
    spread = np.std(null, ddof=1) * np.sqrt(num_rows / num_samples)
    # With many rows the null is symmetric; a negative skewness is noise.
    skew = max(0.0, stats.skew(null))
    return stats.pearson3(skew, loc=np.mean(null), scale=spread)
