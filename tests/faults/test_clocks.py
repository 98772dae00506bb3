"""Clocks that are wrong, or are set while the service runs: nothing stops, nothing floods, and operators see it."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models.functions import Now
from django.utils import timezone

from access_app.keyring import KeyHolder, keyring
from benchmarks.stack import Beat, WebServer, Worker, eventually
from benchmarks.stack.clocks import SetClock
from katoproject.celery import app
from katoproject.diagnosis.doctor import clocks
from katoproject.logins.console_sessions import SessionStore
from katoproject.upkeep import records
from tests.support.clocks import needs_faketime
from tests.support.keys import new_token
from tests.support.readiness import is_ready, part

pytestmark = [needs_faketime, pytest.mark.long, pytest.mark.usefixtures("same_database")]

SHOWN = 15.0  # seconds in which readiness shows what is wrong
NEXT = 12.0  # seconds in which the most frequent chore, one of every five seconds, is done again


@pytest.fixture(scope="module")
def ahead(folder: Path) -> Iterator[Worker]:
    """A worker whose clock is a minute ahead."""
    with Worker(**SetClock(folder / "worker", "+60s").environment) as running:
        eventually(lambda: bool(app.control.ping(timeout=0.5, limit=1)), "the worker answers")
        yield running


def relayed(database: psycopg.Connection) -> object:
    """When the most frequent chore was last done, by the clock of the database."""
    return database.execute("SELECT done_at FROM upkeep_chore WHERE name = 'relay-jobs'").fetchone()


def goes_on(database: psycopg.Connection) -> None:
    before = relayed(database)
    eventually(lambda: relayed(database) != before, "the next round of upkeep is done", seconds=NEXT)


@pytest.mark.usefixtures("ahead")
def test_upkeep_goes_on_whatever_the_clocks_of_scheduler_and_worker_show(
    database: psycopg.Connection, folder: Path
) -> None:
    clock = SetClock(folder / "beat", "+20y")
    database.execute("DELETE FROM upkeep_chore")
    with Beat(**clock.environment):
        eventually(lambda: records.complaint(records.read()) is None, "all chores are done after the start")
        clock.set("-1d")
        goes_on(database)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("ahead")
@pytest.mark.parametrize(("first", "then"), [("+0", "+20y"), ("+0", "-20y"), ("-1d", "+1d"), ("+20y", "+0")])
def test_nor_does_it_stop_or_flood_when_the_clock_is_set(
    database: psycopg.Connection, folder: Path, first: str, then: str
) -> None:
    clock = SetClock(folder / "beat", first)
    with Beat(**clock.environment):
        goes_on(database)
        clock.set(then)
        begun, rounds = time.monotonic(), 3
        for _ in range(rounds):
            goes_on(database)
    assert time.monotonic() - begun > (rounds - 2) * settings.CHORES["relay-jobs"][1]


@pytest.mark.usefixtures("ahead")
def test_doctor_names_the_worker_whose_clock_is_wrong() -> None:
    [finding] = clocks.clocks()
    assert finding.found.startswith("worker celery@")
    assert re.search(r" is (59|60)\.\d s ahead of PostgreSQL", finding.found)
    assert "NTP" in (finding.fix or "")


def test_readiness_names_the_host_whose_clock_is_wrong_and_so_does_doctor_elsewhere(
    server: WebServer, folder: Path
) -> None:
    clock = SetClock(folder / "host", "+60s")
    with WebServer(workers=1, **clock.environment) as there:
        eventually(lambda: not part(there.url, "clock")["ok"], "its own readiness says so", seconds=SHOWN)
        said = part(there.url, "clock")
        assert re.match(r"this machine is (59|60)\.\d s ahead of PostgreSQL", said["error"])
        assert said["error"].endswith("; synchronise the clocks of all hosts with NTP (chrony, systemd-timesyncd)")
        assert not said["required"]
        assert is_ready(there.url)
        name = httpx.get(f"{there.url}/metrics-prom").text.partition('instance_id="')[2].partition('"')[0]
        shown = rf"the host of instance {name} is (59|60)\.\d s ahead of PostgreSQL"
        assert [one.fix for one in clocks.clocks() if re.match(shown, one.found)] == [said["error"].split("; ")[-1]]
        eventually(
            lambda: re.search(shown, str(part(server.url, "clock")["error"])) is not None,
            "so does readiness here",
            seconds=SHOWN,
        )
        clock.set("+0")
        eventually(lambda: part(there.url, "clock")["ok"], "its readiness says that it is over", seconds=SHOWN)


def test_keys_and_logins_end_by_the_clock_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the clock of the host is set after the keys were read."""
    token = new_token("--expires", "1h")
    login = SessionStore()
    login["who"] = "an operator"
    login.save()
    assert isinstance(keyring.holder_of(token, "127.0.0.1"), KeyHolder)
    real, later = time.time, timedelta(days=365)
    monkeypatch.setattr(time, "time", lambda: real() + later.total_seconds())
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + later)
    assert isinstance(keyring.holder_of(token, "127.0.0.1"), KeyHolder)
    assert SessionStore(login.session_key)["who"] == "an operator"
    login.save()
    Session.objects.filter(pk=login.session_key).update(expire_date=Now())
    assert "who" not in SessionStore(login.session_key)


@pytest.mark.exhaustive
def test_a_clock_set_back_stops_no_samples(folder: Path) -> None:
    """The history goes on, and what is shown as age or duration stays one."""
    clock = SetClock(folder / "web", "+1d")
    with (
        WebServer(workers=1, METRICS_CACHE_TTL_SECONDS="0", **clock.environment) as web,
        httpx.Client(base_url=web.url, timeout=10) as client,
    ):

        def ahead() -> float:
            found = re.search(r"^kato_clock_ahead_seconds (\S+)", client.get("/metrics-prom").text, re.MULTILINE)
            return float(found[1]) if found else 0.0

        day = 86_400.0
        eventually(lambda: abs(ahead() - day) < 1, "the difference is shown")
        clock.set("-1d")
        eventually(lambda: abs(ahead() + day) < 1, "the next sample is taken")
        assert client.get("/metrics/kato_workers?minutes=1").json()["data_points"]
        metrics = client.get("/metrics").json()
        assert 0 < metrics["uptime_seconds"] < 120
        assert 0 < client.get("/health").json()["uptime_seconds"] < 120
