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


class HasHolders(Protocol):
    """`joined`: when it began to wait for its turn, in seconds of the monotonic clock."""

    holders: tuple[Hashable, ...]
    joined: float


Work = TypeVar("Work", bound=HasHolders)


class Turns(Generic[Work]):
    """`share`: how much of the work of one holder may be under way. Work counts for each of its holders; without one it
    is not limited."""

    def __init__(self, share: int) -> None:
        self._share = share
        # Queued or running: at most a share of each holder.
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._under_way: dict[Hashable, int] = {}
        # By a holder whose share is taken: as long as something waits here, work of this holder is under way.
        self._waiting: dict[Hashable, deque[Work]] = {}
        self._lock = threading.Lock()

    def join(self, work: Work) -> None:
        work.joined = time.monotonic()
        if work.holders:
            with self._lock:
                self._queue_or_wait(work)
        else:
            self._queue.put(work)

    def next(self) -> tuple[Work, float]:
        """Wait for work, and take it; with the seconds that it waited. Call `done` with it afterwards."""
        work = self._queue.get()
        return work, time.monotonic() - work.joined

    def count_for(self, work: Work, holder: Hashable) -> bool:
        """Count work that is under way for a further holder, too. False, and not counted, where its share is taken.

        Work of a key that this process has not met counts for its token. Of a key with two tokens each could have a
        share, until this tells whose they are.
        """
        with self._lock:
            if holder not in work.holders:
                if self._under_way.get(holder, 0) >= self._share:
                    return False
                self._under_way[holder] = self._under_way.get(holder, 0) + 1
                work.holders = (*work.holders, holder)
        return True

    def done(self, work: Work) -> None:
        if not work.holders:
            return
        with self._lock:
            for holder in work.holders:
                self._under_way[holder] -= 1
            for holder in work.holders:
                # More than one: the first may have to wait for another of its holders now.
                while self._under_way[holder] < self._share and (waiting := self._waiting.get(holder)):
                    following = waiting.popleft()
                    if not waiting:
                        del self._waiting[holder]
                    self._queue_or_wait(following)
            for holder in work.holders:
                if not self._under_way[holder]:
                    del self._under_way[holder]

    def _queue_or_wait(self, work: Work) -> None:
        for holder in work.holders:
            if self._under_way.get(holder, 0) >= self._share:
                self._waiting.setdefault(holder, deque()).append(work)
                return
        for holder in work.holders:
            self._under_way[holder] = self._under_way.get(holder, 0) + 1
        self._queue.put(work)
