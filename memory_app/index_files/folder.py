"""The folder of this host's index files: one for each large memory, which one process at a time writes."""

import errno
import fcntl
import hashlib
import logging
import os
import re
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from secrets import token_hex

import engine
from engine.index import GROWING, Index, Stored
from foundation.postgresql import identity
from memory_app.index_files import layout, witnesses
from memory_app.index_files.layout import Unusable
from memory_app.index_files.metrics import unusable, unwritten, written

log = logging.getLogger(__name__)

_OWN = re.compile(r"[0-9]{1,18}\.(index|tmp|lock)")
_PAUSE = 60.0
"""Seconds without attempts to write after one failed: a full disk costs no more."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What an index shows: everything of a memory that `snapshot` shows, as `NodeIndex` has it."""

    memory: int
    rebuilt: int
    acts_version: int
    snapshot: str
    has_emotives: bool


@dataclass(frozen=True, slots=True)
class Loaded:
    """An index over a file. `size`: bytes of the file; `witness`: which file it is."""

    index: Index
    shown: Shown
    size: int
    witness: str


@dataclass(frozen=True, slots=True)
class Description:
    """Of a file. `patterns`: how many it shows; `size`: its bytes on disk."""

    patterns: int
    size: int


class IndexFolder:
    """`budget`: how many bytes all files may have together. Those used longest ago go first."""

    def __init__(self, path: Path, budget: int) -> None:
        self._path, self._budget = path, budget
        self._no_attempt_before = 0.0
        self._dropped: set[str] = set()

    def load(self, memory: int, rebuilt: int) -> Loaded | None:
        """The index of a memory, if there is a file of it that can be believed; other files are removed."""
        path = self._file(memory)
        try:
            mapped = layout.read(path)
            if mapped.facts.get("witness") in self._dropped:
                raise Unusable("it is too far behind")
            loaded = _index_of(mapped, memory, rebuilt)
            os.utime(path)  # used now
        except FileNotFoundError:
            return None
        except Unusable as reason:
            unusable.inc()
            log.warning("The index file %s is not used, and will be written again: %s", path, reason)
            self._remove(path)
            return None
        except OSError as error:
            log.warning("The index file %s cannot be read: %s", path, error)
            return None
        return loaded

    def is_newer(self, memory: int, witness: str | None) -> bool:
        """Whether there is another file of this memory than the one with this witness."""
        try:
            return bool(layout.read_facts(self._file(memory)).get("witness") != witness)
        except (OSError, Unusable):
            return False

    def describe(self, memory: int) -> Description | None:
        """None if there is no file, or none that this version can read."""
        path = self._file(memory)
        try:
            return Description(layout.read_facts(path)["numbers"]["pattern_count"], path.stat().st_blocks * 512)
        except (OSError, Unusable):
            return None

    def drop(self, memory: int, witness: str) -> None:
        """Remove the file with this witness: what it shows cannot be followed any more."""
        self._dropped.add(witness)  # where the disk is read-only, the file stays
        if not self.is_newer(memory, witness):
            self._remove(self._file(memory))

    def save(self, stored: Stored, shown: Shown) -> bool:
        """Write an index, in place of the file that there is. Only while `writing` this memory.

        Returns False, and says why in the log, where the disk does not take it.
        """
        if time.monotonic() < self._no_attempt_before:
            return False
        path, witness = self._file(shown.memory), token_hex(16)
        temporary, replaced = path.with_suffix(".tmp"), self._witness(path)
        facts = _facts() | asdict(shown) | {"witness": witness, "numbers": stored.numbers}
        try:
            self._make_room(shown.memory, sum(array.nbytes for array in stored.arrays.values()))
            layout.write(temporary, facts=facts, arrays=stored.arrays, growing=GROWING)
            # Committed before the file has its name: a process that finds the file finds its witness.
            if not witnesses.add(witness, shown.memory):
                temporary.unlink()
                return False
            temporary.replace(path)
        except OSError as error:
            self._no_attempt_before = time.monotonic() + _PAUSE
            unwritten.inc()
            log.warning("The index of memory %d has no file: %s cannot be written: %s", shown.memory, path, error)
            self._remove(temporary)
            return False
        written.inc()
        if replaced is not None:
            witnesses.remove(replaced)
        return True

    @contextmanager
    def writing(self, memory: int, *, wait: bool) -> Generator[bool, None, None]:
        """Be the one process of this host that writes the file of a memory; False if another one is and we do not wait.

        The lock dies with its process. True, too, where the folder cannot be written: then no other process writes.
        """
        try:
            descriptor = self._lock(memory, wait)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES) and not wait:
                yield False
                return
            log.warning("No index file is written in %s: %s", self._path, error)
            yield True
            return
        try:
            yield True
        finally:
            os.close(descriptor)

    def _lock(self, memory: int, wait: bool) -> int:
        self._path.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path / f"{memory}.lock"
        while True:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Meanwhile its holder may have removed it with the file: then the next process would lock another one.
                if path.exists() and path.stat().st_ino == os.fstat(descriptor).st_ino:
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)

    def _make_room(self, memory: int, size: int) -> None:
        """Remove files of memories that are gone, then those used longest ago, until `size` bytes fit in."""
        others: dict[int, dict[Path, os.stat_result]] = {}
        for path in self._path.iterdir():
            # Nothing else than its own: the folder may be a disk that has a `lost+found`.
            if _OWN.fullmatch(path.name) and path.stem != str(memory):
                with suppress(FileNotFoundError):  # another process removes it
                    others.setdefault(int(path.stem), {})[path] = path.stat()
        existing, total = witnesses.existing(list(others)), size
        for other, files in sorted(others.items(), key=lambda item: -_last_used(item[1])):
            total += sum(status.st_blocks * 512 for status in files.values())
            if total > self._budget or other not in existing:
                with self.writing(other, wait=False) as is_ours:
                    for path in files if is_ours else ():
                        self._remove(path)

    def _witness(self, path: Path) -> str | None:
        try:
            return str(layout.read_facts(path)["witness"])
        except (OSError, Unusable):
            return None

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("%s cannot be removed: %s", path, error)

    def _file(self, memory: int) -> Path:
        return self._path / f"{memory}.index"


def _last_used(files: Mapping[Path, os.stat_result]) -> float:
    return max((status.st_mtime for path, status in files.items() if path.suffix == ".index"), default=0.0)


def _index_of(mapped: layout.Mapped, memory: int, rebuilt: int) -> Loaded:
    """Raises Unusable for what is not the memory's index, or not of this engine, machine and database."""
    facts = mapped.facts
    for name, value in (_facts() | {"memory": memory, "rebuilt": rebuilt}).items():
        if facts.get(name) != value:
            raise Unusable(f"it is of another {name.replace('_', ' ')}: {facts.get(name)}, not {value}")
    if not witnesses.is_known(facts["witness"], memory):
        raise Unusable("the database does not know it: it was written in another life of the database")
    shown = Shown(memory, rebuilt, facts["acts_version"], facts["snapshot"], facts["has_emotives"])
    index = Index.over(mapped.arrays, mapped.sizes, facts["numbers"])
    return Loaded(index, shown, mapped.size, facts["witness"])


def _facts() -> dict[str, str]:
    return {"engine": _digest_of_engine(), "byte_order": sys.byteorder, "database": identity.of_database()}


@cache
def _digest_of_engine() -> str:
    """Of all that decides what the arrays of an index mean."""
    sources = sorted(Path(engine.__path__[0]).rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
