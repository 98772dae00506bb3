"""The service under attack: two web processes, stores of its own, and the honest client beside it."""

import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.attack.attack import KEYS, MEBIBYTE
from benchmarks.attack.attacker import Attacker
from benchmarks.attack.honest import HonestClient
from benchmarks.attack.predictions import DEADLINE
from benchmarks.stack import WebServer, manage

WORKERS = 2
_LOOKS = 0.05  # seconds between two looks at the memory
# Of a service, beyond what it had before an attack. The machine that runs this must survive it.
MOST_MEMORY = 1500 * MEBIBYTE

# Shorter than the defaults, so that a run takes minutes. The limits themselves are the defaults.
_ENVIRONMENT = {
    "LOG_LEVEL": "ERROR",
    "KATO_PREDICTION_TIMEOUT_SECONDS": str(DEADLINE),
    "KATO_BODY_TIMEOUT_SECONDS": "5",
    "KATO_IDLE_TIMEOUT_SECONDS": "5",
}


def _environment(kind: str) -> dict[str, str]:
    if kind != KEYS:
        return {**_ENVIRONMENT, "KATO_ACCESS": "open"}
    production = {
        "ENVIRONMENT": "production",
        "KATO_SECRET_KEY": secrets.token_hex(32),
        "KATO_ALLOWED_HOSTS": "127.0.0.1",
    }
    return {**_ENVIRONMENT, **production, "KATO_ACCESS": "keys"}


@dataclass(frozen=True)
class Service:
    server: WebServer
    honest: HonestClient
    attacker: Attacker

    def memory(self) -> int:
        """Bytes that the web processes have in memory, all together; 0 when they are gone."""
        try:
            return sum(psutil.Process(pid).memory_info().rss for pid in self.server.worker_pids)
        except psutil.NoSuchProcess:
            return 0


@contextmanager
def serving(kind: str) -> Iterator[Service]:
    """A service that is warm. `kind`: OPEN or KEYS."""
    environment = _environment(kind)
    log = str(Path(os.environ["KATO_DATA_DIR"]) / f"attacked-{kind}.log")
    with WebServer(workers=WORKERS, output=log, **environment) as server:
        honest_token = _key(environment, "honest") if kind == KEYS else None
        attacker_token = _key(environment, "attacker", "--rate", "20") if kind == KEYS else None
        owner = Attacker(server.port, honest_token)
        session_id = owner.session("kitchen")
        lesson = {"observations": [{"strings": ["kettle", "on"]}, {"strings": ["tea"]}], "learn_at_end": True}
        owner.ask("POST", f"/sessions/{session_id}/observe-sequence", lesson)
        with HonestClient(server.port, session_id, honest_token) as honest:
            yield Service(server, honest, Attacker(server.port, attacker_token))


def _key(environment: dict[str, str], name: str, *options: str) -> str:
    created = json.loads(manage("key", "create", f"{name}-{secrets.token_hex(4)}", *options, "--json", **environment))
    return str(created["token"])


class MemoryWatch:
    """The highest memory of a service inside a `with` block. Beyond MOST_MEMORY the attack has succeeded: kills it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._over = threading.Event()
        self.before = self.peak = self.after = service.memory()

    def __enter__(self) -> "MemoryWatch":
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.after = self._service.memory()

    def _watch(self) -> None:
        while not self._over.wait(_LOOKS):
            self.peak = max(self.peak, self._service.memory())
            if self.peak - self.before > MOST_MEMORY:
                self._service.server.kill()
                return
