"""Whether the client of this thread's request has gone, so that work whose result no client reads can end.

The server says for each request how to find out. A request that never asks costs it nothing more.
"""

import threading
from collections.abc import Callable

Question = Callable[[], bool]


class _Thread(threading.local):
    question: Question | None = None


_thread = _Thread()


def begin_request(question: Question) -> None:
    """From now on `client_has_gone` in this thread asks this question."""
    _thread.question = question


def end_request() -> None:
    _thread.question = None


def question() -> Question | None:
    """What another thread may ask while this thread works on its request; None outside a request."""
    return _thread.question


def client_has_gone() -> bool:
    """Whether the client has disconnected. Always False outside a request, as in commands and jobs.

    The first call begins to watch the connection, so a client that left before is noticed by one of the next calls.
    """
    question = _thread.question
    return question is not None and question()
