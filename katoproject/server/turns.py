"""Turns: which request a thread takes next. In order of arrival, but no access key holds more than its share.

A key that sends more requests at once than its share has them wait for each other, outside the queue of all. So the
request of another key never waits behind more than a share of each of them.
"""

import threading
import time
from collections import deque
from collections.abc import Hashable
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar


class HasHolder(Protocol):
    """`joined`: when it began to wait for its turn, in seconds of the monotonic clock."""

    @property
    def holder(self) -> Hashable | None: ...

    joined: float


Work = TypeVar("Work", bound=HasHolder)


class Turns(Generic[Work]):
    """`share`: how much of the work of one holder may be under way. Work without a holder is not limited."""

    def __init__(self, share: int) -> None:
        self._share = share
        # Queued or running: at most a share of each holder.
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._under_way: dict[Hashable, int] = {}
        self._waiting: dict[Hashable, deque[Work]] = {}
        self._lock = threading.Lock()

    def join(self, work: Work) -> None:
        work.joined = time.monotonic()
        holder = work.holder
        if holder is not None:
            with self._lock:
                under_way = self._under_way.get(holder, 0)
                if under_way >= self._share:
                    self._waiting.setdefault(holder, deque()).append(work)
                    return
                self._under_way[holder] = under_way + 1
        self._queue.put(work)

    def next(self) -> tuple[Work, float]:
        """Wait for work, and take it; with the seconds that it waited. Call `done` with it afterwards."""
        work = self._queue.get()
        return work, time.monotonic() - work.joined

    def done(self, work: Work) -> None:
        holder = work.holder
        if holder is None:
            return
        with self._lock:
            waiting = self._waiting.get(holder)
            if waiting:
                # It takes the place of the work that is done, so the number stays.
                self._queue.put(waiting.popleft())
                if not waiting:
                    del self._waiting[holder]
            elif self._under_way[holder] == 1:
                del self._under_way[holder]
            else:
                self._under_way[holder] -= 1
