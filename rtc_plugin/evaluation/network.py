# SPDX-License-Identifier: Apache-2.0
"""A representation's module, taken apart into the encoder and what follows on it.

What the encoder gives for an image, means and log variances, can be looked up. What
`dlib_postprocess` has put upon it is computed anew at every query from rows of a table,
as noise has to be (`sampled_representation`); there is nothing to compute where the
representation is one of the encoder's outputs (`mean_representation`).
"""

import hashlib
import os

import numpy as np
import tensorflow.compat.v1 as tf
import tensorflow_hub as hub

_SIGNATURE, _INPUT, _OUTPUT = "representation", "images", "default"
# The variable scope in which the library puts what follows on the encoder.
_TRANSFORM = "transform"
# Operations with a state that doesn't change while a module is evaluated.
_VARIABLES = ("VariableV2", "VarHandleOp", "ReadVariableOp")
# Rows that are to agree whatever the company they are encoded in: more than rounding.
_TOLERANCE = 1e-4


class Network:
    """A module of `dlib_postprocess` in its own session; a context manager.

    Attributes:
        is_computed: Whether anything is left to compute from a row.
        row_shape: Shape of what `encode` gives per image; None if there is nothing
            that could be looked up: the module's parts are not float32 arrays with one
            row per image.

    Args:
        module_path: Folder of the module.
    """

    def __init__(self, module_path):
        with tf.Graph().as_default() as graph:
            module = hub.Module(module_path)
            info = module.get_input_info_dict(_SIGNATURE)[_INPUT]
            self._images = tf.placeholder(info.dtype, info.get_shape())
            inputs = {_INPUT: self._images}
            outputs = module(inputs, signature=_SIGNATURE, as_dict=True)
            self._output = outputs[_OUTPUT]
            initialise = [tf.global_variables_initializer(), tf.tables_initializer()]
        drawn = _drawn_operations(self._output.op)
        self._parts = _row_tensors(self._output, drawn, self._images)
        self.is_computed = self._parts != [self._output]
        self.row_shape = None
        if self._parts is not None:
            shapes = [tuple(part.shape.as_list()[1:]) for part in self._parts]
            self._sizes = [int(np.prod(shape)) for shape in shapes]
            self._shapes = shapes
            self.row_shape = (sum(self._sizes),) if self.is_computed else shapes[0]
        self._session = tf.Session(graph=graph)
        self._session.run(initialise)
        self.represent = self._session.make_callable(self._output, [self._images])
        if self._parts is not None:
            self._encode = self._session.make_callable(self._parts, [self._images])
            self._compute = self._session.make_callable(self._output, self._parts)

    def __enter__(self):
        return self

    def __exit__(self, *unused_exception):
        self._session.close()

    def takes(self, image_shape):
        """Returns whether images of this shape fit."""
        return self._images.shape[1:].is_compatible_with(image_shape)

    def encode(self, images):
        """Returns what can be looked up, float32 [n, *row_shape].

        A single image is encoded as two: alone, it takes another way through some
        builds of TensorFlow, which round differently.

        Args:
            images: float32 [n, height, width, channels] in [0, 1].
        """
        num_images = len(images)
        if num_images == 1:
            images = np.repeat(images, 2, axis=0)
        parts = [part[:num_images] for part in self._encode(images)]
        if not self.is_computed:
            return parts[0]
        flat = [part.reshape(num_images, -1) for part in parts]
        return np.concatenate(flat, axis=1)

    def finish(self, rows):
        """Returns representations of rows of `encode`, noise drawn anew."""
        if not self.is_computed:
            return rows
        parts = np.split(rows, np.cumsum(self._sizes)[:-1], axis=1)
        return self._compute(
            *(part.reshape(-1, *shape) for part, shape in zip(parts, self._shapes))
        )

    def rows_are_independent(self, images):
        """Returns whether an image has the same row in whatever company.

        It has not where a module normalises by the statistics of the batch.

        Args:
            images: At least four images, of which some differ.
        """
        half = len(images) // 2
        together, apart = self.encode(images)[:half], self.encode(images[:half])
        return np.allclose(together, apart, _TOLERANCE, _TOLERANCE, equal_nan=True)


def module_digest(module_path):
    """Returns the SHA-256 of a module's files and their names, as hexadecimal."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(module_path):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            digest.update(os.path.relpath(path, module_path).encode() + b"\0")
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


def _drawn_operations(last):
    """Returns the operations up to `last` whose result differs from run to run."""
    drawn, seen, order, stack = set(), set(), [], [(last, False)]
    while stack:
        operation, inputs_done = stack.pop()
        if inputs_done:
            order.append(operation)
        elif operation not in seen:
            seen.add(operation)
            stack.append((operation, True))
            stack += [(tensor.op, False) for tensor in operation.inputs]
    for operation in order:
        stateful = operation.op_def.is_stateful and operation.type not in _VARIABLES
        # Without a state, but still another number for each row of a batch.
        if stateful or operation.type.startswith("Stateless"):
            drawn.add(operation)
        elif any(tensor.op in drawn for tensor in operation.inputs):
            drawn.add(operation)
    return drawn


def _row_tensors(output, drawn, images):
    """Returns the encoder's outputs, tensors with one row per image, not drawn.

    All the rest follows from them. None if there are none such.
    """
    found, seen, stack = [], set(), [output]
    while stack:
        tensor = stack.pop()
        if tensor.ref() in seen:
            continue
        seen.add(tensor.ref())
        if tensor is images:
            return None
        follows = tensor.op in drawn or _TRANSFORM in tensor.op.name.split("/")
        if not follows and _has_float_rows(tensor):
            found.append(tensor)
        else:
            # In order, and through such as the shape of a tensor to the tensor.
            stack += reversed(tensor.op.inputs)
    return found or None


def _has_float_rows(tensor):
    shape = tensor.shape
    return (
        tensor.dtype == tf.float32
        and shape.rank is not None
        and shape.rank >= 2
        and shape[0].value is None
        and all(size.value is not None for size in shape[1:])
    )
