# SPDX-License-Identifier: Apache-2.0
import pytest

from rtc_plugin.measures import results as results_lib


def test_what_cannot_be_had_is_none_and_has_its_reason():
    results = {"a": 1.0}
    results_lib.withhold(results, ["b", "c"], "There is one latent.")
    results_lib.withhold(results, ["d"], "There is none.")
    assert results_lib.to_json(results) == {
        "a": 1.0,
        **dict.fromkeys("bcd"),
        "not_computed": ["b", "c", "d"],
        "reasons": {
            "b": "There is one latent.",
            "c": "There is one latent.",
            "d": "There is none.",
        },
    }


@pytest.mark.parametrize("value", [float("nan"), [[float("inf")]], {"a": float("nan")}])
def test_what_json_cannot_hold_is_a_mistake_of_ours(value):
    with pytest.raises(ValueError, match="score is not finite"):
        results_lib.to_json({"score": value})
