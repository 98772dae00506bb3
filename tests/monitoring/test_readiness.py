"""Readiness says what it knows of each part, whatever the check of one of them raises."""

import logging
import socket
import threading

import pytest
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import AuthenticationError, ReadOnlyError

from foundation.asking import NoAnswer
from katoproject.monitoring import readiness, redis_trouble
from katoproject.monitoring.neighbours import Neighbours
from katoproject.monitoring.snapshot import Shared
from sessions_app.jobs import lifecycle


def broken() -> None:
    raise ValueError("hunter2x")


@pytest.fixture(autouse=True)
def nothing_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_logged", set())


def test_an_error_that_nobody_expects_makes_its_part_not_ok_and_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(readiness.PARTS, "redis", (broken, False))
    monkeypatch.setitem(readiness.PARTS, "disk", (lambda: None, False))
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            part = readiness._part("redis")
            assert (part.ok, part.required, part.error) == (False, False, "ValueError; see the log")
            assert readiness._part("disk").ok
    [record] = caplog.records
    assert record.getMessage() == "readiness cannot check the part redis"
    assert record.exc_info is not None


@pytest.mark.parametrize("error", [BrokerError("no worker answered"), ReadOnlyError("READONLY"), AuthenticationError()])
def test_a_redis_that_has_answered_is_not_asked_whether_it_has_tls(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        assert redis_trouble.remedy(error) is None
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_a_redis_that_leaves_a_check_no_time_is_asked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> None:
        raise NoAnswer

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)

        def answer_plainly() -> None:
            with listener.accept()[0] as caller:
                caller.sendall(b"+PONG\r\n")

        monkeypatch.setattr(settings, "REDIS_URL", f"rediss://127.0.0.1:{listener.getsockname()[1]}/0")
        monkeypatch.setattr(redis_trouble, "PATIENCE", 10)
        monkeypatch.setitem(readiness.PARTS, "redis", (silent, False))
        thread = threading.Thread(target=answer_plainly)
        thread.start()
        part = readiness._part("redis")
        thread.join()
    assert part.error == f"no answer in time; {redis_trouble.HAS_NO_TLS}"


def test_of_many_complaints_it_shows_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    many = Neighbours(waiting={f"kato:{number:010}:": 0 for number in range(9)})
    monkeypatch.setattr(readiness, "_last_shared", lambda: Shared(neighbours=many))
    part = readiness._part("neighbours")
    assert part.error is not None
    assert part.error.count("another deployment uses this Redis") == 3
    assert part.error.endswith(". and 6 more")


def test_nor_does_a_backlog_that_cannot_be_read_end_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifecycle, "backlog", broken)
    with caplog.at_level(logging.ERROR):
        assert readiness.backlog().result() is None
    assert [record.getMessage() for record in caplog.records] == ["readiness cannot read the backlog"]
