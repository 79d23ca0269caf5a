# SPDX-License-Identifier: Apache-2.0
import gin
import numpy as np
from disentanglement_lib.evaluation.abstract_reasoning import pgm_data


def test_reasoning_tasks_are_made_from_the_rendered_twin():
    gin.clear_config()
    gin.parse_config("dataset.name = 'shapes3d_rendered'\npgm.pgm_type = 'easy1'")
    instance = pgm_data.get_pgm_dataset().sample(np.random.RandomState(0))
    gin.clear_config()
    assert instance.get_context().shape == (8, 64, 64, 3)
