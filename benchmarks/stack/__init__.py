"""The running stack: stores of its own, the real web server with several workers, the background processes.

What makes parts of it fail is in modules of its own: a network (`proxy.py`), a disk (`small_disk.py`), clocks.

Benchmarks measure it and tests check it, so both start it from here; nothing here knows either of them.
"""

from benchmarks.stack.background import Beat, Worker
from benchmarks.stack.process import manage, paused
from benchmarks.stack.stores import Stores, temporary_folder
from benchmarks.stack.waiting import DEADLINE, eventually
from benchmarks.stack.web import START_LIMIT, WebServer, free_port

__all__ = [
    "DEADLINE",
    "START_LIMIT",
    "Beat",
    "Stores",
    "WebServer",
    "Worker",
    "eventually",
    "free_port",
    "manage",
    "paused",
    "temporary_folder",
]
