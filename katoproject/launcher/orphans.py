"""Processes that an earlier, killed run left behind: found by their properties, never by a pid in a file.

A system reuses pids, after a reboot within seconds, and a pid file may be missing or wrong.
"""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

# In the environment of every child of `manage.py up`; its value is the data folder.
MARK = "KATO_STARTED_BY_UP_IN"


def servers_in(folder: Path, name: str) -> list[psutil.Process]:
    """Server processes of this name with this working folder, which for PostgreSQL and Valkey is their data folder."""
    wanted = {"name": name, "cwd": str(folder.resolve())}
    return [process for process in psutil.process_iter(["name", "cwd"]) if process.info == wanted]


def children_of_up(data_folder: Path) -> list[psutil.Process]:
    """Processes that a killed `up` on this data folder had started."""
    return [
        process
        for process in psutil.process_iter(["environ"])
        if process.pid != os.getpid() and (process.info["environ"] or {}).get(MARK) == str(data_folder)
    ]


def end(processes: Iterable[psutil.Process], *signals: signal.Signals, patience: float = 4) -> None:
    """Send the signals in turn, wait after each, then send SIGKILL; return when all processes have ended."""
    left = list(processes)
    for number in (*signals, signal.SIGKILL):
        for process in left:
            with suppress(psutil.NoSuchProcess):  # it has ended in the meantime
                process.send_signal(number)
        deadline = time.monotonic() + patience
        while (left := [process for process in left if _is_alive(process)]) and time.monotonic() < deadline:
            time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    """A zombie is not: it holds only its pid, and in a container its new parent may be slow to collect it."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
