"""`manage.py login …`: failed logins to the console, and unlocking."""

from typing import Any

from django.core.management.base import CommandParser

from foundation.terminal.arguments import add_json_argument, at_least, utf8
from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import WrongArguments
from foundation.terminal.text import counted
from katoproject.logins import attempts


class Command(TerminalCommand):
    help = """Look at failed logins to the console, and unlock users and addresses.

After too many wrong passwords the console refuses further ones for some minutes: of this user at this address, of any
user at this address, and of this user at any address where the user has not logged in before."""
    examples = """
  manage.py login failures
  manage.py login unlock --user ada
  manage.py login unlock --address 192.0.2.7
"""

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")
        failures = self.add_subcommand(
            commands,
            "failures",
            self._failures,
            about="List the failed logins that count now, the last first.",
            examples="""
  manage.py login failures
  manage.py login failures --json | jq -r .address | sort | uniq -c
""",
        )
        failures.add_argument("--limit", type=at_least(1), default=50, metavar="N", help="at most this many (50)")
        add_json_argument(failures, lines=True)
        unlock = self.add_subcommand(
            commands,
            "unlock",
            self._unlock,
            about="Forget the failed logins of a user, of an address, or of a user at an address.",
            examples="""
  manage.py login unlock --user ada
  manage.py login unlock --user ada --address 192.0.2.7
""",
        )
        unlock.add_argument("--user", type=utf8, metavar="NAME", help="of this user")
        unlock.add_argument("--address", type=utf8, metavar="ADDRESS", help="from this address")
        add_json_argument(unlock)

    def _failures(self, limit: int, json: bool, **options: Any) -> None:
        found = attempts.recent_failures()[:limit]
        if json:
            for one in found:
                self.print_json({"user": one.username, "address": one.network, "at": one.at})
        else:
            self.print_table(("user", "address", "at"), ((one.username, one.network, one.at) for one in found))

    def _unlock(self, user: str | None, address: str | None, json: bool, **options: Any) -> None:
        if user is None and address is None:
            raise WrongArguments("Name what to unlock: --user, --address, or both")
        forgotten = attempts.unlock(username=user, address=address)
        if json:
            self.print_json({"user": user, "address": address, "forgotten": forgotten})
        else:
            self.stdout.write(f"Forgot {counted(forgotten, 'failed login')}")
