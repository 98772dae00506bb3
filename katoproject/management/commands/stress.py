"""`manage.py stress`: does every session that is created exist, and which program answered?"""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from foundation.terminal.arguments import add_json_argument, at_least
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error, WrongArguments
from foundation.terminal.progress import progress
from katoproject.diagnosis.remote import AccessDenied, BaseUrl, access_key
from katoproject.diagnosis.stress import NoListener, Report, Stress


class Command(TerminalCommand):
    help = """\
Create, use and delete many sessions at once, on any server with KATO's API, and show which program answered.

Each cycle creates a session, observes an event, reads it back and deletes the session. New connections go to the
addresses of the name in turn, so a second program behind the same name is found; for `localhost` the command always
tries both loopback addresses. It needs only the URL of the server, and in KATO_API_KEY the token of an access key if
the server asks for one: with the scopes read and write, for nodes that begin with stress-.

Exit status: 0 every cycle succeeded and no other program answered; 1 otherwise, or if no program listens, or if the
server does not let it in."""
    examples = """\
  manage.py stress                                         the service of this machine
  manage.py stress http://localhost:8000                   is another program behind that name?
  manage.py stress http://10.0.0.7:8000 --cycles 10000 --at-once 50
  manage.py stress --json | jq .success_ratio"""

    def add_arguments(self, parser: CommandParser) -> None:
        default = f"http://127.0.0.1:{settings.ENV.port}"
        parser.add_argument("url", nargs="?", default=default, help=f"base URL of the server (default {default})")
        parser.add_argument("--cycles", type=at_least(1), default=50, help="how many sessions in all (default 50)")
        parser.add_argument("--at-once", type=at_least(1), default=10, help="how many at a time (default 10)")
        add_json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        cycles: int = options["cycles"]
        try:
            url, token = BaseUrl.parse(options["url"]), access_key()
            stress = Stress(url, cycles=cycles, at_once=options["at_once"], token=token)
        except ValueError as error:
            raise WrongArguments(str(error)) from error
        except (OSError, NoListener) as error:
            raise Error(f"{error}. Is the service running?") from error
        try:
            with progress("cycles", total=cycles) as advance:
                report = stress.run(advance)
        except AccessDenied as reason:
            raise Error(str(reason)) from reason
        self._print(report, as_json=options["json"])
        if not report.is_sound:
            sys.exit(1)

    def _print(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.print_json(_document(report))
            return
        self.stdout.write(
            f"{report.url}: {report.succeeded} of {report.cycles} cycles succeeded ({report.success_ratio:.0%}), "
            f"{report.at_once} at a time, in {report.seconds:.2f} s"
        )
        servers = [
            (one.address, one.program, len(one.processes), one.requests, _statuses(one.statuses))
            for one in report.servers
        ]
        silent = [(address, "no program listens", None, None, "") for address in report.silent]
        self.print_table(("address", "program", "processes", "requests", "answers"), [*servers, *silent])
        if report.failures:
            failures = [(step, address, what, times) for (step, what, address), times in report.failures.most_common()]
            self.print_table(("failed at", "address", "because", "times"), failures)
        for warning in report.warnings:
            self.tell(f"Warning: {warning}")


def _statuses(statuses: dict[int, int]) -> str:
    return ", ".join(f"{status} × {times}" for status, times in sorted(statuses.items()))


def _document(report: Report) -> dict[str, Any]:
    return {
        "url": str(report.url),
        "cycles": report.cycles,
        "at_once": report.at_once,
        "succeeded": report.succeeded,
        "success_ratio": report.success_ratio,
        "seconds": round(report.seconds, 3),
        "servers": [
            {
                "address": one.address,
                "program": one.program,
                "processes": len(one.processes),
                "requests": one.requests,
                "statuses": {str(status): times for status, times in sorted(one.statuses.items())},
            }
            for one in report.servers
        ],
        "silent_addresses": report.silent,
        "failures": [
            {"step": step, "address": address, "because": what, "times": times}
            for (step, what, address), times in report.failures.most_common()
        ],
        "warnings": report.warnings,
    }
