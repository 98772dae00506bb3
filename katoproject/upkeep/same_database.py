"""What a worker and the scheduler do about the database whose messages they carry.

They learn its identity when they start. If its address leads to another one later (a back-up was restored into a new
cluster), their messages are those of the old one. Web processes follow by themselves; these processes end, and are
started again by what started them.
"""

import logging
import os
import signal
import threading
import time

from django.db import Error as DatabaseTrouble
from django.db import close_old_connections, connections

from foundation.postgresql.identity import of_database
from foundation.postgresql.statements import OTHER
from foundation.postgresql.trouble import first_line

EVERY = 5.0  # seconds

log = logging.getLogger(__name__)


def wait() -> None:
    """Return when PostgreSQL has told which database this is."""
    while True:
        try:
            of_database()
        except DatabaseTrouble as error:
            log.warning("Waiting for PostgreSQL, on which the name of the queue depends: %s", first_line(error))
            time.sleep(EVERY)
        else:
            connections.close_all()  # processes that are forked from this one must not share it
            return


def watch() -> None:
    """From now on, end this process if it finds that the database is another one."""
    threading.Thread(target=_watch, args=(of_database(),), name="same-database", daemon=True).start()


def _watch(ours: str) -> None:
    while (found := _look()) in (ours, None):
        time.sleep(EVERY)
    log.error("The database is another one (%s) than at the start (%s): ending, to be started again", found, ours)
    os.kill(os.getpid(), signal.SIGTERM)


def _look() -> str | None:
    """None while PostgreSQL is unavailable."""
    try:
        close_old_connections()  # Django does this before each request; this thread has no requests
        OTHER.execute("SELECT 1", {})
        return of_database()
    except DatabaseTrouble:
        return None
