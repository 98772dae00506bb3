"""How many requests of one process may work at once, and what becomes of the others."""

import time
from queue import Empty, SimpleQueue

from foundation.postgresql.base import BoundedConnection

PATIENCE = 30.0  # seconds a request waits for a slot while others get on
STALLED = 1.0  # seconds without a sign of life after which waiting is useless


class Slots:
    """A semaphore that stops making people wait when nobody gets on any more.

    The process has a few threads more than slots. When it is merely busy, they wait their turn. When the database
    hangs, every slot is held by a request that waits for it; the spare threads then turn the others away at once, and
    stay free for `/health`.
    """

    def __init__(self, number: int) -> None:
        # One item per free slot. Written in C, unlike a Semaphore.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(number):
            self._free.put(None)
        self._last_change = time.monotonic()

    def take(self) -> bool:
        """False: no slot became free in time. True: call `give_back` when done."""
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
        deadline = time.monotonic() + PATIENCE
        while (now := time.monotonic()) < deadline and now - self._last_sign_of_life() < STALLED:
            if self._take(0.1):
                return True
        return False

    def _last_sign_of_life(self) -> float:
        """When a request last began or ended, or the database answered one (building an index takes many answers)."""
        return max(self._last_change, BoundedConnection.last_answer)
