"""PostgreSQL and Redis for one run, and a folder for their data."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from katoproject.configuration.kernels import configure_kernels
from katoproject.launcher import postgres, processes, redis


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A data folder that is deleted afterwards; compiled kernels are kept, because compiling takes a minute."""
    configure_kernels(Path(tempfile.gettempdir()) / "kato-test-kernels")
    folder = Path(tempfile.mkdtemp(prefix="kato-bench-"))
    folder.chmod(0o755)  # the servers of a root user run under another account
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


class Stores:
    """PostgreSQL and Redis in `data`, unless DATABASE_URL and REDIS_URL name other servers."""

    def __init__(self, data: Path, *, private: bool = False) -> None:
        """`private`: ignore DATABASE_URL and REDIS_URL."""
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

    def kill(self, name: str) -> None:
        """Send `kill -9` to the server and to all processes it started."""
        process = self.running.pop(name)
        processes.end_group(process.pid)
        process.wait()

    def __enter__(self) -> "Stores":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
