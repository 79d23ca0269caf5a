# SPDX-License-Identifier: Apache-2.0
"""Public files: where they lie, and what to say of those that are not whole.

Which files a data set has, and where they are published, is said by its class.

They lie where the library looks for them: under the folder that the environment
variable DISENTANGLEMENT_LIB_DATA names, the working folder if it names none.
"""

import dataclasses
import os
from typing import Optional

from rtc_plugin.errors import UserError


@dataclasses.dataclass(frozen=True)
class PublicFile:
    """A file that the public can download.

    Attributes:
      path: Where it belongs, below the data folder. For an archive: the folder that
        is to hold its members.
      url: Where it is published.
      size: Size of the download in bytes, if published.
      digest: "sha256:...", "md5:..." or "git:..." (the name that git gives the
        content) of the download, if published.
      unpack: None, "gzip", "tar:PREFIX" for the members below PREFIX, or "by hand" for
        what is published where no program may fetch it.
      unpacked_limit: Bytes that unpacking may yield at most, for each member.
    """

    path: str
    url: str
    size: Optional[int] = None
    digest: Optional[str] = None
    unpack: Optional[str] = None
    unpacked_limit: Optional[int] = None


def data_folder():
    """Returns the folder that data sets are looked for in."""
    return os.environ.get("DISENTANGLEMENT_LIB_DATA", ".")


def local_path(file):
    """Returns where a `PublicFile`, or a path below the data folder, should be."""
    return os.path.join(data_folder(), getattr(file, "path", file))


def is_there(file):
    """Tells whether a `PublicFile` lies where it belongs; an empty folder is none."""
    path = local_path(file)
    if file.unpack in (None, "gzip"):
        return os.path.exists(path)
    names = os.listdir(path) if os.path.isdir(path) else []
    return any(not name.startswith(".") for name in names)


def unusable(path, reason):
    """Returns a `UserError` saying that a file is not what it should be."""
    path = os.path.abspath(path)
    from rtc_plugin.data.ground_truth import named_data

    public = [file for name in named_data.NAMES for file in named_data.files_of(name)]
    if path.startswith(tuple(os.path.abspath(local_path(file)) for file in public)):
        remedy = "Move it away and fetch it again with `rtc data fetch`."
    else:
        remedy = "Mend it, or give another."
    return UserError(f"{path}: {reason}. {remedy}")


def check_not_html(path):
    """Raises a `UserError` if a file is a web page saved under another name."""
    with open(path, "rb") as f:
        start = f.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise unusable(path, "is a web page (an error message, most likely), not data")
