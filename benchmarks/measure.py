# SPDX-License-Identifier: Apache-2.0
"""Times `rtc_plugin.measure` on 10,000 codes of ten latents and six factors.

    python benchmarks/measure.py --n_jobs=2

Prints the wall time of everything and of the total correlations alone, and each
metric's own. The codes are linear in the factors, with noise, and two latents are dead.
"""

import argparse
import os
import time

import numpy as np

from rtc_plugin import measure

SIZES = (10, 10, 10, 8, 4, 15)


def make_codes(num_rows=10_000):
    """Returns means, log variances and factors."""
    random = np.random.default_rng(0)
    factors = np.stack([random.integers(size, size=num_rows) for size in SIZES], axis=1)
    unit = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    z_mean = 0.6 * unit @ random.standard_normal((len(SIZES), 10))
    z_mean += 0.3 * random.standard_normal(z_mean.shape)
    z_logvar = np.full(z_mean.shape, -2.0)
    z_mean[:, 8:], z_logvar[:, 8:] = 0.05 * z_mean[:, 8:], 0.0
    return z_mean.astype(np.float32), z_logvar.astype(np.float32), factors


def main():
    """Prints the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n_jobs", type=int)
    n_jobs = parser.parse_args().n_jobs
    z_mean, z_logvar, factors = make_codes()
    for metrics in ("tc", "all"):
        start, used = time.perf_counter(), sum(os.times()[:4])
        report = measure(
            z_mean, factors, logvar=z_logvar, metrics=metrics, n_jobs=n_jobs
        )
        wall, used = time.perf_counter() - start, sum(os.times()[:4]) - used
        print(
            f"{metrics}: {wall:.1f} s, {used:.1f} s of processors, load "
            f"{os.getloadavg()[0]:.1f}"
        )
        for name, seconds in report.seconds.items():
            print(f"    {name:36} {seconds:6.1f} s")


if __name__ == "__main__":
    main()
