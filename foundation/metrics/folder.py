"""The folder in which the processes of one service on one machine count.

The program that starts the service names it in PROMETHEUS_MULTIPROC_DIR, which is a variable of the Prometheus client
library. A process without it (a command, a test) counts in its own memory.
"""

import hashlib
import os
import socket
import time
from functools import cache
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_STARTED = "started"
_PROCESS_STARTED = time.time()


def empty_folder(data: Path, port: int) -> Path:
    """The folder of the service on this port, without what an earlier run left: a service counts from its start."""
    made = data / "monitoring" / str(port)
    made.mkdir(parents=True, exist_ok=True)
    for left_over in made.iterdir():
        left_over.unlink()
    return made


def create_folder() -> None:
    """Create the folder if there is none. Call before the first metric: the library opens its files there at once."""
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


@cache
def started_at() -> float:
    """When counting began, in epoch seconds; the same for all processes of the service."""
    found = folder()
    if found is None:
        return _PROCESS_STARTED
    own = found / f"{_STARTED}.{os.getpid()}"
    own.write_text(repr(time.time()))
    try:
        os.link(own, found / _STARTED)  # complete or not at all, and only for the first process
    except FileExistsError:
        pass  # another process was first, and its time counts
    finally:
        own.unlink()
    return float((found / _STARTED).read_text())
