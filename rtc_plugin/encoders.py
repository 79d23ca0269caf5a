# SPDX-License-Identifier: Apache-2.0
"""Encoders of any framework: images in, means (and log variances) out.

    encoder = open_encoder("vae.onnx", layout="nchw")
    codes = encode_data(encoder, open_data("dsprites_rendered"))
    report = measure(**codes)

PyTorch, onnxruntime and TensorFlow are imported when a file of theirs is opened, and
not before.
"""

import importlib
import os
import sys

import numpy as np
import tqdm

from rtc_plugin.data.ground_truth import factor_grid, named_data, own_data
from rtc_plugin.errors import UserError

# As many as the study's metrics learn from and are tested on.
NUM_IMAGES = 15_000
BATCH_SIZE = 256
# Rows that are to agree whatever the company they are encoded in: more than rounding.
_TOLERANCE = 1e-3
_MEANS = ("z_mean", "mean", "means", "mu", "loc", "codes", "z", "default", "output_0")
_LOGVARS = ("z_logvar", "logvar", "log_var", "logvars", "log_variance")
# What a module of the library or of this plugin gives, before what others do.
_SIGNATURES = ("gaussian_encoder", "representation", "serving_default", "default")

_ONNX_TYPES = {
    "tensor(uint8)": np.uint8,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}


def open_encoder(
    name, trust=False, layout="nhwc", value_range=(0.0, 1.0), outputs=(), signature=None
):
    """Opens an encoder.

    Args:
        name: What it is: `module:function`; a file of ONNX (.onnx), TorchScript (.pt,
            .pth, .ts) or torch.export (.pt2); or the folder of a TensorFlow SavedModel
            or TFHub module, such as `MODEL_DIR/tfhub` of dlib_train.
        trust: Whether it may run a program. All but ONNX are programs.
        layout: 'nhwc' or 'nchw', the axes that it takes images in.
        value_range: What black and white are for it.
        outputs: One or two names or positions of its outputs, the means and the log
            variances; found out if empty.
        signature: Of a SavedModel or TFHub module; found out if None.

    Returns:
        Function of images, float32 [n, height, width, channels] in [0, 1], that gives
        means [n, num_latent] and log variances alike, or None in their place.

    Raises:
        UserError: It is missing, no encoder, not trusted, or needs a package.
    """
    kind = _kind(name)
    if kind is not _onnx and not trust:
        raise UserError(
            f"--encoder={name} is a program and can do on this machine whatever you "
            "can; add --trust if you know where it comes from. An .onnx file is none."
        )
    run = kind(name, signature)

    def encode(images):
        low, high = value_range
        given = np.asarray(images, np.float32)
        if (low, high) != (0.0, 1.0):
            given = np.float32(low) + np.float32(high - low) * given
        if layout == "nchw":
            given = given.transpose(0, 3, 1, 2)
        given = np.ascontiguousarray(given)
        try:
            found = run(given)
        # Each framework has its own, and a function of the user's may raise any.
        except Exception as error:
            line = " ".join(str(error).split())[:200]
            raise UserError(
                f"--encoder={name} does not take images of shape {list(given.shape)} "
                f"({type(error).__name__}: {line}); --layout is {layout}."
            ) from error
        return _means_and_logvars(name, found, outputs, len(given))

    return encode


def _kind(name):
    ending = os.path.splitext(name)[1].lower()
    if os.path.isdir(name):
        if os.path.exists(os.path.join(name, "saved_model.pb")):
            return _tensorflow
        raise UserError(
            f"--encoder={name} has no saved_model.pb, as a SavedModel or TFHub module "
            "has; of what dlib_train has made, give MODEL_DIR/tfhub."
        )
    if os.path.exists(name):
        kinds = {".onnx": _onnx, ".pt2": _torch_export}
        kinds.update(dict.fromkeys((".pt", ".pth", ".ts"), _torch_script))
        if ending in kinds:
            return kinds[ending]
        raise UserError(
            f"--encoder={name} ends in none of {', '.join(kinds)}; give it the name of "
            "what it is."
        )
    module, colon, function = name.partition(":")
    if colon and all(part.isidentifier() for part in [*module.split("."), function]):
        return _function
    raise UserError(
        f"--encoder={name} is no file or folder, nor module:function such as "
        "my_vae:encode."
    )


