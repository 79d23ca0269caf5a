# SPDX-License-Identifier: Apache-2.0
"""Total correlation while a model trains: a learning curve, for TensorBoard and CSV."""

import csv
import dataclasses
import functools
import math
import os

import gin
import numpy as np
import tensorflow.compat.v1 as tf

from rtc_plugin import total_correlation as tc
from rtc_plugin.errors import UserError
from rtc_plugin.files import whole_file
from rtc_plugin.measures.mig_variants import mig_variants
from rtc_plugin.measures.tc_disparity import FLOOR
from rtc_plugin.methods import tc_vae
from rtc_plugin.total_correlation import checks

FILE = "tc_monitor.csv"
NUM_BINS = 20


@gin.configurable("tc_monitor")
def tc_monitor(
    model=gin.REQUIRED, every=1000, num_images=2000, estimators=(), dataset_size=None,
    seed=0,
):  # fmt: skip
    """Has a model report total correlation as it trains.

    In a gin file, with any model of the library or the plugin:

        model.model = @tc_monitor()
        tc_monitor.model = @factor_vae()

    Before the first step and whenever `every` more have been made, the encoder is
    applied to the same images, drawn from the training data once, and this is added to
    `tc_monitor.csv` beside the checkpoints and, as 'tc_monitor/...', to TensorBoard:

        tc_mean, tc_sample, tc_gap, tc_mean_active, tc_sample_active
            Gaussian total correlation of means and of samples, their difference, and
            the same on active latents; nats, see the metric `tc_disparity`. With fewer
            than two active latents there is none: nan in the file, no point on the
            board
        num_active      latents whose signal share is 0.9 or more
        kl              KL of the encoder, nats
        mig             mutual information gap, 20 bins, in [0, 1]; nan if every factor
            is constant
        tc_<estimator>  minibatch estimates on the first batch of these images, nats

    The samples have independent noise given the image, also where the model's own has
    not (`correlated_gaussian`); their noise is the same each time. Training itself is
    not changed, to the bit, and an interrupted one goes on with its file. The images
    are held as float32: 98 MB for 2,000 of 64x64x3.

    Args:
        model: `GaussianEncoderModel`; it is changed.
        every: Training steps between two rows, from 1 on.
        num_images: Number of images, more than there are latents.
        estimators: Any of `total_correlation.ESTIMATORS`.
        dataset_size: For mws, mss0, mss1 and mss_sym; the training data's if None.
        seed: Seed of the images and of the sampling noise.

    Returns:
        The model.

    Raises:
        UserError: If `every` or `num_images` is no count, or an estimator is unknown.
    """
    for name, value, least in (("every", every, 1), ("num_images", num_images, 2)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise UserError(
                f"tc_monitor.{name} = {value!r}: must be a number from {least} on."
            )
    for estimator in estimators:
        if estimator not in tc.ESTIMATORS:
            raise UserError(
                f"tc_monitor.estimators has {estimator!r}: choose among "
                f"{', '.join(map(repr, tc.ESTIMATORS))}."
            )
    stock_model_fn = model.model_fn
    stock_encoder = model.gaussian_encoder

    @functools.wraps(stock_model_fn)
    def model_fn(features, labels, mode, params):
        codes = []

        def gaussian_encoder(*args, **kwargs):
            codes.append(stock_encoder(*args, **kwargs))
            return codes[-1]

        model.gaussian_encoder = gaussian_encoder
        try:
            spec = stock_model_fn(
                features=features, labels=labels, mode=mode, params=params
            )
        finally:
            model.gaussian_encoder = stock_encoder
        if mode != tf.estimator.ModeKeys.TRAIN:
            return spec
        batch_size = features.shape.as_list()[0]
        size = dataset_size or tc_vae.count_images(params.get("ground_truth_data"))
        for estimator in estimators:
            _check_estimator(estimator, min(batch_size, num_images), size)
        hook = _MonitorHook(
            images=features,
            codes=codes[0],
            data=_draw(params, num_images, batch_size, seed),
            measure=functools.partial(
                measure,
                estimators=estimators,
                dataset_size=size,
                batch_size=batch_size,
                seed=seed,
            ),
            every=every,
            model_dir=params["model_dir"],
        )
        return dataclasses.replace(spec, training_hooks=[*spec.training_hooks, hook])

    model.model_fn = model_fn
    return model


def measure(
    z_mean, z_logvar, factors, estimators=(), dataset_size=None, batch_size=None, seed=0
):
    """Returns what `tc_monitor` reports of a set of encodings.

    Args:
        z_mean: Means, [num_images, num_latent].
        z_logvar: Log variances, same shape.
        factors: Ground-truth factors, [num_images, num_factors] integers.
        estimators: Any of `total_correlation.ESTIMATORS`.
        dataset_size: For the estimators that need it.
        batch_size: The estimators use so many of the encodings, all if None.
        seed: Seed of the sampling noise.

    Returns:
        Dictionary of floats; NaN for the total correlation of fewer than two active
        latents.
    """
    precision = checks.precision_of(z_mean)
    z_mean, z_logvar = np.float64(z_mean), np.float64(z_logvar)
    noise = np.random.RandomState(seed).standard_normal(z_mean.shape)
    z = z_mean + np.exp(z_logvar / 2) * noise
    active = tc.classify_latents(z_mean, z_logvar) == tc.ACTIVE
    values = {
        "tc_mean": tc.gaussian(z_mean, FLOOR, precision),
        "tc_sample": tc.gaussian(z, FLOOR, precision),
        "tc_mean_active": _gaussian_of_pairs(z_mean[:, active], precision),
        "tc_sample_active": _gaussian_of_pairs(z[:, active], precision),
        "num_active": float(np.count_nonzero(active)),
        "kl": float(tc.gaussian_kl(z_mean, z_logvar).sum(axis=1).mean()),
        "mig": _mig(z_mean, factors),
    }
    values["tc_gap"] = values["tc_mean"] - values["tc_sample"]
    for estimator in estimators:
        values[f"tc_{estimator}"] = tc.minibatch(
            z[:batch_size],
            z_mean[:batch_size],
            z_logvar[:batch_size],
            estimator,
            dataset_size,
        )
    return values


def _gaussian_of_pairs(z, precision):
    # One latent has nothing to depend on.
    return tc.gaussian(z, FLOOR, precision) if z.shape[1] > 1 else math.nan


def _mig(z_mean, factors):
    mig = mig_variants(z_mean, factors, NUM_BINS)["mig"]
    return math.nan if mig is None else float(mig)


class _MonitorHook(tf.train.SessionRunHook):
    """Measures the encodings of fixed images every so many steps."""

    def __init__(self, images, codes, data, measure, every, model_dir):
        self._images, self._codes = images, codes
        self._factors, self._batches = data
        self._measure = measure
        self._every = every
        self._model_dir = model_dir
        self._rows = []

    def begin(self):
        self._step = tf.train.get_global_step()

    def after_create_session(self, session, coord):
        step = int(session.run(self._step))
        self._rows = _read_rows(self._path, step)
        self._next = (step // self._every + 1) * self._every
        if not self._rows:
            self._add_row(session, step)

    def after_run(self, run_context, run_values):
        step = int(run_context.session.run(self._step))
        if step >= self._next:
            self._next = (step // self._every + 1) * self._every
            self._add_row(run_context.session, step)

    @property
    def _path(self):
        return os.path.join(self._model_dir, FILE)

    def _add_row(self, session, step):
        # Fed in place of a batch: the graph of training is all there is.
        codes = [session.run(self._codes, {self._images: x}) for x in self._batches]
        z_mean, z_logvar = (
            np.concatenate(arrays)[: len(self._factors)] for arrays in zip(*codes)
        )
        if not np.all(np.isfinite(z_mean)) or not np.all(np.isfinite(z_logvar)):
            return  # The estimator ends such a training, and says so.
        values = self._measure(z_mean, z_logvar, self._factors)
        self._rows.append({"step": step, **values})
        _write_rows(self._path, self._rows)
        summary = tf.Summary()
        for name, value in values.items():
            if math.isnan(value):
                continue
            summary.value.add(tag=f"tc_monitor/{name}", simple_value=value)
        writer = tf.summary.FileWriterCache.get(self._model_dir)
        writer.add_summary(summary, step)


def _draw(params, num_images, batch_size, seed):
    """Returns factors and full batches of images; the last may be padded."""
    data = params.get("ground_truth_data")
    if data is None:
        raise UserError(
            "tc_monitor needs a data set to draw images from, which this training does "
            "not have; train without it."
        )
    random_state = np.random.RandomState(seed)
    batches, factors = [], []
    for _ in range(math.ceil(num_images / batch_size)):
        some_factors, images = data.sample(batch_size, random_state)
        factors.append(some_factors)
        batches.append(np.asarray(images, np.float32))
    return np.concatenate(factors)[:num_images], batches


def _check_estimator(estimator, batch_size, dataset_size):
    try:
        tc.minibatch_weights(batch_size, estimator, dataset_size)
    except ValueError as error:
        raise UserError(f"tc_monitor.estimators: {error}") from error


def _read_rows(path, last_step):
    """Returns the rows up to a step; later ones will be made again."""
    if not os.path.exists(path):
        return []
    with open(path, newline="") as file:
        rows = [dict(row, step=int(row["step"])) for row in csv.DictReader(file)]
    return [row for row in rows if row["step"] <= last_step]


def _write_rows(path, rows):
    with whole_file(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[-1].keys())
        writer.writeheader()
        writer.writerows(rows)
