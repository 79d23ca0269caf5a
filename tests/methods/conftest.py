# SPDX-License-Identifier: Apache-2.0
import gin
import pytest
import tiny_models


@pytest.fixture
def tiny_model_bindings():
    """Has gin know all of a tiny model but which it is."""
    gin.clear_config()
    gin.parse_config(tiny_models.BINDINGS)
    yield
    gin.clear_config()
