"""`manage.py verify`: check what must hold in the database, and repair what can be repaired."""

import time
from typing import Any

from django.core.management.base import CommandParser

import memory_app.verification
import sessions_app.verification
from foundation.terminal.arguments import add_json_argument
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from foundation.terminal.progress import progress
from foundation.verification import Result, verify
from memory_app.management.arguments import node_id

CHECKS = [*memory_app.verification.CHECKS, *sessions_app.verification.CHECKS]

_HELP = """\
Check everything that is stored: does derived data match its source, and is nothing lost or left over?

Each check reads one snapshot of the database, in bounded memory, while the service keeps running. It reads everything,
so run it in a quiet hour if the database is large. docs/operations.md describes each check.

With --repair, the command computes again what can be derived from other data. It takes the same locks as the
service, which may keep running, and then checks again. It reports what cannot be derived and leaves it as it is.

Exit status 0: all checks pass (with --repair: after the repair). 1: a check failed.
"""


class Command(TerminalCommand):
    help = _HELP
    examples = """
  manage.py verify
  manage.py verify --repair
  manage.py verify --node shop          only this node, its sessions and its jobs
  manage.py verify --json | jq '.checks[] | select(.broken > 0)'
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--node", type=node_id, help="only this node, its sessions and jobs")
        parser.add_argument("--repair", action="store_true", help="repair what can be derived from other data")
        add_json_argument(parser)
        parser.set_defaults(perform=self._verify)

    def _verify(self, node: str | None, repair: bool, json: bool, **options: Any) -> None:
        began = time.monotonic()
        checks = [check for check in CHECKS if node is None or check.of_node]
        results = []
        with progress("checks", total=len(checks)) as advance:
            for result in verify(checks, node_id=node, repair=repair):
                results.append(result)
                advance(1)
        broken = [result for result in results if not result.holds]
        if json:
            self.print_json(
                {
                    "holds": not broken,
                    "node_id": node,
                    "checks": [_as_json(result) for result in results],
                    "seconds": round(time.monotonic() - began, 3),
                }
            )
        else:
            self.print_table(("check", "result", "what must hold"), [_as_row(result) for result in results])
            for result in broken:
                for example in result.examples:
                    self.tell(f"{result.check.name}: {example}")
                if result.left > len(result.examples):
                    self.tell(f"{result.check.name}: and {result.left - len(result.examples)} more")
        if broken:
            names = ", ".join(result.check.name for result in broken)
            raise Error(f"Checks failed: {names}{'' if repair else '; run with --repair'}")


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "check": result.check.name,
        "broken": result.left,
        "mended": result.found - result.left,
        "examples": result.examples,
        "not_checked": result.not_checked,
    }


def _as_row(result: Result) -> tuple[str, str, str]:
    if result.not_checked:
        said = f"not checked: {result.not_checked}"
    elif not result.found:
        said = "holds"
    else:
        repaired = result.found - result.left
        counts = ((repaired, "repaired"), (result.left, "broken"))
        said = ", ".join(f"{number} {what}" for number, what in counts if number > 0)
    return result.check.name, said, result.check.holds
