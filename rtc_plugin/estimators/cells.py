# SPDX-License-Identifier: Apache-2.0
"""One cell of the estimator study: a population, a batch size, all estimators.

A cell is computed from its own fields alone, with random numbers seeded by them, so
its rows do not depend on the order, the machine's load or the number of workers.
"""

import dataclasses
import hashlib
import json
import math
import time

import numpy as np

from rtc_plugin import total_correlation
from rtc_plugin.estimators import gaussian_population, theorem1

COLUMNS = (
    "study",
    "structure",
    "dim",
    "batch_size",
    "dataset_size",
    "sigma",
    "target",
    "det",
    "tc_mean_true",
    "tc_sample_true",
    "estimator",
    "mean",
    "stderr",
    "repetitions",
    "seconds",
)
SAMPLE_ESTIMATORS = {
    "gaussian": total_correlation.gaussian,
    "copula": total_correlation.copula,
    "knn": total_correlation.knn,
    "tree": lambda z: total_correlation.tree(z).value,
}
DENSITY_RATIO = "density_ratio"
MIXTURE = "mixture"
ESTIMATORS = (
    *total_correlation.ESTIMATORS,
    *SAMPLE_ESTIMATORS,
    DENSITY_RATIO,
    MIXTURE,
)
# Weights of one value: the others follow from raw by (D-1) times a logarithm.
_CONSTANT = ("raw", "naive", "mws")
_DISCRIMINATOR_BATCH = 256
_HELD_OUT = 20000


@dataclasses.dataclass(frozen=True)
class Cell:
    """What one cell of a study needs to know.

    Attributes:
        study: Name of the study.
        structure: Structure of the means' correlation, or of `theorem1`'s case.
        dim: Number of latents, D.
        batch_size: B.
        dataset_size: N.
        sigma: Standard deviation of the noise.
        target: What `target_on` is set to.
        target_on: `det`, `tc_mean`, `tc_sample`, `shut` (the number of latents that are
            collapsed, the others independent) or `case` (theorem 1).
        estimators: Names, from `ESTIMATORS`.
        repetitions: Batches that are averaged.
        seed: Of everything random.
        discriminator_steps: Training budget of the density ratio; each step sees 256
            fresh samples of either kind.
        mixture_samples: Draws for the exact value of a finite data set.
    """

    study: str
    structure: str
    dim: int
    batch_size: int
    dataset_size: int
    sigma: float
    target: float
    target_on: str
    estimators: tuple
    repetitions: int
    seed: int
    discriminator_steps: int = 1000
    mixture_samples: int = 1000

    @property
    def key(self):
        """A name that no other cell has."""
        text = json.dumps(dataclasses.astuple(self))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def random(self, *purpose):
        """Returns a generator for one purpose (integers) in this cell."""
        # Leaving an estimator out must not change the others' numbers.
        fields = dataclasses.replace(
            self,
            estimators=(),
            repetitions=0,
            discriminator_steps=0,
            mixture_samples=0,
        )
        return np.random.default_rng([int(fields.key, 16), *purpose])

    def population(self):
        """Returns the law of the encodings.

        Raises:
            UnreachableTarget: No strength of the structure meets the target.
        """
        if self.target_on == "shut":
            whole = gaussian_population.at_strength(
                self.structure, self.dim, 0.0, self.sigma
            )
            return whole.shut(int(self.target))
        return gaussian_population.at_target(
            self.structure, self.dim, self.target, self.target_on, self.sigma, self.seed
        )


def evaluate(cell):
    """Returns the rows of a cell, dictionaries with the keys `COLUMNS`."""
    special = {
        "dataset_size": _evaluate_finite,
        "gradient": _evaluate_gradient,
        "theorem1": _evaluate_theorem1,
    }
    return special.get(cell.study, _evaluate_population)(cell)


