"""One client speaks KATO 3.10 and KATO 6.3: what it returns, how it is typed, and its errors."""

from typing import Any, assert_type

import pytest

from benchmarks.stack import WebServer
from kato_client import (
    ApiError,
    AsyncKato,
    InvalidConfiguration,
    InvalidRequest,
    Kato,
    PatternNotFound,
    RetiredPattern,
    Session,
    SessionNotFound,
    Unavailable,
    types,
)
from kato_client.types import Prediction, Prediction63
from tests.client.conftest import Connect
from tests.client.relay import LOSE_ANSWER, Relay, Say
from tests.client.shapes import problems
from tests.client.test_repeats import IDENTIFIED

both = pytest.mark.parametrize("contract", ["3.10", "6.3"])


def taught(kato: Any, node: str) -> str:
    with kato.session(node) as session:
        session.observe_sequence([{"strings": [symbol]} for symbol in ("kettle", "boil", "milk", "tea")])
        return str(session.learn()["pattern_name"])


@pytest.mark.parametrize(("contract", "prediction"), [("3.10", Prediction), ("6.3", Prediction63)])
def test_predictions_are_those_of_the_contract(
    connect: Connect, server: WebServer, node: str, contract: str, prediction: Any
) -> None:
    kato = connect(server.url, contract=contract)
    taught(kato, node)
    with kato.session(node) as session:
        session.observe_sequence([{"strings": ["kettle"]}, {"strings": ["phone"]}, {"strings": ["milk"]}])
        assert problems(session.predictions(), types.Predictions, prediction=prediction) == []
        assert problems(session.cognition_data(), types.CognitionData, prediction=prediction) == []
        [found] = session.predictions()["predictions"]
        assert found["anomalies"] == ([] if contract == "3.10" else ["boil", "phone"])
        session.clear_stm()
        session.observe(["kettle"])
        assert problems(session.predictions(), types.Predictions, prediction=prediction) == []


def test_the_type_checker_knows_the_contract(server: WebServer, node: str) -> None:
    """`assert_type` is for mypy: at run time it does nothing."""
    with Kato(server.url) as kato, kato.session(node) as session:
        assert_type(kato, Kato[Prediction])
        assert_type(session.predictions()["predictions"], list[Prediction])
    with Kato(server.url, contract="6.3", delays=()) as new, new.session(node) as session_63:
        assert_type(new, Kato[Prediction63])
        assert_type(new.attach("session-1"), Session[Prediction63])
        predictions = session_63.predictions()["predictions"]
        assert_type([symbol for prediction in predictions for symbol in prediction["anomalies"]], list[str])
        assert_type(session_63.cognition_data()["cognition_data"]["predictions"], list[Prediction63])


async def _typed(url: str) -> None:
    async with AsyncKato(url, contract="6.3") as kato, kato.session("typed") as session:
        assert_type((await session.predictions())["predictions"], list[Prediction63])


def test_a_session_keeps_the_contract_that_it_was_created_for(connect: Connect, server: WebServer, node: str) -> None:
    taught(connect(server.url), node)
    session = connect(server.url, contract="6.3").session(node).open()
    session.observe(["kettle"])
    session.observe(["phone"])
    seen = {
        contract: connect(server.url, contract=contract).attach(session.id).predictions()["predictions"][0]["anomalies"]
        for contract in (None, "6.3", "3.10")
    }
    assert seen == {None: ["phone"], "6.3": ["phone"], "3.10": []}
    with pytest.raises(ApiError) as conflict:
        connect(server.url, contract="3.10").attach(session.id).update_config({"recall_threshold": 0.0})
    assert conflict.value.status == 409
    session.delete()


def test_a_contract_that_does_not_exist_is_refused_before_anything_is_sent(connect: Connect) -> None:
    with pytest.raises(ValueError, match=r"'6\.2' is no contract: this client knows 3\.10 and 6\.3"):
        connect("http://127.0.0.1:1", contract="6.2")


