"""`manage.py upkeep`: the scheduled work, by hand or from another scheduler."""

import inspect
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from foundation.terminal.arguments import add_json_argument
from foundation.terminal.command import Command as TerminalCommand
from katoproject.upkeep import chores as upkeep


class Command(TerminalCommand):
    help = "Do scheduled work now. Without a name: list the chores. Harmless at any time, also beside the scheduler."
    examples = """
  manage.py upkeep                        the chores, and how often the scheduler does each
  manage.py upkeep expire-sessions        delete the expired sessions now
  manage.py upkeep relay-jobs purge-jobs  two chores, one after the other
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chores", nargs="*", metavar="NAME", choices=[*settings.CHORES, []], help="a chore")
        add_json_argument(parser, lines=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["chores"]:
            self._list(as_json=options["json"])
        for name in options["chores"]:
            done = upkeep.perform(name)
            if options["json"]:
                self.print_json({"chore": name, "done": done})
            else:
                self.stdout.write(f"{name}: {'another process is doing this' if done is None else done}")

    def _list(self, *, as_json: bool) -> None:
        chores = [
            (name, every, (inspect.getdoc(upkeep.chore(name)) or "").partition("\n")[0])
            for name, (_, every) in settings.CHORES.items()
        ]
        if as_json:
            for name, every, about in chores:
                self.print_json({"chore": name, "every_seconds": every, "about": about})
            return
        self.stdout.write("The scheduler does these:")
        self.print_table(("chore", "every", "what"), [(name, f"{every:g} s", about) for name, every, about in chores])