def _evaluate_population(cell):
    """Fresh means in every batch; N enters by the weights alone."""
    population = cell.population()
    table = _Table(cell, population.det, population.tc_mean, population.tc_sample)
    for repetition in range(cell.repetitions):
        batch = population.draw(cell.random(0, repetition), cell.batch_size)
        table.add_batch(batch)
    if DENSITY_RATIO in cell.estimators:
        start = time.perf_counter()
        estimate = density_ratio(population, cell.random(1), cell.discriminator_steps)[
            0
        ]
        table.add(DENSITY_RATIO, estimate.value, estimate.standard_error, 1, start)
    return table.rows()


def _evaluate_finite(cell):
    """One data set of N encodings; batches are drawn from it without replacement."""
    population = cell.population()
    table = _Table(cell, population.det, population.tc_mean, population.tc_sample)
    _, z_mean, z_logvar = population.draw(cell.random(3), cell.dataset_size)
    z_logvar = np.ascontiguousarray(z_logvar)
    for repetition in range(cell.repetitions):
        random = cell.random(0, repetition)
        index = random.choice(cell.dataset_size, cell.batch_size, replace=False)
        noise = random.standard_normal((cell.batch_size, cell.dim))
        z = z_mean[index] + population.sigma * noise
        table.add_batch((z, z_mean[index], z_logvar[index]))
    if MIXTURE in cell.estimators:
        start = time.perf_counter()
        value, error = total_correlation.mixture(
            z_mean, z_logvar, cell.mixture_samples, cell.random(4)
        )
        table.add(MIXTURE, value, error, cell.mixture_samples, start)
    return table.rows()


def _evaluate_gradient(cell):
    """Derivatives of the expected estimate, by central differences on fixed noise.

    Two rows per estimator: `NAME/d_log_sigma`, how the estimate answers to scaling the
    noise of one latent, and `NAME/d_tc`, how much of a change in the true total
    correlation (made by the structure's strength) it sees: 1 is right, 0 is blind.
    """
    step = 1e-3
    population = cell.population()
    ends = {"d_log_sigma": []}
    for sign in (1, -1):
        sigma = population.sigma.copy()
        sigma[0] *= math.exp(sign * step)
        ends["d_log_sigma"].append(population._replace(sigma=sigma))
    if population.tc_sample > 0:
        width = 0.01 * population.tc_sample
        ends["d_tc"] = [
            gaussian_population.at_target(
                cell.structure,
                cell.dim,
                population.tc_sample + sign * width,
                "tc_sample",
                cell.sigma,
                cell.seed,
            )
            for sign in (1, -1)
        ]

    table = _Table(cell, population.det, population.tc_mean, population.tc_sample)
    network = None
    if DENSITY_RATIO in cell.estimators:
        _, network = density_ratio(population, cell.random(1), cell.discriminator_steps)
    for name, pair in ends.items():
        span = 2 * step
        if name == "d_tc":
            span = pair[0].tc_sample - pair[1].tc_sample
        slope = (pair[0].tc_sample - pair[1].tc_sample) / span
        table.add(f"exact/{name}", slope, 0.0, 1)
        for repetition in range(cell.repetitions):
            random = cell.random(0, repetition)
            noise = random.standard_normal((2, cell.batch_size, cell.dim))
            values = [
                _estimate(p.encode(*noise), cell, network, table.seconds) for p in pair
            ]
            for estimator in values[0]:
                difference = (values[0][estimator] - values[1][estimator]) / span
                table.values[f"{estimator}/{name}"].append(difference)
    return table.rows()


def _evaluate_theorem1(cell):
    """The paper's Figure 1, the families with bounded TC(z), the singular means."""
    case = theorem1.case(cell.structure, cell.dim, cell.sigma, cell.target)
    table = _Table(cell, case.det, case.tc_mean, case.tc_sample)
    table.add("exact_gaussian", case.gaussian_tc_sample, 0.0, 1)
    for repetition in range(cell.repetitions):
        table.add_batch(case.draw(cell.random(0, repetition), cell.batch_size))
    return table.rows()


