# SPDX-License-Identifier: Apache-2.0
"""Training data whose factors are neither uniform nor independent.

In a gin file:

    training_data.sampling = @weighted_sampling
    weighted_sampling.marginals = {"scale": [8, 7, 6, 5, 4, 3, 2, 1]}
    weighted_sampling.dependent_factors = ("floor_hue", "wall_hue")
    weighted_sampling.strength = 0.5

This changes what a model is trained on. Metrics sample from `dataset.name`, which
stays uniform; to evaluate on the weighted distribution, bind
`dataset.name = "weighted"` and `weighted_data.name` to the name of the data set.
"""

import sys

import gin
import numpy as np
from disentanglement_lib.data.ground_truth import ground_truth_data as gtd

from rtc_plugin.errors import UserError


def monotone_coupling(p, q):
    """Returns the joint distribution [a, b] with marginals p and q that rises.

    It pairs low values with low values and high with high: of all joints with these
    marginals, the one with the largest correlation of the ranks.

    Args:
      p: Probabilities, shape [a].
      q: Probabilities, shape [b].
    """
    edges_p, edges_q = (np.concatenate([[0], np.cumsum(x)]) for x in (p, q))
    upper = np.minimum(edges_p[1:, None], edges_q[None, 1:])
    lower = np.maximum(edges_p[:-1, None], edges_q[None, :-1])
    return np.maximum(upper - lower, 0)


def mutual_information(joint):
    """Returns the mutual information of a joint distribution [a, b] in nats."""
    joint = joint / joint.sum()
    product = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    positive = joint > 0
    return float(np.sum(joint[positive] * np.log(joint[positive] / product[positive])))


class WeightedFactors(gtd.GroundTruthData):
    """A data set whose factors are drawn from given weights.

    The factors are independent with the given marginals, but for at most one pair. The
    pair's joint distribution is (1 - strength) * p q + strength * (monotone coupling of
    p and q): the marginals p and q stay what they are, and the mutual information
    grows from 0 at strength 0.

    Args:
      base: GroundTruthData that makes the observations.
      marginals: Dictionary from factor to weights, one non-negative number per value
        of the factor, not all zero; other factors are uniform. A factor is given by
        its name, if the data set names its factors, or by its position.
      dependent_factors: Two different factors, or None.
      strength: Number in [0, 1].

    Attributes:
      factor_mutual_information: Mutual information of the pair in nats; 0 if none.
      has_uniform_factors: Whether all combinations of factors are equally likely.

    Raises:
      UserError: If an argument is not as described.
    """

    def __init__(self, base, marginals=None, dependent_factors=None, strength=0.0):
        self._base = base
        sizes = base.factors_num_values
        self._marginals = [np.full(size, 1 / size) for size in sizes]
        for factor, weights in (marginals or {}).items():
            position = self._position(factor)
            self._marginals[position] = _normalised(factor, weights, sizes[position])
        self._cumulative = [_cumulative(p) for p in self._marginals]
        self.has_uniform_factors = dependent_factors is None and all(
            np.ptp(p) == 0 for p in self._marginals
        )
        self._pair = None
        self.factor_mutual_information = 0.0
        if not 0 <= strength <= 1:
            raise UserError(
                f"weighted_sampling.strength = {strength} must lie in [0, 1]."
            )
        if dependent_factors is not None:
            if len(dependent_factors) != 2:
                raise UserError(
                    "weighted_sampling.dependent_factors must be two factors, not "
                    f"{dependent_factors!r}."
                )
            first, second = (self._position(factor) for factor in dependent_factors)
            if first == second:
                raise UserError(
                    "weighted_sampling.dependent_factors must be two different factors."
                )
            p, q = self._marginals[first], self._marginals[second]
            joint = (1 - strength) * np.outer(p, q) + strength * monotone_coupling(p, q)
            self.factor_mutual_information = mutual_information(joint)
            # A row of weight zero is never drawn; any distribution will do there.
            rows = np.where(p[:, None] > 0, joint, 1)
            self._pair = first, second, np.stack([_cumulative(row) for row in rows])
        if hasattr(base, "images_at"):
            self.images_at = base.images_at
            self.pixel_maximum = base.pixel_maximum
            self.sample_indices = self._sample_indices

    @property
    def num_factors(self):
        """Number of factors of the base data set."""
        return self._base.num_factors

    @property
    def factors_num_values(self):
        """Number of values of each factor."""
        return self._base.factors_num_values

    @property
    def factor_names(self):
        """Names of the factors, where the base data set has them."""
        return getattr(self._base, "factor_names", None)

    @property
    def observation_shape(self):
        """Shape of an observation."""
        return self._base.observation_shape

    def sample_factors(self, num, random_state):
        """Samples factors [num, num_factors] from the weights."""
        # One row of uniforms per sample: the order of one-by-one draws.
        uniforms = random_state.random_sample((num, self.num_factors))
        factors = np.stack(
            [
                np.searchsorted(cumulative, uniforms[:, i], side="right")
                for i, cumulative in enumerate(self._cumulative)
            ],
            axis=-1,
        )
        if self._pair is not None:
            first, second, conditionals = self._pair
            below = conditionals[factors[:, first]] <= uniforms[:, second, None]
            factors[:, second] = below.sum(-1)
        return factors.astype(np.int64)

    def sample_observations_from_factors(self, factors, random_state):
        """Samples observations of the base data set."""
        return self._base.sample_observations_from_factors(factors, random_state)

    def _sample_indices(self, num, random_state):
        if self.num_factors == len(self._base.factor_sizes):
            factors = self.sample_factors(num, random_state)
            return self._base.sample_indices_from_factors(factors, random_state)
        # Factors that are not ground truth are drawn between one image and the next.
        return np.concatenate(
            [
                self._base.sample_indices_from_factors(
                    self.sample_factors(1, random_state), random_state
                )
                for _ in range(num)
            ]
        )

    def _position(self, factor):
        names = self.factor_names
        if names is not None and factor in names:
            return list(names).index(factor)
        if isinstance(factor, int) and 0 <= factor < self.num_factors:
            return factor
        known = ", ".join(names) if names is not None else "not named"
        raise UserError(
            f"weighted_sampling has no factor {factor!r}; the factors are {known}, or "
            f"positions 0 to {self.num_factors - 1}."
        )


def _normalised(factor, weights, size):
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (size,):
        raise UserError(
            f"weighted_sampling.marginals of {factor!r} must be {size} numbers, not "
            f"{weights.size}."
        )
    if not (np.all(weights >= 0) and 0 < weights.sum() < np.inf):
        raise UserError(
            f"weighted_sampling.marginals of {factor!r} must be finite numbers, none "
            "negative and not all zero."
        )
    return weights / weights.sum()


def _cumulative(p):
    cumulative = np.cumsum(p) / np.sum(p)
    # From the last value that has any weight on, so that rounding reaches no other.
    cumulative[np.flatnonzero(p)[-1] :] = 1
    return cumulative


@gin.configurable(denylist=["ground_truth_data"], module="rtc_plugin")
def weighted_sampling(
    ground_truth_data, marginals=None, dependent_factors=None, strength=0.0
):
    """Wraps a data set in `WeightedFactors` and reports what that did."""
    data = WeightedFactors(ground_truth_data, marginals, dependent_factors, strength)
    if dependent_factors is not None:
        first, second = dependent_factors
        print(
            f"Factors {first} and {second} are drawn with a mutual information of "
            f"{data.factor_mutual_information:.4f} nats",
            file=sys.stderr,
        )
    return data
