"""`manage.py doctor`: is everything there that the service needs, and does nothing interfere?"""

from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser
from rich.table import Column, Table
from rich.text import Text

from foundation.terminal.arguments import add_json_argument
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from foundation.terminal.text import counted, readable
from katoproject.diagnosis.doctor import access, address, background, clocks, database, machine, serving
from katoproject.diagnosis.doctor.findings import Check, Finding, Verdict, examine

PATIENCE = 15.0  # seconds; each check has shorter limits of its own

CHECKS: dict[str, Check] = {
    "data folder": machine.data_folder,
    "file descriptors": machine.file_descriptors,
    "database": database.database,
    "redis": background.redis,
    "worker": background.workers,
    "clock": clocks.clocks,
    "upkeep": background.upkeep,
    "jobs": background.jobs,
    "port": address.address,
    "serving": serving.serving,
    "access": access.access,
}
_STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}


class Command(TerminalCommand):
    help = """Check the service and what it depends on, and say how to fix what is wrong.

It checks the data folder, file descriptors, PostgreSQL (reachable, durable, migrated, with pgvector), Redis, the
background workers, the clocks of all hosts, the chores of the scheduler, jobs, which program answers on the service's
port, and access keys. It tries both addresses of localhost, because a second program on one of them takes requests of
clients unnoticed.

It changes nothing. It works even if everything is down, and then takes some seconds. Run it with the same settings as
the service, and if that asks for access keys, with the token of one in KATO_API_KEY (scope read, for all nodes).

Exit status 0: no problem (there may be warnings); 1: a problem."""
    examples = """
  manage.py doctor
  manage.py doctor --json | jq '.findings[] | select(.verdict != "ok")'
  PORT=8001 manage.py doctor          a service on another port
"""

    def add_arguments(self, parser: CommandParser) -> None:
        add_json_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        json: bool = options["json"]
        found = []
        for finding in examine(CHECKS, patience=PATIENCE):
            found.append(finding)
            if not json:
                self._print(finding)
        counts = Counter(finding.verdict for finding in found)
        worst = next(verdict for verdict in reversed(Verdict) if counts[verdict])
        if json:
            self.print_json({"verdict": worst, "findings": [asdict(finding) for finding in found]})
        totals = [counted(counts[one], one.value) for one in (Verdict.PROBLEM, Verdict.WARNING) if counts[one]]
        if worst == Verdict.PROBLEM:
            raise Error(" and ".join(totals))
        if not json:
            self.stdout.write(" and ".join(totals) or "No problems found")

    def _print(self, finding: Finding) -> None:
        table = Table.grid(Column(width=7, style=_STYLES[finding.verdict]), Column(width=16), Column(), padding=(0, 2))
        table.add_row(finding.verdict, finding.check, Text(readable(finding.found)))
        if finding.fix:
            table.add_row("", "", Text(f"→ {readable(finding.fix)}", style="bold"))
        self.console().print(table)
