"""Rates: how often a key or an address may ask. Each web process allows its share: the rate ÷ the number of processes.

A bucket holds up to `burst` tokens and gains `rate` tokens a second; a request takes one, or as many as it has bytes.
Each process allows bursts of a second's whole rate: which of them gets a client's requests is chance.
(https://en.wikipedia.org/wiki/Token_bucket)
"""

import math
import threading
import time
from collections import OrderedDict

from django.conf import settings

from access_app.limits import Limits
from foundation.addresses import owner_of
from foundation.callers import Denied
from foundation.errors import KatoError, Refusal

MOST_BUCKETS = 10_000
# Tokens that are not valid, of one address, before the response says to wait.
_WRONG_TOKENS_AT_ONCE, _WRONG_TOKENS_PER_SECOND = 20.0, 1.0


class TooOften(Refusal):
    status = 429
    known_as = KatoError(429, "RATE_LIMIT_EXCEEDED", "RateLimitExceededError")

    def __init__(self, reason: str, wait: float) -> None:
        super().__init__(reason)
        self.retry_after = max(1, math.ceil(wait))


class WrongTooOften(TooOften, Denied):
    """Instead of a 401."""


class Buckets:
    """A bucket for each name, of those used last."""

    def __init__(self) -> None:
        # Name → tokens, and when they were counted.
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, *, rate: float, burst: float, tokens: float = 1.0) -> float:
        """Take tokens; 0.0, or the seconds to wait until there are enough.

        A full bucket gives more tokens than it can hold, and owes the rest: a body larger than the burst is not refused
        for ever, and the next one waits for it.
        """
        now = time.monotonic()
        with self._lock:
            left, counted_at = self._buckets.get(name, (burst, now))
            there = min(burst, left + (now - counted_at) * rate)
            needed = min(tokens, burst)
            taken = there >= needed
            self._buckets[name] = (there - tokens if taken else there, now)
            self._buckets.move_to_end(name)
            if len(self._buckets) > MOST_BUCKETS:
                self._buckets.popitem(last=False)
        return 0.0 if taken else (needed - there) / rate


_requests, _bytes, _addresses, _wrong_tokens = Buckets(), Buckets(), Buckets(), Buckets()


def charge_address(address: str) -> None:
    """Raises TooOften."""
    if rate := settings.ENV.requests_per_second_and_address:
        share = rate / settings.ENV.workers
        if wait := _addresses.take(owner_of(address), rate=share, burst=max(1.0, rate)):
            raise TooOften("Too many requests from this address", wait)


def charge_key(key_id: str, limits: Limits, *, size: int) -> None:
    """Raises TooOften. `size`: bytes of the request's body."""
    if limits.rate is not None:
        share = limits.rate / settings.ENV.workers
        if wait := _requests.take(key_id, rate=share, burst=max(1.0, limits.rate)):
            raise TooOften(f"This key may make {limits.rate:g} requests per second", wait)
    if limits.bytes_per_minute is not None and size:
        share = limits.bytes_per_minute / settings.ENV.workers
        if wait := _bytes.take(key_id, rate=share / 60, burst=share, tokens=size):
            raise TooOften(f"This key may send {limits.bytes_per_minute} bytes per minute", wait)


def charge_wrong_token(address: str) -> Denied | None:
    """The refusal, where too many came from this address."""
    wait = _wrong_tokens.take(owner_of(address), rate=_WRONG_TOKENS_PER_SECOND, burst=_WRONG_TOKENS_AT_ONCE)
    return WrongTooOften("Too many access keys that are not valid, from this address", wait) if wait else None
