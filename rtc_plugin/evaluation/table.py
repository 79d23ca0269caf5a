# SPDX-License-Identifier: Apache-2.0
"""Each image of a data set is encoded once, for all metrics and evaluations.

Where an observation is a function of its factors (`FactorGrid`), a representation is a
table with one row per image. The library's metrics see a data set whose observations
are the images' numbers (`ImageNumbers`), drawn from the same random stream as the
images would be, and a representation function that looks numbers up (`CodeTable`).

Rows are encoded when they are first asked for. Once these are a quarter of the data
set, all the others are encoded at one go, and the table is saved beside the
representation: `codes.npy`, with `codes.json` that says what it was made from.
"""

import concurrent.futures
import contextlib
import copy
import hashlib
import itertools
import json
import os

import gin
import joblib
import numpy as np
from absl import logging

from rtc_plugin.data.ground_truth import factor_grid
from rtc_plugin.files import whole_file
from rtc_plugin.training.progress import Progress

TABLE, NOTE = "codes.npy", "codes.json"
# Images at a time and core: beyond 128 they no longer fit into a core's cache, and up
# to 16 the calls are felt (docs/performance.md has the measurement).
BATCH_SIZE = 64
# Share of the data set that is encoded on demand before the rest is. A metric asks for
# few images at a time, which takes up to four times as long per image: so never more
# is spent than twice what it takes to do the better of the two from the beginning.
ON_DEMAND = 0.25
_NUM_PROBES = 64
_SAMPLING = (
    "sample",
    "sample_factors",
    "sample_observations",
    "sample_indices_from_factors",
    "sample_observations_from_factors",
    "factors_to_indices",
)


@gin.configurable("evaluation_codes")
def evaluation_codes(table=True, save=True):
    """Says whether metrics look codes up in a table of the whole data set.

    Args:
        table: Whether they do, where the data set and the metric allow it. If not,
            each metric encodes the images that it draws, as the library does it.
        save: Whether a table of the whole data set is written beside the
            representation and used by later processes. It has 4 bytes per image and
            latent, for `sampled` twice as many.

    Returns:
        The two.
    """
    return table, save


class ImageNumbers(factor_grid.FactorGrid):
    """A data set that draws what another one draws, as image numbers, int64 [n].

    Args:
        data: `FactorGrid` for which `has_numbered_images` holds.
        encode_ahead: Optional function of image numbers [n] that are about to be
            looked up.
    """

    latent_factor_indices = None

    def __init__(self, data, encode_ahead=None):
        self.factor_sizes = data.factor_sizes
        self.latent_factor_indices = data.latent_factor_indices
        self.factor_names = data.factor_names
        self.observation_shape = data.observation_shape
        self._encode_ahead = encode_ahead

    def images_at(self, indices):
        """Returns the numbers."""
        return indices

    def to_observations(self, images):
        """Returns the numbers."""
        return images

    def announce(self, num_points, batch_size, random_state):
        """Has the images encoded that are about to be drawn, many at a time.

        Args:
            num_points: Number of images.
            batch_size: How many of them are drawn at a time.
            random_state: `numpy.random.RandomState` that will draw them; left alone.
        """
        if self._encode_ahead is None or num_points < 1:
            return
        random_state = copy.deepcopy(random_state)
        starts = range(0, num_points, batch_size)
        batches = [min(batch_size, num_points - start) for start in starts]
        drawn = [self.sample_observations(num, random_state) for num in batches]
        self._encode_ahead(np.concatenate(drawn))


def has_numbered_images(data):
    """Returns whether a data set's observations follow from `FactorGrid`'s numbers."""
    return isinstance(data, factor_grid.FactorGrid) and all(
        getattr(type(data), name) is getattr(factor_grid.FactorGrid, name)
        for name in _SAMPLING
    )


class UselessTable(Exception):
    """A saved table that does not hold the codes asked for; says which and why."""


class Encodings:
    """An encoder's outputs for the images of a data set, encoded at need.

    The representations of one model share them.

    Attributes:
        rows: float32 [num_images, num_columns].
        whole_at_once: Whether all is encoded at the next need of any row.

    Args:
        num_images: Number of images.
        num_columns: Number of values per image.
    """

    def __init__(self, num_images, num_columns):
        self.rows = np.zeros((num_images, num_columns), dtype=np.float32)
        self.whole_at_once = False
        self._known = np.zeros(num_images, dtype=bool)
        self._on_demand = 0

    @property
    def is_whole(self):
        """Whether every row is known."""
        return self._known is None

    def encode(self, numbers, data, network):
        """Makes rows known.

        Args:
            numbers: Image numbers [n].
            data: `FactorGrid` that has the images.
            network: `Network` that encodes them.
        """
        if self.is_whole:
            return
        missing = np.unique(numbers[~self._known[numbers]])
        if not len(missing):
            return
        self._on_demand += len(missing)
        if self.whole_at_once or self._on_demand > ON_DEMAND * len(self._known):
            missing = np.flatnonzero(~self._known)
            with Progress(len(missing), description="encoding") as progress:
                self._fill(missing, data, network, progress.update)
            self._known = None
        else:
            self._fill(missing, data, network)

    def _fill(self, numbers, data, network, report=lambda num_done: None):
        def encode(batch):
            self.rows[batch] = network.encode(
                data.to_observations(data.images_at(batch))
            )
            return len(batch)

        starts = range(0, len(numbers), BATCH_SIZE)
        batches = [numbers[start : start + BATCH_SIZE] for start in starts]
        # A core encodes a batch by itself, which takes half the time that all of them
        # need together, and gives what one core gives.
        with concurrent.futures.ThreadPoolExecutor(joblib.cpu_count()) as pool:
            try:
                for num_done in itertools.accumulate(pool.map(encode, batches)):
                    report(num_done)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._known[numbers] = True


