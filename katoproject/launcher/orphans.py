"""Processes that an earlier, killed run left behind: found by what they are, never by a pid in a file.

Pids are reused, after a reboot within seconds; a pid file may be missing or lie.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

# Set in the environment of every child of `manage.py up`, with the data folder as its value.
MARK = "KATO_STARTED_BY_UP_IN"


def servers_in(folder: Path, name: str) -> list[psutil.Process]:
    """Server processes of this name that work in this folder: PostgreSQL and Valkey both move to their data."""
    wanted = {"name": name, "cwd": str(folder.resolve())}
    return [process for process in psutil.process_iter(["name", "cwd"]) if process.info == wanted]


def children_of_up(data_folder: Path) -> list[psutil.Process]:
    """Processes that an `up` on this data folder started and did not live to stop."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if process.pid != os.getpid() and (process.info["environ"] or {}).get(MARK) == str(data_folder)
    ]


def end(processes: Iterable[psutil.Process], *signals: signal.Signals, patience: float = 4) -> None:
    """Send the signals in turn, each with time to work, then SIGKILL; returns when all are gone."""
    left = list(processes)
    for number in (*signals, signal.SIGKILL):
        for process in left:
            with suppress(psutil.NoSuchProcess):  # gone by itself in the meantime
                process.send_signal(number)
        deadline = time.monotonic() + patience
        while (left := [process for process in left if _lives(process)]) and time.monotonic() < deadline:
            time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    """A zombie is dead: it holds nothing but its pid, and in a container its new parent may be slow to collect it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
