"""Copies of the project, to which mutants are applied."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from katoproject.configuration.environment import PROJECT_DIR

# Always the same places: Numba compiles its kernels again for each folder, which takes a minute.
_COPIES = Path(tempfile.gettempdir()) / f"kato-mutants-{os.getuid()}"


class InUse(Exception):
    """Another run works in this copy."""


@contextmanager
def copied(number: int) -> Iterator[Path]:
    """A copy of the project as it is now, with what is not committed. Raises InUse if another run has it."""
    copy = _COPIES / str(number)
    copy.mkdir(parents=True, exist_ok=True)
    with (_COPIES / f"{number}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(copy) from None
        _synchronise(copy)
        yield copy


def _synchronise(copy: Path) -> None:
    wanted = set(_files_of(PROJECT_DIR))
    for path in copy.rglob("*"):
        if path.is_file() and path.relative_to(copy) not in wanted and path.suffix != ".pyc":
            path.unlink()
    for file in wanted:
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        # With its time, by which Numba knows what it has compiled.
        shutil.copy2(PROJECT_DIR / file, copy / file)


def _files_of(project: Path) -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
    files = [Path(name) for name in listed.split("\0") if name]
    return [file for file in files if (project / file).is_file() and not (project / file).is_symlink()]
