# SPDX-License-Identifier: Apache-2.0
"""Data of one's own: what is in the files arrives, and what is wrong is said."""

import csv
import io
import json
import os
import subprocess
import sys

import gin
import h5py
import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_public_files as small
import tensorflow.compat.v1 as tf
from disentanglement_lib.methods.unsupervised import train
from run_rtc import rtc

from rtc_plugin.compat import early_checks
from rtc_plugin.data.ground_truth import named_data, nvidia3d, own_data
from rtc_plugin.errors import UserError

SIZES = [3, 2, 4]
FACTORS = small.grid(SIZES)
IMAGES = small.pixels(24, 64, 64, 3)
# As a file may have them: shuffled.
ORDER = np.random.RandomState(5).permutation(24)


def encoded(image):
    buffer = io.BytesIO()
    PIL.Image.fromarray(image.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


def write_npz(folder, save=np.savez, images=IMAGES[ORDER], **arrays):
    path = str(folder / "own.npz")
    save(path, images=images, **{"labels": FACTORS[ORDER], **arrays})
    return path


def write_h5(folder, **options):
    path = str(folder / "own.h5")
    with h5py.File(path, "w") as f:
        f.create_dataset("images", data=IMAGES[ORDER], **options)
        # As in Shapes3D: values, not their numbers.
        f["labels"] = FACTORS[ORDER] * 0.25 - 30
    return path


def write_parquet(folder, rows=ORDER, prefix="label_"):
    """Shards as the Hugging Face Hub has them, with values beside the labels."""
    (folder / "own" / "data").mkdir(parents=True)
    for shard, part in enumerate(np.array_split(rows, 2)):
        columns = {
            "image": [{"bytes": encoded(IMAGES[i]), "path": None} for i in part],
            f"{prefix}shape": FACTORS[part, 0],
            "value_shape": FACTORS[part, 0] / 2,
            f"{prefix}scale": FACTORS[part, 1],
            f"{prefix}x_position": FACTORS[part, 2],
        }
        name = f"train-{shard:05d}-of-00002.parquet"
        pq.write_table(pa.table(columns), folder / "own" / "data" / name)
    return str(folder / "own")


def write_folder(folder, rows=ORDER, table=True):
    own = folder / "own"
    (own / "pictures").mkdir(parents=True)
    for i in range(24):
        (own / "pictures" / f"{i:03d}.png").write_bytes(encoded(IMAGES[i]))
    if table:
        with open(own / "factors.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["label_shape", "image_id", "scale", "x"])
            for i in rows:
                names = ["cup", "heart", "ring"]  # In this order, also of letters.
                shape, scale, x = FACTORS[i]
                writer.writerow([names[shape], f"{i:03d}.png", scale, x * 0.1])
    return str(own)


def write_npz_channels_first(folder):
    return write_npz(folder, images=IMAGES[ORDER].transpose(0, 3, 1, 2))


def write_npz_floats(folder):
    return write_npz(folder, images=IMAGES[ORDER] / 255)


WRITERS = {
    "npz": write_npz,
    "compressed npz": lambda folder: write_npz(folder, np.savez_compressed),
    "npz of floats": write_npz_floats,
    "channels first": write_npz_channels_first,
    "h5": write_h5,
    "compressed h5": lambda f: write_h5(f, compression="gzip", chunks=(5, 8, 8, 3)),
    "parquet": write_parquet,
    "folder": write_folder,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_full_grid_is_recognised_in_any_order(kind, tmp_path):
    data = named_data.open_data(WRITERS[kind](tmp_path))
    assert data.factors_num_values == SIZES and data.num_images == 24
    assert data.observation_shape == [64, 64, 3]
    np.testing.assert_array_equal(data.images_at(np.arange(24)), IMAGES)
    factors, observations = data.sample(50, np.random.RandomState(0))
    numbers = np.ravel_multi_index(tuple(factors.T), SIZES)
    assert observations.dtype == np.float32
    np.testing.assert_array_equal(observations, IMAGES[numbers] / np.float32(255))


@pytest.mark.parametrize(
    "kind, in_place",
    [("npz", True), ("h5", True), ("compressed npz", False), ("parquet", False)],
)
def test_images_stay_in_the_file_where_they_can(kind, in_place, tmp_path):
    path = WRITERS[kind](tmp_path)
    before = set(os.listdir(tmp_path))
    data = named_data.open_data(path)
    assert data.images.dtype == np.uint8
    assert (data.images.path == path) == in_place
    assert (set(os.listdir(tmp_path)) == before) == in_place


def test_names_of_factors(tmp_path):
    parquet = named_data.open_data(write_parquet(tmp_path / "a"))
    assert parquet.factor_names == ["shape", "scale", "x_position"]
    folder = named_data.open_data(write_folder(tmp_path / "b"))
    assert folder.factor_names == ["shape", "scale", "x"]
    assert folder.labels["shape"][0] == "cup" and folder.labels["x"][3] == 3 * 0.1
    named = write_npz(tmp_path, factor_names=["a", "b", "c"])
    assert named_data.open_data(named).factor_names == ["a", "b", "c"]
    assert named_data.open_data(write_npz(tmp_path)).factor_names[2] == "factor_2"


def test_public_dsprites_file_is_read_as_by_its_own_loader(tmp_path, monkeypatch):
    small.use_small_sizes(monkeypatch, tmp_path)
    path = small.write_dsprites()
    ours, public = (named_data.open_data(n) for n in (path, "dsprites_full"))
    assert ours.pixel_maximum == 1
    for data in (ours, public):
        assert data.factors_num_values == small.DSPRITES_SIZES[1:]
    mine, theirs = (d.sample(40, np.random.RandomState(1)) for d in (ours, public))
    np.testing.assert_array_equal(mine[0], theirs[0])
    np.testing.assert_array_equal(mine[1], theirs[1])


@pytest.mark.parametrize(
    "rows, reason",
    [
        (ORDER[:20], "20 of 24 combinations of factors are there"),
        (np.append(ORDER, 3), "25 images have 24 combinations of factors"),
    ],
)
def test_incomplete_grid_serves_without_a_sampler(rows, reason, tmp_path):
    data = named_data.open_data(write_parquet(tmp_path, rows))
    assert data.reason == reason
    factors, observations = data.sample(60, np.random.RandomState(0))
    expected = IMAGES[np.ravel_multi_index(tuple(factors.T), SIZES)]
    np.testing.assert_array_equal(observations, expected / np.float32(255))
    with pytest.raises(UserError, match=f"{reason}.*no such sampler"):
        data.sample_observations_from_factors(factors, np.random.RandomState(0))


def test_pictures_without_labels(tmp_path):
    data = named_data.open_data(write_folder(tmp_path, table=False))
    assert (data.num_factors, data.factors_num_values) == (0, [])
    np.testing.assert_array_equal(data.images_at(np.arange(24)), IMAGES)
    factors, observations = data.sample(5, np.random.RandomState(0))
    assert factors.shape == (5, 0) and observations.shape == (5, 64, 64, 3)


def test_pictures_are_cut_and_scaled_on_demand(tmp_path):
    wide = np.zeros((30, 50), np.uint8)
    wide[:, 10:40] = 200  # The middle square.
    for name in ("a.png", "b.png"):
        PIL.Image.fromarray(wide).save(tmp_path / name)
    PIL.Image.fromarray(wide[:, 10:40]).save(tmp_path / "c.png")
    data = own_data.open_own(str(tmp_path), size=16)
    assert data.observation_shape == [16, 16, 1]
    assert np.all(data.images_at(np.arange(3)) == 200)
    with pytest.raises(UserError, match="c.png: is 30x30, others are 30x50.*size = 64"):
        own_data.open_own(str(tmp_path))


def test_changed_picture_is_read_again(tmp_path):
    path = write_folder(tmp_path)
    named_data.open_data(path)
    PIL.Image.fromarray(255 - IMAGES[7]).save(os.path.join(path, "pictures", "007.png"))
    images = named_data.open_data(path).images_at(np.arange(24))
    np.testing.assert_array_equal(images[7], 255 - IMAGES[7])


def rewrite_table(path, old, new):
    table = os.path.join(path, "factors.csv")
    with open(table) as file:
        text = file.read()
    with open(table, "w") as file:
        file.write(text.replace(old, new))
    return path


BAD = {
    "no images": (
        lambda f: write_npz(f, images=IMAGES[:, 0, 0]),
        r"'images' is uint8 \(24, 3\), not images",
    ),
    "other names": (
        lambda f: np.savez(f / "x.npz", a=IMAGES) or str(f / "x.npz"),
        "no array called images, imgs, image or img, but a",
    ),
    "labels of other images": (
        lambda f: write_npz(f, labels=FACTORS[:7]),
        r"'labels' is int64 \(7, 3\), not \[24, factors\]",
    ),
    "floats beyond 1": (
        lambda f: write_npz(f, images=IMAGES / 100),
        r"values from 0.0 to 2.55, not in \[0, 1\]",
    ),
    "not a number": (
        lambda f: write_npz(f, images=np.full((24, 8, 8), np.nan)),
        r"values from nan to nan, not in \[0, 1\]",
    ),
    "two channels": (
        lambda f: write_npz(f, images=IMAGES[..., :2]),
        "one channel or three",
    ),
    "missing label": (
        lambda f: write_npz(f, labels=np.where(FACTORS == 2, np.nan, FACTORS)),
        "8 images have no value of factor_0",
    ),
    "names of other factors": (
        lambda f: write_npz(f, factor_names=["a", "b"]),
        r"3 columns of labels and the names \['a', 'b'\]",
    ),
    "pickled": (
        lambda f: write_npz(f, images=np.array([{}] * 24)),
        "pickled, which could run code",
    ),
    "csv with another picture": (
        lambda f: rewrite_table(write_folder(f), "004.png", "nil.png"),
        "column 'image_id' has 'nil.png', which is no picture there",
    ),
    "csv with a short line": (
        lambda f: rewrite_table(write_folder(f), "004.png,", ""),
        "is no table",
    ),
    "nothing in the folder": (lambda f: str(f), "holds no pictures"),
    "text": (lambda f: write_text(f), "is no data set: neither"),
    "parquet of paths": (
        lambda f: (
            pq.write_table(pa.table({"image": ["a.png"]}), f / "a.parquet")
            or str(f / "a.parquet")
        ),
        "no column of encoded pictures, but image",
    ),
    "parquet of text": (
        lambda f: write_text(f, "a.parquet"),
        "damaged or no parquet",
    ),
    "deep pixels": (
        lambda f: (
            PIL.Image.fromarray(np.zeros((8, 8), np.uint16)).save(f / "a.png") or str(f)
        ),
        "more than eight bits",
    ),
    "damaged picture": (lambda f: str(write_text(f, "a.png") and f), "no picture"),
}


def write_text(folder, name="a.txt"):
    (folder / name).write_text("nothing of use")
    return str(folder / name)


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_is_one_line(case, tmp_path):
    write, message = BAD[case]
    with pytest.raises(UserError, match=message) as error:
        named_data.open_data(write(tmp_path))
    text = str(error.value)
    assert str(tmp_path) in text and "\n" not in text and "rtc data fetch" not in text


TRAINING = """
    model.name = "rtc_vae"
    model.model = @rtc_vae()
    rtc_vae.beta = 10.0
    discriminator.discriminator_fn = @own_data_discriminator
    discriminator_optimizer.optimizer_fn = @AdamOptimizer
    model.training_steps = 5
    model.eval_steps = 1
    model.batch_size = 8
    model.random_seed = 0
    encoder.num_latent = 3
    encoder.encoder_fn = @test_encoder
    decoder.decoder_fn = @test_decoder
    reconstruction_loss.loss_fn = @bernoulli_loss
    vae_optimizer.optimizer_fn = @AdamOptimizer
"""


@gin.configurable("own_data_discriminator", allowlist=[])
def own_data_discriminator(input_tensor, is_training=True):
    logits = tf.layers.dense(input_tensor, 2, name="logits")
    return logits, tf.nn.softmax(logits)


@pytest.mark.parametrize("kind, by_path", [("npz", False), ("folder", True)])
def test_rtc_vae_trains_on_it(kind, by_path, tmp_path):
    path = WRITERS[kind](tmp_path)
    if kind == "folder":  # Nothing but pictures will do.
        os.remove(os.path.join(path, "factors.csv"))
    names = (
        [f"dataset.name = '{path}'"]
        if by_path
        else ["dataset.name = 'file_data'", f"file_data.path = '{path}'"]
    )
    gin.clear_config()
    lines = [line.strip() for line in TRAINING.strip().splitlines()]
    train.train_with_gin(str(tmp_path / "m"), gin_bindings=names + lines)
    results = tmp_path / "m" / "results" / "aggregate" / "train.json"
    assert json.loads(results.read_text())["train_results.elapsed_time"] > 0


def test_wrong_path_is_said_before_training():
    for bindings in (
        {"dataset.name": "file_data"},
        {"dataset.name": "file_data", "file_data.path": "/nowhere"},
    ):
        with pytest.raises(UserError, match="file_data.path = .* is no file or folder"):
            early_checks.check_data(bindings)
    with pytest.raises(UserError, match="known are: .* and paths of files and folders"):
        early_checks.check_data({"dataset.name": "/nowhere"})


def test_check_says_what_was_found(tmp_path):
    sheet = str(tmp_path / "sheet.png")
    path = write_parquet(tmp_path)
    done = rtc("data", "check", path, "-o", sheet)
    assert "factors: shape 3, scale 2, x_position 4" in done.stdout
    assert PIL.Image.open(sheet).height == 3 * 66
    shard = os.path.join(path, "data", "train-00000-of-00002.parquet")
    done = rtc("data", "check", shard, "-o", sheet)
    assert "no full grid: 12 of 24 combinations of factors are there" in done.stdout
    assert PIL.Image.open(sheet).height == 66


def test_opens_without_tensorflow_and_the_library(tmp_path):
    path = write_npz(tmp_path)
    code = (
        "import sys\n"
        "for name in ('tensorflow', 'gin', 'disentanglement_lib', 'absl', 'h5py'):\n"
        "    sys.modules[name] = None\n"
        "from rtc_plugin.data.ground_truth import named_data\n"
        "for name in (sys.argv[1], 'dsprites_rendered'):\n"
        "    print(named_data.open_data(name).factors_num_values)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == [str(SIZES), "[3, 6, 40, 32, 32]"]


@pytest.mark.parametrize("kind", [nvidia3d.Falcor3D, nvidia3d.Isaac3D])
@pytest.mark.parametrize("has_inner_folder", [True, False])
def test_numbered_pictures(kind, has_inner_folder, tmp_path, monkeypatch):
    small.use_small_sizes(monkeypatch, tmp_path)
    with pytest.raises(UserError, match="by hand, as .*NVlabs"):
        named_data.open_data(kind.name)
    (file,) = kind.public_files
    num_factors = len(kind.factor_sizes)
    folder = small.write_numbered_pictures(file, num_factors)
    if not has_inner_folder:
        outer = os.path.dirname(folder)
        os.rename(folder, outer + ".tmp")
        os.rmdir(outer)
        folder = outer
        os.rename(outer + ".tmp", folder)
    data = named_data.open_data(kind.name)
    assert data.num_factors == len(data.factor_names) == num_factors
    factors, images = data.sample(30, np.random.RandomState(0))
    assert images.shape == (30, 64, 64, 3)
    # What the authors' page says of the number in the name: the last runs fastest.
    numbers = factors @ 2 ** np.arange(num_factors)[::-1]
    colors = np.round(images[:, 20, 20] * 255)
    np.testing.assert_array_equal(colors[:, 0] + 256 * colors[:, 1], numbers)
    os.remove(os.path.join(folder, "000003.png"))
    message = f"{2**num_factors - 1} png files; 000003.png is missing"
    with pytest.raises(UserError, match=message):
        named_data.open_data(kind.name)


def test_steps_of_isaac3d_are_the_published_ones():
    sizes = nvidia3d.Isaac3D.factor_sizes
    steps = [int(np.prod(sizes[i + 1 :])) for i in range(len(sizes))]
    assert steps == [245760, 30720, 6144, 1536, 384, 96, 16, 4, 1]
    assert np.prod(sizes) == 737280
    sizes = nvidia3d.Falcor3D.factor_sizes
    steps = [int(np.prod(sizes[i + 1 :])) for i in range(len(sizes))]
    assert steps == [46656, 7776, 1296, 216, 36, 6, 1] and np.prod(sizes) == 233280


def test_h5_names_its_extra(tmp_path, monkeypatch):
    path = write_h5(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.delitem(sys.modules, "rtc_plugin.data.h5")
    monkeypatch.delattr("rtc_plugin.data.h5")
    with pytest.raises(UserError, match=r"pip install 'rtc_plugin\[h5\]'"):
        named_data.open_data(path)
