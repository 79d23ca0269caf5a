# SPDX-License-Identifier: Apache-2.0
"""Small files of the public layouts, which stand for the originals in tests."""

import os
import struct

import h5py
import numpy as np
import PIL.Image
import scipy.io

from rtc_plugin.data import files
from rtc_plugin.data.ground_truth import (
    cars3d,
    dsprites,
    mpi3d,
    norb,
    nvidia3d,
    shapes3d,
)

(SHAPES3D,) = shapes3d.Shapes3D.public_files
(DSPRITES,) = dsprites.DSprites.public_files
(MPI3D_TOY,) = mpi3d.MPI3DToy.public_files
SCREAM = dsprites.ToScream.public_files[1]
SMALLNORB = norb.SmallNORB.public_files
SHAPES3D_SIZES = [2, 3, 2, 2, 2, 3]
DSPRITES_SIZES = [1, 3, 2, 4, 3, 5]
MPI3D_SIZES = [2, 2, 2, 2, 3, 2, 2]
NORB_SIZES = [2, 3, 2, 4, 2]


def use_small_sizes(monkeypatch, folder):
    """Tells the loaders the sizes of the small files, and to look for them here."""
    monkeypatch.setenv("DISENTANGLEMENT_LIB_DATA", str(folder))
    monkeypatch.setattr(shapes3d.Shapes3D, "factor_sizes", SHAPES3D_SIZES)
    monkeypatch.setattr(
        shapes3d.Shapes3D,
        "label_values",
        [v[:n] for v, n in zip(shapes3d.LABEL_VALUES, SHAPES3D_SIZES)],
    )
    monkeypatch.setattr(dsprites.DSprites, "factor_sizes", DSPRITES_SIZES)
    monkeypatch.setattr(mpi3d.MPI3D, "layouts", (MPI3D_SIZES,))
    monkeypatch.setattr(norb.SmallNORB, "factor_sizes", NORB_SIZES)
    monkeypatch.setattr(cars3d.Cars3D, "factor_sizes", [4, 24, 2])
    monkeypatch.setattr(nvidia3d.Falcor3D, "factor_sizes", [2] * 7)
    monkeypatch.setattr(nvidia3d.Isaac3D, "factor_sizes", [2] * 9)


def pixels(*shape, high=256):
    return np.random.RandomState(0).randint(high, size=shape).astype(np.uint8)


def path_of(file):
    path = files.local_path(file)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def grid(sizes):
    return np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=-1)


def shapes3d_labels():
    factors = grid(SHAPES3D_SIZES)
    values = shapes3d.Shapes3D.label_values
    return np.stack([v[f] for v, f in zip(values, factors.T)], axis=-1)


def write_shapes3d_h5(images=None, labels=None, **changes):
    arrays = {
        "images": pixels(144, 64, 64, 3) if images is None else images,
        "labels": shapes3d_labels() if labels is None else labels,
        **changes,
    }
    path = path_of(SHAPES3D)
    with h5py.File(path, "w") as f:
        for key, array in arrays.items():
            if array is not None:
                f.create_dataset(key, data=array, compression="gzip")
    return path


def write_dsprites(path=None, **changes):
    arrays = {
        "imgs": pixels(360, 64, 64, high=2),
        "latents_classes": grid(DSPRITES_SIZES),
        # As published: a pickled dictionary.
        "metadata": np.array({"latents_sizes": np.array(DSPRITES_SIZES)}),
        **changes,
    }
    path = path or path_of(DSPRITES)
    np.savez_compressed(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


def write_scream():
    picture = np.random.RandomState(1).randint(256, size=(400, 300, 3))
    path = path_of(SCREAM)
    PIL.Image.fromarray(picture.astype(np.uint8)).save(path)
    return path


def write_mpi3d(file=MPI3D_TOY, **changes):
    count = int(np.prod(MPI3D_SIZES))
    path = path_of(file)
    np.savez(path, **{"images": pixels(count, 64, 64, 3), **changes})
    return path


def write_numbered_pictures(file, num_factors):
    """Pictures of two values per factor; their colours are their number."""
    folder = files.local_path(file)
    os.makedirs(folder)
    for number in range(2**num_factors):
        color = (number % 256, number // 256, 7)
        path = os.path.join(folder, f"{number:06d}.png")
        PIL.Image.new("RGB", (128, 128), color).save(path)
    return folder


def write_cars3d():
    mesh = pixels(128, 128, 3, 24, 4)
    for i in range(2):
        path = path_of(f"cars/car_{i:03d}_mesh.mat")
        scipy.io.savemat(path, {"im": np.roll(mesh, i, axis=0), "mask": mesh[:2]})
    return path


def write_norb_matrix(path, matrix, magic):
    shape = list(matrix.shape) + [1] * (3 - matrix.ndim)
    header = struct.pack(f"<{2 + len(shape)}i", magic, matrix.ndim, *shape)
    with open(path, "wb") as f:
        f.write(header + matrix.tobytes())


def write_norb():
    """Both chunks, in a shuffled order, as the original's are not in order."""
    factors = grid(NORB_SIZES)[np.random.RandomState(2).permutation(96)]
    images = pixels(96, 2, 96, 96)
    for chunk in range(2):
        rows = slice(48 * chunk, 48 * chunk + 48)
        dat, cat, info = (path_of(f) for f in SMALLNORB[3 * chunk :][:3])
        write_norb_matrix(dat, images[rows], 507333717)
        write_norb_matrix(cat, factors[rows, 0].astype("<i4"), 507333716)
        write_norb_matrix(
            info, (factors[rows, 1:] * [1, 1, 2, 1]).astype("<i4"), 507333716
        )
    return path_of(SMALLNORB[0])
