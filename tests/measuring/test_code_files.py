# SPDX-License-Identifier: Apache-2.0
"""`rtc measure` on files of every kind, and on broken ones: a line, no traceback."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from run_rtc import rtc

from rtc_plugin.commands import main
from rtc_plugin.errors import UserError
from rtc_plugin.measuring import files
from rtc_plugin.results import table as results_table

NAMES = ["hue", "size"]


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    factors = random.integers([4, 3], size=(150, 2))
    z = factors @ random.standard_normal((2, 3)) + random.standard_normal((150, 3))
    return {
        "codes": z,
        "logvar": np.full(z.shape, -1.0),
        "factors": factors,
        "factor_names": NAMES,
    }


def write_table(path, arrays):
    parts = {
        **{f"z_{k}": z for k, z in enumerate(arrays["codes"].T)},
        **{f"logvar_{k}": z for k, z in enumerate(arrays["logvar"].T)},
        **dict(zip(NAMES, arrays["factors"].T)),
    }
    frame = pd.DataFrame(parts)
    frame.to_csv(path) if path.suffix == ".csv" else frame.to_parquet(path)


def write_h5(path, arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


WRITERS = {
    ".npz": lambda path, arrays: np.savez(path, **arrays),
    ".h5": write_h5,
    ".csv": write_table,
    ".parquet": write_table,
}


@pytest.mark.parametrize("ending", WRITERS)
def test_every_kind_of_file_holds_the_same(ending, arrays, tmp_path):
    path = tmp_path / f"codes{ending}"
    WRITERS[ending](path, arrays)
    found = files.read_codes(path)
    for name in ("codes", "logvar"):
        assert np.allclose(found[name], arrays[name], rtol=1e-12)
    factors = found["factors"]
    assert np.array_equal(np.asarray(factors), arrays["factors"])
    names = found.get("factor_names") or list(factors.columns)
    assert names == NAMES


def test_npy_is_codes_and_names_may_be_others(arrays, tmp_path):
    np.save(tmp_path / "z.npy", arrays["codes"])
    assert np.array_equal(files.read(tmp_path / "z.npy")["codes"], arrays["codes"])
    np.savez(tmp_path / "a.npz", mine=arrays["codes"], z_logvar=arrays["logvar"])
    found = files.read_codes(tmp_path / "a.npz", {"codes": "mine"})
    assert np.array_equal(found["codes"], arrays["codes"]) and "logvar" in found


def test_what_a_file_lacks_is_said_with_what_it_has(arrays, tmp_path):
    def refused(name, said, read=files.read_codes, **keywords):
        with pytest.raises(UserError) as raised:
            read(tmp_path / name, **keywords)
        assert said in str(raised.value) and "\n" not in str(raised.value)

    np.savez(tmp_path / "a.npz", latents=arrays["codes"])
    refused("a.npz", "a.npz: has no codes; it has latents [150, 3]")
    refused("a.npz", "has no array 'x'", names={"codes": "x"})
    refused("a.npz", "has no factors", files.read_factors)
    np.savez(tmp_path / "two.npz", z_mean=arrays["codes"], codes=arrays["codes"])
    refused("two.npz", "has both codes and z_mean for codes")
    np.savez(tmp_path / "pickle.npz", codes=np.array([{}, {}], dtype=object))
    refused("pickle.npz", "holds pickled objects")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no more")
    refused("broken.npz", "broken.npz: cannot be read")
    (tmp_path / "broken.h5").write_bytes(b"nothing")
    refused("broken.h5", "broken.h5: cannot be read")
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    refused("broken.parquet", "broken.parquet: cannot be read")
    (tmp_path / "empty.csv").write_text("")
    refused("empty.csv", "empty.csv: cannot be read")
    refused("none.npz", "none.npz: no such file")
    refused("codes.mat", "codes.mat: not one of .npz")


def test_a_pickle_in_a_file_is_never_run(tmp_path):
    class Program:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    np.save(tmp_path / "z.npy", np.array([Program()], dtype=object))
    with pytest.raises(UserError, match="not read"):
        files.read(tmp_path / "z.npy")
    assert not (tmp_path / "ran").exists()


def test_the_command_prints_scores_and_writes_reports(arrays, tmp_path, capsys):
    factors = tmp_path / "labels.npy"
    np.save(factors, arrays.pop("factors"))
    del arrays["factor_names"]
    np.savez(tmp_path / "codes.npz", **arrays)
    outputs = [tmp_path / f"out/report.{kind}" for kind in ("html", "json", "parquet")]
    code = main.main(
        [
            "measure",
            str(tmp_path / "codes.npz"),
            f"--factors={factors}",
            "--factor_names=hue,size",
            "--metrics=mig,tc_disparity",
            "--bootstrap=20",
            "--model=mine",
            "--dataset=twin",
            f"-o{','.join(map(str, outputs))}",
        ]
    )
    printed = capsys.readouterr().out
    assert code == 0 and "tc_mean" in printed and "written: " in printed
    told = json.loads(outputs[1].read_text())["scores"]
    assert told["mig"]["low"] < told["mig"]["value"] < told["mig"]["high"]
    page = outputs[0].read_text()
    assert "codes.npz" in page and "hue" in page and " to " in page
    table = results_table.read(outputs[2])
    assert set(table["model"]) == {"mine"} and set(table["dataset"]) == {"twin"}


def test_the_command_lists_every_score(capsys):
    assert main.main(["measure", "--list"]) == 0
    printed = capsys.readouterr().out
    assert "sap (sap_score): 0 to 1, study, of factors, higher is better" in printed
    assert "cannot see dependence without correlation" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "give either CODES_FILE"),
        ("none.npz", "none.npz: no such file"),
        ("codes.npz -o report.pdf", "-o report.pdf: ends in none of .html"),
        ("codes.npz -o folder.html", "-o folder.html: is a folder"),
        ("codes.npz --metrics=tcc", "metrics: no such metric, 'tcc'"),
        ("nan.npz", "codes: NaN in 1 of 150 rows, latents [1]"),
    ],
)
def test_what_is_wrong_ends_the_command_in_one_line(arguments, said, arrays, tmp_path):
    np.savez(tmp_path / "codes.npz", **arrays)
    arrays["codes"][3, 1] = np.nan
    np.savez(tmp_path / "nan.npz", **arrays)
    (tmp_path / "folder.html").mkdir()
    done = rtc("measure", *arguments.split(), cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr
