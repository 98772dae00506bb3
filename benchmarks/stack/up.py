"""The whole service, run by `manage.py up` as operators use it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from benchmarks.stack.waiting import eventually
from benchmarks.stack.web import START_LIMIT, free_port
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.launcher import orphans

STOP_LIMIT = 10.0


class Service:
    """One data folder and port, and the `manage.py up` that runs on it."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.port = free_port()
        self._log = folder / "up.log"
        self._latest = 0  # where in the log the output of the latest start begins
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """The output of the latest start so far."""
        with self._log.open("rb") as log:
            log.seek(self._latest)
            return log.read().decode(errors="replace")

    def launch(self, **environment: str) -> None:
        with self._log.open("ab") as log:
            self._latest = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=PROJECT_DIR,
                env=self.environment(**environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        return {**kept, "KATO_DATA_DIR": str(self.data), "PORT": str(self.port), **changes}

    def start(self, **environment: str) -> None:
        self.launch(**environment)
        eventually(lambda: "KATO is up" in self.output or not self.is_running, "start", seconds=START_LIMIT)
        assert self.is_running, self.output

    def refused(self, **environment: str) -> str:
        """Start a second time, which must fail; return the message."""
        done = subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=PROJECT_DIR,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
            check=False,
        )
        assert done.returncode == 1
        assert "Starting" not in done.stdout
        return done.stderr

    def pids(self) -> dict[str, int]:
        """The pids of the programs, as announced by the latest start."""
        [line] = re.findall(r"Processes +(.*)", self.output)
        return {name: int(pid) for name, pid in (part.split() for part in line.split(", "))}

    def everyone(self) -> list[psutil.Process]:
        """All running processes of this service except the supervisor."""
        return [
            *orphans.children_of_up(self.data),
            *orphans.servers_in(self.data / "postgres", "postgres"),
            *orphans.servers_in(self.data / "redis", "valkey-server"),
        ]

    def url(self, address: str = "127.0.0.1") -> str:
        return f"http://{address}:{self.port}"

    def create_session(self) -> str:
        response = httpx.post(f"{self.url()}/sessions", json={"node_id": "node"}, timeout=10)
        assert response.status_code == 200, response.text
        return str(response.json()["session_id"])

    def has_session(self, session_id: str) -> bool:
        return httpx.get(f"{self.url()}/sessions/{session_id}", timeout=10).status_code == 200

    def works(self) -> bool:
        try:
            return httpx.post(f"{self.url()}/sessions", json={"node_id": "node"}, timeout=10).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(STOP_LIMIT)
