"""Whether a file system still takes what is written to it."""

import errno
import os
from pathlib import Path

# With less space than this a disk counts as full: PostgreSQL needs 16 MB for the next piece of its log. Bytes.
LEAST = 32 << 20
# Or with less than this share of a small one.
_LEAST_SHARE = 0.05
_FEWEST_FILES = 64

REMEDY = "free some space; everything is well again by itself then"
READ_ONLY_REMEDY = "find out why it became read-only (dmesg), then mount it for writing again"

# Of an OSError: the disk, or what this account may use of it, is full, or it became read-only.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def problem_of(place: Path) -> tuple[str, str] | None:
    """Why nothing can be written there, and what helps."""
    try:
        status = os.statvfs(place)
    except FileNotFoundError:
        return None  # it is created when it is needed
    if status.f_flag & os.ST_RDONLY:
        return f"{place} is on a file system that is read-only", READ_ONLY_REMEDY
    free, size = status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize
    if size and free < min(LEAST, _LEAST_SHARE * size):
        return f"the disk of {place} is full ({free >> 20:,} MB left)", REMEDY
    if status.f_files and status.f_favail < _FEWEST_FILES:
        return f"the disk of {place} has no room for more files ({status.f_favail} inodes left)", REMEDY
    return None
