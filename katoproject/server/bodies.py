"""Bodies of requests, received before a thread takes the request: a slow client costs no thread, only a few bytes.

A body that does not come in time, breaks off or does not fit leaves a refusal instead, which the middleware returns.
"""

import io
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable
from queue import Empty, SimpleQueue
from typing import Any

from foundation.errors import BodyTooLarge, Refusal, Unavailable
from katoproject.server.holders import STRANGERS, holders_of, payer_of
from katoproject.server.loop import InPlace
from katoproject.server.transfer import BodyNeverEnded, waits_for_permission

# Bodies up to this size do not count as held memory: the number of connections bounds them.
SMALL = 64 * 1024
# Seconds between two looks at the bodies that are late.
INTERVAL = 0.5
# Seconds that Granian has to end a receive that was cancelled: it does not tell when it has. If the response is sent
# before that, the connection stays open.
TO_CANCEL = 0.2
# Seconds for a body that is refused in any case, beside those for what has arrived of it: most clients send it at once.
TO_DISCARD = 0.5


class BodyTooSlow(BodyNeverEnded):
    status = 408

    def __init__(self, received: int) -> None:
        super().__init__(f"The request body did not arrive in time: {received} bytes received")


class BodyIncomplete(BodyNeverEnded):
    status = 400

    def __init__(self, received: int) -> None:
        super().__init__(f"The request body ended early: {received} bytes received")


class NoMemoryForBody(BodyNeverEnded, Unavailable):
    def __init__(self, whose: str = "") -> None:
        super().__init__(f"The service is receiving too many large request bodies{whose} at the moment")


class TooLargeToRead(BodyNeverEnded, BodyTooLarge):
    """It is not read to its end."""


class Body:
    """The body of one request. `refusal` says why it is not there: what still comes of it is discarded.

    departure: how to find out whether the client of a request that was parked has gone.
    """

    __slots__ = (
        "begun",
        "content",
        "departure",
        "held",
        "holders",
        "joined",
        "length",
        "limit",
        "pending",
        "received",
        "refusal",
        "watcher",
    )

    def __init__(self, watcher: Any, length: int | None) -> None:
        self.watcher = watcher
        self.holders: tuple[Hashable, ...] = holders_of(watcher.scope)
        self.length, self.limit = length, SMALL
        self.content = io.BytesIO()
        self.received = self.held = 0
        self.begun = self.joined = time.monotonic()
        self.refusal: Refusal | None = None
        self.departure: Callable[[], bool] | None = None
        self.pending: Any = None  # Granian's future of what comes next

    def wait_for_more(self, arrived: Callable[[Any], None]) -> None:
        self.pending = self.watcher.proto.receive()
        self.pending.add_done_callback(InPlace(arrived))

    def add(self, message: Any) -> bool:
        """Whether the body is complete now. Raises BodyIncomplete."""
        if message["type"] != "http.request":
            raise BodyIncomplete(self.received)
        piece = message["body"]
        if self.refusal is None and self.received:
            self.content.write(piece)
        elif self.refusal is None:
            self.content = io.BytesIO(piece)
            self.content.seek(len(piece))
        self.received += len(piece)
        return not message["more_body"] if self.length is None else self.received >= self.length


