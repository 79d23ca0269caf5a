# SPDX-License-Identifier: Apache-2.0
"""Arrays out of files of anyone's making: npz, npy, csv, parquet, h5."""

import os
import zipfile

import numpy as np

from rtc_plugin.errors import UserError

ENDINGS = (".npz", ".npy", ".csv", ".parquet", ".h5", ".hdf5")
# What an array may be called in a file.
NAMES = {
    "codes": ("codes", "z_mean", "mean", "mu"),
    "logvar": ("logvar", "z_logvar"),
    "samples": ("samples", "z_sampled"),
    "factors": ("factors", "labels", "latents_classes"),
    "factor_names": ("factor_names",),
}


def read(path, names=None):
    """Reads the arguments of `measure` that a file holds.

    npz and h5 hold arrays by name (see `NAMES`); npy is the codes alone. A table (csv,
    parquet) has a column per latent, named like 'z_0' or 'codes_0', 'logvar_0', and
    'samples_0'; all its other columns are factors, whose names they bear.

    Args:
        path: File that ends in one of `ENDINGS`.
        names: Which array is which where their names are others: dictionary from
            'codes', 'logvar', 'samples' and 'factors' to names in the file.

    Returns:
        Dictionary of some of the keys of `NAMES`.

    Raises:
        UserError: One line: the file, what it holds and what is needed.
    """
    arrays = _load(str(path))
    found = {}
    for argument, known in NAMES.items():
        wanted = (names or {}).get(argument)
        if wanted is not None and wanted not in arrays:
            raise UserError(f"{path}: has no array {wanted!r}; it has {_list(arrays)}.")
        present = [name for name in known if name in arrays]
        if wanted is None and len(present) > 1:
            raise UserError(
                f"{path}: has both {' and '.join(present)} for {argument}; say which, "
                f"by --{argument}_name."
            )
        if wanted or present:
            found[argument] = arrays[wanted or present[0]]
    if "factor_names" in found:
        found["factor_names"] = [
            name.decode() if isinstance(name, bytes) else str(name)
            for name in found["factor_names"]
        ]
    return found


def read_codes(path, names=None):
    """Reads a file as `read`, which must hold codes.

    Raises:
        UserError: As `read`, and where there are no codes.
    """
    found = read(path, names)
    if "codes" not in found:
        raise UserError(
            f"{path}: has no codes; it has {_list(_load(str(path)))}. Call the means "
            f"{' or '.join(NAMES['codes'][:2])} ('z_0', 'z_1', ... in a table), or say "
            "what they are called by --codes_name."
        )
    return found


def read_factors(path):
    """Reads the factors of a file of its own: as `read`, or a whole npy or table."""
    arrays = _load(str(path))
    for name in (*NAMES["factors"], "codes"):
        if name in arrays:
            names = arrays.get("factor_names")
            return arrays[name], None if names is None else [str(n) for n in names]
    raise UserError(
        f"{path}: has no factors; it has {_list(arrays)}; call them 'factors'."
    )


def _list(arrays):
    shown = [
        f"{name} {list(np.shape(array))}" for name, array in list(arrays.items())[:10]
    ]
    return ", ".join(shown) or "nothing"


def _load(path):
    """Returns the arrays of a file, by name."""
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        raise UserError(f"{path}: not one of {', '.join(ENDINGS)}; give such a file.")
    if not os.path.exists(path):
        raise UserError(f"{path}: no such file.")
    try:
        if ending == ".npz":
            # Never pickles: a file of codes is data, not a program.
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        if ending == ".npy":
            return {"codes": np.load(path, allow_pickle=False)}
        if ending in (".h5", ".hdf5"):
            return _load_h5(path)
        return _load_table(path, ending)
    except ValueError as error:
        if "pickle" in str(error):
            raise UserError(
                f"{path}: holds pickled objects, which may run code and are not read; "
                "save plain arrays, text as a NumPy array of type str."
            ) from error
        raise UserError(f"{path}: cannot be read ({_first_line(error)}).") from error
    except (OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: cannot be read ({_first_line(error)}).") from error


def _load_h5(path):
    try:
        import h5py
    except ModuleNotFoundError:
        raise UserError(
            f"{path}: HDF5 files are read by h5py, which is not installed: pip install "
            "h5py."
        ) from None
    found = {}

    def add(name, item):
        if isinstance(item, h5py.Dataset):
            array = item[()]
            # h5py gives text as bytes.
            if array.dtype.kind == "O" and h5py.check_string_dtype(item.dtype):
                array = item.asstr()[()]
            found[name] = array

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return found


def _load_table(path, ending):
    import pandas as pd

    table = pd.read_csv(path) if ending == ".csv" else pd.read_parquet(path)
    found, used = {}, set()
    stems = {**NAMES, "codes": ("z", *NAMES["codes"])}
    for argument in ("codes", "logvar", "samples"):
        for stem in stems[argument]:
            columns = [name for name in table if _is_numbered(name, stem)]
            if columns:
                columns.sort(key=lambda name: int(name.rpartition("_")[2]))
                found[argument] = table[columns].to_numpy()
                used |= set(columns)
                break
    factors = table.drop(columns=sorted(used))
    # As pandas has written it, the number of the row.
    factors = factors.drop(columns=[n for n in factors if n.startswith("Unnamed: ")])
    if not found and all(kind.kind == "f" for kind in factors.dtypes):
        found["codes"] = factors.to_numpy()
    elif factors.shape[1]:
        found["factors"] = factors
    return found


def _is_numbered(name, stem):
    return name.startswith(f"{stem}_") and name[len(stem) + 1 :].isdigit()


def _first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
