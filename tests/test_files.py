# SPDX-License-Identifier: Apache-2.0
"""Files and folders are whole or not there."""

import errno
import os
import subprocess
import sys
from pathlib import Path

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


def test_a_finished_folder_appears_under_its_name(tmp_path):
    folder = tmp_path / "new" / "out"
    with files.whole_folder("--output_dir", str(folder)) as partial:
        write(partial, "1")
        assert not folder.exists()
    assert (folder / "file").read_text() == "1"
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def test_a_failure_leaves_neither_a_new_folder_nor_harms_an_old_one(tmp_path):
    folder = tmp_path / "out"
    write(folder, "old")
    with pytest.raises(KeyError):
        with files.whole_folder("--output_dir", str(folder), overwrite=True) as path:
            write(path, "new")
            raise KeyError
    assert (folder / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_overwriting_replaces_the_whole_folder(tmp_path):
    folder = tmp_path / "out"
    write(folder, "old")
    (folder / "left over").touch()
    with files.whole_folder("--output_dir", str(folder), overwrite=True) as path:
        write(path, "new")
    assert [path.name for path in folder.iterdir()] == ["file"]
    assert (folder / "file").read_text() == "new"


def test_a_link_is_replaced_and_what_it_points_to_is_kept(tmp_path):
    write(tmp_path / "elsewhere", "old")
    folder = tmp_path / "out"
    folder.symlink_to("elsewhere")
    with files.whole_folder("--output_dir", str(folder), overwrite=True) as path:
        write(path, "new")
    assert (folder / "file").read_text() == "new"
    assert (tmp_path / "elsewhere" / "file").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "out"]


@pytest.mark.parametrize("num_renames", [0, 1])
def test_a_process_killed_while_it_replaces_a_folder_leaves_the_old_one(
    tmp_path, monkeypatch, num_renames
):
    folder = tmp_path / "out"
    write(folder, "old")
    renamed = []

    def die_at_rename(source, target):
        if len(renamed) == num_renames:
            raise SystemExit("killed")
        renamed.append(source)
        os.replace(source, target)

    monkeypatch.setattr(os, "rename", die_at_rename)
    with pytest.raises(SystemExit):
        with files.whole_folder("--output_dir", str(folder), overwrite=True) as path:
            write(path, "new")
    monkeypatch.undo()
    with pytest.raises(UserError, match="exists already"):
        files.check_free("--output_dir", str(folder), overwrite=False)
    assert (folder / "file").read_text() == "old"
    with files.whole_folder("--output_dir", str(folder), overwrite=True) as path:
        write(path, "newer")
    assert (folder / "file").read_text() == "newer"
    assert os.listdir(tmp_path) == ["out"]


def test_a_file_in_the_way_is_no_folder_to_replace(tmp_path):
    (tmp_path / "out").write_text("precious")
    with pytest.raises(UserError, match="--output_dir=.*out is no folder"):
        files.check_free("--output_dir", str(tmp_path / "out"), overwrite=True)


def test_an_existing_folder_is_a_user_error_that_names_flag_and_remedy(tmp_path):
    with pytest.raises(UserError, match="--output_dir=.*exists already.*--overwrite"):
        files.check_free("--output_dir", str(tmp_path), overwrite=False)


def test_a_path_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be made"):
        files.check_free("--output_dir", str(tmp_path / "file" / "out"), False)


def test_a_missing_flag_is_named():
    with pytest.raises(UserError, match="--output_dir is missing"):
        files.check_free("--output_dir", None, False)


def write(folder, text):
    Path(folder).mkdir()
    (Path(folder) / "file").write_text(text)


def test_a_folder_is_locked_until_its_owner_ends_however_it_ends(tmp_path):
    folder = str(tmp_path / "out")
    assert not files.is_locked(folder) and not os.path.exists(folder)
    code = (
        "import sys, time; from rtc_plugin import files\n"
        "with files.locked(sys.argv[1]) as is_free:\n"
        "    print(is_free, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "True\n"
        assert files.is_locked(folder)
        with files.locked(folder) as is_free:
            assert not is_free
        owner.kill()
        with files.locked(folder, patience=60) as is_free:
            assert is_free
    assert not files.is_locked(folder)


def test_a_folder_itself_can_be_locked_and_nothing_is_left_in_it(tmp_path):
    with files.locked(tmp_path, file=".") as outer:
        with files.locked(tmp_path, file=".") as inner:
            assert (outer, inner) == (True, False)
    assert os.listdir(tmp_path) == []


def test_a_disk_without_locks_keeps_nobody_out(tmp_path, monkeypatch):
    def flock(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    with files.locked(tmp_path) as is_free:
        assert is_free