class CodeTable:
    """What can be looked up about each image for one representation.

    Attributes:
        is_computed: Whether a representation is computed anew from rows at every query.
        encodings: `Encodings` that the rows are part of; None if they are all known.
        folder: Where the table is saved once it is whole; None for nowhere.

    Args:
        rows: float32 [number of images, ...].
        made_from: Dictionary that tells this module and data set from others.
        is_computed: See above.
        encodings: See above.
    """

    def __init__(self, rows, made_from, is_computed, encodings=None):
        self.is_computed = is_computed
        self.encodings = encodings
        self.folder = None
        self._rows, self._made_from = rows, made_from
        self._saved = encodings is None

    @classmethod
    def load(cls, folder, made_from):
        """Opens a saved table.

        Args:
            folder: Where it is.
            made_from: As it should be.

        Returns:
            `CodeTable`, or None if there is none.

        Raises:
            UselessTable: There is one that does not hold these codes.
        """
        path, note_path = (os.path.join(folder, name) for name in (TABLE, NOTE))
        if not (os.path.lexists(path) or os.path.lexists(note_path)):
            return None
        try:
            with open(note_path, encoding="utf-8") as file:
                note = json.load(file)
            if note["made_from"] != made_from:
                raise UselessTable(
                    f"{path} was made from another module, data set or version"
                )
            if note["sha256"] != _file_digest(path):
                raise UselessTable(f"{path} is damaged")
            rows = np.asarray(np.load(path, mmap_mode="r"))
            return cls(rows, made_from, bool(note["is_computed"]))
        # What a damaged note makes of itself.
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise UselessTable(f"{path} is damaged") from error

    @classmethod
    def of(cls, encodings, network, made_from):
        """Returns the table of a representation of `network` in its `encodings`."""
        rows = encodings.rows[:, network.columns]
        rows = rows.reshape(len(rows), *network.row_shape)
        return cls(rows, made_from, network.is_computed, encodings)

    @property
    def is_whole(self):
        """Whether every row is known and, where that was wanted, saved."""
        whole = self.encodings is None or self.encodings.is_whole
        return whole and (self._saved or self.folder is None)

    def rows(self, numbers):
        """Returns known rows, float32 [n, ...]."""
        return np.ascontiguousarray(self._rows[numbers])

    def encode(self, numbers, data, network):
        """Makes rows known; see `Encodings.encode`."""
        self.encodings.encode(numbers, data, network)
        if self.encodings.is_whole and self.folder is not None and not self._saved:
            self._saved = True  # Or tried: a full disk stays full.
            self._save()

    def _save(self):
        path, note_path = (os.path.join(self.folder, name) for name in (TABLE, NOTE))
        try:
            with whole_file(path) as partial:
                np.save(partial, self._rows)
                digest = _file_digest(partial)
            note = {
                "made_from": self._made_from,
                "is_computed": self.is_computed,
                "sha256": digest,
            }
            with whole_file(note_path) as partial:
                with open(partial, "w", encoding="utf-8") as file:
                    json.dump(note, file, indent=1)
        except OSError as error:
            for half in (path, note_path):
                with contextlib.suppress(OSError):
                    os.remove(half)
            logging.warning(
                "%s cannot be written (%s); the next process encodes the images again.",
                path,
                error.strerror or error,
            )


def data_identity(data):
    """Returns a dictionary that tells a `FactorGrid` from others, for JSON.

    Of its images it has the digest of a few, evenly spread.
    """
    last = data.num_images - 1
    numbers = np.unique(np.linspace(0, last, _NUM_PROBES).astype(np.int64))
    images = np.ascontiguousarray(data.images_at(numbers))
    return {
        "name": type(data).__name__,
        "factor_sizes": [int(size) for size in data.factor_sizes],
        "pixel_maximum": int(data.pixel_maximum),
        "images": hashlib.sha256(images.tobytes()).hexdigest(),
    }


def probes(data, num=8):
    """Returns a few observations from all over a data set."""
    numbers = np.linspace(0, data.num_images - 1, num).astype(np.int64)
    return data.to_observations(data.images_at(numbers))


def _file_digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
