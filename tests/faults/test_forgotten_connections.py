"""Connections that a firewall forgot hold no lock and no place in max_connections for hours: PostgreSQL asks for them.

Its own TCP address is needed for that, beside the Unix socket on which everything else runs.
"""

import random
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections
from pytest_django import DjangoDbBlocker

from benchmarks.stack import Beat, Stores, WebServer, Worker, eventually
from foundation.postgresql import fitness
from foundation.postgresql.maintenance import maintenance_connection
from katoproject.configuration.keepalive import IDLE, OF_POSTGRESQL
from katoproject.configuration.locations import postgres_url
from katoproject.launcher import postgres
from katoproject.settings import _database
from tests.support.jobs import end_of, train
from tests.support.prepared import own_stores

pytestmark = pytest.mark.long

PORT = 5432
KEEP_ALIVE = "02"  # the kind of a timer, in the kernel's table


def address_of_its_own() -> str:
    """The port is always the same; others may have it on the usual address."""
    address = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"
    try:
        socket.create_server((address, PORT)).close()
    except OSError:
        pytest.skip("this machine has one loopback address only")
    return address


@pytest.fixture(scope="module")
def stores(folder: Path) -> Iterator[Stores]:
    running = own_stores(folder / "data")
    with pytest.MonkeyPatch.context() as changed:
        changed.setitem(postgres.SETTINGS, "listen_addresses", address_of_its_own())
        running.start_one("postgres")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def url(stores: Stores) -> str:
    """It leads to PostgreSQL over TCP."""
    with psycopg.connect(postgres_url(stores.data), autocommit=True) as admin:
        [address] = admin.execute("SHOW listen_addresses").fetchone() or ("",)
        with (stores.data / "postgres" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/8 trust\n")
        admin.execute("SELECT pg_reload_conf()")
    found = f"postgresql://kato@{address}:{PORT}/kato"
    eventually(lambda: lets_in(found), "the rule is in force")
    return found


def lets_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def over_tcp(url: str, django_db_blocker: DjangoDbBlocker, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections of this process lead there."""
    with django_db_blocker.unblock():
        connection.close()
        wrapper = connections[DEFAULT_DB_ALIAS]
        monkeypatch.setattr(wrapper, "settings_dict", wrapper.settings_dict | _database(url))
        yield
        connection.close()


def in_force(on: Any) -> dict[str, str]:
    return {name: on.execute("SELECT current_setting(%s)", [name]).fetchone()[0] for name in OF_POSTGRESQL}


def test_requests_and_commands_ask_for_it(over_tcp: None) -> None:
    with connection.cursor() as cursor:
        assert in_force(cursor) == OF_POSTGRESQL


def test_maintenance_asks_for_it(over_tcp: None) -> None:
    with maintenance_connection() as maintaining:
        assert in_force(maintaining) == OF_POSTGRESQL


def test_on_a_unix_socket_there_is_nothing_to_ask_for(django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock(), closing(connection):
        with connection.cursor() as cursor:
            assert set(in_force(cursor).values()) == {"0"}
        fitness.check()


@pytest.mark.exhaustive
def test_postgresql_asks_for_the_other_end_of_every_connection_of_the_service(url: str) -> None:
    with WebServer(workers=1, DATABASE_URL=url) as web, Worker(DATABASE_URL=url), Beat(DATABASE_URL=url):
        with httpx.Client(base_url=web.url, timeout=30) as client:
            assert end_of(client, train(client, "trained", [[["a"], ["b"]]]))["state"] == "done"
        with psycopg.connect(url, application_name="observer") as observer:
            eventually(lambda: all_are_asked_for(observer), "all connections are idle, and known to be soon asked for")


def all_are_asked_for(observer: psycopg.Connection) -> bool:
    rows = observer.execute("SELECT client_port FROM pg_stat_activity WHERE application_name = 'kato'").fetchall()
    observer.rollback()
    asked_for = seconds_until_asked()
    return len(rows) >= 3 and all(asked_for.get(port, IDLE + 1) <= IDLE for [port] in rows)


def seconds_until_asked() -> dict[int, float]:
    """Port of a client → seconds until the kernel asks for it at PostgreSQL's end."""
    found = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, _, timer, *_ = line.split()
        kind, _, jiffies = timer.partition(":")
        if local.endswith(f":{PORT:04X}") and kind == KEEP_ALIVE:
            found[int(remote.partition(":")[2], 16)] = int(jiffies, 16) / 100
    return found
