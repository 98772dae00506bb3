"""The machine: room on the disk, file descriptors."""

import os
import resource
import shutil
import sys
from collections.abc import Iterator

import psutil

from katoproject.configuration.locations import data_dir
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.launcher.orphans import children_of_up

GIBIBYTE = 1024**3
LEAST_ROOM, COMFORTABLE_ROOM = 1 * GIBIBYTE, 5 * GIBIBYTE
COMFORTABLE_FILES = 4096  # connections take one each, and PostgreSQL some hundreds


def data_folder() -> Iterator[Finding]:
    folder = data_dir()
    if not folder.exists():
        yield warning(
            "data folder", f"{folder} is not there, so no service has run on it", "start one, or set KATO_DATA_DIR"
        )
        return
    free = shutil.disk_usage(folder).free
    found = f"{folder}, {free / GIBIBYTE:,.1f} GiB free"
    if not os.access(folder, os.W_OK):
        yield problem("data folder", f"{found}, but this account may not write there", "use the service's account")
    elif free < LEAST_ROOM:
        yield problem("data folder", f"{found}: a full disk stops PostgreSQL", "make room, or move KATO_DATA_DIR")
    elif free < COMFORTABLE_ROOM:
        yield warning("data folder", f"{found}: that is little", "make room before PostgreSQL has to stop")
    else:
        yield ok("data folder", found)


def file_descriptors() -> Iterator[Finding]:
    """Of the service that runs here, where that can be seen; else what one would get that is started now."""
    of = "a service started from here"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if sys.platform == "linux":
        try:
            limits = [process.rlimit(psutil.RLIMIT_NOFILE)[0] for process in children_of_up(data_dir())]
        except psutil.Error:
            limits = []  # it is just stopping, or another account's
        if limits:
            limit, of = min(limits), "the service that runs"
    if limit == resource.RLIM_INFINITY:
        yield ok("file descriptors", f"{of} may open any number of files")
    elif limit < COMFORTABLE_FILES:
        yield warning(
            "file descriptors",
            f"{of} may open {limit:,} files: with more connections than that it refuses clients",
            "ulimit -n 65536 before starting it (systemd: LimitNOFILE=65536)",
        )
    else:
        yield ok("file descriptors", f"{of} may open {limit:,} files")