class Bodies:
    """`pass_on` is given each body once, when it is complete or refused, in a thread that it must not block.

    A body may take `seconds`, and one more for every `rate` bytes of it that have arrived.

    `limit_of` returns the largest body that a path takes; it is not asked about a body of at most `always_taken` bytes.
    Of a larger one up to `discarded` bytes are read before it is passed on with its refusal, as long as they come: a
    proxy that is still sending when the connection closes would answer with a 502 of its own.

    Until `release`, all bodies together may hold `memory` bytes, and those of one access key `share` bytes. Beyond that
    the largest unfinished one is refused: then a few large bodies do not keep out many small ones, and a key whose
    requests wait does not keep out other keys.
    """

    def __init__(
        self,
        pass_on: Callable[[Body], None],
        *,
        limit_of: Callable[[str], int],
        always_taken: int,
        discarded: int,
        seconds: float,
        rate: int,
        memory: int,
        share: int,
    ) -> None:
        self._pass_on = pass_on
        self._limit_of, self._always_taken, self._discarded = limit_of, always_taken, discarded
        self._seconds, self._rate = seconds, rate
        self._memory, self._share = memory, share
        # The thread that removes a body from here passes it on.
        self._unfinished: dict[Body, bool] = {}
        self._news: SimpleQueue[tuple[Body, Any]] = SimpleQueue()
        self._cancelled: deque[tuple[float, Body]] = deque()  # with the moment to pass each on, oldest first
        self._held = 0
        self._held_by: Counter[str | None] = Counter()
        self._lock = threading.Lock()  # of both
        threading.Thread(target=self._work, name="bodies", daemon=True).start()

    def unfinished(self) -> list[Body]:
        return list(self._unfinished)

    def receive(self, watcher: Any, length: int | None) -> None:
        """Return at once. `length`: what the client announces, None if it does not say."""
        body = Body(watcher, length)
        if length is None or length > self._always_taken:
            body.limit = self._limit_of(watcher.scope["path"])
            if length is not None and length > body.limit:
                if length > self._discarded or waits_for_permission(watcher.scope["headers"]):
                    body.refusal = TooLargeToRead(limit=body.limit, size=length)
                    self._pass_on(body)
                    return
                body.refusal = BodyTooLarge(limit=body.limit, size=length)
        self._unfinished[body] = True

        def arrived(done: Any) -> None:
            message = done.result()
            # Most bodies come in one small piece. Others are collected in one thread.
            if length is not None and length <= SMALL and len(message.get("body", b"")) == length:
                body.add(message)
                self._finish(body)
            else:
                self._news.put((body, message))

        body.wait_for_more(arrived)

    def release(self, body: Body) -> None:
        """Free the memory: the response has been sent."""
        if body.held:
            self._hold(body, -body.held)

    def _work(self) -> None:
        next_look = 0.0
        while True:
            try:
                body, message = self._news.get(timeout=TO_CANCEL if self._cancelled else INTERVAL)
            except Empty:
                pass
            else:
                self._collect(body, message)
            if (now := time.monotonic()) >= next_look:
                self._refuse_late_ones(now)
                next_look = now + INTERVAL
            while self._cancelled and self._cancelled[0][0] <= now:
                self._pass_on(self._cancelled.popleft()[1])

    def _collect(self, body: Body, message: Any) -> None:
        if body not in self._unfinished:
            return
        try:
            complete = body.add(message)
            if body.received > body.limit and body.refusal is None:
                self._discard(body, BodyTooLarge(limit=body.limit))
            if body.received > self._discarded:
                raise TooLargeToRead(limit=body.limit)
        except Refusal as refusal:
            self._refuse(body, refusal)
            return
        except MemoryError:
            self._refuse(body, NoMemoryForBody())
            return
        if body.received > SMALL and body.refusal is None:
            self._hold(body, body.received - body.held)
            self._make_room(payer_of(body.holders))
        if complete:
            self._finish(body)
        elif body in self._unfinished:
            body.wait_for_more(lambda done: self._news.put((body, done.result())))

    def _refuse_late_ones(self, now: float) -> None:
        for body in self.unfinished():
            taken = now - body.begun - body.received / self._rate
            if body.refusal is None and taken > self._seconds:
                self._refuse(body, BodyTooSlow(body.received))
            elif body.refusal is not None and taken > TO_DISCARD:
                self._refuse(body, TooLargeToRead(limit=body.limit, size=body.length))

    def _make_room(self, payer: str | None) -> None:
        while payer is not None and self._held_by[payer] > self._share:
            own = [body for body in self.unfinished() if payer_of(body.holders) == payer]
            whose = " without a valid access key" if payer == STRANGERS else " with this access key"
            if not self._refuse_largest(own, NoMemoryForBody(whose)):
                break
        while self._held > self._memory:
            if not self._refuse_largest(self.unfinished(), NoMemoryForBody()):
                return

    def _refuse_largest(self, bodies: list[Body], refusal: Refusal) -> bool:
        """False: all that is held are the bodies of requests that run or wait for their turn; they end."""
        largest = max(bodies, key=lambda body: body.held, default=None)
        if largest is None or not largest.held:
            return False
        self._refuse(largest, refusal)
        return True

    def _hold(self, body: Body, more: int) -> None:
        payer = payer_of(body.holders)
        with self._lock:
            self._held += more
            self._held_by[payer] += more
            if not self._held_by[payer]:
                del self._held_by[payer]
            body.held += more

    def _finish(self, body: Body) -> None:
        if self._unfinished.pop(body, False):
            body.content.seek(0)
            self._pass_on(body)

    def _discard(self, body: Body, refusal: Refusal) -> None:
        """What has come of it, and what will come."""
        body.content = io.BytesIO()
        body.refusal = refusal
        self.release(body)

    def _refuse(self, body: Body, refusal: Refusal) -> None:
        if self._unfinished.pop(body, False):
            self._discard(body, refusal)
            if body.pending.cancel():
                self._cancelled.append((time.monotonic() + TO_CANCEL, body))
            else:
                self._pass_on(body)
