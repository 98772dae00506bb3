"""The baseline as a running program."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from benchmarks.stack import eventually, free_port
from katoproject.configuration.environment import PROJECT_DIR


class BaselineProcess:
    """One uvicorn. `app` names a variant, `hosts` the addresses to listen on."""

    def __init__(
        self,
        redis_url: str,
        *,
        workers: int = 1,
        hosts: tuple[str, ...] = ("127.0.0.1",),
        port: int | None = None,
        app: str = "benchmarks.baseline.app:app",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port or free_port()
        self._hosts = hosts
        self._workers = workers
        self._arguments = ["--port", str(self.port), "--workers", str(workers), "--app", app]
        for host in hosts:
            self._arguments += ["--host", host]
        self._environment = {**os.environ, "REDIS_URL": redis_url, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ask(self, method: str, path: str) -> Any:
        """Send one request on a new connection; return the parsed body of the response."""
        connection = http.client.HTTPConnection(self._hosts[0], self.port, timeout=30)
        try:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def start(self) -> None:
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.baseline", *self._arguments],
            cwd=PROJECT_DIR,
            env=self._environment,
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        answered: set[str] = set()

        def all_workers_answer() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, "the baseline has ended"
            try:
                answered.add(json.dumps(self.ask("GET", "/")))
            except (OSError, http.client.HTTPException):
                return False
            return len(answered) >= self._workers

        eventually(all_workers_answer, "the baseline comes up")

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(15)


@contextmanager
def running(*services: BaselineProcess) -> Iterator[None]:
    """Start all services at the same time."""
    try:
        for service in services:
            service.spawn()
        for service in services:
            service.wait_until_ready()
        yield
    finally:
        for service in services:
            service.stop()
