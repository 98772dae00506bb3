"""The account that the embedded servers of a root user run under. PostgreSQL refuses to run as root.

It should be one that no other program has: a process can read and change whatever other processes of its account do.
"""

import pwd
import shutil
import subprocess
import time
from functools import cache

NAME = "kato-stores"
CREATION = f"useradd --system --user-group --no-create-home --home-dir=/nonexistent --shell=/bin/false {NAME}"
# "nobody" on every common Linux distribution. Other programs may run under it, too.
SHARED_UID = 65534

_ATTEMPTS = 20
_BETWEEN_ATTEMPTS = 0.1  # seconds


@cache
def servers_uid() -> int:
    """The account `kato-stores`, which is created if this machine can; otherwise the shared one."""
    useradd = shutil.which("useradd")
    for _ in range(_ATTEMPTS):
        try:
            return pwd.getpwnam(NAME).pw_uid
        except KeyError:
            if useradd is None:
                break
        done = subprocess.run([useradd, *CREATION.split()[1:]], capture_output=True, check=False)
        if done.returncode:
            # Another process is changing the list of accounts, maybe to add this one.
            time.sleep(_BETWEEN_ATTEMPTS)
    return SHARED_UID


def main_group(uid: int) -> int:
    """A group of the same number could be anybody's."""
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid
