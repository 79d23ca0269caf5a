# SPDX-License-Identifier: Apache-2.0
import pytest

from rtc_plugin.compat import outputs
from rtc_plugin.errors import UserError


def test_a_finished_folder_appears_under_its_name(tmp_path):
    folder = tmp_path / "new" / "out"
    with outputs.whole_folder("--output_dir", str(folder)) as partial:
        write(partial, "1")
        assert not folder.exists()
    assert (folder / "file").read_text() == "1"
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_a_failure_leaves_neither_a_new_folder_nor_harms_an_old_one(tmp_path):
    folder = tmp_path / "out"
    write(folder, "old")
    with pytest.raises(KeyError):
        with outputs.whole_folder("--output_dir", str(folder), overwrite=True) as path:
            write(path, "new")
            raise KeyError
    assert (folder / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_overwriting_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "out"
    write(folder, "old")
    (folder / "left over").touch()
    with outputs.whole_folder("--output_dir", str(folder), overwrite=True) as path:
        write(path, "new")
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "new"


def test_an_existing_folder_is_a_user_error_that_names_flag_and_remedy(tmp_path):
    with pytest.raises(UserError, match="--output_dir=.*exists already.*--overwrite"):
        outputs.check_free("--output_dir", str(tmp_path), overwrite=False)


def test_a_path_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        outputs.check_free("--output_dir", str(tmp_path / "file" / "out"), False)


def test_a_missing_flag_is_named():
    with pytest.raises(UserError, match="--output_dir is missing"):
        outputs.check_free("--output_dir", None, False)


def write(folder, text):
    from pathlib import Path

    Path(folder).mkdir()
    (Path(folder) / "file").write_text(text)
