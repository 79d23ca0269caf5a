# SPDX-License-Identifier: Apache-2.0
"""A zip is hostile until shown otherwise."""

import builtins
import errno
import io
import os
import stat
import struct
import zipfile

import numpy as np
import pytest
import zoo_files

from rtc_plugin.errors import UserError
from rtc_plugin.zoo import archive


def open_names(path):
    with archive.open_archive(path) as opened:
        return opened.names()


def test_models_of_a_zip_are_found_with_their_files(tmp_path):
    path = zoo_files.write_zip(
        tmp_path / "two.zip",
        {**zoo_files.model_files(3), **zoo_files.model_files(20), "README": b""},
    )
    with archive.open_archive(path) as opened:
        models = archive.find_models(opened)
    assert [model.root for model in models] == ["20/", "3/"]
    assert "model/tfhub/saved_model.pb" in models[0].names


def test_model_without_a_folder_around_it_is_found(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", zoo_files.model_files(0, root=""))
    with archive.open_archive(path) as opened:
        assert [model.root for model in archive.find_models(opened)] == [""]


def test_extracted_is_what_is_asked_for_and_nothing_else(tmp_path):
    path = zoo_files.write_model(tmp_path, 3)
    target = tmp_path / "out"
    target.mkdir()
    with archive.open_archive(path) as opened:
        (model,) = archive.find_models(opened)
        archive.extract(opened, model, ("model/tfhub/",), target)
    files = [str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()]
    assert files == ["model/tfhub/saved_model.pb"]
    assert (target / files[0]).read_bytes() == b"not a module"


@pytest.mark.parametrize(
    "name",
    ["../out", "/etc/passwd", "0/../../out", "0/./a", "a\\..\\b", "C:/a", "a//b"],
)
def test_path_that_leaves_its_folder_is_refused(tmp_path, name):
    path = zoo_files.write_zip(tmp_path / "0.zip", {name: b"x"})
    with pytest.raises(UserError, match="leaves its folder"):
        open_names(path)


def test_name_with_a_nul_byte_is_refused(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/modelX": b"x"})
    path.write_bytes(path.read_bytes().replace(b"modelX", b"model\0"))
    with pytest.raises(UserError, match="leaves its folder"):
        open_names(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_link_and_device_are_refused(tmp_path, kind):
    info = zipfile.ZipInfo("0/model/tfhub")
    info.external_attr = (kind | 0o777) << 16
    path = zoo_files.write_zip(tmp_path / "0.zip", {info: b"/etc/passwd"})
    with pytest.raises(UserError, match="not a plain file"):
        open_names(path)


def test_name_that_comes_twice_is_refused(tmp_path):
    path = tmp_path / "0.zip"
    with zipfile.ZipFile(path, "w") as packed, pytest.warns(UserWarning):
        packed.writestr("0/a", b"1")
        packed.writestr("0/a", b"2")
    with pytest.raises(UserError, match="twice"):
        open_names(path)


def test_bomb_is_not_opened(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/model/x": bytes(100 << 20)})
    with pytest.raises(UserError, match="no model compresses so well"):
        open_names(path)


def test_zip_that_unpacks_to_too_much_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 10)
    path = zoo_files.write_zip(tmp_path / "0.zip", {"a": b"123456", "b": b"123456"})
    with pytest.raises(UserError, match="more than 10"):
        open_names(path)


def test_members_that_overlap_are_refused(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/a": b"1" * 99, "0/b": b"2" * 99})
    content = bytearray(path.read_bytes())
    # The second entry of the directory points to the first member.
    second = content.rfind(b"PK\1\2")
    content[second + 42 : second + 46] = struct.pack("<L", 0)
    path.write_bytes(content)
    with pytest.raises(UserError, match="overlap"):
        open_names(path)


@pytest.mark.parametrize("count, size", [(60_000, 100), (1, 1 << 30)])
def test_huge_directory_is_refused_before_it_is_read(
    tmp_path, monkeypatch, count, size
):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/a": b"x"})
    content = bytearray(path.read_bytes())
    end = content.rfind(b"PK\5\6")
    content[end + 10 : end + 16] = struct.pack("<HL", count, size)
    path.write_bytes(content)
    monkeypatch.setattr(zipfile, "ZipFile", None)  # would fail
    with pytest.raises(UserError, match="no model has so many"):
        open_names(path)


@pytest.mark.parametrize("offset", ["right", "wrong"])
def test_directory_of_a_large_zip_is_bounded_too(tmp_path, offset):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/a": b"x"})
    content = path.read_bytes()
    end = content.rfind(b"PK\5\6")
    record = b"PK\6\6" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 9**9, 9**9, 99, 0)
    locator = b"PK\6\7" + struct.pack("<LQL", 0, end if offset == "right" else 0, 1)
    path.write_bytes(content[:end] + record + locator + content[end:])
    with pytest.raises(UserError, match="no model has so many"):
        open_names(path)


def test_encrypted_member_is_refused(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/a": b"x"})
    content = bytearray(path.read_bytes())
    content[content.rfind(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match="encrypted"):
        open_names(path)


def test_read_stops_at_its_limit(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"0/a": b"x" * 11})
    with archive.open_archive(path) as opened:
        with pytest.raises(UserError, match="more than 10 bytes"):
            archive.read(opened, "0/a", 10)
        assert archive.read(opened, "0/a", 11) == b"x" * 11


def test_damaged_member_is_named(tmp_path):
    path = tmp_path / "0.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("0/a", b"sound")
    path.write_bytes(path.read_bytes().replace(b"sound", b"other"))
    with archive.open_archive(path) as opened:
        with pytest.raises(UserError, match="0/a is damaged"):
            opened.verify()


def extract(path, folder):
    with archive.open_archive(path) as opened:
        (model,) = archive.find_models(opened)
        archive.extract(opened, model, ("model/",), folder)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_what_cannot_be_written_is_not_called_damaged(tmp_path, monkeypatch, kind):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"model/a": b"x"})
    if kind == "folder":
        path = tmp_path / "0"
        (path / "model").mkdir(parents=True)
        (path / "model" / "a").write_bytes(b"x")
    target = tmp_path / "out"
    (target / "model").mkdir(parents=True)
    (target / "model" / "a").write_bytes(b"other")
    with pytest.raises(UserError, match="a cannot be written to .*File exists"):
        extract(path, target)
    assert (target / "model" / "a").read_bytes() == b"other"
    # No space left on device.
    with pytest.raises(UserError, match="No space left on device") as raised:
        extract(path, full_disk(monkeypatch, tmp_path / "full"))
    assert "damaged" not in str(raised.value)


def full_disk(monkeypatch, folder):
    """Has writes below a folder fail as on a full disk."""
    folder.mkdir()
    stock = builtins.open

    class Full(io.BytesIO):
        def write(self, block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_(path, *args, **kwargs):
        is_below = str(path).startswith(str(folder))
        return Full() if is_below else stock(path, *args, **kwargs)

    monkeypatch.setattr(builtins, "open", open_)
    return folder


def test_file_that_is_a_folder_elsewhere_in_the_zip_is_one_line(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"model/a": b"x", "model/a/b": b"y"})
    with pytest.raises(UserError, match="model/a/b cannot be written"):
        extract(path, tmp_path)


def test_disk_that_fails_while_reading_is_not_called_damaged(tmp_path, monkeypatch):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"model/a": b"x"})

    def read(self, *args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(zipfile.ZipExtFile, "read", read)
    with pytest.raises(UserError, match=r"a cannot be read \(Input/output error\)"):
        extract(path, tmp_path)


def test_name_that_is_no_utf8_is_one_line(tmp_path):
    path = zoo_files.write_zip(tmp_path / "0.zip", {"model/\u00e9": b"x"})
    content = path.read_bytes().replace("\u00e9".encode(), b"\xff\xff")
    path.write_bytes(content)
    with pytest.raises(UserError, match="0.zip is damaged"):
        open_names(path)


def test_method_that_unpacks_to_gigabytes_at_once_is_refused(tmp_path):
    path = tmp_path / "0.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("model/a", b"x")
    with pytest.raises(UserError, match="packed by method 14; unpack it yourself"):
        open_names(path)


def test_damage_anywhere_in_a_zip_is_one_line(tmp_path):
    """Each byte in turn, and random ones together."""
    whole = zoo_files.write_zip(
        tmp_path / "whole.zip", {"0/model/a\u00e9": b"x" * 99, "0/metrics/b": b"y"}
    ).read_bytes()
    path, damaged, random = tmp_path / "0.zip", 0, np.random.RandomState(0)
    for trial in range(len(whole) + 300):
        content = bytearray(whole)
        if trial < len(whole):
            content[trial] ^= 0xFF
        else:
            for place in random.randint(len(whole), size=4):
                content[place] = random.randint(256)
        path.write_bytes(content)
        try:
            with archive.open_archive(path) as opened:
                archive.find_models(opened)
                opened.verify()
        except UserError as error:
            assert "0.zip" in str(error)
            damaged += 1
    assert damaged > 300


@pytest.mark.parametrize(
    "content, message",
    [
        (b"<!DOCTYPE html><html>sorry</html>", "web page"),
        (b"", "not a whole zip"),
        (b"PK\3\4 cut off", "not a whole zip"),
    ],
)
def test_what_is_no_zip_is_named(tmp_path, content, message):
    path = tmp_path / "0.zip"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        open_names(path)


def test_links_in_a_folder_are_not_followed(tmp_path):
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "0" / "model"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "file").write_text("y")
    with archive.open_archive(tmp_path / "0") as opened:
        assert opened.names() == ["model/file"]
