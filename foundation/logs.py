"""Log lines: the fields of the request or job that they belong to, and their format.

Within `context` every line carries its fields and those that `about` has added. The trace id is always among them: it
finds the lines of one request, and of the jobs that the request created, on all machines.
"""

import io
import logging
import logging.config
import re
import sys
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

Fields = dict[str, str | int | float | None]

log = logging.getLogger(__name__)

_LONGEST_PATH, _LONGEST_METHOD = 1000, 20  # characters
# Ids of all common tracing systems are of this kind. Others would only serve to fill the log, or to forge it.
_TRACE_ID = re.compile(r"[\w.:/+=@~-]{1,128}", re.ASCII)

# An access key's token, or what is left of one that was cut. Clients put them into paths and headers by mistake, also
# encoded once more than paths are.
_TOKEN = re.compile("(kato{0}[0-9A-Za-z]{{12}}{0})[0-9A-Za-z]+".format("(?:_|%(?:25)*5[Ff])"))

_context: ContextVar[Fields | None] = ContextVar("log_context", default=None)


def configure(config: dict[str, Any]) -> None:
    """The setting LOGGING_CONFIG: Django calls this with the setting LOGGING whenever it is set up."""
    # No formatter shows the line of code, the thread or the process, and finding them takes half of a line's time.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        _use_utf8(stream)
    logging.config.dictConfig(config)


def _use_utf8(stream: object) -> None:
    """Whatever the locale: a line with a symbol of a client must not fail, and scripts read JSON."""
    if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("_", "-") != "utf-8":
        stream.reconfigure(encoding="utf-8")


class context:  # noqa: N801  a context manager; one made of a generator costs each request 1 µs more
    """Lines logged inside the block carry these fields, and those that `about` adds."""

    __slots__ = ("_fields", "_token")

    def __init__(self, **fields: str | int | float | None) -> None:
        self._fields = fields

    def __enter__(self) -> Fields:
        self._token = _context.set(self._fields)
        return self._fields

    def __exit__(self, *error: object) -> None:
        _context.reset(self._token)


def about(**fields: str | int | float | None) -> None:
    """Add fields to the current request or job, if there is one."""
    current = _context.get()
    if current is not None:
        current.update(fields)


def trace_id_of(header: str | None) -> str:
    """The trace id that the header X-Trace-ID gives, or a new one: if that is missing, too long, or of odd characters.

    Or if it shows a token: rows of jobs hold the trace id, and responses repeat it.
    """
    if header and _TRACE_ID.fullmatch(header) and not _TOKEN.search(header):
        return header
    return f"kato-{uuid.uuid4().hex}"


def without_tokens(text: str) -> str:
    """The text with the ids of access keys, and without what is secret of their tokens."""
    return _TOKEN.sub(r"\1…", text)


def trace_id() -> str | None:
    current = _context.get()
    return None if current is None else str(current["trace_id"])


def request_answered(*, method: str, path: str, status: int, seconds: float, client: str) -> None:
    """Log the one line of a request, as a warning when the service failed."""
    fields = {
        "method": method[:_LONGEST_METHOD],
        "path": path[:_LONGEST_PATH],
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
        "client": client,
    }
    level = logging.WARNING if status >= 500 else logging.INFO
    log.log(level, "Answered", extra={"fields": fields})


def _fields_of(record: logging.LogRecord) -> Fields:
    own: Fields = getattr(record, "fields", {})
    return (_context.get() or {}) | own


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return without_tokens(to_json(line, inf_nan_mode="null").decode())


class HumanFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return without_tokens(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  the name that logging calls
        if not record.message.isprintable():
            record.message = "".join(map(_visible, record.message))
        fields = (f" {name}={_on_one_line(value)}" for name, value in _fields_of(record).items() if value is not None)
        return super().formatMessage(record) + "".join(fields)


def _visible(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def _on_one_line(value: object) -> str:
    """Text from clients may hold line ends, control sequences, and spaces that look like the start of another field."""
    text = str(value)
    return text if text.isprintable() and " " not in text else ascii(text)
