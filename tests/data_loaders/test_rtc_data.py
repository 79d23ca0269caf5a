# SPDX-License-Identifier: Apache-2.0
"""`rtc data`: fetching resumes and verifies, exports load, errors are one line."""

import contextlib
import functools
import gzip
import hashlib
import http.client
import http.server
import io
import os
import re
import subprocess
import sys
import tarfile
import threading

import numpy as np
import PIL.Image
import pytest
from disentanglement_lib.data.ground_truth import dsprites as stock_dsprites
from run_rtc import rtc

from rtc_plugin.data import check, export, fetch, files
from rtc_plugin.data.ground_truth import (
    cars3d,
    dsprites,
    dsprites_rendered,
    named_data,
    shapes3d,
    shapes3d_rendered,
)
from rtc_plugin.errors import UserError

CONTENT = np.random.RandomState(0).bytes(3_000_000)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("DISENTANGLEMENT_LIB_DATA", str(folder))
    return folder


class RangeHandler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT; understands ranges, and breaks off when told to."""

    def __init__(self, log, *args):
        self.log = log
        super().__init__(*args)

    def do_GET(self):
        start = 0
        asked = self.headers.get("Range")
        if asked and self.log["ranges"]:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
        self.log["starts"].append(start)
        self.send_response(206 if start else 200)
        if not self.log["endless"]:
            self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        stop = self.log["stops"].pop() if self.log["stops"] else len(CONTENT)
        self.wfile.write(CONTENT[start:stop])
        with contextlib.suppress(ConnectionError):
            while self.log["endless"]:
                self.wfile.write(CONTENT)

    def log_message(self, *unused_args):
        pass


@pytest.fixture
def server():
    log = {"starts": [], "stops": [], "ranges": True, "endless": False}
    handler = functools.partial(RangeHandler, log)
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}", log
        httpd.shutdown()
        thread.join()


def publish(monkeypatch, **changes):
    """Makes 'shapes3d' a data set of one file with CONTENT."""
    fields = {
        "path": "3dshapes/3dshapes.h5",
        "url": "http://localhost/3dshapes.h5",
        "size": len(CONTENT),
        "digest": "sha256:" + hashlib.sha256(CONTENT).hexdigest(),
        **changes,
    }
    file = files.PublicFile(**fields)
    monkeypatch.setattr(shapes3d.Shapes3D, "public_files", (file,))
    return file


def test_fetch_from_a_server(server, folder, monkeypatch):
    publish(monkeypatch)
    (path,) = fetch.fetch("shapes3d", mirror=server[0])
    assert open(path, "rb").read() == CONTENT
    assert os.listdir(folder / "3dshapes") == ["3dshapes.h5"]


@pytest.mark.parametrize("ranges", [True, False])
def test_broken_download_is_resumed(ranges, server, monkeypatch):
    publish(monkeypatch)
    url, log = server
    log["stops"], log["ranges"] = [1_000_000], ranges
    with pytest.raises(UserError, match="goes on where it stopped"):
        fetch.fetch("shapes3d", mirror=url)
    (path,) = fetch.fetch("shapes3d", mirror=url)
    assert open(path, "rb").read() == CONTENT
    assert log["starts"] == [0, 1_000_000 if ranges else 0]


def test_what_is_there_is_not_fetched_again(server, monkeypatch):
    file = publish(monkeypatch)
    path = files.local_path(file)
    os.makedirs(os.path.dirname(path))
    open(path, "w").close()
    fetch.fetch("shapes3d", mirror=server[0])
    assert server[1]["starts"] == []


def test_fetch_from_a_folder(tmp_path, monkeypatch):
    publish(monkeypatch)
    (tmp_path / "3dshapes.h5").write_bytes(CONTENT)
    (path,) = fetch.fetch("shapes3d", mirror=tmp_path.as_uri())
    assert open(path, "rb").read() == CONTENT


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"size": 5}, "has 3000000 bytes, published are 5"),
        ({"digest": "sha256:" + "0" * 64}, "not have the published sha256 digest"),
        ({"digest": "md5:" + "0" * 32}, "not have the published md5 digest"),
        ({"digest": "git:" + "0" * 40}, "not have the published git digest"),
    ],
)
def test_wrong_file_is_refused_and_nothing_is_left(
    changes, message, tmp_path, folder, monkeypatch
):
    publish(monkeypatch, **changes)
    (tmp_path / "3dshapes.h5").write_bytes(CONTENT)
    with pytest.raises(UserError, match=message):
        fetch.fetch("shapes3d", mirror=tmp_path.as_uri())
    assert os.listdir(folder / "3dshapes") == []


def test_web_page_is_refused(tmp_path, monkeypatch):
    publish(monkeypatch, size=None, digest=None)
    (tmp_path / "3dshapes.h5").write_bytes(b"\n<html>Not found</html>")
    with pytest.raises(UserError, match="web page"):
        fetch.fetch("shapes3d", mirror=tmp_path.as_uri())


def test_no_connection_is_one_line(monkeypatch):
    publish(monkeypatch)
    with pytest.raises(UserError, match=r"Cannot fetch http://127.0.0.1:9/3dshapes.h5"):
        fetch.fetch("shapes3d", mirror="http://127.0.0.1:9")


def test_download_stops_at_the_known_size(server, folder, monkeypatch):
    publish(monkeypatch)
    url, log = server
    log["endless"] = True
    with pytest.raises(UserError, match="has more than 3000000 bytes, published are"):
        fetch.fetch("shapes3d", mirror=url)
    assert os.listdir(folder / "3dshapes") == []


def test_download_that_says_it_is_too_long_is_not_begun(server, folder, monkeypatch):
    publish(monkeypatch, size=5)
    monkeypatch.setattr(http.client.HTTPResponse, "read", None)  # would fail
    with pytest.raises(UserError, match="has 3000000 bytes, published are 5"):
        fetch.fetch("shapes3d", mirror=server[0])
    assert os.listdir(folder / "3dshapes") == []


def test_download_of_unknown_size_stops_at_its_limit(server, tmp_path):
    url, log = server
    log["endless"] = True
    with pytest.raises(fetch.TooLongError, match="/a has more than 4000000 bytes."):
        fetch.download(f"{url}/a", str(tmp_path / "a.part"), limit=4_000_000)
    assert not (tmp_path / "a.part").exists()


@pytest.mark.parametrize("found", [None, "empty", "full"])
def test_folder_is_there_only_with_something_in_it(
    found, tmp_path, folder, monkeypatch, capsys
):
    file = publish(
        monkeypatch,
        path="cars",
        url="http://localhost/cars.tar.gz",
        size=None,
        digest=None,
        unpack="tar:data/cars",
        unpacked_limit=9,
    )
    monkeypatch.setattr(cars3d.Cars3D, "public_files", (file,))
    make_tar(tmp_path / "cars.tar.gz", ("data/cars/car_1.mat", b"new"))
    if found:
        (folder / "cars").mkdir()
    if found == "full":
        (folder / "cars" / "car_1.mat").write_bytes(b"old")
    rows = {row["name"]: row["found"] for row in check.table()}
    assert rows["cars3d"] == ("yes" if found == "full" else "no")
    fetch.fetch("cars3d", mirror=tmp_path.as_uri())
    expected = b"old" if found == "full" else b"new"
    assert (folder / "cars" / "car_1.mat").read_bytes() == expected
    assert ("is there already" in capsys.readouterr().err) == (found == "full")


def test_git_digest_is_the_one_of_git(tmp_path):
    """Of the empty file, as every git repository names it."""
    (tmp_path / "empty").touch()
    found = fetch.digest(str(tmp_path / "empty"), "git:")
    assert found == "git:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_every_public_file_has_an_address_and_well_formed_digest():
    lengths = {"sha256": 64, "md5": 32, "git": 40}
    for name in named_data.NAMES:
        for file in named_data.files_of(name):
            assert file.url.startswith(("https://", "http://"))
            if file.digest is not None:
                kind, digits = file.digest.split(":")
                assert re.fullmatch(f"[0-9a-f]{{{lengths[kind]}}}", digits)


def test_every_data_set_says_of_itself_what_it_is_without_tensorflow():
    code = (
        "import sys; from rtc_plugin.data.ground_truth import named_data\n"
        "for name in named_data.NAMES:\n"
        "    data = named_data.describe(name)\n"
        "    assert data.name == name, name\n"
        "    assert len(data.factor_names) == len(data.factors_num_values), name\n"
        "    assert len(named_data.files_of(name)) > 0 or 'rendered' in name\n"
        "assert 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_gzip_is_unpacked(tmp_path, folder, monkeypatch):
    publish(
        monkeypatch,
        path="small_norb/a.mat",
        url="http://localhost/a.mat.gz",
        size=None,
        digest=None,
        unpack="gzip",
        unpacked_limit=len(CONTENT),
    )
    (tmp_path / "a.mat.gz").write_bytes(gzip.compress(CONTENT))
    (path,) = fetch.fetch("shapes3d", mirror=tmp_path.as_uri())
    assert open(path, "rb").read() == CONTENT
    assert os.listdir(folder / "small_norb") == ["a.mat"]


def test_gzip_bomb_and_damaged_gzip_are_refused(tmp_path):
    packed, out = str(tmp_path / "a.gz"), str(tmp_path / "a")
    with open(packed, "wb") as f:
        f.write(gzip.compress(bytes(1 << 22)))
    with pytest.raises(UserError, match="unpacks to more than 1000000 bytes"):
        fetch.unpack_gzip(packed, out, 1_000_000)
    with open(packed, "r+b") as f:
        f.truncate(1000)
    with pytest.raises(UserError, match="damaged gzip"):
        fetch.unpack_gzip(packed, out, 1 << 30)
    assert sorted(os.listdir(tmp_path)) == ["a.gz", "data"]


def make_tar(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)


def test_tar_keeps_to_its_folder(tmp_path):
    make_tar(
        tmp_path / "a.tar.gz",
        ("data/cars/car_1.mat", b"one"),
        ("./data/cars/car_2.mat", b"two"),
        ("data/sprites/other.mat", b"three"),
        ("data/cars/deeper/car_3.mat", b"four"),
    )
    fetch.unpack_tar(str(tmp_path / "a.tar.gz"), str(tmp_path / "cars"), "data/cars", 9)
    assert sorted(os.listdir(tmp_path / "cars")) == ["car_1.mat", "car_2.mat"]
    assert (tmp_path / "cars" / "car_2.mat").read_bytes() == b"two"


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("data/cars/../../../evil", b"x", "leaves its folder"),
        ("/tmp/evil", b"x", "leaves its folder"),
        ("data/cars/link.mat", (tarfile.SYMTYPE, "/etc/passwd"), "not a plain file"),
        ("data/cars/hard.mat", (tarfile.LNKTYPE, "data/cars/a"), "not a plain file"),
        ("data/cars/large.mat", b"0123456789", "larger than 9 bytes"),
    ],
)
def test_bad_archive_is_refused_whole(name, content, message, tmp_path):
    make_tar(tmp_path / "a.tar.gz", ("data/cars/a.mat", b"a"), (name, content))
    with pytest.raises(UserError, match=message):
        fetch.unpack_tar(
            str(tmp_path / "a.tar.gz"), str(tmp_path / "cars"), "data/cars", 9
        )
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz", "data"]


def test_truncated_archive_is_refused_whole(tmp_path):
    path = tmp_path / "a.tar.gz"
    make_tar(path, ("data/cars/a.mat", CONTENT))
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(UserError, match="damaged"):
        fetch.unpack_tar(str(path), str(tmp_path / "cars"), "data/cars", 1 << 30)
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz", "data"]


# Export


SHAPES3D_SIZES = [2, 3, 2, 2, 2, 3]
DSPRITES_SIZES = [1, 3, 2, 4, 3, 5]


class SmallShapes3D(shapes3d_rendered.Shapes3DRendered):
    factor_sizes = SHAPES3D_SIZES


class SmallDSprites(dsprites_rendered.DSpritesRendered):
    factor_sizes = DSPRITES_SIZES


@pytest.fixture
def small(monkeypatch):
    """Twins, loaders and possible values of a few images."""
    values = [v[:n] for v, n in zip(shapes3d.LABEL_VALUES, SHAPES3D_SIZES)]
    monkeypatch.setattr(shapes3d, "LABEL_VALUES", values)
    monkeypatch.setattr(shapes3d.Shapes3D, "label_values", values)
    monkeypatch.setattr(shapes3d.Shapes3D, "factor_sizes", SHAPES3D_SIZES)
    monkeypatch.setattr(dsprites.DSprites, "factor_sizes", DSPRITES_SIZES)
    for name, twin in [
        ("shapes3d_rendered", SmallShapes3D),
        ("dsprites_rendered", SmallDSprites),
    ]:
        file, _, write = export._TWINS[name]
        monkeypatch.setitem(export._TWINS, name, (file, twin, write))


def test_exported_h5_loads_as_shapes3d_and_says_what_it_is(small, folder, capsys):
    export.export("shapes3d_rendered", str(folder))
    exported, twin = shapes3d.Shapes3D(), SmallShapes3D()
    everything = np.arange(twin.num_images)
    np.testing.assert_array_equal(
        exported.images_at(everything), twin.images_at(everything)
    )
    assert "not the original but an export" in capsys.readouterr().err


def test_exported_npz_loads_as_dsprites_here_and_in_the_library(
    small, folder, monkeypatch, capsys
):
    path = export.export("dsprites_rendered", str(folder))
    exported, twin = dsprites.DSprites(), SmallDSprites()
    everything = np.arange(twin.num_images)
    np.testing.assert_array_equal(
        exported.images_at(everything), twin.images_at(everything)
    )
    assert "not the original but an export" in capsys.readouterr().err
    monkeypatch.setattr(stock_dsprites, "DSPRITES_PATH", path)
    stock = stock_dsprites.DSprites([1, 2, 3, 4, 5])
    np.testing.assert_array_equal(
        stock.sample_observations(20, np.random.RandomState(0)),
        twin.sample_observations(20, np.random.RandomState(0)),
    )


def test_export_to_a_file_and_not_over_another(small, tmp_path):
    path = str(tmp_path / "new" / "mine.h5")
    assert export.export("shapes3d_rendered", path) == path
    with pytest.raises(UserError, match="--overwrite replaces it"):
        export.export("shapes3d_rendered", path)
    export.export("shapes3d_rendered", path, overwrite=True)
    assert os.listdir(tmp_path / "new") == ["mine.h5"]


def test_interrupted_export_leaves_nothing(small, tmp_path, monkeypatch):
    def interrupted(self, indices):
        raise KeyboardInterrupt

    monkeypatch.setattr(SmallShapes3D, "images_at", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export.export("shapes3d_rendered", str(tmp_path / "a.h5"))
    assert os.listdir(tmp_path) == ["data"]


# Check and list


def test_check_of_a_twin_draws_a_row_per_factor(tmp_path):
    out = tmp_path / "sheet.png"
    lines = check.check("shapes3d_rendered", str(out))
    assert lines[-1] == f"contact sheet: {out}"
    sheet = np.asarray(PIL.Image.open(out)).astype(int)
    assert sheet.shape == (6 * 66, 110 + 10 * 66, 3)
    cells = [sheet[row * 66 :][:64, 110:174] for row in range(6)]
    # The sweep of the floor's hue starts with red; in the row of the scale it is blue.
    assert cells[0][60, 32, 0] > 200 > 100 > cells[0][60, 32, 2]
    assert cells[3][60, 32, 0] < 100 < 200 < cells[3][60, 32, 2]


def test_check_of_an_exported_file(small, folder, tmp_path):
    path = export.export("shapes3d_rendered", str(folder))
    lines = check.check("shapes3d", str(tmp_path / "sheet.png"))
    assert lines[0] == f"{path}: an export of shapes3d_rendered"
    assert lines[1].endswith("3dshapes.images.npy: as converted")


def test_check_knows_every_named_data_set():
    names = set(named_data.GROUND_TRUTH_DATA) - {"weighted", "file_data"}
    assert {row["name"] for row in check.table()} == names


def test_table_says_what_was_found(folder):
    (folder / "3dshapes").mkdir()
    (folder / "3dshapes" / "3dshapes.h5").touch()
    found = {row["name"]: row["found"] for row in check.table()}
    assert found["shapes3d"] == "yes" and found["cars3d"] == "no"
    assert found["shapes3d_rendered"] == "built in"


@pytest.mark.parametrize("name", ["shapes3d_rendered", "dsprites_rendered"])
def test_table_has_the_factors_of_the_twins(name):
    row = next(row for row in check.table() if row["name"] == name)
    data = named_data.GROUND_TRUTH_DATA[name]()
    assert row["factors"] == " ".join(map(str, data.factors_num_values))
    assert row["images"] == str(data.num_images)


def test_command_lists(folder):
    done = rtc("data", "list")
    assert done.returncode == 0
    assert "built in" in done.stdout and str(folder) in done.stdout


@pytest.mark.parametrize(
    "args, message",
    [
        (["fetch", "shapes4d"], "shapes4d"),
        (["check", "shapes4d"], "No data set is called 'shapes4d'; known are"),
        (["check", "cars3d"], "rtc data fetch cars3d"),
        (["export", "shapes3d_rendered"], "Missing option '-o'"),
        (["export", "cars3d", "--output=/tmp/x"], "There is no twin 'cars3d'"),
    ],
)
def test_command_ends_in_one_clear_line(args, message):
    done = rtc("data", *args)
    assert done.returncode in (1, 2)
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