@both
def test_settings_are_refused_in_the_same_way(connect: Connect, server: WebServer, node: str, contract: str) -> None:
    kato = connect(server.url, contract=contract)
    with pytest.raises(InvalidConfiguration) as invalid:
        kato.create_session(node, config={"recall_threshold": 7})
    assert list(invalid.value.problems) == ["recall_threshold"]


@both
def test_a_session_that_is_gone(connect: Connect, relay: Relay, node: str, contract: str) -> None:
    kato = connect(relay.url, contract=contract)
    session = kato.session(node).open()
    relay.faults.append(LOSE_ANSWER)
    assert session.delete() == {"status": "deleted", "session_id": session.id}
    for act in (session.stm, session.learn, session.delete):
        with pytest.raises(SessionNotFound):
            act()
    relay.faults.append(Say(410, b'{"detail":"Session expired"}', headers=(IDENTIFIED,)))
    with pytest.raises(SessionNotFound):
        session.stm()


def test_a_recovered_session_has_the_same_contract(connect: Connect, server: WebServer, node: str) -> None:
    kato = connect(server.url, contract="6.3")
    with kato.session(node, recover=True) as session:
        kato.attach(session.id).delete()
        session.observe(["a"])
        assert "vector_event_mode" in connect(server.url).attach(session.id).config()["config"]


@both
def test_learning_what_is_retired(connect: Connect, server: WebServer, node: str, contract: str) -> None:
    kato = connect(server.url, contract=contract)
    name = taught(kato, node)
    with kato.session(node) as session:
        session.retire_patterns([name])
        session.observe_sequence([{"strings": [symbol]} for symbol in ("kettle", "boil", "milk", "tea")])
        with pytest.raises(RetiredPattern) as retired:
            session.learn()
        assert (retired.value.pattern_name, retired.value.code) == (name, "RETIRED_PATTERN")
        session.un_retire_patterns([retired.value.pattern_name])
        assert session.learn()["pattern_name"] == name


def test_a_pattern_that_nobody_learned(connect: Connect, server: WebServer, node: str) -> None:
    for name in ("0" * 40, "no name"):
        assert connect(server.url, contract="3.10").pattern(name, node_id=node)["pattern"]["status"] == "error"
    kato = connect(server.url, contract="6.3")
    with pytest.raises(PatternNotFound):
        kato.pattern("0" * 40, node_id=node)
    with pytest.raises(InvalidRequest) as malformed:
        kato.pattern("no name", node_id=node)
    [problem] = malformed.value.problems
    assert (problem["type"], malformed.value.code) == ("VALIDATION_ERROR", "VALIDATION_ERROR")
    assert "'no name' is not the name of a pattern" in problem["msg"]


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (503, "DATABASE_CONNECTION_ERROR", Unavailable),
        (504, "TIMEOUT", Unavailable),
        (507, "RESOURCE_EXHAUSTED", InvalidRequest),
    ],
)
def test_error_objects_are_the_errors_of_before(
    connect: Connect, relay: Relay, status: int, code: str, kind: type[ApiError]
) -> None:
    said = b'{"error":{"type":"E","code":"%s","message":"Too much","recoverable":true,"context":{}}}' % code.encode()
    relay.faults.append(Say(status, said, headers=(IDENTIFIED,)))
    with pytest.raises(kind, match="Too much") as failed:
        connect(relay.url, contract="6.3", delays=()).session_count()
    assert failed.value.code == code


def test_the_search_of_neighbours_is_shown(connect: Connect, server: WebServer, node: str) -> None:
    config = {"return_vector_search_results": True, "vector_search_limit": 1}
    with connect(server.url, contract="6.3").session(node, config=config) as session:
        session.observe_sequence([{"vectors": [[0.0, 1.0]]}, {"vectors": [[1.0, 0.0]]}], learn_at_end=True)
        answer = session.observe(vectors=[[0.0, 2.0]])
        assert problems(answer, types.Observed) == []
        search = answer["vector_search"]
        assert [match["raw_score"] for match in search["matches"]] == [1.0, None]
        assert session.observe(["a"])["vector_search"] is None
