"""Whatever numbers a client may send, every response is JSON: no NaN, no Infinity (engine.md, Conventions)."""

import json
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.stack import WebServer
from engine.options import RANK_FIELDS
from foundation.json_text import NotFinite, checked, written
from tests.support.sessions import OpenSession, create_session

pytestmark = pytest.mark.long

LARGEST = sys.float_info.max
LARGEST_ELEMENT = 3.4028234663852886e38
SYMBOLS = ["kettle", "kettles", "ketchup", "a", "b"]
NODE_ROUTES = ["symbols/affinity", "symbols/stats", "symbols/kettle/affinity", "patterns/count"]
SESSION_ROUTES = ["", "/config", "/stm", "/percept-data", "/cognition-data", "/predictions"]
SERVICE_ROUTES = ["/sessions", "/jobs", "/status", "/stats", "/metrics"]

extremes = st.sampled_from([LARGEST, -LARGEST, LARGEST / 2, 1e280, 5e-324, -0.0, 1.0]) | st.floats(
    allow_nan=False, allow_infinity=False
)
elements = st.sampled_from([LARGEST_ELEMENT, -LARGEST_ELEMENT, 1e38, 1e-46, 5e-324, 0.0])
whole = st.sampled_from([0, -1, 2**63, 10**308, 10**400])
observations = st.fixed_dictionaries(
    {"strings": st.lists(st.sampled_from(SYMBOLS), max_size=3)},
    optional={
        "emotives": st.dictionaries(st.sampled_from(["joy", "fear"]), extremes, min_size=1),
        "vectors": st.lists(st.lists(elements, min_size=2, max_size=2), min_size=1, max_size=1),
        "metadata": st.dictionaries(st.just("by"), extremes | whole),
    },
)
configs = st.fixed_dictionaries(
    {"affinity_emotive": st.just("joy")},
    optional={
        "rank_sort_algo": st.sampled_from(RANK_FIELDS),
        "recall_threshold": st.sampled_from([0.0, 5e-324, 1.0]),
        "fuzzy_token_threshold": st.sampled_from([5e-324, 0.5, 1.0]),
        "max_pattern_length": st.sampled_from([0, 2, 2**63, 10**308]),
        "max_predictions": st.sampled_from([1, 10_000]),
        "filter_pipeline": st.sampled_from([["length"], ["jaccard", "minhash"]]),
        "length_max_ratio": st.sampled_from([1.0, 1000.0]),
        "jaccard_min_overlap": st.sampled_from([1, 1_000_000]),
    },
)


def strict(response: httpx.Response) -> Any:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} in the response of {response.url}")

    assert response.status_code < 500, (response.url, response.text)
    return json.loads(response.content, parse_constant=refuse)


def read_everything(client: httpx.Client, session_id: str, node_id: str) -> None:
    for path in SESSION_ROUTES:
        strict(client.get(f"/sessions/{session_id}{path}"))
    for path in NODE_ROUTES:
        strict(client.get(f"/{path}", params={"node_id": node_id}))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(lessons=st.lists(st.lists(observations, min_size=1, max_size=4), min_size=1, max_size=3), config=configs)
def test_every_response_is_json(
    server: WebServer, client: httpx.Client, lessons: list[list[dict[str, Any]]], config: dict[str, Any]
) -> None:
    node_id = f"extreme-{test_every_response_is_json.__name__}"
    session_id = create_session(client, node_id, config=config, metadata={"of": LARGEST})
    for lesson in lessons:
        for observation in lesson:
            strict(client.post(f"/sessions/{session_id}/observe", json=observation))
            read_everything(client, session_id, node_id)
        learned = strict(client.post(f"/sessions/{session_id}/learn"))
        strict(client.get(f"/pattern/{learned.get('pattern_name') or 'PTRN|0'}", params={"node_id": node_id}))
    again = {"observations": lessons[0], "learn_at_end": True}
    strict(client.post(f"/sessions/{session_id}/observe-sequence", json=again))
    strict(client.post(f"/sessions/{session_id}/finalize-training"))
    strict(client.post(f"/sessions/{session_id}/observe-sequence", json={"observations": lessons[-1]}))
    read_everything(client, session_id, node_id)
    for path in SERVICE_ROUTES:
        strict(client.get(path))


def learn(open_session: OpenSession, joy: float, **config: Any) -> None:
    session = open_session(config=config)
    session.observe("a", emotives={"joy": joy})
    session.observe("b")
    session.learn()


def test_an_affinity_beyond_the_range_is_shown_as_its_end_and_stays_exact(open_session: OpenSession) -> None:
    reader = open_session()

    def affinity() -> Any:
        shown = strict(reader.client.get("/symbols/a/affinity", params={"node_id": reader.node}))["affinity"]
        of_all = strict(reader.client.get("/symbols/affinity", params={"node_id": reader.node}))["affinities"]
        assert of_all == {"a": shown, "b": shown}
        return shown["joy"]

    for joy, expected in ((LARGEST, LARGEST), (LARGEST, LARGEST), (0.5, LARGEST)):
        learn(open_session, joy)
        assert affinity() == expected
    for joy, expected in ((-LARGEST, LARGEST), (-LARGEST, 0.5), (-LARGEST, -LARGEST), (-LARGEST, -LARGEST)):
        learn(open_session, joy)
        assert affinity() == expected


@pytest.mark.parametrize("state", [["a"], ["a", "b"]])
def test_a_node_of_huge_emotives_predicts_with_weights(open_session: OpenSession, state: list[str]) -> None:
    for _ in range(3):
        learn(open_session, LARGEST)
    session = open_session(config={"affinity_emotive": "joy"})
    for symbol in state:
        session.observe(symbol)
    [found] = strict(session.client.get(f"/sessions/{session.id}/predictions"))["predictions"]
    assert found["emotives"] == {"joy": LARGEST}
    assert found["weighted_evidence"] == pytest.approx(len(state) / 2)
    assert found["weighted_confidence"] == found["weighted_snr"] == 1.0


WRITERS: list[Callable[[Any], bytes]] = [written, lambda value: checked(json.dumps(value).encode())]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_the_writer_refuses_what_is_no_json(write: Callable[[Any], bytes], number: float) -> None:
    for value in (number, [number], {"a": {"b": [1, number]}}, ["NaN", number], {"x\\": number, '"': 'Na"N'}):
        with pytest.raises(NotFinite):
            write(value)


@pytest.mark.parametrize("write", WRITERS)
def test_the_writer_takes_texts_that_look_like_such_numbers(write: Callable[[Any], bytes]) -> None:
    value = {"NaN": ["Infinity", "-Infinity", 'a",NaN,"', "\\", '\\"NaN', "é NaN"], ",Infinity]": 1.5}
    assert json.loads(write(value)) == value
