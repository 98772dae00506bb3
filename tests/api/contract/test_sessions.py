"""The parts of session responses that the reference only calls an object (http.md 1.1, 1.2, 1.5)."""

import re
from typing import Any

import pytest

from engine.options import RANK_FIELDS
from tests.api.contract.reference import BY_NAME, assert_shape
from tests.api.contract.world import World
from tests.support.sessions import cognition_state, percept

S = "/sessions/{session_id}"

CONFIG_KEYS = [
    *("max_pattern_length", "persistence", "recall_threshold", "indexer_type", "max_predictions", "sort_symbols"),
    *("process_predictions", "use_token_matching", "fuzzy_token_threshold", "stm_mode", "rank_sort_algo"),
    *("affinity_emotive", "filter_pipeline", "length_min_ratio", "length_max_ratio", "jaccard_threshold"),
    *("jaccard_min_overlap", "minhash_threshold", "minhash_bands", "minhash_rows", "minhash_num_hashes"),
    *("bloom_false_positive_rate", "max_candidates_per_stage", "enable_filter_metrics", "single_symbol_match"),
]
ONLY_WHEN_SET = ("fuzzy_token_threshold", "affinity_emotive", "single_symbol_match")


def ask(world: World, name: str, **parameters: str) -> Any:
    response = world.call(BY_NAME[name], **parameters)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (f"DELETE {S}", "deleted"),
        (f"POST {S}/config", "okay"),
        (f"POST {S}/extend", "extended"),
        (f"POST {S}/observe", "okay"),
        (f"POST {S}/observe-sequence", "completed"),
        (f"POST {S}/learn", "learned"),
        (f"POST {S}/finalize-training", "completed"),
        (f"POST {S}/clear-stm", "cleared"),
        (f"POST {S}/clear-all", "cleared"),
    ],
)
def test_the_status_words_that_clients_look_for(world: World, name: str, status: str) -> None:
    assert ask(world, name)["status"] == status


def test_a_session_id_looks_as_clients_expect_and_times_are_utc_with_microseconds(world: World) -> None:
    for session in (ask(world, "POST /sessions"), ask(world, f"GET {S}")):
        assert re.fullmatch(r"session-[0-9a-f]{32}-\d{13}", session["session_id"])
        for moment in (session["created_at"], session["expires_at"]):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment)


def test_a_configuration_lists_its_keys_in_the_order_of_kato(world: World) -> None:
    unset = [key for key in CONFIG_KEYS if key not in ONLY_WHEN_SET]
    session_id = world.session()
    for config in (
        ask(world, "POST /sessions")["session_config"],
        ask(world, f"GET {S}", session_id=session_id)["session_config"],
        ask(world, f"GET {S}/config", session_id=session_id)["config"],
    ):
        assert list(config) == unset
    given = {"fuzzy_token_threshold": 0.8, "affinity_emotive": "joy", "single_symbol_match": "first"}
    world.client.post(f"/sessions/{session_id}/config", json=given)
    config = ask(world, f"GET {S}/config", session_id=session_id)["config"]
    assert list(config) == CONFIG_KEYS
    assert given.items() <= config.items()


def test_an_unknown_rank_is_answered_with_all_there_are_in_the_order_of_kato(world: World) -> None:
    response = world.client.post(f"/sessions/{world.session()}/config", json={"rank_sort_algo": "best"})
    message = response.json()["detail"]["validation_errors"]["rank_sort_algo"]
    names = message.removeprefix("Must be one of: ").split(", ")
    assert names == list(RANK_FIELDS)
    assert names[:5] == ["potential", "similarity", "evidence", "confidence", "snr"]
    assert len(names) == 20


def test_an_observation_and_its_generated_id(world: World) -> None:
    answer = ask(world, f"POST {S}/observe")
    assert answer["processor_id"] == world.node_id
    assert re.fullmatch(r"obs-[0-9a-f]{32}", answer["unique_id"])
    assert (answer["stm_length"], answer["time"], answer["auto_learned_pattern"]) == (3, 3, None)


def test_the_results_of_a_sequence(world: World) -> None:
    answer = ask(world, f"POST {S}/observe-sequence")
    first, second = answer["results"]
    assert_shape("ObservationResult", {key: value for key, value in first.items() if key != "sequence_position"})
    assert list(first) == ["status", "sequence_position", "stm_length", "time", "unique_id", "auto_learned_pattern"]
    assert (first["unique_id"], second["sequence_position"]) == ("u1", 1)
    assert re.fullmatch(r"seq-obs-[0-9a-f]{32}", second["unique_id"])
    assert answer["auto_learned_patterns"] == [answer["final_learned_pattern"]]
    assert re.fullmatch(r"PTRN\|[0-9a-f]{40}", answer["final_learned_pattern"])
    assert answer["isolated"] is False


def test_predictions_are_objects_with_the_bare_name_of_their_pattern(world: World) -> None:
    answer = ask(world, f"GET {S}/predictions")
    [prediction] = [one for one in answer["predictions"] if f"PTRN|{one['name']}" == world.pattern_name]
    assert answer["count"] == len(answer["predictions"])
    assert (prediction["present"], prediction["future"]) == ([["a"], ["b"]], [["c"]])
    assert [answer[key] for key in ("processor_id", "time", "unique_id")] == [None, None, None]
    for potential in answer["future_potentials"]:
        assert list(potential) == ["future", "aggregate_potential", "supporting_patterns", "total_weighted_frequency"]


def test_a_percept_and_a_cognition_have_the_parts_of_kato(world: World) -> None:
    session_id = world.session()
    answer = ask(world, f"GET {S}/percept-data", session_id=session_id)
    assert answer["percept_data"] == percept(strings=["b"], emotives={"joy": 0.5})
    assert answer["node_id"] == world.node_id

    cognition = ask(world, f"GET {S}/cognition-data", session_id=session_id)["cognition_data"]
    assert world.pattern_name in {f"PTRN|{prediction['name']}" for prediction in cognition.pop("predictions")}
    assert cognition == cognition_state(["a", "b"], emotives={"joy": 0.5}, time=2)
    assert ask(world, f"POST {S}/clear-stm", session_id=session_id)["session_id"] == session_id
    assert ask(world, f"GET {S}/percept-data", session_id=session_id)["percept_data"] == {}


def test_whether_a_session_exists_is_never_an_error(world: World) -> None:
    for session_id, exists in ((world.session(), True), ("session-gone", False)):
        answer = ask(world, f"GET {S}/exists", session_id=session_id)
        assert answer == {"exists": exists, "expired": False, "session_id": session_id}
