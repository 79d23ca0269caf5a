# SPDX-License-Identifier: Apache-2.0
"""The command `rtc`: help at once, and mistakes answered in one line."""

import pkgutil
import subprocess
import sys

import click
import pytest
import run_rtc

from rtc_plugin.commands import estimators, main, study


def verbs(command=main.rtc, path=()):
    """Yields the path of each verb that does something."""
    if isinstance(command, click.Group):
        for name, verb in command.commands.items():
            yield from verbs(verb, (*path, name))
    else:
        yield path


@pytest.mark.parametrize("path", list(verbs()), ids=" ".join)
def test_each_verb_says_what_it_does_and_takes(path, capsys):
    assert main.main([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: rtc {' '.join(path)} ")
    takes_nothing = path in (
        ("configs", "list"),
        ("data", "list"),
        ("zoo", "cite"),
    )
    assert takes_nothing or f"Example: rtc {' '.join(path)} " in shown


def test_help_imports_nothing_that_takes_time():
    heavy = "{'numpy', 'pandas', 'tensorflow', 'gin', 'disentanglement_lib', 'absl'}"
    code = (
        "import sys; from rtc_plugin.commands.main import main; "
        "assert main(['study', 'run', '--help']) == 0; "
        f"assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["stduy"], 2, "no such verb: stduy; did you mean study?; see rtc --help."),
        (["walk"], 2, "no such verb: walk; verbs: configs, data, "),
        (["study", "colect"], 2, "no such verb: colect; did you mean collect?"),
        (["study", "run", "--modles=3"], 2, "No such option"),
        (["study", "run", "--workers=0"], 2, "Invalid value for '--workers'"),
        (["data", "export", "x"], 2, "Missing option '-o' / '--output'"),
        (["estimators", "study", "figure2", "--dims=a", "-o", "x"], 2, "Invalid value"),
        (["zoo", "cite", "more"], 2, "Got unexpected extra argument"),
        (["summary", "nowhere"], 1, "nowhere holds no evaluation"),
    ],
)
def test_a_mistake_is_answered_in_one_line(arguments, code, message, capsys):
    assert main.main(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"rtc: {message}")
    assert captured.err.count("\n") == 1


def test_debug_shows_where_a_user_error_comes_from():
    done = run_rtc.rtc("--debug", "summary", "nowhere")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_group_without_a_verb_shows_its_verbs():
    done = run_rtc.rtc("study")
    assert "collect" in done.stdout + done.stderr


def test_the_choices_are_those_of_the_code():
    from rtc_plugin.estimators import study as estimator_study
    from rtc_plugin.studies import backends

    assert estimators.STUDIES == tuple(estimator_study.STUDIES)
    there = {module.name for module in pkgutil.iter_modules(backends.__path__)}
    assert set(study._BACKEND_OPTIONS) == there


def test_gin_files_are_listed_and_copied(tmp_path, capsys):
    assert main.main(["configs", "list"]) == 0
    assert "gin/rtcvae_shapes3d.gin  " in capsys.readouterr().out
    copied = tmp_path / "mine.gin"
    assert main.main(["configs", "copy", "gin/metrics/mig.gin", "-o", str(copied)]) == 0
    assert "mig.num_train" in copied.read_text()


def test_a_study_says_what_it_does_before_its_imports(monkeypatch, capsys):
    monkeypatch.setattr("rtc_plugin.studies.backends.cpu_count", lambda: 8)
    # As if the import had not ended yet.
    monkeypatch.setitem(sys.modules, "rtc_plugin.studies.runner", None)
    monkeypatch.delattr("rtc_plugin.studies.runner", raising=False)
    with pytest.raises(ImportError):
        main.main(["study", "run", "--study=rtc_study_small", "--workers=2"])
    assert capsys.readouterr().err == (
        "Running what is left of rtc_study_small in output/rtc_study_small, "
        "2 at a time (local), threads of each: 4.\n"
    )