class _Table:
    """Collects a cell's estimates and turns them into rows."""

    def __init__(self, cell, det, tc_mean, tc_sample):
        self._cell = cell
        self._common = {
            "det": det,
            "tc_mean_true": tc_mean,
            "tc_sample_true": tc_sample,
        }
        self._rows = []
        self.values = _Lists()
        self.seconds = {}

    def add(self, estimator, mean, stderr, repetitions, start=None):
        """Adds a row that is no mean over batches."""
        seconds = 0.0 if start is None else time.perf_counter() - start
        self._append(estimator, mean, stderr, repetitions, seconds)

    def add_batch(self, batch):
        """Adds one batch's estimates to the means."""
        for estimator, value in _estimate(
            batch, self._cell, None, self.seconds
        ).items():
            self.values[estimator].append(value)

    def rows(self):
        """Returns all rows."""
        for estimator, values in self.values.items():
            stderr = math.nan
            if len(values) > 1:
                stderr = np.std(values, ddof=1) / math.sqrt(len(values))
            seconds = self.seconds.get(estimator.partition("/")[0], 0.0)
            self._append(estimator, np.mean(values), stderr, len(values), seconds)
        self.values = _Lists()
        return self._rows

    def _append(self, estimator, mean, stderr, repetitions, seconds):
        row = {name: getattr(self._cell, name, None) for name in COLUMNS}
        row.update(self._common)
        row.update(
            estimator=estimator,
            mean=float(mean),
            stderr=float(stderr),
            repetitions=repetitions,
            seconds=round(seconds, 4),
        )
        self._rows.append(row)


class _Lists(dict):
    def __missing__(self, key):
        self[key] = []
        return self[key]


def _estimate(batch, cell, network, seconds):
    """Returns all estimates from one batch, by name, and adds to their seconds."""
    values = {}
    raw = None
    for estimator in cell.estimators:
        start = time.perf_counter()
        if estimator in _CONSTANT:
            if raw is None:
                raw = total_correlation.minibatch(*batch, "raw")
            weights = total_correlation.minibatch_weights(
                cell.batch_size, estimator, cell.dataset_size
            )
            values[estimator] = raw - (cell.dim - 1) * math.log(weights.base)
        elif estimator in total_correlation.ESTIMATORS:
            values[estimator] = total_correlation.minibatch(
                *batch, estimator, cell.dataset_size
            )
        elif estimator in SAMPLE_ESTIMATORS:
            values[estimator] = SAMPLE_ESTIMATORS[estimator](batch[0])
        elif estimator == DENSITY_RATIO and network is not None:
            values[estimator] = float(np.mean(network.logits(batch[0])))
        else:
            continue
        elapsed = time.perf_counter() - start
        seconds[estimator] = seconds.get(estimator, 0.0) + elapsed
    return values


def density_ratio(population, random, num_steps):
    """Estimates total correlation by a discriminator that sees fresh samples only.

    Args:
        population: Has `draw(random, n)`, whose first result is z, `draw_independent(
            random, n)`, and the latents' `center` and `scale`.
        random: `numpy.random.Generator`.
        num_steps: Training steps, each on 256 samples of either kind; the learning
            rate falls linearly from 3e-3 to 0.

    Returns:
        The `HeldOutEstimate` on 20000 more samples, and the discriminator.
    """
    network = total_correlation.Discriminator(
        population.center, population.scale, random, hidden=(64, 64)
    )

    def draw(num_samples):
        joint = population.draw(random, num_samples)[0]
        return joint, population.draw_independent(random, num_samples)

    for step in range(num_steps):
        network.step(*draw(_DISCRIMINATOR_BATCH), 3e-3 * (1.0 - step / num_steps))
    network.calibrate(*draw(_HELD_OUT))
    return network.estimate(*draw(_HELD_OUT)), network
