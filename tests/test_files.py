# SPDX-License-Identifier: Apache-2.0
"""A file is whole or not there."""

import pytest

from rtc_plugin import files
from rtc_plugin.errors import UserError


def test_a_finished_file_takes_its_place_in_a_folder_made_for_it(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with files.whole_file(path) as partial:
        assert partial.endswith("table.csv")
        with open(partial, "w") as f:
            f.write("a,b\n")
        assert not path.exists()
    assert path.read_text() == "a,b\n"
    assert [p.name for p in path.parent.iterdir()] == ["table.csv"]


def test_an_unfinished_file_leaves_the_old_one_and_nothing_beside(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(KeyError), files.whole_file(path) as partial:
        with open(partial, "w") as f:
            f.write("half")
        raise KeyError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]


def test_a_folder_that_cannot_be_made_is_named_with_its_flag(tmp_path):
    files.make_folder("--output_dir", tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "new"
    with pytest.raises(UserError, match=f"^--output_dir={folder} cannot be made"):
        files.make_folder("--output_dir", folder)
