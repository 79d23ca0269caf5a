# SPDX-License-Identifier: Apache-2.0
"""The library's evaluation on a table of codes. See `rtc_plugin.evaluation.table`.

While the stock `evaluate` runs, it finds the data set and the module in two stand-ins
for `named_data` and `hub`. They give the real ones for any data set, metric or module
for which a table would not do.
"""

import contextlib
import functools
import inspect
import os
import types

import gin
from absl import logging

import rtc_plugin
from rtc_plugin.evaluation import table as table_lib

# Metrics that look at images through the representation function alone. Not among
# them: `strong_downstream_task`, and whatever is not known here. A function with a true
# attribute `looks_at_codes_only` is one, too.
_LIBRARY = "disentanglement_lib.evaluation.metrics."
_PLUGIN = "rtc_plugin.evaluation.metrics."
LOOK_AT_CODES_ONLY = {
    _LIBRARY + "beta_vae.compute_beta_vae_sklearn",
    _LIBRARY + "dci.compute_dci",
    _LIBRARY + "downstream_task.compute_downstream_task",
    _LIBRARY + "factor_vae.compute_factor_vae",
    _LIBRARY + "fairness.compute_fairness",
    _LIBRARY + "irs.compute_irs",
    _LIBRARY + "mig.compute_mig",
    _LIBRARY + "modularity_explicitness.compute_modularity_explicitness",
    _LIBRARY + "reduced_downstream_task.compute_reduced_downstream_task",
    _LIBRARY + "sap_score.compute_sap",
    _LIBRARY + "unified_scores.compute_unified_scores",
    _LIBRARY + "unsupervised_metrics.unsupervised_metrics",
    _PLUGIN + "conditional_independence.compute_conditional_independence",
    _PLUGIN + "elbo_decomposition.compute_elbo_decomposition",
    _PLUGIN + "factor_disintegration.compute_factor_disintegration",
    _PLUGIN + "infomec.compute_infomec",
    _PLUGIN + "mig_variants.compute_mig_variants",
    _PLUGIN + "rtc_metrics.compute_rtc_metrics",
    _PLUGIN + "tc_disparity.compute_tc_disparity",
    _PLUGIN + "tc_nongaussian.compute_tc_nongaussian",
}
# With a model to reconstruct by, these look at images.
_RECONSTRUCT = ("compute_elbo_decomposition", "compute_rtc_metrics")
# Metrics that draw more images than most data sets have, with their gin names.
_DRAW_MANY = {
    "compute_beta_vae_sklearn": "beta_vae_sklearn",
    "compute_factor_vae": "factor_vae_score",
}
# Representations whose tables a process keeps: a study goes through the metrics of one
# representation after the other.
_NUM_KEPT = 2
_kept = {}
# Encoder and data set -> `Encodings` that representations of one model share.
_encoders = {}


def look_codes_up(evaluate):
    """Has the library's `evaluate` encode each image once."""
    stock = evaluate.evaluate
    signature = inspect.signature(stock)

    @functools.wraps(stock)
    def with_table(*args, **kwargs):
        given = signature.bind_partial(*args, **kwargs).arguments
        metric = _metric(given.get("evaluation_fn", gin.REQUIRED))
        use_table, save = _options()
        if not (use_table and metric and _looks_at_codes_only(metric)):
            return stock(*args, **kwargs)
        with contextlib.ExitStack() as opened:
            standins = _StandIns(evaluate, given["model_dir"], save, opened)
            standins.draws = _images_drawn(metric)
            opened.enter_context(_replaced(evaluate, "named_data", standins.named_data))
            opened.enter_context(_replaced(evaluate, "hub", standins.hub))
            return stock(*args, **kwargs)

    evaluate.evaluate = with_table


def announce_draws(utils):
    """Has the metrics' helper that draws images tell the table of them beforehand."""
    stock = utils.generate_batch_factor_code

    @functools.wraps(stock)
    def announced(
        ground_truth_data, representation_function, num_points, random_state, batch_size
    ):
        if isinstance(ground_truth_data, table_lib.ImageNumbers):
            ground_truth_data.announce(num_points, batch_size, random_state)
        return stock(
            ground_truth_data,
            representation_function,
            num_points,
            random_state,
            batch_size,
        )

    utils.generate_batch_factor_code = announced


