"""The baseline as a running program."""

import http.client
import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any, Self

from katoproject.environment import PROJECT_DIR
from tests.stack import eventually, free_port


class BaselineProcess:
    """One uvicorn. `app` names a variant, `hosts` the addresses it listens at."""

    def __init__(
        self,
        redis_url: str,
        *,
        workers: int = 1,
        hosts: tuple[str, ...] = ("127.0.0.1",),
        port: int | None = None,
        app: str = "benchmarks.baseline.app:app",
        **environment: str,
    ) -> None:
        self.port = port or free_port()
        self._hosts = hosts
        self._workers = workers
        self._arguments = ["--port", str(self.port), "--workers", str(workers), "--app", app]
        for host in hosts:
            self._arguments += ["--host", host]
        self._environment = {**os.environ, "REDIS_URL": redis_url, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def ask(self, method: str, path: str) -> Any:
        """The parsed answer to one request on a connection of its own."""
        connection = http.client.HTTPConnection(self._hosts[0], self.port, timeout=30)
        try:
            connection.request(method, path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.baseline", *self._arguments],
            cwd=PROJECT_DIR,
            env=self._environment,
            start_new_session=True,
        )
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

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
