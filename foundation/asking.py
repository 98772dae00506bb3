"""Asking what may take long or hang, from requests that must not, and that may be many."""

import contextvars
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswerInTime
from typing import Generic, TypeVar

from django.db import close_old_connections

Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """No answer in time, or an earlier question is still unanswered after its time."""


class Asker:
    """Calls in a thread of its own, one question after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="asker")
        self._answering_since: float | None = None

    def ask(self, question: Callable[[], Answer], *, patience: float) -> tuple[Answer, float]:
        """The answer and the seconds it took. Raises NoAnswer after `patience` seconds, or what the question raises."""
        since = self._answering_since
        if since is not None and time.monotonic() - since > patience:
            raise NoAnswer
        # The question is the caller's: it sees what the caller may see, and logs with the caller's fields.
        context = contextvars.copy_context()
        asked: Future[tuple[Answer, float]] = self._thread.submit(context.run, self._timed, question)
        try:
            return asked.result(patience)
        except NoAnswerInTime:
            asked.cancel()  # no caller waits for it any more
            raise NoAnswer from None

    def _timed(self, question: Callable[[], Answer]) -> tuple[Answer, float]:
        begun = time.perf_counter()
        self._answering_since = time.monotonic()
        try:
            close_old_connections()  # Django does this before a request, but this thread has no requests
            return question(), time.perf_counter() - begun
        finally:
            self._answering_since = None


class SharedLook(Generic[Answer]):
    """Looks, one at a time, however many ask: calls that come during a look share the next one.

    They do not trust the look that is under way: what they ask about may have come after it had begun, and before the
    call.
    """

    def __init__(self, look: Callable[[], Answer]) -> None:
        self._look = look
        self._looking = threading.Lock()
        self._begun = 0.0
        self._seen: Answer

    def since(self, called: float) -> Answer:
        """What a look shows that began after `called`, on the monotonic clock. Raises what the look raises."""
        with self._looking:
            if self._begun <= called:
                begun = time.monotonic()
                self._seen = self._look()
                self._begun = begun
            return self._seen
