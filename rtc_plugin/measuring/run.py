# SPDX-License-Identifier: Apache-2.0
"""Runs the suite on arrays: metric by metric, in parallel, with intervals."""

import time

import joblib
import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.measures.results import estimating
from rtc_plugin.measuring import intervals, registry, report, suite

# Groups of metrics that `metrics` may name.
GROUPS = {
    "all": lambda metric: True,
    "tc": lambda metric: metric.is_tc,
}


def choose(metrics):
    """Returns the names of the metrics that `metrics` asks for, in the suite's order.

    Args:
        metrics: Name or names of groups, metrics or scores.

    Raises:
        UserError: A name is none of these.
    """
    wanted = set()
    for name in [metrics] if isinstance(metrics, str) else metrics:
        if name in GROUPS:
            wanted |= {key for key, m in suite.METRICS.items() if GROUPS[name](m)}
        elif name in suite.METRICS:
            wanted.add(name)
        elif name in registry.SCORES:
            wanted.add(registry.SCORES[name].metric)
        else:
            raise UserError(
                f"metrics: no such metric, {name!r}; these are all: "
                f"{', '.join([*GROUPS, *suite.METRICS])}, and the names of scores."
            )
    return [name for name in suite.METRICS if name in wanted]


def run(arrays, metrics="all", random_state=0, bootstrap=0, n_jobs=None):
    """Computes metrics; see `rtc_plugin.measure`.

    Args:
        arrays: `Arrays`.
        metrics: See `choose`.
        random_state: Seed of each metric.
        bootstrap: Half-samples behind the intervals, 0 for none.
        n_jobs: Processes, as joblib counts them.

    Returns:
        `Report`.
    """
    chosen = choose(metrics)
    lacking = {name: suite.missing(arrays, name) for name in chosen}
    able = [name for name in chosen if not lacking[name]]
    results, seconds = {}, {}
    bar = tqdm.tqdm(able, unit="metric", disable=None)
    for name, (found, took) in zip(bar, _each(able, arrays, random_state, n_jobs)):
        bar.set_description(name)
        results[name], seconds[name] = found, took
    bounds = {}
    if bootstrap:
        bounds = intervals.compute(arrays, results, bootstrap, random_state, n_jobs)
    return report.Report(
        arrays=arrays,
        results=results,
        lacking={name: what for name, what in lacking.items() if what},
        seconds=seconds,
        intervals=bounds,
        settings={
            "random_state": random_state,
            "bootstrap": bootstrap,
            "metrics": chosen,
        },
    )


def _each(names, arrays, seed, n_jobs):
    """Yields what `_compute` gives, in the order of the names."""
    local = [name for name in names if suite.METRICS[name].needs == suite.SAMPLER]
    # A sampler may be an encoder, which stays in its process.
    plain = arrays._replace(sampler=None)
    yield from joblib.Parallel(n_jobs=n_jobs, return_as="generator")(
        joblib.delayed(_compute)(name, plain, seed)
        for name in names
        if name not in local
    )
    for name in local:
        yield _compute(name, arrays, seed)


def _compute(name, arrays, seed):
    start = time.perf_counter()
    with estimating(name):
        found = suite.compute(name, suite.rows_of(name, arrays), seed)
    return found, time.perf_counter() - start
