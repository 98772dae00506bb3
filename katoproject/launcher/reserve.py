"""Space that is given up when the disk is full, so that PostgreSQL can start.

Where the disk has no space for the next piece of its write-ahead log, PostgreSQL ends, and cannot start either: its
recovery needs such a piece. With this much it starts, and reads go on.
"""

import os
from pathlib import Path

from foundation import disk

SIZE = 48 << 20  # bytes: three pieces of the log
_NAME = "reserve"


def give_up_if_full(data: Path) -> bool:
    """Whether there was a reserve to be given up."""
    reserve = data / _NAME
    if disk.problem_of(data) is None or not reserve.exists():
        return False
    reserve.unlink()
    return True


def keep(data: Path) -> None:
    """Take the reserve, where there is plenty of space."""
    reserve, status = data / _NAME, os.statvfs(data)
    if reserve.exists() or status.f_bavail * status.f_frsize < 4 * SIZE:
        return
    fresh = reserve.with_suffix(".new")
    with fresh.open("wb") as file:
        # Given without writing it; some systems cannot.
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, SIZE)
        else:
            file.write(bytes(SIZE))
    fresh.rename(reserve)
