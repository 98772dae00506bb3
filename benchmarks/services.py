"""The services that are compared, each with stores of its own, and what their processes cost."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis

from benchmarks.baseline import durable
from benchmarks.baseline.process import BaselineProcess
from benchmarks.baseline.sessions import INDEX, Session, key
from benchmarks.load import CREATED, Job, Load, Script, Step, create, event, load_generator, observe_sequence
from benchmarks.stack import Stores, WebServer, temporary_folder
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.configuration.locations import postgres_url, redis_url
from katoproject.launcher import processes
from katoproject.launcher import redis as embedded_redis

WORKERS = 2
SEEDING_CONNECTIONS = 8

Costs = dict[str, float]  # part of the service ("web", "postgres", "redis") → CPU seconds


def tree_cpu(leaders: Iterable[int]) -> float:
    """CPU seconds of these processes and all their descendants, including those that have ended."""
    total = 0.0
    for leader in leaders:
        root = psutil.Process(leader)
        for process in (root, *root.children(recursive=True)):
            try:
                total += sum(process.cpu_times()[:4])  # user, system, and both of the children it waited for
            except psutil.NoSuchProcess:
                continue  # it ended between the two calls; its parent accounts for it
    return total


class Service:
    """What a scenario needs from either service."""

    name: str
    port: int

    def __init__(self, data: Path, load: Load) -> None:
        self.data = data
        self.load = load
        self._kept: dict[tuple[int, int], list[str]] = {}

    def processes(self) -> dict[str, list[int]]:
        raise NotImplementedError

    def costs(self) -> Costs:
        return {part: tree_cpu(leaders) for part, leaders in self.processes().items()}

    def seed(self, number: int, length: int = 0) -> list[str]:
        """Create sessions with `length` events each; return their ids."""
        raise NotImplementedError

    def kept(self, number: int, length: int) -> list[str]:
        """Return the same sessions at every call, for scenarios that only read."""
        if (number, length) not in self._kept:
            self._kept[number, length] = self.seed(number, length)
        return self._kept[number, length]

    def stop_redis(self) -> None:
        raise NotImplementedError

    def start_redis(self) -> None:
        raise NotImplementedError

    def ask(self, method: str, path: str) -> Any:
        """Send one request on a new connection; return the parsed body of the response."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


class Ours(Service):
    name = "ours"
    web_server: type[WebServer] = WebServer

    def __init__(self, data: Path, load: Load, *, checkout: Path = PROJECT_DIR) -> None:
        """`checkout`: the folder of the release that it runs."""
        super().__init__(data, load)
        self._checkout = checkout
        self._stores = Stores(data, private=True)
        self._web: WebServer | None = None

    def start(self) -> None:
        self._stores.start()
        self._start_web(WORKERS, fresh=True)

    def restart(self, workers: int) -> None:
        if self._web:
            self._web.stop()
        self._start_web(workers)

    def _start_web(self, workers: int, *, fresh: bool = False) -> None:
        self._web = self.web_server(
            workers=workers,
            KATO_DATA_DIR=str(self.data),
            DATABASE_URL=postgres_url(self.data),
            REDIS_URL=redis_url(self.data),
        )
        self._web.checkout = self._checkout
        if fresh:
            self._web.prepare()
        self._web.start()
        self.port = self._web.port

    def stop(self) -> None:
        if self._web:
            self._web.stop()
        self._stores.stop()

    def processes(self) -> dict[str, list[int]]:
        assert self._web is not None
        web = psutil.Process(self._web.worker_pids[0]).ppid()
        return {"web": [web]} | {name: [one.pid] for name, one in self._stores.running.items()}

    def seed(self, number: int, length: int = 0) -> list[str]:
        steps = [create()]
        if length:
            steps.append(observe_sequence(CREATED, [event(n) for n in range(length)]))
        return _seeded(self, steps, number)

    def stop_redis(self) -> None:
        self._stores.stop_one("redis")

    def start_redis(self) -> None:
        self._stores.start_one("redis")


