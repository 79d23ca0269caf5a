# SPDX-License-Identifier: Apache-2.0
"""Writes the rendered twins in the format of the public files.

To try the loaders of this and of other libraries without the originals. A file says
what it is: the h5 file by the attribute `exported_from`, the npz file by its comment.
"""

import os
import sys
import zipfile

import h5py
import numpy as np
import tqdm

from rtc_plugin.data.ground_truth import (
    dsprites,
    dsprites_rendered,
    shapes3d,
    shapes3d_rendered,
)
from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file

# Images at once. The h5 file's chunks run through as many images, at a few pixels: as
# in the original, neighbouring images compress one another.
_BLOCK = 4800


def export(name, out, overwrite=False):
    """Writes a twin in the public file's format.

    Args:
      name: "shapes3d_rendered" or "dsprites_rendered".
      out: Path of the file to write; or of a folder, which gets the public file's
        layout, as below DISENTANGLEMENT_LIB_DATA.
      overwrite: Whether to replace an existing file.

    Returns:
      Path of the file.

    Raises:
      UserError: If there is no such twin, or the file exists or cannot be written.
    """
    if name not in _TWINS:
        raise UserError(
            f"There is no twin {name!r} to export; there are: {', '.join(_TWINS)}."
        )
    public, open_data, write = _TWINS[name]
    (file,) = public.public_files
    path = out
    if not out.endswith(os.path.splitext(file.path)[1]):
        path = os.path.join(out, file.path)
    if os.path.exists(path) and not overwrite:
        raise UserError(f"{path} exists; --overwrite replaces it.")
    try:
        with whole_file(path) as partial:
            write(partial, open_data(), name)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror or error}.") from error
    print(f"Wrote {path}", file=sys.stderr)
    return path


def write_h5(path, data, name):
    """Writes `images` and `labels` as in 3dshapes.h5."""
    factors = data.indices_to_factors(np.arange(data.num_images))
    labels = [v[f] for v, f in zip(shapes3d.LABEL_VALUES, factors.T)]
    with h5py.File(path, "w") as f:
        f.attrs["exported_from"] = name
        f.create_dataset("labels", data=np.stack(labels, axis=-1))
        images = f.create_dataset(
            "images",
            (data.num_images, *data.observation_shape),
            np.uint8,
            chunks=(min(_BLOCK, data.num_images), 4, 4, 3),
            compression="gzip",
            compression_opts=4,
        )
        for start, block in _blocks(data):
            images[start : start + len(block)] = block


def write_npz(path, data, name):
    """Writes `imgs`, `latents_classes`, `latents_values`, `metadata` as in dSprites."""
    classes = data.indices_to_factors(np.arange(data.num_images))
    possible = {
        "color": np.array([1.0]),
        "shape": np.array([1.0, 2.0, 3.0]),
        "scale": np.linspace(0.5, 1, 6),
        "orientation": np.linspace(0, 2 * np.pi, 40),
        "posX": np.linspace(0, 1, 32),
        "posY": np.linspace(0, 1, 32),
    }
    values = np.stack([v[c] for v, c in zip(possible.values(), classes.T)], axis=-1)
    metadata = {
        "title": f"{name}, a rendered twin of dSprites",
        "latents_names": tuple(possible),
        "latents_sizes": np.array(data.factor_sizes),
        "latents_possible_values": possible,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"exported_from=" + name.encode()
        arrays = {
            # The original has it pickled, too, and other libraries unpickle it.
            "metadata": np.array(metadata, dtype=object),
            "latents_classes": classes.astype(np.int64),
            "latents_values": values,
        }
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array)
        with archive.open("imgs.npy", "w", force_zip64=True) as member:
            header = {
                "descr": "|u1",
                "fortran_order": False,
                "shape": (data.num_images, 64, 64),
            }
            np.lib.format.write_array_header_1_0(member, header)
            for _, block in _blocks(data):
                member.write(block.tobytes())


def _blocks(data):
    with tqdm.tqdm(
        total=data.num_images, desc="exporting", unit=" images", unit_scale=True
    ) as bar:
        for start in range(0, data.num_images, _BLOCK):
            stop = min(start + _BLOCK, data.num_images)
            yield start, data.images_at(np.arange(start, stop))
            bar.update(stop - start)


_TWINS = {
    "shapes3d_rendered": (
        shapes3d.Shapes3D,
        shapes3d_rendered.Shapes3DRendered,
        write_h5,
    ),
    "dsprites_rendered": (
        dsprites.DSprites,
        dsprites_rendered.DSpritesRendered,
        write_npz,
    ),
}
