"""Behaviours 5, 7 and 8: when a session expires. The seconds of KATO's own checks are divided by two or more.

All of them need time to pass, so they run at the same time: the first test starts every scenario with every library,
and each test waits for the end of its own.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import product
from typing import NamedTuple, TypeVar

import pytest

from benchmarks.stack import WebServer, eventually
from tests.api.behaviours.session import Session, create
from tests.support.clients import LIBRARIES, Client

Result = TypeVar("Result")

OUTLIVES = 1.05  # a session may live 5 % longer than it must


class Access(NamedTuple):
    """A request that the server received between `sent` and `answered`."""

    sent: float
    answered: float


def _timed(request: Callable[[], Result]) -> tuple[Result, Access]:
    sent = time.monotonic()
    result = request()
    return result, Access(sent, time.monotonic())


def _assert_it_expires(session: Session, ttl: float, last_access: Access) -> None:
    """It lives `ttl` seconds from its last access and little longer; a slow machine does not change the verdict."""
    last_seen = last_access

    def gone() -> bool:
        nonlocal last_seen
        exists, asked = _timed(session.exists)
        if exists:
            last_seen = asked
        return not exists

    eventually(gone, f"a session with a TTL of {ttl} s expires")
    assert time.monotonic() - last_access.sent >= ttl, "it expired too early"
    assert last_seen.sent - last_access.answered <= ttl * OUTLIVES, "it expired too late"
    assert session.client.request("GET", f"{session.path}/stm").status == 404


def a_session_expires_after_silence_even_if_asked_whether_it_exists(api: Client) -> None:
    """Behaviour 5."""
    session, created = _timed(lambda: create(api, ttl_seconds=1))
    _assert_it_expires(session, 1, created)


def an_extended_session_outlives_one_that_is_younger(api: Client) -> None:
    """Behaviour 7; reading it in between must not take the extension back (R07)."""
    session = create(api, ttl_seconds=2)
    session.observe("kept")
    session.extend(60)
    assert session.stm() == [["kept"]]
    other = create(api, ttl_seconds=2)

    eventually(lambda: not other.exists(), "the session that was not extended expires")
    assert session.stm() == [["kept"]]
    session.delete()


def _keep_in_use(session: Session, ttl: float, use: Callable[[], object]) -> Access:
    """Use the session six times, 0.4 TTL apart, for more than two TTLs; return the last access."""
    for _ in range(6):
        time.sleep(0.4 * ttl)
        _, last_access = _timed(use)
    return last_access


def a_session_that_is_observed_and_read_lives_on_and_grows(api: Client) -> None:
    """Behaviour 8."""
    session = create(api, ttl_seconds=2)
    sent: list[list[str]] = []

    def observe_and_read() -> None:
        sent.append([f"event-{len(sent)}"])
        session.observe(*sent[-1])
        assert session.stm() == sent

    last_access = _keep_in_use(session, 2, observe_and_read)
    _assert_it_expires(session, 2, last_access)


def a_session_that_is_only_read_lives_on(api: Client) -> None:
    """Behaviour 8 with reads only, in which KATO fails (R10)."""
    session = create(api, ttl_seconds=2)
    session.observe("once")

    def read() -> None:
        assert session.stm() == [["once"]]

    last_access = _keep_in_use(session, 2, read)
    _assert_it_expires(session, 2, last_access)


LIVES: list[Callable[[Client], None]] = [
    a_session_expires_after_silence_even_if_asked_whether_it_exists,
    an_extended_session_outlives_one_that_is_younger,
    a_session_that_is_observed_and_read_lives_on_and_grows,
    a_session_that_is_only_read_lives_on,
]


@pytest.fixture(scope="module")
def lives(server: WebServer) -> Iterator[dict[tuple[str, str], Future[None]]]:
    """The outcome of every scenario; all run at the same time."""

    def live(life: Callable[[Client], None], library: str) -> None:
        with LIBRARIES[library](server.url) as api:
            life(api)

    combinations = list(product(LIVES, LIBRARIES))
    with ThreadPoolExecutor(len(combinations)) as pool:
        yield {(life.__name__, library): pool.submit(live, life, library) for life, library in combinations}


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("life", [life.__name__ for life in LIVES])
def test_time_to_live(lives: dict[tuple[str, str], Future[None]], life: str, library: str) -> None:
    lives[life, library].result()
