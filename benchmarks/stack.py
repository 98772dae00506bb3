"""What tests about processes start: stores of their own, and the real web server with several workers."""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from foundation.metrics import folder as monitoring
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.launcher import postgres, processes, redis
from katoproject.launcher.web_program import web_command

DEADLINE = 20.0
START_LIMIT = 60.0  # seconds; each worker process loads a compiler's runtime, on a machine that may be busy


_PREPARE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "katoproject.settings"
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
call_command("collectstatic", verbosity=0, interactive=False)
call_command("compile_kernels")
"""


def eventually(condition: Callable[[], bool], what: str, *, seconds: float = DEADLINE) -> None:
    """Wait until `condition` holds; fail, saying `what` did not happen, when it takes too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)  # often enough, and most conditions are requests, which cost processor time


def free_port() -> int:
    """Below those that the system gives to outgoing connections, which other tests open all the time."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def manage(*arguments: str, **environment: str) -> str:
    """What a command of manage.py prints."""
    command = [sys.executable, "manage.py", *arguments]
    everything = {**os.environ, **environment}
    return subprocess.run(command, cwd=PROJECT_DIR, env=everything, capture_output=True, text=True, check=True).stdout


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """The process and its children stand still inside the block."""
    everyone = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in everyone:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in reversed(everyone):
            process.send_signal(signal.SIGCONT)


class Stores:
    """PostgreSQL and Redis in `data`, where DATABASE_URL and REDIS_URL do not name others."""

    def __init__(self, data: Path, *, private: bool = False) -> None:
        self.data = data
        self._wanted = {
            "postgres": (postgres, private or "DATABASE_URL" not in os.environ),
            "redis": (redis, private or "REDIS_URL" not in os.environ),
        }
        self.are_own = all(wanted for _, wanted in self._wanted.values())
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in self._wanted:
            self.start_one(name)

    def start_one(self, name: str) -> None:
        module, wanted = self._wanted[name]
        if wanted:
            self.running[name] = processes.start(module.program(self.data))

    def stop(self) -> None:
        for name in list(self.running):
            self.stop_one(name)

    def stop_one(self, name: str) -> None:
        processes.stop(self._wanted[name][0].program(self.data), self.running.pop(name))

    def __enter__(self) -> "Stores":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def kill(self, name: str) -> None:
        """`kill -9` of the server and all it started."""
        process = self.running.pop(name)
        processes.end_group(process.pid)
        process.wait()


class WebServer:
    """The service as users run it: Granian, several worker processes, 8 threads each."""

    def __init__(self, *, workers: int = 4, output: str | None = None, **environment: str) -> None:
        """`output`: a file for what it prints."""
        self._output = output
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._workers = workers
        self._environment = {**os.environ, **environment}
        self.counted_in = str(monitoring.empty_folder(Path(self._environment["KATO_DATA_DIR"]), self.port))
        self._environment[monitoring.VARIABLE] = self.counted_in
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """What `manage.py up` does before it starts the web server, in one process instead of three."""
        subprocess.run([sys.executable, "-c", _PREPARE], cwd=PROJECT_DIR, env=self._environment, check=True)

    def start(self) -> None:
        with ExitStack() as opened:
            self._process = subprocess.Popen(
                web_command("127.0.0.1", self.port, self._workers),
                cwd=PROJECT_DIR,
                env=self._environment,
                stdout=opened.enter_context(Path(self._output).open("ab")) if self._output else None,
                start_new_session=True,
            )
        eventually(self.all_workers_answer, "the web server comes up", seconds=START_LIMIT)

    def all_workers_answer(self) -> bool:
        """Has every worker process answered a request?"""
        assert self._process is not None
        assert self._process.poll() is None, "the web server has ended"
        return len({self._who_answers() for _ in range(8 * self._workers)} - {""}) >= self._workers

    def _who_answers(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            return connection.getresponse().headers["X-Kato-Instance"] or ""
        except OSError:
            return ""
        finally:
            connection.close()

    @property
    def worker_pids(self) -> list[int]:
        """The oldest first."""
        assert self._process is not None
        children = psutil.Process(self._process.pid).children()
        return [child.pid for child in sorted(children, key=psutil.Process.create_time)]

    def kill(self) -> None:
        """`kill -9` of all its processes at once."""
        assert self._process is not None
        processes.end_group(self._process.pid)
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(15)

    def __enter__(self) -> "WebServer":
        self.prepare()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Background:
    """A Celery worker with two processes, or a beat, as `manage.py up` starts them."""

    def __init__(self, *program: str, **environment: str) -> None:
        self._program = program
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "celery", "-A", "katoproject", "--quiet", *self._program]
        self._process = subprocess.Popen(command, cwd=PROJECT_DIR, env=self._environment, start_new_session=True)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """`kill -9` of all its processes at once."""
        assert self._process is not None
        processes.end_group(self._process.pid)
        self._process.wait()

    def stop(self) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(15)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Worker(Background):
    def __init__(self, **environment: str) -> None:
        alone = ("--without-mingle", "--without-gossip")
        super().__init__("worker", "--concurrency=2", "--loglevel=INFO", *alone, **environment)


class Beat(Background):
    def __init__(self, schedule: Path) -> None:
        super().__init__("beat", f"--schedule={schedule}", "--pidfile=")
