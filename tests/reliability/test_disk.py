# SPDX-License-Identifier: Apache-2.0
"""What a disk refuses is one line, and nothing half-written looks whole."""

import builtins
import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from rtc_plugin import files
from rtc_plugin.commands import main
from rtc_plugin.compat import commands

ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.ENAMETOOLONG]


def fail(monkeypatch, module, name, number, below):
    """Has a function fail below a folder, without naming the path, as write does."""
    real = getattr(module, name)

    def failing(path, *args, **kwargs):
        writes = name != "open" or "w" in "".join(map(str, args))
        if writes and str(path).startswith(str(below)):
            raise OSError(number, os.strerror(number))
        return real(path, *args, **kwargs)

    monkeypatch.setattr(module, name, failing)


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("module", "name"), [(builtins, "open"), (os, "replace")], ids=["open", "replace"]
)
def test_a_file_that_cannot_be_written_is_one_line(
    tmp_path, monkeypatch, capsys, module, name, number
):
    copy = ["configs", "copy", "gin/metrics/mig.gin", "-o", str(tmp_path / "mine.gin")]
    with monkeypatch.context() as patch:
        fail(patch, module, name, number, tmp_path)
        assert main.main(copy) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("rtc: ") and shown.count("\n") == 1
    assert str(tmp_path / "mine.gin") in shown
    assert ("MB are free there" in shown) == (number == errno.ENOSPC)
    assert os.listdir(tmp_path) == []
    assert main.main(copy) == 0
    assert "mig.num_train" in (tmp_path / "mine.gin").read_text()


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    ("module", "name"), [(builtins, "open"), (os, "mkdir"), (os, "rename")]
)
def test_a_folder_that_cannot_be_written_is_one_line_and_the_old_one_stays(
    tmp_path, monkeypatch, module, name, number
):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "file").write_text("old")

    def write():
        with files.whole_folder("-o", str(folder), overwrite=True) as partial:
            os.mkdir(partial)
            with open(os.path.join(partial, "file"), "w") as file:
                file.write("new")

    with monkeypatch.context() as patch:
        fail(patch, module, name, number, tmp_path / "out")
        with pytest.raises(OSError) as caught:
            write()
    if name != "rename":
        assert str(folder) in commands.explain(caught.value)
    assert (folder / "file").read_text() == "old"
    write()
    assert (folder / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["out"]


def test_tensorflows_word_for_a_full_disk_is_one_line():
    error = RuntimeError("ResourceExhausted: /x/model.ckpt; No space left on device")
    assert "no space is left on a disk" in commands.explain(error)
    assert commands.explain(OSError("something else")) is None


def test_sigterm_leaves_no_half_written_file(tmp_path):
    program = (
        "import sys, time; from rtc_plugin import files; "
        "from rtc_plugin.compat import commands; commands.exit_at_sigterm()\n"
        "with files.whole_file(sys.argv[1]) as partial, open(partial, 'w') as file:\n"
        "    print('writing', flush=True); time.sleep(100)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "table.csv")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    assert os.listdir(tmp_path) == []


def test_what_dead_processes_left_of_a_file_goes_at_the_next_start(tmp_path):
    with subprocess.Popen(["true"]) as process:
        dead = process.pid
    names = {
        "dead": f".{dead}.partial.a.h5",
        "just now": f".{dead}1.partial.a.h5",
        "alive": f".{os.getppid()}.partial.a.h5",
        "another's": f".{dead}.partial.b.h5",
    }
    for who, name in names.items():
        (tmp_path / name).touch()
        if who != "just now":
            os.utime(tmp_path / name, (time.time() - 100,) * 2)
    with files.whole_file(tmp_path / "a.h5") as partial:
        open(partial, "w").close()
    left = {names[who] for who in ("just now", "alive", "another's")}
    assert set(os.listdir(tmp_path)) == {"a.h5", *left}
