# SPDX-License-Identifier: Apache-2.0
"""What the page shows of one model: a folder of two pictures and a JSON file.

The pictures are sprite sheets, so that a slider in a browser need only move the part
that is seen; codes are drawn by the browser, in the colours of its theme.
"""

import base64
import csv
import json
import os

import numpy as np
from disentanglement_lib.data.ground_truth import named_data
from PIL import Image

from rtc_plugin import total_correlation as tc
from rtc_plugin.evaluation import factors as factors_lib
from rtc_plugin.files import whole_folder
from rtc_plugin.measures import results as results_lib
from rtc_plugin.measures import scores as scores_lib
from rtc_plugin.methods import tc_monitor
from rtc_plugin.runs import open_signature, read_training
from rtc_plugin.visualize import images as image_figures
from rtc_plugin.visualize.run import to_pixels

FILE = "explorer.json"
NUM_BINS = 20  # As in the metric factor_disintegration.
NUM_STEPS = 11
REACH = 2.5
NUM_RECONSTRUCTIONS = 16


def write_explorer(model_dir, output_dir, seed=0, num_images=2000, num_points=600):
    """Renders what the page's explorer shows of a model.

    Takes a few seconds on one core and about 100 KB. Scores are of `num_images` images
    and stand beside the study's own, from other images, in the results table.

    Args:
        model_dir: Folder that `dlib_train` has made.
        output_dir: Folder to make; an older one is replaced. It gets `explorer.json`
            (see `describe`), `walks.jpg` (a row per latent, a column per step) and
            `reconstructions.jpg` (images above, reconstructions below).
        seed: Seed of the images.
        num_images: Images behind spreads, signal shares and scores.
        num_points: Images whose codes are drawn.

    Raises:
        UserError: model_dir is no trained model.
    """
    name, training = read_training(model_dir)
    data = named_data.get_named_ground_truth_data(name)
    activation = training.get("reconstruction_loss.activation", "'logits'")
    factors, z_mean, z_logvar, originals = _encode(
        data, model_dir, np.random.RandomState(seed), num_images
    )
    names = factors_lib.factor_names(data)
    categorical = [j for j, name in enumerate(names) if name in factors_lib.CATEGORICAL]
    spread = aggregated_spread(z_mean, z_logvar)
    with open_signature(model_dir, "decoder") as decoder:

        def decode(z):
            output = decoder(dict(latent_vectors=z.astype(np.float32)))["images"]
            return to_pixels(np.asarray(output, np.float64), activation)

        walks = image_figures.walk(decode, z_mean[0], spread, NUM_STEPS, REACH)
        reconstructed = decode(z_mean[: len(originals)])

    with whole_folder("output_dir", output_dir, overwrite=True) as partial:
        os.makedirs(partial)
        _save_sheet(os.path.join(partial, "walks.jpg"), walks)
        _save_sheet(
            os.path.join(partial, "reconstructions.jpg"), [originals, reconstructed]
        )
        record = describe(factors, z_mean, z_logvar, categorical, num_points)
        record.update(
            dataset=name,
            factor_names=names,
            image_size=list(originals.shape[1:3]),
            walks={"steps": NUM_STEPS, "reach": REACH, "spread": _short(spread)},
            reconstructions=len(originals),
            curves=read_curves(model_dir),
            gin=_read_gin_text(model_dir),
        )
        with open(os.path.join(partial, FILE), "w") as file:
            json.dump(record, file, separators=(",", ":"), allow_nan=False)


def aggregated_spread(z_mean, z_logvar):
    """Returns the standard deviations of q(z), by the law of total variance.

    Args:
        z_mean: [n, num_latent] means.
        z_logvar: [n, num_latent] log variances.

    Returns:
        [num_latent].
    """
    return np.sqrt(z_mean.var(axis=0) + np.exp(z_logvar).mean(axis=0))


