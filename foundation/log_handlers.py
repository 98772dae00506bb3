"""Where log lines go. A full disk costs lines, never the request that logs one, and is said once.

Python's own handlers print a traceback for every line that they cannot write, and fail where a file cannot be opened.
"""

import logging
import logging.handlers
import sys
from contextlib import suppress


class _SaysOnce(logging.Handler):
    _fails = False

    def emit(self, record: logging.LogRecord) -> None:
        self._failed_now = False
        try:
            super().emit(record)
        except OSError:  # the file could not be opened
            self.handleError(record)
        if self._fails and not self._failed_now:
            self._fails = False
            _say("The log is written again")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name that logging calls
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        self._failed_now = True
        if not self._fails:
            self._fails = True
            _say(f"The log cannot be written, so its lines are lost until it can: {error}")


def _say(text: str) -> None:
    with suppress(OSError):  # it may be the same disk
        print(text, file=sys.stderr, flush=True)


class StreamOutput(_SaysOnce, logging.StreamHandler):  # type: ignore[type-arg]
    pass


class FileOutput(_SaysOnce, logging.handlers.WatchedFileHandler):
    """Opens the file again after logrotate has moved it."""
