"""Leaving a service alone that keeps failing."""

import threading
import time


class Breaker:
    """Stops calling a service that keeps failing; lets one call through per pause to see whether it is back."""

    def __init__(self, *, failures: int, pause: float) -> None:
        self._allowed = failures
        self._pause = pause
        self._failed = 0
        self._retry_at = 0.0
        self._lock = threading.Lock()

    def admits(self) -> bool:
        if self._failed < self._allowed:
            return True
        with self._lock:
            now = time.monotonic()
            if now < self._retry_at:
                return False
            self._retry_at = now + self._pause  # this caller tries, the others wait for what it finds
            return True

    def succeeded(self) -> None:
        if self._failed:
            with self._lock:
                self._failed = 0

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            self._retry_at = time.monotonic() + self._pause
