"""`/sessions/{id}/config`, and `config` at creation: one full validation for both (http.md 1.1, 1.2; D28)."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from engine.options import FILTERS, RANK_FIELDS
from tests.api.test_session_endpoints import DEFAULT_CONFIG, config_of
from tests.support.sessions import NewSession


@pytest.mark.parametrize("wrap", [lambda changes: changes, lambda changes: {"config": changes}])
def test_config_changes_only_what_is_given(
    client: httpx.Client, new_session: NewSession, wrap: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    session_id = new_session(config={"persistence": 9})
    response = client.post(f"/sessions/{session_id}/config", json=wrap({"recall_threshold": 0.6}))
    assert response.json() == {"status": "okay", "message": "Configuration updated", "session_id": session_id}
    assert config_of(client, session_id) == {**DEFAULT_CONFIG, "persistence": 9, "recall_threshold": 0.6}


VALID = [
    ("max_pattern_length", 0),
    ("max_pattern_length", 10**30),
    ("persistence", 100),
    ("recall_threshold", 0),
    ("recall_threshold", 1.0),
    ("indexer_type", "FAISS"),
    ("max_predictions", 10000),
    ("sort_symbols", False),
    ("process_predictions", False),
    ("fuzzy_token_threshold", 0.85),
    ("affinity_emotive", "joy"),
    ("filter_pipeline", ["length", "jaccard", "bloom", "minhash", "rapidfuzz"]),
    ("length_min_ratio", 1),
    ("length_max_ratio", 1),
    ("jaccard_threshold", 0.0),
    ("jaccard_min_overlap", 1),
    ("minhash_threshold", 1.0),
    ("minhash_bands", 100),
    ("minhash_rows", 20),
    ("minhash_num_hashes", 256),
    ("bloom_false_positive_rate", 0.0001),
    ("max_candidates_per_stage", 100),
    ("enable_filter_metrics", False),
    ("single_symbol_match", "anywhere"),
    *[("rank_sort_algo", name) for name in RANK_FIELDS],
]
INVALID = [
    ("max_pattern_length", -1, "Must be a non-negative integer"),
    ("max_pattern_length", 1.5, "Must be a non-negative integer"),
    ("max_pattern_length", "3", "Must be a non-negative integer"),
    ("persistence", 101, "Must be an integer between 1 and 100"),
    ("persistence", None, "Must be an integer between 1 and 100"),
    ("recall_threshold", "0.5", "Must be a number between 0.0 and 1.0"),
    ("recall_threshold", -0.1, "Must be a number between 0.0 and 1.0"),
    ("max_predictions", 0, "Must be an integer between 1 and 10000"),
    ("indexer_type", "vi", "Must be one of: VI, LSH, ANNOY, FAISS"),
    ("stm_mode", 1, "Must be a string"),
    ("use_token_matching", "yes", "Must be a boolean (true/false)"),
    ("sort", 1, "Must be a boolean (true/false)"),
    ("sort_symbols", "maybe", "Must be a boolean (true/false)"),
    ("rank_sort_algo", "speed", f"Must be one of: {', '.join(RANK_FIELDS)}"),
    ("rank_sort_algo", ["potential"], f"Must be one of: {', '.join(RANK_FIELDS)}"),
    ("fuzzy_token_threshold", 5, "Must be a number between 0.0 and 1.0"),
    (
        "filter_pipeline",
        ["length", "bogus"],
        f"Must be a list of filter names, none twice, each one of: {', '.join(FILTERS)}",
    ),
    (
        "filter_pipeline",
        ["minhash"] * 1000,
        f"Must be a list of filter names, none twice, each one of: {', '.join(FILTERS)}",
    ),
    ("length_max_ratio", 0.9, "Must be a number between 1.0 and 1000.0"),
    ("length_max_ratio", 1e308, "Must be a number between 1.0 and 1000.0"),
    ("jaccard_min_overlap", 10**30, "Must be an integer between 1 and 1000000"),
    ("minhash_num_hashes", 9, "Must be an integer between 10 and 256"),
    ("max_candidates_per_stage", 99, "Must be an integer between 100 and 1000000000"),
    ("single_symbol_match", "last", "Must be one of: first, anywhere"),
]


@pytest.mark.parametrize(("key", "value"), VALID)
def test_every_setting_can_be_set_at_creation_and_later(
    client: httpx.Client, new_session: NewSession, key: str, value: Any
) -> None:
    created = new_session(config={key: value})
    assert config_of(client, created)[key] == value
    updated = new_session()
    assert client.post(f"/sessions/{updated}/config", json={key: value}).status_code == 200
    assert config_of(client, updated)[key] == value


@pytest.mark.parametrize(("key", "value", "message"), INVALID)
def test_creation_and_update_refuse_the_same_and_change_nothing(
    client: httpx.Client, new_session: NewSession, key: str, value: Any, message: str
) -> None:
    """D28."""
    session_id = new_session()
    changes = {key: value, "max_predictions": 7} if key != "max_predictions" else {key: value}
    expected = {"detail": {"error": "Configuration validation failed", "validation_errors": {key: message}}}
    for response in (
        client.post(f"/sessions/{session_id}/config", json=changes),
        client.post("/sessions", json={"node_id": "n", "config": changes}),
    ):
        assert (response.status_code, response.json()) == (400, expected)
    assert config_of(client, session_id) == DEFAULT_CONFIG


def test_matching_without_sorting_sets_both(client: httpx.Client, new_session: NewSession) -> None:
    """D07."""
    created = new_session(config={"use_token_matching": False})
    assert config_of(client, created)["sort_symbols"] is False
    client.post(f"/sessions/{created}/config", json={"use_token_matching": True, "sort_symbols": False})
    assert config_of(client, created)["sort_symbols"] is False


def test_an_unknown_stm_mode_becomes_clear(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(config={"stm_mode": "ROLLING"})
    assert config_of(client, session_id)["stm_mode"] == "ROLLING"
    client.post(f"/sessions/{session_id}/config", json={"stm_mode": "rolling"})
    assert config_of(client, session_id)["stm_mode"] == "CLEAR"


def test_a_whole_number_may_be_written_with_a_point(client: httpx.Client, new_session: NewSession) -> None:
    """The document says `integer`, and in JSON Schema 5.0 is an integer."""
    session_id = new_session(config={"max_predictions": 5.0, "persistence": True, "recall_threshold": True})
    stored = {"max_predictions": 5, "persistence": 1, "recall_threshold": 1}
    config = config_of(client, session_id)
    assert {key: config[key] for key in stored} == stored
    assert isinstance(config["max_predictions"], int)
    assert client.post(f"/sessions/{session_id}/config", json={"minhash_bands": None}).status_code == 200


def test_null_removes_a_sessions_own_value(client: httpx.Client, new_session: NewSession) -> None:
    session_id = new_session(config={"fuzzy_token_threshold": 0.8, "jaccard_threshold": 0.9})
    client.post(f"/sessions/{session_id}/config", json={"fuzzy_token_threshold": None, "jaccard_threshold": None})
    assert config_of(client, session_id) == DEFAULT_CONFIG


def test_identity_fields_cannot_be_overwritten(client: httpx.Client, new_session: NewSession) -> None:
    """Q04."""
    session_id = new_session(node_id="mine")
    changes = {"session_id": "x", "node_id": "other", "version": 0, "validate": None}
    assert client.post(f"/sessions/{session_id}/config", json=changes).status_code == 200
    assert client.get(f"/sessions/{session_id}").json()["node_id"] == "mine"
    assert config_of(client, session_id) == DEFAULT_CONFIG


@pytest.mark.parametrize(
    ("body", "location"),
    [({"config": None}, ["body", "config"]), ({"config": "text"}, ["body", "config"]), ([1], ["body"])],
)
def test_a_configuration_that_is_not_an_object_is_a_422(
    client: httpx.Client, new_session: NewSession, body: Any, location: list[str]
) -> None:
    """Q04."""
    response = client.post(f"/sessions/{new_session()}/config", json=body)
    assert response.status_code == 422
    [problem] = response.json()["detail"]
    assert (problem["type"], problem["loc"], problem["msg"]) == (
        "dict_type",
        location,
        "Input should be a valid dictionary",
    )