def _needs(package, extra, name):
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"--encoder={name} needs {package}: pip install 'rtc_plugin[{extra}]'."
        ) from error


def _function(name, signature):
    module, _, function = name.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # As `python -m` does.
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(f"--encoder={name} cannot be imported: {error}.") from error
    return lambda images: _arrays(found(images))


def _onnx(name, signature):
    runtime = _needs("onnxruntime", "onnx", name)
    try:
        session = runtime.InferenceSession(name, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(f"--encoder={name} is damaged or no ONNX ({error}).") from error
    (given, *others), found = session.get_inputs(), session.get_outputs()
    if others:
        raise UserError(f"--encoder={name} has {1 + len(others)} inputs, not one.")
    names = [output.name for output in found]
    size = given.shape[0] if given.shape and isinstance(given.shape[0], int) else None
    dtype = _ONNX_TYPES.get(given.type, np.float32)

    def run(images):
        images = images.astype(dtype, copy=False)
        # A graph of a fixed number of images gets so many, the last one again.
        parts = [images]
        if size is not None:
            padding = np.resize(images[-1:], (-len(images) % size, *images.shape[1:]))
            parts = np.split(
                np.concatenate([images, padding]), range(size, len(images), size)
            )
        results = [session.run(None, {given.name: part}) for part in parts]
        joined = [np.concatenate(arrays)[: len(images)] for arrays in zip(*results)]
        return dict(zip(names, joined))

    return run


def _torch_script(name, signature):
    torch = _needs("torch", "torch", name)
    try:
        module = torch.jit.load(name, map_location="cpu").eval()
    except Exception as error:
        raise UserError(
            f"--encoder={name} is no TorchScript file; torch.jit.script(model).save "
            "writes one (weights alone are no encoder; module:function can load them)."
        ) from error
    return _of_torch(torch, module)


def _torch_export(name, signature):
    torch = _needs("torch", "torch", name)
    try:
        module = torch.export.load(name).module()
    except Exception as error:
        raise UserError(f"--encoder={name} is no file of torch.export.save.") from error
    return _of_torch(torch, module)


def _of_torch(torch, module):
    def run(images):
        with torch.no_grad():
            return _arrays(module(torch.from_numpy(images)))

    return run


def _tensorflow(name, signature):
    # Its import has the patches ready that tensorflow_hub may need.
    _needs("disentanglement_lib", "tf-cpu", name)
    tf = _needs("tensorflow", "tf-cpu", name).compat.v1
    with tf.Graph().as_default() as graph:
        session = tf.Session(graph=graph)
        if os.path.exists(os.path.join(name, "tfhub_module.pb")):
            hub = _needs("tensorflow_hub", "tf-cpu", name)
            module = hub.Module(name)
            chosen = _choose(name, module.get_signature_names(), signature)
            ((key, info),) = module.get_input_info_dict(chosen).items()
            given = tf.placeholder(info.dtype, info.get_shape())
            found = module({key: given}, signature=chosen, as_dict=True)
            session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        else:
            loaded = tf.saved_model.load(session, ["serve"], name)
            chosen = _choose(name, loaded.signature_def, signature)
            spec = loaded.signature_def[chosen]
            (given,) = (graph.get_tensor_by_name(i.name) for i in spec.inputs.values())
            found = {
                key: graph.get_tensor_by_name(output.name)
                for key, output in spec.outputs.items()
            }
    return lambda images: session.run(found, {given: images})


def _choose(name, signatures, wanted):
    signatures = [s for s in signatures if s != "__saved_model_init_op"]
    if wanted is not None and wanted not in signatures:
        raise UserError(
            f"--encoder={name} has no signature {wanted}, but {', '.join(signatures)}."
        )
    known = [s for s in (wanted, *_SIGNATURES) if s in signatures] or signatures
    if not known:
        raise UserError(f"--encoder={name} has no signature to call.")
    return known[0]


def _arrays(found):
    """Returns what an encoder gives with NumPy's arrays in place of tensors."""
    if isinstance(found, dict):
        return {key: _arrays(value) for key, value in found.items()}
    if isinstance(found, (tuple, list)):
        return [_arrays(value) for value in found]
    if hasattr(found, "detach"):
        found = found.detach().cpu()
    return np.asarray(found)


def _means_and_logvars(name, found, outputs, num_images):
    named = found if isinstance(found, dict) else {}
    values = list(named.values()) if named else found
    values = values if isinstance(values, list) else [values]
    if outputs:
        try:
            values = [
                values[int(key)] if key.isdigit() else named[key] for key in outputs
            ]
        except (KeyError, IndexError) as error:
            known = ", ".join(named) or f"positions 0 to {len(values) - 1}"
            raise UserError(
                f"--encoder={name} has no output {error}; it has {known} (--outputs)."
            ) from error
    elif len(values) > 1 and named:
        means, logvars = (
            next((named[key] for key in keys if key in named), None)
            for keys in (_MEANS, _LOGVARS)
        )
        if means is not None:
            values = [means] if logvars is None else [means, logvars]
    if len(values) > 2:
        raise UserError(
            f"--encoder={name} gives {len(values)} outputs "
            f"({', '.join(named) or 'without names'}); --outputs=1,2 says which are "
            "means and log variances, counted from 0."
        )
    # As mean_and_logvar_representation has it.
    if len(values) == 1 and values[0].ndim == 3 and values[0].shape[1] == 2:
        values = [values[0][:, 0], values[0][:, 1]]
    # Convolutions end in axes of length one.
    codes = [
        value.reshape(value.shape[:2])
        if value.ndim > 2 and value.size == np.prod(value.shape[:2])
        else value
        for value in values
    ]
    shapes = [list(value.shape) for value in codes]
    if any(s != shapes[0] or len(s) != 2 or s[0] != num_images for s in shapes):
        raise UserError(
            f"--encoder={name} gives {' and '.join(map(str, shapes))} for {num_images} "
            f"images, not [{num_images}, num_latent]; --outputs says which to take."
        )
    return codes[0], codes[1] if len(codes) == 2 else None


def encode_named(
    encoder,
    data,
    trust=False,
    layout="nhwc",
    value_range=(0.0, 1.0),
    outputs=(),
    signature=None,
    num_images=NUM_IMAGES,
    size=None,
    seed=0,
):
    """Opens an encoder and a data set by what the user calls them, and encodes.

    Args:
        encoder: See `open_encoder`, as of what follows.
        data: See `named_data.open_data`.
        trust: See above.
        layout: See above.
        value_range: See above.
        outputs: See above.
        signature: See above.
        num_images: See `encode_data`.
        size: See `named_data.open_data`.
        seed: See `encode_data`.

    Returns:
        What `encode_data` does.

    Raises:
        UserError: A flag is missing or wrong.
    """
    if encoder is None or data is None:
        missing, given = ("--data", "--encoder") if encoder else ("--encoder", "--data")
        raise UserError(f"{given} needs {missing}: an encoder and what it encodes.")
    if len(value_range) != 2 or not value_range[0] < value_range[1]:
        raise UserError(
            f"--range={','.join(map(str, value_range))} is not two numbers that rise, "
            "such as -1,1."
        )
    function = open_encoder(encoder, trust, layout, value_range, outputs, signature)
    named_data.check_name(data, "--data=")
    return encode_data(function, named_data.open_data(data, size), num_images, seed)


def encode_data(encoder, data, num_images=NUM_IMAGES, seed=0, batch_size=BATCH_SIZE):
    """Encodes images of a data set, with all that `rtc_plugin.measure` takes of them.

    Args:
        encoder: Function as `open_encoder` returns it.
        data: Data set, as `data.ground_truth.named_data.open_data` returns it.
        num_images: How many different images are drawn; all, in their order, if there
            are no more.
        seed: Seed of the draw.
        batch_size: Images at a time.

    Returns:
        Dictionary of codes [n, num_latent], logvar alike or None, factors [n,
        num_factors] (of data of one's own a DataFrame) or None, factor_names or None,
        and sampler: an `EncodedData`, None if no images can be drawn for given factors.

    Raises:
        UserError: What `encoder` raises, or it gives other codes in other company.
    """
    encoded = EncodedData(encoder, data, batch_size)
    random_state = np.random.RandomState(seed)
    if encoded.has_numbers:
        numbers = np.arange(data.num_images)
        if num_images < len(numbers):
            numbers = random_state.permutation(data.num_images)[:num_images]
        factors = _factors_of(data, numbers)
        batches = encoded.batches(numbers)
    else:
        factors = data.sample_factors(num_images, random_state)
        batches = (
            data.sample_observations_from_factors(batch, random_state)
            for batch in _split(factors, batch_size)
        )
    z_mean, z_logvar = encoded.encode(batches, len(factors))
    names = getattr(data, "factor_names", None)
    return {
        "codes": z_mean,
        "logvar": z_logvar,
        "factors": factors if data.num_factors else None,
        "factor_names": list(names) if names and data.num_factors else None,
        "sampler": None if hasattr(data, "reason") else encoded,
    }


def _factors_of(data, numbers):
    if hasattr(data, "labels"):
        import pandas as pd

        columns = {name: column[numbers] for name, column in data.labels.items()}
        return pd.DataFrame(columns, index=range(len(numbers)))
    return data.indices_to_factors(numbers)[:, data.latent_factor_indices]


def _split(rows, size):
    return (rows[start : start + size] for start in range(0, len(rows), size))


class EncodedData:
    """An encoder over a data set: draws codes of images with given factors.

    This is a `sampler` of `rtc_plugin.measure`. Scores that need one draw a million
    images and more; where images have numbers, each is encoded once, all of them when
    the first codes are asked for.

    Args:
        encoder: Function as `open_encoder` returns it.
        data: Data set.
        batch_size: Images at a time.

    Attributes:
        num_factors: Number of factors.
        has_numbers: Whether images are the same whenever they are asked for.
    """

    def __init__(self, encoder, data, batch_size=BATCH_SIZE):
        self.num_factors = data.num_factors
        self._encoder, self._data, self._batch_size = encoder, data, batch_size
        observe = getattr(type(data), "sample_observations_from_factors", None)
        self.has_numbers = isinstance(data, own_data.OwnImages) or (
            observe is factor_grid.FactorGrid.sample_observations_from_factors
        )
        self._table = None

    def batches(self, numbers):
        """Yields observations of image numbers [n], batch by batch."""
        for batch in _split(numbers, self._batch_size):
            yield self._data.to_observations(self._data.images_at(batch))

    def encode(self, batches, num_images):
        """Returns means and log variances (or None) [num_images, num_latent]."""
        found = []
        # Nothing where nobody watches.
        with tqdm.tqdm(
            total=num_images, desc="encoding", unit=" images", disable=None
        ) as bar:
            for batch in batches:
                found.append(self._encoder(batch))
                if len(found) == 1 < len(batch):
                    self._check_rows(batch, found[0][0])
                bar.update(len(batch))
        means, logvars = zip(*found)
        logvars = None if logvars[0] is None else np.concatenate(logvars)
        return np.concatenate(means), logvars

    def _check_rows(self, batch, means):
        alone, _ = self._encoder(batch[:1])
        difference = np.max(np.abs(alone[0] - means[0]))
        if difference > _TOLERANCE * max(1.0, np.max(np.abs(means))):
            raise UserError(
                f"the encoder gives an image another code alone than in a batch (by "
                f"{difference:.2g}): it draws noise, or normalises by the batch. Give "
                "one that returns means, in evaluation mode."
            )

    def sample_factors(self, num, random_state):
        """Draws [num, num_factors] factors; `random_state` is a RandomState."""
        return self._data.sample_factors(num, random_state)

    def codes(self, factors, random_state):
        """Returns the means [n, num_latent] of images with these factors."""
        data = self._data
        if not self.has_numbers:
            images = data.sample_observations_from_factors(factors, random_state)
            return self._encoder(images)[0]
        if self._table is None:
            batches = self.batches(np.arange(data.num_images))
            self._table, _ = self.encode(batches, data.num_images)
        return self._table[data.sample_indices_from_factors(factors, random_state)]
