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
        num_columns: Number of values that `encode` gives per image; None if there is
            nothing that could be looked up: the encoder's outputs are not float32
            arrays with one row per image.
        columns: Which of them the representation follows from, a slice: all if it is
            computed, otherwise those that it consists of.
        row_shape: What shape these have.
        encoder_digest: SHA-256 of the encoder: its operations and variables.

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
            output = outputs[_OUTPUT]
            initialise = [tf.global_variables_initializer(), tf.tables_initializer()]
        # Callers bring threads of their own, one per batch.
        config = tf.ConfigProto(intra_op_parallelism_threads=1)
        self._session = tf.Session(graph=graph, config=config)
        self._session.run(initialise)
        self.represent = self._session.make_callable(output, [self._images])
        self.num_columns = None
        drawn = _drawn_operations(graph)
        parts = _row_tensors(output, drawn, self._images)
        if parts is None:
            return
        encoded = _encoder_outputs(parts, drawn, self._images)
        self._encode = self._session.make_callable(encoded, [self._images])
        ends = np.cumsum([_size(tensor) for tensor in encoded])
        self._columns = [
            slice(ends[i] - _size(encoded[i]), ends[i])
            for i in (encoded.index(part) for part in parts)
        ]
        self._shapes = [tuple(part.shape.as_list()[1:]) for part in parts]
        self.num_columns = int(ends[-1])
        self.is_computed = parts != [output]
        if self.is_computed:
            self._compute = self._session.make_callable(output, parts)
            self.columns, self.row_shape = slice(None), (self.num_columns,)
        else:
            self.columns, self.row_shape = self._columns[0], self._shapes[0]
        self.encoder_digest = self._digest(encoded)

    def __enter__(self):
        return self

    def __exit__(self, *unused_exception):
        self._session.close()

    def takes(self, image_shape):
        """Returns whether images of this shape fit."""
        return self._images.shape[1:].is_compatible_with(image_shape)

    def encode(self, images):
        """Returns the encoder's outputs side by side, float32 [n, num_columns].

        A single image is encoded as two: alone, it takes another way through some
        builds of TensorFlow, which round differently.

        Args:
            images: float32 [n, height, width, channels] in [0, 1].
        """
        num_images = len(images)
        if num_images == 1:
            images = np.repeat(images, 2, axis=0)
        outputs = self._encode(images)
        flat = [output[:num_images].reshape(num_images, -1) for output in outputs]
        return np.concatenate(flat, axis=1)

    def finish(self, rows):
        """Computes representations from all columns of `encode`, noise drawn anew."""
        parts = zip(self._columns, self._shapes)
        return self._compute(*(rows[:, i].reshape(-1, *shape) for i, shape in parts))

    def rows_are_independent(self, images):
        """Returns whether an image has the same row in whatever company.

        It has not where a module normalises by the statistics of the batch.

        Args:
            images: At least four images, of which some differ.
        """
        half = len(images) // 2
        together, apart = self.encode(images)[:half], self.encode(images[:half])
        return np.allclose(together, apart, _TOLERANCE, _TOLERANCE, equal_nan=True)

    def _digest(self, encoded):
        digest, variables = hashlib.sha256(), []
        for operation in _operations([tensor.op for tensor in encoded]):
            definition = operation.node_def.SerializeToString(deterministic=True)
            digest.update(hashlib.sha256(definition).digest())
            if operation.type in ("VariableV2", "ReadVariableOp"):
                variables.append(operation.outputs[0])
        for value in self._session.run(variables):
            digest.update(np.ascontiguousarray(value).tobytes())
        return digest.hexdigest()


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


def _operations(last):
    """Returns all operations that some follow from, and these; inputs come first."""
    seen, order, stack = set(), [], [(operation, False) for operation in last]
    while stack:
        operation, inputs_done = stack.pop()
        if inputs_done:
            order.append(operation)
        elif operation not in seen:
            seen.add(operation)
            stack.append((operation, True))
            stack += [(tensor.op, False) for tensor in operation.inputs]
    return order


def _drawn_operations(graph):
    """Returns the operations of a graph whose result differs from run to run."""
    drawn = set()
    for operation in _operations(graph.get_operations()):
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
        if not _follows(tensor.op, drawn) and _has_float_rows(tensor):
            found.append(tensor)
        else:
            # In order, and through such as the shape of a tensor to the tensor.
            stack += reversed(tensor.op.inputs)
    return found or None


def _encoder_outputs(parts, drawn, images):
    """Returns the outputs of the encoder, those that a representation drops as well.

    So that `mean` and `sampled` of one model have the same. An output that is dropped
    is known by being made of the images by the operation, and in the shape, of a part.
    """
    kinds = {(part.op.type, tuple(part.shape.as_list()[1:])) for part in parts}
    outputs = {part.ref() for part in parts}
    for operation in images.graph.get_operations():
        for tensor in operation.outputs:
            if (
                _has_float_rows(tensor)
                and (operation.type, tuple(tensor.shape.as_list()[1:])) in kinds
                and not _follows(operation, drawn)
                and images.op in _operations([operation])
            ):
                outputs.add(tensor.ref())
    return sorted((ref.deref() for ref in outputs), key=lambda tensor: tensor.name)


def _follows(operation, drawn):
    return operation in drawn or _TRANSFORM in operation.name.split("/")


def _size(tensor):
    return int(np.prod(tensor.shape.as_list()[1:]))


def _has_float_rows(tensor):
    shape = tensor.shape
    return (
        tensor.dtype == tf.float32
        and shape.rank is not None
        and shape.rank >= 2
        and shape[0].value is None
        and all(size.value is not None for size in shape[1:])
    )
