# SPDX-License-Identifier: Apache-2.0
"""A model trained here for those who go on elsewhere: its encoder, or its codes."""

import importlib
import os

import numpy as np

from rtc_plugin import encoders
from rtc_plugin.data.ground_truth import named_data
from rtc_plugin.errors import UserError
from rtc_plugin.files import check_writable, whole_file
from rtc_plugin.runs import read_training

OUTPUTS = ("z_mean", "z_logvar")
_INPUT, _OPSET = "images", 17


def export(
    model_dir,
    output,
    layout="nhwc",
    data=None,
    num_images=encoders.NUM_IMAGES,
    size=None,
    seed=0,
):
    """Writes the encoder of a model, or codes of its data set.

    Args:
        model_dir: Folder that `dlib_train` has made.
        output: What to write. NAME.onnx: a graph from `images` (float32 in [0, 1], axes
            as in layout) to `z_mean` and `z_logvar` [n, num_latent]. NAME.npz: arrays
            z_mean, z_logvar, factors and factor_names, as `rtc measure` reads them.
        layout: 'nhwc' or 'nchw', for ONNX.
        data: What codes are of, see `named_data.open_data`; what the model was trained
            on if None.
        num_images: See `encoders.encode_data`, as of seed.
        size: See `named_data.open_data`.
        seed: See above.

    Returns:
        What was written, in a line.

    Raises:
        UserError: A flag, a folder or a package is missing.
    """
    path = os.path.join(model_dir, "tfhub")
    if not os.path.isdir(path):
        raise UserError(
            f"--model_dir={model_dir} holds no tfhub module; give a folder that "
            "dlib_train has made."
        )
    if not output.endswith((".onnx", ".npz")):
        raise UserError(
            f"-o {output} ends in neither .onnx nor .npz; give such a name."
        )
    check_writable("-o", output)
    if output.endswith(".onnx"):
        return _write_onnx(path, output, layout)
    name = data
    if name is None:
        name, size = _trained_on(model_dir, size)
    encoder = encoders.open_encoder(path, trust=True)
    data = named_data.open_data(name, size)
    found = encoders.encode_data(encoder, data, num_images, seed)
    arrays = {"z_mean": found["codes"], "z_logvar": found["logvar"]}
    if found["factors"] is not None:
        factors = np.asarray(found["factors"])
        # Never pickled: names and numbers side by side become text.
        arrays["factors"] = factors.astype(str) if factors.dtype == object else factors
        arrays["factor_names"] = np.array(found["factor_names"], dtype=str)
    with whole_file(output) as partial:
        np.savez_compressed(partial, **arrays)
    num_rows, num_latent = found["codes"].shape
    return f"{output}: codes of {num_rows} images of {name}, {num_latent} latents"


def _trained_on(model_dir, size):
    """Returns the name and the size for `named_data.open_data`."""
    name, training = read_training(model_dir)
    if name == "file_data":
        size = size or int(training["file_data.size"])
    inner = {"file_data": "file_data.path", "weighted": "weighted_data.name"}
    return training.get(inner.get(name), name).strip("'\""), size


def _write_onnx(path, output, layout):
    try:
        convert = importlib.import_module("tf2onnx").convert
    except ImportError as error:
        raise UserError(
            f"-o {output} needs tf2onnx: pip install 'rtc_plugin[export]'. An .npz "
            "needs nothing."
        ) from error
    shape, frozen = _frozen_graph(path)
    given = f"{_INPUT}:0"
    model, _ = convert.from_graph_def(
        frozen,
        input_names=[given],
        output_names=[f"{name}:0" for name in OUTPUTS],
        opset=_OPSET,
        inputs_as_nchw=[given] if layout == "nchw" else None,
    )
    _rename(model.graph)
    with whole_file(output) as partial, open(partial, "wb") as file:
        file.write(model.SerializeToString())
    axes = f"n, {', '.join(map(str, shape))}"
    if layout == "nchw":
        axes = f"n, {shape[2]}, {shape[0]}, {shape[1]}"
    return f"{output}: images [{axes}] in [0, 1] to {' and '.join(OUTPUTS)}"


def _frozen_graph(path):
    """Returns the shape of an image and the encoder with its weights as constants."""
    import disentanglement_lib  # noqa: F401  (has the patches ready for what follows)
    import tensorflow.compat.v1 as tf
    import tensorflow_hub as hub

    signature = "gaussian_encoder"
    with tf.Graph().as_default() as graph, tf.Session() as session:
        module = hub.Module(path)
        (info,) = module.get_input_info_dict(signature).values()
        shape = info.get_shape().as_list()[1:]
        images = tf.placeholder(tf.float32, [None, *shape], name=_INPUT)
        found = module({"images": images}, signature=signature, as_dict=True)
        tf.identity(found["mean"], OUTPUTS[0])
        tf.identity(found["logvar"], OUTPUTS[1])
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        return shape, tf.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), list(OUTPUTS)
        )


def _rename(graph):
    """Takes TensorFlow's ':0' from the names that a user sees."""
    names = {f"{name}:0": name for name in (_INPUT, *OUTPUTS)}
    for value in (*graph.input, *graph.output):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
