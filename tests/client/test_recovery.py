"""A lost session is rebuilt only on request, only if it is really gone, and only as a new session."""

from typing import Any

import pytest

from kato_client import EmptyStm, Recovered, SessionNotFound, Unavailable
from tests.client.conftest import Connect
from tests.client.relay import LOSE_ANSWER, Relay, Say


def lose(kato: Any, session: Any) -> str:
    """Delete the session without the client's knowledge; return its id."""
    lost: str = session.id
    kato.attach(lost).delete()
    return lost


def test_without_recover_nothing_is_rebuilt(kato: Any, node: str) -> None:
    session = kato.session(node).open()
    session.observe(["a"])
    lose(kato, session)
    with pytest.raises(SessionNotFound):
        session.observe(["b"])
    assert kato.list_sessions(node_id=node)["total"] == 0


def test_the_new_session_has_what_the_lost_one_had(kato: Any, node: str) -> None:
    told: list[Recovered] = []
    with kato.session(
        node,
        config={"recall_threshold": 0.4},
        metadata={"by": "me"},
        ttl_seconds=77,
        recover=True,
        on_recovery=told.append,
    ) as session:
        session.observe(["learned", "before"])
        session.learn()
        session.update_config({"max_predictions": 7})
        session.observe(["a"], emotives={"joy": 1}, metadata={"source": "web"})
        session.observe_sequence([{"strings": ["b"]}, {"strings": ["c"], "emotives": {"joy": 3}}])
        lost = lose(kato, session)
        answer = session.observe(["d"])
        assert answer["stm_length"] == 4
        assert session.stm()["stm"] == [["a"], ["b"], ["c"], ["d"]]
        info = session.info()
        assert (info["node_id"], info["metadata"]) == (node, {"by": "me"})
        assert 70 <= info["ttl_seconds"] <= 77
        assert info["session_config"]["recall_threshold"] == 0.4
        assert info["session_config"]["max_predictions"] == 7
        name = session.learn()["pattern_name"]
        assert [(one.lost_id, one.new_id, one.replayed, one.complete) for one in told] == [(lost, session.id, 3, True)]
        assert session.recoveries == told
    pattern = kato.pattern(name, node_id=node)["pattern"]["pattern"]
    assert pattern["emotives"] == [{"joy": 1.0}, {"joy": 3.0}]
    assert pattern["metadata"] == {"source": ["web"]}
    assert not kato.attach(lost).exists()["exists"]


def test_what_was_learned_is_not_learned_again(kato: Any, node: str) -> None:
    config = {"max_pattern_length": 3, "stm_mode": "ROLLING"}
    with kato.session(node, config=config, recover=True) as session:
        for letter in "abcd":
            session.observe([letter], emotives={letter: 1})
        assert session.stm()["stm"] == [["c"], ["d"]]
        lose(kato, session)
        assert session.stm()["stm"] == [["c"], ["d"]]
        assert kato.pattern_count(node_id=node)["pattern_count"] == 2
        name = session.observe(["e"], emotives={"e": 1})["auto_learned_pattern"]
        assert kato.pattern_count(node_id=node)["pattern_count"] == 3
        pattern = kato.pattern(name, node_id=node)["pattern"]["pattern"]
        assert pattern["emotives"] == [{"e": 1.0}], "those of c and d went with the patterns before"
        assert session.info()["session_config"]["max_pattern_length"] == 3


@pytest.mark.parametrize(
    ("options", "emotives_left"),
    [
        ({}, [1, 2, 6]),
        ({"clear_stm_between": True}, [1, 2, 6]),
        ({"learn_after_each": True}, [6]),
        ({"learn_at_end": True}, []),
    ],
)
def test_sequences_are_followed_exactly(
    kato: Any, node: str, options: dict[str, bool], emotives_left: list[float]
) -> None:
    """Each learn consumes the accumulated emotives; an observation without strings adds emotives but no event."""
    with kato.session(node, recover=True) as session:
        session.observe(["x", "y"], emotives={"joy": 1})
        observations = [{"strings": ["a", "b"], "emotives": {"joy": 2}}, {"strings": ["c"]}, {"emotives": {"joy": 6}}]
        session.observe_sequence(observations, **options)
        before = session.stm()["stm"]
        patterns = kato.pattern_count(node_id=node)
        lose(kato, session)
        assert session.stm()["stm"] == before
        assert kato.pattern_count(node_id=node) == patterns
        session.observe(["d", "e"])
        name = session.learn()["pattern_name"]
    emotives = kato.pattern(name, node_id=node)["pattern"]["pattern"]["emotives"]
    assert [one["joy"] for one in emotives] == emotives_left


def test_a_cleared_session_comes_back_empty(kato: Any, node: str) -> None:
    with kato.session(node, recover=True) as session:
        session.observe(["a"])
        session.clear_stm()
        lose(kato, session)
        with pytest.raises(EmptyStm):
            session.learn()
        assert session.recoveries[0].replayed == 0


def test_missing_events_of_other_clients_are_reported(kato: Any, node: str) -> None:
    with kato.session(node, recover=True) as session:
        session.observe(["mine"])
        kato.attach(session.id).observe(["theirs"])
        session.observe(["mine too"])
        lose(kato, session)
        assert session.stm()["stm"] == [["mine"], ["mine too"]]
        assert not session.recoveries[0].complete


def test_an_unavailable_store_does_not_trigger_a_recovery(connect: Connect, relay: Relay, node: str) -> None:
    with connect(relay.url, delays=()).session(node, recover=True) as session:
        session.observe(["a"])
        lost = session.id
        relay.faults.append(Say(503))
        with pytest.raises(Unavailable):
            session.observe(["b"])
        assert session.id == lost
        assert session.recoveries == []


def test_a_call_that_may_have_been_performed_is_not_repeated(connect: Connect, relay: Relay, node: str) -> None:
    """The learn succeeded, its response was lost, then the session: learning again would count the pattern twice."""
    kato = connect(relay.url)
    with kato.session(node, recover=True) as session:
        session.observe(["a", "b"])
        gone = b'{"error":{"code":"SESSION_NOT_FOUND","message":"Session s not found or expired","session_id":"s"}}'
        relay.faults.extend([LOSE_ANSWER, Say(404, gone, headers=(("X-Kato-Instance", "kato-django/0.1.0"),))])
        with pytest.raises(SessionNotFound) as lost:
            session.learn()
        assert lost.value.maybe_performed
        assert kato.pattern_count(node_id=node)["pattern_count"] == 1


def test_a_recovery_does_not_undo_a_deletion(kato: Any, node: str) -> None:
    session = kato.session(node, recover=True).open()
    lose(kato, session)
    with pytest.raises(SessionNotFound):
        session.delete()
    assert not session.exists()["exists"]
    assert session.recoveries == []


def test_a_rebuild_under_a_shorter_pattern_length_learns_nothing(kato: Any, node: str) -> None:
    with kato.session(node, recover=True) as session:
        session.observe_sequence([{"strings": [letter]} for letter in "abc"])
        session.update_config({"max_pattern_length": 2})
        lose(kato, session)
        assert session.stm()["stm"] == [["a"], ["b"], ["c"]]
        assert kato.pattern_count(node_id=node)["pattern_count"] == 0
        assert session.config()["config"]["max_pattern_length"] == 2
