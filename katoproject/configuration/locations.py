"""The data folder and the addresses of the embedded servers.

The settings read them to connect and the launcher reads them to listen, so that any `manage.py` command finds the
servers that `manage.py up` has started.
"""

import hashlib
import os
import stat
from functools import cache
from pathlib import Path
from urllib.parse import quote

from katoproject.configuration.environment import PROJECT_DIR, read_environment
from katoproject.configuration.secret import kept_secret


def _others_may_enter(folder: Path) -> bool:
    existing = [part for part in (folder, *folder.parents) if part.exists()]
    return all(part.stat().st_mode & stat.S_IXOTH for part in existing)


@cache
def data_dir() -> Path:
    """KATO_DATA_DIR, or `data/` in the project. For root, below /var/lib if that would be in a private folder.

    The servers of a root user run under another account, which cannot enter a private folder such as /root.
    """
    chosen = read_environment().data_dir.absolute()
    if os.geteuid() == 0 and not _others_may_enter(chosen.parent):
        digest = hashlib.sha256(str(PROJECT_DIR).encode()).hexdigest()[:8]
        return Path("/var/lib") / f"kato-{digest}"
    return chosen


def run_dir(data: Path | None = None) -> Path:
    """The folder of the Unix sockets. Linux allows a socket's path 107 bytes, so this must be short."""
    return (data or data_dir()) / "run"


def postgres_url(data: Path | None = None) -> str:
    """Without a password: the kernel tells the server which account connects."""
    # The port is part of the name of the socket. Without it here, PGPORT would change it for the clients only.
    return f"postgresql://kato@/kato?host={quote(str(run_dir(data)))}&port=5432"


def redis_url(data: Path | None = None) -> str:
    return f"unix://:{redis_password(data)}@{quote(str(run_dir(data) / 'redis.sock'))}"


def redis_password(data: Path | None = None) -> str:
    return kept_secret(data or data_dir(), "redis-password")
