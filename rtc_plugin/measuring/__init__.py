# SPDX-License-Identifier: Apache-2.0
"""Codes of any model in, the library's numbers out. See `measure`."""


def measure(
    codes,
    factors=None,
    *,
    logvar=None,
    samples=None,
    discrete_factors="auto",
    discrete_latents="auto",
    factor_names=None,
    metrics="all",
    random_state=0,
    bootstrap=0,
    n_jobs=None,
    sampler=None,
):
    """Measures the codes of a model of any framework.

    Without factors it gives what needs none: total correlations of means and of
    samples, their gap, active latents, the exact mixture and the parts of the KL. With
    them, the metrics of disentanglement as well. `rtc_plugin.measuring.registry` says
    of each score its unit, range, direction, definition and what it cannot see; so does
    the report's `to_frame()`.

    Args:
        codes: [n, num_latent] numbers, the means of the encodings (or the codes of a
            deterministic encoder), a row per image.
        factors: [n, num_factors] ground-truth factors of the images, array or
            DataFrame, of numbers or text.
        logvar: [n, num_latent] log variances of a Gaussian encoder.
        samples: [n, num_latent], one draw z ~ q(z|x) per image, of an encoder that is
            not Gaussian; instead of logvar.
        discrete_factors: Which factors take few values: True, False, a list of names,
            or 'auto': all but floating-point columns whose values hardly repeat. The
            others are put into 20 bins of equal width wherever values are counted.
        discrete_latents: Whether each latent takes few values (quantised codes); 'auto'
            looks.
        factor_names: [num_factors] names; a DataFrame has its own.
        metrics: 'all', 'tc' (total correlations), or names of metrics or scores.
        random_state: Seed. Every metric starts from it anew, so that its numbers do not
            depend on which others are computed.
        bootstrap: How many resamples of the images the 95 % intervals come from, 200
            say; 0 for no intervals. They are random halves of the rows: copies, as the
            bootstrap proper has them, break nearest neighbours, what is tested on rows
            that it has not learnt, and counts (see `rtc_plugin.measuring.intervals`).
            Each takes about half of a metric's time.
        n_jobs: Processes, as joblib counts them (-1 for all cores); None for one. The
            numbers do not depend on it.
        sampler: What draws codes of images with given factors, for the scores of
            BetaVAE and FactorVAE: has `num_factors`, `sample_factors(num,
            random_state)` and `codes(factors, random_state)`. If the rows are all
            combinations of their factors, once each, a table of them serves.

    Returns:
        `rtc_plugin.measuring.report.Report`: print it; `.scores["mig"].value`.

    Raises:
        rtc_plugin.errors.UserError: One line: an array's name, what was found there and
            what is needed.

    Examples:
        >>> import numpy as np
        >>> random = np.random.default_rng(0)
        >>> z = random.standard_normal((1000, 2)) @ [[1.0, 0.8], [0.0, 0.6]]
        >>> report = measure(z, logvar=np.zeros((1000, 2)), metrics="tc_disparity")
        >>> print(f"{report.scores['tc_mean'].value:.1f} nats")
        0.5 nats
    """
    # Only now: importing this must be fast, and scikit-learn takes a second.
    from rtc_plugin.measuring import arrays, run

    checked = arrays.check(
        codes,
        factors,
        logvar,
        samples,
        discrete_factors,
        discrete_latents,
        factor_names,
        sampler,
        random_state,
    )
    return run.run(checked, metrics, random_state, bootstrap, n_jobs)
