"""Where the embedded servers keep their data and listen.

Read by the settings (to connect) and by the launchers (to listen), so that any `manage.py` command finds servers
that `manage.py up` started.
"""

import hashlib
import os
import stat
from functools import cache
from pathlib import Path
from urllib.parse import quote

from katoproject.configuration.environment import PROJECT_DIR, read_environment

# PostgreSQL refuses to run as root; this uid has a passwd entry ("nobody") on every Linux distribution we know.
UNPRIVILEGED_UID = 65534


def _others_may_enter(folder: Path) -> bool:
    existing = [part for part in (folder, *folder.parents) if part.exists()]
    return all(part.stat().st_mode & stat.S_IXOTH for part in existing)


@cache
def data_dir() -> Path:
    """KATO_DATA_DIR, else `data/` in the project; for root in a private folder (such as /root) a place below /var/lib.

    The servers of a root user run as nobody, who cannot enter a folder that only root may enter.
    """
    chosen = read_environment().data_dir.absolute()
    if os.geteuid() == 0 and not _others_may_enter(chosen.parent):
        digest = hashlib.sha256(str(PROJECT_DIR).encode()).hexdigest()[:8]
        return Path("/var/lib") / f"kato-{digest}"
    return chosen


def run_dir(data: Path | None = None) -> Path:
    """The folder of the Unix sockets; its path must stay short (107 bytes for the socket on Linux)."""
    return (data or data_dir()) / "run"


def postgres_url(data: Path | None = None) -> str:
    # The port is part of the socket's name; said outright, PGPORT cannot change it on one side only.
    return f"postgresql://kato@/kato?host={quote(str(run_dir(data)))}&port=5432"


def redis_url(data: Path | None = None) -> str:
    return f"unix://{quote(str(run_dir(data) / 'redis.sock'))}"