def describe(factors, z_mean, z_logvar, categorical=(), num_points=600):
    """Returns the codes and their scores in a form that JSON and browsers can hold.

    Args:
        factors: [n, num_factors] integers.
        z_mean: [n, num_latent] means.
        z_logvar: [n, num_latent] log variances.
        categorical: Numbers of the factors whose values have no order.
        num_points: The first so many codes are kept.

    Returns:
        Dictionary of signal_share, kl (nats), classes: lists per latent; correlation
        and mutual_information (nats, by neighbours) of pairs of means, [num_latent,
        num_latent]; r2 and nmi, [num_latent, num_factors]; points: their number `n`,
        `low` and `high` per latent and, as base64 of unsigned bytes, `z`
        ([n, num_latent], 0 is low and 255 high) and `factors` ([n, num_factors], each
        scaled to 0..255), `sizes` (values per factor).
    """
    z_mean, z_logvar = np.float64(z_mean), np.float64(z_logvar)
    kl = tc.gaussian_kl(z_mean, z_logvar)
    unit = scores_lib.standardise(z_mean)
    entropy = scores_lib.entropies(factors)
    information = scores_lib.mutual_information_matrix(z_mean, factors, NUM_BINS)
    with results_lib.estimating("the explorer"):
        dependence = tc.pairwise_mutual_information(z_mean).value
    dependence = np.maximum(np.nan_to_num(dependence, posinf=0.0), 0.0)
    low, high = np.quantile(z_mean, [0.002, 0.998], axis=0)
    width = np.where(high > low, high - low, 1.0)
    scaled = np.clip((z_mean[:num_points] - low) / width, 0.0, 1.0)
    largest = np.maximum(factors.max(axis=0), 1)
    return {
        "signal_share": _short(tc.signal_share(z_mean, z_logvar)),
        "kl": _short(kl.mean(axis=0)),
        "classes": tc.classify_latents(z_mean, z_logvar).tolist(),
        "correlation": _short(np.clip(unit.T @ unit / len(unit), -1.0, 1.0)),
        "mutual_information": _short(dependence),
        "r2": _short(scores_lib.r2_matrix(z_mean, factors, categorical)),
        "nmi": _short(information / np.where(entropy > 0, entropy, 1.0)),
        "points": {
            "n": len(scaled),
            "low": _short(low),
            "high": _short(high),
            "z": _to_base64(255 * scaled),
            "factors": _to_base64(255 * factors[:num_points] / largest),
            "sizes": (factors.max(axis=0) + 1).tolist(),
        },
    }


def read_curves(model_dir):
    """Returns the columns of a model's `tc_monitor.csv` as lists, {} if it has none."""
    path = os.path.join(model_dir, "tf_checkpoint", tc_monitor.FILE)
    if not os.path.exists(path):
        return {}
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    names = rows[0].keys() if rows else []
    return {name: _short([float(row[name]) for row in rows]) for name in names}


def _encode(data, model_dir, random_state, num_images):
    factors, z_mean, z_logvar = [], [], []
    originals = None
    with open_signature(model_dir, "gaussian_encoder") as encode:
        for start in range(0, num_images, 100):
            some, images = data.sample(min(100, num_images - start), random_state)
            if originals is None:
                originals = np.asarray(images[:NUM_RECONSTRUCTIONS], np.float64)
            encoding = encode(dict(images=images))
            factors.append(some)
            z_mean.append(encoding["mean"])
            z_logvar.append(encoding["logvar"])
    return (
        np.concatenate(factors),
        np.float64(np.concatenate(z_mean)),
        np.float64(np.concatenate(z_logvar)),
        originals,
    )


def _save_sheet(path, rows):
    """Writes rows of images side by side, without gaps, as JPEG."""
    sheet = np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)
    pixels = np.uint8(np.round(255 * np.clip(sheet, 0.0, 1.0)))
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    # Colours at full resolution (subsampling=0): images are small and synthetic.
    picture.save(path, quality=82, optimize=True, subsampling=0)


def _read_gin_text(model_dir):
    with open(os.path.join(model_dir, "results", "gin", "train.gin")) as file:
        return file.read()


def _short(values):
    """Returns plain numbers of four digits, None for what is no number."""
    values = np.asarray(values, np.float64)
    if values.ndim > 1:
        return [_short(row) for row in values]
    return [float(f"{x:.4g}") if np.isfinite(x) else None for x in values]


def _to_base64(values):
    return base64.b64encode(np.uint8(np.round(values)).tobytes()).decode("ascii")
