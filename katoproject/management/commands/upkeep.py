"""`manage.py upkeep`: the scheduled work, by hand or from another scheduler."""

import inspect
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from foundation.terminal.arguments import add_json_argument
from foundation.terminal.command import Command as TerminalCommand
from katoproject.upkeep import chores as upkeep


class Command(TerminalCommand):
    help = "Do scheduled work now. Without a name: tell which there is. Harmless at any time, and twice at once."
    examples = """
  manage.py upkeep                        what there is, and how often it is done
  manage.py upkeep expire-sessions        delete the sessions whose time has run out, now
  manage.py upkeep relay-jobs purge-jobs  several, one after the other
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chores", nargs="*", metavar="NAME", choices=[*settings.CHORES, []], help="What to do.")
        add_json_argument(parser, lines=True)

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["chores"]:
            self._list(as_json=options["json"])
        for name in options["chores"]:
            done = upkeep.perform(name)
            if options["json"]:
                self.print_json({"chore": name, "done": done})
            else:
                self.stdout.write(f"{name}: {'somebody else is at it' if done is None else done}")

    def _list(self, *, as_json: bool) -> None:
        chores = [
            (name, every, (inspect.getdoc(upkeep.chore(name)) or "").partition("\n")[0])
            for name, (_, every) in settings.CHORES.items()
        ]
        if as_json:
            for name, every, about in chores:
                self.print_json({"chore": name, "every_seconds": every, "about": about})
            return
        self.stdout.write("What the scheduler does by itself:")
        self.print_table(("chore", "every", "what"), [(name, f"{every:g} s", about) for name, every, about in chores])
