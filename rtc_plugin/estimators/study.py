# SPDX-License-Identifier: Apache-2.0
"""The study of the total-correlation estimators: section 5 and appendix 1 of RTC-VAE.

A study is a list of cells. Each finished cell is a small file of its own below
`cells/`, so an interrupted study goes on where it stopped, and a study with a longer
list of targets computes only what is new.

#### References
[1] Regularized TC-VAE, 2020. https://arxiv.org/abs/2009.05739
"""

import json
import os
from typing import NamedTuple

import joblib
import pandas as pd
import threadpoolctl
import tqdm

from rtc_plugin.errors import UserError
from rtc_plugin.estimators import cells as cells_lib
from rtc_plugin.estimators import gaussian_population, summary
from rtc_plugin.files import whole_file
from rtc_plugin.visualize import estimators as figures

_MINIBATCH = ("raw", "naive", "mws", "mss0", "mss1", "mss_sym", "leave_one_out")


class Settings(NamedTuple):
    """What a study varies; every combination is a cell.

    Attributes:
        dims: Numbers of latents, D.
        batch_sizes: B.
        dataset_sizes: N.
        sigmas: Standard deviations of the noise.
        structures: Of the means' correlation.
        targets: Values of `target_on`.
        target_on: `det`, `tc_mean`, `tc_sample`, `shut` or `case`.
        estimators: Names, from `cells.ESTIMATORS`.
        repetitions: Batches per cell.
    """

    dims: tuple
    batch_sizes: tuple
    dataset_sizes: tuple
    sigmas: tuple
    structures: tuple
    targets: tuple
    target_on: str
    estimators: tuple
    repetitions: int


_DEFAULT = Settings(
    dims=(2, 4, 10),
    batch_sizes=(512,),
    dataset_sizes=(737280,),
    sigmas=(0.1,),
    structures=("equicorrelation",),
    targets=(0.0, 1.0),
    target_on="tc_sample",
    estimators=(*_MINIBATCH, "gaussian", "copula", "knn", "tree", "density_ratio"),
    repetitions=20,
)
STUDIES = {
    "figure2": _DEFAULT._replace(
        dims=(2, 4, 6, 8, 10),
        targets=tuple(i / 10 for i in range(11)),
        target_on="det",
        estimators=("raw", "naive", "mws", "mss0", "mss1", "knn", "density_ratio"),
    ),
    "dimension": _DEFAULT._replace(dims=(1, 2, 3, 4, 5, 6, 8, 10, 12, 16)),
    "batch": _DEFAULT._replace(
        batch_sizes=(16, 64, 256, 1024, 2048),
        estimators=(*_MINIBATCH, "gaussian", "knn", "tree"),
        repetitions=10,
    ),
    "sigma": _DEFAULT._replace(
        sigmas=(1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
        targets=(0.0, 1.0),
        target_on="shut",
        estimators=("naive", "mws", "mss0", "mss1", "mss_sym", "density_ratio"),
        repetitions=10,
    ),
    "shutdown": _DEFAULT._replace(
        dims=(10,),
        sigmas=(0.1, 1e-6),
        targets=tuple(float(i) for i in range(11)),
        target_on="shut",
        estimators=("naive", "mws", "mss0", "mss1", "mss_sym", "knn", "density_ratio"),
    ),
    "dataset_size": _DEFAULT._replace(
        dims=(2, 4, 6, 8),
        dataset_sizes=(1000, 5000, 20000, 100000),
        targets=(0.0,),
        estimators=("naive", "mws", "mss1", "mss_sym", "leave_one_out", "mixture"),
    ),
    "theorem1": _DEFAULT._replace(
        batch_sizes=(5000,),
        target_on="case",
        estimators=("gaussian", "copula", "knn"),
        repetitions=10,
    ),
    "gradient": _DEFAULT._replace(
        targets=(0.0, 0.5, 1.0, 1.5),
        estimators=(*_MINIBATCH, "gaussian", "density_ratio"),
        repetitions=10,
    ),
}
# structure, dims, sigmas, parameters: rho of the family, l of the noise's decay.
_THEOREM1_CASES = (
    ("figure1", (2,), (0.1,), (0.0,)),
    (
        "family",
        (2,),
        (0.1, 0.1**0.5, 1.0),
        (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 1.0),
    ),
    ("rank_one", (2, 4, 6, 8, 10), (0.1, 0.1**0.5, 1.0), (0.0,)),
    ("heteroscedastic", (2,), (0.1, 0.3, 1.0), (0.0, 1.0, 2.0)),
)


def plan(study, seed=0, discriminator_steps=1000, **options):
    """Returns the cells of a study.

    Args:
        study: A key of `STUDIES`.
        seed: Of everything random.
        discriminator_steps: Training budget of the density ratio.
        **options: Replace fields of the study's `Settings`; None is the default.

    Returns:
        The cells, and a list of lines, one for each combination that does not exist
        (a total correlation that the noise makes unreachable).

    Raises:
        UserError: An unknown study, estimator, structure or target, N < B, or no
            combination exists.
    """
    if study not in STUDIES:
        raise UserError(f"--study {study}: choose from {', '.join(STUDIES)}.")
    given = {name: value for name, value in options.items() if value is not None}
    settings = STUDIES[study]._replace(**given)
    _check(study, settings, given)
    if study == "theorem1":
        combinations = [
            (structure, dim, sigma, target)
            for structure, dims, sigmas, targets in _THEOREM1_CASES
            for dim in dims
            for sigma in sigmas
            for target in targets
        ]
    else:
        combinations = [
            (structure, dim, sigma, target)
            for structure in settings.structures
            for dim in settings.dims
            for sigma in settings.sigmas
            for target in settings.targets
            if settings.target_on != "shut" or target <= dim
        ]
    cells, missing = [], []
    for structure, dim, sigma, target in combinations:
        for batch_size in settings.batch_sizes:
            for dataset_size in settings.dataset_sizes:
                cell = cells_lib.Cell(
                    study,
                    structure,
                    dim,
                    batch_size,
                    dataset_size,
                    sigma,
                    target,
                    settings.target_on,
                    tuple(settings.estimators),
                    settings.repetitions,
                    seed,
                    discriminator_steps,
                )
                try:
                    if study != "theorem1":
                        cell.population()
                    cells.append(cell)
                except gaussian_population.UnreachableTarget as error:
                    missing.append(str(error))
    if not cells:
        raise UserError(f"--targets: {missing[0]}")
    return cells, sorted(set(missing))


def run(study, output_dir, workers=None, progress=True, **options):
    """Runs a study and writes its table, figure and summary.

    Below output_dir: `results.csv` and `results.parquet` (one row per cell and
    estimator, columns `cells.COLUMNS`; rows of other studies that are there
    stay), `STUDY.png` and `.svg`, `summary.md`, and `cells/`.

    Args:
        study: A key of `STUDIES`.
        output_dir: Folder, made if missing. Cells that are there are not recomputed.
        workers: Processes; all usable cores by default. The numbers do not depend on
            it.
        progress: Whether to show a progress bar.
        **options: Those of `plan`.

    Returns:
        The study's rows, a DataFrame.

    Raises:
        UserError: As `plan`, or the output folder cannot be written.
    """
    cells, missing = plan(study, **options)
    for line in missing:
        print(f"Left out: {line}")
    cell_dir = os.path.join(output_dir, "cells")
    try:
        os.makedirs(cell_dir, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output_dir {output_dir}: {error.strerror}.") from error
    waiting = [c for c in cells if not os.path.exists(_cell_path(cell_dir, c))]
    with tqdm.tqdm(
        total=len(cells),
        initial=len(cells) - len(waiting),
        desc=study,
        unit="cell",
        disable=not progress,
    ) as bar:
        for cell, rows in _evaluate_all(waiting, workers or joblib.cpu_count()):
            write_text(_cell_path(cell_dir, cell), json.dumps(rows))
            bar.update()
    rows = []
    for cell in cells:
        with open(_cell_path(cell_dir, cell), encoding="utf-8") as f:
            rows += json.load(f)
    results = pd.DataFrame(rows, columns=list(cells_lib.COLUMNS))
    write_results(results, output_dir, study)
    return results


def write_results(results, output_dir, study):
    """Writes a study's rows, its figure and the summary of all studies there."""
    table = write_table(results, output_dir, study)
    figures.save(figures.draw(study, results), os.path.join(output_dir, study))
    text = summary.summarise(table)
    write_text(os.path.join(output_dir, "summary.md"), text)


def write_table(results, output_dir, study):
    """Writes `results.csv` and `results.parquet`; keeps the rows of other studies.

    Returns:
        DataFrame of all rows.
    """
    path = os.path.join(output_dir, "results.csv")
    table = results
    if os.path.exists(path):
        others = pd.read_csv(path)
        others = others[others["study"] != study]
        if len(others):
            table = pd.concat([others, results], ignore_index=True)
    write_text(path, table.to_csv(index=False))
    with whole_file(os.path.join(output_dir, "results.parquet")) as partial:
        table.to_parquet(partial, index=False)
    return table


def write_text(path, text):
    """Writes a file whole or not at all."""
    with whole_file(path) as partial, open(partial, "w", encoding="utf-8") as f:
        f.write(text)


def _evaluate_all(cells, workers):
    """Yields each cell with its rows, as they are done."""
    # The slow cells first, so that no worker is left with one at the end.
    order = sorted(cells, key=lambda c: -c.dim * c.batch_size * c.dataset_size)
    workers = max(1, min(workers, len(cells)))
    parallel = joblib.Parallel(workers, return_as="generator_unordered")
    yield from parallel(joblib.delayed(_evaluate)(cell) for cell in order)


def _evaluate(cell):
    with threadpoolctl.threadpool_limits(1):
        return cell, cells_lib.evaluate(cell)


def _check(study, settings, given):
    for name in settings.estimators:
        if name not in cells_lib.ESTIMATORS:
            raise UserError(
                f"--estimators {name}: choose from {', '.join(cells_lib.ESTIMATORS)}."
            )
    if study == "theorem1":
        fixed = {"dims", "sigmas", "structures", "targets", "target_on"} & set(given)
        if fixed:
            raise UserError(
                f"--study theorem1 has cases of its own: leave out {', '.join(fixed)}."
            )
        return
    for name in settings.structures:
        if name not in gaussian_population.STRUCTURES:
            raise UserError(
                f"--structure {name}: choose from "
                f"{', '.join(gaussian_population.STRUCTURES)}."
            )
    shuts = STUDIES[study].target_on == "shut"
    if shuts and settings.target_on != "shut":
        raise UserError(
            f"--target_on: in --study {study} the targets are numbers of latents to "
            "shut; leave it out."
        )
    for target in settings.targets:
        if shuts and not (float(target).is_integer() and 0 <= target):
            raise UserError(f"--targets {target}: not a number of latents to shut.")
        if shuts and target > max(settings.dims):
            raise UserError(f"--targets {target:g}: more than --dims has latents.")
        if target < 0 or (settings.target_on == "det" and target > 1):
            raise UserError(f"--targets {target}: out of range for its --target_on.")
    for name, smallest in (
        ("dims", 1),
        ("batch_sizes", 2),
        ("dataset_sizes", max(settings.batch_sizes)),
        ("sigmas", 1e-300),
    ):
        for value in getattr(settings, name):
            if not value >= smallest:
                raise UserError(
                    f"--{_FLAGS.get(name, name)} {value}: at least {smallest}."
                )
    if settings.repetitions < 1:
        raise UserError(f"--repetitions {settings.repetitions}: at least 1.")


_FLAGS = {"dataset_sizes": "dataset_size", "sigmas": "sigma"}


def _cell_path(cell_dir, cell):
    return os.path.join(cell_dir, f"{cell.study}-{cell.key}.json")
