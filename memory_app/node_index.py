"""The index of one node, brought up to date before each prediction (P5). `feed.py` says how that misses nothing."""

import threading
import time
from dataclasses import dataclass, field

from engine.stopping import NEVER, Stop
from engine.view import View
from memory_app import feed, moments
from memory_app.building import Build, Renewal
from memory_app.content import NO_MEMORY, Content
from memory_app.feed import ActedOn, Changes
from memory_app.moments import Moment


@dataclass(frozen=True, slots=True)
class NodeVersion:
    """What a node knew at one moment.

    Within one memory every learn adds to `learned`, the sum of length · frequency, and of two snapshots of a database
    one always contains the other. So equal numbers mean equal content, in every process, without a counter in the
    database that learns would have to update. What retires and purges patterns changes `acts`.
    """

    memory: int
    learned: int
    finalized: int
    rebuilt: int
    acts: int = 0


# Seconds for which a thread waits for another one that follows the same index, before it looks whether to go on.
_LOCK_PATIENCE = 0.1

# What an index takes before it holds a pattern: Python's objects, empty arrays, the lock. Measured with tracemalloc,
# 7.3 kB in all on CPython 3.11.
_FIXED_BYTES = 7_100


@dataclass(frozen=True, slots=True)
class NodeView:
    """A node's index as it was when it was followed. `snapshot`: PostgreSQL's text of the snapshot that it shows.

    A view, because the index keeps changing: another thread may follow a later learn before this one has predicted, and
    what is cached under `version` must be of that version. `has_emotives`: whether any pattern may have emotives.
    `known_since`: since this moment (`time.monotonic`) or longer, the node has been what it is.
    """

    view: View
    version: NodeVersion
    known_since: float
    snapshot: str
    moment: Moment | None
    has_emotives: bool


@dataclass(slots=True)
class NodeIndex:
    """The index of one node in this process.

    begun: what has been read of a node whose index nobody could wait for; the next one reads on.
    build: what reads a large node, while it does. renewal: what writes a new file, while it does.
    """

    node_id: str
    content: Content = field(default_factory=Content)
    begun: Content | None = None
    build: Build | None = None
    renewal: Renewal | None = None
    finalized_version: int = 0
    moment: Moment | None = None
    version: NodeVersion | None = None
    known_since: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)
    created_at: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)
    uses: int = 0
    counted_bytes: int = 0

    @property
    def exists(self) -> bool:
        """Whether the node had a row when the index was followed last."""
        return self.content.memory != NO_MEMORY or self.begun is not None or self.build is not None

    def follow(self, stop: Stop = NEVER) -> NodeView:
        """Bring the index up to everything that was committed when this was called.

        Raises IndexBeingBuilt where the server can wait for a build without this thread, and the reason of `stop`.
        """
        while True:
            while not self.lock.acquire(timeout=_LOCK_PATIENCE):
                stop.check()
            try:
                if (build := self._bring_up(stop)) is None:
                    return self._view()
            finally:
                self.lock.release()
            build.wait(stop)

    def memory_bytes(self) -> int:
        """Of this process alone, without what it shares with others."""
        moment = self.moment.statistics.membership.nbytes if self.moment else 0
        unfinished = sum(one.memory_bytes() for one in (self.begun, self.build) if one is not None)
        return _FIXED_BYTES + self.content.memory_bytes() + moment + unfinished

    def _bring_up(self, stop: Stop) -> Build | None:
        """None if the index is up to date; otherwise the build to wait for."""
        self._take_what_is_ready()
        changes, stored, finalized_version = self._read_changes(), None, self.finalized_version
        acts_version, acted_on = self.content.acts_version, dict[str, ActedOn]()
        while changes:
            if not self.content.is_of(changes):
                if (build := self._begin(changes, stop)) is not None:
                    return build
                stored, finalized_version = None, 0
                acts_version, acted_on = self.content.acts_version, {}
            elif changes.acts_version != acts_version:
                acts = feed.read_acts(memory=self.content.memory, horizon=self.content.horizon)
                if acts and acts.patterns is not None:
                    acts_version = acts.version
                    acted_on |= acts.patterns
                elif acts:
                    self.content.give_up()
            elif changes.finalized_version == finalized_version:
                break
            elif stored := moments.read(self.content.memory):
                finalized_version = stored.version
            # Another transaction may have learned since: the index must hold all patterns of the stored moment.
            changes = self._read_changes()
        if changes:
            self.content.apply(changes, acted_on)
        else:
            self._take(Content())
        if stored:
            self.moment = moments.moment(stored, self.content.index.view())
            self.finalized_version = finalized_version
        if self.renewal is None and self.content.wants_a_file():
            self.renewal = Renewal(self.content, self.lock)
        return None

    def _view(self) -> NodeView:
        content, view = self.content, self.content.index.view()
        version = NodeVersion(
            content.memory, view.total_symbols, self.finalized_version, content.rebuilt, content.acts_version
        )
        if version != self.version:
            self.version, self.known_since = version, time.monotonic()
        return NodeView(view, version, self.known_since, content.snapshot, self.moment, content.has_emotives)

    def _read_changes(self) -> Changes | None:
        """None if there is no such node."""
        return feed.read_changes(self.node_id, memory=self.content.memory, horizon=self.content.horizon)

    def _begin(self, changes: Changes, stop: Stop) -> Build | None:
        """Take another memory from its file, or read it; a large one in a thread of its own, which is returned."""
        if self.build is not None:
            if self.build.is_of(changes):
                return self.build
            self.build.cancel()
            self.build = None
        if self.begun is None or not self.begun.is_of(changes):
            self.begun = Content.of_file(changes.memory, changes.rebuilt) or Content.beginning(changes)
        if not self.begun.read_if_small(stop):
            self.build, self.begun = Build(self.node_id, self.begun), None
            return self.build
        self._take(self.begun)
        return None

    def _take_what_is_ready(self) -> None:
        if self.build is not None and self.build.is_done:
            build, self.build = self.build, None
            self._take(build.result())
        if self.renewal is not None and self.renewal.is_done:
            renewal, self.renewal = self.renewal, None
            content = renewal.result
            if content is not None and (content.memory, content.rebuilt) == (self.content.memory, self.content.rebuilt):
                self._take(content)

    def _take(self, content: Content) -> None:
        # A new object: predictions under way keep the one they began with.
        self.content, self.begun, self.moment, self.finalized_version = content, None, None, 0
