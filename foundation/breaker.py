"""A circuit breaker: do not call a service that keeps failing."""

import threading
import time


class Breaker:
    """After so many failures in a row it admits one call per pause (in seconds), to see whether the service is back."""

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
            self._retry_at = now + self._pause  # this caller tries, the others are refused until the next pause is over
            return True

    def succeeded(self) -> None:
        if self._failed:
            with self._lock:
                self._failed = 0

    def failed(self) -> None:
        with self._lock:
            self._failed += 1
            self._retry_at = time.monotonic() + self._pause
