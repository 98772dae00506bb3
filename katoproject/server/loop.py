"""The event loop of a worker process."""

import asyncio
from collections.abc import Callable
from typing import Any

from granian import loops

NAME = "kato"


class InPlace:
    """A callback that may run in the thread that reports the event, whichever that is."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[Any], None]) -> None:
        self._function = function

    def __call__(self, done: Any) -> None:
        self._function(done)


class EventLoop(asyncio.SelectorEventLoop):
    """The event loop of asyncio, except that `InPlace` callbacks run at once, not in the loop's thread.

    Granian reports everything to the loop. But a request thread waits for the body of a request, and by way of the loop
    two threads would wake instead of one, which costs a request with a body 10 to 20 %.
    """

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        if type(callback) is InPlace:
            return callback(*args)
        return super().call_soon_threadsafe(callback, *args, context=context)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:  # type: ignore[override]
        # Granian calls this when the event has happened before anything waited for it.
        if type(callback) is InPlace:
            return callback(*args)
        return super().call_soon(callback, *args, context=context)


@loops.register(NAME)
def _new() -> EventLoop:
    loop = EventLoop()
    asyncio.set_event_loop(loop)
    return loop
