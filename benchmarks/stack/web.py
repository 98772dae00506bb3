"""The web server, started as `manage.py up` starts it."""

import http.client
import os
import random
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import ClassVar, Self

import psutil

from benchmarks.stack.process import ProcessGroup
from benchmarks.stack.waiting import eventually
from foundation.metrics import folder as monitoring
from katoproject.configuration.environment import PROJECT_DIR
from katoproject.configuration.locations import postgres_url
from katoproject.launcher.web_program import web_command

START_LIMIT = 60.0  # seconds; each worker process loads a compiler's runtime, on a machine that may be busy

_PREPARE = """
import gc, os, django
gc.disable()
os.environ["DJANGO_SETTINGS_MODULE"] = "katoproject.settings"
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0, interactive=False)
call_command("collectstatic", verbosity=0, interactive=False)
call_command("compile_kernels")
"""


def free_port() -> int:
    """A free port below the range of outgoing connections, which other tests open all the time."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class WebServer(ProcessGroup):
    """The service as users run it: Granian, several worker processes, 8 threads each."""

    # Addresses of databases that are migrated, and data folders with static files.
    _prepared: ClassVar[set[str]] = set()
    checkout = PROJECT_DIR  # of the release that it runs

    def __init__(self, *, workers: int = 4, output: str | None = None, **environment: str) -> None:
        """`output`: a file for its standard output."""
        super().__init__()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._output = output
        self.workers = workers
        self.environment = {**os.environ, **environment}
        self.counted_in = str(monitoring.empty_folder(Path(self.environment["KATO_DATA_DIR"]), self.port))
        self.environment[monitoring.VARIABLE] = self.counted_in

    def command(self) -> list[str]:
        return web_command("127.0.0.1", self.port, self.workers)

    def prepare(self) -> None:
        """Do what `manage.py up` does before it starts the web server, in one process instead of three, and once for
        each database and data folder."""
        folder = self.environment["KATO_DATA_DIR"]
        needed = {self.environment.get("DATABASE_URL") or postgres_url(Path(folder)), folder}
        if needed <= self._prepared:
            return
        subprocess.run([sys.executable, "-c", _PREPARE], cwd=self.checkout, env=self.environment, check=True)
        self._prepared.update(needed)

    @classmethod
    def take_as_prepared(cls, database_url: str, data: Path) -> None:
        cls._prepared.update((database_url, str(data)))

    def start(self) -> None:
        self.launch()
        eventually(self.all_workers_answer, "the web server comes up", seconds=START_LIMIT)

    def launch(self) -> None:
        with ExitStack() as opened:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.checkout,
                env=self.environment,
                stdout=opened.enter_context(Path(self._output).open("ab")) if self._output else None,
                start_new_session=True,
            )

    def all_workers_answer(self) -> bool:
        """Has every worker process answered a request?"""
        assert self._process is not None
        assert self._process.poll() is None, "the web server has ended"
        return len({self._who_answers() for _ in range(8 * self.workers)} - {""}) >= self.workers

    def _who_answers(self) -> str:
        """The instance that answers a request on a new connection; empty if none does."""
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
        """The worker processes, the oldest first."""
        children = psutil.Process(self.pid).children()
        return [child.pid for child in sorted(children, key=psutil.Process.create_time)]

    def __enter__(self) -> Self:
        self.prepare()
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self
