"""`manage.py upkeep`: the scheduled work, by hand or from another scheduler."""

import inspect
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from katoproject import upkeep


def _listed() -> str:
    lines = [
        f"  {name:<26}every {every:>5g} s  {(inspect.getdoc(upkeep.chore(name)) or '').partition(chr(10))[0]}"
        for name, (_, every) in settings.CHORES.items()
    ]
    return "\n".join(["What the scheduler does by itself:", *lines])


class Command(BaseCommand):
    help = "Do scheduled work now. Without a name: tell which there is. Harmless at any time, and twice at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("chores", nargs="*", metavar="NAME", choices=[*settings.CHORES, []], help="What to do.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["chores"]:
            self.stdout.write(_listed())
        for name in options["chores"]:
            done = upkeep.perform(name)
            self.stdout.write(f"{name}: {'somebody else is at it' if done is None else done}")
