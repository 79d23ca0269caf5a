# SPDX-License-Identifier: Apache-2.0
"""Lists the data sets, verifies their files and draws contact sheets."""

import os

import numpy as np
import PIL.Image
import PIL.ImageDraw

from rtc_plugin.data import conversion, fetch, files
from rtc_plugin.data.ground_truth import named_data
from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file

_SEED = 0
_COLUMNS = 10
_MARGIN = 2
_LABEL_WIDTH = 110
# Where in its range a factor is held while another varies: unlike for neighbours, so
# that hues of floor, wall and object differ.
_HELD = (0.5, 0.8, 0.1, 0.6, 0.6, 0.4, 0.5, 0.3, 0.7)


def table():
    """Returns what is known of each data set, a list of dictionaries of strings.

    Its columns: name, factors (numbers of values), images, found ("yes", "no" or
    "built in") and where the files are looked for.
    """
    return [_row(name) for name in named_data.NAMES]


def _row(name):
    data, public = named_data.describe(name), named_data.files_of(name)
    found, where = "built in", ""
    if public:
        found = "yes" if all(map(files.is_there, public)) else "no"
        where = files.local_path(public[0])
    if len(public) > 1:
        where += f" and {len(public) - 1} more"
    factors = " ".join(map(str, data.factors_num_values))
    return {
        "name": name,
        "factors": factors,
        "images": str(data.num_images),
        "found": found,
        "where": where,
    }


def check(name, out):
    """Opens a data set, verifies its files, and draws a contact sheet.

    Args:
      name: Name of the data set, or the path of a file or folder of one's own.
      out: Path of the PNG file to write.

    Returns:
      List of lines that say what was found.

    Raises:
      UserError: If the data set is unknown, or a file is missing or not what it should
        be.
    """
    lines = []
    if name not in named_data.NAMES and not os.path.exists(name):
        known = ", ".join(named_data.NAMES)
        raise UserError(
            f"No data set is called {name!r}; known are: {known}, and paths of files "
            "and folders of one's own."
        )
    data = named_data.open_data(name)
    for file in named_data.files_of(name):
        path = files.local_path(file)
        # The digest of what was unpacked is not published.
        if file.unpack is None and os.path.exists(path):
            published = "size and digest as published"
            if file.digest is None:
                published = "no digest is published"
            elif _is_export(data):
                published = f"an export of {data.remembered['exported_from']}"
            else:
                fetch.check_download(file, path)
            lines.append(f"{path}: {published}")
    images = getattr(data, "images", None)
    if isinstance(images, conversion.ImageFile):
        conversion.verify(images.path)
        lines.append(f"{images.path}: as converted")
    names = map("{} {}".format, data.factor_names, data.factors_num_values)
    lines.append(f"factors: {', '.join(names) or 'none'}")
    if hasattr(data, "reason"):
        lines.append(f"no full grid: {data.reason}")
    sheet = contact_sheet(data)
    try:
        with whole_file(out) as partial:
            sheet.save(partial, format="PNG")
    except OSError as error:
        raise UserError(f"Cannot write {out}: {error.strerror or error}.") from error
    lines.append(f"contact sheet: {out}")
    return lines


def _is_export(data):
    return getattr(data, "remembered", {}).get("exported_from") is not None


def contact_sheet(data, columns=_COLUMNS):
    """Draws a sweep of each factor, the others held at some value.

    Args:
      data: GroundTruthData with `factor_names`, observations in [0, 1]; of `OwnImages`
        some are drawn.
      columns: Number of values to show of a factor that has more.

    Returns:
      PIL image, one row for each factor.
    """
    rows = (
        {"": data.sample_observations(columns, np.random.RandomState(_SEED))}
        if hasattr(data, "reason")
        else _sweeps(data, columns)
    )
    height, width, _ = data.observation_shape
    cell_height, cell_width = height + _MARGIN, width + _MARGIN
    sheet = PIL.Image.new(
        "RGB",
        (_LABEL_WIDTH + columns * cell_width, len(rows) * cell_height),
        "white",
    )
    draw = PIL.ImageDraw.Draw(sheet)
    for row, (name, pictures) in enumerate(rows.items()):
        middle = row * cell_height + cell_height // 2 - 6
        draw.text((4, middle), name, fill="black")
        for column, observation in enumerate(pictures):
            pixels = np.round(255 * np.clip(observation, 0, 1)).astype(np.uint8)
            pixels = np.broadcast_to(pixels, (height, width, 3))
            corner = (_LABEL_WIDTH + column * cell_width, row * cell_height)
            sheet.paste(PIL.Image.fromarray(pixels), corner)
    return sheet


def _sweeps(data, columns):
    """Returns {name of a factor: observations while it varies}."""
    rows, sizes = {}, data.factors_num_values
    held = [int(_HELD[i % len(_HELD)] * size) for i, size in enumerate(sizes)]
    for i, size in enumerate(sizes):
        values = np.unique(np.linspace(0, size - 1, columns).round().astype(np.int64))
        factors = np.repeat([held], len(values), axis=0)
        factors[:, i] = values
        rows[data.factor_names[i]] = data.sample_observations_from_factors(
            factors, np.random.RandomState(_SEED)
        )
    return rows
