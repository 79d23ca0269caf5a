# SPDX-License-Identifier: Apache-2.0
"""The verbs of `rtc zoo`, one after the other, on the miniature zoo."""

import functools
import http.server
import subprocess
import sys
import threading

import pandas as pd
import pytest
import run_rtc
import zoo_files

from rtc_plugin.results import table as results_table
from rtc_plugin.zoo import numbers

# Metrics of hardly any images.
FEW = (
    "beta_vae_sklearn.num_train = 20",
    "beta_vae_sklearn.num_eval = 10",
    "factor_vae_score.num_variance_estimate = 100",
    "factor_vae_score.num_train = 20",
    "factor_vae_score.num_eval = 10",
    "dci.num_train = 40",
    "dci.num_test = 20",
    "mig.num_train = 100",
    "sap_score.num_train = 50",
    "sap_score.num_test = 20",
    "unsupervised_metrics.num_train = 100",
    "rtc_metrics.num_train = 200",
    "rtc_metrics.metrics = (@tc_disparity,)",
    "tc_disparity.num_bootstrap = 2",
)


def rtc_zoo(*arguments, cwd=None):
    return run_rtc.rtc("zoo", *arguments, cwd=cwd)


@pytest.fixture
def address(zips):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *unused_args):
            pass

    handler = functools.partial(Quiet, directory=str(zips))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_zoo_is_fetched_read_and_compared(address, tmp_path):
    fetched = rtc_zoo("fetch", "300-301", f"--base={address}", cwd=tmp_path)
    assert fetched.returncode == 1
    assert "1 of 2 zips are in zoo" in fetched.stdout
    assert "could not be had, as said above: 301" in fetched.stderr

    read = rtc_zoo("scores", "zoo", "--output=zoo.parquet,zoo.csv", cwd=tmp_path)
    assert read.returncode == 0, read.stderr
    assert "scores of 1 models in zoo.parquet, zoo.csv" in read.stdout
    table = results_table.read(tmp_path / "zoo.parquet")
    assert set(table.model) == {"factor_vae"}
    assert set(table[table.representation != ""].metric) == {"unsupervised"}

    (rtc,) = numbers.select([], ["dsprites_full"], ["rtc_vae"], [10.0], [0])
    own = zoo_files.model_files(
        rtc.model_num, ["unsupervised"], **{"dataset.name": "dsprites_rendered"}
    )
    zoo_files.write_zip(tmp_path / "own.zip", own)
    compared = rtc_zoo("compare", "own.zip", "--zoo=zoo.parquet", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    assert "what was read from zoo.parquet" in compared.stdout
    page = (tmp_path / "comparison" / "index.html").read_text()
    assert "dsprites_rendered" in page and "Gaussian TC" in page


def test_zoo_is_measured_and_a_model_of_it_made_anew(zips, tmp_path):
    few = [f"--gin_bindings={binding}" for binding in FEW]
    measured = rtc_zoo(
        "evaluate", zips, "--trust", "--output=measured", *few, cwd=tmp_path
    )
    assert measured.returncode == 0, measured.stderr
    assert "1 models have their metrics in measured" in measured.stdout

    again = ["rebuild", "300", "--twins", "--light", "--steps=2", "--output=made"]
    made = rtc_zoo(*again, *few, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert "1 of 1 models are done in made" in made.stdout
    study = {path.name for path in (tmp_path / "made/300/metrics/mean").iterdir()}
    assert len(study) == 7

    # The zoo's model and the one made anew are the same but for a batch size.
    compared = rtc_zoo("compare", "made", f"--zoo={zips},measured", cwd=tmp_path)
    assert compared.returncode == 0, compared.stderr
    found = pd.read_csv(tmp_path / "comparison" / "own_runs.csv")
    assert {"Gaussian TC", "TC of means"} <= set(found["quantity"])


def test_what_is_not_read_is_counted_and_an_error_if_strict(tmp_path):
    zoo_files.write_model(tmp_path, 0)
    (tmp_path / "1.zip").write_bytes(b"PK")
    done = rtc_zoo("scores", ".", "--output=zoo.parquet", cwd=tmp_path)
    assert done.returncode == 0
    assert "1.zip is not a whole zip" in done.stderr
    assert done.stderr.endswith("not read: 1 in all\n")
    done = rtc_zoo("scores", ".", "--output=strict.parquet", "--strict", cwd=tmp_path)
    assert done.returncode == 1 and "rtc: --strict:" in done.stderr
    assert (tmp_path / "strict.parquet").exists()


def test_list_filters():
    done = rtc_zoo("list", "--dataset=cars3d", "--model=factor_vae", "--seed=3")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        str(9303 + 50 * i) for i in range(6)
    ]


def test_list_ends_quietly_when_its_reader_does():
    done = subprocess.run(
        f"{sys.executable} -m rtc_plugin.commands zoo list | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("number") and done.stderr == ""


def test_cite_gives_bibtex():
    done = rtc_zoo("cite")
    assert done.stdout.count("@") == 4
    assert "1811.12359" in done.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["fly"], "no such verb: fly; verbs: cite, compare, evaluate"),
        (["fetch"], "say which models"),
        (["scores"], "Missing argument 'PATHS...'"),
        (["rebuild", "0"], "Missing option '-o' / '--output'"),
        (["list", "--seed=x"], "'x' is not a list of whole numbers"),
    ],
)
def test_mistake_is_one_line(arguments, words):
    done = rtc_zoo(*arguments)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
