"""Two hosts of one deployment: all that `manage.py up` runs, and a second web server."""

import http.client
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.stack import WebServer, eventually
from benchmarks.stack.clocks import SetClock
from benchmarks.stack.up import Service
from katoproject.launcher import orphans, processes

_LIMIT = 10.0  # seconds that a probe waits
_AGAIN_LIMIT = 30.0  # seconds in which the supervisor starts again what has ended
_START_LIMIT = 150.0  # seconds; the machine may be busy


class First:
    """The supervisor with its web processes, the background worker and the scheduler. Its stores are elsewhere."""

    def __init__(self, folder: Path, *, workers: int, **environment: str) -> None:
        folder.mkdir(mode=0o755)
        self._service = Service(folder)
        self._environment = {**environment, "KATO_WORKERS": str(workers), "KATO_INSTANCE_ID": "first"}
        self.port = self._service.port

    def launch(self) -> None:
        self._service.launch(**self._environment)

    def wait(self) -> None:
        def is_up() -> bool:
            assert self._service.is_running, self._service.output
            return "KATO is up" in self._service.output

        eventually(is_up, "the first host comes up", seconds=_START_LIMIT)

    def revive(self) -> None:
        """Start it again if it has ended: it does when it starts while a store is out of order."""
        if not self._service.is_running:
            self.launch()

    def stop(self) -> None:
        if self._service.is_running:
            try:
                self._service.stop()
            except subprocess.TimeoutExpired:
                self.kill_supervisor()  # A verdict on the run is still to come.
        orphans.end(orphans.children_of_up(self._service.data), signal.SIGTERM)

    def kill_supervisor(self) -> None:
        self._service.process.kill()
        self._service.process.wait()

    @property
    def pid(self) -> int:
        return self._service.process.pid

    def child(self, part: str) -> psutil.Process:
        """`web`, `worker` or `beat`; one that has just ended is soon there again."""
        word = {"web": "katoproject.server"}.get(part, part)
        deadline = time.monotonic() + _AGAIN_LIMIT
        while time.monotonic() < deadline:
            for process in psutil.Process(self.pid).children():
                with suppress(psutil.NoSuchProcess):  # zombies, too
                    if word in process.cmdline():
                        return process
            time.sleep(0.1)
        raise LookupError(part)

    def kill(self, part: str) -> None:
        """`kill -9` a program with all its processes."""
        processes.end_group(self.child(part).pid)

    def web_workers(self) -> list[psutil.Process]:
        return self.child("web").children()


class Second:
    """A web server of another host, whose clock can be wrong."""

    def __init__(self, folder: Path, *, workers: int, **environment: str) -> None:
        folder.mkdir(mode=0o755)
        self._folder = folder
        self._web = WebServer(
            workers=workers,
            output=str(folder / "web.log"),
            KATO_DATA_DIR=str(folder),
            KATO_INSTANCE_ID="second",
            **environment,
        )
        self.port = self._web.port

    def launch(self) -> None:
        self._web.launch()

    def wait(self) -> None:
        def is_up() -> bool:
            status, _ = ask(self.port, "GET", "/health")
            return status == http.HTTPStatus.OK

        eventually(is_up, "the second host comes up", seconds=_START_LIMIT)

    def revive(self) -> None:
        """Start it if it has ended: it does when its processes are killed several times within a few seconds."""
        if self._web.has_ended:
            self.launch()

    def stop(self) -> None:
        if not self._web.has_ended:
            self._web.stop()

    @property
    def pid(self) -> int:
        return self._web.pid

    def web_workers(self) -> list[psutil.Process]:
        return psutil.Process(self._web.pid).children()

    def restart(self) -> None:
        self.stop()
        self.launch()

    @contextmanager
    def wrong_clock(self, ahead: str) -> Iterator[None]:
        """Its processes are restarted, and see another time inside the block."""
        right = dict(self._web.environment)
        clock = SetClock(self._folder / "clock", ahead)
        self._web.environment.update(clock.environment)
        self.restart()
        self.wait()
        try:
            yield
        finally:
            self._web.environment.clear()
            self._web.environment.update(right)
            self.restart()


def ask(port: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """One request on a new connection. Status 0 if there is no response."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return 0, None
    finally:
        connection.close()


class Probe:
    """Finds out whether the service is well, with a session of its own. It makes no others: listeners would hear of
    them, and the history would not know them."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        created, session = ask(ports[0], "POST", "/sessions", {"node_id": "probe", "ttl_seconds": 1_000_000})
        assert created == http.HTTPStatus.OK, "no session can be created"
        self._path = f"/sessions/{session['session_id']}"

    def wait(self, revive: Callable[[], None], *, seconds: float) -> tuple[float, float, list[str]]:
        """When writes worked again at every port, when all parts were well, and what is not within `seconds`.

        `revive` is what an init system does: it starts what has ended.
        """
        deadline = time.monotonic() + seconds
        served: float | None = None
        while True:
            revive()
            if served is None and all(self._writes(port) for port in self._ports):
                served = time.monotonic()
            left = ["no write works"] if served is None else [one for port in self._ports for one in complaints(port)]
            now = time.monotonic()
            if not left or now > deadline:
                return served or now, now, left
            time.sleep(0.1)

    def _writes(self, port: int) -> bool:
        observed, _ = ask(port, "POST", f"{self._path}/observe", {"strings": ["probe"]})
        cleared, _ = ask(port, "POST", f"{self._path}/clear-stm")
        return observed == cleared == http.HTTPStatus.OK


def complaints(port: int) -> list[str]:
    """The parts that are not well, as readiness sees them."""
    _, ready = ask(port, "GET", "/health/ready")
    if ready is None:
        return [f"port {port} does not respond"]
    return [f"{name}: {part['error']}" for name, part in ready["parts"].items() if not part["ok"]]
