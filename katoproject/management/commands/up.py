"""`manage.py up`: the whole service under one supervisor, in the foreground."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import Error
from katoproject.launcher.processes import CannotStart
from katoproject.launcher.up import up


class Command(TerminalCommand):
    help = """Start everything, in the foreground, and keep it running. `make run` calls this.

Starts PostgreSQL and Redis (unless the settings name other servers), migrates the database, and runs the web server on
HOST and PORT (and on ::1 if HOST is 127.0.0.1), the background worker and the scheduler. A program that ends
unexpectedly is restarted. Ctrl-C stops all of them in order and loses nothing; press it again to stop at once. Refuses
to start if the port is taken or the data folder in use, and names the program that has it. All settings are environment
variables: docs/configuration.md."""
    examples = """
  manage.py up
  PORT=8001 KATO_DATA_DIR=/srv/kato manage.py up
  DATABASE_URL=postgresql://kato:secret@db/kato REDIS_URL=redis://cache manage.py up
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--stores",
            action="store_true",
            help="only PostgreSQL and Redis, to restore a back-up into (docs/operations.md)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            up(settings.ENV, only_stores=options["stores"])
        except CannotStart as reason:
            raise Error(str(reason)) from None
