# SPDX-License-Identifier: Apache-2.0
"""Data of one's own: images and labels in an npz, h5 or parquet file, or a folder.

Every reader returns the labels, a dictionary from the factor's name to an array [n],
and the images as `conversion.ImageFile`, uint8: in the file itself where they lie there
as they are, otherwise in a copy `PATH.images.npy` that is made once.
"""

import csv
import glob
import os

import numpy as np

from rtc_plugin.data import conversion, files, npz, pictures
from rtc_plugin.errors import UserError

IMAGE_KEYS = ("images", "imgs", "image", "img")
LABEL_KEYS = ("latents_classes", "labels", "factors", "latents_values")
NAME_KEYS = ("factor_names", "label_names")
_FILE_NAMES = ("file_name", "filename", "file", "image", "image_id", "path")
_PREFIX = "label_"
_BLOCK = 1024


def read(path, size=None):
    """Reads a data set.

    Args:
        path: An npz or h5 file with images [n, height, width(, channels)] or
            [n, channels, height, width] under one of `IMAGE_KEYS`, and, if it has any,
            labels [n(, num_factors)] under one of `LABEL_KEYS` and their names under
            one of `NAME_KEYS`; a parquet file, or a folder of them, with a column of
            encoded pictures and columns `label_*`; or a folder of pictures with one csv
            file, a line for each picture, or with none.
        size: Height and width to scale pictures to, which have their middle square cut
            out before. None leaves them as they are.

    Returns:
        Dictionary from names of factors to arrays [n], empty without labels; and
        `conversion.ImageFile` of uint8 [n, ...].

    Raises:
        UserError: What is wrong with the files.
    """
    path = os.path.abspath(path)
    if os.path.isdir(path):
        pattern = os.path.join(glob.escape(path), "**", "*.parquet")
        shards = sorted(glob.glob(pattern, recursive=True))
        if shards:
            return _read_parquet(path, shards, size)
        return _read_folder(path, size)
    ending = os.path.splitext(path)[1].lower()
    if ending == ".parquet":
        return _read_parquet(path, [path], size)
    if ending in (".npz", ".h5", ".hdf5"):
        if size is not None:
            raise UserError(
                f"{path}: arrays are not scaled; leave out file_data.size (--size), or "
                "store images of that size."
            )
        return _read_npz(path) if ending == ".npz" else _read_h5(path)
    raise UserError(
        f"{path} is no data set: neither .npz, .h5, .parquet nor a folder of parquet "
        "files or pictures."
    )


def _target(path, size=None):
    return f"{path}.images{size or ''}.npy"


def _read_npz(path):
    with npz.open_npz(path) as archive:
        keys = {name[: -len(".npy")] for name in archive.namelist()}
        key = _key(path, keys, IMAGE_KEYS)
        member = npz.Member(archive, key)

        def read_whole(key):
            blocks = list(npz.Member(archive, key).blocks())
            return np.concatenate(blocks) if blocks else np.empty(0)

        labels = _labels(path, keys, read_whole, len_of=member)

    def blocks():
        with npz.open_npz(path) as archive:
            yield from npz.Member(archive, key).blocks()

    return labels, _open_array(path, key, member, member.offset, blocks)


def _read_h5(path):
    try:
        from rtc_plugin.data import h5
    except ImportError as error:
        raise UserError(f"{path} needs h5py: pip install 'rtc_plugin[h5]'.") from error
    with h5.open_h5(path) as f:
        keys = {key for key in f if h5.has_array(f, key)}
        key = _key(path, keys, IMAGE_KEYS)
        images = h5.array(f, path, key)
        labels = _labels(
            path, keys, lambda key: h5.read(path, f[key], slice(None)), len_of=images
        )
        # None if it is in chunks, which compression needs.
        offset = images.id.get_offset()
        return labels, _open_array(
            path, key, images, offset, lambda: h5.blocks(path, key)
        )


def _key(path, keys, wanted):
    for key in wanted:
        if key in keys:
            return key
    raise files.unusable(
        path,
        f"has no array called {', '.join(wanted[:-1])} or {wanted[-1]}, but "
        f"{', '.join(sorted(keys)) or 'nothing'}",
    )


def _labels(path, keys, read_array, len_of):
    """Returns the labels in an npz or h5 file as a dictionary of columns."""
    key = next((key for key in LABEL_KEYS if key in keys), None)
    if key is None:
        return {}
    labels, num_images = read_array(key), len_of.shape[0]
    labels = labels[:, None] if labels.ndim == 1 else labels
    if (
        labels.ndim != 2
        or len(labels) != num_images
        or labels.dtype.kind not in "biufSU"
    ):
        raise files.unusable(
            path,
            f"'{key}' is {labels.dtype} {labels.shape}, not [{num_images}, factors]",
        )
    names = [f"factor_{i}" for i in range(labels.shape[1])]
    for other in NAME_KEYS:
        if other in keys:
            names = [_text(name) for name in read_array(other).ravel()]
    if len(set(names)) != labels.shape[1]:
        raise files.unusable(
            path, f"has {labels.shape[1]} columns of labels and the names {names}"
        )
    return dict(zip(names, labels.T))


def _text(name):
    return name.decode() if isinstance(name, bytes) else str(name)


