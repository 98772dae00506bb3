"""Behaviours 17–20: each session of a node has a percept of its own."""

from functools import partial
from typing import Any

from tests.api.behaviours.session import Session, create
from tests.support.clients import Client
from tests.support.sessions import percept


def test_a_percept_shows_the_session_s_own_observation_sorted_and_exact(api: Client, node: str) -> None:
    """Behaviour 17."""
    first, second = create(api, node), create(api, node)

    first.observe("zebra", "Äpfel", "apple", emotives={"joy": 0.9})
    second.observe("tiger", "ant", emotives={"fear": 0.1234567890123456, "joy": -1})

    assert first.percept() == percept(strings=["apple", "zebra", "Äpfel"], emotives={"joy": 0.9})
    assert second.percept()["strings"] == ["ant", "tiger"]
    assert second.percept()["emotives"] == {"fear": 0.1234567890123456, "joy": -1}


def test_what_one_session_learned_is_predicted_where_it_fits_and_only_there(api: Client, node: str) -> None:
    """Behaviour 18."""
    teacher, fitting, foreign = create(api, node), create(api, node), create(api, node)
    for session, symbols in ((teacher, "ABC"), (fitting, "AB"), (foreign, "XY")):
        for symbol in symbols:
            session.observe(symbol)
        assert session.stm() == [[symbol] for symbol in symbols]

    teacher.learn()

    assert [prediction["future"] for prediction in fitting.cognition()["predictions"]] == [[["C"]]]
    assert foreign.cognition()["predictions"] == []


def test_five_sessions_of_one_node_at_once_each_perceive_their_own_value(api: Client, node: str) -> None:
    """Behaviour 19."""
    sessions = [create(api, node) for _ in range(5)]

    def observe_and_perceive(session: Session, value: float) -> Any:
        session.observe(f"symbol-{value}", emotives={"value": value})
        return session.percept()

    percepts = api.gather([partial(observe_and_perceive, session, n / 8) for n, session in enumerate(sessions)])

    assert [percept["strings"] for percept in percepts] == [[f"symbol-{n / 8}"] for n in range(5)]
    assert [percept["emotives"] for percept in percepts] == [{"value": n / 8} for n in range(5)]


def test_clearing_the_stm_empties_percept_and_predictions(api: Client) -> None:
    """Behaviour 20."""
    session = create(api)
    session.observe("something", "else")
    session.learn()
    session.observe("something", "else", emotives={"joy": 1.0}, metadata={"by": "me"})
    assert session.percept() != {}
    assert session.cognition()["predictions"] != []

    session.clear_stm()

    assert session.percept() == {}
    assert session.cognition()["predictions"] == session.predictions() == session.stm() == []
