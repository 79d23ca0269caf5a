# SPDX-License-Identifier: Apache-2.0
"""One writer per folder; the second is told so, and a dead one is in nobody's way."""

import os
import signal
import subprocess
import sys

import pytest

from rtc_plugin import files
from rtc_plugin.commands import main
from rtc_plugin.errors import UserError

# Writes a folder when it is told to; says so before it begins.
WRITER = """\
import sys
from rtc_plugin import files
with files.whole_folder("--output_dir", sys.argv[1], overwrite=True) as partial:
    import os; os.makedirs(partial)
    print("writing", flush=True)
    sys.stdin.read()
    open(os.path.join(partial, "file"), "w").write("first")
"""


@pytest.fixture
def writer(tmp_path):
    """A process that writes a folder, and waits in the middle of it."""
    command = [sys.executable, "-c", WRITER, str(tmp_path / "out")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"writing\n"
        yield process
        process.kill()


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_second_writer_of_a_folder_is_told_so(writer, tmp_path, overwrite):
    folder = str(tmp_path / "out")
    with pytest.raises(UserError, match=f"--output_dir={folder}: another process is w"):
        with files.whole_folder("--output_dir", folder, overwrite):
            raise AssertionError("it may write")
    writer.communicate()
    assert writer.returncode == 0
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out" / "file").read_text() == "first"


def test_the_lock_dies_with_its_owner_and_what_it_left_goes(writer, tmp_path):
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert sorted(os.listdir(tmp_path)) == ["out.lock.partial", "out.partial"]
    with files.whole_folder("--output_dir", str(tmp_path / "out")) as partial:
        os.makedirs(partial)
    assert os.listdir(tmp_path) == ["out"]


def test_who_waited_for_a_lock_that_was_deleted_gets_the_new_one(tmp_path):
    lock = dict(file="lock", leave=False)
    opened = []

    def delete_meanwhile(path, real=files._open_lock):
        descriptor = real(path)
        if not opened:
            os.remove(path)
        opened.append(path)
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "_open_lock", delete_meanwhile)
        with files.locked(str(tmp_path), **lock) as is_free:
            assert is_free and len(opened) == 2
            with files.locked(str(tmp_path), **lock) as second:
                assert not second
            assert os.listdir(tmp_path) == ["lock"]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "verb",
    [
        ["estimators", "study", "figure2"],
        ["estimators", "model", "--model_dir=m", "--trust"],
        ["zoo", "evaluate", "m", "--trust"],
        ["zoo", "compare", "m"],
    ],
    ids=lambda verb: " ".join(verb[:2]),
)
def test_verbs_with_a_folder_have_one_writer(verb, tmp_path, capsys, monkeypatch):
    if verb[:2] == ["zoo", "compare"]:
        from types import SimpleNamespace

        from rtc_plugin.zoo import compare

        said = SimpleNamespace(notice="")
        monkeypatch.setattr(compare, "compare", lambda *args: said)
    output = str(tmp_path / "out")
    with files.only_writer("--output", output):
        assert main.main([*verb, f"--output={output}"]) == 1
    assert "another process is writing it" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
