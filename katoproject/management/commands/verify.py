"""`manage.py verify`: does everything hold that must?"""

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
Look at everything that is stored: is what follows from something else as it must be, and is nothing lost or left over?

Each check looks at one moment of the database, in bounded memory, while the service goes on. It reads everything, so
give it a quiet hour where there is much. docs/operations.md says what each check is about.

With --repair, what follows from something else is made anew, with the same locks as everything else, so that the
service may go on here too; then it is looked at again. What cannot be known any more is told, and left alone.

Exit status 0: all of it holds, after --repair: holds now. 1: something does not.
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
        parser.add_argument("--repair", action="store_true", help="mend what follows from something else")
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
            raise Error(f"Something does not hold: {names}{'' if repair else '. --repair mends what can be mended'}")


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
        mended = result.found - result.left
        said = ", ".join(
            [*([f"{mended} mended"] if mended > 0 else []), *([f"{result.left} broken"] if result.left else [])]
        )
    return result.check.name, said, result.check.holds