class _StandIns:
    """What takes the place of `named_data` and `hub` during one evaluation."""

    def __init__(self, evaluate, model_dir, save, opened):
        self._stock_data, self._stock_hub = evaluate.named_data, evaluate.hub
        self._folder, self._save, self._opened = model_dir, save, opened
        self._lookup = None
        self.draws = 0
        self.named_data = _overlay(
            evaluate.named_data, get_named_ground_truth_data=self.open_data
        )
        self.hub = _overlay(
            evaluate.hub, eval_function_for_module=self.open_representation
        )

    def open_data(self, *args, **kwargs):
        """Returns the data set, or the numbers of its images."""
        data = self._stock_data.get_named_ground_truth_data(*args, **kwargs)
        if not table_lib.has_numbered_images(data):
            return data
        self._lookup = _open_lookup(self._folder, data, self._save, self._opened)
        if self._lookup is None:
            return data
        encodings = self._lookup.table.encodings
        many = self.draws > table_lib.ON_DEMAND * data.num_images
        if encodings is not None and many:
            encodings.whole_at_once = True
        return table_lib.ImageNumbers(data, self._lookup.encode_ahead)

    @contextlib.contextmanager
    def open_representation(self, path, *args, **kwargs):
        """Yields a function of images, or of their numbers, as hub does."""
        if self._lookup is None:
            stock = self._stock_hub.eval_function_for_module
            with stock(path, *args, **kwargs) as function:
                yield function
        else:
            yield lambda inputs, **unused: {"default": self._lookup(inputs["images"])}


class _Lookup:
    """Representations by image number."""

    def __init__(self, table, data, open_network):
        self.table = table
        self._data = data
        self._open_network = open_network

    def encode_ahead(self, numbers):
        """Makes rows of the table known."""
        if not self.table.is_whole:
            self.table.encode(numbers, self._data, self._open_network())

    def __call__(self, numbers):
        """Returns representations [n, ...] of image numbers [n]."""
        if len(numbers) == 1:
            # Alone, an image may come out rounded differently; so it does in the
            # library.
            images = self._data.images_at(numbers)
            return self._open_network().represent(self._data.to_observations(images))
        self.encode_ahead(numbers)
        rows = self.table.rows(numbers)
        return self._open_network().finish(rows) if self.table.is_computed else rows


def _open_lookup(folder, data, save, opened):
    """Returns a `_Lookup` of a representation, None if there can be none."""
    from rtc_plugin.evaluation import network as network_lib

    path = os.path.join(folder, "tfhub")

    @functools.cache
    def open_network():
        return opened.enter_context(network_lib.Network(path))

    made_from = {
        "module": network_lib.module_digest(path),
        "data": table_lib.data_identity(data),
        "versions": [rtc_plugin.__version__, network_lib.tf.__version__],
    }
    key = os.path.realpath(folder), repr(made_from)
    table, useless = _kept.pop(key, None), False
    if table is None:
        try:
            table = table_lib.CodeTable.load(folder, made_from)
        except table_lib.UselessTable as error:
            useless = True
            logging.warning("%s; it is made again.", error)
    if table is None:
        network = open_network()
        if network.num_columns is None or not network.takes(data.observation_shape):
            return None
        if not network.rows_are_independent(table_lib.probes(data)):
            logging.warning("%s encodes an image by its batch; no table.", path)
            return None
        encodings = _encodings(network, data, repr(made_from["data"]))
        encodings.whole_at_once |= useless
        table = table_lib.CodeTable.of(encodings, network, made_from)
    table.folder = folder if save else None
    _kept[key] = table
    while len(_kept) > _NUM_KEPT:
        del _kept[next(iter(_kept))]
    return _Lookup(table, data, open_network)


def _encodings(network, data, identity):
    """Returns the `Encodings` of the network's encoder, the kept ones if there are."""
    key = network.encoder_digest, identity
    shared = _encoders.pop(key, None)
    if shared is None:
        shared = table_lib.Encodings(data.num_images, network.num_columns)
    _encoders.clear()  # One at a time: a study goes from model to model.
    _encoders[key] = shared
    return shared


def _options():
    # gin writes the parameters of every configurable that ran to the saved config; by
    # default that shall be the one that the library has always written.
    if not gin.get_bindings("evaluation_codes"):
        return True, True
    return table_lib.evaluation_codes()


def _metric(function):
    """Returns the metric's function as it was written, None if it is not known."""
    if function is gin.REQUIRED:
        reference = gin.get_bindings("evaluation").get("evaluation_fn")
        function = getattr(reference, "scoped_configurable_fn", reference)
    return inspect.unwrap(function) if callable(function) else None


def _looks_at_codes_only(metric):
    name = f"{metric.__module__}.{metric.__name__}"
    if metric.__name__ in _RECONSTRUCT and _parameter("elbo_decomposition.model_dir"):
        return False
    return name in LOOK_AT_CODES_ONLY or getattr(metric, "looks_at_codes_only", False)


def _images_drawn(metric):
    name = _DRAW_MANY.get(metric.__name__)
    if name is None:
        return 0
    sizes = [
        _parameter(f"{name}.{parameter}")
        for parameter in ("batch_size", "num_train", "num_eval")
    ]
    if not all(isinstance(size, int) for size in sizes):
        return 0
    return sizes[0] * (sizes[1] + sizes[2])


def _parameter(name):
    try:
        return gin.query_parameter(name)
    except ValueError:
        return None


def _overlay(module, **attributes):
    """Returns a copy of a module's namespace with some other attributes."""
    overlay = types.ModuleType(module.__name__, module.__doc__)
    vars(overlay).update(vars(module), **attributes)
    return overlay


@contextlib.contextmanager
def _replaced(module, name, value):
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
