"""The process of the clients, seen from the harness."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from benchmarks.torture.history import Fault
from benchmarks.torture.workload.order import Order
from katoproject.configuration.environment import PROJECT_DIR

_END_LIMIT = 270.0  # seconds: jobs that are still to be done, and the last requests


class ClientsFailed(Exception):
    """The process of the clients has ended by itself."""


class Driver:
    def __init__(self, process: "subprocess.Popen[str]", order: Order) -> None:
        self._process = process
        self._order = order
        self.counts: dict[str, int] = {}
        """What was counted, as of a second ago."""
        self._ended = threading.Event()
        self._reading = threading.Thread(target=self._read)
        self._tell(asdict(order))
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "ended" in told:
                self._ended.set()
            else:
                self.counts = told

    def _tell(self, command: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise ClientsFailed from error

    def record(self, fault: Fault) -> None:
        self._tell({"fault": asdict(fault)})

    def vanish(self, share: float | None) -> None:
        self._tell({"vanishing": self._order.vanishing if share is None else share})

    def check(self) -> None:
        if self._process.poll() is not None:
            raise ClientsFailed

    def end(self) -> None:
        """Let the clients finish; return when the history is complete."""
        self._tell({"end": True})
        self._process.wait(_END_LIMIT)
        self._reading.join()
        if not self._ended.is_set():
            raise ClientsFailed

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._reading.join()


@contextmanager
def driving(order: Order) -> Iterator[Driver]:
    command = [sys.executable, "-m", "benchmarks.torture.workload"]
    with subprocess.Popen(
        command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        driver = Driver(process, order)
        try:
            yield driver
        finally:
            driver.close()
