# SPDX-License-Identifier: Apache-2.0
import disentanglement_lib.methods.unsupervised.train  # noqa: F401
import gin
import pytest
import tensorflow.compat.v1 as tf

from rtc_plugin.compat import commands, early_checks
from rtc_plugin.errors import UserError


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


def test_our_files_are_found_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gin.parse_config_file("gin/rtcvae_cars3d.gin")
    assert gin.query_parameter("dataset.name") == "cars3d"
    own = tmp_path / "gin" / "rtcvae_cars3d.gin"
    own.parent.mkdir()
    own.write_text("include 'rtc_plugin/gin/rtcvae_cars3d.gin'\nrtc_vae.beta = 3.")
    gin.parse_config_file("gin/rtcvae_cars3d.gin")
    assert gin.query_parameter("rtc_vae.beta") == 3.0
    assert gin.query_parameter("dataset.name") == "cars3d"


def test_a_model_and_a_data_set_are_given_together():
    pair = ["gin/models/factorvae.gin", "gin/data/dsprites_rendered.gin"]
    gin.parse_config_files_and_bindings(pair, ["factor_vae.gamma = 3."])
    assert gin.query_parameter("dataset.name") == "dsprites_rendered"
    assert gin.query_parameter("factor_vae.gamma") == 3.0


def test_gin_reads_what_only_gin_finds(tmp_path, monkeypatch):
    (tmp_path / "made_for_this").mkdir()
    (tmp_path / "made_for_this" / "__init__.py").write_text("")
    (tmp_path / "made_for_this" / "x.gin").write_text("vae.beta = 3.")
    monkeypatch.syspath_prepend(tmp_path)
    gin.parse_config_file("made_for_this/x.gin")
    assert gin.query_parameter("vae.beta") == 3.0


WRONG = {
    "gin/rtcvae_shapes3.gin": (
        None,
        "--gin_config=gin/rtcvae_shapes3.gin: there is no such file; "
        "did you mean gin/rtcvae_shapes3d.gin?",
    ),
    "folder": (None, "--gin_config=folder: that is a folder; give a gin file."),
    "bytes.gin": (b"\xff\xfe", "--gin_config=bytes.gin: it is no text"),
    "part.gin": (b"include 'no.gin'", "part.gin: include 'no.gin': there is no such"),
    "self.gin": (b"include 'self.gin'", "self.gin: include 'self.gin': the file incl"),
    "typo.gin": (b"vae.bta = 1.", "bta"),
    "model.gin": (b"model.model = @rtc_vea()", "rtc_vea"),
    "two.gin": (b"vae.beta = 1 2", "two.gin"),
    "open.gin": (b"vae.beta = (1,\n", "open.gin"),
    "quote.gin": (b"dataset.name = 'cars3d\n", "quote.gin"),
    "indent.gin": (b"vae:\n    beta = 1\n  a = 2\n", "indent.gin"),
    "prose.gin": (b"No gin at all.\n", "prose.gin"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_ends_in_one_line_that_names_it(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    content, says = WRONG[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for parse in (
        gin.parse_config_file,
        lambda name: early_checks.read_bindings([name], []),
    ):
        with pytest.raises(Exception) as caught:
            parse(name)
        line = commands.explain(caught.value, caught.tb)
        assert line is not None and "\n" not in line and says in line


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x.gin").write_text("")
    monkeypatch.setattr(gin.config, "parse_config", refuse)
    with pytest.raises(UserError, match=r"x.gin: it cannot be read \(Perm"):
        gin.parse_config_file(str(tmp_path / "x.gin"))


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
