"""The machine: free disk space, file descriptors."""

import os
import resource
import shutil
import sys
from collections.abc import Iterator

import psutil

from foundation import disk
from katoproject.configuration.locations import data_dir
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.launcher.orphans import children_of_up

GIBIBYTE = 1024**3
LEAST_SPACE, ENOUGH_SPACE = 1 * GIBIBYTE, 5 * GIBIBYTE
ENOUGH_FILES = 4096  # each connection takes one, and PostgreSQL takes some hundreds


def data_folder() -> Iterator[Finding]:
    folder = data_dir()
    if not folder.exists():
        yield warning(
            "data folder", f"{folder} does not exist: no service has used it", "start the service, or set KATO_DATA_DIR"
        )
        return
    free = shutil.disk_usage(folder).free
    found = f"{folder}, {free / GIBIBYTE:,.1f} GiB free"
    if (complaint := disk.problem_of(folder)) is not None:
        yield problem("data folder", *complaint)
    elif not os.access(folder, os.W_OK):
        yield problem("data folder", f"{found}, but this account may not write to it", "use the service's account")
    elif free < LEAST_SPACE:
        yield problem("data folder", f"{found}: a full disk stops PostgreSQL", "free some space, or move KATO_DATA_DIR")
    elif free < ENOUGH_SPACE:
        yield warning("data folder", f"{found}: little space is left", "free some space before PostgreSQL has to stop")
    else:
        yield ok("data folder", found)


def file_descriptors() -> Iterator[Finding]:
    """The limit of the service that runs here if this account can see it, else of a service started from this shell."""
    subject = "a service started from here"
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if sys.platform == "linux":
        try:
            limits = [process.rlimit(psutil.RLIMIT_NOFILE)[0] for process in children_of_up(data_dir())]
        except psutil.Error:
            limits = []  # the service is stopping, or belongs to another account
        if limits:
            limit, subject = min(limits), "the running service"
    if limit == resource.RLIM_INFINITY:
        yield ok("file descriptors", f"{subject} may open any number of files")
    elif limit < ENOUGH_FILES:
        yield warning(
            "file descriptors",
            f"{subject} may open {limit:,} files: it refuses connections beyond that",
            "ulimit -n 65536 before starting it (systemd: LimitNOFILE=65536)",
        )
    else:
        yield ok("file descriptors", f"{subject} may open {limit:,} files")
