"""Events have one shape everywhere, and what is no event or no setting is refused before it is sent."""

from collections.abc import Callable
from typing import Any

import pytest

from kato_client import Kato, KatoError, Unfit

EVENTS = [["kettle"], {"strings": ["boil"], "emotives": {"joy": 1.0}}, ("tea", "cup")]


@pytest.mark.usefixtures("worker")
def test_an_event_is_a_list_of_symbols_or_an_observation_wherever_one_is_taken(kato: Any, node: str) -> None:
    with kato.session(node) as session:
        for event in EVENTS:
            session.observe(event)
        one_by_one = session.stm()["stm"]
        session.clear_stm()
        session.observe_sequence(EVENTS)
        assert session.stm()["stm"] == one_by_one == [["kettle"], ["boil"], ["cup", "tea"]]
        job = session.start_observe_sequence(EVENTS)
        assert kato.wait_for_job(job["job_id"], poll=0.05)["result"]["observations_processed"] == 3
    job = kato.train(f"{node} trained", [EVENTS])
    assert kato.wait_for_job(job["job_id"], poll=0.05)["state"] == "done"


@pytest.fixture
def offline() -> Any:
    """Nothing that it sends could arrive."""
    return Kato("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("home", "a list of symbols or an observation, got 'home'"),
        (7, "a list of symbols or an observation, got 7"),
        (b"home", "a list of symbols or an observation, got b'home'"),
        ({"string": ["a"]}, "'string' is no part of an observation; did you mean strings?"),
        ({"color": "red"}, "'color' is no part of an observation"),
    ],
)
def test_what_is_no_event_is_refused_in_words(offline: Any, event: Any, message: str) -> None:
    session = offline.attach("session-1")
    assert refusal(session.observe, event) == message
    assert refusal(session.observe_sequence, [["a"], event]) == f"event 1: {message}"
    assert refusal(session.start_observe_sequence, [["a"], event]) == f"event 1: {message}"
    assert refusal(offline.train, "node", [[["a"]], [["b"], event]]) == f"sequence 1, event 1: {message}"


def refusal(call: Callable[..., Any], *arguments: Any, **named: Any) -> str:
    with pytest.raises(Unfit) as refused:
        call(*arguments, **named)
    return str(refused.value)


def test_an_observation_is_given_whole_or_in_parts(offline: Any) -> None:
    text = refusal(offline.attach("session-1").observe, {"strings": ["a"]}, emotives={"joy": 1.0})
    assert text == "an observation has all its parts: give emotives in it"


def test_a_text_of_events_is_refused_and_many_problems_are_counted(offline: Any) -> None:
    assert refusal(offline.train, "node", ["home"] * 2) == "sequence 0: a list of events, got 'home'"
    text = refusal(offline.train, "node", [list("home " * 300)])
    assert text.startswith("sequence 0, event 0: a list of symbols or an observation, got 'h'; sequence 0, event 1: ")
    assert text.endswith(", and 1,497 more")
    assert len(refusal(offline.attach("session-1").observe, "x" * 300_000)) < 200


def test_settings_that_do_not_exist_are_refused_with_the_one_that_was_meant(offline: Any) -> None:
    wrong = {"recal_threshold": 0.5}
    for text in (
        refusal(offline.create_session, "node", config=wrong),
        refusal(offline.session("node", config=wrong).open),
        refusal(offline.attach("session-1").update_config, wrong),
        refusal(offline.train, "node", [[["a"]]], config=wrong),
    ):
        assert text == "'recal_threshold' is no setting; did you mean recall_threshold?"


def test_it_is_an_error_of_the_client_and_of_types() -> None:
    assert issubclass(Unfit, KatoError)
    assert issubclass(Unfit, TypeError)
