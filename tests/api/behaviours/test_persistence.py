"""Behaviours 9 and 10: the STM is exactly what was observed since it was last cleared."""

from tests.api.behaviours.session import create
from tests.support.clients import Client


def test_after_every_observation_the_stm_is_what_was_sent_so_far(api: Client) -> None:
    """Behaviour 9."""
    session = create(api)
    sent: list[list[str]] = []

    for number in range(5):
        sent.append([f"event-{number}", "of", "symbols"])
        observed = session.observe(*sent[-1])
        assert (observed["stm_length"], observed["time"]) == (number + 1, number + 1)
        assert session.stm() == sent

    session.clear_stm()
    assert session.stm() == []

    session.observe("afterwards")
    assert session.stm() == [["afterwards"]]


def test_four_events_one_by_one_and_then_two_symbols_as_one_event(api: Client) -> None:
    """Behaviour 10."""
    session = create(api)
    for symbol in "ABCD":
        session.observe(symbol)
    assert session.stm() == [["A"], ["B"], ["C"], ["D"]]
    assert session.learn().startswith("PTRN|")

    session.clear_stm()
    session.observe("A", "B")

    assert session.stm() == [["A", "B"]]
    assert session.predictions()[0]["future"] == [["C"], ["D"]]
