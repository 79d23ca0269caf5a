# SPDX-License-Identifier: Apache-2.0
"""Loaders of the public files: the images of the library's classes, in its order.

Small files of the public layout stand for the originals; both our class and the
library's are told of the smaller sizes.
"""

import hashlib
import json
import os
import struct
import threading
import zipfile

import h5py
import numpy as np
import PIL.Image
import pytest
import small_public_files as small
from disentanglement_lib.data.ground_truth import cars3d as stock_cars3d
from disentanglement_lib.data.ground_truth import dsprites as stock_dsprites
from disentanglement_lib.data.ground_truth import mpi3d as stock_mpi3d
from disentanglement_lib.data.ground_truth import norb as stock_norb
from disentanglement_lib.data.ground_truth import shapes3d as stock_shapes3d
from disentanglement_lib.data.ground_truth import util

from rtc_plugin.data import conversion, files
from rtc_plugin.data.ground_truth import (
    cars3d,
    dsprites,
    dsprites_variants,
    mpi3d,
    named_data,
    norb,
    shapes3d,
)
from rtc_plugin.errors import UserError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    small.use_small_sizes(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def old_thumbnail(monkeypatch):
    """The library hands Pillow a size of three numbers; it used to read two."""
    thumbnail = PIL.Image.Image.thumbnail
    monkeypatch.setattr(
        PIL.Image.Image,
        "thumbnail",
        lambda self, size, *args: thumbnail(self, size[:2], *args),
    )


def tell_sizes(stock, sizes):
    """Tells an object of the library's class that its file is a small one."""
    stock.factor_sizes = sizes
    stock.factor_bases = np.prod(sizes) / np.cumprod(sizes)
    stock.state_space = util.SplitDiscreteStateSpace(sizes, stock.latent_factor_indices)
    return stock


def assert_same_data(ours, stock, num=60):
    assert ours.num_factors == stock.num_factors
    assert list(ours.factors_num_values) == list(stock.factors_num_values)
    assert list(ours.observation_shape) == list(stock.observation_shape)
    our_state, stock_state = np.random.RandomState(4), np.random.RandomState(4)
    our_factors, our_images = ours.sample(num, our_state)
    stock_factors, stock_images = stock.sample(num, stock_state)
    np.testing.assert_array_equal(our_factors, stock_factors)
    # What the library hands to TensorFlow is cast to float32 at the latest there.
    np.testing.assert_array_equal(our_images, np.float32(stock_images))
    assert our_images.dtype == np.float32
    np.testing.assert_array_equal(
        ours.sample_observations(1, our_state),
        np.float32(stock.sample_observations(1, stock_state)),
    )
    assert our_state.randint(2**31) == stock_state.randint(2**31)


def test_shapes3d_from_the_public_h5(monkeypatch):
    small.write_shapes3d_h5(small.pixels(144, 64, 64, 3))
    npz_path = small.path_of("3dshapes/stock.npz")
    np.savez(
        npz_path,
        images=small.pixels(144, 64, 64, 3).reshape(*small.SHAPES3D_SIZES, 64, 64, 3),
        labels=small.shapes3d_labels().reshape(*small.SHAPES3D_SIZES, 6),
    )
    monkeypatch.setattr(stock_shapes3d, "SHAPES3D_PATH", npz_path)
    stock = tell_sizes(stock_shapes3d.Shapes3D(), small.SHAPES3D_SIZES)
    assert_same_data(shapes3d.Shapes3D(), stock)


def test_shapes3d_from_the_npz_that_the_library_reads(monkeypatch):
    npz_path = small.path_of(shapes3d.Shapes3D.npz_path)
    np.savez(
        npz_path,
        images=small.pixels(*small.SHAPES3D_SIZES, 64, 64, 3),
        labels=small.shapes3d_labels().reshape(*small.SHAPES3D_SIZES, 6),
    )
    monkeypatch.setattr(stock_shapes3d, "SHAPES3D_PATH", npz_path)
    stock = tell_sizes(stock_shapes3d.Shapes3D(), small.SHAPES3D_SIZES)
    assert_same_data(shapes3d.Shapes3D(), stock)


@pytest.mark.parametrize(
    "name, indices",
    [("dsprites_full", [1, 2, 3, 4, 5]), ("dsprites_noshape", [2, 3, 4, 5])],
)
def test_dsprites(name, indices, monkeypatch):
    monkeypatch.setattr(stock_dsprites, "DSPRITES_PATH", small.write_dsprites())
    stock = stock_dsprites.DSprites(indices)
    stock.full_factor_sizes = small.DSPRITES_SIZES
    ours = named_data.GROUND_TRUTH_DATA[name]()
    assert_same_data(ours, stock)
    assert len(ours.factor_names) == ours.num_factors


@pytest.mark.parametrize("variant", ["ColorDSprites", "NoisyDSprites"])
def test_random_variants_of_dsprites(variant, monkeypatch):
    monkeypatch.setattr(stock_dsprites, "DSPRITES_PATH", small.write_dsprites())
    stock = getattr(stock_dsprites, variant)([1, 2, 3, 4, 5])
    stock.full_factor_sizes = small.DSPRITES_SIZES
    ours = getattr(dsprites_variants, variant)()
    assert_same_observations(ours, stock)


def test_scream_dsprites(monkeypatch, old_thumbnail):
    monkeypatch.setattr(stock_dsprites, "DSPRITES_PATH", small.write_dsprites())
    monkeypatch.setattr(stock_dsprites, "SCREAM_PATH", small.write_scream())
    stock = stock_dsprites.ScreamDSprites([1, 2, 3, 4, 5])
    stock.full_factor_sizes = small.DSPRITES_SIZES
    assert_same_observations(dsprites_variants.ScreamDSprites(), stock)


def assert_same_observations(ours, stock):
    assert ours.factors_num_values == stock.factors_num_values
    assert ours.observation_shape == stock.observation_shape
    for a, b in zip(
        ours.sample(30, np.random.RandomState(0)),
        stock.sample(30, np.random.RandomState(0)),
    ):
        np.testing.assert_array_equal(a, b)


def test_mpi3d():
    small.write_mpi3d()
    stock = object.__new__(stock_mpi3d.MPI3D)  # its constructor fixes path and sizes
    with np.load(files.local_path(small.MPI3D_TOY)) as data:
        stock.images = data["images"]
    stock.latent_factor_indices = list(range(7))
    assert_same_data(mpi3d.MPI3DToy(), tell_sizes(stock, small.MPI3D_SIZES))


def test_mpi3d_number_of_images_decides_on_the_factors(monkeypatch):
    """Files of 2019 had four colours and shapes, today's have six."""
    larger = [3, 2, 2, 2, 3, 2, 2]
    monkeypatch.setattr(mpi3d.MPI3D, "layouts", (larger, small.MPI3D_SIZES))
    small.write_mpi3d()
    assert mpi3d.MPI3DToy().factors_num_values == small.MPI3D_SIZES
    small.write_mpi3d(images=small.pixels(288, 64, 64, 3))
    assert mpi3d.MPI3DToy().factors_num_values == larger


def test_cars3d(folder, monkeypatch, old_thumbnail):
    small.write_cars3d()
    monkeypatch.setattr(stock_cars3d, "CARS3D_PATH", str(folder / "cars"))
    # The library numbers cars as the file system lists them, we by name.
    listed = sorted(os.listdir(folder / "cars"))
    monkeypatch.setattr(stock_cars3d.gfile, "ListDirectory", lambda path: listed)
    stock, ours = stock_cars3d.Cars3D(), cars3d.Cars3D()
    factors = small.grid([4, 24, 2])
    np.testing.assert_array_equal(
        ours.sample_observations_from_factors(factors, None),
        np.float32(stock.sample_observations_from_factors(factors, None)),
    )


def test_smallnorb(folder, monkeypatch):
    small.write_norb()
    # It calls int() on arrays of one element, which NumPy 2.5 refuses.
    monkeypatch.setattr(
        stock_norb, "int", lambda x: np.asarray(x).item(), raising=False
    )
    images, features = stock_norb._load_small_norb_chunks(
        str(folder / "small_norb" / "smallnorb-{}-{}.mat"), stock_norb.SMALLNORB_CHUNKS
    )
    stock = object.__new__(stock_norb.SmallNORB)  # its constructor fixes the sizes
    stock.images = images
    stock.latent_factor_indices = [0, 2, 3, 4]
    stock.index = util.StateSpaceAtomIndex(small.NORB_SIZES, features)
    assert_same_data(norb.SmallNORB(), tell_sizes(stock, small.NORB_SIZES))


def test_scaling_gives_the_pixels_of_the_home_ground():
    """Recorded with Pillow 8.4 on Python 3.7."""
    picture = PIL.Image.fromarray(small.pixels(128, 128, 3))
    scaled = np.asarray(picture.resize((64, 64), PIL.Image.LANCZOS))
    assert (
        hashlib.md5(scaled.tobytes()).hexdigest() == "4338dffa862582cfb0de368639cb7f20"
    )
    left = PIL.Image.fromarray(small.pixels(96, 96).astype(np.int32))
    scaled = np.asarray(left.resize((64, 64), PIL.Image.LANCZOS)).astype("<i2")
    assert (
        hashlib.md5(scaled.tobytes()).hexdigest() == "bf2e5e4c7dddd38c7da60ee9d96dab24"
    )


# Conversion


def test_conversion_happens_once_and_is_noted(folder):
    path = small.write_shapes3d_h5()
    before = open(path, "rb").read()
    shapes3d.Shapes3D()
    converted = folder / "3dshapes" / "3dshapes.images.npy"
    written = os.stat(converted).st_mtime_ns
    shapes3d.Shapes3D()
    assert os.stat(converted).st_mtime_ns == written
    assert open(path, "rb").read() == before
    note = json.loads((folder / "3dshapes" / "3dshapes.images.npy.json").read_text())
    images = small.pixels(144, 64, 64, 3)
    assert note["sha256"] == hashlib.sha256(images.tobytes()).hexdigest()
    conversion.verify(str(converted))
    assert sorted(os.listdir(folder / "3dshapes")) == [
        "3dshapes.h5",
        "3dshapes.images.npy",
        "3dshapes.images.npy.json",
    ]


def test_converted_file_serves_without_its_source(folder):
    os.remove(small.write_shapes3d_h5())
    with pytest.raises(UserError):
        shapes3d.Shapes3D()
    path = small.write_shapes3d_h5()
    shapes3d.Shapes3D()
    os.remove(path)
    shapes3d.Shapes3D().images_at([143])


def test_another_source_is_converted_anew():
    small.write_shapes3d_h5()
    first = shapes3d.Shapes3D().images_at([5])
    small.write_shapes3d_h5(255 - small.pixels(144, 64, 64, 3))
    np.testing.assert_array_equal(shapes3d.Shapes3D().images_at([5]), 255 - first)


def test_interrupted_conversion_is_done_again(folder):
    """What is left of one that was killed: a temporary file, an array, no note."""
    small.write_shapes3d_h5()
    (folder / "3dshapes" / "3dshapes.images.npy.123.tmp").write_bytes(b"x" * 100)
    (folder / "3dshapes" / "3dshapes.images.npy").write_bytes(b"x" * 100)
    data = shapes3d.Shapes3D()
    np.testing.assert_array_equal(
        data.images_at(range(144)), small.pixels(144, 64, 64, 3)
    )
    assert not (folder / "3dshapes" / "3dshapes.images.npy.123.tmp").exists()


def test_changed_converted_file_is_noticed(folder):
    small.write_shapes3d_h5()
    shapes3d.Shapes3D()
    converted = str(folder / "3dshapes" / "3dshapes.images.npy")
    with open(converted, "r+b") as f:
        f.seek(1000)
        f.write(b"\x00\x01\x02")
    with pytest.raises(UserError, match="has changed since it was converted"):
        conversion.verify(converted)


def test_two_at_once_convert_once(monkeypatch):
    small.write_shapes3d_h5()
    conversions, opened = [], []
    convert = shapes3d.Shapes3D._convert_h5

    def counting(self, path):
        conversions.append(path)
        return convert(self, path)

    monkeypatch.setattr(shapes3d.Shapes3D, "_convert_h5", counting)

    def use():
        opened.append(shapes3d.Shapes3D().images_at([7]))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4 and len(conversions) == 1
    np.testing.assert_array_equal(opened[0], opened[3])


def test_full_disk_is_said_before_anything_is_written(folder, monkeypatch):
    small.write_shapes3d_h5()
    usage = conversion.shutil.disk_usage(folder)._replace(free=1000)
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(UserError, match="0.0 GB free"):
        shapes3d.Shapes3D()
    assert os.listdir(folder / "3dshapes") == ["3dshapes.h5"]


def test_folder_without_permission_is_named(folder, monkeypatch):
    small.write_shapes3d_h5()
    monkeypatch.setattr(conversion.os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="3dshapes cannot be written to"):
        shapes3d.Shapes3D()


# Bad input


@pytest.mark.parametrize("name", sorted(filter(named_data.files_of, named_data.NAMES)))
def test_missing_file_names_file_command_and_twin(name, folder):
    with pytest.raises(UserError) as error:
        named_data.GROUND_TRUTH_DATA[name]()
    message = str(error.value)
    assert str(folder) in message and "\n" not in message
    by_hand = name in ("falcor3d", "isaac3d")
    assert ("by hand" if by_hand else f"rtc data fetch {name}") in message
    assert "_rendered" in message


def truncate(path):
    with open(path, "r+b") as f:
        f.truncate(os.path.getsize(path) * 2 // 3)


def html(path):
    with open(path, "w") as f:
        f.write("<!DOCTYPE html><html><body>404</body></html>")


def flip_a_byte(path):
    with open(path, "r+b") as f:
        f.seek(os.path.getsize(path) // 2)
        byte = f.read(1)
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte[0] ^ 255]))


