"""The honest client: a process of its own that works all the time and reports how long its requests took.

As a program (`python -m benchmarks.attack.honest PORT SESSION [TOKEN]`) it writes one line of JSON for each line that
it reads: the figures since the last one.
"""

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from http.client import HTTPConnection, HTTPException
from typing import Self

ADDRESS = "127.0.0.1"
_PAUSE = 0.005  # seconds between two requests: it is a client, not a load
_PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Figures:
    """`failed`: requests that got anything but a 200, or nothing; `why`: the first of those."""

    requests: int
    failed: int
    p50_ms: float
    p99_ms: float
    why: str = ""


def figures(seconds: list[float], failures: list[str]) -> Figures:
    ordered = sorted(seconds) or [float("inf")]
    p50, p99 = ordered[len(ordered) // 2], ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]
    return Figures(len(seconds), len(failures), p50 * 1000, p99 * 1000, failures[0] if failures else "")


class HonestClient:
    """Starts the program and asks it. Use it as a context manager."""

    def __init__(self, port: int, session_id: str, token: str | None) -> None:
        self._program = [sys.executable, "-m", "benchmarks.attack.honest", str(port), session_id]
        self._program += [token] if token else []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def figures(self) -> Figures:
        """Since this was last called."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return Figures(**json.loads(self._process.stdout.readline()))


class _Work:
    def __init__(self, port: int, session_id: str, token: str | None) -> None:
        self._port = port
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._kept = self._connect()
        # Every other request has a connection of its own, so a service that accepts none is noticed.
        self._requests = [
            ("POST", f"/sessions/{session_id}/observe", json.dumps({"strings": ["kettle", "on"]}), True),
            ("GET", f"/sessions/{session_id}", None, False),
            ("GET", f"/sessions/{session_id}/predictions", None, True),
            ("GET", "/health", None, False),
        ]
        self.seconds: list[float] = []
        self.failures: list[str] = []

    def _connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE, source_address=(ADDRESS, 0))

    def forever(self) -> None:
        while True:
            for method, path, body, keep in self._requests:
                begun = time.perf_counter()
                failure = self._failure(method, path, body, keep=keep)
                self.seconds.append(time.perf_counter() - begun)
                if failure:
                    self.failures.append(f"{method} {path.rpartition('/')[2]}: {failure}")
                time.sleep(_PAUSE)

    def _failure(self, method: str, path: str, body: str | None, *, keep: bool) -> str:
        connection = self._kept if keep else self._connect()
        try:
            connection.request(method, path, body, self._headers)
            response = connection.getresponse()
            response.read()
        except (OSError, HTTPException) as error:
            connection.close()  # http.client connects again
            return type(error).__name__
        if not keep:
            connection.close()
        return "" if response.status == 200 else str(response.status)

    def taken(self) -> Figures:
        seconds, self.seconds = self.seconds, []
        failures, self.failures = self.failures, []
        return figures(seconds, failures)


def main() -> None:
    port, session_id, *token = sys.argv[1:]
    work = _Work(int(port), session_id, token[0] if token else None)
    threading.Thread(target=work.forever, daemon=True).start()
    for _ in sys.stdin:
        sys.stdout.write(json.dumps(asdict(work.taken())) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
