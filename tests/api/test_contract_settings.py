"""Settings under contract 6.3, and that 3.10 takes and shows what it did (kato-6.md 5.2, 5.3; 12.3, rows 6 to 12)."""

from typing import Any

import httpx
import pytest

from tests.api.contract.document import assert_described
from tests.support.contracts import NEW, OLD, asking, config_of, create

KEYS_OF_NEW = ("vector_event_mode", "vector_search_limit", "return_vector_search_results", "fuzzy_token_threshold")
REFUSED = [
    ("recall_threshold", 0, "Must be a number greater than 0.0 and at most 1.0"),
    ("recall_threshold", 0.0, "Must be a number greater than 0.0 and at most 1.0"),
    ("recall_threshold", True, "Must be a number greater than 0.0 and at most 1.0"),
    ("recall_threshold", 1.5, "Must be a number greater than 0.0 and at most 1.0"),
    ("filter_pipeline", ["length"], "Unknown filters: 'length'. Valid filters: jaccard, minhash, bloom, rapidfuzz"),
    ("filter_pipeline", ["bloom", 3], "Unknown filters: 3. Valid filters: jaccard, minhash, bloom, rapidfuzz"),
    (
        "filter_pipeline",
        "bloom",
        "Must be a list of filter names, none twice, each one of: jaccard, minhash, bloom, rapidfuzz",
    ),
    ("vector_event_mode", "self", "Must be one of: neighbors_plus_self, self_only"),
    *[("vector_search_limit", wrong, "Must be an integer between 1 and 100") for wrong in (0, 101, True, 2.5, "3")],
    *[("return_vector_search_results", wrong, "Must be a boolean (true/false)") for wrong in (1, "true", None)],
    ("max_predictions", 0, "Must be an integer between 1 and 10000"),
]


@pytest.mark.parametrize(("key", "value", "message"), REFUSED)
def test_6_3_refuses_a_setting_at_creation_and_at_update_alike(
    client: httpx.Client, key: str, value: Any, message: str
) -> None:
    expected = {"detail": {"error": "Configuration validation failed", "validation_errors": {key: message}}}
    settings = {"persistence": 9, key: value}
    created = client.post("/sessions", json={"node_id": "n", "config": settings}, headers=asking(NEW))
    assert (created.status_code, created.json()) == (400, expected)
    session = create(client, NEW)
    before = config_of(session)
    updated = client.post(f"/sessions/{session.id}/config", json={"config": settings})
    assert (updated.status_code, updated.json()) == (400, expected)
    assert config_of(session) == before, "all or nothing"


def test_3_10_still_takes_what_6_3_refuses(client: httpx.Client) -> None:
    given = {"recall_threshold": 0, "filter_pipeline": ["length"], "length_min_ratio": 0.1, "vector_search_limit": 0}
    config = config_of(create(client, OLD, config=given))
    assert {**config, **given, "vector_search_limit": 0} != config, "the vector keys are unknown to it"
    assert [config[key] for key in list(given)[:3]] == [0, ["length"], 0.1]
    assert not {*KEYS_OF_NEW} & {*config}


def test_6_3_shows_what_a_session_of_3_10_holds_as_its_document_says(client: httpx.Client) -> None:
    session = create(client, OLD, config={"recall_threshold": 0, "filter_pipeline": ["length"]})
    config = config_of(session, NEW)
    assert (config["recall_threshold"], config["filter_pipeline"]) == (0, ["length"])
    shown = client.get(f"/sessions/{session.id}", headers=asking(NEW)).json()
    assert shown["session_config"] == config
    assert_described("GET /sessions/{session_id}", 200, shown, NEW)
    answer = client.get(f"/sessions/{session.id}/config", headers=asking(NEW)).json()
    assert_described("GET /sessions/{session_id}/config", 200, answer, NEW)


def test_6_3_shows_its_keys_always_and_those_of_3_10_never(client: httpx.Client) -> None:
    session = create(client, NEW)
    config = config_of(session)
    assert [config[key] for key in KEYS_OF_NEW] == ["neighbors_plus_self", 3, False, 0.0]
    assert not {"length_min_ratio", "length_max_ratio", "affinity_emotive"} & {*config}
    assert session.get("")["session_config"] == config


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_where_one_symbol_may_match_is_a_setting_of_both_which_is_shown_where_it_is_set(
    client: httpx.Client, contract: str
) -> None:
    session = create(client, contract)
    assert "single_symbol_match" not in config_of(session)
    for value in ("anywhere", "first"):
        session.post("config", {"single_symbol_match": value})
        assert config_of(session)["single_symbol_match"] == value
    session.post("config", {"single_symbol_match": None})
    assert "single_symbol_match" not in config_of(session)


def test_6_3_ignores_the_ratios_unknown_keys_and_those_that_identify_the_session(client: httpx.Client) -> None:
    ignored = {
        **{"length_min_ratio": "x", "length_max_ratio": -1, "nonsense": 1, "session_id": "s", "node_id": "n"},
        **{"created_at": 0, "updated_at": 0, "version": 0},
    }
    session = create(client, NEW, config=ignored)
    session.post("config", {**ignored, "persistence": 9})
    assert config_of(session)["persistence"] == 9
    assert session.get("")["node_id"] == session.node


@pytest.mark.parametrize("at_creation", [True, False])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"use_token_matching": False}, (False, False)),
        ({"use_token_matching": False, "sort_symbols": True}, (False, True)),
        ({"sort_symbols": False}, (True, False)),
    ],
)
def test_symbols_are_sorted_as_they_are_matched_unless_that_is_set(
    client: httpx.Client, given: dict[str, Any], expected: tuple[bool, bool], *, at_creation: bool
) -> None:
    session = create(client, NEW, config=given if at_creation else {})
    if not at_creation:
        session.post("config", given)
    config = config_of(session)
    assert (config["use_token_matching"], config["sort_symbols"]) == expected
