"""Processes of the service, started and ended as `manage.py up` and an operating system do it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import psutil

from katoproject.configuration.environment import PROJECT_DIR
from katoproject.launcher import processes

_STOP_LIMIT = 15  # seconds


def manage(*arguments: str, **environment: str) -> str:
    """Run a command of manage.py; return its standard output."""
    command = [sys.executable, "manage.py", *arguments]
    merged = {**os.environ, **environment}
    return subprocess.run(command, cwd=PROJECT_DIR, env=merged, capture_output=True, text=True, check=True).stdout


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """The process and its children are suspended inside the block."""
    suspended = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in suspended:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(suspended):
            process.send_signal(signal.SIGCONT)


class ProcessGroup:
    """A program that runs as a process group of its own, so that it can be killed with all its children."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """Send `kill -9` to all processes of the group at once."""
        assert self._process is not None
        processes.end_group(self._process.pid)
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_LIMIT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
