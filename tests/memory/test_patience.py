"""A prediction ends at its deadline, and when its client has gone (`memory_app/patience.py`)."""

import threading
from collections.abc import Iterator

import pytest

from benchmarks.stack import eventually
from engine.stopping import Stop
from foundation.http import departure
from memory_app.errors import ClientLeft, PredictionTimedOut
from memory_app.patience import Bounded


@pytest.fixture
def client_gone() -> Iterator[threading.Event]:
    """This thread works on a request whose client leaves when the event is set."""
    gone = threading.Event()
    departure.begin_request(gone.is_set)
    yield gone
    departure.end_request()


def has_ended(stop: Stop) -> bool:
    return bool(stop.flag[0])


def test_it_ends_at_the_deadline_and_names_the_setting() -> None:
    with Bounded(0.1) as stop:
        stop.check()
        eventually(lambda: has_ended(stop), "the deadline ends it")
        with pytest.raises(PredictionTimedOut, match=r"after 0\.1 s \(KATO_PREDICTION_TIMEOUT_SECONDS\)"):
            stop.check()


def test_it_ends_when_the_client_has_gone(client_gone: threading.Event) -> None:
    with Bounded(None) as stop:
        stop.check()
        client_gone.set()
        eventually(lambda: has_ended(stop), "the departure ends it")
        with pytest.raises(ClientLeft):
            stop.check()


def test_each_has_its_own_deadline() -> None:
    with Bounded(None) as endless, Bounded(3600) as long, Bounded(0.1) as short:
        eventually(lambda: has_ended(short), "the deadline ends it")
        assert not has_ended(endless)
        assert not has_ended(long)


def test_a_client_that_leaves_after_the_end_is_not_asked_about() -> None:
    """By then its connection may carry another request."""
    questions = 0

    def has_gone() -> bool:
        nonlocal questions
        questions += 1
        return False

    departure.begin_request(has_gone)
    try:
        with Bounded(None):
            eventually(lambda: questions > 0, "the client is asked about")
        asked = questions
        with Bounded(0.3) as other:
            departure.end_request()
            eventually(lambda: has_ended(other), "looks go on")
        assert questions > asked
    finally:
        departure.end_request()
    settled = questions
    with Bounded(0.3) as later:
        eventually(lambda: has_ended(later), "looks go on")
    assert questions == settled


def test_a_question_that_fails_does_not_keep_others_from_ending() -> None:
    def broken() -> bool:
        raise ConnectionResetError

    departure.begin_request(broken)
    try:
        with Bounded(None):
            departure.end_request()
            with Bounded(0.3) as other:
                eventually(lambda: has_ended(other), "the deadline ends it")
    finally:
        departure.end_request()
