"""Calling something that may hang, from a request that must not."""

import contextvars
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswerInTime
from typing import TypeVar

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
