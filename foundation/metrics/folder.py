"""The folder in which the processes of one service on one machine count.

The program that starts the service names it in PROMETHEUS_MULTIPROC_DIR, which is a variable of the Prometheus client
library. A process without it (a command, a test) counts in its own memory.
"""

import hashlib
import os
import socket
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_STARTED = "started"
_known_start: tuple[float, float] | None = None
_PROCESS_STARTED = time.time(), time.monotonic()


def empty_folder(data: Path, port: int) -> Path:
    """The folder of the service on this port, without what an earlier run left: a service counts from its start."""
    made = data / "monitoring" / str(port)
    made.mkdir(parents=True, exist_ok=True)
    for left_over in made.iterdir():
        left_over.unlink()
    return made


def create_folder() -> None:
    """Create the folder if there is none."""
    if (found := folder()) is not None:
        found.mkdir(parents=True, exist_ok=True)


def folder() -> Path | None:
    """None for a process that counts in its own memory."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


@cache
def instance() -> str:
    """Names this service on this machine: the same for all its processes, and after a restart."""
    place = hashlib.sha256(str(folder() or os.getpid()).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}-{place}"


def started_at() -> float:
    """When counting began, in epoch seconds, as this host's clock was then; the same for all processes."""
    return _started()[0]


def uptime() -> float:
    """Seconds since counting began, whatever has happened to the host's clock since."""
    return max(0.0, time.monotonic() - _started()[1])


def _started() -> tuple[float, float]:
    """When counting began, by the clock of the host and by the one that nobody can set: it counts since the boot."""
    global _known_start
    if _known_start is None and (found := folder()) is not None:
        try:
            _known_start = _read_start(found / _STARTED)
        except (OSError, ValueError):
            return _PROCESS_STARTED  # the disk is full, which `counts.py` says; the next caller tries again
    return _known_start or _PROCESS_STARTED


def _read_start(path: Path) -> tuple[float, float]:
    """What the first process of the service has written. Raises OSError and ValueError."""
    if not path.exists():
        own = path.with_name(f"{_STARTED}.{os.getpid()}")
        try:
            own.write_text(f"{_PROCESS_STARTED[0]!r} {_PROCESS_STARTED[1]!r}")
            # Complete or not at all, and only for the first process.
            with suppress(FileExistsError):  # another process was first, and its time counts
                os.link(own, path)
        finally:
            own.unlink(missing_ok=True)
    at, since_boot = map(float, path.read_text().split())
    # A folder of before the last boot: that clock has started over.
    return at, min(since_boot, time.monotonic())
