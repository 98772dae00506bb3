"""Hashing of passwords, one at a time on a machine.

A hash takes a third of a second of one processor, by design, and strangers can ask for one. If each request hashed when
it liked, two dozen logins at once would hold all processors for seconds.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from katoproject.logins.errors import HashingBusy

# Hashes of one process that are calculated or wait; further ones are refused at once. Fewer than the console has slots,
# so that pages are shown while all of these wait.
MOST = 2
# Seconds that a hash waits for those of other processes. Below PostgreSQL's idle_in_transaction_session_timeout,
# because forms of users hash within a transaction.
PATIENCE = 8.0
_POLL = 0.02

_places = threading.BoundedSemaphore(MOST)


class OneAtATime(PBKDF2PasswordHasher):
    """Django's default hasher, so that every password is hashed in turn, whichever page or command needs it."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        with turn():
            return super().encode(password, salt, iterations)


@contextmanager
def turn() -> Iterator[None]:
    """Wait for the hashes before. Raises HashingBusy if too many wait already."""
    if not _places.acquire(blocking=False):
        raise HashingBusy
    try:
        with _alone_on_this_machine():
            yield
    finally:
        _places.release()


@contextmanager
def _alone_on_this_machine() -> Iterator[None]:
    """Hold a lock on the data folder itself, which the kernel releases however the process ends."""
    try:
        folder = os.open(settings.DATA_DIR, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        yield  # a command of another account: no web process of this account shares the machine with it
        return
    try:
        deadline = time.monotonic() + PATIENCE
        while not _locked(folder):
            if time.monotonic() > deadline:
                raise HashingBusy
            time.sleep(_POLL)
        yield
    finally:
        os.close(folder)


def _locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
