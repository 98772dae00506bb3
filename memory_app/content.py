"""An index and what it shows of a node's memory: everything that one snapshot of the database shows, nothing more."""

import time
from dataclasses import dataclass, field

from django.conf import settings

from engine.index import Index
from engine.rows import NAME_BYTES
from engine.stopping import Stop
from memory_app import feed
from memory_app.feed import ActedOn, Changes, Patterns
from memory_app.index_files.folder import IndexFolder, Shown

SMALLEST_FILE = 50_000
"""Patterns of a memory that has a file, and is read in a thread of its own. A smaller one is read in a tenth of a
second, and each file that is mapped costs a descriptor."""
_LARGE_TAIL = 8
"""A new file is written when an eighth of the patterns, or half of the smallest file, are newer than the file."""
_PAUSE = 10.0
"""Seconds between two attempts to write the file of one memory."""

NO_MEMORY = -1
"""The number of a node without a row."""

folder = IndexFolder(settings.INDEX_DIR, settings.ENV.index_memory_mb * 1024 * 1024)


@dataclass(slots=True)
class Content:
    """It holds what `snapshot` shows.

    unread_after: while it is being read, the name of the last pattern that was read; None if it is complete.
    witness: of the file that it lies over, if any; tail: how many rows were read since; size: bytes of the file.
    """

    index: Index = field(default_factory=Index)
    memory: int = NO_MEMORY
    rebuilt: int = 0
    acts_version: int = 0
    snapshot: str = "1:1:"
    has_emotives: bool = False
    unread_after: bytes | None = None
    witness: str | None = None
    size: int = 0
    tail: int = 0
    next_attempt: float = 0.0

    @classmethod
    def beginning(cls, changes: Changes) -> "Content":
        """Of a memory that is to be read. The snapshot is older than all that is read, so the feed misses nothing."""
        return cls(
            memory=changes.memory,
            rebuilt=changes.rebuilt,
            acts_version=changes.acts_version,
            snapshot=changes.snapshot,
            unread_after=b"",
        )

    @classmethod
    def of_file(cls, memory: int, rebuilt: int) -> "Content | None":
        """What the file of a memory shows, if there is one that can be believed."""
        loaded = folder.load(memory, rebuilt)
        if loaded is None:
            return None
        shown = loaded.shown
        return cls(
            loaded.index,
            *(shown.memory, shown.rebuilt, shown.acts_version, shown.snapshot, shown.has_emotives),
            witness=loaded.witness,
            size=loaded.size,
        )

    @property
    def horizon(self) -> str:
        """Every transaction below it had ended when the snapshot (`xmin:xmax:running`) was taken."""
        return self.snapshot.partition(":")[0]

    def is_of(self, changes: Changes) -> bool:
        return (self.memory, self.rebuilt) == (changes.memory, changes.rebuilt)

    def give_up(self) -> None:
        """It is too far behind to be followed: it must be read again, and its file must not be believed."""
        if self.witness is not None:
            folder.drop(self.memory, self.witness)
        self.memory = NO_MEMORY

    def memory_bytes(self) -> int:
        """Of this process alone."""
        return self.index.memory_bytes()

    def shown(self) -> Shown:
        return Shown(self.memory, self.rebuilt, self.acts_version, self.snapshot, self.has_emotives)

    def apply(self, changes: Changes, acted_on: dict[str, ActedOn]) -> None:
        # In this order: a pattern that was purged and then learned is among the changes.
        if gone := [name for name, now in acted_on.items() if not now.is_known]:
            self.index.remove(gone)
        if changes.patterns.names:
            self._upsert(changes.patterns)
        if retired := [name for name, now in acted_on.items() if now.is_retired]:
            self.index.retire(retired)
        if restored := [name for name, now in acted_on.items() if not now.is_retired]:
            self.index.restore(restored)
        self.snapshot, self.acts_version = changes.snapshot, changes.acts_version

    def read_if_small(self, stop: Stop) -> bool:
        """Read up to SMALLEST_FILE patterns; return whether these are all."""
        while self.unread_after is not None and self.tail < SMALLEST_FILE:
            self.read_page()
            if self.unread_after is not None:
                stop.check()
        return self.unread_after is None

    def read_page(self) -> None:
        """Read some more patterns, in the order of names."""
        assert self.unread_after is not None
        patterns, is_last = feed.next_patterns(self.memory, after=self.unread_after)
        if patterns.names:
            self._upsert(patterns)
            # Acts since the reading began will be followed after it.
            if self.acts_version:
                self.index.retire(feed.retired_among(self.memory, patterns))
        self.unread_after = None if is_last else patterns.names[-NAME_BYTES:]

    def wants_a_file(self) -> bool:
        """Whether a new process would have to read much that no file shows."""
        patterns = len(self.index.view())
        return (
            patterns >= SMALLEST_FILE
            and self.tail >= max(patterns // _LARGE_TAIL, SMALLEST_FILE // 2)
            and time.monotonic() >= self.next_attempt
        )

    def is_tried(self) -> None:
        self.next_attempt = time.monotonic() + _PAUSE

    def _upsert(self, patterns: Patterns) -> None:
        self.index.upsert_json(patterns.names, patterns.events, patterns.frequencies)
        self.has_emotives |= patterns.have_emotives
        self.tail += len(patterns.frequencies)
