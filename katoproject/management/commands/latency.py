"""`manage.py latency`: how soon does a response of one process show what another one acknowledged?"""

import sys
from http.client import HTTPException
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from foundation.terminal.arguments import add_json_argument, at_least
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error, WrongArguments
from foundation.terminal.progress import progress
from katoproject.diagnosis.latency import Distribution, UnexpectedResponse, measure, two_processes
from katoproject.diagnosis.remote import AccessDenied, BaseUrl, access_key


class Command(TerminalCommand):
    help = """\
Measure how long it takes from a write's acknowledgement by one process until a response of another process shows it.

Times are in milliseconds. A short STM is read from PostgreSQL. An STM of 520 events is read through the cache: the
first read after a write fills it, and `read again` is served from it. The last line is the time from learning a pattern
to a prediction of it. Every figure contains the time of one read, which is the minimum. `too early` counts responses
that did not show an acknowledged write yet. The command uses a node and sessions of its own, and deletes them.
If the server asks for an access key, set KATO_API_KEY to the token of one with the scope admin, for nodes that begin
with latency-.

Exit status: 0 no response came too early; 1 a response did, or the service is unavailable."""
    examples = """\
  manage.py latency                                        the service of this machine
  manage.py latency http://10.0.0.7:8000 --samples 1000
  manage.py latency --json | jq '.rows[] | {name, p99}'"""

    def add_arguments(self, parser: CommandParser) -> None:
        default = f"http://127.0.0.1:{settings.ENV.port}"
        parser.add_argument("url", nargs="?", default=default, help=f"base URL of the server (default {default})")
        parser.add_argument("--samples", type=at_least(1), default=200, help="writes of each kind (default 200)")
        add_json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        samples: int = options["samples"]
        try:
            base, token = BaseUrl.parse(options["url"]), access_key()
        except ValueError as error:
            raise WrongArguments(str(error)) from error
        try:
            with two_processes(base, token) as pair, progress("samples", total=3 * samples) as advance:
                rows = measure(pair, samples, advance)
                are_distinct = pair.are_two_processes
        except (OSError, HTTPException) as error:
            raise Error(f"{base} does not answer ({error}). Is the service running?") from error
        except (AccessDenied, UnexpectedResponse) as error:
            raise Error(str(error)) from error
        if options["json"]:
            self.print_json({"url": str(base), "two_processes": are_distinct, "rows": [_document(row) for row in rows]})
        else:
            headings = ("", "writes", "p50 ms", "p90 ms", "p99 ms", "max ms", "too early")
            self.print_table(headings, [(row.name, len(row.times), *_figures(row), row.too_early) for row in rows])
        if not are_distinct:
            self.tell("Both connections reached one process, or processes that do not identify themselves.")
        if any(row.too_early for row in rows):
            sys.exit(1)


def _figures(row: Distribution) -> tuple[float, ...]:
    return tuple(row.in_milliseconds().values())


def _document(row: Distribution) -> dict[str, Any]:
    return {"name": row.name, "writes": len(row.times), **row.in_milliseconds(), "too_early": row.too_early}
