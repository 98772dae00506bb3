"""Requests that wait without a thread.

What a request needs may be made in a minute, by another thread. A request that waits for it in its own thread keeps
others from it. So the server can *park* it: the work of the request asks for that and raises a refusal, before it has
changed anything. The server keeps the request and begins it again when what it waits for is there. A request that has
been parked for too long is begun a last time, and then it cannot be parked: its refusal becomes its response.
"""

import threading
from collections.abc import Callable

CallAtEnd = Callable[[Callable[[], None]], None]
"""Calls a function once, in any thread, as soon as something has ended."""


class _Thread(threading.local):
    is_possible = False
    was_parked = False
    call_at_end: CallAtEnd | None = None


_thread = _Thread()


def begin_request(*, is_possible: bool, was_parked: bool) -> None:
    _thread.is_possible, _thread.was_parked, _thread.call_at_end = is_possible, was_parked, None


def end_request() -> CallAtEnd | None:
    """What the request of this thread waits for, if it is to be parked; from now on there is no request."""
    call_at_end = _thread.call_at_end
    _thread.is_possible, _thread.was_parked, _thread.call_at_end = False, False, None
    return call_at_end


def is_possible() -> bool:
    """Whether the request of this thread can be parked. Always False outside a request, as in commands and jobs."""
    return _thread.is_possible


def was_parked() -> bool:
    """Whether the request has been begun before: what is counted or charged at a beginning was."""
    return _thread.was_parked


def wait_for(call_at_end: CallAtEnd) -> None:
    """Park the request of this thread, once its work has raised a refusal."""
    _thread.call_at_end = call_at_end


def is_parked() -> bool:
    return _thread.call_at_end is not None
