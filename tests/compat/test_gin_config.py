# SPDX-License-Identifier: Apache-2.0
import disentanglement_lib.methods.unsupervised.train  # noqa: F401
import gin
import pytest
import tensorflow.compat.v1 as tf


@pytest.fixture(autouse=True)
def clean_gin():
    gin.clear_config()
    yield
    gin.clear_config()


def test_old_keywords_keep_their_meaning():
    @gin.configurable("old_keywords", whitelist=["free"])
    def configurable(free=0, fixed=0):
        return free, fixed

    gin.bind_parameter("old_keywords.free", 1)
    assert configurable() == (1, 0)
    with pytest.raises(ValueError, match="fixed"):
        gin.bind_parameter("old_keywords.fixed", 1)


def test_includes_are_found_beside_the_including_file(tmp_path, monkeypatch):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "leaf.gin").write_text("vae.beta = 3.")
    (tmp_path / "parts" / "branch.gin").write_text("include 'leaf.gin'")
    (tmp_path / "root.gin").write_text("include 'parts/branch.gin'")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    gin.parse_config_files_and_bindings([str(tmp_path / "root.gin")], [])
    assert gin.query_parameter("vae.beta") == 3.0


def test_a_file_beside_comes_before_one_of_the_same_name_here(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "leaf.gin").write_text("vae.beta = 3.")
    (tmp_path / "a" / "root.gin").write_text("include 'leaf.gin'")
    (tmp_path / "leaf.gin").write_text("vae.beta = 4.")
    monkeypatch.chdir(tmp_path)
    gin.parse_config_file("a/root.gin")
    assert gin.query_parameter("vae.beta") == 3.0
    gin.parse_config_file("leaf.gin")
    assert gin.query_parameter("vae.beta") == 4.0


def test_adam_writes_the_arguments_it_had_in_tensorflow_1():
    with tf.Graph().as_default():
        gin.get_configurable("AdamOptimizer")()
    written = {
        line.split(" = ")[0].split(".")[1]
        for line in gin.operative_config_str().splitlines()
        if line.startswith("AdamOptimizer.")
    }
    assert written == {
        "beta1",
        "beta2",
        "epsilon",
        "learning_rate",
        "name",
        "use_locking",
    }
