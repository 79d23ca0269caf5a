# SPDX-License-Identifier: Apache-2.0
import pytest

from rtc_plugin.errors import UserError
from rtc_plugin.studies import selection, study_folder

MODELS = study_folder.list_models(study_folder.load_study("rtc_study_small"))


def chosen(*args):
    return [
        (MODELS[num]["model"], MODELS[num]["strength"], MODELS[num]["dataset"])
        for num in selection.select(MODELS, *args)
    ]


def test_all_models_are_chosen_by_default():
    assert selection.select(MODELS) == list(range(36))


def test_numbers_and_ranges_include_their_ends_and_count_once():
    assert selection.select(MODELS, "3-5,8,4") == [3, 4, 5, 8]


def test_filters_on_different_names_must_all_hold():
    assert chosen(None, "model=rtc_vae,dataset=shapes3d*,strength=10,seed=0") == [
        ("rtc_vae", 10.0, "shapes3d_rendered")
    ]


def test_of_two_filters_on_one_name_either_may_hold():
    found = chosen(None, "strength=2,strength=50,model=dip_vae_i")
    assert {strength for _, strength, _ in found} == {2.0, 50.0}
    assert len(found) == 4


def test_a_filter_may_name_a_binding():
    assert chosen(None, "rtc_vae.beta=50.0") == [
        ("rtc_vae", 50.0, "dsprites_rendered"),
        ("rtc_vae", 50.0, "shapes3d_rendered"),
    ]


def test_numbers_and_filters_are_taken_together():
    assert chosen("0-17", "model=beta_vae") == [("beta_vae", 10.0, "dsprites_rendered")]


@pytest.mark.parametrize(
    ("numbers", "conditions", "error"),
    [
        ("a", None, "--models=a: give numbers and ranges such as 0-5,8"),
        ("5-x", None, "--models=5-x: give numbers"),
        ("7-5", None, "--models=7-5: give numbers"),
        ("36", None, "there is no model 36; the study has the models 0 to 35"),
        (None, "model", "--filter=model: give conditions such as"),
        (None, "colour=red", "no model has colour; choose among model, dataset"),
        (None, "seed=7", "--filter=seed=7: no model fits"),
        (None, "seed=x", "--filter=seed=x: no model fits"),
    ],
)
def test_what_cannot_be_chosen_is_named(numbers, conditions, error):
    with pytest.raises(UserError, match=error):
        selection.select(MODELS, numbers, conditions)


@pytest.mark.parametrize("text", ["0", "0-3", "0,2-3,7-9", "1,3,5"])
def test_numbers_are_written_as_they_are_read(text):
    numbers = selection.parse_numbers(text, 36)
    assert selection.format_numbers(reversed(numbers)) == text


def test_the_librarys_studies_are_listed_too():
    models = study_folder.list_models(study_folder.load_study("unsupervised_study_v1"))
    assert len(models) == 12600
    assert models[0]["model"] == "beta_vae" and models[0]["strength"] == 1.0
    assert study_folder.list_models(study_folder.load_study("test"))[0]["model"] == ""
