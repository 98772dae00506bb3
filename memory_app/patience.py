"""When a prediction ends early: at its deadline, and when the client that asked for it has gone.

One thread in each process looks twenty times a second at what is under way. So a prediction pays for neither the clock
nor the connection, and it can be ended inside a compiled kernel, which no other thread could interrupt.
"""

import logging
import threading
import time
from types import TracebackType

from django.conf import settings

from engine.stopping import Stop
from foundation.http import departure
from memory_app.errors import ClientLeft, PredictionTimedOut

log = logging.getLogger(__name__)

_INTERVAL = 0.05  # seconds between two looks
_IDLE_LOOKS = 200  # without anything under way, after which the thread ends


class Bounded:
    """A block that may take `seconds`, or any time with None, and ends if the client of this thread's request leaves.

    `what`: the subject of the reason, where that is no prediction.

    with Bounded(seconds) as stop: …   # pass `stop` to the engine; between other steps call `stop.check()`
    """

    __slots__ = ("_client_has_gone", "_deadline", "_seconds", "_stop", "_what")

    def __init__(self, seconds: float | None, what: str = "The prediction") -> None:
        self._seconds, self._what = seconds, what
        self._deadline = time.monotonic() + seconds if seconds is not None else float("inf")
        self._client_has_gone = departure.question()
        self._stop = Stop()

    def __enter__(self) -> Stop:
        _lookout.watch(self)
        return self._stop

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _lookout.forget(self)

    def look(self) -> None:
        """End the block if it is time."""
        if time.monotonic() >= self._deadline:
            assert self._seconds is not None
            self._stop.end(PredictionTimedOut(self._seconds, self._what))
        elif self._client_has_gone is not None and self._client_has_gone():
            self._stop.end(ClientLeft())


class _Lookout:
    """The thread, and what it looks at. It runs only while there is something to see."""

    def __init__(self) -> None:
        self._watched: set[Bounded] = set()
        # Held while the thread looks: no block is looked at after its end, when its connection serves another request.
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def watch(self, block: Bounded) -> None:
        with self._lock:
            self._watched.add(block)
            # Not alive: it has ended, or this process is a fork of the one that it runs in.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._look_out, name="patience", daemon=True)
                self._thread.start()

    def forget(self, block: Bounded) -> None:
        with self._lock:
            self._watched.discard(block)

    def _look_out(self) -> None:
        idle = 0
        while True:
            time.sleep(_INTERVAL)
            with self._lock:
                idle = 0 if self._watched else idle + 1
                if idle > _IDLE_LOOKS:
                    self._thread = None
                    return
                for block in list(self._watched):
                    self._look_at(block)

    def _look_at(self, block: Bounded) -> None:
        try:
            block.look()
        except Exception:
            # The others must still be looked at.
            log.exception("A prediction is no longer watched")
            self._watched.discard(block)


_lookout = _Lookout()

PREDICTION_SECONDS: float = settings.ENV.prediction_timeout
