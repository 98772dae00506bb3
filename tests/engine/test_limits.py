"""A prediction that would take too much memory is refused before it takes it, with the setting to change."""

from typing import Any
from unittest.mock import patch

import pytest

from engine.index import Index
from engine.limits import MOST_CHARACTERS, PredictionTooLarge
from engine.naming import pattern_name
from engine.predict import Prediction, predict

Events = list[list[str]]


def predicted(patterns: list[Events], stm: Events, config: dict[str, Any]) -> Prediction:
    index = Index()
    index.upsert((pattern_name(events), events, 1) for events in patterns)
    return predict(index.view(), stm, config, emotives=lambda names: {})


def setting_to_change(patterns: list[Events], stm: Events, config: dict[str, Any]) -> str:
    with pytest.raises(PredictionTooLarge) as caught:
        predicted(patterns, stm, config)
    return caught.value.setting


def test_a_text_with_too_many_characters() -> None:
    stm = [["a" * MOST_CHARACTERS], ["b"]]
    assert setting_to_change([[["b"], ["c"]]], stm, {"use_token_matching": False}) == "use_token_matching"
    assert predicted([[["b"], ["c"]]], stm, {}).count == 1


def test_a_text_with_too_many_different_characters() -> None:
    stm = [[chr(0x10000 + number) for number in range(50_000)]]
    assert setting_to_change([[["b"], ["c"]]], stm, {"use_token_matching": False}) == "use_token_matching"


def test_too_many_similar_symbols() -> None:
    """1500 symbols of the node, each like each of 3000 of the STM."""
    stm = [["symbol"] * 3000]
    patterns = [[[f"symbol{number}"], ["end"]] for number in range(1500)]
    assert setting_to_change(patterns, stm, {"fuzzy_token_threshold": 0.5}) == "fuzzy_token_threshold"
    assert predicted(patterns, stm, {"fuzzy_token_threshold": 1.0, "recall_threshold": 0.0}).count == 100


def test_too_many_matched_places() -> None:
    patterns = [[["a"], [f"{number}"]] for number in range(20)]
    config = {"fuzzy_token_threshold": 0.9, "recall_threshold": 0.0}
    with patch("engine.predict.MOST_MATCHED_PLACES", 20 * 70 - 1):
        assert setting_to_change(patterns, [["a"] * 70], config) == "max_predictions"
    with patch("engine.predict.MOST_MATCHED_PLACES", 20 * 70):
        assert predicted(patterns, [["a"] * 70], config).count == 20


@pytest.mark.parametrize("stm", [[["a"], ["b"]], [["a"]]], ids=["two symbols", "one symbol"])
def test_predictions_that_fill_a_response(stm: Events) -> None:
    huge = "x" * 2_000_000
    patterns = [[["a"], ["b"], *[[huge]] * 40]]
    assert setting_to_change(patterns, stm, {"recall_threshold": 0.0}) == "max_predictions"


def test_minhash_in_bands_as_wide_as_the_signature_takes_the_symbols_in_parts() -> None:
    """One band of 256 values for each of a million symbols would take 5 GB."""
    patterns = [[["a"], [f"{number}"]] for number in range(300)]
    config = {
        "filter_pipeline": ["minhash"],
        "minhash_num_hashes": 60,
        "minhash_bands": 3,
        "minhash_rows": 20,
        "minhash_threshold": 0.3,
        "recall_threshold": 0.0,
    }
    whole = predicted(patterns, [["a"], ["7"]], config)
    with patch("engine.query._VALUES_AT_ONCE", 301 * 7):
        assert predicted(patterns, [["a"], ["7"]], config) == whole
    assert whole.count >= 1
