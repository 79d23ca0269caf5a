# SPDX-License-Identifier: Apache-2.0
"""Takes random operations to where an interrupted training left them.

A checkpoint holds no state of TensorFlow's random operations: each draws from a stream
of its own that starts at the operation's seed in every new session. Every execution
takes the same amount from the stream, whatever the values it works on, so executing an
operation as many times as the interrupted training did puts it back in its place.
"""

import numpy as np
import tensorflow.compat.v1 as tf


class RandomReplayHook(tf.train.SessionRunHook):
    """Executes the random operations of a training step without the rest of it.

    Args:
        train_op: Operation that makes a training step.
        times: Number of steps that have been made.
    """

    def __init__(self, train_op, times):
        self._train_op = train_op
        self._times = times

    def after_create_session(self, session, coord):
        """Runs before the first step, in the session that will train."""
        operations, feeds = [], {}
        for operation in find_random_operations(self._train_op):
            inputs = _find_inputs(operation)
            if inputs is None:
                tf.logging.warning(
                    "%s draws its noise anew: its shape depends on the data.",
                    operation.name,
                )
                continue
            operations.append(operation)
            feeds.update(inputs)
        for _ in range(self._times if operations else 0):
            session.run(operations, feeds)


def find_random_operations(train_op):
    """Returns the stateful random operations that an operation depends on."""
    found, seen, waiting = [], set(), [getattr(train_op, "op", train_op)]
    while waiting:
        operation = waiting.pop()
        if operation in seen:
            continue
        seen.add(operation)
        waiting.extend(tensor.op for tensor in operation.inputs)
        waiting.extend(operation.control_inputs)
        # The attributes say what is in no public list: which operations have a stream.
        if operation.op_def.is_stateful and "seed2" in operation.node_def.attr:
            found.append(operation)
    return found


def _find_inputs(operation):
    """Returns values to feed to a random operation, None if they cannot be known.

    Only the size of what it draws matters: zeros stand in for data. Constants need not
    be fed.
    """
    inputs = {}
    for argument, tensor in zip(operation.op_def.input_arg, operation.inputs):
        if tensor.op.type == "Const":
            continue
        drawn = operation.outputs[0].shape
        known = drawn if argument.name == "shape" else tensor.shape
        if not (known.is_fully_defined() and tensor.graph.is_feedable(tensor)):
            return None
        if argument.name == "shape":
            # What is drawn may have more dimensions than are asked for.
            value = drawn.as_list()[: tensor.shape.as_list()[0]]
        else:
            value = np.zeros(tensor.shape.as_list(), tensor.dtype.as_numpy_dtype)
        inputs[tensor] = value
    return inputs
