"""`python -m benchmarks.events`: what `/ws/events` costs ordinary requests, and what announcing costs a creation.

The server: ours beside plain WSGI, which is Granian's own WSGI workers with the same application, threads and stores.
The announcement: the statement that creates a session, without its event, with it, and with a NOTIFY as well.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import django
import psycopg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.load import Load, load_generator
from benchmarks.measuring import Round, measure, typical
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.services import Ours, tree_cpu
from benchmarks.stack import Stores, WebServer, temporary_folder
from katoproject.configuration.locations import postgres_url

MEASURED = ("create", "observe, 32 sessions", "stm of 10 events", "delete")
LISTENERS = 20
WRITERS = 8

_LINE = "{:<22} {:<24} {:>6} {:>7} {:>7} {:>7} {:>6}  {:>6} {:>6}"


class PlainWsgiServer(WebServer):
    """Granian's own WSGI workers."""

    def command(self) -> list[str]:
        options = {
            "interface": "wsgi",
            "http": "1",
            "host": "127.0.0.1",
            "port": self.port,
            "workers": self.workers,
            "blocking-threads": 10,
            "blocking-threads-idle-timeout": 600,
            "backlog": 2048,
            "backpressure": 1024,
            "log-level": "error",
        }
        return [
            *(sys.executable, "-m", "granian", "katoproject.server.wsgi:application", "--no-ws"),
            *(part for name, value in options.items() for part in (f"--{name}", str(value))),
        ]


class Service(Ours):
    """A web server of its own on shared stores, with or without clients that listen to its events."""

    def __init__(self, name: str, stores: Stores, load: Load, *, plain: bool = False, listeners: int = 0) -> None:
        super().__init__(stores.data, load)
        self.name = name
        self._stores = stores
        self.web_server = PlainWsgiServer if plain else WebServer
        self._listeners = listeners

    def start(self) -> None:
        self._start_web(workers=2, fresh=True)

    def stop(self) -> None:
        assert self._web is not None
        self._web.stop()

    def measured(self, scenario: Scenario, scale: float) -> Round:
        with listening(self.port, self._listeners):
            return measure(scenario, self, scale)


@contextmanager
def listening(port: int, clients: int) -> Iterator[None]:
    """Run that many listening clients in a process of their own, so that their cost is not measured."""
    if not clients:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.events", "--listen", str(port), str(clients)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.terminate()


async def listen(port: int, clients: int) -> None:
    """Read and drop events until this process is ended."""

    async def swallow(connection: ClientConnection) -> None:
        async for _ in connection:
            pass

    connections = [await connect(f"ws://127.0.0.1:{port}/ws/events") for _ in range(clients)]
    for connection in connections:
        await connection.recv()
    print("listening", flush=True)
    await asyncio.gather(*map(swallow, connections))


def compare_servers(stores: Stores, load: Load, rounds: int) -> None:
    services = [
        Service("plain WSGI", stores, load, plain=True),
        Service("ours", stores, load),
        Service(f"ours, {LISTENERS} listening", stores, load, listeners=LISTENERS),
    ]
    try:
        for service in services:
            service.start()
        print(_LINE.format("", "", "req/s", "p50 ms", "p99 ms", "CPU µs", "(web)", "CPU", "req/s"))
        for scenario in (one for one in SCENARIOS if one.name in MEASURED):
            found: dict[str, list[Round]] = {service.name: [] for service in services}
            for service in services:
                service.measured(scenario, 0.25)
            for number in range(rounds):
                # The order alternates: the first service of a round may be at an advantage.
                for service in services if number % 2 else reversed(services):
                    found[service.name].append(service.measured(scenario, 1.0))
            plain = found[services[0].name]
            for name, measured in found.items():
                cpu = median(one.cpu_us / base.cpu_us for one, base in zip(measured, plain, strict=True))
                speed = median(one.per_second / base.per_second for one, base in zip(measured, plain, strict=True))
                _print_line(scenario.name, name, typical(measured), cpu, speed)
    finally:
        for service in services:
            service.stop()


def _print_line(scenario: str, name: str, one: Round, cpu: float, speed: float) -> None:
    figures = (f"{one.per_second:.0f}", f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}", f"{one.cpu_us:.0f}")
    ratios = (f"{cpu:.2f}", f"{speed:.2f}")
    failed = f"   {one.failed} of {one.requests} failed" if one.failed else ""
    print(_LINE.format(scenario, name, *figures, f"{one.cpu['web']:.0f}", *ratios) + failed, flush=True)


def compare_announcements(stores: Stores, rounds: int) -> None:
    os.environ |= {"DJANGO_SETTINGS_MODULE": "katoproject.settings"}
    django.setup()
    from sessions_app.operations import announcements, creation

    announcement = creation._CREATE.partition(", announced AS (")[2].partition(")\n    SELECT created_at")[0]
    whole = creation._CREATE
    assert announcements.record(announcements.Kind.CREATED, "id, node_id, created_at FROM session") == announcement
    silent = whole.replace(f", announced AS ({announcement})", "")
    notifying = whole.replace("promised FROM session", "promised, pg_notify('events', '') FROM session")
    statements = {"without": silent, "with its event": whole, "and a NOTIFY": notifying}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in statements}
    for number in range(rounds + 1):
        for name, statement in statements.items():
            result = _create_for_a_while(stores, statement)
            if number:  # the first round warms up
                found[name].append(result)
    print(f"\n{'create, SQL alone':<22} {'per s':>6} {'CPU µs':>7} {'CPU':>6} {'per s':>6}")
    for name, results in found.items():
        pairs = list(zip(results, found["without"], strict=True))
        per_second, cpu = (median(one[part] for one in results) for part in (0, 1))
        speed, cost = (median(one[part] / base[part] for one, base in pairs) for part in (0, 1))
        print(f"{name:<22} {per_second:>6.0f} {cpu:>7.0f} {cost:>6.2f} {speed:>6.2f}", flush=True)


def _create_for_a_while(stores: Stores, statement: str, seconds: float = 1.0) -> tuple[float, float]:
    """Creations per second by several writers, and PostgreSQL's CPU µs for each."""
    deadline = time.monotonic() + seconds
    numbers = []

    def write(part: int) -> None:
        with psycopg.connect(postgres_url(stores.data), autocommit=True) as connection:
            number = 0
            while time.monotonic() < deadline:
                name = f"bench-{part}-{time.monotonic_ns()}"
                given = {"id": name, "node_id": "bench", "ttl": 3600, "config": "{}", "metadata": "{}"}
                connection.execute(statement, given, prepare=True)
                number += 1
            numbers.append(number)

    before = tree_cpu([stores.running["postgres"].pid])
    threads = [threading.Thread(target=write, args=(part,)) for part in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = tree_cpu([stores.running["postgres"].pid]) - before
    return sum(numbers) / seconds, cpu / sum(numbers) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.events", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--listen", type=int, nargs=2, metavar=("PORT", "CLIENTS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.listen:
        asyncio.run(listen(*options.listen))
        return
    with temporary_folder() as folder, load_generator() as load:
        os.environ |= {"KATO_DATA_DIR": str(folder), "LOG_LEVEL": "ERROR"}
        with Stores(folder, private=True) as stores:
            compare_servers(stores, load, options.rounds)
            compare_announcements(stores, options.rounds)


if __name__ == "__main__":
    main()
