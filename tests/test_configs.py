# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from rtc_plugin import configs
from rtc_plugin.errors import UserError

GIN = Path(__file__).parents[1] / "gin"
SHIPPED = GIN / "metrics" / "mig.gin"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """The working folder, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def found(*args):
    path = configs.find(*args)
    return path and Path(path).resolve()


def test_our_files_are_found_from_anywhere_and_the_users_own_win(here):
    assert found("gin/metrics/mig.gin") == SHIPPED
    own = write(here / "gin" / "metrics" / "mig.gin")
    assert found("gin/metrics/mig.gin") == own
    assert found(str(own)) == own


def test_beside_comes_first(here):
    own, other = write(here / "x.gin"), write(here / "a" / "x.gin")
    assert found("x.gin") == own
    assert found("x.gin", [str(here / "a")]) == other


def test_under_its_full_name_a_file_is_the_packages(here):
    write(here / "rtc_plugin" / "gin" / "metrics" / "mig.gin")
    assert found("rtc_plugin/gin/metrics/mig.gin", [str(here)]) == SHIPPED
    shared = "rtc_plugin/config/rtc_study_v1/model_configs/shared.gin"
    assert found(shared) == GIN.parent / shared


@pytest.mark.parametrize("name", ["no.gin", "gin/no.gin", "gin", "rtc_plugin/no.gin"])
def test_what_is_not_there_is_not_found(here, name):
    (here / "gin").mkdir()
    assert configs.find(name) is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gin/rtcvae_shapes3.gin", "did you mean gin/rtcvae_shapes3d.gin?"),
        ("metrics/mig.gin", "did you mean gin/metrics/mig.gin?"),
        ("my/rtcvae_cars3d.gin", "did you mean gin/rtcvae_cars3d.gin?"),
        (
            "gin/factorvae_dsprites.gin",
            "give --gin_config=gin/models/factorvae.gin "
            "--gin_config=gin/data/dsprites.gin.",
        ),
        ("zzz", "is the path right?"),
    ],
)
def test_the_remedy_names_what_was_meant(name, says):
    assert configs.suggest(name) == says


def test_every_file_is_listed_and_says_what_it_is():
    listed = configs.list_configs()
    assert list(listed) == sorted(
        path.relative_to(GIN.parent).as_posix()
        for path in GIN.glob("**/*.gin")
        if path.parent.name != "include"
    )
    assert listed["gin/postprocess/mean.gin"] == "The mean representation z_mean."
    for name, sentence in listed.items():
        assert sentence.endswith((".", "?")) and "#" not in sentence, name


def test_a_copy_says_the_same_from_anywhere(here):
    for name in configs.list_configs():
        copy = configs.copy_config(name, str(here / "mine" / name))
        text = Path(copy).read_text()
        assert "include '.." not in text
        expanded = configs.read(str(GIN.parent / name))
        assert configs.read(copy) == expanded


def test_a_copy_takes_the_users_own_parts(here):
    copy = configs.copy_config("gin/rtcvae_cars3d.gin", str(here))
    assert copy == str(here / "rtcvae_cars3d.gin")
    write(here / "gin" / "data" / "cars3d.gin", "dataset.name = 'mine'\n")
    assert "dataset.name = 'mine'" in configs.read(copy)


def test_a_copy_replaces_nothing(here):
    write(here / "mig.gin", "mine")
    with pytest.raises(UserError, match="mig.gin exists already"):
        configs.copy_config("gin/metrics/mig.gin", str(here))
    assert (here / "mig.gin").read_text() == "mine"


def test_an_unknown_name_is_not_copied(here):
    with pytest.raises(UserError, match="did you mean gin/metrics/mig.gin"):
        configs.copy_config("gin/metrics/mgi.gin", str(here))
    assert list(here.iterdir()) == []


def test_reading_puts_included_files_in_their_places(here):
    write(here / "parts" / "leaf.gin", "a = 1\n")
    root = write(here / "root.gin", 'b = 2\ninclude "parts/leaf.gin"\nc = 3\n')
    assert configs.read(str(root)) == "b = 2\na = 1\n\nc = 3\n"
    write(here / "bad.gin", "include 'no.gin'\n")
    with pytest.raises(UserError, match="bad.gin: include 'no.gin'"):
        configs.read(str(here / "bad.gin"))
