"""Requests that wait without a thread, until what they need is there or they have waited for too long."""

import threading
import time
from collections.abc import Callable

from foundation.http.parking import CallAtEnd
from katoproject.server.bodies import Body

_INTERVAL = 0.5  # seconds between two looks at who has waited for too long


class Parked:
    """`begin_again` is given each request once. `seconds`: how long one may be parked, from its arrival on."""

    def __init__(self, begin_again: Callable[[Body], None], *, seconds: float) -> None:
        self._begin_again, self._seconds = begin_again, seconds
        # The thread that removes a request from here begins it again.
        self._waiting: dict[Body, float] = {}
        self._arrived = threading.Condition()
        self._thread: threading.Thread | None = None

    def is_possible(self, body: Body) -> bool:
        return time.monotonic() < body.begun + self._seconds

    def park(self, body: Body, call_at_end: CallAtEnd) -> None:
        with self._arrived:
            self._waiting[body] = body.begun + self._seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._look_out, name="parked", daemon=True)
                self._thread.start()
            self._arrived.notify()
        call_at_end(lambda: self._end(body))

    def _end(self, body: Body) -> None:
        if self._waiting.pop(body, None) is not None:
            self._begin_again(body)

    def _look_out(self) -> None:
        while True:
            with self._arrived:
                self._arrived.wait_for(lambda: self._waiting)
            time.sleep(_INTERVAL)
            now = time.monotonic()
            for body, deadline in list(self._waiting.items()):
                if now >= deadline or (body.departure is not None and body.departure()):
                    self._end(body)
