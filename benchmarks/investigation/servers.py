"""Both programs running on one port, each at its own address, or one of them at both."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.baseline.process import BaselineProcess, running
from benchmarks.investigation.names import IPV4, IPV6
from benchmarks.investigation.programs import RECORD
from benchmarks.stack import free_port
from katoproject.configuration.environment import PROJECT_DIR

KATO, STRANGER = "benchmarks.investigation.programs:kato", "benchmarks.investigation.programs:stranger"


class Seen(NamedTuple):
    """A request as a server recorded it."""

    trace: str
    method: str
    path: str
    status: int


@dataclass(frozen=True)
class Behind:
    """What is behind the name: the address of KATO, and the record of each program."""

    port: int
    kato_at: str
    kato_record: Path
    stranger_record: Path

    @property
    def name(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def kato(self) -> str:
        """The URL of KATO by its address."""
        return f"http://{f'[{self.kato_at}]' if ':' in self.kato_at else self.kato_at}:{self.port}"

    def forget(self) -> None:
        for file in (self.kato_record, self.stranger_record):
            file.write_text("")

    def seen_by_kato(self) -> list[Seen]:
        return _seen(self.kato_record)

    def seen_by_stranger(self) -> list[Seen]:
        return _seen(self.stranger_record)


def _seen(file: Path) -> list[Seen]:
    return [Seen(*json.loads(line)) for line in file.read_text().splitlines()]


@contextmanager
def two_servers(folder: Path, redis_url: str, *, kato_at: str = IPV6) -> Iterator[Behind]:
    other = IPV4 if kato_at == IPV6 else IPV6
    behind = _behind(folder, kato_at)
    port = behind.port
    kato, stranger = recording(behind.kato_record), recording(behind.stranger_record)
    with running(
        BaselineProcess(redis_url, app=KATO, port=port, hosts=(kato_at,), environment=kato),
        BaselineProcess(redis_url, app=STRANGER, port=port, hosts=(other,), environment=stranger),
    ):
        yield behind


@contextmanager
def one_server(folder: Path, redis_url: str) -> Iterator[Behind]:
    behind = _behind(folder, IPV6)
    hosts = (IPV6, IPV4)
    kato = recording(behind.kato_record)
    with running(BaselineProcess(redis_url, app=KATO, port=behind.port, hosts=hosts, environment=kato)):
        yield behind


def recording(file: Path) -> dict[str, str]:
    """The environment of a program that records its requests in `file`."""
    return {RECORD: str(file)}


def _behind(folder: Path, kato_at: str) -> Behind:
    behind = Behind(free_port(), kato_at, folder / "kato.requests", folder / "stranger.requests")
    behind.forget()
    return behind


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of manage.py, which may fail."""
    command = [sys.executable, "manage.py", *arguments]
    everything = {**os.environ, **environment}
    return subprocess.run(
        command, cwd=PROJECT_DIR, env=everything, capture_output=True, text=True, check=False, timeout=60
    )