def forge_checksum(path):
    """Has the archive say another checksum than its images have."""
    with zipfile.ZipFile(path) as archive:
        checksum = struct.pack("<I", archive.getinfo("imgs.npy").CRC)
    with open(path, "rb") as f:
        content = f.read()
    with open(path, "wb") as f:
        f.write(content.replace(checksum, b"1234"))


LABELS_OUT_OF_RANGE = np.full((144, 6), 17.0)

BAD = {
    "h5 key": (
        lambda: h5py.File(small.path_of(small.SHAPES3D), "w").close(),
        "shapes3d",
        "no array 'images'",
    ),
    "truncated h5": (
        lambda: truncate(small.write_shapes3d_h5()),
        "shapes3d",
        "truncated",
    ),
    "html h5": (lambda: html(small.write_shapes3d_h5()), "shapes3d", "web page"),
    "h5 shape": (
        lambda: small.write_shapes3d_h5(small.pixels(143, 64, 64, 3)),
        "shapes3d",
        r"shape \(143, 64, 64, 3\), not \(144",
    ),
    "h5 dtype": (
        lambda: small.write_shapes3d_h5(np.zeros((144, 64, 64, 3), np.float32)),
        "shapes3d",
        "holds float32, not uint8",
    ),
    "h5 labels shape": (
        lambda: small.write_shapes3d_h5(labels=np.zeros((144, 5))),
        "shapes3d",
        r"'labels' has the shape \(144, 5\)",
    ),
    "h5 labels range": (
        lambda: small.write_shapes3d_h5(labels=LABELS_OUT_OF_RANGE),
        "shapes3d",
        "labels of floor_hue are out of range",
    ),
    "h5 labels NaN": (
        lambda: small.write_shapes3d_h5(labels=np.full((144, 6), np.nan)),
        "shapes3d",
        "out of range",
    ),
    "h5 order": (
        lambda: small.write_shapes3d_h5(
            labels=np.zeros((144, 6)) + [0, 0, 0, 0.75, 0, -30]
        ),
        "shapes3d",
        "not in the order of the labels",
    ),
    "truncated npz": (
        lambda: truncate(small.write_dsprites()),
        "dsprites_full",
        "truncated",
    ),
    "damaged npz": (
        lambda: flip_a_byte(small.write_dsprites()),
        "dsprites_full",
        "npz",
    ),
    "npz checksum": (
        lambda: forge_checksum(small.write_dsprites()),
        "dsprites_full",
        "Bad CRC-32",
    ),
    "damaged npz, not compressed": (
        lambda: flip_a_byte(small.write_mpi3d()),
        "mpi3d_toy",
        "Bad CRC-32",
    ),
    "html npz": (lambda: html(small.write_dsprites()), "dsprites_full", "web page"),
    "npz key": (
        lambda: small.write_dsprites(imgs=None),
        "dsprites_full",
        "no array 'imgs'",
    ),
    "npz shape": (
        lambda: small.write_dsprites(imgs=small.pixels(359, 64, 64, high=2)),
        "dsprites_full",
        r"\(359, 64, 64\), not uint8 \(360",
    ),
    "npz dtype": (
        lambda: small.write_dsprites(imgs=np.zeros((360, 64, 64))),
        "color_dsprites",
        "float64",
    ),
    "npz pickled": (
        lambda: small.write_dsprites(imgs=np.array([{}] * 360)),
        "dsprites_full",
        "is pickled, which could run code",
    ),
    "npz small.pixels": (
        lambda: small.write_dsprites(imgs=small.pixels(360, 64, 64)),
        "dsprites_full",
        "more than 0 and 1",
    ),
    "npz classes": (
        lambda: small.write_dsprites(
            latents_classes=small.grid(small.DSPRITES_SIZES)[::-1]
        ),
        "dsprites_full",
        "out of range or not in order",
    ),
    "mpi3d count": (
        lambda: small.write_mpi3d(images=small.pixels(5, 64, 64, 3)),
        "mpi3d_toy",
        "not uint8 192 images",
    ),
    "truncated mat": (
        lambda: truncate(small.write_cars3d()),
        "cars3d",
        "car_001_mesh.mat",
    ),
    "html mat": (lambda: html(small.write_cars3d()), "cars3d", "web page"),
    "missing mat": (
        lambda: os.remove(small.write_cars3d()),
        "cars3d",
        "holds 1 mat files",
    ),
    "truncated norb": (
        lambda: truncate(small.write_norb()),
        "smallnorb",
        "header says",
    ),
    "html norb": (lambda: html(small.write_norb()), "smallnorb", "web page"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file_is_one_clear_error_and_nothing_is_converted(case, folder):
    spoil, name, message = BAD[case]
    spoil()
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match=message) as error:
        named_data.GROUND_TRUTH_DATA[name]()
    assert str(folder) in str(error.value)
    after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert after == before


def test_zip_bomb_is_refused_before_it_is_unpacked(folder):
    """The header says 360 images, the member would go on for a gigabyte."""
    path = small.path_of(small.DSPRITES)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("imgs.npy", "w") as member:
            np.lib.format.write_array_header_1_0(
                member, {"descr": "|u1", "fortran_order": False, "shape": (360, 64, 64)}
            )
            for _ in range(64):
                member.write(bytes(1 << 20))
    with pytest.raises(UserError, match="not of the size that its header says"):
        dsprites.DSprites()


def test_pickled_metadata_is_never_run(tmp_path):
    class Tampered:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "code_was_run"),)

    small.write_dsprites(metadata=np.array(Tampered(), dtype=object))
    dsprites.DSprites()
    assert not (tmp_path / "code_was_run").exists()