class Baseline(Service):
    name = "baseline"

    def __init__(self, data: Path, load: Load) -> None:
        super().__init__(data, load)
        self._redis: subprocess.Popen[bytes] | None = None
        self._web: BaselineProcess | None = None

    def start(self) -> None:
        self.start_redis()
        self._start_web(WORKERS)

    def restart(self, workers: int) -> None:
        self._stop_web()
        self._start_web(workers)

    def _start_web(self, workers: int) -> None:
        self._web = BaselineProcess(redis_url(self.data), workers=workers)
        self._web.start()
        self.port = self._web.port

    def _stop_web(self) -> None:
        if self._web:
            self._web.stop()

    def stop(self) -> None:
        self._stop_web()
        if self._redis:
            self.stop_redis()

    def processes(self) -> dict[str, list[int]]:
        assert self._web is not None
        return {"web": [self._web.pid]} | ({"redis": [self._redis.pid]} if self._redis else {})

    def seed(self, number: int, length: int = 0) -> list[str]:
        if not length:
            return _seeded(self, [create()], number)
        stm = [sorted(event(n)["strings"]) for n in range(length)]
        ids = []
        with redis.Redis.from_url(redis_url(self.data)) as client:
            for _ in range(number):
                session = Session(node_id="bench", stm=stm, time=length)
                session.expires_at = session.created_at.replace(year=session.created_at.year + 1)
                client.setex(key(session.session_id), session.ttl_seconds, session.model_dump_json())
                client.zadd(INDEX, {session.session_id: session.created_at.timestamp()})
                ids.append(session.session_id)
        return ids

    def stop_redis(self) -> None:
        assert self._redis is not None
        processes.stop(embedded_redis.program(self.data), self._redis)
        self._redis = None

    def start_redis(self) -> None:
        self._redis = processes.start(embedded_redis.program(self.data))


class Durable(Baseline):
    """The baseline with one row in PostgreSQL for a session; it has no Redis."""

    name = "durable"

    def __init__(self, data: Path, load: Load) -> None:
        super().__init__(data, load)
        self._stores = Stores(data, private=True)
        # `kato` is created by this project's own migrations.
        self._url = postgres_url(data).replace("/kato?", "/postgres?")

    def start(self) -> None:
        self._stores.start_one("postgres")
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(durable.SCHEMA)
        self._start_web(WORKERS)

    def _start_web(self, workers: int) -> None:
        self._web = BaselineProcess(
            redis_url(self.data),
            workers=workers,
            app="benchmarks.baseline.durable:app",
            environment={"DATABASE_URL": self._url},
        )
        self._web.start()
        self.port = self._web.port

    def stop(self) -> None:
        self._stop_web()
        self._stores.stop()

    def processes(self) -> dict[str, list[int]]:
        assert self._web is not None
        return {"web": [self._web.pid]} | {name: [one.pid] for name, one in self._stores.running.items()}

    def seed(self, number: int, length: int = 0) -> list[str]:
        ids = _seeded(self, [create()], number)
        stm = json.dumps([sorted(event(n)["strings"]) for n in range(length)])
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("UPDATE session SET stm = %s::jsonb, time = %s WHERE id = ANY(%s)", [stm, length, ids])
        return ids


@contextmanager
def ours_alone() -> Iterator[Ours]:
    """This service alone, running on a data folder that is deleted afterwards."""
    with temporary_folder() as folder, load_generator() as load:
        data = folder / "ours"
        # `web_command` reads both in this process.
        os.environ |= {"KATO_DATA_DIR": str(data), "LOG_LEVEL": "ERROR"}
        service = Ours(data, load)
        service.start()
        try:
            yield service
        finally:
            service.stop()


def _seeded(service: Service, steps: list[Step], number: int) -> list[str]:
    scripts = [
        Script(steps, repeat)
        for part in range(SEEDING_CONNECTIONS)
        if (repeat := len(range(part, number, SEEDING_CONNECTIONS)))
    ]
    outcome = service.load.run(Job(service.port, scripts, seconds=60))
    assert len(outcome.created) == number, f"{service.name} could not be filled: {outcome.statuses}"
    assert not outcome.failed, f"{service.name} could not be filled: {outcome.statuses}"
    return outcome.created
