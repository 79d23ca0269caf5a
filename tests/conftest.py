# SPDX-License-Identifier: Apache-2.0
"""The order of the files, for processes that share them."""

# They take a minute or more each; one begun last would keep all others waiting.
SLOWEST = (
    "studies/test_reproduced_scores.py",
    "zoo/test_zoo_commands.py",
    "compat/test_scores.py",
    "zoo/test_zoo_rebuild.py",
    "test_imports.py",
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not str(item.path).endswith(SLOWEST))
