"""Responses that are sent in parts, while they are made.

The thread of such a response is busy for as long as its client takes to read it. So there are few at a time, in threads
beside those of other requests, and each ends after a while.
"""

import threading
import time
import weakref
from collections.abc import Callable, Iterator

from django.http import StreamingHttpResponse

from foundation.errors import Unavailable

AT_ONCE = 2
"""In one process."""

PATIENCE = 15.0
"""Seconds that a client may take to read one part. PostgreSQL ends a transaction that is idle for as long."""


class TooManyStreams(Unavailable):
    retry_after = 5

    def __init__(self) -> None:
        super().__init__(f"This process is sending {AT_ONCE} long responses at the moment")


_places = threading.BoundedSemaphore(AT_ONCE)


class Stream(StreamingHttpResponse):
    """`parts` begin when the first of them is sent: after the view, on the connection of its thread."""

    def __init__(self, parts: Iterator[bytes], *, content_type: str) -> None:
        """Raises TooManyStreams."""
        if not _places.acquire(blocking=False):
            raise TooManyStreams
        # Once, whichever comes first: with the last part, before the client sees the end and asks again; or when the
        # server closes the response; or never sent it.
        self._give_back = weakref.finalize(self, _places.release)
        super().__init__(_followed_by(self._give_back, parts), content_type=content_type)

    def close(self) -> None:
        super().close()
        self._give_back()


def _followed_by(act: Callable[[], object], parts: Iterator[bytes]) -> Iterator[bytes]:
    yield from parts
    act()


class Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def has_passed(self) -> bool:
        return time.monotonic() > self._end
