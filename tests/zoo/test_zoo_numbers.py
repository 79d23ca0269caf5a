# SPDX-License-Identifier: Apache-2.0
"""Model numbers are the library's, checked against its own study."""

import pytest
from disentanglement_lib.config.unsupervised_study_v1 import sweep
from disentanglement_lib.utils import hyperparams

from rtc_plugin.errors import UserError
from rtc_plugin.zoo import numbers


@pytest.mark.parametrize("number", [0, 1849, 5403, 10799, 12599])
def test_number_stands_for_what_the_librarys_study_trains(number):
    bindings, _ = sweep.UnsupervisedStudyV1().get_model_config(number)
    model = numbers.models()[number]
    expected = {
        "dataset.name": model.dataset,
        "model.name": model.model,
        model.strength_name: model.strength,
        "model.random_seed": model.seed,
    }
    assert set(hyperparams.to_bindings(expected)) <= set(bindings)


def test_number_is_the_documented_formula():
    dataset, method, strength, seed = 5, 2, 4, 33
    number = 1800 * dataset + 300 * method + 50 * strength + seed
    model = numbers.models()[number]
    assert model[1:] == ("cars3d", "dip_vae_i", "dip_vae.lambda_od", 20.0, 33)


def test_models_are_chosen_by_what_they_are():
    chosen = numbers.select(
        datasets=["cars3d"], names=["factor_vae"], strengths=[10.0, 20.0], seeds=[7]
    )
    assert [model.model_num for model in chosen] == [9307, 9357]


def test_without_numbers_all_of_the_study_and_nothing_else_is_chosen():
    assert len(numbers.select()) == 12600


def test_rtc_vae_has_numbers_behind_the_study():
    first, *_, last = numbers.select(names=["rtc_vae"], datasets=["shapes3d"])
    assert first.model_num == 12600 + 250 * 6
    assert last.model_num == len(numbers.models()) - 1 == 14349
    assert numbers.configs()[last.model_num]["model.model"] == "@rtc_vae()"


@pytest.mark.parametrize(
    "texts, expected",
    [(["7"], [7]), (["3-5,1"], [1, 3, 4, 5]), (["2", "1-2"], [1, 2])],
)
def test_ranges_are_read(texts, expected):
    assert [model.model_num for model in numbers.select(texts)] == expected


@pytest.mark.parametrize("text", ["x", "5-3", "999999", "1-2-3", "-1", ""])
def test_what_is_no_number_is_named(text):
    with pytest.raises(UserError, match=f"^numbers {text}: "):
        numbers.select([text])


def test_unknown_strength_lists_the_known_ones():
    with pytest.raises(UserError, match=r"--strength=3 .*1, 2, 4"):
        numbers.select(strengths=[3])


def test_choice_that_nothing_fits_is_an_error():
    with pytest.raises(UserError, match="together"):
        numbers.select(names=["factor_vae"], strengths=[1.0])


def test_list_says_what_was_never_published():
    lines = list(numbers.tabulate(numbers.select(["10799-10800,12600"])))
    assert not lines[1].endswith("published")
    assert lines[2].endswith("never published")
    assert lines[3].endswith("beside the study")
