"""How many requests of one process may work at once, and what becomes of the others."""

import threading

PATIENCE = 0.5  # seconds a request waits for a slot


class Slots:
    """A semaphore that stops making people wait once waiting has proved useless.

    The process has a few threads more than slots. When the database hangs, every slot is held by a request that waits
    for it; the spare threads then turn the others away at once, and stay free for `/health`.
    """

    def __init__(self, number: int) -> None:
        self._free = threading.Semaphore(number)
        self._stuck = False

    def take(self) -> bool:
        """False: no slot became free in time. True: call `give_back` when done."""
        if self._free.acquire(blocking=False):
            return True
        if not self._stuck and self._free.acquire(timeout=PATIENCE):
            return True
        self._stuck = True
        return False

    def give_back(self) -> None:
        self._stuck = False
        self._free.release()
