"""Processes that end, stand still, or believe another time."""

import signal
import time
from contextlib import suppress

import psutil

from benchmarks.stack import paused
from benchmarks.stack.clocks import LIBRARIES
from benchmarks.torture.faults.fault import AT_ONCE, Breakage, kind
from benchmarks.torture.service import Stack

_A_JOB_RUNS = "SELECT count(*) FROM sessions_app_job WHERE state = 'running'"
_PATIENCE = 3.0  # seconds in which a job should be running


class _OfWebWorkers(Breakage):
    breaks = frozenset({"web"})

    def web_workers(self) -> list[psutil.Process]:
        return [*self.stack.first.web_workers(), *self.stack.second.web_workers()]


@kind
class WebWorkerKilled(_OfWebWorkers):
    name = "a web worker killed"
    seconds = AT_ONCE

    def begin(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self.chance.choice(self.web_workers()).kill()


@kind
class AllWebWorkersKilled(_OfWebWorkers):
    name = "all web workers killed"
    seconds = AT_ONCE

    def begin(self) -> None:
        for process in self.web_workers():
            with suppress(psutil.NoSuchProcess):
                process.kill()


@kind
class WebWorkerFrozen(_OfWebWorkers):
    name = "a web worker frozen"

    def begin(self) -> None:
        self.until_the_end.enter_context(paused(self.chance.choice(self.web_workers()).pid))


@kind
class HostRestarted(Breakage):
    """As an update does it: requests that it has are served first."""

    name = "a host restarted"
    seconds = AT_ONCE
    breaks = frozenset({"web"})

    def begin(self) -> None:
        self.stack.second.restart()


@kind
class ClocksApart(Breakage):
    name = "clocks apart"
    breaks = frozenset({"web"})

    @classmethod
    def obstacle(cls, stack: Stack) -> str | None:
        return None if LIBRARIES else "libfaketime is not installed"

    def begin(self) -> None:
        ahead = self.chance.choice(["+1h", "-1h", "+40s", "-40s", "+400d", "-400d"])
        self.details["ahead"] = ahead
        self.until_the_end.enter_context(self.stack.second.wrong_clock(ahead))


@kind
class WorkerKilledInAStep(Breakage):
    name = "the worker killed in a step"
    seconds = AT_ONCE
    breaks = frozenset({"worker"})

    def begin(self) -> None:
        self.details["in a step"] = self._wait_for_a_job()
        self.stack.first.kill("worker")

    def _wait_for_a_job(self) -> bool:
        deadline = time.monotonic() + _PATIENCE
        with self.stack.database.connect() as connection:
            while time.monotonic() < deadline:
                if connection.execute(_A_JOB_RUNS).fetchone() != (0,):
                    return True
        return False


@kind
class BeatKilled(Breakage):
    name = "the scheduler killed"
    seconds = AT_ONCE
    breaks = frozenset({"beat"})

    def begin(self) -> None:
        self.stack.first.kill("beat")


@kind
class SupervisorKilled(Breakage):
    """It is started again at once, as init systems do."""

    name = "the supervisor killed"
    breaks = frozenset({"web", "worker", "beat"})

    def begin(self) -> None:
        self.stack.first.kill_supervisor()

    def end(self) -> None:
        self.stack.first.launch()


@kind
class BackgroundFrozen(Breakage):
    name = "the worker frozen"
    breaks = frozenset({"worker"})

    def begin(self) -> None:
        self.until_the_end.enter_context(paused(self.stack.first.child("worker").pid))


@kind
class WorkerStopped(Breakage):
    """It gives its job back first."""

    name = "the worker stopped"
    seconds = AT_ONCE
    breaks = frozenset({"worker"})

    def begin(self) -> None:
        self.stack.first.child("worker").send_signal(signal.SIGTERM)
