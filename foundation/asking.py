"""Asking something that may hang for as long as it likes, from a request that may not."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswerInTime
from typing import TypeVar

from django.db import close_old_connections

Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """Whoever was asked does not say in time, or has long owed the answer to an earlier question."""


class Asker:
    """Asks in a thread of its own, one question after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="asker")
        self._answering_since: float | None = None

    def ask(self, question: Callable[[], Answer], *, patience: float) -> tuple[Answer, float]:
        """The answer and how long it took, in seconds. Raises NoAnswer, and whatever the question raises."""
        since = self._answering_since
        if since is not None and time.monotonic() - since > patience:
            raise NoAnswer
        asked: Future[tuple[Answer, float]] = self._thread.submit(self._timed, question)
        try:
            return asked.result(patience)
        except NoAnswerInTime:
            asked.cancel()  # nobody waits for it any more, so it need not be asked
            raise NoAnswer from None

    def _timed(self, question: Callable[[], Answer]) -> tuple[Answer, float]:
        begun = time.perf_counter()
        self._answering_since = time.monotonic()
        try:
            close_old_connections()  # Django does this before a request, but this thread sees no requests
            return question(), time.perf_counter() - begun
        finally:
            self._answering_since = None
