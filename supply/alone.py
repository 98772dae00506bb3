"""Run a command while holding a lock, which the kernel releases when this process ends: alone.py LOCK COMMAND…

The Makefile sets up the virtual environment with it, so it must run with any Python 3 and without that environment.
"""

import fcntl
import subprocess
import sys
from pathlib import Path


def main() -> int:
    path, *command = sys.argv[1:]
    with Path(path).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is setting up .venv. Waiting until it is done", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.call(command, close_fds=False)


if __name__ == "__main__":
    sys.exit(main())
