# SPDX-License-Identifier: Apache-2.0
import json
import pathlib

import numpy as np
import pytest
import synthetic_study
from PIL import Image

from rtc_plugin.report import page
from rtc_plugin.visualize import explorer


def write_explorer(folder, dataset, num_latent=10, steps=11, seed=0):
    """Makes the explorer of a model that never was: grey images of known brightness.

    Pixels of the walk along latent k at step s are 10 k + 5 s.
    """
    random = np.random.default_rng(seed)
    num_factors = synthetic_study.NUM_FACTORS[dataset]
    factors = random.integers(4, size=(200, num_factors))
    z_mean = random.standard_normal((200, num_latent))
    z_mean[:, 0] = factors[:, 0] + 0.1 * random.standard_normal(200)
    record = explorer.describe(factors, z_mean, np.full((200, num_latent), -4.0))
    record.update(
        dataset=dataset,
        factor_names=[f"factor_{j}" for j in range(num_factors)],
        image_size=[16, 16],
        walks={"steps": steps, "reach": 2.5, "spread": [1.0] * num_latent},
        reconstructions=4,
        curves={
            "step": [0.0, 50.0, 100.0],
            "tc_mean": [3.0, 2.0, 1.0],
            "tc_sample": [2.0, 1.0, 0.5],
        },
        gin="# a </script> in a comment\nmodel.random_seed = 0\n",
    )
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    (folder / explorer.FILE).write_text(json.dumps(record))
    brightness = 10 * np.arange(num_latent)[:, None] + 5 * np.arange(steps)
    for name, cells in (
        ("walks", brightness),
        ("reconstructions", np.full((2, 4), 99)),
    ):
        pixels = np.kron(cells, np.ones((16, 16)))
        Image.fromarray(np.uint8(pixels)).save(folder / f"{name}.jpg")


@pytest.fixture(scope="session")
def study_table():
    """The table of 12 models of one data set."""
    return synthetic_study.study_table(seeds=1, datasets=["shapes3d_rendered"])


@pytest.fixture(scope="session")
def study_root(study_table, tmp_path_factory):
    """The study's folder, with explorers of four models."""
    root = tmp_path_factory.mktemp("study")
    models = study_table.drop_duplicates("folder")
    for i in (0, 3, 9, 11):
        row = models.iloc[i]
        write_explorer(root / row["folder"] / "explorer", row["dataset"], seed=i)
    return str(root)


@pytest.fixture(scope="session")
def study_page(study_table, study_root, tmp_path_factory):
    """The page of `study_root`."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    page.write_page(study_table, study_root, str(path))
    return path
