# SPDX-License-Identifier: Apache-2.0
"""A damaged checkpoint is survived, or it is said what is lost."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from rtc_plugin.errors import UserError
from rtc_plugin.training import checkpoints
from rtc_plugin.training.unfinished import UnfinishedRun


@pytest.fixture
def run(tmp_path):
    """An unfinished run with checkpoints of steps 10 and 20."""
    run = UnfinishedRun(str(tmp_path / "model.partial"))
    with tf.Graph().as_default(), tf.Session() as session:
        weights = tf.get_variable("weights", [500])
        step = tf.get_variable("global_step", [], tf.int64, tf.zeros_initializer())
        saver = tf.train.Saver(max_to_keep=checkpoints.NUM_KEPT)
        session.run(tf.global_variables_initializer())
        os.makedirs(run.checkpoints)
        for number in (10, 20):
            session.run([weights.assign(np.full(500, number)), step.assign(number)])
            saver.save(session, f"{run.checkpoints}/model.ckpt", number)
    return run


def damage(run, step, kind):
    name = {"data": "data-00000-of-00001", "index": "index"}[kind.split()[1]]
    path = f"{run.checkpoints}/model.ckpt-{step}.{name}"
    with open(path, "rb") as file:
        content = bytearray(file.read())
    if kind.startswith("missing"):
        return os.remove(path)
    if kind.startswith("truncated"):
        content = content[: len(content) // 2]
    else:
        # The middle of an index is padding.
        content[len(content) // 4] ^= 0x10
    with open(path, "wb") as file:
        file.write(content)


def read(path):
    return set(tf.train.load_variable(path, "weights"))


KINDS = [
    f"{how} {what}"
    for how in ("truncated", "flipped", "missing")
    for what in ("data", "index")
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_older_checkpoint_serves_when_the_newer_is_damaged(run, kind, capsys):
    damage(run, 20, kind)
    path = checkpoints.find_sound(run.checkpoints)
    assert read(path) == {10.0} and path == tf.train.latest_checkpoint(run.checkpoints)
    shown = capsys.readouterr().err
    assert "model.ckpt-20 is damaged (" in shown
    assert shown.endswith("; going on from step 10\n") and shown.count("\n") == 1
    assert checkpoints.find_steps(run.checkpoints) == [10]


@pytest.mark.parametrize("kind", KINDS)
def test_with_none_left_it_is_said_what_is_lost(run, kind):
    damage(run, 10, kind)
    damage(run, 20, kind)
    assert run.has_progress()
    with pytest.raises(UserError, match="ckpt-10 is damaged.*is lost.*--overwrite"):
        checkpoints.find_sound(run.checkpoints)


@pytest.mark.parametrize("content", [b"", b"\xff garbage", None])
def test_the_list_of_checkpoints_is_made_anew(run, content):
    path = f"{run.checkpoints}/checkpoint"
    os.remove(path)
    if content is not None:
        with open(path, "wb") as file:
            file.write(content)
    assert read(checkpoints.find_sound(run.checkpoints)) == {20.0}
    assert read(tf.train.latest_checkpoint(run.checkpoints)) == {20.0}


def test_sound_checkpoints_are_kept_until_the_run_is_finished(run, capsys):
    assert read(checkpoints.find_sound(run.checkpoints)) == {20.0}
    assert checkpoints.find_steps(run.checkpoints) == [10, 20]
    checkpoints.keep_newest(run.checkpoints)
    assert checkpoints.find_steps(run.checkpoints) == [20]
    assert read(tf.train.latest_checkpoint(run.checkpoints)) == {20.0}
    assert not capsys.readouterr().err


def test_where_no_step_was_saved_nothing_is_lost(run, tmp_path):
    assert checkpoints.find_sound(str(tmp_path / "nowhere")) is None


def test_a_flipped_bit_of_an_index_is_found_or_changes_nothing(run):
    path = f"{run.checkpoints}/model.ckpt-20"
    with open(path + ".index", "rb") as file:
        content = file.read()
    found = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0x10
        with open(path + ".index", "wb") as file:
            file.write(changed)
        if checkpoints._find_damage(path) is None:
            assert read(path) == {20.0}, place
            assert int(tf.train.load_variable(path, "global_step")) == 20, place
        else:
            found += 1
    assert found > len(content) / 2
