"""The folder in which the processes of one service on one machine keep what they count.

Whoever starts the service names it in PROMETHEUS_MULTIPROC_DIR, which is the Prometheus client library's own variable.
A process without it (a command, a test) counts in its own memory.
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


def fresh_folder(data: Path, port: int) -> Path:
    """The folder of the service on this port, emptied: a service that starts counts from zero."""
    made = data / "monitoring" / str(port)
    made.mkdir(parents=True, exist_ok=True)
    for left_over in made.iterdir():
        left_over.unlink()
    return made


@cache
def folder() -> Path | None:
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    found = Path(named)
    found.mkdir(parents=True, exist_ok=True)
    return found


@cache
def instance() -> str:
    """Which service on which machine: the same for all its processes, and after a restart."""
    place = hashlib.sha256(str(folder() or os.getpid()).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}-{place}"


@cache
def started_at() -> float:
    """When counting began, in epoch seconds; the same for all processes of the service."""
    found = folder()
    if found is None:
        return _PROCESS_STARTED
    fresh = found / f"{_STARTED}.{os.getpid()}"
    fresh.write_text(repr(time.time()))
    try:
        os.link(fresh, found / _STARTED)  # whole or not at all, and only for the first
    except FileExistsError:
        pass  # another process was first: its time counts
    finally:
        fresh.unlink()
    return float((found / _STARTED).read_text())
