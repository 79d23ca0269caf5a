# SPDX-License-Identifier: Apache-2.0
"""The encodings of a set of images, which the measures start from."""

from typing import NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike

from rtc_plugin.errors import UserError
from rtc_plugin.total_correlation.checks import precision_of

MEAN_AND_LOGVAR, MEAN, SAMPLED = "mean_and_logvar", "mean", "sampled"


class Codes(NamedTuple):
    """Encodings of n images and the factors that the images were made from.

    Attributes:
        representation: `MEAN_AND_LOGVAR`, `MEAN` or `SAMPLED`.
        factors: [n, num_factors] integers.
        z_mean: [n, num_latent] means; None if the representation is `SAMPLED`.
        z_logvar: [n, num_latent] log variances, None unless `MEAN_AND_LOGVAR`.
        z_sampled: [n, num_latent], one draw per image; None unless `SAMPLED`.
        precision: Floating-point type that the encodings were computed in. The arrays
            are float64, but no more exact than this.
        whole_dataset: Whether these are all images of the data set, once each.
    """

    representation: str
    factors: np.ndarray
    z_mean: Optional[np.ndarray] = None
    z_logvar: Optional[np.ndarray] = None
    z_sampled: Optional[np.ndarray] = None
    precision: np.dtype = np.dtype(np.float64)
    whole_dataset: bool = False

    @property
    def plain(self):
        """The means, or the sampled codes where there are no means."""
        return self.z_sampled if self.z_mean is None else self.z_mean

    def draw(self, random):
        """Returns one draw of z per image, [n, num_latent]; None if that is unknown.

        Args:
            random: `numpy.random.Generator`; a sampled representation needs none.
        """
        if self.z_logvar is None:
            return self.z_sampled
        noise = random.standard_normal(self.z_mean.shape)
        return self.z_mean + np.exp(0.5 * self.z_logvar) * noise

    def head(self, num_samples):
        """Returns the first `num_samples` of the encodings."""
        return self._replace(
            whole_dataset=self.whole_dataset and num_samples >= len(self.factors),
            **{
                name: value[:num_samples]
                for name, value in self._asdict().items()
                if isinstance(value, np.ndarray)
            },
        )


def codes_from_array(array: ArrayLike, factors: ArrayLike, plain: str = MEAN) -> Codes:
    """Makes `Codes` of a representation, checking it.

    Args:
        array: [n, num_latent] or [n, 2, num_latent] representation.
        factors: [n, num_factors] integers.
        plain: What an array of rank 2 holds, `MEAN` or `SAMPLED`.

    Returns:
        `Codes`, float64, of the `precision` that `checks.precision_of` finds.

    Raises:
        UserError: The representation is not finite, has no rank of 2 or 3, or has as
            many latents as there are samples.

    Examples:
        >>> codes = codes_from_array(np.zeros((4, 2, 3)), np.zeros((4, 1)))
        >>> codes.representation, codes.z_mean.shape
        ('mean_and_logvar', (4, 3))
    """
    given = np.asarray(array)
    array = given.astype(np.float64)
    if array.ndim != 2 and (array.ndim != 3 or array.shape[1] != 2):
        raise UserError(
            f"the representation has shape {list(array.shape)}; metrics need "
            "[n, num_latent], or [n, 2, num_latent] as mean_and_logvar_representation "
            "gives it."
        )
    if not np.all(np.isfinite(array)):
        latents = np.flatnonzero(~np.isfinite(array).all(axis=(0, 1)[: array.ndim - 1]))
        raise UserError(
            f"the representation is not finite in latents {latents.tolist()}; the "
            "training has probably diverged."
        )
    num_samples, num_latent = len(array), array.shape[-1]
    if num_samples <= num_latent:
        raise UserError(
            f"num_train={num_samples} must be larger than the number of latents, "
            f"{num_latent}."
        )
    factors = np.asarray(factors)
    # Of the means: log variances may have been made of something else.
    precision = precision_of(given[:, 0] if array.ndim == 3 else given)
    if array.ndim == 3:
        z_mean, z_logvar = array[:, 0], array[:, 1]
        return Codes(MEAN_AND_LOGVAR, factors, z_mean, z_logvar, precision=precision)
    if plain == SAMPLED:
        return Codes(SAMPLED, factors, z_sampled=array, precision=precision)
    return Codes(MEAN, factors, z_mean=array, precision=precision)


def gaussian_codes(
    z_mean: ArrayLike, z_logvar: ArrayLike, factors: Optional[ArrayLike] = None
) -> Codes:
    """Makes `Codes` of a Gaussian encoder's output, checking it.

    Args:
        z_mean: [n, num_latent] means.
        z_logvar: [n, num_latent] log variances.
        factors: [n, num_factors] integers, for the measures that ask for them.

    Returns:
        `Codes`, as `codes_from_array`.

    Raises:
        UserError: As `codes_from_array`.

    Examples:
        >>> codes = gaussian_codes(np.zeros((4, 2)), np.zeros((4, 2)))
        >>> codes.draw(np.random.default_rng(0)).shape
        (4, 2)
    """
    factors = np.zeros((len(z_mean), 0), int) if factors is None else factors
    return codes_from_array(np.stack([z_mean, z_logvar], axis=1), factors)


def check_num_samples(name: str, num_samples: int, minimum: int) -> None:
    """Refuses fewer images than a measure has values for.

    Args:
        name: The measure.
        num_samples: Number of images.
        minimum: Fewest that it takes.

    Raises:
        UserError: There are fewer.
    """
    if num_samples < minimum:
        raise UserError(
            f"{name}: {num_samples} images are too few for neighbour estimates; set "
            f"num_train to {minimum} or more, 5000 as in the paper."
        )