def _open_array(path, key, array, offset, blocks):
    """Returns images in place where they are uint8, converted otherwise."""
    shape, dtype = tuple(array.shape), np.dtype(array.dtype)
    if len(shape) not in (3, 4) or dtype.kind not in "biuf" or 0 in shape:
        raise files.unusable(
            path,
            f"'{key}' is {dtype} {shape}, not images [n, height, width(, channels)]",
        )
    if offset is not None and dtype in (np.uint8, np.bool_):
        return conversion.ImageFile(path, shape, np.uint8, offset)

    def convert():
        checked = (_to_bytes(path, key, block) for block in blocks())
        return shape, np.uint8, checked, {}

    return conversion.open_converted([path], _target(path), convert)[0]


def _to_bytes(path, key, block):
    low, high = block.min(), block.max()
    limit = 1 if block.dtype.kind == "f" else 255
    # Written so that NaN is out of range.
    if not (low >= 0 and high <= limit):
        raise files.unusable(
            path,
            f"'{key}' ({block.dtype}) has values from {low} to {high}, not in "
            f"[0, {limit}]",
        )
    return np.round(255 * block) if block.dtype.kind == "f" else block


def _read_parquet(path, shards, size):
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        tables = [pq.ParquetFile(shard) for shard in shards]
        schema = tables[0].schema_arrow
        column = _picture_column(path, schema)
        names = _label_columns(schema, column)
        labels = pa.concat_tables([table.read(names) for table in tables])
    except (pa.ArrowException, OSError) as error:
        raise files.unusable(path, f"is damaged or no parquet ({error})") from error

    def encoded():
        for shard in shards:
            number = 0
            for batch in pq.ParquetFile(shard).iter_batches(_BLOCK, columns=[column]):
                values = batch.column(0)
                if pa.types.is_struct(values.type):
                    values = values.field("bytes")
                for value in values:
                    name = f"{shard}, image {number}"
                    if not value.is_valid:
                        raise files.unusable(name, "is not in the file")
                    yield value.as_py(), name
                    number += 1

    num_images = sum(table.metadata.num_rows for table in tables)
    images = _open_pictures(path, shards, encoded, num_images, size)
    columns = {name: np.asarray(labels.column(name).to_pandas()) for name in names}
    return {name.removeprefix(_PREFIX): c for name, c in columns.items()}, images


def _picture_column(path, schema):
    import pyarrow as pa

    def has_pictures(kind):
        if pa.types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)

    found = [field.name for field in schema if has_pictures(field.type)]
    if not found:
        raise files.unusable(
            path, f"has no column of encoded pictures, but {', '.join(schema.names)}"
        )
    return next((key for key in IMAGE_KEYS if key in found), found[0])


def _label_columns(schema, pictures_in):
    """Returns `label_*` if there are such columns, else all of numbers or names."""
    import pyarrow as pa

    plain = [
        field.name
        for field in schema
        if field.name != pictures_in
        and not (pa.types.is_nested(field.type) or pa.types.is_binary(field.type))
    ]
    return [name for name in plain if name.startswith(_PREFIX)] or plain


def _read_folder(path, size):
    found = pictures.find(path)
    if not found:
        raise UserError(
            f"{path} holds no pictures ({', '.join(pictures.EXTENSIONS)}) and no "
            "parquet files."
        )
    tables = sorted(glob.glob(os.path.join(glob.escape(path), "*.csv")))
    tables = [t for t in tables if os.path.basename(t) == "metadata.csv"] or tables
    if len(tables) > 1:
        raise UserError(
            f"{path} holds {len(tables)} csv files; leave the one with the factors, or "
            "call it metadata.csv."
        )
    labels = {}
    if tables:
        labels, found = _read_csv(tables[0], path, found)

    def encoded():
        return ((name, name) for name in found)

    return labels, _open_pictures(path, found + tables, encoded, len(found), size)


def _read_csv(table, folder, found):
    """Returns the labels and the paths of the pictures that a csv file lists."""
    with open(table, newline="", encoding="utf-8-sig") as file:
        header, *rows = [row for row in csv.reader(file) if row] or [[]]
    if not rows or len(header) < 2 or any(len(row) != len(header) for row in rows):
        raise files.unusable(
            table,
            "is no table: one header, then one line of as many fields per picture",
        )
    lowered = [name.strip().lower() for name in header]
    position = next((lowered.index(n) for n in _FILE_NAMES if n in lowered), 0)
    known = {}
    for picture in found:
        relative = os.path.relpath(picture, folder)
        known[os.path.basename(picture)] = known[relative] = picture
    names = [row[position].strip() for row in rows]
    for name in names:
        if name not in known:
            raise files.unusable(
                table,
                f"column '{header[position]}' has {name!r}, which is no picture there",
            )
    columns = {
        name.strip().removeprefix(_PREFIX): _parse([row[i] for row in rows])
        for i, name in enumerate(header)
        if i != position
    }
    return columns, [known[name] for name in names]


def _parse(values):
    """Returns strings as an array of integers or floats if all of them are."""
    for kind in (np.int64, np.float64):
        try:
            return np.array(values, dtype=kind)
        except ValueError:
            pass
    return np.array(values)


def _open_pictures(path, sources, encoded, num_images, size):
    def convert():
        shape = pictures.decode(*next(iter(encoded())), size).shape
        blocks = pictures.blocks(encoded(), shape, size)
        return (num_images, *shape), np.uint8, blocks, {}

    return conversion.open_converted(sources, _target(path, size), convert)[0]
