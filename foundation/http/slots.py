"""How many requests of one process run at once, and how long the others wait."""

import threading
import time
from queue import Empty, SimpleQueue

from foundation.postgresql.base import BoundedConnection

PATIENCE = 30.0  # seconds that a request waits for a slot while others make progress
STALLED = 1.0  # seconds without any progress, after which waiting is useless


class Slots:
    """A semaphore whose waiters give up when no request makes progress.

    The process has a few more threads than slots. When it is only busy, the requests in those threads wait their turn.
    When the database hangs, requests that wait for it hold all slots. Then the spare threads reject further requests at
    once, and stay free for `/health`.
    """

    def __init__(self, number: int, *, most_waiting: int | None = None) -> None:
        """`most_waiting`: those that wait beyond this number are refused at once; None: the threads limit it."""
        # One item per free slot. The queue is written in C, a Semaphore in Python.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(number):
            self._free.put(None)
        self._places = threading.BoundedSemaphore(most_waiting) if most_waiting is not None else None
        self._last_change = time.monotonic()

    def take(self) -> bool:
        """Whether there is a slot for this request, which then calls `give_back` at its end."""
        taken = self._take(0) or self._wait()
        if taken:
            self._last_change = time.monotonic()
        return taken

    def give_back(self) -> None:
        self._last_change = time.monotonic()
        self._free.put(None)

    def _take(self, seconds: float) -> bool:
        try:
            self._free.get(timeout=seconds)
        except Empty:
            return False
        return True

    def _wait(self) -> bool:
        if self._places is None:
            return self._wait_for_progress()
        if not self._places.acquire(blocking=False):
            return False
        try:
            return self._wait_for_progress()
        finally:
            self._places.release()

    def _wait_for_progress(self) -> bool:
        deadline = time.monotonic() + PATIENCE
        while (now := time.monotonic()) < deadline and now - self._last_progress() < STALLED:
            if self._take(0.1):
                return True
        return False

    def _last_progress(self) -> float:
        """When a request last began or ended, or the database answered one: to build an index takes many statements."""
        return max(self._last_change, BoundedConnection.last_answer)
