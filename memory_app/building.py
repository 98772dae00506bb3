"""Reading large memories, and writing their files, in threads of their own: no request is held up for so long."""

import logging
import threading
from collections.abc import Callable

from django.db import connections

from engine.stopping import Stop
from foundation.http import parking
from foundation.postgresql.trouble import STORE_TROUBLE
from memory_app.content import Content, folder
from memory_app.errors import IndexBeingBuilt
from memory_app.feed import Changes

log = logging.getLogger(__name__)

_LOOK = 0.1  # seconds between two looks of a waiting thread at whether to go on


class Build:
    """The first reading of a large memory: from the file that another process of this host writes, or the table."""

    def __init__(self, node_id: str, content: Content) -> None:
        self.node_id, self._content = node_id, content
        self._error: BaseException | None = None
        self._is_wanted = True
        self._done = threading.Event()
        self._then: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._run, name=f"build-{content.memory}", daemon=True).start()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    @property
    def patterns_read(self) -> int:
        return len(self._content.index.view())

    def memory_bytes(self) -> int:
        return self._content.memory_bytes()

    def is_of(self, changes: Changes) -> bool:
        return self._content.is_of(changes)

    def cancel(self) -> None:
        """Nobody needs what is being read: the node has another memory by now."""
        self._is_wanted = False

    def result(self) -> Content:
        """What was read. Raises the error that ended the build."""
        if self._error is not None:
            raise self._error
        return self._content

    def wait(self, stop: Stop) -> None:
        """Wait for the end. Raises IndexBeingBuilt where the server can wait without this thread, or has waited."""
        if parking.is_possible():
            parking.wait_for(self.call_at_end)
        if parking.is_possible() or parking.was_parked():
            raise IndexBeingBuilt(self.node_id, self.patterns_read)
        while not self._done.wait(_LOOK):
            stop.check()

    def call_at_end(self, function: Callable[[], None]) -> None:
        """Call it once, in another thread, as soon as the build has ended."""
        with self._lock:
            if not self.is_done:
                self._then.append(function)
                return
        function()

    def _run(self) -> None:
        try:
            with folder.writing(self._content.memory, wait=True):
                self._content = self._read()
        except STORE_TROUBLE as error:
            self._error = error
        except BaseException as error:
            log.exception("The index of node %s was not built", self.node_id)
            self._error = error
        finally:
            connections.close_all()
            with self._lock:
                self._done.set()
            for function in self._then:
                function()

    def _read(self) -> Content:
        content = self._content
        # The process that had the lock has written it.
        if (found := Content.of_file(content.memory, content.rebuilt)) is not None:
            return found
        while content.unread_after is not None and self._is_wanted:
            content.read_page()
        if self._is_wanted and folder.save(content.index.stored(), content.shown()):
            # What lies over the file is shared with the other processes.
            return Content.of_file(content.memory, content.rebuilt) or content
        return content


class Renewal:
    """Writing a file that shows what was learned since the last one, or taking the one that another process wrote.

    `lock`: held by those who change the content.
    """

    def __init__(self, content: Content, lock: threading.Lock) -> None:
        self._content, self._lock = content, lock
        self.result: Content | None = None
        self._done = threading.Event()
        content.is_tried()
        threading.Thread(target=self._run, name=f"renewal-{content.memory}", daemon=True).start()

    @property
    def is_done(self) -> bool:
        return self._done.is_set()

    def _run(self) -> None:
        try:
            with folder.writing(self._content.memory, wait=False) as is_ours:
                if is_ours:
                    self.result = self._renew()
        except STORE_TROUBLE as error:
            log.warning("The index file of memory %d was not written: %s", self._content.memory, error)
        except Exception:
            log.exception("The index file of memory %d was not written", self._content.memory)
        finally:
            connections.close_all()
            self._done.set()

    def _renew(self) -> Content | None:
        content = self._content
        if not folder.is_newer(content.memory, content.witness):
            with self._lock:
                stored, shown = content.index.stored(), content.shown()
            if not folder.save(stored, shown):
                return None
        return Content.of_file(content.memory, content.rebuilt)
